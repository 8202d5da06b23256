"""Still pictures of chapter 02, and the regions of the real slice that its demos share."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digital_biopsy import histogram as science
from digital_biopsy import images
from digital_biopsy.demos import BLUE, GREY, ORANGE
from digital_biopsy.demos._controls import with_unit
from digital_biopsy.demos._picture import Picture, bare, panels, picture
from digital_biopsy.demos._stage import Stage

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

AORTA = (91, 6, 13.5)  # column, row and radius in voxels; the slice ends at row 0
BODY = (slice(6, 46), slice(42, 82))  # rows and columns round the body of the vertebra
STARTS = (-1000, -1024)  # HU, where the bins of two hospitals begin
WIDE = 80  # HU


@cache
def real_slice() -> Floats:
    """The real CT slice, in HU."""
    return images.real_ct_slice().hu


def disc(shape: tuple[int, ...], x: int, y: int, radius: float) -> Mask:
    """Voxels whose centre lies in a circle: column, row and radius in voxels."""
    row, column = np.indices(shape)
    return np.asarray((column - x) ** 2 + (row - y) ** 2 <= radius**2)


def aorta_mask(ct: images.Image) -> Mask:
    """The ROI of the chapter: 458 voxels of blood in the aorta of the real slice.

    A bool array in the shape of ``ct.hu``.
    """
    return disc(ct.hu.shape, *AORTA)


def rounded(value: float, digits: int = 1) -> str:
    """A number with a true minus sign, and no minus before zero."""
    return with_unit(f"{round(value, digits) + 0.0:.{digits}f}", "")


def two_reports(ct: images.Image) -> Picture:
    """Show one ROI and the histograms of two hospitals that begin their bins at different values."""
    mask = aorta_mask(ct)
    values = ct.hu[mask]
    reports = [science.binned_moments(values, WIDE, start) for start in STARTS]
    says = [(float(np.sqrt(one["variance"])), one["kurtosis"]) for one in reports]

    def setup(figure: Figure) -> dict[str, Axes]:
        axes = panels(figure, ("slice", "A", "B"), (1, 1, 1))
        bare(axes["slice"], "the region: blood in the aorta")
        for name, start in zip("AB", STARTS, strict=True):
            axes[name].set(xlim=(0, 340), ylim=(0, 640), xlabel="value, HU", ylabel="voxels in a bin")
            axes[name].set_title(
                f"{name}: bins begin at {start} HU".replace("-", "\N{MINUS SIGN}"), loc="left"
            )
        return axes

    def draw(stage: Stage) -> None:
        stage.image("slice", ct.hu, vmin=-160, vmax=440)
        stage.outline("slice", "region", mask, color="#E69F00", linewidth=2)
        for name, start, colour, (sigma, kurtosis) in zip("AB", STARTS, (BLUE, ORANGE), says, strict=True):
            edges = np.arange(start, 400, WIDE)
            edges = edges[edges > -WIDE]
            stage.bars(name, "bins", edges, np.histogram(values, edges)[0], color=colour, alpha=0.75)
            words = f"σ = {sigma:.1f} HU\nkurtosis {kurtosis:.1f}"
            stage.text(name, "says", 0.03, 0.96, words, coords="axes", va="top", fontsize=10.5)

    alt = (
        f"A CT slice with the aorta outlined, and two histograms of its {values.size} voxels with bins of {WIDE} HU. "
        + " ".join(
            f"Hospital {name} begins its bins at {start} HU and finds a standard deviation of {sigma:.1f} HU and "
            f"a kurtosis of {kurtosis:.1f}."
            for name, start, (sigma, kurtosis) in zip("AB", STARTS, says, strict=True)
        )
    )
    return picture((780, 285), setup, draw, alt, narrow=(430, 900))


def shuffled(ct: images.Image) -> Picture:
    """Show the body of a vertebra, the same voxels in random order, and the histogram of both."""
    patch = ct.hu[BODY]
    mixed = np.random.default_rng(2).permutation(patch.ravel()).reshape(patch.shape)

    def setup(figure: Figure) -> dict[str, Axes]:
        axes = panels(figure, ("as scanned", "shuffled", "histogram"), (1, 1, 1.25))
        for name in ("as scanned", "shuffled"):
            bare(axes[name], name)
        axes["histogram"].set(xlabel="value, HU", ylabel="voxels in a bin of 25 HU")
        return axes

    def draw(stage: Stage) -> None:
        for name, data in (("as scanned", patch), ("shuffled", mixed)):
            stage.image(name, data, vmin=-100, vmax=450)
        edges = np.arange(-150, 650, 25)
        stage.bars("histogram", "scanned", edges, np.histogram(patch, edges)[0], color=GREY, alpha=0.45)
        stage.bars(
            "histogram",
            "shuffled",
            edges,
            np.histogram(mixed, edges)[0],
            color=BLUE,
            fill=False,
            linewidth=1.5,
        )

    same = all(
        np.isclose(one, other)
        for one, other in zip(
            science.intensity_statistics(patch).values(),
            science.intensity_statistics(mixed).values(),
            strict=True,
        )
    )
    alt = (
        f"The body of a vertebra, {patch.shape[0]} by {patch.shape[1]} voxels; beside it the same voxels in random "
        f"order, grey noise. Their histograms {'lie exactly on each other' if same else 'differ'}."
    )
    return picture((780, 270), setup, draw, alt, narrow=(430, 960))
