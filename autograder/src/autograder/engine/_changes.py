"""Which arguments the solutions' functions change in place, read from their text. See `autograder.engine._sharing`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from autograder.engine._names import CHANGE_FIRST, CHANGERS
from autograder.engine._scopes import in_place


def changed_arguments(
    trees: Sequence[ast.Module],
) -> dict[str, frozenset[int | str]]:
    """Return the functions, methods and classes of solutions that change an argument: places, and keywords.

    A class, where an object keeps the argument and changes it later.
    """
    found: dict[str, set[int | str]] = {}
    functions: list[tuple[str, list[str], ast.FunctionDef | ast.AsyncFunctionDef]] = []
    for tree in trees:
        methods = {
            part: cls.name for cls in ast.walk(tree) if isinstance(cls, ast.ClassDef) for part in cls.body
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
                name = node.name
                if node in methods:
                    arguments = arguments[1:]
                    name = methods[node] if node.name == "__init__" else node.name
                functions.append((name, arguments, node))
    kept = {attribute for tree in trees for attribute in _changed_attributes(tree)}
    more = True
    while more:
        more = False
        for name, arguments, node in functions:
            changed = _changed_in(node, found, kept)
            places = {
                place for number, arg in enumerate(arguments) if arg in changed for place in (number, arg)
            }
            places |= {arg.arg for arg in node.args.kwonlyargs if arg.arg in changed}
            if not places <= found.get(name, set()):
                found.setdefault(name, set()).update(places)
                more = True
    return {name: frozenset(places) for name, places in found.items() if places}


def _changed_in(node: ast.AST, known: Mapping[str, Iterable[int | str]], kept: set[str]) -> set[str]:
    """Return the names whose objects a function changes, or stores in attributes that are changed elsewhere."""
    found: set[str] = set()
    aliases: dict[str, set[str]] = {}
    for part in ast.walk(node):
        found |= {root for place in _targets(part) for root in _roots(place)}
        match part:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    for one, given in _pairs(target, value):
                        if isinstance(one, ast.Name):
                            aliases.setdefault(one.id, set()).update(_roots(given))
                        elif isinstance(one, ast.Attribute) and one.attr in kept:
                            found |= _roots(given)
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                for name in (one.id for one in ast.walk(target) if isinstance(one, ast.Name)):
                    aliases.setdefault(name, set()).update(_roots(value))
            case ast.Call(func=func, args=args, keywords=keywords) if (name := _last(func)) in known:
                changed = set(known[name])
                found |= {n for place, arg in enumerate(args) if place in changed for n in _roots(arg)}
                found |= {n for k in keywords if k.arg in changed for n in _roots(k.value)}
    todo = list(found)
    while todo:
        more = aliases.get(todo.pop(), set()) - found
        found |= more
        todo += more
    return found


def _targets(node: ast.AST) -> list[ast.expr]:
    """Return the expressions whose objects a piece of code changes in place."""
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            parts = [part for target in targets for part in ast.walk(target)]
            return [p.value for p in parts if isinstance(p, ast.Attribute | ast.Subscript) and not _loads(p)]
        case ast.AugAssign(target=target):
            return [target]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=value))):
            return [value]  # the result is dropped: the call is for its effect
        case ast.Call(func=func, args=args, keywords=keywords):
            name = _last(func)
            found = [k.value for k in keywords if k.arg == "out"]
            if isinstance(func, ast.Attribute) and (name in CHANGERS or in_place(name)):
                found.append(func.value)
            return found + (args[:1] if name in CHANGE_FIRST or in_place(name) else [])
    return []


def _changed_attributes(tree: ast.Module) -> set[str]:
    """Return the names of attributes whose objects are changed in place."""
    found: set[str] = set()
    for node in ast.walk(tree):
        for target in _targets(node):
            found |= {part.attr for part in ast.walk(target) if isinstance(part, ast.Attribute)}
    return found


def _loads(node: ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Load)


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple | ast.List):
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            return list(zip(target.elts, value.elts, strict=True))
        return [(one, value) for one in target.elts]
    return [(target, value)]


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _roots(node: ast.expr) -> set[str]:
    """Return the names whose objects, or parts of them, an expression may be."""
    match node:
        case ast.Name(id=name):
            return {name}
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return {name for part in parts for name in _roots(part)}
        case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Starred(value=value):
            return _roots(value)
        case ast.Call(func=ast.Attribute(value=value)):
            return _roots(value)  # a view of it, perhaps
        case ast.Call(func=ast.Name(id="enumerate" | "zip" | "reversed" | "iter"), args=args):
            return {name for arg in args for name in _roots(arg)}
        case ast.IfExp(body=body, orelse=other):
            return _roots(body) | _roots(other)
        case ast.BoolOp(values=parts):
            return {name for part in parts for name in _roots(part)}
    return set()
