"""Grade all by both and write `autograder/DIFFERENCES.md`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from autograder.engine.engine import Engine
from tests.grading.differential.differences import Row, write
from tests.grading.differential.sheets import names, sheet
from tests.grading.differential.test_doors import fixture_differences
from tests.grading.differential.test_sheets import differences

rows: list[Row] = []
with Engine() as engine, tempfile.TemporaryDirectory() as folder:
    for name in names():
        rows += differences(engine, sheet(name), Path(folder))
        print(name, len(rows))
with tempfile.TemporaryDirectory() as folder:
    rows += fixture_differences(Path(folder).resolve() / "course")
write(rows, sheets=len(names()), exercises=sum(len(sheet(name).points) for name in names()))
