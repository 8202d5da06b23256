"""The same cells here and in a real kernel: the same outputs in the same order."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.engine.shell import collect
from tests.engine.shells import Zygote

CELLS = [
    "import sys, warnings, logging\nimport numpy as np\nx = 3",
    "print('a'); print('b', end=''); x",
    "print(1); display(2); print(3, file=sys.stdout); 4",
    "print('err', file=sys.stderr)\n'text'",
    "x;",
    "[np.arange(12).reshape(3, 4), {'a': 1.5, 'b': None}]",
    "np.linspace(0, 1, 5)",
    "def f(n):\n    return 1 / n\n\nf(1), _, __, Out[2]",
    "f(0)",
    "f('a')",
    "def g(:\n    pass",
    "  if 1:\nx",
    "try:\n    f(0)\nexcept ZeroDivisionError as e:\n    raise ValueError('bad') from e",
    "assert x == 4, 'x is not 4'",
    "raise KeyboardInterrupt",
    "class Own(Exception): pass\nraise Own('mine', 2)",
    "def deep(n): return deep(n + 1)\ndeep(0)",
    "input('name')",
    "sys.exit(1)",
    "raise ExceptionGroup('two', [ValueError(1), KeyError(2)])",
    "from IPython.display import HTML, Markdown, Math, JSON, Latex, clear_output\n"
    "display(HTML('<b>x</b>'), Markdown('*x*'))\nMath('x^2')",
    "JSON({'a': [1, None]})",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('$x^2$')",
    "fig, ax = plt.subplots()\nplt.show()\nprint('after')",
    "%matplotlib inline\nfig, axes = plt.subplots(1, 2); print('before')",
    "fig",
    "class H:\n    def _repr_html_(self): return '<i>h</i>'\n    def __repr__(self): return 'H'\ndisplay(H()); H()",
    "class B:\n    def _repr_html_(self): raise ValueError('no html')\n    def __repr__(self): return 'B'\nB()",
    "class R:\n    def __repr__(self): raise ValueError('no repr')\nR()",
    "%%capture c\nprint('caught'); 5",
    "c.stdout, In[2], __name__",
    "%nosuch",
    "%%nosuch\n1",
    "len?",
    "print('gone'); clear_output(wait=True); print('stays')",
    "print('gone'); clear_output(); print('stays')",
    "import asyncio\nawait asyncio.sleep(0.01, 'awaited')",
    "await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))",
    "import ipywidgets\nipywidgets.IntSlider(4)",
    "display(ipywidgets.HBox([ipywidgets.Label('a')]))",
    "logging.warning('logged')",
    "import threading\nt = threading.Thread(target=print, args=('thread',)); t.start(); t.join()",
    "%%writefile script.py\nprint('script', __name__)\ny = 9",
    "%run script.py",
    "y",
    "import pickle\nclass P:\n    def __init__(self): self.a = 1\npickle.loads(pickle.dumps(P())).a",
    "import inspect\nprint(inspect.getsource(f))",
    "for i in range(3):\n    i",
    "if True:\n    8",
    "# a comment",
    "a = 1; b = 2; a, b",
    "%precision 3\n3.14159",
    "from IPython.core.interactiveshell import InteractiveShell\nInteractiveShell.ast_node_interactivity = 'all'\n1\n2",
    "warnings.warn('careful')",
    "get_ipython().run_cell('1 + 1');",
    "get_ipython().run_line_magic('time', '1')\nNone",
]

COLOUR = re.compile(r"\x1b\[[\d;]*m")
WARNING = re.compile(r"\S+:(\d+: \w*Warning)")
FRAME = re.compile(r'File "[^"]*", line \d+, in run_code')
CELL_FILE = re.compile(r'File "[^"]*(ipykernel_\d+/\d+\.py|ipython-input-\d+-\w+>)"')
CELL_NAME = re.compile(r"\((\w+\.py|<ipython-input-[^>]*>), line")
TIMES = re.compile(r"(CPU times|Wall time): .*")


def comparable(output: dict[str, Any]) -> dict[str, Any]:
    """What must be equal: not the number of a widget, the file names of a kernel, or durations.

    Of a traceback the head and the end. What is between is less in a kernel: its cells are named like files, which are
    not there, so that IPython falls back to a plainer form, without marks and without folding an endless recursion.
    """
    made = copy.deepcopy(dict(output))
    if made["output_type"] == "stream":
        text = made["text"]
        for pattern, instead in (
            (WARNING, r"FILE:\1"), (FRAME, "FILE, in run_code"), (CELL_FILE, "File CELL"), (TIMES, r"\1"),
        ):  # fmt: skip
            text = pattern.sub(instead, text)
        made["text"] = text
    if "data" in made:
        made["data"] = dict(made["data"])
        made["data"].pop("application/vnd.jupyter.widget-view+json", None)
        made["metadata"] = dict(made["metadata"])
        image = made["data"].get("image/png")
        if image is not None:
            made["data"]["image/png"] = image.strip()
    if made["output_type"] == "error":
        made["evalue"] = CELL_NAME.sub("(CELL, line", made["evalue"])
        lines = COLOUR.sub("", "\n".join(made["traceback"])).strip().split("\n")
        made["traceback"] = [*lines[:2], CELL_NAME.sub("(CELL, line", lines[-1])]
    return made


@pytest.mark.slow
def test_outputs_are_those_of_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("here", "there", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "home"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(
        notebook, allow_errors=True, timeout=120, kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path / "there")}},
    ).execute()  # fmt: skip
    zygote = Zygote(home=tmp_path / "home")
    try:
        here = zygote.run(CELLS, tmp_path / "here")
    finally:
        zygote.close()
    differences = []
    for source, cell, ran in zip(CELLS, notebook.cells, here, strict=True):
        there: list[dict[str, Any]] = []
        for output in cell.outputs:
            collect(there, output)
        ours, theirs = [comparable(o) for o in ran.outputs], [comparable(o) for o in there]
        if "ExceptionGroup" in source:  # of which a kernel tells on stderr alone
            assert ours.pop()["ename"] == "ExceptionGroup"
        if ours != theirs:
            differences.append((source, ours, theirs))
    for source, ours, theirs in differences:
        print("----", source)
        print("here ", [str(output)[-1500:] for output in ours])
        print("there", [str(output)[-1500:] for output in theirs])
    assert differences == []
