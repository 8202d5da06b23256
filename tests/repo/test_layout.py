"""What the repository may hold, and where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .sources import ROOT, is_text, listed, read

FILES = {"README.md", "LICENSE", "LICENSE-text", "environment.yml", "pyproject.toml", "Makefile"}
#: They look for such paths themselves.
SEEKERS = {Path("tests/repo/test_layout.py"), Path("tests/content/test_release.py")}
FOLDERS = {"course", "solutions", "autograder", "data", "tests"}


def test_the_top_level_is_short() -> None:
    names = {path.parts[0] for path in listed() if not path.parts[0].startswith(".")}
    assert names == FILES | FOLDERS


def test_no_file_is_larger_than_a_megabyte() -> None:
    large = {str(path): size for path in listed() if (size := (ROOT / path).stat().st_size) > 2**20}
    assert large == {}


def test_no_output_of_a_build_or_a_test_is_kept() -> None:
    pattern = re.compile(
        r"(^|/)(build|dist|__pycache__|\.ipynb_checkpoints|[^/]+\.egg-info)/|\.pyc$|gradebook\.db"
    )
    assert [str(path) for path in listed() if pattern.search(path.as_posix())] == []


@pytest.mark.parametrize("path", [path for path in listed() if is_text(path)], ids=str)
def test_no_path_of_a_machine(path: Path) -> None:
    found = re.findall(r"/(?:work|root|home/\w+|Users/\w+)/\S*", read(path))
    assert path in SEEKERS or found == []


@pytest.mark.parametrize("path", [path for path in listed() if is_text(path)], ids=str)
def test_nothing_beside_the_checkout_is_needed(path: Path) -> None:
    text = read(path)
    if path.parts[0] != "tests":
        assert "../shared" not in text
    elif "shared" in text and "reference" in text and path.name != "test_layout.py" and path.suffix == ".py":
        assert "skip" in text, "a test that reads figures beside the checkout is skipped without them"


@pytest.mark.parametrize("path", [path for path in listed() if is_text(path)], ids=str)
def test_lines_end_as_they_should(path: Path) -> None:
    data = (ROOT / path).read_bytes()
    assert b"\r" not in data
    assert not data or data.endswith(b"\n") or path.suffix == ".ipynb"


def test_licences() -> None:
    assert read(Path("LICENSE")).startswith("BSD 3-Clause License\n")
    text = read(Path("LICENSE-text"))
    assert text.startswith("Attribution 4.0 International\n")
    assert "Section 8 -- Interpretation." in text
    assert "ShareAlike" not in text.split("Creative Commons Attribution 4.0 International Public")[1]
