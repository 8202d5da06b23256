"""Every lesson and exercise set in the real JupyterLab, as a learner meets it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser

from tests.browser.axe import faults
from tests.browser.lab import ROOT, SCREENSHOTS, Lab, OpenNotebook, browser_at, opened, running_lab
from tests.browser.visit import answer_questions, play, settle
from tests.demos.example_demo import drift

pytestmark = pytest.mark.browser

COURSE = ROOT / "course"
NOTEBOOKS = sorted(str(path.relative_to(COURSE)) for path in COURSE.glob("[0-9]*/*.ipynb"))
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
HERE = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
# Notebook 7.6 says these of any notebook at times, also of one that does not use the course.
NOTEBOOK_7_NOISE = {
    "uncaught: Cannot read properties of undefined (reading 'schema')",
    "uncaught: Command 'filebrowser:open-path' not registered.",
}
STAND_IN = [
    HERE + "from dataclasses import replace\nfrom tests.demos.example_demo import drift, several\n"
    "from digital_biopsy.demos import predict, prediction",
    "predict('tissue', 'Which tissue moves most?', ['air', 'lung', 'bone'])",
    "drift()",
    "several()",
    "drift()",
    "print(prediction('tissue'), prediction('drift'))",
]
BROKEN = [
    HERE + "from dataclasses import replace\nfrom tests.demos.example_demo import compute, drift",
    "replace(drift, name='stuck', compute=lambda epsilon: compute(0.0))()",
    "replace(drift, name='failing', compute=lambda epsilon: compute(epsilon) if epsilon <= 0 else 1 / 0)()",
    "from IPython.display import HTML\n"
    """HTML('<input type="range"><script>console.error("noise")</script>')""",
    "1 / 0",
]


def write(path: Path, sources: list[str]) -> None:
    """Write a notebook of code cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab over a copy of the course, with two notebooks of our own."""
    root, private = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("private")
    for notebook in NOTEBOOKS:
        (root / notebook).parent.mkdir(exist_ok=True)
        shutil.copy(COURSE / notebook, root / notebook)
    write(root / "stand-in.ipynb", STAND_IN)
    write(root / "broken.ipynb", BROKEN)
    with running_lab(root, private) as running:
        yield running


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Headless Chromium."""
    with browser_at(chromium) as chrome:
        yield chrome


def errors(notebook: OpenNotebook) -> list[str]:
    """Error outputs and what was written to stderr, one line each."""
    return [
        f"{output.get('ename', 'stderr')}: {output.get('evalue') or ''.join(output.get('text', ''))}"
        for output in notebook.outputs()
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ]


def html(output: dict[str, Any]) -> str:
    """The HTML of an output."""
    return "".join(output.get("data", {}).get("text/html", ""))


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_of_the_course(lab: Lab, browser: Browser, path: str) -> None:
    name = path.removesuffix(".ipynb").replace("/", "-")
    with opened(browser, lab, path) as notebook:
        notebook.run_all()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        answer_questions(notebook)
        demos = play(notebook, SCREENSHOTS / name)
        for width in (1280, 900):
            notebook.screenshot(SCREENSHOTS / f"{name}-{width}.png", width)
        assert errors(notebook) == []
        assert faults(notebook.page) == []
        if path.endswith("exercises.ipynb"):
            untouched_exercises(notebook)
        else:
            assert demos, "a lesson without a demo"
        assert notebook.console == []


def untouched_exercises(notebook: OpenNotebook) -> None:
    """Every check of an untouched exercise set says that nothing was attempted."""
    checks = [cell for cell in notebook.cells() if cell["metadata"].get("nbgrader", {}).get("points")]
    checks = [cell for cell in checks if cell["cell_type"] == "code"]
    assert checks
    for cell in checks:
        shown = " ".join(html(output) for output in cell["outputs"])
        assert "Not attempted" in shown, cell["source"]


def test_the_stand_in_works_throughout(lab: Lab, browser: Browser) -> None:
    with opened(browser, lab, "stand-in.ipynb") as notebook:
        notebook.run_all()
        assert answer_questions(notebook) == 1
        assert play(notebook) == ["drift", "several", "drift"]
        compared = notebook.page.locator(".db-compared").all_inner_texts()
        assert compared == [
            "You predicted: 44.8 HU. Measured (Error of the stored value: 0.5 %): 39.8 HU.",
            "",
            "You predicted: 44.8 HU. Measured (Error of the stored value: 0.5 %): 39.8 HU.",
        ]
        notebook.run_cell(5)
        assert "air 44.8 HU" in "".join(notebook.cells()[5]["outputs"][0]["text"])
        assert errors(notebook) == []
        assert faults(notebook.page) == []
        assert notebook.console == []


def test_the_stand_in_works_in_notebook_7(lab: Lab, browser: Browser) -> None:
    with opened(browser, lab, "stand-in.ipynb", app="notebook") as notebook:
        notebook.run_all()
        assert play(notebook) == ["drift", "several", "drift"]
        assert errors(notebook) == []
        assert set(notebook.console) <= NOTEBOOK_7_NOISE


def test_show_me_and_back_to_start(lab: Lab, browser: Browser) -> None:
    with opened(browser, lab, "stand-in.ipynb") as notebook:
        notebook.run_all()
        demo = notebook.page.locator(".db-demo[data-demo=drift]").first
        demo.get_by_role("button", name="Skip").click()
        slider = demo.get_by_role("slider")
        demo.get_by_role("button", name="Show me").click()
        assert slider.get_attribute("aria-valuetext") == "0.5 %"
        demo.get_by_text("Measured (Error of the stored value: 0.5 %): 39.8 HU.").wait_for()
        demo.get_by_role("button", name="Back to start").click()
        assert slider.get_attribute("aria-valuetext") == "0.0 %"
        slider.press("PageUp")
        assert slider.get_attribute("aria-valuetext") == "0.4 %"


def test_a_narrow_window_gets_a_picture_of_its_width(lab: Lab, browser: Browser) -> None:
    with opened(browser, lab, "stand-in.ipynb", width=900) as notebook:
        notebook.run_all()
        demo = notebook.page.locator(".db-demo[data-demo=drift]").first
        settle(notebook, demo)
        image = demo.locator(".db-picture img")
        drawn, shown = image.evaluate("(image) => [image.naturalWidth, image.getBoundingClientRect().width]")
        assert drawn == shown < 760
        assert notebook.page.locator(".jp-OutputArea").first.evaluate("(n) => n.scrollWidth <= n.clientWidth")


def test_a_copy_does_not_move_with_another_and_running_again_starts_anew(lab: Lab, browser: Browser) -> None:
    with opened(browser, lab, "stand-in.ipynb") as notebook:
        notebook.run_all()
        demos = notebook.page.locator(".db-demo[data-demo=drift]")
        demos.first.get_by_role("button", name="Skip").click()
        demos.first.get_by_role("slider").press("End")
        demos.first.get_by_alt_text(drift.describe_at((40,))).wait_for()
        assert demos.nth(1).get_by_role("slider").is_disabled()
        assert demos.nth(1).get_by_role("slider").get_attribute("aria-valuetext") == "0.0 %"
        notebook.run_cell(2)
        demos.first.get_by_role("slider", disabled=True).wait_for()
        assert demos.first.get_by_role("slider").get_attribute("aria-valuetext") == "0.0 %"
        assert notebook.console == []


def test_the_harness_sees_what_is_broken(lab: Lab, browser: Browser) -> None:
    with opened(browser, lab, "broken.ipynb") as notebook:
        notebook.run_all()
        assert any("division by zero" in line for line in errors(notebook))
        assert any("critical: label" in fault for fault in faults(notebook.page))
        assert any("noise" in line for line in notebook.console)
        with pytest.raises(AssertionError, match="stuck: epsilon: the picture did not change"):
            play(notebook)
        notebook.page.locator("[data-demo=stuck]").evaluate("(node) => node.remove()")
        failing = notebook.page.locator("[data-demo=failing]")
        failing.get_by_role("button", name="Skip").click()
        picture = failing.locator(".db-picture img").get_attribute("src")
        failing.get_by_role("slider").press("ArrowRight")
        failing.get_by_role("alert").wait_for()
        assert failing.get_by_role("alert").inner_text() == (
            "This picture could not be drawn. ZeroDivisionError: division by zero"
        )
        assert failing.locator(".db-picture img").get_attribute("src") == picture
        failing.get_by_role("slider").press("ArrowLeft")
        failing.get_by_role("alert").wait_for(state="hidden")
