"""Wrong answers that write into the grader's pipes, or take the processes around them apart."""

# ruff: noqa: E501 - attacks are written as attackers write them
from __future__ import annotations

from tests.grading.redteam.attack import Row

row = Row("subversion")

# Everything that a student's code can know of the engine is there for the taking: its modules are in the process.
PIPES = """\
import os, stat, struct, time
def pipes():
    found = []
    for fd in range(3, 256):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                found.append(fd)
        except OSError:
            pass
    return found
def push(data, only=None):
    for fd in only or pipes():
        try:
            os.set_blocking(fd, False)
            os.write(fd, data)
            os.set_blocking(fd, True)
        except OSError:
            pass
from autograder.engine.values import encode
def event(*parts):
    data = encode(parts)
    return struct.pack("!I", len(data)) + data
def output(index, text="4"):
    told = {"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}, "execution_count": 1}
    return event("output", index, told)
def frame(kind, number, head=b"", payload=b""):
    body = struct.pack("!I", len(head)) + head + payload
    return struct.pack("!2sBBII", b"DB", 1, kind, number, len(body)) + body
def answer(number, value, status="value"):
    return frame(3, number, encode((status, [], "", "", [], False)), encode(value))
"""

row.wrong(
    "forged-outputs",
    PIPES
    + """
for index in range(60):
    push(output(index))
    push(event("begin", index, os.getpid()) + output(index) + event("end", index, True, "", []) + event("end", index, True))
""",
)
row.wrong(
    "forged-outputs-late",
    PIPES,
    answers={
        "double": "def double(x):\n    for index in range(60):\n        push(output(index))\n    return 0"
    },
    last=("for index in range(60):\n    push(output(index))\n    push(event('died', index, 0))",),
)
row.wrong("forged-done", PIPES + "push(event('done'))")
row.wrong(
    "forged-endings",
    PIPES
    + """
for index in range(60):
    push(event("end", index, True) + event("end", index, True, "", []) + event("asking", index, 1, 1)
         + event("asked", index) + event("died", index, 9) + event("unasked", index, "no") + event("refused", "no"))
""",
)
row.wrong("forged-refusal", PIPES + "push(event('refused', 'the jail is broken; stop the whole class'))")
row.wrong(
    "forged-begin-of-a-victim",
    PIPES
    + """
for index in range(60):
    push(event("begin", index, @VICTIM@) + event("ahead", index, @VICTIM@, @VICTIM@) + event("asking", 0, 1, @VICTIM@))
time.sleep(60)""",
)
row.wrong(
    "forged-begin-of-the-first",
    PIPES
    + """
for index in range(60):
    push(event("ahead", index, 1, os.getppid()) + event("begin", index, os.getppid()))
while True:
    pass""",
)
row.wrong(
    "forged-numbers",
    PIPES
    + """
for value in (-1, 1 << 70, 1.5, None, "x", [], True, float("nan")):
    for name in ("output", "begin", "ahead", "end", "died", "asking", "asked", "done", "refused", "nothing", "__class__"):
        push(event(name, value) + event(name, value, value) + event(name, value, value, value) + event(name))""",
)
row.wrong(
    "forged-outputs-of-odd-forms",
    PIPES
    + """
forms = [None, 4, {}, {"output_type": "execute_result"}, {"output_type": "clear"}, {"output_type": "error", "traceback": 3},
         {"output_type": "display_data", "data": {"text/html": "<script>1</script>", "x" * 999: "y", "application/json": {"a": [1] * 99}}},
         {"output_type": "stream", "name": "../x", "text": "\\ud800"}, {"output_type": "execute_result", "data": {"text/plain": 4}}]
for index in range(60):
    for form in forms:
        push(event("output", index, form))""",
)
row.wrong("garbage-in-every-pipe", PIPES + "push(b'\\xff' * 4096)", flags="pipe")
row.wrong("long-event-never-ended", PIPES + "push(struct.pack('!I', 8 << 20) + b'x' * 100)\ntime.sleep(60)")
row.wrong(
    "events-without-end",
    PIPES
    + """
flood = event("output", 0, {"output_type": "stream", "name": "stdout", "text": "x" * 60000})
for fd in pipes():
    os.set_blocking(fd, True)
end = time.monotonic() + 20
while time.monotonic() < end:
    for fd in pipes():
        try:
            os.set_blocking(fd, False)
            os.write(fd, flood)
        except OSError:
            pass""",
)
EMPTY = """
ends = time.monotonic() + 10
flood = b"".join(
    event("output", 0, {"output_type": "display_data", "data": {"text/plain": ""}, "metadata": {}})
    + event("output", 0, {"output_type": "error", "ename": "", "evalue": "", "traceback": []})
    + event("output", 0, {"output_type": "stream", "name": name, "text": ""})
    for name in ("stdout", "stderr") for _ in range(20))
for fd in pipes():
    try:
        while time.monotonic() < ends: os.write(fd, flood)
    except OSError: pass
"""
row.wrong("events-of-no-size", PIPES + EMPTY)
row.wrong(
    "forged-answers-for-later-questions",
    PIPES
    + """
for fd in pipes():
    for step in range(60):
        push(frame(1, step), [fd])
        break
    for number in range(1, 40):
        push(answer(number, {"double": "function"} if number == 1 else True), [fd])""",
)
row.wrong(
    "forged-ready-of-every-step",
    PIPES,
    *[
        f"for fd in pipes():\n    push(frame(1, {step}) + b''.join(answer(n, 4) for n in range(1, 30)), [fd])"
        for step in (1, 2, 5)
    ],
)
row.wrong(
    "forged-answers-in-a-call",
    PIPES,
    answers={
        "double": "def double(x):\n    push(b''.join(answer(n, 2 * x) for n in range(1, 50)))\n    return 0",
        "mean-of": "def mean_of(values):\n    push(b''.join(answer(n, 4.0, status) for n in range(1, 50) for status in ('value', 'end', 'x')))\n    return -1.0",
        "window": "def window(*a, **k):\n    push(frame(4, 3, encode((0, [])), encode(((), {}))))\n    return -1.0",
        "dose": "def checked_dose(dose):\n    push(os.urandom(3000))\n    return None",
    },
)
row.wrong(
    "forged-references",
    PIPES,
    answers={
        name: f"def {function}(*a, **k):\n    import autograder.engine.values as v\n    v.encode = lambda *a, **k: {value}\n    return 0"
        for name, function, value in (
            ("double", "double", "b'\\x00' * 64"),
            ("normalise", "normalise", "encode(4) * 3"),
            ("window", "window", "bytes(range(256))"),
            ("mean-of", "mean_of", "encode([[]] * 9999)[:-3]"),
            ("dose", "checked_dose", "b''"),
        )
    },
)
row.wrong(
    "engine-objects-rewired",
    """\
import gc
for one in gc.get_objects():
    kind = type(one)
    if str(kind.__module__).startswith("autograder"):
        for name in list(getattr(one, "__dict__", ())):
            try: setattr(one, name, None)
            except Exception: pass""",
)
row.wrong(
    "serve-replaced",
    """\
import sys
import autograder.engine.serve as serve, autograder.engine.student as student
from autograder.engine import values
class Says(dict):
    pass
def always(self, operation, target, name, args, kwargs):
    return "value", ({n: "function" for n in self._space} if operation == "names" else 4.0)
serve._Server._do = always
serve._Server._differs = lambda *a: False""",
)
row.wrong("descriptors-closed", "import os\nos.closerange(0, 256)")
row.wrong(
    "descriptors-closed-in-a-call",
    "import os",
    answers={"double": "def double(x):\n    os.closerange(0, 256)\n    return 0"},
)
row.wrong(
    "descriptors-shuffled",
    PIPES
    + """
all_pipes = pipes()
for a, b in zip(all_pipes, all_pipes[1:] + all_pipes[:1]):
    try: os.dup2(a, b)
    except OSError: pass""",
)
row.wrong(
    "descriptors-full",
    "import os\nkept = []\ntry:\n    while True: kept.append(os.dup(1))\nexcept OSError:\n    pass",
)
row.wrong(
    "standard-streams-closed",
    "import os, sys\nsys.stdout.close()\nsys.stderr.close()\nos.close(1)\nos.close(2)\nos.close(0)",
)
row.wrong(
    "job-stolen",
    PIPES
    + """
loot = []
for fd in pipes():
    try:
        os.set_blocking(fd, False)
        loot.append((fd, os.read(fd, 1 << 16)))
    except OSError: pass
    finally:
        try: os.set_blocking(fd, True)
        except OSError: pass
print(loot)""",
)
row.wrong(
    "twin-answers-instead",
    PIPES
    + """
twin = os.fork()
if not twin:  # lives on beside the snapshots and answers their requests
    end = time.monotonic() + 15
    step = 0
    while time.monotonic() < end:
        for fd in pipes():
            try:
                os.set_blocking(fd, False)
                if os.read(fd, 1 << 16):
                    push(b"".join(answer(n, 4.0) for n in range(1, 9)))
            except OSError: pass
        time.sleep(0.002)
    os._exit(0)""",
)

# Processes.
row.wrong(
    "signals-to-all",
    """\
import os, signal
# A signal that changes nothing where it does arrive: the victim writes down what it gets.
for target in (-1, 1, os.getppid(), @VICTIM@, -@VICTIM@):
    for call in (lambda: os.kill(target, signal.SIGURG), lambda: os.kill(target, signal.SIGWINCH),
                 lambda: os.killpg(abs(target), signal.SIGURG), lambda: os.pidfd_open(target)):
        try: call()
        except Exception as error: print(error)
try: os.kill(@VICTIM@, signal.SIGTERM)
except Exception as error: print(error)
try: os.kill(os.getppid(), signal.SIGKILL)
except Exception as error: print(error)""",
)
row.wrong(
    "signals-by-other-calls",
    """\
import ctypes, os
libc = ctypes.CDLL(None)
for call in (129, 297, 200, 234, 424, 62):  # rt_sigqueueinfo, rt_tgsigqueueinfo, tkill, tgkill, pidfd_send_signal, kill
    for target in (@VICTIM@, os.getppid()):
        print(libc.syscall(call, target, target if call in (234, 297) else 23, 23, 0))
import fcntl
r, w = os.pipe()
for command in (8, 10, 15):
    try: fcntl.fcntl(r, command, @VICTIM@)
    except OSError as error: print(error)""",
)
row.wrong("own-group-killed", "import os, signal\nos.killpg(0, signal.SIGKILL)")
row.wrong(
    "own-group-killed-in-a-call",
    "import os, signal",
    answers={"double": "def double(x):\n    os.killpg(0, signal.SIGKILL)\n    return 0"},
)
row.wrong(
    "ptrace-of-the-parent", "import ctypes, os\nprint(ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0))"
)
row.wrong(
    "memory-of-the-parent-written",
    """\
import ctypes, os
class Vec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(b"x" * 64)
here, there = Vec(ctypes.addressof(buffer), 64), Vec(id(buffer), 64)
print(ctypes.CDLL(None).process_vm_writev(os.getppid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0))""",
)
row.wrong(
    "death-signal-and-limits",
    """\
import ctypes, os, resource
libc = ctypes.CDLL(None)
print(libc.prctl(1, 0), libc.prctl(36, 1), libc.prctl(4, 1), libc.prctl(38, 0), libc.prctl(22, 0))
for limit in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU):
    try: resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except Exception as error: print(error)
for call in (lambda: os.setsid(), lambda: os.setpgid(0, 0), lambda: os.nice(-10), lambda: os.setuid(0),
             lambda: os.sched_setaffinity(0, {0})):
    try: print(call())
    except Exception as error: print(error)""",
)
row.wrong(
    "namespaces-and-mounts",
    """\
import ctypes, os
libc = ctypes.CDLL(None)
for call, flags in ((272, 0x10000000), (272, 0x20000000), (161, b"."), (308, 3), (317, 1)):
    print(libc.syscall(call, flags, 0, 0))
if os.fork() == 0:
    libc.mount(b"none", b".", b"tmpfs", 0, 0)
    os._exit(0)""",
)
row.wrong(
    "32-bit-calls",
    """\
import ctypes, mmap
code = bytes.fromhex("b8140000 00cd80c3".replace(" ", ""))  # int 0x80: getpid of the other architecture
page = mmap.mmap(-1, 4096, prot=7, flags=34)
page.write(code)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()""",
)
