"""An engine without any protection, for tests of what is around it: cells run in this process, one after another."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import Any

from nbformat import v4

from autograder.engine.task import Flag, Outcome, Task, TaskFailed


class FakeEngine:
    """Runs a notebook's cells with `exec`. What a cell prints is its output, and so is its last value."""

    #: Names of the tasks that were run, by all engines.
    ran: list[str] = []  # noqa: RUF012 - shared on purpose
    #: Tasks that end their worker: a part of the name, and how often.
    deaths: dict[str, int] = {}  # noqa: RUF012

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.closed = False

    def grade(self, task: Task) -> Outcome:
        """Run a notebook."""
        assert not self.closed
        self.ran.append(task.name)
        for part, times in self.deaths.items():
            if part in task.name and times > 0:
                self.deaths[part] -= 1
                raise TaskFailed("the worker ended")
        space: dict[str, Any] = {"__name__": "__main__"}
        flags = []
        before = Path.cwd()
        with tempfile.TemporaryDirectory() as folder:
            for name, data in {**task.files, **task.released}.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            os.chdir(folder)
            try:
                for count, cell in enumerate(task.notebook.cells):
                    if cell.cell_type == "code":
                        cell.execution_count = count + 1
                        cell.outputs = run(cell.source, space)
                        if "flag me" in cell.source:
                            flags.append(Flag("limit", "", "A limit was passed."))
            finally:
                os.chdir(before)
        return Outcome(task.notebook, tuple(flags), stages={"student": 0.0})

    def close(self) -> None:
        """Close it."""
        self.closed = True


def run(source: str, space: dict[str, Any]) -> list[Any]:
    """Run a cell and return its outputs."""
    printed = io.StringIO()
    outputs = []
    try:
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, "cell", "exec"), space)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "cell", "eval"), space)
                if value is not None:
                    outputs.append(v4.new_output("execute_result", {"text/plain": repr(value)}))
    except Exception as error:
        name = type(error).__name__
        outputs.append(v4.new_output("error", ename=name, evalue=str(error), traceback=[f"{name}: {error}"]))
    if text := printed.getvalue():
        outputs.insert(0, v4.new_output("stream", name="stdout", text=text))
    return outputs
