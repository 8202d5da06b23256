"""Step 1 of grading: make the notebook to run from the assignment, and put the student's answers into it.

Nothing that a submission says about itself is believed: which cell is a test, what it is worth, which kernel
runs it and which cells are skipped all come from the source. The student gives the text of the answers, of
the cells they added and of the assignment's ungraded cells. What had to be put right is reported in words.

Places of the cells:

- Test and read-only cells come from the source, all of them, in its order.
- An answer cell is found by its `grade_id`; if it lost that, by its cell id; then by its text. Of several, the
  last one that differs from the stub is the answer, and the others run just before it, as they would in the
  student's own notebook (JupyterLab gives both halves of a split cell the same `grade_id`).
- An answer cell that is missing is put back as the student was given it, never as the source has it. If the
  student defines its names in a cell of their own, only a comment is put back: the stub would undo their work.
- An ungraded cell of the assignment is the student's to edit; a missing one is put back if it holds code.
- A cell that the student added stays behind the cell of the assignment that it stood behind.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.engine._cells import (
    Own,
    Place,
    RebuildError,
    assigned,
    binds,
    flags_differ,
    own_cells,
    places,
    same_text,
    students,
)
from autograder.engine._reading import NOTES, SubmissionError, plain_text, read_submission

__all__ = ["RebuildError", "Rebuilt", "Repair", "SubmissionError", "cell_id", "read_submission", "rebuild"]

_NOTES = {
    "duplicate-keys": "The notebook file names something twice; the last one counts.",
    "encoding": "The notebook file is not UTF-8 text; it was read as what it seems to be.",
    "not-cells": "Some entries in the notebook's list of cells are no cells; they were left out.",
    "old-format": "The notebook is of an old format; it was converted.",
    "version": "The notebook does not say its format; it was read as format 4.",
}
_PUT_BACK = "# This cell was missing from the submission. Its names are defined elsewhere in the notebook."


@dataclass(frozen=True)
class Repair:
    """One thing that was put right: a word for machines, the cell (or ""), a sentence for people."""

    kind: str
    cell: str
    text: str


@dataclass(frozen=True)
class Rebuilt:
    """The notebook to run. `readable`: whether there was a submission to rebuild it from."""

    notebook: NotebookNode
    repairs: tuple[Repair, ...]
    readable: bool


def rebuild(
    source: NotebookNode, submitted: NotebookNode | None, released: NotebookNode | None = None
) -> Rebuilt:
    """Put a student's answers into the assignment.

    Parameters
    ----------
    source
        The instructor's notebook, with solutions and hidden tests. It is not changed.
    submitted
        What `read_submission` returned, or None if there was nothing to read: then every answer is the stub.
    released
        The notebook that students were given. Without it the stubs are those of nbgrader's default settings.

    Returns
    -------
    Rebuilt
        Of nbformat 4.5, without outputs; the same for the same input, byte for byte.

    Raises
    ------
    RebuildError
        The source's own nbgrader metadata is broken. No submission raises it.
    """
    plan = _Plan(places(source, released), [] if submitted is None else own_cells(submitted))
    if submitted is None:
        plan.report("unreadable", "", "No notebook could be read; every answer is graded as not attempted.")
        cells = [assigned(place) for place in plan.places]
    else:
        plan.report_notebook(source, submitted)
        plan.find_owners()
        plan.settle()
        plan.report_cells()
        cells = plan.assemble(python=_language(source) == "python")
    metadata = {
        key: source.metadata[key] for key in ("kernelspec", "language_info") if key in source.metadata
    }
    notebook = nbformat.from_dict(
        {"cells": _with_ids(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    )
    return Rebuilt(notebook, tuple(dict.fromkeys(plan.repairs)), submitted is not None)


def cell_id(kind: str, name: str) -> str:
    """Return the id that the cell at a place of the source has in every rebuilt notebook."""
    return _id(f"{kind} {name}")


@dataclass
class _Plan:
    places: list[Place]
    cells: list[Own]
    repairs: list[Repair] = field(default_factory=list)
    #: For each cell of the student, the place that it came from.
    owner: list[int | None] = field(default_factory=list)
    #: For each place, the student's cell that fills it, and those that run just before and after it.
    filled: dict[int, int] = field(default_factory=dict)
    before: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    after: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def report(self, kind: str, cell: str, text: str) -> None:
        self.repairs.append(Repair(kind, cell, text))

    def report_notebook(self, source: NotebookNode, submitted: NotebookNode) -> None:
        metadata = submitted.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        notes = metadata.get(NOTES)
        for note in notes if isinstance(notes, list) else []:
            if isinstance(note, str) and note in _NOTES:
                self.report("file", "", _NOTES[note])
        spec = metadata.get("kernelspec")
        ours = source.metadata.get("kernelspec")
        if spec is None or not ours:
            return
        name = spec.get("name") if isinstance(spec, dict) else None
        if name != ours.get("name"):
            asked = ascii(plain_text(name)[:40])
            self.report(
                "kernel", "", f"The notebook asked for the kernel {asked}; the assignment's was used."
            )

    def find_owners(self) -> None:
        """Say of each cell of the student's which place it came from."""
        by_name = {place.name: i for i, place in enumerate(self.places) if place.kind != "plain"}
        by_id = {cell_id: i for i, place in enumerate(self.places) for cell_id in sorted(place.ids)}
        self.owner = [by_name.get(cell.grade_id) if cell.grade_id else None for cell in self.cells]
        taken = {place for place in self.owner if place is not None}
        for i, cell in enumerate(self.cells):
            place = by_id.get(cell.id) if cell.id else None
            if place is None or place in taken:
                continue
            now = self.owner[i]
            # An answer whose grade_id was changed into that of a test is still the answer.
            renamed = (
                now is not None
                and self.places[now].kind == "fixed"
                and self.places[place].kind == "owned"
                and not self.places[now].says(cell)
            )
            if now is None or renamed:
                self.owner[i] = place
                taken.add(place)
        self._match(taken, _texts, lambda cell: (cell.type, same_text(cell.text)))
        self._match(taken, _first_lines, lambda cell: (cell.type, _first_line(cell.text)))
        if self.cells and not taken:
            self.report("foreign", "", "The notebook holds no cell of this assignment. Is it the right one?")

    def _match(
        self,
        taken: set[int],
        of_place: Callable[[Place], Iterable[tuple[str, str]]],
        of_cell: Callable[[Own], Hashable],
    ) -> None:
        """Give cells without an owner to places without a cell, first come first served."""
        free: dict[Hashable, deque[int]] = defaultdict(deque)
        for i, place in enumerate(self.places):
            if i not in taken:
                for key in dict.fromkeys(of_place(place)):
                    if key[1]:
                        free[key].append(i)
        for j, cell in enumerate(self.cells):
            if self.owner[j] is None:
                queue = free.get(of_cell(cell), deque())
                while queue and queue[0] in taken:
                    queue.popleft()
                if queue:
                    taken.add(queue[0])
                    self.owner[j] = queue.popleft()

    def settle(self) -> None:
        """Choose the cell that fills each place; say what was wrong with it."""
        groups: dict[int, list[int]] = defaultdict(list)
        for j, owner in enumerate(self.owner):
            if owner is not None:
                groups[owner].append(j)
        for i, place in enumerate(self.places):
            mine = groups.get(i, [])
            if not mine:
                continue
            if place.kind == "fixed":
                chosen = self._settle_fixed(i, place, mine)
            elif place.kind == "owned":
                chosen = self._settle_owned(i, place, mine)
            else:
                chosen = mine[0]
            self.filled[i] = chosen
            if place.kind != "plain":
                self._report_copy(place, self.cells[chosen])

    def _settle_fixed(self, i: int, place: Place, mine: list[int]) -> int:
        exact = [j for j in mine if place.says(self.cells[j])]
        if exact:
            right = [j for j in exact if self.cells[j].type == place.cell.cell_type]
            chosen = (right or exact)[0]
        else:
            original = [j for j in mine if self.cells[j].id in place.ids]
            chosen = (original or mine)[-1]
            self.report("edited", place.name, f"{place.title} differs from the assignment's, which was used.")
            if place.cell.metadata["nbgrader"].get("task"):
                self.after[i].append(
                    chosen
                )  # an answer written into the task itself is still there to be read
        for j in mine:
            if j != chosen and j not in exact:
                self.owner[j] = None  # a copy that the student made something else of is a cell of their own
        if len(mine) > 1:
            self.report(
                "duplicated", place.name, f"{place.title} was there {len(mine)} times; it counts once."
            )
        return chosen

    def _settle_owned(self, i: int, place: Place, mine: list[int]) -> int:
        stub = same_text(place.stub)
        worked = [j for j in mine if same_text(self.cells[j].text) != stub]
        chosen = (worked or mine)[-1]
        if len(mine) > 1:
            said = {same_text(self.cells[chosen].text)}
            for j in worked[:-1]:
                text = same_text(self.cells[j].text)
                if text not in said:
                    said.add(text)
                    self.before[i].append(j)
            then = "; the others run before it" if self.before[i] else ""
            text = f"{place.title} was there {len(mine)} times; the last one that was worked on counts{then}."
            self.report("duplicated", place.name, text)
        return chosen

    def _report_copy(self, place: Place, cell: Own) -> None:
        name, title, ours = place.name, place.title, place.cell.cell_type
        if cell.grade_id != name:
            self.report("renamed", name, f"{title} had lost its name; it was found by its id or its text.")
        if cell.type != ours:
            self.report("retyped", name, f"{title} was no longer a {ours} cell; it is one again.")
        if flags_differ(place, cell):
            text = f"{title} was marked otherwise than in the assignment; the assignment's role and points count."
            self.report("retagged", name, text)

    def report_cells(self) -> None:
        """Report what was left out of single cells, and their order."""
        names = {place.name for place in self.places if place.kind != "plain"}
        for j, cell in enumerate(self.cells):
            owner = self.owner[j]
            name = "" if owner is None or self.places[owner].kind == "plain" else self.places[owner].name
            where = f"Cell {j + 1} of the notebook"
            if cell.tags:
                self.report("tags", name, f"{where} had tags that do not count: {', '.join(cell.tags)}.")
            if "attachment" in cell.faults:
                self.report(
                    "attachment", name, f"{where} had attachments other than pictures; they were left out."
                )
            if "text" in cell.faults:
                self.report(
                    "malformed", name, f"{where} had text of a wrong form; what could be read was kept."
                )
            if "type" in cell.faults and not name:
                self.report("type", "", f"{where} was of no known type; it was kept as text and is not run.")
            if owner is None and cell.grade_id and cell.grade_id not in names:
                claimed = ascii(cell.grade_id[:40])
                text = (
                    f"{where} calls itself {claimed}, which the assignment does not have; it earns nothing."
                )
                self.report("unknown", "", text)
        last = -1
        late: list[Place] = []
        for i, _ in sorted(self.filled.items(), key=lambda item: item[1]):
            if i < last and (self.places[i].kind != "plain" or self.places[i].cell.cell_type == "code"):
                late.append(self.places[i])
            last = max(last, i)
        if late:
            text = "The assignment's cells stood in another order; they were put back into its order."
            self.report("reordered", late[0].name if late[0].kind != "plain" else "", text)

    def assemble(self, *, python: bool) -> list[tuple[str, dict[str, Any]]]:
        """Return the cells of the new notebook, each with a label that is its own."""
        behind: dict[int, list[int]] = defaultdict(list)
        anchor = -1
        for j, owner in enumerate(self.owner):
            if owner is None:
                behind[anchor].append(j)
            else:
                anchor = owner
        code = [
            cell.text
            for cell, owner in zip(self.cells, self.owner, strict=True)
            if cell.type == "code" and (owner is None or self.places[owner].kind != "fixed")
        ]
        out: list[tuple[str, dict[str, Any]]] = []
        waiting = behind[-1]

        def own(cells: Iterable[int]) -> None:
            out.extend((f"own {j}", students(self.cells[j])) for j in cells)

        for i, place in enumerate(self.places):
            chosen = self.filled.get(i)
            # What the student added stays behind what was there, but a stub or set-up that they deleted goes
            # before it: it must not undo what they wrote instead.
            if chosen is not None or place.test:
                own(waiting)
                waiting = behind[i]
            if chosen is None:
                out += self._put_back(place, code if python else [])
                continue
            own(self.before[i])
            out.append(assigned(place, self.cells[chosen]))
            own(self.after[i])
        own(waiting)
        return out

    def _put_back(self, place: Place, code: list[str]) -> list[tuple[str, dict[str, Any]]]:
        if place.kind == "plain" and place.cell.cell_type != "code":
            return []
        label, cell = assigned(place)
        if place.kind == "owned" and cell["cell_type"] == "code" and binds(place.stub, code):
            cell["source"] = _PUT_BACK
            text = f"{place.title} was missing; another cell of the notebook defines its names."
        elif place.kind == "owned":
            text = f"{place.title} was missing; it was put back as it was handed out."
        else:
            text = f"{place.title} was missing; it was put back."
        self.report("missing", "" if place.kind == "plain" else place.name, text)
        return [(label, cell)]


def _texts(place: Place) -> list[tuple[str, str]]:
    return [(place.cell.cell_type, same_text(text)) for text in (place.stub, place.cell.source)]


def _first_lines(place: Place) -> list[tuple[str, str]]:
    """Set-up cells that the student edited, in a notebook without cell ids, are known by their first line."""
    if place.kind != "plain" or place.cell.cell_type != "code":
        return []
    return [("code", _first_line(place.cell.source))]


def _first_line(text: str) -> str:
    return same_text(text).partition("\n")[0]


def _language(source: NotebookNode) -> str:
    return str(source.metadata.get("kernelspec", {}).get("language", "python"))


def _with_ids(cells: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Give each cell an id that depends on nothing but its label."""
    return [{"id": _id(label), **cell} for label, cell in cells]


def _id(label: str) -> str:
    return hashlib.sha256(label.encode()).hexdigest()[:16]
