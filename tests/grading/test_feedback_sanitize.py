"""Student content made harmless, piece by piece; and quickly, whatever it is."""

from __future__ import annotations

import base64
import io
import re
import time

import pytest
from matplotlib.figure import Figure

from autograder.sanitize import (
    clean_html,
    clean_text,
    nest_headings,
    picture,
    render_code,
    render_markdown,
)
from tests.grading.feedback_pages import IN_MARKDOWN, PAYLOADS, PIXEL

TAG = re.compile(r"<(/?[a-z][a-z0-9]*)((?: [a-z-]+(?:=\"[^\"<>]*\")?)*)>")
KNOWN = set(
    """a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s span strong
    sub summary sup table tbody td tfoot th thead tr u ul small center""".split()
)


def faults(html: str) -> list[str]:
    """Everything in HTML that is no plain tag with a known name and harmless attributes."""
    found = [f"stray {match[0]!r}" for match in re.finditer(r"<.{0,20}", TAG.sub("", html))]
    for name, attributes in TAG.findall(html):
        if name.strip("/") not in KNOWN:
            found.append(name)
        for key, value in re.findall(r" ([a-z-]+)(?:=\"([^\"]*)\")?", attributes):
            fine = {
                "href": r"(?:https?://|mailto:|#).*",
                "src": r"data:image/(?:png|jpeg|gif|svg\+xml);base64,[A-Za-z0-9+/=]+",
                "alt": r".*",
                "class": r"math|wide",
                "tabindex": "0",
                "role": "group",
                "aria-label": "Table",
                "open": ".*",
            }.get(key)
            if fine is None or not re.fullmatch(fine, value, re.DOTALL):
                found.append(f"{name} {key}={value}")
    return found


@pytest.mark.parametrize("number", range(len(PAYLOADS) + len(IN_MARKDOWN)))
def test_attacks_are_made_harmless(number: int) -> None:
    payload = (*PAYLOADS, *IN_MARKDOWN)[number]
    for html in (clean_html(payload), render_markdown(payload), render_markdown(payload, tex=True)):
        assert faults(str(html)) == []
        assert faults(str(clean_html(html))) == []
    assert set(re.findall(r"</?([^ >]*)", str(render_code(payload)))) <= {"span"}


def test_the_test_of_attacks_can_fail() -> None:
    assert all(faults(payload) for payload in PAYLOADS[:44])


def test_what_students_need_stays() -> None:
    table = '<table border="1" class="dataframe"><tr><th scope="row">a<td colspan="2">1</table>'
    assert 'role="group" aria-label="Table" tabindex="0"><table>' in clean_html(table)
    assert '<th scope="row">a</th><td colspan="2">1</td>' in clean_html(table)
    assert '<a href="https://a.org/b?c=1&amp;d=2">x</a>' in render_markdown("[x](https://a.org/b?c=1&d=2)")
    assert "<strong>b</strong>" in render_markdown("**b**")
    assert '<code class="math">\\frac{a}{b} &lt; 1</code>' in render_markdown("$\\frac{a}{b} < 1$")
    assert "$\\frac{a}{b} &lt; 1$" in render_markdown("$\\frac{a}{b} < 1$", tex=True)
    assert "<details><summary>Hint</summary>x</details>" in render_markdown(
        "<details><summary>Hint</summary>x</details>"
    )
    assert "☑ done" in render_markdown("- [x] done")
    assert "<pre><code>a &lt; b\n</code></pre>" in render_markdown("```python\na < b\n```")


@pytest.mark.parametrize("kind", ["attachment", "data", "html"])
def test_pictures_that_are_data_stay(kind: str) -> None:
    large = f"data:image/png;base64,{PIXEL[:-4]}" + "AAAA" * 60_000 + PIXEL[-4:]
    source = {
        "attachment": "![a dot](attachment:dot.png)",
        "data": f"![a dot]({large})",
        "html": f'<img src="{large}" alt="a dot" onload="x" width="9">',
    }[kind]
    html = str(render_markdown(source, {"dot.png": {"image/png": PIXEL}}))
    assert re.search(
        r'<img src="data:image/png;base64,[^"]+" alt="a dot">|<img alt="a dot" src="data:[^"]+">', html
    )
    assert "onload" not in html and "width" not in html


def test_pictures_from_elsewhere_become_words() -> None:
    assert "[Picture not shown: a chart]" in render_markdown("![a chart](https://example.org/chart.png)")
    assert "<img" not in render_markdown("![a chart](chart.png) ![](attachment:none.png)")


def test_a_picture_is_what_it_says() -> None:
    assert picture("image/png", PIXEL, "dot") == f'<img src="data:image/png;base64,{PIXEL}" alt="dot">'
    assert picture("image/png", [PIXEL[:40] + "\n", PIXEL[40:]], '"><b>') is not None
    assert "<b>" not in str(picture("image/png", PIXEL, '"><b>'))
    html = base64.b64encode(b"<script>alert(1)</script>").decode()
    huge = base64.b64encode(base64.b64decode(PIXEL)[:16] + b"\x00\x0f\xff\xff" * 2 + b"\x00" * 20).decode()
    for kind, data in (
        ("image/png", html),
        ("image/jpeg", PIXEL),
        ("image/gif", PIXEL),
        ("image/bmp", PIXEL),
        ("text/html", html),
        ("image/png", huge),
        ("image/png", PIXEL + '"'),
        ("image/png", "A" * 10_000_000),
        ("image/png", None),
        ("image/png", {"a": 1}),
        (None, PIXEL),
    ):
        assert picture(kind, data, "x") is None, (kind, str(data)[:50])


def test_drawings() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.imshow([[1, 2], [3, 4]])
    axes.plot([0, 1], [0, 1], label="$x^2$")
    axes.legend()
    file = io.StringIO()
    figure.savefig(file, format="svg")
    assert picture("image/svg+xml", file.getvalue(), "plot") is not None
    plain = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
    assert picture("image/svg+xml", plain.format("<rect/>"), "x") is not None
    for content in (
        "<script>x</script>",
        "<s:script>x</s:script>",
        "<rect onload='x'/>",
        "<rect/onload='x'/>",
        '<a href="javascript:x">y</a>',
        '<a xlink:href="https://evil.invalid">y</a>',
        "<use href=x.svg#a />",
        "<image href='https://evil.invalid/x.png'/>",
        '<image href="&#104;ttps://evil.invalid/x.png"/>',
        "<foreignObject><b/></foreignObject>",
        "<style>@import 'x'</style>",
        "<rect style='fill:url(https://evil.invalid)'/>",
        "<animate/>",
        "<set/>",
    ):
        assert picture("image/svg+xml", plain.format(content), "x") is None, content
    assert picture("image/svg+xml", f"<!DOCTYPE svg [<!ENTITY a 'b'>]>{plain}", "x") is None
    assert picture("image/svg+xml", f"<html>{plain}</html>", "x") is None


def test_text() -> None:
    assert clean_text("\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07 \x9b1mbold") == "red link bold"
    assert clean_text("10%\r50%\r100%\nnext\r\n") == "100%\nnext\n"
    assert clean_text("a\x00b\x08c\x7f\t\n") == "abc\t\n"
    assert clean_text("\u202egnp.exe\ud800") == "\ufffdgnp.exe\ufffd"
    assert clean_text(["a\n", "b"]) == "a\nb"
    assert clean_text(None) == "" and clean_text(3) == "3"
    assert clean_text("x" * 50, 20) == "x" * 20 + "\n[30 more characters are not shown]"


def test_headings_are_nested_without_gaps() -> None:
    html = clean_html("<h1>a</h1><h4>b</h4><h2>c</h2><h6>d</h6><H1>e</H1>")
    assert nest_headings(html, 2) == "<h3>a</h3><h4>b</h4><h4>c</h4><h5>d</h5><h3>e</h3>"
    assert nest_headings(html, 6) == "<h6>a</h6><h6>b</h6><h6>c</h6><h6>d</h6><h6>e</h6>"


SLOW = {
    "brackets": "[" * 20_000,
    "stars": "*a " * 30_000,
    "quotes": ("> " * 100 + "x\n") * 400,
    "elements": "<b>" * 60_000,
    "links": "<a><b>" * 20_000,
    "open tags": "<a " * 50_000,
    "attributes": "<a " + " ".join(f"x{number}=1" for number in range(9_000)) + ">",
    "comments": "<!--\n" * 20_000,
    "declarations": "<!a <?b " * 20_000,
    "environments": "\\begin{a}\n" * 8_000,
    "dollars": "$a\n" * 30_000,
    "table": "|a" * 600 + "|\n" + "|-" * 600 + "|\n" + ("|1" * 600 + "|\n") * 100,
    "foster": "<table>" + "<b>x" * 20_000,
    "entities": "&" * 90_000,
    "backticks": "`" * 4_000 + "\n" + "`a" * 2_000,
    "references": "[a]: b\n" * 20_000,
    "escapes": "\x1b]" * 50_000,
    "returns": "\r" * 100_000,
    "returned lines": "a\r" * 50_000,
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SLOW)
def test_nothing_takes_long(name: str) -> None:
    start = time.process_time()
    for html in (clean_html(SLOW[name]), render_markdown(SLOW[name]), render_code(SLOW[name])):
        assert faults(re.sub(r"</?span[^>]*>", "", str(html))) == []
    clean_text(SLOW[name], 100_000)
    assert time.process_time() - start < 20
