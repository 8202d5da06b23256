"""The doors to the engine give one and the same marks: nbgrader's command, formgrader's button, ours, and Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory

import autograder
from autograder.course import load_config
from tests.engine.notebooks import ANSWERS
from tests.grading import plain_course as plain

pytestmark = pytest.mark.slow

CONFIG = """
from autograder.nbgrading import use_engine
c = get_config()
use_engine(c)
c.CourseDirectory.course_id = "small"
c.GradingEngine.cell_seconds = 3
c.LateSubmissionPlugin.penalty_method = "zero"
"""
NUMBER = {"number": "number = int(open('data/number.txt').read())"}
ALWAYS = "class Yes(float):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
#: What each of the class hands in: the answers to both notebooks, None for a notebook that is left out.
CLASS: dict[str, dict[str, dict[str, str] | None]] = {
    "right": {"p1": ANSWERS, "p2": NUMBER},
    "half": {"p1": {**ANSWERS, "cube": "def cube(x):\n    return x * x"}, "p2": {"number": "number = 5"}},
    "untouched": {"p1": {}, "p2": {}},
    "one-notebook": {"p1": ANSWERS},
    "hangs": {"p1": {**ANSWERS, "square": "def square(x):\n    while True:\n        pass"}, "p2": NUMBER},
    "leaves": {"p1": {**ANSWERS, "cube": "import os\ndef cube(x):\n    os._exit(0)"}, "p2": NUMBER},
    "liar": {"p1": {**ANSWERS, "square": f"{ALWAYS}def square(x):\n    return Yes()"}, "p2": NUMBER},
    "late": {"p1": ANSWERS, "p2": NUMBER},
    "broken": {"p1": ANSWERS, "p2": NUMBER},
}


def by_nbgrader(root: Path) -> None:
    command = [sys.executable, "-m", "nbgrader", "autograde", plain.NAME]
    done = subprocess.run(
        command, cwd=root, env=plain.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def by_formgrader(root: Path) -> None:
    config = load_config(root)
    api = NbGraderAPI(coursedir=CourseDirectory(root=str(root), config=config), config=config)
    for student in CLASS:
        result = api.autograde(plain.NAME, student)
        assert result["success"], result["log"]


def by_command(root: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("digital-biopsy")),
        "grade",
        plain.NAME,
        "--course-root",
        str(root),
    ]
    done = subprocess.run(
        command, cwd="/", env=plain.environment(), capture_output=True, text=True, check=False
    )
    assert f"{len(CLASS)} of {len(CLASS)} graded" in done.stdout, done.stdout + done.stderr


def by_function(root: Path) -> None:
    report = autograder.grade(plain.NAME, course_root=root, workers=2)
    assert len(report.rows) == len(CLASS), report.text()


DOORS: dict[str, Callable[[Path], None]] = {
    "nbgrader autograde": by_nbgrader,
    "formgrader": by_formgrader,
    "digital-biopsy grade": by_command,
    "autograder.grade": by_function,
}


def gradebook(root: Path) -> dict[str, Any]:
    """Everything about marks that nbgrader's own code finds in the gradebook."""
    found: dict[str, Any] = {}
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as book:
        for handed_in in book.assignment_submissions(plain.NAME):
            student = handed_in.student.id
            found[student] = handed_in.score, handed_in.needs_manual_grade, handed_in.late_submission_penalty
            for notebook in handed_in.notebooks:
                for grade in notebook.grades:
                    marks = grade.auto_score, grade.manual_score, grade.needs_manual_grade, grade.extra_credit
                    found[f"{student}/{notebook.name}/{grade.name}"] = marks
    return found


def test_every_door_gives_the_same_marks_and_notebooks(
    tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    plain.make(made)
    (made / "nbgrader_config.py").write_text(CONFIG)
    with Gradebook(f"sqlite:///{made / 'gradebook.db'}", "small") as book:
        book.update_or_create_assignment(plain.NAME, duedate="2026-02-01 12:00:00 UTC")
    for student, answers in CLASS.items():
        day = "2026-02-03" if student == "late" else "2026-01-05"
        plain.submit(made, student, answers, timestamp=f"{day} 10:00:00 UTC")
    whole = plain.submission(made, "broken") / "p1.ipynb"
    whole.write_bytes(whole.read_bytes()[:400])

    marks, trees = {}, {}
    for name, door in DOORS.items():
        root = plain.duplicate(made, tmp_path / "course")  # one path for all: it may stand in outputs
        monkeypatch.chdir(root)
        door(root)
        marks[name] = gradebook(root)
        trees[name] = plain.tree(root / "autograded")
        monkeypatch.chdir(tmp_path)
        root.rename(tmp_path / name.replace(" ", "-"))

    first = marks["autograder.grade"]
    for name in DOORS:
        assert marks[name] == first, name
        assert trees[name].keys() == trees["autograder.grade"].keys(), name
        assert [path for path, held in trees[name].items() if held != trees["autograder.grade"][path]] == []

    scores = {key: value[0] for key, value in first.items()}
    assert json.dumps({who: scores[who] for who in sorted(CLASS)}) == json.dumps(
        {
            "broken": 3.0, "half": 2.0, "hangs": 4.5, "late": 6.5, "leaves": 5.0, "liar": 4.5,
            "one-notebook": 3.5, "right": 6.5, "untouched": 0.0,
        }
    )  # fmt: skip
    assert first["late"][2] == 6.5
    assert scores["right/p1/words"] is None
