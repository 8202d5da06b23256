"""Small tables that travel with the course. What they are and where they come from: README.md."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


@cache
def attenuation_table() -> dict[str, NDArray[np.float64]]:
    """Columns of mu_linear_per_cm.csv by name: energy_keV, then coefficients. The arrays are read-only."""
    text = files(__name__).joinpath("mu_linear_per_cm.csv").read_text(encoding="ascii")
    names, *rows = (line.split(",") for line in text.splitlines())
    values = np.array(rows, dtype=np.float64)
    values.setflags(write=False)
    return {name: values[:, i] for i, name in enumerate(names)}
