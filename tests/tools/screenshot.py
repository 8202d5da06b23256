"""Make the README's picture: the drift demo of chapter 1 in JupyterLab, after a prediction.

python -m tests.tools.screenshot
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser.lab import browser_at, opened, running_lab

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / ".assets" / "lesson.png"


def main() -> None:
    """Start JupyterLab on a copy of the course, play with the demo, save what a learner sees."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder) / "course"
        shutil.copytree(
            ROOT / "course", course, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")
        )
        with running_lab(course, Path(folder) / "private") as lab, browser_at() as browser:
            with opened(browser, lab, "01-hounsfield-units/lesson.ipynb") as notebook:
                page = notebook.page
                page.set_viewport_size({"width": 1280, "height": 900})
                notebook.run_all()
                demo = page.locator(".jp-Cell", has=page.get_by_text("One stored number, every voxel"))
                demo.scroll_into_view_if_needed()
                demo.get_by_label("44.8 HU").check()
                demo.get_by_role("button", name="Keep my prediction").click()
                slider = demo.get_by_role("slider")
                slider.focus()
                for _ in range(5):
                    slider.press("ArrowRight")
                demo.get_by_text("39.8 HU (").first.wait_for()
                page.wait_for_timeout(1000)
                demo.evaluate("cell => cell.scrollIntoView({block: 'end'})")
                page.wait_for_timeout(500)
                PICTURE.parent.mkdir(exist_ok=True)
                page.screenshot(path=PICTURE)
    # A palette of 256 colours: a third of the bytes, and no eye sees the difference.
    Image.open(PICTURE).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
