"""Objects that are no plain values, as both ends of the boundary speak of them.

A reference in a message is a number and what it counts: OBJECT, an object that lives in the student's process;
CALLBACK, a function of the checker's; TABLE, an entry in the message's head that says how to make or find the object;
SHARED, an object that both ends hold and keep alike.
"""

from __future__ import annotations

import functools
import importlib
import math
import operator
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PosixPath
from typing import Any

import numpy as np

from autograder.engine._wire import DTYPE

OBJECT, CALLBACK, TABLE, SHARED = range(4)

_COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")
_BINARY = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
)
_UNARY = ("__neg__", "__pos__", "__abs__", "__invert__")
_ROUNDING: dict[str, Callable[..., Any]] = {
    "__round__": round, "__trunc__": math.trunc, "__floor__": math.floor, "__ceil__": math.ceil
}  # fmt: skip


def _swapped(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: function(other, self)


def _operators() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in (*_COMPARISONS, *_UNARY):
        yield name, getattr(operator, name)
    for word in _BINARY:
        plain = getattr(operator, f"__{word}__")
        yield f"__{word}__", plain
        yield f"__r{word}__", _swapped(plain)
        yield f"__i{word}__", getattr(operator, f"__i{word}__")
    yield "__divmod__", divmod
    yield "__rdivmod__", _swapped(divmod)
    yield from _ROUNDING.items()


#: Comparison and arithmetic: with plain values only where the reference solution has it.
OPERATORS = dict(_operators())
COMPARISONS = frozenset(_COMPARISONS)

#: What may be asked of any object that has it.
PROTOCOLS: dict[str, Callable[..., Any]] = {
    "__bool__": bool,
    "__contains__": operator.contains,
    "__delitem__": operator.delitem,
    "__dir__": dir,
    "__enter__": lambda self: type(self).__enter__(self),
    "__exit__": lambda self, *error: type(self).__exit__(self, *error),
    "__format__": format,
    "__getitem__": operator.getitem,
    "__hash__": hash,
    "__iter__": iter,
    "__len__": len,
    "__next__": next,
    "__repr__": repr,
    "__reversed__": reversed,
    "__setitem__": operator.setitem,
    "__str__": str,
}

#: Classes that a module does not name.
_UNNAMED: dict[tuple[str, str], type] = {
    ("builtins", "function"): types.FunctionType,
    ("builtins", "method"): types.MethodType,
    ("builtins", "builtin_function_or_method"): types.BuiltinFunctionType,
    ("builtins", "generator"): types.GeneratorType,
    ("builtins", "module"): types.ModuleType,
}
_MADE: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    PosixPath: lambda value: (str(value),),
    Fraction: lambda value: (value.numerator, value.denominator),
    Decimal: lambda value: (str(value),),
    date: lambda value: (value.year, value.month, value.day),
    datetime: lambda v: (v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond),
    timedelta: lambda value: (value.days, value.seconds, value.microseconds),
}
MAKERS: dict[str, Callable[..., Any]] = {
    "PosixPath": Path, "Fraction": Fraction, "Decimal": Decimal, "date": date, "timedelta": timedelta,
    "datetime": datetime,
}  # fmt: skip
# Functions and methods of libraries, `str.upper` too, are found by their names.
_NAMED = (
    type, types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType,
    types.ClassMethodDescriptorType, np.ufunc,
)  # fmt: skip
_CALLED_BACK = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, np.ufunc, np.vectorize,
    np.poly1d,
)  # fmt: skip
# Where to look for a function that does not say where it lives (np.sin, torch.relu).
_PUBLIC = ("numpy", "math", "operator", "builtins", "torch", "torch.nn.functional", "scipy.special")


def by_name(module: str, qualname: str) -> Any:
    """Find what an imported module names, or None; no code of the module runs."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        kind: Any = types.ModuleType if isinstance(found, types.ModuleType) else type
        if not isinstance(found, kind):
            return None
        found = kind.__dict__["__dict__"].__get__(found).get(part)
    return found


def library_class(module: str, qualname: str) -> type | None:
    """The class of that name in this process, unless it is the notebook's own."""
    found = _UNNAMED.get((module, qualname)) or (None if module == "__main__" else by_name(module, qualname))
    return found if isinstance(found, type) else None


def ingredients(value: Any) -> tuple[str, tuple[Any, ...]]:
    """What a value of the standard library (a Path, a Fraction) is made of, for `MAKERS`."""
    return type(value).__name__, _MADE[type(value)](value)


def is_made(value: object) -> bool:
    """Whether the value is exactly of a type that `ingredients` knows, and so goes as a copy."""
    return type(value) in _MADE and (type(value) is not datetime or value.tzinfo is None)


def is_callback(value: object) -> bool:
    """Whether the checker's value is passed as something to call back: functions, and what a test makes callable."""
    if isinstance(value, _CALLED_BACK):
        return True
    return type(value).__module__ == "__main__" and callable(value) and not isinstance(value, type)


def recipe(value: object) -> tuple[Any, ...] | None:
    """Say how the student's process can find or make an object of the checker's, or None.

    What is found by name is part of an installed library, so the name tells nothing of the check.
    """
    if isinstance(value, np.dtype):
        return ("dtype", value.str) if DTYPE.fullmatch(value.str) else None
    if type(value) is np.random.Generator:
        return ("generator", value.bit_generator.state)
    if type(value) is datetime and value.tzinfo is None:
        parts = (
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
        )
        return ("made", "datetime", parts)
    if is_made(value):
        return ("made", type(value).__name__, _MADE[type(value)](value))
    if isinstance(value, types.ModuleType):
        name = value.__name__
        return ("module", name) if sys.modules.get(name) is value and _is_library(name) else None
    if not isinstance(value, _NAMED):
        return None
    name = str(getattr(value, "__qualname__", "") or getattr(value, "__name__", ""))
    home = getattr(value, "__objclass__", None)  # of `str.upper`
    for module in (getattr(home or value, "__module__", None), *_PUBLIC):
        for path in {name, name.rpartition(".")[2]}:
            if isinstance(module, str) and by_name(module, path) is value and _is_library(module):
                return ("name", module, path)
    return None


def follow(entry: tuple[Any, ...]) -> Any:
    """Find or make, in the student's process, what `recipe` described."""
    match entry:
        case ("dtype", form):
            return np.dtype(form)
        case ("generator", state):
            bits = getattr(np.random, state["bit_generator"])()
            bits.state = state
            return np.random.Generator(bits)
        case ("made", name, parts):
            return MAKERS[name](*parts)
        case ("module", name):
            return importlib.import_module(name)
        case ("name", module, path):
            return functools.reduce(getattr, path.split("."), importlib.import_module(module))
    raise ValueError(f"{entry!r} is no recipe")


@functools.cache
def _is_library(module: str) -> bool:
    package = module.split(".")[0]
    if package == "__main__":
        return False
    if package in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(package), "__file__", None)
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return isinstance(file, str) and any(file.startswith(f"{place}/") for place in places)
