"""What watches over the class notices what it is there to notice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the jail is made of parts of Linux", allow_module_level=True)

from tests.grading.redteam.canaries import (
    Listener,
    Victim,
    children,
    orphans_come_here,
    plant,
    spellings,
    tree,
)
from tests.grading.redteam.course import survivors

ORPHAN = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(30)"


def soon(condition: object) -> None:
    until = time.monotonic() + 5
    while not condition() and time.monotonic() < until:  # type: ignore[operator]
        time.sleep(0.01)
    assert condition()  # type: ignore[operator]


def test_calls_are_noted(tmp_path: Path) -> None:
    listener = Listener(tmp_path)
    try:
        socket.create_connection(("127.0.0.1", listener.port)).close()
        soon(lambda: len(listener.calls) == 1)
        for address in (listener.path, f"\0{listener.path}"):
            with socket.socket(socket.AF_UNIX) as call:
                call.connect(address)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as call:
            call.sendto(b"x", ("127.0.0.1", listener.port))
        soon(lambda: len(listener.calls) == 4)
    finally:
        listener.end()


def test_signals_are_noted(tmp_path: Path) -> None:
    victim = Victim(tmp_path, "argument", "secret")
    try:
        assert not victim.heard()
        for number in (signal.SIGURG, signal.SIGTERM, signal.SIGINT):
            os.kill(victim.pid, number)
            soon(lambda number=number: str(int(number)) in victim.heard())
        os.kill(victim.pid, signal.SIGKILL)
        soon(lambda: "ended: -9" in victim.heard())
    finally:
        victim.end()


def test_orphans_are_found_and_ended() -> None:
    with orphans_come_here():
        known = set(children())
        subprocess.run([sys.executable, "-c", ORPHAN], check=True)
        assert len(survivors(known)) == 1
        soon(lambda: set(children()) == known)


@pytest.mark.parametrize(
    "change",
    [
        lambda top: (top / "new").touch(),
        lambda top: (top / "a/file").write_text("other"),
        lambda top: (top / "a/file").unlink(),
        lambda top: (top / "a/file").chmod(0o600),
        lambda top: os.utime(top / "a/file", (0, 0)),
        lambda top: (top / "link").symlink_to("/"),
        lambda top: os.link(top / "a/file", top / "second"),
        lambda top: (top / "a").rename(top / "b"),
    ],
    ids=["new", "written", "deleted", "mode", "time", "link", "hard link", "moved"],
)
def test_changes_are_seen(tmp_path: Path, change: object) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("text")
    (tmp_path / "a/file").chmod(0o644)
    before = tree(tmp_path)
    assert tree(tmp_path) == before
    change(tmp_path)  # type: ignore[operator]
    assert tree(tmp_path) != before


def test_words_are_found_in_other_spellings() -> None:
    import base64

    for word in plant().values():
        for text in (word, word[::-1], word.encode().hex(), base64.b64encode(word.encode()).decode()):
            assert any(spelling in text for spelling in spellings(word)), text
