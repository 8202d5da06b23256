"""What a scanner does to the truth: blur, how it is measured, and what it does to texture.

A scanner shows a point as a small spot, its *point spread function* (PSF). Every image is the truth
convolved with it. Seen along one direction the PSF is the *line spread function* (LSF), the derivative of
what the scanner makes of a sharp edge. The magnitude of the LSF's Fourier transform is the *modulation
transfer function* (MTF): the share of a fine pattern's contrast that is left in the image::

    edge profile  --derivative-->  LSF  --|Fourier|-->  MTF  --first 0.5-->  f50

Units, everywhere in this module: lengths in mm, frequencies in cycles/mm, `spacing` in mm in array-axis
order.

Sources: Rossmann, doi:10.1148/93.2.257 (the functions); Samei and others, AAPM TG-233,
doi:10.1002/mp.13763 (edges in CT).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from . import texture
from ._arguments import numbers, require
from ._resolution_edge import edge_profile, gaussian_edge, not_negative, positive, profile

__all__ = [
    "DIRECTIONS",
    "FEATURES",
    "blur",
    "blurred_contrast",
    "direction",
    "edge_profile",
    "gaussian_edge",
    "gaussian_mtf",
    "gaussian_psf",
    "line_spread",
    "mtf",
    "mtf50",
    "sigma_from_mtf50",
]

Floats = NDArray[np.float64]

FEATURES: Final = ("contrast", "homogeneity", "energy")
"""The features of `digital_biopsy.texture.texture_features`, in the order of this chapter's tables."""

DIRECTIONS: Final = ("falls", "stays", "rises")
"""What a feature may do."""


# ---------------------------------------------------------------- a Gaussian scanner


def gaussian_psf(sigma: float, spacing: float | ArrayLike, radius: int) -> Floats:
    """Gaussian point spread function, sampled at the centres of pixels.

    Parameters
    ----------
    sigma : float
        Standard deviation in mm, above zero.
    spacing : float or (float, float)
        Pixel size in mm: one number, or (between rows, between columns).
    radius : int
        Pixels on each side of the middle one, zero or more.

    Returns
    -------
    array, shape (2 radius + 1, 2 radius + 1)
        Its sum is 1, so that blur moves signal and neither makes nor loses any.

    Raises
    ------
    ValueError
        If `sigma` or `spacing` is not above zero, or `radius` is no whole number from zero.

    Examples
    --------
    >>> gaussian_psf(0.5, 0.5, 1).round(3)
    array([[0.075, 0.124, 0.075],
           [0.124, 0.204, 0.124],
           [0.075, 0.124, 0.075]])
    """
    width = float(positive(sigma, "sigma"))
    steps = np.broadcast_to(positive(spacing, "spacing"), (2,))
    reach = float(numbers(radius, "radius"))
    require(
        reach >= 0 and reach == int(reach), f"radius counts pixels: a whole number from 0, not {radius!r}."
    )
    offset = np.arange(-int(reach), int(reach) + 1)
    along = np.exp(-0.5 * np.square(offset * steps[:, None] / width))
    psf = along[0][:, None] * along[1]
    return np.asarray(psf / psf.sum())


def gaussian_mtf(frequency: ArrayLike, sigma: ArrayLike) -> Floats:
    """MTF of a Gaussian PSF: exp(-2 pi^2 sigma^2 f^2).

    Parameters
    ----------
    frequency : float or array
        In cycles/mm.
    sigma : float or array
        Standard deviation of the PSF in mm, zero or more.

    Raises
    ------
    ValueError
        If `sigma` is negative.

    Examples
    --------
    >>> float(gaussian_mtf(0.5, 0.5).round(4))
    0.2912
    """
    f, width = numbers(frequency, "frequency"), not_negative(sigma, "sigma")
    return np.asarray(np.exp(-2.0 * np.square(np.pi * width * f)))[()]


def sigma_from_mtf50(f50: ArrayLike) -> Floats:
    """Width of the Gaussian PSF whose MTF falls to one half at `f50`: sqrt(ln 2 / 2) / (pi f50).

    Parameters
    ----------
    f50 : float or array
        In cycles/mm, above zero. NaN, an MTF that never falls so far, stays NaN.

    Returns
    -------
    float or array
        Standard deviation in mm.

    Raises
    ------
    ValueError
        If a frequency is zero or negative.

    Examples
    --------
    >>> float(sigma_from_mtf50(0.5).round(4))
    0.3748
    """
    half = numbers(f50, "f50")
    require(~(half <= 0), "f50 is a frequency in cycles/mm and must be above zero.")
    return np.asarray(np.sqrt(np.log(2.0) / 2.0) / (np.pi * half))[()]


def blur(image: ArrayLike, sigma: float, spacing: float | ArrayLike) -> Floats:
    """An image as a scanner with a Gaussian PSF shows it.

    Parameters
    ----------
    image : array of any number of axes
        Beyond its border the outermost values go on.
    sigma : float
        Standard deviation of the PSF in mm, the same along all axes; 0 leaves the image as it is.
    spacing : float or one float an axis
        Pixel size in mm.

    Returns
    -------
    float64 array, in the shape of `image`

    Raises
    ------
    ValueError
        If the image is empty or holds NaN or infinities, `sigma` is negative, or `spacing` does not fit.

    Examples
    --------
    >>> blur([0, 0, 9, 0, 0], sigma=0.3, spacing=0.6).round(2)
    array([0.  , 0.96, 7.08, 0.96, 0.  ])
    """
    values = np.atleast_1d(numbers(image, "image"))
    require(values.size > 0, "image is empty: there is nothing to blur.")
    require(
        np.isfinite(values), "image holds NaN or infinite values, and blur would spread them. Replace them."
    )
    width = float(not_negative(sigma, "sigma"))
    steps = positive(spacing, "spacing")
    if steps.shape not in ((), (values.ndim,)):
        raise ValueError(
            f"spacing needs one number, or one for each of the {values.ndim} axes, not {spacing!r}."
        )
    pixels = np.broadcast_to(width / steps, (values.ndim,))
    return np.asarray(gaussian_filter(values, pixels, mode="nearest")) if width else values


# ---------------------------------------------------------------- from an edge to a number


def line_spread(edge: ArrayLike, spacing: float) -> Floats:
    """Line spread function: the derivative of an edge profile, with area 1.

    Parameters
    ----------
    edge : array, shape (n,)
        Values across an edge, two or more, rising or falling.
    spacing : float
        Distance of two values in mm.

    Returns
    -------
    array, shape (n - 1,)
        In 1/mm; each value belongs half way between two of `edge`. Its sum times `spacing` is 1.

    Raises
    ------
    ValueError
        If there are fewer than two values, one is NaN or infinite, or both ends are equal: no edge.

    Examples
    --------
    >>> line_spread([100, 90, 50, 10, 0], spacing=0.5)
    array([0.2, 0.8, 0.8, 0.2])
    """
    values, step = profile(edge, "edge", 2), float(positive(spacing, "spacing"))
    height = values[-1] - values[0]
    require(
        height != 0,
        "edge ends where it began, so there is no step to measure. Cut the profile so that it crosses one edge.",
    )
    return np.asarray(np.diff(values) / (height * step))


def mtf(lsf: ArrayLike, spacing: float) -> tuple[Floats, Floats]:
    """Modulation transfer function: the magnitude of the Fourier transform of an LSF, 1 at frequency 0.

    Parameters
    ----------
    lsf : array, shape (n,)
        Line spread function; its scale and its sign do not matter.
    spacing : float
        Distance of two values in mm.

    Returns
    -------
    frequency : array, shape (n // 2 + 1,)
        In cycles/mm, from 0 in steps of 1 / (n spacing), up to half the sampling rate.
    values : array, shape (n // 2 + 1,)

    Raises
    ------
    ValueError
        If `lsf` is empty or not one-dimensional, a value is NaN or infinite, or its area is zero.

    Examples
    --------
    >>> frequency, values = mtf([1, 2, 1, 0], spacing=0.5)
    >>> frequency, values.round(3)
    (array([0. , 0.5, 1. ]), array([1. , 0.5, 0. ]))
    """
    values, step = profile(lsf, "lsf", 1), float(positive(spacing, "spacing"))
    area = abs(values.sum())
    require(  # rounding leaves a little of an area that is zero
        area > 1e-12 * np.abs(values).sum(),
        "lsf has no area, so nothing can be measured relative to it. Did the edge come back to where it began?",
    )
    frequency = np.fft.rfftfreq(values.size, step).astype(np.float64)
    return frequency, np.asarray(np.abs(np.fft.rfft(values)) / area)


def mtf50(frequency: ArrayLike, values: ArrayLike) -> float:
    """Frequency at which an MTF first falls to one half, on straight lines between its points.

    Parameters
    ----------
    frequency : array, shape (n,)
        In cycles/mm, rising.
    values : array, shape (n,)
        The MTF; the first value is one half or more.

    Returns
    -------
    float
        In cycles/mm; NaN if no value is one half or less.

    Raises
    ------
    ValueError
        If the two differ in length, a value is NaN or infinite, or the frequencies do not rise; or if the
        MTF begins below one half.

    Examples
    --------
    >>> mtf50([0.0, 0.5, 1.0], [1.0, 0.7, 0.3])
    0.75
    """
    f, m = profile(frequency, "frequency", 1), profile(values, "values", 1)
    if f.size != m.size:
        raise ValueError(f"There are {f.size} frequencies for {m.size} values: give one for each.")
    require(np.diff(f) > 0, "frequency must rise from each point to the next. Sort both arrays by it.")
    require(
        m[0] >= 0.5, "values begins below 0.5. An MTF begins at 1: divide it by its value at frequency 0."
    )
    low = np.flatnonzero(m <= 0.5)
    if not low.size:
        return float("nan")
    right = int(low[0])
    if right == 0:
        return float(f[0])
    share = (m[right - 1] - 0.5) / (m[right - 1] - m[right])
    return float(f[right - 1] + share * (f[right] - f[right - 1]))


# ---------------------------------------------------------------- what blur does to texture


def direction(before: float, after: float) -> str:
    """One of `DIRECTIONS`; a change of less than a billionth of the larger value is none.

    >>> direction(2.0, 1.0), direction(1.0, 1.0)
    ('falls', 'stays')
    """
    if abs(after - before) <= 1e-9 * max(abs(before), abs(after)):
        return "stays"
    return "falls" if after < before else "rises"


def blurred_contrast(
    levels: ArrayLike, sigma: float, predicted: Mapping[str, str]
) -> dict[str, tuple[float, float, bool]]:
    """Blur an image of levels, measure its texture before and after, and judge a prediction.

    The blurred image is rounded to whole levels again: bins of fixed width, one level wide.

    Parameters
    ----------
    levels : array of whole numbers, shape (rows, columns) or (slices, rows, columns)
        Levels from 1.
    sigma : float
        Standard deviation of the Gaussian blur in *pixels*, zero or more.
    predicted : dict of str to str
        For each of "contrast", "homogeneity" and "energy": "falls", "stays" or "rises".

    Returns
    -------
    dict of str to (float, float, bool)
        For each feature its value before and after, and whether it did what was predicted.

    Raises
    ------
    ValueError
        If a level is below 1 or not whole, `sigma` is negative, or a prediction is missing or no direction.

    Examples
    --------
    >>> stripes = [[1, 1, 5, 5, 1, 1]] * 4
    >>> told = {"contrast": "falls", "homogeneity": "rises", "energy": "rises"}
    >>> {name: right for name, (_, _, right) in blurred_contrast(stripes, 0.6, told).items()}
    {'contrast': True, 'homogeneity': False, 'energy': False}
    """
    before = numbers(levels, "levels")
    require(before.size > 0, "levels is empty: there is no texture to measure.")
    require(
        (before >= 1) & (before == np.rint(before)),
        "levels must be whole numbers from 1. Discretise the image first.",
    )
    _check_prediction(predicted)
    width = float(not_negative(sigma, "sigma"))
    after = np.rint(gaussian_filter(before, width))
    count = int(before.max(initial=1))
    old, new = (texture.texture_features(image.astype(np.intp), count) for image in (before, after))
    return {
        name: (old[name], new[name], direction(old[name], new[name]) == predicted[name]) for name in FEATURES
    }


def _check_prediction(predicted: Any) -> None:
    if not isinstance(predicted, Mapping) or set(predicted) != set(FEATURES):
        raise ValueError(f"predicted must be a dict with the keys {', '.join(FEATURES)}, not {predicted!r}.")
    for name, word in predicted.items():
        if word not in DIRECTIONS:
            raise ValueError(f"predicted[{name!r}] must be one of {', '.join(DIRECTIONS)}, not {word!r}.")
