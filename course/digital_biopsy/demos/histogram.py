"""Demos of chapter 02: shapes of histograms, bins, and voxels of metal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import ndtr

from digital_biopsy import histogram as science
from digital_biopsy.demos import BLUE, GREY, ORANGE, Demo, Question, Select, Slider
from digital_biopsy.demos._histogram_pictures import (
    AORTA,
    aorta_mask,
    disc,
    real_slice,
    rounded,
    shuffled,
    two_reports,
)
from digital_biopsy.demos._picture import bare, panels
from digital_biopsy.demos._stage import Stage

__all__ = ["aorta_mask", "bins", "metal", "shapes", "shuffled", "two_reports"]

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

TRUE_SIGMA = 12.0  # HU


# Shapes of histograms ------------------------------------------------------------------------------------------------
TUMOUR = 60.0  # HU
CORES = {"necrosis, 0 HU": 0.0, "calcium, 300 HU": 300.0}
SHARES = range(0, 100, 5)  # per cent
FINE = np.arange(-60.0, 366.0, 6.0)


@dataclass(frozen=True)
class Shape:
    """A tumour with a core, and the moments of its voxels."""

    share: int
    core: float
    image: Floats
    counts: NDArray[np.int64]
    mean: float
    sigma: float
    skewness: float
    kurtosis: float


@cache
def _tumour() -> tuple[Floats, Mask, NDArray[np.intp]]:
    """Noise, the tumour's mask, and its voxels in order of their distance from the middle."""
    size = 64
    mask = disc((size, size), 31, 31, 27)
    row, column = np.nonzero(mask)
    inside_out = np.argsort(np.hypot((row - 29.0) * 1.15, column - 33.0), kind="stable")
    return np.random.default_rng(8).normal(0, TRUE_SIGMA, (size, size)), mask, inside_out


@cache
def _shape(share: int, core: float) -> Shape:
    noise, mask, order = _tumour()
    values = np.full(order.size, TUMOUR)
    values[order[: round(order.size * share / 100)]] = core
    values = values + noise[mask]
    image = np.full(mask.shape, np.nan)
    image[mask] = values
    found = science.moments(values, np.full(values.size, 1 / values.size))
    counts = np.histogram(values, FINE)[0]
    sigma = float(np.sqrt(found["variance"]))
    return Shape(share, core, image, counts, found["mean"], sigma, found["skewness"], found["kurtosis"])


def _shapes_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("tumour", "histogram", "moments"), (0.8, 1.1, 1.1))
    bare(axes["tumour"], "the tumour")
    axes["histogram"].set(
        xlim=(-60, 360), ylim=(0, 480), xlabel="value, HU", ylabel="voxels in a bin of 6 HU"
    )
    moments = axes["moments"]
    moments.axhline(0, color="#D9D9D9", linewidth=1)
    moments.axhline(3, color="#D9D9D9", linewidth=1)
    moments.text(50, 3.1, "normal: 3", color=GREY, ha="center", va="bottom")
    moments.set(xlim=(-3, 98), ylim=(-4.5, 21), xlabel="share of the core, %", ylabel="skewness, kurtosis")
    return axes


def _shapes_draw(stage: Stage, shown: Shape) -> None:
    stage.image("tumour", shown.image, vmin=-80, vmax=160 if shown.core < TUMOUR else 340)
    stage.bars("histogram", "bars", FINE, shown.counts, color=GREY)
    left, right = shown.mean - shown.sigma, shown.mean + shown.sigma
    stage.vline("histogram", "mean", shown.mean, color=ORANGE)
    stage.line("histogram", "sigma", [left, right], [440, 440], color=ORANGE)
    end, gap, side = (left, -5, "right") if shown.mean > 150 else (right, 5, "left")
    stage.note("histogram", "mean says", end, 440, "mean ± σ", offset=(gap, 0), ha=side, color=ORANGE)
    curve = [_shape(share, shown.core) for share in SHARES]
    for name, colour, label in (("kurtosis", BLUE, "kurtosis"), ("skewness", "#333333", "skewness")):
        stage.line(
            "moments", name, list(SHARES), [getattr(one, name) for one in curve], color=colour, linewidth=1.5
        )
        stage.points("moments", f"{name} now", shown.share, getattr(shown, name), color=colour)
        stage.text(
            "moments", f"{name} says", 0.5, {"kurtosis": 0.95, "skewness": 0.85}[name],
            f"{label} {rounded(getattr(shown, name), 2)}", coords="axes", ha="center", va="top", color=colour,
        )  # fmt: skip


def _shapes_words(shown: Shape) -> str:
    kind = next(name for name, hu in CORES.items() if hu == shown.core)
    return (
        f"A tumour of {TUMOUR:.0f} HU whose core ({kind}) fills {shown.share} %: mean {rounded(shown.mean)} HU, "
        f"standard deviation {shown.sigma:.1f} HU, skewness {rounded(shown.skewness, 2)}, "
        f"kurtosis {shown.kurtosis:.2f}."
    )


def _flattest(shown: Shape) -> str:
    asked = [5, 20, 50, 90]
    lowest = min(SHARES, key=lambda share: _shape(share, shown.core).kurtosis)
    return f"{min(asked, key=lambda share: abs(share - lowest))} %"


shapes = Demo(
    name="shapes",
    title="Four numbers for a shape",
    question=Question(
        "A dark core of 0 HU grows in a tumour of 60 HU. At which share of the tumour is the kurtosis lowest?",
        options=["5 %", "20 %", "50 %", "90 %"],
        at={"share": 50},
        truth=_flattest,
    ),
    controls=[
        Slider("share", "Share of the core", 0, 95, 5, start=10, unit="%"),
        Select("core", "The core is", CORES),
    ],
    compute=_shape,
    setup=_shapes_setup,
    draw=_shapes_draw,
    describe=_shapes_words,
    size=(780, 290),
    narrow=(430, 760),
)


# Bins ----------------------------------------------------------------------------------------------------------------
MEAN = 40.0  # HU
WIDTHS = np.linspace(0.25, 10, 79)  # in sigma, for the curves
SHEPPARD_LIMIT = 2 * np.sqrt(3)


@dataclass(frozen=True)
class Binned:
    """A normal tissue in bins of one width, and what becomes of sigma, skewness and kurtosis."""

    width: float
    shift: float
    edges: Floats
    density: Floats
    ratio: float
    skewness: float
    kurtosis: float


def _normal_bins(width: float, shift: float) -> tuple[Floats, Floats]:
    """Edges of bins in units of sigma, and the share of a normal tissue in each; width in sigma."""
    reach = np.ceil(9 / width) + 1
    edges = (np.arange(-reach, reach + 1) + 0.5 + shift) * width
    # On each side from its own tail: differences of numbers near 1 would lose the small shares.
    low = np.where(edges[:-1] > 0, -edges[1:], edges[:-1])
    high = np.where(edges[:-1] > 0, -edges[:-1], edges[1:])
    return edges, np.asarray(ndtr(high) - ndtr(low))


@cache
def _binned(width: float, shift: float) -> Binned:
    edges, p = _normal_bins(width / TRUE_SIGMA, shift)
    found = science.moments((edges[:-1] + edges[1:]) / 2, p / p.sum())
    return Binned(
        width, shift, edges * TRUE_SIGMA + MEAN, p / width, float(np.sqrt(found["variance"])),
        found["skewness"], found["kurtosis"],
    )  # fmt: skip


@cache
def _curves(shift: float) -> tuple[Floats, Floats, Floats]:
    """Sigma's ratio, skewness and kurtosis at each of `WIDTHS`."""
    found = [_binned(float(width) * TRUE_SIGMA, shift) for width in WIDTHS]
    return tuple(np.array([getattr(one, n) for one in found]) for n in ("ratio", "skewness", "kurtosis"))  # type: ignore[return-value]


def _bins_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("histogram", "sigma", "shape"), (1, 1, 1.1))
    histogram, sigma, shape = axes["histogram"], axes["sigma"], axes["shape"]
    x = np.linspace(-80, 160, 241)
    histogram.plot(
        x, np.exp(-(((x - MEAN) / TRUE_SIGMA) ** 2) / 2) / TRUE_SIGMA / np.sqrt(2 * np.pi), color=GREY
    )
    histogram.set(xlim=(-80, 160), ylim=(0, 0.038), xlabel="value, HU", ylabel="share of the voxels, per HU")
    histogram.set_yticks([0, 0.01, 0.02, 0.03], ["0", ".01", ".02", ".03"])
    sigma.axhline(1, color="#D9D9D9", linewidth=1)
    sigma.plot(WIDTHS, np.sqrt(1 + WIDTHS**2 / 12), color=GREY, linewidth=1, linestyle="--")
    sigma.set_xticks(range(0, 11, 2))
    shape.set_xticks(range(0, 11, 2))
    sigma.text(10.2, 1.75, "Sheppard", color=GREY, ha="right", va="bottom")
    sigma.set(xlim=(0, 10.4), ylim=(0, 5.3), xlabel="bin width / σ", ylabel="σ of the histogram / σ")
    shape.set_yscale("symlog", linthresh=1)
    shape.axhline(3, color="#D9D9D9", linewidth=1)
    shape.axhline(0, color="#D9D9D9", linewidth=1)
    shape.set(xlim=(0, 10.4), ylim=(-3e3, 5e6), xlabel="bin width / σ")
    ticks = {-1000: "−1000", -10: "−10", 0: "0", 3: "3", 100: "100", 10_000: "10⁴", 1_000_000: "10⁶"}
    shape.set_yticks(list(ticks), list(ticks.values()))
    shape.minorticks_off()
    return axes


def _bins_draw(stage: Stage, shown: Binned) -> None:
    stage.bars("histogram", "bins", shown.edges, shown.density, color=BLUE, alpha=0.45)
    stage.bars("histogram", "edges", shown.edges, shown.density, color=BLUE, fill=False, linewidth=1)
    at = shown.width / TRUE_SIGMA
    ratio, skewness, kurtosis = _curves(shown.shift)
    stage.line("sigma", "ratio", WIDTHS, ratio, color=BLUE)
    stage.points("sigma", "now", at, shown.ratio, color=ORANGE, size=8)
    stage.text("sigma", "says", 0.04, 0.97, f"σ × {shown.ratio:.2f}", coords="axes", va="top", color=ORANGE)
    stage.line("shape", "kurtosis", WIDTHS, kurtosis, color=BLUE)
    stage.line("shape", "skewness", WIDTHS, skewness, color="#333333", linewidth=1.5)
    stage.points("shape", "now", [at, at], [shown.kurtosis, shown.skewness], color=ORANGE, size=8)
    stage.text(
        "shape", "kurtosis says", 0.04, 0.97, f"kurtosis {_plain(shown.kurtosis)}",
        coords="axes", va="top", color=BLUE,
    )  # fmt: skip
    stage.text(
        "shape", "skewness says", 0.04, 0.87, f"skewness {_plain(shown.skewness)}", coords="axes", va="top"
    )


def _plain(value: float) -> str:
    """Two decimals for small numbers, none for large ones, thousands set apart."""
    return (
        rounded(value, 2)
        if abs(value) < 100
        else f"{value:,.0f}".replace(",", " ").replace("-", "\N{MINUS SIGN}")
    )


def _bins_words(shown: Binned) -> str:
    where = "centred on the mean" if not shown.shift else (
        f"shifted by {rounded(shown.shift)} of a bin from the mean"
    )  # fmt: skip
    return (
        f"Bins of {shown.width:.0f} HU ({shown.width / TRUE_SIGMA:.1f} standard deviations), {where}: the histogram's "
        f"standard deviation is {TRUE_SIGMA * shown.ratio:.2f} HU, {shown.ratio:.3f} of the true one; "
        f"skewness {_plain(shown.skewness)}, kurtosis {_plain(shown.kurtosis)}."
    )


def _sigma_truth(shown: Binned) -> str:
    change = shown.ratio - 1
    return "about the same" if abs(change) < 0.02 else "smaller" if change < 0 else "larger"


bins = Demo(
    name="bins",
    title="A tissue in bins",
    question=Question(
        "A tissue has σ = 12 HU. You put it into bins of 24 HU, one of them centred on the mean. "
        "The σ of the histogram is",
        options=["smaller", "about the same", "larger"],
        at={"width": 24, "shift": 0.0},
        truth=_sigma_truth,
    ),
    controls=[
        Slider("width", "Bin width", 3, 120, 3, start=6, unit="HU"),
        Slider("shift", "Shift of the bins", -0.4, 0.5, 0.1, start=0.0, unit="of a bin"),
    ],
    compute=_binned,
    setup=_bins_setup,
    draw=_bins_draw,
    describe=_bins_words,
    size=(780, 290),
    narrow=(430, 780),
)


# Voxels of metal -----------------------------------------------------------------------------------------------------
METAL = 3000.0  # HU
COUNT = 32
STEP = 16.0  # HU
CROP = (slice(0, 24), slice(74, 109))
METHODS = {"a fixed count: 32 bins": "count", "a fixed width: 16 HU": "width"}
MOST = 8


@dataclass(frozen=True)
class Mixed:
    """The aorta of the real slice with some voxels of metal, discretised."""

    voxels: int
    method: str
    levels: Floats
    first: float
    width: float
    occupied: int
    entropy: float
    kurtosis: float


@cache
def _aorta() -> tuple[Mask, NDArray[np.intp]]:
    """The ROI, and the places of its voxels in a fixed random order: metal comes in that order."""
    mask = disc(real_slice().shape, *AORTA)
    return mask, np.random.default_rng(11).permutation(np.flatnonzero(mask))


@cache
def _mixed(voxels: int, method: str) -> Mixed:
    mask, order = _aorta()
    hu = np.where(mask, real_slice(), np.nan)
    hu.ravel()[order[:voxels]] = METAL
    low, high = float(np.nanmin(hu)), float(np.nanmax(hu))
    if method == "count":
        levels, first, width = science.discretise_count(hu, COUNT), low, (high - low) / COUNT
    else:
        first, width = float(np.floor((low + 1000) / STEP) * STEP - 1000), STEP
        levels = science.discretise_width(hu, STEP, first)
    tissue = levels.ravel()[order[voxels:]]
    return Mixed(
        voxels, method, np.where(mask, levels, np.nan)[CROP], first, width, int(np.unique(tissue).size),
        science.intensity_histogram(levels)["Discretised intensity entropy"],
        science.intensity_statistics(hu)["(Excess) intensity kurtosis"] + 3,
    )  # fmt: skip


def _metal_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("levels", "histogram", "entropy"), (1, 1.1, 1))
    bare(axes["levels"], "levels in the aorta")
    mask, _ = _aorta()
    edges = np.arange(100, 236, 4)
    histogram, entropy = axes["histogram"], axes["entropy"]
    histogram.stairs(np.histogram(real_slice()[mask], edges)[0], edges, color="#BDBDBD", fill=True)
    histogram.set(xlim=(100, 232), ylim=(0, 75), xlabel="value, HU", ylabel="voxels of blood in 4 HU")
    entropy.set(
        xlim=(-0.4, MOST + 0.4), ylim=(0, 5), xlabel="voxels of metal", ylabel="entropy of the levels, bits"
    )
    return axes


def _metal_draw(stage: Stage, shown: Mixed) -> None:
    top = COUNT if shown.method == "count" else 8
    stage.image("levels", shown.levels, cmap="cividis", vmin=1, vmax=top)
    first = np.floor((100 - shown.first) / shown.width)
    edges = shown.first + shown.width * np.arange(first, first + 60)
    edges = edges[(edges > 100) & (edges < 232) & (edges >= shown.first)]
    x, y = np.repeat(edges, 3), np.tile([0.0, 62.0, np.nan], edges.size)
    stage.line("histogram", "edges", x, y, color=BLUE, linewidth=1)
    stage.text(
        "histogram", "says", 0.03, 0.97, f"bins of {shown.width:.1f} HU: {shown.occupied} levels", coords="axes",
        va="top", color=BLUE,
    )  # fmt: skip
    for method, colour, name in (("count", BLUE, "fixed count"), ("width", "#333333", "fixed width")):
        curve = [_mixed(n, method).entropy for n in range(MOST + 1)]
        stage.line("entropy", method, list(range(MOST + 1)), curve, color=colour, linewidth=1.5)
        stage.note(
            "entropy", f"{method} says", MOST, curve[-1], name, offset=(0, 9), ha="right", color=colour
        )
    stage.points("entropy", "now", shown.voxels, shown.entropy, color=ORANGE, size=9)


def _metal_words(shown: Mixed) -> str:
    many = "No voxel" if not shown.voxels else "One voxel" if shown.voxels == 1 else f"{shown.voxels} voxels"
    how = "32 bins from lowest to highest" if shown.method == "count" else "bins of a fixed width"
    return (
        f"{many} of metal among {int(_aorta()[0].sum())}; {how}, each {shown.width:.1f} HU wide: the blood "
        f"occupies {shown.occupied} levels and the entropy is {shown.entropy:.2f} bits. "
        f"The kurtosis of the region before any binning is {shown.kurtosis:.1f}."
    )


def _occupied_truth(shown: Mixed) -> str:
    return min(("30", "15", "7", "2"), key=lambda option: abs(int(option) - shown.occupied))


metal = Demo(
    name="metal",
    title="One voxel of metal",
    question=Question(
        "The blood of the aorta fills 30 of 32 levels. Now one of its 458 voxels becomes metal, of 3000 HU. "
        "How many of the 32 levels do the other 457 voxels fill?",
        options=["30", "15", "7", "2"],
        at={"voxels": 1, "method": "count"},
        truth=_occupied_truth,
    ),
    controls=[
        Slider("voxels", "Voxels of metal", 0, MOST, 1, start=0),
        Select("method", "Discretise with", METHODS),
    ],
    compute=_mixed,
    setup=_metal_setup,
    draw=_metal_draw,
    describe=_metal_words,
    size=(780, 285),
    narrow=(430, 760),
)
