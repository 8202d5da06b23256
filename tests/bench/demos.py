"""How fast a demo is: kernel redraw, and slider to pixels in Chromium, each beside the plain way.

Run ``python -m tests.bench`` (or ``python -m tests.bench kernel`` without the browser). Prints; decides
nothing.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from digital_biopsy.demos import Demo, Slider
from digital_biopsy.demos._png import encode_png

ROUNDS = 60
PIXELS = (640, 480)
X = np.linspace(0, 10, 200)
_rng = np.random.default_rng(0)
_y, _x = np.mgrid[-1:1:256j, -1:1:256j]
PICTURE = (np.exp(-3 * (_x**2 + _y**2)) * 300 + _rng.normal(0, 10, _x.shape)).astype(np.float32)


def compute(phase: float) -> tuple[Any, Any]:
    """Next to nothing, so that drawing is what is measured."""
    return PICTURE + np.float32(phase), np.sin(X + phase / 10)


def setup(figure: Any) -> dict[str, Any]:
    """Two axes."""
    left, right = figure.subplots(1, 2)
    right.set(xlim=(0, 10), ylim=(-1.1, 1.1), xlabel="distance, mm")
    return {"left": left, "right": right}


def draw(stage: Any, result: tuple[Any, Any]) -> None:
    """One image of 256 x 256, one line."""
    stage.image("left", result[0], vmin=0, vmax=400)
    stage.line("right", "line", X, result[1])


demo = Demo(
    name="bench",
    title="One image, one line",
    controls=[Slider("phase", "Phase", 0, 100, 1, start=0)],
    compute=compute,
    setup=setup,
    draw=draw,
    describe=lambda result: "One image and one line.",
    size=PIXELS,
)


def plain(phase: float) -> Figure:
    """The same figure, made anew by plain Matplotlib."""
    figure = Figure(figsize=(PIXELS[0] / 100, PIXELS[1] / 100), dpi=100)
    FigureCanvasAgg(figure)
    axes = setup(figure)
    image, line = compute(phase)
    axes["left"].imshow(image, vmin=0, vmax=400, cmap="gray")
    axes["right"].plot(X, line)
    return figure


def milliseconds(action: Callable[[int], object], rounds: int = ROUNDS) -> list[float]:
    """Time of each call, after three that do not count."""
    times = []
    for i in range(rounds + 3):
        start = time.perf_counter()
        action(i)
        times.append((time.perf_counter() - start) * 1000)
    return times[3:]


def report(name: str, times: Sequence[float]) -> float:
    """Print median and 95th percentile; return the median."""
    median = statistics.median(times)
    print(f"  {name:<52} median {median:6.1f} ms   p95 {np.percentile(times, 95):6.1f} ms   n {len(times)}")
    return median


def kernel() -> None:
    """Redraw, PNG included, compute excluded."""
    print(f"Kernel: redraw of {PIXELS[0]} x {PIXELS[1]}, one 256 x 256 image and one line, PNG included")
    stage = demo.stage()
    results = [compute(i) for i in range(ROUNDS + 3)]
    ours = report("demo (blit, own PNG)", milliseconds(lambda i: encode_png(demo.pixels(stage, results[i]))))
    figure = plain(0)
    kept = (figure.axes[0].images[0], figure.axes[1].lines[0])

    def again(i: int) -> None:
        kept[0].set_data(results[i][0])
        kept[1].set_ydata(results[i][1])
        figure.savefig(io.BytesIO(), format="png")

    theirs = report("set_data, then savefig", milliseconds(again, 30))
    anew = report(
        "new figure, then savefig", milliseconds(lambda i: plain(i).savefig(io.BytesIO(), format="png"), 20)
    )
    print(f"  ratio: {theirs / ours:.1f} and {anew / ours:.1f} times faster\n")


OURS = "from tests.bench.demos import demo\ndemo()"
INTERACT = """\
%matplotlib inline
import matplotlib.pyplot as plt, ipywidgets
from tests.bench.demos import PIXELS, X, compute, setup
def show(phase):
    figure = plt.figure(figsize=(PIXELS[0] / 100, PIXELS[1] / 100), dpi=100)
    axes = setup(figure)
    image, line = compute(phase)
    axes["left"].imshow(image, vmin=0, vmax=400, cmap="gray")
    axes["right"].plot(X, line)
    plt.show()
ipywidgets.interact(show, phase=ipywidgets.IntSlider(0, 0, 100, 1));"""

# From the key press to the new picture: decoded, swapped in, and one frame painted.
WATCH = """(own) => {
  window.samples = [];
  let pressed = null;
  const painted = () => requestAnimationFrame(() => setTimeout(() => {
    if (pressed !== null) window.samples.push(performance.now() - pressed);
    pressed = null;
  }));
  window.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  const inline = '.widget-output, .jp-OutputArea .jp-OutputArea';
  const target = document.querySelector(own ? '.db-picture' : inline);
  new MutationObserver(async () => {
    if (own) return painted();
    const image = target.querySelector('img');
    if (!image || image === window.lastImage) return;
    window.lastImage = image;
    await image.decode();
    painted();
  }).observe(target, own
    ? { attributes: true, attributeFilter: ['data-frame'] }
    : { childList: true, subtree: true });
}"""


def browser() -> None:
    """Slider to pixels in JupyterLab in Chromium, both in the same run."""
    from tests.browser.lab import browser_at, opened, running_lab

    print("Chromium: arrow key on the slider to new pixels on the screen, in JupyterLab")
    medians = {}
    with tempfile.TemporaryDirectory() as folder:
        root, private = Path(folder, "root"), Path(folder, "private")
        root.mkdir()
        private.mkdir()
        here = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        for name, source in (("ours", OURS), ("interact", INTERACT)):
            notebook = nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_code_cell(here), nbformat.v4.new_code_cell(source)],
                metadata={
                    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
                },
            )
            nbformat.write(notebook, root / f"{name}.ipynb")
        with running_lab(root, private) as lab, browser_at() as chrome:
            for name, handle, label in (
                ("ours", ".db-demo input[type=range]", "demo"),
                ("interact", ".noUi-handle", "ipywidgets.interact, inline figure"),
            ):
                with opened(chrome, lab, f"{name}.ipynb") as notebook:
                    notebook.run_all()
                    page = notebook.page
                    page.locator(handle).wait_for()
                    page.wait_for_timeout(1500)
                    page.evaluate(WATCH, name == "ours")
                    page.locator(handle).focus()
                    for _ in range(ROUNDS + 3):
                        seen = page.evaluate("() => window.samples.length")
                        page.keyboard.press("ArrowRight")
                        page.wait_for_function(
                            "(seen) => window.samples.length > seen", arg=seen, timeout=15_000
                        )
                        page.wait_for_timeout(60)
                    medians[name] = report(label, page.evaluate("() => window.samples")[3:])
    print(f"  ratio: {medians['interact'] / medians['ours']:.1f} times faster")


def main(arguments: Sequence[str]) -> None:
    """Run what was asked for, or both."""
    kernel()
    if "kernel" not in arguments:
        browser()


if __name__ == "__main__":
    main(sys.argv[1:])
