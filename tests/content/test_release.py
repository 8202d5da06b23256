"""What is committed in course/ is what the sources build, and holds nothing that students may not see."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from autograder.build import build
from autograder.sources import find_chapters, read_cells

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = find_chapters(ROOT / "solutions")
#: Too common to tell a solution by.
TRIVIAL = re.compile(r"^(return|else:|try:|pass|break|continue|\)|\]|\}|import \S+|return \w+)$")
MACHINE_PATH = re.compile(r"(?:/home/|/root/|/Users/|/work/|/tmp/|[A-Z]:\\\\|\bfile://)")


def published(chapter: str) -> dict[str, str]:
    return {
        path.name: path.read_text(encoding="utf-8") for path in (ROOT / "course" / chapter).glob("*.ipynb")
    }


def lines_of(chapter: str) -> tuple[set[str], str]:
    """The lines of all student cells, and all their text in one."""
    texts = [
        cell.source
        for text in published(chapter).values()
        for cell in nbformat.reads(text, as_version=4).cells
    ]
    return {line.strip() for text in texts for line in text.splitlines()}, "\n".join(texts)


def regions(chapter: str, what: str) -> list[str]:
    """The telling lines of all regions of a kind, those that stand outside them too left out."""
    inside: list[str] = []
    outside: set[str] = set()
    for cell in read_cells(ROOT / "solutions" / chapter / "exercises.md"):
        pattern = rf"### BEGIN {what}\n(.*?)### END {what}"
        for region in re.findall(pattern, cell.node.source, re.S):
            inside += [line.strip() for line in region.splitlines()]
        if not (cell.meta.get("grade") and not cell.is_code):
            outside |= {
                line.strip() for line in re.sub(pattern, "", cell.node.source, flags=re.S).splitlines()
            }
    return [line for line in inside if len(line) > 8 and line not in outside and not TRIVIAL.match(line)]


def test_every_chapter_is_published_and_up_to_date() -> None:
    report = build(ROOT, check=True)
    assert report.changed == [], "run `digital-biopsy build` and commit course/"


@pytest.mark.parametrize("chapter", CHAPTERS)
class TestNothingLeaks:
    """Nothing of the solutions is in the released notebooks."""

    def test_solutions(self, chapter: str) -> None:
        lines, _ = lines_of(chapter)
        secrets = regions(chapter, "SOLUTION")
        assert len(secrets) > 3
        assert not [line for line in secrets if line in lines]

    def test_hidden_tests(self, chapter: str) -> None:
        lines, text = lines_of(chapter)
        secrets = regions(chapter, "HIDDEN TESTS")
        assert len(secrets) > 3
        assert not [line for line in secrets if line in lines]
        assert "c.hidden(" not in text

    def test_model_answer_and_rubric(self, chapter: str) -> None:
        _, text = lines_of(chapter)
        cells = read_cells(ROOT / "solutions" / chapter / "exercises.md")
        answers = [cell.node.source for cell in cells if cell.meta.get("grade") and not cell.is_code]
        assert answers
        for answer in answers:
            sentences = [part.strip() for part in re.split(r"(?<=[.:;])\s", answer) if len(part.strip()) > 25]
            assert sentences
            assert not [sentence for sentence in sentences if sentence in text]
        assert "Rubric" not in text

    def test_outputs_and_paths(self, chapter: str) -> None:
        for name, text in published(chapter).items():
            notebook = json.loads(text)
            assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
            for cell in notebook["cells"]:
                assert not cell.get("outputs")
                assert cell.get("execution_count") is None
                assert not cell.get("attachments")
            found = MACHINE_PATH.search(text)
            assert not found, f"{name}: {text[found.start() - 40 : found.end() + 40]}" if found else ""

    def test_only_the_two_notebooks(self, chapter: str) -> None:
        names = {path.name for path in (ROOT / "course" / chapter).iterdir()} - {".ipynb_checkpoints"}
        assert names == {"lesson.ipynb", "exercises.ipynb"}
