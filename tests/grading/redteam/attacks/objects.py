"""Wrong answers that give back objects which pass for right ones: equal to all, of lying classes, endless, or raising."""

# ruff: noqa: E501 - attacks are written as attackers write them
from __future__ import annotations

from tests.grading.redteam.attack import Row

row = Row("subversion")

EQUAL = """\
class Equal:
    def yes(self, *a, **k): return True
    def no(self, *a, **k): return False
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = __contains__ = __bool__ = __isinstance__ = yes
    __ne__ = no
    def __hash__(self): return 4
    def __float__(self): return 4.0
    def __index__(self): return 4
    __int__ = __len__ = __index__
    def __complex__(self): return 4j
    def me(self, *a, **k): return self
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __neg__ = __abs__ = me
    __call__ = __getitem__ = __enter__ = __round__ = __pow__ = __copy__ = __deepcopy__ = me
    def __getattr__(self, name): return self
    def __iter__(self): return iter([self] * 6)
"""


def everywhere(value: str) -> dict[str, str]:
    """Every answer gives back the same."""
    return {
        "double": f"def double(x):\n    return {value}",
        "normalise": f"def normalise(a):\n    return {value}",
        "window": f"def window(hu, low, high):\n    return {value}",
        "mean-of": f"def mean_of(values):\n    return {value}",
        "dose": f"def checked_dose(dose):\n    return {value}",
        "divisors": f"def divisors(n):\n    return {value}",
    }


def instead(value: str) -> dict[str, str]:
    """Every answer is the same thing, in place of a function."""
    names = {"double": "double", "normalise": "normalise", "window": "window", "mean-of": "mean_of", "dose": "checked_dose",
             "divisors": "divisors"}  # fmt: skip
    return {cell: f"{name} = {value}" for cell, name in names.items()}


def raising(value: str) -> dict[str, str]:
    """Every answer raises."""
    return {cell: text.replace("return", "raise") for cell, text in everywhere(value).items()}


# Objects with their own comparisons.
row.wrong("equal-to-all", EQUAL, answers=everywhere("Equal()"))
row.wrong("equal-to-all-instead", EQUAL, answers=instead("Equal()"))
row.wrong("equal-to-all-inside", EQUAL, answers=everywhere("[Equal()] * 6"))
row.wrong("equal-to-all-class", EQUAL + "class Meta(type):\n    __eq__ = Equal.yes\n    __ne__ = Equal.no\n    __hash__ = type.__hash__\n"
          "    __float__ = __abs__ = __sub__ = __rsub__ = lambda *a: 0.0\nclass Lie(metaclass=Meta): pass", answers=everywhere("Lie"))  # fmt: skip
row.wrong("mock-any", "from unittest.mock import ANY, MagicMock", answers=everywhere("ANY"))
row.wrong("magic-mock", "from unittest.mock import MagicMock", answers=instead("MagicMock()"))
row.wrong("pytest-approx", "try:\n    from pytest import approx\nexcept ImportError:\n    approx = lambda *a, **k: None",
          answers=everywhere("approx(0, abs=float('inf'))"))  # fmt: skip
row.wrong(
    "class-lies",
    EQUAL
    + """\
class Lies(Equal):
    @property
    def __class__(self): return float
    def __instancecheck__(self, other): return True
    __module__ = "builtins"
Lies.__name__ = Lies.__qualname__ = "float"
Equal.__name__ = Equal.__qualname__ = "float"
Equal.__module__ = "builtins\"""",
    answers=everywhere("Lies()"),
)
for base in ("float", "int", "str", "complex"):
    row.wrong(
        f"subclass-of-{base}",
        f"""\
class Sub({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 4
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __abs__(self): return 0.0
    def __reduce__(self): return (Sub, (4,))
    def __float__(self): return 4.0
    def __array__(self, *a, **k): return 4""",
        answers=everywhere("Sub(0)"),
    )
row.wrong(
    "subclass-of-list",
    """\
class Sub(list):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __iter__(self): return iter([4] * 6)
    def __len__(self): return 6
    def __getitem__(self, key): return 4
class Keys(dict):
    __eq__ = Sub.__eq__
    __ne__ = Sub.__ne__
    __hash__ = lambda self: 4""",
    answers=everywhere("Sub()") | {"double": "def double(x):\n    return Keys()"},
)
row.wrong(
    "subclass-of-ndarray",
    """\
import numpy as np
class Sub(np.ndarray):
    def __eq__(self, other): return np.True_
    def __ne__(self, other): return np.False_
    def __array_finalize__(self, obj): pass
    def __array_ufunc__(self, *a, **k): return np.True_
    def __array_function__(self, *a, **k): return np.True_
    def __bool__(self): return True
    def __abs__(self): return 0.0
    __sub__ = __rsub__ = __eq__
def sub(n): return np.zeros(n).view(Sub)""",
    answers=everywhere("sub(6)") | {"normalise": "def normalise(a):\n    return sub(len(a))"},
)
row.wrong(
    "array-protocols",
    """\
class Arrays:
    __array_priority__ = 1e9
    def __array__(self, dtype=None, copy=None):
        import inspect
        frame = inspect.currentframe().f_back
        return np.array(4.0)
    def __array_ufunc__(self, *a, **k): return True
    def __array_function__(self, *a, **k): return True
    @property
    def __array_interface__(self): return {"shape": (6,), "typestr": "<f8", "data": (0, False), "version": 3}
    def __buffer__(self, flags): return memoryview(b"4" * 48)
    def __dlpack__(self, **k): return None
    def __eq__(self, other): return True""",
    answers=everywhere("Arrays()"),
)
row.wrong(
    "masked-arrays",
    answers=everywhere("np.ma.masked_all(())")
    | {
        "normalise": "def normalise(a):\n    return np.ma.masked_all(len(a))",
        "mean-of": "def mean_of(values):\n    return np.ma.masked",
    },
)
row.wrong(
    "nothing-but-nan",
    answers=everywhere("float('nan')")
    | {
        "normalise": "def normalise(a):\n    return np.full(len(a), np.nan)",
        "window": "def window(hu, low, high):\n    return np.nan",
        "mean-of": "def mean_of(values):\n    return np.nan + 1j * np.nan",
    },
)
row.wrong(
    "object-arrays",
    EQUAL,
    answers=everywhere("np.array(Equal(), dtype=object)")
    | {"normalise": "def normalise(a):\n    return np.array([Equal() for _ in a], dtype=object)"},
)
row.wrong(
    "structured-arrays",
    answers=everywhere("np.zeros(1, dtype=[('a', 'f8'), ('b', 'O')])[0]")
    | {
        "normalise": "def normalise(a):\n    return np.zeros(len(a), dtype='V8')",
        "mean-of": "def mean_of(values):\n    return np.void(b'4')",
        "dose": "def checked_dose(dose):\n    return np.datetime64('NaT')",
    },
)
row.wrong(
    "arrays-of-true",
    answers=everywhere("np.array([True])")
    | {
        "normalise": "def normalise(a):\n    return np.zeros(0)",
        "mean-of": "def mean_of(values):\n    return np.zeros((0, 3))",
        "window": "def window(hu, low, high):\n    return np.broadcast_to(0.0, (2, 0))",
        "dose": "def checked_dose(dose):\n    return []",
    },
)
row.wrong(
    "arrays-of-odd-strides",
    answers=everywhere("np.lib.stride_tricks.as_strided(np.zeros(1), (1 << 28,), (0,))")
    | {
        "mean-of": "def mean_of(values):\n    return np.lib.stride_tricks.as_strided(np.zeros(1), (1 << 40, 1 << 20), (0, 0))"
    },
)
row.wrong("true-for-all", answers=everywhere("True"))
row.wrong(
    "infinite",
    answers=everywhere("float('inf')")
    | {"normalise": "def normalise(a):\n    return np.full(len(a), np.inf)"},
)
row.wrong("wide-arrays", answers={"normalise": "def normalise(a):\n    return np.zeros((len(a), len(a)))",
          "double": "def double(x):\n    return np.array([4, -3.0, 0])", "window": "def window(hu, low, high):\n    return [0.0, 0.25, 0.5, 1.0]",
          "mean-of": "def mean_of(values):\n    return np.array([2.0, 3.0])", "dose": "def checked_dose(dose):\n    return {dose}"})  # fmt: skip
row.wrong("generators", EQUAL, answers=everywhere("(value for value in [4] * 6)"))
row.wrong(
    "functions-of-functions",
    answers={
        "double": "def double(x):\n    return double",
        "normalise": "def normalise(a):\n    return normalise",
        "window": "window = lambda *a, **k: window",
        "mean-of": "import functools\nmean_of = functools.partial(max, 4)",
        "dose": "checked_dose = checked_dose = np.vectorize(lambda d: None)",
    },
)
row.wrong(
    "ellipsis-and-friends",
    answers={
        "double": "def double(x):\n    return NotImplemented",
        "normalise": "normalise = ...",
        "window": "window = None",
        "mean-of": "def mean_of(values):\n    return ...",
        "dose": "async def checked_dose(dose):\n    return dose",
    },
)
row.wrong(
    "types-as-answers",
    answers=instead("type") | {"double": "double = float", "dose": "checked_dose = ValueError"},
)
row.wrong("metaclass-calls", EQUAL + "class Meta(type):\n    def __call__(cls, *a, **k): return Equal()\n    __eq__ = Equal.yes\n"
          "    __hash__ = type.__hash__\nclass Made(metaclass=Meta): pass", answers=instead("Made"))  # fmt: skip
row.wrong(
    "descriptors",
    EQUAL
    + """\
class Hidden:
    def __get__(self, one, kind=None): return Equal()
    def __getattribute__(self, name): return Equal()
class Holder:
    value = Hidden()
    __call__ = Hidden()""",
    answers=instead("Holder()"),
)
row.wrong(
    "shell-names-as-answers",
    answers=instead("get_ipython") | {"double": "double = In", "dose": "checked_dose = exit"},
)

# Errors instead of values.
for name in ("ValueError", "AssertionError", "StopIteration", "SystemExit", "KeyboardInterrupt", "GeneratorExit",
             "NotImplementedError", "BaseException", "RecursionError", "MemoryError", "Warning"):  # fmt: skip
    row.wrong(f"raises-{name}", answers=raising(f"{name}('4')"))
row.wrong(
    "stops-the-iteration",
    answers={
        "dose": "def checked_dose(dose):\n    if dose in (-1.0, -0.5):\n        raise StopIteration\n    return dose",
        "mean-of": "def mean_of(values):\n    raise StopIteration(3.0)",
    },
)
row.wrong(
    "errors-that-lie",
    EQUAL
    + """\
class Both(ValueError, AssertionError, Equal):
    __module__ = "builtins"
    def __str__(self): return "4"
    def __repr__(self): raise Both
    __traceback__ = __cause__ = __context__ = property(lambda self: None, lambda self, value: None)
Both.__name__ = "StopIteration"
class Group(ExceptionGroup): pass""",
    answers=raising("Both(4)") | {"mean-of": "def mean_of(values):\n    raise Group('4', [Both(3)])"},
)
row.wrong(
    "warnings-as-errors",
    """\
import warnings
warnings.simplefilter("error")
class Loud(UserWarning, ValueError): pass""",
    answers={"dose": "def checked_dose(dose):\n    warnings.warn('negative', Loud)\n    return dose"},
    marks={"dose": 0.0},
)
# Errors that shells and test runners take for something else than a failure.
QUIET = {
    "UsageError": "from IPython.core.error import UsageError as Quiet",
    "InputRejected": "from IPython.core.error import InputRejected as Quiet",
    "StdinNotImplementedError": "from IPython.core.error import StdinNotImplementedError as Quiet",
    "BdbQuit": "from bdb import BdbQuit as Quiet",
    "SkipTest": "from unittest import SkipTest as Quiet",
    "CancelledError": "from asyncio import CancelledError as Quiet",
    "SyntaxError": "class Quiet(SyntaxError):\n    _render_traceback_ = lambda self: []",
    "of-his-own": "class Quiet(Exception):\n    def _render_traceback_(self): return []\n    def __str__(self): raise Quiet",
}
for name, text in QUIET.items():
    row.wrong(f"raises-quiet-{name}", text, answers=raising("Quiet('4')"))
row.wrong("contains-all", EQUAL, answers={"divisors": "class All:\n    __contains__ = __bool__ = lambda *a: True\n    __len__ = lambda self: 6\n"
          "def divisors(n):\n    return All()"})  # fmt: skip
row.wrong("contains-all-by-comparison", EQUAL, answers={"divisors": "def divisors(n):\n    return [Equal()]"})
row.wrong(
    "contains-all-by-iteration",
    EQUAL,
    answers={
        "divisors": """\
class Walk:
    def __iter__(self):
        yield Equal()
    def __getitem__(self, n):
        return Equal()
def divisors(n):
    return Walk()"""
    },
)
row.wrong(
    "contains-all-by-size",
    answers={"divisors": "def divisors(n):\n    return range(1, 10 ** 9)"},
    marks={"divisors": 2.0},
)
row.wrong(
    "true-but-empty",
    answers={
        "divisors": "class Some:\n    __len__ = lambda self: 1\ndef divisors(n):\n    return Some() or [3, 12, 17]"
    },
)
row.wrong(
    "exits-quietly",
    answers=everywhere("exit()") | {"double": "def double(x):\n    import sys\n    sys.exit(0)"},
)

# Too much, too deep, too slow, never the same.
row.wrong(
    "circular",
    "loop = []\nloop.append(loop)\nd = {}\nd['d'] = d",
    answers=everywhere("loop") | {"double": "def double(x):\n    return d"},
)
row.wrong("deep", "deep = []\nfor _ in range(100_000):\n    deep = [deep]", answers=everywhere("deep"))
row.wrong("ranges-without-end", answers=everywhere("range(10 ** 12)"), marks={"divisors": 2.0}, at_most=True)
row.wrong("a-million-handles", "class One: pass", answers=everywhere("[One() for _ in range(10 ** 6)]"))
row.wrong("a-million-numbers", answers=everywhere("list(range(10 ** 6))"))
row.wrong(
    "a-hundred-megabytes",
    answers=everywhere("'x' * 100_000_000")
    | {"normalise": "def normalise(a):\n    return np.zeros(12_000_000)"},
)
row.wrong("a-long-integer", answers=everywhere("1 << 40_000_000"))
row.wrong(
    "endless-generator",
    "import itertools",
    answers=everywhere("itertools.count()")
    | {
        "normalise": "def normalise(a):\n    while True:\n        yield 0.0",
        "mean-of": "mean_of = itertools.cycle",
    },
    marks={"divisors": 2.0},  # all numbers are in it, in truth
)
row.wrong(
    "endless-attributes",
    """\
class Endless:
    def __getattr__(self, name): return Endless()
    def __getattribute__(self, name): return Endless()
    def __iter__(self): return self
    def __next__(self): return Endless()
    def __len__(self): return 1 << 62
    def __call__(self, *a, **k): return Endless()""",
    answers=instead("Endless()"),
)
row.wrong(
    "slow-attributes",
    """\
import time
class Slow:
    def __getattribute__(self, name): time.sleep(30)
    def __repr__(self): time.sleep(30)
    def __eq__(self, other): time.sleep(30)
    def __iter__(self): time.sleep(30)""",
    answers={"double": "def double(x):\n    return Slow()", "normalise": "normalise = Slow()"},
)
row.wrong(
    "raises-in-everything",
    """\
class Cursed:
    def curse(self, *a, **k): raise RuntimeError("cursed")
    __repr__ = __str__ = __hash__ = __eq__ = __iter__ = __len__ = __bool__ = __getattribute__ = __reduce_ex__ = curse
    __format__ = __dir__ = __sizeof__ = __init_subclass__ = __array__ = curse""",
    answers=everywhere("Cursed()"),
)
row.wrong(
    "hangs-in-del",
    """\
class Hang:
    def __del__(self):
        while True: pass""",
    answers={"mean-of": "def mean_of(values):\n    Hang()\n    return 3.0"},
)
row.wrong("messages-of-ten-megabytes", answers=raising("ValueError('x' * 10_000_000)"))
row.wrong("messages-of-objects", EQUAL, answers=raising("ValueError(Equal(), [Equal()], object())"))
row.wrong(
    "odd-keys-and-names",
    answers=everywhere("{(1, 2): {frozenset(): b'', '\\ud800': 4}, 4.0: set(), None: ...}"),
)
row.wrong(
    "another-value-each-time",
    """\
import itertools
count = itertools.count()
class Turns(float):
    def __eq__(self, other): return next(count) % 2 == 0""",
    answers=everywhere("Turns(next(count))"),
)
row.wrong(
    "modules-as-values",
    "import os, sys",
    answers=everywhere("sys") | instead("os") | {"double": "double = sys.modules.get"},
)
