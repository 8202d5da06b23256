"""A course folder made of nbgrader's own fixture notebooks."""

from __future__ import annotations

import copy
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from tests.engine.notebooks import fixture, release
from tests.grading import plain_course as plain

#: Notebooks that are graded as an assignment of their own: handed in with all solutions, and untouched.
SOURCES = (
    "apps/files/open_relative_file", "apps/files/side-effects", "apps/files/test",
    "apps/files/test-hidden-tests", "apps/files/test-with-output", "apps/files/timeout",
    "apps/files/validating-environment-variable", "apps/files/validation-zero-points",
    "preprocessors/files/infinite-recursion", "preprocessors/files/long-output",
    "preprocessors/files/manually-graded-code-cell", "preprocessors/files/test", "preprocessors/files/test_taskcell",
    "ui-tests/files/task",
)  # fmt: skip
#: What nbgrader's tests hand in for `submitted-unchanged`.
SUBMITTED = {
    "apps/files": ("submitted-unchanged", "submitted-changed", "submitted-cheat-attempt",
                   "submitted-cheat-attempt-alternative", "submitted-grade-cell-changed",
                   "submitted-locked-cell-changed"),
    "preprocessors/files": ("submitted-unchanged", "submitted-changed", "submitted-answer-cell-type-changed",
                            "submitted-grade-cell-changed", "submitted-grade-cell-type-changed",
                            "submitted-locked-cell-changed"),
}  # fmt: skip
DUE = datetime(2026, 1, 10)


def make(root: Path) -> None:
    """Make the folder, with everything released and handed in; one submission of each assignment is late."""
    root.mkdir(parents=True)
    for path in SOURCES:
        name = path.replace("/files/", "-")
        source = fixture(f"{path}.ipynb")
        _assign(root, name, source)
        _submit(root, name, "solved", copy.deepcopy(source))
        _submit(root, name, "untouched", release(source), late=True)
    for folder, names in SUBMITTED.items():
        name = f"{folder.split('/')[0]}-submitted"
        _assign(root, name, fixture(f"{folder}/submitted-unchanged.ipynb"))
        for student in names:
            late = student == "submitted-changed"
            _submit(root, name, student, fixture(f"{folder}/{student}.ipynb"), late=late)


def _assign(root: Path, name: str, source: NotebookNode) -> None:
    folder = root / "source" / name
    folder.mkdir(parents=True)
    nbformat.write(source, folder / "p1.ipynb")
    (folder / "data.txt").write_text("some data")
    plain.generate(root, name)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        gradebook.update_or_create_assignment(name, duedate=DUE)


def _submit(root: Path, name: str, student: str, notebook: NotebookNode, *, late: bool = False) -> None:
    folder = root / "submitted" / student / name
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "p1.ipynb")
    (folder / "timestamp.txt").write_text(f"2026-01-{12 if late else 9:02d} 10:00:00 UTC")
