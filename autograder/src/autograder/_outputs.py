"""The outputs of a cell as harmless HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from autograder.sanitize import clean_html, clean_text, picture, render_markdown

_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif")
#: What only a running page could show.
_LIVE = (
    "application/javascript",
    "text/javascript",
    "application/vnd.jupyter.widget-view+json",
    "text/vnd.mermaid",
)
_LEFT_OUT = Markup('<p class="note">Interactive content is left out here.</p>')


def render_output(output: Mapping[str, Any], place: str) -> Markup:
    """Return one output as harmless HTML, empty where it shows nothing.

    Parameters
    ----------
    output
        As a notebook holds it.
    place
        Where it stands, for the words of a picture without any: "cell 5".
    """
    kind = output.get("output_type")
    if kind == "stream":
        return preformatted(output.get("text"))
    if kind == "error":
        lines = output.get("traceback")
        told = "\n".join(str(line) for line in lines) if isinstance(lines, list) else ""
        return preformatted(told or f"{clean_text(output.get('ename'))}: {clean_text(output.get('evalue'))}")
    data = output.get("data")
    if not isinstance(data, Mapping):
        return Markup()
    shown = _best(data, output, place)
    return shown + _LEFT_OUT if any(name in data for name in _LIVE) else shown


def preformatted(text: object) -> Markup:
    """Return text in the code font, or nothing where there is none."""
    clean = clean_text(text).rstrip("\n")
    return Markup("<pre>{}</pre>").format(clean) if clean.strip() else Markup()


def _best(data: Mapping[str, Any], output: Mapping[str, Any], place: str) -> Markup:
    """The richest of an output's forms that can be shown."""
    if "text/html" in data:
        html = clean_html(data["text/html"])
        if "<img" in html or html.striptags().strip():
            return html
    if "text/markdown" in data:
        return render_markdown(data["text/markdown"])
    for kind in _PICTURES:
        shown = picture(kind, data[kind], _words(kind, output, place)) if kind in data else None
        if shown is not None:
            return shown
    if "text/latex" in data:
        return Markup('<p><code class="math">{}</code></p>').format(
            clean_text(data["text/latex"]).strip("$ \n")
        )
    if "text/plain" in data:
        return preformatted(data["text/plain"])
    if any(kind in data for kind in (*_PICTURES, "text/html")):
        return Markup('<p class="note">An output that cannot be shown safely is left out here.</p>')
    return Markup()


def _words(kind: str, output: Mapping[str, Any], place: str) -> str:
    """What a picture shows: its author's words, or the text that came with it."""
    told = output.get("metadata")
    metadata = told if isinstance(told, Mapping) else {}
    own = metadata.get(kind)
    for words in (own.get("alt") if isinstance(own, Mapping) else None, metadata.get("alt")):
        if isinstance(words, str) and words.strip():
            return words
    text = clean_text(output["data"].get("text/plain"), 200).strip()
    return text if text and not text.startswith("<") else f"Picture drawn by {place}"
