"""How the science modules look at their arguments. Private to the package."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def numbers(value: ArrayLike, name: str) -> NDArray[np.float64]:
    """Real numbers as float64. Text, None and complex numbers are refused, by the argument's name."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        raise ValueError(f"{name} must be an array whose rows are all of one length.") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be a number or an array of numbers, not {value!r}.")
    return array.astype(np.float64)


def require(condition: NDArray[np.bool_] | np.bool_ | bool, message: str) -> None:
    """Raise ValueError with `message` unless `condition` holds everywhere."""
    if not np.all(condition):
        raise ValueError(message)
