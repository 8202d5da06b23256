"""A student's names in a checker: plain values as copies, everything else as handles, through a real second process."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import math
import operator
import types
import unittest
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize

from autograder.engine.handles import BoundaryError, NotPlainResult, Refused, StudentError
from autograder.engine.session import CannotPass, SessionOver
from tests.engine.boundary import CELL, names, student
from tests.engine.test_values import SAMPLE, alike

# NumPy's own words on `np.matrix`, which the cell makes on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


@pytest.fixture(scope="module")
def space() -> Iterator[dict[str, Any]]:
    """The names of one process for all tests that change nothing there."""
    with names(CELL, operators={"Point": frozenset({"__add__"})}) as found:
        yield found


def test_names_and_kinds() -> None:
    with student(CELL) as session:
        found = session.names()
        assert found["answer"] == found["table"] == "value"
        assert (found["same"], found["Point"]) == ("function", "class")
        assert not {"np", "math", "_hidden", "enum"} & found.keys()
        assert session.fetch(["answer", "missing"]) == {"answer": 42}


@pytest.mark.parametrize("index", range(len(SAMPLE)))
def test_plain_values_come_back(space: dict[str, Any], index: int) -> None:
    assert alike(space["same"](SAMPLE[index]), SAMPLE[index])


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(value=PLAIN)
def test_anything_plain_comes_back(space: dict[str, Any], value: Any) -> None:
    assert alike(space["same"](value), value)


def test_identity_attributes_and_classes(space: dict[str, Any]) -> None:
    Point, Pixel = space["Point"], space["Pixel"]
    place = Point(3, y=4)
    assert type(place) is Point and place.__class__ is Point
    assert isinstance(Pixel(1, 2), Point) and not isinstance(place, Pixel)
    assert issubclass(Pixel, Point) and inspect.isclass(Point)
    assert (place.x, place.norm, Point.dimensions) == (3, 5.0, 2)
    assert space["same"](place) is place
    assert space["same"]([place, {"at": place}]) == [place, {"at": place}]
    place.x = 6
    assert place.moved(1).x == 7 and type(place.moved(1)) is Point
    assert Point.origin() == Point(0, 0) and Point.origin() != place
    assert Point(1, 1) < place and sorted([place, Point(1, 1)])[1] is place
    assert len({Point(1, 1), Point(1, 1)}) == 1
    assert repr(place) == "Point(6, 4)"
    assert Point.__name__ == "Point" and Point.__doc__ == "A place."
    with pytest.raises(AttributeError):
        _ = place.z
    assert not hasattr(place, "z") and getattr(place, "z", 5) == 5
    del place.x
    assert not hasattr(place, "x")
    assert vars(place) == {"y": 4}


def test_an_object_is_released() -> None:
    cell = """
    import weakref
    class Thing: pass
    alive = weakref.WeakSet()
    def make():
        thing = Thing(); alive.add(thing); return thing
    def living(): return len(alive)
    """
    with names(cell) as space:
        kept = space["make"]()
        for _ in range(5):
            space["make"]()
        assert space["living"]() == 1
        assert type(kept) is space["Thing"]


def test_containers_and_contexts(space: dict[str, Any]) -> None:
    bag = space["Bag"](1, [2, 3], "x")
    assert len(bag) == 3 and bag[1] == [2, 3] and list(bag) == [1, [2, 3], "x"]
    bag[0] = 5
    del bag[2]
    assert [*bag] == [5, [2, 3]]
    with bag as opened:
        assert opened is bag and bag.open
    assert not bag.open
    with pytest.raises(IndexError):
        bag[7]
    with pytest.raises(TypeError):
        len(space["Point"](1, 2))
    assert isinstance(bag, collections.abc.Sized) and not isinstance(bag, collections.abc.Iterator)
    assert callable(space["same"]) and not callable(bag)


def test_a_tuple_with_names(space: dict[str, Any]) -> None:
    pair = space["pair"]()
    low, high = pair
    assert (low, high) == (1, [2]) == (pair.low, pair[1]) and len(pair) == 2
    assert not isinstance(pair, tuple)
    with pytest.raises(NotPlainResult):
        assert pair == (1, [2])


def test_iterators(space: dict[str, Any]) -> None:
    numbers = space["count"](3)
    assert isinstance(numbers, collections.abc.Iterator) and isinstance(numbers, types.GeneratorType)
    assert next(numbers) == 0 and list(numbers) == [1, 2] and next(numbers, "end") == "end"
    with pytest.raises(StopIteration):
        next(numbers)
    assert sum(x for x in space["count"](4)) == 6
    assert [colour.name for colour in space["Colour"]] == ["RED", "BLUE"]
    assert space["Colour"].RED is space["Colour"](1) and len(space["Colour"]) == 2


COMPARED: dict[str, Callable[[Any], Any]] = {
    "eq": lambda h: h == 4,
    "reflected eq": lambda h: 4 == h,
    "ne": lambda h: h != 5,
    "lt": lambda h: h < 5,
    "reflected lt": lambda h: 3 < h,
    "array": lambda h: np.array([4, 4]) == h,
    "scalar": lambda h: np.float64(4) == h,
    "in": lambda h: 4 in h,
    "in a list": lambda h: h in [4],
    "list in": lambda h: 4 in [h],
    "in a set": lambda h: h in {4},
    "add": lambda h: h + 0,
    "radd": lambda h: 0 + h,
    "abs": lambda h: abs(h - 4) < 1e-6,
    "neg": lambda h: -h,
    "float": float,
    "int": int,
    "index": lambda h: range(5)[h],
    "round": round,
    "sqrt": math.sqrt,
    "isclose": lambda h: math.isclose(h, 4),
    "asarray": np.asarray,
    "allclose": lambda h: np.allclose(h, 4),
    "ufunc": np.sin,
    "approx": lambda h: h == pytest.approx(4),
    "approx reflected": lambda h: pytest.approx(4) == h,
    "list": lambda h: [h] == [4],
    "dict": lambda h: {"a": h} == {"a": 4},
    "max": lambda h: max(h, 3),
    "sum": lambda h: sum([h, h]),
    "pow": lambda h: 2**h,
    "matmul": lambda h: np.eye(2) @ h,
    "sorted": lambda h: sorted([h, 3]),
    "count": lambda h: [4].count(h),
    "any": lambda h: any(x == 4 for x in [h]),
    "slice": lambda h: [1, 2, 3, 4, 5][h:],
    "tensor": lambda h: pytest.importorskip("torch").tensor(4) == h,
    "percent": lambda h: "%d" % h,  # noqa: UP031
    "assertEqual": lambda h: unittest.TestCase().assertEqual(h, 4),  # noqa: PT009
    "assertAlmostEqual": lambda h: unittest.TestCase().assertAlmostEqual(4, h),  # noqa: PT009
    "assertIn": lambda h: unittest.TestCase().assertIn(h, [4]),  # noqa: PT009
    "imul": lambda h: operator.imul(h, 2),
}


@pytest.mark.parametrize("way", COMPARED)
def test_an_object_never_passes_for_a_value(space: dict[str, Any], way: str) -> None:
    with pytest.raises((NotPlainResult, TypeError)):
        COMPARED[way](space["Yes"]())


ASSERTED: dict[str, Callable[[Any], Any]] = {
    "assert_equal": lambda h: np.testing.assert_equal(h, 4),
    "assert_equal reflected": lambda h: np.testing.assert_equal(4, h),
    "assert_allclose": lambda h: np.testing.assert_allclose(h, 4),
    "assert_array_equal": lambda h: np.testing.assert_array_equal(h, 4),
    "assert_almost_equal": lambda h: np.testing.assert_almost_equal(h, 4),
    "assert_array_less": lambda h: np.testing.assert_array_less(h, 5),
}


@pytest.mark.parametrize("way", ASSERTED)
def test_an_object_never_satisfies_numpy_testing(space: dict[str, Any], way: str) -> None:
    with pytest.raises((NotPlainResult, AssertionError)):
        ASSERTED[way](space["Yes"]())


def test_what_to_return_instead(space: dict[str, Any]) -> None:
    with pytest.raises(
        NotPlainResult, match=r"^apply\(\.\.\.\) gave a Point object where a plain value is wanted; return"
    ):
        assert space["apply"](space["Point"], 1, 2) == 4


def test_operators_of_the_reference_solution(space: dict[str, Any]) -> None:
    place = space["Point"](1, 2)
    assert (place + 3).x == 4 and (place + place).x == 2
    with pytest.raises(NotPlainResult):
        place - 3
    with pytest.raises(NotPlainResult):
        assert place == 4
    assert place is not None and (place != None)  # noqa: E711


DATA = [int, float, complex, str, bytes, list, tuple, dict, set, bool, np.ndarray, np.generic]


def test_a_handle_is_no_data(space: dict[str, Any]) -> None:
    for handle in (space["Yes"](), space["same"], space["Point"], space["count"](1)):
        assert not any(isinstance(handle, kind) for kind in DATA)


@pytest.mark.parametrize("kind", ["matrix", "masked", "list", "int", "objects"])
def test_data_that_cannot_be_copied_is_refused(kind: str) -> None:
    with student(CELL) as session:
        refused = session.fetch(["refused"])["refused"]
        with pytest.raises(Refused, match=r"^refused\(\.\.\.\): .*; return "):
            refused(kind)
        with pytest.raises(BoundaryError) as caught:
            refused(kind)
        # Nothing that a test of errors may expect.
        assert not isinstance(caught.value, ValueError | TypeError | StudentError)
        assert len(session.refusals) == 2 and session.fault is None
        assert session.fetch(["answer"]) == {"answer": 42}


def test_a_name_that_cannot_be_copied() -> None:
    with names("import numpy as np\nm = np.matrix([1])\nx = 1") as space:
        assert space["x"] == 1
        uses: list[Callable[[], Any]] = [
            lambda: space["m"] == 1, lambda: space["m"].shape, lambda: len(space["m"]), lambda: space["m"][0],
            lambda: bool(space["m"]), lambda: np.asarray(space["m"]), lambda: str(space["m"]),
        ]  # fmt: skip
        for use in uses:
            with pytest.raises(Refused, match=r"^m: what came back is a numpy matrix"):
                use()


def test_exceptions(space: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^no$") as caught:
        space["raises"]("value")
    assert isinstance(caught.value, StudentError) and caught.value.args == ("no",)
    assert caught.value.learner_line.startswith('raise {"value": ValueError("no")')
    assert (
        "in raises" in caught.value.student_traceback and "autograder" not in caught.value.student_traceback
    )
    with pytest.raises(space["BadThing"]) as bad:
        space["raises"]("bad")
    assert bad.value.level == 3 and str(bad.value) == "bad at 3" and isinstance(bad.value, ValueError)
    assert type(bad.value) is space["BadThing"] and issubclass(space["BadThing"], ValueError)
    with pytest.raises(np.linalg.LinAlgError):
        space["raises"]("linalg")
    with pytest.raises(RecursionError):
        space["deep"](0)
    with pytest.raises(MemoryError):
        space["raises"]("memory")
    with pytest.raises(TypeError, match="missing 1 required"):
        space["same"]()
    with pytest.raises(ZeroDivisionError):
        space["halve"](1, 0)
    assert space["answer"] == 42


@pytest.mark.parametrize("kind", ["stop", "exit", "interrupt", "group", "generator"])
def test_exceptions_that_steer_the_interpreter(space: dict[str, Any], kind: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        assert all(map(space["raises"], [kind]))
    steering = (StopIteration, SystemExit, KeyboardInterrupt, BaseExceptionGroup, GeneratorExit)
    assert not isinstance(caught.value, steering)
    name = {
        "stop": "StopIteration",
        "exit": "SystemExit",
        "interrupt": "KeyboardInterrupt",
        "group": "ExceptionGroup",
    }
    assert type(caught.value).__name__ == name.get(kind, "GeneratorExit")


def test_print_and_warnings(space: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert space["speak"]("hello") == 5
    assert [(entry.category, str(entry.message)) for entry in caught] == [(DeprecationWarning, "take care")]
    assert tuple(capsys.readouterr()) == ("hello\n", "hello\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeprecationWarning):
            space["speak"]("x")


def test_whether_an_argument_was_changed(space: dict[str, Any]) -> None:
    given = np.zeros(3)
    assert space["spoil"](given) == 9 and given[0] == 0 and space["spoil"].__changed__
    assert space["spoil"]([1, 2]) == 9 and space["spoil"].__changed__
    for value in (given, {"a": [given]}, {1, 2}, space["Point"](1, 2), math.sqrt, np.random.default_rng(1)):
        space["same"](value)
        assert not space["same"].__changed__
    with pytest.raises(TypeError):
        space["spoil"]((1, 2))
    assert not space["spoil"].__changed__


def test_inspect(space: dict[str, Any]) -> None:
    halve = space["halve"]
    assert str(inspect.signature(halve)) == "(x: float, by: 'how much' = 2.0, *, up=False) -> float"
    assert inspect.getsource(halve).startswith("def halve(x") and "return x / by" in inspect.getsource(halve)
    assert inspect.isfunction(halve) and isinstance(halve, types.FunctionType)
    assert (halve.__name__, halve.__doc__, halve.__module__) == ("halve", "Divide.", "__main__")
    assert list(inspect.signature(space["Point"]).parameters) == ["x", "y"]
    assert inspect.getsource(space["Point"].moved).lstrip().startswith("def moved")


def test_libraries_take_a_function_elsewhere(space: dict[str, Any]) -> None:
    halve = space["halve"]
    assert np.vectorize(halve)([1, 2]).tolist() == [0.5, 1.0]
    assert functools.wraps(halve)(lambda: 1).__name__ == "halve" and functools.partial(halve, 4)() == 2.0
    assert integrate.quad(halve, 0, 2)[0] == pytest.approx(1.0)
    assert optimize.brentq(lambda x: halve(x) - 1, 0, 5) == pytest.approx(2.0)
    assert optimize.curve_fit(space["line"], [0.0, 1.0, 2.0], [1.0, 3.0, 5.0])[0] == pytest.approx([2.0, 1.0])
    assert inspect.getdoc(halve) == "Divide." and inspect.getfullargspec(halve).args == ["x", "by"]
    assert "moved" in dir(space["Point"](1, 2))
    assert (halve == len) is False and halve != object() and halve == space["same"](halve)


def test_functions_of_the_checker(space: dict[str, Any]) -> None:
    secret = 10
    apply, Point = space["apply"], space["Point"]
    assert apply(lambda x: x * secret, 3) == 30
    assert apply(lambda p: p.x, Point(8, 1)) == 8
    assert apply(lambda f, x: f(x) + 1, space["same"], 2) == 3
    assert apply(np.sin, np.pi / 2) == 1.0 and apply(math.sqrt, 4) == 2.0 and apply(operator.add, 1, 2) == 3
    assert apply(np.float64, 2) == 2.0 and apply(np.zeros, 3, np.dtype("f4")).dtype == np.float32
    assert apply(str, Path("a") / "b") == str(Path("a") / "b") and apply(float, Fraction(1, 4)) == 0.25
    function = np.poly1d([1, 2])
    assert apply(function, 3) == 5 and space["same"](function) is function
    with pytest.raises(ValueError, match="math domain error"):
        apply(lambda: math.sqrt(-1))
    with pytest.raises(RuntimeError, match="codec can't decode"):
        apply(lambda: b"\xff".decode())
    with pytest.raises(CannotPass, match=r"^same\(\.\.\.\): the check passes .*Thing"):
        space["same"]([type("Thing", (), {})()])
    with pytest.raises(CannotPass):
        apply(lambda: object())
    assert apply(lambda: 1) == 1


def test_values_of_the_standard_library_are_copied(space: dict[str, Any]) -> None:
    given = [
        Fraction(1, 3),
        Decimal("1.50"),
        Path("a/b"),
        date(2020, 2, 29),
        datetime(2020, 1, 2, 3),
        timedelta(1, 2),
    ]
    assert space["same"](given) == given
    assert space["same"]((given[0], given[0])) == (Fraction(1, 3), Fraction(1, 3))
    assert [type(value) for value in space["same"](given)] == [type(value) for value in given]
    assert space["half"]() == Fraction(1, 2) and not space["same"].__changed__


def test_generators_are_copied(space: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    assert space["draw"](rng) == np.random.default_rng(5).random() == rng.random()


def test_a_closed_session() -> None:
    with student(CELL) as session:
        halve = session.fetch(["halve"])["halve"]
        assert halve(2) == 1
        session.close()
        session.close()
        with pytest.raises(SessionOver, match="closed"):
            halve(2)
        assert session.fault is None


def test_a_session_goes_on_after_errors(space: dict[str, Any]) -> None:
    for _ in range(3):
        with pytest.raises(BoundaryError):
            space["same"](object())
        with pytest.raises(ValueError, match="no"):
            space["raises"]("value")
    assert space["same"](1) == 1
