"""Answers: text without decorators, submissions from the released notebook, rounds that try them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.answers import Answers, checked_by, load, perfect, rounds, solution_cells, submission
from autograder.build import build

FIXTURE = Path(__file__).parent / "fixture_course"
CHAPTER = "00-warm-up"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Any:
    target = tmp_path_factory.mktemp("released")
    build(FIXTURE, to=target)
    return nbformat.read(target / "course" / CHAPTER / "exercises.ipynb", as_version=4)


def decorator(function):  # type: ignore[no-untyped-def]
    return function


def test_source_has_no_decorators_and_no_indent() -> None:
    answers = Answers()

    @answers.right("cell")
    @decorator
    def answer(x):  # type: ignore[no-untyped-def]
        """Doc."""

        def inner():  # type: ignore[no-untyped-def]
            return x

        return inner()  # type: ignore[no-untyped-call]

    source = answers.of("cell")[0].source
    assert source.startswith("def answer(x):")
    assert source.endswith("\n    return inner()  # type: ignore[no-untyped-call]")
    space: dict[str, object] = {}
    exec(source, space)
    assert answer(3) == space["answer"](3) == 3  # type: ignore[operator]


def test_answers_are_kept_in_order() -> None:
    answers = load(FIXTURE / "solutions" / CHAPTER / "answers.py")
    assert [entry.right for entry in answers.of("double")] == [True, True, False, False, False, False]
    assert answers.best("group").source == 'GROUP = "a"'
    with pytest.raises(LookupError, match="no right answer to 'nothing'"):
        answers.best("nothing")
    with pytest.raises(ValueError, match="says="):
        answers.wrong("double", says="")


def test_file_without_answers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.py"
    path.write_text("x = 1")
    with pytest.raises(ValueError, match="must define answers"):
        load(path)


def test_submission_replaces_solution_cells_only(released: nbformat.NotebookNode) -> None:
    made = submission(released, {"double": "def double(x): return 1", "in-words": "Because."})
    changed = {
        cell.id for cell, old in zip(made.cells, released.cells, strict=True) if cell.source != old.source
    }
    assert changed == {"double", "in-words"}
    with pytest.raises(LookupError, match="no solution cell 'double-check'"):
        submission(released, {"double-check": "c.score"})


def test_rounds_try_every_answer_once(released: nbformat.NotebookNode) -> None:
    answers = load(FIXTURE / "solutions" / CHAPTER / "answers.py")
    assert solution_cells(released) == ["double", "kelvin", "celsius", "group"]
    assert checked_by(released) == {
        "double-check": ["double"],
        "kelvin-check": ["kelvin", "celsius", "group"],
    }
    tried = [answer for plan in rounds(released, answers) for answer in plan.values()]
    assert sorted(map(id, tried)) == sorted(map(id, answers.entries))
    assert set(perfect(released, answers)) == set(solution_cells(released))
