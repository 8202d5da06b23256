"""What came of grading a class: a row for each submission, totals, a table for people, JSON for machines."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Status of a submission. UNCHANGED: graded before, and nothing has changed since. SET_ASIDE: it ended its
#: worker each time; what could not run has zero. FAILED: no mark was written.
GRADED, UNCHANGED, SET_ASIDE, FAILED = "graded", "unchanged", "set aside", "failed"
#: Rows with something to say that are shown in the table; JSON has all.
SHOWN = 50
BINS = 10


@dataclass(frozen=True)
class Row:
    """What came of one submission.

    Attributes
    ----------
    student : str
        Student's id.
    status : str
        GRADED, UNCHANGED, SET_ASIDE or FAILED.
    score, max_score : float or None
        Points of all its notebooks, before the late penalty; None if there is no mark.
    late_penalty : float
        Points taken off for lateness.
    notebooks : mapping
        For each notebook its cells' scores, by grade_id; None where a person has to give the mark.
    repairs, flags : tuple of str
        What was put right in the submission, and what an instructor should look at.
    reason : str
        Why it failed or was set aside.
    details : str
        The traceback, where our own code is at fault.
    seconds : float
        How long the work on it took.
    stages : mapping
        Seconds by stage.
    """

    student: str
    status: str
    score: float | None = None
    max_score: float | None = None
    late_penalty: float = 0.0
    notebooks: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    reason: str = ""
    details: str = ""
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def percent(self) -> float | None:
        """The mark in percent, after the late penalty; None if there is none."""
        if self.score is None or not self.max_score:
            return None
        return 100.0 * max(0.0, self.score - self.late_penalty) / self.max_score


@dataclass
class Report:
    """What came of grading a class; `rows` are in the order of the students' ids.

    Attributes
    ----------
    assignment : str
        Its name.
    total : int
        Submissions that were to be graded, those not reached included.
    rows : list of Row
        One for each submission that was reached.
    seconds : float
        From start to end.
    workers : str
        Where the work was done.
    unsafe : bool
        Student code was not confined.
    stopped : str
        Why it ended before the class was through; empty if it did not.
    interrupted : bool
        Someone stopped it.
    versions : mapping
        Versions of what decides marks.
    """

    assignment: str
    total: int
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    workers: str = ""
    unsafe: bool = False
    stopped: str = ""
    interrupted: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Add a row."""
        self.rows.append(row)

    def sort(self) -> None:
        """Put the rows into the order of the students' ids, whatever the order of work was."""
        self.rows.sort(key=lambda row: row.student)

    def count(self, status: str) -> int:
        """Submissions with this status."""
        return sum(row.status == status for row in self.rows)

    @property
    def marked(self) -> int:
        """Submissions that have a mark which is up to date."""
        return len(self.rows) - self.count(FAILED)

    @property
    def exit_status(self) -> int:
        """0: all have a mark; 1: some failed or were set aside; 2: it could not go on; 130: interrupted."""
        if self.interrupted:
            return 130
        if self.stopped:
            return 2
        return 1 if self.count(FAILED) or self.count(SET_ASIDE) else 0

    @property
    def percents(self) -> list[float]:
        """Marks of the class in percent, after late penalties."""
        return [row.percent for row in self.rows if row.percent is not None]

    @property
    def mean(self) -> float | None:
        """Mean of the marks in percent."""
        return sum(self.percents) / len(self.percents) if self.percents else None

    @property
    def stages(self) -> dict[str, float]:
        """Seconds by stage, of all submissions together."""
        found: Counter[str] = Counter()
        for row in self.rows:
            found.update(row.stages)
        return dict(sorted(found.items()))

    @property
    def rate(self) -> float:
        """Submissions worked on in a second."""
        worked = len(self.rows) - self.count(UNCHANGED)
        return worked / self.seconds if self.seconds else 0.0

    def histogram(self) -> list[int]:
        """Marks in each tenth: 0 to below 10 percent, ..., 90 to 100 percent and above."""
        bins = [0] * BINS
        for percent in self.percents:
            bins[min(BINS - 1, int(percent // (100 // BINS)))] += 1
        return bins

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {
            "assignment": self.assignment,
            "submissions": [asdict(row) | {"percent": row.percent} for row in self.rows],
            "totals": {
                "submissions": self.total,
                "graded": self.count(GRADED),
                "unchanged": self.count(UNCHANGED),
                "set_aside": self.count(SET_ASIDE),
                "failed": self.count(FAILED),
                "not_reached": self.total - len(self.rows),
                "repaired": sum(bool(row.repairs) for row in self.rows),
                "flagged": sum(bool(row.flags) for row in self.rows),
                "late": sum(row.late_penalty > 0 for row in self.rows),
                "mean_percent": self.mean,
                "histogram_percent": self.histogram(),
            },
            "stopped": self.stopped,
            "interrupted": self.interrupted,
            "unsafe": self.unsafe,
            "workers": self.workers,
            "seconds": self.seconds,
            "stages": self.stages,
            "versions": dict(sorted(self.versions.items())),
        }

    def write_json(self, path: Path) -> None:
        """Write it as JSON; the file is replaced as a whole or not at all."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise

    def print(self, console: Console) -> None:
        """Print what a person wants to know at the end."""
        noted = [row for row in self.rows if row.reason or row.flags or row.repairs]
        # Failures first, then flags, then repairs; by student within each.
        noted.sort(key=lambda row: (not row.reason, not row.flags))
        if noted:
            console.print(self._notes(noted[:SHOWN]))
            if len(noted) > SHOWN:
                console.print(f"... and {len(noted) - SHOWN} more; --json FILE has them all.")
        console.print(self._summary())
        if self.percents:
            console.print(self._bars(blocks=_can_show("█", console)))

    def text(self, width: int = 110) -> str:
        """What `print` prints, without colours."""
        console = Console(file=io.StringIO(), width=width, color_system=None)
        self.print(console)
        file = console.file
        assert isinstance(file, io.StringIO)
        return file.getvalue()

    def _notes(self, rows: list[Row]) -> Table:
        table = Table(box=None, pad_edge=False, title_justify="left", header_style="bold")
        table.add_column("student", no_wrap=True)
        table.add_column("status", no_wrap=True)
        table.add_column("mark", justify="right", no_wrap=True)
        table.add_column("notes", overflow="fold")
        for row in rows:
            notes = [row.reason] if row.reason else []
            notes += [f"flag: {text}" for text in row.flags] + [f"repaired: {text}" for text in row.repairs]
            mark = "" if row.score is None else f"{row.score:g} / {row.max_score or 0:g}"
            # Text, not markup: what a student wrote may hold square brackets.
            table.add_row(Text(row.student), row.status, mark, Text("\n".join(notes)))
        return table

    def _summary(self) -> Text:
        totals = self.to_dict()["totals"]
        lines = [f"\n{self.assignment}: {self.marked} of {self.total} graded"]
        parts = [
            ("unchanged", "unchanged since the last time"),
            ("repaired", "repaired"),
            ("flagged", "flagged"),
        ]
        parts += [
            ("set_aside", "set aside"),
            ("failed", "failed"),
            ("not_reached", "not reached"),
            ("late", "late"),
        ]
        said = [f"{totals[key]} {words}" for key, words in parts if totals[key]]
        lines[0] += f" ({', '.join(said)})" if said else ""
        if self.mean is not None:
            lines.append(f"Mean {self.mean:.1f} %")
        if worked := len(self.rows) - self.count(UNCHANGED):
            lines.append(f"{worked} in {self.seconds:.1f} s, {self.rate:.2f} a second, {self.workers}")
        if self.stages:
            lines.append(
                "Time by stage: " + ", ".join(f"{name} {s:.1f} s" for name, s in self.stages.items())
            )
        if self.unsafe:
            lines.append("UNSAFE: student code was not confined. Do not trust these marks, nor this machine.")
        return Text("\n".join(lines))

    def _bars(self, blocks: bool) -> Text:
        counts = self.histogram()
        longest = max(counts)
        lines = []
        for number, count in enumerate(counts):
            low = number * 100 // BINS
            high = (number + 1) * 100 // BINS
            bar = ("█" if blocks else "#") * round(30 * count / longest)
            lines.append(f"{low:3d}-{high:3d} %  {bar + ' ' if bar else ''}{count or ''}".rstrip())
        return Text("\n".join(lines))


def _can_show(character: str, console: Console) -> bool:
    try:
        character.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
