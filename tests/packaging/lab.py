"""Start and stop the course as a person does in a terminal."""

from __future__ import annotations

import http.client
import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit


class Terminal:
    """A command that opens JupyterLab; `url` is the address that it prints."""

    def __init__(
        self,
        command: Sequence[str | Path],
        cwd: Path,
        env: Mapping[str, str],
        timeout: float = 60,
        **options: Any,
    ) -> None:
        self.output = ""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # A job that a script starts in the background ignores Ctrl-C, and so would all that it starts.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            command, cwd=cwd, env=env, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
        )  # fmt: skip
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self._wait_for_url(timeout)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _wait_for_url(self, timeout: float) -> str:
        end = time.monotonic() + timeout
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                self.stop(signal.SIGKILL)
                raise AssertionError(f"no address after {timeout} s; it said:\n{self.output}") from None
            if line is None:
                raise AssertionError(f"it ended without an address; it said:\n{self.output}")
            self.output += line
            if match := re.search(r"http://127\.0\.0\.1:\S+", line):
                return match.group()

    def get(self, path: str = "", token: bool = True) -> tuple[int, str]:
        """Status and body of a page on the server; the page that was announced by default."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=30)
        value = parts.query.removeprefix("token=")
        connection.request(
            "GET", path or parts.path, headers={"Authorization": f"token {value}"} if token else {}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Press Ctrl-C, which reaches all that the terminal runs; return the exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"Ctrl-C did not stop it; it said:\n{self.output}") from None
        self._reader.join(timeout=10)
        while not self._lines.empty():
            self.output += self._lines.get() or ""
        return status

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
