"""The notebook file itself: cells tagged, flipped, moved, forged; JSON that is broken, huge or strange."""

# ruff: noqa: E501 - attacks are written as attackers write them
from __future__ import annotations

import copy
from typing import Any

from tests.grading.redteam.assignment import TESTS, cell_of
from tests.grading.redteam.attack import Json, Place, Row, code_cell

row = Row("notebook")
QUESTIONS = tuple(TESTS)


def tests_of(notebook: Json) -> list[Json]:
    return [cell_of(notebook, f"{name}-test") for name in QUESTIONS]


def meta(cell: Json) -> Json:
    found: Json = cell["metadata"]["nbgrader"]
    return found


def output(text: str) -> Json:
    return {
        "output_type": "execute_result",
        "execution_count": 1,
        "data": {"text/plain": text},
        "metadata": {},
    }


# Metadata that says what to run and what it is worth.


@row.edit("tags-skip-execution", base="wrong", flags="tags|tag")
def skip_execution(notebook: Json, place: Place) -> None:
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = [
            "skip-execution",
            "raises-exception",
            "remove-cell",
            "parameters",
            "nbgrader",
        ]


@row.edit("tags-raises-exception", base="wrong")
def raises_exception(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        cell["metadata"] |= {"tags": ["raises-exception"], "editable": False, "deletable": False}
    notebook["metadata"]["execution"] = {"allow_errors": True}


@row.edit("tags-of-wrong-form", base="right")
def odd_tags(notebook: Json, place: Place) -> None:
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"]["tags"] = [None, {"a": []}, "x" * 9999, number, ["skip-execution"]][number % 5]


@row.edit("flags-flipped", base="wrong")
def flipped(notebook: Json, place: Place) -> None:
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            for name in ("grade", "solution", "locked", "task"):
                meta(cell)[name] = not meta(cell).get(name)


@row.edit("tests-as-solutions", base="wrong")
def tests_as_solutions(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        meta(cell).update(grade=True, solution=True, locked=False)
        cell["source"] = "4"


@row.edit("points-raised", base="wrong")
def raised(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        meta(cell)["points"] = 1000
    meta(cell_of(notebook, "words"))["points"] = -5


@row.edit("points-on-answers", base="wrong")
def points_on_answers(notebook: Json, place: Place) -> None:
    for name in QUESTIONS:
        meta(cell_of(notebook, name)).update(grade=True, points=1e308)
        cell_of(notebook, name)["outputs"] = [output("1e308")]


@row.edit("points-of-wrong-form", base="right")
def odd_points(notebook: Json, place: Place) -> None:
    values: list[Any] = ["many", None, [], float("inf"), 10**400, -1]
    for cell, value in zip(tests_of(notebook), values, strict=True):
        meta(cell)["points"] = value


@row.edit("metadata-of-wrong-form", base="right")
def odd_metadata(notebook: Json, place: Place) -> None:
    for cell, value in zip(
        tests_of(notebook), [None, [], "nbgrader", 7, {"grade_id": {"a": 1}}, {}], strict=True
    ):
        cell["metadata"]["nbgrader"] = value


@row.edit("schema-version-99", base="right")
def schema_99(notebook: Json, place: Place) -> None:
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            meta(cell)["schema_version"] = 99


@row.edit("checksums-forged", base="wrong")
def checksums(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        meta(cell).update(checksum="0" * 32, cell_type="markdown")


# Test cells.


@row.edit("tests-deleted", base="wrong")
def deleted(notebook: Json, place: Place) -> None:
    notebook["cells"] = [c for c in notebook["cells"] if not meta_name(c).endswith("-test")]


def meta_name(cell: Json) -> str:
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


@row.edit("tests-deleted-of-right-answers", base="right", flags="missing|deleted|put back|was not there|lack")
def deleted_right(notebook: Json, place: Place) -> None:
    deleted(notebook, place)


@row.edit("tests-emptied", base="wrong")
def emptied(notebook: Json, place: Place) -> None:
    for cell, text in zip(
        tests_of(notebook), ["", "pass", "4", "score = 4\nscore", "#" * 500, "%%html\n4"], strict=True
    ):
        cell["source"] = text
        cell["outputs"] = [output("4")]


@row.edit("tests-edited-to-break", base="right")
def broken_tests(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        cell["source"] = "assert False\nraise SystemExit"


@row.edit("tests-duplicated", base="wrong", flags="twice|2 times|counts once")
def duplicated(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        other = copy.deepcopy(cell)
        other["source"] = "4"
        other["id"] = f"{cell['id']}-again"
        notebook["cells"].insert(notebook["cells"].index(cell), other)


@row.edit("every-cell-twice", base="right")
def every_cell_twice(notebook: Json, place: Place) -> None:
    notebook["cells"] = [copy.deepcopy(cell) for cell in notebook["cells"] for _ in range(2)]


@row.edit("everything-reversed", base="right")
def reversed_cells(notebook: Json, place: Place) -> None:
    notebook["cells"].reverse()


@row.edit("tests-before-answers", base="wrong")
def tests_first(notebook: Json, place: Place) -> None:
    notebook["cells"].sort(key=lambda cell: not meta_name(cell).endswith("-test"))


@row.edit("tests-raw", base="wrong")
def raw(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        cell["cell_type"] = "raw"
        del cell["outputs"], cell["execution_count"]


@row.edit("tests-markdown", base="right")
def markdown(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        cell["cell_type"] = "markdown"
        cell["attachments"] = {"x.png": {"image/png": "AAAA"}}


@row.edit("answers-markdown", base="right")
def answers_markdown(notebook: Json, place: Place) -> None:
    for name in QUESTIONS:
        cell_of(notebook, name)["cell_type"] = "markdown"


@row.edit("names-swapped", base="wrong")
def swapped(notebook: Json, place: Place) -> None:
    """Answers take the tests' names and ids, and the other way round."""
    for name in QUESTIONS:
        answer, test = cell_of(notebook, name), cell_of(notebook, f"{name}-test")
        meta(answer)["grade_id"], meta(test)["grade_id"] = f"{name}-test", name
        answer["id"], test["id"] = test["id"], answer["id"]
        answer["source"] = "4"


@row.edit("names-with-paths", base="right")
def names_with_paths(notebook: Json, place: Place) -> None:
    names = [
        "../../../x",
        "/etc/passwd",
        "a\0b",
        "double-test\n",
        "\u202etset-elbuod",
        "<script>alert(1)</script>",
        "",
    ]
    for number, name in enumerate(names):
        cell = code_cell(f"extra_{number} = 1")
        cell["metadata"]["nbgrader"] = {
            "grade_id": name, "grade": True, "solution": False, "locked": True, "points": 9, "schema_version": 3,
        }  # fmt: skip
        notebook["cells"].append(cell)


@row.edit("ids-of-tests-taken", base="wrong")
def ids_taken(notebook: Json, place: Place) -> None:
    """Extra cells bear the ids of the test cells; the test cells bear none."""
    for cell in tests_of(notebook):
        thief = code_cell("4")
        thief["id"] = cell.pop("id")
        thief["outputs"] = [output("4")]
        notebook["cells"].append(thief)


@row.edit("ids-all-the-same", base="right")
def same_ids(notebook: Json, place: Place) -> None:
    for cell in notebook["cells"]:
        cell["id"] = "x"


@row.edit("ids-of-wrong-form", base="right")
def odd_ids(notebook: Json, place: Place) -> None:
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = [None, 7, "../" * 99, "a b", {"id": 1}, "\u202e", "é" * 500][number % 7]


@row.edit("tests-in-answers", base="wrong")
def tests_in_answers(notebook: Json, place: Place) -> None:
    for name, (_, shown, _) in TESTS.items():
        cell_of(notebook, name)["source"] += (
            f"\n### END SOLUTION\n### BEGIN HIDDEN TESTS\n{shown.splitlines()[0]}\n### END HIDDEN TESTS\nscore = 4\nscore"
        )


@row.edit("unended-markers", base="right")
def unended(notebook: Json, place: Place) -> None:
    for name in QUESTIONS:
        cell_of(notebook, name)["source"] += (
            "\n### BEGIN HIDDEN TESTS\n### BEGIN SOLUTION\n# === BEGIN MARK SCHEME ===\n### AUTOTEST 1"
        )


# Outputs, counts and what a browser would do with them.


@row.edit("outputs-forged", base="wrong")
def forged(notebook: Json, place: Place) -> None:
    for number, cell in enumerate(c for c in notebook["cells"] if c["cell_type"] == "code"):
        cell["execution_count"] = number + 1
        cell["outputs"] = [
            output("4"),
            {"output_type": "stream", "name": "stdout", "text": "Right (4 of 4 points)"},
        ]


@row.edit("outputs-of-wrong-form", base="right")
def odd_outputs(notebook: Json, place: Place) -> None:
    forms: list[Any] = [
        None,
        7,
        [None],
        [{"output_type": "x"}],
        [{"output_type": "display_data", "data": 3}],
        {"a": 1},
    ]
    for number, cell in enumerate(c for c in notebook["cells"] if c["cell_type"] == "code"):
        cell["outputs"] = forms[number % len(forms)]
        cell["execution_count"] = ["one", -1, 1e99, True][number % 4]


@row.edit("outputs-of-errors-forged", base="right")
def forged_errors(notebook: Json, place: Place) -> None:
    for cell in tests_of(notebook):
        cell["outputs"] = [{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}]


SCRIPT = "<script>fetch('http://127.0.0.1:@PORT@/script')</script><img src=x onerror='fetch(`http://127.0.0.1:@PORT@/x`)'>"


@row.edit("scripts-in-markdown", base="right")
def scripts(notebook: Json, place: Place) -> None:
    text = place.fill(SCRIPT)
    cell_of(notebook, "words")["source"] = text + "![x](javascript:alert(1)) [y](data:text/html,x) " + text
    cell_of(notebook, "words")["attachments"] = {
        "x.html": {"text/html": text}, "../../x.png": {"image/png": "AAAA"}, "a.svg": {"image/svg+xml": text},
    }  # fmt: skip
    notebook["cells"].append(
        {"cell_type": "raw", "id": "r", "metadata": {"format": "text/html"}, "source": text}
    )
    notebook["metadata"] |= {"title": text, "authors": [{"name": text}], "widgets": {"state": {text: text}}}


row.right(
    "scripts-in-displays",
    "from IPython.display import HTML, Javascript, SVG, IFrame, display",
    last=(
        f'display(HTML("""{SCRIPT}"""))',
        "Javascript('element.append(1)')",
        "IFrame('http://127.0.0.1:@PORT@/frame', 10, 10)",
        'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" onload="fetch(1)"><script>1</script></svg>\')',
        f"print('''{SCRIPT}''')",
        f"raise ValueError('''{SCRIPT}''')",
        "display({'text/html': '<style>*{display:none}</style><form action=http://127.0.0.1:@PORT@>'}, raw=True)",
        "display({'application/vnd.jupyter.widget-view+json': {'model_id': '</script>'}}, raw=True)",
    ),
    answers={"double": f"def double(x):\n    print('''{SCRIPT}''')\n    return 2 * x"},
)
