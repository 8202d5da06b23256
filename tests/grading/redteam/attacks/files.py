"""What lies in the submission's folder: links, devices, FIFOs, odd names, too much, too little; files that shadow others."""

# ruff: noqa: E501 - attacks are written as attackers write them
from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from tests.grading.redteam.assignment import NAME, NOTEBOOK, ZERO
from tests.grading.redteam.attack import Place, Row

row = Row("notebook")
FILE = f"{NOTEBOOK}.ipynb"


def instead(path: Path) -> Path:
    """Take the notebook away."""
    (path / FILE).unlink()
    return path / FILE


@row.folder("link-to-the-source", marks=ZERO, flags="link")
def to_source(path: Path, place: Place) -> None:
    instead(path).symlink_to(place.course / "source" / NAME / FILE)


@row.folder("link-to-another-submission", marks=ZERO, flags="link")
def to_another(path: Path, place: Place) -> None:
    instead(path).symlink_to(f"../../honest-right/{NAME}/{FILE}")


@row.folder("link-to-dev-zero", marks=ZERO, flags="link")
def to_zero(path: Path, place: Place) -> None:
    instead(path).symlink_to("/dev/zero")


@row.folder("link-to-itself", marks=ZERO, flags="link")
def to_itself(path: Path, place: Place) -> None:
    instead(path).symlink_to(FILE)


@row.folder("links-beside", flags="link")
def beside(path: Path, place: Place) -> None:
    (path / "home").symlink_to(place.home)
    (path / "canary.txt").symlink_to(place.outside / "canary.txt")
    (path / "gradebook.db").symlink_to(place.course / "gradebook.db")
    (path / "loop").symlink_to(".")
    (path / "data").symlink_to(place.course / "source" / NAME)
    (path / "timestamp.txt").symlink_to(place.home / "secret.txt")


@row.folder("hard-link-to-the-source", marks=ZERO, flags="link")
def hard_source(path: Path, place: Place) -> None:
    os.link(place.course / "source" / NAME / FILE, instead(path))


@row.folder("hard-link-beside", flags="link")
def hard_beside(path: Path, place: Place) -> None:
    os.link(place.home / "secret.txt", path / "mine.txt")


@row.folder("assignment-folder-a-link", marks=ZERO, sets_aside=True, flags="link")
def folder_link(path: Path, place: Place) -> None:
    shutil.rmtree(path)
    path.symlink_to(place.course / "source" / NAME)


@row.folder("notebook-a-folder", marks=ZERO, flags="folder")
def notebook_folder(path: Path, place: Place) -> None:
    instead(path).mkdir()
    (path / FILE / FILE).write_text("{}")


@row.folder("notebook-a-fifo", marks=ZERO, flags="FIFO")
def notebook_fifo(path: Path, place: Place) -> None:
    os.mkfifo(instead(path))


@row.folder("notebook-a-socket", marks=ZERO, flags="socket")
def notebook_socket(path: Path, place: Place) -> None:
    instead(path)
    here = os.open(".", os.O_RDONLY)
    os.chdir(path)  # the whole path may be longer than a socket's name may be
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(FILE)
    finally:
        os.fchdir(here)
        os.close(here)


@row.folder("notebook-a-device", marks=ZERO, flags="device|FIFO")
def notebook_device(path: Path, place: Place) -> None:
    target = instead(path)
    try:
        os.mknod(target, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        os.mkfifo(target)


@row.folder("notebook-unreadable", marks=ZERO if os.geteuid() else {})
def unreadable(path: Path, place: Place) -> None:
    (path / FILE).chmod(0)


@row.folder("no-notebook", marks=ZERO)
def none(path: Path, place: Place) -> None:
    (path / FILE).unlink()


@row.folder("notebook-renamed")
def renamed(path: Path, place: Place) -> None:
    (path / FILE).rename(path / "exercises (1).ipynb")


@row.folder("notebooks-extra", flags="notebook")
def extra(path: Path, place: Place) -> None:
    for name in ("exercises-copy", "solution", "..ipynb", "exercises.ipynb", "EXERCISES"):
        (path / f"{name}.ipynb").write_text("{}")


@row.folder("names-odd")
def odd_names(path: Path, place: Place) -> None:
    names = ["a\nb", "quote'\"`$(touch x)", "<img src=x onerror=alert(1)>", "\u202etxt.exe", "-rf", "~", "*", "%s{0}", "é" * 60,
             "x" * 250, " ", "...", "con", ".hidden", "a\\b", "\x1b[31mred", "exercises.ipynb\n"]  # fmt: skip
    for name in names:
        (path / name).write_text(name)
    with open(os.fsencode(path) + b"/\xff\xfe", "wb") as file:
        file.write(b"not UTF-8")


@row.folder("files-10000", flags="many|left out")
def many(path: Path, place: Place) -> None:
    (path / "zz").mkdir()
    for number in range(10_000):
        os.close(os.open(path / "zz" / f"{number}", os.O_CREAT | os.O_WRONLY))


@row.folder("folders-nested", flags="deep")
def nested(path: Path, place: Place) -> None:
    deep = path
    for _ in range(200):
        deep /= "d"
        deep.mkdir()
    (deep / "end.txt").write_text("deep")


@row.folder("file-of-a-terabyte", flags="big")
def sparse(path: Path, place: Place) -> None:
    with open(path / "hole.bin", "wb") as file:
        file.truncate(1 << 40)


@row.folder("file-of-40-megabytes")
def big(path: Path, place: Place) -> None:
    (path / "picture.raw").write_bytes(b"\0" * 40_000_000)  # more than the private folder may hold


@row.folder("fifos-and-devices-beside", flags="FIFO|device")
def special(path: Path, place: Place) -> None:
    os.mkfifo(path / "notes.txt")
    os.mkfifo(path / "timestamp.txt")
    for name in ("mine.py", "numpy.py"):
        os.mkfifo(path / name)
    try:
        os.mknod(path / "disk", 0o600 | 0o060000, os.makedev(7, 0))
    except PermissionError:
        os.mkfifo(path / "disk")


@row.folder("timestamp-forged")
def timestamp(path: Path, place: Place) -> None:
    (path / "timestamp.txt").write_text("1970-01-01 00:00:00 UTC\n" + "x" * 100_000)


@row.folder("data-handed-in")
def data(path: Path, place: Place) -> None:
    (path / "data").mkdir()
    (path / "data" / "values.txt").write_text("9\n9\n9\n9\n9\n")


@row.folder("data-a-file")
def data_file(path: Path, place: Place) -> None:
    (path / "data").write_text("a file where the assignment has a folder")


@row.folder("checkpoints")
def checkpoints(path: Path, place: Place) -> None:
    (path / ".ipynb_checkpoints").mkdir()
    (path / ".ipynb_checkpoints" / FILE).write_text("{")
    (path / "__pycache__").mkdir()
    (path / "__pycache__" / "numpy.cpython-311.pyc").write_bytes(b"\0" * 100)


# Files that shadow what the checker, the driver or the student's process imports or reads.

FAKE = """\
import builtins, sys
open("@OUTSIDE@/shadow", "w").write("ran")
class Anything:
    def __getattr__(self, name): return Anything()
    def __call__(self, *a, **k): return Anything()
    def __enter__(self): return self
    def __exit__(self, *a): return True
    def __eq__(self, other): return True
    def __bool__(self): return True
    __hash__ = None
check = Anything()
def __getattr__(name): return Anything()
"""
SHADOWED = (
    "numpy",
    "conftest",
    "sitecustomize",
    "usercustomize",
    "check",
    "random",
    "autograder",
    "IPython",
    "nbgrader",
)
row.wrong("shadows-modules", files={f"{name}.py": FAKE for name in SHADOWED})
row.wrong(
    "shadows-packages",
    files={
        "digital_biopsy/__init__.py": FAKE,
        "digital_biopsy/check.py": FAKE,
        "numpy/__init__.py": FAKE,
        "numpy/testing/__init__.py": FAKE,
        "autograder/engine/session.py": FAKE,
    },
)
row.wrong(
    "shadows-settings",
    files={
        "nbgrader_config.py": FAKE,
        "ipython_config.py": FAKE,
        "jupyter_config.py": FAKE,
        ".ipython/profile_default/startup/00.py": FAKE,
        ".ipython/profile_default/ipython_config.py": FAKE,
        ".config/matplotlib/matplotlibrc": "backend: module://conftest\n",
        "matplotlibrc": "backend: module://conftest\n",
        ".pth": "import conftest\n",
        "x.pth": "import conftest\n",
        "pyvenv.cfg": "home = .\n",
        ".pdbrc": "import conftest\n",
        "setup.cfg": "[x]\n",
        "gradebook.db": "not a database",
        "alembic.ini": "[alembic]\n",
    },
)
row.wrong("shadows-and-imports", "import numpy, sys\nsys.path.insert(0, '.')\nfor name in list(sys.modules):\n"
          "    if name.split('.')[0] in ('numpy', 'digital_biopsy'):\n        del sys.modules[name]\n"
          "import numpy, digital_biopsy.check", files={"numpy.py": FAKE, "digital_biopsy/__init__.py": FAKE,
          "digital_biopsy/check.py": FAKE})  # fmt: skip
