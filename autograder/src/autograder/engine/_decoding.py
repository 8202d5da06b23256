"""From bytes to plain values; nothing in the bytes is believed. See `autograder.engine.values`."""

from __future__ import annotations

import math
import struct
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from autograder.engine._wire import (
    ARRAY_COST,
    C128,
    DTYPE,
    F64,
    FACTORIES,
    MOST_DIMENSIONS,
    MOST_INT_BYTES,
    REF,
    U16,
    U32,
    U64,
    DecodeError,
    Limits,
    imported_torch,
)

# Keys of a dict or set with one and the same hash: more is an attempt to make a lookup slow.
_MOST_ALIKE = 64

Resolve = Callable[[int, int], Any]
_DEFAULT = Limits()


def decode(
    data: bytes | bytearray | memoryview, *, limits: Limits = _DEFAULT, resolve: Resolve | None = None
) -> Any:
    """Read what `encode` wrote: new objects throughout, arrays writable and in C order.

    A tensor becomes an array where torch has not been imported. References go through `resolve`.

    Raises
    ------
    DecodeError
        For any bytes that `encode` would not have written under these limits; nothing else is raised.
    """
    if len(data) > limits.size:
        raise DecodeError(f"The message has {len(data)} bytes; at most {limits.size} are allowed.")
    decoder = _Decoder(memoryview(data), limits, resolve)
    try:
        value = decoder.get(0)
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(f"The message cannot be read: {type(error).__name__}.") from error
    if decoder.at != len(data):
        raise DecodeError("The message goes on after its value.")
    return value


class _Decoder:
    """A place in the bytes, and what may still be made of them."""

    def __init__(self, data: memoryview, limits: Limits, resolve: Resolve | None) -> None:
        self.at = 0
        self._data = data
        self._items = limits.items
        self._depth = limits.depth
        self._resolve = resolve

    def get(self, depth: int) -> Any:
        self._spend(1)
        read = _GET.get(self._take(1)[0])
        if read is None:
            raise DecodeError("The message holds an unknown kind of value.")
        return read(self, depth)

    def _spend(self, items: int) -> None:
        self._items -= items
        if self._items < 0:
            raise DecodeError("The message holds too many values.")

    def _take(self, size: int) -> memoryview:
        end = self.at + size
        if end > len(self._data):
            raise DecodeError("The message ends too early.")
        part = self._data[self.at : end]
        self.at = end
        return part

    def _number(self, form: struct.Struct) -> Any:
        return form.unpack(self._take(form.size))[0]

    def _int(self, depth: int) -> int:
        size = self._number(U16)
        if size > MOST_INT_BYTES:
            raise DecodeError("An integer is too long.")
        return int.from_bytes(self._take(size), "little", signed=True)

    def _bytes(self, depth: int) -> bytes:
        return bytes(self._take(self._number(U32)))

    def _str(self, depth: int) -> str:
        return self._bytes(depth).decode("utf-8", "surrogatepass")

    def _many(self, depth: int) -> list[Any]:
        if depth >= self._depth:
            raise DecodeError("The message is nested too deep.")
        count = self._number(U32)
        # Each value takes a byte at least.
        if count > len(self._data) - self.at or count > self._items:
            raise DecodeError("The message holds too many values.")
        return [self.get(depth + 1) for _ in range(count)]

    def _three(self, depth: int) -> list[Any]:
        found = self._many(depth)
        if len(found) != 3:
            raise DecodeError("A range or slice needs three parts.")
        return found

    def _range(self, depth: int) -> range:
        start, stop, step = self._three(depth)
        if not type(start) is type(stop) is type(step) is int or step == 0:
            raise DecodeError("A range needs three integers.")
        return range(start, stop, step)

    def _set(self, depth: int) -> set[Any]:
        items = self._many(depth)
        _check_keys(items)
        found = set(items)
        if len(found) != len(items):
            raise DecodeError("A set holds a value twice.")
        return found

    def _dict(self, depth: int) -> dict[Any, Any]:
        if depth >= self._depth:
            raise DecodeError("The message is nested too deep.")
        count = self._number(U32)
        if 2 * count > min(len(self._data) - self.at, self._items):
            raise DecodeError("The message holds too many values.")
        pairs = [(self.get(depth + 1), self.get(depth + 1)) for _ in range(count)]
        _check_keys([key for key, _ in pairs])
        found = dict(pairs)
        if len(found) != count:
            raise DecodeError("A dict holds a key twice.")
        return found

    def _inner_dict(self, depth: int) -> dict[Any, Any]:
        if bytes(self._take(1)) != b"d":
            raise DecodeError("A kind of dict holds no dict.")
        return self._dict(depth)

    def _counter(self, depth: int) -> Counter[Any]:
        found: Counter[Any] = Counter()
        dict.update(found, self._inner_dict(depth))
        return found

    def _defaultdict(self, depth: int) -> defaultdict[Any, Any]:
        factory = self._take(1)[0]
        if factory >= len(FACTORIES):
            raise DecodeError("A defaultdict makes values of an unknown kind.")
        return defaultdict(FACTORIES[factory], self._inner_dict(depth))

    def _deque(self, depth: int) -> deque[Any]:
        most = self.get(depth + 1)
        if most is not None and not (type(most) is int and 0 <= most < 1 << 62):
            raise DecodeError("A deque has a length that is none.")
        if bytes(self._take(1)) != b"l":
            raise DecodeError("A deque holds no list.")
        return deque(self._many(depth), most)

    def _keys(self, depth: int) -> Any:
        keys = self._many(depth)
        _check_keys(keys)
        found = dict.fromkeys(keys)
        if len(found) != len(keys):
            raise DecodeError("A dict holds a key twice.")
        return found.keys()

    def _pairs(self, depth: int) -> Any:
        pairs = self._many(depth)
        if not all(type(pair) is tuple and len(pair) == 2 for pair in pairs):
            raise DecodeError("The items of a dict are no pairs.")
        _check_keys([key for key, _ in pairs])
        found = dict(pairs)
        if len(found) != len(pairs):
            raise DecodeError("A dict holds a key twice.")
        return found.items()

    def _array(self, depth: int) -> npt.NDArray[Any]:
        self._spend(ARRAY_COST)
        form = bytes(self._take(self._take(1)[0])).decode("ascii")
        if not DTYPE.fullmatch(form):
            raise DecodeError("An array has a type that is not allowed.")
        dtype = np.dtype(form)
        dimensions = self._take(1)[0]
        if dimensions > MOST_DIMENSIONS:
            raise DecodeError("An array has too many dimensions.")
        shape = tuple(self._number(U64) for _ in range(dimensions))
        raw = self._take(math.prod(shape) * dtype.itemsize)
        array: npt.NDArray[Any] = np.frombuffer(raw, np.uint8).copy().view(dtype).reshape(shape)
        if dtype.kind == "b" and raw.nbytes and array.view(np.uint8).max() > 1:
            raise DecodeError("A bool is neither 0 nor 1.")
        if dtype.kind == "U" and raw.nbytes:
            codes = array.reshape(-1).view(np.dtype(np.uint32).newbyteorder(dtype.byteorder))
            if codes.max() > sys.maxunicode:
                raise DecodeError("A string holds no character there is.")
        return array

    def _scalar(self, depth: int) -> Any:
        array = self._array(depth)
        if array.ndim or array.dtype.kind in "SU":
            raise DecodeError("A NumPy number is not one.")
        return array[()]

    def _tensor(self, depth: int) -> Any:
        brain = self._take(1)[0]
        if bytes(self._take(1)) != b"a" or brain > 1:
            raise DecodeError("A tensor has no numbers.")
        array = self._array(depth)
        native = array.dtype.isnative and array.dtype.kind in "biufc" and array.dtype.itemsize <= 16
        if not native or (brain and array.dtype != np.int16):
            raise DecodeError("A tensor has a type that is not allowed.")
        torch = imported_torch()
        if torch is not None and hasattr(torch, "from_numpy"):
            tensor = torch.from_numpy(array)
            return tensor.view(torch.bfloat16) if brain else tensor
        if brain:  # the upper half of a float32
            return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return array

    def _reference(self, depth: int) -> Any:
        number, flags = REF.unpack(self._take(REF.size))
        if self._resolve is None:
            raise DecodeError("The message refers to an object.")
        return self._resolve(number, flags)


def _check_keys(keys: list[Any]) -> None:
    """Refuse keys that Python cannot hash, and keys made to collide, which take for ever to look up."""
    alike = Counter(map(hash, keys))
    if alike and max(alike.values()) > _MOST_ALIKE:
        raise DecodeError("Too many keys have the same hash.")


_GET: dict[int, Callable[[_Decoder, int], Any]] = {
    ord("N"): lambda d, n: None,
    ord("E"): lambda d, n: Ellipsis,
    ord("T"): lambda d, n: True,
    ord("F"): lambda d, n: False,
    ord("i"): _Decoder._int,
    ord("f"): lambda d, n: d._number(F64),
    ord("c"): lambda d, n: complex(*C128.unpack(d._take(16))),
    ord("s"): _Decoder._str,
    ord("b"): _Decoder._bytes,
    ord("u"): lambda d, n: np.str_(d._str(n)),
    ord("v"): lambda d, n: np.bytes_(d._bytes(n)),
    ord("l"): _Decoder._many,
    ord("t"): lambda d, n: tuple(d._many(n)),
    ord("d"): _Decoder._dict,
    ord("S"): _Decoder._set,
    ord("Z"): lambda d, n: frozenset(d._set(n)),
    ord("r"): _Decoder._range,
    ord("x"): lambda d, n: slice(*d._three(n)),
    ord("a"): _Decoder._array,
    ord("n"): _Decoder._scalar,
    ord("p"): _Decoder._tensor,
    ord("H"): _Decoder._reference,
    ord("O"): lambda d, n: OrderedDict(d._inner_dict(n)),
    ord("C"): _Decoder._counter,
    ord("D"): _Decoder._defaultdict,
    ord("q"): _Decoder._deque,
    ord("B"): lambda d, n: bytearray(d._take(d._number(U32))),
    ord("k"): _Decoder._keys,
    ord("w"): lambda d, n: dict(enumerate(d._many(n))).values(),
    ord("y"): _Decoder._pairs,
}
