"""Demos of chapter 05: the width of the PSF, blur on trial, and an edge in noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from digital_biopsy import _resolution_kinds as kinds
from digital_biopsy import histogram, images, resolution, texture
from digital_biopsy.demos import BLUE, GREY, ORANGE, Demo, Question, Select, Slider
from digital_biopsy.demos._picture import Picture, bare, panels, picture
from digital_biopsy.demos._resolution_edges import COLUMNS, HIGHEST, PIXEL, across, border, half_way, noise
from digital_biopsy.demos._stage import Stage

__all__ = ["PIXEL", "border", "noise", "psf", "spread", "trial", "two_scanners"]

Floats = NDArray[np.floating[Any]]
PALE = "#BDBDBD"


def capital(text: str) -> str:
    """A capital at the beginning, and the rest as it is."""
    return text[:1].upper() + text[1:]


# Two scanners, one patient -------------------------------------------------------------------------------------------
MUSCLE = (slice(70, 100), slice(76, 124))


def _texture_of(hu: Floats) -> dict[str, float]:
    levels = np.asarray(histogram.discretise_width(hu, kinds.WIDTH_HU, kinds.LOWEST_HU))
    return texture.texture_features(levels, int(levels.max()))


def two_scanners(ct: images.Image, sigma: float = 0.5) -> Picture:
    """Show the real slice as it is and as a softer scanner shows it, with the texture of the same muscle."""
    shown = {"as scanned": ct.hu, f"blurred, σ = {sigma:g} mm": resolution.blur(ct.hu, sigma, ct.spacing)}
    values = [_texture_of(hu[MUSCLE])["contrast"] for hu in shown.values()]
    rows, columns = MUSCLE

    def setup(figure: Figure) -> dict[str, Axes]:
        axes = figure.subplots(1, 2)
        return {name: bare(ax, name) for ax, name in zip(axes, shown, strict=True)}

    def draw(stage: Stage) -> None:
        for (name, hu), value in zip(shown.items(), values, strict=True):
            stage.image(name, hu, vmin=-160, vmax=340)
            stage.rectangle(
                name,
                "muscle",
                columns.start - 0.5,
                rows.start - 0.5,
                48,
                30,
                edgecolor="#E69F00",
                linewidth=2,
            )
            stage.text(
                name, "contrast", 100, 114, f"contrast {value:.1f}", color="#E69F00", ha="center", fontsize=12
            )

    alt = (
        "The same CT slice twice, with a frame on a muscle beside the spine. As scanned its GLCM contrast is "
        f"{values[0]:.1f}; blurred with σ = {sigma:g} mm it is {values[1]:.1f}."
    )
    return picture((540, 290), setup, draw, alt)


# The width of the PSF ------------------------------------------------------------------------------------------------
EDGE_ROWS, TISSUE_ROWS = 22, 42


@dataclass(frozen=True)
class Scanned:
    """A test object as a scanner with a Gaussian PSF shows it."""

    sigma: float
    image: Floats
    lsf: Floats
    profile: Floats
    frequency: Floats
    mtf: Floats
    mtf50: float
    before: Mapping[str, float]
    after: Mapping[str, float]


@cache
def _tissue() -> Floats:
    """Tissue of 50 HU with a fine grain, a little larger than is shown."""
    grain = gaussian_filter(np.random.default_rng(3).normal(size=(TISSUE_ROWS + 40, COLUMNS + 40)), 0.8)
    return np.asarray(50.0 + 40.0 * grain / grain.std())


def _scanned(sigma: float) -> Scanned:
    edge = 100.0 * resolution.gaussian_edge(across(), sigma)
    inner = (slice(20, -20), slice(20, -20))
    sharp, soft = _tissue()[inner], resolution.blur(_tissue(), sigma, PIXEL)[inner]
    lsf = resolution.line_spread(edge, PIXEL)
    f, values = resolution.mtf(lsf, PIXEL)
    return Scanned(
        sigma, np.vstack([np.tile(edge, (EDGE_ROWS, 1)), soft]), lsf, edge, f, values, resolution.mtf50(f, values),
        _texture_of(sharp), _texture_of(soft),
    )  # fmt: skip


def _psf_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("image", "edge", "mtf"), (1, 1.05, 1.1))
    # Four empty lines below the image keep the place of the features.
    axes["image"].set(xticks=[], yticks=[], xlabel="\n\n\n\n")
    axes["image"].spines[:].set_visible(False)
    axes["image"].set_title("edge (top) and tissue", loc="left", pad=5)
    axes["edge"].set(xlim=(-5, 5), ylim=(-6, 112), xlabel="distance from the edge, mm", ylabel="value, HU")
    axes["edge"].plot([-5, 0, 0, 5], [0, 0, 100, 100], color=PALE, linewidth=1.5)
    axes["edge"].text(0.15, 3, "truth", color=GREY, ha="left")
    axes["mtf"].set(xlim=(0, HIGHEST), ylim=(0, 1.05), xlabel="frequency, cycles/mm", ylabel="MTF")
    axes["mtf"].axhline(0.5, color=PALE, linewidth=1, linestyle="--")
    return axes


def _psf_draw(stage: Stage, seen: Scanned) -> None:
    stage.image("image", seen.image, vmin=-70, vmax=170)
    stage.line("image", "row", [0, COLUMNS - 1], [EDGE_ROWS / 2] * 2, color=ORANGE, linewidth=1.5)
    stage.rectangle(
        "image",
        "tissue",
        0.2,
        EDGE_ROWS + 0.2,
        COLUMNS - 1.4,
        TISSUE_ROWS - 1.4,
        edgecolor="#56B4E9",
        linewidth=2,
    )
    bottom = EDGE_ROWS + TISSUE_ROWS - 0.5
    stage.note("image", "head", -0.5, bottom, "texture of the tissue", offset=(0, -11), color=BLUE)
    for row, name in enumerate(resolution.FEATURES):
        down = -26 - 13.5 * row
        stage.note("image", name, -0.5, bottom, name, offset=(0, down))
        stage.note(
            "image", f"{name} value", COLUMNS - 0.5, bottom,
            f"{kinds.told(name, seen.before[name])} → {kinds.told(name, seen.after[name])}",
            offset=(0, down), ha="right",
        )  # fmt: skip
    stage.line("edge", "profile", across(), seen.profile, color=ORANGE)
    stage.line("mtf", "mtf", seen.frequency, seen.mtf, color=ORANGE)
    stage.vline("mtf", "half", seen.mtf50, color=GREY, linewidth=1, linestyle="--")
    stage.points("mtf", "f50", seen.mtf50, 0.5, color=ORANGE)
    stage.note("mtf", "f50 says", seen.mtf50, 0.5, f"{seen.mtf50:.2f} cycles/mm", offset=(8, 9))


def _psf_words(seen: Scanned) -> str:
    changes = ", ".join(
        f"{n} {kinds.told(n, seen.before[n])} to {kinds.told(n, seen.after[n])}" for n in resolution.FEATURES
    )
    return (
        f"With a PSF of σ = {seen.sigma:.1f} mm the MTF {half_way(seen.mtf50)}; "
        f"the tissue's texture goes from {changes}."
    )


LEFT = {"nearly all of it": 0.9, "about half": 0.5, "about an eighth": 0.125, "a hundredth": 0.01}


def _left(seen: Scanned) -> str:
    share = seen.after["contrast"] / seen.before["contrast"]
    return min(LEFT, key=lambda option: abs(np.log(share / LEFT[option])))


psf = Demo(
    name="psf",
    title="One spot, three views",
    question=Question(
        "The tissue has a fine grain. A scanner with σ = 0.6 mm looks at it, and its edges still look fairly sharp. "
        "How much of the tissue's GLCM contrast is left?",
        options=list(LEFT),
        at={"sigma": 0.6},
        truth=_left,
    ),
    # An edge sharper than a pixel would be sampled too coarsely for its MTF to mean anything.
    controls=[Slider("sigma", "Width of the PSF, σ", 0.4, 2.0, 0.2, start=0.4, unit="mm")],
    compute=_scanned,
    setup=_psf_setup,
    draw=_psf_draw,
    describe=_psf_words,
    size=(780, 330),
    narrow=(430, 880),
)


# Blur on trial -------------------------------------------------------------------------------------------------------
SIGMAS = tuple(0.5 * i for i in range(9))
STYLES = {"contrast": (ORANGE, "-"), "homogeneity": (BLUE, "-"), "energy": (GREY, "--")}


@dataclass(frozen=True)
class Tried:
    """One kind of image before and after blur, and its features at every blur."""

    kind: str
    bins: kinds.Bins
    sigma: float
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    curves: Mapping[str, Floats]
    bin_hu: float

    def pair(self, name: str) -> tuple[float, float]:
        """A feature before, and at this blur."""
        return float(self.curves[name][0]), float(self.curves[name][SIGMAS.index(self.sigma)])


@cache
def _curves(kind: str, bins: kinds.Bins) -> dict[str, Floats]:
    found = [kinds.features(kind, sigma, bins) for sigma in SIGMAS]
    return {name: np.array([values[name] for values in found]) for name in resolution.FEATURES}


def _tried(kind: str, bins: kinds.Bins, sigma: float) -> Tried:
    sharp, soft = (kinds.kind(kind).blurred(s) for s in (0.0, sigma))
    bin_hu = kinds.WIDTH_HU if bins == "width" else float(np.ptp(soft)) / kinds.COUNT
    before, after = kinds.levels(sharp, bins), kinds.levels(soft, bins)
    return Tried(kind, bins, sigma, before, after, _curves(kind, bins), bin_hu)


def change(ratio: float | Floats) -> Floats:
    """A ratio as a share of the larger value: halved is -0.5, doubled is 0.5, and all of it is within 1.

    >>> change(np.array([0.5, 1.0, 2.0])).tolist()
    [-0.5, 0.0, 0.5]
    """
    r = np.asarray(ratio, dtype=float)
    return np.asarray((r - 1) / np.maximum(r, 1))


def _trial_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("before", "after", "curves"), (1, 1, 1.55))
    for name, title in (("before", "grey levels before"), ("after", "and after")):
        bare(axes[name], title).set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes["curves"].set(
        xlim=(0, 5.9),
        ylim=(-1.12, 1.05),
        xlabel="blur σ, pixels",
        ylabel="feature, after / before",
    )
    axes["curves"].set_xticks(range(5))
    axes["curves"].set_yticks([-0.9, -0.5, 0, 0.5, 0.9], ["÷ 10", "÷ 2", "same", "× 2", "× 10"])
    axes["curves"].axhline(0, xmax=SIGMAS[-1] / 5.9, color=PALE, linewidth=1)
    return axes


def spread(values: Mapping[str, float], gap: float) -> dict[str, float]:
    """Move labels apart: in their order, at least a ``gap`` from one to the next, as near as may be.

    >>> spread({"a": 1.0, "b": 1.1}, 0.5)
    {'a': 0.8, 'b': 1.3}
    """
    names = sorted(values, key=lambda name: values[name])
    at = [values[name] for name in names]
    for _ in range(50):
        for i in range(len(at) - 1):
            lacking = gap - (at[i + 1] - at[i])
            if lacking > 1e-12:
                at[i] -= lacking / 2
                at[i + 1] += lacking / 2
    return {name: round(place, 9) for name, place in zip(names, at, strict=True)}


def _trial_draw(stage: Stage, tried: Tried) -> None:
    top = int(tried.before.max())
    for name, levels in (("before", tried.before), ("after", tried.after)):
        height, width = (size / max(levels.shape) for size in levels.shape)
        frame = (0.0, width, 1 - height, 1.0)  # the kinds differ in shape: each fills the width
        stage.image(name, levels, cmap="cividis", vmin=1, vmax=top, extent=frame, interpolation="nearest")
    stage.vline("curves", "sigma", tried.sigma, color="#333333", linewidth=1)
    ends = {}
    for name, (colour, dash) in STYLES.items():
        changed = change(tried.curves[name] / tried.curves[name][0])
        ends[name] = float(changed[-1])
        stage.line("curves", name, SIGMAS, changed, color=colour, linestyle=dash)
        stage.points(
            "curves", f"{name} now", tried.sigma, changed[SIGMAS.index(tried.sigma)], color=colour, size=7
        )
    for name, place in spread(ends, 0.2).items():
        stage.note("curves", f"{name} label", SIGMAS[-1], place, name, color=STYLES[name][0])


def _moved(tried: Tried, name: str) -> str:
    before, after = tried.pair(name)
    return f"{name} {kinds.told(name, before)} to {kinds.told(name, after)} ({resolution.direction(before, after)})"


def _trial_words(tried: Tried) -> str:
    how = f"bins of {kinds.WIDTH_HU:.0f} HU" if tried.bins == "width" else f"{kinds.COUNT} bins"
    changes = ", ".join(_moved(tried, name) for name in resolution.FEATURES)
    return f"{capital(kinds.KINDS[tried.kind])}, {how}, blurred by σ = {tried.sigma:.1f} pixels: {changes}."


trial = Demo(
    name="blur-trial",
    title="Does blur do what textbooks say?",
    question=Question(
        "Four flat patches meet at sharp borders. They are blurred by σ = 1 pixel; the bins keep their width. "
        "What does homogeneity, the likeness of neighbours, do?",
        options=["it rises", "it stays", "it falls"],
        at={"kind": "classes", "bins": "width", "sigma": 1.0},
        truth=lambda tried: f"it {resolution.direction(*tried.pair('homogeneity'))}",
    ),
    controls=[
        Select("kind", "Image", {capital(name): key for key, name in kinds.KINDS.items()}),
        Select(
            "bins", "Grey levels", {"bins of 16 HU (fixed width)": "width", "32 bins (fixed count)": "count"}
        ),
        Slider("sigma", "Blur σ", SIGMAS[0], SIGMAS[-1], 0.5, start=0.0, unit="pixels"),
    ],
    compute=_tried,
    setup=_trial_setup,
    draw=_trial_draw,
    describe=_trial_words,
    size=(780, 275),
    narrow=(430, 860),
)
