"""Small random assignments, run in one namespace as stock nbgrader does, and split between two as the plan says.

The split here is plain: the student's namespace is made anew for every step, from the cells before it, as if it were a
snapshot; the checker's keeps what its own steps bind, and sees of the student's what the plan lets it see.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from nbformat import NotebookNode, v4

from autograder.engine.plan import Plan, plan
from tests.engine.notebooks import graded

SETUP = [
    "import math as {n}",
    "from math import factorial as {f}",
    "{n} = {k}",
    "{n} = [{k}]",
    "{n} = list({m})",
    "{n} = {f}({k})",
    "{n}: int = {f}({k})",
    "{n}, {m} = [{k}], {k}",
    "if {k} > 1:\n    {n} = [{k}]\nelse:\n    {n} = {k}",
    "for {n} in [{k}]:\n    {m} = {n}",
    "try:\n    {n} = {m}[0]\nexcept TypeError:\n    {n} = [{k}]",
    "with open('/dev/null') as {m}:\n    {n} = {k}\n{m} = {k}",
    "{n} = [({m} := x) for x in [{k}]]",
    "def {f}(x):\n    return x + {k}",
    "def {f}(x):\n    return {g}(x) + 1 if x < 9 else x",
    "def {f}(x):\n    return [x, str({n})]",
    "{f} = lambda x: [x, str({n})]",
    "class Two:\n    y = {k}\n    def both(self, x):\n        return [x, str({n})]\n{f} = Two().both",
    "{n}.append({k})",
    "{n} = {n} + {n}",
    "{n} += {m}",
    "{n} += [{k}]",
    "{f}({k})",
    "del {n}",
    "exec('{n} = {k}')",
    "if {k} > 5:\n    {n} = {k}",
    "for {n} in []:\n    {m} = {n}",
    "from math import *",
    "def wrap(inner):\n    return lambda x: [{n}, inner(x)] if {k} > 2 else inner(x)\n"
    "@wrap\ndef {f}(x):\n    return x * {k}",
    "def {f}(x, y={m}):\n    def inner():\n        nonlocal x\n        x = str(y)\n"
    "        return {g}({k})\n    return inner() if x != {k} else x",
    "{n} = [y for x in [{k}] for y in [x] if str({m})]",
    "{n} = {{'key': {k}}}\n{m} = dict({n}, other={k})",
    "class Box:\n    {n} = {k}\n    other = {n}\n{m} = Box.other",
    "{n} = (lambda {m}: {m} + {k})({k})",
    "match [{k}, 2]:\n    case [{n}, *{m}]:\n        pass",
    "while True:\n    {n} = {k}\n    break\nelse:\n    {m} = 1",
]
SOLUTION = [
    *(text for text in SETUP if "exec" not in text),
    "{n} = {m}",
    "{n} = {m} = [{k}]",
    "{n}[0] = {k}",
    "del {n}[0]",
    "{n}.insert(0, {k})",
    "{m} = {n}.pop()",
    "def {h}(x):\n    global {n}\n    {n} = x\n    return x\n{h}({k})",
    "def {h}(x):\n    {n}.append(x)",
    "def {h}(x):\n    x.append({k})\n{h}({n})",
    "def {h}(x):\n    x.append({k})",
    "{h}({n})",
    "{h}({k})",
    "def {h}(x):\n    {m}.append(x)\n    return {n}\ndef outer(x):\n    return {h}(x)\nouter({k})",
    "class Keeper:\n    def keep(self):\n        {n}.append({k})\nKeeper().keep()",
    "{n}, {m} = {m}, {n}",
    "{n}['key'] = {k}",
    "{n}.update(more={k})",
    "{n}.setdefault('b', {k})",
    "{m} = [{n}]\n{m}[0].append({k})",
    "for row in [{n}]:\n    row.append({k})",
    "for i, row in enumerate([{n}, {m}]):\n    row += [{k}]",
    "other = {n}\nother.extend([{k}, {k}])",
]
TEST = [
    "see({n})",
    "see({f}({k}))",
    "see({n}, {m})",
    "see(look('{n}'))",
    "see([{f}(x) for x in range({k})])",
    "t = {n}\nsee(t)",
    "def t(x):\n    return {f}(x)\nsee(t({k}))",
    "see((lambda {n}: {m})({k}))",
    "saved = {f}\ndel {f}\ntry:\n    see(1)\nfinally:\n    {f} = saved",
    "see(globals()['{n}'])",
    "see([{f}(y) for y in [{n}] for {n} in [{k}]])",
    "try:\n    see({f}({n}))\nexcept TypeError as {m}:\n    see({k})",
    "def t():\n    def u(): return {f}({k})\n    return u\nsee(t()())",
    "see(exp({k}) > 0)",
    "see({n}, [{m} for _ in range({k})])",
]
ROLES = {"set-up": SETUP, "solution": SOLUTION, "test": TEST}


def draw(rng: random.Random) -> tuple[str, str]:
    """Draw a cell: its role, and its text."""
    role = rng.choice(["set-up", "set-up", "solution", "solution", "test"])
    names = {"n": "abc", "m": "abc", "f": "fg", "g": "fg", "h": "hj", "k": "123"}
    return role, rng.choice(ROLES[role]).format(**{key: rng.choice(few) for key, few in names.items()})


def plain(value: object) -> object:
    """What a test can tell of a value."""
    if callable(value):
        return "function"
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value if isinstance(value, int) else "module"


def namespace(seen: list[object]) -> dict[str, Any]:
    space: dict[str, Any] = {}
    space["__builtins__"] = {
        **vars(__import__("builtins")),
        "see": lambda *values: seen.append([plain(value) for value in values]),
        "look": lambda name: space[name],
    }
    return space


def stock(code: list[tuple[str, str]]) -> list[object]:
    """Run all cells in one namespace; return what the tests saw."""
    seen: list[object] = []
    space = namespace(seen)
    for _, source in code:
        exec(source, space)
    return seen


def sensible(rng: random.Random) -> list[tuple[str, str]]:
    """Draw cells that run without error one after the other, as an instructor's do; the last one is a test."""
    kept: list[tuple[str, str]] = []
    while not kept or kept[-1][0] != "test" or len(kept) < rng.randint(3, 12):
        cell = draw(rng)
        if runs([*kept, cell]):
            kept.append(cell)
    return kept


def runs(code: list[tuple[str, str]]) -> bool:
    try:
        stock(code)
        # What tests bind does not reach the student's process: no cell of theirs may need it.
        stock([cell for cell in code if cell[0] != "test"])
    except Exception:
        return False
    return True


def notebook(code: list[tuple[str, str]]) -> NotebookNode:
    made = []
    for number, (role, source) in enumerate(code):
        flags = {
            "set-up": {},
            "solution": {"solution": True},
            "test": {"grade": True, "locked": True, "points": 1},
        }
        plain_cell = role == "set-up"
        cell = v4.new_code_cell(source) if plain_cell else graded("code", f"c{number}", source, **flags[role])
        made.append(cell)
    return v4.new_notebook(cells=made)


def split(
    made: Plan, students: list[str | None], *, ahead: bool = False
) -> tuple[list[object], dict[int, frozenset[str]]]:
    """Run the plan's steps against a student's cells (None: a test); return what the tests saw, and the names taken."""
    seen: list[object] = []
    checker = namespace(seen)
    always = set(checker)
    ours: set[str] = set()
    taken: dict[int, frozenset[str]] = {}
    for step in made.steps:
        theirs: dict[str, Any] = {}
        if not (ahead and step.index < made.prefix):
            space = namespace([])
            for source in students[: step.number - 1]:
                if source is not None:
                    exec(source, space)
            theirs = {name: value for name, value in space.items() if name not in always}
        for name in step.answers & ours:
            del checker[name]
        ours -= step.answers
        names = step.students(theirs, ours)
        taken[step.index] = names
        assert not step.takes & set(theirs) - names - ours
        if not step.asks:
            names = frozenset()
        lent = {name: theirs[name] for name in names}
        checker.update(lent)
        exec(step.source, checker)
        for name, value in lent.items():
            if name in checker and checker[name] is value and name not in step.binds:
                del checker[name]
        ours = set(checker) - always
    return seen, taken


@pytest.mark.parametrize("part", range(4))
def test_the_reference_gets_the_same_in_two_namespaces_as_in_one(part: int) -> None:
    for seed in range(part * 40, part * 40 + 40):
        code = sensible(random.Random(seed))
        made = plan(notebook(code))
        students = [None if role == "test" else source for role, source in code]
        shown = "\n----\n".join(f"# {role}\n{source}" for role, source in code)
        assert split(made, students)[0] == stock(code), shown
        assert split(made, students, ahead=True)[0] == stock(code), shown


@pytest.mark.parametrize("spoil", ["import_", "data", "helper"])
def test_an_edited_set_up_cell_changes_nothing(spoil: str) -> None:
    code = [
        ("set-up", "import math\ndata = [1, 2]\ndef close(a, b):\n    return abs(a - b) < 1e-6"),
        ("solution", "def root(x):\n    return math.sqrt(x)"),
        ("test", "see(close(root(data[1]), math.sqrt(2)), close(root(4), 3))"),
    ]
    made = plan(notebook(code))
    edits = {
        "import_": "math.sqrt = abs",
        "data": "data = [0, 0]",
        "helper": "def close(a, b):\n    return True",
    }
    honest = [code[0][1], code[1][1], None]
    if spoil == "import_":
        edited = ["class math:\n    sqrt = lambda x: x ** 0.5", code[1][1], None]
    else:
        edited = [f"{code[0][1]}\n{edits[spoil]}", code[1][1], None]
    assert split(made, honest)[0] == split(made, edited)[0] == [[True, False]]
