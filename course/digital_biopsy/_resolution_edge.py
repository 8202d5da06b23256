"""Edges: of a Gaussian scanner, and slanted ones in images; and how resolution looks at its arguments."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from ._arguments import numbers, require

__all__ = ["edge_profile", "gaussian_edge", "not_negative", "positive", "profile"]

Floats = NDArray[np.float64]


def gaussian_edge(distance: ArrayLike, sigma: float) -> Floats:
    """What a Gaussian PSF makes of a sharp edge from 0 to 1 at distance 0: a smooth S.

    Parameters
    ----------
    distance : float or array
        From the edge in mm, negative on the dark side.
    sigma : float
        Standard deviation of the PSF in mm, zero or more.

    Raises
    ------
    ValueError
        If `sigma` is negative.

    Examples
    --------
    >>> gaussian_edge([-0.5, 0.0, 0.5], 0.5).round(3)
    array([0.159, 0.5  , 0.841])
    """
    x, width = numbers(distance, "distance"), float(not_negative(sigma, "sigma"))
    return np.asarray(ndtr(x / width) if width else np.heaviside(x, 0.5))[()]


def edge_profile(image: ArrayLike, spacing: float | ArrayLike, step: float) -> tuple[Floats, Floats]:
    """Profile across a slanted edge, sampled more finely than the pixels.

    The edge crosses each row at another fraction of a pixel. So the rows together sample the profile
    finely: each pixel is placed by its distance from the line through the rows' steepest points, and
    pixels at like distances are averaged (the method of ISO 12233).

    Parameters
    ----------
    image : array, shape (rows, columns)
        Cut so that one straight edge crosses every row.
    spacing : float or (float, float)
        Pixel size in mm.
    step : float
        Distance of two values of the profile in mm; a quarter of a pixel is usual.

    Returns
    -------
    distance : array, shape (n,)
        From the edge, at a right angle to it, in mm.
    profile : array, shape (n,)
        Mean value at that distance. Where no pixel lies, the neighbours' line.

    Raises
    ------
    ValueError
        If the image has no two rows and three columns, holds NaN, or a row without any step.
    """
    values = numbers(image, "image")
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 3:
        raise ValueError(
            f"image needs two axes, two rows and three columns or more, not shape {values.shape}."
        )
    require(np.isfinite(values), "image holds NaN or infinite values. Cut out a part without them.")
    between_rows, between_columns = np.broadcast_to(positive(spacing, "spacing"), (2,))
    width = float(positive(step, "step"))
    slope = np.square(np.diff(values, axis=1))
    require(slope.sum(axis=1) > 0, "image has a row in which nothing changes. Every row must cross the edge.")
    middle = (np.arange(slope.shape[1]) + 0.5) * between_columns
    crossing = (slope * middle).sum(axis=1) / slope.sum(axis=1)
    down = np.arange(values.shape[0]) * between_rows
    tilt, start = np.polyfit(down, crossing, 1)
    right = np.arange(values.shape[1]) * between_columns
    distance = (right - (start + tilt * down)[:, None]) / np.hypot(1.0, tilt)
    place = np.rint(distance / width).astype(np.intp)
    place -= (first := int(place.min()))
    counts = np.bincount(place.ravel())
    sums = np.bincount(place.ravel(), weights=values.ravel())
    at = np.asarray((np.arange(counts.size) + first) * width, dtype=np.float64)
    filled = counts > 0
    return at, np.asarray(np.interp(at, at[filled], sums[filled] / counts[filled]))


def positive(value: ArrayLike, name: str) -> Floats:
    array = numbers(value, name)
    require((array > 0) & np.isfinite(array), f"{name} must be above zero, in mm, not {value!r}.")
    return array


def not_negative(value: ArrayLike, name: str) -> Floats:
    array = numbers(value, name)
    require((array >= 0) & np.isfinite(array), f"{name} must be zero or more, not {value!r}.")
    return array


def profile(value: ArrayLike, name: str, at_least: int) -> Floats:
    array = numbers(value, name)
    if array.ndim != 1 or array.size < at_least:
        raise ValueError(
            f"{name} must be one row of {at_least} or more numbers, not an array of shape {array.shape}."
        )
    require(np.isfinite(array), f"{name} holds NaN or infinite values. Leave them out or replace them.")
    return array
