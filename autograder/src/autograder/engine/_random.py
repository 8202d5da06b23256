"""The state of the generators of random numbers that are everybody's: NumPy's, Python's and torch's."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from autograder.engine._wire import imported_torch

#: Words of a check that sets a seed.
SEEDING = frozenset({"seed", "manual_seed", "set_state", "setstate", "set_rng_state", "seed_everything"})


def random_state() -> dict[str, Any]:
    """Return the state of each generator, in plain values."""
    found: dict[str, Any] = {"random": random.getstate(), "numpy": np.random.get_state(legacy=True)}
    torch = imported_torch()
    if torch is not None:
        found["torch"] = torch.get_rng_state().numpy()
    return found


def same_state(one: Any, other: Any) -> bool:
    """Whether two states of a generator are the same."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same_state, one, other))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)


def set_random(states: dict[str, Any]) -> None:
    """Give generators these states."""
    if "random" in states:
        random.setstate(states["random"])
    if "numpy" in states:
        np.random.set_state(states["numpy"])
    torch = imported_torch()
    if "torch" in states and torch is not None:
        torch.set_rng_state(torch.from_numpy(states["torch"]))
