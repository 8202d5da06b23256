"""A plain nbgrader course for tests of what is around the engine: two notebooks, every kind of cell, a file."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.course import Assignment, Course
from autograder.finish import Graded, work
from autograder.nbgrading import environment_on_path
from autograder.submissions import Item
from autograder.writer import Writer
from tests.engine.notebooks import ANSWERS, answered, assignment, graded
from tests.grading.fake_engine import FakeEngine

NAME = "ps1"
CONFIG = """
from autograder.nbgrading import use_engine
c = get_config()
use_engine(c)
c.GradingEngine.engine = "tests.grading.fake_engine.FakeEngine"
c.CourseDirectory.course_id = "small"
"""
#: What the answers of `tests.engine.notebooks` earn in p1, and what is left for a person.
MARKS = {"square-test": 2.0, "cube-test": 1.5, "words": None, "plot": None, "essay": None}


def second() -> NotebookNode:
    """Make the second notebook: a check with partial credit that reads a file."""
    value = "number = 0\n### BEGIN SOLUTION\nnumber = int(open('data/number.txt').read())\n### END SOLUTION"
    cells = [
        graded("code", "number", value, solution=True),
        graded("code", "number-test", "3 * (number == 7)", grade=True, locked=True, points=3),
    ]
    return nbformat.v4.new_notebook(cells=cells, metadata=assignment().metadata)


def make(root: Path, name: str = NAME, notebooks: Mapping[str, NotebookNode] | None = None) -> None:
    """Make a course folder and generate the assignment into its gradebook."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "nbgrader_config.py").write_text(CONFIG)
    source = root / "source" / name
    source.mkdir(parents=True)
    for stem, notebook in (notebooks or {"p1": assignment(), "p2": second()}).items():
        nbformat.write(notebook, source / f"{stem}.ipynb")
    (source / "data").mkdir()
    (source / "data" / "number.txt").write_text("7")
    generate(root, name)


def generate(root: Path, name: str = NAME, **settings: Any) -> None:
    """Run nbgrader's generate_assignment here."""
    config = Config({"GenerateAssignment": settings})
    course = CourseDirectory(root=str(root), assignment_id=name, course_id="small")
    step = GenerateAssignment(coursedir=course, config=config, force=True)
    step.log.setLevel(logging.ERROR)
    with environment_on_path():
        step.start()


def submission(root: Path, student: str, name: str = NAME) -> Path:
    """Return the folder of a submission."""
    return root / "submitted" / student / name


def submit(
    root: Path,
    student: str,
    answers: Mapping[str, Mapping[str, str] | None] | None = None,
    *,
    timestamp: str | None = "2026-01-05 10:00:00 UTC",
) -> Path:
    """Hand in both notebooks, with these answers in each; by default the right ones."""
    chosen = {"p1": ANSWERS, "p2": {"number": "number = 7"}} if answers is None else answers
    folder = submission(root, student)
    folder.mkdir(parents=True, exist_ok=True)
    for stem, given in chosen.items():
        source = nbformat.read(root / "source" / NAME / f"{stem}.ipynb", as_version=4)
        nbformat.write(answered(source, dict(given or {})), folder / f"{stem}.ipynb")
    if timestamp is not None:
        (folder / "timestamp.txt").write_text(timestamp)
    return folder


def open_course(root: Path) -> Course:
    """Open a course folder."""
    return Course.open(root)


def grade(course: Course, student: str, assignment: Assignment | None = None) -> tuple[Item, Graded]:
    """Read, grade and write one submission."""
    assignment = assignment or course.assignment(NAME)
    item = course.read(student, assignment)
    done = work(item, assignment, FakeEngine())
    Writer(course, assignment).write(item, done)
    return item, done


def marks(root: Path, student: str, notebook: str = "p1", name: str = NAME) -> dict[str, Any]:
    """Return the autograder's scores from the gradebook, asked by nbgrader's own code."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        found = gradebook.find_submission_notebook(notebook, name, student)
        return {grade.name: grade.auto_score for grade in found.grades}


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def duplicate(root: Path, to: Path) -> Path:
    """Copy a course folder."""
    shutil.copytree(root, to)
    return to


def environment() -> dict[str, str]:
    """Environment of a command that can import the tests."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
