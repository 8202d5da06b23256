"""Student content in a real browser: the feedback and formgrader's page show it, and nothing of it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.server_extensions.formgrader import handlers
from playwright.sync_api import Browser, Page, Route
from traitlets.config import Config

from autograder.feedback import FeedbackExporter
from autograder.sanitize import configure_formgrader
from tests.browser.lab import SCREENSHOTS, browser_at
from tests.grading.feedback_pages import (
    DEED,
    PAYLOADS,
    answer,
    checked,
    error,
    hostile,
    marks,
    ordinary,
    told,
)

pytestmark = pytest.mark.browser
STATIC = Path(handlers.static_path)
SITE = "http://grader.invalid"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Headless Chromium."""
    with browser_at(chromium) as chrome:
        yield chrome


class Watched:
    """A page of which all that it does is noted."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.deeds: list[str] = []
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.page.on("console", lambda message: self.deeds.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda fault: self.deeds.append(f"error: {fault}"))
        self.page.on("dialog", self._dialog)
        self.page.on("popup", lambda page: self.deeds.append(f"popup: {page.url}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", self._failed)
        self.page.on("framenavigated", lambda frame: self.deeds.append(f"frame: {frame.url}"))

    def _dialog(self, dialog: Any) -> None:
        self.deeds.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _failed(self, request: Any) -> None:
        if request.failure == "csp":
            self.refused.append(request.url)

    def open(self, html: str, folder: Path) -> None:
        """Open a page from a file, unfold all and wait for what may come."""
        file = folder / "page.html"
        file.write_text(html, encoding="utf-8")
        self.page.goto(file.as_uri())
        self.page.evaluate(
            "() => document.querySelectorAll('details').forEach((part) => { part.open = true; })"
        )
        self.page.mouse.wheel(0, 100_000)
        self.page.wait_for_timeout(500)
        self.deeds = [deed for deed in self.deeds if deed != f"frame: {file.as_uri()}"]
        self.asked = [url for url in self.asked if url != file.as_uri() and not url.startswith("data:image/")]


# Everything in a document that could act, dress up, or lead elsewhere.
FOUND = """(within) => {
  const found = [];
  const LIVE = new Set(`script style iframe frame object embed applet form input button select textarea svg math
    base link meta audio video source marquee template portal canvas noscript title body html head`.split(/\\s+/));
  const ACTIVE = new Set(`style srcset srcdoc background action formaction ping target name contenteditable
    autofocus tabindex`.split(/\\s+/));
  const links = /^(https?:|mailto:|#)/i;
  for (const node of document.querySelectorAll(`${within} *`)) {
    const tag = node.tagName.toLowerCase();
    if (LIVE.has(tag)) {
      found.push(`<${tag}>`);
    }
    for (const { name, value } of node.attributes) {
      if (name === 'tabindex' && (node.className === 'wide' || within !== 'body')) continue;  // ours; formgrader's
      if (name.startsWith('on') || ACTIVE.has(name)) {
        found.push(`${tag} ${name}=${value}`);
      }
      if (name === 'href' && !links.test(value)) found.push(`${tag} href=${value}`);
      if (name === 'src' && !value.startsWith('data:image/')) found.push(`${tag} src=${value}`);
      if (name === 'id' && !/^(question-[0-9]+|questions|summary|remarks|notebook)$/.test(value)) {
        found.push(`${tag} id=${value}`);
      }
    }
  }
  return found;
}"""


def feedback(notebook: NotebookNode, /, **given: Any) -> str:
    html, _ = FeedbackExporter().from_notebook_node(notebook, told(**given))
    return str(html)


@pytest.fixture(scope="module")
def attack() -> str:
    """The feedback on a hostile notebook, handed in by someone with a hostile name."""
    return feedback(hostile(), student=PAYLOADS[4], assignment=PAYLOADS[7], notebook=PAYLOADS[8])


def test_nothing_of_a_hostile_notebook_runs(browser: Browser, tmp_path: Path, attack: str) -> None:
    seen = Watched(browser)
    seen.open(attack, tmp_path)
    assert seen.deeds == []
    assert seen.asked == []
    assert seen.page.title().startswith("Feedback: ")
    assert seen.page.evaluate(FOUND, "body") == []
    assert seen.page.locator("style").count() == 1
    assert seen.page.locator("h1").count() == 1
    assert seen.page.evaluate("() => document.body.lastElementChild.tagName") == "MAIN"
    assert seen.page.locator("[id]").evaluate_all(
        "(all) => new Set(all.map((node) => node.id)).size === all.length"
    )
    for link in seen.page.locator(".summary a").all()[:3]:
        link.click()
    assert seen.page.locator("img").evaluate_all("(all) => all.every((node) => node.alt)")
    seen.context.close()


def test_the_same_attacks_work_on_a_page_without_walls(browser: Browser, tmp_path: Path) -> None:
    """Each way of doing harm that the other tests look for is one that they would see."""
    seen = Watched(browser)
    seen.open("<!DOCTYPE html><title>x</title>" + "".join(PAYLOADS[:20]), tmp_path)
    assert {deed.partition(":")[0] for deed in seen.deeds} >= {"console", "dialog"}
    assert any("evil.invalid" in url for url in seen.asked)
    assert seen.page.title() == "pwned"
    assert seen.page.evaluate(FOUND, "body")
    seen.context.close()


def test_stock_feedback_runs_what_a_student_wrote(browser: Browser, tmp_path: Path) -> None:
    cell = new_markdown_cell(
        PAYLOADS[4], metadata=marks("a", grade=True, solution=True, points=1, score=0, comment="")
    )
    config = Config()
    config.HTMLExporter.template_name = "feedback"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    config.HTMLExporter.extra_template_paths = [
        str(STATIC / "node_modules" / "bootstrap" / "dist" / "css"),
    ]
    config.HTMLExporter.preprocessors = ["nbconvert.preprocessors.CSSHTMLHeaderPreprocessor"]
    given = told(score=0.0, max_score=1.0)
    html, _ = HTMLExporter(config=config).from_notebook_node(new_notebook(cells=[cell]), given)
    seen = Watched(browser, offline=True)
    seen.open(html, tmp_path)
    assert seen.page.title() == "pwned"
    seen.context.close()


def test_the_policy_is_a_second_wall(browser: Browser, tmp_path: Path, attack: str) -> None:
    """Even if an attack came through as it is, the browser would refuse it."""
    raw = "".join(
        payload for payload in PAYLOADS[:44] if "meta http" not in payload and "template" not in payload
    )
    seen = Watched(browser)
    seen.open(attack.replace("<main", f"{raw}<main", 1), tmp_path)
    assert seen.refused and set(seen.asked) <= set(seen.refused)
    assert seen.page.title().startswith("Feedback: ")
    assert not any(
        deed.startswith(("dialog", "popup")) or "pwned" in deed.split("'")[0] for deed in seen.deeds
    )
    assert any("Content Security Policy" in deed for deed in seen.deeds)
    assert seen.page.evaluate(FOUND, "body")
    seen.context.close()


def axe(page: Page) -> list[str]:
    """All of axe's violations, of any impact."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    results = page.evaluate(
        """() => axe.run(document, {
          runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })"""
    )
    assert len(results["passes"]) > 15
    return [f"{item['id']}: {node['html'][:200]}" for item in results["violations"] for node in item["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_the_page_is_accessible_and_fits(browser: Browser, tmp_path: Path, width: int, scheme: Any) -> None:
    seen = Watched(browser, viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    seen.open(feedback(ordinary(), late_penalty=1.5, score=2.5, max_score=12.0), tmp_path)
    assert axe(seen.page) == []
    assert seen.page.evaluate("() => document.documentElement.scrollWidth") == width
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    seen.page.screenshot(path=SCREENSHOTS / f"feedback-{width}-{scheme}.png", full_page=True)
    assert seen.deeds == [] and seen.asked == []
    seen.context.close()


def test_the_page_by_keyboard_and_by_landmarks(browser: Browser, tmp_path: Path) -> None:
    seen = Watched(browser)
    seen.open(feedback(ordinary()), tmp_path)
    page = seen.page
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the questions")
    assert skip.evaluate("(node) => document.activeElement === node") and skip.is_visible()
    page.keyboard.press("Enter")
    assert page.url.endswith("#questions")
    for role, count in (("banner", 1), ("main", 1)):
        assert page.get_by_role(role).count() == count  # type: ignore[arg-type]
    assert page.locator(".summary").get_by_role("row").count() == 6
    assert page.get_by_role("rowheader").first.inner_text() == "1 Squares"
    assert page.get_by_role("article", name="1 Squares").get_by_role("heading", level=3).count() == 1
    levels = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all(
        "(all) => all.map((node) => +node.tagName[1])"
    )
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    seen.context.close()


def test_in_a_narrow_window_code_and_tables_stay_inside(browser: Browser, tmp_path: Path) -> None:
    wide = "".join(f"<td>{number}</td>" for number in range(60))
    cells = [
        new_markdown_cell("# " + "Long" * 60),
        answer("f", "x = '" + "y" * 400 + "'", [error(words="w" * 300)]),
        new_code_cell(
            "t", outputs=[new_output("display_data", data={"text/html": f"<table><tr>{wide}</tr></table>"})]
        ),
        checked("f-test", "assert " + "f" * 300 + "() == 1", [error(words="v" * 300)]),
    ]
    seen = Watched(browser, viewport={"width": 320, "height": 800}, bypass_csp=True)
    seen.open(feedback(new_notebook(cells=cells), student="s" * 100), tmp_path)
    assert seen.page.evaluate("() => document.documentElement.scrollWidth") == 320
    assert axe(seen.page) == []
    seen.context.close()


def formgrader(notebook: NotebookNode, safe: bool = True) -> str:
    """The page that formgrader makes of a submission, by the exporter that it uses and its settings."""
    config = Config()
    if safe:
        configure_formgrader(config)
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    given = {
        **told(),
        "assignment_id": "ps1",
        "notebook_id": "problem1",
        "submission_id": "abc",
        "index": 0,
        "total": 1,
        "base_url": SITE,
        "student": "ada",
        "last_name": None,
        "first_name": None,
        "notebook_path": "x",
    }
    html, _ = HTMLExporter(config=config).from_notebook_node(notebook, given)
    return str(html)


def grader(browser: Browser, html: str) -> Watched:
    """Open formgrader's page at an address of its own, with nbgrader's scripts and without any other network."""
    seen = Watched(browser)

    def serve(route: Route) -> None:
        path = route.request.url.removeprefix(SITE).partition("?")[0]
        static = STATIC / path.removeprefix("/formgrader/static/")
        if path == "/":
            route.fulfill(body=html, content_type="text/html")
        elif route.request.url.startswith(f"{SITE}/formgrader/static/") and static.is_file():
            route.fulfill(path=static)
        elif route.request.url.startswith(f"{SITE}/formgrader/api/"):
            route.fulfill(body="[]", content_type="application/json")
        else:
            route.abort()

    seen.page.route("**/*", serve)
    seen.page.goto(f"{SITE}/")
    seen.page.evaluate("() => document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    seen.page.wait_for_timeout(1000)
    return seen


def strangers(seen: Watched) -> list[str]:
    """What the page asked for that is none of nbgrader's own."""
    own = (f"{SITE}/", "https://cdnjs.cloudflare.com/", "data:image/")
    return [url for url in seen.asked if not url.startswith(own) or url == f"{SITE}/x"]


def test_formgrader_shows_a_hostile_submission_harmlessly(browser: Browser) -> None:
    seen = grader(browser, formgrader(hostile()))
    assert strangers(seen) == []
    assert seen.page.title() == "problem1"
    assert not any("pwned" in deed or deed.startswith(("dialog", "popup")) for deed in seen.deeds)
    cells = "#notebook-container .text_cell_render, #notebook-container .output"
    assert seen.page.locator(cells).count() > 100
    for part in ("#notebook-container .text_cell_render", "#notebook-container .output"):
        assert seen.page.evaluate(FOUND, part) == []
    assert (
        seen.page.locator("#notebook-container :is(script, style, iframe, object, embed, form, link)").count()
        == 0
    )
    handlers_found = seen.page.evaluate(
        """() => [...document.querySelectorAll('#notebook-container *')].flatMap(
          (node) => [...node.attributes].map((one) => one.name).filter((name) => name.startsWith('on')))"""
    )
    assert handlers_found == []
    seen.context.close()


def test_stock_formgrader_runs_what_a_student_wrote(browser: Browser) -> None:
    notebook = new_notebook(cells=[new_markdown_cell(f"<script>{DEED}</script>")])
    seen = grader(browser, formgrader(notebook, safe=False))
    assert seen.page.title() == "pwned"
    seen.context.close()


def test_formgrader_still_shows_what_a_grader_needs(browser: Browser) -> None:
    seen = grader(browser, formgrader(ordinary()))
    page = seen.page
    assert page.locator("input.score").evaluate_all("(all) => all.map((node) => node.id)") == [
        "squares-test",
        "sums-test",
        "sums-test-2",
        "essay",
        "plot",
        "untried-test",
    ]
    assert page.locator("textarea#essay-comment").count() == 1
    assert page.locator(".highlight .k", has_text="def").count() >= 1
    assert page.locator("#notebook-container img[src^='data:image/png']").count() == 1
    assert page.locator("#notebook-container table td", has_text="3.5").count() == 1
    assert "$x^2$" in page.locator("#notebook").first.inner_text()
    assert re.search(r"sum is\s+6", page.locator("#notebook").first.inner_text())
    seen.context.close()
