"""The demo in which the learner makes a texture: a histogram, an arrangement, a size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digital_biopsy import histogram
from digital_biopsy.claims.texture import rearranged
from digital_biopsy.demos import BLUE, GREY, Demo, Question, Select, Stops
from digital_biopsy.demos._stage import Stage
from digital_biopsy.demos._texture import (
    FEATURES,
    LIGHT,
    N_LEVELS,
    SIDE,
    Features,
    Levels,
    draw_matrix,
    matrices,
    mean_features,
    patch,
    short,
    spread_and_likeness,
    three,
    write_value,
)

Floats = NDArray[np.floating[Any]]

RAMP, CHECKS, SHUFFLED = "ramp", "checkerboard", "shuffled"
ARRANGEMENTS = (SHUFFLED, "blobs", "stripes", CHECKS, RAMP)
EQUAL, HALVES, RARE, REAL = (
    "32 levels, equally often",
    "black and white, half and half",
    "black and white, 98 to 2",
    "32 levels of real spongy bone",
)
HISTOGRAMS = (EQUAL, HALVES, RARE, REAL)
SHORT = {EQUAL: "32 equal", HALVES: "half", RARE: "98 to 2", REAL: "bone"}
ANSWERS = {"a perfect ramp": (EQUAL, RAMP), "a perfect checkerboard": (HALVES, CHECKS),
           "noise, 98 % black and 2 % white": (RARE, SHUFFLED)}  # fmt: skip


@dataclass(frozen=True)
class Designed:
    """A texture made to order, and what histogram alone allows."""

    levels: Levels
    histogram: str
    arrangement: str
    size: int
    P: Floats
    here: Features
    likeness: float
    strangers: float
    range: tuple[float, float]


@cache
def _values(kind: str) -> Levels:
    """The pixels of a histogram, in rising order."""
    count = SIDE * SIDE
    if kind == EQUAL:
        return 1 + np.arange(count) * N_LEVELS // count
    if kind == REAL:
        levels = histogram.discretise_count(patch("spongy bone"), N_LEVELS)
        return np.sort(levels, axis=None)[np.arange(count) * levels.size // count]
    white = count // 2 if kind == HALVES else round(0.02 * count)
    return np.where(np.arange(count) < count - white, 1, N_LEVELS)


@cache
def _order(arrangement: str, size: int) -> NDArray[np.intp]:
    """The places of the pixels, from the darkest to the brightest."""
    rows, columns = np.indices((SIDE, SIDE)) // size
    if arrangement == "blobs":
        places = rearranged(np.arange(SIDE * SIDE).reshape(SIDE, SIDE), size)
        return np.argsort(places, axis=None)
    key: NDArray[Any]
    if arrangement == SHUFFLED:
        key = np.random.default_rng(2).random((SIDE, SIDE))[rows, columns]
    elif arrangement == "stripes":
        key = columns * (np.sqrt(5) - 1) / 2 % 1  # each stripe far from the last, all levels alike
    elif arrangement == CHECKS:
        key = (rows + columns) % 2
    else:
        key = np.indices((SIDE, SIDE))[1]
    return np.argsort(key, axis=None, kind="stable")


@cache
def _recipe(kind: str, arrangement: str, size: int) -> tuple[Levels, Floats, Features]:
    flat = np.empty(SIDE * SIDE, dtype=int)
    flat[_order(arrangement, size)] = _values(kind)
    levels = flat.reshape(SIDE, SIDE)
    found = matrices(levels, N_LEVELS)
    return levels, np.asarray(np.mean(found, axis=0)), mean_features(found)


def _bounds(kind: str) -> tuple[float, float]:
    """Energy of a histogram's pixels where neighbours are strangers, and where they are equal."""
    squares = float((histogram.probabilities(_values(kind), N_LEVELS) ** 2).sum())
    return squares**2, squares


def _designed(kind: str, arrangement: str, size: int) -> Designed:
    levels, P, here = _recipe(kind, arrangement, size)
    variance, likeness = spread_and_likeness(P)
    return Designed(levels, kind, arrangement, size, P, here, likeness, 2 * variance, _bounds(kind))


def _design_setup(figure: Figure) -> dict[str, Axes]:
    made = three(figure, "feature", FEATURES)
    looks: dict[str, tuple[dict[str, Any], tuple[float, float], tuple[float, ...]]] = {
        "contrast": ({"value": "symlog", "linthresh": 1}, (-0.05, 2000), (0, 1, 10, 100, 1000)),
        "energy": ({"value": "log"}, (0.0006, 1.3), (0.001, 0.01, 0.1, 1)),
        "homogeneity": ({"value": "linear"}, (0, 1.03), (0, 0.5, 1)),
    }
    for name, (scale, limits, ticks) in looks.items():
        axes = made[name]
        axes.set_xscale(**scale)
        axes.set(xlim=limits, ylim=(0, 1))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_yticks([])
        axes.minorticks_off()
        axes.spines["left"].set_visible(False)
    return made


def _design_draw(stage: Stage, shown: Designed) -> None:
    stage.image("image", shown.levels, vmin=1, vmax=N_LEVELS, interpolation="nearest")
    draw_matrix(stage, shown.P)
    for row, kind in enumerate(HISTOGRAMS):
        low, high = _bounds(kind)
        colour = BLUE if kind == shown.histogram else LIGHT
        bottom = 0.76 - 0.23 * row
        stage.rectangle("energy", kind, low, bottom, high - low, 0.17, edgecolor=colour, facecolor=colour)
        left = high > 0.1  # beside the bar, where there is room
        stage.note(
            "energy",
            f"{kind} name",
            low if left else high,
            bottom + 0.085,
            SHORT[kind],
            offset=(-7, 0) if left else (7, 0),
            ha="right" if left else "left",
            va="center",
            color=BLUE if kind == shown.histogram else GREY,
            fontsize=8.5,
        )
        if kind == shown.histogram:
            stage.points("energy", "here", shown.here.energy, bottom + 0.085, size=10)
    stage.line("contrast", "strangers", [shown.strangers] * 2, [0, 0.68], color=BLUE, linewidth=2)
    stage.note(
        "contrast", "2 var", shown.strangers, 0.82, "strangers", offset=(0, 0), ha="center", color=BLUE
    )
    for name in FEATURES:
        value = getattr(shown.here, name)
        if name != "energy":
            stage.points(name, "here", value, 0.35, size=10)
        write_value(stage, name, value)


def _design_words(shown: Designed) -> str:
    size = "" if shown.arrangement == RAMP else f" in pieces of {shown.size} px"
    low, high = shown.range
    return (
        f"{shown.histogram[0].upper()}{shown.histogram[1:]}, {shown.arrangement}{size}: {shown.here.words()}. "
        f"Strangers would have an energy of {short(low)}, equal neighbours {short(high)}."
    )


def _most_energy(_: Designed) -> str:
    found = {name: _recipe(*recipe, 1)[2].energy for name, recipe in ANSWERS.items()}
    return max(found, key=lambda name: found[name])


design = Demo(
    name="design",
    title="Design a texture",
    question=Question(
        "Which image has the highest energy?",
        options=list(ANSWERS),
        at={"kind": RARE, "arrangement": SHUFFLED},
        truth=_most_energy,
    ),
    controls=[
        Select("kind", "Histogram", HISTOGRAMS),
        Select("arrangement", "Arrangement", ARRANGEMENTS, start="blobs"),
        Stops("size", "Size of the pieces", (1, 2, 4, 8, 16), start=1, unit="px"),
    ],
    compute=_designed,
    setup=_design_setup,
    draw=_design_draw,
    describe=_design_words,
    size=(780, 310),
    narrow=(430, 1040),
)
