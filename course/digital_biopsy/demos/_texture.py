"""What the demos of chapter 04 share: patches of the real slice, a matrix drawn, features in a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digital_biopsy import images, texture
from digital_biopsy.demos import ORANGE
from digital_biopsy.demos._picture import bare, panels
from digital_biopsy.demos._stage import Stage

Floats = NDArray[np.floating[Any]]
Levels = NDArray[np.integer[Any]]

LIGHT = "#BDBDBD"
SIDE = 128  # px
N_LEVELS = 32
#: Rows and columns of the real slice, in voxels.
PATCHES = {
    "spongy bone": (slice(15, 35), slice(49, 69)),
    "back muscle": (slice(86, 106), slice(4, 24)),
}
#: One of each pair of opposite directions, as (rows, columns); row 0 is at the top.
DIRECTIONS = {
    "along a row, 0°": (0, 1),
    "rising diagonal, 45°": (-1, 1),
    "along a column, 90°": (1, 0),
    "falling diagonal, 135°": (1, 1),
}


@dataclass(frozen=True)
class Features:
    """The three features of a matrix."""

    contrast: float
    energy: float
    homogeneity: float

    def words(self) -> str:
        """In a clause."""
        return (
            f"contrast {short(self.contrast)}, energy {short(self.energy)}, "
            f"homogeneity {short(self.homogeneity)}"
        )


FEATURES = tuple(Features.__annotations__)


def features(P: Floats) -> Features:
    """The three features of a matrix."""
    return Features(texture.contrast(P), texture.energy(P), texture.homogeneity(P))


def mean_features(matrices: list[Floats]) -> Features:
    """The three features of each matrix, then their mean."""
    found = [features(P) for P in matrices]
    return Features(*(float(np.mean([getattr(f, name) for f in found])) for name in FEATURES))


def matrices(levels: Levels, n_levels: int, distance: int = 1) -> list[Floats]:
    """The symmetric matrix of each direction."""
    offsets = texture.unique_offsets(levels.ndim, distance)
    return [texture.glcm(levels, offset, n_levels) for offset in offsets]


def spread_and_likeness(P: Floats) -> tuple[float, float]:
    """Variance of the levels in a symmetric matrix, and the correlation of neighbours; 1 where all are equal."""
    level = np.arange(1, len(P) + 1)
    share = P.sum(axis=1)
    offset = level - share @ level
    variance = float(share @ offset**2)
    return variance, float(offset @ P @ offset) / variance if variance > 0 else 1.0


@cache
def patch(name: str) -> Floats:
    """A patch of the real slice, HU."""
    return images.real_ct_slice().hu[PATCHES[name]]


@cache
def spacing() -> float:
    """Pixel size of the real slice, mm."""
    return images.real_ct_slice().spacing[0]


def short(value: float, digits: int = 3) -> str:
    """A number with so many digits that count.

    >>> short(170.57), short(0.0314), short(12.0)
    ('171', '0.0314', '12.0')
    """
    if value == 0 or abs(value) < 1e-6:
        return "0"
    places = int(np.clip(digits - 1 - np.floor(np.log10(abs(value))), 0, 5))
    return f"{value:.{places}f}"


def three(figure: Figure, last: str, parts: Sequence[str] = ()) -> dict[str, Axes]:
    """Axes for an image, a matrix, and a third panel; with ``parts`` it is a column of titled axes."""
    made = panels(figure, ["image", "matrix", last], [1, 1, 1.12])
    bare(made["image"], "")
    matrix = made["matrix"]
    matrix.set(xlim=(0, 1), ylim=(1, 0), xlabel="level of the neighbour", ylabel="level of the voxel")
    matrix.set_xticks([])
    matrix.set_yticks([])
    matrix.set_aspect("equal")
    for side in ("top", "right"):
        matrix.spines[side].set_visible(True)
    if parts:
        place = made.pop(last)
        inner = place.get_subplotspec().subgridspec(len(parts), 1)  # type: ignore[union-attr]
        place.remove()
        for row, name in enumerate(parts):
            made[name] = figure.add_subplot(inner[row])
            made[name].set_title(name, loc="left", pad=3)
    return made


def draw_matrix(stage: Stage, P: Floats, *, band: int | None = None) -> None:
    """Draw a matrix; the square root makes rare pairs visible. ``band`` marks the pairs that differ by so much."""
    n = len(P)
    shown = np.sqrt(P / P.max())
    stage.image(
        "matrix", shown, cmap="cividis", vmin=0, vmax=1, extent=(0.0, 1.0, 1.0, 0.0), interpolation="nearest"
    )
    if band is not None and band < n:
        for key, (x, y) in {"above": (band, 0), "below": (0, band)}.items():
            left, top, length = x / n, y / n, 1 - band / n
            for side, (dx, dy) in {"near": (1 / n, 0.0), "far": (0.0, 1 / n)}.items():
                ends = [left + dx, left + length - (1 / n - dx)], [top + dy, top + length - (1 / n - dy)]
                stage.line("matrix", f"{key} {side}", *ends, color=ORANGE, linewidth=1.6)
    for corner, text in {"first": "1", "last": str(n)}.items():
        at = 0.0 if corner == "first" else 1.0
        stage.note(
            "matrix", corner, at, 1, text, offset=(0, -9), ha="left" if at == 0 else "right", fontsize=8.5
        )


def write_value(stage: Stage, name: str, value: float) -> None:
    """Write a feature's value over the right end of its axes."""
    stage.text(
        name,
        "value",
        1.0,
        1.04,
        short(value),
        coords="axes",
        ha="right",
        va="bottom",
        color=ORANGE,
        fontsize=11,
    )
