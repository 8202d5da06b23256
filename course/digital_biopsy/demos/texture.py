"""Demos of chapter 04: pairs of neighbours, grain and amplitude, and a texture to design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digital_biopsy import histogram, texture
from digital_biopsy.claims.texture import GRAINS, rearranged, uniform
from digital_biopsy.demos import BLUE, GREY, ORANGE, Demo, Question, Select, Slider, Stops
from digital_biopsy.demos._stage import Stage
from digital_biopsy.demos._texture import (
    DIRECTIONS,
    FEATURES,
    LIGHT,
    N_LEVELS,
    SIDE,
    Features,
    Levels,
    draw_matrix,
    features,
    matrices,
    patch,
    short,
    spacing,
    spread_and_likeness,
    three,
    write_value,
)
from digital_biopsy.demos._texture_design import design
from digital_biopsy.demos._texture_pictures import same_voxels, streaks

__all__ = ["design", "grain", "pairs", "same_voxels", "streaks"]

Floats = NDArray[np.floating[Any]]

# Pairs ---------------------------------------------------------------------------------------------------------------
DISTANCES = range(1, 9)
LEVELS = (4, 8, 16, 32)


@dataclass(frozen=True)
class Pairs:
    """The muscle in levels, its matrix at one offset, and the pairs that differ by a step."""

    levels: Levels
    n: int
    offset: tuple[int, int]
    direction: str
    distance: int
    step: int
    P: Floats
    marked: tuple[Floats, Floats]
    total: int
    here: Features
    curves: Mapping[str, tuple[Features, ...]]

    @property
    def n_marked(self) -> int:
        """How many pairs differ by the step."""
        return self.marked[0].size // 3

    @property
    def millimetres(self) -> float:
        """Length of the offset."""
        return float(np.hypot(*self.offset)) * spacing()


@cache
def _muscle(n: int) -> Levels:
    return histogram.discretise_count(patch("back muscle"), n)


@cache
def _curves(n: int) -> Mapping[str, tuple[Features, ...]]:
    return {
        name: tuple(features(texture.glcm(_muscle(n), (rows * d, columns * d), n)) for d in DISTANCES)
        for name, (rows, columns) in DIRECTIONS.items()
    }


def _marked(levels: Levels, offset: tuple[int, int], step: int) -> tuple[tuple[Floats, Floats], int]:
    """Ends of the pairs that differ by a step, as one broken line, and the number of all pairs."""
    rows, columns = np.indices(levels.shape)
    to_row, to_column = rows + offset[0], columns + offset[1]
    inside = (to_row >= 0) & (to_row < levels.shape[0]) & (to_column >= 0) & (to_column < levels.shape[1])
    ends = np.stack([rows, columns, to_row, to_column], axis=-1)[inside]
    gap = np.abs(levels[ends[:, 0], ends[:, 1]] - levels[ends[:, 2], ends[:, 3]])
    chosen = ends[gap == step].astype(float)
    broken = np.full(len(chosen), np.nan)
    x = np.column_stack([chosen[:, 1], chosen[:, 3], broken]).ravel()
    y = np.column_stack([chosen[:, 0], chosen[:, 2], broken]).ravel()
    return (x, y), len(ends)


def _pairs(distance: int, direction: str, n: int, step: int) -> Pairs:
    levels = _muscle(n)
    rows, columns = DIRECTIONS[direction]
    offset = (rows * distance, columns * distance)
    P = texture.glcm(levels, offset, n)
    marked, total = _marked(levels, offset, step)
    return Pairs(levels, n, offset, direction, distance, step, P, marked, total, features(P), _curves(n))


def _pairs_setup(figure: Figure) -> dict[str, Axes]:
    made = three(figure, "feature", FEATURES)
    for name in FEATURES:
        axes = made[name]
        axes.set(xlim=(0.6, 8.4), ylim=(0, 1.08))
        axes.set_yticks([0, 1], ["0", "0.000"])  # the upper one keeps room for what each frame writes there
        axes.get_yticklabels()[1].set_color("white")
        axes.set_xticks(DISTANCES, [str(d) for d in DISTANCES] if name == FEATURES[-1] else [])
    made[FEATURES[-1]].set_xlabel("distance, voxels")
    return made


def _pairs_draw(stage: Stage, shown: Pairs) -> None:
    stage.image("image", shown.levels, vmin=1, vmax=shown.n, interpolation="nearest")
    x, y = shown.marked
    stage.line("image", "under", x, y, color="white", linewidth=3.2, solid_capstyle="round")
    stage.line("image", "pairs", x, y, color=ORANGE, linewidth=1.8, solid_capstyle="round")
    draw_matrix(stage, shown.P, band=shown.step)
    for name in FEATURES:
        curves = {d: np.array([getattr(at, name) for at in shown.curves[d]]) for d in DIRECTIONS}
        top = max(float(values.max()) for values in curves.values())
        stage.note(name, "top", 0.6, 1, short(top, 2), offset=(-6, 0), ha="right", color=GREY, fontsize=8.5)
        for direction, values in curves.items():
            stage.line(name, direction, DISTANCES, values / top, color=LIGHT, linewidth=1.2)
        stage.line(name, "chosen", DISTANCES, curves[shown.direction] / top, color=BLUE, linewidth=2)
        value = getattr(shown.here, name)
        stage.points(name, "here", shown.distance, value / top, size=8)
        write_value(stage, name, value)


def _pairs_words(shown: Pairs) -> str:
    return (
        f"With {shown.n} levels, {shown.direction}, {shown.distance} voxel{'s' * (shown.distance > 1)} apart "
        f"({shown.millimetres:.2f} mm), {shown.n_marked} of {shown.total} pairs differ by "
        f"{shown.step} level{'s' * (shown.step != 1)}; {shown.here.words()}."
    )


TURNED = ("a fifth of it", "the same", "about twice as much", "about five times as much")


def _turned(shown: Pairs) -> str:
    along_a_row = shown.curves["along a row, 0°"][shown.distance - 1].contrast
    ratio = shown.here.contrast / along_a_row
    return TURNED[int(np.argmin(np.abs(np.log(np.array([0.2, 1, 2, 5]) / ratio))))]


pairs = Demo(
    name="pairs",
    title="Who is whose neighbour",
    question=Question(
        "This is the muscle of the back. Its pairs now run along the rows. Turn them to run along the columns: "
        "what happens to the contrast?",
        options=TURNED,
        at={"direction": "along a column, 90°"},
        truth=_turned,
    ),
    controls=[
        Slider("distance", "Distance in voxels", 1, 8, 1, start=1),
        Select("direction", "Direction", list(DIRECTIONS)),
        Stops("n", "Grey levels", LEVELS, start=8),
        Slider("step", "Mark pairs with a level difference of", 0, 6, 1, start=2),
    ],
    compute=_pairs,
    setup=_pairs_setup,
    draw=_pairs_draw,
    describe=_pairs_words,
    size=(780, 330),
    narrow=(430, 1040),
)


# Grain and amplitude -------------------------------------------------------------------------------------------------
MIDDLE = (N_LEVELS + 1) / 2
AMPLITUDES = {0.125: "an eighth", 0.25: "a quarter", 0.5: "half", 1.0: "full"}


@dataclass(frozen=True)
class Grainy:
    """A texture of 32 levels, its mean matrix, and contrast along all grains."""

    levels: Levels
    grain: int
    amplitude: float
    distance: int
    P: Floats
    variance: float
    correlation: float
    contrasts: tuple[float, ...]
    full: tuple[float, ...]

    @property
    def contrast(self) -> float:
        """Of this grain."""
        return self.contrasts[GRAINS.index(self.grain)]


@cache
def _arranged(grain: int) -> Levels:
    return rearranged(uniform(N_LEVELS, SIDE), grain)


def _weaker(amplitude: float) -> Levels:
    """The level that each of the levels becomes."""
    level = np.arange(1, N_LEVELS + 1)
    return np.asarray(np.rint(MIDDLE + amplitude * (level - MIDDLE)), dtype=int)


@cache
def _full_matrix(grain: int, distance: int) -> Floats:
    return np.asarray(np.mean(matrices(_arranged(grain), N_LEVELS, distance), axis=0))


def _mean_matrix(grain: int, amplitude: float, distance: int) -> Floats:
    """Of the weakened texture: the pairs stay who they are, only their levels get new names."""
    renamed = np.zeros((N_LEVELS, N_LEVELS))
    renamed[np.arange(N_LEVELS), _weaker(amplitude) - 1] = 1
    return np.asarray(renamed.T @ _full_matrix(grain, distance) @ renamed)


def _contrasts(amplitude: float, distance: int) -> tuple[float, ...]:
    return tuple(texture.contrast(_mean_matrix(grain, amplitude, distance)) for grain in GRAINS)


def _grainy(grain: int, amplitude: float, distance: int) -> Grainy:
    P = _mean_matrix(grain, amplitude, distance)
    variance, correlation = spread_and_likeness(P)
    levels = _weaker(amplitude)[_arranged(grain) - 1]
    full = _contrasts(1.0, distance)
    return Grainy(
        levels, grain, amplitude, distance, P, variance, correlation, _contrasts(amplitude, distance), full
    )


def _grain_setup(figure: Figure) -> dict[str, Axes]:
    made = three(figure, "curve")
    curve = made["curve"]
    curve.set(xlim=(-0.4, 5.4), ylim=(0.002, 700), yscale="log", xlabel="grain, px", ylabel="contrast")
    curve.set_xticks(range(len(GRAINS)), [str(grain) for grain in GRAINS])
    curve.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
    curve.minorticks_off()
    return made


def _grain_draw(stage: Stage, shown: Grainy) -> None:
    stage.image("image", shown.levels, vmin=1, vmax=N_LEVELS, interpolation="nearest")
    draw_matrix(stage, shown.P)
    places = np.arange(len(GRAINS))
    stage.line("curve", "full", places, shown.full, color=LIGHT, linewidth=2)
    if shown.amplitude < 1:
        stage.note("curve", "label", 0, shown.full[0], "full amplitude", offset=(0, 10), color=GREY)
    stage.line("curve", "all", places, shown.contrasts, color=BLUE, linewidth=2)
    stage.points("curve", "here", GRAINS.index(shown.grain), shown.contrast, size=10)
    likeness = f"{shown.correlation:.3f}"
    formula = f"= 2 × {short(shown.variance)} × (1 − {likeness})".replace("− -", "+ ")
    stage.text(
        "curve",
        "value",
        0.04,
        0.12,
        f"contrast {short(shown.contrast)}",
        coords="axes",
        color=ORANGE,
        fontsize=12,
    )
    stage.text("curve", "formula", 0.04, 0.03, formula, coords="axes")


def _grain_words(shown: Grainy) -> str:
    return (
        f"Grain {shown.grain} px, amplitude {AMPLITUDES[shown.amplitude]}, neighbours {shown.distance} px apart: "
        f"variance {short(shown.variance)}, correlation {shown.correlation:.3f}, contrast {short(shown.contrast)}."
    )


FALLS = ("it rises about fortyfold", "it stays about the same", "it falls to about a fortieth")


def _fall(shown: Grainy) -> str:
    ratio = shown.contrast / shown.contrasts[GRAINS.index(1)]
    return FALLS[int(np.argmin(np.abs(np.log(np.array([40, 1, 1 / 40]) / ratio))))]


grain = Demo(
    name="grain",
    title="Same pixels, other places",
    question=Question(
        "The grain grows from 1 px to 8 px: much coarser. The histogram stays. What does contrast do?",
        options=FALLS,
        at={"grain": 8},
        truth=_fall,
    ),
    controls=[
        Stops("grain", "Grain", GRAINS, start=1, unit="px"),
        Stops("amplitude", "Amplitude", tuple(AMPLITUDES), names=tuple(AMPLITUDES.values()), start=1.0),
        Stops("distance", "Distance", (1, 2, 4, 8, 16), unit="px"),
    ],
    compute=_grainy,
    setup=_grain_setup,
    draw=_grain_draw,
    describe=_grain_words,
    size=(780, 300),
    narrow=(430, 1040),
)
