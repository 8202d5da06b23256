"""The claims of chapter 4: what contrast and energy are said to mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from digital_biopsy import histogram, images, texture
from digital_biopsy.claims._trial import Claim, Measurement, Trial

__all__ = ["BONE", "CONTRAST", "ENERGY", "GRAINS", "contrast", "energy", "feature", "rearranged", "uniform"]

Levels = NDArray[np.integer[Any]]

#: Standard deviations of the Gaussian that smooths white noise, px; 0 is white noise.
GRAINS = (0, 1, 2, 4, 8, 16)
#: Rows and columns of the real slice that show nothing but spongy bone.
BONE = (slice(15, 35), slice(49, 69))
N_LEVELS = 32
SIZE = 512  # px


def rearranged(values: NDArray[Any], grain: float, seed: int = 1) -> NDArray[Any]:
    """The same values in other places, as a noise of this grain orders them: the histogram stays.

    Parameters
    ----------
    values : array
    grain : float
        Standard deviation in px of the Gaussian that smooths white noise; 0 shuffles.
    seed : int
        Of the noise.
    """
    noise = np.random.default_rng(seed).standard_normal(values.shape)
    order = gaussian_filter(noise, grain, mode="wrap").ravel().argsort(kind="stable")
    image = np.empty_like(values)
    image.flat[order] = np.sort(values, axis=None)
    return image


def uniform(n_levels: int, size: int = SIZE) -> Levels:
    """A perfect ramp, dark on the left, in which all levels are equally frequent."""
    row = 1 + np.arange(size) * n_levels // size
    return np.tile(row, (size, 1))


def feature(measure: Callable[[NDArray[Any]], float], levels: Levels, n_levels: int) -> float:
    """A feature at distance 1: of each direction's symmetric matrix, then the mean."""
    offsets = texture.unique_offsets(levels.ndim)
    return float(np.mean([measure(texture.glcm(levels, offset, n_levels)) for offset in offsets]))


@cache
def _bone() -> NDArray[np.float64]:
    return images.real_ct_slice().hu[BONE]


def _at_least(quantity: str, bound: float, measured: float, tolerance: float) -> Measurement:
    """An inequality. What the claim predicts is the value nearest to the measurement that it allows."""
    return Measurement(quantity, max(bound, measured), measured, "", tolerance)


def _at_most(quantity: str, bound: float, measured: float, tolerance: float) -> Measurement:
    return Measurement(quantity, min(bound, measured), measured, "", tolerance)


def _try_contrast() -> list[Measurement]:
    ramp = uniform(N_LEVELS)
    found = {g: feature(texture.contrast, rearranged(ramp, g), N_LEVELS) for g in GRAINS}
    rows = [
        _at_least(
            f"same histogram, grain of {coarse} px (claim: no less than at {fine} px)",
            found[fine],
            found[coarse],
            0.1,
        )
        for fine, coarse in pairwise(GRAINS)
    ]
    weak = rearranged(uniform(N_LEVELS // 2), 4)
    strong = 2 * weak - 1
    ratio = feature(texture.contrast, strong, N_LEVELS) / feature(texture.contrast, weak, N_LEVELS)
    rows.append(
        Measurement(
            "grain of 4 px, amplitude doubled: factor (claim: as coarse as before)", 1.0, ratio, "", 0.1
        )
    )
    bone = histogram.discretise_width(_bone(), 25.0, -1000.0)
    most = int(bone.max())
    shuffled, coarse = (feature(texture.contrast, rearranged(bone, grain), most) for grain in (0, 4))
    rows.append(
        _at_least(
            "voxels of real spongy bone, rearranged with a grain of 4 (claim: no less than shuffled)",
            shuffled,
            coarse,
            0.1,
        )
    )
    return rows


def _try_energy() -> list[Measurement]:
    ramp = uniform(N_LEVELS)
    noise = 1 + (np.random.default_rng(1).random((SIZE, SIZE)) < 0.02)
    checks = 1 + np.indices((SIZE, SIZE)).sum(axis=0) % 2
    disorder = feature(texture.energy, noise, 2)
    order = feature(texture.energy, ramp, N_LEVELS)
    rows = [
        _at_least("perfect ramp of 32 levels (claim: no less than 98/2 noise)", disorder, order, 0.005),
        _at_least(
            "perfect checkerboard (claim: no less than 98/2 noise)",
            disorder,
            feature(texture.energy, checks, 2),
            0.005,
        ),
        _at_most(
            "the ramp's pixels, shuffled (claim: no more than the ramp)",
            order,
            feature(texture.energy, rearranged(ramp, 0), N_LEVELS),
            0.005,
        ),
    ]
    fields = 1 + (np.indices((SIZE, SIZE)) // 2).sum(axis=0) % 2
    rows.append(
        _at_least(
            "perfect checkerboard, fields of 2 px (claim: no less than the same pixels in random blobs)",
            feature(texture.energy, rearranged(fields, 2), 2),
            feature(texture.energy, fields, 2),
            0.005,
        )
    )
    metal = _bone().copy()
    metal[0, 0] = 3000.0
    before, after = (
        feature(texture.energy, histogram.discretise_count(hu, N_LEVELS), N_LEVELS) for hu in (_bone(), metal)
    )
    rows.append(
        _at_most(
            "real spongy bone, 32 bins, one voxel made metal of 3000 HU (claim: no more than before)",
            before,
            after,
            0.005,
        )
    )
    return rows


CONTRAST = Claim(
    id="contrast",
    statement="A high GLCM contrast means large differences between neighbours, and so a coarse texture.",
    condition="“coarse” means far apart in grey, not wide in space",
    experiment=_try_contrast,
)
ENERGY = Claim(
    id="energy",
    statement="A high GLCM energy means an orderly texture.",
    condition="one histogram, and an order whose neighbours are alike or opposite",
    experiment=_try_energy,
)


def contrast() -> Trial:
    """Try the claim of chapter 4 that high contrast means a coarse texture.

    One histogram, six grains: only the places of the pixels change. Then one grain and two amplitudes,
    and the voxels of a real vertebra.

    Examples
    --------
    >>> print(contrast().verdict)
    fails
    """
    return CONTRAST.trial()


def energy() -> Trial:
    """Try the claim of chapter 4 that high energy means an orderly texture.

    Perfect order against noise, order against the same pixels shuffled and in random blobs, and a real
    vertebra before and after one voxel of metal.

    Examples
    --------
    >>> print(energy().verdict)
    fails
    """
    return ENERGY.trial()
