"""The browser's half of the demos without Jupyter: request pump, and the page of precomputed frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from digital_biopsy.demos import Demo, Question, Slider
from digital_biopsy.demos._frames import in_a_frame
from digital_biopsy.demos._front import asset
from tests.browser.axe import faults
from tests.browser.lab import SCREENSHOTS, browser_at
from tests.demos.example_demo import Drift, compute, describe, draw, drift, setup, several

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Headless Chromium."""
    with browser_at(chromium) as chrome:
        yield chrome


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when it writes an error to the console or asks for anything by network."""
    context = browser.new_context(viewport={"width": 900, "height": 900})
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: troubles.append(request.url) if "//" in request.url[:8] else None)
    yield page
    troubles = [trouble for trouble in troubles if not trouble.startswith("file://")]
    context.close()
    assert troubles == []


@pytest.fixture
def pump(page: Page) -> Page:
    """A page with a pump whose requests are noted in ``sent`` and never answered by themselves."""
    page.goto("about:blank")
    page.add_script_tag(type="module", content=f"{asset('demo.js')}\nwindow.Pump = Pump;")
    page.wait_for_function("() => window.Pump")
    page.evaluate(
        """() => {
          window.sent = [];
          window.slow = [];
          const send = (seq, value) => window.sent.push([seq, value]);
          const missed = (count) => window.slow.push(count);
          window.pump = new Pump(send, missed, window.patience ?? 1e9);
        }"""
    )
    return page


def test_dragging_piles_nothing_up_and_the_newest_wins(pump: Page) -> None:
    pump.evaluate("() => { for (let value = 1; value <= 50; value += 1) window.pump.push(value); }")
    assert pump.evaluate("() => window.sent") == [[1, 1]]
    assert pump.evaluate("() => window.pump.done(1)") is True
    assert pump.evaluate("() => window.sent") == [[1, 1], [2, 50]]
    assert pump.evaluate("() => { window.pump.done(2); return window.sent.length; }") == 2
    pump.evaluate("() => window.pump.push(51)")
    assert pump.evaluate("() => window.sent[2]") == [3, 51]


@pytest.fixture
def impatient(page: Page) -> None:
    """The pump takes a request for lost after a second and a half."""
    page.add_init_script("window.patience = 1500")


def test_a_lost_reply_does_not_lock_it(impatient: None, pump: Page) -> None:
    pump.evaluate("() => { window.pump.push('a'); window.pump.push('b'); }")
    pump.wait_for_function("() => window.sent.length === 2")
    assert pump.evaluate("() => window.sent[1]") == [2, "b"]
    assert pump.evaluate("() => window.slow") == [1]
    # The old reply comes after all: it opens nothing, since its successor is under way.
    assert pump.evaluate("() => window.pump.done(1)") is False
    assert pump.evaluate("() => { window.pump.push('c'); return window.sent.length; }") == 2
    assert pump.evaluate("() => { window.pump.done(2); return window.sent[2]; }") == [3, "c"]


def test_with_nothing_new_a_lost_request_is_sent_again(impatient: None, pump: Page) -> None:
    pump.evaluate("() => window.pump.push('a')")
    pump.wait_for_function("() => window.sent.length === 2")
    assert pump.evaluate("() => window.sent") == [[1, "a"], [2, "a"]]
    pump.evaluate("() => window.pump.done(2)")
    pump.wait_for_timeout(2500)
    assert pump.evaluate("() => window.sent.length") == 2


def open_frames(page: Page, demo: Demo, folder: Path) -> None:
    file = folder / "demo.html"
    file.write_text(demo.frames(), encoding="utf-8")
    page.goto(file.as_uri())
    page.locator("[data-settled]").wait_for()


def picture_of(page: Page, words: str) -> str:
    """Wait until the picture rests under these words; its bytes, as text."""
    page.locator(".db-picture[data-settled]").wait_for()
    page.locator(".db-picture img").and_(page.get_by_alt_text(words, exact=True)).wait_for()
    return str(
        page.locator(".db-picture img").evaluate(
            "async (image) => (await (await fetch(image.src)).text()).slice(0, 5000)"
        )
    )


def test_frames_work_from_a_file_by_keyboard_alone(page: Page, tmp_path: Path) -> None:
    open_frames(page, drift, tmp_path)
    slider = page.get_by_role("slider", name="Error of the stored value")
    assert slider.is_disabled()
    assert faults(page, ["main"]) == []
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert slider.is_enabled()
    assert slider.evaluate("(node) => document.activeElement === node")  # the keyboard goes on where it can
    before = picture_of(page, drift.describe_at((20,)))
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert picture_of(page, drift.describe_at((25,))) != before
    assert page.locator("[aria-live=polite]").inner_text() == drift.describe_at((25,))
    assert page.locator(".db-compared").inner_text() == drift.comparison(1)
    assert slider.get_attribute("aria-valuetext") == "0.5 %"
    assert faults(page, ["main"]) == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "frames.png", full_page=True)


def test_the_layout_has_a_gap_between_leaving_and_coming_back(page: Page) -> None:
    page.goto("about:blank")
    page.add_script_tag(type="module", content=f"{asset('demo.js')}\nwindow.layoutFor = layoutFor;")
    page.wait_for_function("() => window.layoutFor")
    walk = """(narrow) => {
      const spec = { size: [1000, 500], narrow, leave: 0.85 };
      let now = null;
      return [1000, 860, 849, 860, 899, 900, 860].map((width) => (now = layoutFor(spec, width, now)));
    }"""
    assert page.evaluate(walk, [430, 700]) == ["wide"] * 2 + ["narrow"] * 3 + ["wide"] * 2
    assert page.evaluate(walk, None) == ["wide"] * 7
    assert (
        page.evaluate("() => layoutFor({ size: [1000, 500], narrow: [430, 700], leave: 0.85 }, 899, null)")
        == "wide"
    )


def test_frames_follow_the_window(page: Page, tmp_path: Path) -> None:
    open_frames(page, drift, tmp_path)
    image = page.locator(".db-picture img")
    assert image.evaluate("(image) => image.naturalWidth") == 760
    page.set_viewport_size({"width": 480, "height": 900})
    page.locator(".db-picture[data-layout=narrow][data-settled]").wait_for()
    assert image.evaluate("(image) => image.naturalWidth") == 430
    assert image.get_attribute("alt") == drift.describe_at(drift.start)
    assert faults(page, ["main"]) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") == 480
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("slider").press("End")
    picture_of(page, drift.describe_at((40,)))
    assert image.evaluate("(image) => image.naturalWidth") == 430


def test_frames_without_narrow_pictures_scroll(page: Page, tmp_path: Path) -> None:
    open_frames(page, replace(drift, narrow=None), tmp_path)
    assert page.locator(".db-scroll[tabindex]").count() == 0
    page.set_viewport_size({"width": 480, "height": 900})
    scroller = page.get_by_role("group", name="Picture, scrolls sideways")
    scroller.wait_for()
    assert page.locator(".db-picture img").evaluate("(image) => image.getBoundingClientRect().width") == 547
    scroller.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.db-scroll').scrollLeft > 0")
    assert faults(page, ["main"]) == []


def test_frames_inside_a_page_take_the_height_of_what_they_show(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(in_a_frame(drift.frames(), drift.title, 300), encoding="utf-8")
    page.goto(file.as_uri())
    inner = page.frame_locator("iframe")
    whole = "(node) => node.ownerDocument.defaultView.innerHeight >= node.ownerDocument.body.scrollHeight"
    for width, layout in ((900, "wide"), (480, "narrow"), (900, "wide")):
        page.set_viewport_size({"width": width, "height": 900})
        card = inner.locator(f".db-picture[data-layout={layout}][data-settled]")
        card.wait_for()
        page.wait_for_timeout(200)
        assert card.evaluate(whole)
    assert float(page.locator("iframe").evaluate("(frame) => frame.clientHeight")) < 900


def test_frames_of_several_controls(page: Page, tmp_path: Path) -> None:
    open_frames(page, several, tmp_path)
    before = picture_of(page, several.describe_at(several.start))
    page.get_by_label("Tissue").select_option(label="bone")
    page.get_by_label("Add noise").focus()
    page.keyboard.press("Space")
    assert picture_of(page, several.describe_at((20, 1, 1))) != before
    assert faults(page, ["main"]) == []


def test_frames_varied_alone_send_the_other_controls_back(page: Page, tmp_path: Path) -> None:
    def three(a: int, b: int, c: int) -> Drift:
        return replace(compute(0.0), mark=100.0 * a + 10 * b + c)

    demo = Demo(
        name="three",
        title="Three",
        controls=[Slider(name, f"Control {name}", 0, 20, 1, start=10) for name in "abc"],
        compute=three,
        setup=setup,
        draw=draw,
        describe=describe,
        question=Question("?", ["x", "y"], at={"a": 3, "b": 4}, truth=lambda result: "x"),
        size=(300, 200),
    )
    open_frames(page, demo, tmp_path)
    page.get_by_role("button", name="Skip").click()
    sliders = page.get_by_role("slider")
    sliders.nth(0).press("End")
    sliders.nth(1).press("Home")
    picture_of(page, demo.describe_at((10, 0, 10)))
    page.get_by_role("button", name="Show me").click()
    picture_of(page, demo.describe_at((3, 4, 10)))


def test_without_scripts_the_first_picture_and_its_words_are_there(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "demo.html").write_text(drift.frames(), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "demo.html").as_uri())
    assert page.locator("noscript img").get_attribute("alt") == drift.describe_at(drift.start)
    context.close()
