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
from traitlets import Bool

from autograder._outputs import render_output
from autograder._tidy import tidy
from autograder.sanitize import MOST_MARKUP, clean_text, render_code, render_markdown

_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_TRUE = ("grade", "solution", "locked", "task")


class HarmlessNotebook(Preprocessor):
    """Rebuild a notebook from its text, its nbgrader marks and its outputs, each made harmless."""

    enabled = Bool(True, help="Whether it runs.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook to show; nbconvert calls this."""
        shown = tidy(nb)
        for number, cell in enumerate(shown.cells, start=1):
            _disarm(cell, number)
        return shown, resources


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


def _disarm(cell: NotebookNode, number: int) -> None:
    """Make one tidy cell harmless in a template that escapes little."""
    cell.source = clean_text(cell.source, MOST_MARKUP)
    if "nbgrader" in cell.metadata:
        cell.metadata.nbgrader = _marks(cell.metadata.nbgrader, number)
    if cell.cell_type == "code":
        cell.outputs = [_output(output, number) for output in cell.outputs]
    elif cell.cell_type == "raw":
        # nbconvert takes a raw cell for HTML.
        cell.source = f"<pre>{escape(cell.source)}</pre>"


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
