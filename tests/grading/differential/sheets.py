"""Small assignments in the styles that instructors use, each with answers to it, written as one text.

A sheet is a text of cells, as in percent scripts:

    # %% setup                  a cell that students get as it is
    # %% data points.csv        a file beside the notebook
    # %% answer mean            a solution cell; all of a function's body, or of the cell, is the solution
    # %% test mean 2            a graded cell, worth 2 points
    # %% right mean             another right answer
    # %% wrong mean             a wrong one

From it come the source notebook and four submissions: all right, all right written differently, all wrong, untouched.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from textwrap import indent

from nbformat import NotebookNode, v4
from nbgrader.utils import determine_grade

from tests.engine.notebooks import graded, release

FOLDER = Path(__file__).parent / "sheets"
VARIANTS = ("right", "right too", "wrong", "untouched")
_HEAD = re.compile(r"^# %% (.+)$", re.M)


@dataclass
class Sheet:
    """An assignment, and answers to it by the name of their cell."""

    name: str
    source: NotebookNode
    files: dict[str, bytes]
    points: dict[str, float]
    answers: dict[str, list[str]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def given(self, variant: str) -> Mapping[str, str]:
        """Return what a student of this kind writes; cells that are left out stay as handed out."""
        if variant == "untouched":
            return {}
        if variant == "wrong":
            return self.wrong
        return {name: texts[-1 if variant == "right too" else 0] for name, texts in self.answers.items()}

    def submission(self, variant: str) -> NotebookNode:
        """Return the student's notebook."""
        notebook = release(self.source)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = self.given(variant).get(name, cell.source)
        return notebook


def names() -> list[str]:
    """Return the names of all sheets."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


@cache
def sheet(name: str) -> Sheet:
    """Read a sheet."""
    return parse(name, (FOLDER / f"{name}.txt").read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Sheet:
    """Make a sheet of its text."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    source = v4.new_notebook(metadata={"kernelspec": spec, "language_info": {"name": "python"}})
    made = Sheet(name, source, {}, {})
    _, *parts = _HEAD.split(text)
    for head, body in zip(parts[::2], parts[1::2], strict=True):
        kind, *words = head.split()
        body = body.strip("\n")
        match kind, words:
            case "setup", []:
                source.cells.append(v4.new_code_cell(body))
            case "data", [path]:
                made.files[path] = f"{body}\n".encode()
            case "answer", [cell]:
                source.cells.append(graded("code", cell, solved(body), solution=True))
                made.answers[cell] = [body]
            case "test", [cell, points]:
                flags = {"grade": True, "locked": True, "points": float(points)}
                source.cells.append(graded("code", f"{cell}-test", body, **flags))
                made.points[f"{cell}-test"] = float(points)
            case "right", [cell]:
                made.answers[cell].append(body)
            case "wrong", [cell]:
                made.wrong[cell] = body
            case _:
                raise ValueError(f"{name}: {head!r} is no kind of cell")
    if made.answers.keys() != made.wrong.keys():
        raise ValueError(
            f"{name}: {made.answers.keys() ^ made.wrong.keys()} has no wrong answer, or nothing else"
        )
    for number, cell in enumerate(source.cells):
        cell.id = f"cell-{number}"
    return made


def solved(text: str) -> str:
    """Mark the solution: the body of a function that is all of the cell, else the whole cell."""
    begin, end = "### BEGIN SOLUTION", "### END SOLUTION"
    if text.startswith("%%"):  # a cell magic stands first
        magic, rest = text.split("\n", 1)
        return f"{magic}\n{begin}\n{rest}\n{end}"
    try:
        body = ast.parse(text).body
    except SyntaxError:
        body = []
    if len(body) == 1 and isinstance(body[0], ast.FunctionDef) and body[0].body[0].lineno > body[0].lineno:
        lines = text.split("\n")
        first = body[0].body[0].lineno - 1
        inner = "\n".join((begin, end))
        begin, end = indent(inner, " " * body[0].body[0].col_offset).split("\n")
        return "\n".join((*lines[:first], begin, *lines[first:], end))
    return f"{begin}\n{text}\n{end}"


def marks(notebook: NotebookNode) -> dict[str, float | None]:
    """Return what nbgrader reads out of a graded notebook, for cells that are graded by machine."""
    return {
        cell.metadata["nbgrader"]["grade_id"]: determine_grade(cell)[0]
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade") and not cell.metadata["nbgrader"]["solution"]
    }
