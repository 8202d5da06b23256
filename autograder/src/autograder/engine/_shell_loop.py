"""An event loop for cells that `await`: one that needs no socket, since a jail has none."""

from __future__ import annotations

import asyncio
import os

__all__ = ["PipePolicy"]


class _End:
    """One end of a pipe, with the three methods of a socket that an event loop calls on its own pair."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def recv(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def send(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor != -1:
            os.close(descriptor)


class PipeLoop(asyncio.SelectorEventLoop):
    """The usual loop, which other threads wake through a pipe in place of a pair of sockets."""

    def _make_self_pipe(self) -> None:
        # The base class makes, reads and closes its pair through these four names.
        reader, writer = os.pipe()
        self._ssock, self._csock = _End(reader), _End(writer)
        self._internal_fds += 1  # type: ignore[attr-defined]
        self._add_reader(reader, self._read_from_self)  # type: ignore[attr-defined]


class PipePolicy(asyncio.DefaultEventLoopPolicy):
    """New event loops are `PipeLoop`."""

    _loop_factory = PipeLoop
