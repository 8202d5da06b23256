"""A real JupyterLab on a free port, and notebooks opened in it as a learner opens them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from digital_biopsy import study

TOKEN = "browser-tests"
ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MINUTE = 60_000


def write_settings(folder: Path, theme: str) -> None:
    """JupyterLab's settings for tests: no news prompt, every cell in the page, the theme."""
    settings: dict[str, dict[str, Any]] = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "apputils-extension/themes": {"theme": theme},
        "notebook-extension/tracker": {"windowingMode": "defer"},
        "docmanager-extension/plugin": {"autosave": False},
    }
    for name, values in settings.items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


@dataclass
class Lab:
    """A running server."""

    url: str
    root: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_lab(root: Path, private: Path, theme: str = "JupyterLab Light") -> Iterator[Lab]:
    """Start JupyterLab over ``root``; its settings, runtime files and history go to ``private``."""
    port = study.free_port()
    write_settings(private / "settings", theme)
    folders = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTER_DATA_DIR": "share",
        "IPYTHONDIR": "ipython",
        "MPLCONFIGDIR": "matplotlib",
    }
    environment = os.environ | study.environment() | {name: str(private / at) for name, at in folders.items()}
    environment.pop("DIGITAL_BIOPSY_DEMOS", None)
    # The arguments of `digital-biopsy study`; beyond them only that tests may drive the application.
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        *study.server_arguments(root, "/lab", port, TOKEN, private / "workspaces"),
        *("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"),
    ]
    with (private / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=root)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for_server(url, process, private / "server.log")
        yield Lab(url, root, process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_server(url: str, process: subprocess.Popen[bytes], log: Path, patience: float = 90) -> None:
    """Return when the server answers.

    Raises
    ------
    RuntimeError
        If it ends or does not answer in time; with the end of its log.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start; the end of its log:\n{log.read_text()[-3000:]}")


@contextmanager
def browser_at(path: str | None = None) -> Iterator[Browser]:
    """Headless Chromium: the program at ``path``, or the one on the PATH."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path or shutil.which("chromium"), args=list(CHROMIUM_FLAGS)
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class OpenNotebook:
    """A notebook open in a page of its own."""

    page: Page
    context: BrowserContext
    console: list[str] = field(default_factory=list)

    def run_all(self, patience: float = 5 * MINUTE) -> None:
        """Run all cells and wait until the kernel is idle again."""
        # Playwright's evaluate knows no timeout, so the run leaves a mark that can be waited for.
        self.page.evaluate(
            """() => {
              window.ranAll = null;
              window.jupyterapp.commands.execute('notebook:run-all-cells').then(
                () => { window.ranAll = 'ran'; }, (error) => { window.ranAll = String(error); });
            }"""
        )
        self.page.wait_for_function("() => window.ranAll !== null", timeout=patience)
        self.wait_idle(patience)

    def run_cell(self, index: int, patience: float = MINUTE) -> None:
        """Run one cell again."""
        self.page.evaluate(
            """(index) => {
              const notebook = window.jupyterapp.shell.currentWidget.content;
              notebook.deselectAll();
              notebook.activeCellIndex = index;
              window.ranAll = null;
              window.jupyterapp.commands.execute('notebook:run-cell').then(() => { window.ranAll = 'ran'; });
            }""",
            index,
        )
        self.page.wait_for_function("() => window.ranAll !== null", timeout=patience)
        self.wait_idle(patience)

    def wait_idle(self, patience: float = MINUTE) -> None:
        """Wait until the kernel itself says that it is idle (the icon lags behind)."""
        self.page.wait_for_function(
            """() => window.jupyterapp.shell.currentWidget
                  ?.sessionContext?.session?.kernel?.status === 'idle'""",
            timeout=patience,
        )

    def cells(self) -> list[dict[str, Any]]:
        """The notebook's cells with their outputs, as saved on disk."""
        cells: list[dict[str, Any]] = self.page.evaluate(
            """() => Array.from(window.jupyterapp.shell.currentWidget.content.model.cells,
                  (cell) => cell.toJSON())"""
        )
        return cells

    def outputs(self) -> list[dict[str, Any]]:
        """All outputs of all cells."""
        return [output for cell in self.cells() for output in cell.get("outputs", ())]

    def screenshot(self, path: Path, width: int) -> None:
        """Save the whole notebook as seen in a window of this width."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.set_viewport_size({"width": width, "height": 900})
        # The notebook scrolls inside the page: a window as high as the notebook shows all of it.
        height = self.page.evaluate(
            """() => {
              const scroller = document.querySelector('.jp-WindowedPanel-outer');
              scroller.scrollTop = 0;
              const cells = scroller.querySelectorAll('.jp-Cell');
              return cells[cells.length - 1].getBoundingClientRect().bottom + 60;
            }"""
        )
        self.page.set_viewport_size({"width": width, "height": min(int(height) + 20, 15_000)})
        self.page.wait_for_timeout(1500)  # demos draw themselves anew for their new width
        self.page.screenshot(path=path)
        self.page.set_viewport_size({"width": 1280, "height": 900})


@contextmanager
def opened(
    browser: Browser, lab: Lab, path: str, app: str = "lab", width: int = 1280
) -> Iterator[OpenNotebook]:
    """Open a notebook of the server in a fresh browser context.

    Parameters
    ----------
    path : str
        Relative to the server's root.
    app : {"lab", "notebook"}
        JupyterLab or Notebook 7.
    """
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    notebook = OpenNotebook(page, context)
    page.on("console", lambda message: _note(notebook, message))
    page.on("pageerror", lambda error: notebook.console.append(f"uncaught: {error}"))
    page.on("dialog", lambda dialog: dialog.accept())
    page.on("request", lambda request: _stays_here(notebook, request.url, lab.url))
    place = f"lab/tree/{path}?reset&" if app == "lab" else f"notebooks/{path}?"
    page.goto(f"{lab.url}/{place}token={TOKEN}", timeout=2 * MINUTE)
    page.wait_for_function("() => window.jupyterapp", timeout=2 * MINUTE)
    page.wait_for_function(
        """async () => {
          await window.jupyterapp.started;
          await window.jupyterapp.restored;
          const panel = window.jupyterapp.shell.currentWidget;
          if (!panel?.sessionContext?.session?.kernel) return false;
          await panel.sessionContext.ready;
          return panel.content.model.cells.length > 0;
        }""",
        timeout=2 * MINUTE,
    )
    notebook.wait_idle(2 * MINUTE)
    try:
        yield notebook
    finally:
        try:
            page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
            page.wait_for_timeout(300)
        finally:
            context.close()


def _stays_here(notebook: OpenNotebook, url: str, server: str) -> None:
    """Note a request that would leave this machine."""
    if not url.startswith((f"{server}/", "data:", "blob:", "about:")):
        notebook.console.append(f"a request to {url}")


def _note(notebook: OpenNotebook, message: ConsoleMessage) -> None:
    if message.type == "error":
        notebook.console.append(message.text)
