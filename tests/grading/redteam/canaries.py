"""What is planted around a class to be stolen, changed, signalled or called, and how it is looked at afterwards."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import os
import secrets
import select
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KINDS = ("hidden", "solution", "submission", "gradebook", "token", "home", "outside", "argument", "environ")

VICTIM = """\
import os, signal, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, lambda number, frame: os.write(log, f"{number}\\n".encode()))
os.write(log, b"ready\\n")
while os.getppid() == int(sys.argv[2]):
    time.sleep(0.1)
"""


def plant() -> dict[str, str]:
    """Make a word for each place; all begin alike, so that a thief knows one when it sees it."""
    return {kind: f"CANARY-{kind}-{secrets.token_hex(8)}" for kind in KINDS}


def spellings(word: str) -> list[str]:
    """The ways in which a thief may have written a word, without the part that every thief knows."""
    tail = word.rpartition("-")[2]
    raw = word.encode()
    coded = base64.b64encode(raw).decode()
    return [tail, tail[::-1], tail.encode().hex(), coded[16:-4]]


class Victim:
    """A process of the same user that has nothing to do with grading, and writes down each signal that it gets."""

    def __init__(self, folder: Path, argument: str, secret: str) -> None:
        self.log = folder / "signals.log"
        self._process = subprocess.Popen(
            [sys.executable, "-c", VICTIM, str(self.log), str(os.getpid()), argument],
            env={**os.environ, "VICTIM_TOKEN": secret}, cwd=folder, start_new_session=True,
        )  # fmt: skip
        while not (self.log.exists() and self.log.read_text()):
            if self._process.poll() is not None:
                raise RuntimeError("the bystander did not start")
            select.select([], [], [], 0.01)
        self.pid = self._process.pid

    def heard(self) -> list[str]:
        """Signals that it got, and whether it is gone."""
        gone = [] if self._process.poll() is None else [f"ended: {self._process.returncode}"]
        return self.log.read_text().split()[1:] + gone

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Listener:
    """Sockets that note who calls: TCP and UDP on 127.0.0.1, and a Unix socket by path and by name."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "listener")
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", self.port))
        named, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        named.bind(self.path)
        abstract.bind(f"\0{self.path}")
        self._sockets = [tcp, udp, named, abstract]
        for each in (named, abstract):
            each.listen()
        self.calls: list[str] = []
        self._stop, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([*self._sockets, self._stop], [], [])
            if self._stop in ready:
                return
            for each in self._sockets:
                if each not in ready:
                    continue
                if each.type == socket.SOCK_DGRAM:
                    self.calls.append(f"datagram: {each.recvfrom(100)!r}")
                else:
                    call, address = each.accept()
                    call.close()
                    self.calls.append(f"call: {address!r}")

    def end(self) -> None:
        os.write(self._wake, b"x")
        self._thread.join()
        for each in self._sockets:
            each.close()
        os.close(self._stop)
        os.close(self._wake)


@contextlib.contextmanager
def orphans_come_here() -> Iterator[None]:
    """Make this process the parent of every process whose own parents are gone: nothing gets away unseen."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(36, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no subreaper")
    try:
        yield
    finally:
        libc.prctl(36, 0, 0, 0, 0)


def children() -> dict[int, str]:
    """Living processes whose parent is this one, with their command lines."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
                if int(fields[1]) == os.getpid() and fields[0] not in b"ZX":
                    found[int(name)] = (
                        Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                    )
    return found


def tree(top: Path, leave_out: tuple[str, ...] = ()) -> dict[str, tuple[Any, ...]]:
    """All that is below a folder: kind, mode, owner, size, times and digest of each."""
    found: dict[str, tuple[Any, ...]] = {}
    for folder, folders, files in os.walk(top):
        inside = os.path.relpath(folder, top)
        if inside == ".":
            folders[:] = [name for name in folders if name not in leave_out]
            files = [name for name in files if name not in leave_out]
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            digest = ""
            if stat.S_ISREG(info.st_mode) and info.st_size < 200_000_000:
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            elif stat.S_ISLNK(info.st_mode):
                digest = os.readlink(path)
            changed = 0 if stat.S_ISDIR(info.st_mode) and inside == "." else info.st_mtime_ns
            found[os.path.normpath(os.path.join(inside, name))] = (
                info.st_mode, info.st_uid, info.st_nlink, info.st_size, changed, digest,
            )  # fmt: skip
    return found


def rows(database: Path, assignment: str) -> dict[str, list[tuple[Any, ...]]]:
    """The gradebook's tables; of what was handed in, only what is not of this assignment."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as book:
        tables = [
            name
            for (name,) in book.execute("select name from sqlite_master where type = 'table' order by name")
        ]
        found = {name: sorted(book.execute(f'select * from "{name}"'), key=repr) for name in tables}
        (number,) = book.execute("select id from assignment where name = ?", (assignment,)).fetchone()
        ours = {
            row[0]
            for row in book.execute("select id from submitted_assignment where assignment_id = ?", (number,))
        }
        books = {
            row[0]
            for row in book.execute("select id, assignment_id from submitted_notebook")
            if row[1] in ours
        }
    found["submitted_assignment"] = [row for row in found["submitted_assignment"] if row[0] not in ours]
    found["submitted_notebook"] = [row for row in found["submitted_notebook"] if row[0] not in books]
    for name in ("grade", "comment"):
        found[name] = [row for row in found[name] if not books.intersection(map(str, row))]
    return found
