"""What students do to their copy of the assignment, and what must hold of every rebuilt notebook."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.engine.rebuild import Rebuilt, rebuild
from tests.engine.notebooks import assignment, fixed, named, place_of, release

SOURCE = assignment()
RELEASED = release(SOURCE)


def kinds(rebuilt: Rebuilt) -> list[str]:
    return sorted({repair.kind for repair in rebuilt.repairs})


def build(submitted: NotebookNode | None) -> Rebuilt:
    """Rebuild, and check what holds for every submission."""
    before = json.dumps([SOURCE, submitted], sort_keys=True, default=str)
    rebuilt = rebuild(SOURCE, submitted, RELEASED)
    assert json.dumps([SOURCE, submitted], sort_keys=True, default=str) == before, "arguments are not changed"
    nbformat.validate(rebuilt.notebook)
    assert fixed(rebuilt.notebook) == fixed(SOURCE)
    assert rebuilt.notebook.metadata == SOURCE.metadata
    text = nbformat.writes(rebuilt.notebook)
    assert "model" not in text, "no solution of the source"
    assert text.encode() == nbformat.writes(rebuild(SOURCE, submitted, RELEASED).notebook).encode()
    assert len(set(rebuilt.repairs)) == len(rebuilt.repairs)
    for repair in rebuilt.repairs:
        assert repair.text.endswith((".", "?"))
        assert "<script" not in repair.text
    return rebuilt


def change(name: str, **values: Any) -> Callable[[NotebookNode], None]:
    return lambda notebook: named(notebook, name).update(values)


def flag(name: str, **values: Any) -> Callable[[NotebookNode], None]:
    return lambda notebook: named(notebook, name).metadata["nbgrader"].update(values)


def delete(name: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells.pop(place_of(notebook, name))


def add(before: str, *cells: NotebookNode) -> Callable[[NotebookNode], None]:
    def act(notebook: NotebookNode) -> None:
        at = place_of(notebook, before)
        notebook.cells[at:at] = copy.deepcopy(list(cells))

    return act


def twice(name: str, text: str | None = None, **values: Any) -> Callable[[NotebookNode], None]:
    def act(notebook: NotebookNode) -> None:
        cell = copy.deepcopy(named(notebook, name))
        cell.update(values, id="twin")
        cell.source = cell.source if text is None else text
        notebook.cells.insert(place_of(notebook, name) + 1, cell)

    return act


def tag(name: str, *tags: Any) -> Callable[[NotebookNode], None]:
    return lambda notebook: named(notebook, name).metadata.update(tags=list(tags))


def whole(key: str, value: Any) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.metadata.update({key: value})


def reverse(notebook: NotebookNode) -> None:
    notebook.cells.reverse()


def answers_last(notebook: NotebookNode) -> None:
    notebook.cells.sort(key=lambda cell: cell.metadata.get("nbgrader", {}).get("solution", False))
