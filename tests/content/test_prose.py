"""The prose: short cells, plain words, and the parts that every lesson has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.sources import Cell, find_chapters, read_cells

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = find_chapters(ROOT / "solutions")
SOURCES = [(chapter, name) for chapter in CHAPTERS for name in ("lesson", "exercises")]
#: Asked for are about 70 words a cell and at most 120; this is where a test says stop.
MOST_WORDS = 140

FILLERS = re.compile(
    r"\b(simply|obviously|trivially|of course|needless to say|as you know|easily seen)\b"
    r"|\bjust (?!as\b|like\b|above\b|below\b|outside\b|inside\b|before\b|after\b|under\b|over\b)",
    re.IGNORECASE,
)
EXCLAMATION = re.compile(r"[A-Za-z)\"'.]!(?!\[)(?!=)")
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")


def prose(text: str) -> str:
    """The text without code, formulas, links' addresses and HTML tags."""
    for pattern in (
        r"```.*?```",
        r"\$\$.*?\$\$",
        r"\$[^$\n]*\$",
        r"`[^`\n]*`",
        r"\]\([^)]*\)",
        r"<[^>]*>",
        r"https?://\S+",
    ):
        text = re.sub(pattern, " ", text, flags=re.S)
    return text


def markdown(chapter: str, name: str) -> list[Cell]:
    return [cell for cell in read_cells(ROOT / "solutions" / chapter / f"{name}.md") if not cell.is_code]


def spoken(chapter: str, name: str) -> list[tuple[Cell, str]]:
    """Every markdown cell, and the words that checks say."""
    cells = read_cells(ROOT / "solutions" / chapter / f"{name}.md")
    found = [(cell, prose(cell.node.source)) for cell in cells if not cell.is_code]
    for cell in cells:
        if cell.is_code:
            found += [(cell, words) for words in re.findall(r'says="((?:[^"\\]|\\.)*)"', cell.node.source)]
    return found


@pytest.mark.parametrize(("chapter", "name"), SOURCES)
def test_plain_words(chapter: str, name: str) -> None:
    faults = []
    for cell, text in spoken(chapter, name):
        for what, pattern in (("filler", FILLERS), ("exclamation mark", EXCLAMATION), ("emoji", EMOJI)):
            found = pattern.search(text)
            if found:
                around = text[max(found.start() - 30, 0) : found.end() + 20].replace("\n", " ")
                faults.append(f"{cell.path.name}:{cell.line}: {what} in ...{around}...")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_cells_of_a_lesson_are_short(chapter: str) -> None:
    faults = []
    for cell in markdown(chapter, "lesson"):
        if re.match(r"#+ (References|Key points)", cell.node.source):
            continue
        words = len(prose(cell.node.source).split())
        if words > MOST_WORDS:
            faults.append(f"{cell.path.name}:{cell.line}: {words} words, at most {MOST_WORDS}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_parts_of_a_lesson(chapter: str) -> None:
    cells = markdown(chapter, "lesson")
    text = "\n".join(cell.node.source for cell in cells)
    assert re.search(r"^## After this chapter you can\n+(- |\d\. |1\.)", text, re.M), "no objectives"
    for part in ("Key points", "References"):
        assert re.search(rf"^#+ (\d+\.? )?{part}", text, re.M), f"no {part}"
    assert re.search(r"10\.\d{4,}/|doi\.org|arXiv", text), "references without an identifier"
    assert re.search(r"what comes next|next chapter|chapter \d", text, re.I)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_section_of_a_lesson_tells_its_minutes(chapter: str) -> None:
    cells = markdown(chapter, "lesson")
    sections = [cell for cell in cells if re.match(r"## \d", cell.node.source)]
    assert len(sections) >= 3
    untimed = [
        cell.node.source.splitlines()[0]
        for cell in sections
        if not re.search(r"\d+ minutes?", cell.node.source)
    ]
    assert not untimed, f"no minutes: {untimed}"
    total = sum(int(n) for cell in sections for n in re.findall(r"\*(\d+) minutes?\*", cell.node.source))
    head = re.search(r"(\d+) minutes", cells[0].node.source)
    assert head, "the head does not tell the lesson's minutes"
    assert abs(total - int(head[1])) <= 15, f"the sections take {total} minutes, the head says {head[1]}"


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("You simply add.", FILLERS),
        ("just add", FILLERS),
        ("Well done!", EXCLAMATION),
        ("Good \U0001f600", EMOJI),
    ],
)
def test_patterns_find(text: str, pattern: re.Pattern[str]) -> None:
    assert pattern.search(prose(text))


@pytest.mark.parametrize(
    "text", ["![alt](a.png)", "`a != b`", "$n!$", "just below the skin", "the value x != 3"]
)
def test_patterns_do_not_find(text: str) -> None:
    assert not any(pattern.search(prose(text)) for pattern in (FILLERS, EXCLAMATION, EMOJI))
