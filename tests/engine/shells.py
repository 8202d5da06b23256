"""A zygote with a warm shell, in an interpreter of its own; each request is run in a fork of it.

As a program it reads requests from stdin and answers on stdout, both as lines of JSON.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What one cell did: whether `run` said that it was good, its outputs as collected and as emitted, and seconds."""

    good: bool
    outputs: list[dict[str, Any]]
    emitted: list[dict[str, Any]]
    seconds: float

    def text(self, name: str = "stdout") -> str:
        """All text of a stream."""
        return "".join(output["text"] for output in self.outputs if output.get("name") == name)

    @property
    def kinds(self) -> list[str]:
        """The kinds of its outputs, for short."""
        short = {"display_data": "display", "execute_result": "result"}
        return [
            output["name"] if "name" in output else short.get(output["output_type"], output["output_type"])
            for output in self.outputs
        ]

    @property
    def result(self) -> str:
        """The text of the value that it showed."""
        (found,) = [output for output in self.outputs if output["output_type"] == "execute_result"]
        text: str = found["data"]["text/plain"]
        return text

    @property
    def error(self) -> dict[str, Any]:
        """The error that it showed."""
        (found,) = [output for output in self.outputs if output["output_type"] == "error"]
        return found


class Zygote:
    """A process with a warm shell."""

    def __init__(self, *modules: str, home: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
        environment |= {"HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "COLUMNS": "30"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.shells", *modules],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.state: dict[str, Any] = self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the zygote has ended"
        return json.loads(line)

    def ask(self, cells: list[str], folder: Path, *, jailed: bool = False, seed: int = 1) -> dict[str, Any]:
        """Run cells in a fork, with the folder as current; the whole answer."""
        assert self.process.stdin is not None
        request = {"cells": cells, "folder": str(folder), "jailed": jailed, "seed": seed}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = self._read()
        assert "failed" not in answer, answer["failed"]
        return answer

    def run(self, cells: list[str], folder: Path, *, jailed: bool = False, seed: int = 1) -> list[Ran]:
        """Run cells in a fork, with the folder as current."""
        return [Ran(**cell) for cell in self.ask(cells, folder, jailed=jailed, seed=seed)["cells"]]

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def serve(modules: list[str]) -> None:
    from autograder.engine import jail
    from autograder.engine.shell import DEFAULT_MODULES, make_shell, warm

    missing = warm((*DEFAULT_MODULES, *modules))
    after_warm = len(os.listdir("/proc/self/task"))
    shell = make_shell()
    jail.prepare()
    state = {
        "missing": missing,
        "threads": [after_warm, len(os.listdir("/proc/self/task")), threading.active_count()],
        "main": sys.modules["__main__"].__dict__.get("serve") is serve,
        "home": os.listdir(os.environ["HOME"]),
    }
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answers.write(json.dumps(state) + "\n")
    answers.flush()
    for line in sys.stdin:
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.close(read)
                answer = work(shell, json.loads(line), write)
            except BaseException as error:
                answer = {"failed": repr(error)}
            with open(write, "w") as file:
                json.dump(answer, file)
            os._exit(0)
        os.close(write)
        with open(read) as file:
            text = file.read()
        status = os.waitpid(child, 0)[1]
        answers.write((text or json.dumps({"failed": f"status {status}"})) + "\n")
        answers.flush()


def work(shell: Any, request: dict[str, Any], write: int) -> dict[str, Any]:
    from autograder.engine import jail
    from autograder.engine.shell import collect
    from autograder.engine.values import encode

    folder = Path(request["folder"])
    signal.alarm(60)
    if request["jailed"]:
        jail.confine(jail.Policy(jail.libraries(), folder, descriptors=(write,)))
    os.chdir(folder)
    emitted: list[dict[str, Any]] = []

    def emit(output: dict[str, Any]) -> None:
        encode(output)
        emitted.append(output)

    start = time.perf_counter()
    shell.begin(emit, seed=request["seed"])
    begin = time.perf_counter() - start
    cells = []
    for number, source in enumerate(request["cells"], start=1):
        start = time.perf_counter()
        good = shell.run(source, number=number)
        seconds = time.perf_counter() - start
        outputs: list[dict[str, Any]] = []
        for output in emitted:
            collect(outputs, output)
        cells.append({"good": good, "outputs": outputs, "emitted": list(emitted), "seconds": seconds})
        emitted.clear()
    return {"begin": begin, "cells": cells}


if __name__ == "__main__":
    serve(sys.argv[1:])
