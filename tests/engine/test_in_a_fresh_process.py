"""The jail's tests, in an interpreter that has loaded nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(tests: list[str]) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-rfE",
        *tests,
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the jail is made of parts of Linux")
@pytest.mark.timeout(620)
def test_the_jail() -> None:
    """What fails is tried once more by itself: the jail's limits are seconds, and the other worker has work too."""
    files = sorted(str(path.relative_to(ROOT)) for path in Path(__file__).parent.glob("test_jail*.py"))
    assert len(files) >= 4
    done = run(files)
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(passed[1]) >= 70, done.stdout[-6000:]
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.M)
    assert len(failed) <= 3, done.stdout[-6000:]
    assert bool(failed) == bool(done.returncode), done.stdout[-6000:]
    if failed:
        again = run(failed)
        assert again.returncode == 0, again.stdout[-6000:]
