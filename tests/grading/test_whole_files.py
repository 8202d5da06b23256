"""No half of a converted file is left, whatever ends the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from nbconvert.writers import FilesWriter

from autograder.whole_files import WholeFilesWriter

RESOURCES = {"output_extension": ".html", "outputs": {"page_files/a.png": b"picture"}}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_what_nbconverts_own_writes(tmp_path: Path) -> None:
    for name, kind in (("theirs", FilesWriter), ("ours", WholeFilesWriter)):
        folder = tmp_path / name / "ada" / "chapter"
        folder.parent.mkdir(parents=True)
        written = kind(build_directory=str(folder)).write("text", dict(RESOURCES), notebook_name="page")
        assert str(written) == str(folder / "page.html")
    assert files(tmp_path / "ours") == files(tmp_path / "theirs") != {}


def test_a_failure_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ada" / "chapter"
    (tmp_path / "ada").mkdir()
    writer = WholeFilesWriter(build_directory=str(folder))
    writer.write("old", dict(RESOURCES), notebook_name="page")
    before = files(tmp_path)

    def full(self: object, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FilesWriter, "_write_items", full)
    with pytest.raises(OSError, match="No space"):
        writer.write("new", dict(RESOURCES), notebook_name="page")
    assert files(tmp_path) == before
    assert writer.build_directory == str(folder)


KILLED = """
import os, signal, sys
from autograder import whole_files
whole_files.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
writer = whole_files.WholeFilesWriter(build_directory=sys.argv[1])
writer.write("new", {"output_extension": ".html"}, notebook_name="page")
"""


def test_killed_in_the_middle(tmp_path: Path) -> None:
    folder = tmp_path / "ada" / "chapter"
    (tmp_path / "ada").mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    assert not folder.exists()
    assert len(files(tmp_path)) == 1  # in a folder that is no student's
    WholeFilesWriter(build_directory=str(folder)).write(
        "new", {"output_extension": ".html"}, notebook_name="page"
    )
    assert files(tmp_path) == {"ada/chapter/page.html": b"new"}
