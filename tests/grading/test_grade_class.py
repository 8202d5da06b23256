"""Whole classes through the real engine and gradebook: marks, second runs, and what may go wrong in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import autograder
from autograder._progress import Silent
from autograder.grading import GradeError
from autograder.report import FAILED, GRADED, SET_ASIDE, UNCHANGED, Report, Row
from tests.conftest import IN_CI
from tests.grading import dask_cluster, postgres
from tests.grading import small_course as small

pytestmark = pytest.mark.slow

CLASS = {f"s{number:02d}": (small.RIGHT, small.HALF, small.WRONG)[number % 3] for number in range(12)}
SCORES = [(4.0, 3.0, 0.0)[number % 3] for number in range(12)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.make_course(tmp_path_factory.mktemp("template") / "course")


@pytest.fixture
def course(template: Path, tmp_path: Path) -> Path:
    """A course folder in which a class has handed in."""
    folder = small.copy_course(template, tmp_path / "course")
    small.submit(folder, CLASS)
    return folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files; after a test neither engines nor their folders are left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    end = time.monotonic() + 10
    while (left := engine_processes()) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left
    assert not list(folder.iterdir())


def engine_processes() -> list[psutil.Process]:
    """Zygotes below this process."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "autograder.engine.zygote" in process.cmdline():
                found.append(process)
        except psutil.Error:
            pass
    return found


class At(Silent):
    """Do something when the first submissions are done with, once."""

    def __init__(self, action: Callable[[], object], rows: int = 2) -> None:
        self._action = action
        self._rows = rows

    def row(self, row: Row) -> None:
        self._rows -= 1
        if self._rows == 0:
            self._action()


def grade(course: Path, **options: object) -> Report:
    return autograder.grade(small.ASSIGNMENT, course_root=course, **options)  # type: ignore[arg-type]


def scores(report: Report) -> list[float | None]:
    return [row.score for row in report.rows]


def autograded(course: Path) -> dict[str, bytes]:
    found = sorted((course / "autograded").rglob("*"))
    return {str(path.relative_to(course)): path.read_bytes() for path in found if path.is_file()}


def gradebook_scores(course: Path) -> dict[str, float]:
    """Each student's sum in the gradebook, asked without nbgrader."""
    query = """
        SELECT a.student_id, SUM(g.auto_score), COUNT(*) FROM submitted_assignment a
        JOIN submitted_notebook n ON n.assignment_id = a.id JOIN grade g ON g.notebook_id = n.id
        GROUP BY a.student_id ORDER BY a.student_id"""
    with sqlite3.connect(course / "gradebook.db") as db:
        rows = db.execute(query).fetchall()
    assert all(count == 2 for _, _, count in rows), "a mark is missing or there twice"
    return {student: score for student, score, _ in rows}


def test_a_class_is_graded_and_a_second_run_changes_nothing(course: Path) -> None:
    small.submit(course, {"late": small.RIGHT}, when="2026-02-03 12:00:00 UTC")
    report = grade(course)
    assert [row.student for row in report.rows] == ["late", *sorted(CLASS)]
    assert {row.status for row in report.rows} == {GRADED}
    late, first, half, wrong = report.rows[:4]
    assert (late.score, late.late_penalty, late.percent) == (4.0, 4.0, 0.0)
    assert (first.score, first.max_score, first.late_penalty) == (4.0, 4.0, 0.0)
    assert half.notebooks == {"exercises": {"total-check": 0.0, "twice-check": 3.0}}
    assert wrong.percent == 0.0
    assert report.exit_status == 0
    assert set(report.stages) >= {"start", "writing"}
    assert not list(course.glob(".grading-*"))

    before, dates = autograded(course), (course / "gradebook.db").stat().st_mtime_ns
    again = grade(course)
    assert {row.status for row in again.rows} == {UNCHANGED}
    assert [(row.score, row.late_penalty, row.notebooks) for row in again.rows] == [
        (row.score, row.late_penalty, row.notebooks) for row in report.rows
    ]
    assert (autograded(course), (course / "gradebook.db").stat().st_mtime_ns) == (before, dates)
    forced = grade(course, force=True, workers=1)
    assert {row.status for row in forced.rows} == {GRADED}
    assert autograded(course) == before, "graded again, byte for byte the same"


def test_only_what_changed_is_graded_again(course: Path) -> None:
    grade(course)
    small.submit(course, {"s02": small.RIGHT}, when="2026-01-16 12:00:00 UTC")
    report = grade(course)
    assert [row.student for row in report.rows if row.status == GRADED] == ["s02"]
    assert scores(report) == [4.0 if number == 2 else SCORES[number] for number in range(12)]
    small.write_source(course, small.source(secret="assert twice(1) == 3, 'impossible'"))
    small.generate(course)
    report = grade(course, students=["s00", "s01"])
    assert [(row.status, row.score) for row in report.rows] == [(GRADED, 1.0), (GRADED, 0.0)]


def test_killed_zygotes_lose_nothing(course: Path) -> None:
    killed = []

    def kill() -> None:
        for process in engine_processes():
            process.kill()
            killed.append(process.pid)

    report = grade(course, workers=2, progress=At(kill))
    assert killed
    assert scores(report) == SCORES
    assert {row.status for row in report.rows} == {GRADED}
    assert list(gradebook_scores(course).values()) == SCORES


def test_an_engine_that_is_killed_while_it_starts_is_started_again(course: Path) -> None:
    killed: list[int] = []

    def kill_first() -> None:
        while not killed:
            for process in engine_processes():
                process.kill()
                killed.append(process.pid)
            time.sleep(0.01)

    threading.Thread(target=kill_first, daemon=True).start()
    report = grade(course, workers=1, students=["s00", "s01"])
    assert killed
    assert (scores(report), report.stopped) == ([4.0, 3.0], "")


KILLED = """
import os, signal, threading, time
from autograder.engine.engine import Engine

class Killed(Engine):
    def grade(self, task):
        if "/hal/" not in task.name:
            return super().grade(task)
        threading.Timer(0.1, self.end).start()
        return super().grade(task)

    def end(self):
        while len(self.pids) < 2:
            time.sleep(0.01)
        time.sleep(0.5)
        os.kill(self.pids[0], signal.SIGKILL)
"""


def test_one_that_ends_its_worker_twice_is_set_aside(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "killed_engine.py").write_text(KILLED)
    monkeypatch.syspath_prepend(str(tmp_path))
    with (course / "nbgrader_config.py").open("a") as config:
        config.write("c.GradingEngine.engine = 'killed_engine.Killed'\n")
    small.submit(course, {"hal": small.HANGS})
    report = grade(course, students=["s00", "hal", "s01"])
    hal, first, second = report.rows
    assert (hal.status, hal.score) == (SET_ASIDE, 0.0)
    assert "(tried 2 times); what could not run has zero" in hal.reason
    assert (first.score, second.score) == (4.0, 3.0)
    assert report.exit_status == 1
    assert (course / "autograded" / "hal" / "first" / "exercises.ipynb").is_file()
    assert gradebook_scores(course) == {"hal": 0.0, "s00": 4.0, "s01": 3.0}


def test_a_folder_that_disappears_is_a_row_with_its_reason(course: Path) -> None:
    gone = course / "submitted" / "s11" / "first"
    report = grade(course, workers=1, progress=At(lambda: shutil.rmtree(gone)))
    assert scores(report) == [*SCORES[:-1], None]
    assert report.rows[-1].status == FAILED
    assert report.rows[-1].reason.startswith("could not be read: ")
    assert not report.rows[-1].details


def test_a_gradebook_that_another_program_locks_for_a_while(course: Path) -> None:
    held = threading.Event()

    def hold() -> None:
        db = sqlite3.connect(course / "gradebook.db", isolation_level=None)
        db.execute("BEGIN EXCLUSIVE")
        held.set()
        time.sleep(8)
        db.execute("ROLLBACK")
        db.close()

    def lock() -> None:
        threading.Thread(target=hold).start()
        assert held.wait(30)

    report = grade(course, progress=At(lock))
    assert scores(report) == SCORES
    assert report.exit_status == 0
    assert list(gradebook_scores(course).values()) == SCORES


# ---- the command, interrupted ---------------------------------------------------------------------------------


def start(course: Path) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("digital-biopsy")), "grade", small.ASSIGNMENT]
    return subprocess.Popen(
        [*command, "--course-root", str(course), "--workers", "1", "--json", str(course / "report.json")],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def wait_for_marks(course: Path, count: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if len(list((course / "autograded").glob("*/first/exercises.ipynb"))) >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"too few marks; the driver said: {process.communicate()}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_driver_that_is_stopped_goes_on_where_it_was(
    course: Path, temporary: Path, number: signal.Signals
) -> None:
    small.submit(course, {"s03": small.HANGS})
    process = start(course)
    wait_for_marks(course, 3, process)
    below = psutil.Process(process.pid).children(recursive=True)
    begin = time.monotonic()
    os.killpg(process.pid, number)
    out, errors = process.communicate(timeout=60)
    took = time.monotonic() - begin
    psutil.wait_procs(below, timeout=10)
    assert not [child for child in below if child.is_running()], "a driver's end is its engines' end"
    if number != signal.SIGKILL:
        assert process.returncode == 130, errors
        assert took < 5
        assert "of 12 graded; run the same command again to go on." in errors
        assert "Traceback" not in out + errors
    if number == signal.SIGKILL:  # nobody is left to remove it
        for path in temporary.iterdir():
            shutil.rmtree(path)
    small.submit(course, {"s03": small.RIGHT}, when="2026-01-16 12:00:00 UTC")
    process = start(course)
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, out + errors
    written = json.loads((course / "report.json").read_text())
    assert [row["score"] for row in written["submissions"]] == SCORES
    assert written["totals"]["unchanged"] >= 3
    assert list(gradebook_scores(course).values()) == SCORES


# ---- what keeps it from starting --------------------------------------------------------------------------------


def test_what_is_missing_is_named_with_the_cure(course: Path, tmp_path: Path) -> None:
    with pytest.raises(GradeError, match=r"There is no submission by 's1'\. Similar ids: s1"):
        grade(course, students=["s1"])
    with pytest.raises(GradeError, match="No assignment with ID 'second'"):
        autograder.grade("second", course_root=course)
    (tmp_path / "empty").mkdir()
    with pytest.raises(GradeError, match=r"(?s)There is no gradebook .*nbgrader generate_assignment"):
        autograder.grade("first", course_root=tmp_path / "empty")
    assert not list((tmp_path / "empty").iterdir())
    shutil.rmtree(course / "submitted")
    with pytest.raises(GradeError, match=r"There are no submissions of first in .*submitted"):
        grade(course)


def test_a_machine_that_cannot_confine_refuses(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autograder.engine import engine

    monkeypatch.setattr(engine, "missing_layers", lambda: ("landlock: too old. Take a newer kernel.",))
    report = grade(course)
    assert report.exit_status == 2
    assert "landlock: too old. Take a newer kernel." in report.stopped
    assert "--unsafe" in report.stopped
    assert report.rows == []
    assert not (course / "autograded").exists()


# ---- PostgreSQL and Dask ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    if postgres.find_programs() is None:
        (pytest.fail if IN_CI else pytest.skip)(postgres.MISSING)
    with postgres.running() as running:
        yield running


@pytest.fixture
def database(server: postgres.Postgres, course: Path) -> str:
    """URL of a gradebook that knows the assignment."""
    url = server.new_database()
    small.generate(course, url)
    small.set_duedate(url)
    return url


def plain(report: Report) -> list[tuple[object, ...]]:
    return [(row.student, row.status, row.score, row.max_score, row.late_penalty) for row in report.rows]


def test_postgresql_holds_the_same_marks_and_may_restart(
    course: Path, database: str, server: postgres.Postgres
) -> None:
    small.submit(course, {"late": small.RIGHT}, when="2026-02-03 12:00:00 UTC")
    report = grade(course, db=database, progress=At(lambda: server.restart(1.0)))
    assert report.exit_status == 0
    assert [row.status for row in grade(course, db=database).rows] == [UNCHANGED] * 13
    shutil.rmtree(course / "autograded")
    assert plain(grade(course)) == plain(report)


def test_postgresql_that_is_away_stops_the_run_and_a_second_one_completes_it(
    course: Path, database: str, server: postgres.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autograder import _driver

    monkeypatch.setattr(_driver, "WAITS", (0.1,))
    try:
        report = grade(course, db=database, progress=At(server.stop))
    finally:
        server.start()
    assert report.exit_status == 2
    assert "could not be written" in report.stopped
    assert "Traceback" not in report.text() + report.stopped
    done = report.count(GRADED)
    assert done == 2
    again = grade(course, db=database)
    assert scores(again) == SCORES
    assert again.count(UNCHANGED) == done


def test_dask_workers_and_postgresql_give_the_same_marks(
    course: Path, database: str, temporary: Path
) -> None:
    def kill() -> None:
        for process in cluster.worker_processes()[:1]:
            process.kill()

    with dask_cluster.running(2) as cluster:
        report = grade(course, db=database, scheduler=cluster.address, progress=At(kill))
        assert scores(report) == SCORES, cluster.log
        assert report.exit_status == 0
        with_dask = autograded(course)
    left = sorted(path.name for path in temporary.iterdir())
    assert left[0] == "dask-scratch-space"
    assert len(left) <= 2, "a worker that ends removes its engine's folder; only the killed one could not"
    for name in left:
        shutil.rmtree(temporary / name)
    shutil.rmtree(course / "autograded")
    assert plain(grade(course)) == plain(report)
    assert autograded(course) == with_dask
