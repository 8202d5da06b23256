"""Run a piece of the student's code and keep what it printed, warned of and raised."""

from __future__ import annotations

import contextlib
import io
import linecache
import sys
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TextIO

MOST_PRINTED = 64_000
MOST_WARNINGS = 100
_MOST_LINES = 30
_MOST_TRACE = 8_000
_OWN = __file__.rpartition("/")[0] + "/"


class _Capped(io.TextIOBase):
    """A stream that keeps the first characters."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = MOST_PRINTED

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._room > 0 and text:
            self._parts.append(str(text[: self._room]))
            self._room -= len(text)
        return len(text)

    def getvalue(self) -> str:
        return "".join(self._parts)


@dataclass
class Side:
    """What a call did beside returning."""

    out: _Capped = field(default_factory=_Capped)
    err: _Capped = field(default_factory=_Capped)
    warned: list[tuple[Any, ...]] = field(default_factory=list)

    def remember(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Stand in for `warnings.showwarning`."""
        if len(self.warned) < MOST_WARNINGS:
            names = [(base.__module__, base.__qualname__) for base in category.__mro__[:-1]]
            library = filename.startswith(sys.prefix) or filename.startswith(sys.base_prefix)
            self.warned.append((names, str(message)[:2000], int(lineno), library))


@contextlib.contextmanager
def watched(side: Side) -> Iterator[None]:
    """Keep back what is printed and warned of meanwhile."""
    streams = sys.stdout, sys.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = side.remember
        sys.stdout, sys.stderr = side.out, side.err
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams


def text_of(error: BaseException) -> str:
    """The message of an error, or nothing where it cannot be had."""
    try:
        return str(error)[:_MOST_TRACE]
    except BaseException:
        return ""


def learner_line(error: BaseException, space: dict[str, Any]) -> str:
    """The deepest line of the learner's own code: the one that runs in the notebook's namespace."""
    line = ""
    for trace in _traces(error.__traceback__):
        frame = trace.tb_frame
        if frame.f_globals is space:
            source = linecache.getline(frame.f_code.co_filename, trace.tb_lineno, frame.f_globals)
            line = source.strip() or line
    return line if len(line) <= 120 else line[:117] + "..."


def trace_of(error: BaseException) -> str:
    """The traceback from the student's first frame on, shortened in its middle."""
    start = error.__traceback__
    while start is not None and start.tb_frame.f_code.co_filename.startswith(_OWN):
        start = start.tb_next
    try:
        parts = traceback.TracebackException(type(error), error, start, limit=-_MOST_LINES, compact=True)
        lines = "".join(parts.format(chain=False)).splitlines()
    except BaseException:
        return ""
    if len(lines) > _MOST_LINES:
        lines = [*lines[:8], "  ...", *lines[9 - _MOST_LINES :]]
    text = "\n".join(lines)
    return (
        text
        if len(text) <= _MOST_TRACE
        else text[: _MOST_TRACE // 2] + "\n...\n" + text[5 - _MOST_TRACE // 2 :]
    )


def _traces(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next
