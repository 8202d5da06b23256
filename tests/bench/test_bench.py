"""The benchmark runs and prints its table; no time that it measures decides anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_kernel_half_of_the_benchmark_prints_its_ratios():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "kernel"], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    assert re.search(r"\d+\.\d ms", done.stdout)
    assert "savefig" in done.stdout
