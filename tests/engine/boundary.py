"""A student's process for the tests of the boundary: no jail, only the two pipes."""

from __future__ import annotations

import contextlib
import linecache
import os
import signal
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from autograder.engine.serve import serve
from autograder.engine.session import Session

Peer = Callable[[int, int], None]

#: A student's cell with something of each kind.
CELL = '''
import collections, enum, functools, math, warnings
import numpy as np
from dataclasses import dataclass
from fractions import Fraction

answer, words, table = 42, ["a", "b"], {"x": np.arange(3)}
_hidden = 1

def same(x):
    return x

def halve(x: float, by: "how much" = 2.0, *, up=False) -> float:
    """Divide."""
    return x / by

class Point:
    """A place."""
    dimensions = 2

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    def __hash__(self):
        return hash((self.x, self.y))

    def __lt__(self, other):
        return self.x < other.x

    def __add__(self, other):
        return Point(self.x + getattr(other, "x", other), self.y)

    def __repr__(self):
        return f"Point({self.x}, {self.y})"

    @staticmethod
    def origin():
        return Point(0, 0)

    @property
    def norm(self):
        return math.hypot(self.x, self.y)

    def moved(self, dx):
        return type(self)(self.x + dx, self.y)

class Pixel(Point):
    pass

class Bag:
    def __init__(self, *items):
        self.items = list(items)
        self.open = False

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]

    def __setitem__(self, i, item):
        self.items[i] = item

    def __delitem__(self, i):
        del self.items[i]

    def __contains__(self, item):
        return item in self.items

    def __enter__(self):
        self.open = True
        return self

    def __exit__(self, *error):
        self.open = False

class Yes:
    """Equal to everything."""
    def __eq__(self, other): return True
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
    def __add__(self, other): return 4
    __radd__ = __sub__ = __rsub__ = __mul__ = __abs__ = __neg__ = __add__
    def __contains__(self, item): return True
    def __float__(self): return 4.0
    def __int__(self): return 4
    __index__ = __int__
    def __array__(self, *args, **kwargs): return np.array(4.0)
    def __bool__(self): return True
    def __hash__(self): return hash(4)

class Colour(enum.Enum):
    RED, BLUE = 1, 2

class BadThing(ValueError):
    def __init__(self, level):
        super().__init__(f"bad at {level}")
        self.level = level

def apply(function, *args):
    return function(*args)

def count(n):
    for i in range(n):
        yield i

def line(x, slope, offset):
    return slope * x + offset

def raises(kind):
    raise {"value": ValueError("no"), "bad": BadThing(3), "stop": StopIteration(), "exit": SystemExit(0),
           "interrupt": KeyboardInterrupt(), "group": ExceptionGroup("g", [ValueError()]),
           "generator": GeneratorExit(), "linalg": np.linalg.LinAlgError("singular"),
           "memory": MemoryError()}[kind]

def deep(n):
    return deep(n + 1)

def speak(text):
    import sys
    print(text)
    print(text, file=sys.stderr)
    warnings.warn("take care", DeprecationWarning)
    return len(text)

def spoil(x):
    x[0] = 9
    return x[0]

def draw(rng):
    return rng.random()

Pair = collections.namedtuple("Pair", "low high")

def pair():
    return Pair(1, [2])

def half():
    return Fraction(1, 2)

def refused(kind):
    return {"matrix": np.matrix([1]), "masked": np.ma.array([1]), "list": [1, np.matrix([1])],
            "int": type("I", (int,), {})(4), "objects": np.array([None])}[kind]
'''


def notebook(source: str) -> dict[str, Any]:
    """The namespace after a cell has run."""
    source = textwrap.dedent(source)
    name = f"<cell {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, name, "exec", dont_inherit=True), space)
    return space


@contextlib.contextmanager
def peer(run: Peer) -> Iterator[tuple[int, int, int]]:
    """Run something in a child at the student's end; gives the checker's two descriptors and the child's pid."""
    requests, asking = os.pipe()
    answering, answers = os.pipe()
    ours = [os.dup(answering), os.dup(asking)]
    pid = os.fork()
    if pid == 0:
        try:
            for descriptor in (asking, answering, *ours):
                os.close(descriptor)
            run(requests, answers)
        finally:
            os._exit(0)
    for descriptor in (requests, answers, asking, answering):
        os.close(descriptor)
    try:
        yield ours[1], ours[0], pid
    finally:
        for descriptor in ours:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@contextlib.contextmanager
def student(source: str, **options: Any) -> Iterator[Session]:
    """A session with a process in which this cell has run."""

    def run(requests: int, answers: int) -> None:
        serve(requests, answers, notebook(source), step=3)

    with peer(run) as (asking, answering, _):
        session = Session(asking, answering, step=3, seconds=options.pop("seconds", 20.0), **options)
        try:
            yield session
        finally:
            session.close()


@contextlib.contextmanager
def names(source: str, **options: Any) -> Iterator[dict[str, Any]]:
    """The names of such a process."""
    with student(source, **options) as session:
        yield session.fetch(session.names())
