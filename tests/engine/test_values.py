"""Values cross the boundary by value, type and shape; nothing else does, and no bytes do harm."""

from __future__ import annotations

import collections
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.engine.values import DecodeError, Limits, NotPlain, decode, encode

ARRAYS = [
    np.arange(12.0).reshape(3, 4),
    np.asfortranarray(np.arange(12).reshape(3, 4)),
    np.arange(20)[::-3],
    np.array(5.0),
    np.zeros((0, 3), np.uint8),
    np.arange(4, dtype=">f8"),
    np.array([True, False]),
    np.array([1 + 2j, np.nan], np.complex64),
    np.array(["a", "längere"]),
    np.array(["x"], ">U3"),
    np.array([b"a", b"bc"]),
    np.array(["2020-01-01", "NaT"], "M8[ns]"),
    np.array([3], "m8[25s]"),
    np.array([-0.0, np.nan, np.inf], np.float16),
    np.array([1.5], np.longdouble),
    np.broadcast_to(np.float32(2), (2, 3)),
]
SAMPLE = [
    None, True, -(2**200), 1.5, -0.0, 1j, "é\udc80", b"x\0", [1, (2,)], {"a": [1], (1, "b"): {3}},
    frozenset({1, 2}), range(1, 9, 2), slice(None, 3), ..., np.float32(2.5), np.str_("a\0"), np.bytes_(b"\0"),
    np.datetime64("2020-01-01"), *ARRAYS,
]  # fmt: skip


def back(value: Any) -> Any:
    return decode(encode(value))


def alike(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return encode(a) == encode(b) and repr(a) == repr(b)


@pytest.mark.parametrize("value", SAMPLE, ids=lambda v: repr(v)[:40])
def test_round_trip(value: Any) -> None:
    assert alike(value, back(value))


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: a.dtype.str)
def test_what_comes_back_may_be_written_to(array: np.ndarray) -> None:
    array = array.copy()
    array.flags.writeable = False
    assert back(array).flags.writeable


def test_bits_of_a_nan_are_kept() -> None:
    (nan,) = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_1234))
    assert struct.pack("<d", back(nan)) == struct.pack("<d", nan)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.binary()
    | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(PLAIN)
def test_round_trip_of_anything_plain(value: Any) -> None:
    assert encode(back(value)) == encode(value)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"l\x02\0\0\0a\x03<f8" + tail))
def test_random_bytes(data: bytes) -> None:
    only_decode_errors(data)


def test_every_byte_changed_and_every_cut() -> None:
    for value in SAMPLE:
        data = encode(value)
        for at in range(min(len(data), 80)):
            only_decode_errors(data[:at])
            for change in (1, 0x80, 0xFF):
                only_decode_errors(data[:at] + bytes((data[at] ^ change,)) + data[at + 1 :])


def only_decode_errors(data: bytes) -> None:
    try:
        value = decode(data)
    except DecodeError:
        return
    repr(value)  # what is accepted can be shown


BOMBS = {
    "list": b"l\xff\xff\xff\xff",
    "dict": b"d\xff\xff\xff\x7f",
    "text": b"s\xff\xff\xff\xff",
    "array": b"a\x03<f8\x02" + struct.pack("<QQ", 1 << 40, 1 << 40),
    "empty array": b"a\x03<f8\x02" + struct.pack("<QQ", 0, (1 << 64) - 1),
    "strings of no width": b"a\x03<U0\x01" + struct.pack("<Q", 1 << 40),
    "objects": b"a\x02|O\x01" + struct.pack("<Q", 1) + bytes(8),
    "deep": b"l\x01\0\0\0" * 100_000 + b"N",
    "character": b"a\x03<U1\x01" + struct.pack("<QI", 1, 0x110000),
    "bool": b"a\x03|b1\x01" + struct.pack("<Q", 1) + b"\x02",
    "collisions": encode([k * (2**61 - 1) for k in range(1, 5000)]).replace(b"l", b"S", 1),
    "list as key": b"d\x01\0\0\0l\0\0\0\0N",
    "key twice": b"S\x02\0\0\0TT",
    "reference": b"H\0\0\0\0\0",
    "tail": b"NN",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_take_no_memory(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            decode(BOMBS[name])
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


class Evil:
    """Claims to be a float, equals everything, and runs code wherever it is touched."""

    __class__ = property(lambda self: float)  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked of the value")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __hash__(self) -> int:
        raise AssertionError("hashed")


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise AssertionError(f"{name} was asked of the class")


class MetaEvil(metaclass=Meta):
    pass


def derived(base: type) -> Any:
    def fail(*args: Any) -> Any:
        raise AssertionError("the value's own code ran")

    names = (
        "__eq__",
        "__len__",
        "__iter__",
        "__array__",
        "__reduce__",
        "__reduce_ex__",
        "__float__",
        "items",
    )
    cls = type("Mine", (base,), {"__hash__": fail, **dict.fromkeys(names, fail)})
    return base.__new__(cls, 3) if base is np.ndarray else base.__new__(cls)


@pytest.mark.parametrize(
    "base", [int, float, complex, str, bytes, list, tuple, dict, set, frozenset, np.ndarray]
)
def test_subclasses_are_refused_without_running(base: type) -> None:
    with pytest.raises(NotPlain, match=r"^element \[1\] is a .*Mine; return numbers"):
        encode([0, derived(base)])


def test_evil_objects_are_refused_without_being_touched() -> None:
    for value in (Evil(), MetaEvil()):
        with pytest.raises(NotPlain, match=r"^element \['a'\] is an? .*Evil; return"):
            encode({"a": value})


def test_where_and_what_in_plain_words() -> None:
    DataFrame = type("DataFrame", (), {"__module__": "pandas.core.frame"})
    with pytest.raises(NotPlain) as caught:
        encode([1, 2, {"a": DataFrame()}])
    assert str(caught.value) == (
        "element [2]['a'] is a pandas DataFrame; return numbers, strings, lists, tuples, dicts or NumPy arrays"
    )
    for value, words in (
        (lambda: 0, "what came back is a function;"),
        (np.array([None]), "what came back is a NumPy array of objects;"),
        (np.zeros(1, "f8,i4"), "what came back is a NumPy array of records;"),
        (np.matrix([1]), "what came back is a numpy matrix;"),
        (10**5000, "what came back is an integer of more than 4200 digits;"),
    ):
        with pytest.raises(NotPlain) as caught:
            encode(value)
        assert str(caught.value).startswith(words)


def test_cycles_depth_and_size() -> None:
    loop: list[Any] = []
    loop.append({"again": loop})
    with pytest.raises(NotPlain, match="contains itself"):
        encode(loop)
    deep: Any = 0
    for _ in range(50):
        deep = [deep]
    assert back(deep) == deep
    with pytest.raises(NotPlain, match="nested more than 50 deep"):
        encode([deep])
    shared = [1]
    assert back([shared, shared]) == [[1], [1]]
    small = Limits(size=1000, items=50)
    for big in (np.zeros(200), "x" * 2000, [b"x" * 90] * 20, [0] * 100):
        with pytest.raises(NotPlain, match="too large"):
            encode(big, limits=small)
        with pytest.raises(DecodeError):
            decode(encode(big), limits=small)


def test_containers_of_the_standard_library_keep_their_types() -> None:
    for value in (
        collections.Counter("aab"),
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.deque([1, 2, 3], maxlen=2),
        bytearray(b"ab"),
    ):
        found = back(value)
        assert type(found) is type(value)
        assert found == value
    assert back(collections.Counter("a"))["z"] == 0
    assert back(collections.defaultdict(list))["z"] == []
    assert back(collections.defaultdict(lambda: 7)).default_factory is None
    assert back(collections.deque([1], 3)).maxlen == 3
    table = {"a": 1, "b": 2}
    assert back(table.keys()) == table.keys() and type(back(table.keys())) is type(table.keys())
    assert back(table.items()) == table.items() and list(back(table.values())) == [1, 2]


@pytest.mark.parametrize(
    "data",
    [b"C" + encode([1]), b"D\x63" + encode({}), b"D", b"q" + encode(-1) + encode([]), b"q" + encode(1) + encode(()),
     b"k" + encode(["a", "a"])[1:], b"k" + encode([[1]])[1:], b"y" + encode([1])[1:],
     b"y" + encode([(1, 2), (1, 3)])[1:]],
    ids=range(9),
)  # fmt: skip
def test_containers_that_are_none(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)


def test_references() -> None:
    thing = object()
    data = encode([1, thing], refer=lambda value: (7, 1) if value is thing else None)
    assert decode(data, resolve=lambda number, flags: ("ref", number, flags)) == [1, ("ref", 7, 1)]
    with pytest.raises(DecodeError):
        decode(data)


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    tensors = [
        torch.arange(6.0).reshape(2, 3).T, torch.tensor(3), torch.zeros(0, 2),
        torch.tensor([1.5], dtype=torch.bfloat16),
        torch.tensor([True]), torch.tensor([1 + 2j]).conj(),
        torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(1)),
    ]  # fmt: skip
    for tensor in tensors:
        again = back(tensor)
        assert type(again) is torch.Tensor
        assert not again.requires_grad
        assert again.dtype == tensor.dtype
        assert again.shape == tensor.shape
        assert torch.equal(again, tensor.detach())
        data = encode(tensor)
        for at in range(len(data)):
            only_decode_errors(data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :])
    with pytest.raises(NotPlain, match="sparse"):
        encode(torch.eye(2).to_sparse())
