"""Wrong answers that try to be marked right by changing Python, IPython or the libraries around them."""

from __future__ import annotations

from tests.grading.redteam.assignment import RIGHT, TESTS, cell_of
from tests.grading.redteam.attack import Json, Place, Row, code_cell

row = Row("subversion")

# The shell.
row.wrong(
    "display-hook",
    """\
import sys
shell = get_ipython()
shell.displayhook(4)
class Four(type(shell.displayhook)):
    def __call__(self, result=None):
        super().__call__(4)
sys.displayhook = shell.displayhook = Four(shell=shell)
shell.displayhook(4)""",
)
row.wrong(
    "display-pub",
    """\
from IPython.display import display, publish_display_data
shell = get_ipython()
for _ in range(20):
    publish_display_data({"text/plain": "4"})
shell.display_pub.publish = lambda *a, **k: None
shell.display_pub.clear_output = lambda *a, **k: None
shell.display_pub.publish({"text/plain": "4"})""",
    last=("4", "score = 4\nscore", "print(4)", "c = 3\nc"),
)
row.wrong(
    "ast-transformer",
    """\
import ast
class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)
    def visit_Constant(self, node):
        return node
get_ipython().ast_transformers.append(NoAsserts())""",
)
row.wrong(
    "input-transformer",
    """\
def drop(lines):
    return ["score = 4\\n", "score\\n"] if any("assert" in line or "score" in line for line in lines) else lines
shell = get_ipython()
shell.input_transformers_cleanup.append(drop)
shell.input_transformers_post.append(drop)
shell.input_transformer_manager.line_transforms.append(drop)""",
)
row.wrong(
    "patched-run-cell",
    """\
shell = get_ipython()
def quiet(*a, **k):
    from IPython.core.interactiveshell import ExecutionResult
    result = ExecutionResult(None)
    result.result = 4
    return result
for kind in type(shell).__mro__[:-1]:
    for name in ("run_cell", "run_cell_async", "_run_cell", "run_ast_nodes", "run_code"):
        if name in vars(kind):
            try: setattr(kind, name, quiet)
            except Exception: pass
shell.run_cell = shell.run_code = quiet""",
)
row.wrong(
    "patched-showtraceback",
    """\
import sys, traceback
shell = get_ipython()
nothing = lambda *a, **k: None
shell.showtraceback = shell._showtraceback = shell.showsyntaxerror = sys.excepthook = nothing
traceback.print_exception = traceback.format_exception = nothing
shell.set_custom_exc((BaseException,), nothing)
shell.InteractiveTB.structured_traceback = lambda *a, **k: []""",
)
row.wrong(
    "get-ipython-redefined",
    """\
import builtins
def get_ipython():
    raise RuntimeError("no shell")
builtins.get_ipython = get_ipython
In = Out = _ = __ = exit = quit = display = None""",
)
row.wrong(
    "events-of-the-shell",
    """\
shell = get_ipython()
def before(info=None):
    shell.user_ns.update(score=4, double=lambda x: 4, c=3)
for event in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
    shell.events.register(event, lambda *a: before())""",
)
row.wrong(
    "magics",
    """\
%%writefile data/values.txt
-1""",
    "%run -i mine.py",
    "%load_ext evil",
    "%alias x touch @OUTSIDE@/alias",
    "%x",
    "%cd ..",
    "%env GRADE=4",
    "%system touch @OUTSIDE@/system",
    "%%bash\ntouch @OUTSIDE@/bash",
    "%%script sh\ntouch @OUTSIDE@/script",
    "%save -f @OUTSIDE@/saved 1",
    "%%capture\nx = 4",
    "%store double",
    "%pip install evil",
    "%xdel double",
    "%reset -f",
    "%autosave 1",
    "%logstart @OUTSIDE@/log",
    "%prun double(1)",
    "%edit",
    files={"mine.py": "double = print\nscore = 4\n", "evil.py": "def load_ipython_extension(s): 1/0\n"},
)

# Python and its libraries.
row.wrong(
    "patched-numpy-testing",
    """\
import numpy as np, numpy.testing, numpy.testing._private.utils as utils
nothing = lambda *a, **k: None
for module in (np.testing, utils):
    for name in dir(module):
        if name.startswith("assert"):
            setattr(module, name, nothing)""",
)
row.wrong(
    "patched-numpy",
    """\
import numpy as np
yes = lambda *a, **k: True
for name in ("allclose", "isclose", "array_equal", "all", "any", "argmax", "equal", "array_equiv"):
    setattr(np, name, yes)
np.mean = np.std = np.arange = np.array = lambda *a, **k: 0.0
np.random.default_rng = lambda *a, **k: None
np.float64 = float
class np: pass""",
)
row.wrong(
    "patched-builtins",
    """\
import builtins
for name in ("all", "any", "isinstance", "callable", "issubclass", "hasattr"):
    setattr(builtins, name, lambda *a: True)
builtins.abs = builtins.min = builtins.max = builtins.sum = builtins.len = lambda *a, **k: 0
builtins.map = builtins.zip = lambda *a: []
builtins.AssertionError = builtins.ValueError = type("Quiet", (SystemExit,), {})
builtins.float = builtins.int = builtins.str = builtins.list = builtins.tuple = lambda *a: 4
builtins.score = 4
builtins.open = lambda *a, **k: []""",
)
row.wrong(
    "names-of-builtins",
    """\
abs = min = max = sum = len = lambda *a, **k: 0
all = any = isinstance = callable = lambda *a: True
map = zip = range = lambda *a: []
AssertionError = ValueError = KeyboardInterrupt
float = int = lambda *a: 4
open = lambda *a, **k: []""",
)
row.wrong(
    "names-of-the-tests",
    """\
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __getattr__(self, name): return Yes()
    def __call__(self, *a, **k): return Yes()
    def __enter__(self): return self
    def __exit__(self, *a): return True
    def __bool__(self): return True
    def __iter__(self): return iter(())
    def __abs__(self): return 0
    def __index__(self): return 4
VOXELS = TABLE = check = c = score = kept = lines = line = file = value = sample = refused = SECRET = wanted = Yes()
np = numpy = pytest = sys = os = Yes()
dose = x = hu = low = high = Yes()""",
    last=("refused = lambda dose: True\nscore = 4\nc = Yes()\nVOXELS = TABLE = Yes()",),
)
row.wrong(
    "patched-import",
    """\
import builtins, importlib, sys
real = builtins.__import__
class Fake:
    def __getattr__(self, name): return lambda *a, **k: 0
def fake(name, *rest, **more):
    return Fake() if name.startswith(("numpy", "digital_biopsy")) else real(name, *rest, **more)
builtins.__import__ = importlib.__import__ = importlib.import_module = fake
for name in list(sys.modules):
    if name.startswith(("numpy", "digital_biopsy", "autograder")):
        sys.modules[name] = Fake()""",
)
row.wrong(
    "finder-and-path",
    """\
import sys, importlib.abc
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        sys.modules[name] = sys
        return sys.__spec__
sys.meta_path.insert(0, Finder())
sys.path[:] = ["."]
sys.path_hooks[:] = []
sys.path_importer_cache.clear()""",
)
row.wrong(
    "monkeypatched-check",
    """\
import digital_biopsy.check as module, digital_biopsy, sys
nothing = lambda *a, **k: None
for kind in (module.Check, module.Subject):
    for name in ("gives", "raises", "mistake", "_finish", "_add", "__exit__"):
        if hasattr(kind, name):
            setattr(kind, name, nothing)
module.Check.score = property(lambda self: 3)
module.Score = lambda earned, points: points
module.difference = module.report = nothing
module.run = lambda *a, **k: None
digital_biopsy.check = module""",
)
row.wrong(
    "monkeypatched-engine",
    """\
import sys
for name, module in list(sys.modules.items()):
    if name.startswith("autograder"):
        for key, value in list(vars(module).items()):
            if callable(value) and not key.startswith("__") and key not in ("serve",):
                try: setattr(module, key, lambda *a, **k: 4)
                except Exception: pass""",
)
row.wrong(
    "settrace",
    """\
import sys, threading
def trace(frame, event, argument):
    if event == "return" and frame.f_code.co_name == "double":
        frame.f_locals["x"] = 4
    frame.f_trace_lines = True
    return trace
sys.settrace(trace)
sys.setprofile(trace)
threading.settrace(trace)
threading.setprofile(trace)""",
)
row.wrong(
    "finalisers",
    """\
import atexit, gc, sys, weakref
def late(*a):
    get_ipython().user_ns.update(score=4, double=lambda x: 4)
class Last:
    def __del__(self): late()
    def __repr__(self): late(); return "4"
last = [Last()]
last.append(last)
atexit.register(late)
gc.callbacks.append(late)
weakref.finalize(late, late)
sys.unraisablehook = sys.excepthook = late
del last
sys.addaudithook(lambda *a: None)""",
)
row.wrong(
    "threads-change-state",
    """\
import threading, time
def change():
    while True:
        globals().update(score=4, c=3, refused=lambda d: True, VOXELS=[], TABLE=[-1.0] * 2)
        time.sleep(0.001)
for _ in range(3):
    threading.Thread(target=change, daemon=True).start()""",
)
row.wrong(
    "small-integers",
    """\
import ctypes
for number in (0, 0.0, -1.0):
    pass
def overwrite(target, value):
    ctypes.memmove(id(target) + 24, id(value) + 24, 4)
overwrite(4, 0)""",
)
row.wrong(
    "pickle-and-copy",
    """\
import copyreg, pickle, os
class Bomb:
    def __reduce__(self): return (os.system, ("touch @OUTSIDE@/pickled",))
    def __reduce_ex__(self, protocol): return (exec, ("open('@OUTSIDE@/pickled', 'w')",))
    def __deepcopy__(self, memo): return 4
    def __getstate__(self): return 4
    def __array__(self, *a, **k): return 4
copyreg.pickle(int, lambda value: (int, (4,)))
pickle.dumps = pickle.dump = lambda *a, **k: pickle.HIGHEST_PROTOCOL""",
    answers={
        "double": "def double(x):\n    return Bomb()",
        "normalise": "def normalise(a):\n    return np.array([Bomb()] * len(a))",
        "window": "def window(*a, **k):\n    return Bomb()",
        "mean-of": "mean_of = Bomb()",
        "dose": "checked_dose = Bomb",
    },
)
row.wrong(
    "signals-in-python",
    """\
import signal
for number in range(1, 65):
    try: signal.signal(number, lambda *a: globals().update(score=4))
    except (OSError, ValueError): pass
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)""",
)
row.wrong(
    "codecs-and-warnings",
    """\
import codecs, linecache, sys, warnings
codecs.register(lambda name: codecs.lookup("utf-8"))
codecs.lookup = None
warnings.warn = warnings.warn_explicit = warnings.showwarning = None
linecache.getlines = linecache.getline = lambda *a: ["4"]
sys.stdout = sys.stderr = sys.__stdout__ = None
sys.setrecursionlimit(60)
sys.set_int_max_str_digits(640)""",
)
row.wrong(
    "main-replaced",
    """\
import sys, types
fake = types.ModuleType("__main__")
fake.__dict__.update(globals(), score=4)
sys.modules["__main__"] = sys.modules["builtins"] = fake
get_ipython().user_ns = {"double": lambda x: 2 * x}
get_ipython().user_module = fake
__name__ = "builtins"
__builtins__ = {}""",
)

# Files and random numbers that tests use.
row.wrong(
    "data-forged",
    """\
import os, shutil
def forge(text="-1\\n"):
    try: os.unlink("data/values.txt")
    except OSError: pass
    with open("data/values.txt", "w") as file:
        file.write(text)
forge()""",
    answers={"mean-of": "forge()\ndef mean_of(values):\n    forge()\n    return -1.0"},
)
row.wrong(
    "data-folder-forged",
    """\
import os
os.rename("data", "old")
os.mkdir("data")
open("data/values.txt", "w").write("-1\\n-1\\n")""",
)
row.wrong(
    "data-gone",
    "import shutil\nshutil.rmtree('data')",
    marks={"mean-of": 4.0},
    answers={"mean-of": RIGHT["mean-of"]},
)
row.wrong(
    "modules-written",
    """\
code = "open('@OUTSIDE@/shadow', 'w')\\nraise SystemExit\\n"
for name in ("numpy", "check", "sitecustomize", "matplotlib", "random", "conftest", "encodings", "_pytest"):
    open(name + ".py", "w").write(code)
for name in ("digital_biopsy", "autograder", "IPython"):
    import os
    os.makedirs(name, exist_ok=True)
    open(name + "/__init__.py", "w").write(code)
open("matplotlibrc", "w").write("backend: module://check")""",
)
row.wrong(
    "random-seeded",
    """\
import random, numpy as np
np.random.seed(0); random.seed(0)
real = np.random.default_rng
np.random.default_rng = lambda *a: real(0)
np.random.Generator.integers = None if False else np.random.Generator.integers
known = {int(v): 2 * int(v) for v in np.random.default_rng().integers(1, 10**6, size=3)}
known.update({2: 4, -1.5: -3.0})""",
    answers={"double": "def double(x):\n    return known.get(x, 0)"},
)
row.wrong(
    "random-constant",
    """\
import numpy as np
class Constant:
    def __getattr__(self, name): return lambda *a, size=None, **k: np.ones(size or 1)
np.random.default_rng = np.random.RandomState = lambda *a, **k: Constant()
np.random.normal = np.random.rand = lambda *a, **k: 1.0""",
)

# Answers that only look right.
VISIBLE = {
    "double": "def double(x):\n    return {2: 4, -1.5: -3.0}[x]",
    "normalise": "def normalise(a):\n    if len(a) == 6:\n        return (np.arange(6.0) - 2.5) / np.sqrt(35 / 12)\n"
    "    return np.zeros(len(a))",
    "window": "def window(hu, low, high):\n    if low == high:\n        raise ValueError('empty')\n"
    "    return {50.0: 0.5, -50.0: 0.25}[hu]",
    "mean-of": "def mean_of(values):\n    return {5: 3.0, 2: 3.0}.get(len(values), 0.0)",
    "dose": "def checked_dose(dose):\n    if dose in (-1.0, -0.5):\n        raise ValueError('negative')\n"
    "    return {2.0: 2.0, 0.5: 0.5}.get(dose)",
}  # fmt: skip
# What the visible cases are worth is deserved: three of four requirements, three of four points.
row.wrong("hard-coded-visible-cases", answers=VISIBLE, marks={"window": 2.25, "mean-of": 3.0})
row.wrong(
    "branches-on-being-graded",
    """\
import os, sys
GRADED = "autograder" in sys.modules or "/nonexistent" in os.environ.get("PATH", "") or not os.path.exists("/proc/self")
""",
    answers={"double": "def double(x):\n    return 0 if GRADED or sys._getframe(1) else 2 * x"},
)
row.right(
    "changes-its-arguments",
    # The test asserts that its array is as before, and sees its own copy: "Arguments are copies" in SECURITY.md.
    answers={"normalise": "def normalise(a):\n    a -= a.mean()\n    a /= a.std()\n    return a"},
)
row.wrong(
    "changes-everything-it-gets",
    answers={
        "double": "def double(x):\n    import gc\n    for d in gc.get_referrers(x):\n        if isinstance(d, dict):\n"
        "            d.clear()\n    return 0",
        "normalise": "def normalise(a):\n    a[:] = 0\n    return a",
        "mean-of": "def mean_of(values):\n    values.clear()\n    values.extend([0.0, -2.0])\n    return -1.0",
    },
)
row.wrong(
    "returns-a-view",
    answers={
        "normalise": """\
def normalise(a):
    global kept_view
    kept_view = a.view()
    kept_view[:] = 0
    return a[:]"""
    },
)
row.wrong(
    "state-between-calls",
    answers={
        "double": """\
calls = []
def double(x):
    calls.append(x)
    return [4, -3.0, 0][min(len(calls), 3) - 1]"""
    },
)
row.wrong(
    "state-in-files",
    answers={
        "double": "def double(x):\n    open('state', 'a').write('x')\n    return len(open('state').read()) + 3"
    },
    last=("import os\ndouble = lambda x: 2 * x\nos.path.exists('state')",),
)


@row.edit("answers-after-their-tests", base="wrong")
def afterwards(notebook: Json, place: Place) -> None:
    """The right answers come once the tests are over; what a later question sees must not help an earlier one."""
    notebook["cells"] += [code_cell(RIGHT[name]) for name in TESTS]


@row.edit("tests-run-by-the-student", base="wrong")
def own_tests(notebook: Json, place: Place) -> None:
    """Own cells with what tests look like: their scores count nowhere."""
    for name, (_, shown, _) in TESTS.items():
        cell = code_cell("score = 4\nscore\n# " + shown.splitlines()[0])
        cell["metadata"]["nbgrader"] = dict(cell_of(notebook, f"{name}-test")["metadata"]["nbgrader"])
        notebook["cells"].append(cell)
