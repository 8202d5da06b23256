"""The engine's folders, and what it reads out of an assignment's source."""

from __future__ import annotations

import ast
import contextlib
import errno
import os
import re
import resource
import shutil
import tempfile
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbgrader.utils import is_solution

from autograder.engine import jail
from autograder.engine.task import EngineError, Files

#: How the folders of workers begin; the number of their process follows.
SCRATCH = "digital-biopsy-"


def sweep_scratch() -> None:
    """Remove the folders of workers of this user whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}[0-9]*-*"):
        owner = folder.name.removeprefix(SCRATCH).partition("-")[0]
        with contextlib.suppress(OSError):
            if (
                owner.isdigit()
                and not os.path.exists(f"/proc/{owner}")
                and folder.stat().st_uid == os.getuid()
            ):
                for part in ("work", "check", "released"):
                    if (folder / part).is_dir():
                        jail.empty(folder / part)
                shutil.rmtree(folder, ignore_errors=True)


def allow_descriptors(wanted: int = 16_384) -> None:
    """Raise this process's own limit on open files: each question has two pipes, and many workers may start at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


#: Libraries that the warm process imports where a student's notebook does: nobody's time limit pays for that.
LIBRARIES = frozenset(
    """IPython PIL astropy cv2 imageio matplotlib mpl_toolkits networkx nibabel numba numpy pandas pydicom pywt scipy
    seaborn skimage sklearn statsmodels sympy torch torchvision tqdm""".split()
)
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+\(?([\w, \t]+)|import[ \t]+([\w., \t]+))", re.MULTILINE
)


def imported_by(notebook: NotebookNode) -> set[str]:
    """Return the modules of well-known libraries that a notebook's code seems to import."""
    found: set[str] = set()
    for cell in notebook.cells:
        if cell.cell_type != "code" or "import" not in cell.source:
            continue
        for package, names, modules in _IMPORT.findall(cell.source[:200_000]):
            parts = [part.split()[0] for part in (names or modules).split(",") if part.split()]
            found |= {package, *(f"{package}.{part}" for part in parts)} if package else set(parts)
    return {name for name in found if name.partition(".")[0] in LIBRARIES}


def imports_of(source: NotebookNode) -> dict[str, str]:
    """Return the names that solutions import at the top of their cells, each with its statement."""
    found: dict[str, str] = {}
    for cell in source.cells:
        if cell.cell_type != "code" or not is_solution(cell):
            continue
        try:
            body = ast.parse(TransformerManager().transform_cell(cell.source)).body
        except SyntaxError:
            continue
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
                for alias in node.names:
                    found[alias.asname or alias.name.partition(".")[0]] = ast.unparse(node)
    return found


def empty_folder(folder: Path) -> None:
    """Make a folder, or remove all that is in it."""
    folder.mkdir(exist_ok=True)
    jail.empty(folder)


def same_files(one: Files, other: Files) -> bool:
    """Whether two sets of files are the same, quickly where they are one object."""
    return one is other or dict(one) == dict(other)


def write_files(folder: Path, files: Files) -> None:
    """Write files into a folder; a name that leads out of it, or that a folder already has, is left out."""
    for name, content in files.items():
        parts = Path(name).parts
        if not parts or Path(name).is_absolute() or ".." in parts:
            continue
        path = folder.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise EngineError(
                    f"The disk of the temporary folder is full: {folder}. Set TMPDIR to another."
                ) from error
