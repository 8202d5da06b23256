"""What all tests share: where the checkout is, which browser there is, what may run side by side."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

# Workers share the cores: NumPy's own threads would only slow them down. Figures are drawn without a screen.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")
MAY_SKIP = not IN_CI and os.environ.get("SKIP_BROWSER", "") == "1"
NO_CHROMIUM = (
    "Chromium is missing. On Debian: sudo apt install chromium fonts-dejavu-core; SKIP_BROWSER=1 does without"
)


def find_chromium() -> str | None:
    """Path of the system's Chromium; the variable CHROMIUM names another."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def root() -> Path:
    """Top folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the Chromium that browser tests drive."""
    path = find_chromium()
    if path is None:
        (pytest.skip if MAY_SKIP else pytest.fail)(NO_CHROMIUM)
    return path


@pytest.fixture
def clean_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that the settings of whoever runs the tests change nothing."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in [name for name in os.environ if name.startswith(("JUPYTER_", "XDG_"))]:
        monkeypatch.delenv(name)
    return home


def pytest_report_header() -> str:
    """Say at the top whether browser tests can run."""
    return f"chromium: {find_chromium() or NO_CHROMIUM}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers, begin with what takes longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: ("test_fresh_clone" not in item.nodeid, not item.nodeid.startswith(LONG)))


SERVERS = ("tests/bench/", "tests/browser/")
LONG = (*SERVERS, "tests/grading/")


def scope(nodeid: str) -> str:
    """What runs in one worker, in order: a file; and all that starts servers, which would slow each other."""
    path = nodeid.partition("::")[0]
    return "servers" if path.startswith(SERVERS) else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the tests out by `scope`. (Groups by mark do nothing in pytest-xdist 3.8 with pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    return ByScope(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without Chromium a browser test fails and says why; SKIP_BROWSER=1 skips it, but not in CI."""
    if item.get_closest_marker("browser") and find_chromium() is None:
        (pytest.skip if MAY_SKIP else pytest.fail)(NO_CHROMIUM)
