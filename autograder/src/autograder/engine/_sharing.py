"""Objects that the checker and a student's process both hold, kept alike where the exercise is to change them.

Arguments are copies, so that a student's code cannot change what a test holds. An exercise that asks for just that
("sort the list in place") needs the change to come back: `_changes` finds the functions of the solutions that change an
argument, and for those the argument is *shared*. Both ends number shared objects alike; one that
was changed on one end is sent and taken over in the object of the other end (`take_over`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import numpy as np

from autograder.engine import values
from autograder.engine._wire import imported_torch

#: So many are kept alike; of more, the oldest are forgotten.
MOST_SHARED = 32
#: Greater ones are not shared.
MOST_BYTES = 16 << 20
_CONTAINERS = frozenset({list, dict, set, bytearray, np.ndarray, OrderedDict, defaultdict, Counter, deque})


class Place:
    """Stands in a message for the shared object of a number."""

    def __init__(self, number: int) -> None:
        self.number = number


def can_be_shared(value: object) -> bool:
    """Whether a value is one that can be changed in place."""
    torch = imported_torch()
    return type(value) in _CONTAINERS or (torch is not None and type(value) is getattr(torch, "Tensor", None))


def written(value: object) -> bytes | None:
    """Return the value's bytes, to tell whether it has changed; None if it cannot be written."""
    try:
        return values.encode(value, limits=values.Limits(size=MOST_BYTES), refer=_itself)
    except values.NotPlain:
        return None


def _itself(value: object) -> tuple[int, int]:
    return id(value) & 0xFFFFFFFF, 0


def take_over(mine: Any, new: Any) -> None:
    """Give an object the content of another one of its type, and keep the parts of it that stay.

    Raises
    ------
    TypeError
        If the two are not of one type.
    """
    if type(mine) is not type(new):
        raise TypeError("objects of different types")
    if isinstance(mine, np.ndarray):
        _array(mine, new)
    elif isinstance(mine, dict):
        held = {key: _merged(mine.get(key), value) for key, value in new.items()}
        mine.clear()
        mine.update(held) if type(mine) is not Counter else dict.update(mine, held)
    elif isinstance(mine, set):
        mine.clear()
        mine.update(new)
    elif isinstance(mine, list):
        mine[:] = _items(mine, new)
    elif isinstance(mine, bytearray):
        mine[:] = new
    elif isinstance(mine, deque):
        items = _items(list(mine), list(new))
        mine.clear()
        mine.extend(items)
    else:  # a tensor
        torch = imported_torch()
        with torch.no_grad():
            if mine.shape == new.shape and mine.dtype == new.dtype:
                mine.copy_(new)
            else:
                mine.set_(new)


def _array(mine: Any, new: Any) -> None:
    if mine.dtype != new.dtype:
        raise TypeError("arrays of different types")
    if mine.shape != new.shape:
        mine.resize(new.shape, refcheck=False)
    mine[...] = new


def _merged(old: Any, new: Any) -> Any:
    """Return the old object with the new content where that can be, else the new one."""
    if can_be_shared(new) and type(old) is type(new):
        try:
            take_over(old, new)
        except (TypeError, ValueError, RuntimeError):
            return new
        return old
    return new


def _items(old: list[Any], new: list[Any]) -> list[Any]:
    """Return the new items; those that were in the old list are the same objects, wherever they stand now."""
    known: dict[bytes, list[Any]] = {}
    for item in old:
        if can_be_shared(item) and (text := written(item)) is not None:
            known.setdefault(text, []).append(item)
    found: list[Any] = []
    kept: set[int] = set()
    for item in new:
        same = known.get(written(item) or b"") if can_be_shared(item) and known else None
        found.append(same.pop(0) if same else item)
        if found[-1] is not item:
            kept.add(id(found[-1]))
    for place, item in enumerate(found[: len(old)]):
        if item is new[place] and id(old[place]) not in kept:
            found[place] = _merged(old[place], item)
    return found
