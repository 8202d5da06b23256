"""The assignment that the red team attacks, and honest answers to it.

Six questions, one for each way of testing: plain asserts, numpy.testing, a check of the course, a number as partial
credit, expected errors, and what is true or contained; all with hidden tests.
A question reads a data file. One answer is marked by hand.
"""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode, v4

from tests.engine.notebooks import graded

NAME = "redteam"
NOTEBOOK = "exercises"
DATA = "data/values.txt"
DATA_TEXT = "1\n2\n3\n4\n5\n"

SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"

SETUP = """\
import numpy as np
from digital_biopsy.check import check
VOXELS = np.arange(6.0)
with open("data/values.txt") as file:
    TABLE = [float(line) for line in file]"""

SOLUTIONS = {
    "double": "def double(x):\n    # {solution}\n    return 2 * x",
    "normalise": "def normalise(a):\n    # {solution}\n    return (a - np.mean(a)) / np.std(a)",
    "window": """\
def window(hu, low, high):
    # {solution}
    if low >= high:
        raise ValueError("the window is empty")
    return min(1.0, max(0.0, (hu - low) / (high - low)))""",
    "mean-of": "def mean_of(values):\n    # {solution}\n    return sum(values) / len(values)",
    "dose": """\
def checked_dose(dose):
    # {solution}
    if not dose >= 0:
        raise ValueError("a dose is not negative")
    return dose""",
    "divisors": """\
def divisors(n):
    # {solution}
    return [d for d in range(1, n + 1) if n % d == 0]""",
}
TESTS: dict[str, tuple[float, str, str]] = {
    "double": (
        2,
        "assert double(2) == 4\nassert double(-1.5) == -3.0",
        """\
SECRET = "{hidden}"
assert double(731.25) == 1462.5
for value in np.random.default_rng().integers(1, 10**6, size=3):
    assert double(int(value)) == 2 * int(value), "{hidden}\"""",
    ),
    "normalise": (
        3,
        """\
np.testing.assert_allclose(normalise(VOXELS), (np.arange(6.0) - 2.5) / np.sqrt(35 / 12))
kept = np.array([1.0, 2.0, 4.0])
normalise(kept)
np.testing.assert_array_equal(kept, [1.0, 2.0, 4.0])""",
        """\
for sample in np.random.default_rng().normal(size=(2, 5)):
    np.testing.assert_allclose(np.mean(normalise(sample)), 0.0, atol=1e-9, err_msg="{hidden}")
    np.testing.assert_allclose(np.std(normalise(sample)), 1.0)
    assert np.argmax(normalise(sample)) == np.argmax(sample)""",
    ),
    "window": (
        3,
        """\
with check("window", points=3, hidden=["outside"]) as c:
    c.gives(0.5, hu=50.0, low=0.0, high=100.0)
    c.gives(0.25, hu=-50.0, low=-100.0, high=100.0)
    c.raises(ValueError, hu=1.0, low=2.0, high=2.0)
    c.mistake(lambda hu, low, high: hu / high, says="You forgot the lower end.")""",
        """\
    with c.hidden("outside", says="Beyond the window there is only black and white."):
        c.gives(1.0, hu=731.25, low=-100.0, high=100.0, says="{hidden}")
        c.gives(0.0, hu=-731.25, low=-100.0, high=100.0)""",
    ),
    "mean-of": (
        4,
        """\
score = 0
with open("data/values.txt") as file:
    lines = [float(line) for line in file]
if mean_of(lines) == np.mean(lines):
    score += 1
if mean_of(TABLE) == 3.0:
    score += 1
if abs(mean_of([2.0, 4.0]) - 3.0) < 1e-9:
    score += 1""",
        'wanted = "{hidden}"\nif mean_of([10, 20, 731.25]) == 253.75:\n    score += 1',
    ),
    "dose": (
        3,
        """\
def refused(dose):
    try:
        checked_dose(dose)
    except ValueError:
        return True
    return False
assert all(map(refused, [-1.0, -0.5]))
assert checked_dose(2.0) == 2.0
assert not refused(0.5)""",
        'assert refused(float("nan")), "{hidden}"\nassert checked_dose(731.25) == 731.25',
    ),
    "divisors": (
        2,
        "assert divisors(7)\nassert 3 in divisors(12)\nassert 12 in divisors(12)",
        'assert 17 in divisors(731), "{hidden}"\nassert all(d in divisors(28) for d in (1, 2, 4, 7, 14, 28))',
    ),
}
AFTER = {"window": "c.score", "mean-of": "score"}
FULL = {name: float(points) for name, (points, _, _) in TESTS.items()}
ZERO = dict.fromkeys(FULL, 0.0)

RIGHT = {
    "double": "def double(x):\n    return x + x",
    "normalise": "def normalise(a):\n    return (a - a.mean()) / a.std()",
    "window": """\
def window(hu, low, high):
    if not low < high:
        raise ValueError("low must lie below high")
    return float(np.clip((hu - low) / (high - low), 0, 1))""",
    "mean-of": "def mean_of(values):\n    return float(np.mean(values))",
    "dose": "def checked_dose(dose):\n    if dose >= 0:\n        return dose\n    raise ValueError(f'no dose: {dose}')",
    "divisors": "def divisors(n):\n    return {d for d in range(1, n + 1) if not n % d}",
    "words": "Because a dose is an amount.",
}
# Wrong in every test, without a trick.
WRONG = {
    "double": "def double(x):\n    return 0",
    "normalise": "def normalise(a):\n    return [0.0] * len(a)",
    "window": "def window(hu, low, high):\n    return -1.0",
    "mean-of": "def mean_of(values):\n    return -1.0",
    "dose": "def checked_dose(dose):\n    return None",
    "divisors": "def divisors(n):\n    return []",
    "words": "No idea.",
}


def source(hidden: str, solution: str) -> NotebookNode:
    """Make the instructor's notebook.

    Parameters
    ----------
    hidden, solution
        Words to plant in the hidden tests and in the solutions.
    """
    cells = [v4.new_markdown_cell("# Attack this"), v4.new_code_cell(SETUP)]
    for name, (points, shown, secret) in TESTS.items():
        cells.append(v4.new_markdown_cell(f"## {name}"))
        answer = SOLUTION.format(SOLUTIONS[name].replace("{solution}", solution))
        cells.append(graded("code", name, answer, solution=True))
        parts = [shown, HIDDEN.format(secret.replace("{hidden}", hidden)), AFTER.get(name, "")]
        text = "\n".join(part for part in parts if part)
        cells.append(graded("code", f"{name}-test", text, grade=True, locked=True, points=points))
    cells.append(graded("markdown", "words", f"{solution}", grade=True, solution=True, points=5))
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(
        cells=cells, metadata={"kernelspec": spec, "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def cell_of(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the cell of a notebook's JSON with this grade_id."""
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name)
