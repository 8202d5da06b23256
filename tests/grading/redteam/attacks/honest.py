"""Honest submissions: each must get its exact mark amid the others."""

# ruff: noqa: E501 - attacks are written as attackers write them
from __future__ import annotations

from tests.grading.redteam.assignment import RIGHT, WRONG, cell_of
from tests.grading.redteam.attack import Json, Place, Row, code_cell

row = Row("honest")

row.right("honest-right", "# @HONEST@ is a private note\nnote = '@HONEST@'")
row.right(
    "honest-right-otherwise",
    answers={
        "double": "double = lambda number: 2.0 * number",
        "normalise": """\
def normalise(values):
    total = sum(float(value) for value in values)
    middle = total / len(values)
    spread = (sum((value - middle) ** 2 for value in values) / len(values)) ** 0.5
    return [(value - middle) / spread for value in values]""",
        "window": """\
class EmptyWindow(ValueError):
    pass

def window(hu, low, high):
    if high <= low:
        raise EmptyWindow(f"{low} to {high}")
    share = (hu - low) / (high - low)
    return 0.0 if share < 0 else 1.0 if share > 1 else share""",
        "mean-of": "from statistics import fmean\nmean_of = fmean",
    },
)
row.wrong("honest-wrong")
row.wrong(
    "honest-half",
    answers={
        "double": RIGHT["double"],
        "mean-of": "def mean_of(values):\n    return sum(values) / 5",
        "dose": RIGHT["dose"],
    },
    marks={"double": 2.0, "mean-of": 2.0, "dose": 3.0},
)


row.stub("honest-untouched")
row.right(
    "honest-own-cells",
    "half = 0.5\nprint(half)",
    "def twice(number):\n    return number / half",
    answers={"double": "def double(x):\n    return twice(x)"},
    last=("for value in (1, 2.5):\n    print(double(value))", "VOXELS.sum()", "len(normalise(VOXELS))"),
)


@row.edit("honest-split")
def split(notebook: Json, place: Place) -> None:
    """An answer split into two cells, as JupyterLab does it: both keep the grade_id."""
    cell = cell_of(notebook, "normalise")
    cell["source"] = "def centred(a):\n    return a - a.mean()"
    other = {**cell, "id": "split", "source": "def normalise(a):\n    return centred(a) / a.std()"}
    notebook["cells"].insert(notebook["cells"].index(cell) + 1, other)


row.right(
    "honest-imports",
    "import math, os.path as way, collections",
    answers={
        "double": "from operator import mul as times\ndef double(x):\n    import operator\n    return times(2, x)",
        "normalise": "import numpy\nfrom scipy import stats\ndef normalise(a):\n    return stats.zscore(numpy.array(a))",
        "window": "import numpy as n\ndef window(hu, low, high):\n    if low >= high:\n        raise ValueError('no')\n"
        "    return float(n.interp(hu, [low, high], [0, 1]))",
        "mean-of": "def mean_of(values):\n    from math import fsum\n    return fsum(values) / len(values)",
    },
)
row.right(
    "honest-figures",
    "%matplotlib inline\nimport matplotlib.pyplot as plt",
    answers={
        "double": "def double(x):\n    print('doubling', x)\n    return 2 * x\nplt.plot([double(v) for v in range(4)])\nplt.show()"
    },
    last=(
        "figure, axes = plt.subplots()\naxes.imshow(np.random.rand(8, 8))\nfigure",
        "from IPython.display import HTML, Markdown, display\ndisplay(Markdown('**bold**'))\nHTML('<b>done</b>')",
    ),
)
row.right(
    "honest-files",
    "import os\nfrom mine import twice\nwith open('notes.txt', 'w') as out:\n    out.write('3.5')\nos.makedirs('a/b')",
    answers={
        "double": "factor = float(open('notes.txt').read()) - 1.5\ndef double(x):\n    return twice(x) * factor / 2"
    },
    last=("print(os.listdir('.'))\nos.remove('notes.txt')",),
    files={"mine.py": "def twice(x):\n    return 2 * x\n"},
)
row.right(
    "honest-random",
    "import random\nrandom.seed(3)\nnp_rng = __import__('numpy').random.default_rng(7)",
    answers={
        "double": "np.random.seed(0)\ndef double(x):\n    return x * (2 if np.random.rand() < 2 else 3)",
        "mean-of": "def mean_of(values):\n    order = list(values)\n    random.shuffle(order)\n    return sum(order) / len(order)",
    },
    last=("print(random.random(), np.random.rand(), np.random.default_rng().normal())",),
)


@row.edit("honest-pip-and-errors")
def with_errors(notebook: Json, place: Place) -> None:
    """Cells that fail, for reasons that an honest student may have."""
    notebook["cells"][2:2] = [
        code_cell("!pip install numpy"),
        code_cell("undefined_name"),
        code_cell("def broken(:\n    pass"),
        code_cell("input('your name? ')"),
        code_cell("1 / 0"),
    ]


row.right(
    "honest-one-broken",
    answers={"normalise": "def normalise(a):\n    return (a - a.mean() / a.std()", "window": WRONG["window"]},
    marks={"normalise": 0.0, "window": 0.0},
)
