"""Every lesson and exercise set in the real JupyterLab, as a learner meets it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from matplotlib.text import Text
from playwright.sync_api import Browser, Locator

from digital_biopsy.demos import Demo, attenuation, pipeline
from digital_biopsy.demos._picture import panels, picture
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
SHOWN = """\
from digital_biopsy.demos._picture import panels, picture
def show(stage):
    stage.line("a", "line", [0, 1], [0, 1])
from tests.demos.example_demo import drift
display(drift.paper())
picture((700, 300), lambda figure: panels(figure, "ab"), show, "A line.", narrow=(420, 600))"""
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


# What a learner sees: layout, width on the screen, pixels drawn, and whether anything is wider than its place.
PICTURE = """(demo) => {
  const card = demo.querySelector('.db-picture');
  const image = card.querySelector('img');
  const wide = (node) => node.scrollWidth > node.clientWidth + 1;
  return {
    layout: card.dataset.layout,
    shown: image.getBoundingClientRect().width,
    drawn: image.naturalWidth,
    higher: image.naturalHeight > image.naturalWidth,
    overflows: wide(demo.querySelector('.db-scroll')) || wide(demo.closest('.jp-OutputArea')),
  };
}"""


def in_layout(notebook: OpenNotebook, demo: Locator, layout: str) -> dict[str, Any]:
    """Wait until the demo rests in this layout; what is seen then."""
    demo.locator(f".db-picture[data-layout={layout}]").wait_for()
    settle(notebook, demo)
    seen: dict[str, Any] = demo.evaluate(PICTURE)
    return seen


def tick_labels(demo: Demo, layout: str, shown: float) -> float:
    """Height in pixels of the smallest text of a picture that is shown at this width."""
    stage = demo.stage(layout=layout)
    demo.pixels(stage, demo.result(demo.start))
    sizes = [text.get_fontsize() for text in stage.figure.findobj(Text) if text.get_text()]
    return min(sizes) * stage.figure.dpi / 72 * shown / demo.layouts[layout][0]


@pytest.mark.parametrize("path", ["00-digital-biopsy/lesson.ipynb", "01-hounsfield-units/lesson.ipynb"])
def test_a_lesson_in_a_narrow_window_is_legible(lab: Lab, browser: Browser, path: str) -> None:
    with opened(browser, lab, path, width=900) as notebook:
        notebook.page.evaluate("() => window.jupyterapp.commands.execute('filebrowser:activate')")
        notebook.run_all()
        demos = notebook.page.locator(".db-demo[data-demo]")
        declared = {
            demo.name: demo
            for module in (attenuation, pipeline)
            for demo in vars(module).values()
            if isinstance(demo, Demo)
        }
        assert demos.count()
        for place in range(demos.count()):
            demos.nth(place).scroll_into_view_if_needed()
            seen = in_layout(notebook, demos.nth(place), "narrow")
            assert seen["drawn"] == seen["shown"] and seen["higher"] and not seen["overflows"]
            demo = declared[demos.nth(place).get_attribute("data-demo") or ""]
            assert tick_labels(demo, "narrow", seen["shown"]) >= 10
        pictures = notebook.page.locator(".jp-RenderedHTML img:visible")
        for place in range(pictures.count()):
            assert pictures.nth(place).evaluate(
                "(image) => image.getBoundingClientRect().width <= image.closest('.jp-RenderedHTML').clientWidth"
            )
        assert faults(notebook.page, [".db-demo"]) == []
        assert notebook.console == []


def test_the_picture_follows_the_window(lab: Lab, browser: Browser) -> None:
    with opened(browser, lab, "stand-in.ipynb", width=1280) as notebook:
        notebook.run_all()
        demo = notebook.page.locator(".db-demo[data-demo=drift]").first
        seen = in_layout(notebook, demo, "wide")
        assert (seen["shown"], seen["drawn"]) == (760, 760)
        words = demo.locator(".db-picture img").get_attribute("alt")
        notebook.page.set_viewport_size({"width": 900, "height": 900})
        seen = in_layout(notebook, demo, "narrow")
        assert seen["drawn"] == seen["shown"] <= 430 and seen["higher"] and not seen["overflows"]
        assert demo.locator(".db-picture img").get_attribute("alt") == words
        # A demo without a narrow picture shrinks a little; what is still too wide scrolls, by keyboard too.
        several = notebook.page.locator(".db-demo[data-demo=several]")
        several.scroll_into_view_if_needed()
        seen = in_layout(notebook, several, "wide")
        assert seen["shown"] == 461  # 72 % of 640
        scroller = several.get_by_role("group", name="Picture, scrolls sideways")
        assert scroller.get_attribute("tabindex") == "0"
        assert faults(notebook.page) == []
        notebook.page.set_viewport_size({"width": 1280, "height": 900})
        assert in_layout(notebook, demo, "wide")["drawn"] == 760
        several.locator(".db-scroll:not([tabindex])").wait_for()
        assert notebook.console == []


def test_a_hidden_tab_changes_nothing(lab: Lab, browser: Browser) -> None:
    with opened(browser, lab, "stand-in.ipynb", width=900) as notebook:
        notebook.run_all()
        demo = notebook.page.locator(".db-demo[data-demo=drift]").first
        in_layout(notebook, demo, "narrow")
        frame = demo.locator(".db-picture").get_attribute("data-frame")
        notebook.page.evaluate(
            "() => { window.tab = document.querySelector('.jp-NotebookPanel'); window.tab.hidden = true;"
            " window.tab.style.display = 'none'; }"
        )
        notebook.page.wait_for_timeout(800)
        notebook.page.evaluate("() => { window.tab.hidden = false; window.tab.style.display = ''; }")
        notebook.page.wait_for_timeout(800)
        assert in_layout(notebook, demo, "narrow")
        assert demo.locator(".db-picture").get_attribute("data-frame") == frame


def test_static_pictures_where_style_sheets_are_stripped(lab: Lab, browser: Browser) -> None:
    """A notebook that JupyterLab does not trust: the wide picture stays, and only that one."""

    def show(stage: Any) -> None:
        stage.line("a", "line", [0, 1], [0, 1])

    made = picture((700, 300), lambda figure: panels(figure, "ab"), show, "A line.", narrow=(420, 600))
    cell = nbformat.v4.new_code_cell("1")
    cell.outputs = [
        nbformat.v4.new_output("display_data", {"text/html": made._repr_html_()}),
        nbformat.v4.new_output("display_data", {"text/html": drift.paper()._repr_html_()}),
    ]
    again = nbformat.v4.new_code_cell(HERE + SHOWN)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, again], metadata=KERNEL), lab.root / "static.ipynb")
    with opened(browser, lab, "static.ipynb", width=900) as notebook:
        images = notebook.page.locator(".jp-RenderedHTML img:visible")
        images.nth(1).wait_for()
        widths = images.evaluate_all("(images) => images.map((image) => image.getBoundingClientRect().width)")
        assert widths[1:] == [547]  # the paper form: 72 % of 760, in a box that scrolls
        assert widths[0] > 420
        notebook.run_cell(1)  # what a cell of one's own shows is trusted
        images.nth(3).wait_for()
        width = images.nth(3).evaluate("(image) => [image.getBoundingClientRect().width, image.naturalWidth]")
        assert width[0] <= 420 and width[1] == 840
        # JupyterLab takes away what makes the untrusted one a stop of the keyboard (Chromium makes it one by itself).
        notebook.run_cell(0)
        images.nth(2).wait_for(state="detached")
        assert notebook.page.get_by_role("group", name="Picture").get_attribute("tabindex") == "0"
        assert faults(notebook.page) == []


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
