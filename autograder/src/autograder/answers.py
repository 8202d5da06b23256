"""Right and wrong answers to a chapter's exercises: they test the checks.

`solutions/<chapter>/answers.py` holds, in the variable `answers`, what learners write:

>>> answers = Answers()
>>> @answers.right("double")
... def double(x):
...     return 2 * x
>>> @answers.wrong("double", says="You added 2")
... def double(x):
...     return x + 2
>>> print(answers.of("double")[1].source)
def double(x):
    return x + 2

An answer is the whole text of one solution cell, named by its grade_id. Where a function is not enough (a
constant, a class with a helper), give the text: `answers.right("pipeline", source="PIPELINE = [...]")`.
"""

from __future__ import annotations

import ast
import copy
import inspect
import runpy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

from nbformat import NotebookNode

_Answered = TypeVar("_Answered", bound=Callable[..., Any])


@dataclass(frozen=True)
class Answer:
    """One answer: the text of a solution cell, and for a wrong one the words that its card must contain."""

    cell: str
    right: bool
    source: str
    says: str = ""


@dataclass
class Answers:
    """The answers to one chapter."""

    entries: list[Answer] = field(default_factory=list)

    def right(self, cell: str, *, source: str | None = None) -> Callable[[_Answered], _Answered]:
        """Register a right answer to the solution cell: as a decorator, or as text."""
        return self._register(cell, True, source, "")

    def wrong(self, cell: str, *, says: str, source: str | None = None) -> Callable[[_Answered], _Answered]:
        """Register a wrong answer and the words that the check must say to it."""
        if not says:
            raise ValueError(f"wrong({cell!r}): says= must hold the words that the card shows")
        return self._register(cell, False, source, says)

    def of(self, cell: str) -> list[Answer]:
        """Return all answers to a cell, in the order of the file."""
        return [entry for entry in self.entries if entry.cell == cell]

    def best(self, cell: str) -> Answer:
        """Return the first right answer to a cell.

        Raises
        ------
        LookupError
            If there is none.
        """
        for entry in self.of(cell):
            if entry.right:
                return entry
        raise LookupError(f"answers.py has no right answer to {cell!r}")

    def _register(
        self, cell: str, right: bool, source: str | None, says: str
    ) -> Callable[[_Answered], _Answered]:
        if source is not None:
            self.entries.append(Answer(cell, right, dedent(source).strip("\n"), says))

        def keep(answered: _Answered) -> _Answered:
            if source is not None:
                raise TypeError(f"the answer to {cell!r} has source= already: it decorates nothing")
            self.entries.append(Answer(cell, right, source_of(answered), says))
            return answered

        return keep


def source_of(answered: Callable[..., Any]) -> str:
    """Return the text of a function or class, without its decorators, from the left margin."""
    text = dedent(inspect.getsource(answered))
    node = ast.parse(text).body[0]
    return "\n".join(text.splitlines()[node.lineno - 1 :]).rstrip()


def load(path: Path) -> Answers:
    """Run an `answers.py` and return its answers.

    Raises
    ------
    ValueError
        If it defines no `answers`.
    """
    found = runpy.run_path(str(path)).get("answers")
    if not isinstance(found, Answers):
        raise ValueError(f"{path} must define answers = Answers()")
    return found


def solution_cells(notebook: NotebookNode) -> list[str]:
    """Return the grade_ids of the notebook's code solution cells, in order."""
    return [_id(cell) for cell in notebook.cells if cell.cell_type == "code" and _meta(cell).get("solution")]


def checked_by(notebook: NotebookNode) -> dict[str, list[str]]:
    """Return, for each test cell, the solution cells that it checks: those since the test cell before it."""
    waiting: list[str] = []
    groups: dict[str, list[str]] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if _meta(cell).get("solution"):
            waiting.append(_id(cell))
        elif _meta(cell).get("grade"):
            groups[_id(cell)] = waiting
            waiting = []
    return groups


def submission(released: NotebookNode, picks: Mapping[str, str]) -> NotebookNode:
    """Return the released notebook with texts put into solution cells (code or written), by grade_id.

    Raises
    ------
    LookupError
        If the notebook has no such cell.
    """
    made = copy.deepcopy(released)
    cells = {_id(cell): cell for cell in made.cells if _meta(cell).get("solution")}
    for name, text in picks.items():
        if name not in cells:
            raise LookupError(f"the notebook has no solution cell {name!r}; it has {', '.join(cells)}")
        cells[name].source = text
    return made


def perfect(released: NotebookNode, answers: Answers) -> dict[str, str]:
    """Return picks with the first right answer to every code cell."""
    return {name: answers.best(name).source for name in solution_cells(released)}


def rounds(released: NotebookNode, answers: Answers) -> Iterator[dict[str, Answer]]:
    """Yield as few rounds as try every answer: in each, every test cell tries one, keyed by the test cell.

    The cells that a round does not try hold their first right answer, so an answer must not rely on another
    exercise.
    """
    queues = {
        check: [answer for cell in cells for answer in answers.of(cell)]
        for check, cells in checked_by(released).items()
    }
    for number in range(max(map(len, queues.values()), default=0)):
        yield {check: queue[number] for check, queue in queues.items() if number < len(queue)}


def _meta(cell: NotebookNode) -> dict[str, Any]:
    return dict(cell.metadata.get("nbgrader", {}))


def _id(cell: NotebookNode) -> str:
    return str(_meta(cell)["grade_id"])
