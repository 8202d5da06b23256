"""Whole course folders by both: the chapters' answers, and nbgrader's own fixture notebooks."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from autograder.answers import perfect, rounds, submission
from autograder.sources import read_source
from autograder.trial import CourseRoot
from tests.grading.courses import Chapter, all_chapters
from tests.grading.differential import fixtures
from tests.grading.differential.differences import Row, lines, listed
from tests.grading.differential.rows import autograde, differing, rows
from tests.grading.test_loop import half_right

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the jail is made of parts of Linux"),
]


def both(root: Path, course: str, seconds: int) -> list[Row]:
    """Grade a folder and a copy of it; return what differs."""
    copy = Path(shutil.copytree(root, root.with_name("stock")))
    autograde(root, engine=True, course=course, seconds=seconds)
    autograde(copy, engine=False, course=course, seconds=seconds)
    ours = rows(root, course)
    assert ours
    return differing(rows(copy, course), ours)


@pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.name)
def test_chapters(chapter: Chapter, tmp_path: Path) -> None:
    course = CourseRoot(tmp_path / "course", chapter.checkout, [chapter.name])
    released = course.released(chapter.name)
    base = perfect(released, chapter.answers)
    for number, plan in enumerate(rounds(released, chapter.answers)):
        picks = base | {answer.cell: answer.source for answer in plan.values()}
        course.submit(f"round-{number:02d}", chapter.name, submission(released, picks))
    course.submit("half", chapter.name, submission(released, half_right(released, chapter)[0]))
    course.submit("untouched", chapter.name, submission(released, {}))
    course.nbgrader("generate_assignment", chapter.name, "--force")
    source = read_source(chapter.checkout / "solutions" / chapter.name / "exercises.md", graded=True)
    drawn = {
        cell.metadata.nbgrader["grade_id"]
        for cell in source.cells
        if "default_rng()" in cell.source and cell.metadata.get("nbgrader", {}).get("grade")
    }
    found = both(course.folder, "digital-biopsy", 120)
    # Hidden inputs are drawn afresh: a wrong answer may have better or worse luck with them.
    luck = [row for row in found if row.exercise in drawn and max(row.stock or 0, row.ours or 0) < row.most]
    assert found == luck


def fixture_differences(root: Path) -> list[Row]:
    """Grade the course folder made of nbgrader's notebooks by both."""
    fixtures.make(root)
    return both(root, "small", 20)  # a fixture sleeps for five seconds


def test_fixtures_of_nbgrader(tmp_path: Path) -> None:
    found = fixture_differences(tmp_path / "course")
    assert not [row for row in found if row.ours is not None and row.ours < (row.stock or 0)]
    names = sorted({row.sheet for row in found})
    assert lines(found) == [line for name in names for line in listed(name)]
    assert not [line for line in lines(found) if line.endswith("|  |")], "a difference without a reason"
