"""Demos of chapter 05 that measure an edge: the border of a real lung, and an edge in noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digital_biopsy import images, resolution
from digital_biopsy.demos import BLUE, GREY, ORANGE, Demo, Question, Slider, Stops
from digital_biopsy.demos._picture import bare, panels
from digital_biopsy.demos._stage import Stage

__all__ = ["COLUMNS", "HIGHEST", "PIXEL", "across", "border", "half_way", "noise"]

Floats = NDArray[np.floating[Any]]
PIXEL = 0.5
COLUMNS = 64
HIGHEST = 0.5 / PIXEL


def half_way(value: float) -> str:
    """Where an MTF falls to one half, in words.

    >>> half_way(0.312)
    'falls to one half at 0.31 cycles/mm'
    """
    return "never falls to one half" if np.isnan(value) else f"falls to one half at {value:.2f} cycles/mm"


def across() -> Floats:
    """Where the pixels lie across the edge, mm."""
    return (np.arange(COLUMNS) - (COLUMNS - 1) / 2) * PIXEL


# An edge in the real slice -------------------------------------------------------------------------------------------
FIRST_ROW, CUT = 38, slice(82, 100)
CROP = (slice(16, 76), slice(68, 128))


@dataclass(frozen=True)
class Border:
    """One row across the border of the real lung."""

    row: int
    edge: Floats
    frequency: Floats
    mtf: Floats
    mtf50: float


@cache
def _ct() -> images.Image:
    return images.real_ct_slice()


def _border(row: int) -> Border:
    step = _ct().spacing[1]
    edge = _ct().hu[row, CUT]
    f, values = resolution.mtf(resolution.line_spread(edge, step), step)
    return Border(row, edge, f, values, resolution.mtf50(f, values))


def _border_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("slice", "edge", "mtf"), (1, 1.1, 1.1))
    bare(axes["slice"], "border of the lung")
    axes["edge"].set(
        xlim=(-0.3, 11.6), ylim=(-900, 130), xlabel="distance along the row, mm", ylabel="value, HU"
    )
    axes["mtf"].set(xlim=(0, 0.75), ylim=(0, 1.05), xlabel="frequency, cycles/mm", ylabel="MTF")
    return axes


def _border_draw(stage: Stage, seen: Border) -> None:
    rows, columns = CROP
    stage.image("slice", _ct().hu[CROP], vmin=-1000, vmax=300)
    ends = [CUT.start - columns.start, CUT.stop - 1 - columns.start]
    stage.line("slice", "row", ends, [seen.row - rows.start] * 2, color=ORANGE, linewidth=3)
    at = np.arange(seen.edge.size) * _ct().spacing[1]
    stage.line("edge", "profile", at, seen.edge, color=ORANGE, marker="o", markersize=4)
    stage.line("mtf", "mtf", seen.frequency, seen.mtf, color=ORANGE, marker="o", markersize=4)
    half = seen.mtf50
    stage.line("mtf", "half", [0, half, half], [0.5, 0.5, 0], color=GREY, linewidth=1, linestyle="--")
    stage.note("mtf", "number", half, 0.5, f"{half:.2f} cycles/mm", offset=(8, 10))


def _border_words(seen: Border) -> str:
    return (
        f"Row {seen.row} crosses the border from {seen.edge[0]:.0f} to {seen.edge[-1]:.0f} HU. Its MTF "
        f"{half_way(seen.mtf50)}, as that of a Gaussian of σ = {resolution.sigma_from_mtf50(seen.mtf50):.2f} mm."
    ).replace("-", "\N{MINUS SIGN}")


def _agreement(seen: Border) -> str:
    change = abs(seen.mtf50 / _border(FIRST_ROW).mtf50 - 1)
    return (
        "within 5 %" if change < 0.05 else "within 20 %" if change < 0.2 else "it is off by more than a third"
    )


border = Demo(
    name="lung-border",
    title="An edge in a real patient",
    question=Question(
        f"Row {FIRST_ROW} gives 0.36 cycles/mm. Row 31 crosses the same border, 5 mm higher. Does it agree?",
        options=["within 5 %", "within 20 %", "it is off by more than a third"],
        at={"row": 31},
        truth=_agreement,
    ),
    controls=[Slider("row", "Row of the image", 29, 44, 1, start=FIRST_ROW)],
    compute=_border,
    setup=_border_setup,
    draw=_border_draw,
    describe=_border_words,
    size=(780, 270),
    narrow=(430, 800),
)


# An edge in noise ----------------------------------------------------------------------------------------------------
TRUE_SIGMA = 0.6
FINE = 0.75


@dataclass(frozen=True)
class Noisy:
    """An edge measured in noise."""

    noise: float
    rows: int
    image: Floats
    lsf: Floats
    clean_lsf: Floats
    frequency: Floats
    mtf: Floats
    clean_mtf: Floats

    @property
    def mtf50(self) -> float:
        """As measured."""
        return resolution.mtf50(self.frequency, self.mtf)

    @property
    def fine(self) -> tuple[float, float]:
        """Mean of the MTF at fine patterns: measured and true."""
        chosen = self.frequency >= FINE
        return float(self.mtf[chosen].mean()), float(self.clean_mtf[chosen].mean())


@cache
def _clean() -> tuple[Floats, Floats]:
    """The edge without noise, and noise of 1 HU."""
    edge = 100.0 * resolution.gaussian_edge(across(), TRUE_SIGMA)
    return edge[None].repeat(64, axis=0), np.random.default_rng(2).normal(size=(64, COLUMNS))


def _noisy(noise: float, rows: int) -> Noisy:
    edge, pattern = _clean()
    image = edge + noise * pattern
    clean = resolution.line_spread(edge[0], PIXEL)
    lsf = resolution.line_spread(image[:rows].mean(axis=0), PIXEL)
    f, values = resolution.mtf(lsf, PIXEL)
    return Noisy(noise, rows, image, lsf, clean, f, values, resolution.mtf(clean, PIXEL)[1])


def _noise_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("image", "lsf", "mtf"), (1, 1.1, 1.1))
    bare(axes["image"], "rows that are averaged")
    axes["lsf"].set(xlim=(-8, 8), ylim=(-0.8, 1.3), xlabel="distance, mm", ylabel="line spread, 1/mm")
    axes["mtf"].set(xlim=(0, HIGHEST), ylim=(0, 2.2), xlabel="frequency, cycles/mm", ylabel="MTF")
    clean = _noisy(0.0, 1)
    x = (np.arange(COLUMNS - 1) - (COLUMNS - 2) / 2) * PIXEL
    axes["lsf"].plot(x, clean.clean_lsf, color=BLUE, linewidth=2)
    axes["mtf"].plot(clean.frequency, clean.clean_mtf, color=BLUE, linewidth=2)
    axes["mtf"].text(0.06, 0.12, "truth", color=BLUE)
    return axes


def _noise_draw(stage: Stage, seen: Noisy) -> None:
    stage.image("image", seen.image, vmin=-60, vmax=160)
    stage.rectangle("image", "rows", 0, -0.3, COLUMNS - 1, seen.rows - 0.4, edgecolor=ORANGE, linewidth=2)
    x = (np.arange(COLUMNS - 1) - (COLUMNS - 2) / 2) * PIXEL
    stage.line("lsf", "measured", x, seen.lsf, color=ORANGE, linewidth=1.5)
    stage.line("mtf", "measured", seen.frequency, seen.mtf, color=ORANGE, linewidth=1.5)
    stage.text("mtf", "label", 0.05, 0.97, "measured", coords="axes", color=ORANGE, va="top")


def _noise_words(seen: Noisy) -> str:
    measured, true = seen.fine
    rows = "1 row" if seen.rows == 1 else f"the mean of {seen.rows} rows"
    return (
        f"Noise of {seen.noise:.0f} HU on an edge of 100 HU, {rows}: the MTF {half_way(seen.mtf50)}, "
        f"and beyond {FINE:g} cycles/mm it reads {measured:.2f} on average; the truth there is {true:.2f}."
    )


def _floor(seen: Noisy) -> str:
    measured = seen.fine[0]
    return "nearly 0, as it should" if measured < 0.06 else "about 0.1" if measured < 0.5 else "more than 1"


noise = Demo(
    name="noisy-edge",
    title="An edge in noise",
    question=Question(
        "An edge of 100 HU in noise of 12 HU, measured in one row. The true MTF beyond 0.75 cycles/mm is nearly 0. "
        "What will you read there?",
        options=["nearly 0, as it should", "about 0.1", "more than 1"],
        at={"noise": 12, "rows": 1},
        truth=_floor,
    ),
    controls=[
        Slider("noise", "Noise", 0, 40, 2, start=0, unit="HU"),
        Stops("rows", "Rows averaged", [1, 4, 16, 64], start=1),
    ],
    compute=_noisy,
    setup=_noise_setup,
    draw=_noise_draw,
    describe=_noise_words,
    size=(780, 290),
    narrow=(430, 820),
)
