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
engine: the answers of every chapter, nbgrader's own fixture notebooks, and {exercises} small exercises in the styles
that instructors use ({sheets} assignments, four submissions of each: right, right written differently, wrong, untouched).
All marks that are not listed here are the same. The test fails if a row is missing, or no longer true, or if a right
answer has less than stock gives.

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
        return self.honest and (self.ours or 0) < (self.stock or 0)

    def line(self) -> str:
        """Return the row as it stands in the table."""
        gains = "the student" if (self.ours or 0) > (self.stock or 0) else "nobody: a wrong answer"
        gains = "**stock**" if self.costs else gains
        cells = (
            self.sheet, self.exercise, self.submission, shown(self.stock), shown(self.ours), shown(self.most),
            gains, REASONS.get((self.sheet, self.exercise, self.submission), REASONS.get((self.sheet, self.exercise), "")),
        )  # fmt: skip
        return f"| {' | '.join(cells)} |"


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
    lines = PATH.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(f"| {sheet} |")]


def write(rows: Iterable[Row], *, sheets: int, exercises: int) -> None:
    """Write the table."""
    lines = [row.line() for row in sorted(rows, key=lambda row: (row.sheet, row.exercise, row.submission))]
    PATH.write_text(
        HEAD.format(sheets=sheets, exercises=exercises) + "\n".join(lines) + "\n", encoding="utf-8"
    )
