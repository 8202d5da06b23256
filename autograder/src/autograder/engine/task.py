"""What goes into the engine and what comes out: one notebook of one submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode

#: Files beside a notebook: path relative to the notebook's folder, with forward slashes, and content.
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Task:
    """One notebook of one submission, ready to run.

    Attributes
    ----------
    name : str
        For messages: "01-hounsfield-units/ada/exercises".
    source : NotebookNode
        The instructor's notebook with hidden tests. The same object (or an equal one) for the whole class.
    notebook : NotebookNode
        What `rebuild` made of the submission.
    released : mapping
        The assignment's own files beside the notebook: the student's code and the checks may read them.
    files : mapping
        The student's other files.
    """

    name: str
    source: NotebookNode
    notebook: NotebookNode
    released: Files = field(default_factory=dict)
    files: Files = field(default_factory=dict)


@dataclass(frozen=True)
class Flag:
    """Something an instructor should know: a word for machines, the cell's grade_id (or ""), a sentence."""

    kind: str
    cell: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Attributes
    ----------
    notebook : NotebookNode
        The task's notebook with outputs. Those of test cells come from the checker alone.
    flags : tuple of Flag
        Limits that were passed, cells that ended their process, refused values.
    failed : str
        Why the notebook could not be run to its end; empty if it was. What could not run has an error as output.
    peak_bytes : int
        Most memory that the student's processes held at a time.
    cpu_seconds : float
        Processor time of the student's processes.
    stages : mapping
        Wall seconds by stage: "start", "run", "finish".
    unfit : mapping
        Test cells that cannot be run apart from the answer, with the reason: the assignment's own solution gets fewer
        points this way than in one notebook. What they gave short of all points is no mark; a person decides.
    """

    notebook: NotebookNode
    flags: tuple[Flag, ...] = ()
    failed: str = ""
    peak_bytes: int = 0
    cpu_seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)


class EngineError(Exception):
    """The engine itself cannot work here; the text names the cause and the cure."""


class TaskFailed(Exception):  # noqa: N818 - the task failed, the engine did not
    """A task ended its worker; it may be tried once more, elsewhere."""
