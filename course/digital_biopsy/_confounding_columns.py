"""How chapter 8 looks at its arguments: columns of patients, labels, numbers. Private to the package."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require

Floats = NDArray[np.float64]


def column(values: ArrayLike, name: str) -> Floats:
    """One finite number for each patient."""
    array = numbers(values, name)
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D, one number for each patient, not of shape {array.shape}.")
    require(np.isfinite(array), f"{name} holds NaN or infinity. Leave those patients out of every column.")
    return array


def table(values: ArrayLike, name: str, length: int) -> Floats:
    """Columns beside each other, one row for each patient. One column may be 1-D."""
    array = numbers(values, name)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or len(array) != length:
        raise ValueError(
            f"{name} must have one row for each of the {length} patients, not the shape {np.shape(values)}. "
            "np.column_stack([a, b]) puts columns beside each other."
        )
    require(np.isfinite(array), f"{name} holds NaN or infinity. Leave those patients out of every column.")
    return array


def labels(values: ArrayLike, name: str, length: int) -> tuple[NDArray[np.generic], NDArray[np.intp]]:
    """The different labels in rising order, and which of them each patient has."""
    array = np.asarray(values)
    if array.ndim != 1 or len(array) != length:
        raise ValueError(f"{name} must be 1-D, one label for each of the {length} patients.")
    if length == 0:
        raise ValueError(f"{name} is empty. There must be at least one patient.")
    if array.dtype.kind == "O":
        if any(not isinstance(label, str) for label in array):
            raise ValueError(f"{name} must hold text only, or numbers only, and no missing label.")
        array = array.astype(str)
    if array.dtype.kind not in "biufU":
        raise ValueError(f"{name} must hold numbers or text, not {array.dtype}.")
    if array.dtype.kind == "f":
        require(np.isfinite(array), f"{name} holds NaN or infinity: a label is missing.")
    names, which = np.unique(array, return_inverse=True)
    return names, which


def whole(value: int, name: str, least: int) -> int:
    """A whole number, at least `least`."""
    number = numbers(value, name)
    if number.ndim or not np.isfinite(number) or number != np.floor(number) or number < least:
        raise ValueError(f"{name} must be a whole number of {least} or more, not {value!r}.")
    return int(number)


def real(value: float, name: str, low: float = -np.inf, high: float = np.inf) -> float:
    """A finite number between two limits, both allowed."""
    number = numbers(value, name)
    if number.ndim or not np.isfinite(number) or not low <= number <= high:
        limits = (
            "" if np.isinf(low) and np.isinf(high) else f" from {low:g} to {high:g}".replace(" to inf", " up")
        )
        raise ValueError(f"{name} must be a number{limits}, not {value!r}.")
    return float(number)


def generator(rng: np.random.Generator) -> np.random.Generator:
    """The generator; a seed is refused, since it would give the same numbers at every call."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a generator, such as np.random.default_rng(1), not {rng!r}.")
    return rng
