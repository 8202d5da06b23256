"""What the checker runs, and whose names count."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode, v4

from autograder.engine.plan import Plan, Step, plan
from autograder.engine.rebuild import RebuildError, rebuild
from autograder.sources import read_source
from tests.engine.notebooks import FIXTURES, answered, assignment, fixture, graded

SOLUTIONS = Path(__file__).parents[2] / "solutions"


def source(*cells: str) -> NotebookNode:
    """Make an assignment: each text starts with "set-up:", "solution:" or "test:"."""
    made = []
    for number, text in enumerate(cells):
        kind, _, code = text.partition(":")
        code = code.strip("\n ")
        if kind == "set-up":
            made.append(v4.new_code_cell(code))
        elif kind == "solution":
            made.append(graded("code", f"c{number}", code, solution=True))
        else:
            made.append(graded("code", f"c{number}", code, grade=True, locked=True, points=1))
    return v4.new_notebook(cells=made)


def last(*cells: str) -> Step:
    """Return the last step of an assignment."""
    return plan(source(*cells)).steps[-1]


def test_the_steps_are_the_code_cells_that_are_no_solutions() -> None:
    steps = plan(assignment()).steps
    assert [(s.index, s.kind, s.name, s.number, s.hidden) for s in steps] == [
        (0, "setup", "", 1, False),
        (1, "setup", "helper", 2, False),
        (2, "test", "square-test", 4, True),
        (3, "setup", "", 6, False),
        (4, "test", "cube-test", 7, False),
    ]


def test_a_step_knows_its_cell_in_the_rebuilt_notebook() -> None:
    submitted = answered(assignment())
    submitted.cells.insert(3, v4.new_code_cell("mine = 1"))
    cells = {cell["id"]: cell for cell in rebuild(assignment(), submitted).notebook.cells}
    for step in plan(assignment()).steps:
        assert cells[step.cell_id].source == step.source


@pytest.mark.parametrize(
    ("cells", "takes"),
    [
        (["solution: def f(x): return x", "test: assert f(1) == 1"], {"f"}),
        (["set-up: import numpy as np", "solution: x = np.ones(3)", "test: assert np.all(x == 1)"], {"x"}),
        (["solution: x = 1", "set-up: x = 2", "test: assert x == 2"], set()),
        (["set-up: x = 2", "solution: x = 1", "test: assert x == 1"], {"x"}),
        (["solution: pass", "test: assert unheard_of == 1"], {"unheard_of"}),
        (["test: unheard_of = 1\nassert unheard_of == 1"], set()),
        (["solution: x = 1", "test: x = 2\nassert x == 2"], set()),
        (["solution: sum = 3", "test: assert sum == max(3, 2)"], {"sum"}),
        (["solution: import math", "test: assert math.pi"], {"math"}),
        (["solution: x, *y = 1, 2", "test: assert (x, y)"], {"x", "y"}),
        (["solution: for x in range(3): y = x", "test: assert (x, y)"], {"x", "y"}),
        (["solution: with open('f') as x: pass", "test: x"], {"x"}),
        (["solution: assert (x := 3)", "test: x"], {"x"}),
        (["solution: y = [x := k for k in range(3)]", "test: x, k"], {"x", "k"}),
        (["solution: def f():\n    global x\n    x = 1", "test: x"], {"x"}),
        (["set-up: x = 0", "solution: def f():\n    x = 1", "test: x"], set()),
        (["set-up: x = 0", "solution: match [1]:\n    case [x]: pass", "test: x"], {"x"}),
        (["set-up: x = 0", "solution: del x", "test: x"], {"x"}),
        (["set-up: x = 0", "solution: try: 1\nexcept E as x: pass", "test: x"], {"x"}),
        (["solution: x = 1", "test: [x for x in (1, 2)]"], set()),
        (["solution: x = 1", "test: [y for y in x if z]"], {"x", "z"}),
        (["solution: x = 1", "test: if f():\n    x = 2\nprint(x)"], {"x", "f"}),
        (["solution: x = 1", "test: (lambda x: x)(2)"], set()),
        (["solution: x = 1", "test: def t(y): return x + y"], set()),
        (["solution: x = 1", "test: def t(y): return x + y\nassert t(1)"], {"x"}),
        (["solution: x = 1", "test: class T:\n    x = 3\n    def m(self): return x\nT().m()"], {"x"}),
    ],
)
def test_a_name_is_whose_cell_bound_it_last(cells: list[str], takes: set[str]) -> None:
    assert last(*cells).takes == takes


@pytest.mark.parametrize(
    "change",
    [
        "x['a'] = 1",
        "x.a = 1",
        "x.a.b[0].c = 1",
        "x += [1]",
        "del x[0]",
        "x.append(1)",
        "y = x.pop()",
        "import random; random.shuffle(x)",
        "from heapq import *\nheappush(x, 1)",
        "import numpy as np; np.copyto(x, 3)",
        "import numpy as np; np.add.at(x, 0, 3)",
        "import numpy as np; np.add(1, 2, out=x)",
        "setattr(x, 'a', 1)",
        "def f():\n    x.append(1)",
        "def f(y):\n    y.append(1)\nf(x)",
        "def f(y):\n    y[0] = 1\ndef g():\n    f(y=x)",
        "y = x\ny.append(1)",
        "for row in x:\n    row[0] = 1",
        "for i, row in enumerate(x):\n    row[0] = 1",
        "x.ravel()[0] = 1",
        "x.zero_()",
        "import torch; torch.nn.init.zeros_(x)",
        "x.train()\nNone",
        "(x if x else [])[0] = 1",
        "[row.append(1) for row in x]",
    ],
)
def test_what_a_solution_changes_in_place_is_the_students(change: str) -> None:
    step = last("set-up: x = dict()", f"solution: {change}", "test: assert x")
    assert "x" in step.takes
    assert "x" not in step.own


@pytest.mark.parametrize(
    "use",
    [
        "y = x.sum()",
        "print(x)",
        "y = x + 1\ny += 1",
        "def f(x):\n    x.append(1)",
        "def f():\n    x = []\n    x.append(1)",
        "def f(y):\n    y.append(1)\ny = f",
        "y = sorted(x)\ny.append(1)",
        "y = {}\ny[x] = 1",
        "y = x.head()",
    ],
)
def test_what_a_solution_only_reads_stays_the_checkers(use: str) -> None:
    step = last("set-up: x = dict()", f"solution: {use}", "test: assert x")
    assert step.takes == set()
    assert step.own["x"] == 0


def test_an_import_of_a_set_up_cell_never_becomes_the_students() -> None:
    step = last(
        "set-up: import matplotlib.pyplot as plt\nfrom here import table",
        "solution: plt.rcParams['a'] = 1\nplt.plot()\nNone\ntable['x'] = 3",
        "test: assert plt and table",
    )
    assert step.takes == set()
    assert step.imported == {"plt", "table"}


def test_aliases_and_functions_are_followed_from_cell_to_cell() -> None:
    cells = ["set-up: x = dict()\nz = x", "solution: y = x", "solution: def f(a, *, b): b.append(a)"]
    assert last(*cells, "test: x").takes == set()
    assert last(*cells, "solution: f(1, b=y)", "test: x, z").takes == {"x", "z"}
    assert last(*cells, "solution: f(y, b=[])", "test: x").takes == set()
    assert last(*cells, "set-up: y.append(1)", "test: x").takes == {"x"}


def test_a_set_up_cell_that_uses_an_answer_binds_the_checkers_names() -> None:
    steps = plan(source("solution: def f(x): return x", "set-up: y = f(3)", "test: assert y == 3")).steps
    assert steps[0].takes == {"f"}
    assert steps[0].asks
    assert steps[1].own == {"y": 0}
    assert steps[1].students({"f", "y"}, ours={"y"}) == {"f"}  # by what `y` was made from
    assert steps[1].students({"y"}, ours={"y"}) == set()
    assert steps[1].students({"y"}, ours={"y"}, failed={0}) == {"y"}


def test_functions_of_earlier_cells_lead_to_the_students_names() -> None:
    cells = [
        "set-up: def helper(): return deeper() + 1\ndef deeper(): return f(2)",
        "set-up: def look(): return check('area')",
        "solution: def f(x): return x\narea = 3",
    ]
    assert plan(source(*cells)).steps[0].takes == set()
    assert last(*cells, "test: assert helper() == 3").takes == {"f"}
    assert last(*cells, "test: hs = [helper]\nhs[0]()").takes == {"f"}
    step = last(*cells, "test: look()")
    assert step.asks
    assert step.students({"area", "f"}) == {"area"}


def test_names_may_be_looked_up_as_strings() -> None:
    step = last(
        "set-up: from c import check\nw = 1", "solution: area = 3", "test: check('area', w='w', x='free')"
    )
    assert step.takes == set()
    assert step.asks
    assert step.students({"area", "w", "free", "check", "other"}) == {"area", "free"}


def test_a_cell_that_looks_at_the_namespace_sees_every_name_of_the_students() -> None:
    step = last("set-up: w = 1", "solution: part1 = 3", "test: assert globals()[f'part{1}']")
    assert step.whole
    assert step.asks
    assert step.students({"part1", "extra", "w", "print", "In", "__name__"}) == {"part1", "extra"}


def test_what_the_checker_came_by_itself_is_its_own() -> None:
    cells = [
        "set-up: from numpy import *",
        "solution: def mean(x): return 3",
        "test: assert mean(array([1])) == 3",
    ]
    steps = plan(source(*cells)).steps
    assert "*" in steps[0].binds
    assert steps[1].students({"mean", "array"}, ours={"mean", "array"}) == {"mean"}


def test_a_set_up_cell_that_fails_leaves_its_names_to_the_student_but_for_its_imports() -> None:
    step = last("solution: f = 1", "set-up: import numpy as np\ny = f.g(np)", "test: assert np.all(y)")
    assert step.students({"np", "y"}, ours={"np", "y"}) == set()
    assert step.students({"np", "y"}, ours={"np"}, failed={0}) == {"y"}
    assert step.students({"np", "y"}, failed={0}) == {"np", "y"}


def test_a_name_that_is_put_back_stays_the_students() -> None:
    away = "saved = f\ndel f\ntry:\n    g()\nfinally:\n    f = saved"
    steps = plan(source("solution: def f(): 1\ndef g(): f()", f"test: {away}", "test: assert f")).steps
    assert steps[0].patches == {"f"}
    assert "f" not in steps[0].binds
    assert steps[1].takes == {"f"}
    replaced = plan(
        source("solution: def f(): 1\ndef g(): f()", "test: f = len\ng()", "test: assert f")
    ).steps
    assert replaced[0].patches == {"f"}
    assert replaced[1].own == {"f": 0}


def test_a_cell_that_cannot_be_read_asks_for_everything() -> None:
    step = last("set-up: w = 1", "solution: f = 1", "test: this is not python: f w")
    assert (step.binds, step.asks, step.whole) == (frozenset(), True, True)
    assert step.takes >= {"f", "this"}
    assert "w" not in step.takes


def test_ipython_syntax_is_read() -> None:
    steps = plan(
        source(
            "set-up: %matplotlib inline\nimport numpy as np",
            "set-up: files = !ls",
            "set-up: %%capture out\nfrom math import pi",
            "set-up: %%html\n<b>x</b>",
            "set-up: %%writefile helper.py\nx = 1",
            "solution: %%time\nf = 1",
            "test: %%time\nassert f and x",
        )
    ).steps
    assert [step.binds for step in steps] == [{"np"}, {"files"}, {"out", "pi"}, frozenset(), frozenset()]
    assert [step.number for step in steps] == [1, 2, 3, 5, 7]
    assert steps[-1].takes == {"f", "x"}


def test_a_test_in_another_language_is_still_a_step() -> None:
    step = last("solution: f = 1", "test: %%bash\ntest -e file")
    assert (step.kind, step.takes) == ("test", frozenset())


@pytest.mark.parametrize(
    ("cells", "prefix"),
    [
        (["set-up: import numpy", "set-up: x = numpy.ones(3)", "solution: f = 1", "test: f"], 2),
        (
            ["solution: f = 1", "set-up: import numpy\nK = 3\ndef h(): return f", "test: f", "set-up: y = 1"],
            1,
        ),
        (["solution: f = 1", "set-up: text = open('out.txt').read()", "test: f"], 0),
        (["set-up: text = open('in.txt').read()", "solution: f = 1", "test: f"], 1),
        (["set-up: print(f)", "set-up: x = 1"], 0),
        (["solution: f = 1", "set-up: x = f", "set-up: y = 1"], 0),
        (["set-up: globals()['x'] = 1"], 0),
        (["set-up: %%writefile a.py\nx = 1", "set-up: y = 1"], 0),
        (["set-up: for i in range(3): j = i\nprint(i, j)"], 1),
        (["set-up: not python at all"], 0),
    ],
)
def test_the_prefix_comes_to_the_same_for_every_student(cells: list[str], prefix: int) -> None:
    assert plan(source(*cells)).prefix == prefix


@pytest.mark.parametrize(
    ("cell", "idle"),
    [
        ("f(10)", True),
        ("print(f(10), x)", True),
        ("x", True),
        ("'words'", True),
        ("show(f(10))", False),
        ("y = f(10)", True),
        ("x.append(f(10))", False),
        ("open('file').write(f(10))", False),
        ("plt.plot(f(10))", True),
        ("for i in f(10): print(i)", True),
        ("%timeit f(10)", False),
        ("this is no python", False),
    ],
)
def test_a_set_up_cell_that_only_shows_an_answer_is_idle(cell: str, idle: bool) -> None:
    cells = [
        "set-up: import matplotlib.pyplot as plt\nx = []\ndef show(y): x.append(y)",
        "solution: def f(n): 1",
    ]
    assert last(*cells, f"set-up: {cell}").idle is idle
    assert not last(*cells, f"test: {cell}").idle


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "class P:\n    def __add__(self, o): 1\n    __radd__ = __add__\n    def area(self): 1",
            {"__add__", "__radd__"},
        ),
        ("@dataclass\nclass P:\n    x: int", {"__eq__", "__repr__", "__init__"}),
        ("@dataclasses.dataclass(order=True, eq=True)\nclass P:\n    x: int", {"__eq__", "__lt__", "__ge__"}),
        ("@total_ordering\nclass P:\n    def __lt__(self, o): 1", {"__lt__", "__gt__", "__le__"}),
        ("class P(NamedTuple):\n    x: int", {"__eq__", "__getitem__", "__len__", "__iter__"}),
        ("P = namedtuple('P', 'x y')", {"__eq__", "__getitem__"}),
        ("class P(enum.Enum):\n    x = 1", {"__iter__", "__getitem__"}),
        ("class P(list): pass", {"__len__", "__add__", "__setitem__"}),
        ("class Q:\n    def __len__(self): 1\nclass P(Q): pass", {"__len__"}),
        ("class P(nn.Module): pass", {"__call__"}),
        ("class P(Mapping):\n    def __getitem__(self, k): 1", {"__getitem__", "__contains__", "__eq__"}),
        ("def make():\n    class P:\n        def __call__(self): 1\n    return P", {"__call__"}),
    ],
)
def test_operators_of_the_solutions_classes(code: str, expected: set[str]) -> None:
    found = plan(source(f"solution: {code}", "test: P")).operators
    assert found["P"] >= expected
    assert "area" not in found["P"]


def test_a_plain_class_has_no_operators_and_set_up_classes_are_not_listed() -> None:
    found = plan(source("set-up: class A:\n    def __add__(self, o): 1", "solution: class P: pass")).operators
    assert found == {"P": frozenset()}
    assert "__eq__" not in plan(source("solution: @dataclass(eq=False)\nclass P: pass")).operators["P"]


def test_imports_of_all_cells() -> None:
    made = plan(
        source(
            "set-up: import numpy as np, scipy.ndimage\nfrom . import here\nfrom __future__ import annotations",
            "solution: def f():\n    from skimage.draw import disk",
            "test: import numpy",
        )
    )
    assert made.imports == ("numpy", "scipy", "skimage")
    assert not made.torch
    assert plan(source("solution: import torch.nn as nn")).torch


def test_the_digest_depends_on_what_matters() -> None:
    def digest(*cells: str) -> str:
        return plan(source(*cells)).digest

    one = digest("solution: f = 1", "test: f")
    assert one == digest("solution: f = 1", "test: f")
    assert len({one, digest("solution: f = 2", "test: f"), digest("solution: f = 1", "set-up: f")}) == 3
    with_words = source("solution: f = 1", "test: f")
    with_words.cells.append(v4.new_markdown_cell("words"))
    with_words.cells[0].outputs = [v4.new_output("stream", text="x")]
    assert plan(with_words).digest == one


def test_the_same_twice_and_the_source_unchanged() -> None:
    notebook = assignment()
    before = copy.deepcopy(notebook)
    one, two = plan(notebook), plan(notebook)
    assert one == two
    assert notebook == before


def test_a_text_that_is_nested_too_deep_is_not_read() -> None:
    step = last("solution: f = 1", "test: x = " + "-" * 3000 + "f")
    assert step.asks
    assert "f" in step.takes


@pytest.mark.parametrize(
    "text", ["", "# only a comment", "%", "%%", "%%nothing_known\n<<<", "\ufeff", "\x00", "def f(", "!"]
)
@pytest.mark.parametrize("role", ["set-up", "solution", "test"])
def test_no_text_stops_the_reading(role: str, text: str) -> None:
    made = plan(source("set-up: x = 1", f"{role}: {text}", "test: assert x"))
    assert made.steps[-1].own["x"] == 0


def test_functions_that_bind_globals_count_when_a_solution_calls_them() -> None:
    cells = ["solution: def h():\n    global x\n    x = 1", "set-up: x = 2"]
    assert last(*cells, "test: x").takes == set()
    assert last(*cells, "solution: h()", "test: x").takes == {"x"}
    assert last(*cells, "solution: def deep(): h()\ndeep()", "test: x").takes == {"x"}
    assert last(*cells, "set-up: h()", "test: x").takes == {"x"}


def test_a_name_that_a_set_up_cell_only_may_bind_falls_back_to_the_student() -> None:
    step = last("solution: x = 1", "set-up: if wanted():\n    x = 2", "test: assert x")
    assert step.asks
    assert step.students({"x"}, ours={"x"}) == set()
    assert step.students({"x"}) == {"x"}
    assert last("set-up: x = 1", "set-up: if x:\n    x = 2", "test: assert x").students({"x"}) == set()
    assert last("solution: x = 1", "test: if x:\n    x = 2", "test: assert x").students({"x"}) == {"x"}


def test_objects_of_the_students_are_taken_anew() -> None:
    cells = [
        "solution: class Net: pass",
        "set-up: net = Net()\nsize = 3",
        "test: tried = Net()\nlimit = 3\nassert tried",
    ]
    step = last(*cells, "test: assert net and size and tried and limit")
    assert step.unsure == {"net", "size", "tried"}
    assert step.students({"net", "size", "tried", "limit"}, ours={"size", "limit"}) == {"net", "tried"}
    assert step.students({"net", "size", "tried", "limit"}) == {"net", "size", "tried"}
    assert last(*cells, "test: assert size").asks
    assert not last(*cells, "test: assert limit").asks


def test_code_in_strings_is_read() -> None:
    assert last("set-up: x = 1", "solution: exec('x = 2')", "test: x").takes == {"x"}
    assert last("solution: x = 1", "set-up: %time x = 2", "test: x").takes == set()
    assert "*" in last("set-up: %pylab inline").binds


def test_forty_cells_are_read_at_once() -> None:
    test = "with check('f', points=2) as c:\n" + "    c.gives(0.2, a=1e6, b=[1, 2, 3], says='words')\n" * 10
    cells: list[Any] = ["set-up: %matplotlib inline\nimport numpy as np"]
    for _ in range(13):
        cells += [
            "set-up: x = np.ones(3)",
            "solution: def f(a, b):\n    return a + np.sum(b)",
            f"test: {test}",
        ]
    notebook = source(*cells)
    best = 1.0
    for _ in range(5):
        start = time.process_time()
        made: Plan = plan(notebook)
        best = min(best, time.process_time() - start)
    assert len(made.steps) == 27
    assert best < 0.05


def test_nbgraders_own_assignment() -> None:
    made = plan(fixture("apps/files/test.ipynb"))
    assert [(step.kind, step.name, sorted(step.takes)) for step in made.steps] == [
        ("setup", "", ["squares"]),
        ("test", "correct_squares", ["squares"]),
        ("test", "squares_invalid_input", ["squares"]),
        ("setup", "", ["sum_of_squares"]),
        ("test", "correct_sum_of_squares", ["sum_of_squares"]),
        ("test", "sum_of_squares_uses_squares", ["squares", "sum_of_squares"]),
    ]
    assert [step.idle for step in made.steps] == [True, False, False, True, False, False]
    assert made.steps[-1].patches == {"squares"}


def test_every_notebook_of_nbgraders_is_read_or_refused() -> None:
    read = 0
    for path in sorted(FIXTURES.glob("*/files/*.ipynb")):
        try:
            notebook = fixture(str(path.relative_to(FIXTURES)))
            read += bool(plan(notebook).digest)
        except RebuildError:
            continue
    assert read > 40


@pytest.mark.parametrize("path", sorted(SOLUTIONS.glob("*/exercises.md")), ids=lambda path: path.parent.name)
def test_the_courses_own_exercises_take_what_their_checks_name(path: Path) -> None:
    made = plan(read_source(path, graded=True))
    assert made.prefix >= 1
    tests = [step for step in made.steps if step.kind == "test"]
    assert tests
    for step in tests:
        assert step.asks
        assert not step.whole
        assert {"np", "check"} <= step.own.keys()
        assert step.students(step.answers | {"np", "check", "print"}) & step.answers
        assert not step.students(step.answers | {"np", "check", "print"}) & {"np", "check", "print"}
