"""Notebooks for the engine's tests: assignments, what nbgrader releases of them, and students' copies."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
import nbgrader
from nbformat import NotebookNode, v4
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

FIXTURES = Path(nbgrader.__file__).parent / "tests"


def graded(kind: str, name: str, source: str, **flags: Any) -> NotebookNode:
    """Make a cell with nbgrader's metadata."""
    make = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
    role = {"grade": False, "solution": False, "locked": False, "task": False, **flags}
    meta = {"grade_id": name, "schema_version": 3, **role}
    return make(source, metadata={"nbgrader": meta})


def assignment() -> NotebookNode:
    """Make an assignment with every kind of cell."""
    cells = [
        v4.new_markdown_cell("# Squares"),
        v4.new_code_cell("import math\nSIDE = 3"),
        graded("code", "helper", "def near(a, b):\n    return abs(a - b) < 1e-9", locked=True),
        graded(
            "code",
            "square",
            "def square(x):\n    ### BEGIN SOLUTION\n    return x * x\n    ### END SOLUTION",
            solution=True,
        ),
        graded(
            "code",
            "square-test",
            "assert near(square(2), 4)\n### BEGIN HIDDEN TESTS\nassert square(-3) == 9\n### END HIDDEN TESTS",
            grade=True,
            locked=True,
            points=2,
        ),
        v4.new_markdown_cell("Now a cube."),
        graded(
            "code",
            "cube",
            "def cube(x):\n    ### BEGIN SOLUTION\n    return x**3\n    ### END SOLUTION",
            solution=True,
        ),
        v4.new_code_cell("print(SIDE)"),
        graded("code", "cube-test", "assert cube(2) == 8", grade=True, locked=True, points=1.5),
        graded("markdown", "words", "Because the model answer.", grade=True, solution=True, points=3),
        graded("code", "plot", "model_plot()", grade=True, solution=True, points=1),
        graded(
            "markdown",
            "essay",
            "Write on.\n\n=== BEGIN MARK SCHEME ===\nthe scheme\n=== END MARK SCHEME ===",
            task=True,
            locked=True,
            points=4,
        ),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": spec, "language_info": {"name": "python"}})


def release(source: NotebookNode) -> NotebookNode:
    """Make what nbgrader hands out, by its own steps."""
    from nbgrader.nbgraderformat import MetadataValidator

    notebook = MetadataValidator().upgrade_notebook_metadata(copy.deepcopy(source))
    resources: dict[str, Any] = {}
    for step in (
        LockCells,
        ClearSolutions,
        ClearOutput,
        ComputeChecksums,
        ClearHiddenTests,
        ClearMarkScheme,
        ComputeChecksums,
    ):
        notebook, resources = step().preprocess(notebook, resources)
    return notebook


ANSWERS = {
    "square": "def square(x):\n    return x * x  # mine",
    "cube": "def cube(x):\n    return x * x * x  # mine",
    "words": "Because I say so.",
    "plot": "my_plot()",
}


def answered(source: NotebookNode, answers: dict[str, str] | None = None) -> NotebookNode:
    """Make an honest submission: the release with answers, outputs and counts."""
    notebook = release(source)
    for count, cell in enumerate(notebook.cells):
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = (ANSWERS if answers is None else answers).get(name, cell.source)
        if cell.cell_type == "code":
            cell.execution_count = count
            cell.outputs = [v4.new_output("stream", text="run")]
    return notebook


def named(notebook: NotebookNode, name: str) -> NotebookNode:
    """Return the one cell with this grade_id."""
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name]
    return cell


def place_of(notebook: NotebookNode, name: str) -> int:
    """Return the place of the cell with this grade_id."""
    return list(notebook.cells).index(named(notebook, name))


def code(notebook: NotebookNode) -> list[str]:
    """Return the code of a notebook, a text for each cell."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def fixed(notebook: NotebookNode) -> list[tuple[str, str, str, Any]]:
    """Return what no student may change: id, type, text and points of test and read-only cells."""
    from nbgrader import utils

    found = []
    for cell in notebook.cells:
        if utils.is_locked(cell):
            meta = cell.metadata["nbgrader"]
            found.append((meta["grade_id"], cell.cell_type, cell.source, meta.get("points")))
    return found


def fixture(name: str) -> NotebookNode:
    """Read one of nbgrader's own test notebooks."""
    return nbformat.read(FIXTURES / name, as_version=4)
