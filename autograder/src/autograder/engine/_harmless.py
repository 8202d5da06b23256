"""Cells that only bind names: they can neither hang nor end their process, whoever wrote them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable

from autograder.engine._magics import python

#: Longer text is not looked at: a literal can be made slow to build, but not a short one.
_LONGEST = 20_000
_BUILTINS = frozenset(dir(builtins))
_SHELLS = frozenset({"In", "Out", "display", "exit", "get_ipython", "quit"})
#: Methods that run while classes or annotations are made from the class that has them.
_HOOKS = frozenset(
    {"__class_getitem__", "__init_subclass__", "__mro_entries__", "__prepare__", "__set_name__"}
)
#: Builtin classes that a class can be made from without more happening.
_BASES = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type)
    and (issubclass(value, BaseException) or name in ("object", "list", "dict", "set"))
)
_GENERICS = frozenset({"dict", "frozenset", "list", "set", "tuple", "type"})


def harmless(source: str, imported: Collection[str] = ()) -> bool:
    """Say whether a student's cell can do nothing but bind names.

    True only for functions and classes, imports of modules that are there already, and literals. Anything that
    could call something makes it False: decorators, bases that are no builtin classes, subscripts of other than
    builtin classes, expressions on their own, IPython's syntax. So does binding a builtin's name.

    It holds for a process in which only harmless cells have run: a cell that was not harmless may have changed what
    `import` or `class` do.

    Parameters
    ----------
    source
        The text of the cell.
    imported
        Modules that have been imported in the process, by their full names.
    """
    if len(source) > _LONGEST:
        return False
    tree = python(source)
    return tree is not None and all(_only_binds(node, frozenset(imported)) for node in tree.body)


def quiet(tree: ast.Module) -> bool:
    """Say whether an instructor's cell only imports, defines and names literals."""
    return all(
        isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or _only_binds(node, frozenset(), strict=False)
        for node in tree.body
    )


def _only_binds(node: ast.stmt, imported: frozenset[str], *, strict: bool = True) -> bool:
    match node:
        case ast.Pass():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _may_bind(node.name, strict) and _function(node)
        case ast.ClassDef():
            return _may_bind(node.name, strict) and _class(node)
        case ast.Assign():
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            every = len(names) == len(node.targets)
            return every and all(_may_bind(name, strict) for name in names) and _plain(node.value)
        case ast.Import():
            return all(
                alias.name in imported and _may_bind(alias.asname or alias.name.partition(".")[0])
                for alias in node.names
            )
        case ast.ImportFrom():
            return (
                not node.level
                and node.module in imported
                and all(alias.name != "*" and _may_bind(alias.asname or alias.name) for alias in node.names)
            )
    return False


def _may_bind(name: str, strict: bool = True) -> bool:
    if not strict:
        return True
    return not (name in _BUILTINS or name in _SHELLS or name.startswith("__") or not name.strip("_"))


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    if node.decorator_list or getattr(node, "type_params", None) or node.name in _HOOKS:
        return False
    args = node.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    every += [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    notes = [*(arg.annotation for arg in every), node.returns]
    return _all_plain((*args.defaults, *args.kw_defaults)) and _all_plain(notes, note=True)


def _class(node: ast.ClassDef) -> bool:
    if node.decorator_list or node.keywords or getattr(node, "type_params", None):
        return False
    if not all(isinstance(base, ast.Name) and base.id in _BASES for base in node.bases):
        return False
    return all(_in_class(statement) for statement in node.body)


def _in_class(node: ast.stmt) -> bool:
    match node:
        case ast.Pass():
            return True
        case ast.Expr():
            return isinstance(node.value, ast.Constant)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _function(node)
        case ast.ClassDef():
            return node.name not in _HOOKS and _class(node)
        case ast.Assign():
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            plain = not any(name.startswith("__") for name in names) and _plain(node.value)
            return plain and len(names) == len(node.targets)
    return False


def _all_plain(nodes: Iterable[ast.expr | None], *, note: bool = False) -> bool:
    return all(node is None or _plain(node, note=note) for node in nodes)


def _plain(node: ast.expr, *, note: bool = False) -> bool:
    """Whether an expression calls nothing: literals, names and their attributes; in annotations, `list[int] | None`."""
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Attribute():
            return isinstance(node.value, ast.Name) and not node.attr.startswith("_")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() | complex())):
            return True
        case ast.Tuple() | ast.List():
            return _all_plain(node.elts, note=note)
        case ast.Set():
            return _all_literal(node.elts)
        case ast.Dict():
            return None not in node.keys and _all_literal(node.keys) and _all_plain(node.values)
        case ast.Subscript() if note:
            generic = isinstance(node.value, ast.Name) and node.value.id in _GENERICS
            return generic and _plain(node.slice, note=True)
        case ast.BinOp(op=ast.BitOr()) if note:
            return _plain(node.left, note=True) and _plain(node.right, note=True)
    return False


def _all_literal(nodes: Iterable[ast.expr | None]) -> bool:
    return all(isinstance(node, ast.Constant) for node in nodes)
