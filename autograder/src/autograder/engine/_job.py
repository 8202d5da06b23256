"""What the student's process is told to do: the steps of one submission, laid out before anything runs."""

from __future__ import annotations

import copy
import hashlib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests

from autograder.engine._outputs import Budget, Gathered
from autograder.engine.checker import last_unseeded, setup_seed
from autograder.engine.plan import harmless
from autograder.engine.steps import Plan, Step
from autograder.engine.student import ASK, QUIETLY, RUN

_WORD = re.compile(r"[^\W\d]\w*")
#: What to do, index, execution count (of a question: its step), text, whether it is risky, seed of a set-up cell.
JobStep = tuple[str, int, int, str, bool, int]


class Pipes:
    """All pipes of a run. `students` and `checkers` are for those processes; the rest stays here."""

    def __init__(self, asks: int) -> None:
        self.asks = asks
        self.open: set[int] = set()
        job_read, self.job = self._pipe()
        self.from_student, student_out = self._pipe()
        self.from_checker, checker_out = self._pipe()
        self.students, self.checkers = [job_read, student_out], [checker_out]
        for _ in range(asks):
            request_read, request_write = self._pipe()
            answer_read, answer_write = self._pipe()
            self.students += [request_read, answer_write]
            self.checkers += [request_write, answer_read]

    def _pipe(self) -> tuple[int, int]:
        read, write = os.pipe()
        self.open |= {read, write}
        return read, write

    def shut(self, *numbers: int) -> None:
        """Close these, if they are still open."""
        for number in numbers:
            if number in self.open:
                self.open.discard(number)
                os.close(number)


@dataclass
class Cell:
    """One code cell on its way."""

    index: int
    cell: NotebookNode
    test: bool
    gathered: Gathered
    begun: bool = False
    ended: bool = False
    error: tuple[str, str] | None = None  # what the engine has to say, as name and text of an error


@dataclass
class Job:
    """The code cells of a submission and what is to be done with them.

    Attributes
    ----------
    notebook : NotebookNode
        A copy of the rebuilt notebook, for the outputs.
    cells : list of Cell
        Its code cells.
    tests : dict
        The test cells by their step.
    steps : list of JobStep
    """

    notebook: NotebookNode
    cells: list[Cell] = field(default_factory=list)
    tests: dict[int, Cell] = field(default_factory=dict)
    steps: list[JobStep] = field(default_factory=list)

    def secret(self, plan: Plan) -> int:
        """Return a number that depends on the source and the submission; who lacks the source cannot know it."""
        digest = hashlib.sha256(plan.digest.encode())
        for cell in self.notebook.cells:
            digest.update(cell.source.encode("utf-8", "replace") + b"\0")
        return int.from_bytes(digest.digest()[:8], "big") >> 1


def lay_out(
    notebook: NotebookNode,
    plan: Plan,
    steps: Sequence[Step],
    imported: Collection[str],
    limit: int,
    total: int,
) -> Job:
    """Lay out the student's steps, and find the cells that outputs go to.

    Parameters
    ----------
    notebook : NotebookNode
        The rebuilt notebook.
    plan : Plan
    steps : sequence of Step
        Those that the checker runs for this submission.
    imported : collection of str
        The modules of the warm process.
    limit, total : int
        How much output of one cell, and of all together, is kept. Tests have a total of their own.

    Raises
    ------
    ValueError
        The notebook lacks cells of the plan.
    """
    questions = {step.cell_id: (number, step) for number, step in enumerate(s for s in steps if s.asks)}
    tests = {step.cell_id: step for step in steps if step.kind == "test"}
    last = last_unseeded(plan)
    seeds = {s.cell_id: setup_seed(s.index) for s in plan.steps if s.kind == "setup" and s.index <= last}
    # The assignment's own cells that have nothing to do with the student's run well elsewhere.
    common = {step.source for step in plan.steps if step.kind == "setup" and not step.asks}
    job = Job(copy.deepcopy(notebook))
    later = words_after(job.notebook, set(tests))
    number = 0
    ours, theirs = Budget(total), Budget(total)
    for cell in job.notebook.cells:
        if cell.cell_type != "code":
            continue
        number += 1
        cell.outputs, cell.execution_count = [], number
        step = tests.get(cell.id)
        entry = Cell(len(job.cells), cell, step is not None, Gathered(limit, ours if step else theirs))
        job.cells.append(entry)
        if cell.id in questions:
            ask, asked = questions.pop(cell.id)
            job.steps.append((ASK, ask, asked.index, "", False, 0))
        if step is not None:
            job.tests[step.index] = entry
            shown = visible(cell) if step.binds else ""
            if step.binds & words(shown) & later[cell.id]:
                job.steps.append((QUIETLY, entry.index, number, shown, True, 0))
        elif cell.source.strip():
            risky = cell.source not in common and not harmless(cell.source, imported)
            job.steps.append((RUN, entry.index, number, cell.source, risky, seeds.get(cell.id, 0)))
        else:
            entry.ended = True
    if questions:
        raise ValueError("the rebuilt notebook lacks cells of the assignment")
    return job


def words(text: str) -> set[str]:
    """Every word in a text that could be a name."""
    return set(_WORD.findall(text))


def words_after(notebook: NotebookNode, tests: set[str]) -> dict[str, set[str]]:
    """For each code cell, the words of the cells behind it that the student's process runs."""
    found: dict[str, set[str]] = {}
    seen: set[str] = set()
    for cell in reversed(notebook.cells):
        if cell.cell_type == "code":
            found[cell.id] = set(seen) if cell.id in tests else set()
            if cell.id not in tests:
                seen |= words(cell.source)
    return found


def visible(cell: NotebookNode) -> str:
    """Return what students were given of a test cell.

    They may use names that it binds, an import say, in later cells; so it runs in their process too, once its question
    is over, and nobody sees what it says.
    """
    shown = copy.deepcopy(cell)
    try:
        ClearHiddenTests(enforce_metadata=False)._remove_hidden_test_region(shown)
    except RuntimeError:
        return ""
    return str(shown.source)
