"""Write what nbgrader converts so that no half of a file is ever there, whatever ends the program."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from nbconvert.writers.files import FilesWriter
from traitlets import observe

_PART = ".part-"


class WholeFilesWriter(FilesWriter):
    """nbconvert's writer, but each file, and a new folder with it, is complete before it gets its name."""

    @observe("build_directory")
    def _build_directory_changed(self, change: Any) -> None:
        """Make no folder yet: nbgrader takes one that is there for one that is done."""

    def write(
        self, output: str, resources: dict[str, Any], notebook_name: str | None = None, **more: Any
    ) -> Path:
        """Write a converted notebook and what belongs to it; return where.

        Parameters
        ----------
        output : str
        resources : dict
        notebook_name : str
            Without its ending.
        **more
            For nbconvert.
        """
        target = Path(self.build_directory or os.curdir).absolute()
        above = next(folder for folder in [target.parent.parent, *target.parents] if folder.is_dir())
        sweep(above)
        part = Path(tempfile.mkdtemp(prefix=f"{_PART}{os.getpid()}-", dir=above))
        before, self.build_directory = self.build_directory, str(part)
        try:
            write: Any = super().write
            written = Path(write(output, resources, notebook_name=notebook_name, **more))
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                part.chmod(0o755)
                os.replace(part, target)
            for path in sorted(part.rglob("*")):
                if path.is_file():
                    place = target / path.relative_to(part)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(path, place)
            return target / written.relative_to(part)
        finally:
            self.build_directory = before
            shutil.rmtree(part, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what a program that was killed left half-written."""
    for part in folder.glob(f"{_PART}[0-9]*-*"):
        owner = part.name.removeprefix(_PART).partition("-")[0]
        with suppress(ValueError, OSError):
            try:
                os.kill(int(owner), 0)
            except ProcessLookupError:
                shutil.rmtree(part, ignore_errors=True)
