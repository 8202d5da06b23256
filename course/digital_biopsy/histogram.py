"""What a histogram of a region tells: levels, probabilities, moments, and what binning does to them.

A region of interest (ROI) is a set of voxels. Its histogram forgets where they lie and keeps how many
there are of each value. Before counting, values are *discretised*: each becomes the number of a bin, its
*level*. Levels count from 1, as in the IBSI manual; level 0 means outside the ROI, and NaN becomes 0.

Arrays may have any number of axes, any layout in memory and any real type. Widths, offsets and values
share one unit, HU for CT. Kurtosis comes in two conventions, and both are used in the field: `moments`
gives the plain one, 3 for a normal distribution; IBSI's features are *excess* kurtosis, 0 for a normal one.

The features of the standard are made by `intensity_statistics`, `intensity_histogram`, `local_intensity`
and `intensity_volume_histogram`.

Sources: IBSI (Zwanenburg et al.), doi:10.1148/radiol.2020191145, manual arXiv:1612.07003; Sheppard,
doi:10.1112/plms/s1-29.1.353.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require
from ._histogram_ibsi import (
    IBSI_CODES,
    finite,
    intensity_histogram,
    intensity_statistics,
    intensity_volume_histogram,
    local_intensity,
    positive,
    whole,
)

__all__ = [
    "IBSI_CODES",
    "binned_moments",
    "binning_trial",
    "discretise_count",
    "discretise_width",
    "intensity_histogram",
    "intensity_statistics",
    "intensity_volume_histogram",
    "local_intensity",
    "moments",
    "probabilities",
    "sheppard",
    "widest_safe_bin",
]

Floats = NDArray[np.float64]
Levels = NDArray[np.int64]

#: Levels beyond this have no meaning: a float64 cannot count so far.
HIGHEST_LEVEL: Final = 2**53


# ---------------------------------------------------------------- levels


def discretise_width(values: ArrayLike, width: float, minimum: float) -> Levels:
    """Levels of bins of one fixed width: floor((value - minimum) / width) + 1.

    Level 1 begins at `minimum`; each bin holds its lower edge and not its upper one. IBSI calls this
    *fixed bin size* (Q3RU).

    Parameters
    ----------
    values : array, any shape
        NaN marks what lies outside the ROI.
    width : float
        Bin width in the unit of the values, above zero.
    minimum : float
        Where level 1 begins. For CT a number chosen once for all patients, such as -1000 HU.

    Returns
    -------
    int64 array, in the shape of `values`
        Levels from 1; 0 where the value is NaN.

    Raises
    ------
    ValueError
        If `width` is not above zero, `minimum` is not finite, or a value is infinite or below `minimum`.

    Examples
    --------
    >>> discretise_width([-1000, -976, -975, 40], width=25, minimum=-1000)
    array([ 1,  1,  2, 42])
    """
    array = _values(values)
    step, start = positive(width, "width"), finite(minimum, "minimum")
    known = ~np.isnan(array)
    lowest = array[known].min(initial=np.inf)
    if lowest < start:
        raise ValueError(
            f"A value of {lowest:g} lies below the minimum, {start:g}: it would have a level below 1. "
            "Lower the minimum, or take such voxels out of the ROI (set them to NaN)."
        )
    level = np.floor((array - start) / step) + 1.0
    if level[known].max(initial=1.0) > HIGHEST_LEVEL:
        raise ValueError(f"width is {step:g}, too small for the range of the values: take a wider bin.")
    return np.where(known, level, 0.0).astype(np.int64)


def discretise_count(values: ArrayLike, count: int) -> Levels:
    """Levels of a fixed number of bins, spread evenly from the lowest value to the highest.

    The bins' width follows from the values: (maximum - minimum) / count. The maximum itself belongs to the
    last bin. IBSI calls this *fixed bin number* (K15C).

    Parameters
    ----------
    values : array, any shape
        NaN marks what lies outside the ROI.
    count : int
        Number of bins, 1 or more.

    Returns
    -------
    int64 array, in the shape of `values`
        Levels from 1 to `count`, 1 everywhere where all values are equal; 0 where the value is NaN.

    Raises
    ------
    ValueError
        If `count` is no whole number above zero, or a value is infinite.

    Examples
    --------
    >>> discretise_count([0, 1, 2, 3, 4], count=4)
    array([1, 2, 3, 4, 4])
    """
    array = _values(values)
    bins = whole(count, "count")
    known = ~np.isnan(array)
    inside = array[known]
    low, high = (inside.min(), inside.max()) if inside.size else (0.0, 0.0)
    if high == low:
        return known.astype(np.int64)
    # Halved first: the range of two finite numbers may be infinite.
    share = (array / 2 - low / 2) / (high / 2 - low / 2)
    level = np.minimum(np.floor(bins * share) + 1.0, bins)
    return np.where(known, level, 0.0).astype(np.int64)


def probabilities(levels: ArrayLike, n_levels: int) -> Floats:
    """Share of the ROI's voxels at each level: p_k for k = 1 to `n_levels`; the shares sum to 1.

    Parameters
    ----------
    levels : array of whole numbers, any shape
        From 1 to `n_levels`; 0 means outside the ROI and is not counted.
    n_levels : int
        Number of levels, 1 or more.

    Returns
    -------
    float64 array, shape (n_levels,)

    Raises
    ------
    ValueError
        If a level is negative, above `n_levels` or no whole number, or no voxel is inside.

    Examples
    --------
    >>> probabilities([1, 1, 2, 4, 0], n_levels=4)
    array([0.5 , 0.25, 0.  , 0.25])
    """
    bins = whole(n_levels, "n_levels")
    array = numbers(levels, "levels").ravel()
    require(array == np.floor(array), "levels are whole numbers: discretise the values first.")
    require(
        (array >= 0) & (array <= bins),
        f"levels run from 1 to n_levels = {bins} (and 0 outside the ROI). Discretise with as many bins.",
    )
    counts = np.bincount(array.astype(np.int64), minlength=bins + 1)[1:]
    total = counts.sum()
    require(total > 0, "No voxel is inside the ROI: a histogram of nothing has no probabilities.")
    return np.asarray(counts / total)


# ---------------------------------------------------------------- moments


def moments(centers: ArrayLike, p: ArrayLike) -> dict[str, float]:
    """Mean, variance, skewness and kurtosis of a histogram.

    With m_k the mean of (center - mean)^k under `p`: variance = m_2, skewness = m_3 / m_2^(3/2) and
    kurtosis = m_4 / m_2^2, which is 3 for a normal distribution (IBSI's is this minus 3).

    Parameters
    ----------
    centers : array
        The value that stands for each bin, its centre.
    p : array, as many
        Probabilities of the bins: zero or more, summing to 1 (to one part in a million).

    Returns
    -------
    dict
        ``mean``, ``variance``, ``skewness``, ``kurtosis``. Where all weight lies on one value the variance is
        0, and skewness and kurtosis, which divide by it, are NaN.

    Raises
    ------
    ValueError
        If the numbers of centers and probabilities differ, a center is not finite, a probability is
        negative, or the sum is not 1.

    Examples
    --------
    >>> moments([-1.0, 0.0, 1.0], [0.25, 0.5, 0.25])
    {'mean': 0.0, 'variance': 0.5, 'skewness': 0.0, 'kurtosis': 2.0}
    """
    x, weight = numbers(centers, "centers").ravel(), numbers(p, "p").ravel()
    if x.size != weight.size:
        raise ValueError(f"There are {x.size} centers for {weight.size} probabilities: give one for each.")
    require(weight >= 0, "p holds probabilities; none can be negative or NaN.")
    total = float(weight.sum())
    require(abs(total - 1.0) <= 1e-6, f"p must sum to 1; this sums to {total:.6g}. Divide it by its sum.")
    occupied = weight > 0
    x, weight = x[occupied], weight[occupied] / total
    require(np.isfinite(x), "centers must be finite wherever p is above zero.")
    if x.max() == x.min():  # asked of the values: rounding may leave a variance just above zero
        return {"mean": float(x[0]), "variance": 0.0, "skewness": float("nan"), "kurtosis": float("nan")}
    mean = float((weight * x).sum())
    # In units of the largest deviation, so that no power of it overflows or vanishes.
    scale = float(np.abs(x - mean).max())
    z = (x - mean) / scale
    m2, m3, m4 = (float((weight * z**k).sum()) for k in (2, 3, 4))
    return {"mean": mean, "variance": m2 * scale**2, "skewness": m3 / m2**1.5, "kurtosis": m4 / m2**2}


def sheppard(variance: ArrayLike, width: ArrayLike) -> Floats:
    """Variance of the values, estimated from that of their histogram: variance - width^2 / 12.

    Putting every value in the middle of its bin adds, on average over where the bins begin, width^2 / 12 to
    the variance less the scatter of the mean (Sheppard, doi:10.1112/plms/s1-29.1.353). For smooth
    distributions and bins below about two standard deviations that holds wherever the bins begin.

    Parameters
    ----------
    variance : float or array
        Of the histogram, zero or more.
    width : float or array
        Bin width, above zero, in the unit whose square is that of the variance.

    Returns
    -------
    float or array
        NaN where the correction is larger than the variance: the bins are too wide to be corrected.

    Raises
    ------
    ValueError
        If a variance is negative or a width is not above zero.

    Examples
    --------
    >>> float(sheppard(156.0, 12.0))
    144.0
    """
    spread, step = numbers(variance, "variance"), numbers(width, "width")
    require(~(spread < 0), "variance is a mean of squares and cannot be negative.")
    require(step > 0, "width must be above zero.")
    corrected = spread - step**2 / 12.0
    return np.asarray(np.where(corrected >= 0, corrected, np.nan))[()]


# ---------------------------------------------------------------- the experiment


def binned_moments(values: ArrayLike, width: float, offset: float) -> dict[str, float]:
    """`moments` of the histogram of `values` with bins of one width, one of which begins at `offset`.

    Arguments and errors as for `binning_trial`; here the values may be equal.

    Examples
    --------
    >>> binned_moments([0.0, 1.0, 2.0, 3.0], width=2.0, offset=0.0)["variance"]
    1.0
    """
    step, start = positive(width, "width"), finite(offset, "offset")
    array = _values(values)
    bins, counts = np.unique(_bin_numbers(array[~np.isnan(array)], step, start), return_counts=True)
    require(bins.size > 0, "No voxel is inside the ROI: a histogram of nothing has no moments.")
    return moments(start + (bins + 0.5) * step, counts / counts.sum())


def binning_trial(values: ArrayLike, width: float, offset: float) -> float:
    """What binning does to sigma: that of the histogram over that of the values.

    Parameters
    ----------
    values : array, any shape
        NaN is left out.
    width : float
        Bin width, above zero.
    offset : float
        Where one bin begins; the others begin whole widths away, on both sides. Each value is replaced by
        the centre of its bin.

    Returns
    -------
    float
        1 where binning changes nothing, 0 where all values fall into one bin.

    Raises
    ------
    ValueError
        If the width is not above zero, a value is infinite, or the values are all equal or none.

    Examples
    --------
    >>> round(binning_trial([0.0, 1.0, 2.0, 3.0], width=2.0, offset=0.0), 4)
    0.8944
    """
    inside, sigma = _scattered(values)
    return float(
        _bin_numbers(inside, positive(width, "width"), finite(offset, "offset")).std() * width / sigma
    )


def widest_safe_bin(values: ArrayLike, tolerance: float, candidates: ArrayLike, n_offsets: int) -> float:
    """The widest bin that leaves sigma alone, wherever the bins begin.

    A candidate is safe when `binning_trial` stays within 1 - `tolerance` and 1 + `tolerance` for each of
    the offsets 0, w / n, 2 w / n, ... (n - 1) w / n, with w the width and n = `n_offsets`.

    Parameters
    ----------
    values : array, any shape
        NaN is left out.
    tolerance : float
        Largest relative error of sigma, above zero; 0.05 means 5 %.
    candidates : array
        Bin widths to try, in any order, each above zero.
    n_offsets : int
        Number of offsets, 1 or more.

    Returns
    -------
    float
        The largest safe candidate.

    Raises
    ------
    ValueError
        If no candidate is safe, or an argument is not as described.

    Examples
    --------
    >>> values = np.arange(1000) / 100
    >>> widest_safe_bin(values, tolerance=0.02, candidates=[0.5, 1.0, 2.0, 5.0], n_offsets=8)
    1.0
    """
    inside, sigma = _scattered(values)
    steps = whole(n_offsets, "n_offsets")
    allowed = positive(tolerance, "tolerance")
    widths = np.unique(np.atleast_1d(numbers(candidates, "candidates")))
    require(np.isfinite(widths) & (widths > 0), "candidates are bin widths: finite, and above zero.")
    for width in widths[::-1]:
        ratios = (_bin_numbers(inside, width, j * width / steps).std() * width / sigma for j in range(steps))
        if all(abs(ratio - 1.0) <= allowed for ratio in ratios):
            return float(width)
    raise ValueError(
        f"None of the {widths.size} candidates keeps sigma within {allowed:.3g} of 1 for every offset. "
        "Offer narrower bins, or allow more."
    )


def _bin_numbers(values: Floats, width: float, offset: float) -> Floats:
    return np.asarray(np.floor((values - offset) / width))


def _scattered(values: ArrayLike) -> tuple[Floats, float]:
    """The values that are not NaN, and their standard deviation, which is above zero."""
    array = _values(values)
    inside = array[~np.isnan(array)]
    if not inside.size or inside.min() == inside.max():
        raise ValueError(
            "The values must differ: with a standard deviation of 0 there is nothing to compare."
        )
    return inside, float(inside.std())


def _values(values: ArrayLike) -> Floats:
    array = numbers(values, "values")
    require(~np.isinf(array), "values must be finite, or NaN for what lies outside the ROI.")
    return array
