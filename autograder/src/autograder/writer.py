"""Write what came of a submission: marks into the gradebook, then the autograded folder, each as a whole.

One program writes. The folder is complete on disk before the gradebook is touched, and is put in place after
the gradebook has the marks: a full disk costs neither, and a program that is killed in between leaves an old folder,
by which the next run knows that the submission is to be graded again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.preprocessors import AssignLatePenalties

from autograder.course import Assignment, Course
from autograder.finish import RECORD, Graded, beside, key_of
from autograder.folders import Staged, tidy
from autograder.gradebook import NotebookMarks, Standing
from autograder.submissions import SUFFIX, Item


class Writer:
    """Writes the marks and folders of an assignment.

    Parameters
    ----------
    course, assignment
        The course, open for as long as the writer is used, and the assignment as `Course.assignment` read it.
    """

    def __init__(self, course: Course, assignment: Assignment) -> None:
        self._course = course
        self._assignment = assignment
        self._mode = int(str(course.rules.permissions), 8)
        self._shared = bool(course.coursedir.groupshared)
        self._tidied: set[Path] = set()
        self._standings: dict[str, Standing] | None = None
        self._plugin: Any = None
        if course.keeps_penalties:
            step = AssignLatePenalties(parent=course.rules, config=course.config)
            step.init_plugin()
            self._plugin = step.plugin_inst if step.enabled else None

    def folder(self, student: str) -> Path:
        """Return where a student's autograded notebooks are."""
        step = self._course.coursedir.autograded_directory
        _, folder = self._course.place(step, student, self._assignment.name)
        if folder.parent not in self._tidied:
            tidy(folder.parent)
            self._tidied.add(folder.parent)
        return folder

    def records(self, student: str) -> dict[str, dict[str, Any]]:
        """Return, by notebook, what the autograded notebooks say of how they were made; {} if they do not."""
        folder = self.folder(student)
        found = {}
        for notebook in self._assignment.notebooks:
            path = folder / f"{notebook.name}{SUFFIX}"
            if path.exists():
                found[notebook.name] = read_record(path)
        return found

    def current(self, item: Item) -> Standing | None:
        """Return what the gradebook holds of a submission, if that and the autograded folder are up to date."""
        records = self.records(item.student)
        key = key_of(item, self._assignment)
        if not records or any(record.get("key") != key for record in records.values()):
            return None
        if self._standings is None:
            self._standings = self._course.book.standings(self._assignment.name)
        standing = self._standings.get(item.student)
        if standing is None or (item.timestamp is not None and item.timestamp != standing.timestamp):
            return None
        for notebook in self._assignment.notebooks:
            scores = standing.scores.get(notebook.name, {})
            if notebook.name in records:
                expected = records[notebook.name].get("marks")
                penalty = self._penalty(
                    item.student, standing.totals.get(notebook.name, 0.0), standing.seconds_late
                )
            else:
                expected, penalty = dict.fromkeys(scores, 0.0), None
            if scores != expected:
                return None
            if self._plugin is not None and standing.penalties.get(notebook.name) != penalty:
                return None
        return standing

    def write(self, item: Item, graded: Graded) -> Standing:
        """Write what came of a submission; may be repeated.

        Raises
        ------
        GradebookError, WriteError
            Nothing was written, or (where the folder could not be put in place) only the marks were.
        """
        target = self.folder(item.student)
        staged = Staged(
            target, dict(self._files(item, graded, target)), mode=self._mode, groupshared=self._shared
        )
        try:
            standing = self._course.book.write(
                item.assignment,
                item.student,
                [
                    *(notebook.marks for notebook in graded.notebooks),
                    *(NotebookMarks(name, missing=True) for name in graded.missing),
                ],
                timestamp=item.timestamp,
                create_student=self._course.rules.create_student,
                penalty=self._penalty if self._plugin is not None else None,
            )
        except BaseException:
            staged.drop()
            raise
        staged.put()
        if self._standings is not None:
            self._standings[item.student] = standing
        return standing

    def _files(self, item: Item, graded: Graded, target: Path) -> Iterator[tuple[str, bytes]]:
        given, own = beside(item, self._assignment)
        yield from own.items()
        yield from given.items()
        for name in self._assignment.others:  # graded another time
            path = target / f"{name}{SUFFIX}"
            if path.is_file():
                yield path.name, path.read_bytes()
        for notebook in graded.notebooks:
            yield f"{notebook.name}{SUFFIX}", notebook.data

    def _penalty(self, student: str, score: float, late: float) -> float | None:
        """Ask the course's plugin, and keep its answer between nothing and the score, as nbgrader does."""
        if late <= 0 or self._plugin is None:
            return None
        points = self._plugin.late_submission_penalty(student, score, late)
        return None if points is None else float(min(max(points, 0.0), score))


def read_record(path: Path) -> dict[str, Any]:
    """Return what an autograded notebook says of how it was made; {} if it says nothing."""
    try:
        record = json.loads(path.read_bytes()).get("metadata", {}).get(RECORD, {})
    except (OSError, ValueError, AttributeError):
        return {}
    return record if isinstance(record, dict) else {}
