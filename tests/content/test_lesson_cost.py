"""What a lesson costs: run top to bottom in a process of its own, without a complaint, in a small computer's memory.

In JupyterLab, with its widgets, lessons run in tests/browser.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.sources import find_chapters

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = find_chapters(ROOT / "solutions")
#: Peak memory of the whole process, the interpreter and IPython among it.
MOST_MEGABYTES = 500
#: Chapters that train networks.
WITH_TORCH = {"06", "07", "11"}


def run(path: Path, folder: Path) -> dict[str, Any]:
    """Run a notebook's cells in a fresh process; its settings and its caches lie in ``folder``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DIGITAL_BIOPSY_DEMOS", "PYTHONWARNINGS")
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.content.run_lesson", str(path)],
        cwd=ROOT,
        env=kept | {"IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_lesson_runs_without_a_complaint_and_in_little_memory(chapter: str, tmp_path: Path) -> None:
    report = run(ROOT / "course" / chapter / "lesson.ipynb", tmp_path)
    print(
        f"{chapter}: {report['cells']} cells in {report['seconds']:.1f} s; memory at most {report['peak']:.0f} MB, "
        f"{report['start']:.0f} MB before the first cell"
    )
    assert report["cells"] > 5
    assert report["faults"] == []
    assert report["torch"] <= (chapter[:2] in WITH_TORCH), (
        "the lesson imports torch, which its chapter does without"
    )
    assert report["peak"] < MOST_MEGABYTES


def notebook(folder: Path, *sources: str) -> Path:
    """A notebook of these cells."""
    path = folder / "lesson.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_complaints_of_every_kind_are_found(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        "import numpy as np, sys, warnings\nprint('said')",
        "np.zeros(1) / 0",
        "print('aside', file=sys.stderr)",
        "warnings.warn('with care')",
        "import torch_that_is_not_there",
        "warnings.warn('never reached')",
    )
    report = run(path, tmp_path)
    kinds = [fault.split(" (")[0] for fault in report["faults"]]
    assert kinds == [
        "cell 1: RuntimeWarning: invalid value encountered in divide",
        "cell 2: on stderr: aside",
        "cell 3: UserWarning: with care",
        "cell 4: ModuleNotFoundError: No module named 'torch_that_is_not_there'",
    ]
    assert report["torch"] is False


def test_memory_and_torch_are_seen(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')",
        "block = b'x' * 300_000_000\ndel block",
    )
    report = run(path, tmp_path)
    assert report["faults"] == []
    assert report["torch"] is True
    assert report["peak"] > report["start"] + 250  # what was given back counts as well
