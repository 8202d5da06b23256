"""What `nbgrader generate_feedback` writes: one page a student can read, which runs nothing and fetches nothing.

`configure_feedback` names `FeedbackExporter` and `Results` in nbgrader's settings; nbgrader's own command, its
button in formgrader and the course's own driver then write the same page. It works for any nbgrader course.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, GetGrades

from autograder._feedback_page import Page, Result, read_page
from autograder._tidy import tidy

__all__ = ["FeedbackExporter", "Result", "Results", "configure_feedback", "render"]


class Results(GetGrades):  # type: ignore[misc]
    """Take scores and comments from the gradebook, and whether someone still has to grade a cell."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Fill in the notebook's metadata and `resources["nbgrader"]["results"]`; nbconvert calls this."""
        resources["nbgrader"]["results"] = {}
        nb, resources = super().preprocess(nb, resources)
        return nb, resources

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """As nbgrader's own; a cell that the gradebook does not know is an ordinary cell."""
        try:
            super().preprocess_cell(cell, resources, cell_index)
        except MissingEntry:
            del cell.metadata["nbgrader"]
        return cell, resources

    def _get_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._get_score(cell, resources)
        name = cell.metadata.nbgrader["grade_id"]
        grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        resources["nbgrader"]["results"][name] = Result(
            score=grade.score,
            points=grade.max_score,
            pending=bool(grade.needs_manual_grade),
            by_hand=grade.manual_score is not None and grade.auto_score is not None,
            extra=grade.extra_credit or 0.0,
        )


class FeedbackExporter(Exporter):
    """Turns a graded notebook into the page."""

    output_mimetype = "text/html"

    def _default_preprocessors_default(self) -> list[str]:
        return []

    def _file_extension_default(self) -> str:
        return ".html"

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the page and nbconvert's resources."""
        nb, resources = super().from_notebook_node(tidy(nb), resources, **kwargs)
        hidden, scheme = ClearHiddenTests(parent=self), ClearMarkScheme(parent=self)
        page = read_page(
            nb,
            resources,
            (hidden.begin_test_delimeter, hidden.end_test_delimeter),
            (scheme.begin_mark_scheme_delimeter, scheme.end_mark_scheme_delimeter),
        )
        return render(page), resources


def configure_feedback(c: Any) -> None:
    """Have nbgrader write feedback with this module; `c` is its config object."""
    c.GenerateFeedback.exporter_class = "autograder.feedback.FeedbackExporter"
    c.GenerateFeedback.preprocessors = [Results]


def render(page: Page) -> str:
    """Return the page as HTML. The same page gives the same bytes."""
    style = _asset("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    html = _environment().get_template("page.html.j2").render(page=page, style=Markup(style), digest=digest)
    return html.encode("utf-8", "replace").decode("utf-8") + "\n"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    return (files("autograder") / "templates" / "feedback" / name).read_text(encoding="utf-8")
