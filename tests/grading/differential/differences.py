"""The committed table of differences: `autograder/DIFFERENCES.md`.

`python -m tests.grading.differential` grades everything by both and writes the table anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.grading.differential.reasons import REASONS

PATH = Path(__file__).resolve().parents[3] / "autograder" / "DIFFERENCES.md"
HEAD = """# Differences from stock nbgrader

`tests/grading/differential` grades the same submissions with stock `nbgrader autograde` and with the grading
engine: the answers of every chapter, nbgrader's own fixture notebooks, and {exercises} small exercises in the
styles that instructors use ({sheets} assignments with four submissions each: right, right written differently,
wrong, untouched). All marks that are not listed here are the same. The test fails if a row is missing, or no longer
true, or if a right answer has less than stock gives it.

"By hand": the check cannot be run apart from the answer. The engine finds that out with the assignment's own
solution, before any submission; a mark that would not be full is left to a person then, with a flag that says why.

The chapters' hidden inputs are drawn afresh, by stock anew for each run: a wrong answer that some draws find out may
have a little more or less by either. Right answers never do.

`python -m tests.grading.differential` writes this page anew; the reasons stand in
`tests/grading/differential/reasons.py`.

| Assignment | Exercise | Submission | Stock | Ours | Of | Who gains | Why |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True, order=True)
class Row:
    """One mark that differs."""

    sheet: str
    exercise: str
    submission: str
    stock: float | None
    ours: float | None
    most: float

    @property
    def honest(self) -> bool:
        """Whether the answer deserves full marks."""
        return self.submission.startswith("right")

    @property
    def costs(self) -> bool:
        """Whether an honest student loses by the engine."""
        return self.honest and self.ours is not None and self.ours < (self.stock or 0)

    @property
    def gains(self) -> str:
        """Who gains by the difference."""
        if self.ours is None:
            return "nobody: waits"
        return "the student" if self.ours > (self.stock or 0) else "the honest"


def lines(rows: Iterable[Row]) -> list[str]:
    """Return the table's lines; submissions of one exercise that differ alike share one."""
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.sheet, row.exercise)):
        mark = "by hand" if row.ours is None else shown(row.ours)
        alike.setdefault((row.sheet, row.exercise, mark, shown(row.most), row.gains), []).append(row)
    found = []
    for (sheet, exercise, mark, most, gains), group in alike.items():
        submissions = ", ".join(row.submission for row in group)
        stock = ", ".join(shown(row.stock) for row in group)
        reason = REASONS.get((sheet, exercise), "")
        found.append(f"| {' | '.join((sheet, exercise, submissions, stock, mark, most, gains, reason))} |")
    return found


def shown(mark: float | None) -> str:
    """Write a mark, or a dash where a person has to give it."""
    return "-" if mark is None else f"{mark:g}"


def compare(
    sheet: str,
    submission: str,
    stock: Mapping[str, float | None],
    ours: Mapping[str, float | None],
    points: Mapping[str, float],
) -> list[Row]:
    """Return the marks that are not the same."""
    if stock.keys() != ours.keys():
        raise AssertionError(f"{sheet}: {stock.keys() ^ ours.keys()} is graded by one of the two only")
    return [
        Row(sheet, name.removesuffix("-test"), submission, stock[name], ours[name], points[name])
        for name in stock
        if stock[name] != ours[name]
    ]


def listed(sheet: str) -> list[str]:
    """Return the lines of the committed table about one assignment."""
    text = PATH.read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.startswith(f"| {sheet} |")]


def write(rows: Iterable[Row], *, sheets: int, exercises: int) -> None:
    """Write the table."""
    table = "\n".join(lines(rows))
    PATH.write_text(f"{HEAD.format(sheets=sheets, exercises=exercises)}{table}\n", encoding="utf-8")
