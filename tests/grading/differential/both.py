"""One notebook, run by stock nbgrader and by the engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_locked

from autograder.engine.engine import Engine
from autograder.engine.rebuild import rebuild
from autograder.engine.task import Task


def by_stock(
    source: NotebookNode, submitted: NotebookNode, files: Mapping[str, bytes], folder: Path, seconds: int = 30
) -> NotebookNode:
    """Run a submission as nbgrader does: its own text for what is locked, a kernel, all cells in order."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    notebook = copy.deepcopy(submitted)
    for cell, own in zip(notebook.cells, source.cells, strict=True):
        if is_locked(own):
            cell.source = own.source
    ran, _ = Execute(timeout=seconds).preprocess(notebook, {"metadata": {"path": str(folder)}})
    return ran


def by_engine(
    engine: Engine, name: str, source: NotebookNode, submitted: NotebookNode, files: Mapping[str, bytes]
) -> tuple[NotebookNode, frozenset[str]]:
    """Run a submission in the engine; return it, and the checks whose marks are left to a person where not full."""
    outcome = engine.grade(Task(name, source, rebuild(source, submitted).notebook, released=files))
    return outcome.notebook, frozenset(outcome.unfit)
