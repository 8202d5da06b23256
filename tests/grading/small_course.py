"""A small course folder with one assignment that NumPy alone can grade, for tests of whole classes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook

from autograder.trial import run_nbgrader

ASSIGNMENT = "first"
NOTEBOOK = "exercises"
TWICE = "def twice(x):\n    return 2 * np.asarray(x)"
TOTAL = "total = float(np.arange(5).sum())"
#: Answers by kind: twice (3 points), total (1 point).
RIGHT, HALF, WRONG = (TWICE, TOTAL), (TWICE, "total = 11.0"), ("def twice(x):\n    return x", "total = ...")
HANGS = ("def twice(x):\n    while True:\n        pass", TOTAL)
LEAVES = ("import os\n\ndef twice(x):\n    os._exit(0)", TOTAL)


def _cell(source: str, name: str, points: int | None = None, solution: bool = False) -> NotebookNode:
    meta = {"grade_id": name, "grade": points is not None, "solution": solution, "locked": not solution}
    meta |= {"task": False, "schema_version": 3} | ({"points": points} if points is not None else {})
    cell = v4.new_code_cell(source, metadata={"nbgrader": meta})
    cell["id"] = name
    return cell


def source(secret: str = "assert (twice([1.5, -2]) == [3, -4]).all()") -> NotebookNode:
    """The instructor's notebook, with this hidden test."""
    solution = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
    hidden = f"### BEGIN HIDDEN TESTS\n{secret}\n### END HIDDEN TESTS"
    cells = [
        _cell("import numpy as np", "set-up"),
        _cell(solution.format(TWICE), "twice", solution=True),
        _cell(f"assert twice(3) == 6\n{hidden}", "twice-check", 3),
        _cell(solution.format(TOTAL), "total", solution=True),
        _cell("assert total == 10", "total-check", 1),
    ]
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


def write_source(folder: Path, notebook: NotebookNode) -> None:
    place = folder / "source" / ASSIGNMENT
    place.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, place / f"{NOTEBOOK}.ipynb")


def generate(folder: Path, db: str | None = None) -> None:
    """Put the assignment into a gradebook: the folder's own, or another."""
    more = [f"--CourseDirectory.db_url={db}"] if db else []
    run_nbgrader(folder, "generate_assignment", ASSIGNMENT, "--force", *more)


def make_course(folder: Path) -> Path:
    """Make the course folder and its gradebook."""
    folder.mkdir(parents=True, exist_ok=True)
    write_source(folder, source())
    (folder / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        "c.CourseDirectory.course_id = 'small'\n"
        "c.LateSubmissionPlugin.penalty_method = 'zero'\n"
        "c.GradingEngine.cell_seconds = 5\n",
        encoding="utf-8",
    )
    generate(folder)
    set_duedate(f"sqlite:///{folder / 'gradebook.db'}")
    return folder


def set_duedate(db: str) -> None:
    """Who hands in after this day is late, and loses all points."""
    with Gradebook(db, "small") as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate="2026-02-01 12:00:00 UTC")


def copy_course(template: Path, folder: Path) -> Path:
    """A course folder of one's own."""
    shutil.copytree(template, folder)
    return folder


def submit(
    folder: Path, students: Mapping[str, tuple[str, str]], when: str = "2026-01-15 12:00:00 UTC"
) -> None:
    """Hand in these answers to the two questions."""
    released = folder / "release" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    for student, answers in students.items():
        notebook = nbformat.read(released, as_version=4)
        parts = dict(zip(("twice", "total"), answers, strict=True))
        for cell in notebook.cells:
            cell.source = parts.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        place = folder / "submitted" / student / ASSIGNMENT
        place.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, place / f"{NOTEBOOK}.ipynb")
        (place / "timestamp.txt").write_text(when, encoding="utf-8")
