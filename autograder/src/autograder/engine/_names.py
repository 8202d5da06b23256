"""Names and scopes in the text of a cell: who reads, binds, shares and changes what, at any depth."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from autograder.engine._magics import python
from autograder.engine._scopes import (
    Comprehension,
    Scope,
    annotated,
    defaults,
    in_place,
    locals_of,
    type_parameters,
    whole,
)

#: Bound by something whose names only running it tells: `from x import *`, `%pylab`, `%run`.
STAR = "*"
WORD = re.compile(r"[^\W\d]\w*")
_REFLECTS = frozenset({"globals", "locals", "vars", "dir", "eval", "exec"})
_SPACES = frozenset({"user_ns", "user_global_ns", "user_module", "f_globals", "f_locals"})
#: Methods that change their object even where their result is used.
CHANGERS = frozenset(
    """add add_ append appendleft clear discard extend extendleft fill fit insert itemset load_state_dict move_to_end
    partial_fit partition pop popitem popleft put remove resize reverse rotate setdefault setfield setflags
    sort step update write writelines""".split()
)
#: Functions that change their first argument.
CHANGE_FIRST = frozenset(
    """at copyto delattr delitem fill_diagonal heapify heappop heappush heappushpop heapreplace insort insort_left
    insort_right next place put put_along_axis putmask setattr setitem shuffle""".split()
)


#: A call: the function's name, and for each argument its place or keyword and the names it may share objects with.
Call = tuple[str, tuple[tuple[int | str, frozenset[str]], ...]]


class Names(ast.NodeVisitor):
    """Walks code as a whole, and keeps track of scopes. What order means at the top level is left to `Cell`."""

    def __init__(self) -> None:
        self.top = Scope()
        self.inner: list[Scope] = []
        self.depth = 0  # of functions, whose bodies run later
        self.imported: set[str] = set()
        self.mutates: set[str] = set()
        self.reads: set[str] = set()
        self.calls: list[Call] = []
        self.changers: dict[str, set[int | str]] = {}
        self.strings: set[str] = set()
        self.all_said: set[str] = set()
        self.words: set[str] = set()
        self.modules: list[str] = []
        self.reflects = False
        # Of the top-level statement that is being read: the names and strings in it, the names that its functions
        # read later, those that it binds or changes, and those that its functions will.
        self.seen: set[str] = set()
        self.said: set[str] = set()
        self.late: set[str] = set()
        self.fresh: set[str] = set()
        self.effect: set[str] = set()

    def bind(self, name: str) -> None:
        """Bind a name in the scope where the walk is."""
        raise NotImplementedError

    def unbind(self, name: str) -> None:
        """Delete a name of the cell's own."""
        raise NotImplementedError

    def use(self, name: str) -> None:
        """Read a name while the cell runs."""
        raise NotImplementedError

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
            if isinstance(node.ctx, ast.Del):
                self.load(node.id)
            self.bind(node.id)
            if isinstance(node.ctx, ast.Del) and not self.inner:
                self.unbind(node.id)

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
            found = WORD.findall(node.value)
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
        self.inner = [scope for scope in inner if not isinstance(scope, Comprehension)]
        self.visit(node.target)
        self.inner = inner

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.share(node.target, self.roots(node.iter, through_calls=True))
        self.visit(node.target)
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    visit_AsyncFor = visit_For  # noqa: N815 - the names are those of `ast`

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
            if name in CHANGERS or in_place(name):
                self.change(self.roots(node.func.value))
        if node.args and (name in CHANGE_FIRST or in_place(name)):
            self.change(self.roots(node.args[0]))
        for keyword in node.keywords:
            self.words.add(keyword.arg or "")
            if keyword.arg == "out":
                self.change(self.roots(keyword.value))
        if name in _REFLECTS and isinstance(node.func, ast.Name) and whole(node):
            self.reflects = True
        self.said_code(name, node)
        if isinstance(node.func, ast.Name):
            given: list[tuple[int | str, frozenset[str]]] = [
                (place, frozenset(self.globals_of(self.roots(value))))
                for place, value in enumerate(node.args)
            ]
            given += [(k.arg or "", frozenset(self.globals_of(self.roots(k.value)))) for k in node.keywords]
            if any(names for _, names in given):
                self.calls.append((name, tuple(given)))
        self.generic_visit(node)

    def said_code(self, name: str, node: ast.Call) -> None:
        """Read code that is given as a string: `exec("x = 1")`, and `%time x = f(3)`, which is such a call too."""
        texts = [value.value for value in node.args if isinstance(value, ast.Constant)]
        tree = None
        if (
            name in ("exec", "eval")
            and texts
            and isinstance(texts[0], str)
            and isinstance(node.func, ast.Name)
        ):
            tree = python(texts[0])
        elif name == "run_line_magic" and len(texts) == 2:
            magic, line = map(str, texts)
            if magic in ("pylab", "run"):
                self.bind(STAR)
            elif magic in ("time", "timeit", "prun"):
                tree = python(line)
        for statement in tree.body if tree is not None else ():
            self.visit(statement)

    # ---- scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *defaults(node.args), *annotated(node.args, node.returns)):
            self.visit(part)
        self.words.add(node.name)
        self.bind(node.name)
        places = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        changed = self.function(node, node.args, node.body)
        if not self.inner:
            self.changers[node.name] = {
                place for number, name in enumerate(places) if name in changed for place in (number, name)
            } | {arg.arg for arg in node.args.kwonlyargs if arg.arg in changed}

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in defaults(node.args):
            self.visit(part)
        self.function(node, node.args, [node.body])

    def function(self, node: ast.AST, args: ast.arguments, body: Iterable[ast.AST]) -> set[str]:
        """Read the body of a function; return those of its names whose objects it changes."""
        body = list(body)
        scope = Scope()
        scope.names.update(arg.arg for arg in ast.walk(args) if isinstance(arg, ast.arg))
        scope.names.update(type_parameters(node))
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
        scope = Scope(is_class=True, names=type_parameters(node))
        self.inner.append(scope)
        for statement in node.body:
            self.visit(statement)
        self.inner.pop()
        self.bind(node.name)

    def comprehension(self, node: ast.AST, generators: list[ast.comprehension], *parts: ast.expr) -> None:
        self.visit(generators[0].iter)
        self.inner.append(Comprehension())
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

    visit_SetComp = visit_GeneratorExp = visit_ListComp  # noqa: N815

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self.comprehension(node, node.generators, node.key, node.value)

    # ---- objects that names share, and their changes

    def scope(self) -> Scope:
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
                (self.effect if self.depth else self.fresh).add(name)
            else:
                for scope in self.inner:
                    scope.changed.add(name)

    def globals_of(self, names: set[str]) -> set[str]:
        return {name for name in names if self.is_global(name)}
