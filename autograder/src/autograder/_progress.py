"""What is shown while a class is graded: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from typing import Protocol

from rich import progress as bars
from rich.console import Console
from rich.markup import escape

from autograder.report import FAILED, SET_ASIDE, UNCHANGED, Row


class Progress(Protocol):
    """Someone who wants to know how far it is; called from the driver's thread."""

    def start(self, total: int) -> None:
        """Grading begins; so many submissions."""

    def row(self, row: Row) -> None:
        """One more is done with."""

    def say(self, text: str) -> None:
        """Something that a person should know now."""

    def tick(self) -> None:
        """Time goes by; called several times a second."""

    def end(self) -> None:
        """Grading has ended."""


class Silent:
    """Shows nothing."""

    def start(self, total: int) -> None:
        """See `Progress`."""

    def row(self, row: Row) -> None:
        """See `Progress`."""

    def say(self, text: str) -> None:
        """See `Progress`."""

    def tick(self) -> None:
        """See `Progress`."""

    def end(self) -> None:
        """See `Progress`."""


class Count:
    """How far it is, in numbers and words."""

    def __init__(self) -> None:
        self.total = self.done = self.worked = self.flagged = self.failed = 0
        self.began = time.monotonic()

    def add(self, row: Row) -> None:
        """Count a row."""
        self.done += 1
        self.worked += row.status != UNCHANGED
        self.flagged += bool(row.flags)
        self.failed += row.status in (FAILED, SET_ASIDE)

    def pace(self) -> str:
        """Rate and time left, as "3.2 a second, 1:05 left"; empty while there is nothing to tell it from."""
        seconds = time.monotonic() - self.began
        if not self.worked or seconds <= 0:
            return ""
        left = round((self.total - self.done) * seconds / self.worked)
        return f"{self.worked / seconds:.1f} a second, {left // 60}:{left % 60:02d} left"

    def trouble(self) -> str:
        """Flagged and failed, as "2 flagged, 1 failed"."""
        return f"{self.flagged} flagged, {self.failed} failed"


def failure(row: Row) -> str:
    """The line for a submission that failed or was set aside."""
    return f"{row.student}: {row.status}: {row.reason}"


class Bar(Silent):
    """A bar on a terminal, with a line for each failure above it."""

    def __init__(self, console: Console) -> None:
        self._count = Count()
        self._bar = bars.Progress(
            bars.TextColumn("Grading"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[pace]}"),
            bars.TextColumn("{task.fields[trouble]}"),
            console=console,
        )
        self._task: bars.TaskID | None = None

    def start(self, total: int) -> None:
        """Show the bar."""
        self._count.total = total
        self._task = self._bar.add_task("", total=total, pace="", trouble="")
        self._bar.start()

    def row(self, row: Row) -> None:
        """Move the bar."""
        self._count.add(row)
        if row.status in (FAILED, SET_ASIDE):
            self.say(failure(row))
        self._show(advance=1)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(escape(text), highlight=False, soft_wrap=True)

    def tick(self) -> None:
        """Bring rate and time left up to date."""
        self._show(advance=0)

    def end(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def _show(self, advance: int) -> None:
        if self._task is not None:
            count = self._count
            self._bar.update(self._task, advance=advance, pace=count.pace(), trouble=count.trouble())


class Lines(Silent):
    """Plain lines, one every few seconds, for a file or a pipe."""

    def __init__(self, console: Console, every: float = 5.0) -> None:
        self._console = console
        self._every = every
        self._count = Count()
        self._last = time.monotonic()

    def start(self, total: int) -> None:
        """Say how many there are."""
        self._count.total = total
        self.say(f"Grading {total} submissions")

    def row(self, row: Row) -> None:
        """Count; say a failure at once."""
        self._count.add(row)
        if row.status in (FAILED, SET_ASIDE):
            self.say(failure(row))

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def tick(self) -> None:
        """Say how far it is, now and then."""
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            count = self._count
            parts = [f"{count.done} of {count.total}", count.pace(), count.trouble()]
            self.say(", ".join(part for part in parts if part))
