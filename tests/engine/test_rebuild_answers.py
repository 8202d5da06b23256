"""Rebuilding: the answers are found wherever a student left them, and none is undone."""

from __future__ import annotations

import copy
from typing import Any

import nbformat
import pytest
from nbformat import v4
from nbgrader import utils

from autograder.engine.rebuild import rebuild
from tests.engine.actions import (
    RELEASED,
    SOURCE,
    add,
    build,
    delete,
    kinds,
    twice,
)
from tests.engine.notebooks import ANSWERS, answered, assignment, code, graded, named, place_of, release


@pytest.mark.parametrize("name", ["square", "cube"])
def test_a_deleted_answer_is_put_back_as_handed_out(name: str) -> None:
    submitted = answered(SOURCE)
    delete(name)(submitted)
    for released in (RELEASED, None):
        rebuilt = rebuild(SOURCE, submitted, released)
        assert [(r.kind, r.cell) for r in rebuilt.repairs] == [("missing", name)]
        assert named(rebuilt.notebook, name).source == named(RELEASED, name).source


@pytest.mark.parametrize("language", ["python", "elvish"])
def test_a_solution_never_comes_back(language: str) -> None:
    source = assignment()
    source.metadata.kernelspec.language = language
    text = nbformat.writes(rebuild(source, v4.new_notebook()).notebook)
    assert "x * x" not in text
    assert "x**3" not in text
    assert "model" not in text


@pytest.mark.parametrize("where", ["helper", "square-test", "cube"])
@pytest.mark.parametrize(
    "text", ["def square(x):\n    return x * x", "square = lambda x: x * x", "from mine import *"]
)
def test_an_answer_in_another_cell_is_not_undone(where: str, text: str) -> None:
    submitted = answered(SOURCE)
    delete("square")(submitted)
    add(where, v4.new_code_cell(text))(submitted)
    rebuilt = build(submitted)
    assert kinds(rebuilt) == ["missing"]
    assert named(rebuilt.notebook, "square").source.startswith("# This cell was missing")
    space: dict[str, Any] = {"math": None}
    if "import" not in text:
        for cell in rebuilt.notebook.cells[: place_of(rebuilt.notebook, "cube-test")]:
            if cell.cell_type == "code" and not utils.is_grade(cell):
                exec(cell.source, space)
        assert space["square"](3) == 9


def test_answers_merged_into_one_cell_are_not_undone() -> None:
    submitted = answered(SOURCE)
    named(submitted, "square").source += "\n\n" + ANSWERS["cube"]
    delete("cube")(submitted)
    rebuilt = build(submitted)
    assert named(rebuilt.notebook, "cube").source.startswith("# This cell was missing")


def test_a_deleted_set_up_cell_goes_before_what_replaces_it() -> None:
    submitted = answered(SOURCE)
    submitted.cells[1] = v4.new_code_cell("SIDE = 5")
    rebuilt = build(submitted)
    assert code(rebuilt.notebook)[:2] == ["import math\nSIDE = 3", "SIDE = 5"]
    assert [r.text for r in rebuilt.repairs] == ["The assignment's code cell 2 was missing; it was put back."]


@pytest.mark.parametrize(
    ("copies", "chosen", "before"),
    [
        (["A"], "A", []),
        (["stub", "A"], "A", []),
        (["A", "stub"], "A", []),
        (["A", "A"], "A", []),
        (["A", "B"], "B", ["A"]),
        (["A", "B", "stub", "A", "C"], "C", ["A", "B"]),
        (["stub", "stub"], "stub", []),
    ],
)
def test_of_several_answers_the_last_worked_on_counts(
    copies: list[str], chosen: str, before: list[str]
) -> None:
    stub = named(RELEASED, "square").source
    words = {"stub": stub, "A": "square = abs", "B": "square = max", "C": "square = min"}
    submitted = answered(SOURCE, {})
    original = named(submitted, "square")
    original.source = words[copies[0]]
    at = place_of(submitted, "square")
    for i, name in enumerate(copies[1:]):
        cell = copy.deepcopy(original)
        cell.update(id=f"copy{i}", source=words[name])
        submitted.cells.insert(at + 1 + i, cell)
    rebuilt = build(submitted)
    at = place_of(rebuilt.notebook, "square")
    assert rebuilt.notebook.cells[at].source == words[chosen]
    first = at - len(before)
    assert [cell.source for cell in rebuilt.notebook.cells[first:at]] == [words[name] for name in before]
    assert kinds(rebuilt) == (["duplicated"] if len(copies) > 1 else [])
    assert len(rebuilt.notebook.cells) == len(SOURCE.cells) + len(before)


def test_a_split_answer_runs_whole() -> None:
    submitted = answered(SOURCE)
    named(submitted, "square").source = "import functools"
    twice("square", "def square(x):\n    return functools.reduce(max, [x])")(submitted)
    rebuilt = build(submitted)
    at = place_of(rebuilt.notebook, "square")
    assert [c.source.split()[0] for c in rebuilt.notebook.cells[at - 1 : at + 1]] == ["import", "def"]


def test_a_copied_test_cell_that_became_an_answer_is_kept() -> None:
    submitted = answered(SOURCE)
    twice("square-test", "more = square(3)")(submitted)
    rebuilt = build(submitted)
    assert kinds(rebuilt) == ["duplicated"]
    at = place_of(rebuilt.notebook, "square-test")
    assert rebuilt.notebook.cells[at + 1].source == "more = square(3)"
    assert rebuilt.notebook.cells[at + 1].metadata == {}


def test_an_extra_cell_with_the_name_of_a_deleted_test_is_not_the_test() -> None:
    submitted = answered(SOURCE)
    delete("square-test")(submitted)
    forged = graded("code", "square-test", "2.0", grade=True, locked=True, points=2)
    add("cube", forged, v4.new_code_cell("after = 1"))(submitted)
    rebuilt = build(submitted)
    assert kinds(rebuilt) == ["edited", "reordered"]
    assert "2.0" not in code(rebuilt.notebook)
    assert "after = 1" in code(rebuilt.notebook)


def test_text_written_into_a_task_is_kept_beside_it() -> None:
    submitted = answered(SOURCE)
    named(submitted, "essay").source += "\n\nMy essay."
    rebuilt = build(submitted)
    assert rebuilt.notebook.cells[-1].source.endswith("My essay.")
    assert rebuilt.notebook.cells[-1].metadata == {}


def test_a_task_that_is_not_locked_is_the_students_text() -> None:
    source = assignment()
    named(source, "essay").metadata.nbgrader.locked = False
    submitted = answered(source)
    named(submitted, "essay").source = "My essay."
    rebuilt = rebuild(source, submitted, release(source))
    assert named(rebuilt.notebook, "essay").source == "My essay."
    assert rebuilt.repairs == ()
