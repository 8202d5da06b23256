"""Start JupyterLab on a chapter: on this machine only, reading nothing from the network."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

HOST = "127.0.0.1"
DEFAULT_PORT = 8888
#: What stands beside the chapters and is not for reading.
HIDDEN = ["__pycache__", "*.pyc", ".DS_Store", "*~", "*.egg-info", "requirements.lock"]


class StudyError(Exception):
    """What keeps the course from starting, and the cure."""


def course_folder() -> Path | None:
    """Folder of the chapters, or None where only the package is installed."""
    folder = Path(__file__).resolve().parents[1]
    return folder if (folder.parent / "pyproject.toml").is_file() and folder.name == "course" else None


def chapters(course: Path) -> dict[int, Path]:
    """Chapter folders of `course` by their number."""
    found = (path for path in course.iterdir() if path.is_dir() and re.match(r"\d\d-", path.name))
    return {int(path.name[:2]): path for path in sorted(found)}


def lesson(course: Path, chapter: int) -> str:
    """Path of a chapter's lesson below `course`, in URL form; the chapter's folder while it has no lesson.

    Raises
    ------
    StudyError
        If there is no such chapter.
    """
    known = chapters(course)
    if chapter not in known:
        if not known:
            return ""
        numbers = ", ".join(f"{number:02d}" for number in known)
        raise StudyError(f"There is no chapter {chapter:02d} in {course}. Chapters here: {numbers}.")
    folder = known[chapter]
    name = f"{folder.name}/lesson.ipynb" if (folder / "lesson.ipynb").is_file() else folder.name
    return quote(name)


def free_port(port: int = 0) -> int:
    """Return `port` if it can be had, or any free port for 0.

    Raises
    ------
    StudyError
        If another program listens on `port`, or this user may not have it.
    """
    cure = f"Choose another: make study PORT={port + 1 if port >= 1024 else DEFAULT_PORT}"
    cure += f" (or: digital-biopsy study --port {port + 1 if port >= 1024 else DEFAULT_PORT})."
    with socket.socket() as probe:
        if os.name == "posix":  # a port that a stopped server held is free at once
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise StudyError(f"This user may not use port {port}. {cure}") from None
        except OSError:
            raise StudyError(f"Port {port} is taken by another program. {cure}") from None
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """Variables that make Jupyter use this Python, its kernel and the course's settings.

    A kernel named ``python3`` in the user's own folders must not stand in for this one, and NumPy's threads
    would only slow each other down on a small machine.
    """
    binaries = str(Path(sys.executable).parent)

    def first(folder: str, variable: str) -> str:
        others = [name for name in os.environ.get(variable, "").split(os.pathsep) if name and name != folder]
        return os.pathsep.join([folder, *others])

    return {
        "JUPYTER_CONFIG_PATH": first(str(files("digital_biopsy") / "jupyter"), "JUPYTER_CONFIG_PATH"),
        "JUPYTER_PATH": first(str(Path(sys.prefix, "share", "jupyter")), "JUPYTER_PATH"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "PATH": first(binaries, "PATH"),
    }


def has_display() -> bool:
    """Whether a browser window can be opened here."""
    if os.environ.get("BROWSER", "").lower() == "none":
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def server_arguments(root: Path, page: str, port: int, token: str, workspaces: Path) -> list[str]:
    """JupyterLab's arguments: this machine only, nothing read from the network, stops at once."""
    return [
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.open_browser=False",
        "--ServerApp.answer_yes=True",
        "--ServerApp.allow_root=True",
        "--Application.log_level=ERROR",
        f"--ServerApp.default_url={page}",
        f"--IdentityProvider.token={token}",
        # Other users of a shared machine can reach a kernel's ports.
        "--KernelManager.transport_encryption=auto",
        f"--ContentsManager.hide_globs={json.dumps(HIDDEN)}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        "--LanguageServerManager.autodetect=False",  # it would start npm to look for servers
        # Tabs of the user's other projects would be restored here, and miss their files.
        f"--LabApp.workspaces_dir={workspaces}",
    ]


def run_lab(arguments: list[str], ready: Callable[[], None]) -> None:
    """Run JupyterLab in this process until it is stopped; call `ready` once it answers."""
    from jupyter_core.paths import jupyter_data_dir
    from jupyterlab.labapp import LabApp

    Path(jupyter_data_dir()).mkdir(parents=True, exist_ok=True)
    server = LabApp.initialize_server(argv=arguments)
    server.io_loop.add_callback(ready)  # callbacks run in order: the port has been opened before this one
    server.start()


def study(port: int = DEFAULT_PORT, chapter: int = 0, browser: bool = True) -> NoReturn:
    """Open JupyterLab on a chapter's lesson and stay until Ctrl-C, which ends the process.

    Parameters
    ----------
    port : int
        Port on 127.0.0.1; 0 takes any free one.
    chapter : int
        Number of the chapter to open.
    browser : bool
        Open a browser window if there is a display.

    Raises
    ------
    StudyError
        If the chapter does not exist, the port is taken, or JupyterLab is not installed.
    """
    course = course_folder()
    root = course or Path.cwd()
    path = lesson(root, chapter) if course else ""
    port = free_port(port)
    os.environ.update(environment())
    try:
        from jupyter_core.paths import jupyter_data_dir
    except ImportError:
        raise StudyError(
            "JupyterLab is not installed. `digital-biopsy doctor` says what is missing."
        ) from None

    page = f"/lab/tree/{path}" if path else "/lab"
    token = secrets.token_hex(24)
    address = f"http://{HOST}:{port}{page}?token={token}"

    def announce() -> None:
        print(f"\nDigital Biopsy {version('digital-biopsy')} is open at\n\n    {address}\n")
        if course is None:
            print(f"The notebooks are not part of the installed package. This is the current folder: {root}")
        print("It runs until you press Ctrl-C here.", flush=True)
        if browser and has_display():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    print("Starting JupyterLab ...", flush=True)
    workspaces = Path(jupyter_data_dir(), "digital-biopsy", "workspaces")
    run_lab(server_arguments(root, page, port, token, workspaces), announce)
    # JupyterLab has stopped its kernels by now. A worker thread that has just served a page may still wait
    # for work that cannot come, and Python would wait for that thread: leave without.
    print("Stopped.", flush=True)
    sys.stderr.flush()
    os._exit(0)
