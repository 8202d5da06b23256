"""One submission on its way through the engine: pipes, clocks, and what comes of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import signal
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode

from autograder.engine._events import EventReader
from autograder.engine._job import Cell, Pipes, lay_out
from autograder.engine._outputs import new_output, one_line
from autograder.engine.steps import Plan
from autograder.engine.task import EngineError, Flag, Outcome, Task, TaskFailed
from autograder.engine.values import DecodeError, encode
from autograder.engine.warden import Link

if TYPE_CHECKING:
    from autograder.engine.engine import Engine

GRACE = 1.5  # seconds between asking a cell to stop and ending its process
LINGER = 0.3  # seconds that a snapshot may take to end once its question is over
_LENGTH = struct.Struct("!I")
#: How a cell may have ended its process.
CRASHES = {signal.SIGSEGV: "a segmentation fault", signal.SIGABRT: "an abort", signal.SIGKILL: "being killed"}


@dataclass
class Clock:
    """When something has to be over, and how far its end has been brought."""

    until: float
    index: int
    asked_to_stop: bool = False


@dataclass
class Run:
    """Grade one task; `go` once."""

    engine: Engine
    task: Task
    plan: Plan
    prefix: int
    flags: list[Flag] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    failed: str = ""

    def __post_init__(self) -> None:
        self._steps = tuple(step for step in self.plan.steps[self.prefix :] if not step.idle)
        self._asks = [step for step in self._steps if step.asks]
        self._by_step = {step.index: step for step in self._steps}
        total = self.engine.limits.output_bytes
        limit = min(self.engine.cell_output_bytes, total)
        try:
            self._job = lay_out(self.task.notebook, self.plan, self._steps, self.engine.modules, limit, total)
        except ValueError as error:
            raise TaskFailed(f"{self.task.name}: {error}") from error
        self.cells, self._tests, self._notebook = self._job.cells, self._job.tests, self._job.notebook
        self._pipes: Pipes | None = None
        self._group = 0  # the student's first process, which leads the group
        self._runner = 0
        self._keep: list[int] = []
        self._student_clock: Clock | None = None
        self._check_clock: Clock | None = None
        self._lingering: float | None = None
        self._now_asking: int | None = None
        self._breach = ""
        self._ending: dict[str, Any] | None = None
        self._resting = False
        self._student_done = self._checker_done = self._confined = False
        self._snapshot = 0

    def go(self, started: float) -> Outcome:
        """Run to the end."""
        self._pipes = pipes = Pipes(len(self._asks))
        # The student's own random numbers come from a seed that says nothing of the checker's.
        seed = int.from_bytes(hashlib.sha256(self.task.name.encode()).digest()[:4], "big")
        body = encode(("job", seed, self._job.steps))
        self._group = self._runner = self.engine.start_student(pipes)
        self.engine.start_checker(pipes, self._job.secret(self.plan))
        pipes.shut(*pipes.students, *pipes.checkers)
        running = time.monotonic()
        self.stages["start"] = running - started
        self._loop(_LENGTH.pack(len(body)) + body)
        done = time.monotonic()
        self.stages["run"] = done - running
        outcome = self._finish()
        self.stages["finish"] = time.monotonic() - done
        return outcome

    def end_group(self) -> None:
        """Kill what is left of the student's processes where no warden does it any more."""
        if self._group and self._ending is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)

    def close(self) -> None:
        """Close all pipes."""
        if self._pipes is not None:
            self._pipes.shut(*list(self._pipes.open))

    # The loop.

    def _loop(self, job: bytes) -> None:
        pipes = self._pipes
        assert pipes is not None and self.engine.link is not None and self.engine.checkers is not None
        links = {self.engine.link.socket: self.engine.link, self.engine.checkers.socket: self.engine.checkers}
        readers = {pipes.from_student: EventReader(), pipes.from_checker: EventReader()}
        last = time.monotonic() + self.engine.limits.notebook_seconds * 2 + 30
        self._rest_of_job = memoryview(job)
        with selectors.DefaultSelector() as selector:
            for end, link in links.items():
                selector.register(end, selectors.EVENT_READ, link)
            for number, reader in readers.items():
                os.set_blocking(number, False)
                selector.register(number, selectors.EVENT_READ, reader)
            os.set_blocking(pipes.job, False)
            checker_ended = sending = False
            while True:
                for key, _ in selector.select(self._patience()):
                    if isinstance(key.data, Link):
                        told, _ = key.data.receive()
                        if key.data is self.engine.checkers:
                            checker_ended |= "ended" in told
                            self._hear_of_checker(told)
                        else:
                            self._hear_of_student(told)
                    elif key.data is None:
                        if self._write_job():
                            selector.unregister(pipes.job)
                            pipes.shut(pipes.job)
                    elif not self._read(key.fd, key.data):
                        selector.unregister(key.fd)
                if self._confined and not sending:
                    sending = True
                    selector.register(pipes.job, selectors.EVENT_WRITE, None)
                self._mind_clocks()
                if time.monotonic() > last:
                    raise TaskFailed(f"{self.task.name}: the run does not come to its end.")
                if self._ending is None and self._student_done and (self._checker_done or checker_ended):
                    self.engine.link.send({"do": "stop"})
                    self._student_done = False  # once
                if self._ending is not None and (checker_ended or self._checker_done):
                    break
            if not checker_ended:
                self.engine.checkers.send({"do": "stop"})
                self.engine._expect(self.engine.checkers, "ended")
            for number, reader in readers.items():  # what was still in the pipes
                while self._read(number, reader) and self._more(number):
                    pass

    @staticmethod
    def _more(number: int) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(number, selectors.EVENT_READ)
            return bool(selector.select(0))

    def _patience(self) -> float:
        moments = [clock.until for clock in (self._student_clock, self._check_clock) if clock]
        if self._lingering is not None:
            moments.append(self._lingering)
        return min(1.0, max(0.0, min(moments, default=time.monotonic() + 1) - time.monotonic()))

    def _write_job(self) -> bool:
        try:
            assert self._pipes is not None
            sent = os.write(self._pipes.job, self._rest_of_job[: 1 << 16])
        except BlockingIOError:
            return False
        except BrokenPipeError:
            return True
        self._rest_of_job = self._rest_of_job[sent:]
        return not self._rest_of_job

    def _read(self, number: int, reader: EventReader) -> bool:
        """Read what there is; False at the end of the pipe."""
        assert self._pipes is not None
        hear = self._student_says if number == self._pipes.from_student else self._checker_says
        try:
            data = os.read(number, 1 << 18)
        except BlockingIOError:
            return True
        if not data:
            return False
        try:
            for event in reader.feed(data):
                with contextlib.suppress(ValueError, TypeError, KeyError, IndexError):  # of a forged event
                    hear(event)
        except DecodeError:
            if number == self._pipes.from_student:
                self._flag(
                    "protocol", "", "The student's process wrote into the grader's pipe; it was ended."
                )
                assert self.engine.link is not None
                self.engine.link.send({"do": "stop"})
                return False
            raise
        return True

    # What is heard.

    def _student_says(self, event: tuple[Any, ...]) -> None:
        """Take an event of the student's process, which may be forged."""
        what, *rest = event
        if what == "output":
            index, output = rest
            entry = self.cells[_natural(index)]
            if not entry.test and not entry.ended:
                entry.gathered.add(output)
        elif what == "begin":
            index, pid = rest
            entry = self.cells[_natural(index)]
            if entry.test or not entry.begun:
                entry.begun = True
                self._runner = _natural(pid)
                self._student_clock = Clock(time.monotonic() + self.engine.limits.cell_seconds, entry.index)
        elif what == "ahead":
            _, pid, parent = rest
            self._runner = _natural(pid)
            self._tell_keep([self._group, _natural(parent)])
        elif what == "end":
            entry = self.cells[_natural(rest[0])]
            entry.ended |= not entry.test  # a test cell ends where it is checked
            self._student_clock = None
            self._breach = ""
            self._resting = self._runner != self._group
        elif what == "died":
            index, status = rest
            self._died(self.cells[_natural(index)], int(status))
        elif what == "asking":
            ask, pid, parent = rest
            self._now_asking, self._snapshot = _natural(ask), _natural(pid)
            self._tell_keep([self._group, _natural(parent)])
        elif what == "asked":
            self._now_asking = None
            self._lingering = None
        elif what == "done":
            self._student_done = True
            self._student_clock = None
        elif what == "confined":
            self._confined = True
        elif what == "refused" and not self._confined:  # later it would be a student's word
            raise EngineError(f"The student's process could not be confined: {one_line(rest[0], 500)}")

    def _died(self, entry: Cell, status: int) -> None:
        self._student_clock = None
        if entry.test:
            self._breach = ""
            return
        if self._breach:
            name, text = "LimitPassed", self._breach
        elif os.WIFSIGNALED(status):
            how = CRASHES.get(os.WTERMSIG(status), f"signal {os.WTERMSIG(status)}")  # type: ignore[call-overload]
            name, text = "ProcessEnded", f"This cell ended its process by {how}."
        else:
            name, text = (
                "ProcessEnded",
                f"This cell ended its process with status {os.waitstatus_to_exitcode(status)}.",
            )
        self._breach = ""
        entry.error = (name, text + " The cells after it ran as if it were not there.")
        entry.ended = True
        self._flag("cell", _name(entry.cell), f"Cell [{entry.cell.execution_count}]: {text}")

    def _checker_says(self, event: tuple[Any, ...]) -> None:
        what, *rest = event
        if what == "output":
            index, output = rest
            if index in self._tests:
                self._tests[index].gathered.add(output)
        elif what == "begin":
            (index,) = rest
            if index in self._tests:
                self._tests[index].begun = True
            self._check_clock = Clock(time.monotonic() + 2 * self.engine.limits.cell_seconds + 10, index)
        elif what == "end":
            self._check_ended(*rest)
        elif what == "done":
            self._checker_done = True
        elif what == "refused":
            raise EngineError(f"The checker could not be confined: {one_line(rest[0], 500)}")

    def _check_ended(self, index: int, fine: bool, fault: str, refusals: list[str]) -> None:
        self._check_clock = None
        step = self._by_step[index]
        entry = self._tests.get(index)
        if step.asks and self._now_asking is not None and self._asks[self._now_asking].index == index:
            self._lingering = time.monotonic() + LINGER
        if entry is None:
            return
        entry.ended = True
        name = _name(entry.cell)
        for text in refusals:
            self._flag("refused", name, text)
        if fault:
            reason = self._why(fault)
            entry.error = ("NotAnswered", reason)
            self._flag("fault", name, f"Question {name!r}: {reason}")

    def _why(self, fault: str) -> str:
        """Say why a question got no answer."""
        if self._breach:
            text, self._breach = self._breach, ""
            return text
        if self._ending is not None and self._ending["reason"] not in ("exit", "stopped"):
            return str(self._ending["detail"])
        kind, _, text = fault.partition(": ")
        seconds = f"{self.engine.limits.cell_seconds:g} s"
        return {
            "time": f"The answers to this question took longer than {seconds}.",
            "lost": "The process of the answer ended during this question.",
            "protocol": f"What the process of the answer sent was no answer. {text}",
        }.get(kind, text or fault)

    def _hear_of_student(self, told: dict[str, Any]) -> None:
        if "ended" in told:
            self._ending = told["ended"] or {
                "reason": "stopped",
                "detail": "",
                "peak_bytes": 0,
                "cpu_seconds": 0.0,
            }
            self._student_clock = None
            self._lingering = None
        elif "breach" in told:
            self._breach = str(told["detail"])
            if told["breach"] == "disk":
                self.engine.lay_out_student(self.task)
        elif told.get("alone") and self._resting and not self._student_done:
            # The first process waits for copies of which none is left.
            assert self.engine.link is not None
            self.engine.link.send({"do": "stop"})

    def _hear_of_checker(self, told: dict[str, Any]) -> None:
        ended = told.get("ended")
        if ended and ended["reason"] not in ("exit", "stopped") and not self.failed:
            self.failed = f"The check itself was ended: {ended['detail']}"

    # Clocks.

    def _mind_clocks(self) -> None:
        now = time.monotonic()
        link, checkers = self.engine.link, self.engine.checkers
        assert link is not None and checkers is not None
        clock = self._student_clock
        if clock is not None and now > clock.until:
            if not clock.asked_to_stop:
                clock.asked_to_stop = True
                clock.until = now + GRACE
                seconds = f"{self.engine.limits.cell_seconds:g} s"
                entry = self.cells[clock.index]
                self._flag(
                    "cell",
                    _name(entry.cell),
                    f"Cell [{entry.cell.execution_count}] ran longer than {seconds}.",
                )
                link.send({"do": "interrupt", "pid": self._runner})
            else:
                self._breach = f"It ran longer than {self.engine.limits.cell_seconds:g} s and would not stop."
                self._student_clock = None
                if self._runner in (self._group, 0):
                    link.send({"do": "stop"})
                else:
                    link.send({"do": "sweep", "pids": self._keep, "blocking": self._runner})
        if self._lingering is not None and now > self._lingering:
            self._lingering = None
            if self._now_asking is not None:
                link.send({"do": "sweep", "pids": self._keep, "blocking": self._snapshot})
        clock = self._check_clock
        if clock is not None and now > clock.until:
            self._check_clock = None
            step = self._by_step[clock.index]
            self.failed = f"The check {step.name or step.index!r} did not come to its end."
            checkers.send({"do": "stop"})

    def _tell_keep(self, pids: list[int]) -> None:
        self._keep = list(dict.fromkeys(pids))
        assert self.engine.link is not None
        self.engine.link.send({"do": "keep", "pids": self._keep})

    def _flag(self, kind: str, cell: str, text: str) -> None:
        if len(self.flags) < 200:
            self.flags.append(Flag(kind, cell, one_line(text)))

    # The end.

    def _finish(self) -> Outcome:
        ending = self._ending or {}
        reason = str(ending.get("reason", ""))
        detail = str(ending.get("detail", ""))
        if reason not in ("stopped", "exit", ""):
            self._flag("limit" if reason != "signal" else "ended", "", f"The notebook was ended: {detail}")
        elif reason == "exit":
            self._flag("ended", "", "The notebook's process ended before its last cell.")
        unrun = [entry for entry in self.cells if not entry.ended]
        for entry in self.cells:
            outputs = entry.gathered.outputs
            if entry.error is None and not entry.ended:
                why = self.failed or (f"The notebook was ended before this cell. {detail}" if detail else "")
                entry.error = ("NotRun", why or "The notebook's process ended before this cell.")
            if entry.error is not None:
                name, text = entry.error
                told = new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])
                # Before all others: where nbgrader finds an error behind a score, it takes the score.
                outputs.insert(0 if entry.test else len(outputs), told)
            for output in outputs:
                _hide(output, (str(self.engine.private), str(self.engine.checked)))
                if output.output_type == "execute_result":
                    output.execution_count = entry.cell.execution_count
            entry.cell.outputs = outputs
        if unrun and not self.failed and any(entry.test for entry in unrun):
            self.failed = detail or "The notebook's process ended before its last question."
        if self.engine.missing:
            self._flag(
                "unsafe", "", "Graded without these layers of the jail: " + " ".join(self.engine.missing)
            )
        return Outcome(
            notebook=self._notebook,
            flags=tuple(dict.fromkeys(self.flags)),
            failed=self.failed,
            peak_bytes=int(ending.get("peak_bytes", 0)),
            cpu_seconds=float(ending.get("cpu_seconds", 0.0)),
            stages=self.stages,
            unfit=self.engine.unfit,
        )


def _natural(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a natural number")
    return value


def _name(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _hide(output: NotebookNode, folders: tuple[str, ...]) -> None:
    """Leave out the names of the engine's folders, which say nothing and differ from run to run."""

    def hidden(text: str) -> str:
        for folder in folders:
            text = text.replace(folder, ".")
        return text

    if output.output_type == "stream":
        output.text = hidden(output.text)
    elif output.output_type == "error":
        output.evalue = hidden(output.evalue)
        output.traceback = [hidden(line) for line in output.traceback]
    else:
        for mime, text in output.data.items():
            if mime.startswith("text/") and isinstance(text, str):
                output.data[mime] = hidden(text)
