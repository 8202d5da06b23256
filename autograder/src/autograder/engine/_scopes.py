"""Scopes, and small questions about the nodes that make them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Scope:
    """Names of a function, a lambda, a comprehension or a class body; or of the cell itself."""

    names: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    is_class: bool = False
    aliases: dict[str, set[str]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


class Comprehension(Scope):
    """A scope whose body runs at once."""


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


def in_place(name: str) -> bool:
    """Whether a function is called as PyTorch calls those that change their argument: `add_`, `normal_`."""
    return name.endswith("_") and not name.endswith("__") and len(name) > 1


def whole(node: ast.Call) -> bool:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in ("vars", "dir"):
        return not node.args
    return not (name in ("eval", "exec") and node.args and isinstance(node.args[0], ast.Constant))


def defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *(default for default in args.kw_defaults if default is not None)]


def annotated(args: ast.arguments, returns: ast.expr | None) -> list[ast.expr]:
    notes = [arg.annotation for arg in ast.walk(args) if isinstance(arg, ast.arg) and arg.annotation]
    return [*notes, *([returns] if returns is not None else [])]


def type_parameters(node: ast.AST) -> set[str]:
    return {parameter.name for parameter in getattr(node, "type_params", [])}
