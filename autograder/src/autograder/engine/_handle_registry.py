"""The handles of a session, and the classes that are made for the student's classes."""

from __future__ import annotations

import contextlib
import types
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.engine import handles
from autograder.engine._frames import Broken
from autograder.engine._objects import MAKERS, library_class
from autograder.engine._wire import imported_torch
from autograder.engine.handles import FORWARDED, Handle, HandleType, Refused, StudentError, public

if TYPE_CHECKING:
    from autograder.engine.session import Session

_MOST_OBJECTS = 200_000
_MOST_CLASSES = 3000
_MOST_BASES = 100
_MOST_TRACE = 8_000
_HEAP_TYPE = 1 << 9  # of `__flags__`: not one of the interpreter's own types

# What a handle does without being used for anything.
_NOT_USES = frozenset(
    {"__copy__", "__deepcopy__", "__del__", "__getattribute__", "__hash__", "__init__", "__init_subclass__", "__new__"}
)  # fmt: skip

# Data is never a handle, so no handle passes for data.
_DATA = (
    int, float, complex, str, bytes, bytearray, memoryview, list, tuple, dict, set, frozenset, range, slice, type(None),
    np.ndarray, np.generic, BaseException, type,
)  # fmt: skip
# These mean something to the program that runs the cell, not to the check.
_CONTROL = (
    StopIteration, StopAsyncIteration, GeneratorExit, KeyboardInterrupt, SystemExit, BaseExceptionGroup,
)  # fmt: skip
_CONTROL_PACKAGES = frozenset(
    {"asyncio", "autograder", "bdb", "concurrent", "digital_biopsy", "IPython", "nbclient", "nbgrader", "pytest",
     "_pytest", "traitlets", "unittest"}
)  # fmt: skip


class Registry:
    """What is known of the student's objects, by number."""

    def __init__(self, session: weakref.ref[Session]) -> None:
        self._session = session
        self._objects: dict[int, tuple[Any, ...]] = {}
        self._classes: dict[int, type] = {}
        self._class_numbers: dict[type, int] = {}
        self._live: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._dead: set[int] = set()
        self._descriptions: dict[int, dict[str, Any]] = {}

    def learn(self, news: list[Any]) -> None:
        """Keep what the student's process tells of objects that it names for the first time."""
        for item in news:
            if len(self._objects) > _MOST_OBJECTS or len(self._classes) > _MOST_CLASSES:
                raise Broken("protocol", "The student's code gave too many objects.")
            match item:
                case ("object", int(number), int(owner)) if owner in self._classes:
                    self._objects[number] = (owner,)
                case ("made", int(number), str(name), tuple(parts)):
                    self._objects[number] = (None, _made(name, parts))
                case ("error", int(number), int(owner), tuple(args), str(text)) if owner in self._classes:
                    self._objects[number] = (owner, args, shown(text[:_MOST_TRACE]))
                case (
                    "class",
                    int(number),
                    str(name),
                    str(full),
                    str(module),
                    doc,
                    list(mro),
                    list(bases),
                    list(own),
                ):
                    known = all(type(base) is int and base in self._classes for base in (*mro, *bases))
                    known = known and set(bases) <= set(mro)
                    if number in self._classes or len(mro) > _MOST_BASES or not known:
                        raise Broken("protocol", "A class is told in a way that does not hold together.")
                    facts = _Facts(
                        _clean(name), _clean(full), _clean(module), doc,
                        [public(self._classes[base]) for base in mro],
                        [public(self._classes[base]) for base in bases],
                        frozenset(word for word in own if type(word) is str),
                        self._set_up_class(module, full),
                    )  # fmt: skip
                    cls = facts.make((self._session, number))
                    self._classes[number] = cls
                    self._class_numbers[cls] = number
                case _:
                    raise Broken("protocol", "An object is told of in another form.")

    def _set_up_class(self, module: str, qualname: str) -> type | None:
        """The check's own class of this name, if set-up cells of the notebook define it."""
        session = self._session()
        space = session.space if session is not None else None
        found = space.get(qualname) if space is not None and module == "__main__" else None
        if not isinstance(found, type) or isinstance(found, HandleType):
            return None
        local: type = found
        return local if local.__module__ == "__main__" and StudentError not in local.__mro__ else None

    def resolve(self, number: int, origin: str) -> Any:
        """The handle, class or exception of this number."""
        if number in self._classes:
            return public(self._classes[number])
        found = self._live.get(number)
        if found is None:
            owner, *rest = self._objects[number]
            if owner is None:
                self._dead.add(number)  # a copy: nothing here speaks of the student's object any more
                return rest[0]
            cls = self._classes[owner]
            if issubclass(cls, StudentError) == (not rest):
                raise Broken("protocol", "An object has the class of another kind of object.")
            found = (
                self._error(number, cls, *rest) if rest else handles.make(cls, self._session, number, origin)
            )
            self._live[number] = found
        self._dead.discard(number)
        return found

    def raised(self, value: Any) -> StudentError:
        """The exception that an answer tells of."""
        match value:
            case (int(number), tuple(args), str(text), str(line), str(trace)) if number in self._objects:
                owner = self._objects[number][0]
                self._objects[number] = (owner, args, shown(text[:_MOST_TRACE]))
                error = self.resolve(number, "")
            case _:
                raise Broken("protocol", "An error is told of in another form.")
        if not isinstance(error, StudentError):
            raise Broken("protocol", "What was raised is no error.")
        error.learner_line = shown(line[:120])
        error.student_traceback = shown(trace[:_MOST_TRACE])
        error.__traceback__ = None
        return error

    def released(self) -> list[int]:
        """Numbers that no handle has any more; they are told to the student's process once."""
        dead, self._dead = self._dead, set()
        for number in dead:
            self._objects.pop(number, None)
            self._descriptions.pop(number, None)
        return list(dead)

    def drop(self, number: int, which: object) -> None:
        """A handle has died."""
        if self._live.get(number) in (None, which):
            self._dead.add(number)

    def class_number(self, cls: type) -> int | None:
        """The number of a class that was made here."""
        return self._class_numbers.get(cls)

    def description(self, number: int) -> dict[str, Any]:
        """What `inspect` wants to know of a function or class."""
        session = self._session()
        if number not in self._descriptions and session is not None:
            found = session.ask("describe", number, origin="the function")
            self._descriptions[number] = found if type(found) is dict else {}
        return self._descriptions.get(number, {})

    def _error(self, number: int, cls: type, args: tuple[Any, ...], text: str) -> StudentError:
        # The interpreter's own constructors: a library's may do anything.
        for base in (base for base in cls.__mro__ if not base.__flags__ & _HEAP_TYPE):
            with contextlib.suppress(Exception):
                error: StudentError = base.__new__(cls, *args)
                break
        # A SyntaxError is left without its file and line: IPython would show that line of the checker's file.
        if not issubclass(cls, SyntaxError):
            with contextlib.suppress(Exception):
                base.__init__(error, *args)  # type: ignore[misc]
        error.args = args
        error._text = text
        error._place = (self._session, number)
        return error


def withheld(refused: Refused) -> Any:
    """An object that stands for data which cannot be copied: any use of it raises `refused` again."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        raise Refused(*refused.args)

    used = {name for name, value in vars(Handle).items() if isinstance(value, types.FunctionType)} - _NOT_USES
    names: dict[str, Any] = dict.fromkeys((*used, *FORWARDED), refuse)
    names |= {
        "__slots__": (),
        "__refused__": refused.args,
        "__specials__": {"__eq__"},
        "__hash__": Handle.__hash__,
    }
    return object.__new__(type.__new__(HandleType, "Refused", (Handle,), names))  # type: ignore[arg-type]


class _Facts:
    """What a student's process says of a class."""

    def __init__(
        self,
        name: str,
        qualname: str,
        module: str,
        doc: Any,
        mro: list[type],
        bases: list[type],
        own: frozenset[str],
        set_up: type | None = None,
    ) -> None:
        self.name, self.qualname, self.module = name, qualname, module
        self.doc = shown(doc[:_MOST_TRACE]) if type(doc) is str else None
        self.mro, self.bases, self.own = mro, bases, own
        self.library = set_up or library_class(module, qualname)

    def make(self, place: tuple[weakref.ref[Session], int]) -> type:
        """A class for handles, or for exceptions."""
        names = {"__module__": self.module, "__qualname__": self.qualname, "__doc__": self.doc}
        is_error = self.library is not None and issubclass(self.library, BaseException)
        if is_error or any(issubclass(base, StudentError) for base in self.mro):
            return self._error_class(names)
        return self._handle_class({**names, "__place__": place})

    def _error_class(self, names: dict[str, Any]) -> type:
        bases: tuple[type, ...] = tuple(base for base in self.bases if issubclass(base, StudentError))
        if self.library is not None:
            usable = self.module.split(".")[0] not in _CONTROL_PACKAGES and not issubclass(
                self.library, _CONTROL
            )
            known = usable and issubclass(self.library, Exception)
            bases = (StudentError, self.library if known else RuntimeError)
        try:
            return type(self.name, bases or (StudentError, RuntimeError), names)
        except TypeError:
            return type(self.name, (StudentError, RuntimeError), names)

    def _handle_class(self, names: dict[str, Any]) -> type:
        """The class of the handles; where the class is derived from a library's, one with a face (see `HandleType`)."""
        line = [base for base in self.mro if isinstance(base, HandleType)]
        known = [base for base in self._libraries(line) if not issubclass(base, _data())]
        names["__libraries__"] = (self.library,) if self.library is not None else ()
        face: type | None = None
        if known:
            try:
                space = {**names, "__line__": (*line, Handle, *known, object)}
                face = type.__new__(HandleType, self.name, (Handle,), space)
            except TypeError:  # nothing can be derived from a class of another layout: a function's
                face = known[0]
        names.update({name: FORWARDED[name] for name in self.own & FORWARDED.keys()})
        if "unhashable" in self.own:
            names["__hash__"] = None
        names |= {"__slots__": (), "__specials__": self.own, "__face__": face}
        # Never a face: their layout is not theirs.
        bases = tuple(
            base for base in self.bases if isinstance(base, HandleType) and "__face__" in base.__dict__
        )
        names["__line__"] = (*(base for base in line if "__face__" in base.__dict__), Handle, object)
        try:
            return type.__new__(HandleType, self.name, bases or (Handle,), names)
        except TypeError:  # bases that do not go together
            return type.__new__(HandleType, self.name, (Handle,), {**names, "__line__": (Handle, object)})

    def _libraries(self, line: Sequence[type]) -> list[type]:
        """The installed libraries' classes among the class and its bases, in order and with their own bases."""
        named = [self.library] if self.library is not None else []
        for base in line:
            named.extend(base.__dict__["__libraries__"])
        return [cls for cls in dict.fromkeys(named) if cls is not object]


def _made(name: str, parts: tuple[Any, ...]) -> Any:
    if name not in MAKERS or len(parts) > 10 or not all(type(part) in (int, str) for part in parts):
        raise Broken("protocol", "A value is made in a way that is not known.")
    return MAKERS[name](*parts)


def _data() -> tuple[type, ...]:
    tensor = getattr(imported_torch(), "Tensor", None)
    return (*_DATA, tensor) if isinstance(tensor, type) else _DATA


def _clean(name: str) -> str:
    """A name that can be shown, and that Python takes as a class's."""
    return name if name.isprintable() and 0 < len(name) <= 100 else "Object"


def shown(text: str) -> str:
    """Text that any stream takes, and that steers no terminal."""
    return "".join(
        char if char.isprintable() or char in "\n\t\r\b" else "\N{REPLACEMENT CHARACTER}" for char in text
    )
