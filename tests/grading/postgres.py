"""PostgreSQL for a test or a bench: a server of its own in a private folder, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

MISSING = "PostgreSQL is missing. On Debian: sudo apt install postgresql"


def find_programs() -> Path | None:
    """Folder with `initdb` and `postgres`: Debian keeps them off the path, by version."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(debian, key=lambda path: float(path.parts[-3]), reverse=True)
    other = shutil.which("initdb")
    return next((path.parent for path in [*newest, *([Path(other)] if other else [])]), None)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Postgres:
    """A server; anyone on this machine may connect to it."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._port = free_port()
        self._count = 0
        # PostgreSQL refuses to run as root; Debian's package made a user for it.
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._process: subprocess.Popen[bytes] | None = None
        os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._call(
            "initdb", "--auth=trust", "--username=tester", "--encoding=UTF8", "--no-sync", "--locale=C"
        )
        self.start()

    def _as_user(self) -> dict[str, object]:
        if os.geteuid() != 0:
            return {"cwd": self._folder}
        return {
            "user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": [], "cwd": self._folder,
            "env": {"PATH": os.environ["PATH"], "HOME": str(self._folder)},
        }  # fmt: skip

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, "-D", self._folder / "data", *arguments],
            **self._as_user(), capture_output=True, text=True, check=False,  # type: ignore[call-overload]
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1", "port": self._port, "unix_socket_directories": self._folder,
            "fsync": "off",
        }  # fmt: skip
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, **self._as_user()  # type: ignore[call-overload]
            )  # fmt: skip
        end = time.monotonic() + 60
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((self._folder / "log").read_text()) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it; connections are cut."""
        if self._process is not None:
            self._call("pg_ctl", "stop", "--mode=immediate")
            self._process.wait(timeout=60)
            self._process = None

    def restart(self, seconds_away: float = 0.0) -> None:
        """Cut all connections, and be away for a while."""
        self.stop()
        time.sleep(seconds_away)
        self.start()

    def _connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self._port, user="tester", dbname=database, autocommit=True
        )

    def new_database(self) -> str:
        """Make an empty database and return its URL, as SQLAlchemy wants it."""
        self._count += 1
        name = f"gradebook{self._count}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://tester@127.0.0.1:{self._port}/{name}"


@contextmanager
def running() -> Iterator[Postgres]:
    """A server in a folder of its own."""
    programs = find_programs()
    if programs is None:
        raise RuntimeError(MISSING)
    # Short: the path of a Unix socket has at most 107 characters; and not pytest's, which is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    server = None
    try:
        server = Postgres(programs, folder)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder)
