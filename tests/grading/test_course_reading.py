"""Submissions are read without trust: what is not a plain file is left out and said, and the rest is graded."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from datetime import datetime
from pathlib import Path

import pytest

from autograder import submissions
from autograder.submissions import Caps, Item, SubmissionGone, read_item

WANTED = ("p1", "p2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A submission with both notebooks and one file."""
    folder = tmp_path / "submitted" / "ada" / "ps1"
    (folder / "data").mkdir(parents=True)
    (folder / "p1.ipynb").write_bytes(b"one")
    (folder / "p2.ipynb").write_bytes(b"two")
    (folder / "data" / "x.csv").write_bytes(b"1,2")
    return folder


def read(folder: Path, **options: object) -> Item:
    """Read a submission below `submitted`."""
    return read_item("ada", "ps1", folder.parents[1], folder, WANTED, **options)  # type: ignore[arg-type]


def kinds(item: Item) -> list[str]:
    return [flag.kind for flag in item.flags]


def test_an_honest_submission_is_read_whole_and_without_flags(folder: Path) -> None:
    item = read(folder)
    assert item.notebooks == {"p1": b"one", "p2": b"two"}
    assert item.files == {"data/x.csv": b"1,2"}
    assert (item.flags, item.missing, item.refused, item.timestamp) == ((), (), {}, None)


@pytest.mark.parametrize("what", ["link", "hard-link", "special", "socket", "folder", "device"])
def test_what_is_not_a_plain_file_is_left_out(
    folder: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("secret")
    bad = folder / "bad.txt"
    if what == "link":
        bad.symlink_to(canary)
    elif what == "hard-link":
        os.link(canary, bad)
    elif what == "special":
        os.mkfifo(bad)
    elif what == "socket":
        monkeypatch.chdir(folder)  # a socket's path must be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("bad.txt")
        what = "special"
    elif what == "folder":
        bad.symlink_to(tmp_path)
        what = "link"
    else:
        bad.symlink_to("/dev/zero")
        what = "link"
    item = read(folder)
    assert kinds(item) == [what]
    assert "bad.txt" in item.flags[0].text
    assert item.files == {"data/x.csv": b"1,2"}
    assert len(item.notebooks) == 2


def test_a_device_is_left_out(folder: Path) -> None:
    try:
        os.mknod(folder / "zero", 0o20666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")
    assert kinds(read(folder)) == ["special"]


@pytest.mark.parametrize("what", ["link", "folder", "fifo", "hard-link"])
def test_a_notebook_that_is_no_file_is_refused_and_the_other_one_is_graded(folder: Path, what: str) -> None:
    path = folder / "p1.ipynb"
    path.unlink()
    if what == "link":
        path.symlink_to(folder / "p2.ipynb")
    elif what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    else:
        (folder.parent / "elsewhere").write_text("x")
        os.link(folder.parent / "elsewhere", path)
    item = read(folder)
    assert set(item.refused) == {"p1"}
    assert item.missing == ()
    assert item.notebooks == {"p2": b"two"}
    assert len(item.flags) == 1


def test_a_linked_folder_above_is_not_entered(folder: Path) -> None:
    other = folder.parents[1] / "eve"
    other.symlink_to(folder.parent)
    with pytest.raises(SubmissionGone, match="link"):
        read(other / "ps1")
    (folder.parents[1] / "mal").mkdir()
    (folder.parents[1] / "mal" / "ps1").symlink_to(folder)
    with pytest.raises(SubmissionGone, match="link"):
        read(folder.parents[1] / "mal" / "ps1")


def test_caps(folder: Path) -> None:
    (folder / "big.bin").write_bytes(b"x" * 200)
    (folder / "small.bin").write_bytes(b"x" * 50)
    item = read(folder, caps=Caps(files_bytes=100))
    assert set(item.files) == {"data/x.csv", "small.bin"}
    assert kinds(item) == ["too-big"]
    item = read(folder, caps=Caps(notebook_bytes=2))
    assert set(item.refused) == {"p1", "p2"}
    assert "too big" in item.refused["p1"]


def test_the_cap_counts_all_files_together(folder: Path) -> None:
    for number in range(5):
        (folder / f"{number}.bin").write_bytes(b"x" * 40)
    item = read(folder, caps=Caps(files_bytes=100))
    assert sum(len(data) for data in item.files.values()) <= 100
    assert kinds(item) == ["too-big"] * 3


def test_many_and_deep_files_end_somewhere(folder: Path) -> None:
    for number in range(40):
        (folder / "data" / f"{number:02d}").touch()
    item = read(folder, caps=Caps(entries=20))
    assert "too-many" in kinds(item)
    assert len(item.files) <= 20
    deep = folder
    for _ in range(30):
        deep = deep / "d"
        deep.mkdir()
    item = read(folder)
    assert kinds(item) == ["deep"]


def test_flags_of_one_kind_do_not_flood(folder: Path) -> None:
    for number in range(100):
        (folder / f"link{number:03d}").symlink_to("/etc/passwd")
    item = read(folder)
    assert len(item.flags) == 11
    assert "90 more" in item.flags[-1].text


@pytest.mark.parametrize(
    "name", ["with space", "quote'\"", "new\nline", "tür", "-rf", "a;b", "C:\\x", "$(id)"]
)
def test_odd_names_are_kept(folder: Path, name: str) -> None:
    (folder / name).write_text("odd")
    item = read(folder)
    assert item.files[name] == b"odd"
    assert item.flags == ()


def test_a_name_that_is_not_text_is_left_out(folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.txt"))).write_text("odd")
    item = read(folder)
    assert kinds(item) == ["name"]
    assert all(flag.text.isascii() for flag in item.flags)


def test_ignored_names_are_passed_over(folder: Path) -> None:
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "p1-checkpoint.ipynb").touch()
    (folder / "x.pyc").symlink_to("/etc/passwd")
    item = read(folder, ignore=[".ipynb_checkpoints", "*.pyc"])
    assert item.flags == ()
    assert set(item.files) == {"data/x.csv"}


def test_extra_notebooks_are_said_except_those_that_were_handed_out(folder: Path) -> None:
    (folder / "lesson.ipynb").touch()
    (folder / "mine.ipynb").touch()
    item = read(folder, known=["lesson"])
    assert kinds(item) == ["extra"]
    assert "mine.ipynb" in item.flags[0].text
    assert item.others == {}


def test_other_notebooks_are_read_when_one_is_missing(folder: Path) -> None:
    (folder / "p1.ipynb").rename(folder / "p1 (1).ipynb")
    item = read(folder)
    assert item.missing == ("p1",)
    assert item.others == {"p1 (1).ipynb": b"one"}


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-01-05 10:00:00 UTC", datetime(2026, 1, 5, 10)),
        ("2026-01-05 10:00:00.5 America/Los_Angeles\n", datetime(2026, 1, 5, 18, 0, 0, 500000)),
        ("\ufeff2026-01-05 10:00:00 UTC", datetime(2026, 1, 5, 10)),
    ],
)
def test_a_timestamp_is_read_as_nbgrader_reads_it(folder: Path, text: str, when: datetime) -> None:
    (folder / "timestamp.txt").write_text(text)
    item = read(folder)
    assert item.timestamp == when
    assert item.flags == ()


@pytest.mark.parametrize(
    "data", [b"", b"soon", b"\xff\xfe\x00", b"9" * 5000, b"2026-13-45", b"0001-01-01 00:00:00 +14"]
)
def test_a_broken_timestamp_is_a_flag(folder: Path, data: bytes) -> None:
    (folder / "timestamp.txt").write_bytes(data)
    item = read(folder)
    assert item.timestamp is None
    assert kinds(item) == ["timestamp"]
    assert len(item.notebooks) == 2


def test_a_folder_that_is_gone(folder: Path) -> None:
    with pytest.raises(SubmissionGone, match="not there"):
        read(folder.parent / "ps2")


@pytest.mark.parametrize("listed", [True, False])
def test_a_folder_that_goes_away_while_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    real = submissions._Reader._names

    def and_remove(reader: submissions._Reader, descriptor: int, prefix: str) -> list[str]:
        names = real(reader, descriptor, prefix) if listed else []
        shutil.rmtree(folder, ignore_errors=True)
        return names

    monkeypatch.setattr(submissions._Reader, "_names", and_remove)
    with pytest.raises(SubmissionGone):
        read(folder)


def test_a_folder_that_was_emptied_and_made_anew_is_not_taken_for_an_empty_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter = submissions._enter

    def swapped(within: Path, path: Path) -> int:
        descriptor = enter(within, path)
        folder.rename(folder.parent / "old")
        folder.mkdir()
        return descriptor

    monkeypatch.setattr(submissions, "_enter", swapped)
    with pytest.raises(SubmissionGone, match="replaced"):
        read(folder)


def test_a_file_without_permission_is_a_flag(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read all")
    (folder / "closed").write_text("x")
    (folder / "closed").chmod(0)
    (folder / "shut").mkdir(mode=0)
    assert kinds(read(folder)) == ["unreadable", "unreadable"]


def test_a_fifo_does_not_block(folder: Path) -> None:
    (folder / "p1.ipynb").unlink()
    os.mkfifo(folder / "p1.ipynb")
    done = threading.Event()
    threading.Thread(target=lambda: (read(folder), done.set()), daemon=True).start()
    assert done.wait(10)


def test_the_digest_is_of_every_byte(folder: Path) -> None:
    digests = {read(folder).digest, read(folder).digest}
    assert len(digests) == 1
    (folder / "p1.ipynb").write_bytes(b"One")
    digests.add(read(folder).digest)
    (folder / "data" / "x.csv").write_bytes(b"1,3")
    digests.add(read(folder).digest)
    (folder / "data" / "x.csv").rename(folder / "data" / "y.csv")
    digests.add(read(folder).digest)
    assert len(digests) == 4
