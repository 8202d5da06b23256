"""From a submission that was read to marks and a finished notebook: the part of grading that may run anywhere.

`work` takes an `Item` and an `Assignment` and touches neither the course folder nor the gradebook. The same item,
assignment and engine give the same result, byte for byte.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import nbformat
from nbformat import NotebookNode
from nbgrader import utils

from autograder.course import Assignment, Notebook
from autograder.engine.rebuild import Rebuilt, Repair, SubmissionError, read_submission, rebuild
from autograder.engine.task import Files, Flag, Outcome, Task
from autograder.gradebook import NotebookMarks
from autograder.submissions import SUFFIX, Item

#: Key of the metadata of an autograded notebook under which it says what it was made from.
RECORD = "digital_biopsy"
NO_RESPONSE = "No response."
#: Flags and repairs for which formgrader shows no flag: they ask nobody to look.
QUIET = frozenset({"extra", "left-out", "timestamp", "name", "too-many", "deep"})
LOUD = frozenset({"foreign", "unreadable"})


class EngineLike(Protocol):
    """What runs a notebook."""

    def grade(self, task: Task) -> Outcome:
        """Run one notebook."""


@dataclass(frozen=True)
class GradedNotebook:
    """A notebook with its outputs, as bytes of the file to write, and its marks."""

    marks: NotebookMarks
    data: bytes

    @property
    def name(self) -> str:
        """Its name without suffix."""
        return self.marks.name


@dataclass(frozen=True)
class Graded:
    """What came of a submission.

    Attributes
    ----------
    student, assignment : str
        As in the item.
    notebooks : tuple of GradedNotebook
        Those that were there.
    missing : tuple of str
        Those that were not: no points.
    flags, repairs : tuple
        What an instructor should know, and what was put right.
    failed : str
        Why it could not be run to its end; empty if it was.
    stages : mapping
        Seconds by stage.
    peak_bytes, cpu_seconds : number
        Memory and processor time of the student's processes.
    """

    student: str
    assignment: str
    notebooks: tuple[GradedNotebook, ...]
    missing: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    repairs: tuple[Repair, ...] = ()
    failed: str = ""
    stages: Mapping[str, float] = field(default_factory=dict)
    peak_bytes: int = 0
    cpu_seconds: float = 0.0


def work(item: Item, assignment: Assignment, engine: EngineLike) -> Graded:
    """Grade a submission.

    Raises
    ------
    EngineError, TaskFailed
        As the engine raises them.
    """
    return _grade(item, assignment, engine.grade)


def set_aside(item: Item, assignment: Assignment, reason: str) -> Graded:
    """Make the result of a submission that ended its worker: zero for all that needed a run."""

    def not_run(task: Task) -> Outcome:
        for cell in task.notebook.cells:
            if cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell):
                cell.outputs = [
                    nbformat.v4.new_output("error", ename="NotRun", evalue=reason, traceback=[reason])
                ]
        return Outcome(task.notebook, (Flag("set-aside", "", reason),), failed=reason)

    return _grade(item, assignment, not_run)


def key_of(item: Item, assignment: Assignment) -> str:
    """Digest of everything that the marks of a submission follow from."""
    return hashlib.sha256(f"{assignment.digest} {item.digest}".encode()).hexdigest()


def beside(item: Item, assignment: Assignment) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the instructor's and the student's files beside the notebooks, of which none hides another."""
    given = {
        path: data
        for path, data in assignment.files.items()
        if path not in assignment.students_own or path not in item.files
    }
    names = [*(notebook.name for notebook in assignment.notebooks), *assignment.others]
    taken = {*given, *(f"{name}{SUFFIX}" for name in names)}
    above = {parent for path in taken for parent in _parents(path)}
    own = {
        path: data
        for path, data in item.files.items()
        if path not in taken and path not in above and not taken.intersection(_parents(path))
    }
    return given, own


def _grade(item: Item, assignment: Assignment, run: Any) -> Graded:
    flags = list(item.flags)
    repairs: list[Repair] = []
    failed: list[str] = []
    stages: dict[str, float] = {}
    peak, seconds = 0, 0.0
    finished: list[GradedNotebook] = []
    missing: list[str] = []
    submitted = _Submitted(item, assignment)
    flags += submitted.flags
    given, own = beside(item, assignment)
    for notebook in assignment.notebooks:
        if notebook.name not in submitted.read:
            missing.append(notebook.name)
            flags.append(Flag("missing", "", f"There is no notebook {notebook.name}; it has no points."))
            continue
        where = f"{notebook.name}: " if len(assignment.notebooks) > 1 else ""
        rebuilt = rebuild(notebook.source, submitted.read[notebook.name], notebook.released)
        task = _task(item, notebook, rebuilt, given, own)
        outcome = run(task)
        marks, doubts = _marks(outcome.notebook, notebook, outcome.unfit)
        new_flags = [*submitted.why.get(notebook.name, ()), *outcome.flags, *doubts]
        told = (*item.flags, *submitted.flags, *new_flags)
        loud = any(flag.kind not in QUIET for flag in told) or any(
            repair.kind in LOUD for repair in rebuilt.repairs
        )
        marks = NotebookMarks(marks.name, marks.scores, marks.comments, flagged=loud or bool(outcome.failed))
        record = {
            "key": key_of(item, assignment),
            "marks": dict(marks.scores),
            "flags": [_plain(flag) for flag in told],
            "repairs": [_plain(repair) for repair in rebuilt.repairs],
            "failed": outcome.failed,
        }
        data = _finish(outcome.notebook, notebook, item, assignment, record)
        finished.append(GradedNotebook(marks, data))
        flags += [Flag(flag.kind, flag.cell, where + flag.text) for flag in new_flags]
        repairs += [Repair(repair.kind, repair.cell, where + repair.text) for repair in rebuilt.repairs]
        failed += [where + outcome.failed] if outcome.failed else []
        peak = max(peak, outcome.peak_bytes)
        seconds += outcome.cpu_seconds
        for stage, spent in outcome.stages.items():
            stages[stage] = stages.get(stage, 0.0) + spent
    return Graded(
        student=item.student,
        assignment=item.assignment,
        notebooks=tuple(finished),
        missing=tuple(missing),
        flags=tuple(dict.fromkeys(flags)),
        repairs=tuple(repairs),
        failed="; ".join(failed),
        stages=stages,
        peak_bytes=peak,
        cpu_seconds=seconds,
    )


class _Submitted:
    """The student's notebooks by name, parsed; None where there is a file that nobody can read."""

    def __init__(self, item: Item, assignment: Assignment) -> None:
        self.read: dict[str, NotebookNode | None] = {}
        self.why: dict[str, list[Flag]] = {}
        self.flags: list[Flag] = []
        for notebook in assignment.notebooks:
            name = notebook.name
            if name in item.notebooks:
                self._take(name, item.notebooks[name])
            elif name in item.refused:
                self.read[name] = None
                self.why[name] = [Flag("unreadable", "", item.refused[name])]
        if item.missing and item.others:
            self._find_renamed(item, assignment)

    def _take(self, name: str, data: bytes) -> None:
        try:
            self.read[name] = _parse(data)
        except SubmissionError as error:
            self.read[name] = None
            self.why[name] = [Flag(error.kind, "", str(error))]

    def _find_renamed(self, item: Item, assignment: Assignment) -> None:
        """Take another notebook for a missing one, if it is the only one with that one's cells."""
        cells: dict[str, set[str]] = {}
        for name, data in item.others.items():
            with suppress(SubmissionError):
                cells[name] = _names(_parse(data))
        used: set[str] = set()
        for notebook in assignment.notebooks:
            if notebook.name not in item.missing:
                continue
            fitting = [
                name for name in cells if name not in used and _belongs(cells[name], notebook, assignment)
            ]
            if len(fitting) == 1:
                used.add(fitting[0])
                self._take(notebook.name, item.others[fitting[0]])
                text = f"{fitting[0]!a} was graded as {notebook.name}{SUFFIX}, which is missing."
                self.flags.append(Flag("renamed", "", text))
            elif fitting:
                names = ", ".join(ascii(name) for name in fitting)
                text = (
                    f"{notebook.name}{SUFFIX} is missing, and several may be meant: {names}. None was graded."
                )
                self.flags.append(Flag("ambiguous", "", text))
        for name in item.others:
            if name not in used:
                text = f"{name!a} is no notebook of this assignment; it was not graded."
                self.flags.append(Flag("extra", "", text))


def _parse(data: bytes) -> NotebookNode:
    with tempfile.NamedTemporaryFile(suffix=SUFFIX) as file:
        file.write(data)
        file.flush()
        return read_submission(Path(file.name), max_bytes=len(data) + 1)


def _names(notebook: NotebookNode) -> set[str]:
    """Return the grade_ids of a notebook that nobody vouches for."""
    found = set()
    for cell in notebook.cells:
        metadata = cell.get("metadata")
        meta = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        name = meta.get("grade_id") if isinstance(meta, dict) else None
        if isinstance(name, str):
            found.add(name)
    return found


def _belongs(cells: set[str], notebook: Notebook, assignment: Assignment) -> bool:
    shared = {other.name: len(cells & other.cells) for other in assignment.notebooks}
    return shared[notebook.name] > 0 and shared[notebook.name] == max(shared.values())


def _task(item: Item, notebook: Notebook, rebuilt: Rebuilt, given: Files, own: Files) -> Task:
    name = f"{item.assignment}/{item.student}/{notebook.name}"
    return Task(name=name, source=notebook.source, notebook=rebuilt.notebook, released=given, files=own)


def _marks(
    graded: NotebookNode, notebook: Notebook, unfit: Mapping[str, str]
) -> tuple[NotebookMarks, list[Flag]]:
    """Take the marks from a notebook by nbgrader's rules; where these are in doubt a person decides."""
    scores: dict[str, float | None] = {}
    comments: dict[str, str | None] = {}
    doubts = []
    for cell in graded.cells:
        meta = cell.metadata.get("nbgrader", {})
        name = meta.get("grade_id")
        if name not in notebook.cells:
            continue
        if utils.is_grade(cell):
            try:
                score, most = utils.determine_grade(cell)
                doubt = _doubt(cell, most)
            except (ValueError, KeyError, TypeError) as error:
                doubt = str(error)
            if name in unfit and not doubt and score is not None and score < most:
                score = None
                doubts.append(
                    Flag("unfit", name, f"The check {name!r} waits for a mark by hand. {unfit[name]}")
                )
            if doubt:
                score = None
                text = f"The check {name!r} gave no clear mark ({doubt}); it waits for one by hand."
                doubts.append(Flag("score", name, text))
            scores[name] = None if score is None else float(score)
        elif utils.is_task(cell):
            # nbgrader leaves a task for a person; its row has been there since the submission was.
            scores.setdefault(name, None)
        if utils.is_task(cell):
            comments[name] = None
        elif utils.is_solution(cell):
            same = meta.get("checksum") == utils.compute_checksum(cell)
            comments[name] = NO_RESPONSE if same else None
    return NotebookMarks(notebook.name, scores, comments), doubts


def _doubt(cell: NotebookNode, most: float) -> str:
    """Say why the value of a check cannot be a mark. nbgrader gives all points for nan and for less than zero."""
    if cell.cell_type != "code" or utils.is_solution(cell):
        return ""
    for output in cell.outputs:
        if output.output_type == "error" or (output.output_type == "stream" and output.name == "stderr"):
            return ""
        if output.output_type == "execute_result":
            try:
                value = float(output["data"]["text/plain"])
            except ValueError:
                return ""
            return "" if 0.0 <= value <= most else f"its value is {value:g}"
    return ""


class _Steps(threading.local):
    """The steps of the assignment that a thread works on. Making them takes longer than running them."""

    def __init__(self) -> None:
        self._digest = ""
        self._made: list[Any] = []

    def of(self, assignment: Assignment) -> list[Any]:
        """Return steps that are ready to be called."""
        if self._digest != assignment.digest:
            self._digest = assignment.digest
            self._made = [
                step(**settings) if isinstance(step, type) else step for step, settings in assignment.steps
            ]
        return self._made


_STEPS = _Steps()


def _finish(
    graded: NotebookNode,
    notebook: Notebook,
    item: Item,
    assignment: Assignment,
    record: Mapping[str, Any],
) -> bytes:
    """Do the course's own steps after the run, and write the notebook as nbgrader would."""
    resources: Any = {
        "unique_key": notebook.name,
        "nbgrader": {"student": item.student, "assignment": item.assignment, "notebook": notebook.name},
    }
    for step in _STEPS.of(assignment):
        graded, resources = step(graded, resources)
    graded.metadata[RECORD] = record
    text: str = nbformat.v4.writes(graded)
    return (text + "\n").encode("utf-8", "replace")


def _plain(note: Flag | Repair) -> dict[str, str]:
    return {"kind": note.kind, "cell": note.cell, "text": note.text}


def _parents(path: str) -> Iterable[str]:
    parts = path.split("/")
    return ("/".join(parts[:i]) for i in range(1, len(parts)))
