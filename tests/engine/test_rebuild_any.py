"""Rebuilding: any nbgrader notebook, and any submission at all."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode, v4
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    DeduplicateIds,
    OverwriteCells,
    OverwriteKernelspec,
    SaveCells,
)

from autograder.engine.rebuild import RebuildError, rebuild
from autograder.nbgrading import environment_on_path
from autograder.sources import read_source
from tests.engine.actions import SOURCE, build
from tests.engine.notebooks import answered, code, fixed, fixture, named, release

#: nbgrader's own assignments: metadata of schema 0 to 3, and none; nbformat 4.0 to 4.5.
ASSIGNMENTS = [
    "apps/files/test.ipynb",
    "apps/files/test-v0.ipynb",
    "apps/files/test-v1.ipynb",
    "apps/files/test-v2.ipynb",
    "apps/files/test-with-output.ipynb",
    "apps/files/test-hidden-tests.ipynb",
    "apps/files/open_relative_file.ipynb",
    "apps/files/side-effects.ipynb",
    "apps/files/infinite-loop.ipynb",
    "preprocessors/files/test.ipynb",
    "preprocessors/files/test_taskcell.ipynb",
    "preprocessors/files/manually-graded-code-cell.ipynb",
    "ui-tests/files/task.ipynb",
    "ui-tests/files/blank.ipynb",
    "ui-tests/files/old-schema.ipynb",
]


def owned(notebook: NotebookNode) -> list[tuple[str, str]]:
    return [(c.cell_type, c.source) for c in notebook.cells if not utils.is_locked(c)]


@pytest.mark.parametrize("know_release", [True, False])
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_nbgraders_own_assignments(name: str, know_release: bool) -> None:
    source = fixture(name)
    given_out = release(source)
    rebuilt = rebuild(source, copy.deepcopy(given_out), given_out if know_release else None)
    assert rebuilt.repairs == ()
    nbformat.validate(rebuilt.notebook)
    assert owned(rebuilt.notebook) == owned(given_out)
    assert [entry[:3] for entry in fixed(rebuilt.notebook)] == [entry[:3] for entry in fixed(source)]
    assert nbformat.writes(rebuilt.notebook) == nbformat.writes(
        rebuild(fixture(name), release(fixture(name)), release(fixture(name))).notebook
    ), "cell ids that nbformat draws afresh at each reading do not show"
    gone = rebuild(source, v4.new_notebook(), given_out)
    assert [entry[:3] for entry in fixed(gone.notebook)] == [entry[:3] for entry in fixed(source)]


SUBMITTED = {
    "submitted-unchanged": [],
    "submitted-changed": [],
    "submitted-cheat-attempt": [],
    "submitted-locked-cell-changed": ["edited"],
    "submitted-grade-cell-changed": ["edited"],
}


@pytest.mark.parametrize("name", SUBMITTED)
def test_nbgraders_own_submissions(name: str) -> None:
    """The source is the unchanged one; its stubs stand for solutions."""
    given_out = fixture("apps/files/submitted-unchanged.ipynb")
    submitted = fixture(f"apps/files/{name}.ipynb")
    rebuilt = rebuild(given_out, submitted, given_out)
    assert sorted({repair.kind for repair in rebuilt.repairs}) == SUBMITTED[name]
    assert fixed(rebuilt.notebook) == fixed(given_out)
    assert owned(rebuilt.notebook) == owned(submitted)


@pytest.mark.parametrize("kind", ["grade", "answer"])
def test_nbgraders_own_retyped_submissions(kind: str) -> None:
    given_out = fixture("preprocessors/files/submitted-unchanged.ipynb")
    submitted = fixture(f"preprocessors/files/submitted-{kind}-cell-type-changed.ipynb")
    rebuilt = rebuild(given_out, submitted, given_out)
    assert "retyped" in {repair.kind for repair in rebuilt.repairs}
    assert [c.cell_type for c in rebuilt.notebook.cells] == [c.cell_type for c in given_out.cells]


@pytest.mark.parametrize(
    "name", ["apps/files/test-v0-invalid", "apps/files/too-new", "preprocessors/files/blank-points"]
)
def test_sources_that_nbgrader_refuses(name: str) -> None:
    with pytest.raises(RebuildError):
        rebuild(fixture(f"{name}.ipynb"), None)


@pytest.mark.parametrize("notebook", ["exercises", "lesson"])
@pytest.mark.parametrize("chapter", ["00-digital-biopsy", "01-hounsfield-units"])
def test_the_courses_notebooks(root: Path, chapter: str, notebook: str) -> None:
    source = read_source(root / "solutions" / chapter / f"{notebook}.md", graded=notebook == "exercises")
    given_out = nbformat.read(root / "course" / chapter / f"{notebook}.ipynb", as_version=4)
    submitted = copy.deepcopy(given_out)
    for cell in submitted.cells:
        if utils.is_solution(cell):
            cell.source += "\n# mine"
    rebuilt = rebuild(source, submitted, given_out)
    assert rebuilt.repairs == ()
    assert owned(rebuilt.notebook) == owned(submitted)
    assert fixed(rebuilt.notebook) == fixed(source)
    rebuilt = rebuild(source, NotebookNode(cells=submitted.cells[::-1], metadata={}), given_out)
    assert owned(rebuilt.notebook) == owned(submitted)


@pytest.mark.parametrize("name", [None, "apps/files/test-v0.ipynb"])
def test_nbgrader_itself_finds_nothing_to_change(tmp_path: Path, name: str | None) -> None:
    """Its own sanitising steps, with a gradebook made from the source, leave the rebuilt notebook as it is."""
    source = SOURCE if name is None else fixture(name)
    resources = {
        "nbgrader": {
            "notebook": "exercises",
            "assignment": "unit",
            "student": "ada",
            "db_url": f"sqlite:///{tmp_path / 'gradebook.db'}",
        }
    }
    with environment_on_path(), Gradebook(resources["nbgrader"]["db_url"]) as gradebook:
        gradebook.add_assignment("unit")
    notebook = MetadataValidator().upgrade_notebook_metadata(copy.deepcopy(source))
    for step in (ClearSolutions, ComputeChecksums, SaveCells):
        notebook, _ = step().preprocess(notebook, {**resources})
    submitted = answered(source)
    for cell in submitted.cells:
        if utils.is_locked(cell):
            cell.source = "forged"
    rebuilt = rebuild(source, submitted, release(source)).notebook
    checked = copy.deepcopy(rebuilt)
    for step in (ClearOutput, DeduplicateIds, OverwriteKernelspec, OverwriteCells, CheckCellMetadata):
        checked, _ = step().preprocess(checked, {**resources})
    assert nbformat.writes(checked) == nbformat.writes(rebuilt)


LENIENT = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
GARBAGE = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["nbgrader", "tags", "grade_id", "grade", "solution", "locked", "points", "task", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
IDS = st.sampled_from(["square", "square-test", "cube", "cube-test", "words", "helper", "essay", "none", ""])
CLAIM = st.fixed_dictionaries(
    {},
    optional={
        "grade_id": IDS | GARBAGE,
        "grade": GARBAGE,
        "solution": GARBAGE,
        "locked": GARBAGE,
        "points": GARBAGE,
        "schema_version": GARBAGE,
    },
)
METADATA = GARBAGE | st.fixed_dictionaries({}, optional={"nbgrader": CLAIM | GARBAGE, "tags": GARBAGE})
CELL = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw", "x"]) | GARBAGE,
        "source": st.sampled_from(["assert cube(2) == 8", "print(SIDE)", "def square(x): ..."]) | GARBAGE,
        "metadata": METADATA,
        "id": IDS | GARBAGE,
        "attachments": GARBAGE,
        "outputs": GARBAGE,
    },
)
HONEST = answered(SOURCE).cells


@LENIENT
@given(st.lists(st.sampled_from(range(len(HONEST))) | CELL | GARBAGE, max_size=25), GARBAGE)
def test_any_shuffle_of_anything_is_rebuilt(cells: list[Any], metadata: Any) -> None:
    made = [
        copy.deepcopy(HONEST[cell]) if isinstance(cell, int) and 0 <= cell < 12 else cell for cell in cells
    ]
    build(nbformat.from_dict({"cells": made, "metadata": metadata}))


@LENIENT
@given(st.permutations(range(len(HONEST))), st.sets(st.sampled_from(range(len(HONEST)))), st.data())
def test_known_cells_find_their_places(order: list[int], lost: set[int], data: st.DataObject) -> None:
    """Shuffled and with metadata broken in places: the answers are the student's all the same."""
    cells = [copy.deepcopy(HONEST[i]) for i in order]
    for i, cell in zip(order, cells, strict=True):
        if i in lost:
            cell["metadata"] = nbformat.from_dict(data.draw(st.just({}) | st.just({"nbgrader": {}})))
    rebuilt = build(NotebookNode(cells=cells, metadata={}))
    assert owned(rebuilt.notebook) == owned(NotebookNode(cells=HONEST))
    assert {repair.kind for repair in rebuilt.repairs} <= {"reordered", "renamed"}


@LENIENT
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["code", "markdown", "raw"])), max_size=8))
def test_added_cells_keep_their_places(added: list[tuple[int, str]]) -> None:
    submitted = answered(SOURCE)
    for number, (at, kind) in enumerate(added):
        make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}[kind]
        submitted.cells.insert(at, make(f"added {number}"))
    rebuilt = build(submitted)
    assert rebuilt.repairs == ()
    assert owned(rebuilt.notebook) == owned(submitted)
    assert len(code(rebuilt.notebook)) == len(code(submitted))
    assert named(rebuilt.notebook, "cube-test").source == named(SOURCE, "cube-test").source


@LENIENT
@given(
    st.sets(st.sampled_from(range(len(HONEST)))), st.lists(st.sampled_from(range(len(HONEST))), max_size=5)
)
def test_deleted_and_duplicated_cells(deleted: set[int], again: list[int]) -> None:
    kept = [i for i in range(len(HONEST)) if i not in deleted]
    copies = sorted(kept + [i for i in again if i in kept])
    rebuilt = build(NotebookNode(cells=[copy.deepcopy(HONEST[i]) for i in copies], metadata={}))
    for i in kept:
        name = HONEST[i].metadata.get("nbgrader", {}).get("grade_id")
        if name in ("square", "cube", "words", "plot"):
            assert named(rebuilt.notebook, name).source == HONEST[i].source
