"""Small assignments in many styles: stock nbgrader and the engine give the same marks, or the table says why not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the jail is made of parts of Linux"),
]
if sys.platform == "linux":
    from autograder.engine.engine import Engine
    from tests.grading.differential.both import by_engine, by_stock
    from tests.grading.differential.differences import Row, compare, lines, listed
    from tests.grading.differential.sheets import VARIANTS, Sheet, marks, names, sheet


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as made:
        yield made


def differences(engine: Engine, course: Sheet, folder: Path) -> list[Row]:
    """Grade all submissions by both; return what differs."""
    rows = []
    for variant in VARIANTS:
        submitted = course.submission(variant)
        place = folder / course.name / variant
        place.mkdir(parents=True)
        stock = marks(by_stock(course.source, submitted, course.files, place))
        check(course, variant, stock)
        name = f"{course.name}/{variant}"
        graded, unfit = by_engine(engine, name, course.source, submitted, course.files)
        ours = {
            test: None if test in unfit and (mark or 0) < course.points[test] else mark
            for test, mark in marks(graded).items()
        }
        rows += compare(course.name, variant, stock, ours, course.points)
    return rows


def check(course: Sheet, variant: str, stock: dict[str, float | None]) -> None:
    """A sheet that is no good proves nothing: right answers must earn all by stock, and wrong ones must not."""
    for name, mark in stock.items():
        earned = mark == course.points[name]
        assert earned == variant.startswith("right"), f"{course.name}: {name} has {mark} of stock, {variant}"


@pytest.mark.parametrize("name", names())
def test_marks_are_the_same_or_explained(engine: Engine, name: str, tmp_path: Path) -> None:
    rows = differences(engine, sheet(name), tmp_path)
    assert not [row for row in rows if row.costs], "an honest student loses marks"
    assert lines(rows) == listed(name)
    assert not [line for line in lines(rows) if line.endswith("|  |")], "a difference without a reason"
