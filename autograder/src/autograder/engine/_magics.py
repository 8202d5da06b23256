"""IPython's own syntax in a cell: what of it is Python, and what is not."""

from __future__ import annotations

import ast
import re
import warnings

from IPython.core.inputtransformer2 import TransformerManager

#: Cell magics that run their body as Python, in the notebook's names.
_INSIDE = frozenset({"capture", "prun", "time", "timeit"})
#: Cell magics whose body is shown, or run by another program: nothing of it concerns the names of the notebook.
_ELSEWHERE = frozenset(
    """! HTML SVG bash cmd html javascript js latex markdown perl pypy python python2 python3 ruby script sh svg
    sx system""".split()
)
#: Cell magics that write their body into a file.
WRITING = frozenset({"file", "writefile"})
_CELL_MAGIC = re.compile(r"\s*%%(\S+)[^\S\n]*([^\n]*)\n?")
_NAME = re.compile(r"[^\W\d]\w*")


def cell_magic(source: str) -> str:
    """Return the name of the cell magic that a cell starts with; empty if there is none."""
    found = _CELL_MAGIC.match(source)
    return found.group(1) if found else ""


def is_foreign(source: str) -> bool:
    """Whether a cell is not Python, and writes no file that Python could import or open."""
    return cell_magic(source) in _ELSEWHERE


def parsed(source: str) -> ast.Module | None:
    """Parse a cell. None if it cannot be parsed; nothing in the tree if it is no Python."""
    tree = python(source)
    if tree is not None:
        return tree
    found = _CELL_MAGIC.match(source)
    if found is None:
        return python(TransformerManager().transform_cell(source))
    name, line = found.groups()
    if name in _ELSEWHERE or name in WRITING:
        return ast.Module([], [])
    tree = parsed(source[found.end() :])
    if tree is None:
        return None
    if name == "capture":
        kept = [word for word in line.split() if not word.startswith("-")]
        tree.body[:0] = [ast.parse(f"{word} = None").body[0] for word in kept if _NAME.fullmatch(word)]
    elif name in _INSIDE:
        code = python(line)
        tree.body[:0] = code.body if code is not None else []
    return tree


def python(text: str) -> ast.Module | None:
    """Parse plain Python; None if it is not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
