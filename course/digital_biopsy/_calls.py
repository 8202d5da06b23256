"""Run a learner's function once, on copies, and keep everything that came of it."""

from __future__ import annotations

import contextlib
import copy
import io
import linecache
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from digital_biopsy._compare import same, show_call

_MOST_PRINTED = 2000
_SIGNATURE = re.compile(
    r"^(?:\w+\.)*(?P<name><lambda>|\w+)\(\) "
    r"(?:got an unexpected keyword argument|got multiple values for argument|"
    r"missing \d+ required|takes (?:from )?\d+|takes no arguments|got some positional-only)"
)


@dataclass(frozen=True)
class Call:
    """One call and its outcome: a value, or an error with the line of the learner's code that raised it."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    value: Any = None
    error: BaseException | None = None
    line: str = ""
    printed: str = ""
    warned: tuple[str, ...] = ()
    changed: bool = False  # whether it changed an argument in place

    @property
    def text(self) -> str:
        """The call as a learner would type it."""
        return show_call(self.name, self.args, self.kwargs)

    @property
    def unwritten(self) -> bool:
        """Whether the stub was still there."""
        return isinstance(self.error, NotImplementedError)

    @property
    def misfit(self) -> bool:
        """Whether the function could not take these arguments: its `def` line is not as asked."""
        if not isinstance(self.error, TypeError) or self.line:
            return False
        found = _SIGNATURE.match(str(self.error))
        return found is not None and found["name"] in (self.name, "<lambda>", "__init__", "forward")

    @property
    def trouble(self) -> str:
        """The error in one line: "ValueError: shapes differ"."""
        return describe_error(self.error) if self.error is not None else ""


def run(
    name: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    namespace: Mapping[str, Any],
    *,
    secret: bool = False,
) -> Call:
    """Call `function` on copies of the arguments.

    No exception of the function escapes but KeyboardInterrupt. Warnings and what it writes to stderr are kept
    back, since nbgrader gives no marks to a cell with stderr output; what it prints is shown after the call,
    unless `secret` (a hidden test, whose arguments would be printed with it).
    """
    given, named = copied(args), copied(dict(kwargs))
    value: Any = None
    error: BaseException | None = None
    line = ""
    out = io.StringIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                value = copied(function(*given, **named))
            except (Exception, SystemExit) as raised:
                error = raised
                line = _line(raised, namespace)
    printed = out.getvalue()
    if printed and not secret:
        print(printed[:_MOST_PRINTED], end="" if printed.endswith("\n") else "\n")
    warned = tuple(f"{entry.category.__name__}: {entry.message}" for entry in caught)
    changed = not (same(list(given), list(args)) and same(named, dict(kwargs)))
    changed = changed or bool(getattr(function, "__changed__", False))
    return Call(
        name, copied(args), copied(dict(kwargs)), value, error, line, printed.strip(), warned, changed
    )


def copied(value: Any) -> Any:
    """Return a deep copy, or the value itself where Python cannot copy it (a generator, say)."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def describe_error(error: BaseException) -> str:
    """Write an error in one line, shortened."""
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = ""
    message = message if len(message) <= 200 else message[:197] + "..."
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def is_named(error: BaseException, wanted: type[BaseException]) -> bool:
    """Whether an error is of the wanted class, by name: it may come from another process."""
    return any(base.__name__ == wanted.__name__ for base in type(error).__mro__)


def _line(error: BaseException, namespace: Mapping[str, Any]) -> str:
    """Return the deepest line of the learner's own code: the one that runs in the notebook's namespace."""
    carried = getattr(error, "learner_line", "")
    if isinstance(carried, str) and carried:
        return carried
    line = ""
    for trace in _traces(error.__traceback__):
        frame = trace.tb_frame
        if frame.f_globals is namespace:
            source = linecache.getline(frame.f_code.co_filename, trace.tb_lineno, frame.f_globals)
            line = source.strip() or line
    return line if len(line) <= 120 else line[:117] + "..."


def _traces(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next
