"""Links and pictures in Markdown lead somewhere, and every picture can be heard."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from .sources import ROOT, line_of, listed, markdown, prose, read

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\[[^\]^]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
TAG = re.compile(r"<(img|a)\b([^>]*)>", re.IGNORECASE)


def attribute(tag: str, name: str) -> str | None:
    """Value of an attribute in the text of an HTML tag."""
    match = re.search(rf"""\b{name}\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag, re.IGNORECASE)
    return None if match is None else (match.group(1) if match.group(1) is not None else match.group(2))


def targets(text: str) -> list[tuple[int, str]]:
    """Where the links and pictures of a Markdown text lead: line and target."""
    text = prose(text)
    found = [(line_of(text, match.start()), match.group(3)) for match in LINK.finditer(text)]
    found += [(line_of(text, match.start()), match.group(1)) for match in REFERENCE.finditer(text)]
    for match in TAG.finditer(text):
        place = attribute(match.group(2), "src") or attribute(match.group(2), "href")
        if place is not None:
            found.append((line_of(text, match.start()), place))
    return found


def anchors(text: str) -> set[str]:
    """Anchors that GitHub gives to the headings of a Markdown text, and explicit ones."""
    names: set[str] = set(re.findall(r"""\b(?:id|name)=["']([^"']+)["']""", text))
    names |= set(re.findall(r"^\(([\w-]+)\)=\s*$", text, re.MULTILINE))
    code = re.sub(r"^(`{3,}).*?^\1\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*\s*$", code, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        base = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        name, number = base, 0
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.add(name)
    return names


def broken(path: Path, text: str, root: Path = ROOT) -> list[str]:
    """Links within the repository that lead nowhere."""
    wrong = []
    for line, target in targets(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue  # another site
        place, _, anchor = unquote(target).partition("#")
        file = root / path.parent / place if place else root / path
        if place.startswith("/") or not file.resolve().is_relative_to(root) or not file.exists():
            wrong.append(f"{path}:{line}: {target} does not exist")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
            wrong.append(f"{path}:{line}: {target}: no such heading")
    return wrong


def silent_pictures(text: str) -> list[int]:
    """Lines of pictures without alternative text, in Markdown, HTML or MyST figures."""
    plain = prose(text)
    wrong = [
        line_of(plain, match.start())
        for match in LINK.finditer(plain)
        if match.group(1) and not match.group(2).strip()
    ]
    for match in TAG.finditer(plain):
        if match.group(1).lower() == "img" and not (attribute(match.group(2), "alt") or "").strip():
            wrong.append(line_of(plain, match.start()))
    for match in re.finditer(r"^(`{3,}|:{3,})\{(?:figure|image)\}.*?^\1", text, re.DOTALL | re.MULTILINE):
        if not re.search(r"^:alt:\s*\S", match.group(), re.MULTILINE):
            wrong.append(line_of(text, match.start()))
    return sorted(wrong)


@pytest.mark.parametrize("path", markdown(), ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    assert broken(path, read(path)) == []


@pytest.mark.parametrize("path", markdown(), ids=str)
def test_pictures_have_alternative_text(path: Path) -> None:
    assert silent_pictures(read(path)) == []


WRITERS = [path for path in listed() if path.suffix in (".py", ".html", ".js") and path.parts[0] != "tests"]


@pytest.mark.parametrize("path", WRITERS, ids=str)
def test_pictures_that_code_writes_have_alternative_text(path: Path) -> None:
    tags = re.finditer(r"<img\b[^>]*\bsrc\b[^>]*>", read(path))
    assert [match.group() for match in tags if not re.search(r"\balt=[\"']?[^\"'\s]", match.group())] == []


def test_these_tests_see_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A heading: with `code`\n", encoding="utf-8")
    text = "[a](gone.md)\n[b](other.md#a-heading-with-code) [c](other.md#nothing)\n![ ](other.md)\n"
    text += "`[d](also-gone.md)` [e](https://example.org) [up](../outside.md)\n<img src='other.md' alt=''>\n"
    assert broken(Path("this.md"), text, tmp_path) == [
        "this.md:1: gone.md does not exist",
        "this.md:2: other.md#nothing: no such heading",
        "this.md:4: ../outside.md does not exist",
    ]
    assert silent_pictures(text) == [3, 5]
    assert silent_pictures(":::{figure} a.png\n:alt: A lung\n:::\n:::{figure} a.png\n:::\n") == [4]
