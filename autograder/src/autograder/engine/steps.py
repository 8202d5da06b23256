"""The steps of a plan: what the checker runs, and which of the student's names each cell sees.

Apart from the reading (`autograder.engine.plan`), so that the checker's process need not import what reads notebooks.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

BUILTINS = frozenset(dir(builtins))
#: Names of the shell itself, which no notebook gives away.
SHELLS = frozenset(
    """In Out exit quit get_ipython display _ __ ___ _i _ii _iii _ih _oh _dh __name__ __builtin__ __builtins__ __doc__
    __file__ __loader__ __package__ __spec__ __annotations__ __debug__ __build_class__ __import__""".split()
)


@dataclass(frozen=True)
class Step:
    """One code cell of the source that the checker runs.

    Attributes
    ----------
    index : int
        Its place in the plan, from 0.
    kind : {"test", "setup"}
        Graded, or any other code cell that is no solution.
    name : str
        Its `grade_id`, or "".
    cell_id : str
        The id of the cell at this place in every rebuilt notebook.
    source : str
        The text of the cell.
    number : int
        Its execution count: the place among the source's code cells, from 1.
    binds : frozenset of str
        Names that it binds at the top level or deletes; "*" stands for names that only running it tells.
    takes : frozenset of str
        Names that it reads, or that functions read which it may call, and that are the student's if they have them.
    words : frozenset of str
        Every word of its text, and of the functions that it may call: names may be looked up as strings.
    asks : bool
        Whether it needs a snapshot of the student's process at all. After a set-up step failed every step does.
    hidden : bool
        Whether it holds a hidden-tests region.
    answers : frozenset of str
        The student's names for sure, of all there are: a solution cell was the last to bind them.
    own : mapping
        The checker's own names: for each the index of the step that bound it last.
    imported : frozenset of str
        Those of its own names that an import bound.
    unsure : frozenset of str
        Those of its own names that it may have to do without: bound by a cell that needs the student's names, so that
        it may fail or come to objects of the student's; or the student's before, and bound anew only perhaps. If the
        checker does not have such a name, it is the student's.
    patches : frozenset of str
        Names that it binds or deletes, if only for a while, and that solutions read or bind: a test that takes away
        a function to see whether another one calls it means the student's own functions to notice.
    whole : bool
        It looks into the namespace itself (`globals()`), or cannot be read: any name may matter.
    idle : bool
        A set-up cell that only shows what the student's functions return: nothing is lost if it is not run at all.
    """

    index: int
    kind: Literal["test", "setup"]
    name: str
    cell_id: str
    source: str
    number: int
    binds: frozenset[str]
    takes: frozenset[str]
    words: frozenset[str]
    asks: bool
    hidden: bool
    answers: frozenset[str] = frozenset()
    own: Mapping[str, int] = field(default_factory=dict)
    imported: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    patches: frozenset[str] = frozenset()
    whole: bool = False
    idle: bool = False

    def students(
        self, theirs: Iterable[str], ours: Collection[str] = (), failed: Collection[int] = ()
    ) -> frozenset[str]:
        """Say which of the student's names this cell sees.

        Before the step the checker must drop its own values of the names in `answers`: they are out of date.

        Parameters
        ----------
        theirs
            The names that the student's process has now.
        ours
            The names that the checker's steps have bound so far, without those that it holds for the student.
        failed
            The set-up steps that could not run in the checker: what they bind falls back to the student.
        """
        seen = set()
        for name in theirs:
            if not (self.whole or name in self.words or name in self.takes):
                continue
            if name in self.answers:
                seen.add(name)
            elif name in self.own:
                kept = name in ours and name in self.imported
                lost = self.own[name] in failed and not kept
                if lost or (name in self.unsure and name not in ours):
                    seen.add(name)
            elif name not in ours and name not in BUILTINS and name not in SHELLS:
                seen.add(name)
        return frozenset(seen)


@dataclass(frozen=True)
class Plan:
    """What the checker does for every submission of an assignment.

    Attributes
    ----------
    digest : str
        The same for sources that are the same in all that matters here.
    steps : tuple of Step
        In the order of the source.
    operators : mapping
        Classes that the solutions define, each with its special methods.
    imports : tuple of str
        Top-level modules that any cell imports.
    prefix : int
        So many first steps come to the same for every student.
    torch : bool
        Whether PyTorch is needed.
    shared : mapping
        Functions, methods and classes of the solutions that change an argument in place: places, and keywords.
    live : frozenset of str
        Global names that functions of the solutions bind, or whose objects they change, when they are called.
    """

    digest: str
    steps: tuple[Step, ...]
    operators: Mapping[str, frozenset[str]]
    imports: tuple[str, ...]
    prefix: int
    torch: bool
    shared: Mapping[str, frozenset[int | str]] = field(default_factory=dict)
    live: frozenset[str] = frozenset()
