"""Frames on the two pipes between a checker and a student's snapshot.

A frame is a header and a body of two values, each written by `values.encode`: a *head* (what is asked or answered) and
a *payload* (the arguments, or the value). The student's end blocks. The checker's end never does: all its waiting
together is held against a budget, and each count in a header against a cap before anything is read.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

READY, ASK, ANSWER, CALL_BACK, GIVE_BACK, BYE = range(1, 7)

HEADER = struct.Struct("!2sBBII")
MAGIC, VERSION = b"DB", 1
_LENGTH = struct.Struct("!I")
MOST_HEAD = 4 << 20
_PIPE_SIZE = 1 << 20

Kind = Literal["time", "lost", "protocol"]


@dataclass(frozen=True)
class Fault:
    """Why a session is over.

    Attributes
    ----------
    kind : {"time", "lost", "protocol"}
        No answer in time; the pipe was closed or its process died; bytes that are no answer to what was asked.
    text : str
        The same in a sentence.
    """

    kind: Kind
    text: str


class Broken(Exception):  # noqa: N818 - the line is broken
    """The line cannot be used any more."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.fault = Fault(kind, text)


@dataclass
class Frame:
    """One message, still in bytes."""

    kind: int
    number: int
    head: memoryview
    payload: memoryview


def pack(kind: int, number: int, head: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """Write a frame, in two parts so that a large payload is not copied."""
    length = _LENGTH.size + len(head) + len(payload)
    return HEADER.pack(MAGIC, VERSION, kind, number, length) + _LENGTH.pack(len(head)) + head, payload


def _split(kind: int, number: int, body: bytearray) -> Frame:
    view = memoryview(body)
    (length,) = _LENGTH.unpack_from(view)
    if length > len(view) - _LENGTH.size:
        raise Broken("protocol", "A message is shorter than it says.")
    middle = _LENGTH.size + length
    return Frame(kind, number, view[_LENGTH.size : middle], view[middle:])


def _opened(header: bytes | bytearray, most: int) -> tuple[int, int, int]:
    magic, version, kind, number, length = HEADER.unpack(header)
    if magic != MAGIC or version != VERSION or not READY <= kind <= BYE:
        raise Broken("protocol", "What came is no message.")
    if not _LENGTH.size <= length <= most:
        raise Broken("protocol", f"A message says that it has {length} bytes.")
    return kind, number, length


class Blocking:
    """The student's end of the line."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing

    def send(self, kind: int, number: int, head: bytes, payload: bytes) -> None:
        """Write a frame; OSError once nobody reads."""
        for part in pack(kind, number, head, payload):
            view = memoryview(part)
            while view:
                view = view[os.write(self._outgoing, view) :]

    def receive(self) -> Frame | None:
        """Read a frame; None once nobody writes."""
        header = self._exactly(HEADER.size)
        if header is None:
            return None
        kind, number, length = _opened(header, 1 << 32)
        body = self._exactly(length)
        return None if body is None else _split(kind, number, body)

    def _exactly(self, size: int) -> bytearray | None:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = os.readv(self._incoming, [view])
            if not count:
                return None
            view = view[count:]
        return data


class Patient:
    """The checker's end of the line: it waits for at most `seconds` in all.

    Each broken rule, of time or of form, raises `Broken`.
    """

    def __init__(self, outgoing: int, incoming: int, *, seconds: float, most: int) -> None:
        self._outgoing, self._incoming = outgoing, incoming
        self._most = most + MOST_HEAD + _LENGTH.size
        self.left = seconds
        self._end = 0.0
        self._polls = {}
        for descriptor, event in ((outgoing, select.POLLOUT), (incoming, select.POLLIN)):
            os.set_blocking(descriptor, False)
            self._polls[descriptor] = select.poll()
            self._polls[descriptor].register(descriptor, event)
            with contextlib.suppress(OSError):
                fcntl.fcntl(descriptor, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE_SIZE)

    def send(self, kind: int, number: int, head: bytes, payload: bytes) -> None:
        """Write a frame."""
        with self._counted():
            self._send(kind, number, head, payload)

    def _send(self, kind: int, number: int, head: bytes, payload: bytes) -> None:
        for part in pack(kind, number, head, payload):
            view = memoryview(part)
            while view:
                try:
                    view = view[os.write(self._outgoing, view) :]
                    self._hurry()
                except BlockingIOError:
                    self._wait(self._outgoing)
                except OSError as error:
                    raise Broken("lost", "The student's process ended.") from error

    def receive(self) -> Frame:
        """Read a frame."""
        with self._counted():
            kind, number, length = _opened(self._exactly(HEADER.size), self._most)
            return _split(kind, number, self._exactly(length))

    def close(self) -> None:
        """Close both pipes."""
        for descriptor in (self._outgoing, self._incoming):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._outgoing = self._incoming = -1  # the numbers may soon be another file's

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            try:
                count = os.readv(self._incoming, [view])
            except BlockingIOError:
                self._wait(self._incoming)
                continue
            except OSError as error:
                raise Broken("lost", "The student's process cannot be reached.") from error
            if not count:
                raise Broken("lost", "The student's process ended.")
            view = view[count:]
            self._hurry()
        return data

    def _wait(self, descriptor: int) -> None:
        self._hurry()
        self._polls[descriptor].poll((self._end - time.monotonic()) * 1000 + 1)

    def _hurry(self) -> None:
        if time.monotonic() > self._end:
            raise Broken("time", "The student's code gave no answer in time.")

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """Take from the budget what passes meanwhile, whether we wait or copy."""
        self._end = time.monotonic() + self.left
        try:
            yield
        finally:
            self.left = self._end - time.monotonic()
