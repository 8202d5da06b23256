"""A notebook of known parts only: whatever a file holds, what comes after can rely on its form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_notebook

_KINDS = ("code", "markdown", "raw")
#: Most characters of a notebook that are shown: of text, and of pictures.
MOST_CHARACTERS = 1_000_000
MOST_IN_PICTURES = 30_000_000


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Return a valid notebook: source, outputs and attachments as text, of the metadata only what is read here."""
    given = notebook.get("metadata")
    metadata = given if isinstance(given, Mapping) else {}
    kept: dict[str, Any] = {"language_info": {"name": _language(metadata)}}
    if isinstance(metadata.get("digital_biopsy"), Mapping):
        kept["digital_biopsy"] = metadata["digital_biopsy"]
    found = notebook.get("cells")
    cells = [cell for cell in found if isinstance(cell, Mapping)] if isinstance(found, list) else []
    shown = [_cell(cell, number) for number, cell in enumerate(cells, start=1)]
    _fit(shown)
    tidied: NotebookNode = new_notebook(metadata=kept, cells=shown)
    return tidied


def _language(metadata: Mapping[str, Any]) -> str:
    """The language of the code, by the name that Pygments knows it by."""
    for part, key in (
        ("language_info", "pygments_lexer"),
        ("language_info", "name"),
        ("kernelspec", "language"),
    ):
        told = metadata.get(part)
        name = told.get(key) if isinstance(told, Mapping) else None
        if isinstance(name, str) and name:
            return "python" if name.lower().startswith(("ipython", "python")) else name.lower()
    return "python"


def _cell(cell: Mapping[str, Any], number: int) -> NotebookNode:
    given = cell.get("metadata")
    marks = given.get("nbgrader") if isinstance(given, Mapping) else None
    kind = cell.get("cell_type")
    shown: dict[str, Any] = {
        "id": f"cell-{number}",
        "cell_type": kind if kind in _KINDS else "raw",
        "metadata": {"nbgrader": dict(marks)} if isinstance(marks, Mapping) else {},
        "source": _text(cell.get("source")),
    }
    if kind == "code":
        outputs = cell.get("outputs")
        shown["execution_count"] = None
        shown["outputs"] = [
            _output(output)
            for output in (outputs if isinstance(outputs, list) else [])
            if isinstance(output, Mapping)
        ]
    elif isinstance(cell.get("attachments"), Mapping):
        shown["attachments"] = {
            str(name): _bundle(held)
            for name, held in cell["attachments"].items()
            if isinstance(held, Mapping)
        }
    return NotebookNode(_nodes(shown))


def _fit(cells: list[NotebookNode]) -> None:
    """Leave out what is beyond the most that is shown; sources come before outputs."""
    left = MOST_CHARACTERS
    for cell in cells:
        left -= len(cell.source)
        if left < 0:
            cell.source = "(Left out here: the notebook is too large.)"
    left_in_pictures = MOST_IN_PICTURES
    bundles = [held for cell in cells for held in cell.get("attachments", {}).values()]
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        if output.output_type == "display_data":
            bundles.append(output.data)
        left -= (
            len(output.get("text", ""))
            + len(output.get("evalue", ""))
            + sum(map(len, output.get("traceback", [])))
        )
        if left < 0 and output.output_type == "stream":
            output.text = "(Left out here: the notebook is too large.)"
        elif left < 0 and output.output_type == "error":
            output.traceback = []
    for bundle in bundles:
        for kind, value in list(bundle.items()):
            if kind.startswith("image/"):
                left_in_pictures -= len(value)
            else:
                left -= min(len(value), 100_000)
            if (left_in_pictures if kind.startswith("image/") else left) < 0:
                del bundle[kind]


def _output(output: Mapping[str, Any]) -> dict[str, Any]:
    kind = output.get("output_type")
    if kind == "stream":
        return {"output_type": kind, "name": "stdout", "text": _text(output.get("text"))}
    if kind == "error":
        lines = output.get("traceback")
        return {
            "output_type": kind,
            "ename": _text(output.get("ename")),
            "evalue": _text(output.get("evalue")),
            "traceback": [_text(line) for line in lines] if isinstance(lines, list) else [],
        }
    data, metadata = output.get("data"), output.get("metadata")
    return {
        "output_type": "display_data",
        "data": _bundle(data) if isinstance(data, Mapping) else {},
        "metadata": dict(metadata) if isinstance(metadata, Mapping) else {},
    }


def _bundle(data: Mapping[str, Any]) -> dict[str, Any]:
    """Data by MIME type, as text."""
    return {str(kind): _text(value) for kind, value in data.items()}


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return "".join(str(part) for part in value)
    return value if isinstance(value, str) else "" if value is None else str(value)


def _nodes(value: Any) -> Any:
    """Nested dictionaries as notebook nodes."""
    if isinstance(value, Mapping):
        return NotebookNode({key: _nodes(part) for key, part in value.items()})
    return [_nodes(part) for part in value] if isinstance(value, list) else value
