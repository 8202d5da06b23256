"""The checker's end of the boundary: names of a student's snapshot, as copies and handles.

Nothing that comes from the student's process is believed: a frame, its head and its payload are read under limits, each
part is held against the form that it must have, and the first thing that is not as agreed ends the session (`fault`).

>>> session = Session(requests, answers, step=0, seconds=10.0)         # doctest: +SKIP
>>> space = session.fetch(["drift_bias"])                              # doctest: +SKIP
>>> space["drift_bias"](45.0, epsilon=0.005)                           # doctest: +SKIP
-5.199
"""

from __future__ import annotations

import contextlib
import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from autograder.engine import values
from autograder.engine._frames import (
    ANSWER,
    ASK,
    BYE,
    CALL_BACK,
    GIVE_BACK,
    MOST_HEAD,
    READY,
    Broken,
    Fault,
    Frame,
    Patient,
)
from autograder.engine._handle_passing import CannotPass, Parcel
from autograder.engine._handle_registry import Registry, shown, withheld
from autograder.engine._mirror import Answer, Mirror
from autograder.engine._objects import CALLBACK, OBJECT, SHARED, library_class
from autograder.engine.handles import BoundaryError, Refused, StudentError

__all__ = ["CannotPass", "Fault", "Session", "SessionOver"]

_HEAD = values.Limits(size=MOST_HEAD)
_MOST_PRINTED = 64_000
_MOST_WARNINGS = 100
_MOST_NESTED = 40
_WARNING_MODULES = ("builtins", "numpy.exceptions")
_MOST_NAMES = 10_000
_STATUSES = frozenset({"value", "error", "refused", "end", "missing"})


class SessionOver(BoundaryError):  # noqa: N818
    """The student's process gave no answer, or none that can be read; see `Session.fault`."""


class Session:
    """A student's snapshot, as the checker sees it. Used from one thread.

    Parameters
    ----------
    requests, answers
        Descriptors of the two pipes: written to, and read from. The session owns them from now on.
    step
        The snapshot that is expected to be ready.
    seconds
        For how long the session may wait, all its waiting together.
    operators
        By class name, the special methods for comparison and arithmetic that the reference solution defines. Only
        these are asked of a student's object when the other side is a plain value.
    limits
        What an answer may hold.
    shared
        Functions, methods and classes of the reference solution that change an argument in place: places, keywords.
    live
        Names that functions of the reference solution bind or change when they are called.
    seeded
        Whether the check sets the seed of the generators of random numbers that the student's code may use too.

    Attributes
    ----------
    fault : Fault or None
        Why the session is over, if it is. Every later use raises `SessionOver` at once.
    refusals : list of str
        What came back and could not be copied, in words for the student.
    before, after : callable or None
        Called before each request, whose own requests go straight through, and after each answer.
    space : dict or None
        Where a name in `live` is bound anew when a function of the student's has bound it.
    """

    def __init__(
        self,
        requests: int,
        answers: int,
        *,
        step: int,
        seconds: float,
        operators: Mapping[str, frozenset[str]] = {},
        limits: values.Limits = values.Limits(),  # noqa: B008 - frozen
        shared: Mapping[str, frozenset[int | str]] = {},
        live: frozenset[str] = frozenset(),
        seeded: bool = False,
    ) -> None:
        self.fault: Fault | None = None
        self.space: dict[str, Any] | None = None
        self._mirror = Mirror(self, shared, live, seeded=seeded)
        self.refusals: list[str] = []
        self.before: Callable[[], object] | None = None
        self.after: Callable[[], object] | None = None
        self._operators = operators
        self._limits = limits
        self._line = Patient(requests, answers, seconds=seconds, most=limits.size)
        self._registry = Registry(weakref.ref(self))
        self._callbacks: dict[int, Any] = {}
        self._callback_numbers: dict[int, int] = {}
        self._own_error: CannotPass | None = None
        self._number = 0
        self._nested = 0
        self._closed = False
        self._warned: dict[Any, Any] = {}
        try:
            frame = self._line.receive()
            if frame.kind != READY or frame.number != step:
                raise Broken("protocol", "The student's process is not where it should be.")
        except Broken as broken:
            self._end(broken.fault)

    def names(self) -> dict[str, str]:
        """The student's public names, and what they are: "value", "function", "class" or "object"."""
        try:
            found = self.ask("names", origin="names")
        except (StudentError, Refused):
            found = None
        if not _are_names(found):
            raise self._end(Fault("protocol", "The names are no names."))
        return dict(found)

    def fetch(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of these names: copies of plain values, else handles.

        A name that the student has not bound is left out. A value that cannot be copied raises `Refused` where it is
        used.
        """
        found: dict[str, Any] = {}
        for name in names:
            try:
                found[name] = self._mirror.fetched(name, self.ask("fetch", name=name, origin=name))
            except KeyError:
                continue
            except Refused as refused:
                found[name] = withheld(refused)
            except StudentError:
                found[name] = withheld(Refused(f"{name}: cannot be read"))
        return found

    def bind(self, name: str, value: Any) -> None:
        """Bind a name in the snapshot's namespace, for its own functions to find."""
        self.ask("bind", name=name, args=(value,), origin=name)

    def unbind(self, name: str) -> None:
        """Take a name out of the snapshot's namespace."""
        self.ask("unbind", name=name, origin=name)

    def close(self) -> None:
        """Say goodbye and close the pipes; `fault` stays as it is."""
        if self.fault is None and not self._closed:
            self._line.left = min(self._line.left, 0.1)
            with contextlib.suppress(Broken):
                self._line.send(BYE, 0, b"", b"")
        self._closed = True
        self._line.close()

    # What handles use.

    def ask(
        self,
        operation: str,
        target: int = 0,
        name: str = "",
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        origin: str,
    ) -> Any:
        """Send a request, wait for its answer, and do here what came of it there.

        Raises
        ------
        SessionOver, Refused, CannotPass
        StudentError
            What the student's code raised.
        KeyError
            Where a name is not bound.
        StopIteration
            Where `__next__` was asked for and the iterator has ended.
        """
        __tracebackhide__ = True
        return self.asked(operation, target, name, args, kwargs, origin=origin)[0]

    def asked(
        self,
        operation: str,
        target: int = 0,
        name: str = "",
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        origin: str,
    ) -> tuple[Any, bool]:
        """Like `ask`, and whether an argument was changed in place."""
        __tracebackhide__ = True
        if self.before is not None:
            before, self.before = self.before, None
            try:
                before()
            finally:
                self.before = before
        given = self._mirror.before(operation, args, dict(kwargs or {}), origin)
        parcel = Parcel(self, given, origin, self._limits)
        if self.fault is not None:
            raise SessionOver(self.fault.text)
        if self._closed:
            raise SessionOver("The session is closed.")
        self._nested += 1
        heard = False
        try:
            if self._nested > _MOST_NESTED:
                raise Broken("protocol", "The student's code and the check call each other without end.")
            self._number += 1
            number = self._number
            request = (operation, target, name, parcel.table, self._registry.released())
            self._line.send(ASK, number, values.encode(request), parcel.payload)
            frame = self._line.receive()
            while frame.kind == CALL_BACK:
                if frame.number != number:
                    raise Broken("protocol", "A call back belongs to no request.")
                self._call_back(frame)
                frame = self._line.receive()
            if frame.kind != ANSWER or frame.number != number:
                raise Broken("protocol", "The answer is to another question.")
            answer = self._read(frame, operation, name, origin)
            heard = True
        except values.DecodeError as error:
            raise self._end(Fault("protocol", f"The answer cannot be read: {error}")) from None
        except Broken as broken:
            raise self._end(broken.fault) from None
        except SessionOver:
            raise
        except Exception as error:  # nothing that a test might expect comes of reading
            fault = Fault("protocol", f"The answer cannot be used: {type(error).__name__}.")
            raise self._end(fault) from error
        finally:
            self._nested -= 1
            if not heard:  # also where the check itself was interrupted: what comes next answers no question
                self._end(Fault("lost", "The check was interrupted while it waited."))
        if self.after is not None:
            self.after()
        if self._own_error is None:
            answer = self._mirror.after(operation, answer)
        return self._do(*answer, origin)

    def allows(self, class_name: str, method: str) -> bool:
        """Whether the reference solution's class of this name has this operator."""
        return method in self._operators.get(class_name, frozenset())

    def callback(self, function: Any) -> int:
        """A number by which the student's process can ask for a call of this function."""
        number = self._callback_numbers.get(id(function))
        if number is None:
            number = len(self._callbacks)
            self._callbacks[number] = function
            self._callback_numbers[id(function)] = number
        return number

    @property
    def registry(self) -> Registry:
        """The handles and classes of this session."""
        return self._registry

    def _end(self, fault: Fault) -> SessionOver:
        if self.fault is None:
            self.fault = fault
            self._line.close()
        return SessionOver(self.fault.text)

    def _read(self, frame: Frame, operation: str, name: str, origin: str) -> Answer:
        match values.decode(frame.head, limits=_HEAD):
            case (str(status), list(news), str(out), str(err), list(warned), bool(changed)) if (
                status in _STATUSES
            ):
                self._registry.learn(news)
            case _:
                raise Broken("protocol", "The answer has another form.")
        if (status == "end" and name != "__next__") or (status == "missing" and operation != "fetch"):
            raise Broken("protocol", "The answer does not fit the question.")
        value = self._decode(frame.payload, origin)
        if status == "error":
            value = self._registry.raised(value)
        elif status == "refused":
            if type(value) is not str:
                raise Broken("protocol", "A refusal has no reason.")
            value = shown(value[:2000])
        return status, value, out, err, [_warning(entry) for entry in warned[:_MOST_WARNINGS]], changed

    def _decode(self, payload: memoryview, origin: str) -> Any:
        def resolve(number: int, kind: int) -> Any:
            if kind == CALLBACK:
                return self._callbacks[number]
            if kind == SHARED:
                return self._mirror[number]
            if kind != OBJECT:
                raise values.DecodeError("A reference is of no kind.")
            return self._registry.resolve(number, origin)

        return values.decode(payload, limits=self._limits, resolve=resolve)

    def _do(
        self, status: str, value: Any, out: str, err: str, warned: list[Any], changed: bool, origin: str
    ) -> tuple[Any, bool]:
        __tracebackhide__ = True
        if self._own_error is not None:
            error, self._own_error = self._own_error, None
            raise error
        for text, stream in ((out, sys.stdout), (err, sys.stderr)):
            if text:
                stream.write(text[:_MOST_PRINTED].encode("utf-8", "replace").decode("utf-8"))
        for entry in warned[:_MOST_WARNINGS]:
            self._warn(*entry)
        if status == "value":
            return value, changed
        if status == "end":
            raise StopIteration
        if status == "missing":
            raise KeyError(origin)
        if status == "refused":
            sentence = f"{origin}: {value}"
            self.refusals.append(sentence)
            raise Refused(sentence)
        value.changed = changed
        raise value

    def _warn(self, category: type[Warning], text: str, line: int, library: bool) -> None:
        # As if it were warned of in a notebook cell, or in a library that the student's code called.
        module = "library" if library else "__main__"
        warnings.warn_explicit(
            text, category, "<the student's code>", line, module=module, registry=self._warned
        )

    def _call_back(self, frame: Frame) -> None:
        """Run a function of the check's and send its value; of an error, its kind and text."""
        match values.decode(frame.head, limits=_HEAD):
            case (int(number), list(news)) if number in self._callbacks:
                self._registry.learn(news)
            case _:
                raise Broken("protocol", "A call back is of no function.")
        match self._decode(frame.payload, "the argument"):
            case (tuple(args), dict(kwargs)) if all(type(name) is str for name in kwargs):
                pass
            case _:
                raise Broken("protocol", "A call back has no arguments.")
        status: Literal["value", "error"] = "value"
        try:
            value = self._callbacks[number](*args, **kwargs)
            parcel = Parcel(self, value, "a function of the check", self._limits)
        except SessionOver:
            raise
        except Exception as error:
            if isinstance(error, CannotPass):
                self._own_error = error
            status = "error"
            parcel = Parcel(self, (_builtin_name(error), str(error)[:500]), "an error", self._limits)
        head = (status, parcel.table, self._registry.released())
        self._line.send(GIVE_BACK, frame.number, values.encode(head), parcel.payload)


def _builtin_name(error: BaseException) -> str:
    for base in type(error).__mro__:
        if base.__module__ == "builtins":
            return base.__name__
    return "RuntimeError"


def _warning(entry: Any) -> tuple[type[Warning], str, int, bool]:
    match entry:
        case (list(names), str(text), int(line), bool(library)):
            return _warning_class(names), shown(text[:2000]), min(max(line, 1), 1 << 20), library
    raise Broken("protocol", "A warning has another form.")


def _warning_class(names: list[Any]) -> type[Warning]:
    for entry in names[:20]:
        match entry:
            case (str(module), str(name)) if module in _WARNING_MODULES:
                found = library_class(module, name)
                if found is not None and issubclass(found, Warning):
                    return found
    return UserWarning


def _are_names(found: Any) -> bool:
    fits = type(found) is dict and len(found) <= _MOST_NAMES
    return fits and all(type(part) is str for pair in found.items() for part in pair)
