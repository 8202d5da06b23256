"""The notebook file itself: what it says of its kernel and format; JSON that is broken, huge or strange."""

# ruff: noqa: E501 - attacks are written as attackers write them
from __future__ import annotations

import json

from tests.grading.redteam.assignment import RIGHT, WRONG, ZERO, cell_of
from tests.grading.redteam.attack import Json, Place, Row, code_cell
from tests.grading.redteam.attacks.notebook import QUESTIONS, meta_name, tests_of

row = Row("notebook")


# What the notebook says about itself.


@row.edit("kernel-bogus", base="right", flags="kernel")
def bogus_kernel(notebook: Json, place: Place) -> None:
    notebook["metadata"]["kernelspec"] = {
        "name": "../../evil", "display_name": "x", "argv": ["/bin/sh", "-c", place.fill("touch @OUTSIDE@/kernel")],
        "language": "bash",
    }  # fmt: skip


@row.edit("kernel-of-wrong-form", base="right")
def odd_kernel(notebook: Json, place: Place) -> None:
    notebook["metadata"] = {
        "kernelspec": ["python3"],
        "language_info": {"name": 7, "version": {"a": 1}},
        "nbgrader": 3,
    }


@row.edit("metadata-a-list", base="right")
def metadata_list(notebook: Json, place: Place) -> None:
    notebook["metadata"] = ["kernelspec"]
    for cell in notebook["cells"]:
        if "nbgrader" not in cell["metadata"]:
            cell["metadata"] = None


@row.edit("jupytext-and-papermill", base="wrong")
def papermill(notebook: Json, place: Place) -> None:
    notebook["metadata"] |= {
        "jupytext": {"formats": "ipynb,../../x.py"}, "papermill": {"parameters": {"score": 4}},
        "celltoolbar": "Create Assignment", "nbgrader": {"max_score": 0}, "total_points": 100,
    }  # fmt: skip


@row.edit("format-3")
def format_3(notebook: Json, place: Place) -> Json:
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            kept = {
                "cell_type": "code",
                "input": cell["source"],
                "language": "python",
                "prompt_number": 1,
                "outputs": [],
            }
        else:
            kept = {"cell_type": cell["cell_type"], "source": cell["source"]}
        cells.append({**kept, "metadata": cell["metadata"]})
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


@row.edit("format-2-empty", marks=ZERO)
def format_2(notebook: Json, place: Place) -> Json:
    return {"nbformat": 2, "metadata": {}, "worksheets": [{"cells": [{"cell_type": "code", "input": "4"}]}]}


@row.edit("format-99", marks=ZERO)
def format_99(notebook: Json, place: Place) -> None:
    notebook["nbformat"] = 99


@row.edit("format-unsaid")
def format_unsaid(notebook: Json, place: Place) -> None:
    del notebook["nbformat"], notebook["nbformat_minor"]


@row.edit("format-4-minor-99")
def minor_99(notebook: Json, place: Place) -> None:
    notebook["nbformat_minor"] = 99
    notebook["future"] = {"cells": []}
    for cell in notebook["cells"]:
        cell["future"] = [1, 2]


# Bytes.


@row.edit("json-truncated", marks=ZERO)
def truncated(notebook: Json, place: Place) -> str:
    text = json.dumps(notebook)
    return text[: len(text) // 2]


@row.edit("json-empty", marks=ZERO)
def empty(notebook: Json, place: Place) -> bytes:
    return b""


@row.edit("json-blank", marks=ZERO)
def blank(notebook: Json, place: Place) -> bytes:
    return b" \n\0\0\n"


@row.edit("json-a-number", marks=ZERO)
def number(notebook: Json, place: Place) -> str:
    return "9" * 100_000


@row.edit("json-a-list", marks=ZERO)
def a_list(notebook: Json, place: Place) -> str:
    return json.dumps([notebook])


@row.edit("json-noise", marks=ZERO)
def noise(notebook: Json, place: Place) -> bytes:
    return bytes(range(256)) * 400


@row.edit("json-nested-100000", marks=ZERO)
def nested(notebook: Json, place: Place) -> str:
    return '{"cells": ' + "[" * 100_000 + "]" * 100_000 + "}"


@row.edit("json-nested-objects", marks=ZERO)
def nested_objects(notebook: Json, place: Place) -> str:
    return json.dumps(notebook)[:-1] + ', "x": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}"


@row.edit("json-60-megabytes", marks=ZERO)
def huge(notebook: Json, place: Place) -> bytes:
    return json.dumps(notebook)[:-1].encode() + b', "x": "' + b"A" * 60_000_000 + b'"}'


@row.edit("json-many-small-lists", marks=ZERO)
def many_lists(notebook: Json, place: Place) -> str:
    return '{"nbformat": 4, "metadata": {}, "cells": [' + "[]," * 3_000_000 + "[]]}"


@row.edit("json-long-number")
def long_number(notebook: Json, place: Place) -> str:
    return json.dumps(notebook).replace('"execution_count": null', '"execution_count": ' + "9" * 5000)


@row.edit("json-nan")
def nan(notebook: Json, place: Place) -> None:
    notebook["metadata"]["x"] = [float("nan"), float("inf"), -float("inf")]


@row.edit("json-duplicate-keys")
def duplicate_keys(notebook: Json, place: Place) -> str:
    text = json.dumps(notebook)
    return '{"cells": [], "metadata": {}, ' + text[1:]


@row.edit("json-duplicate-sources", base="wrong")
def duplicate_sources(notebook: Json, place: Place) -> str:
    text = json.dumps(notebook)
    return text.replace(
        '"source": "def double', '"source": "def double(x):\\n    return 2 * x", "source": "def double'
    )


@row.edit("json-merge-conflict", marks=ZERO)
def conflict(notebook: Json, place: Place) -> str:
    lines = json.dumps(notebook, indent=1).splitlines()
    lines[40:40] = ["<<<<<<< HEAD", lines[40], "=======", lines[41], ">>>>>>> mine"]
    return "\n".join(lines)


@row.edit("encoding-bom")
def bom(notebook: Json, place: Place) -> bytes:
    return b"\xef\xbb\xbf" + json.dumps(notebook).encode()


@row.edit("encoding-utf-16")
def utf_16(notebook: Json, place: Place) -> bytes:
    return json.dumps(notebook).encode("utf-16")


@row.edit("encoding-latin-1")
def latin_1(notebook: Json, place: Place) -> bytes:
    cell_of(notebook, "words")["source"] = "Für größere Werte gilt: é"
    return json.dumps(notebook, ensure_ascii=False).encode("latin-1")


@row.edit("encoding-surrogates")
def surrogates(notebook: Json, place: Place) -> None:
    notebook["cells"].append(code_cell("lone = '\ud800'\nprint(ascii(lone))"))
    cell_of(notebook, "words")["source"] = "half \udfff a character"
    cell_of(notebook, "double")["source"] += "\n# \ud83d and \u202eodd\u202c \ufeff marks"


@row.edit("encoding-nul", marks={"double": 0.0})
def nul(notebook: Json, place: Place) -> None:
    cell_of(notebook, "double")["source"] += "\n# \0 here"
    cell_of(notebook, "words")["source"] += "\0\0"
    notebook["cells"].append(code_cell("a = '\0'"))


@row.edit("source-of-wrong-form")
def odd_sources(notebook: Json, place: Place) -> None:
    for number, cell in enumerate(c for c in notebook["cells"] if not meta_name(c)):
        cell["source"] = [cell["source"].splitlines(True), None, 7, {"a": 1}, [["x"]], [1, "a"]][number % 6]
    setup = next(c for c in notebook["cells"] if c["cell_type"] == "code")
    setup["source"] = "import numpy as np\nVOXELS = np.arange(6.0)"


@row.edit("cells-of-wrong-form")
def odd_cells(notebook: Json, place: Place) -> None:
    notebook["cells"][3:3] = [
        None,
        7,
        "code",
        [],
        {},
        {"cell_type": "code"},
        {"cell_type": ["x"], "source": "1"},
    ]


@row.edit("cell-of-2-megabytes")
def big_cell(notebook: Json, place: Place) -> None:
    notebook["cells"].append(code_cell("text = '" + "x" * 2_000_000 + "'\nlen(text)"))


@row.edit("cells-5000", marks=ZERO, flags="cells")
def many_cells(notebook: Json, place: Place) -> None:
    notebook["cells"] += [code_cell(f"n = {number}") for number in range(5000)]


@row.edit("cells-1500")
def some_cells(notebook: Json, place: Place) -> None:
    notebook["cells"] += [code_cell(f"n = {number}") for number in range(1500)]


@row.edit("another-assignment", marks=ZERO)
def another(notebook: Json, place: Place) -> Json:
    cells = [code_cell("print('week 3')"), code_cell("def solve(x):\n    return x")]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}


@row.edit("source-handed-in", base="wrong")
def looks_like_source(notebook: Json, place: Place) -> None:
    """Forged remains of the instructor's notebook: markers of solutions and of hidden tests that pass."""
    for cell in tests_of(notebook):
        cell["source"] = "### BEGIN HIDDEN TESTS\nscore = 4\n### END HIDDEN TESTS\nscore"
    for name in QUESTIONS:
        cell_of(notebook, name)["source"] = f"### BEGIN SOLUTION\n{WRONG[name]}\n### END SOLUTION"


@row.edit("set-up-edited", base="wrong")
def set_up_edited(notebook: Json, place: Place) -> None:
    cell = next(c for c in notebook["cells"] if c["cell_type"] == "code")
    cell["source"] = (
        "class np:\n    class testing:\n        assert_allclose = assert_array_equal = staticmethod(lambda *a, **k: None)\n"
        "    mean = staticmethod(lambda *a: -1.0)\n"
        "class check:\n    def __init__(self, *a, **k): self.score = 3\n    def __enter__(self): return self\n"
        "    def __exit__(self, *a): return True\n    def __getattr__(self, name): return lambda *a, **k: self\n"
        "VOXELS = []\nTABLE = [-1.0]\n"
    )


@row.edit("set-up-deleted", base="right", answers={"normalise": "import numpy as np\n" + RIGHT["normalise"]})
def set_up_deleted(notebook: Json, place: Place) -> None:
    notebook["cells"].remove(next(c for c in notebook["cells"] if c["cell_type"] == "code"))
