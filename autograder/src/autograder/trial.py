"""Grade submissions through nbgrader in a course root of its own: how the course tests its checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.build import build
from autograder.nbgrading import GRADED, RELEASE_DIRECTORY

CONFIG = "nbgrader_config.py"


@dataclass(frozen=True)
class Mark:
    """The mark of one graded cell, and the text that its outputs show."""

    score: float
    most: float
    card: str


class CourseRoot:
    """A folder with its own gradebook, sources and release, made from a checkout.

    Parameters
    ----------
    folder
        Where to make it.
    checkout
        The folder with `solutions/`.
    chapters
        Which chapters to build; all by default.
    """

    def __init__(self, folder: Path, checkout: Path, chapters: Sequence[str] | None = None) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.chapters = build(checkout, chapters, to=self.folder).chapters
        here = Path(__file__).resolve().parents[2] / CONFIG
        shutil.copy(here, self.folder / CONFIG)

    def released(self, chapter: str) -> NotebookNode:
        """Return the student's exercises."""
        path = self.folder / RELEASE_DIRECTORY / chapter / f"{GRADED}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        assert isinstance(notebook, NotebookNode)
        return notebook

    def nbgrader(self, *arguments: str, options: Sequence[str] = ()) -> str:
        """Run an nbgrader command in the course root and return what it printed.

        Raises
        ------
        RuntimeError
            With the command's output, when it fails.
        """
        return run_nbgrader(self.folder, *arguments, *options)

    def submit(self, student: str, chapter: str, notebook: NotebookNode) -> None:
        """Put a submission where `nbgrader collect` would."""
        target = self.folder / "submitted" / student / chapter
        target.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target / f"{GRADED}.ipynb")

    def autograde(self, chapter: str) -> None:
        """Generate the assignment into the gradebook, then autograde all submissions."""
        self.nbgrader("generate_assignment", chapter, "--force")
        self.nbgrader("autograde", chapter)

    def marks(self, student: str, chapter: str) -> dict[str, Mark]:
        """Return a submission's marks from the gradebook, with the cards of the autograded notebook."""
        from nbgrader.api import Gradebook

        path = self.folder / "autograded" / student / chapter / f"{GRADED}.ipynb"
        cards = {
            cell.metadata.nbgrader["grade_id"]: card_text(cell)
            for cell in nbformat.read(path, as_version=4).cells
            if cell.metadata.get("nbgrader", {}).get("grade")
        }
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as gradebook:
            grades = gradebook.find_submission_notebook(GRADED, chapter, student).grades
            return {
                grade.name: Mark(grade.score, grade.max_score, cards.get(grade.name, "")) for grade in grades
            }


def run_nbgrader(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run an nbgrader command in a folder, with this environment's own scripts first on PATH.

    Raises
    ------
    RuntimeError
        With the command's output, when it fails.
    """
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(f"nbgrader {' '.join(arguments)} ended with {done.returncode}:\n{said}")
    return said


def card_text(cell: NotebookNode) -> str:
    """Return what a cell's outputs say as plain text."""
    parts = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}")
        else:
            parts.append(output.data.get("text/plain", ""))
    return "\n".join(parts)
