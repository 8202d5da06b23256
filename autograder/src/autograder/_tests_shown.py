"""What a student may see of a test cell: never its hidden part, nor what only that part could tell."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autograder.sanitize import clean_text

_FRAME = re.compile(
    r"^ *(?:Cell|Input) In ?\[[^\]\n]*\](?:, line (\d{1,6})$|, in <cell line: (\d{1,6})>\(\))", re.MULTILINE
)
_CARD = "digital-biopsy-check"
_ERRORS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)


@dataclass(frozen=True)
class Visible:
    """A cell's source without its hidden part.

    Attributes
    ----------
    text : str
        What is left.
    hides : bool
        Whether anything was taken out.
    lines : tuple of int
        Numbers (from 1) that the lines of `text` have in the whole source.
    first_hidden : int
        Number of the first line taken out; beyond the last line if there is none.
    """

    text: str
    hides: bool
    lines: tuple[int, ...]
    first_hidden: int


@dataclass(frozen=True)
class Failure:
    """An error of a test cell in words.

    Attributes
    ----------
    said : str
        One sentence.
    statement : str
        The line of the test that did not hold; empty if it is not known or not to be shown.
    message : str
        What the error says.
    trace : str
        The traceback.
    """

    said: str
    statement: str = ""
    message: str = ""
    trace: str = ""


def visible(source: str, begin: str = "BEGIN HIDDEN TESTS", end: str = "END HIDDEN TESTS") -> Visible:
    """Take hidden regions out of a source; one that is never closed hides all that follows."""
    kept: list[tuple[int, str]] = []
    first, inside = 0, False
    lines = source.split("\n")
    for number, line in enumerate(lines, start=1):
        if begin in line:
            inside, first = True, first or number
        elif end in line:
            inside, first = False, first or number
        elif not inside:
            kept.append((number, line))
    text = "\n".join(line for _, line in kept)
    return Visible(text, bool(first), tuple(number for number, _ in kept), first or len(lines) + 1)


def failure(outputs: Iterable[Mapping[str, Any]], shown: Visible) -> Failure | None:
    """Tell the error among a test cell's outputs, or return None if there is none.

    Where the cell hides something, only an error raised in front of it is told whole: the words of any other
    could quote hidden values, and so could the name of a class that the student made.
    """
    error = next((output for output in outputs if output.get("output_type") == "error"), None)
    if error is None:
        return None
    name = clean_text(error.get("ename"), 100)
    message = clean_text(error.get("evalue"), 4_000).strip()
    lines = error.get("traceback")
    trace = clean_text("\n".join(str(line) for line in lines) if isinstance(lines, list) else "").strip("\n")
    line = _line(name, trace)
    if shown.hides and not (line and line < shown.first_hidden):
        if name in ("AssertionError", "NotImplementedError") or name not in _ERRORS:
            return Failure("A requirement that is checked after you submit was not met.")
        return Failure(
            f"A requirement that is checked after you submit was not met: the check ended with {name}."
        )
    statement = _statement(shown, line)
    if name == "AssertionError":
        said = "This line of the check does not hold:" if statement else "A line of the check does not hold."
    else:
        said = f"The check ended with {name}" + (" at this line:" if statement else ".")
    return Failure(said, statement, message, "" if shown.hides else trace)


def attempted(outputs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether nothing says that the answer is still the stub."""
    return not any(output.get("ename") == "NotImplementedError" for output in outputs)


def card(outputs: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the HTML of the card that the course's own checks show, or None."""
    for output in outputs:
        data = output.get("data")
        html = data.get("text/html") if isinstance(data, Mapping) else None
        html = "".join(map(str, html)) if isinstance(html, list) else html
        if output.get("output_type") == "display_data" and isinstance(html, str) and _CARD in html[:200]:
            return html
    return None


def _line(name: str, trace: str) -> int:
    """Number of the cell's line at which the error left it; 0 if the traceback does not tell.

    A student chooses the name and the words of an error: neither may pass for the frame of the test cell.
    """
    if not name.isidentifier():
        return 0
    frame = _FRAME.search(trace.partition(f"\n{name}:")[0])
    return int(frame[1] or frame[2]) if frame else 0


def _statement(shown: Visible, line: int) -> str:
    """The statement at a line of the whole source, as far as it may be seen; a block's line only."""
    if line not in shown.lines:
        return ""
    lines = shown.text.split("\n")
    own = shown.lines.index(line) + 1
    try:
        tree = ast.parse(shown.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return lines[own - 1].strip()
    inner = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt)
        and not hasattr(node, "body")
        and node.lineno <= own <= (node.end_lineno or 0)
    ]
    if not inner:
        return lines[own - 1].strip()
    node = inner[-1]
    found = lines[node.lineno - 1 : node.end_lineno]
    margin = len(found[0]) - len(found[0].lstrip())
    return "\n".join(part[margin:] if part[:margin].isspace() else part for part in found)
