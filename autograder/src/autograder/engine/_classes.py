"""The operators that a solution's classes have: their own special methods, and those that bases and decorators add."""

from __future__ import annotations

import ast
import builtins
import collections
import collections.abc
import enum
import functools
from collections.abc import Iterable, Mapping

_ORDER = frozenset({"__lt__", "__le__", "__gt__", "__ge__"})
_EVERYONES = frozenset(
    """__class__ __class_getitem__ __dict__ __dir__ __doc__ __getattribute__ __getnewargs__ __getstate__ __init__
    __init_subclass__ __new__ __reduce__ __reduce_ex__ __setattr__ __delattr__ __setstate__ __sizeof__
    __subclasshook__ __weakref__ __signature__ __suppress_context__ __traceback__""".split()
)
#: Bases that are no classes of the standard library, or give more than `dir` tells.
_KNOWN = {
    "Module": frozenset({"__call__", "__repr__"}),
    "Function": frozenset[str](),
    "Dataset": frozenset({"__add__", "__getitem__", "__len__"}),
    "IterableDataset": frozenset({"__add__", "__iter__"}),
    "Sampler": frozenset({"__iter__", "__len__"}),
    "TypedDict": frozenset[str](),
    "Protocol": frozenset[str](),
    "Generic": frozenset[str](),
}
_HOMES = (builtins, collections, collections.abc, enum)


def operators(trees: Iterable[ast.Module]) -> dict[str, frozenset[str]]:
    """Return the classes that cells of code define, each with the names of its special methods.

    A base that is neither defined in these cells nor known adds nothing.
    """
    found: dict[str, frozenset[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            match node:
                case ast.ClassDef():
                    found[node.name] = found.get(node.name, frozenset()) | _of_class(node, found)
                case ast.Assign(value=ast.Call(func=func)) if _last(func) in ("namedtuple", "NamedTuple"):
                    for target in node.targets:
                        if isinstance(target, ast.Name):
                            found[target.id] = _of_base("tuple", found)
                case ast.Assign(value=ast.Call(func=func)) if _last(func) == "make_dataclass":
                    for target in node.targets:
                        if isinstance(target, ast.Name):
                            found[target.id] = frozenset({"__eq__", "__repr__"})
    return found


def _of_class(node: ast.ClassDef, found: Mapping[str, frozenset[str]]) -> frozenset[str]:
    names: set[str] = set()
    for base in node.bases:
        names |= _of_base(_last(base), found)
    names |= {name for name in _bound_in(node.body) if name.startswith("__") and name.endswith("__")}
    for decorator in node.decorator_list:
        options = decorator.keywords if isinstance(decorator, ast.Call) else []
        on = {option.arg for option in options if getattr(option.value, "value", None) is True}
        off = {option.arg for option in options if getattr(option.value, "value", None) is False}
        match _last(decorator):
            case "total_ordering":
                names |= _ORDER
            case "dataclass" | "define" | "frozen" | "mutable" | "s" | "attrs" as maker:
                names |= {"__repr__", "__init__"} | (set() if "eq" in off else {"__eq__"})
                if "order" in on or (maker in ("s", "attrs") and "order" not in off):
                    names |= _ORDER
                if on & {"frozen", "unsafe_hash"} or maker == "frozen":
                    names.add("__hash__")
    return frozenset(names - (_EVERYONES - {"__init__"}))


def _bound_in(body: Iterable[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names.add(statement.name)
            case ast.Assign():
                names |= {
                    n.id for target in statement.targets for n in ast.walk(target) if isinstance(n, ast.Name)
                }
            case ast.If() | ast.Try():
                names |= _bound_in(statement.body) | _bound_in(statement.orelse)
    return names


def _last(node: ast.expr) -> str:
    """Return the last name of a dotted one: `total_ordering` of `@functools.total_ordering`."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Call():
            return _last(node.func)
        case ast.Subscript():
            return _last(node.value)
    return ""


def _of_base(name: str, found: Mapping[str, frozenset[str]]) -> frozenset[str]:
    if name in found:
        return found[name]
    if name in _KNOWN:
        return _KNOWN[name]
    return _special(name)


@functools.cache
def _special(name: str) -> frozenset[str]:
    if name == "NamedTuple":
        return _special("tuple")
    for home in _HOMES:
        base = getattr(home, name, None)
        if isinstance(base, type):
            mine = {
                method
                for method in dir(base)
                if method.startswith("__")
                and callable(getattr(base, method, None))
                and getattr(base, method, None) is not getattr(object, method, None)
            }
            # The classes of `enum` can be counted, walked through and asked for a member by its name.
            classes = {"__iter__", "__len__", "__getitem__", "__contains__"} if home is enum else set()
            return frozenset(mine | classes) - _EVERYONES
    return frozenset()
