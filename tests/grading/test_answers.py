"""Right answers earn full marks, wrong ones lose marks and hear their own words, through nbgrader."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest

from autograder.answers import Answer, perfect, rounds, solution_cells, submission
from autograder.build import build
from autograder.trial import CourseRoot, Mark
from tests.grading.courses import Chapter, all_chapters

CHAPTERS = all_chapters()


def faults(plan: Mapping[str, Answer], marks: Mapping[str, Mark]) -> list[str]:
    """Say what went otherwise than the answers file promises."""
    found = []
    for check, answer in plan.items():
        mark = marks[check]
        told = (
            f"{answer.cell}: {answer.source!r}\n  {mark.score} of {mark.most}; its card says\n  {mark.card}"
        )
        if answer.right and mark.score != mark.most:
            found.append(f"a right answer loses marks\n  {told}")
        elif not answer.right and mark.score >= mark.most:
            found.append(f"a wrong answer earns full marks\n  {told}")
        elif not answer.right and answer.says not in mark.card:
            found.append(f"a wrong answer's card lacks the words {answer.says!r}\n  {told}")
    untried = set(marks) - set(plan)
    found += [
        f"{name} loses marks although it holds a right answer\n  {marks[name].card}"
        for name in sorted(untried)
        if marks[name].score != marks[name].most and marks[name].card
    ]
    return found


@pytest.mark.slow
@pytest.mark.loop
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_answers_earn_what_they_deserve(chapter: Chapter, tmp_path: Path) -> None:
    course = CourseRoot(tmp_path / "course", chapter.checkout, [chapter.name])
    released = course.released(chapter.name)
    base = perfect(released, chapter.answers)
    plans = list(rounds(released, chapter.answers))
    for number, plan in enumerate(plans):
        picks = base | {answer.cell: answer.source for answer in plan.values()}
        course.submit(f"round-{number:02d}", chapter.name, submission(released, picks))
    course.autograde(chapter.name)
    found = []
    for number, plan in enumerate(plans):
        found += faults(plan, course.marks(f"round-{number:02d}", chapter.name))
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_enough_answers(chapter: Chapter, tmp_path: Path) -> None:
    """Two right and four wrong ones for each solution cell, all different, and none for any other cell."""
    build(chapter.checkout, [chapter.name], to=tmp_path)
    released = nbformat.read(tmp_path / "course" / chapter.name / "exercises.ipynb", as_version=4)
    answers = chapter.answers
    cells = solution_cells(released)
    assert {entry.cell for entry in answers.entries} == set(cells)
    for cell in cells:
        kinds = [entry.right for entry in answers.of(cell)]
        assert kinds.count(True) >= 2, f"{cell} has {kinds.count(True)} right answers"
        assert kinds.count(False) >= 4, f"{cell} has {kinds.count(False)} wrong answers"
        sources = [" ".join(entry.source.split()) for entry in answers.of(cell)]
        assert len(set(sources)) == len(sources), f"{cell} has the same answer twice"


def test_faults_are_noticed() -> None:
    """The comparison itself must be able to fail, in each of its ways."""
    right = Answer("f", True, "def f(): ...")
    wrong = Answer("f", False, "def f(): ...", "words")
    assert faults({"f-check": right}, {"f-check": Mark(1, 2, "")})
    assert faults({"f-check": wrong}, {"f-check": Mark(2, 2, "words")})
    assert faults({"f-check": wrong}, {"f-check": Mark(1, 2, "other")})
    assert faults({"f-check": right}, {"f-check": Mark(2, 2, ""), "g-check": Mark(1, 2, "card")})
    assert not faults({"f-check": right}, {"f-check": Mark(2, 2, ""), "written": Mark(0, 2, "")})
    assert not faults({"f-check": wrong}, {"f-check": Mark(0, 2, "the words")})
