"""A Dask cluster of separate processes, started as its users start it, for a test or a bench."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


class Cluster:
    """A scheduler and its workers, each worker in a process of its own under a nanny that starts it again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
        self._file = folder / "scheduler.json"
        self._workers: list[subprocess.Popen[bytes]] = []
        self._scheduler = self._start(
            "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(self._file),
        )  # fmt: skip
        end = time.monotonic() + 60
        while not self._file.exists() and time.monotonic() < end:
            assert self._scheduler.poll() is None, self.log
            time.sleep(0.05)
        self.address: str = json.loads(self._file.read_text(encoding="utf-8"))["address"]

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(Path(sys.executable).with_name(words[0])), *words[1:]], cwd=self._folder,
                env=self._environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def add_workers(self, count: int = 1) -> None:
        """Start workers; the driver waits for the first."""
        self._workers.append(self._start(
            "dask", "worker", "--nthreads", "1", "--nworkers", str(count), "--host", "127.0.0.1",
            "--no-dashboard", "--local-directory", str(self._folder), self.address,
        ))  # fmt: skip

    def worker_processes(self) -> list[psutil.Process]:
        """The processes that do the work, below their nannies."""
        found = []
        for nanny in self._workers:
            for process in psutil.Process(nanny.pid).children():
                if "spawn_main" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def stop_scheduler(self) -> None:
        """End the scheduler as a crash would."""
        self._end(self._scheduler)

    def remove_workers(self) -> None:
        """Ask all workers and their nannies to end, as Ctrl-C does."""
        for process in self._workers:
            process.terminate()
        while self._workers:
            process = self._workers.pop()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._end(process)

    def close(self) -> None:
        """End everything."""
        self.remove_workers()
        self._end(self._scheduler)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            return
        below = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        for child in below:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                pass
        process.wait(timeout=30)


@contextmanager
def running(workers: int = 2, **settings: str) -> Iterator[Cluster]:
    """A cluster in a folder of its own; `settings` are environment variables."""
    with tempfile.TemporaryDirectory(prefix="dask-") as folder:
        cluster = Cluster(Path(folder), **settings)
        try:
            if workers:
                cluster.add_workers(workers)
            yield cluster
        finally:
            cluster.close()
