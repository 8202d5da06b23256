"""Plain values as bytes: the only thing that crosses between the checker and a student's process.

A value is told by its exact type and read through that type's own C code, so nothing that a student's class
defines (`__eq__`, `__array__`, `__reduce__`, `__class__`, ...) is ever run or believed. Bytes are never
trusted: each count is held against what remains, and against the limits, before anything is made of it.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from autograder.engine._decoding import decode
from autograder.engine._wire import (
    ARRAY_COST,
    C128,
    DTYPE,
    F64,
    FACTORIES,
    MOST_INT_BYTES,
    REF,
    U16,
    U32,
    U64,
    DecodeError,
    Limits,
    imported_torch,
)

__all__ = ["DecodeError", "Limits", "NotPlain", "Refer", "decode", "describe", "encode"]

_NUMPY_SCALARS = frozenset(
    {np.dtype(code).type for code in "?bhilqBHILQefdgFDG"} | {np.datetime64, np.timedelta64}
)
_PLAIN_BASES = frozenset(
    {int, float, complex, str, bytes, list, tuple, dict, set, frozenset, np.ndarray, np.generic}
)
_USUAL_NAMES = {
    "builtin_function_or_method": "a built-in function",
    "function": "a function",
    "generator": "a generator",
    "method": "a method",
    "module": "a module",
    "type": "a class",
}
_ADVICE = "return numbers, strings, lists, tuples, dicts or NumPy arrays"


class NotPlain(ValueError):  # noqa: N818 - it names what the value is, as NotImplemented does
    """A value that cannot be copied to another process, said in words for its author."""


class Refer(Protocol):
    """Gives a number (and a flag byte) for an object that stays where it is, or None to refuse it."""

    def __call__(self, value: object, /) -> tuple[int, int] | None: ...


_DEFAULT = Limits()


def encode(value: object, *, limits: Limits = _DEFAULT, refer: Refer | None = None) -> bytes:
    """Write a plain value as bytes.

    Parameters
    ----------
    value
        None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, range, slice,
        Ellipsis, bytearray, OrderedDict, defaultdict, Counter, deque, the views of a dict, a NumPy array or scalar (no
        objects, no records) or a dense torch tensor on the CPU. Any other type, subclasses of these too, is not
        plain. What makes a defaultdict's values crosses only if it is a built-in type.
    limits
        What the message may hold.
    refer
        Asked for what is not plain; the number that it gives is sent in its place.

    Raises
    ------
    NotPlain
        With the place and kind of what cannot be sent, and what to return in its place.
    """
    encoder = _Encoder(limits, refer)
    encoder.put(value)
    return b"".join(encoder.parts)


def describe(value: object) -> str:
    """Name a value's kind with its article ("a pandas DataFrame"), without touching the value."""
    cls = type(value)
    # Through `type` itself: a metaclass could answer otherwise.
    name = type.__dict__["__name__"].__get__(cls)
    module = type.__dict__["__module__"].__get__(cls) if cls is not type else "builtins"
    if name in _USUAL_NAMES and module in ("builtins", None):
        return _USUAL_NAMES[name]
    package = module.split(".")[0] if type(module) is str else ""
    shown = name if package in ("builtins", "__main__", "") else f"{package} {name}"
    article = "an" if shown[:1].lower() in tuple("aeiou") else "a"
    return f"{article} {shown[:80]}"


def mro(cls: type) -> tuple[type, ...]:
    """The class and its bases, as Python itself keeps them."""
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return found


def is_variant(value: object) -> bool:
    """Whether the value's class is derived from a plain type: data, but not of a type that can be trusted."""
    return not _PLAIN_BASES.isdisjoint(mro(type(value)))


class _Encoder:
    """The bytes so far, and the way to where we are."""

    def __init__(self, limits: Limits, refer: Refer | None) -> None:
        self.parts: list[bytes] = []
        self._limits = limits
        self._refer = refer
        self._room = limits.size
        self._items = limits.items
        self._path: list[str] = []
        self._open: set[int] = set()

    def put(self, value: object) -> None:
        self._items -= 1
        if self._items < 0:
            raise self._too_large(f"more than {self._limits.items} values")
        put = _PUT.get(type(value)) or (_Encoder._list if _is_shown_list(value) else None)
        if put is not None:
            put(self, value)
        elif type(value) in _NUMPY_SCALARS:
            self._array(b"n", np.array(value), value)
        elif not self._tensor(value):
            self._reference(value)

    def _add(self, *parts: bytes) -> None:
        self._room -= sum(map(len, parts))
        if self._room < 0:
            raise self._too_large(f"more than {self._limits.size / 2**20:.3g} MiB")
        self.parts.extend(parts)

    def _refused(self, what: str, advice: str = _ADVICE) -> NotPlain:
        way = "".join(self._path)
        where = f"element {way if len(way) <= 120 else way[:117] + '...'}" if way else "what came back"
        return NotPlain(f"{where} is {what}; {advice}")

    def _too_large(self, what: str) -> NotPlain:
        self._path.clear()
        return self._refused(f"too large ({what})", "return less")

    def _int(self, value: int) -> None:
        size = value.bit_length() // 8 + 1
        if size > MOST_INT_BYTES:
            raise self._refused("an integer of more than 4200 digits", "return a smaller number")
        self._add(b"i", U16.pack(size), value.to_bytes(size, "little", signed=True))

    def _text(self, tag: bytes, value: bytes) -> None:
        self._add(tag, U32.pack(min(len(value), 0xFFFFFFFF)), value)

    def _enter(self, value: object) -> None:
        if id(value) in self._open:
            what = "a list, tuple, dict or set that contains itself"
            raise self._refused(what, "return one that does not")
        if len(self._open) >= self._limits.depth:
            self._path.clear()
            raise self._refused(f"nested more than {self._limits.depth} deep", "return a flatter value")
        self._open.add(id(value))

    def _many(self, tag: bytes, value: object, items: tuple[object, ...]) -> None:
        self._enter(value)
        self._add(tag, U32.pack(len(items)))
        for index, item in enumerate(items):
            self._path.append(f"[{index}]")
            self.put(item)
            self._path.pop()
        self._open.discard(id(value))

    def _dict(self, value: dict[object, object]) -> None:
        self._enter(value)
        items = tuple(dict.items(value))
        self._add(b"d", U32.pack(len(items)))
        for key, item in items:
            self._path.append(f"[{_shown(key)}]")
            self.put(key)
            self.put(item)
            self._path.pop()
        self._open.discard(id(value))

    def _kind_of_dict(self, value: dict[object, object], *tags: bytes) -> None:
        self._add(*tags)
        self._dict(value)

    def _list(self, value: Any) -> None:
        self._many(b"l", value, tuple(list.__iter__(value)))

    def _deque(self, value: deque[object]) -> None:
        self._add(b"q")
        self.put(value.maxlen)
        self._many(b"l", value, tuple(value))

    def _set(self, tag: bytes, value: Iterable[object]) -> None:
        """In the order of their bytes, so that equal sets are written alike."""
        self._enter(value)
        members, parts = [], self.parts
        for item in tuple(value):
            self.parts = []
            self._path.append(f"{{{_shown(item)}}}")
            self.put(item)
            self._path.pop()
            members.append(b"".join(self.parts))
        self.parts = parts
        self._add(tag, U32.pack(len(members)))
        self.parts.extend(sorted(members))
        self._open.discard(id(value))

    def _array(self, tag: bytes, array: npt.NDArray[Any], value: object) -> None:
        self._items -= ARRAY_COST
        form = array.dtype.str
        if not DTYPE.fullmatch(form):
            kinds = {"O": "objects", "V": "records", "T": "strings of any length"}
            held = kinds.get(array.dtype.kind, f"type {form[:40]}")
            what = f"a NumPy array of {held}" if type(value) is np.ndarray else describe(value)
            raise self._refused(what, "return numbers, strings, lists or an array of numbers")
        if array.nbytes > self._room:
            raise self._too_large(f"more than {self._limits.size / 2**20:.3g} MiB")
        head = (tag, bytes((len(form),)), form.encode(), bytes((array.ndim,)))
        self._add(*head, *map(U64.pack, array.shape), array.tobytes())

    def _tensor(self, value: object) -> bool:
        torch = imported_torch()
        if torch is None:
            return False
        try:
            if type(value) is torch.Size:
                shape: Any = value
                self._many(b"t", shape, tuple(shape))
                return True
            kinds = (torch.Tensor, torch.nn.Parameter)
        except AttributeError:
            return False  # torch is still being imported, or something else has its name
        if type(value) not in kinds:
            return False
        tensor: Any = value
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise self._refused("a tensor that is sparse, quantised or not on the CPU", "return tensor.cpu()")
        tensor = tensor.detach().resolve_conj().resolve_neg()
        brain = tensor.dtype == torch.bfloat16
        try:
            array = (tensor.contiguous().view(torch.int16) if brain else tensor).numpy()
        except (TypeError, RuntimeError) as error:
            what = f"a tensor of {str(tensor.dtype)[:40]}"
            raise self._refused(what, "return one of floats, integers or bools") from error
        self._add(b"p", bytes((brain,)))
        self._array(b"a", array, array)
        return True

    def _reference(self, value: object) -> None:
        found = self._refer(value) if self._refer is not None else None
        if found is None:
            raise self._refused(describe(value))
        self._add(b"H", REF.pack(*found))


def _is_shown_list(value: object) -> bool:
    """Whether a value is one of Matplotlib's lists of what was drawn, which differ from lists in how they print."""
    cbook = sys.modules.get("matplotlib.cbook")
    return cbook is not None and type(value) is vars(cbook).get("silent_list")


def _factory(value: defaultdict[Any, Any]) -> int:
    made = value.default_factory
    return next((place for place, known in enumerate(FACTORIES) if known is made), 0)


def _shown(key: object) -> str:
    if type(key) is int and key.bit_length() > 100:
        return "..."
    if type(key) in (str, bytes, int, float, bool, type(None)):
        text = repr(key[:40] if type(key) in (str, bytes) else key)  # type: ignore[index]
        return text
    return "..."


_PUT: dict[type, Callable[[_Encoder, Any], None]] = {
    type(None): lambda e, v: e._add(b"N"),
    type(Ellipsis): lambda e, v: e._add(b"E"),
    bool: lambda e, v: e._add(b"T" if v else b"F"),
    int: _Encoder._int,
    float: lambda e, v: e._add(b"f", F64.pack(v)),
    complex: lambda e, v: e._add(b"c", C128.pack(v.real, v.imag)),
    str: lambda e, v: e._text(b"s", v.encode("utf-8", "surrogatepass")),
    bytes: lambda e, v: e._text(b"b", v),
    # A slice of the whole is an exact str or bytes, whatever the text ends with.
    np.str_: lambda e, v: e._text(b"u", str.__getitem__(v, slice(None)).encode("utf-8", "surrogatepass")),
    np.bytes_: lambda e, v: e._text(b"v", bytes.__getitem__(v, slice(None))),
    list: lambda e, v: e._many(b"l", v, tuple(v)),
    tuple: lambda e, v: e._many(b"t", v, v),
    dict: _Encoder._dict,
    OrderedDict: lambda e, v: e._kind_of_dict(v, b"O"),
    Counter: lambda e, v: e._kind_of_dict(v, b"C"),
    defaultdict: lambda e, v: e._kind_of_dict(v, b"D", bytes((_factory(v),))),
    deque: _Encoder._deque,
    bytearray: lambda e, v: e._text(b"B", bytes(v)),
    type({}.keys()): lambda e, v: e._many(b"k", v, tuple(v)),
    type({}.values()): lambda e, v: e._many(b"w", v, tuple(v)),
    type({}.items()): lambda e, v: e._many(b"y", v, tuple(v)),
    set: lambda e, v: e._set(b"S", v),
    frozenset: lambda e, v: e._set(b"Z", v),
    range: lambda e, v: e._many(b"r", v, (v.start, v.stop, v.step)),
    slice: lambda e, v: e._many(b"x", v, (v.start, v.stop, v.step)),
    np.ndarray: lambda e, v: e._array(b"a", v, v),
}
