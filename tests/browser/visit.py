"""What a visitor does: answer questions, move every control by keyboard, look at the picture."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator

from tests.browser.lab import OpenNotebook

# A fingerprint of the picture's bytes: what a learner sees change, not what the page says about it.
FINGERPRINT = """async (demo) => {
  const image = demo.querySelector('.db-picture img');
  const bytes = await (await fetch(image.src)).arrayBuffer();
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}"""
SETTLED = """(demo) => {
  const { frame, settled } = demo.querySelector('.db-picture').dataset;
  return frame !== undefined && frame === settled;
}"""


def answer_questions(notebook: OpenNotebook) -> int:
    """Keep a prediction in every question that stands alone; return how many there were."""
    questions = notebook.page.locator(".db-alone .db-question:not(.db-answered)")
    count = 0
    while questions.count():
        question = questions.first
        question.scroll_into_view_if_needed()
        question.get_by_role("radio").first.focus()
        notebook.page.keyboard.press("Space")
        question.get_by_role("button", name="Keep my prediction").press("Enter")
        count += 1
    return count


def play(notebook: OpenNotebook, screenshots: Path | None = None) -> list[str]:
    """Go through all demos by keyboard; return their names.

    Raises
    ------
    AssertionError
        If a control cannot be reached, or moving it changes neither picture nor words.
    """
    demos = notebook.page.locator(".db-demo[data-demo]")
    names = []
    for place in range(demos.count()):
        demo = demos.nth(place)
        demo.scroll_into_view_if_needed()
        name = demo.get_attribute("data-demo") or ""
        settle(notebook, demo)
        if screenshots:
            demo.screenshot(path=screenshots.with_name(f"{screenshots.name}-{name}-before.png"))
        unlock(notebook, demo, keep=place % 2 == 0)
        controls = demo.locator(".db-controls [data-control]")
        assert controls.count(), f"demo {name} has no control"
        for number in range(controls.count()):
            move(notebook, demo, controls.nth(number))
        if screenshots:
            demo.screenshot(path=screenshots.with_name(f"{screenshots.name}-{name}.png"))
        names.append(name)
    return names


def unlock(notebook: OpenNotebook, demo: Locator, keep: bool) -> None:
    """Answer the demo's question, or skip it."""
    question = demo.locator(".db-question:not(.db-answered)")
    if not question.count():
        return
    controls = demo.locator(".db-controls [data-control]").first
    assert controls.is_disabled(), "the controls are open before a prediction"
    if keep:
        demo.get_by_role("radio").first.focus()
        notebook.page.keyboard.press("Space")
        demo.get_by_role("button", name="Keep my prediction").press("Enter")
    else:
        demo.get_by_role("button", name="Skip").press("Enter")
    assert controls.is_enabled(), "the controls stay locked after a prediction"


def move(notebook: OpenNotebook, demo: Locator, control: Locator) -> None:
    """Move one control by one key and see that picture and words change."""
    what = f"{demo.get_attribute('data-demo')}: {control.get_attribute('data-control')}"
    before, words, frame = seen(notebook, demo)
    control.focus()
    assert control.evaluate("(node) => document.activeElement === node"), (
        f"{what} cannot be reached by keyboard"
    )
    at_end = control.evaluate("(node) => node.type === 'range' ? node.value === node.max : false")
    kind = control.evaluate("(node) => node.tagName === 'SELECT' ? 'select' : node.type")
    key = {"checkbox": "Space", "select": "ArrowDown"}.get(kind, "ArrowLeft" if at_end else "ArrowRight")
    notebook.page.keyboard.press(key)
    notebook.page.wait_for_function(
        "([demo, frame]) => demo.querySelector('.db-picture').dataset.frame !== frame",
        arg=[demo.element_handle(), frame],
        timeout=30_000,
    )
    after, new_words, _ = seen(notebook, demo)
    trouble = demo.locator(".db-trouble")
    assert not trouble.is_visible(), f"{what}: {trouble.inner_text()}"
    assert after != before, f"{what}: the picture did not change"
    assert new_words, f"{what}: the picture has no words"
    assert new_words != words, f"{what}: the description did not change: {words!r}"


def settle(notebook: OpenNotebook, demo: Locator) -> None:
    """Wait until the demo rests: the picture is an image, its words are announced."""
    try:
        notebook.page.wait_for_function(SETTLED, arg=demo.element_handle(), timeout=30_000)
    except Exception as error:
        raise AssertionError(
            f"demo {demo.get_attribute('data-demo')} shows no picture: {demo.inner_text()}"
        ) from error


def seen(notebook: OpenNotebook, demo: Locator) -> tuple[str, str, str]:
    """Fingerprint of the picture, its alternative text, and the number of its frame."""
    settle(notebook, demo)
    image = demo.locator(".db-picture img")
    frame = demo.locator(".db-picture").get_attribute("data-frame")
    return demo.evaluate(FINGERPRINT), image.get_attribute("alt") or "", frame or ""
