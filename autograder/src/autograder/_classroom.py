"""An assignment of a course folder, as the driver of a class needs it: read, look up, set aside, write."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

from autograder import finish
from autograder.course import Course, CourseError
from autograder.finish import Graded
from autograder.gradebook import Book, GradebookError, Standing
from autograder.pool import MakeEngine, Work
from autograder.report import GRADED, UNCHANGED, Row
from autograder.submissions import Item
from autograder.writer import Writer

#: Seconds that one attempt to write waits for a gradebook; the driver makes several, and can be stopped in between.
PATIENCE = 1.0


class Unready(Exception):  # noqa: N818 - the course folder is unready
    """The course folder is not ready for grading; the text names the cause and the cure."""


class CourseFolder:
    """An assignment of a course folder.

    Parameters
    ----------
    course : Course
        The course, open.
    name : str
        The assignment's name.

    Attributes
    ----------
    shared : Assignment
        What the work on every submission needs.
    make_engine : callable
        Makes an engine with the course's limits.
    """

    #: Grades an item; see `autograder.finish.work`.
    work: Work = staticmethod(finish.work)

    def __init__(self, course: Course, name: str) -> None:
        self._course = course
        self.shared = course.assignment(name)
        self._writer = Writer(course, self.shared)
        kind, arguments = course.settings.arguments()
        self.make_engine: MakeEngine = functools.partial(kind, **arguments)

    def students(self) -> list[str]:
        """Those who handed something in."""
        return self._course.submissions(self.shared.name)

    def read(self, student: str) -> Item:
        """A submission, ready to run."""
        return self._course.read(student, self.shared)

    def recorded(self, item: Item) -> Row | None:
        """The row of a submission that has been graded and has not changed since; None for others."""
        standing = self._writer.current(item)
        if standing is None:
            return None
        records = self._writer.records(item.student).values()
        flags = [flag.get("text", "") for record in records for flag in record.get("flags", ())]
        repairs = [repair.get("text", "") for record in records for repair in record.get("repairs", ())]
        return _row(UNCHANGED, item, standing, flags, repairs)

    def set_aside(self, item: Item, reason: str) -> Graded:
        """The result of a submission that could not be run: zero for what needed a run."""
        return finish.set_aside(item, self.shared, reason)

    def write(self, item: Item, graded: Graded) -> Row:
        """Write marks and notebooks; may be repeated."""
        standing = self._writer.write(item, graded)
        flags = [flag.text for flag in graded.flags]
        if graded.failed and graded.failed not in flags:
            flags.append(graded.failed)
        row = _row(GRADED, item, standing, flags, [repair.text for repair in graded.repairs])
        row.stages.update(graded.stages)
        return row


def _row(status: str, item: Item, standing: Standing, flags: list[str], repairs: list[str]) -> Row:
    return Row(
        item.student, status, standing.score, standing.max_score, standing.late_penalty,
        notebooks={name: dict(sorted(scores.items())) for name, scores in sorted(standing.scores.items())},
        flags=tuple(dict.fromkeys(flags)), repairs=tuple(dict.fromkeys(repairs)),
    )  # fmt: skip


@contextlib.contextmanager
def open_classroom(root: Path, name: str, db: str | None, unsafe: bool) -> Iterator[CourseFolder]:
    """Open a course folder and its gradebook, and read an assignment.

    Raises
    ------
    Unready
        It cannot be graded.
    """
    with contextlib.ExitStack() as stack:
        try:
            course = stack.enter_context(Course.open(root, db_url=db))
            _look_for_gradebook(course)
            course.settings.unsafe = course.settings.unsafe or unsafe
            course.book = Book(course.coursedir.db_url, course.coursedir.course_id, patience=PATIENCE)
            folder = CourseFolder(course, name)
            if not folder.students():
                where, _ = course.place(course.coursedir.submitted_directory, "STUDENT", name)
                raise Unready(f"There are no submissions of {name} in {where}.")
        except (CourseError, GradebookError) as error:
            raise Unready(str(error)) from None
        yield folder


def _look_for_gradebook(course: Course) -> None:
    """A mistyped folder must not get a gradebook."""
    url = str(course.coursedir.db_url)
    path = Path(url.removeprefix("sqlite:///").partition("?")[0])
    if url.startswith("sqlite:///") and not path.exists():
        raise Unready(
            f"There is no gradebook {path}.\n"
            "Give the course folder with --course-root, or make the assignment: nbgrader generate_assignment NAME"
        )
