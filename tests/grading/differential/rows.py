"""What stands in a gradebook after grading, told by nbgrader's own code; and the two ways to grade a course folder."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.converters.autograde import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.converter import EngineAutograde
from autograder.nbgrading import configure, environment_on_path
from tests.grading.differential.differences import Row

Rows = dict[tuple[str, ...], tuple[Any, ...]]


def autograde(root: Path, *, engine: bool, course: str = "small", seconds: int = 5) -> None:
    """Grade all assignments of a course folder by one of the two; what fails there leaves no row."""
    config = Config()
    if course == "small":
        config.GradingEngine.enabled = engine
    else:
        configure(config, engine=engine)
    config.GradingEngine.cell_seconds = float(seconds)
    config.Execute.timeout = seconds
    config.Execute.execute_retries = 1
    config.LateSubmissionPlugin.penalty_method = "zero"
    folder = CourseDirectory(root=str(root), assignment_id="*", course_id=course, config=config)
    step = (EngineAutograde if engine else Autograde)(coursedir=folder, config=config)
    step.log.setLevel(logging.CRITICAL)
    with environment_on_path(), contextlib.suppress(NbGraderException):
        step.start()


def differing(stock: Rows, ours: Rows) -> list[Row]:
    """Return the cells whose marks differ; where none does, all else that a submission has must be the same.

    Raises
    ------
    AssertionError
        If a submission whose marks are the same differs in anything else.
    """
    found = []
    for key in sorted(stock.keys() | ours.keys()):
        one, other = stock.get(key), ours.get(key)
        if one != other and len(key) == 4:
            assert one is not None and other is not None, f"{key}: graded by one of the two only"
            found.append(Row(key[0], key[3], key[1], one[0], other[0], one[-1]))
    apart = {(row.sheet, row.submission) for row in found}
    for key in stock.keys() | ours.keys():
        assert key[:2] in apart or stock.get(key) == ours.get(key), (
            f"{key}: {stock.get(key)}, {ours.get(key)}"
        )
    return found


def rows(root: Path, course: str = "small") -> Rows:
    """Return the marks of each graded cell, and the sums and the penalty of each notebook, by whose they are."""
    found: Rows = {}
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", course) as gradebook:
        for assignment in gradebook.assignments:
            for submission in gradebook.assignment_submissions(assignment.name):
                for notebook in submission.notebooks:
                    key = (assignment.name, submission.student.id, notebook.name)
                    found[key] = (
                        notebook.score,
                        notebook.late_submission_penalty,
                        notebook.needs_manual_grade,
                    )
                    for grade in notebook.grades:
                        found[(*key, grade.name)] = (
                            grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade,
                            grade.score, grade.failed_tests, grade.max_score,
                        )  # fmt: skip
                    for comment in notebook.comments:
                        found[(*key, "comment", comment.name)] = (
                            comment.auto_comment,
                            comment.manual_comment,
                        )
    return found
