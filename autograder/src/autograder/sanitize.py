"""Student content made harmless: text, code, Markdown, HTML and pictures that other people's browsers show.

Everything here returns `Markup` that holds no script, no style, no form, no class or id of the student's, and
nothing that a browser would fetch by itself. HTML passes an allow list; a picture becomes data that was looked at.
A page that shows it adds a wall of its own: a Content-Security-Policy.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bleach.sanitizer import Cleaner  # type: ignore[import-untyped]
from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag
from markupsafe import Markup, escape
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

#: Longest text, code, Markdown and HTML that is shown, in characters; and picture, in bytes.
MOST_TEXT = 20_000
MOST_MARKUP = 100_000
MOST_PICTURE = 4_000_000
#: Longest line of Markdown that is rendered.
MOST_LINE = 5_000
#: Widest or highest picture that is shown, in pixels.
MOST_PIXELS = 20_000
#: Deepest nesting of HTML that is shown, and most tags and entities.
MOST_DEPTH = 60
MOST_TAGS = 10_000

TAGS = frozenset(
    """a abbr b blockquote br caption center cite code col colgroup dd del details dfn div dl dt em figcaption
    figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table
    tbody td tfoot th thead time tr tt u ul var""".split()
)
#: Elements that go with all they hold: their text is no text.
DROPPED = frozenset(
    """applet audio base button canvas embed frame frameset head iframe input link map math meta noembed noframes
    noscript object plaintext portal script select source style svg template textarea title track video xmp""".split()
)

_ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
# Marks that make text read in another order than it is written, and halves of characters.
_TROUBLE = re.compile("[\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\n\r])", re.M)
_LINK = re.compile(r"(?:https?://|mailto:|#)[^\x00-\x20]*", re.I)
_DATA = re.compile(r"data:image/(?:png|jpeg|gif|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}")
# Parsers take far too long over comments and tags that never end.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_UNENDING = re.compile(r"<(?=[^<>]*(?:<|\Z)|[^<>]{2000})")
_HEADING = re.compile(r"<(/?)h([1-6])>")
# A table scrolls in a box of its own, by keyboard too.
_WIDE = '<div class="wide" role="group" aria-label="Table" tabindex="0">'
_HELD = re.compile(r"held-picture:[0-9]+\.")
#: Languages of code that are coloured; other code is shown plain.
_LANGUAGES = frozenset("bash c c++ cpp java javascript julia matlab octave python r ruby scala sql".split())
# What could act or fetch in an SVG: as an <img> it cannot, but a reader may open the picture on its own.
_LIVELY = re.compile(
    rb"<[^\s<>/]*(?:script|foreignobject|iframe|animat|handler|listener|embed|object|video|audio|\bset\b|:set\b)"
    rb"|[\s\"'/]on\w+\s*=|<!entity|<!attlist|<\?xml-stylesheet|@import|url\(\s*[\"']?\s*(?!#)[^\s\"']"
    rb"|(?:href|src)\s*=(?!\s*[\"'](?:#|data:image/(?:png|jpeg);base64,))",
    re.IGNORECASE,
)
_SVG = re.compile(
    rb"\s*(?:<\?xml [^>]*\?>|<!DOCTYPE svg PUBLIC[^>\[]*>|<!--(?:(?!--).)*-->|\s)*<svg\b",
    re.IGNORECASE | re.DOTALL,
)


def clean_text(value: object, most: int = MOST_TEXT) -> str:
    """Return plain text without terminal codes, control characters and what cannot be written as UTF-8.

    Parameters
    ----------
    value
        Text, or a list of lines as notebooks hold it; anything else is written as Python would.
    most
        Longer text is cut, and says so.
    """
    if isinstance(value, list | tuple):
        value = "".join(str(line) for line in value)
    text = value if isinstance(value, str) else "" if value is None else str(value)
    cut = max(0, len(text) - most)
    text = text[:most].replace("\r\n", "\n")
    text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = _OVERWRITTEN.sub("", text).replace("\r", "")
    text = _TROUBLE.sub("\ufffd", _CONTROLS.sub("", text))
    return f"{text}\n[{cut} more characters are not shown]" if cut else text


def clean_html(html: object) -> Markup:
    """Return HTML with what the allow list lets through; without scripts, styles, forms, frames and drawings.

    Pictures stay when they are data, others become their description; links stay when they lead to the web, to
    an address for mail or into the page. Where the HTML is too large or too deep, its text is shown.
    """
    source, pictures = _lift(html)
    source = _UNENDING.sub("&lt;", _COMMENT.sub("", clean_text(source, MOST_MARKUP)))
    if source.count("<") + source.count("&") > MOST_TAGS:
        return Markup("<pre>{}</pre>").format(clean_text(source))
    soup = BeautifulSoup(source, "html.parser")
    if _depth(soup) > MOST_DEPTH:
        return Markup("<pre>{}</pre>").format(clean_text(source))
    _prune(soup, pictures)
    clean = _cleaner().clean(soup.decode(formatter="minimal"))
    return Markup(clean.replace("<table>", _WIDE + "<table>").replace("</table>", "</table></div>"))


def render_markdown(
    source: object, attachments: Mapping[str, Any] | None = None, *, tex: bool = False
) -> Markup:
    """Return Markdown as harmless HTML.

    Parameters
    ----------
    source
        The Markdown.
    attachments
        The cell's pictures, as notebooks hold them.
    tex
        Leave formulas to MathJax (dollars and all); otherwise they are shown as TeX in the code font.
    """
    lifted, pictures = _lift(source)
    text = clean_text(lifted, MOST_MARKUP)
    longest = max((len(line) for line in text.splitlines()), default=0)
    if longest > MOST_LINE or text.count("\\begin{") > 100:  # the parser would take far too long
        return Markup("<pre>{}</pre>").format(clean_text(text))
    if not pictures and not attachments:
        return _rendered(text, tex)
    try:
        html = MarkdownWithMath(renderer=_Renderer(attachments or {}, tex)).render(text)
        return clean_html(_HELD.sub(lambda found: pictures.get(found[0], ""), html))
    except Exception:  # a parser's stumble over hostile text costs the formatting, never the page
        return Markup("<pre>{}</pre>").format(clean_text(text))


@lru_cache(maxsize=256)  # the assignment's own cells stand in every submission, and twice on a page
def _rendered(text: str, tex: bool) -> Markup:
    try:
        return clean_html(MarkdownWithMath(renderer=_Renderer({}, tex)).render(text))
    except Exception:  # as above
        return Markup("<pre>{}</pre>").format(clean_text(text))


def render_code(source: object, language: object = "python") -> Markup:
    """Return code in colours: `span` elements whose classes begin with `t-`, escaped text inside."""
    text = clean_text(source)
    name = language if isinstance(language, str) and language in _LANGUAGES else "text"
    return _coloured(text, name)


@lru_cache(maxsize=256)
def _coloured(text: str, name: str) -> Markup:
    lexer = get_lexer_by_name(name, stripnl=False)
    return Markup(highlight(text, lexer, HtmlFormatter(nowrap=True, classprefix="t-")).rstrip("\n"))


def picture(kind: object, data: object, words: object) -> Markup | None:
    """Return a picture as an `img` that holds its data, or None where the data is no such picture.

    Parameters
    ----------
    kind
        The MIME type: PNG, JPEG, GIF or SVG.
    data
        Base64 text; for SVG its source.
    words
        What the picture shows, for those who do not see it.
    """
    address = _picture_data(kind, data)
    if address is None:
        return None
    return Markup('<img src="{}" alt="{}">').format(
        address, clean_text(words, 300) or "Picture without a description"
    )


def nest_headings(html: Markup, top: int) -> Markup:
    """Return HTML that `clean_html` made with its headings moved below level `top`, none skipped."""
    level = top

    def moved(found: re.Match[str]) -> str:
        nonlocal level
        if not found[1]:
            level = min(top + int(found[2]), level + 1, 6)
        return f"<{found[1]}h{level}>"

    return Markup(_HEADING.sub(moved, str(html)))


def configure_formgrader(c: Any) -> None:
    """Have formgrader show submissions without active content; `c` is nbgrader's config object.

    Formgrader makes its page of a submission with nbconvert's HTMLExporter, whatever the settings; a preprocessor
    gives that exporter a notebook of harmless parts, and a filter of ours renders its Markdown.
    """
    # The usual ones would run first, and refuse a notebook that is not valid.
    c.HTMLExporter.default_preprocessors = ["autograder._formgrader.HarmlessNotebook"]
    c.HTMLExporter.preprocessors = ["nbconvert.preprocessors.CSSHTMLHeaderPreprocessor"]
    c.HTMLExporter.filters = {
        "markdown2html": "autograder._formgrader.markdown",
        "highlight_code": "autograder._formgrader.code",
        "clean_html": "autograder.sanitize.clean_html",
    }
    c.HTMLExporter.sanitize_html = True


def _cleaner() -> Cleaner:
    return Cleaner(
        tags=TAGS,
        attributes=_may_stay,
        protocols={"http", "https", "mailto", "data"},
        strip=True,
        strip_comments=True,
    )


def _may_stay(tag: str, name: str, value: str) -> bool:
    """Decide on one attribute."""
    if tag == "a":
        return name == "href" and bool(_LINK.fullmatch(value))
    if tag == "img":
        return name == "alt" or (name == "src" and bool(_DATA.fullmatch(value)))
    if tag in ("td", "th"):
        small = (
            name in ("colspan", "rowspan")
            and value.isascii()
            and value.isdigit()
            and 0 < int(value[:9]) <= 100
        )
        return small or (tag == "th" and name == "scope" and value in ("row", "col", "rowgroup", "colgroup"))
    if tag == "code":
        return name == "class" and value == "math"
    return (tag, name) in (("details", "open"), ("abbr", "title"), ("span", "aria-hidden"))


def _depth(soup: BeautifulSoup) -> int:
    """How deep elements are nested."""
    depths = {id(soup): 0}
    for node in soup.descendants:
        if isinstance(node, Tag):
            depths[id(node)] = depths[id(node.parent)] + 1
    return max(depths.values())


def _lift(source: object) -> tuple[str, dict[str, str]]:
    """Put short names in the place of pictures held as data: they are long, and no text."""
    if isinstance(source, list | tuple):
        source = "".join(str(line) for line in source)
    text = source if isinstance(source, str) else "" if source is None else str(source)
    pictures: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        name = f"held-picture:{len(pictures)}."
        pictures[name] = found[0]
        return name

    return _DATA.sub(named, text), pictures


def _prune(soup: BeautifulSoup, pictures: Mapping[str, str]) -> None:
    """Take out what goes as a whole, and put words where a picture or a box to tick cannot stay."""
    for text in soup.find_all(string=lambda string: isinstance(string, PreformattedString)):
        text.extract()
    for node in soup.find_all(True):
        if node.decomposed:
            continue
        if node.name == "input" and node.get("type") == "checkbox":
            node.replace_with(NavigableString("☑ " if node.has_attr("checked") else "☐ "))
        elif node.name in DROPPED:
            node.decompose()
        elif node.name == "img" and not _keep_picture(node, pictures):
            words = clean_text(node.get("alt"), 300).strip()
            node.replace_with(
                NavigableString(f"[Picture not shown: {words}]" if words else "[Picture not shown]")
            )


def _keep_picture(node: Tag, pictures: Mapping[str, str]) -> bool:
    """Check a picture's data and write it back as checked; give it words where it has none."""
    address = str(node.get("src", "")).strip()
    kind, _, data = pictures.get(address, address).partition(";base64,")
    if not kind.startswith("data:"):
        return False
    if kind == "data:image/svg+xml":
        try:
            data = base64.b64decode(data, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return False
    checked = _picture_data(kind.removeprefix("data:"), data)
    if checked is None:
        return False
    node["src"] = checked
    node["alt"] = clean_text(node.get("alt"), 300).strip() or "Picture without a description"
    return True


def _picture_data(kind: object, data: object) -> str | None:
    """Return a data address, or None."""
    if isinstance(data, list | tuple):
        data = "".join(str(line) for line in data)
    if not isinstance(data, str) or len(data) > MOST_PICTURE * 4 // 3 + 4:
        return None
    if kind == "image/svg+xml":
        content = data.encode("utf-8", "replace")
        if not _SVG.match(content) or _LIVELY.search(content):
            return None
    else:
        try:
            content = base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            return None
        if not _is_picture(kind, content):
            return None
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _is_picture(kind: object, content: bytes) -> bool:
    """Whether the first bytes are those of the kind, and no side is absurdly long."""
    if (
        kind == "image/png"
        and content[:8] == b"\x89PNG\r\n\x1a\n"
        and content[12:16] == b"IHDR"
        and len(content) > 24
    ):
        return bool(max(struct.unpack(">II", content[16:24])) <= MOST_PIXELS)
    if kind == "image/gif" and content[:6] in (b"GIF87a", b"GIF89a"):
        return True
    return kind == "image/jpeg" and content[:3] == b"\xff\xd8\xff"


class _Renderer(IPythonRenderer):
    """nbconvert's renderer without diagrams in JavaScript; formulas and attachments are our own."""

    def __init__(self, attachments: Mapping[str, Any], tex: bool) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self._pictures = attachments if isinstance(attachments, Mapping) else {}
        self._tex = tex

    def _formula(self, body: str, fence: str) -> str:
        if self._tex:
            return str(escape(f"{fence}{body}{fence}"))
        return f'<code class="math">{escape(body.strip())}</code>'

    def inline_math(self, body: str) -> str:
        return self._formula(body, "$")

    def block_math(self, body: str) -> str:
        return self._formula(body, "$$")

    def latex_environment(self, name: str, body: str) -> str:
        whole = f"\\begin{{{name}}}{body}\\end{{{name}}}"
        return str(escape(whole)) if self._tex else f'<code class="math">{escape(whole)}</code>'

    def block_code(self, code: str, info: str | None = None) -> str:
        return f"<pre><code>{escape(code)}</code></pre>\n"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url.startswith("attachment:"):
            held = self._pictures.get(url.removeprefix("attachment:"))
            for kind, data in held.items() if isinstance(held, Mapping) else ():
                shown = picture(kind, data, text)
                if shown is not None:
                    return str(shown)
        return f'<img src="{escape(url)}" alt="{escape(text)}">'
