"""Objects that the check and the student's code both hold: changes come over where the reference makes them."""

from __future__ import annotations

import ast
import builtins
import random
from collections import Counter, defaultdict, deque
from typing import Any

import numpy as np
import pytest

from autograder.engine._changes import changed_arguments
from autograder.engine._sharing import take_over
from tests.engine.boundary import student

CELL = """
import random
import numpy as np
count, history = 0, []

def sort(values):
    values.sort()
    return values

def harmless(values):
    values.clear()
    return len(values)

def add(event):
    global count
    count += 1
    history.append(event)

class Logged:
    def __init__(self, log):
        self.log, self.own = log, []

    def say(self, word):
        self.log.append(word)

def draw():
    return random.random(), float(np.random.rand())

def ask():
    return input("?")
"""
SHARED: dict[str, frozenset[int | str]] = {"sort": frozenset({0, "values"}), "Logged": frozenset({0, "log"})}


@pytest.mark.parametrize(
    ("mine", "new"),
    [
        ([3, 1, 2], [1, 2]),
        ({"b": 1}, {"a": [1], "b": 2}),
        ({1}, {2, 3}),
        (Counter("a"), Counter("ab")),
        (defaultdict(list), defaultdict(list, a=[1])),
        (deque([1]), deque([2, 3])),
        (bytearray(b"a"), bytearray(b"bc")),
    ],
    ids=["list", "dict", "set", "counter", "defaultdict", "deque", "bytearray"],
)
def test_taking_over(mine: Any, new: Any) -> None:
    take_over(mine, new)
    assert mine == new and mine is not new
    with pytest.raises(TypeError):
        take_over(mine, 1)


def test_parts_stay_the_objects_that_they_were() -> None:
    rows = [[3], [1]]
    first, second = rows
    take_over(rows, [[1], [3]])
    assert rows[0] is second and rows[1] is first
    take_over(rows, [[1, 2], [3]])
    assert second == [1, 2] and rows[1] is first
    image = np.zeros((2, 2))
    row = image[0]
    take_over(image, np.ones((2, 2)))
    assert row.tolist() == [1, 1]
    with pytest.raises(TypeError):
        take_over(image, np.ones((2, 2), int))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(a, b): a.sort()", {"f": {0, "a"}}),
        ("def f(a, *, b): b[0] = a", {"f": {"b"}}),
        ("def f(a): a -= 1", {"f": {0, "a"}}),
        ("def f(a):\n    v = a[1:]\n    v[...] = 0", {"f": {0, "a"}}),
        ("def f(a):\n    for row in a:\n        row.reverse()", {"f": {0, "a"}}),
        ("def f(a): g(1, a)\ndef g(x, y): y.pop()", {"f": {0, "a"}, "g": {1, "y"}}),
        ("def f(a): random.shuffle(a)", {"f": {0, "a"}}),
        ("def f(a): np.add(a, 1, out=a)", {"f": {0, "a"}}),
        ("def f(a):\n    def g(x):\n        a.append(x)\n    return g", {"f": {0, "a"}}),
        ("class C:\n  def __init__(self, a):\n    self.a = a\n  def m(self):\n    self.a.append(1)", {"C": {0, "a"}}),
        ("class C:\n  def m(self, a):\n    a.sort()", {"m": {0, "a"}}),
        ("class C:\n  def __init__(self, a):\n    self.a = a", {}),
        ("def f(a): return sorted(a)", {}),
        ("def f(a):\n    b = list(a)\n    b.sort()\n    return b", {}),
    ],
)  # fmt: skip
def test_which_arguments_a_solution_changes(code: str, found: dict[str, set[int | str]]) -> None:
    assert changed_arguments([ast.parse(code)]) == found


def test_changes_come_over_where_the_reference_makes_them() -> None:
    with student(CELL, shared=SHARED, live=frozenset({"count", "history"})) as one:
        names = one.fetch(["sort", "harmless", "Logged"])
        values = [2, 1]
        assert names["sort"](values) is values
        assert values == [1, 2]
        values.append(0)
        names["sort"](values=values)
        assert values == [0, 1, 2]
        assert names["harmless"](values) == 0
        assert values == [0, 1, 2]
        log: list[str] = []
        logged = names["Logged"](log)
        logged.say("a")
        log.append("b")
        logged.say("c")
        assert log == ["a", "b", "c"] and logged.log is log
        logged.own.append(1)
        assert logged.own == [1]


def test_names_are_bound_anew() -> None:
    with student(CELL, shared=SHARED, live=frozenset({"count", "history"})) as one:
        one.space = one.fetch(["add", "count", "history"])
        kept = one.space["history"]
        one.space["add"]("a")
        assert one.space["count"] == 1 and kept == ["a"]
        kept.clear()
        one.space["add"]("b")
        assert one.space["count"] == 2 and one.space["history"] is kept == ["b"]
        one.space["count"] = 7
        one.space["add"]("c")
        assert one.space["count"] == 7


def test_seeds_and_patched_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with student(CELL, seeded=True) as one:
        names = one.fetch(["draw", "ask"])
        random.seed(1)
        np.random.seed(1)
        wanted = random.random(), float(np.random.rand())
        random.seed(1)
        np.random.seed(1)
        assert names["draw"]() == wanted
        monkeypatch.setattr(builtins, "input", lambda prompt="": f"{prompt} Ada")
        assert names["ask"]() == "? Ada"
