"""What the checker runs, and whose names count: read once from an assignment's source, without running it.

Stock nbgrader runs all cells in one namespace, one after the other. Here the student's cells run in one process and
the instructor's in another. For an honest student both must come to the same; a student who binds `np` anew or
edits a set-up cell must change nothing in the checker. So a name belongs to whoever bound it last *in the
source*, before the cell in question:

- a solution cell: the name is the student's;
- a set-up or test cell: it is the checker's own, recomputed there. If a solution cell of the source changes the
  object in place (`results["a"] = 1`), the name is the student's from there on; never one that was imported;
- no cell at all: it is the student's if they have it. Not if the checker came by it itself (`from numpy import *`).

Builtins and IPython's own names are the checker's, unless a solution cell of the source binds them.

Cells in another language (`%%bash`, `%%html`) are no steps of the checker, unless they are graded. `%%writefile` is
one: what it writes is the instructor's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from nbformat import NotebookNode

from autograder.engine import _magics
from autograder.engine._bindings import Reading, read
from autograder.engine._cells import Place, places
from autograder.engine._changes import changed_arguments
from autograder.engine._classes import operators
from autograder.engine._harmless import harmless, quiet
from autograder.engine._idle import leaves_nothing, only_shows
from autograder.engine._names import STAR
from autograder.engine.rebuild import cell_id
from autograder.engine.steps import BUILTINS, SHELLS, Plan, Step

__all__ = ["Plan", "Step", "harmless", "plan"]

#: Goes into the digest: raise it when the reading changes.
_VERSION = 1
_HIDDEN = "BEGIN HIDDEN TESTS"
_TORCH = frozenset(
    {"torch", "torchvision", "torchaudio", "torchio", "torchmetrics", "monai", "lightning", "timm"}
)


def plan(source: NotebookNode) -> Plan:
    """Read what is to be run in the checker from an assignment's source.

    Raises
    ------
    RebuildError
        The source's own nbgrader metadata is broken.
    """
    cells = [place for place in places(source, None) if place.cell.cell_type == "code"]
    readings = [read(place.cell.source) for place in cells]
    owners = _Owners(readings)
    steps: list[Step] = []
    seen: list[tuple[Reading, frozenset[str], frozenset[str], set[str]]] = []
    prefix, ended, answered = 0, False, False
    for number, (place, reading) in enumerate(zip(cells, readings, strict=True), start=1):
        if place.kind == "owned":
            owners.solution(reading)
            answered = True
            continue
        if not place.test and _magics.is_foreign(place.cell.source):
            continue
        step = _step(len(steps), place, number, reading, owners)
        effects = {
            name for known in (owners.changers, owners.effects) for name, what in known.items() if what
        }
        seen.append((reading, frozenset(owners.answers), frozenset(owners.own), effects))
        owners.step(step.index, reading, step.takes, runs_there=not place.test)
        steps.append(step)
        ended = ended or not _same_for_all(step, reading, answered=answered)
        prefix += not ended
    later: set[str] = set()
    for step, (reading, answers, own, effects) in zip(reversed(steps), reversed(seen), strict=True):
        if (
            step.kind == "setup"
            and step.index >= prefix
            and leaves_nothing(reading, answers, own, effects, later)
        ):
            steps[step.index] = replace(step, idle=True)
        later |= step.words
    modules = [name.partition(".")[0] for reading in readings for name in reading.modules]
    imports = tuple(name for name in dict.fromkeys(modules) if name != "__future__")
    solutions = [r.tree for place, r in zip(cells, readings, strict=True) if place.kind == "owned"]
    return Plan(
        digest=_digest(cells),
        steps=tuple(steps),
        operators=operators(solutions),
        imports=imports,
        prefix=prefix,
        torch=bool(_TORCH.intersection(imports)),
        shared=changed_arguments(solutions),
        live=_changed_by_calls(cells, readings),
    )


def _changed_by_calls(cells: Sequence[Place], readings: Sequence[Reading]) -> frozenset[str]:
    """Return the global names that functions of the solutions bind, or whose objects they change."""
    effects = [r.effects for place, r in zip(cells, readings, strict=True) if place.kind == "owned"]
    return frozenset(name for known in effects for names in known.values() for name in names)


class _Owners:
    """Who bound each name last, as the cells go by."""

    def __init__(self, readings: list[Reading]) -> None:
        self.answers: set[str] = set()
        self.own: dict[str, int] = {}
        self.imported: set[str] = set()
        self.unsure: set[str] = set()
        self.links: dict[str, frozenset[str]] = {}
        self.echoes: dict[str, frozenset[str]] = {}
        self.effects: dict[str, frozenset[str]] = {}
        self.aliases: dict[str, set[str]] = {}
        #: What functions change of their arguments, wherever they are defined.
        self.changers: dict[str, frozenset[int | str]] = {}
        for reading in readings:
            for name, changed in reading.changers.items():
                self.changers[name] = self.changers.get(name, frozenset()) | changed
        #: Names that solutions read or bind.
        self.watched: set[str] = set()

    def solution(self, reading: Reading) -> None:
        self.watched |= reading.reads | reading.binds
        self._share(reading)
        for name in reading.binds - {STAR}:
            self.answers.add(name)
            self.own.pop(name, None)
            self.imported.discard(name)
            self.unsure.discard(name)
        self._link(reading)
        called, _ = self._follow(reading.reads, self.links)
        self._give(self._changed(reading) | self._effects(called))

    def step(self, index: int, reading: Reading, takes: frozenset[str], *, runs_there: bool) -> None:
        """Note a step, and what it takes of the student's. `runs_there`: their process runs the cell too."""
        called, _ = self.reached(reading.uses)
        self._share(reading)
        self.unsure -= reading.binds - reading.perhaps
        if runs_there:
            self.unsure |= reading.perhaps & self.answers
            self.unsure |= reading.binds - reading.imported if takes else frozenset()
        for name in reading.binds - {STAR}:
            self.own[name] = index
            self.answers.discard(name)
            self.imported.discard(name)
        self.imported |= reading.imported
        self._link(reading)
        if not runs_there:
            for name in reading.binds - reading.imported:
                self.unsure |= {name} if takes & self._follow([name], self.links)[0] else frozenset()
        if runs_there:
            changed = self._changed(reading)
            changed = changed if changed & self.answers else set()
            self._give((changed | self._effects(called & self.answers)) - reading.binds)

    def _give(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self.own and name not in self.imported:
                del self.own[name]
                self.answers.add(name)
                self.unsure.discard(name)

    def _effects(self, called: Iterable[str]) -> set[str]:
        return {name for function in called for name in self.effects.get(function, ())}

    def _link(self, reading: Reading) -> None:
        """Note what names lead to: by the names of now, which later cells may give to other things."""
        for links, new in ((self.links, reading.links), (self.echoes, reading.echoes)):
            added = {}
            for name in new:
                within, _ = self._follow([name], reading.links)
                more = [links.get(other, frozenset[str]()) for other in within if other not in reading.binds]
                more += [new.get(other, frozenset[str]()) for other in within]
                kept = frozenset[str]() if name in reading.binds else links.get(name, frozenset[str]())
                added[name] = kept.union(*more)
            links.update(added)
        for name in reading.binds:
            self.effects.pop(name, None)
        self.effects.update(reading.effects)

    def reached(self, names: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return what names of the checker's lead to: names, and words in the strings on the way."""
        return self._follow(names, {name: self.links[name] for name in self.own if name in self.links})

    def _follow(self, names: Iterable[str], links: Mapping[str, frozenset[str]]) -> tuple[set[str], set[str]]:
        todo, found, words = list(names), set[str](), set[str]()
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                if name in links:
                    todo += links[name]
                    words |= self.echoes.get(name, frozenset())
        return found, words

    def _share(self, reading: Reading) -> None:
        for name in reading.binds:
            self.aliases.pop(name, None)
        for name, others in reading.aliases.items():
            for other in others:
                self.aliases.setdefault(name, set()).add(other)
                self.aliases.setdefault(other, set()).add(name)

    def _changed(self, reading: Reading) -> set[str]:
        """Return the names whose objects a solution cell changes, itself or by the functions it calls."""
        todo = list(reading.mutates)
        for name, given in reading.calls:
            changed = self.changers.get(name, frozenset())
            todo += [root for place, roots in given if place in changed for root in roots]
        found: set[str] = set()
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                if name not in self.imported:
                    todo += self.aliases.get(name, ())
        return found


def _step(index: int, place: Place, number: int, reading: Reading, owners: _Owners) -> Step:
    kind: Literal["test", "setup"] = "test" if place.test else "setup"
    reached, echoes = owners.reached(reading.uses)
    needed, _ = owners.reached(reading.needs)
    words = reading.words | reached | echoes
    if reading.parsed:
        # A name that it binds itself, perhaps, and that no cell bound before is its own.
        takes = {name for name in reached if name in owners.answers}
        takes |= {name for name in needed if _free(name, owners)}
        said = frozenset() if quiet(reading.tree) else reading.said
        named = {name for name in said | echoes if name in owners.answers}
        spoken = {name for name in reading.strings if _free(name, owners)} if place.test else set()
    else:
        takes = {name for name in words if name in owners.answers or _free(name, owners)}
        named, spoken = set(), set()
    return Step(
        index=index,
        kind=kind,
        name=str(place.cell.metadata.get("nbgrader", {}).get("grade_id") or ""),
        cell_id=cell_id(place.kind, place.name),
        source=place.cell.source,
        number=number,
        binds=reading.binds,
        takes=frozenset(takes),
        words=frozenset(words),
        asks=bool(takes or named or spoken or reading.reflects or reached & owners.unsure),
        hidden=_HIDDEN in place.cell.source,
        answers=frozenset(owners.answers),
        own=dict(owners.own),
        imported=frozenset(owners.imported),
        unsure=frozenset(owners.unsure),
        patches=frozenset(reading.touched & owners.watched - {STAR}),
        whole=reading.reflects,
        idle=kind == "setup" and reading.parsed and only_shows(reading, owners.answers, owners.own),
    )


def _free(name: str, owners: _Owners) -> bool:
    """Whether no cell has bound a name so far, and the checker does not have it anyway."""
    return not (name in owners.answers or name in owners.own or name in BUILTINS or name in SHELLS)


def _same_for_all(step: Step, reading: Reading, *, answered: bool) -> bool:
    """Whether a step can run once for the whole class, before any student's cell has run.

    Behind the first solution, a file that the step reads may be one that a solution writes: there only cells that
    bind names, and do nothing else, are run ahead.
    """
    if step.kind == "test" or step.asks or _magics.cell_magic(step.source):
        return False
    return not answered or quiet(reading.tree)


def _digest(cells: list[Place]) -> str:
    what = [[_VERSION], *([place.kind, place.name, place.test, place.cell.source] for place in cells)]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()
