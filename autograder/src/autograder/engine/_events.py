"""What the student's process and the checker tell the hub: small tuples, one after the other, in a pipe."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any

from autograder.engine.values import DecodeError, Limits, NotPlain, decode, encode

_LENGTH = struct.Struct("!I")
#: The most that one event may hold; a figure is far smaller.
LIMITS = Limits(size=8 << 20, items=100_000, depth=40)


class EventWriter:
    """Write events to a pipe; for one thread at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def put(self, *event: Any) -> None:
        """Write one event.

        Raises
        ------
        NotPlain
            It is too large, or holds what is not plain; nothing was written.
        """
        data = encode(event, limits=LIMITS)
        view = memoryview(_LENGTH.pack(len(data)) + data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def put_output(self, index: int, output: dict[str, Any]) -> None:
        """Write an output, or a note in its place if it cannot be sent."""
        try:
            self.put("output", index, output)
        except NotPlain as error:
            text = f"[An output was left out: {error}]\n"
            self.put("output", index, {"output_type": "stream", "name": "stdout", "text": text})


class EventReader:
    """Take events out of the bytes of a pipe that an untrusted process writes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Any, ...]]:
        """Yield the events that are complete.

        Raises
        ------
        DecodeError
            The bytes are no events; nothing that comes later can be believed.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LIMITS.size + 1024:
                raise DecodeError("an event is too long")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            event = decode(body, limits=LIMITS)
            if not isinstance(event, tuple) or not event or not isinstance(event[0], str):
                raise DecodeError("an event is no tuple with a name")
            yield event
