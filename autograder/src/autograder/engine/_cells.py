"""The cells that a rebuilt notebook is made of: places in the assignment, and cells of the student."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearSolutions

from autograder.engine._reading import plain_text

TYPES = ("code", "markdown", "raw")
#: Tags that change what runs, or what a reader of the graded notebook sees.
EXECUTION_TAGS = frozenset(
    {
        "skip-execution", "raises-exception", "remove-cell", "remove_cell", "remove-input", "remove_input",
        "remove-output", "remove_output", "hide-cell", "hide-input", "hide-output", "hide_input",
        "injected-parameters", "parameters", "nbval-skip", "nbval-raises-exception", "nbval-ignore-output",
    }
)  # fmt: skip
#: Metadata that speaks of outputs, of which the rebuilt notebook has none.
_OF_OUTPUTS = ("collapsed", "scrolled", "execution", "ExecuteTime", "trusted")
#: Pictures that carry no script.
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*+={0,2}\s*+")
_FLAGS = ("grade", "solution", "locked", "task")


class RebuildError(Exception):
    """The instructor's own notebook cannot be used; the text says why."""


@dataclass
class Place:
    """One cell of the assignment.

    `fixed`: a test or read-only cell, the assignment's text. `owned`: a solution, the student's text.
    `plain`: anything else, the student's text too, and theirs to delete.
    """

    kind: Literal["fixed", "owned", "plain"]
    cell: NotebookNode
    name: str
    stub: str  # what a student sees in a fresh copy; never a solution or a hidden test
    ids: frozenset[str]

    @property
    def test(self) -> bool:
        """Whether the cell is run for marks."""
        return self.kind == "fixed" and bool(utils.is_grade(self.cell))

    @property
    def title(self) -> str:
        """The cell in words."""
        if self.kind == "plain":
            return f"The assignment's {self.cell.cell_type} cell {self.name}"
        what = "test cell" if self.test else "read-only cell" if self.kind == "fixed" else "answer cell"
        return f"The {what} {self.name!r}"

    def says(self, cell: Own) -> bool:
        """Whether the student's cell has this place's text."""
        return same_text(cell.text) in (same_text(self.cell.source), same_text(self.stub))


@dataclass
class Own:
    """One cell of the submission, of which every part has a known shape."""

    type: str
    text: str
    grade_id: str | None
    id: str | None
    flags: dict[str, object]
    tags: list[str]
    pictures: dict[str, dict[str, str]]
    faults: set[str] = field(default_factory=set)


def places(source: NotebookNode, released: NotebookNode | None) -> list[Place]:
    """Return the assignment's cells in order, each with what the student was given.

    Raises
    ------
    RebuildError
        A graded cell of the source has no `grade_id` of its own, or bad points.
    """
    notebook = copy.deepcopy(source)
    try:
        MetadataValidator().upgrade_notebook_metadata(notebook)
    except Exception as error:  # whatever nbgrader makes of broken metadata
        raise RebuildError(f"The nbgrader metadata of the source cannot be upgraded: {error}") from error
    given = _by_grade_id(released)
    twins = released.cells if released is not None and len(released.cells) == len(notebook.cells) else []
    fresh = _Fresh(notebook)
    found: list[Place] = []
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells, start=1):
        cell.source = plain_text(cell.source)
        kind = _kind(cell)
        name = str(number)
        ids = {cell.get("id"), *(twin.get("id") for twin in twins[number - 1 : number])}
        stub = cell.source
        if kind != "plain":
            name = _check(cell, seen, number)
            copy_given = given.get(name)
            if copy_given is not None:
                stub = plain_text(copy_given.get("source"))
                ids = {cell.get("id"), copy_given.get("id")}
            else:
                stub = fresh.stub(cell, kind)
            _stamp(cell, stub if kind == "owned" else cell.source)
        cells_ids = frozenset(value for value in ids if isinstance(value, str) and value)
        found.append(Place(kind, cell, name, stub, cells_ids))
    return found


def own_cells(notebook: NotebookNode) -> list[Own]:
    """Return the student's cells, with everything that is not in order left out."""
    cells = notebook.get("cells")
    return [_own(cell) for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def same_text(text: str) -> str:
    """Form in which two texts are compared: line ends, trailing spaces and outer empty lines do not count."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def binds(stub: str, texts: Iterable[str]) -> bool:
    """Whether one of `texts` gives a meaning to a name that `stub` defines at its top level."""
    found = re.findall(
        r"(?m)^(?:async +)?(?:def|class) +(\w+)|^([A-Za-z_][\w, ]*?)\s*(?::[^=\n]*)?=(?!=)", stub
    )
    defined = [name.strip() for pair in found for name in "".join(pair).split(",") if name.strip()]
    if not defined:
        return False
    any_of = "|".join(map(re.escape, dict.fromkeys(defined)))
    # Bounded, so that one endless line costs no more than many short ones.
    binding = re.compile(
        rf"(?m)^[ \t]{{0,200}}(?:async +)?(?:def|class) +(?:{any_of})\b"
        rf"|^[ \t]{{0,200}}(?:from|import)\b[^\n]{{0,1000}}?(?:\b(?:{any_of})\b|\*)"
        rf"|^[^\n=#(]{{0,200}}\b(?:{any_of})\b[^\n=(]{{0,200}}=(?!=)"
    )
    return any(binding.search(text) for text in texts)


def flags_differ(place: Place, cell: Own) -> bool:
    """Whether the student's copy claims another role or other points than the assignment's cell."""
    meta = place.cell.metadata["nbgrader"]
    for key, value in cell.flags.items():
        if key == "points":
            ours = meta.get("points") if meta.get("grade") or meta.get("task") else None
            theirs = _number(value)
            if ours is not None and theirs != _number(ours):
                return True
        elif bool(value) != bool(meta.get(key, False)):
            return True
    return False


def assigned(place: Place, cell: Own | None = None) -> tuple[str, dict[str, Any]]:
    """Fill a place with the student's cell, or with what they were given."""
    made: dict[str, Any] = {
        "cell_type": place.cell.cell_type,
        "metadata": {key: value for key, value in place.cell.metadata.items() if key not in _OF_OUTPUTS},
        "source": place.cell.source if place.kind == "fixed" else cell.text if cell else place.stub,
    }
    if place.kind == "plain" and cell:
        made["cell_type"] = cell.type
    if place.kind == "fixed" or (place.kind == "plain" and not cell):
        attachments = place.cell.get("attachments", {})
    else:
        attachments = cell.pictures if cell else {}  # never those of the solution
    return f"{place.kind} {place.name}", _finished(made, attachments)


def students(cell: Own) -> dict[str, Any]:
    """Make a cell that the student added."""
    return _finished({"cell_type": cell.type, "metadata": {}, "source": cell.text}, cell.pictures)


def _finished(cell: dict[str, Any], attachments: dict[str, Any]) -> dict[str, Any]:
    if cell["cell_type"] == "code":
        return {**cell, "outputs": [], "execution_count": None}
    return {**cell, "attachments": attachments} if attachments else cell


def _kind(cell: NotebookNode) -> Literal["fixed", "owned", "plain"]:
    if utils.is_locked(cell):
        return "fixed"
    return "owned" if utils.is_solution(cell) or utils.is_task(cell) else "plain"


def _check(cell: NotebookNode, seen: set[str], number: int) -> str:
    meta = cell.metadata["nbgrader"]
    name = meta.get("grade_id")
    if not isinstance(name, str) or not name:
        raise RebuildError(f"Cell {number} of the source is graded or locked but has no grade_id.")
    if name in seen:
        raise RebuildError(f"The source has two cells with the grade_id {name!r}.")
    seen.add(name)
    if meta.get("schema_version", 0) > MetadataValidator.schema_version:
        raise RebuildError(f"The source cell {name!r} was made with a newer nbgrader than this one.")
    if meta.get("grade") and _number(meta.get("points")) is None:
        raise RebuildError(f"The source cell {name!r} has no points.")
    return name


def _stamp(cell: NotebookNode, text: str) -> None:
    """Give the cell the checksum that nbgrader compares an answer with: that of the untouched cell."""
    blank = copy.deepcopy(cell)
    blank.source = text
    meta = cell.metadata["nbgrader"]
    meta["checksum"] = utils.compute_checksum(blank)
    meta["cell_type"] = cell.cell_type


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def _by_grade_id(notebook: NotebookNode | None) -> dict[str, NotebookNode]:
    cells = [] if notebook is None else notebook.cells
    pairs = [(cell.metadata.get("nbgrader", {}).get("grade_id"), cell) for cell in cells]
    return {name: cell for name, cell in pairs if isinstance(name, str)}


class _Fresh:
    """What nbgrader would hand out, for a source whose release is not at hand."""

    def __init__(self, notebook: NotebookNode) -> None:
        self._language = notebook.metadata.get("kernelspec", {}).get("language", "python")
        self._solutions = ClearSolutions(enforce_metadata=False)
        self._tests = ClearHiddenTests(enforce_metadata=False)
        self._schemes = ClearMarkScheme(enforce_metadata=False)

    def stub(self, cell: NotebookNode, kind: str) -> str:
        """Return the released text; nothing at all where nbgrader cannot tell, rather than a solution."""
        fresh = copy.deepcopy(cell)
        try:
            if kind == "owned":
                resources = {"language": self._language}
                fresh, _ = self._solutions.preprocess_cell(fresh, resources, 0)
            self._tests._remove_hidden_test_region(fresh)
            self._schemes._remove_mark_scheme_region(fresh)
        except (RuntimeError, KeyError):
            return ""
        return str(fresh.source)


def _own(cell: dict[str, Any]) -> Own:
    faults: set[str] = set()
    kind = cell.get("cell_type")
    if kind not in TYPES:
        faults.add("type")
        kind = "raw"
    text = cell.get("source")
    if not isinstance(text, str) and not (
        isinstance(text, list) and all(isinstance(part, str) for part in text)
    ):
        faults.add("text")
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    meta = metadata.get("nbgrader")
    meta = meta if isinstance(meta, dict) else {}
    name = meta.get("grade_id")
    tags = metadata.get("tags")
    known = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list | tuple) else []
    pictures, complete = _pictures(cell.get("attachments"))
    if not complete:
        faults.add("attachment")
    cell_id = cell.get("id")
    return Own(
        type=kind,
        text=plain_text(text),
        grade_id=name if isinstance(name, str) and name else None,
        id=cell_id if isinstance(cell_id, str) and cell_id else None,
        flags={key: meta[key] for key in (*_FLAGS, "points") if key in meta},
        tags=sorted(EXECUTION_TAGS.intersection(known)),
        pictures=pictures if kind != "code" else {},
        faults=faults,
    )


def _pictures(attachments: object) -> tuple[dict[str, dict[str, str]], bool]:
    """Return the attachments that are pictures, and whether that is all of them."""
    if attachments in (None, {}):
        return {}, True
    if not isinstance(attachments, dict):
        return {}, False
    kept: dict[str, dict[str, str]] = {}
    complete = True
    for name, bundle in attachments.items():
        bundle = bundle if isinstance(bundle, dict) else {"": None}
        for mime, data in bundle.items():
            data = plain_text(data)
            if isinstance(name, str) and mime in _IMAGES and data and _BASE64.fullmatch(data):
                kept.setdefault(plain_text(name), {})[mime] = data
            else:
                complete = False
    return kept, complete
