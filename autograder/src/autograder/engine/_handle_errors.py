"""The errors that a test cell can meet at the boundary."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from autograder.engine.session import Session


class BoundaryError(Exception):
    """What keeps a value from crossing between a check and a student's code."""


class Refused(BoundaryError):  # noqa: N818
    """What came back is data of a type that cannot be copied."""


class NotPlainResult(BoundaryError, TypeError):  # noqa: N818
    """An object came back where a plain value is wanted."""


class StudentError(Exception):
    """What a student's code raised. Its class is derived from the nearest class that both processes know, too.

    Attributes
    ----------
    learner_line : str
        The deepest line of the notebook's own code.
    student_traceback : str
        The traceback in the student's process.
    changed : bool
        Whether the call had changed an argument in place.
    """

    learner_line: str = ""
    student_traceback: str = ""
    changed: bool = False
    _text: str = ""
    _place: tuple[weakref.ref[Session], int] | None = None

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __str__(self) -> str:
        return self._text if self._place is not None else Exception.__str__(self)

    def __getattr__(self, name: str) -> Any:
        if self._place is None or name.startswith("_"):
            raise AttributeError(name)
        session = self._place[0]()
        if session is None or session.fault is not None:
            raise AttributeError(name)
        return session.ask("get", self._place[1], name, origin=f"{type(self).__name__}.{name}")

    def _render_traceback_(self) -> list[str]:
        """For IPython: the student's side of it. The check's side may be hidden tests."""
        last = f"{type(self).__name__}: {self}"
        return self.student_traceback.splitlines() or [last]

    def __reduce__(self) -> NoReturn:
        raise NotPlainResult("an exception of the student's cannot be pickled")

    def __copy__(self) -> StudentError:
        return self

    def __deepcopy__(self, memo: Any) -> StudentError:
        return self

    def __del__(self) -> None:
        if self._place is not None:
            session = self._place[0]()
            if session is not None:
                session.registry.drop(self._place[1], self)
