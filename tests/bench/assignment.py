"""A course folder with one assignment on images that imports all that is heavy, and a class that handed it in.

The assignment has eight exercises on a small image: thresholds, regions, filters, a fit, a figure, a convolution and a
gradient in torch; checks are plain asserts, `numpy.testing`, numbers for partial credit and the course's own. The
submissions are right, wrong, half right, untouched, or right with cells of the student's own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from autograder.trial import run_nbgrader

ASSIGNMENT = "images"
NOTEBOOK = "exercises"

SET_UP = """\
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import ndimage, optimize
from skimage import filters, measure

from digital_biopsy.check import check"""

DATA = """\
rng = np.random.default_rng(5)
image = ndimage.gaussian_filter(rng.normal(size=(96, 96)), 4) * 20
image[30:60, 20:50] += 4.0
image[70:85, 60:90] += 5.0"""

#: Name, points, stub, answer, wrong answer, check.
EXERCISES = [
    (
        "threshold", 2,
        "def mask(image):\n    raise NotImplementedError",
        "def mask(image):\n    return image > filters.threshold_otsu(image)",
        "def mask(image):\n    return image > image.mean()",
        "found = mask(image)\nassert found.shape == image.shape\nassert found.dtype == bool\n"
        "assert found.sum() == (image > filters.threshold_otsu(image)).sum(), 'another number of pixels'\n"
        "### BEGIN HIDDEN TESTS\nother = image[::-1, 10:80] ** 2\n"
        "assert (mask(other) == (other > filters.threshold_otsu(other))).all()\n### END HIDDEN TESTS",
    ),
    (
        "regions", 2,
        "def regions(mask):\n    raise NotImplementedError",
        "def regions(mask):\n    return int(measure.label(mask, connectivity=1).max())",
        "def regions(mask):\n    return int(mask.sum())",
        "squares = np.zeros((20, 20), bool)\nsquares[2:5, 2:5] = squares[8:12, 8:12] = squares[12:15, 12:15] = True\n"
        "assert regions(squares) == 3\n### BEGIN HIDDEN TESTS\n"
        "assert regions(np.zeros((4, 4), bool)) == 0\nassert regions(np.eye(6, dtype=bool)) == 6\n### END HIDDEN TESTS",
    ),
    (
        "smooth", 3,
        "def smooth(image, fwhm):\n    raise NotImplementedError",
        "def smooth(image, fwhm):\n    return ndimage.gaussian_filter(image, fwhm / np.sqrt(8 * np.log(2)))",
        "def smooth(image, fwhm):\n    return ndimage.gaussian_filter(image, fwhm)",
        "with check('smooth', points=3, hidden=['nothing to do']) as c:\n"
        "    c.gives(ndimage.gaussian_filter(image, 4 / np.sqrt(8 * np.log(2))), image=image, fwhm=4, tol=1e-9)\n"
        "    c.mistake(ndimage.gaussian_filter(image, 4), image=image, fwhm=4, says='That is a sigma.')\n"
        "    ### BEGIN HIDDEN TESTS\n"
        "    with c.hidden('nothing to do', says='A width of zero changes nothing.'):\n"
        "        c.gives(image, image=image, fwhm=0, tol=1e-9)\n    ### END HIDDEN TESTS\nc.score",
    ),
    (
        "area", 1,
        "area = ...",
        "area = float((image > 2.0).mean())",
        "area = 0.5",
        "np.testing.assert_allclose(area, (image > 2.0).mean(), atol=1e-6)",
    ),
    (
        "decay", 3,
        "def decay(t, y):\n    raise NotImplementedError",
        "def decay(t, y):\n    (a, rate), _ = optimize.curve_fit(lambda t, a, k: a * np.exp(-k * t), t, y, p0=(1, 1))\n"
        "    return float(rate)",
        "def decay(t, y):\n    return float(np.log(y[0] / y[-1]))",
        "t = np.linspace(0, 2, 40)\nscore = 0\nfor rate in (0.7, 1.3, 2.1):\n"
        "    score += abs(decay(t, 3 * np.exp(-rate * t)) - rate) < 1e-3\nscore",
    ),
    (
        "profile", 2,
        "def profile(image, row):\n    raise NotImplementedError",
        "def profile(image, row):\n    return image[row - 1 : row + 2].mean(axis=0)",
        "def profile(image, row):\n    return image[row]",
        "for row in (10, 40, 80):\n"
        "    np.testing.assert_allclose(profile(image, row), image[row - 1 : row + 2].mean(0), rtol=1e-6)",
    ),
    (
        "convolution", 3,
        "def edges(image):\n    raise NotImplementedError",
        "def edges(image):\n    kernel = torch.tensor([[-1.0, 0.0, 1.0]], dtype=image.dtype)[None, None]\n"
        "    return torch.nn.functional.conv2d(image[None, None], kernel, padding='same')[0, 0]",
        "def edges(image):\n    return image",
        "tensor = torch.from_numpy(image)\nfound = edges(tensor)\nassert found.shape == tensor.shape\n"
        "expected = tensor[:, 2:] - tensor[:, :-2]\nassert torch.allclose(found[:, 1:-1], expected)",
    ),
    (
        "gradient", 2,
        "def gradient(w, x, y):\n    raise NotImplementedError",
        "def gradient(w, x, y):\n    w = w.clone().requires_grad_(True)\n"
        "    loss = ((torch.sigmoid(x @ w) - y) ** 2).mean()\n    loss.backward()\n    return w.grad",
        "def gradient(w, x, y):\n    return torch.zeros_like(w)",
        "torch.manual_seed(2)\nx = torch.randn(50, 4)\ny = (x[:, 0] > 0).float()\n"
        "w = torch.tensor([1.0, 0.5, -0.5, 0.0])\np = torch.sigmoid(x @ w)\n"
        "expected = (2 * (p - y) * p * (1 - p))[:, None].mul(x).mean(0)\n"
        "assert torch.allclose(gradient(w, x, y), expected, atol=1e-5)",
    ),
]  # fmt: skip

FIGURE = """\
figure, axes = plt.subplots(1, 2, figsize=(7, 3))
axes[0].imshow(image, cmap="gray")
axes[1].hist(image.ravel(), bins=60)
plt.show()"""

EXTRA = [
    "print('trying something:', [n ** 2 for n in range(5)])",
    "import math\nmath.pi * 2",
    "check_myself = np.abs(image).max()\ncheck_myself",
    "plt.plot(image[40])\nplt.show()",
]


def _cell(source: str, name: str, *, points: int | None = None, solution: bool = False) -> NotebookNode:
    grade = points is not None
    meta = {
        "grade_id": name, "grade": grade, "solution": solution, "locked": not solution, "task": False,
        "schema_version": 3,
    }  # fmt: skip
    if grade:
        meta["points"] = points
    cell = v4.new_code_cell(source, metadata={"nbgrader": meta})
    cell["id"] = name
    return cell


def source() -> NotebookNode:
    """The instructor's notebook."""
    title = v4.new_markdown_cell("# Images\n\nEight exercises on a small image.")
    title["id"] = "title"
    cells = [title, _cell(SET_UP, "set-up"), _cell(DATA, "data")]
    for name, points, _, answer, _, test in EXERCISES:
        lines = answer.splitlines()
        region = ["### BEGIN SOLUTION", *lines, "### END SOLUTION"]
        cells.append(_cell("\n".join(region), name, solution=True))
        cells.append(_cell(test, f"{name}-check", points=points))
    cells.insert(5, _cell(FIGURE, "figure"))
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


def submission(released: NotebookNode, number: int) -> NotebookNode:
    """The notebook of one student: right, half right, wrong, untouched, or right with extra cells."""
    draw = random.Random(number)
    kind = ("right", "half", "wrong", "extra", "untouched")[number % 5]
    notebook = nbformat.from_dict(released)
    parts = {name: (stub, answer, wrong) for name, _, stub, answer, wrong, _ in EXERCISES}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in parts:
            stub, answer, wrong = parts[name]
            choice = {"right": answer, "extra": answer, "wrong": wrong, "untouched": stub}.get(kind)
            text = choice or draw.choice([answer, wrong, stub])
            cell.source = text if kind == "untouched" else f"# student {number}\n{text}"
    if kind == "extra":
        for _ in range(4):
            cell = v4.new_code_cell(draw.choice(EXTRA))
            notebook.cells.insert(draw.randrange(3, len(notebook.cells) + 1), cell)
    return notebook


def make_course(folder: Path, db: str | None = None) -> NotebookNode:
    """Make the course folder and its gradebook; return the released notebook."""
    place = folder / "source" / ASSIGNMENT
    place.mkdir(parents=True)
    nbformat.write(source(), place / f"{NOTEBOOK}.ipynb")
    (folder / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'bench'\nc.Execute.timeout = 120\n", encoding="utf-8"
    )
    generate(folder, db)
    released = nbformat.read(folder / "release" / ASSIGNMENT / f"{NOTEBOOK}.ipynb", as_version=4)
    assert isinstance(released, NotebookNode)
    return released


def generate(folder: Path, db: str | None = None) -> None:
    """Put the assignment into a gradebook: the folder's own, or another."""
    more = [f"--CourseDirectory.db_url={db}"] if db else []
    run_nbgrader(folder, "generate_assignment", ASSIGNMENT, "--force", *more)


def submit(folder: Path, released: NotebookNode, numbers: range) -> None:
    """Hand in for these students."""
    for number in numbers:
        place = folder / "submitted" / f"student{number:04d}" / ASSIGNMENT
        place.mkdir(parents=True)
        nbformat.write(submission(released, number), place / f"{NOTEBOOK}.ipynb")
        stamp = f"2026-01-{1 + number % 28:02d} 12:00:00 UTC"
        (place / "timestamp.txt").write_text(stamp, encoding="utf-8")


def code_cells(folder: Path, student: str) -> Iterator[str]:
    """The code cells that the engine runs for a student: the autograded notebook's, with the hidden tests."""
    path = folder / "autograded" / student / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            yield cell.source
