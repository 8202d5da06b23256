"""Read a chapter's sources (MyST Markdown) as notebooks; refuse what would not build or grade as meant."""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import nbformat
from jupytext.myst import MystMetadataParsingError, myst_to_notebook
from nbformat import NotebookNode

from autograder.nbgrading import top_level_names

NOTEBOOKS = ("lesson", "exercises")
CHAPTER = re.compile(r"^\d\d-[a-z0-9-]+$")
#: The same in every notebook, whatever machine builds it.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}
#: Arguments of the requirements themselves, which no learner writes.
OPTIONS = {"tol", "dtype", "no_warnings", "says", "weight", "message"}
_FIELDS = {"grade", "grade_id", "locked", "schema_version", "solution", "task"}


class SourceError(Exception):
    """A fault in a source, with the file and line of the cell."""


@dataclass(frozen=True)
class Cell:
    """A cell with its place, for messages."""

    node: NotebookNode
    path: Path
    line: int

    @property
    def meta(self) -> dict[str, Any]:
        """nbgrader's metadata; empty for an ordinary cell."""
        return dict(self.node.metadata.get("nbgrader", {}))

    @property
    def is_code(self) -> bool:
        return str(self.node.cell_type) == "code"

    def fault(self, message: str, line: int = 0) -> SourceError:
        """Return an error that points at the cell, or at a line of its text (counted from 1)."""
        name = f" (cell {self.meta['grade_id']})" if "grade_id" in self.meta else ""
        return SourceError(f"{self.path}:{self.line + max(line - 1, 0)}{name}: {message}")


def find_chapters(solutions: Path) -> list[str]:
    """Return the names of the chapters that have both sources, in order."""
    folders = (path for path in solutions.iterdir() if path.is_dir() and CHAPTER.match(path.name))
    return sorted(p.name for p in folders if all((p / f"{name}.md").is_file() for name in NOTEBOOKS))


def read_source(path: Path, *, graded: bool) -> NotebookNode:
    """Read one source as the instructor's notebook: stable cell ids, fixed metadata, no outputs; verified.

    Raises
    ------
    SourceError
        With file and line, for what would not build or grade as meant.
    """
    cells = read_cells(path)
    verify(cells, graded=graded)
    notebook = nbformat.v4.new_notebook(metadata=METADATA, cells=[cell.node for cell in cells])
    seen: Counter[str] = Counter()
    for node in notebook.cells:
        node["id"] = _cell_id(node, seen)
    nbformat.validate(notebook)
    assert isinstance(notebook, NotebookNode)
    return notebook


def read_cells(path: Path) -> list[Cell]:
    """Read a source into cells with the lines they start on."""
    try:
        raw = myst_to_notebook(path.read_text(encoding="utf-8"), add_source_map=True)
    except (MystMetadataParsingError, ValueError) as error:
        raise SourceError(f"{path}: {' '.join(str(error).split())}") from error
    starts = raw.metadata.get("source_map", [])
    text = path.read_text(encoding="utf-8").splitlines()
    return [
        Cell(node, path, _first_line(node, text, start))
        for node, start in zip(raw.cells, starts, strict=True)
    ]


def verify(cells: list[Cell], *, graded: bool) -> None:
    """Raise SourceError at the first cell that would not build or grade as meant."""
    first: dict[str, Cell] = {}
    parameters = dict(pair for cell in cells for pair in _functions(cell))
    for cell in cells:
        meta = cell.meta
        _verify_regions(cell)
        if not meta:
            if cell.is_code and re.search(r"^(with|c) *=? *check\(", cell.node.source, re.M) and graded:
                raise cell.fault("a check stands in a cell without nbgrader metadata")
            continue
        if missing := sorted(_FIELDS - meta.keys()):
            raise cell.fault(f"the nbgrader metadata lacks {', '.join(missing)}")
        if not graded and (meta["grade"] or meta["solution"]):
            raise cell.fault("a lesson is not graded: move this cell to exercises.md")
        name = str(meta["grade_id"])
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", name):
            raise cell.fault(f"grade_id {name!r} must be lower-case letters, digits and hyphens")
        if name in first:
            raise cell.fault(f"grade_id {name!r} is used twice, first at line {first[name].line}")
        first[name] = cell
        if meta["grade"] and not _is_positive(meta.get("points")):
            raise cell.fault("a graded cell needs points: a positive number")
        if cell.is_code and meta["solution"]:
            _verify_stub(cell)
        if cell.is_code and meta["grade"]:
            _verify_check(cell, parameters)


def student_source(source: str, begin: str, end: str, stub: str = "") -> str:
    """Return a cell's text with the region between two marks replaced by a stub at its indent."""
    lines: list[str] = []
    inside = False
    for line in source.splitlines():
        if begin in line:
            inside = True
            if stub:
                lines.append(line[: len(line) - len(line.lstrip())] + stub)
        elif end in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def _verify_regions(cell: Cell) -> None:
    for what, allowed in (("SOLUTION", "solution"), ("HIDDEN TESTS", "grade")):
        inside = 0
        for number, line in enumerate(cell.node.source.splitlines(), 1):
            begins, ends = f"BEGIN {what}" in line, f"END {what}" in line
            if (begins and inside) or (ends and not inside):
                raise cell.fault(f"### {'BEGIN' if begins else 'END'} {what} does not match", number)
            if begins and not cell.meta.get(allowed):
                raise cell.fault(f"### BEGIN {what} needs a cell with {allowed}: true", number)
            inside = number if begins else (0 if ends else inside)
        if inside:
            raise cell.fault(f"### BEGIN {what} is never closed by ### END {what}", inside)


def _verify_stub(cell: Cell) -> None:
    """The student's cell must keep something to start from, and parse."""
    source = cell.node.source
    if "BEGIN SOLUTION" not in source:
        raise cell.fault("without ### BEGIN SOLUTION and ### END SOLUTION the student's stub would be empty")
    names = top_level_names(source)
    stub = "; ".join(f"{name} = ..." for name in names) if names else "raise NotImplementedError"
    rest = student_source(source, "BEGIN SOLUTION", "END SOLUTION")
    text = [line for line in rest.splitlines() if line.strip() and not line.strip().startswith("#")]
    if not text and not names:
        raise cell.fault("the student's stub would be empty: keep the def line outside the region")
    _parse(cell, source, "the solution does not parse")
    student = student_source(source, "BEGIN SOLUTION", "END SOLUTION", stub)
    _parse(cell, student, "the student's stub does not parse")


def _verify_check(cell: Cell, parameters: dict[str, set[str]]) -> None:
    """The check must agree with the metadata, and stay valid Python without its hidden tests."""
    source = cell.node.source
    tree = _parse(cell, source, "the test cell does not parse")
    stripped = student_source(source, "BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
    _parse(cell, stripped, "without its hidden tests the cell does not parse")
    if not cell.meta["locked"]:
        raise cell.fault("a test cell must be locked: true")
    calls = [node for node in ast.walk(tree) if _is_call(node, "check")]
    if len(calls) != 1:
        raise cell.fault(f"a test cell holds one check(...), this one {len(calls)}")
    check = calls[0]
    options = {keyword.arg: keyword.value for keyword in check.keywords}
    points = _literal(cell, options.get("points"), "points=")
    if points != cell.meta["points"]:
        raise cell.fault(
            f"points={points} in check(...), but {cell.meta['points']} in the metadata", check.lineno
        )
    declared = _literal(cell, options["hidden"], "hidden=") if "hidden" in options else []
    titles = [
        _literal(cell, call.args[0] if call.args else None, "the title of hidden()") for call in _hidden(tree)
    ]
    if list(declared) != titles:
        raise cell.fault(
            f"hidden={list(declared)} in check(...), but the hidden tests are {titles}", check.lineno
        )
    if list(_hidden(ast.parse(stripped))):
        raise cell.fault("c.hidden(...) stands outside ### BEGIN HIDDEN TESTS")
    if not source.rstrip().endswith("\nc.score"):
        raise cell.fault("the last line of a test cell is c.score")
    _verify_arguments(
        cell, tree, [_literal(cell, arg, "a name of check()") for arg in check.args], parameters
    )


def _verify_arguments(cell: Cell, tree: ast.AST, names: list[str], parameters: dict[str, set[str]]) -> None:
    """Every keyword of a requirement must be a parameter of the function, or an option of the requirement."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id == "c":
            name = names[0]
        elif isinstance(owner, ast.Subscript) and isinstance(owner.slice, ast.Constant):
            name = str(owner.slice.value)
        else:
            continue
        if node.func.attr not in ("gives", "raises", "mistake") or name not in parameters:
            continue
        unknown = [k.arg for k in node.keywords if k.arg and k.arg not in parameters[name] | OPTIONS]
        if unknown:
            raise cell.fault(f"{name}() has no argument {unknown[0]!r}", node.lineno)


def _functions(cell: Cell) -> Iterator[tuple[str, set[str]]]:
    if not (cell.is_code and cell.meta.get("solution")):
        return
    try:
        tree = ast.parse(cell.node.source)
    except SyntaxError:
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            if not arguments.kwarg:
                every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
                yield node.name, {argument.arg for argument in every}


def _hidden(tree: ast.AST) -> Iterator[ast.Call]:
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _is_hidden(n)]
    yield from sorted(found, key=lambda node: node.lineno)


def _is_hidden(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "hidden"


def _is_call(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _parse(cell: Cell, source: str, message: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise cell.fault(f"{message}: {error.msg}", error.lineno or 0) from error


def _literal(cell: Cell, node: ast.expr | None, what: str) -> Any:
    try:
        return ast.literal_eval(node)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise cell.fault(
            f"{what} must be written out in the test cell", getattr(node, "lineno", 0)
        ) from error


def _is_positive(points: Any) -> bool:
    return isinstance(points, int | float) and not isinstance(points, bool) and points > 0


def _first_line(node: NotebookNode, text: list[str], start: int) -> int:
    """Return the line, from 1, of a cell's first line: below its options, which stand at the top."""
    first = next(iter(node.source.splitlines()), "")
    return next((n + 1 for n in range(start, len(text)) if text[n] == first), start + 1)


def _cell_id(node: NotebookNode, seen: Counter[str]) -> str:
    """The grade_id, else a hash of the text and of how many equal cells came before."""
    name = node.metadata.get("nbgrader", {}).get("grade_id")
    if name:
        return str(name)
    text = f"{node.cell_type}\n{node.source}"
    seen[text] += 1
    return hashlib.sha256(f"{seen[text]}\n{text}".encode()).hexdigest()[:12]
