"""A student's code in another process: the handles that an engine puts where the functions would be.

Arguments go over a pipe as plain values, results come back as copies, and an exception comes back as the
built-in class of the same name. Printed text and warnings are carried over too, so that a check sees what it
sees in one process.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import multiprocessing as mp
import sys
import warnings
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any


def _serve(pipe: Connection, source: str) -> None:
    """Run in the student's process: execute the source, then answer calls until the pipe closes."""
    space: dict[str, Any] = {}
    exec(compile(source, "student", "exec"), space)
    del space["__builtins__"]
    pipe.send({name: None if callable(value) else value for name, value in space.items()})
    while True:
        try:
            name, args, kwargs = pipe.recv()
        except EOFError:
            return
        out = io.StringIO()
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out):
            warnings.simplefilter("always")
            try:
                answer = ("value", space[name](*args, **kwargs), ())
            except Exception as error:
                names = [base.__name__ for base in type(error).__mro__]
                answer = ("error", next(n for n in names if hasattr(builtins, n)), error.args)
        told = [(entry.category.__name__, str(entry.message)) for entry in caught]
        pipe.send((*answer, out.getvalue(), told))


class Handle:
    """Stands in for a function of the student."""

    def __init__(self, pipe: Connection, name: str) -> None:
        self._pipe = pipe
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._pipe.send((self._name, args, kwargs))
        kind, value, details, printed, told = self._pipe.recv()
        sys.stdout.write(printed)
        for category, text in told:
            warnings.warn(text, getattr(builtins, category), stacklevel=2)
        if kind == "error":
            raise getattr(builtins, value)(*details)
        return value


@contextlib.contextmanager
def namespace(source: str) -> Iterator[dict[str, Any]]:
    """Run the source in a process of its own and give its names: handles for functions, copies of values."""
    context = mp.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, source), daemon=True)
    process.start()
    theirs.close()
    try:
        names = mine.recv()
        yield {name: Handle(mine, name) if value is None else value for name, value in names.items()}
    finally:
        mine.close()
        process.join(10)
        if process.is_alive():
            process.kill()


def here(source: str) -> dict[str, Any]:
    """Run the source in this process."""
    space: dict[str, Any] = {}
    exec(compile(source, "student", "exec"), space)
    return space
