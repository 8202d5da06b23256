"""A warm process that forks a confined child on demand, watches it, and ends it.

The hub (`autograder.engine.engine`) gives orders over a socket, descriptors with them. Data never passes here: the
child's pipes lead straight to the hub and the checker, so that nothing of one student is left in the memory that the
next one's process is forked from.

Orders, one JSON datagram each::

    start    fork a child: private, readable, limits; descriptors for the child    -> started
    keep     the children's processes that a sweep spares
    interrupt  SIGINT to one process
    sweep    kill all of the group but the kept ones                              -> swept
    stop     kill all                                                             -> ended

It tells unasked: `ended` when the child ended by itself or a limit ended it, `breach` when a limit cost it all but its
kept processes, `alone` when the first process is the only one left, or no longer.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from autograder.engine import _processes
from autograder.engine.jail import Ending, Limits, Policy, Watch

#: Descriptors that go with one datagram: the kernel takes at most 253.
MOST_DESCRIPTORS = 240
_DATAGRAM = 1 << 18
#: Seconds that the hub has to clear a folder that was filled.
CLEARING = 1.0

Body = Callable[[Policy, list[int], dict[str, Any]], NoReturn]


class Closed(Exception):  # noqa: N818 - the other side is gone, which is how a warden ends
    """The other end of the link is closed."""


class Link:
    """One end of the socket between the hub and a warden."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end

    def send(self, order: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Send an order with its descriptors, in as many datagrams as they take.

        Raises
        ------
        Closed
            Nobody listens.
        """
        rest = list(descriptors or [])
        try:
            while len(rest) > MOST_DESCRIPTORS:
                some, rest = rest[:MOST_DESCRIPTORS], rest[MOST_DESCRIPTORS:]
                socket.send_fds(self.socket, [b'{"do": "more"}'], some)
            socket.send_fds(self.socket, [json.dumps(order).encode()], rest)
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self) -> tuple[dict[str, Any], list[int]]:
        """Wait for an order.

        Raises
        ------
        Closed
            The other side is gone.
        """
        kept: list[int] = []
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self.socket, _DATAGRAM, MOST_DESCRIPTORS)
            except OSError as error:
                raise Closed(str(error)) from error
            if not data:
                raise Closed("the link was closed")
            kept += descriptors
            order: dict[str, Any] = json.loads(data)
            if order.get("do") != "more":
                return order, kept


class Warden:
    """Fork one child at a time and watch it.

    Parameters
    ----------
    link : Link
    body : callable
        What a child does: gets its policy, its descriptors and the order; confines itself and never returns.
    """

    def __init__(self, link: Link, body: Body) -> None:
        self.link = link
        self._body = body
        self._watch: Watch | None = None
        self._keep: list[int] = []
        self._alone = True
        self._every = 0.03  # seconds between two looks at what the child uses
        # What is here before the fork counts for nothing: the limit is on what the student's code adds.
        self._inherited = _processes.resident([os.getpid()], 1 << 62)

    def run(self) -> None:
        """Serve until the hub goes away; then nothing that was forked is left."""
        try:
            while True:
                if self._wait():
                    order, descriptors = self.link.receive()
                    try:
                        getattr(self, f"do_{order['do']}")(order, descriptors)
                    finally:
                        for number in descriptors:
                            with contextlib.suppress(OSError):
                                os.close(number)
                if self._watch is not None:
                    self._look(self._watch)
        except Closed:
            pass
        finally:
            if self._watch is not None:
                self._watch.stop()

    def _wait(self) -> bool:
        if self._watch is None:
            seconds = None
        else:  # a bomb doubles: look more often when there are many already
            seconds = self._every if self._watch.tasks < 8 else 0.005
        ready, _, _ = select.select([self.link.socket], [], [], seconds)
        return bool(ready)

    def _look(self, watch: Watch) -> None:
        if watch.ended():
            self._finish(watch, None)
            return
        problem = watch.breach()
        if problem is None:
            alone = watch.tasks == 1
            if alone != self._alone:
                self._alone = alone
                self.link.send({"alone": alone})
            elif watch.tasks > 1:
                watch.reap()
            return
        reason, detail = problem
        if self._keep and reason in ("memory", "processes", "disk"):
            # Said first: whoever waits for the killed process must know why it is gone.
            self.link.send({"breach": reason, "detail": detail})
            if watch.sweep(self._keep):
                watch.reap()
                if reason == "disk":
                    watch.rest_disk(CLEARING)  # the hub clears the folder
                until = time.monotonic() + 0.2  # memory is given back a little after its owner has died
                while (problem := watch.breach()) is not None and time.monotonic() < until:
                    time.sleep(0.01)
                    watch.reap()
                if problem is None:
                    return
        self._finish(watch, (reason, detail))

    def _finish(self, watch: Watch, problem: tuple[str, str] | None) -> None:
        ending: Ending = watch.stop(problem)
        self._watch = None
        self.link.send(
            {"ended": asdict(replace(ending, peak_bytes=max(0, ending.peak_bytes - self._inherited)))}
        )

    def do_start(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Fork the child."""
        limits = Limits(**order["limits"])
        policy = Policy(
            readable=tuple(Path(name) for name in order["readable"]),
            private=Path(order["private"]),
            limits=limits,
            environment=order.get("environment", {}),
            descriptors=tuple(descriptors),
            filled=True,
            shared=Path(order["shared"]) if "shared" in order else None,
        )
        self._keep, self._alone = [], True
        self._every = float(order.get("every", 0.03))
        pid = os.fork()
        if pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                self._body(policy, descriptors, order)
            finally:
                os._exit(70)
        watched = replace(
            limits,
            cell_seconds=limits.notebook_seconds + 1,  # cells are timed by the hub
            memory_bytes=limits.memory_bytes + self._inherited,
        )
        self._watch = Watch(pid, replace(policy, limits=watched))
        self.link.send({"started": pid})

    def do_keep(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Note which processes outlive a sweep."""
        self._keep = [int(pid) for pid in order["pids"]]

    def do_interrupt(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Interrupt one process."""
        if self._watch is not None:
            self._watch.interrupt(int(order["pid"]))

    def do_sweep(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Kill all but the kept ones; all, if they come back faster than they can be killed."""
        if self._watch is not None and not self._watch.sweep(order["pids"], int(order.get("blocking", 0))):
            self._finish(
                self._watch, ("processes", "Its processes came back faster than they could be ended.")
            )

    def do_stop(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Kill all."""
        if self._watch is not None:
            self._finish(self._watch, None)
        else:
            self.link.send({"ended": None})
