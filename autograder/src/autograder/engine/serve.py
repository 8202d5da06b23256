"""The student's end of the boundary: answer a checker's questions about a snapshot of the student's names.

This runs beside the student's code, which may have changed any of it: nothing here is a secret or a defence. It has to
be right for honest code only; the checker's end believes none of it (`autograder.engine.session`).
"""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from typing import Any

from autograder.engine import values
from autograder.engine._frames import (
    ANSWER,
    ASK,
    BYE,
    CALL_BACK,
    GIVE_BACK,
    MOST_HEAD,
    READY,
    Blocking,
    Frame,
)
from autograder.engine._objects import OPERATORS, PROTOCOLS
from autograder.engine._random import set_random
from autograder.engine._serve_run import Side, learner_line, text_of, trace_of, watched
from autograder.engine._serve_table import Table, describe, is_a, plain_args

__all__ = ["serve"]

_SHELL = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
_HEAD = values.Limits(size=MOST_HEAD)
_SPECIAL = {**OPERATORS, **PROTOCOLS}
_BUILTINS = {"input": input, "print": print}
_PLAIN = frozenset(
    {type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, range, slice}
)


def serve(
    requests: int,
    answers: int,
    space: dict[str, Any],
    *,
    step: int,
    limits: values.Limits = values.Limits(),  # noqa: B008 - frozen
) -> None:
    """Say that the snapshot is ready, then answer until told to stop or until the pipe is closed.

    Parameters
    ----------
    requests, answers
        Descriptors of the two pipes: read from, and written to.
    space
        The namespace in which the student's cells ran.
    step
        Which snapshot this is.
    limits
        What an answer may hold.
    """
    server = _Server(Blocking(requests, answers), space, limits)
    try:
        server.line.send(READY, step, b"", b"")
        server.answer_until(BYE)
    except OSError:
        return


class _Gone(Exception):  # noqa: N818
    """The checker closed the line."""


class _CallbackFailed(Exception):  # noqa: N818
    """A function of the checker's raised."""


class _Server:
    def __init__(self, line: Blocking, space: dict[str, Any], limits: values.Limits) -> None:
        self.line = line
        self._space = space
        self._limits = limits
        self._table = Table(self._callback)
        self._number = 0
        self._last: Any = None

    def answer_until(self, kind: int) -> Frame | None:
        """Answer what is asked until a frame of this kind comes; None once the line is closed."""
        while True:
            frame = self.line.receive()
            if frame is None or frame.kind in (kind, BYE):
                return frame
            if frame.kind == ASK:
                outer, self._number = self._number, frame.number
                self._answer(frame)
                self._number = outer

    def _answer(self, frame: Frame) -> None:
        operation, target, name, table, released = values.decode(frame.head, limits=_HEAD)
        self._table.release(released)
        self._table.news = []
        side = Side()
        changed = False
        try:
            with watched(side):
                args, kwargs = self._arguments(frame, table)
                again = self._table.refer_again()
                try:
                    status, value = self._do(operation, target, name, args, kwargs)
                finally:
                    changed = operation == "call" and self._differs((args, kwargs), frame.payload, again)
            payload = values.encode(
                self._table.shared.place(value), limits=self._limits, refer=self._table.refer
            )
        except values.NotPlain as error:
            status, payload = "refused", values.encode(str(error)[:2000])
        except _Gone:
            raise
        except BaseException as error:
            status, payload = "error", self._error(error)
        self._send(frame.number, status, payload, side, changed)

    def _send(self, number: int, status: str, payload: bytes, side: Side, changed: bool) -> None:
        printed = side.out.getvalue(), side.err.getvalue()
        facts = (status, self._table.news, *printed, side.warned, changed)
        try:
            head = values.encode(facts, limits=_HEAD)
        except values.NotPlain as error:
            self._table.forget_news()
            head = values.encode(("refused", [], *printed, [], changed))
            payload = values.encode(str(error)[:2000])
        self.line.send(ANSWER, number, head, payload)

    def _error(self, error: BaseException) -> bytes:
        facts = (
            self._table.number(error),
            plain_args(error),
            text_of(error),
            learner_line(error, self._space),
            trace_of(error),
        )
        error.__traceback__ = None
        return values.encode(facts)

    def _arguments(self, frame: Frame, table: list[tuple[Any, ...]]) -> Any:
        resolve = self._table.resolver(table)
        try:
            return values.decode(frame.payload, limits=self._limits, resolve=resolve)
        except values.DecodeError as error:
            # No error of the student's code, so none that a test may expect.
            raise values.NotPlain(f"an argument cannot be read: {error}") from error

    def _differs(self, args: Any, before: memoryview, refer: values.Refer) -> bool:
        place = self._table.shared.place
        args = tuple(map(place, args[0])), {name: place(value) for name, value in args[1].items()}
        try:
            return values.encode(args, limits=self._limits, refer=refer) != bytes(before)
        except Exception:
            return True

    def _do(
        self, operation: str, target: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[str, Any]:
        match operation:
            case "call":
                return "value", self._table[target](*args, **kwargs)
            case "special":
                if name != "__next__":
                    return "value", _SPECIAL[name](self._table[target], *args)
                try:
                    return "value", next(self._table[target])
                except StopIteration:
                    return "end", None
            case "get":
                self._last = getattr(self._table[target], name)
                return "value", self._last
            case "set":
                setattr(self._table[target], name, args[0])
                return "value", None
            case "delete":
                delattr(self._table[target], name)
                return "value", None
            case "describe":
                return "value", describe(self._table[target])
            case "names":
                return "value", self._names()
            case "fetch":
                return ("value", self._space[name]) if name in self._space else ("missing", None)
            case "bind":
                self._space[name] = args[0]
                return "value", None
            case "unbind":
                self._space.pop(name, None)
                return "value", None
            case "share":
                self._table.shared.share(target, args[0])
                return "value", None
            case "keep":
                value = self._space.get(name) if name else self._last
                self._last = None
                return "value", self._table.shared.keep(target, value, name)
            case "moved":
                return "value", self._table.shared.moved(args[0], self._space)
            case "builtin":
                setattr(builtins, name, args[0] if args else _BUILTINS[name])
                return "value", None
            case "random":
                set_random(args[0])
                return "value", None
        raise ValueError(f"{operation!r} is no operation")

    def _names(self) -> dict[str, str]:
        return {
            name: _kind(value)
            for name, value in tuple(self._space.items())
            if type(name) is str
            and not name.startswith("_")
            and name not in _SHELL
            and not is_a(value, types.ModuleType)
        }

    def _callback(self, number: int) -> Callable[..., Any]:
        """A function that runs in the checker."""

        def function(*args: Any, **kwargs: Any) -> Any:
            payload = values.encode((args, kwargs), limits=self._limits, refer=self._table.refer)
            head = values.encode((number, self._table.news), limits=_HEAD)
            self._table.news = []
            self.line.send(CALL_BACK, self._number, head, payload)
            frame = self.answer_until(GIVE_BACK)
            if frame is None or frame.kind != GIVE_BACK:
                raise _Gone
            status, table, released = values.decode(frame.head, limits=_HEAD)
            self._table.release(released)
            value = values.decode(frame.payload, limits=self._limits, resolve=self._table.resolver(table))
            if status == "value":
                return value
            raise _error_of(*value)

        return function


def _error_of(name: str, text: str) -> Exception:
    """What a function of the checker's raised: the nearest built-in error."""
    try:
        found = getattr(builtins, name)(text)
    except TypeError:  # one that needs more than a text
        found = None
    return found if isinstance(found, Exception) else RuntimeError(text)


def _kind(value: object) -> str:
    if is_a(value, type):
        return "class"
    if type(value) in _PLAIN or values.is_variant(value) or type(value).__name__ in ("ndarray", "Tensor"):
        return "value"
    return "function" if callable(value) else "object"
