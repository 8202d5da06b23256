"""Student code that does harm through the honest end of the boundary: the session says so, or goes on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from autograder.engine.handles import Refused, StudentError
from autograder.engine.session import SessionOver
from autograder.engine.values import Limits
from tests.engine.boundary import names, student


def test_a_limit_on_what_an_answer_holds() -> None:
    with student("def f(n): return bytes(n)", limits=Limits(size=10_000)) as session:
        function = session.fetch(["f"])["f"]
        assert function(100) == bytes(100)
        with pytest.raises(SessionOver):
            function(6 << 20)
        assert session.fault is not None and session.fault.kind == "protocol"


def test_calls_that_never_end_between_both() -> None:
    with student("def f(g): return g(g)\n", seconds=5) as session:
        function = session.fetch(["f"])["f"]
        with pytest.raises((SessionOver, StudentError, RecursionError)):
            function(lambda g: function(g))


def test_an_interrupted_check_ends_the_session() -> None:
    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    with student("def f(g): return g()\n") as session:
        function = session.fetch(["f"])["f"]
        with pytest.raises(KeyboardInterrupt):
            function(interrupted)
        assert session.fault is not None


HONEST_HARM = """
import sys, os, time, warnings
def flood():
    print("x" * 10**6); warnings.warn("w")
    for i in range(100_000): warnings.warn(f"w{i}")
    return 1
def endless():
    while True: yield 1
def sleep(): time.sleep(60)
def die(): os._exit(3)
def deep(n=0): return deep(n + 1)
def exits(): sys.exit(0)
def nasty():
    class E(Exception):
        def __str__(self): raise KeyboardInterrupt
        __repr__ = __str__
    raise E(E())
def closed():
    sys.stdout.close()
def grow():
    x = []
    x.append(x)
    return x
class Bad:
    def __getattribute__(self, name): raise SystemExit(name)
    def __repr__(self): return 5
    def __eq__(self, other): raise StopIteration
    def __len__(self): return -1
    def __hash__(self): raise KeyboardInterrupt
bad, worse = Bad(), Bad()
"""


def test_harm_through_the_honest_end() -> None:
    with student(HONEST_HARM, seconds=30) as session:
        space = session.fetch(session.names())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert space["flood"]() == 1
        assert len(caught) == 100
        uses: list[Callable[[], Any]] = [
            space["deep"], space["exits"], space["nasty"], space["grow"], lambda: space["bad"].x,
            lambda: repr(space["bad"]),
            lambda: space["bad"] == space["worse"], lambda: len(space["bad"]), lambda: hash(space["bad"]),
        ]  # fmt: skip
        for use in uses:
            with pytest.raises((StudentError, Refused)):
                use()
        assert session.fault is None
        with pytest.raises(SessionOver):
            space["die"]()
        assert session.fault is not None and session.fault.kind == "lost"


@pytest.mark.parametrize(
    "use", [lambda s: list(s["endless"]()), lambda s: s["sleep"]()], ids=["iterator", "sleep"]
)
def test_without_end(use: Callable[[dict[str, Any]], Any]) -> None:
    with names(HONEST_HARM, seconds=1.0) as space, pytest.raises(SessionOver, match="in time"):
        use(space)
