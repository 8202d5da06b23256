"""The driver's loop with fakes: order, second tries, set aside, interruption, look-ahead, a gradebook away."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from autograder import _driver
from autograder._driver import Driver
from autograder._progress import Silent
from autograder.gradebook import GradebookError
from autograder.grading import GradeError, chosen, only_driver, run, stopped_by_signals
from autograder.pool import LocalPool
from autograder.report import FAILED, GRADED, SET_ASIDE, UNCHANGED, Report, Row
from tests.grading import fakes

ROOT = Path(__file__).resolve().parents[2]


def graded(folder: Path, words: dict[str, str], workers: int = 2, **options: object) -> Report:
    room = fakes.make_class(folder, words)
    return run(
        room, fakes.Engine, fakes.work, folder, assignment="first", students=chosen(room.students(), None),
        workers=workers, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def test_rows_come_in_the_order_of_ids_whatever_the_order_of_work(tmp_path: Path) -> None:
    words = {f"s{number:02d}": f"{'slow ' * (number % 3)}{number % 11}" for number in range(20)}
    report = graded(tmp_path, words, workers=4)
    assert [row.student for row in report.rows] == sorted(words)
    assert [row.score for row in report.rows] == [float(number % 11) for number in range(20)]
    assert {row.status for row in report.rows} == {GRADED}
    assert report.exit_status == 0
    again = graded(tmp_path, words, workers=1)
    assert [row.percent for row in again.rows] == [row.percent for row in report.rows]
    assert {row.status for row in again.rows} == {UNCHANGED}


def test_only_what_changed_is_graded_again_unless_forced(tmp_path: Path) -> None:
    words = {"ada": "3", "bob": "4", "cyd": "5"}
    graded(tmp_path, words)
    report = graded(tmp_path, words | {"bob": "9"})
    assert [(row.status, row.score) for row in report.rows] == [
        (UNCHANGED, 3.0), (GRADED, 9.0), (UNCHANGED, 5.0),
    ]  # fmt: skip
    assert (tmp_path / "written").read_text().split().count("ada") == 1
    assert {row.status for row in graded(tmp_path, words, force=True).rows} == {GRADED}


def test_a_submission_whose_worker_died_is_tried_once_more(tmp_path: Path) -> None:
    before = fakes.Engine.made
    report = graded(tmp_path, {"ada": "die-once 7", "bob": "4"}, workers=1)
    assert [(row.status, row.score, row.reason) for row in report.rows] == [
        (GRADED, 7.0, ""),
        (GRADED, 4.0, ""),
    ]
    assert fakes.Engine.made == before + 2, "the second try has an engine of its own"


def test_one_that_ends_its_worker_twice_is_set_aside_with_zero(tmp_path: Path) -> None:
    report = graded(tmp_path, {"ada": "die 7", "bob": "4", "cyd": "die 1", "dee": "5"})
    ada, bob, cyd, dee = report.rows
    assert (ada.status, ada.score, cyd.status) == (SET_ASIDE, 0.0, SET_ASIDE)
    assert ada.reason == "the worker was killed (tried 2 times); what could not run has zero"
    assert (bob.score, dee.score) == (4.0, 5.0)
    assert report.exit_status == 1


def test_a_fault_of_ours_writes_no_mark_and_the_class_goes_on(tmp_path: Path) -> None:
    report = graded(tmp_path, {"ada": "fault", "bob": "4"})
    assert report.rows[0].status == FAILED
    assert report.rows[0].reason == "could not be graded: ZeroDivisionError: a slip of ours"
    assert "ZeroDivisionError" in report.rows[0].details
    assert report.rows[0].score is None
    assert not (tmp_path / "marks" / "ada").exists()
    assert (report.rows[1].score, report.exit_status) == (4.0, 1)


def test_a_machine_that_cannot_grade_stops_the_run_with_cause_and_cure(tmp_path: Path) -> None:
    report = graded(tmp_path, {f"s{number}": "unable" for number in range(9)})
    assert report.stopped == "Landlock is missing here. Take a newer kernel."
    assert (report.rows, report.exit_status) == ([], 2)


def test_a_submission_that_disappears_is_a_row_with_a_reason(tmp_path: Path) -> None:
    room = fakes.make_class(tmp_path, {"ada": "3", "bob": "4"})
    students = chosen(room.students(), None)
    (tmp_path / "submitted" / "ada").unlink()
    report = run(room, fakes.Engine, fakes.work, tmp_path, assignment="first", students=students, workers=1)
    assert report.rows[0].status == FAILED
    assert report.rows[0].reason.startswith("could not be read: [Errno 2] No such file")
    assert not report.rows[0].details
    assert report.rows[1].score == 4.0


def test_memory_stays_flat_for_little_is_read_ahead(tmp_path: Path) -> None:
    room = fakes.make_class(tmp_path, {f"s{number:03d}": "5" for number in range(60)})
    most = 0
    write = room.write

    def watched(item: fakes.Item, graded: fakes.Graded) -> Row:
        nonlocal most
        most = max(most, len(room.reads) - len(room.writes))
        return write(item, graded)

    room.write = watched  # type: ignore[method-assign]
    run(room, fakes.Engine, fakes.work, tmp_path, assignment="a", students=sorted(room.students()), workers=3)
    assert len(room.writes) == 60
    assert 0 < most <= 6


# ---- the gradebook --------------------------------------------------------------------------------------------


def locked() -> GradebookError:
    error = GradebookError("The gradebook is locked by another program.")
    error.__cause__ = OperationalError("INSERT ...", {}, Exception("database is locked"))
    return error


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that a test can sit out."""
    monkeypatch.setattr(_driver, "WAITS", (0.01, 0.01, 0.01))


@pytest.mark.usefixtures("quick")
def test_a_gradebook_that_is_locked_for_a_while_loses_nothing(tmp_path: Path) -> None:
    room = fakes.make_class(tmp_path, {"ada": "3", "bob": "4"})
    room.write_errors = [locked(), locked(), locked()]
    report = run(room, fakes.Engine, fakes.work, tmp_path, assignment="a", students=["ada", "bob"], workers=1)
    assert [row.score for row in report.rows] == [3.0, 4.0]
    assert room.writes == ["ada"] * 4 + ["bob"]
    assert report.exit_status == 0


@pytest.mark.usefixtures("quick")
def test_a_gradebook_that_stays_locked_stops_the_run_and_a_second_run_completes_it(tmp_path: Path) -> None:
    words = {f"s{number:02d}": "4" for number in range(30)}
    room = fakes.make_class(tmp_path, words)
    room.write_errors = [locked() for _ in range(100)]
    report = run(room, fakes.Engine, fakes.work, tmp_path, assignment="a", students=sorted(words), workers=2)
    assert len(report.rows) == 3
    assert report.rows[0].reason == "could not be written: The gradebook is locked by another program."
    assert "3 submissions in a row could not be written" in report.stopped
    assert report.exit_status == 2
    again = graded(tmp_path, words)
    assert [row.score for row in again.rows] == [4.0] * 30


def test_a_gradebook_that_refuses_is_not_waited_for(tmp_path: Path) -> None:
    room = fakes.make_class(tmp_path, {"ada": "3", "bob": "4"})
    room.write_errors = [GradebookError("The gradebook does not know ada.")]
    report = run(room, fakes.Engine, fakes.work, tmp_path, assignment="a", students=["ada", "bob"], workers=1)
    assert report.rows[0].reason == "could not be written: The gradebook does not know ada."
    assert room.writes == ["ada", "bob"]


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_said_without_a_traceback(tmp_path: Path) -> None:
    room = fakes.make_class(tmp_path, {"ada": "3", "bob": "4"})
    room.write_errors = [OSError(28, "No space left on device", "autograded/ada")]
    report = run(room, fakes.Engine, fakes.work, tmp_path, assignment="a", students=["ada", "bob"], workers=1)
    assert report.rows[0].reason == (
        "could not be written: [Errno 28] No space left on device: 'autograded/ada'"
    )
    assert not report.rows[0].details
    assert report.rows[1].score == 4.0


# ---- stopping -------------------------------------------------------------------------------------------------


def test_stopping_writes_what_is_done_and_drops_the_rest(tmp_path: Path) -> None:
    room = fakes.make_class(tmp_path, {"ada": "3", "bob": "hang 4", "cyd": "hang 5", "dee": "6"})
    report = Report("a", 4)
    stop = threading.Event()

    class StopAfterOne(Silent):
        def row(self, row: Row) -> None:
            stop.set()

    begin = time.monotonic()
    pool = LocalPool(2, fakes.work, tmp_path, fakes.Engine)
    Driver(room, pool, report, StopAfterOne(), stop).run(sorted(room.students()))
    assert time.monotonic() - begin < 5
    assert [row.student for row in report.rows] == ["ada"]
    assert report.interrupted
    assert report.exit_status == 130
    for student in ("bob", "cyd"):
        (tmp_path / "submitted" / student).write_text("8")
    assert [row.score for row in graded(tmp_path, {}).rows] == [3.0, 8.0, 8.0, 6.0]


SCRIPT = """
import sys
from pathlib import Path
from rich.console import Console
from autograder._progress import Lines
from autograder.grading import conclude, only_driver, run
from tests.grading import fakes

folder = Path(sys.argv[1])
room = fakes.Classroom(folder)
out, errors = Console(highlight=False), Console(stderr=True, highlight=False)
with only_driver(folder, "first"):
    report = run(room, fakes.Engine, fakes.work, folder, assignment="first", students=sorted(room.students()),
                 workers=2, progress=Lines(out, every=0.1))
sys.exit(conclude(report, folder / "report.json", False, out, errors))
"""


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def wait_for_marks(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if len(list((folder / "marks").iterdir())) >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"too few marks; the driver said: {process.communicate()}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_stops_within_seconds_and_a_second_run_goes_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    words = {f"s{index:02d}": "slow 5" for index in range(30)} | {"s05": "hang"}
    fakes.make_class(tmp_path, words)
    process = start(tmp_path)
    wait_for_marks(tmp_path, 3, process)
    begin = time.monotonic()
    os.killpg(process.pid, number)
    out, errors = process.communicate(timeout=30)
    assert time.monotonic() - begin < 5
    assert process.returncode == 130, errors
    written = (tmp_path / "written").read_text().split()
    assert f"{len(written)} of 30 graded; run the same command again to go on." in errors
    assert "Traceback" not in out + errors
    (tmp_path / "submitted" / "s05").write_text("6")
    process = start(tmp_path)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert sorted((tmp_path / "written").read_text().split()) == sorted(words), "each was written once"
    assert f"{len(written)} unchanged" in out


def test_a_driver_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    words = {f"s{index:02d}": f"slow {index % 10}" for index in range(30)}
    fakes.make_class(tmp_path, words)
    process = start(tmp_path)
    wait_for_marks(tmp_path, 5, process)
    process.kill()
    process.communicate()
    process = start(tmp_path)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    report = graded(tmp_path, words)
    assert [row.score for row in report.rows] == [float(index % 10) for index in range(30)]
    assert {row.status for row in report.rows} == {UNCHANGED}
    assert "Grading 30 submissions" in out


def test_a_second_signal_acts_as_usual() -> None:
    with stopped_by_signals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is not None


# ---- one driver at a time ---------------------------------------------------------------------------------------


def test_a_second_driver_is_told_who_is_at_work(tmp_path: Path) -> None:
    fakes.make_class(tmp_path, {"s1": "hang"})
    process = start(tmp_path)
    try:
        end = time.monotonic() + 60
        while not list(tmp_path.glob(".grading-*")) and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        with pytest.raises(GradeError, match=f"first is being graded already, by process {process.pid}"):
            with only_driver(tmp_path, "first"):
                pass
        with only_driver(tmp_path, "second"):
            pass
    finally:
        process.kill()
        process.communicate()
    with only_driver(tmp_path, "first"):
        assert (tmp_path / ".grading-first.lock").read_text() == f"{os.getpid()}\n"
    assert not list(tmp_path.glob(".grading-*"))


def test_a_lock_passes_from_thread_to_thread_and_never_to_two(tmp_path: Path) -> None:
    inside, most, refused = 0, 0, 0

    def contend(seed: int) -> None:
        nonlocal inside, most, refused
        pause = random.Random(seed)
        for _ in range(50):
            try:
                with only_driver(tmp_path, "first"):
                    inside += 1
                    most = max(most, inside)
                    time.sleep(pause.random() * 0.002)
                    inside -= 1
            except GradeError:
                refused += 1

    threads = [threading.Thread(target=contend, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert refused > 0


# ---- who ----------------------------------------------------------------------------------------------------------


def test_unknown_students_are_named_with_those_that_look_alike() -> None:
    assert chosen(["bob", "ada"], None) == ["ada", "bob"]
    assert chosen(["bob", "ada"], ["bob", "bob"]) == ["bob"]
    with pytest.raises(GradeError, match=r"no submission by 'adda'\. Similar ids: ada\."):
        chosen(["bob", "ada"], ["bob", "adda"])
    with pytest.raises(GradeError, match=r"'zoe'\. 2 others have submitted"):
        chosen(["bob", "ada"], ["zoe"])
