"""Accessibility: axe-core, restricted to what our cells render."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
OURS = (".jp-OutputArea-output", ".jp-RenderedMarkdown")


def faults(page: Page, within: Sequence[str] = OURS) -> list[str]:
    """Serious and critical violations inside the given elements, one readable line each."""
    if not page.evaluate("() => 'axe' in window"):
        # axe registers with an AMD loader where the page has one, and then leaves no global.
        source = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
        page.evaluate(f"(() => {{ const define = undefined; const module = undefined; {source} }})()")
    present = [selector for selector in within if page.locator(selector).count()]
    if not present:
        return []
    results: dict[str, Any] = page.evaluate(
        """(selectors) => window.axe.run(
          { include: selectors.map((selector) => [selector]) }, { resultTypes: ['violations'] })""",
        present,
    )
    return [
        f"{violation['impact']}: {violation['id']}: {violation['help']}: {node['html'][:160]}"
        for violation in results["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]
