"""Rebuilding: whatever a submission says of itself, the tests are the source's and the answers the student's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode, v4
from nbgrader import utils

from autograder.engine.rebuild import RebuildError, rebuild
from tests.engine.actions import (
    RELEASED,
    SOURCE,
    add,
    answers_last,
    build,
    change,
    delete,
    flag,
    kinds,
    reverse,
    tag,
    twice,
    whole,
)
from tests.engine.notebooks import (
    ANSWERS,
    answered,
    assignment,
    code,
    graded,
    named,
    place_of,
)


def strip_metadata(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata = {}


def tag_all(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution"]


def forge_outputs(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.outputs = [
            v4.new_output("execute_result", {"text/plain": "2.0", "text/html": "<script>1</script>"})
        ]
        cell.execution_count = 1


NEW_TEST = graded("code", "bonus", "100", grade=True, locked=True, points=100)

#: Submissions with the honest answers and something wrong about the notebook: (what, repairs that are reported).
ATTACKS: dict[str, tuple[Callable[[NotebookNode], None], list[str]]] = {
    "skip the test": (tag("square-test", "skip-execution"), ["tags"]),
    "skip everything": (tag_all, ["tags"]),
    "allow errors": (tag("square-test", "raises-exception", "mine"), ["tags"]),
    "remove a cell": (tag("square", "remove-cell", "remove_input"), ["tags"]),
    "tags of wrong types": (tag("square", 1, None, ["skip-execution"], {"a": 1}), []),
    "a harmless tag": (tag("square", "mine"), []),
    "test becomes a solution": (flag("square-test", solution=True, grade=False), ["retagged"]),
    "test becomes manual": (flag("square-test", solution=True), ["retagged"]),
    "test unlocked": (flag("square-test", locked=False), ["retagged"]),
    "test not graded": (flag("square-test", grade=False, locked=False), ["retagged"]),
    "answer becomes a test": (
        flag("square", grade=True, solution=False, locked=True, points=9),
        ["retagged"],
    ),
    "answer becomes manual": (flag("square", grade=True, points=50), ["retagged"]),
    "read-only becomes an answer": (flag("helper", solution=True, locked=False), ["retagged"]),
    "points raised": (flag("square-test", points=1000), ["retagged"]),
    "points negative": (flag("words", points=-1), ["retagged"]),
    "points of a wrong type": (flag("words", points={"a": [1]}), ["retagged"]),
    "points not a number": (flag("words", points=float("nan")), ["retagged"]),
    "points huge": (flag("words", points=10**400), ["retagged"]),
    "schema too new": (flag("square-test", schema_version=99), []),
    "schema of a wrong type": (flag("square-test", schema_version=["x"]), []),
    "checksum forged": (flag("words", checksum="0" * 32), []),
    "cell type forged": (flag("words", cell_type="code"), []),
    "test deleted": (delete("square-test"), ["missing"]),
    "read-only deleted": (delete("helper"), ["missing"]),
    "task deleted": (delete("essay"), ["missing"]),
    "test duplicated": (twice("square-test"), ["duplicated"]),
    "test emptied": (change("square-test", source=""), ["edited"]),
    "test edited": (change("square-test", source="pass"), ["edited"]),
    "test spaced": (change("square-test", source="\nassert near(square(2), 4)  \n\n"), []),
    "read-only edited": (change("helper", source="def near(a, b):\n    return True"), ["edited"]),
    "test to markdown": (change("square-test", cell_type="markdown"), ["retyped"]),
    "test to raw": (change("square-test", cell_type="raw"), ["retyped"]),
    "test to nonsense": (change("square-test", cell_type="<script>"), ["retyped"]),
    "test renamed": (flag("square-test", grade_id="other"), ["renamed"]),
    "answer renamed": (flag("square", grade_id="other"), ["renamed"]),
    "answer named as a test": (flag("square", grade_id="cube-test"), ["renamed"]),
    "answer to markdown": (change("square", cell_type="markdown"), ["retyped"]),
    "answer to raw": (change("cube", cell_type="raw"), ["retyped"]),
    "words to code": (change("words", cell_type="code"), ["retyped"]),
    "reversed": (reverse, ["reordered"]),
    "answers last": (answers_last, ["reordered"]),
    "no metadata at all": (strip_metadata, ["renamed"]),
    "a kernel of their own": (whole("kernelspec", {"name": "evil", "language": "bash"}), ["kernel"]),
    "a kernel of a wrong type": (whole("kernelspec", ["<script>"]), ["kernel"]),
    "no kernel": (lambda notebook: notebook.metadata.pop("kernelspec"), []),
    "a language of their own": (whole("language_info", {"name": "perl"}), []),
    "widgets": (whole("widgets", {"application/vnd.jupyter.widget-state+json": {"state": {}}}), []),
    "forged notes": (whole("autograder_read", ["<script>", {"a": 1}, 3]), []),
    "metadata of a wrong type": (change("square-test", metadata=["x"]), ["renamed"]),
    "nbgrader of a wrong type": (
        lambda notebook: named(notebook, "square").metadata.update(nbgrader="x"),
        ["renamed"],
    ),
    "forged outputs": (forge_outputs, []),
    "ids all the same": (lambda notebook: [cell.update(id="same") for cell in notebook.cells], []),
    "ids of a wrong type": (lambda notebook: [cell.update(id={"a": 1}) for cell in notebook.cells], []),
    "no ids": (lambda notebook: [cell.pop("id") for cell in notebook.cells], []),
    "answer as lines": (
        lambda notebook: named(notebook, "square").update(source=ANSWERS["square"].splitlines(keepends=True)),
        [],
    ),
    "a test of their own": (add("cube", NEW_TEST), ["unknown"]),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_notebook_changes_nothing(name: str) -> None:
    act, expected = ATTACKS[name]
    submitted = answered(SOURCE)
    act(submitted)
    rebuilt = build(submitted)
    assert kinds(rebuilt) == expected
    assert rebuilt.readable
    for grade_id, text in ANSWERS.items():
        cell = named(rebuilt.notebook, grade_id)
        assert cell.source == text
        assert cell.cell_type == named(SOURCE, grade_id).cell_type
    claims = [c.metadata["nbgrader"] for c in rebuilt.notebook.cells if "nbgrader" in c.metadata]
    assert [c["grade_id"] for c in claims] == [
        c.metadata.nbgrader.grade_id for c in SOURCE.cells if "nbgrader" in c.metadata
    ]
    assert sum(c.get("points", 0) for c in claims) == 11.5
    assert all("tags" not in cell.metadata for cell in rebuilt.notebook.cells)
    assert all(cell.get("outputs", []) == [] for cell in rebuilt.notebook.cells)
    assert all(cell.get("execution_count") is None for cell in rebuilt.notebook.cells)
    added = ["100"] if name == "a test of their own" else []
    assert [
        c for c in code(rebuilt.notebook) if c not in code(rebuild(SOURCE, answered(SOURCE)).notebook)
    ] == added


@pytest.mark.parametrize("answers", [ANSWERS, {}, {"square": ANSWERS["square"]}, {"square": "def square(:"}])
def test_an_honest_submission_is_left_as_it_is(answers: dict[str, str]) -> None:
    submitted = answered(SOURCE, answers)
    rebuilt = build(submitted)
    assert rebuilt.repairs == ()
    hidden = named(SOURCE, "square-test").source
    assert code(rebuilt.notebook) == [hidden if "square(2)" in text else text for text in code(submitted)]


def test_an_honest_submission_with_cells_of_its_own() -> None:
    submitted = answered(SOURCE)
    submitted.cells[1].source = "import math, statistics\nSIDE = 4"
    for at in (12, 9, 7, 4, 2, 0):
        submitted.cells.insert(at, v4.new_code_cell(f"mine_{at} = 1"))
        submitted.cells.insert(at, v4.new_markdown_cell(f"note {at}"))
    rebuilt = build(submitted)
    assert rebuilt.repairs == ()
    tests = {named(SOURCE, "square-test").source, named(RELEASED, "square-test").source}
    assert [t for t in code(rebuilt.notebook) if t not in tests] == [
        t for t in code(submitted) if t not in tests
    ]
    assert [cell.cell_type for cell in rebuilt.notebook.cells] == [cell.cell_type for cell in submitted.cells]


def test_answers_carry_the_checksum_of_the_untouched_cell() -> None:
    """So nbgrader's own rule holds: an untouched manual answer earns zero, a written one waits for a person."""
    untouched, written = build(answered(SOURCE, {})).notebook, build(answered(SOURCE)).notebook
    for name, points in (("words", 3.0), ("plot", 1.0)):
        assert utils.determine_grade(named(untouched, name)) == (0, points)
        assert utils.determine_grade(named(written, name)) == (None, points)
    without = rebuild(SOURCE, answered(SOURCE, {})).notebook
    assert utils.determine_grade(named(without, "words")) == (0, 3.0)


def test_no_submission_gives_the_assignment_as_handed_out() -> None:
    rebuilt = build(None)
    assert kinds(rebuilt) == ["unreadable"]
    assert not rebuilt.readable
    assert [c.source for c in rebuilt.notebook.cells if not utils.is_locked(c)] == [
        c.source for c in RELEASED.cells if not utils.is_locked(c)
    ]


def test_attachments_are_pictures_only() -> None:
    submitted = answered(SOURCE)
    good = {"a.png": {"image/png": "aGVsbG8="}}
    named(submitted, "words").attachments = {
        **good,
        "b": {"text/html": "<script>", "image/svg+xml": "<svg onload=1>"},
        "c": {"image/png": "<script>"},
        "d": 5,
    }
    note = v4.new_markdown_cell("note", attachments=copy.deepcopy(good))
    add("words", note)(submitted)
    named(submitted, "square").attachments = good
    rebuilt = build(submitted)
    assert named(rebuilt.notebook, "words").attachments == good
    assert rebuilt.notebook.cells[place_of(rebuilt.notebook, "words") - 1].attachments == good
    assert "attachments" not in named(rebuilt.notebook, "square")
    assert [(r.kind, r.cell) for r in rebuilt.repairs] == [("attachment", "words")]


def test_a_solutions_pictures_are_not_handed_out() -> None:
    source = assignment()
    named(source, "words").attachments = {"model.png": {"image/png": "aGVsbG8="}}
    assert "model.png" not in nbformat.writes(rebuild(source, None).notebook)


@pytest.mark.parametrize("cells", [[], [v4.new_code_cell("other = 1")], [5, None], None, "cells"])
def test_a_notebook_of_something_else(cells: Any) -> None:
    rebuilt = build(NotebookNode(cells=cells, metadata=[]))
    assert rebuilt.readable
    assert set(kinds(rebuilt)) <= {"foreign", "missing"}
    assert named(rebuilt.notebook, "words").source == "YOUR ANSWER HERE"


@pytest.mark.parametrize(
    "break_it",
    [
        flag("square-test", grade_id=""),
        flag("square-test", grade_id="cube-test"),
        flag("square-test", schema_version=0, points="many"),
        flag("square-test", schema_version=10),
        lambda notebook: named(notebook, "square-test").metadata.nbgrader.pop("points"),
        lambda notebook: named(notebook, "square").metadata.nbgrader.pop("grade_id"),
    ],
)
def test_a_broken_source_is_refused(break_it: Callable[[NotebookNode], None]) -> None:
    source = assignment()
    break_it(source)
    with pytest.raises(RebuildError):
        rebuild(source, answered(SOURCE))
