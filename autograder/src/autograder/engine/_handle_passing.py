"""Arguments on their way to the student's process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from autograder.engine import values
from autograder.engine._objects import CALLBACK, OBJECT, SHARED, TABLE, is_callback, recipe
from autograder.engine._sharing import Place
from autograder.engine.handles import BoundaryError, number_of

if TYPE_CHECKING:
    from autograder.engine.session import Session


class CannotPass(BoundaryError):  # noqa: N818
    """The check passes an object that cannot go to the student's process: a mistake of the check's author."""


class Parcel:
    """Values in bytes, and the table that their references speak of."""

    def __init__(self, session: Session, value: Any, origin: str, limits: values.Limits) -> None:
        self.table: list[tuple[Any, ...]] = []
        self._session = session
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []
        try:
            self.payload = values.encode(value, limits=limits, refer=self._refer)
        except values.NotPlain as error:
            # The arguments are written as one pair, the positional and the named ones.
            reason = re.sub(r"^element \[[01]\]|^what came back", "argument ", str(error).partition(";")[0])
            raise CannotPass(
                f"{origin}: the check passes what the student's code cannot be sent: {reason}"
            ) from None

    def _refer(self, value: object) -> tuple[int, int] | None:
        if type(value) is Place:
            return value.number, SHARED
        number = number_of(value, self._session)
        if number is not None:
            return number, OBJECT
        if id(value) in self._seen:
            return self._seen[id(value)], TABLE
        entry = recipe(value)
        if entry is not None:
            self._seen[id(value)] = len(self.table)
            self._kept.append(value)
            self.table.append(entry)
            return len(self.table) - 1, TABLE
        if not is_callback(value):
            return None
        number = self._session.callback(value)
        self.table.append(("callback", number, str(getattr(value, "__name__", ""))[:100]))
        return number, CALLBACK
