"""The loop that takes a class through a pool: it alone reads submissions and writes marks.

Everything here runs in one thread. A few submissions more than the pool works on at a time are read ahead, so
that memory does not grow with the class; each is written as soon as it comes back, in whatever order.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlalchemy.exc import DBAPIError

from autograder._progress import Progress
from autograder.folders import WriteError
from autograder.gradebook import GradebookError
from autograder.pool import DIED, FAULT, STOPPED, UNABLE, Attempt, one_line
from autograder.report import FAILED, SET_ASIDE, Report, Row
from autograder.submissions import SubmissionGone

#: How often a submission is tried when its worker dies, or does not start.
TRIES = 2
#: Seconds between attempts to write to a gradebook that is locked or away.
WAITS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
#: The run stops after so many submissions in a row that could not be written.
HOPELESS = 3
#: Seconds between looks at the clock, and at whether someone wants it to stop.
TICK = 0.2


class Pool(Protocol):
    """Where submissions are worked on: see `pool.py`."""

    @property
    def size(self) -> int:
        """How many at the same time."""

    def submit(self, key: str, item: Any) -> None:
        """Queue an item."""

    def next(self, timeout: float) -> tuple[str, Attempt] | None:
        """The next item that is done with."""

    def trouble(self) -> str:
        """What keeps it from working just now."""

    def close(self) -> None:
        """Stop at once."""


class Classroom(Protocol):
    """A course folder and its gradebook, as the driver needs them."""

    def read(self, student: str) -> Any:
        """A submission, ready to run."""

    def recorded(self, item: Any) -> Row | None:
        """The row of a submission that has been graded and has not changed since; None for others."""

    def set_aside(self, item: Any, reason: str) -> Any:
        """The result of a submission that could not be run: zero for what needed a run."""

    def write(self, item: Any, graded: Any) -> Row:
        """Write marks and notebooks; may be repeated."""


@dataclass
class Flight:
    """A submission that the pool has."""

    item: Any
    alone: bool = False
    tries: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


class Driver:
    """Takes a class through a pool.

    Parameters
    ----------
    classroom, pool
        Where submissions come from and marks go; where the work is done.
    report : Report
        Gets the rows.
    progress : Progress
        Is told of them.
    stop : threading.Event
        Set by someone who wants it to end: what has come back is written, the rest is dropped.
    """

    def __init__(
        self, classroom: Classroom, pool: Pool, report: Report, progress: Progress, stop: threading.Event
    ) -> None:
        self._classroom = classroom
        self._pool = pool
        self._report = report
        self._progress = progress
        self._stop = stop
        self._flying: dict[str, Flight] = {}
        self._suspects: list[tuple[str, Flight]] = []
        self._unwritten = 0
        self._said = ""

    def run(self, students: list[str], force: bool = False) -> None:
        """Grade these students; rows are added to the report."""
        waiting = iter(students)
        looked = time.monotonic()
        try:
            while not self._over():
                self._fill(waiting, force)
                if not self._flying and not self._try_alone():
                    break
                if ended := self._pool.next(TICK):
                    self._land(*ended)
                if time.monotonic() - looked >= TICK:
                    looked = time.monotonic()
                    self._tick()
            while self._unwritten < HOPELESS and (ended := self._pool.next(0)):
                self._land(*ended)
        finally:
            self._pool.close()
        self._report.interrupted = self._stop.is_set()

    def _over(self) -> bool:
        return self._stop.is_set() or bool(self._report.stopped)

    def _fill(self, waiting: Iterator[str], force: bool) -> None:
        """Read ahead until the pool has twice as many as it works on at a time."""
        ahead = 2 * self._pool.size
        while len(self._flying) < ahead and not self._stop.is_set():
            student = next(waiting, None)
            if student is None:
                return
            try:
                item = self._classroom.read(student)
                row = None if force else self._classroom.recorded(item)
            except Exception as error:
                row = broken(student, "could not be read", error)
            if row is not None:
                self._add(row)
            else:
                self._flying[student] = Flight(item)
                self._pool.submit(student, item)

    def _try_alone(self) -> bool:
        """Send one that was there when workers died, with no other beside it; False if there is none."""
        if not self._suspects:
            return False
        student, flight = self._suspects.pop()
        flight.alone = True
        self._flying[student] = flight
        self._pool.submit(student, flight.item)
        return True

    def _land(self, student: str, attempt: Attempt) -> None:
        """Decide what to do with an item that came back."""
        flight = self._flying[student]
        flight.seconds += attempt.seconds
        if attempt.ended_by in (DIED, UNABLE) and not attempt.final:
            # One that cannot start may have been killed while it did: that is no reason to give up yet either.
            flight.tries[attempt.ended_by] += 1
            if flight.tries[attempt.ended_by] < TRIES:
                if not self._over():
                    self._pool.submit(student, flight.item)
                return
        del self._flying[student]
        if attempt.ended_by == STOPPED:
            return
        if attempt.final and not flight.alone:
            # Dask blames all that a dead worker had: whoever is guilty is found at the end, one by one.
            self._suspects.append((student, flight))
            return
        if attempt.ended_by == UNABLE:
            self._report.stopped = attempt.reason
            return
        if attempt.ended_by == FAULT:
            reason = f"could not be graded: {attempt.reason}"
            self._add(Row(student, FAILED, reason=reason, details=attempt.details, seconds=flight.seconds))
            return
        reason = ""
        graded = attempt.graded
        try:
            if attempt.ended_by == DIED:
                tried = "" if attempt.final else f" (tried {flight.tries[DIED]} times)"
                reason = f"{attempt.reason}{tried}; what could not run has zero"
                graded = self._classroom.set_aside(flight.item, reason)
            row = self._write(flight.item, graded)
            self._unwritten = 0
        except Exception as error:
            row = broken(student, "could not be written", error)
            self._unwritten += 1
            if self._unwritten == HOPELESS:
                self._report.stopped = f"{HOPELESS} submissions in a row could not be written: {row.reason}"
        if reason and row.status != FAILED:
            row = replace(row, status=SET_ASIDE, reason=reason)
        self._add(replace(row, seconds=flight.seconds))

    def _write(self, item: Any, graded: Any) -> Row:
        """Write, with patience while the gradebook is locked or away."""
        begin = time.perf_counter()
        waits = iter(WAITS if not self._unwritten else ())
        while True:
            try:
                row = self._classroom.write(item, graded)
                break
            except GradebookError as error:
                wait = next(waits, None)
                if wait is None or not isinstance(error.__cause__, DBAPIError) or self._stop.wait(wait):
                    raise
                self._say_once(f"Waiting: {error}")
                self._progress.tick()
        self._said = ""
        return replace(row, stages={**row.stages, "writing": time.perf_counter() - begin})

    def _add(self, row: Row) -> None:
        self._report.add(row)
        self._progress.row(row)

    def _tick(self) -> None:
        self._progress.tick()
        if trouble := self._pool.trouble():
            self._say_once(f"Waiting: {trouble}.")

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._progress.say(text)
            self._said = text


def broken(student: str, what: str, error: Exception) -> Row:
    """The row of a submission that failed outside the engine."""
    if isinstance(error, (OSError, GradebookError, SubmissionGone, WriteError)):
        return Row(student, FAILED, reason=f"{what}: {one_line(error)}")
    details = "".join(traceback.format_exception(error))
    return Row(student, FAILED, reason=f"{what}: {type(error).__name__}: {one_line(error)}", details=details)
