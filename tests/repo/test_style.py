"""Style, types and spelling: ruff, mypy and codespell find nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .sources import ROOT, line_of, listed, markdown, prose, read

# Not "center": DICOM's window has a Window Center.
AMERICAN = (
    "analyze behavior catalog color discretize favor fiber generalize gray labeled modeling neighbor "
    "normalize optimize organize recognize summarize tumor visualize"
).split()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment on the checkout."""
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )


def test_ruff_finds_nothing() -> None:
    done = run("ruff", "check", "--output-format=concise", ".")
    assert done.returncode == 0, done.stdout


def test_code_is_in_the_house_style() -> None:
    done = run("ruff", "format", "--check", ".")
    assert done.returncode == 0, f"{done.stdout}\nCure: make format"


@pytest.mark.slow
def test_types_are_right() -> None:
    done = run("mypy")
    assert done.returncode == 0, done.stdout


def test_spelling() -> None:
    suffixes = {".md", ".py", ".toml", ".yml"}
    names = [str(path) for path in listed() if path.suffix in suffixes or path.name == "Makefile"]
    done = run("codespell_lib", *names)
    assert done.returncode == 0, f"{done.stdout}\nA word that is right goes into tests/repo/spelling.txt"


def american(text: str) -> list[tuple[int, str]]:
    """American spellings in Markdown prose: line and word."""
    text = re.sub(r"\]\([^)]*\)|https?://\S+|<[^>\n]+>|:[a-z_]+:|\*[^*\n]+\*", " ", prose(text))
    found = []
    for word in AMERICAN:
        pattern = rf"\b{word}(?:s|d|ed|ing|r|rs)?\b"
        found += [(line_of(text, match.start()), match.group()) for match in re.finditer(pattern, text, re.I)]
    return found


@pytest.mark.parametrize("path", markdown(), ids=str)
def test_prose_is_british(path: Path) -> None:
    assert american(read(path)) == []


def test_the_british_test_sees_words_and_spares_code() -> None:
    assert american("The color is gray.") == [(1, "color"), (1, "gray")]
    assert american('`color="gray"`\n\n```python\ncenter = 1\n```\n$\\center$ <center>') == []
    assert american("```{code-cell}\ncolor\n```\nIt is normalized.\n") == [(4, "normalized")]


def test_no_file_of_code_is_too_long() -> None:
    # Answers are many short ones. Elsewhere 500 is where a file of "about 400" stops.
    long = {
        str(path): lines for path in listed()
        if path.suffix == ".py" and path.name != "answers.py" and (lines := read(path).count("\n")) > 500
    }  # fmt: skip
    assert long == {}
