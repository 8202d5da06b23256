"""The class: a course folder with every submission in it, graded once by the command, and looked at."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook

from autograder.trial import run_nbgrader
from tests.grading.redteam.assignment import DATA, DATA_TEXT, NAME, NOTEBOOK, source
from tests.grading.redteam.attack import Attack, Place, hand_in
from tests.grading.redteam.canaries import Listener, Victim, children, orphans_come_here, plant, rows, tree

CONFIG = """\
from autograder.feedback import configure_feedback
c = get_config()
c.CourseDirectory.course_id = "redteam"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__"]
c.GradingEngine.cell_seconds = 3.0
c.GradingEngine.notebook_seconds = 22.0
c.GradingEngine.memory = 400
c.GradingEngine.disk = 24
c.GradingEngine.processes = 32
configure_feedback(c)
"""
#: What grading may change in the course folder.
OURS = (
    "autograded",
    "feedback",
    "gradebook.db",
    "gradebook.db-journal",
    "gradebook.db-wal",
    "gradebook.db-shm",
)
OTHER = "week-0"
SECONDS = 900.0  # far more than it should take


@dataclass
class Result:
    """What there is to look at afterwards."""

    place: Place
    words: dict[str, str]
    status: int
    said: str
    seconds: float
    report: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    calls: list[str]
    signals: list[str]
    survivors: list[str]
    feedback: dict[str, str] = field(default_factory=dict)

    def row(self, student: str) -> dict[str, Any]:
        """The report's row of a submission."""
        found: dict[str, Any] = next(row for row in self.report["submissions"] if row["student"] == student)
        return found

    def notebook(self, student: str) -> nbformat.NotebookNode | None:
        """The graded notebook."""
        path = self.place.course / "autograded" / student / NAME / f"{NOTEBOOK}.ipynb"
        return nbformat.read(path, as_version=4) if path.exists() else None


def make_course(folder: Path, words: Mapping[str, str]) -> dict[str, Any]:
    """Make the course folder and its gradebook; return the notebook that students are given."""
    (folder / "source" / NAME / "data").mkdir(parents=True)
    nbformat.write(source(words["hidden"], words["solution"]), folder / "source" / NAME / f"{NOTEBOOK}.ipynb")
    (folder / "source" / NAME / DATA).write_text(DATA_TEXT)
    (folder / "nbgrader_config.py").write_text(CONFIG)
    run_nbgrader(folder, "generate_assignment", NAME)
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "redteam") as book:
        book.add_assignment(OTHER)
        for student in ("honest-right", "somebody"):
            book.add_student(student, last_name=words["gradebook"])
            book.add_submission(OTHER, student)
    released = folder / "release" / NAME / f"{NOTEBOOK}.ipynb"
    found: dict[str, Any] = json.loads(released.read_text())
    for cell in found["cells"]:
        cell["source"] = "".join(cell["source"])
    return found


def submit(attacks: Sequence[Attack], released: dict[str, Any], place: Place) -> None:
    """Hand everything in."""
    for attack in attacks:
        folder = place.course / "submitted" / attack.student / NAME
        folder.mkdir(parents=True)
        shutil.copytree(place.course / "release" / NAME / "data", folder / "data")
        if attack.folder is not None or any(name.startswith("data") for name in attack.files):
            shutil.rmtree(folder / "data")
        hand_in(attack, released, place, folder)


def grade(place: Place, home: Path, scratch: Path, token: str, workers: int) -> tuple[int, str]:
    """Run the command in a process of its own, whose environment and home hold secrets."""
    environment = {
        **os.environ, "HOME": str(home), "TMPDIR": str(scratch), "GRADER_TOKEN": token,
        "DATABASE_URL": f"postgresql://grader:{token}@127.0.0.1/none",
    }  # fmt: skip
    command = [sys.executable, "-m", "autograder.grading", NAME, "--course-root", str(place.course)]
    command += ["--workers", str(workers), "--json", str(scratch.parent / "report.json")]
    process = subprocess.Popen(
        command, env=environment, cwd=scratch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    return process.returncode, said


def look(place: Place, home: Path) -> dict[str, Any]:
    """Take down all that no submission may change."""
    return {
        "course": tree(place.course, OURS),
        "home": tree(home),
        "outside": tree(place.outside),
        "rows": rows(place.course / "gradebook.db", NAME),
        "public": sorted(
            name for top in ("/tmp", "/dev/shm", "/var/tmp") for name in os.listdir(top) if "redteam" in name
        ),
    }


@contextlib.contextmanager
def tidied(folder: Path) -> Iterator[None]:
    """Leave nothing large behind: pytest keeps its folders for a while."""
    try:
        yield
    finally:
        shutil.rmtree(folder / "submitted", ignore_errors=True)


def survivors(known: set[int]) -> list[str]:
    """Processes that came to us as orphans and live; they are ended."""
    time.sleep(0.5)
    found = {pid: line for pid, line in children().items() if pid not in known}
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"{pid}: {line}" for pid, line in found.items()]


def run_class(folder: Path, attacks: Sequence[Attack], workers: int = 2) -> Result:
    """Make the class, grade it, and write down all there is to see."""
    words = plant()
    outside, home, scratch, work = (folder / name for name in ("outside", "home", "scratch", "work"))
    for each in (outside, home, scratch, work):
        each.mkdir()
    outside.chmod(0o777)
    (outside / "canary.txt").write_text(words["outside"])
    (outside / "canary.txt").chmod(0o666)
    (home / "secret.txt").write_text(words["home"])
    (home / ".bashrc").write_text("# nothing\n")
    course = folder / "course"
    victim = Victim(work, words["argument"], words["environ"])
    listener = Listener(work)
    place = Place(outside, home, course, victim.pid, listener.port, listener.path, words["submission"])
    try:
        submit(attacks, make_course(course, words), place)
        known = set(children())
        with orphans_come_here():
            before = look(place, home)
            start = time.monotonic()
            status, said = grade(place, home, scratch, words["token"], workers)
            seconds = time.monotonic() - start
            left = survivors(known)
            after = look(place, home)
            after["scratch"] = sorted(os.listdir(scratch))
        path = folder / "report.json"
        report = json.loads(path.read_text()) if path.exists() else {"submissions": [], "said": said}
        return Result(
            place,
            words,
            status,
            said,
            seconds,
            report,
            before,
            after,
            list(listener.calls),
            victim.heard(),
            left,
        )
    finally:
        victim.end()
        listener.end()
