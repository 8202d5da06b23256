"""Values compared: what is equal, and how a difference is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from digital_biopsy._compare import difference, kind, same, show, show_call

NAN = float("nan")


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, 1),
        (1.0, np.float32(1.0)),
        (3, 3.0),
        (1.0, 1.0 + 5e-7),
        (0.0, 1e-10),
        (NAN, np.nan),
        (float("inf"), np.inf),
        (2.0, np.array(2.0)),
        (1 + 2j, np.complex128(1 + 2j)),
        (True, np.bool_(True)),
        ([1, 2], (1.0, 2)),
        ({"mean": 1.0, "n": [1, NAN]}, {"n": (1, NAN), "mean": 1}),
        (None, None),
        ("a", np.str_("a")),
        (np.array([1.0, NAN]), np.array([1.0, NAN], dtype=np.float32)),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array([True, False]), np.array([True, False])),
        (np.array(["a", "b"]), np.array(["a", "b"])),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (10**30, 10**30),
    ],
)
def test_equal(expected: Any, got: Any) -> None:
    assert difference(expected, got) is None


@pytest.mark.parametrize(
    ("expected", "got", "should", "gave"),
    [
        (-9.901, 0.0, "be −9.901", "gave 0.0"),
        (1.0, 1.00001, "be 1.0", "gave 1.00001"),
        (1.0, 1.0 + 2e-6, "be 1.0", "gave 1.000002"),
        (1, True, "be 1", "gave True (a bool)"),
        (True, 1, "be True", "gave 1 (a number)"),
        (5, "5", "be 5", "gave '5' (a string)"),
        (5, None, "be 5", "gave None"),
        (10**30, 10**30 + 1, "be 100000... (31 digits)", "gave 100000... (31 digits)"),
        (1000000, 1000001, "be 1000000", "gave 1000001"),
        (float("inf"), 1e300, "be inf", "gave 1e+300"),
        (1.0, float("inf"), "be 1.0", "gave inf"),
        (1.0, np.zeros(1), "be 1.0", "gave an array of shape (1,)"),
        (1.0, abs, "be 1.0", "gave a function"),
        (1.0, object(), "be 1.0", "gave an object of type object"),
        (np.zeros(3), np.zeros((3, 1)), "be an array of shape (3,)", "gave an array of shape (3, 1)"),
        (np.zeros(3), [0, 0, 0], "be an array of shape (3,)", "gave [0, 0, 0] (a list)"),
        (np.zeros(3), 0.0, "be an array of shape (3,)", "gave 0.0 (a number)"),
        (np.array([True]), np.array([1]), "be an array of bool", "gave an array of int64"),
        (
            np.array([[1.0, 2.0], [3.0, 4.0]]),
            np.array([[1.0, 2.0], [3.5, 0.0]]),
            "have 3.0 at [1, 0]",
            "has 3.5 there (2 of 4 elements differ)",
        ),
        ([1, 2], [1, 3], "have 2 at [1]", "has 3 there"),
        ([1, 2], [1], "be a list of 2", "gave a list of 1: [1]"),
        ([1, 2], 1, "be a list of 2", "gave 1 (a number)"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "have 1 at ['a']['b']", "has 2 there"),
        ({"a": 1}, {"b": 1}, "be a dict with the keys 'a'", "gave the keys 'b'"),
        ("right", "wrong", "be 'right'", "gave 'wrong'"),
        (None, 0, "be None", "gave 0 (a number)"),
    ],
)
def test_different(expected: Any, got: Any, should: str, gave: str) -> None:
    found = difference(expected, got)
    assert found is not None
    assert (found.should, found.gave) == (should, gave)


def test_tolerance_is_absolute() -> None:
    assert difference(100.0, 100.9, tol=1.0) is None
    assert difference(100.0, 101.1, tol=1.0) is not None
    assert difference(5, 6, tol=1.0) is None
    assert difference(0.0, 1e-10, tol=0.0) is not None
    assert difference(np.array([100.0]), np.array([100.9]), tol=1.0) is None
    assert difference(np.array([100.0]), np.array([101.1]), tol=1.0) is not None
    assert difference([{"a": 1.0}], [{"a": 1.5}], tol=1.0) is None


def test_dtype_when_asked() -> None:
    assert difference(np.ones(2), np.ones(2), dtype="float64") is None
    assert difference(np.ones(2), np.ones(2, np.float32), dtype=np.floating) is None
    found = difference(np.ones(2), np.ones(2, np.float32), dtype="float64")
    assert found is not None
    assert found.should == "be of type float64"
    assert found.gave.startswith("gave float32")
    assert difference(1.0, 1, dtype=np.floating) is not None


def test_unsigned_and_signed_integers_do_not_wrap() -> None:
    assert difference(np.array([255], np.uint8), np.array([-1], np.int8)) is not None


def test_same_is_strict() -> None:
    assert same(np.array([1.0, NAN]), np.array([1.0, NAN]))
    assert not same(1.0, 1.0 + 1e-9)
    assert not same(np.zeros(1), 0.0)
    assert not same({"a": 1}, {"a": 1, "b": 2})


def test_values_that_fight_back() -> None:
    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        def __repr__(self) -> str:
            raise RuntimeError("no")

        __hash__ = None  # type: ignore[assignment]

    for expected in (1.0, "a", None, [1], {"a": 1}, np.zeros(2)):
        found = difference(expected, Hostile())
        assert found is not None
        assert "an object of type Hostile" in found.gave


def test_calls_are_printed_as_typed_and_arrays_shortened() -> None:
    assert show_call("f", (1, "a"), {"x": -0.5, "y": None}) == "f(1, 'a', x=-0.5, y=None)"
    assert show_call("f", (), {"x": np.array([1, 2])}) == "f(x=np.array([1, 2]))"
    assert show_call("f", (), {"x": np.array([1], np.int16)}) == "f(x=np.array([1], dtype='int16'))"
    assert show_call("f", (), {"x": np.zeros((512, 512), np.int16)}) == "f(x=<array 512 x 512, int16>)"
    assert show_call("f", (), {"x": list(range(50))}) == "f(x=[0, 1, 2, 3, 4, 5, 6, 7, ...])"
    wide = show_call("f", (), {"x": np.arange(16.0).reshape(4, 4), "mask": np.ones((4, 4), bool)})
    assert wide == "f(x=<array 4 x 4, float64>, mask=<array 4 x 4, bool, all True>)"


def test_numbers_are_shown_short_and_told_apart() -> None:
    assert show(-9.9009900990099) == "−9.90099"
    assert show(3.0) == "3.0"
    assert show(np.float32(0.5)) == "0.5"
    assert show(1e-20) == "1e−20"
    found = difference(0.1, 0.1 + 1e-12, tol=0.0)
    assert found is not None
    assert found.should != found.gave.replace("gave", "be")


def test_kinds_have_an_article() -> None:
    assert kind(np.zeros((2, 3))) == "an array of shape (2, 3)"
    assert kind((1, 2)) == "a tuple of 2"
    assert kind(int) == "a class"
