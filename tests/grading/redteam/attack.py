"""What a hostile, broken or honest submission is, and how it is written into a course folder."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.grading.redteam.assignment import FULL, NOTEBOOK, RIGHT, WRONG, ZERO, cell_of

Json = dict[str, Any]
Edit = Callable[[Json, "Place"], "Json | str | bytes | None"]
Change = Callable[[Path, "Place"], None]


@dataclass(frozen=True)
class Place:
    """What an attacker knows of the machine: far more than a student would.

    In the cells of an attack, ``@OUTSIDE@`` and so on stand for these.
    """

    outside: Path  # a folder that anybody may write
    home: Path  # of the grader
    course: Path
    victim: int  # a process of the same user, which has nothing to do with grading
    port: int  # of a listener on 127.0.0.1
    socket: str  # path of a listening Unix socket
    honest: str  # what only the first honest submission holds

    def fill(self, text: str) -> str:
        """Put them in."""
        for name in ("outside", "home", "course", "victim", "port", "socket", "honest"):
            text = text.replace(f"@{name.upper()}@", str(getattr(self, name)))
        return text


@dataclass(frozen=True)
class Attack:
    """A submission and what it deserves.

    Attributes
    ----------
    name : str
        With the row, the student's id.
    row : {"notebook", "subversion", "theft", "harm", "honest"}
        Row of the list in the specification.
    answers : mapping
        Text of the answer cells by grade_id.
    marks : mapping
        The honest mark of each question.
    first, last : tuple of str
        Code cells before and after all others.
    edit : callable, optional
        Changes the notebook's JSON in place, or returns what to write instead.
    folder : callable, optional
        Changes the folder once the notebook is written.
    files : mapping
        Files beside the notebook.
    flags : str
        A regular expression that one of the flags or repairs must match.
    sets_aside : bool
        The submission cannot be graded at all: zero and a reason.
    """

    name: str
    row: str
    answers: Mapping[str, str]
    marks: Mapping[str, float]
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    edit: Edit | None = None
    folder: Change | None = None
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    flags: str = ""
    sets_aside: bool = False
    at_most: bool = False  # the marks are the most it may get: it breaks itself in no certain way

    finds: str = ""  # a word of its own that a thief must find, or its search proves nothing

    @property
    def student(self) -> str:
        """The id under which it is handed in."""
        return self.name if self.row == "honest" else f"{self.row}-{self.name}"


class Row:
    """Collects the attacks of one row."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.attacks: list[Attack] = []

    def wrong(self, name: str, *first: str, answers: Mapping[str, str] | None = None, **more: Any) -> None:
        """Add a submission whose answers are wrong, so that it deserves nothing."""
        marks = {**ZERO, **more.pop("marks", {})}
        self.attacks.append(Attack(name, self.name, {**WRONG, **(answers or {})}, marks, first, **more))

    def right(self, name: str, *first: str, answers: Mapping[str, str] | None = None, **more: Any) -> None:
        """Add a submission whose answers are right but for those given; it deserves all but `marks`."""
        marks = {**FULL, **more.pop("marks", {})}
        self.attacks.append(Attack(name, self.name, {**RIGHT, **(answers or {})}, marks, first, **more))

    def stub(self, name: str, *first: str, answers: Mapping[str, str] | None = None, **more: Any) -> None:
        """Add a submission in which nothing but the given answers was touched."""
        marks = {**ZERO, **more.pop("marks", {})}
        self.attacks.append(Attack(name, self.name, answers or {}, marks, first, **more))

    def edit(self, name: str, *, base: str = "right", **more: Any) -> Callable[[Edit], Edit]:
        """Decorate a function that changes the notebook's JSON; the answers are right, or wrong."""

        def decorate(function: Edit) -> Edit:
            getattr(self, base)(name, edit=function, **more)
            return function

        return decorate

    def folder(self, name: str, **more: Any) -> Callable[[Change], Change]:
        """Decorate a function that changes the folder once the notebook, with right answers, is written."""

        def decorate(function: Change) -> Change:
            self.right(name, folder=function, **more)
            return function

        return decorate


def code_cell(text: str, **metadata: Any) -> Json:
    """Make a code cell, without an id as older programs do."""
    return {"cell_type": "code", "metadata": metadata, "source": text, "outputs": [], "execution_count": None}


def hand_in(attack: Attack, released: Json, place: Place, folder: Path) -> None:
    """Write a submission into an empty folder, as `nbgrader collect` would."""
    notebook = copy.deepcopy(released)
    for name, text in attack.answers.items():
        cell_of(notebook, name)["source"] = place.fill(text)
    notebook["cells"][:0] = [code_cell(place.fill(text)) for text in attack.first]
    notebook["cells"] += [code_cell(place.fill(text)) for text in attack.last]
    for number, cell in enumerate(notebook["cells"]):
        cell.setdefault("id", f"own-{number}")
    written: Json | str | bytes = notebook
    if attack.edit is not None:
        changed = attack.edit(notebook, place)
        written = notebook if changed is None else changed
    if isinstance(written, dict):
        written = json.dumps(written)
    if isinstance(written, str):
        written = written.encode("utf-8", "surrogatepass")
    (folder / f"{NOTEBOOK}.ipynb").write_bytes(written)
    for name, content in attack.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(place.fill(content).encode() if isinstance(content, str) else content)
    if attack.folder is not None:
        attack.folder(folder, place)
