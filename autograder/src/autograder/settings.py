"""The grading engine's settings in `nbgrader_config.py`: `c.GradingEngine.cell_seconds = 60` and so on."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from traitlets import Bool, DottedObjectName, Float, Integer
from traitlets.config import Configurable
from traitlets.utils.importstring import import_item

from autograder.engine.jail import Limits
from autograder.engine.task import EngineError


class GradingEngine(Configurable):
    """How submissions are run; set in `nbgrader_config.py` or as `--GradingEngine.NAME=VALUE`."""

    enabled = Bool(
        False, help="Grade with the engine; otherwise nbgrader runs the notebooks itself, without protection."
    ).tag(config=True)
    unsafe = Bool(
        False, help="Run student code without confinement where this machine cannot confine it."
    ).tag(config=True)
    cell_seconds = Float(Limits.cell_seconds, min=0.0, help="Longest time for one cell.").tag(config=True)
    notebook_seconds = Float(Limits.notebook_seconds, min=0.0, help="Longest time for a notebook.").tag(
        config=True
    )
    memory = Integer(Limits.memory_bytes >> 20, min=1, help="Most memory of a submission, in MiB.").tag(
        config=True
    )
    disk = Integer(Limits.disk_bytes >> 20, min=1, help="Most that a submission may write, in MiB.").tag(
        config=True
    )
    processes = Integer(Limits.processes, min=1, help="Most processes and threads of a submission.").tag(
        config=True
    )
    output = Integer(Limits.output_bytes >> 10, min=1, help="Most output of a submission, in KiB.").tag(
        config=True
    )
    engine = DottedObjectName(
        "autograder.engine.engine.Engine", help="The class that runs notebooks, for tests and experiments."
    ).tag(config=True)

    @property
    def limits(self) -> Limits:
        """The limits, as the engine takes them."""
        return Limits(
            cell_seconds=self.cell_seconds,
            notebook_seconds=self.notebook_seconds,
            cpu_seconds=max(1, round(self.notebook_seconds)),
            memory_bytes=self.memory << 20,
            disk_bytes=self.disk << 20,
            file_bytes=min(Limits.file_bytes, self.disk << 20),
            processes=self.processes,
            output_bytes=self.output << 10,
        )

    @property
    def stamp(self) -> str:
        """Text that changes when the same submission might get other marks."""
        return f"{code_digest()} {self.engine} {self.unsafe} {self.limits}"

    def arguments(self) -> tuple[Any, dict[str, Any]]:
        """Return what makes an engine: a class and its keyword arguments, both of which pickle can carry."""
        return import_item(self.engine), {"limits": self.limits, "unsafe": self.unsafe}

    def make(self) -> Any:
        """Make an engine.

        Raises
        ------
        EngineError
            It cannot work here.
        """
        try:
            kind, arguments = self.arguments()
        except ImportError as error:
            raise EngineError(f"The engine {self.engine} cannot be imported: {error}") from error
        return kind(**arguments)


@cache
def code_digest() -> str:
    """Digest of the code that marks depend on: this package and, if it is there, the course's check library."""
    total = hashlib.sha256()
    for package in ("autograder", "digital_biopsy"):
        spec = importlib.util.find_spec(package)
        for place in sorted(spec.submodule_search_locations or []) if spec else []:
            for path in sorted(Path(place).glob("engine/*.py" if package == "autograder" else "*.py")):
                total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]
