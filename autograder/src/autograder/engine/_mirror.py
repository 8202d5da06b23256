"""The checker's end of what both ends hold and keep alike. See `autograder.engine._sharing`."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autograder.engine._random import random_state, same_state
from autograder.engine._sharing import MOST_SHARED, Place, can_be_shared, take_over, written
from autograder.engine.handles import BoundaryError, Refused, StudentError
from autograder.engine.values import DecodeError

if TYPE_CHECKING:
    from autograder.engine.session import Session

#: Status, value, what was printed on both streams, warnings, and whether an argument was changed.
Answer = tuple[str, Any, str, str, list[tuple[type[Warning], str, int, bool]], bool]
#: Attributes that hold more are copies.
_MOST_ATTRIBUTE = 1 << 16
_INNER = frozenset({"share", "keep", "moved", "builtin", "random", "names", "describe", "bind", "unbind"})
_PATCHED = ("input", "print")


class Mirror:
    """Sends before a request what the check has changed, and takes over afterwards what the student's code changed.

    Parameters
    ----------
    session
        Whose requests these are.
    shared, live, seeded
        See `Session`.
    """

    def __init__(
        self,
        session: Session,
        shared: Mapping[str, frozenset[int | str]],
        live: frozenset[str],
        *,
        seeded: bool,
    ) -> None:
        self._session = session
        self._shared = shared
        self._live = live
        self._objects: dict[int, tuple[Any, bytes | None]] = {}
        self._names: dict[str, Any] = {}
        self._next = 0
        self._builtins = {name: getattr(builtins, name) for name in _PATCHED}
        self._random = random_state() if seeded else None

    def __getitem__(self, number: int) -> Any:
        if number not in self._objects:
            raise DecodeError("An object is spoken of that is not shared.")
        return self._objects[number][0]

    def before(
        self, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any], origin: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Bring the student's end up to date; return the arguments, with places for those that are shared."""
        if operation in _INNER:
            return args, kwargs
        self._push_builtins()
        self._push_random()
        for number, (value, known) in tuple(self._objects.items()):
            now = written(value)
            if now != known and self._ask("share", number, args=(value,)) is not _FAILED:
                self._objects[number] = value, now
        places = self._shared.get(_called(origin), frozenset()) if operation == "call" else frozenset()
        if not places:
            return args, kwargs
        return (
            tuple(self._placed(value) if place in places else value for place, value in enumerate(args)),
            {name: self._placed(value) if name in places else value for name, value in kwargs.items()},
        )

    def after(self, operation: str, answer: Answer) -> Answer:
        """Take over what has changed; return the answer, with an object that is shared in the place of its copy."""
        if operation in _INNER:
            return answer
        status, value, out, err, warned, changed = answer
        if operation == "get" and status == "value" and can_be_shared(value):
            text = written(value)
            if text is not None and len(text) <= _MOST_ATTRIBUTE:
                answer = status, self._kept(value, ""), out, err, warned, changed
        self._pull()
        return answer

    def fetched(self, name: str, value: Any) -> Any:
        """Note that the check holds a name of the student's; return what it is to hold."""
        if name not in self._live:
            return value
        value = self._names[name] = self._kept(value, name)
        return value

    def _pull(self) -> None:
        if not (self._objects or self._names):
            return
        for number in tuple(self._objects)[:-MOST_SHARED]:
            del self._objects[number]
        match self._ask("moved", args=(tuple(self._objects),)):
            case (dict(objects), dict(names)):
                pass
            case _:
                return
        for number, new in objects.items():
            if number in self._objects:
                mine, _ = self._objects[number]
                try:
                    take_over(mine, new)
                except (TypeError, ValueError, RuntimeError):
                    continue
                self._objects[number] = mine, written(mine)
        space = self._session.space
        for name, new in names.items():
            if name in self._names and space is not None and space.get(name) is self._names[name]:
                space[name] = self.fetched(name, new)

    def _placed(self, value: Any) -> Any:
        if not can_be_shared(value):
            return value
        for number, (one, _) in self._objects.items():
            if one is value:
                return Place(number)
        text = written(value)
        if text is None:
            return value
        number = self._number()
        if self._ask("share", number, args=(value,)) is _FAILED:
            return value
        self._objects[number] = value, text
        return Place(number)

    def _kept(self, value: Any, name: str) -> Any:
        number = self._number()
        found = self._ask("keep", number, name)
        if type(found) is int and found in self._objects and found != number:
            return self._objects[found][0]
        if found == number and can_be_shared(value):
            self._objects[number] = value, written(value)
        return value

    def _push_builtins(self) -> None:
        for name, known in self._builtins.items():
            now = getattr(builtins, name)
            if now is not known:
                self._builtins[name] = now
                self._ask("builtin", 0, name, (_caller(now, gives=name == "input"),))

    def _push_random(self) -> None:
        if self._random is None:
            return
        now = random_state()
        new = {name: state for name, state in now.items() if not same_state(state, self._random.get(name))}
        if new:
            self._random = now
            self._ask("random", args=(new,))

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _ask(self, operation: str, target: int = 0, name: str = "", args: tuple[Any, ...] = ()) -> Any:
        try:
            return self._session.ask(operation, target, name, args, origin=name or "the check")
        except (Refused, StudentError, BoundaryError):
            if self._session.fault is not None:
                raise
            return _FAILED


_FAILED = object()


def _called(origin: str) -> str:
    """Return the last name in what a test calls: `pop` of "stack.pop(...)"."""
    return origin.removesuffix("(...)").rpartition(".")[2]


def _caller(function: Any, *, gives: bool) -> Any:
    def patched(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        return found if gives else None

    return patched
