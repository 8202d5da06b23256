"""The driver with a Dask cluster of separate processes, on fakes: same results, workers that die, what is said."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import _cluster
from autograder._cluster import differences
from autograder._progress import Silent
from autograder.grading import GradeError, run
from autograder.report import GRADED, SET_ASIDE, UNCHANGED, Report, Row
from tests.grading import dask_cluster, fakes

# A class of fakes takes a second; starting the cluster takes longer.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[dask_cluster.Cluster]:
    """Two workers; a task is given up when two of them died with it."""
    with dask_cluster.running(2, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1") as running:
        yield running


def graded(cluster: dask_cluster.Cluster, folder: Path, words: dict[str, str], **options: object) -> Report:
    room = fakes.make_class(folder, words)
    return run(
        room, fakes.Engine, fakes.work, folder, assignment="first", students=sorted(room.students()),
        scheduler=cluster.address, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def test_same_results_as_on_this_machine(cluster: dask_cluster.Cluster, tmp_path: Path) -> None:
    words = {f"s{number:02d}": f"{'slow ' * (number % 3)}{number % 11}" for number in range(20)}
    words |= {"t1": "die 3", "t2": "die-once 4", "t3": "fault"}
    report = graded(cluster, tmp_path / "dask", words)
    room = fakes.make_class(tmp_path / "here", words)
    here = run(
        room, fakes.Engine, fakes.work, tmp_path / "here", assignment="first", students=sorted(words), workers=2
    )  # fmt: skip

    def plain(row: Row) -> tuple[object, ...]:
        return row.student, row.status, row.score, row.reason

    assert [plain(row) for row in report.rows] == [plain(row) for row in here.rows]
    assert report.count(GRADED) == 21
    assert report.exit_status == 1


def test_a_killed_worker_loses_nothing(cluster: dask_cluster.Cluster, tmp_path: Path) -> None:
    words = {f"s{number:02d}": f"slow {number % 11}" for number in range(40)}
    killed = []

    class KillAll(Silent):
        def row(self, row: Row) -> None:
            if row.student == "s05":
                for process in cluster.worker_processes():
                    process.send_signal(signal.SIGKILL)
                    killed.append(process.pid)

    report = graded(cluster, tmp_path, words, progress=KillAll())
    assert len(killed) == 2
    assert [row.score for row in report.rows] == [float(number % 11) for number in range(40)]
    assert {row.status for row in report.rows} == {GRADED}
    assert sorted((tmp_path / "written").read_text().split()) == sorted(words)


def test_one_that_kills_every_worker_is_set_aside(cluster: dask_cluster.Cluster, tmp_path: Path) -> None:
    report = graded(
        cluster, tmp_path, {"ada": "3", "bob": "kill-worker 9", "cyd": "kill-worker-once 4", "dee": "5"}
    )
    ada, bob, cyd, dee = report.rows
    assert (bob.status, bob.score) == (SET_ASIDE, 0.0)
    assert bob.reason.startswith("it ended every Dask worker that tried it")
    assert (ada.score, cyd.score, dee.score) == (3.0, 4.0, 5.0)
    again = graded(cluster, tmp_path, {})
    assert {row.status for row in again.rows} == {UNCHANGED}


def test_who_waited_beside_one_that_kills_workers_is_not_blamed(
    cluster: dask_cluster.Cluster, tmp_path: Path
) -> None:
    words = {f"s{number:02d}": "slow 5" for number in range(12)} | {
        "s03": "kill-worker",
        "s08": "kill-worker",
    }
    report = graded(cluster, tmp_path, words)
    assert [row.student for row in report.rows if row.status == SET_ASIDE] == ["s03", "s08"]
    assert [row.score for row in report.rows if row.status == GRADED] == [5.0] * 10


def test_a_worker_that_cannot_grade_is_named(cluster: dask_cluster.Cluster, tmp_path: Path) -> None:
    report = graded(cluster, tmp_path, {"ada": "unable"})
    assert report.exit_status == 2
    assert report.stopped.startswith("Worker tcp://127.0.0.1:")
    assert "Landlock is missing here. Take a newer kernel." in report.stopped


def test_other_versions_on_a_worker_are_named(
    cluster: dask_cluster.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _cluster.versions() | {"numpy": "1.0.0"}
    monkeypatch.setattr(_cluster, "versions", lambda: mine)
    report = graded(cluster, tmp_path, {"ada": "4"})
    assert report.exit_status == 2
    assert "has other versions: numpy 1.0.0 here, 2." in report.stopped


def test_differences_name_what_is_missing() -> None:
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "9"}) == ""
    assert differences({"a": "1", "b": "2"}, {"a": "3"}) == "a 1 here, 3 there; b 2 here, missing there"


def test_no_scheduler_is_said_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cluster, "CONNECT", 1.0)
    room = fakes.make_class(tmp_path, {"ada": "4"})
    with pytest.raises(
        GradeError, match=r"(?s)No Dask scheduler answers at tcp://127.0.0.1:9.*`dask scheduler`"
    ):
        run(
            room, fakes.Engine, fakes.work, tmp_path, assignment="a", students=["ada"],
            scheduler="tcp://127.0.0.1:9",
        )  # fmt: skip
    with pytest.raises(GradeError, match="No Dask scheduler answers at nonsense://x"):
        run(
            room, fakes.Engine, fakes.work, tmp_path, assignment="a", students=["ada"],
            scheduler="nonsense://x",
        )  # fmt: skip


def test_no_workers_no_class_and_a_scheduler_that_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cluster, "FIRST_WORKER", 1.0)
    words = {f"s{number:02d}": "slow 4" for number in range(40)}
    with dask_cluster.running(0) as cluster:
        with pytest.raises(
            GradeError, match=r"(?s)has no workers.*dask worker --nthreads 1 --nworkers 4 tcp://"
        ):
            graded(cluster, tmp_path, words)
        monkeypatch.setattr(_cluster, "FIRST_WORKER", 60.0)
        cluster.add_workers(1)
        said = []

        class StopScheduler(Silent):
            def row(self, row: Row) -> None:
                if row.student == "s05":
                    cluster.stop_scheduler()

            def say(self, text: str) -> None:
                said.append(text)

        begin = time.monotonic()
        report = graded(cluster, tmp_path, words, progress=StopScheduler())
        assert time.monotonic() - begin < 90
    assert report.exit_status == 2
    assert "went away" in report.stopped
    room = fakes.Classroom(tmp_path)
    again = run(room, fakes.Engine, fakes.work, tmp_path, assignment="a", students=sorted(words), workers=2)
    assert [row.score for row in again.rows] == [4.0] * 40
    assert again.count(UNCHANGED) == report.marked > 0


def test_stopping_does_not_wait_for_workers(cluster: dask_cluster.Cluster, tmp_path: Path) -> None:
    room = fakes.make_class(tmp_path, {"ada": "3", "bob": "slow " * 60})
    from autograder._cluster import DaskPool
    from autograder._driver import Driver

    report = Report("a", 2)
    stop = threading.Event()

    class StopAfterOne(Silent):
        def row(self, row: Row) -> None:
            stop.set()

    pool = DaskPool(cluster.address, fakes.work, tmp_path, fakes.Engine)
    begin = time.monotonic()
    Driver(room, pool, report, StopAfterOne(), stop).run(["ada", "bob"])
    assert time.monotonic() - begin < 5
    assert [row.student for row in report.rows] == ["ada"]
    assert report.interrupted
