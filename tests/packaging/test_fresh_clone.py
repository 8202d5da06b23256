"""The README's set-up, from a fresh clone in a folder with spaces, as a user who is not root."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from .lab import Terminal

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Newcomer:
    """A user with an empty home and a clone of the course; not root where root runs the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.identity: dict[str, Any] = {}
        self.home.mkdir()
        folder.chmod(0o755)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.home, nobody.pw_uid, nobody.pw_gid)
        # pip's own settings (index, certificates) belong to the machine; everything else starts bare.
        kept = {
            n: v for n, v in os.environ.items() if n.startswith("PIP_") or n.endswith(("_proxy", "_PROXY"))
        }
        self.env = kept | {
            "HOME": str(self.home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PIP_CACHE_DIR": str(self.home / "pip-cache"),
            "BROWSER": "none",
        }
        self.python = self._python()

    def _python(self) -> str:
        """A Python that this user may run and that can make virtual environments."""
        test = "import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        for name in (
            str(Path(sys.base_prefix, "bin", version)),
            "/usr/bin/python3",
            "/usr/local/bin/python3",
        ):
            try:
                if self.run([name, "-c", test], cwd=self.home, check=False).returncode == 0:
                    return name
            except OSError:
                continue
        pytest.fail("No Python 3.11 to 3.13 with venv that another user may run: apt install python3-venv")

    def run(
        self, command: Sequence[str | Path], cwd: Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user."""
        done = subprocess.run(
            command, cwd=cwd, env=self.env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=600, check=False, **self.identity,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout
        return done

    def open(self, command: Sequence[str | Path], cwd: Path) -> Terminal:
        """Start the course as this user, and wait for its address."""
        return Terminal(command, cwd=cwd, env=self.env, timeout=600, **self.identity)

    def clone(self, name: str) -> Path:
        """Clone the checkout's last commit."""
        target = self.folder / name
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, target], check=True, timeout=120)
        if self.identity:
            for path in [target, *target.rglob("*")]:
                os.chown(path, self.identity["user"], self.identity["group"], follow_symlinks=False)
        return target


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Newcomer]:
    # pytest's own temporary folders may not be entered by other users.
    folder = Path(tempfile.mkdtemp(prefix="newcomer-"))
    yield Newcomer(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def studied(newcomer: Newcomer) -> tuple[Path, str]:
    """A clone in which `make study` has run once, and what it printed."""
    clone = newcomer.clone("My course, first try")
    command = ["make", "study", f"PYTHON={newcomer.python}", "PORT=0"]
    with newcomer.open(command, cwd=clone) as terminal:
        status, body = terminal.get()
        assert status == 200
        assert "jupyter-config-data" in body
        assert "00-digital-biopsy" in terminal.url
        status, body = terminal.get("/api/contents")
        assert status == 200
        terminal.stop()
    assert "Traceback" not in terminal.output
    return clone, terminal.output


def test_make_study_installs_and_shows_chapter_00(studied: tuple[Path, str]) -> None:
    assert "Installing the packages of course/requirements.lock" in studied[1]


def test_the_second_make_study_calls_no_pip(studied: tuple[Path, str], newcomer: Newcomer) -> None:
    clone, _ = studied
    settings = newcomer.home / "broken.conf"
    settings.write_text("this is no configuration\n", encoding="utf-8")
    newcomer.env["PIP_CONFIG_FILE"] = str(settings)  # with it every call of pip fails
    try:
        assert newcomer.run([".venv/bin/python", "-m", "pip", "list"], cwd=clone, check=False).returncode != 0
        with newcomer.open(["make", "study", "PORT=0"], cwd=clone) as terminal:
            assert terminal.get()[0] == 200
            terminal.stop()
    finally:
        del newcomer.env["PIP_CONFIG_FILE"]
    assert "Installing" not in terminal.output


def test_what_is_installed_is_the_lock(studied: tuple[Path, str], newcomer: Newcomer) -> None:
    clone, _ = studied
    assert (
        "No broken requirements" in newcomer.run([".venv/bin/python", "-m", "pip", "check"], cwd=clone).stdout
    )
    findings = json.loads(newcomer.run([".venv/bin/digital-biopsy", "doctor", "--json"], cwd=clone).stdout)
    assert {finding["name"]: finding["seen"] for finding in findings if finding["status"] == "fault"} == {}
    packages = next(finding for finding in findings if finding["name"] == "packages")
    assert packages["status"] == "ok"
    assert packages["seen"].endswith("at the locked versions")
    torch = "import torch; print(torch.__version__, torch.version.cuda)"
    assert newcomer.run([".venv/bin/python", "-c", torch], cwd=clone).stdout == "2.13.0+cpu None\n"


def test_the_checkout_stays_clean(studied: tuple[Path, str], newcomer: Newcomer) -> None:
    assert newcomer.run(["git", "status", "--porcelain"], cwd=studied[0]).stdout == ""


def test_three_plain_commands_do_without_make(newcomer: Newcomer) -> None:
    clone = newcomer.clone("no make here")
    newcomer.run([newcomer.python, "-m", "venv", ".venv"], cwd=clone)
    install = [
        ".venv/bin/python",
        "-m",
        "pip",
        "install",
        "--no-deps",
        "-r",
        "course/requirements.lock",
        "-e",
        ".",
    ]
    newcomer.run(install, cwd=clone)
    with newcomer.open([".venv/bin/digital-biopsy", "study", "--port=0"], cwd=clone) as terminal:
        assert terminal.get()[0] == 200
        assert terminal.stop() == 0


def test_the_readme_gives_these_commands(root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    assert "make study" in text
    assert "make test" in text
    for command in (
        r"py -3.11 -m venv .venv",
        r".venv\Scripts\python -m pip install --no-deps -r course\requirements.lock -e .",
        r".venv\Scripts\digital-biopsy study",
    ):
        assert command in text, f"the README does not give: {command}"
