"""The student's process: run the cells of one submission, each question against a copy of what is there by then.

Nothing in here is a defence: the student's code can change all of it. The jail, the warden and the hub are outside.

A cell that might not come back runs in a copy of the process; the original waits as a checkpoint and takes over if the
copy dies. So a crash costs its own cell, and the names that were there before are still there. Before each question
the process forks a snapshot that answers the checker.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import sys
import time
from typing import Any, NoReturn

from autograder.engine import jail
from autograder.engine._events import EventReader, EventWriter
from autograder.engine.jail import JailError, Policy
from autograder.engine.serve import serve
from autograder.engine.shell import Shell, reseed

RUN, ASK, QUIETLY = "run", "ask", "quietly"


def read_all(descriptor: int) -> bytes:
    """Read a pipe to its end and close it."""
    with open(descriptor, "rb") as file:
        return file.read()


def silence() -> None:
    """Let descriptors 1 and 2 lead nowhere: what Python writes goes through the shell."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)


def student(shell: Shell, policy: Policy, descriptors: list[int], order: dict[str, Any]) -> NoReturn:
    """Confine this process and run the job that comes by the first descriptor; what comes of it goes to the second."""
    job, out, *pipes = descriptors
    events = EventWriter(out)
    silence()
    try:
        jail.confine(policy, unsafe=order["unsafe"])
    except (JailError, ValueError) as error:
        events.put("refused", str(error))
        os._exit(0)
    events.put("confined")  # only now does the hub send the job
    (_, seed, steps), *_ = EventReader().feed(read_all(job))
    sys.path.insert(0, "")
    runner = Runner(shell, events, list(zip(pipes[::2], pipes[1::2], strict=True)))
    shell.begin(runner.emit, seed=seed)
    runner.run(steps)
    events.put("done")
    runner.rest()


def fork_alike() -> int:
    """Fork; the copy draws the same random numbers (Python itself gives each a seed of its own)."""
    state = None
    with contextlib.suppress(Exception):
        state = random.getstate()
    pid = os.fork()
    if pid == 0 and state is not None:
        with contextlib.suppress(Exception):
            random.setstate(state)
    return pid


class Runner:
    """Run steps; see the module's text for how processes take turns."""

    def __init__(self, shell: Shell, events: EventWriter, asks: list[tuple[int, int]]) -> None:
        self.shell = shell
        self.events = events
        self.asks = asks
        self.current: int | None = None
        self.root = True
        self.came_through: int | None = None  # where to say that the risky cell has ended well

    def emit(self, output: dict[str, Any]) -> None:
        """Pass an output on; what nobody is to see is dropped."""
        if self.current is not None:
            self.events.put_output(self.current, output)

    def run(self, steps: list[tuple[str, int, int, str, bool, int]]) -> None:
        """Run all steps.

        Each is told by what to do, index, execution count (of a question: its step), text, whether it is risky, and
        a seed for the random numbers of a cell that the checker runs too (0: go on with those that come).
        """
        for what, index, number, source, risky, seed in steps:
            if what == ASK:
                self.ask(index, number)
                continue
            if risky and not self.fork_ahead(index):
                continue  # the copy died in this cell; this process goes on as if the cell were not there
            self.events.put("begin", index, os.getpid())
            self.current = index if what == RUN else None
            if seed:
                reseed(seed)
            fine = self.shell.run(source, number=number)
            self.current = None
            self.events.put("end", index, bool(fine))
            if self.came_through is not None:
                os.write(self.came_through, b"+")
                os.close(self.came_through)
                self.came_through = None

    def fork_ahead(self, index: int) -> bool:
        """Fork; the copy goes on (True), this process waits and goes on only if the copy dies (False)."""
        read, write = os.pipe()
        try:
            pid = fork_alike()
        except OSError:  # too many processes, by the student's own doing: without a checkpoint then
            os.close(read)
            os.close(write)
            return True
        if pid == 0:
            os.close(read)
            self.came_through = write
            self.root = False
            self.shell.redirect(self.emit)
            self.events.put("ahead", index, os.getpid(), os.getppid())
            return True
        os.close(write)
        status = self._wait_for(pid, read)
        os.close(read)
        if status is None:
            self.rest()
        self.events.put("died", index, status)
        return False

    def _wait_for(self, pid: int, read: int) -> int | None:
        """Wait until the copy has come through its cell (None), or died (its status)."""
        waiting = [read]
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                if select.select(waiting, [], [], 0.02)[0]:
                    if os.read(read, 1):
                        return None
                    waiting = []
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    return status

    def rest(self) -> NoReturn:
        """The first process stays, as the others' leader, until the warden ends it; a copy is no longer needed."""
        while self.root:
            with contextlib.suppress(KeyboardInterrupt):
                time.sleep(3600)
        os._exit(0)

    def ask(self, index: int, step: int) -> None:
        """Let the checker question a snapshot of this process: by its own pair of pipes, on this step of the plan."""
        requests, answers = self.asks[index]
        try:
            pid = fork_alike()
        except OSError as error:
            self.events.put("unasked", index, f"no snapshot could be made: {error}")
            os.close(requests)
            os.close(answers)
            return
        if pid == 0:
            with contextlib.suppress(BaseException):
                jail.snapshot()
                serve(requests, answers, self.shell.user_ns, step=step)
            os._exit(0)
        os.close(requests)
        os.close(answers)
        self.events.put("asking", index, pid, os.getpid())
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                os.waitpid(pid, 0)
                break
        self.events.put("asked", index)
