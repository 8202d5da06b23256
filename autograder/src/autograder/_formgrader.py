"""A submission as formgrader may show it: the same notebook, of harmless parts only.

Formgrader's page writes much of a notebook into HTML as it is: Markdown, HTML outputs, the ids and tags of cells.
`sanitize.configure_formgrader` puts the names of this module into the settings of the exporter that makes the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import escape
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from autograder._outputs import render_output
from autograder.sanitize import clean_text, render_code, render_markdown

_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_TRUE = ("grade", "solution", "locked", "task")


class HarmlessNotebook(Preprocessor):
    """Rebuild a notebook from its text, its nbgrader marks and its outputs, each made harmless."""

    enabled = True

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook to show; nbconvert calls this."""
        cells = [_cell(cell, number) for number, cell in enumerate(nb.cells, start=1)]
        metadata = NotebookNode(language_info=NotebookNode(name="python", pygments_lexer="python"))
        return NotebookNode(nbformat=4, nbformat_minor=5, metadata=metadata, cells=cells), resources


@pass_context
def markdown(context: Context, source: str) -> str:
    """Formgrader's filter for Markdown; MathJax shows the formulas."""
    cell = context.get("cell", {})
    attachments = cell.get("attachments") if isinstance(cell, Mapping) else None
    return str(render_markdown(source, attachments, tex=True))


def code(source: str, language: str | None = None, metadata: object = None) -> str:
    """Formgrader's filter for code."""
    plain = str(render_code(source)).replace('class="t-', 'class="')
    return f'<div class="highlight"><pre>{plain}</pre></div>'


def _cell(cell: NotebookNode, number: int) -> NotebookNode:
    """One cell with known keys only."""
    marks = cell.metadata.get("nbgrader")
    metadata = NotebookNode()
    if isinstance(marks, Mapping):
        metadata["nbgrader"] = _marks(marks, number)
    shown = NotebookNode(
        id=f"cell-{number}",
        cell_type=cell.cell_type,
        metadata=metadata,
        source=clean_text(cell.source, 100_000),
    )
    if cell.cell_type == "code":
        shown["execution_count"] = cell.execution_count if isinstance(cell.execution_count, int) else None
        shown["outputs"] = [_output(output, number) for output in cell.outputs]
    elif cell.cell_type == "raw":
        # nbconvert takes a raw cell for HTML.
        shown["source"] = f"<pre>{escape(shown.source)}</pre>"
    elif isinstance(cell.get("attachments"), Mapping):
        shown["attachments"] = cell.attachments
    return shown


def _marks(marks: Mapping[str, Any], number: int) -> NotebookNode:
    """nbgrader's marks of a cell, as far as formgrader reads them."""
    name = marks.get("grade_id")
    kept: dict[str, Any] = {key: marks.get(key) is True for key in _TRUE}
    kept["grade_id"] = name if isinstance(name, str) and _NAME.fullmatch(name) else f"unnamed-{number}"
    points = marks.get("points")
    kept["points"] = points if isinstance(points, int | float) else 0
    return NotebookNode(kept)


def _output(output: NotebookNode, number: int) -> NotebookNode:
    """An output as HTML that is harmless already."""
    html = f'<div class="harmless">{render_output(output, f"cell {number}")}</div>'
    return NotebookNode(
        output_type="display_data", data=NotebookNode({"text/html": html}), metadata=NotebookNode()
    )
