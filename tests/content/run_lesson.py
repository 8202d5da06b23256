"""Run the code cells of a notebook in this process, one after another, as a kernel would.

``python -m tests.content.run_lesson lesson.ipynb`` prints one line of JSON: what went wrong and what it cost. Nothing
of the project is imported before the first cell runs.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any


def peak_megabytes() -> float:
    """The most memory that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux getrusage counts in what the parent held when it started this process
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def run(path: Path) -> dict[str, Any]:
    """Run the cells; stop at the first error, as "Run all" does."""
    from IPython.core.interactiveshell import InteractiveShell

    cells = [
        cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
    ]
    shell = InteractiveShell.instance()
    faults: list[str] = []
    place = 0

    def warned(message: Any, category: type[Warning], filename: str, line: int, *_: Any) -> None:
        faults.append(f"cell {place}: {category.__name__}: {message} ({Path(filename).name}:{line})")

    warnings.showwarning = warned
    before, start = peak_megabytes(), time.perf_counter()
    for place, cell in enumerate(cells):
        # What cells print and show is looked at elsewhere; what they complain of is a fault.
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()) as complaints,
        ):
            result = shell.run_cell("".join(cell["source"]), store_history=False)
        if complaints.getvalue().strip():
            faults.append(f"cell {place}: on stderr: {complaints.getvalue().strip()}")
        if error := result.error_before_exec or result.error_in_exec:
            faults.append(f"cell {place}: {type(error).__name__}: {error}")
            break
    return {
        "cells": len(cells),
        "faults": faults,
        "torch": "torch" in sys.modules,
        "seconds": time.perf_counter() - start,
        "start": before,
        "peak": peak_megabytes(),
    }


if __name__ == "__main__":
    said = os.dup(1)  # cells that write to the terminal itself do not spoil the report
    os.dup2(2, 1)
    report = run(Path(sys.argv[1]))
    os.write(said, (json.dumps(report) + "\n").encode())
