"""What the tests of the engine share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The jail's limits count the memory that a student's process inherits. So its tests run in an interpreter of their own
# (test_in_a_fresh_process.py), not in a worker that has loaded half of the course; named on the command line they run.
collect_ignore_glob = ["test_jail*.py"]

if sys.platform == "linux":
    from autograder.engine import jail
    from tests.engine.prison import Prison

    @pytest.fixture
    def prison(tmp_path: Path) -> Iterator[Prison]:
        """Three canaries to steal, an empty private folder, and the means to attack from there."""
        outside, private = tmp_path / "outside", tmp_path / "private"
        private.mkdir()
        canaries = {}
        for name in ("home", "solutions", "submission"):
            (outside / name).mkdir(parents=True)
            canaries[name] = outside / name / "canary.txt"
            canaries[name].write_text(f"the {name} secret")
        yield Prison(outside, private, canaries)
        jail.empty(private)
