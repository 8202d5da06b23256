"""What the Makefile does when: with a stand-in for Python that writes down how it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# It makes a "virtual environment" that holds itself, and pretends to install. FAIL and NO_VENV make it fail.
PYTHON = """#!/bin/sh
echo "python $*" >> "$LOG"
case "$*" in
  "-V") echo "Python $VERSION" ;;
  "-c import sys;"*) [ "$VERSION" != 3.10.4 ] ;;
  "-c import ensurepip"*) [ -z "$NO_VENV" ] ;;
  "-m venv --clear .venv")
    rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python
    printf '#!/bin/sh\\necho "digital-biopsy $*" >> "$LOG"\\n' > .venv/bin/digital-biopsy
    chmod +x .venv/bin/digital-biopsy ;;
  "-m pip install"*"$FAIL"*) [ -z "$FAIL" ] ;;
esac
"""


class Checkout:
    """A copy of what `make` reads, in a folder whose name has spaces, and the calls that it caused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a course with spaces"
        self.log = folder / "calls.txt"
        self.python = folder / "my python"
        self.python.write_text(PYTHON, encoding="utf-8")
        self.python.chmod(0o755)
        for name in ("Makefile", "pyproject.toml", "autograder/pyproject.toml", "course/requirements.lock",
                     "autograder/requirements.lock", "tests/requirements.lock"):  # fmt: skip
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)

    def make(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run make; `calls` then holds what it called."""
        self.log.write_text("", encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        environment |= {"LOG": str(self.log), "VERSION": "3.11.9", "FAIL": "", "NO_VENV": "", **variables}
        return subprocess.run(
            ["make", *arguments, f"PYTHON={self.python}"],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    @property
    def calls(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()

    def called(self, text: str) -> bool:
        return any(text in call for call in self.calls)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_make_alone_lists_every_target(checkout: Checkout) -> None:
    listed = [line.split()[1] for line in checkout.make().stdout.splitlines()]
    rules = (ROOT / "Makefile").read_text(encoding="utf-8").split(".PHONY: ")[1].split("\n")[0].split()
    assert sorted(listed) == sorted(rules)
    assert {"study", "test", "test-fast", "build", "lock", "bench", "lint", "clean"} <= set(listed)


def test_first_study_installs_and_second_does_not(checkout: Checkout) -> None:
    first = checkout.make("study")
    assert first.returncode == 0, first.stderr
    assert checkout.called("-m venv --clear .venv")
    assert checkout.called("--no-deps -r course/requirements.lock")
    assert checkout.called("--no-build-isolation --editable .")
    assert checkout.calls[-1] == "digital-biopsy study"
    assert not checkout.called("autograder")

    assert checkout.make("study", "PORT=9123").returncode == 0
    assert checkout.calls == ["digital-biopsy study --port 9123"]


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="only Linux has two builds of torch")
def test_linux_takes_the_cpu_build_of_torch_first(checkout: Checkout) -> None:
    checkout.make("study")
    installs = [call for call in checkout.calls if "pip install" in call]
    assert installs[0].endswith("torch==2.13.0+cpu")
    assert "index-url" not in installs[0]

    # Where the configured index does not have it, PyTorch's own is asked.
    checkout.make("clean")
    failed = checkout.make("study", FAIL="torch")
    assert failed.returncode != 0
    assert checkout.called("--index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu")
    assert not checkout.called("-r course/requirements.lock")


def test_an_install_cut_short_is_repeated_from_the_start(checkout: Checkout) -> None:
    assert checkout.make("study", FAIL="-r course").returncode != 0
    assert not checkout.called("digital-biopsy study")
    assert checkout.make("study").returncode == 0
    assert checkout.called("-m venv --clear .venv")
    assert checkout.called("--no-deps -r course/requirements.lock")


def test_a_new_lock_is_installed_into_the_same_environment(checkout: Checkout) -> None:
    checkout.make("study")
    with (checkout.folder / "course" / "requirements.lock").open("a", encoding="utf-8") as lock:
        lock.write("# another\n")
    assert checkout.make("study").returncode == 0
    assert checkout.called("--no-deps -r course/requirements.lock")
    assert not checkout.called("-m venv")


def test_a_lock_that_comes_back_is_installed_again(checkout: Checkout) -> None:
    lock = checkout.folder / "course" / "requirements.lock"
    before = lock.read_bytes()
    checkout.make("study")
    lock.write_bytes(before + b"# another\n")
    checkout.make("study")
    lock.write_bytes(before)
    checkout.make("study")
    assert checkout.called("--no-deps -r course/requirements.lock")


def test_a_moved_checkout_is_installed_anew(checkout: Checkout) -> None:
    checkout.make("study")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("elsewhere"))
    assert checkout.make("study").returncode == 0
    assert checkout.called("-m venv --clear .venv")


def test_the_tests_packages_serve_study_too(checkout: Checkout) -> None:
    assert checkout.make("setup").returncode == 0
    assert checkout.called("--no-deps -r tests/requirements.lock")
    assert checkout.called("--editable . --editable ./autograder")
    checkout.make("study")
    assert checkout.calls == ["digital-biopsy study"]


def test_an_old_python_is_named_with_the_cure(checkout: Checkout) -> None:
    done = checkout.make("study", VERSION="3.10.4")
    assert done.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "is Python 3.10.4" in done.stderr
    assert "make study PYTHON=python3.11" in done.stderr
    assert not checkout.called("venv --clear")


def test_a_missing_python_is_named(checkout: Checkout) -> None:
    checkout.python.unlink()
    done = checkout.make("study")
    assert done.returncode != 0
    assert f"{checkout.python} is missing" in done.stderr


def test_a_python_without_venv_is_named_with_the_cure(checkout: Checkout) -> None:
    done = checkout.make("study", NO_VENV="1")
    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stderr
    assert not checkout.called("venv --clear")


def test_ci_runs_the_readme_command_and_nothing_else(root: Path) -> None:
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script
    assert script.rstrip().endswith("\nmake test")
    assert os.access(root / ".ci" / "run", os.X_OK)
    assert subprocess.run(["bash", "-n", root / ".ci" / "run"], check=False).returncode == 0
