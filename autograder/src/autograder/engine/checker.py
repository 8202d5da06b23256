"""The checker: runs the assignment's own set-up and test cells, with handles where the student's names are.

One process an assignment (`check_assignment`) holds the source and has run the set-up that is the same for everybody;
from it a checker is forked for each submission. No code of a student ever runs here: what comes from a student is a
plain value, or a number that stands for an object in the student's process.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import random
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from autograder.engine import jail
from autograder.engine._events import EventWriter
from autograder.engine._folders import WORDS as FILE_WORDS
from autograder.engine._folders import Folders, forbid_unpickling
from autograder.engine._random import SEEDING
from autograder.engine.handles import HandleType, StudentError
from autograder.engine.jail import JailError, Policy
from autograder.engine.session import Session
from autograder.engine.shell import Shell, reseed
from autograder.engine.steps import Plan, Step
from autograder.engine.student import read_all, silence
from autograder.engine.warden import Link, Warden


@dataclass(frozen=True)
class Secret:
    """What the checkers of an assignment know and no student's process does; pickled from hub to checker."""

    plan: Plan
    prefix: int  # so many steps are run once for all
    cells: tuple[str, ...]  # all code cells of the source, with the solutions
    imports: Mapping[str, str]  # names that solutions import, with the statements


@dataclass
class Checks:
    """The checker's namespace, and which of its names are its own."""

    shell: Shell
    plan: Plan
    imports: Mapping[str, str]
    seconds: float = 30.0
    secret: int = 0
    own: set[str] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)  # set-up steps that could not run here
    current: int | None = None
    events: EventWriter | None = None
    folders: Folders | None = None

    def emit(self, output: dict[str, Any]) -> None:
        """Pass on the outputs of test cells; nobody sees those of set-up cells."""
        if self.current is not None and self.events is not None:
            self.events.put_output(self.current, output)

    def run(self, step: Step, session: Session | None) -> bool:
        """Run one cell, with the student's names if there is a session; return whether it raised nothing."""
        space = self.shell.user_ns
        theirs: dict[str, Any] = {}
        for name in self.own & step.answers:
            space.pop(name, None)
            self.own.discard(name)
        for name in step.answers & step.words & self.imports.keys():
            # What a solution imports means the library, whatever a student calls by that name.
            with contextlib.suppress(Exception):
                exec(self.imports[name], space)
                self.own.add(name)
        if session is not None:
            session.space = space
            wanted = step.students(session.names(), self.own, self.failed) - self.own
            theirs = session.fetch(sorted(wanted))
            self.own -= theirs.keys()
            space.update(theirs)
            known = {name: theirs.get(name, GONE) for name in step.patches}
            patches = Patches(session, space, known) if step.patches else None
            folders = self.folders if step.words & FILE_WORDS else None
            if folders is not None:
                folders.take()
                session.after = folders.take
            session.before = Before(patches, folders) if patches or folders else None
        before = set(space)
        fine = False
        # Set-up cells draw what they draw in the student's process. Tests draw what nobody foresees who lacks the
        # source, and the same on every run.
        seed = setup_seed(step.index) if step.kind == "setup" else number_of(f"{self.secret} {step.index}")
        reseed(seed, shared=step.index <= last_unseeded(self.plan))
        try:
            # A set-up cell may take as long as it may in the student's process; a test waits for answers besides.
            with time_limit(self.seconds if step.kind == "setup" else 2 * self.seconds + 5):
                fine = bool(self.shell.run(step.source, number=step.number))
        finally:
            if not fine and step.kind == "setup":
                self.failed.add(step.index)
            for name, value in theirs.items():
                if space.get(name) is value and name not in step.binds:
                    del space[name]
            for name in (step.binds - step.patches) | (set(space) - before):
                # A handle ends with its question; later cells take the student's name anew.
                if name in space and holds_handle(space[name]):
                    del space[name]
                self.own.discard(name)
                if name in space:
                    self.own.add(name)
        return fine


class Endless(Exception):  # noqa: N818 - it names the cell that it ends
    """A cell of the assignment took too long."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End what runs inside with an exception when it takes too long; code that is not Python's may go on."""

    def end(number: int, frame: Any) -> NoReturn:
        raise Endless(f"This cell of the assignment ran longer than {seconds:g} s.")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Before:
    """What is done before each request: names that a test patched are carried over, and files that it wrote."""

    def __init__(self, patches: Patches | None, folders: Folders | None) -> None:
        self._patches, self._folders = patches, folders

    def __call__(self) -> None:
        """Do it."""
        if self._patches is not None:
            self._patches()
        if self._folders is not None:
            self._folders.give()


GONE = object()


class Patches:
    """Carry over what a test does to names that the student's own functions look up.

    A test may take a function away, or put another in its place, to see whether the answer really calls it.
    """

    def __init__(self, session: Session, space: dict[str, Any], known: dict[str, Any]) -> None:
        self._session = session
        self._space = space
        self._known = known

    def __call__(self) -> None:
        """Say what has changed since the last time."""
        for name, before in self._known.items():
            now = self._space.get(name, GONE)
            if now is before:
                continue
            self._known[name] = now
            if now is GONE:
                self._session.unbind(name)
            else:
                self._session.bind(name, now)


def is_handle(value: object) -> bool:
    """Whether something stands for an object in a student's process; told without asking it."""
    cls = type(value)
    return (
        HandleType in (cls, type(cls))
        or StudentError in cls.__mro__
        or (isinstance(value, type) and StudentError in type.__dict__["__mro__"].__get__(value))
    )


def holds_handle(value: Any) -> bool:
    """Whether a value is a handle, or a small container of some."""
    if type(value) in (list, tuple, set):
        return any(is_handle(item) for item in list(value)[:1000])
    if type(value) is dict:
        return any(is_handle(item) for item in list(value.values())[:1000])
    return is_handle(value)


def check_assignment(shell: Shell, link: Link, secret_pipe: int, order: dict[str, Any]) -> None:
    """Read the secret, run the common set-up, then fork a checker for each submission until the hub goes away."""
    jail.watch_over(hidden=True)
    jail.die_with_parent()
    secret: Secret = pickle.loads(read_all(secret_pipe))
    plan = secret.plan
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.path.insert(0, order["folder"])
    checks = Checks(shell, plan, secret.imports)
    shell.begin(checks.emit, seed=0)
    checks.seconds = float(order["seconds"])
    slow = -1
    for step in plan.steps[: secret.prefix]:
        started = time.monotonic()
        fine = checks.run(step, None)
        if not fine and time.monotonic() - started >= checks.seconds:
            slow = (
                step.index
            )  # it is the student's process that shows what comes of it; no mark waits for this here
            break
    for step in plan.steps[secret.prefix :]:
        shell.prepare(step.source)
    link.send({"ready": os.getpid(), "threads": len(os.listdir("/proc/self/task")), "slow": slow})

    drawn = random.getstate()
    rest = tuple(step for step in plan.steps[secret.prefix :] if not step.idle)

    def body(policy: Policy, descriptors: list[int], told: dict[str, Any]) -> NoReturn:
        random.setstate(drawn)  # Python seeds it anew in each copy
        if told.get("rehearse"):
            rehearse(checks.shell, secret.cells, policy, descriptors[0])
        check_submission(checks, rest, policy, descriptors, told)

    Warden(link, body).run()


def setup_seed(index: int) -> int:
    """Return the seed of a set-up cell, which both processes run and which must come to the same in both."""
    return number_of(f"set-up cell {index}")


_SEEDING = frozenset({"seed", "manual_seed", "set_state", "set_rng_state"})


def last_unseeded(plan: Plan) -> int:
    """Return the first set-up step that seeds the shared generators itself: from there on it is in charge."""
    seeding = (step.index for step in plan.steps if step.kind == "setup" and _SEEDING & step.words)
    return next(seeding, len(plan.steps))


def number_of(text: str) -> int:
    """Return a number below 2^63 that depends on all of a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def rehearse(shell: Shell, cells: tuple[str, ...], policy: Policy, out: int) -> NoReturn:
    """Run the whole source once in one namespace, solutions and all; tell what it imports, and what comes out.

    Libraries import much of themselves only when it is used. The warm process imports it beforehand then, and no
    student's process has to. The outputs say what nbgrader itself would give the solutions.
    """
    events = EventWriter(out)
    silence()
    try:
        jail.confine(policy, unsafe=True)
    except (JailError, ValueError):
        os._exit(1)
    current = 0
    shell.begin(lambda output: events.put_output(current, output), seed=0)
    known: set[str] = set()
    for current, source in enumerate(cells):
        with time_limit(policy.limits.cell_seconds):
            shell.run(source, number=current + 1)
        events.put("ran", current)
        found = {name for name in list(sys.modules) if not name.startswith("__")} - known
        known |= found
        events.put("modules", sorted(found))
    events.put("done")
    os._exit(0)


def check_submission(
    checks: Checks,
    steps: tuple[Step, ...],
    policy: Policy,
    descriptors: list[int],
    told: dict[str, Any],
) -> NoReturn:
    """Run the steps of one submission, in a process of its own."""
    out, *pipes = descriptors
    events = checks.events = EventWriter(out)
    silence()
    try:
        jail.confine(policy, unsafe=told["unsafe"])
    except (JailError, ValueError) as error:
        events.put("refused", str(error))
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    theirs = Path(told["shared"])
    # A file of a temporary name may be meant for the student's code: both can reach it.
    os.environ["TMPDIR"] = str(theirs)
    checks.folders = Folders(policy.private, theirs)
    forbid_unpickling()
    checks.shell.redirect(checks.emit)
    checks.seconds = told["seconds"]
    checks.secret = told["seed"]
    sessions = zip(pipes[::2], pipes[1::2], strict=True)  # one to ask by, one to hear by, for each question
    for step in steps:
        ends = next(sessions) if step.asks else None
        check_step(checks, step, ends)
    events.put("done")
    os._exit(0)


def check_step(checks: Checks, step: Step, ends: tuple[int, int] | None) -> None:
    """Run one step and say how it went."""
    events = checks.events
    assert events is not None
    session: Session | None = None
    fault = ""
    if ends is not None:
        # The student's cells before it may take their time: the hub minds the clock.
        select.select([ends[1]], [], [])
    events.put("begin", step.index)
    fine = False
    refusals: list[str] = []
    try:
        if ends is not None:
            session = Session(
                ends[0], ends[1], step=step.index, seconds=checks.seconds, operators=checks.plan.operators,
                shared=checks.plan.shared, live=checks.plan.live, seeded=bool(step.words & SEEDING),
            )  # fmt: skip
        checks.current = step.index if step.kind == "test" else None
        fine = checks.run(step, session)
    except Exception as error:  # a fault before the cell could begin
        fault = fault or f"lost: {error}"
    finally:
        checks.current = None
    if session is not None:
        fault = f"{session.fault.kind}: {session.fault.text}" if session.fault else fault
        refusals = [str(text)[:500] for text in session.refusals[:20]]
        with contextlib.suppress(Exception):
            session.close()
    events.put("end", step.index, fine, fault[:500], refusals)
