"""Handles: what a test cell sees of a student's object that cannot be copied.

A handle's class is made for the object's class (see `_handle_registry`) and has the special methods that the
student's class has. Each use is sent to the student's process. What a test relies on is never left to a student's
object: where a plain value is wanted, `f(2) == 4` for one, a handle raises `NotPlainResult`, unless the reference
solution's class of the same name defines that operator.
"""

from __future__ import annotations

import numbers
import types
import weakref
from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from autograder.engine._handle_errors import BoundaryError, NotPlainResult, Refused, StudentError
from autograder.engine._handle_inspect import code, signature
from autograder.engine._objects import COMPARISONS, OPERATORS, PROTOCOLS

if TYPE_CHECKING:
    from autograder.engine.session import Session

__all__ = ["BoundaryError", "Handle", "HandleType", "NotPlainResult", "Refused", "StudentError"]

_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)
# What a result may be held against: to an object in its place the student is told what to return.
_DATA = (numbers.Number, Sequence, Mapping, Set, bytes, slice, np.ndarray, np.generic)
T = TypeVar("T")
ADVICE = "return numbers, strings, lists, tuples, dicts or NumPy arrays"


class HandleType(type):
    """The class of handles' classes: a student's class, as a test sees it.

    A class that is derived from one of an installed library (`torch.nn.Module`) needs that one among its bases, for
    `isinstance` and `issubclass`; its handles must not have it, since they are no such objects. So there are two: the
    class of the handles, and its *face*, which has all the bases, is never instantiated, and is what a test sees.
    """

    def mro(cls) -> list[type]:
        """The order of `__line__`, which the class was made with."""
        return [cls, *cls.__dict__["__line__"]] if "__line__" in cls.__dict__ else type.mro(cls)

    def __getattribute__(cls, name: str) -> Any:
        if name[:2] == "__" == name[-2:] or name == "_repr_pretty_":
            return type.__getattribute__(cls, name)
        raise AttributeError(name)  # never a library's; `__getattr__` asks the student's process

    def __eq__(cls, other: object) -> bool:
        return isinstance(other, HandleType) and public(cls) is public(other)

    def __hash__(cls) -> int:
        return id(public(cls))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        session, number = _class_place(cls)
        return session.ask("call", number, args=args, kwargs=kwargs, origin=f"{cls.__name__}(...)")

    def __getattr__(cls, name: str) -> Any:
        __tracebackhide__ = True
        if name == "__signature__":
            session, number = _class_place(cls)
            return signature(session.registry.description(number))
        if _is_private(name):
            raise AttributeError(name)
        return _class_ask(cls, "get", name)

    def __setattr__(cls, name: str, value: Any) -> None:
        _class_ask(cls, "set", name, value)

    def __delattr__(cls, name: str) -> None:
        _class_ask(cls, "delete", name)

    def __iter__(cls) -> Any:
        return _class_ask(cls, "special", "__iter__")

    def __getitem__(cls, key: Any) -> Any:
        return _class_ask(cls, "special", "__getitem__", key)

    def __contains__(cls, item: Any) -> bool:
        return _exact(bool, _class_ask(cls, "special", "__contains__", item), cls.__name__)

    def __len__(cls) -> int:
        return _exact(int, _class_ask(cls, "special", "__len__"), cls.__name__)

    def __bool__(cls) -> bool:
        return True


class Handle(metaclass=HandleType):
    """An object in a student's process."""

    __slots__ = ("__changed", "__number", "__origin", "__session", "__weakref__")

    def __new__(cls, *args: Any, **kwargs: Any) -> Handle:
        raise TypeError("handles come from a session")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("handles come from a session")

    def __init_subclass__(cls, **options: Any) -> None:
        pass

    def __getattribute__(self, name: str) -> Any:
        # `__doc__` and `__module__` would be the class's; a function has its own.
        own = name in ("__doc__", "__module__") and type(self).__dict__.get("__face__") in _FUNCTIONS
        if name[:2] == "__" == name[-2:] and not own:
            return object.__getattribute__(self, name)
        raise AttributeError(name)

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name[:2] == "__" == name[-2:]:
            return _dunder(self, name)
        if _is_private(name):
            raise AttributeError(name)
        return _ask(self, "get", name, origin=f"{origin_of(self)}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        __tracebackhide__ = True
        if name[:2] == "__" == name[-2:]:
            raise AttributeError(name)
        _ask(self, "set", name, (value,))

    def __delattr__(self, name: str) -> None:
        __tracebackhide__ = True
        if name[:2] == "__" == name[-2:]:
            raise AttributeError(name)
        _ask(self, "delete", name)

    @property  # type: ignore[misc]  # `object` lets it be set
    def __class__(self) -> type:
        """The face of the class, or the interpreter's own class (a function's, say) that can have none."""
        return type(self).__dict__.get("__face__") or type(self)

    @property
    def __changed__(self) -> bool:
        """Whether the last call changed an argument in place."""
        try:
            return bool(_CHANGED(self))
        except AttributeError:  # what was refused has never been called
            return False

    def __dir__(self) -> list[str]:
        found = _ask(self, "special", "__dir__")
        return found if type(found) is list and all(type(name) is str for name in found) else []

    def __repr__(self) -> str:
        return _exact(str, _ask(self, "special", "__repr__"), f"repr of {origin_of(self)}")

    def __str__(self) -> str:
        return _exact(str, _ask(self, "special", "__str__"), f"str of {origin_of(self)}")

    def __format__(self, form: str) -> str:
        return _exact(str, _ask(self, "special", "__format__", (form,)), f"the text of {origin_of(self)}")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # A last line of a test cell: never only the student's words, which might be read as a score.
        printer.text(f"<{type(self).__name__} of the student: {'...' if cycle else str(self)[:1000]}>")

    def __eq__(self, other: object) -> bool:
        return _compare(self, "__eq__", other)

    def __ne__(self, other: object) -> bool:
        return _compare(self, "__ne__", other)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __copy__(self) -> Handle:
        return self

    def __deepcopy__(self, memo: Any) -> Handle:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _refuse(self)

    def __del__(self) -> None:
        try:
            _drop(_SESSION(self)(), _NUMBER(self), self)
        except AttributeError:  # it was never given a number
            pass

    __array_ufunc__ = None


_CHANGED, _NUMBER, _ORIGIN, _SESSION = (
    Handle.__dict__[f"_Handle__{name}"].__get__ for name in ("changed", "number", "origin", "session")
)
_SET = {
    name: Handle.__dict__[f"_Handle__{name}"].__set__ for name in ("changed", "number", "origin", "session")
}


def public(cls: type) -> type:
    """The class as a test sees it: its face, if it has one."""
    face = cls.__dict__.get("__face__") if isinstance(cls, HandleType) else None
    return face if isinstance(face, HandleType) else cls


def make(cls: type, session: weakref.ref[Session], number: int, origin: str) -> Any:
    """A handle of this class."""
    handle: Any = object.__new__(cls)
    slots = {"changed": False, "number": number, "origin": origin[:60], "session": session}
    for name, value in slots.items():
        _SET[name](handle, value)
    return handle


def number_of(value: object, session: Session) -> int | None:
    """The number of a handle, class or exception of this session; None for anything else."""
    if isinstance(type(value), HandleType):
        if "__refused__" in type(value).__dict__:
            raise Refused(*type(value).__dict__["__refused__"])
        return _NUMBER(value) if _SESSION(value)() is session else None
    if isinstance(value, StudentError) and value._place is not None:
        return value._place[1] if value._place[0]() is session else None
    return session.registry.class_number(value) if isinstance(value, type) else None


def origin_of(handle: object) -> str:
    """Where the handle came from, as a test writes it: "f(...)"."""
    return str(_ORIGIN(handle))


def _is_private(name: str) -> bool:
    # What IPython asks of everything that it shows: a student's HTML must not be shown.
    return name.startswith(("__", "_repr_", "_ipython_", "_render_traceback_"))


def _session(handle: object) -> Session:
    session: Session | None = _SESSION(handle)()
    if session is None:
        raise BoundaryError("the session of this object is over")
    return session


def _ask(handle: object, operation: str, name: str, args: tuple[Any, ...] = (), origin: str = "") -> Any:
    __tracebackhide__ = True
    return _session(handle).ask(operation, _NUMBER(handle), name, args, origin=origin or origin_of(handle))


def _drop(session: Session | None, number: int, which: object) -> None:
    if session is not None:
        session.registry.drop(number, which)


def _class_place(cls: type) -> tuple[Session, int]:
    place = cls.__dict__.get("__place__")
    session = place[0]() if place is not None else None
    if place is None or session is None:
        raise BoundaryError("the session of this class is over")
    return session, place[1]


def _class_ask(cls: type, operation: str, name: str, *args: Any) -> Any:
    __tracebackhide__ = True
    session, number = _class_place(cls)
    origin = f"{cls.__name__}[...]" if operation == "special" else f"{cls.__name__}.{name}"
    return session.ask(operation, number, name, args, origin=origin)


def _refuse(handle: object) -> NoReturn:
    __tracebackhide__ = True
    name = type(handle).__name__
    article = "an" if name[:1].lower() in tuple("aeiou") else "a"
    sentence = f"{origin_of(handle)} gave {article} {name} object where a plain value is wanted; {ADVICE}"
    session = _SESSION(handle)()
    if session is not None:
        session.refusals.append(sentence)
    raise NotPlainResult(sentence)


def _exact(kind: type[T], value: object, what: str) -> T:
    if type(value) is kind:
        return value
    raise NotPlainResult(f"{what} is no {kind.__name__}")


def _compare(handle: object, name: str, other: object) -> bool:
    """Ask the student's process to compare two of its objects; with a plain value only where that is allowed."""
    __tracebackhide__ = True
    theirs = isinstance(type(other), HandleType)
    defined = _defines(handle, name) or (theirs and _defines(other, name))
    if name in ("__eq__", "__ne__") and (other is None or not (defined or isinstance(other, _DATA))):
        return (other is handle) == (name == "__eq__")  # as Python does it, without asking
    if not theirs and not _allowed(handle, name):
        _refuse(handle)
    found = _ask(handle, "special", name, (other,))
    if type(found) is np.bool_:  # one is as good as a bool; an array of them is not
        return bool(found)
    if type(found) is not bool:
        _refuse(handle)
    return found


def _defines(handle: object, name: str) -> bool:
    own = type(handle).__dict__["__specials__"]
    return name in own or (name == "__ne__" and "__eq__" in own)


def _allowed(handle: object, name: str) -> bool:
    session, cls = _session(handle), type(handle).__name__
    return session.allows(cls, name) or (name == "__ne__" and session.allows(cls, "__eq__"))


def _comparison(name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        __tracebackhide__ = True
        return _compare(self, name, other)

    return method


def _operator(name: str) -> Callable[..., Any]:
    def method(self: Any, *others: Any) -> Any:
        __tracebackhide__ = True
        if not _allowed(self, name):
            _refuse(self)
        word = name.strip("_")
        return _ask(self, "special", name, others, origin=f"{word}({origin_of(self)})")

    return method


def _protocol(name: str) -> Callable[..., Any]:
    kind = {"__len__": int, "__bool__": bool, "__hash__": int, "__contains__": bool}.get(name)

    def method(self: Any, *args: Any) -> Any:
        __tracebackhide__ = True
        if name == "__contains__" and not isinstance(type(args[0]), HandleType) and not _allowed(self, name):
            _refuse(self)
        if name == "__exit__":
            # The student's side gets no traceback and no error of the check's own.
            args = (None, None, None) if args[0] is None else (args[0], _passable(args[1], self), None)
        found = _ask(self, "special", name, args, origin=f"{origin_of(self)}[...]")
        return found if kind is None else _exact(kind, found, f"{name} of {origin_of(self)}")

    return method


def _passable(error: Any, handle: object) -> Any:
    return error if number_of(error, _session(handle)) is not None else None


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    _SET["changed"](self, False)
    try:
        found, changed = _session(self).asked(
            "call", _NUMBER(self), "", args, kwargs, origin=f"{origin_of(self)}(...)"
        )
    except StudentError as error:
        _SET["changed"](self, error.changed)
        raise
    _SET["changed"](self, changed)
    return found


def _refusing(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    __tracebackhide__ = True
    _refuse(self)


#: Special methods that a handle's class has if the student's class has them.
FORWARDED: dict[str, Callable[..., Any]] = {
    "__call__": _call,
    **{name: _protocol(name) for name in PROTOCOLS.keys() - {"__repr__", "__str__", "__format__", "__dir__"}},
}

for _name in OPERATORS:
    # In-place operators are left to the plain ones where the student's class has none.
    if not (_name.startswith("__i") and f"__{_name[3:]}" in OPERATORS):
        if _name not in ("__eq__", "__ne__"):
            _made = _comparison(_name) if _name in COMPARISONS else _operator(_name)
            type.__setattr__(Handle, _name, _made)
    else:
        FORWARDED[_name] = _operator(_name)
for _name in ("__float__", "__int__", "__index__", "__complex__", "__array__", "__buffer__"):
    type.__setattr__(Handle, _name, _refusing)

_DESCRIBED = frozenset({"__name__", "__qualname__", "__module__", "__doc__"})
_ASKED = frozenset(
    {"__wrapped__", "__dict__", "__defaults__", "__kwdefaults__", "__annotations__", "__self__", "__func__"}
)


def _dunder(handle: object, name: str) -> Any:
    """The few special attributes of an object that are not its class's."""
    __tracebackhide__ = True
    if name in _ASKED:
        return _ask(handle, "get", name, origin=f"{origin_of(handle)}.{name}")
    if name not in (*_DESCRIBED, "__signature__", "__code__"):
        raise AttributeError(name)
    facts = _session(handle).registry.description(_NUMBER(handle))
    found = facts.get(name)
    if name == "__signature__":
        found = signature(facts)
    elif name == "__code__":
        found = code(facts, _NUMBER(handle), _session(handle)) if callable(handle) else None
    elif type(found) is not str:
        found = None
    if found is None and name != "__doc__":
        raise AttributeError(name)
    return found
