"""The instructor's tools: build the student notebooks, test the checks, configure nbgrader, grade whole classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.grading import GradeError, grade
    from autograder.report import Report

__all__ = ["GradeError", "Report", "grade"]


def __getattr__(name: str) -> Any:
    """Import on first use: the engine's processes import this package too, and need none of it."""
    if name in ("GradeError", "grade"):
        from autograder import grading

        return getattr(grading, name)
    if name == "Report":
        from autograder.report import Report

        return Report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
