"""Cells that only bind names."""

from __future__ import annotations

import pytest

from autograder.engine.plan import harmless

IMPORTED = {"numpy", "os", "os.path", "enum", "abc", "functools"}
HARMLESS = [
    "",
    "# a comment",
    "pass",
    "x = 1",
    "x = y = -1.5",
    "name = 'a'",
    "x = [1, 'a', None, (2, 3)]",
    "x = {'a': [1], 2: {3, 4}}",
    "alias = x",
    "size = np.pi",
    "def f(x, y=2, *, z=None):\n    while True: pass",
    "async def f(x: int) -> float:\n    return exit()",
    "def f(x: list[int] | None = None) -> 'np.ndarray':\n    return x",
    "def f(x: np.ndarray):\n    import os; os._exit(0)",
    "def f(x):\n    @decorated\n    def g(): pass\n    return g",
    "class A:\n    '''Words.'''\n    x = 3\n    def __init__(self): hang()\n    class B: pass",
    "class Wrong(ValueError):\n    pass",
    "import numpy as np",
    "import numpy as np, os.path",
    "from numpy import pi, sqrt as root",
    "x = 1\ny = 2",
]
HARMFUL = [
    "f()",
    "x",
    "'shown'",
    "x = f()",
    "x = 2 ** 10 ** 10",
    "x = 'a' * 10 ** 10",
    "x = y[0]",
    "x = a.b.c",
    "x = a.__class__",
    "x = [f()]",
    "x = [i for i in y]",
    "x = f'{y}'",
    "x = {f: 1}",
    "x = {y}",
    "x = {**y}",
    "x = (*y,)",
    "x, y = z",
    "x[0] = 1",
    "x.a = 1",
    "x += 1",
    "x: f() = 1",
    "time: 5",
    "del x",
    "assert x",
    "raise x",
    "while True: pass",
    "for i in x: pass",
    "if x: y = 1",
    "with x: pass",
    "try: pass\nexcept x: pass",
    "match x:\n    case f(): pass",
    "global x",
    "await x",
    "lambda: 1",
    "x = lambda y=f(): 1",
    "@f\ndef g(): pass",
    "@f\nclass A: pass",
    "def f(x=g()): pass",
    "def f(x: g()): pass",
    "def f(*, x=g()): pass",
    "def f(*args: g()): pass",
    "def f() -> g(): pass",
    "def f(x: A[int]): pass",
    "def f(x=A[int]): pass",
    "class A(B): pass",
    "class A(nn.Module): pass",
    "class A(type): pass",
    "class A(f()): pass",
    "class A(metaclass=M): pass",
    "class A(x=1): pass",
    "class A:\n    f()",
    "class A:\n    for i in x: pass",
    "class A:\n    x = f()",
    "class A:\n    x: f() = 1",
    "class A:\n    @property\n    def x(self): pass",
    "class A:\n    def __init_subclass__(cls): hang()",
    "class A:\n    def __class_getitem__(cls, x): hang()",
    "class A:\n    __class_getitem__ = f",
    "class A:\n    class B(A): pass",
    "print = 1",
    "def len(x): pass",
    "class list: pass",
    "from numpy import sum",
    "from numpy import pi as int",
    "from enum import Enum as Exception",
    "get_ipython = 1",
    "display = 1",
    "_ = 1",
    "__builtins__ = 1",
    "__name__ = 'x'",
    "def __import__(): pass",
    "import helper",
    "import numpy.helper",
    "from helper import x",
    "from numpy import *",
    "from . import x",
    "from __future__ import annotations",
    "%matplotlib inline",
    "!ls",
    "%%time\nx = 1",
    "x = !ls",
    "x?",
    "ls",
    "x = ",
    "def f(",
    "\x00",
    "x = 1" + " " * 20_000,
    "x = " + "[" * 5000 + "]" * 5000,
    "x = " + "-" * 5000 + "1",
]


@pytest.mark.parametrize("number", range(len(HARMLESS)))
def test_cells_that_only_bind_names(number: int) -> None:
    assert harmless(HARMLESS[number], IMPORTED), HARMLESS[number]


@pytest.mark.parametrize("number", range(len(HARMFUL)))
def test_cells_that_may_do_something(number: int) -> None:
    assert not harmless(HARMFUL[number], IMPORTED), HARMFUL[number]
    assert not harmless(f"a = 1\n{HARMFUL[number]}\nb = 1", IMPORTED)


def test_nothing_is_imported_unless_it_is_there() -> None:
    assert not harmless("import numpy")
    assert not harmless("from numpy import pi")


@pytest.mark.parametrize("number", range(len(HARMLESS)))
def test_harmless_cells_end_at_once_and_print_nothing(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    space: dict[str, object] = {"x": 1, "np": np, "hang": None}
    before = set(vars(np))
    exec(HARMLESS[number], space)
    assert capsys.readouterr() == ("", "")
    assert set(vars(np)) == before
