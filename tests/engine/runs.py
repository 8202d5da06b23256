"""A small assignment for the tests of the engine, and answers to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.utils import determine_grade

from autograder.engine.rebuild import rebuild
from autograder.engine.task import Outcome, Task
from tests.engine.notebooks import graded, release

HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"
SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"


@cache
def source() -> NotebookNode:
    """Two functions and a constant, a set-up cell that calls one of them, a written answer."""

    def test(name: str, points: float, text: str) -> NotebookNode:
        return graded("code", name, text, grade=True, locked=True, points=points)

    def answer(name: str, text: str) -> NotebookNode:
        return graded("code", name, text, solution=True)

    cells = [
        v4.new_code_cell("import numpy as np\nSIDE = 3\nkept = {}"),
        answer("square", "def square(x):\n    ### BEGIN SOLUTION\n    return x * x\n    ### END SOLUTION"),
        test("square-test", 2, "assert square(2) == 4\n" + HIDDEN.format("assert square(-7) == 49")),
        answer(
            "total",
            "def total(values):\n    ### BEGIN SOLUTION\n    return float(np.sum(values))\n    ### END SOLUTION",
        ),
        graded("code", "helper", "sample = total(np.ones(SIDE))", locked=True),
        test(
            "total-test",
            3,
            "assert sample == 3.0\nassert total([1, 2]) == 3.0\nassert total(np.arange(4)) == 6",
        ),
        answer("answer", SOLUTION.format("ANSWER = 42\nkept['answer'] = ANSWER")),
        test("answer-test", 1, "assert ANSWER == 42\nassert kept['answer'] == 42"),
        test(
            "score-test",
            4,
            "score = 0\nif square(3) == 9:\n    score += 1\nif total([5]) == 5:\n    score += 1.5\nscore",
        ),
        graded("markdown", "words", "The model answer.", grade=True, solution=True, points=5),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(
        cells=cells, metadata={"kernelspec": spec, "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


RIGHT = {
    "square": "def square(x):\n    return x ** 2",
    "total": "def total(values):\n    return float(np.sum(np.asarray(values)))",
    "answer": "ANSWER = 6 * 7\nkept['answer'] = ANSWER",
    "words": "Because.",
}
FULL = {"square-test": 2.0, "total-test": 3.0, "answer-test": 1.0, "score-test": 2.5}


def submission(answers: Mapping[str, str]) -> NotebookNode:
    """Make a student's notebook; what is not answered stays as it was handed out."""
    notebook = release(source())
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in answers:
            cell.source = answers[name]
    return notebook


def task(name: str, notebook: NotebookNode, **more: Mapping[str, bytes]) -> Task:
    """Rebuild a student's notebook and make a task of it."""
    return Task(name, source(), rebuild(source(), notebook).notebook, **more)


def marks(outcome: Outcome) -> dict[str, float | None]:
    """Return what nbgrader reads out of the graded notebook, for the cells that are graded by machine."""
    found = {}
    for cell in outcome.notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade") and not meta.get("solution"):
            found[meta["grade_id"]] = determine_grade(cell)[0]
    nbformat.validate(outcome.notebook)
    return found
