"""Cells in the shell: what they show, what they may do to it, and what it costs."""

from __future__ import annotations

import base64
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.shells import Ran, Zygote

Cells = Callable[..., list[Ran]]


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote(home=tmp_path_factory.mktemp("home"))
    yield made
    made.close()


@pytest.fixture
def cells(zygote: Zygote, tmp_path: Path) -> Cells:
    """Runs cells, one after the other, in one fresh fork."""
    return lambda *sources: zygote.run(list(sources), tmp_path)


def bare(lines: list[str]) -> str:
    """A traceback without its colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines))


def test_the_zygote_has_one_thread_and_wrote_no_file_of_ipython(zygote: Zygote) -> None:
    assert zygote.state["threads"] == [1, 1, 1]
    assert set(zygote.state["missing"]) <= {"pandas"}
    assert zygote.state["main"], "the zygote's own __main__ stays"
    assert not [name for name in zygote.state["home"] if "ipython" in name]


def test_what_is_printed_and_shown_keeps_its_order(cells: Cells) -> None:
    (ran,) = cells(
        "import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint(3); print(4)\ndisplay(5)\nprint(6, end='')\n7"
    )
    assert ran.good
    assert ran.outputs == [
        {"output_type": "stream", "name": "stdout", "text": "1\n"},
        {"output_type": "stream", "name": "stderr", "text": "2\n"},
        {"output_type": "stream", "name": "stdout", "text": "3\n4\n"},
        {"output_type": "display_data", "data": {"text/plain": "5"}, "metadata": {}},
        {"output_type": "stream", "name": "stdout", "text": "6"},
        {"output_type": "execute_result", "execution_count": 1, "data": {"text/plain": "7"}, "metadata": {}},
    ]
    assert ran.emitted == ran.outputs


def test_a_flood_comes_in_parts(cells: Cells) -> None:
    lines, one = cells("for i in range(60_000): print(i)", "print('x' * 200_000)")
    for ran, length in ((lines, 348_890), (one, 200_001)):
        sizes = [len(output["text"]) for output in ran.emitted]
        assert sum(sizes) == length
        assert max(sizes) <= 32_768 and len(sizes) < length / 16_384
        assert ran.kinds == ["stdout"]
    assert lines.text() == "".join(f"{i}\n" for i in range(60_000))


def test_text_is_emitted_when_it_is_flushed_or_a_second_old(cells: Cells) -> None:
    ran, slow = cells(
        "print('a', flush=True); print('b')",
        "import time\nprint('a'); time.sleep(1.1); print('b'); print('c')",
    )
    assert [output["text"] for output in ran.emitted] == ["a\n", "b\n"]
    assert ran.outputs == [{"output_type": "stream", "name": "stdout", "text": "a\nb\n"}]
    assert [output["text"] for output in slow.emitted] == ["a\nb", "\nc\n"]


def test_semicolon_none_and_assignment_show_nothing(cells: Cells) -> None:
    assert [ran.outputs for ran in cells("1;", "None", "x = 1", "", "   ", "# nothing", "x;  # hush")] == [
        []
    ] * 7


def test_history(cells: Cells) -> None:
    *_, ran, last = cells(
        "1", "'two'", "", "x = 4", "In[1], In[4], Out[2], _, __, _1, _i2, len(In)", "(__name__, _[0])"
    )
    assert ran.result == "('1', 'x = 4', 'two', 'two', 1, 1, \"'two'\", 6)"
    assert last.result == "('__main__', '1')"


def test_numbers_need_not_be_contiguous(cells: Cells) -> None:
    assert cells("get_ipython().execution_count = 40\n1")[0].outputs[0]["execution_count"] == 1


def test_errors_look_as_in_jupyter(cells: Cells) -> None:
    ran, syntax, indent, chained = cells(
        "def f(x):\n    return 1 / x\nf(0)",
        "def f(:\n    pass",
        "if 1:\npass",
        "try:\n    {}[1]\nexcept KeyError as e:\n    raise ValueError('no') from e",
    )
    assert not ran.good
    assert (ran.error["ename"], ran.error["evalue"]) == ("ZeroDivisionError", "division by zero")
    text = bare(ran.error["traceback"])
    assert text.startswith("-" * 75 + "\nZeroDivisionError")
    assert "Cell In[1], line 3\n      1 def f(x):" in text
    assert "Cell In[1], line 2, in f(x)" in text
    assert not re.search(r"/tmp|\.py|\d{4,}", text), text
    assert "\x1b[31m" in ran.error["traceback"][0]
    assert syntax.error["ename"] == "SyntaxError" and "Cell In[2], line 1" in bare(syntax.error["traceback"])
    assert indent.error["ename"] == "IndentationError"
    assert "direct cause" in bare(chained.error["traceback"])
    assert not syntax.good and not indent.good and not chained.good


ENDINGS = {
    "SystemExit": "import sys; sys.exit(3)",
    "SystemExit ": "raise SystemExit",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "MemoryError": "raise MemoryError",
    "RecursionError": "def r(n): return r(n + 1)\nr(0)",
    "BaseException": "raise BaseException('x')",
    "GeneratorExit": "raise GeneratorExit",
    "StopIteration": "next(iter(()))",
    "AssertionError": "assert 1 == 2, 'no'",
    "ExceptionGroup": "raise ExceptionGroup('g', [ValueError(1)])",
    "BaseExceptionGroup": "raise BaseExceptionGroup('g', [KeyboardInterrupt()])",
    "BdbQuit": "import bdb; raise bdb.BdbQuit",
    "Dumb": "class Dumb(Exception):\n    def __str__(self): raise ValueError\n    __repr__ = __str__\nraise Dumb",
    "ZeroDivisionError": "class M(type):\n    __name__ = property(lambda c: 1 / 0)\n"
    "class Liar(Exception, metaclass=M): pass\nraise Liar",
    "Rubbish": "class Rubbish(Exception):\n    def _render_traceback_(self): return [1, b'x', None]\nraise Rubbish",
    "Worse": "class Worse(Exception):\n    _render_traceback_ = 3\nraise Worse",
    "ValueError": "class S(str):\n    def __str__(self): return 'not this'\nraise ValueError(S('a'))",
    "UnicodeError": "raise UnicodeError('\\ud800')",
    "ValueError ": "raise ValueError('x' * 100_000)",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_whatever_is_raised_run_returns(cells: Cells, name: str) -> None:
    ran, after = cells(f"print('before')\n{ENDINGS[name]}", "print('after'); 1")
    assert not ran.good
    assert ran.error["ename"] == name.strip()
    assert ran.outputs[0]["text"].startswith("before\n")
    assert after.good and after.kinds == ["stdout", "result"]


SABOTAGE = {
    "stdout is None": "import sys; sys.stdout = sys.stderr = None",
    "stdout is rubbish": "import sys; sys.stdout = sys.stderr = 3",
    "stdout is a closed file": "import sys; sys.stdout = open('log', 'w'); sys.stdout.close()",
    "displayhook": "get_ipython().displayhook('ok'); get_ipython().displayhook = print",
    "sys.displayhook": "import sys; sys.displayhook = lambda v: 1 / 0",
    "showtraceback": "get_ipython().showtraceback = get_ipython()._showtraceback = lambda *a, **k: None",
    "run_cell": "get_ipython().run_cell = lambda *a, **k: 1 / 0",
    "run_cell_async": "get_ipython().run_cell_async = None",
    "history": "get_ipython().history_manager = None",
    "history lists": "get_ipython().history_manager.input_hist_parsed.clear()",
    "Out": "Out = In = _oh = None; del get_ipython().user_ns['_oh']",
    "namespace": "globals().clear()",
    "builtins": "import builtins\nfor n in ('print', 'isinstance', 'str', 'len'): delattr(builtins, n)",
    "reset": "%reset -f",
    "transformer": "get_ipython().input_transformers_post.append(lambda lines: 1 / 0)",
    "syntax tree": "class T:\n    def visit(self, node): raise SystemExit\nget_ipython().ast_transformers.append(T())",
    "hook": "get_ipython().events.register('post_execute', lambda: 1 / 0)",
    "hook that exits": "def f(*a): raise SystemExit\nget_ipython().events.register('post_run_cell', f)",
    "sys.modules": "import sys; del sys.modules['__main__']; sys.modules['traceback'] = None",
    "own folder": "import os, shutil; shutil.rmtree(os.getcwd())",
    "recursion limit": "import sys; sys.setrecursionlimit(60)",
    "trace": "import sys; sys.settrace(lambda *a: 1 / 0)",
    "excepthook": "import sys; sys.excepthook = sys.unraisablehook = None",
    "custom exceptions": "get_ipython().set_custom_exc((Exception,), lambda self, *a, **k: None)",
    "outputs": "get_ipython().outputs._parts = None",
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_whatever_is_broken_run_returns(cells: Cells, name: str) -> None:
    """Later cells may fail in this process, which is the student's own; but `run` returns and tells of the failure."""
    ran, error, after = cells(SABOTAGE[name], "1 / 0", "raise KeyError('again')")
    assert isinstance(ran.good, bool)
    assert not error.good and not after.good


@pytest.mark.parametrize(
    "name", ["stdout is None", "showtraceback", "custom exceptions", "history lists", "own folder"]
)
def test_an_error_is_shown_even_so(cells: Cells, name: str) -> None:
    _, ran = cells(SABOTAGE[name], "1 / 0")
    assert ran.error["ename"] == "ZeroDivisionError"


def test_a_display_that_fails_is_an_error(cells: Cells) -> None:
    html, all_of_them, good = cells(
        "class H:\n    def _repr_html_(self): raise ValueError('no html')\n    def __repr__(self): return 'H'\nH()",
        "class R:\n    def __repr__(self): raise ValueError('no text')\nprint('x'); R()",
        "'fine'",
    )
    assert html.kinds == ["error", "result"] and not html.good
    assert html.error["evalue"] == "no html"
    assert all_of_them.kinds == ["stdout", "error"] and not all_of_them.good
    assert good.good


RUBBISH = """
import numpy as np
class S(str): pass
class Odd:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {
            "text/plain": S("plain"), S("text/html"): b"\\x00\\xff", "text/latex": 3, 4: "four", "": "empty",
            "image/png": b"png", "image/svg+xml": ["<svg>", "</svg>"], "text/markdown": object(),
            "application/json": {1: (np.float64(2.5), np.int64(3), float("nan"), True, None, S("s"))},
            "application/x+json": {"deep": object()}, "text/half": "\\ud800 half", "text/list": [1],
        }, {"text/plain": {"a": (1,)}, "bad": {1, 2}}
"""


def test_only_plain_data_gets_out(cells: Cells) -> None:
    _, ran, raw, loop = cells(
        RUBBISH,
        "Odd()",
        "display({'text/plain': 1, 'x': 2}, raw=True); display({'text/plain': 'a'}, raw=True, metadata={'k': {1}})",
        "d = {}; d['d'] = d\ndisplay({'application/json': d, 'text/plain': 'b'}, raw=True)",
    )
    assert ran.outputs[0]["data"] == {
        "text/plain": "plain",
        "text/html": base64.b64encode(b"\x00\xff").decode(),
        "image/png": base64.b64encode(b"png").decode(),
        "image/svg+xml": "<svg></svg>",
        "application/json": {"1": [2.5, 3, "nan", True, None, "s"]},
        "text/half": "\\ud800 half",
    }
    assert ran.outputs[0]["metadata"] == {}
    assert [output["data"] for output in raw.outputs] == [{"text/plain": "a"}]
    assert [output["data"] for output in loop.outputs] == [{"text/plain": "b"}]


def test_updates_and_clears(cells: Cells) -> None:
    update, clear, wait, waits_for_ever, floods = cells(
        "h = display('a', display_id=True)\nh.update('b')\nprint('x')\nh.update('c')",
        "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')",
        "display(1)\nprint('gone')\nclear_output(wait=True)\nprint('stays')",
        "print('stays')\nclear_output(wait=True)",
        "for i in range(500):\n    clear_output(wait=True); print(i)",
    )
    texts = [output.get("text") or output["data"]["text/plain"] for output in update.outputs]
    assert texts == ["'a'", "x\n", "'c'"]
    for ran in (clear, wait, waits_for_ever):
        assert ran.outputs == [{"output_type": "stream", "name": "stdout", "text": "stays\n"}]
    assert clear.emitted == clear.outputs, "what was not emitted yet needs no clear"
    assert [output["output_type"] for output in wait.emitted] == ["display_data", "stream", "clear", "stream"]
    assert floods.text() == "499\n"


FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"


def test_figures(cells: Cells) -> None:
    ran, shown, magic, widget, open_, agg = cells(
        FIGURE,
        "fig, ax = plt.subplots(); plt.show(); print('after')",
        "%matplotlib inline\nplt.figure(); plt.figure();",
        "%matplotlib widget\nplt.plot([1, 2]); plt.title('$x^2$');",
        "plt.get_fignums()",
        "plt.savefig('a.png'); import os; os.path.exists('a.png')",
    )
    assert ran.kinds == ["display"]
    assert ran.outputs[0]["data"]["text/plain"] == "<Figure size 640x480 with 1 Axes>"
    assert base64.b64decode(ran.outputs[0]["data"]["image/png"]).startswith(b"\x89PNG")
    assert shown.kinds == ["display", "stdout"]
    assert magic.kinds == ["display", "display"]
    assert widget.kinds == ["display"] and widget.good
    assert open_.result == "[]"
    assert agg.result == "True"


def test_widgets_show_their_text(cells: Cells) -> None:
    slider, box, output, interact = cells(
        "import ipywidgets as w\nw.IntSlider(3)",
        "display(w.VBox([w.IntSlider(), w.Button(description='b')]))",
        "out = w.Output()\nwith out:\n    print('inside')\nout",
        "w.interact(lambda x: print(x), x=(0, 10));",
    )
    assert slider.outputs[0]["data"] == {"text/plain": "IntSlider(value=3)"}
    assert list(box.outputs[0]["data"]) == ["text/plain"]
    assert output.kinds == ["stdout", "result"] and output.good
    assert interact.good and "5\n" in interact.text()


def test_magics(cells: Cells) -> None:
    ran = cells(
        "%timeit -n 1 -r 1 sum(range(10))",
        "%%time\n1 + 1",
        "%%capture c\nprint('caught'); display(1); 2",
        "c.stdout, len(c.outputs)",
        "%%writefile m.py\nprint('ran', __name__); z = 5",
        "%run m.py",
        "z",
        "%load_ext autoreload\n%autoreload 2",
        "%pwd\n%who",
        "%nosuch",
        "len?",
        "%%nosuch\nx",
        "%store z",
        "%config InlineBackend.figure_format = 'svg'\n" + FIGURE,
        "%cd .",
    )
    assert "per loop" in ran[0].text()
    assert ran[1].kinds == ["stdout", "result"] and "Wall time" in ran[1].text()
    assert ran[2].outputs == []
    assert ran[3].result == "('caught\\n', 2)"
    assert ran[4].text() == "Writing m.py\n"
    assert ran[5].text() == "ran __main__\n"
    assert ran[6].result == "5"
    assert ran[7].good and ran[8].good
    for usage in (ran[9], ran[11]):
        assert not usage.good and usage.kinds == ["stderr"] and "not found" in usage.text("stderr")
    assert ran[10].good and ran[10].outputs == []
    assert ran[12].good
    assert list(ran[13].outputs[0]["data"]) == ["text/plain", "image/svg+xml"]
    assert ran[14].good


@pytest.mark.parametrize(
    "source", ["!ls", "x = !ls", "%%bash\nls", "%%script sh\nls", "%sx ls", "%pip list", "!!ls", "%system ls"]
)
def test_other_programs_are_refused(cells: Cells, source: str) -> None:
    ran, after = cells(source, "1")
    assert not ran.good
    assert ran.error["ename"] == "PermissionError"
    assert ran.error["evalue"].startswith("No other program can be started here: ")
    assert "shell.py" not in bare(ran.error["traceback"])
    assert after.good


def test_input_exit_and_the_debugger(cells: Cells) -> None:
    asked, secret, left, later, debug, trap = cells(
        "input('name?')",
        "import getpass; getpass.getpass()",
        "exit()\nquit()\nprint('goes on')",
        "exit",
        "%debug",
        "breakpoint()\nprint('on')",
    )
    assert asked.error["ename"] == secret.error["ename"] == "StdinNotImplementedError"
    assert asked.error["evalue"] == "raw_input was called, but this frontend does not support input requests."
    assert "shell.py" not in bare(asked.error["traceback"])
    assert left.good and left.text() == "goes on\n"
    assert later.good
    assert debug.error["ename"] == trap.error["ename"] == "StdinNotImplementedError"


def test_await(cells: Cells) -> None:
    define, slept, together, no_loop, run, error, task = cells(
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0.01)\n    return x",
        "await f(1)",
        "await asyncio.gather(f(2), f(3))",
        "async def g(): return 4\nawait g()",
        "asyncio.run(f(5))",
        "await asyncio.wait_for(asyncio.sleep(9), 0.01)",
        "async with asyncio.Lock():\n    print(await asyncio.to_thread(lambda: 6))",
    )
    assert define.good
    assert slept.result == "1" and together.result == "[2, 3]" and no_loop.result == "4" and run.result == "5"
    assert error.error["ename"] == "TimeoutError"
    assert task.text() == "6\n"


def test_the_namespace_is_main(cells: Cells) -> None:
    ran = cells(
        "import pickle, inspect, dataclasses, sys\n@dataclasses.dataclass\nclass P:\n    x: int\n\n"
        "def f(a):\n    return a  # yes",
        "pickle.loads(pickle.dumps(P(3)))",
        "print(inspect.getsource(f), end='')",
        "sys.modules['__main__'].P is P, __name__, f.__module__, sys.argv, get_ipython() is not None",
        "import typing; typing.get_type_hints(P)",
    )
    assert ran[1].result == "P(x=3)"
    assert ran[2].text() == "def f(a):\n    return a  # yes\n"
    assert ran[3].result == "(True, '__main__', '__main__', [''], True)"
    assert ran[4].result == "{'x': int}"


def test_threads_logging_warnings_and_children(cells: Cells) -> None:
    thread, logs, warns, again, child = cells(
        "import threading\nt = threading.Thread(target=lambda: print('thread'))\nt.start(); t.join(); print('main')",
        "import logging\nlogging.warning('one'); logging.error('two')",
        "import warnings\nwarnings.warn('careful')\nwarnings.warn('old', DeprecationWarning)",
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
        "import os\nif os.fork() == 0:\n    print('child'); os._exit(0)\nos.wait(); print('parent')",
    )
    assert thread.text() == "thread\nmain\n"
    assert logs.kinds == ["stderr"] and logs.text("stderr") == "WARNING:root:one\nERROR:root:two\n"
    assert "UserWarning: careful" in warns.text("stderr") and "DeprecationWarning: old" in warns.text(
        "stderr"
    )
    assert re.match(r"<ipython-input-3-\w{12}>:2: ", warns.text("stderr"))
    assert "ZeroDivisionError" in again.text("stderr") and again.good
    assert child.text() == "parent\n"


REDIRECTED = """
import os
read, write = os.pipe()
if not os.fork():
    get_ipython().redirect(lambda output: os.write(write, repr(output).encode()))
    print("from the child")
    get_ipython().outputs.flush()
    os._exit(0)
os.close(write); os.wait()
eval(os.read(read, 1000))["text"]
"""


def test_a_child_shows_nothing_until_it_is_redirected(cells: Cells) -> None:
    (ran,) = cells("print('before'); " + REDIRECTED.strip())
    assert ran.text() == "before\n"
    assert ran.result == "'from the child\\n'"


def test_a_second_begin_starts_afresh(cells: Cells) -> None:
    *_, gone, fresh = cells(
        "x = 1",
        "get_ipython().begin(get_ipython().outputs._emit, seed=3)",
        "x",
        "y = 1; __name__, Out, '_2' in globals(), __import__('__main__').y",
    )
    assert gone.error["ename"] == "NameError"
    assert fresh.result == "('__main__', {}, False, 1)"


def test_streams_are_text_streams(cells: Cells) -> None:
    ran, wrong, closed = cells(
        "import sys, io\nsys.stdout.writelines(['a', 'b']); sys.stdout.encoding, sys.stdout.isatty(), "
        "isinstance(sys.stdout, io.TextIOBase), sys.stdout.writable(), sys.stdout.write('xyz')",
        "sys.stdout.write(b'x')",
        "sys.stdout.close(); print('open')\nimport contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as s:\n"
        "    print('kept')\ns.getvalue()",
    )
    assert ran.text() == "abxyz" and ran.result == "('UTF-8', False, True, True, 3)"
    assert wrong.error["ename"] == "TypeError"
    assert closed.text() == "open\n" and closed.result == "'kept\\n'"


RANDOM = [
    "import random, numpy as np\nrandom.random(), np.random.rand(2), np.random.default_rng().random(3)",
    "np.random.default_rng(3).random(), np.random.RandomState().rand(), np.random.default_rng().random()",
    "print({1, 2, 3}, {'a', 'b', 'c'})\n1 / 0",
    "import ipywidgets\nipywidgets.interact(lambda x: x, x=5)",
    FIGURE,
]


def test_the_same_seed_gives_the_same_outputs(zygote: Zygote, tmp_path: Path) -> None:
    first, second, other = (zygote.run(RANDOM, tmp_path, seed=seed) for seed in (2**70 + 1, 2**70 + 1, 2))
    assert [ran.emitted for ran in first] == [ran.emitted for ran in second]
    assert first[0].result != other[0].result
    assert first[1].result != other[1].result


def test_what_it_costs(zygote: Zygote, tmp_path: Path) -> None:
    """Bounds are far off: a loaded machine is slow."""
    answers = [zygote.ask(["x = 1"] * 5, tmp_path) for _ in range(5)]
    begin = statistics.median(answer["begin"] for answer in answers)
    first = statistics.median(answer["cells"][0]["seconds"] for answer in answers)
    later = statistics.median(cell["seconds"] for answer in answers for cell in answer["cells"][1:])
    assert begin < 0.015 and first < 0.03 and later < 0.01, (begin, first, later)


def test_an_endless_recursion_is_told_in_time(cells: Cells) -> None:
    (ran,) = cells(ENDINGS["RecursionError"])
    assert "skipping similar frames" in bare(ran.error["traceback"])
    assert ran.seconds < 1.5
