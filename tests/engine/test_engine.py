"""Whole submissions through the engine: the real processes, in the real jail."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import nbformat
import pytest
from nbformat import v4

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the jail is made of parts of Linux")
if sys.platform == "linux":
    from autograder.engine.engine import Engine
    from autograder.engine.jail import Limits
    from autograder.engine.rebuild import rebuild
    from autograder.engine.task import Outcome, Task, TaskFailed
    from tests.engine.notebooks import graded as graded_any
    from tests.engine.runs import FULL, RIGHT, marks, submission, task

NOTHING = dict.fromkeys(["square-test", "total-test", "answer-test", "score-test"], 0.0)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(limits=Limits(cell_seconds=2.0, notebook_seconds=30.0, memory_bytes=300 << 20)) as made:
        yield made


def graded_cell(name: str, text: str, **flags: object) -> nbformat.NotebookNode:
    return graded_any("code", name, text, **flags)


def graded(engine: Engine, **answers: str) -> Outcome:
    return engine.grade(task("ada", submission({**RIGHT, **answers})))


def texts(outcome: Outcome) -> str:
    return nbformat.writes(outcome.notebook)


def flags(outcome: Outcome) -> str:
    return "\n".join(f"{flag.kind} {flag.cell}: {flag.text}" for flag in outcome.flags)


def test_right_answers_earn_all(engine: Engine) -> None:
    outcome = graded(engine)
    assert marks(outcome) == FULL, texts(outcome)
    assert not outcome.flags
    assert not outcome.failed


def test_an_untouched_notebook_earns_nothing(engine: Engine) -> None:
    assert marks(engine.grade(task("eve", submission({})))) == NOTHING


def test_the_same_again_is_the_same_bytes(engine: Engine) -> None:
    noisy = "print(object(), np.random.rand(), id(object()) > 0)\nANSWER = 42\nkept['answer'] = 42"
    first, second = (texts(graded(engine, answer=noisy)) for _ in range(2))
    assert first == second
    with Engine() as other:
        assert texts(graded(other, answer=noisy)) == first


@pytest.mark.parametrize(
    ("wrong", "lost"),
    [
        ("def square(x):\n    return 2 * x", {"square-test", "score-test"}),
        ("def square(x):\n    return x / 0", {"square-test", "score-test"}),
        ("def square(x):\n    return abs(x) * x", {"square-test"}),
    ],
    ids=["wrong", "raises", "hidden"],
)
def test_a_wrong_answer_loses_its_own_marks(engine: Engine, wrong: str, lost: set[str]) -> None:
    found = marks(graded(engine, square=wrong))
    assert {name for name in FULL if found[name] != FULL[name]} == lost


@pytest.mark.parametrize(
    "body",
    [
        "import os; os._exit(0)",
        "import os; os.abort()",
        "import ctypes; ctypes.string_at(0)",
        "while True: pass",
        "import time; time.sleep(99)",
        "import itertools; x = [b'x' * (1 << 20) for i in itertools.count()]",
    ],
    ids=["exit", "abort", "segfault", "loop", "sleep", "memory"],
)
class TestHarmInOneQuestion:
    def test_in_a_function(self, engine: Engine, body: str) -> None:
        outcome = graded(engine, square=f"def square(x):\n    if x == 3:\n        {body}\n    return x * x")
        assert marks(outcome) == {**FULL, "score-test": 0.0}, texts(outcome)
        assert outcome.flags

    def test_in_a_cell(self, engine: Engine, body: str) -> None:
        outcome = graded(engine, total=f"{RIGHT['total']}\n{body}")
        found = marks(outcome)
        assert found["square-test"] == 2.0
        assert found["answer-test"] == 1.0, texts(outcome) + flags(outcome)
        assert "total-test" in found


def test_a_loop_that_takes_no_interrupt(engine: Engine) -> None:
    stubborn = "while True:\n    try:\n        while True: sum(range(9))\n    except BaseException: pass"
    outcome = graded(engine, total=f"{RIGHT['total']}\n{stubborn}")
    found = marks(outcome)
    assert (found["square-test"], found["total-test"], found["answer-test"]) == (2.0, 0.0, 1.0), flags(
        outcome
    )


def test_one_question_changes_nothing_for_the_next(engine: Engine) -> None:
    outcome = graded(
        engine,
        square="calls = []\ndef square(x):\n    calls.append(x)\n    return x * x if len(calls) < 3 else 0",
    )
    assert marks(outcome) == FULL


def test_rebinding_the_set_up_changes_nothing(engine: Engine) -> None:
    outcome = graded(
        engine, square="import builtins\nSIDE = 5\nnp = None\nsample = 3.0\ndef square(x):\n    return 0"
    )
    found = marks(outcome)
    assert found["square-test"] == 0.0
    assert found["answer-test"] == 1.0


def test_figures_and_prints_are_kept(engine: Engine) -> None:
    cell = (
        "import matplotlib.pyplot as plt\nprint('drawn')\nplt.plot([1, 2]);\nANSWER = 42\nkept['answer'] = 42"
    )
    outcome = graded(engine, answer=cell)
    assert marks(outcome) == FULL
    outputs = next(c.outputs for c in outcome.notebook.cells if "drawn" in c.source)
    assert [output.output_type for output in outputs] == ["stream", "display_data"]
    assert "image/png" in outputs[1].data


def test_a_flood_is_cut(engine: Engine) -> None:
    outcome = graded(
        engine, answer="ANSWER = 42\nkept['answer'] = 42\nfor i in range(200_000):\n    print('x' * 50)"
    )
    assert marks(outcome) == FULL
    assert len(texts(outcome)) < 3 << 20


def test_files_beside_the_notebook(engine: Engine) -> None:
    cell = (
        "ANSWER = int(open('data/number.txt').read())\nkept['answer'] = ANSWER\n"
        "from mine import own\nopen('out.txt', 'w').write('x')"
    )
    notebook = submission({**RIGHT, "answer": cell})
    made = task(
        "ada",
        notebook,
        released={"data/number.txt": b"42"},
        files={"mine.py": b"own = 1", "data/number.txt": b"0"},
    )
    outcome = engine.grade(made)
    assert marks(outcome) == FULL, texts(outcome)
    assert not list(engine.private.iterdir())


def test_own_cells_run(engine: Engine) -> None:
    notebook = submission({**RIGHT, "square": "def square(x):\n    return mine(x)"})
    notebook.cells.insert(1, v4.new_code_cell("def mine(x):\n    return x * x"))
    assert marks(engine.grade(task("ada", notebook))) == FULL


def test_a_killed_worker_costs_one_try(engine: Engine) -> None:
    slow = task(
        "ada", submission({**RIGHT, "answer": "import time; time.sleep(1)\nANSWER = 42\nkept['answer'] = 42"})
    )
    engine.grade(slow)
    for which in (0, 1):
        killer = threading.Timer(0.5, os.kill, (engine.pids[which], signal.SIGKILL))
        killer.start()
        if which == 0:
            with pytest.raises(TaskFailed, match="ada"):
                engine.grade(slow)
        else:
            with pytest.raises(TaskFailed):
                engine.grade(slow)
        killer.join()
        assert marks(engine.grade(slow)) == FULL


def test_nothing_is_left(tmp_path: object) -> None:
    engine = Engine()
    graded(
        engine,
        square="import os, time\nif not os.fork():\n    time.sleep(60)\n    os._exit(0)\n" + RIGHT["square"],
    )
    pids, folder = engine.pids, engine.scratch
    engine.close()
    time.sleep(0.1)
    assert not folder.exists()
    alive = subprocess.run(["ps", "-eo", "pid="], capture_output=True, text=True, check=True).stdout.split()
    assert not {str(pid) for pid in pids}.intersection(alive)


NOISE = "import numpy as np\nnoise = np.random.rand(5)\nrng = np.random.default_rng()"


def test_random_set_up_is_the_same_in_both_processes(engine: Engine) -> None:
    """What a set-up cell draws without a seed, an honest answer computes with; the test must mean the same numbers."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [
        graded_cell("noise", NOISE, locked=True),
        graded_cell("mean", "### BEGIN SOLUTION\nmean = noise.mean()\n### END SOLUTION", solution=True),
        graded_cell("more", "more = rng.normal(size=3) + np.random.rand()", locked=True),
        graded_cell("top", "### BEGIN SOLUTION\ntop = more.max()\n### END SOLUTION", solution=True),
        graded_cell(
            "test", "assert mean == noise.mean()\nassert top == more.max()", grade=True, locked=True, points=1
        ),
    ]
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    mine = copy.deepcopy(notebook)
    mine.cells[1].source = "np.random.rand(3)\nmean = noise.mean()"
    mine.cells[3].source = "top = max(more)"
    outcome = engine.grade(Task("ada", notebook, rebuild(notebook, mine).notebook))
    assert marks(outcome) == {"test": 1.0}, texts(outcome)


TOTAL = "### BEGIN SOLUTION\ndef total(values):\n    return {}\n### END SOLUTION"
USES = """
kept = square
del square
try:
    total([2])
except NameError:
    pass
else:
    raise AssertionError("total does not use square")
finally:
    square = kept
calls = []
def square(x):
    calls.append(x)
    return 10
assert total([1, 2]) == 20
assert calls == [1, 2]
square = kept
assert total([1, 2]) == 5
"""


@pytest.mark.parametrize(
    ("total", "score"),
    [("sum(square(x) for x in values)", 1.0), ("sum(x * x for x in values)", 0.0)],
    ids=["uses-it", "does-not"],
)
def test_a_test_may_take_a_function_away(engine: Engine, total: str, score: float) -> None:
    cells = [
        graded_cell(
            "a", "### BEGIN SOLUTION\ndef square(x):\n    return x * x\n### END SOLUTION", solution=True
        ),
        graded_cell("b", TOTAL.format(total), solution=True),
        graded_cell("test", USES, grade=True, locked=True, points=1),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    outcome = engine.grade(Task("ada", notebook, rebuild(notebook, notebook).notebook))
    assert marks(outcome) == {"test": score}, texts(outcome)


def test_an_import_of_a_solution_means_the_library(engine: Engine) -> None:
    cells = [
        graded_cell(
            "a", "### BEGIN SOLUTION\nimport math\nroot = math.sqrt\n### END SOLUTION", solution=True
        ),
        graded_cell("test", "assert root(math.pi ** 2) == math.pi", grade=True, locked=True, points=1),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    for answer, score in (
        ("import math\ndef root(x):\n    return x ** 0.5", 1.0),
        ("class math:\n    pi = 0\ndef root(x):\n    return 0", 0.0),
    ):
        mine = copy.deepcopy(notebook)
        mine.cells[0].source = answer
        outcome = engine.grade(Task("ada", notebook, rebuild(notebook, mine).notebook))
        assert marks(outcome) == {"test": score}, texts(outcome)


def test_a_seed_of_the_set_up_holds(engine: Engine) -> None:
    cells = [
        graded_cell("a", "import numpy as np\nimport random\nnp.random.seed(1)\nrandom.seed(1)", locked=True),
        graded_cell("b", "### BEGIN SOLUTION\ndef same(x):\n    return x\n### END SOLUTION", solution=True),
        graded_cell("c", "noise = np.random.rand()", locked=True),
        graded_cell("test", SEEDED, grade=True, locked=True, points=1),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    outcome = engine.grade(Task("ada", notebook, rebuild(notebook, notebook).notebook))
    assert marks(outcome) == {"test": 1.0}, texts(outcome)


SEEDED = "assert abs(same(noise) - 0.417022) < 1e-6\nassert abs(random.random() - 0.134364) < 1e-6"


def test_set_up_that_only_draws_is_not_drawn_twice(engine: Engine) -> None:
    from autograder.engine.plan import plan

    draw = "import matplotlib.pyplot as plt"
    show = "figure, axes = plt.subplots(1, 2)\naxes[0].plot([f(x) for x in range(4)])\nplt.show()"
    answer = graded_cell("b", "### BEGIN SOLUTION\ndef f(x):\n    return x\n### END SOLUTION", solution=True)
    test = graded_cell("test", "assert f(2) == 2", grade=True, locked=True, points=1)
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}

    def idle(cell: str, check: str = "assert f(2) == 2") -> list[bool]:
        cells = [
            graded_cell("a", draw, locked=True),
            answer,
            graded_cell("c", cell, locked=True),
            copy.deepcopy(test),
        ]
        cells[-1].source = check
        return [step.idle for step in plan(v4.new_notebook(cells=cells, metadata={"kernelspec": spec})).steps]

    assert idle(show) == [False, True, False]
    assert idle(show, "assert len(axes) == 2 and f(1) == 1") == [False, False, False]
    assert idle(show, "assert plt.gca() and f(1) == 1") == [False, False, False]
    assert idle("kept = []\nkept.append(f(1))\nopen('x', 'w').write(str(f(2)))") == [False, False, False]
    assert idle("plt.savefig(f(1))") == [False, False, False]
    assert idle("y = f(1)", "assert f(2) == 2\nassert y == 1") == [False, False, False]


def test_a_check_that_cannot_be_run_apart_is_named(engine: Engine) -> None:
    cells = [
        graded_cell("a", "### BEGIN SOLUTION\ndef f(x):\n    return x\n### END SOLUTION", solution=True),
        graded_cell("fits", "assert f(2) == 2", grade=True, locked=True, points=1),
        graded_cell(
            "not",
            "import threading\nkey = threading.Lock()\nassert f(key) is key",
            grade=True,
            locked=True,
            points=1,
        ),
        graded_cell("part", "0.5 * f(1)", grade=True, locked=True, points=3),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    outcome = engine.grade(Task("ada", notebook, rebuild(notebook, notebook).notebook))
    assert marks(outcome) == {"fits": 1.0, "not": 0.0, "part": 0.5}
    assert list(outcome.unfit) == ["not"]
    assert "runs apart" in outcome.unfit["not"]
    assert not graded(engine).unfit


FILES = """
import numpy as np
from pathlib import Path
Path("question.txt").write_text("7")
assert answer() == 8
assert Path("answer.txt").read_text() == "8"
assert Path("data.txt").read_text() == "41"
assert Path("sub/early.txt").read_text() == "early"
"""


@pytest.mark.parametrize(
    ("more", "score"),
    [("", 1.0), ("open('data.txt', 'w').write('0')", 1.0), ("return 8", 0.0)],
    ids=["honest", "forges", "lazy"],
)
def test_files_go_both_ways_and_the_assignments_stay(engine: Engine, more: str, score: float) -> None:
    answer = (
        "import os\nos.makedirs('sub', exist_ok=True)\nopen('sub/early.txt', 'w').write('early')\n"
        f"def answer():\n    {more or 'pass'}\n    found = int(open('question.txt').read()) + 1\n"
        "    open('answer.txt', 'w').write(str(found))\n    return found"
    )
    cells = [
        graded_cell(
            "a", f"### BEGIN SOLUTION\n{answer.replace(more or '!', 'pass')}\n### END SOLUTION", solution=True
        ),
        graded_cell("test", FILES, grade=True, locked=True, points=1),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    mine = copy.deepcopy(notebook)
    mine.cells[0].source = answer
    outcome = engine.grade(
        Task("ada", notebook, rebuild(notebook, mine).notebook, released={"data.txt": b"41"})
    )
    assert marks(outcome) == {"test": score}, texts(outcome)


FORGED = """
import os, struct
from autograder.engine.values import encode
for number in range(3, 256):
    for event in (("refused", "x"), ("done",), ("asked", 0), ("died", 5, 9)):
        body = encode(event)
        try:
            os.write(number, struct.pack("!I", len(body)) + body)
        except OSError:
            pass
"""


def test_a_forged_refusal_stops_nobody(engine: Engine) -> None:
    outcome = graded(engine, square=FORGED + "def square(x):\n    return 0")
    assert marks(outcome)["square-test"] == 0.0
    assert marks(graded(engine)) == FULL


def test_a_pickle_of_the_student_runs_nothing_in_the_checker(engine: Engine) -> None:
    answer = (
        "import pickle, os\nclass Bad:\n    def __reduce__(self):\n        return os.system, ('true',)\n"
        "pickle.dump(Bad(), open('model.pkl', 'wb'))"
    )
    cells = [
        graded_cell(
            "a",
            "### BEGIN SOLUTION\nimport pickle\npickle.dump([1], open('model.pkl', 'wb'))\n### END SOLUTION",
            solution=True,
        ),
        graded_cell(
            "test",
            "import pickle\nassert pickle.load(open('model.pkl', 'rb')) == [1]",
            grade=True,
            locked=True,
            points=1,
        ),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    for source, score in ((notebook.cells[0].source, 1.0), (answer, 0.0)):
        mine = copy.deepcopy(notebook)
        mine.cells[0].source = source
        outcome = engine.grade(Task("ada", notebook, rebuild(notebook, mine).notebook))
        assert marks(outcome) == {"test": score}, texts(outcome)
    assert "plain data only" in texts(outcome)


def test_a_hundred_and_fifty_questions(engine: Engine) -> None:
    """More pipes than one message can carry, and many descriptors."""
    cells = [graded_cell("a", "### BEGIN SOLUTION\ndef f(x):\n    return x\n### END SOLUTION", solution=True)]
    for number in range(150):
        text = f"assert f({number}) == {number}"
        cells.append(graded_cell(f"test-{number}", text, grade=True, locked=True, points=1))
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    outcome = engine.grade(Task("ada", notebook, rebuild(notebook, notebook).notebook))
    assert set(marks(outcome).values()) == {1.0}


def test_libraries_of_a_student_are_imported_beforehand(engine: Engine) -> None:
    graded(engine)
    assert "scipy.stats" not in engine.modules
    tried = "try:\n    from scipy import stats, nothing_such\nexcept ImportError:\n    pass\n"
    assert marks(graded(engine, answer=tried + RIGHT["answer"])) == FULL
    assert "scipy.stats" in engine.modules
    graded(engine, answer="import turtle_of_mine\n" + RIGHT["answer"])
    assert "turtle_of_mine" not in engine.modules


def test_a_set_up_cell_that_never_ends_costs_its_own_time(engine: Engine) -> None:
    cells = [
        graded_cell("a", "x = 2", locked=True),
        graded_cell("b", "while True:\n    x += 0", locked=True),
        graded_cell("c", "### BEGIN SOLUTION\ndef f(x):\n    return x\n### END SOLUTION", solution=True),
        graded_cell("test", "assert f(x) == 2", grade=True, locked=True, points=1),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    outcome = engine.grade(Task("ada", notebook, rebuild(notebook, notebook).notebook))
    assert marks(outcome) == {"test": 1.0}, texts(outcome)
    assert "ran longer" in flags(outcome)


def test_only_the_checker_knows_that_it_grades(engine: Engine) -> None:
    ask = "import os\n{} = os.environ.get('NBGRADER_EXECUTION')"
    cells = [
        graded_cell("a", ask.format("given"), locked=True),
        graded_cell("b", f"### BEGIN SOLUTION\n{ask.format('mine')}\n### END SOLUTION", solution=True),
        graded_cell(
            "test", "assert given == 'autograde'\nassert mine is None", grade=True, locked=True, points=1
        ),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    outcome = engine.grade(Task("ada", notebook, rebuild(notebook, notebook).notebook))
    assert marks(outcome) == {"test": 1.0}, texts(outcome)
