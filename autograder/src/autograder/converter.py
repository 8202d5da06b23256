"""`nbgrader autograde` and formgrader's button, with the grading engine in the place of nbgrader's own run.

`install` puts `EngineAutograde` where the command and formgrader look for their Autograde class. It grades with the
engine if `c.GradingEngine.enabled` says so, and is nbgrader's own Autograde otherwise. What is around the run
stays nbgrader's: options, messages, which submissions are skipped, hooks, exit status.
"""

from __future__ import annotations

import glob
import os
import traceback
from typing import Any, NoReturn

from nbgrader.apps import api as formgrader
from nbgrader.apps import autogradeapp as command
from nbgrader.converters import base
from nbgrader.converters.autograde import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import Execute

from autograder.course import Assignment, Course, CourseError
from autograder.engine.rebuild import Repair
from autograder.engine.task import EngineError, Flag, TaskFailed
from autograder.finish import Graded, set_aside, work
from autograder.folders import WriteError
from autograder.gradebook import GradebookError, UnknownStudent
from autograder.settings import GradingEngine
from autograder.submissions import SUFFIX, Item, SubmissionGone
from autograder.whole_files import WholeFilesWriter
from autograder.writer import Writer

#: How often a submission is tried that ends its worker.
TRIES = 2


class EngineAutograde(Autograde):  # type: ignore[misc]
    """nbgrader's Autograde, run by the grading engine."""

    def start(self) -> None:
        """Grade what the settings name; nbgrader calls this.

        Raises
        ------
        NbGraderException
            One of the submissions could not be graded; the others were.
        """
        if not GradingEngine(config=self.config).enabled:
            super().start()
            return
        if not Execute(config=self.config).enabled:
            self.log.warning(
                "--no-execute: the grading engine is not used. Marks come from the outputs that students saved."
            )
            super().start()
            return
        errors: list[tuple[str, str]] = []
        with Course(self.coursedir, self.config, rules=self) as course:
            names = course.assignments(self.coursedir.assignment_id)
            chosen = {name: course.submissions(name) for name in names}
            if not any(chosen.values()):
                self._nothing_found()
            run = _Run(self, course)
            try:
                for name, students in chosen.items():
                    errors += run.grade(name, students)
            except KeyboardInterrupt:
                self.log.error("Canceled. What was graded is saved; run it again to go on.")
                raise
            finally:
                run.close()
        if errors:
            for assignment, student in errors:
                self.log.error(
                    "There was an error processing assignment '%s' for student '%s'", assignment, student
                )
            self._fail("Please see the the above messages for details on the specific errors.")

    def _nothing_found(self) -> None:
        """Say as nbgrader does that there is no submission, and what may have been meant."""
        from rapidfuzz import fuzz

        pattern = self._format_source(self.coursedir.assignment_id, self.coursedir.student_id)
        self.log.error("No notebooks were matched by '%s'", pattern)
        found = glob.glob(self._format_source("*", self.coursedir.student_id))
        if found:
            best = max(found, key=lambda path: float(fuzz.ratio(pattern, path)))
            self.log.error("Did you mean: %s", best)
        raise NbGraderException(f"No notebooks were matched by '{pattern}'")

    def _fail(self, text: str) -> NoReturn:
        self.log.error(text)
        raise NbGraderException(text)


class _Run:
    """One run of the command: the engine is made when the first submission needs it."""

    def __init__(self, converter: EngineAutograde, course: Course) -> None:
        self._converter = converter
        self._course = course
        self._engine: Any = None
        self.log = converter.log

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def grade(self, name: str, students: list[str]) -> list[tuple[str, str]]:
        """Grade the submissions of an assignment; return those that failed."""
        try:
            assignment = self._course.assignment(name)
        except (CourseError, GradebookError) as error:
            self._converter._fail(str(error))
        writer = Writer(self._course, assignment)
        errors = []
        for student in students:
            try:
                done = self._one(student, assignment, writer)
            except (EngineError, GradebookError) as error:
                if isinstance(error, UnknownStudent):
                    self.log.error(str(error))
                    done = False
                else:
                    self._converter._fail(str(error))
            except (SubmissionGone, WriteError) as error:
                self.log.error(str(error))
                done = False
            except Exception:
                self.log.error("There was an error processing assignment: %s", writer.folder(student))
                self.log.error(traceback.format_exc())
                done = False
            if not done:
                errors.append((name, student))
        return errors

    def _one(self, student: str, assignment: Assignment, writer: Writer) -> bool:
        """Grade a submission unless it is to be skipped; return whether all went well."""
        item = self._course.read(student, assignment)
        if self._skip(item, writer):
            return True
        self._hook("pre", item)
        self.log.info("Autograding %s", item.folder)
        graded, whole = self._work(item, assignment)
        standing = writer.write(item, graded)
        self._tell(graded)
        if standing.seconds_late > 0:
            self.log.warning("%s/%s is %s seconds late", item.assignment, student, standing.seconds_late)
            self.log.warning("Late submission penalty: %s", standing.late_penalty)
        self.log.info("%s: %g of %g points by the autograder", student, standing.score, standing.max_score)
        self._hook("post", item)
        return whole

    def _skip(self, item: Item, writer: Writer) -> bool:
        """Decide as nbgrader does; and what the engine graded is done again when the tests have changed."""
        dest = writer.folder(item.student)
        names = (*item.notebooks, *item.refused)
        if not dest.is_dir() or not all((dest / f"{name}{SUFFIX}").exists() for name in names):
            return False
        if self._converter.force:
            self.log.warning("Overwriting existing assignment: %s", dest)
            return False
        old = self._timestamp(dest)
        newer = item.timestamp is not None and old is not None and item.timestamp > old
        if newer or (any(writer.records(item.student).values()) and writer.current(item) is None):
            self.log.warning("Updating existing assignment: %s", dest)
            return False
        self.log.info("Skipping existing assignment: %s", dest)
        return True

    def _timestamp(self, dest: Any) -> Any:
        try:
            return self._course.coursedir.get_existing_timestamp(os.fspath(dest))
        except Exception:  # what nbgrader raises for one that cannot be read
            return None

    def _work(self, item: Item, assignment: Assignment) -> tuple[Graded, bool]:
        for attempt in range(1, TRIES + 1):
            if self._engine is None:
                self._engine = self._course.settings.make()
            try:
                return work(item, assignment, self._engine), True
            except TaskFailed as error:
                reason = f"{error} (tried {attempt} times); what could not run has zero"
                self.log.warning("%s: %s", item.student, error)
        self.log.error("%s was set aside: %s", item.student, reason)
        return set_aside(item, assignment, reason), False

    def _tell(self, graded: Graded) -> None:
        notes: list[Flag | Repair] = [*graded.flags, *graded.repairs]
        for note in notes:
            self.log.warning("%s: [%s] %s", graded.student, note.kind, note.text)
        if graded.failed:
            self.log.warning("%s was not run to the end: %s", graded.student, graded.failed)

    def _hook(self, when: str, item: Item) -> None:
        converter = self._converter
        converter.notebooks = [
            os.path.join(item.folder, f"{name}{SUFFIX}") for name in sorted(item.notebooks)
        ]
        (converter.run_pre_convert_hook if when == "pre" else converter.run_post_convert_hook)()


def install() -> None:
    """Let the command and formgrader use `EngineAutograde`, and write whole files; doing it again changes nothing."""
    command.Autograde = EngineAutograde
    formgrader.Autograde = EngineAutograde
    base.FilesWriter = WholeFilesWriter
