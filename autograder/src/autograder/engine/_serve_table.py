"""The student's end: which of its objects the checker holds, and what it was told about them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, cast

from autograder.engine import values
from autograder.engine._objects import (
    CALLBACK,
    OBJECT,
    OPERATORS,
    PROTOCOLS,
    SHARED,
    follow,
    ingredients,
    is_made,
)
from autograder.engine._serve_run import text_of
from autograder.engine._sharing import Place, can_be_shared, take_over, written

_MOST_TEXT = 20_000
_SMALL = values.Limits(size=100_000, items=1000)


class Table:
    """Numbers for objects.

    Attributes
    ----------
    news : list
        What the next answer must tell about objects that it names for the first time.
    shared : Shared
        What both ends hold.
    """

    def __init__(self, call_back: Callable[[int], Callable[..., Any]]) -> None:
        self.news: list[tuple[Any, ...]] = []
        self.shared = Shared()
        self._things: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._callbacks: dict[int, Callable[..., Any]] = {}
        self._callback_numbers: dict[int, int] = {}
        self._made: dict[int, tuple[int, int, Any]] = {}
        self._call_back = call_back
        self._next = 0

    def __getitem__(self, number: int) -> Any:
        return self._things[number]

    def release(self, numbers: list[int]) -> None:
        """Forget what the checker holds no more."""
        for number in numbers:
            self._numbers.pop(id(self._things.pop(number, None)), None)

    def refer(self, value: object) -> tuple[int, int] | None:
        """For `values.encode`: everything that is not data may stay here and be spoken of."""
        if type(value) is Place:
            return value.number, SHARED
        if id(value) in self._callback_numbers:
            return self._callback_numbers[id(value)], CALLBACK
        return None if _is_data(value) else (self.number(value), OBJECT)

    def forget_news(self) -> None:
        """Forget what was to be told and could not be."""
        self.release([item[1] for item in self.news])
        self.news = []

    def number(self, value: object) -> int:
        """The object's number; a new one is written to the news."""
        found = self._numbers.get(id(value))
        if found is not None:
            return found
        kind = type(value)
        made = is_made(value)
        owner = -1 if made or is_a(value, type) else self.number(kind)
        self._next += 1
        number = self._next
        self._numbers[id(value)] = number
        self._things[number] = value
        if made:
            self.news.append(("made", number, *ingredients(value)))
        elif is_a(value, type):
            self.news.append(("class", number, *self._class_facts(cast(type, value))))
        elif is_a(value, BaseException):
            error = cast(BaseException, value)
            self.news.append(("error", number, owner, plain_args(error), text_of(error)))
        else:
            self.news.append(("object", number, owner))
        return number

    def resolver(self, table: list[tuple[Any, ...]]) -> Callable[[int, int], Any]:
        """For `values.decode`: the very objects that a request speaks of."""
        made: dict[int, Any] = {}

        def resolve(number: int, kind: int) -> Any:
            if kind == OBJECT:
                value = self._things[number]
            elif kind == CALLBACK:
                names = [entry[2] for entry in table if entry[:2] == ("callback", number)]
                value = self._callback(number, *names)
            elif kind == SHARED:
                return self.shared[number]
            else:
                value = made[number] if number in made else made.setdefault(number, follow(table[number]))
            self._made[id(value)] = (number, kind, value)
            return value

        self._made = {}
        return resolve

    def refer_again(self) -> values.Refer:
        """For `values.encode` of the same arguments after the call: what they held before keeps its number."""
        made = self._made

        def refer(value: object) -> tuple[int, int] | None:
            if type(value) is Place:
                return value.number, SHARED
            return made.get(id(value), (0, SHARED + 1))[:2]  # no argument has this kind

        return refer

    def _callback(self, number: int, *names: str) -> Callable[..., Any]:
        if number not in self._callbacks:
            function = self._call_back(number)
            if names and names[0]:
                function.__name__ = function.__qualname__ = names[0]
            self._callbacks[number] = function
            self._callback_numbers[id(function)] = number
        return self._callbacks[number]

    def _class_facts(self, cls: type) -> tuple[Any, ...]:
        line = [base for base in cls.__mro__[1:] if base is not object]
        mro = [self.number(base) for base in line]
        bases = [self.number(base) for base in cls.__bases__ if base is not object]
        name, module = str(cls.__name__), str(getattr(cls, "__module__", ""))
        doc = cls.__doc__ if type(cls.__doc__) is str else None
        text = doc[:_MOST_TEXT] if doc is not None else None
        return name, str(cls.__qualname__), module, text, mro, bases, _specials(cls)


class Shared:
    """The student's end of what both ends hold: objects by number, and how each looked when both were alike."""

    def __init__(self) -> None:
        self._objects: dict[int, tuple[Any, bytes | None]] = {}
        self._names: dict[str, Any] = {}

    def __getitem__(self, number: int) -> Any:
        return self._objects[number][0]

    def place(self, value: object) -> Any:
        """Return what stands for the value in a message: a place, if it is shared."""
        return next((Place(number) for number, (one, _) in self._objects.items() if one is value), value)

    def share(self, number: int, value: Any) -> None:
        """Take over what the checker holds."""
        if number in self._objects:
            value, new = self[number], value
            take_over(value, new)
        self._objects[number] = value, written(value)

    def keep(self, number: int, value: Any, name: str) -> int:
        """Share an object of this end; return the number that it has, or -1."""
        if name:
            self._names[name] = value
        if not can_be_shared(value):
            return -1
        known = self.place(value)
        if type(known) is Place:
            return known.number
        self._objects[number] = value, written(value)
        return number

    def moved(self, numbers: tuple[int, ...], space: dict[str, Any]) -> tuple[dict[int, Any], dict[str, Any]]:
        """Return what has changed of these since both ends were alike; the others are forgotten."""
        self._objects = {number: kept for number, kept in self._objects.items() if number in numbers}
        objects, names = {}, {}
        for number, (value, before) in tuple(self._objects.items()):
            now = written(value)
            if now != before:
                self._objects[number] = value, now
                objects[number] = value
        for name, value in tuple(self._names.items()):
            if name in space and space[name] is not value:
                self._names[name] = names[name] = space[name]
        return objects, names


def _specials(cls: type) -> list[str]:
    """The special methods that the class or a base other than `object` defines."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__[:-1]):
        found.update({name: value for name, value in vars(base).items() if name[:2] == "__"})
    known = {*OPERATORS, *PROTOCOLS, "__call__"}
    unhashable = ["unhashable"] if "__hash__" in found and found["__hash__"] is None else []
    return unhashable + sorted(name for name in known & found.keys() if found[name] is not None)


def is_a(value: object, cls: type) -> bool:
    """Like `isinstance`, without asking the value, which may lie or raise."""
    return cls in values.mro(type(value))


def _is_data(value: object) -> bool:
    """Whether a value is data of a type that does not cross: it must be made plain, not spoken of."""
    line = values.mro(type(value))
    if values.is_variant(value):
        # A tuple with names for its parts is a record: spoken of, for its names.
        return not (
            tuple in line and any({"_fields", "n_sequence_fields"} & vars(base).keys() for base in line)
        )
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)
    return tensor in line or any(str(base.__module__).split(".")[0] in ("pandas", "xarray") for base in line)


def plain_args(error: BaseException) -> tuple[Any, ...]:
    """An error's arguments, or its text where they are not plain."""
    try:
        values.encode(error.args, limits=_SMALL)
    except Exception:
        return (text_of(error),)
    return error.args


def describe(value: Any) -> dict[str, Any]:
    """What `inspect` would find out about a function or a class."""
    facts: dict[str, Any] = {}
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        text = getattr(value, name, None)
        facts[name] = text[:_MOST_TEXT] if type(text) is str else None
    facts["signature"] = _signature(value)
    facts["source"] = None
    try:
        lines, first = inspect.getsourcelines(value)
        facts["source"] = "".join(lines)[:_MOST_TEXT], first
    except Exception:
        pass
    return facts


def _signature(value: Any) -> tuple[Any, Any] | None:
    try:
        found = inspect.signature(value)
    except Exception:
        return None
    parameters = []
    for parameter in found.parameters.values():
        default = () if parameter.default is parameter.empty else (_told(parameter.default),)
        note = () if parameter.annotation is parameter.empty else (_told(parameter.annotation),)
        parameters.append((parameter.name, int(parameter.kind), default, note))
    returned = () if found.return_annotation is found.empty else (_told(found.return_annotation),)
    return parameters, returned


def _told(value: Any) -> tuple[Any, ...]:
    """A default or an annotation: its value, the name of a class, or its text."""
    if isinstance(value, type):
        return "class", str(value.__module__), str(value.__qualname__)
    try:
        values.encode(value, limits=_SMALL)
    except Exception:
        return "text", repr(value)[:200]
    return "value", value
