"""What `inspect` finds out about a student's function, from what the student's process told of it."""

from __future__ import annotations

import inspect
import linecache
import types
from typing import Any

from autograder.engine._objects import library_class

_MOST_SOURCE = 20_000
_MOST_PARAMETERS = 200


def signature(facts: dict[str, Any]) -> inspect.Signature | None:
    """The signature that was told, or None."""
    match facts.get("signature"):
        case (list(parameters), tuple(returned)) if len(parameters) <= _MOST_PARAMETERS:
            pass
        case _:
            return None
    try:
        return inspect.Signature(
            [
                inspect.Parameter(
                    name, inspect._ParameterKind(kind), default=_retold(default), annotation=_retold(note)
                )
                for name, kind, default, note in parameters
            ],
            return_annotation=_retold(returned),
        )
    except (TypeError, ValueError):
        return None


def _retold(facts: Any) -> Any:
    match facts:
        case (("class", str(module), str(name)),):
            return library_class(module, name) or name
        case (("value" | "text", value),):
            return value
    return inspect.Parameter.empty


def code(facts: dict[str, Any], number: int, session: object) -> types.CodeType | None:
    """A code object that holds nothing but where `inspect.getsource` finds the text."""
    match facts.get("source"):
        case (str(text), int()):
            name = f"<the student's code {id(session):x}-{number}>"
            text = text[:_MOST_SOURCE]
            lines = text.splitlines(keepends=True)
            linecache.cache[name] = (len(text), None, lines, name)
            empty: types.CodeType = (lambda: None).__code__
            return empty.replace(co_filename=name, co_firstlineno=1, **_arguments(facts.get("signature")))
    return None


def _arguments(told: Any) -> dict[str, Any]:
    """How many arguments of each kind there are, and their names, as a code object has them."""
    match told:
        case (list(parameters), _):
            pass
        case _:
            return {}
    kinds = [(str(name), kind) for name, kind, *_ in parameters[:200]]
    by_place = [name for name, kind in kinds if kind in (0, 1)]
    by_name = [name for name, kind in kinds if kind == 3]
    return {
        "co_argcount": len(by_place),
        "co_posonlyargcount": sum(kind == 0 for _, kind in kinds),
        "co_kwonlyargcount": len(by_name),
        "co_nlocals": len(by_place) + len(by_name),
        "co_varnames": (*by_place, *by_name),
    }
