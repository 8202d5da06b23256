"""Autograded folders are put in place whole: killed at any moment, on a full disk, by two programs at once."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder import folders
from autograder.course import Course
from autograder.finish import Graded, work
from autograder.folders import Staged, WriteError, tidy
from autograder.gradebook import GradebookError
from autograder.submissions import Item
from autograder.writer import Writer
from tests.grading import plain_course as plain
from tests.grading.fake_engine import FakeEngine
from tests.grading.plain_course import MARKS, NAME

OLD = {"p1.ipynb": b"old", "gone.txt": b"old", "data/x": b"old"}
NEW = {"p1.ipynb": b"new", "p2.ipynb": b"new", "data/x": b"new", "data/deep/y": b"new"}


def put(target: Path, files: dict[str, bytes], **options: Any) -> None:
    Staged(target, files, **options).put()


def everything(folder: Path) -> dict[str, bytes]:
    """All files below, those of left-over folders too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def killed(act: Callable[[], None]) -> None:
    """Run something in a process that ends by SIGKILL."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(params=["exchange", "two renames"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without the call that lets two folders change places."""
    if request.param == "two renames":
        monkeypatch.setattr(folders, "_renameat2", lambda: None)
    return str(request.param)


def test_a_new_folder_and_one_in_the_place_of_another(tmp_path: Path, system: str) -> None:
    target = tmp_path / "ada" / "ps1"
    put(target, OLD)
    assert everything(tmp_path / "ada") == {f"ps1/{name}": data for name, data in OLD.items()}
    put(target, NEW)
    assert everything(tmp_path / "ada") == {f"ps1/{name}": data for name, data in NEW.items()}
    assert {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_file()} == {0o444}


def test_this_machine_exchanges_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "x").touch()
    assert folders._exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "x").exists()


def test_a_shared_course(tmp_path: Path) -> None:
    put(tmp_path / "ada" / "ps1", NEW, mode=0o664, groupshared=True)
    assert (tmp_path / "ada" / "ps1" / "p1.ipynb").stat().st_mode & 0o777 == 0o664
    for name in ("ada", "ada/ps1", "ada/ps1/data", "ada/ps1/data/deep"):
        assert (tmp_path / name).stat().st_mode & 0o2770 == 0o2770


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("moment", ["mkdir", "write_bytes", "chmod", "rename", "exchange", "remove"])
def test_killed_at_any_moment(
    tmp_path: Path, system: str, moment: str, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there afterwards is the old folder or the new one; the next run leaves nothing else."""
    parent = tmp_path / "ada"
    target = parent / "ps1"
    if again:
        put(target, OLD)

    def act() -> None:
        if moment in ("mkdir", "write_bytes", "chmod"):
            real = getattr(Path, moment)
            calls = iter(range(100))

            def third(*given: Any, **options: Any) -> Any:
                return die() if next(calls) == (2 if moment != "mkdir" else 0) else real(*given, **options)

            monkeypatch.setattr(Path, moment, third)
        elif moment == "rename":
            real_rename = os.rename
            done = []

            def second(*given: Any) -> None:
                # Between the two renames, where there are two; before the only one otherwise.
                if done or not again or system == "exchange":
                    die()
                done.append(given)
                real_rename(*given)

            monkeypatch.setattr(os, "rename", second)
            if again and system == "exchange":
                die()
        elif moment == "exchange":
            monkeypatch.setattr(folders, "_exchange", die)
            if not again:
                die()
        else:
            monkeypatch.setattr(folders, "_remove", die)
        put(target, NEW)
        if moment == "remove":
            die()

    killed(act)
    tidy(parent)
    expected = [{f"ps1/{name}": data for name, data in files.items()} for files in (OLD, NEW)]
    assert everything(parent) in (expected if again else [{}, *expected[1:]])
    assert {entry.name for entry in parent.iterdir()} <= {"ps1"} if parent.exists() else True
    put(target, NEW)
    assert everything(parent) == expected[1]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_leaves_the_old_folder(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "ada" / "ps1"
    put(target, OLD)
    before = everything(tmp_path)
    real = Path.write_bytes
    calls = iter(range(100))

    def full(path: Path, data: bytes) -> int:
        if next(calls) == 2:
            raise OSError(code, os.strerror(code))
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="disk is full" if code == errno.ENOSPC else "could not be written"):
        Staged(target, NEW)
    assert everything(tmp_path) == before
    assert [entry.name for entry in target.parent.iterdir()] == ["ps1"]


def test_a_really_full_disk(tmp_path: Path) -> None:
    """On a file system of its own, where this user may mount one."""
    import subprocess

    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    try:
        put(place / "ps1", OLD)
        with pytest.raises(WriteError, match="disk is full"):
            put(place / "ps1", {**NEW, "big": b"x" * 1_000_000})
        assert everything(place) == {f"ps1/{name}": data for name, data in OLD.items()}
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_what_another_program_is_writing_is_not_tidied_up(tmp_path: Path) -> None:
    parent = tmp_path / "ada"
    staged = Staged(parent / "ps1", NEW)
    pid = os.fork()
    if pid == 0:
        tidy(parent)
        os._exit(0)
    os.waitpid(pid, 0)
    staged.put()
    assert everything(parent) == {f"ps1/{name}": data for name, data in NEW.items()}


def test_tidy_leaves_other_names_alone(tmp_path: Path) -> None:
    for name in (".git", ".ps1", "ps1.new~", ".ps1.0123.new~", "x.old~"):
        (tmp_path / name).mkdir()
    tidy(tmp_path)
    tidy(tmp_path / "nowhere")
    assert len(list(tmp_path.iterdir())) == 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "course"
    plain.make(root)
    plain.submit(root, "ada")
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return plain.duplicate(made, tmp_path / "course")


@pytest.fixture
def course(root: Path) -> Iterator[Course]:
    with plain.open_course(root) as course:
        yield course


def graded(course: Course) -> tuple[Writer, Item, Graded]:
    read = course.assignment(NAME)
    item = course.read("ada", read)
    return Writer(course, read), item, work(item, read, FakeEngine())


def submissions(root: Path) -> int:
    with sqlite3.connect(root / "gradebook.db") as db:
        (count,) = db.execute("select count(*) from submitted_assignment").fetchone()
    return int(count)


@pytest.mark.parametrize(
    "moment", ["before the gradebook", "in the gradebook", "after the gradebook", "at the end"]
)
def test_a_driver_that_is_killed_is_followed_by_one_that_completes(
    root: Path, course: Course, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, item, done = graded(course)
    course.close()

    def act() -> None:
        from autograder import _rows

        if moment == "before the gradebook":
            monkeypatch.setattr(type(course.book), "write", die)
        elif moment == "in the gradebook":
            monkeypatch.setattr(_rows.Entry, "standing", die)
        elif moment == "after the gradebook":
            monkeypatch.setattr(Staged, "put", die)
        writer.write(item, done)
        die()

    killed(act)
    whole = moment in ("after the gradebook", "at the end")
    assert submissions(root) == whole
    with plain.open_course(root) as again:
        next_writer, next_item, next_done = graded(again)
        is_current = next_writer.current(next_item) is not None
        assert is_current == (moment == "at the end")
        next_writer.write(next_item, next_done)
        assert next_writer.current(next_item) is not None
    assert submissions(root) == 1
    assert plain.marks(root, "ada") == MARKS
    assert [entry.name for entry in (root / "autograded" / "ada").iterdir()] == [NAME]


def test_a_full_disk_costs_neither_marks_nor_the_old_notebook(
    root: Path, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain.grade(course, "ada")
    before = plain.tree(root / "autograded")
    plain.submit(root, "ada", {"p1": {}, "p2": {}})
    writer, item, done = graded(course)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(WriteError, match="disk is full"):
            writer.write(item, done)
    assert plain.tree(root / "autograded") == before
    assert plain.marks(root, "ada") == MARKS
    writer.write(item, done)
    assert plain.marks(root, "ada")["cube-test"] == 0.0


def test_a_gradebook_that_fails_leaves_no_folder(
    root: Path, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, item, done = graded(course)

    def broken(*_: object, **__: object) -> None:
        raise GradebookError("locked")

    monkeypatch.setattr(type(course.book), "write", broken)
    with pytest.raises(GradebookError):
        writer.write(item, done)
    assert plain.tree(root / "autograded") == {}
    assert list((root / "autograded" / "ada").iterdir()) == []
