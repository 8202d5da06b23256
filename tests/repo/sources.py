"""The repository's files as its tests see them: under version control, or new and not ignored."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def listed() -> tuple[Path, ...]:
    """All files that are committed or about to be, relative to the top folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    return tuple(sorted({Path(name) for name in names if name and (ROOT / name).is_file()}))


def read(path: Path) -> str:
    """Text of a file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def is_text(path: Path) -> bool:
    """Whether git would show the file line by line."""
    return b"\0" not in (ROOT / path).read_bytes()[:8000]


def markdown() -> list[Path]:
    """Markdown sources, lessons and exercises among them."""
    return [path for path in listed() if path.suffix == ".md"]


def prose(text: str) -> str:
    """Blank out code blocks, code spans and formulas of Markdown; every line keeps its number."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match.group())

    # Directives such as ```{figure} or :::{admonition} hold prose; code cells and plain fences hold code.
    text = re.sub(r"^(`{3,}|~{3,})(?!\{(?:figure|admonition|note|tip|image|dropdown)).*?^\1 *$", blank, text,
                  flags=re.DOTALL | re.MULTILINE)  # fmt: skip
    text = re.sub(r"<!--.*?-->|\$\$.*?\$\$", blank, text, flags=re.DOTALL)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)|\$[^$\n]+\$", blank, text)


def line_of(text: str, position: int) -> int:
    """Line number of a position, from 1."""
    return text.count("\n", 0, position) + 1
