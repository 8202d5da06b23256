"""nbgrader's gradebook, opened once: what it holds of a class, and the marks of a submission in one transaction.

nbgrader opens the gradebook about nine times for each notebook and commits once for each cell. Here one
`Book` stays open, asks few questions, and writes all of a submission or nothing of it. Every write may be
repeated: it ends in the same rows. So a locked SQLite file and a PostgreSQL server that restarts are waited for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from nbgrader import api
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError

from autograder._rows import (
    Cell,
    Entry,
    GradebookError,
    NotebookMarks,
    Penalty,
    Sheet,
    Standing,
    UnknownStudent,
    read_sheets,
    standings,
)
from autograder.nbgrading import environment_on_path

__all__ = [
    "Book",
    "Cell",
    "GradebookError",
    "NotebookMarks",
    "Penalty",
    "Sheet",
    "Standing",
    "UnknownStudent",
]

T = TypeVar("T")
#: Seconds that a gradebook that is locked or away is waited for.
PATIENCE = 60.0
#: Times that a write is tried again when another program wrote the same rows just before.
COLLISIONS = 5
_UPGRADE = "If nbgrader was upgraded lately: make a copy of the gradebook, then run `nbgrader db upgrade`."


class Book:
    """A gradebook that stays open.

    Parameters
    ----------
    url, course_id
        As of nbgrader's `CourseDirectory`.
    patience
        Seconds that a gradebook that is locked or away is waited for.

    Raises
    ------
    GradebookError
        It cannot be opened.
    """

    def __init__(self, url: str, course_id: str = "", *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._gradebook: Any = None
        self._url = url
        self._course_id = course_id
        self._sheets: dict[str, list[Sheet]] = {}

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; it opens again when it is needed."""
        if self._gradebook is not None:
            self._gradebook.close()
            self._gradebook = None

    def sheets(self, assignment: str) -> list[Sheet]:
        """Return an assignment's notebooks by name; none if the gradebook does not know it.

        Raises
        ------
        GradebookError
        """
        if assignment not in self._sheets:
            self._sheets[assignment] = self._transaction(lambda db: read_sheets(db, assignment))
        return self._sheets[assignment]

    def forget(self) -> None:
        """Read the assignments again when they are next asked for."""
        self._sheets.clear()

    def has_assignment(self, assignment: str) -> bool:
        """Whether the gradebook knows the assignment."""
        asked = select(api.Assignment.id).where(api.Assignment.name == assignment)
        return bool(self._transaction(lambda db: db.execute(asked).first() is not None))

    def assignment_names(self) -> list[str]:
        """The names of all assignments that the gradebook knows."""
        return list(
            self._transaction(
                lambda db: db.scalars(select(api.Assignment.name).order_by(api.Assignment.name)).all()
            )
        )

    def standings(self, assignment: str) -> dict[str, Standing]:
        """Return what the gradebook holds of a class, by student, with three questions."""
        sheets = self.sheets(assignment)
        return self._transaction(lambda db: standings(db, assignment, sheets))

    def write(
        self,
        assignment: str,
        student: str,
        notebooks: Iterable[NotebookMarks],
        *,
        timestamp: datetime | None = None,
        create_student: bool = True,
        penalty: Penalty | None = None,
    ) -> Standing:
        """Write the marks of a submission: all of them, or none.

        As in nbgrader, a mark that a person gave stays, and is marked to be looked at again. Notebooks of the
        assignment that are not named are left alone. `timestamp` None leaves the one that is known.

        Raises
        ------
        GradebookError, UnknownStudent
        """
        marks = list(notebooks)
        sheets = self.sheets(assignment)

        def change(db: Any) -> Standing:
            entry = Entry(db, assignment, student, sheets)
            entry.find_or_make(timestamp, create_student)
            for each in marks:
                entry.mark(each)
            entry.flush(marks)
            if penalty is not None:
                entry.take_off([each.name for each in marks], penalty)
            return entry.standing()

        return self._transaction(change)

    def _transaction(self, change: Callable[[Any], T]) -> T:
        """Make a change as a whole; again, if the gradebook was locked or away."""
        deadline = time.monotonic() + self._patience
        wait = 0.05
        collisions = 0
        while True:
            try:
                db = self._open().db
                result = change(db)
                db.commit()
                return result
            except DBAPIError as error:
                self._give_up()
                collisions += isinstance(error, IntegrityError)
                late = time.monotonic() + wait > deadline
                if late or collisions > COLLISIONS or not _passes(error):
                    raise GradebookError(_explain(error, self._place)) from error
            except BaseException:
                self._give_up()
                raise
            time.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(2 * wait, 2.0)

    def _open(self) -> Any:
        if self._gradebook is None:
            with environment_on_path():
                try:
                    self._gradebook = api.Gradebook(self._url, self._course_id)
                except api.InvalidEntry as error:  # how nbgrader wraps errors of the database
                    raise (
                        error.__context__ if isinstance(error.__context__, DBAPIError) else error
                    ) from None
        return self._gradebook

    def _give_up(self) -> None:
        """Roll back and drop the connection, which may be broken."""
        if self._gradebook is not None:
            with suppress(DBAPIError):  # a broken connection has nothing to roll back
                self._gradebook.db.rollback()
            self._gradebook.close()

    @property
    def _place(self) -> str:
        """Where the gradebook is, without a password."""
        return self._url.rpartition("@")[2] if "@" in self._url else self._url.removeprefix("sqlite:///")


def _passes(error: DBAPIError) -> bool:
    """Whether it is worth to wait and try again."""
    if isinstance(error, IntegrityError) or error.connection_invalidated:
        return True  # another program wrote the same rows just before, or the server went away
    if type(error.orig).__module__.startswith("sqlite3"):
        return "is locked" in str(error.orig)
    return type(error).__name__ in ("OperationalError", "InterfaceError")


def _explain(error: DBAPIError, place: str) -> str:
    said = " ".join(str(error.orig).split())
    if "is locked" in said:
        return f"The gradebook {place} is locked by another program. End that one, then run this again."
    if "disk is full" in said or "disk I/O" in said:
        return (
            f"The gradebook {place} cannot be written ({said}). Make room on the disk, then run this again."
        )
    if "readonly" in said:
        return f"The gradebook {place} may not be written ({said}). Allow it, then run this again."
    if "no such column" in said or "no such table" in said or "does not exist" in said:
        return f"The gradebook {place} does not fit this nbgrader ({said}). {_UPGRADE}"
    return f"The gradebook {place} does not answer: {said}. {_UPGRADE}"
