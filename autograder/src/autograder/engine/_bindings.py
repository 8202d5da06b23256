"""What a cell of code does with names, read from its text: which it binds, reads, changes and leads to.

Nothing is run. Only the instructor's cells are read so, and those run without error in their order: so it is
enough to be right for code that works, and to be generous where the text does not tell.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from autograder.engine._magics import parsed
from autograder.engine._names import WORD, Call, Names


@dataclass(frozen=True)
class Reading:
    """What the text of one cell says.

    Attributes
    ----------
    parsed : bool
        False: the cell is no Python that can be read; only `words` is known.
    binds, imported, touched : frozenset of str
        Names it binds or deletes at the top level; those among them that are bound by imports; and all of these,
        together with those that it puts back as they were.
    perhaps : frozenset of str
        Those that it may not bind after all: in a loop, or one branch.
    mutates : frozenset of str
        Names whose objects it changes in place.
    uses, needs : frozenset of str
        Names read while it runs, which it has not surely bound before; those that it has not bound at all.
    links, echoes : mapping
        For a name that it binds, the names and the words in strings that lead on from there: the globals of a
        function, what an expression was made of.
    effects : mapping
        For a function that it defines, the global names that it binds or whose objects it changes when it is called.
    calls : tuple
        Calls of plain names: the name, the names given by position, and by keyword.
    changers : mapping
        Functions that it defines, with the arguments that they change: places, and keywords.
    aliases : mapping
        Names that may share their object with other names.
    reads : frozenset of str
        All global names read, in functions too.
    strings, said, words : frozenset of str
        Strings that are names; words in strings; every word.
    modules : tuple of str
        The modules that it imports, anywhere.
    reflects : bool
        It reads the namespace itself: any name may be looked up.
    tree : ast.Module
        The parsed text; empty where there is none.
    """

    parsed: bool
    words: frozenset[str]
    binds: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    echoes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    effects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    changers: Mapping[str, frozenset[int | str]] = field(default_factory=dict)
    aliases: Mapping[str, frozenset[str]] = field(default_factory=dict)
    strings: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()
    modules: tuple[str, ...] = ()
    reflects: bool = False
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))


def read(source: str) -> Reading:
    """Read a cell of code, with IPython's syntax in it or without."""
    words = frozenset(WORD.findall(source))
    tree = parsed(source)
    if tree is None:
        return Reading(parsed=False, words=words, reflects=True)
    cell = _Cell()
    try:
        cell.block(tree.body)
    except RecursionError:
        return Reading(parsed=False, words=words, reflects=True)
    return Reading(
        parsed=True,
        words=words | cell.words,
        binds=frozenset(cell.binds),
        imported=frozenset(cell.imported & cell.binds),
        touched=frozenset(cell.touched),
        perhaps=frozenset(cell.binds - cell.sure),
        mutates=frozenset(cell.mutates),
        uses=frozenset(cell.uses),
        needs=frozenset(cell.needs),
        reads=frozenset(cell.reads),
        links={name: frozenset(names) for name, names in cell.links.items()},
        echoes={name: frozenset(words) for name, words in cell.echoes.items()},
        effects={name: frozenset(names) for name, names in cell.effects.items()},
        calls=tuple(cell.calls),
        changers={name: frozenset(places) for name, places in cell.changers.items()},
        aliases={name: frozenset(names) for name, names in cell.top.aliases.items()},
        strings=frozenset(cell.strings),
        said=frozenset(cell.all_said),
        modules=tuple(dict.fromkeys(cell.modules)),
        reflects=cell.reflects,
        tree=tree,
    )


class _Cell(Names):
    """Walks a cell statement by statement, since at the top level order counts."""

    def __init__(self) -> None:
        super().__init__()
        self.sure: set[str] = set()
        self.maybe: set[str] = set()
        self.binds: set[str] = set()
        self.touched: set[str] = set()
        self.saved: dict[str, str] = {}
        self.uses: set[str] = set()
        self.needs: set[str] = set()
        self.links: dict[str, set[str]] = {}
        self.echoes: dict[str, set[str]] = {}
        self.effects: dict[str, set[str]] = {}

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.If():
                self.head(node.test)
                self.branches([node.body, node.orelse])
            case ast.For() | ast.AsyncFor():
                with self.one():
                    self.visit(node.iter)
                    self.share(node.target, self.roots(node.iter, through_calls=True))
                    before = set(self.sure)
                    self.visit(node.target)
                self.block(node.body)
                self.sure = before
                self.perhaps(node.orelse)
            case ast.While():
                self.head(node.test)
                self.perhaps(node.body)
                self.perhaps(node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    with self.one():
                        self.visit(item.context_expr)
                        if item.optional_vars is not None:
                            self.share(item.optional_vars, self.roots(item.context_expr))
                            self.visit(item.optional_vars)
                self.perhaps(node.body)  # what manages the context may swallow an error
            case ast.Try() | ast.TryStar():
                self.attempt(node)
            case ast.Match():
                self.head(node.subject)
                before = set(self.sure)
                for case in node.cases:
                    with self.one():
                        self.share_pattern(case.pattern, self.roots(node.subject))
                        self.visit(case.pattern)
                        if case.guard is not None:
                            self.visit(case.guard)
                    self.block(case.body)
                    self.sure = set(before)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                with self.one(now=bool(node.decorator_list)):
                    self.visit(node)
            case ast.ClassDef():
                with self.one(now=bool(node.decorator_list or node.bases or node.keywords)):
                    self.visit(node)
            case ast.Assign(value=ast.Lambda()):
                with self.one(now=False):
                    self.visit(node)
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Name(id=value)):
                self.copy(node, target, value)
            case _:
                with self.one():
                    self.visit(node)

    def copy(self, node: ast.Assign, target: str, value: str) -> None:
        """`saved = f` keeps what f was; `f = saved` at the end puts it back, and binds nothing new."""
        keeps = value not in self.touched
        with self.one():
            self.visit(node)
        if self.saved.get(value) == target:
            self.binds.discard(target)
        if keeps:
            self.saved[target] = value
        else:
            self.saved.pop(target, None)

    def head(self, node: ast.expr) -> None:
        with self.one():
            self.visit(node)

    def perhaps(self, body: Iterable[ast.stmt]) -> None:
        before = set(self.sure)
        self.block(body)
        self.sure = before

    def branches(self, bodies: list[list[ast.stmt]]) -> None:
        before = set(self.sure)
        ends = []
        for body in bodies:
            self.sure = set(before)
            self.block(body)
            if not (body and isinstance(body[-1], ast.Raise | ast.Break | ast.Continue)):
                ends.append(self.sure)
        self.sure = set.intersection(*ends) if ends else before

    def attempt(self, node: ast.Try | ast.TryStar) -> None:
        before = set(self.sure)
        self.block([*node.body, *node.orelse])
        ends = [self.sure]
        for handler in node.handlers:
            self.sure = set(before)
            with self.one():
                if handler.type is not None:
                    self.visit(handler.type)
                if handler.name:
                    self.bind(handler.name)
            self.block(handler.body)
            if not (handler.body and isinstance(handler.body[-1], ast.Raise)):
                ends.append(self.sure - {handler.name or ""})
        self.sure = set.intersection(*ends)
        self.block(node.finalbody)

    @contextmanager
    def one(self, *, now: bool = True) -> Iterator[None]:
        """One statement: what it binds leads to what it reads. `now`: functions in it may be called at once."""
        self.seen, self.said, self.late, self.fresh, self.effect = set(), set(), set(), set(), set()
        yield
        if now:
            for name in self.late:
                self.use(name)
        for name in self.fresh:
            self.links.setdefault(name, set()).update(self.seen - {name})
            self.echoes.setdefault(name, set()).update(self.said)
            if self.effect:
                self.effects.setdefault(name, set()).update(self.effect)

    def use(self, name: str) -> None:
        """Note that a name is read now, and all that it leads to within the cell."""
        todo, done = [name], set()
        while todo:
            name = todo.pop()
            if name in done:
                continue
            done.add(name)
            if name not in self.sure:
                self.uses.add(name)
                if name not in self.maybe:
                    self.needs.add(name)
            todo += self.links.get(name, ())

    def bind(self, name: str) -> None:
        """Bind a name in the scope where the walk is."""
        scope = self.inner[-1] if self.inner else None
        if scope is not None and name not in scope.globals:
            scope.names.add(name)
            return
        self.binds.add(name)
        self.touched.add(name)
        self.maybe.add(name)
        self.saved.pop(name, None)
        if self.depth:
            self.effect.add(name)
            return
        self.fresh.add(name)
        if not self.depth and scope is None:
            if name not in self.sure:
                self.sure.add(name)
            self.links.pop(name, None)
            self.echoes.pop(name, None)

    def unbind(self, name: str) -> None:
        self.sure.discard(name)
        self.maybe.discard(name)
