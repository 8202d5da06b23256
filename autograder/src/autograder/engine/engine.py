"""The hub: one warm worker that grades notebooks, one at a time.

>>> with Engine() as engine:                            # doctest: +SKIP
...     outcome = engine.grade(task)

It starts the zygote, hands out pipes, keeps the clocks and caps, and puts the outputs into the notebook. It runs no
code of the assignment and none of a student. `autograder.engine.warden` says who forks whom.
"""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from nbformat import NotebookNode
from nbgrader.utils import determine_grade, is_grade, is_solution

from autograder.engine import jail
from autograder.engine._events import EventReader
from autograder.engine._job import Pipes
from autograder.engine._outputs import Gathered, one_line
from autograder.engine._run import Run
from autograder.engine._scratch import (
    SCRATCH,
    allow_descriptors,
    empty_folder,
    imported_by,
    imports_of,
    same_files,
    sweep_scratch,
    write_files,
)
from autograder.engine.checker import Secret
from autograder.engine.jail import Limits, Policy
from autograder.engine.plan import Plan, plan
from autograder.engine.rebuild import rebuild
from autograder.engine.task import EngineError, Files, Outcome, Task, TaskFailed
from autograder.engine.warden import Closed, Link

#: What nbgrader sets while it grades; tests may ask. Students' processes do not learn that they are graded.
GRADING = {"NBGRADER_EXECUTION": "autograde"}
#: What nearly every notebook imports. The rest an assignment's own source tells: what is not needed makes forks slow.
MODULES = ("numpy", "matplotlib", "IPython", "ipywidgets")
REHEARSAL_SECONDS = 60.0  # a source may train a network: what it imports comes long before its end
#: Python 3.11 cannot make syntax trees in two threads at a time ("AST constructor recursion depth mismatch").
PARSING = threading.RLock()
START_SECONDS = 120.0  # torch from a cold disk takes its time


@cache
def missing_layers() -> tuple[str, ...]:
    """Return the layers of the jail that this machine lacks, each with its cure."""
    if sys.platform != "linux":
        return (
            "Students' code is confined with parts of Linux; grade on a Linux machine or in a container.",
        )
    return tuple(f"{one.name}: {one.detail}. {one.cure}" for one in jail.layers() if not one.present)


@dataclass
class Rehearsal:
    """What a run of the source in one namespace showed: modules, and outputs of the code cells that were reached."""

    modules: list[str] = field(default_factory=list)
    outputs: dict[int, Gathered] = field(default_factory=dict)
    ran: set[int] = field(default_factory=set)


class Engine:
    """One warm worker.

    Parameters
    ----------
    limits : Limits
        What one submission may use.
    unsafe : bool
        Go on where a layer of the jail is missing; every outcome says so.
    cell_output_bytes : int
        How much output of one cell is kept.
    modules : sequence of str
        What to import before the first submission.

    Raises
    ------
    EngineError
        A layer of the jail is missing, or the worker cannot start.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        unsafe: bool = False,
        cell_output_bytes: int = 2 << 20,
        modules: Sequence[str] = MODULES,
    ) -> None:
        self.limits = limits or Limits()
        self.cell_output_bytes = cell_output_bytes
        self.missing = missing_layers()
        if self.missing and not unsafe:
            raise EngineError(
                "Students' code cannot be confined on this machine. Missing: "
                + " ".join(self.missing)
                + " To grade all the same, with code that you trust: --unsafe."
            )
        self.unsafe = unsafe
        self._modules = tuple(modules)
        sweep_scratch()
        allow_descriptors()
        self.scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-"))
        self.private = self.scratch / "work"
        self.checked = self.scratch / "check"
        self._plans: list[tuple[Any, Plan]] = []
        self._assigned: tuple[Plan, NotebookNode, Files] | None = None
        self._tried: set[str] = set()  # libraries that were imported, or could not be, for a student
        self._zygote: subprocess.Popen[bytes] | None = None
        self.link: Link | None = None
        self.checkers: Link | None = None
        self._checkers_pid = 0
        self._libraries = [str(path) for path in jail.libraries()]
        self._packages: list[str] = []
        self.modules: frozenset[str] = frozenset()  # those that the zygote has imported
        self._released = self.scratch / "released"
        self.prefix = 0
        self._laid = 0
        self.unfit: dict[str, str] = {}

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """The worker's processes that stay from one submission to the next."""
        zygote = (self._zygote.pid,) if self._zygote is not None else ()
        return zygote + ((self._checkers_pid,) if self._checkers_pid else ())

    def grade(self, task: Task) -> Outcome:
        """Run one notebook.

        Raises
        ------
        TaskFailed
            The worker died; a fresh one stands ready for the next call.
        EngineError
            The engine cannot work here at all.
        """
        started = time.monotonic()
        run: Run | None = None
        try:
            with PARSING:
                program = self._plan_of(task)
            self._stand_ready(program, task.source, task.released)
            self._import_more(imported_by(task.notebook))
            self.lay_out(task)
            with PARSING:
                run = Run(self, task, program, self.prefix)
            return run.go(started)
        except Closed as error:
            log = self._log()
            if run is not None:
                run.end_group()
            self._stop()
            raise TaskFailed(
                f"{task.name}: the grading worker ended in the middle of it. {log}".strip()
            ) from error
        except BaseException:
            if run is not None:
                run.end_group()
            self._stop()
            raise
        finally:
            if run is not None:
                run.close()
            self._clear()

    def close(self) -> None:
        """End the worker's processes and remove its folder."""
        if self.link is not None and self.checkers is not None:
            with contextlib.suppress(Closed):
                self._dismiss()
        self._stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _plan_of(self, task: Task) -> Plan:
        for known, program in self._plans:
            if known is task.source or known == task.source:
                return program
        program = plan(task.source)
        self._plans = [*self._plans[-7:], (task.source, program)]
        return program

    def _stand_ready(self, program: Plan, source: NotebookNode, released: Files) -> None:
        if self._zygote is None or self._zygote.poll() is not None:
            self._stop()
            self._start(("torch",) if program.torch else ())
        known = self._assigned
        if known is not None and known[0].digest == program.digest and same_files(known[2], released):
            return
        self._assign(program, source, released)
        self._assigned = (program, source, released)

    def _start(self, more: tuple[str, ...]) -> None:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.private.mkdir(exist_ok=True)
        environment = jail.scrubbed(Policy((), self.private)) | {
            "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1",
        }  # fmt: skip
        with there, open(self.scratch / "zygote.log", "ab") as log:
            self._zygote = subprocess.Popen(
                [sys.executable, "-P", "-m", "autograder.engine.zygote", str(there.fileno())],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.scratch,
                pass_fds=[there.fileno()], start_new_session=True,
            )  # fmt: skip
        self.link = Link(here)
        here.settimeout(START_SECONDS)
        try:
            self.link.send({"do": "warm", "modules": [*self._modules, *more]})
            told, _ = self.link.receive()
        except Closed as error:
            raise EngineError(f"The grading worker does not start. It said: {self._log()}") from error
        finally:
            here.settimeout(None)
        self._packages = told["packages"]
        self.modules = frozenset()

    def _assign(self, program: Plan, source: NotebookNode, released: Files) -> None:
        """Let the zygote import what the assignment needs, and start the warden of its checkers."""
        if self.checkers is not None:
            self._dismiss()
        shutil.rmtree(self._released, ignore_errors=True)
        self._released.mkdir()
        write_files(self._released, released)
        if not self._import(program.imports):
            raise EngineError(
                "A module that the assignment imports starts threads when it is imported: "
                f"{', '.join(program.imports)}. Import it inside a function."
            )
        cells = tuple(cell.source for cell in source.cells if cell.cell_type == "code")
        with PARSING:
            imports = imports_of(source)
        self._employ(Secret(program, 0, cells, imports))
        rehearsal = self._rehearse(released)
        more = [name for name in rehearsal.modules if name not in self.modules]
        self._dismiss()
        if more and not self._import(more):
            # Something that is imported late starts threads: what would be forked could hang. Without it then.
            self._stop()
            self._start(("torch",) if program.torch else ())
            self._import(program.imports)
        prefix = self._employ(Secret(program, program.prefix, cells, imports))
        if prefix is None:  # its set-up starts threads: it is run anew for each submission
            self._dismiss()
            prefix = self._employ(Secret(program, 0, cells, imports))
        self.prefix = prefix or 0
        self._see_what_fits(program, source, released, rehearsal)

    def _see_what_fits(
        self, program: Plan, source: NotebookNode, released: Files, rehearsal: Rehearsal
    ) -> None:
        """Grade the assignment's own solutions, and note the tests that give them less than one notebook would."""
        task = Task("the assignment's own solutions", source, rebuild(source, source).notebook, released)
        self.unfit = {}
        self.lay_out(task)
        with PARSING:
            run = Run(self, task, program, self.prefix)
        try:
            outcome = run.go(time.monotonic())
        finally:
            run.close()
            self._clear()
        for number, cell in enumerate(cell for cell in outcome.notebook.cells if cell.cell_type == "code"):
            if not is_grade(cell) or is_solution(cell) or number not in rehearsal.ran:
                continue
            alone = copy.deepcopy(cell)
            alone.outputs = rehearsal.outputs[number].outputs if number in rehearsal.outputs else []
            errors = [f"{out.ename}: {out.evalue}" for out in cell.outputs if out.output_type == "error"]
            if errors or (determine_grade(cell)[0] or 0) < (determine_grade(alone)[0] or 0):
                told = one_line(errors[0], 300) if errors else "it gives fewer points than in one notebook"
                self.unfit[str(cell.metadata.nbgrader["grade_id"])] = (
                    f"Not even the assignment's own solution passes it when it runs apart from the answer ({told})."
                )

    def _import(self, modules: Sequence[str]) -> bool:
        """Let the zygote import these; False if it has more than one thread then."""
        assert self.link is not None
        for start in range(0, len(modules), 1000):
            self.link.send({"do": "import", "modules": list(modules[start : start + 1000])})
            told = self._expect(self.link, "imported")
            self._packages = told["packages"]
            self.modules = frozenset(told["imported"])
            if told["threads"] != 1:
                return False
        return True

    def _import_more(self, names: set[str]) -> None:
        """Let the zygote import libraries that a student uses and the assignment does not."""
        new = sorted(names - self.modules - self._tried)
        if not new:
            return
        self._tried.update(new)
        if not self._import(new):  # one of them starts threads: students import it for themselves
            assert self._assigned is not None
            program, source, released = self._assigned
            self._stop()
            self._stand_ready(program, source, released)

    def _employ(self, secret: Secret) -> int | None:
        """Start the warden of the checkers; return how many steps it has run, None if that started threads."""
        assert self.link is not None
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        read, write = os.pipe()
        with there:
            order = {"do": "assign", "folder": str(self._released), "seconds": self.limits.cell_seconds}
            order["environment"] = GRADING
            self.link.send(order, [there.fileno(), read])
        os.close(read)
        self.checkers = Link(here)
        self._checkers_pid = self._expect(self.link, "assigned")["assigned"]
        with open(write, "wb") as pipe, contextlib.suppress(BrokenPipeError):
            pickle.dump(secret, pipe)
        here.settimeout(START_SECONDS + self.limits.notebook_seconds)
        try:
            told = self._expect(self.checkers, "ready")
        except Closed as error:
            raise EngineError(
                f"The assignment's own set-up cells cannot be run by the checker. {self._log()}"
            ) from error
        here.settimeout(None)
        if told["slow"] >= 0:  # a set-up cell that does not end: what is before it is run once for all
            self._dismiss()
            return self._employ(replace(secret, prefix=told["slow"]))
        return secret.prefix if told["threads"] == 1 else None

    def _rehearse(self, released: Files) -> Rehearsal:
        """Run the source with its solutions once, in one namespace."""
        assert self.checkers is not None
        read, write = os.pipe()
        self._clear()
        write_files(self.private, released)
        order = {
            "do": "start",
            **self._jail(0),
            "unsafe": self.unsafe,
            "rehearse": True,
            "environment": GRADING,
        }
        self.checkers.send(order, [write])
        os.close(write)
        found = Rehearsal()
        reader = EventReader()
        until = time.monotonic() + REHEARSAL_SECONDS
        with open(read, "rb", buffering=0) as pipe:
            while (left := until - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
                data = pipe.read(1 << 16)
                if not data:
                    break
                for event in reader.feed(data):
                    if event[0] == "modules":
                        found.modules += event[1]
                    elif event[0] == "output":
                        found.outputs.setdefault(event[1], Gathered(1 << 20)).add(event[2])
                    elif event[0] == "ran":
                        found.ran.add(event[1])
        self.checkers.send({"do": "stop"})
        self._expect(self.checkers, "ended")
        self._clear()
        return found

    def _dismiss(self) -> None:
        assert self.link is not None and self.checkers is not None
        self.checkers.socket.close()
        self.checkers = None
        self.link.send({"do": "dismiss", "pid": self._checkers_pid})
        self._expect(self.link, "dismissed")
        self._checkers_pid = 0

    @staticmethod
    def _expect(link: Link, word: str) -> dict[str, Any]:
        while True:
            told, _ = link.receive()
            if word in told:
                return told

    def start_student(self, pipes: Pipes) -> int:
        """Fork the student's process; return its number."""
        assert self.link is not None
        self.link.send({"do": "start", **self._jail(pipes.asks), "unsafe": self.unsafe}, pipes.students)
        return int(self._expect(self.link, "started")["started"])

    def start_checker(self, pipes: Pipes, seed: int) -> int:
        """Fork the checker; return its number."""
        assert self.checkers is not None
        order = {"do": "start", **self._jail(pipes.asks), "unsafe": self.unsafe, "every": 0.2}
        order |= {"private": str(self.checked), "shared": str(self.private), "environment": GRADING}
        self.checkers.send({**order, "seed": seed, "seconds": self.limits.cell_seconds}, pipes.checkers)
        return int(self._expect(self.checkers, "started")["started"])

    def _jail(self, asks: int) -> dict[str, Any]:
        limits = asdict(self.limits)
        limits["open_files"] += 2 * asks
        limits["disk_bytes"] += self._laid  # what was there before counts for nothing
        readable = [*self._libraries, *self._packages, str(self._released)]
        return {"private": str(self.private), "readable": readable, "limits": limits}

    def lay_out(self, task: Task) -> None:
        """Fill both folders: the student's with their files and the assignment's, the checker's with these alone."""
        self._laid = sum(map(len, task.files.values())) + sum(map(len, task.released.values()))
        self.lay_out_student(task)
        empty_folder(self.checked)
        write_files(self.checked, task.released)

    def lay_out_student(self, task: Task) -> None:
        """Fill the student's folder anew."""
        empty_folder(self.private)
        write_files(self.private, task.files)
        write_files(self.private, task.released)

    def _clear(self) -> None:
        for folder in (self.private, self.checked):
            with contextlib.suppress(OSError):
                empty_folder(folder)

    def _log(self) -> str:
        with contextlib.suppress(OSError):
            text = (self.scratch / "zygote.log").read_text(errors="replace")
            return " ".join(text.split())[-600:]
        return ""

    def _stop(self) -> None:
        for link in (self.link, self.checkers):
            if link is not None:
                link.socket.close()
        self.link = self.checkers = None
        self._assigned = None
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            try:
                zygote.wait(5)
            except subprocess.TimeoutExpired:
                zygote.kill()
                zygote.wait()
        if self._checkers_pid:  # it ends with its link; where the zygote died first, nobody else sees to that
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._checkers_pid, signal.SIGKILL)
            self._checkers_pid = 0
