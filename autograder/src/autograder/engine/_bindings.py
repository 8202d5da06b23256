"""What a cell of code does with names, read from its text: which it binds, reads, changes and leads to.

Nothing is run. Only the instructor's cells are read so, and those run without error in their order: so it is
enough to be right for code that works, and to be generous where the text does not tell.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from autograder.engine._magics import parsed

#: Bound by something whose names only running it tells: `from x import *`, `%pylab`, `%run`.
STAR = "*"
_WORD = re.compile(r"[^\W\d]\w*")
_REFLECTS = frozenset({"globals", "locals", "vars", "dir", "eval", "exec"})
_SPACES = frozenset({"user_ns", "user_global_ns", "user_module", "f_globals", "f_locals"})
#: Methods that change their object even where their result is used.
_CHANGERS = frozenset(
    """add add_ append appendleft clear discard extend extendleft fill fit insert itemset load_state_dict move_to_end
    partial_fit partition pop popitem popleft put remove resize reverse rotate setdefault setfield setflags
    sort step update write writelines""".split()
)
#: Functions that change their first argument.
_CHANGE_FIRST = frozenset(
    """at copyto delattr delitem fill_diagonal heapify heappop heappush heappushpop heapreplace insort insort_left
    insort_right next place put put_along_axis putmask setattr setitem shuffle""".split()
)


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
    mutates : frozenset of str
        Names whose objects it changes in place.
    uses, needs : frozenset of str
        Names read while it runs, which it has not surely bound before; those that it has not bound at all.
    links, echoes : mapping
        For a name that it binds, the names and the words in strings that lead on from there: the globals of a
        function, what an expression was made of.
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
    mutates: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    echoes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    changers: Mapping[str, frozenset[int | str]] = field(default_factory=dict)
    aliases: Mapping[str, frozenset[str]] = field(default_factory=dict)
    strings: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()
    modules: tuple[str, ...] = ()
    reflects: bool = False
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))


#: A call: the function's name, and for each argument its place or keyword and the names it may share objects with.
Call = tuple[str, tuple[tuple[int | str, frozenset[str]], ...]]


def read(source: str) -> Reading:
    """Read a cell of code, with IPython's syntax in it or without."""
    words = frozenset(_WORD.findall(source))
    tree = parsed(source)
    if tree is None:
        return Reading(parsed=False, words=words, reflects=True)
    cell = _Cell()
    cell.block(tree.body)
    return Reading(
        parsed=True,
        words=words | cell.words,
        binds=frozenset(cell.binds),
        imported=frozenset(cell.imported & cell.binds),
        touched=frozenset(cell.touched),
        mutates=frozenset(cell.mutates),
        uses=frozenset(cell.uses),
        needs=frozenset(cell.needs),
        reads=frozenset(cell.reads),
        links={name: frozenset(names) for name, names in cell.links.items()},
        echoes={name: frozenset(words) for name, words in cell.echoes.items()},
        calls=tuple(cell.calls),
        changers={name: frozenset(places) for name, places in cell.changers.items()},
        aliases={name: frozenset(names) for name, names in cell.top.aliases.items()},
        strings=frozenset(cell.strings),
        said=frozenset(cell.all_said),
        modules=tuple(dict.fromkeys(cell.modules)),
        reflects=cell.reflects,
        tree=tree,
    )


@dataclass
class _Scope:
    """Names of a function, a lambda, a comprehension or a class body; or of the cell itself."""

    names: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    is_class: bool = False
    aliases: dict[str, set[str]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


class _Cell(ast.NodeVisitor):
    """Walks a cell: statement by statement at the top level, where order counts; as a whole inside functions."""

    def __init__(self) -> None:
        self.top = _Scope()
        self.inner: list[_Scope] = []
        self.depth = 0  # of functions, whose bodies run later
        self.sure: set[str] = set()
        self.maybe: set[str] = set()
        self.binds: set[str] = set()
        self.imported: set[str] = set()
        self.touched: set[str] = set()
        self.saved: dict[str, str] = {}
        self.mutates: set[str] = set()
        self.uses: set[str] = set()
        self.needs: set[str] = set()
        self.reads: set[str] = set()
        self.links: dict[str, set[str]] = {}
        self.echoes: dict[str, set[str]] = {}
        self.calls: list[Call] = []
        self.changers: dict[str, set[int | str]] = {}
        self.strings: set[str] = set()
        self.all_said: set[str] = set()
        self.words: set[str] = set()
        self.modules: list[str] = []
        self.reflects = False
        # Of the statement that is being read:
        self.seen: set[str] = set()
        self.said: set[str] = set()
        self.late: set[str] = set()
        self.fresh: set[str] = set()

    # ---- the top level, in order

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
        self.seen, self.said, self.late, self.fresh = set(), set(), set(), set()
        yield
        if now:
            for name in self.late:
                self.use(name)
        for name in self.fresh:
            self.links.setdefault(name, set()).update(self.seen - {name})
            self.echoes.setdefault(name, set()).update(self.said)

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
        self.fresh.add(name)
        self.saved.pop(name, None)
        if not self.depth and scope is None:
            if name not in self.sure:
                self.sure.add(name)
            self.links.pop(name, None)
            self.echoes.pop(name, None)

    # ---- names

    def is_global(self, name: str) -> bool:
        for place, scope in enumerate(reversed(self.inner)):
            if name in scope.globals:
                return True
            if name in scope.names and not (scope.is_class and place):
                return False
        return True

    def visit_Name(self, node: ast.Name) -> None:
        self.words.add(node.id)
        if isinstance(node.ctx, ast.Load):
            self.load(node.id)
        else:
            self.bind(node.id)
            if isinstance(node.ctx, ast.Del) and not self.inner:
                self.sure.discard(node.id)
                self.maybe.discard(node.id)

    def load(self, name: str) -> None:
        if not self.is_global(name):
            return
        self.reads.add(name)
        self.seen.add(name)
        if self.depth:
            self.late.add(name)
        else:
            self.use(name)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            found = _WORD.findall(node.value)
            self.words.update(found)
            self.said.update(found)
            self.all_said.update(found)
            if node.value.strip().replace(".", "_").isidentifier():
                self.strings.add(node.value.strip().partition(".")[0])

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.words.add(node.attr)
        if node.attr in _SPACES:
            self.reflects = True
        if not isinstance(node.ctx, ast.Load):
            self.change(self.roots(node.value))
        self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.change(self.roots(node.value))
        self.visit(node.value)
        self.visit(node.slice)

    # ---- statements, at any depth

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        roots = self.roots(node.value)
        named = {target.id for target in node.targets if isinstance(target, ast.Name)}
        for target in node.targets:
            self.share(target, roots | (named if len(named) > 1 else set()))
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.share(node.target, self.roots(node.value))
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self.load(node.target.id)
            kept = set(self.scope().aliases.get(node.target.id, ()))
            self.change({node.target.id})
            self.visit(node.target)
            self.scope().aliases.setdefault(node.target.id, set()).update(kept)
        else:
            self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.share(node.target, self.roots(node.value))
        # In a comprehension it binds outside.
        inner = self.inner
        self.inner = [scope for scope in inner if not isinstance(scope, _Comprehension)]
        self.visit(node.target)
        self.inner = inner

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.share(node.target, self.roots(node.iter, through_calls=True))
        self.visit(node.target)
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    visit_AsyncFor = visit_For

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.modules.append(alias.name)
            self.bring(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            self.modules.append(node.module)
        for alias in node.names:
            self.bring(alias.asname or alias.name)

    def bring(self, name: str) -> None:
        self.words.add(name)
        self.bind(name)
        if self.is_global(name):
            self.imported.add(name)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.generic_visit(node)
        if node.name:
            self.bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self.bind(node.rest)

    def visit_Expr(self, node: ast.Expr) -> None:
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            self.change(self.roots(value.func.value))  # the result is dropped: the call is for its effect
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in _CHANGERS or _in_place(name):
                self.change(self.roots(node.func.value))
        if node.args and (name in _CHANGE_FIRST or _in_place(name)):
            self.change(self.roots(node.args[0]))
        for keyword in node.keywords:
            self.words.add(keyword.arg or "")
            if keyword.arg == "out":
                self.change(self.roots(keyword.value))
        if name in _REFLECTS and isinstance(node.func, ast.Name) and _whole(node):
            self.reflects = True
        if isinstance(node.func, ast.Name):
            given: list[tuple[int | str, frozenset[str]]] = [
                (place, frozenset(self.globals_of(self.roots(value))))
                for place, value in enumerate(node.args)
            ]
            given += [(k.arg or "", frozenset(self.globals_of(self.roots(k.value)))) for k in node.keywords]
            if any(names for _, names in given):
                self.calls.append((name, tuple(given)))
        self.generic_visit(node)

    # ---- scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *_defaults(node.args), *_annotations(node.args, node.returns)):
            self.visit(part)
        self.words.add(node.name)
        self.bind(node.name)
        places = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        changed = self.function(node, node.args, node.body)
        if not self.inner:
            self.changers[node.name] = {
                place for number, name in enumerate(places) if name in changed for place in (number, name)
            } | {arg.arg for arg in node.args.kwonlyargs if arg.arg in changed}

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in _defaults(node.args):
            self.visit(part)
        self.function(node, node.args, [node.body])

    def function(self, node: ast.AST, args: ast.arguments, body: Iterable[ast.AST]) -> set[str]:
        """Read the body of a function; return those of its names whose objects it changes."""
        body = list(body)
        scope = _Scope()
        scope.names.update(arg.arg for arg in ast.walk(args) if isinstance(arg, ast.arg))
        scope.names.update(_type_parameters(node))
        locals_of(body, scope.names, scope.globals)
        self.inner.append(scope)
        self.depth += 1
        for part in body:
            self.visit(part)
        self.depth -= 1
        self.inner.pop()
        return scope.changed

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(part)
        self.words.add(node.name)
        scope = _Scope(is_class=True, names=_type_parameters(node))
        self.inner.append(scope)
        for statement in node.body:
            self.visit(statement)
        self.inner.pop()
        self.bind(node.name)

    def comprehension(self, node: ast.AST, generators: list[ast.comprehension], *parts: ast.expr) -> None:
        self.visit(generators[0].iter)
        self.inner.append(_Comprehension())
        for place, generator in enumerate(generators):
            if place:
                self.visit(generator.iter)
            self.share(generator.target, self.roots(generator.iter, through_calls=True))
            self.visit(generator.target)
            for test in generator.ifs:
                self.visit(test)
        for part in parts:
            self.visit(part)
        self.inner.pop()

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self.comprehension(node, node.generators, node.elt)

    visit_SetComp = visit_GeneratorExp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self.comprehension(node, node.generators, node.key, node.value)

    # ---- objects that names share, and their changes

    def scope(self) -> _Scope:
        return self.inner[-1] if self.inner else self.top

    def roots(self, node: ast.expr, *, through_calls: bool = False) -> set[str]:
        """Return the names whose objects, or parts of them, an expression may be."""
        match node:
            case ast.Name():
                return {node.id}
            case ast.Attribute() | ast.Subscript() | ast.Starred() | ast.Await():
                return self.roots(node.value, through_calls=through_calls)
            case ast.NamedExpr():
                return self.roots(node.value) | {node.target.id}
            case ast.IfExp():
                return self.roots(node.body) | self.roots(node.orelse)
            case ast.BoolOp():
                return set().union(*(self.roots(value) for value in node.values))
            case ast.Tuple() | ast.List():
                return set().union(*(self.roots(value) for value in node.elts))
            case ast.Call(func=ast.Attribute()):
                # a method may return its object or a view of it: df.loc(...)[...], x.ravel()
                inner = set().union(*(self.roots(arg) for arg in node.args)) if through_calls else set()
                return self.roots(node.func, through_calls=through_calls) | inner
            case ast.Call() if through_calls:
                return set().union(*(self.roots(arg, through_calls=True) for arg in node.args))
        return set()

    def share(self, target: ast.expr, roots: set[str]) -> None:
        """Note that the names of a target may now share objects with other names."""
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.scope().aliases[node.id] = roots - {node.id}

    def share_pattern(self, pattern: ast.pattern, roots: set[str]) -> None:
        for node in ast.walk(pattern):
            if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
                self.scope().aliases[node.name] = set(roots)

    def change(self, names: set[str]) -> None:
        """Note that the objects of these names change."""
        todo, done = list(names), set()
        while todo:
            name = todo.pop()
            if name in done:
                continue
            done.add(name)
            for scope in (*self.inner, self.top):
                todo += scope.aliases.get(name, ())
            if self.is_global(name):
                self.mutates.add(name)
                self.fresh.add(name)
            else:
                for scope in self.inner:
                    scope.changed.add(name)

    def globals_of(self, names: set[str]) -> set[str]:
        return {name for name in names if self.is_global(name)}


class _Comprehension(_Scope):
    pass


def locals_of(body: Iterable[ast.AST], names: set[str], outer: set[str]) -> None:
    """Add the names that a function's body binds to `names`, and those that it declares global to `outer`."""
    todo = list(body)
    while todo:
        node = todo.pop()
        match node:
            case ast.Global():
                outer.update(node.names)
            case ast.Name(ctx=ast.Store() | ast.Del()):
                names.add(node.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.Import() | ast.ImportFrom():
                names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                names.add(node.name)
            case ast.MatchMapping() if node.rest:
                names.add(node.rest)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                names.update(n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
                continue
        todo += ast.iter_child_nodes(node)
    names -= outer


def _in_place(name: str) -> bool:
    """Whether a function is called as PyTorch calls those that change their argument: `add_`, `normal_`."""
    return name.endswith("_") and not name.endswith("__") and len(name) > 1


def _whole(node: ast.Call) -> bool:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in ("vars", "dir"):
        return not node.args
    return not (name in ("eval", "exec") and node.args and isinstance(node.args[0], ast.Constant))


def _defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *(default for default in args.kw_defaults if default is not None)]


def _annotations(args: ast.arguments, returns: ast.expr | None) -> list[ast.expr]:
    notes = [arg.annotation for arg in ast.walk(args) if isinstance(arg, ast.arg) and arg.annotation]
    return [*notes, *([returns] if returns is not None else [])]


def _type_parameters(node: ast.AST) -> set[str]:
    return {parameter.name for parameter in getattr(node, "type_params", [])}
