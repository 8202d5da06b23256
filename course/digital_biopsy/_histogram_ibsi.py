"""The first-order features of the IBSI, under the names that the standard gives them.

Four families of the first IBSI chapter (Zwanenburg et al., doi:10.1148/radiol.2020191145; definitions in the
manual, arXiv:1612.07003): intensity-based statistics (UHIW, 18 features), intensity histogram (ZVCW, 23),
local intensity (9ST6, 2) and intensity-volume histogram (P88C). Each function returns a dict whose keys are
the standard's names; `IBSI_CODES` gives the standard's identifier of each. Kurtosis is *excess* here: 0 for
a normal distribution. A standard deviation of 0 makes skewness and excess kurtosis 0, as the manual says.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require

Floats = NDArray[np.float64]

IBSI_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Mean intensity": "Q4LE",
        "Intensity variance": "ECT3",
        "Intensity skewness": "KE2A",
        "(Excess) intensity kurtosis": "IPH6",
        "Median intensity": "Y12H",
        "Minimum intensity": "1GSF",
        "10th intensity percentile": "QG58",
        "90th intensity percentile": "8DWT",
        "Maximum intensity": "84IY",
        "Intensity interquartile range": "SALO",
        "Intensity range": "2OJQ",
        "Intensity-based mean absolute deviation": "4FUA",
        "Intensity-based robust mean absolute deviation": "1128",
        "Intensity-based median absolute deviation": "N72L",
        "Intensity-based coefficient of variation": "7TET",
        "Intensity-based quartile coefficient of dispersion": "9S40",
        "Intensity-based energy": "N8CA",
        "Root mean square intensity": "5ZWQ",
        "Mean discretised intensity": "X6K6",
        "Discretised intensity variance": "CH89",
        "Discretised intensity skewness": "88K1",
        "(Excess) discretised intensity kurtosis": "C3I7",
        "Median discretised intensity": "WIFQ",
        "Minimum discretised intensity": "1PR8",
        "10th discretised intensity percentile": "GPMT",
        "90th discretised intensity percentile": "OZ0C",
        "Maximum discretised intensity": "3NCY",
        "Intensity histogram mode": "AMMC",
        "Discretised intensity interquartile range": "WR0O",
        "Discretised intensity range": "5Z3W",
        "Intensity histogram mean absolute deviation": "D2ZX",
        "Intensity histogram robust mean absolute deviation": "WRZB",
        "Intensity histogram median absolute deviation": "4RNL",
        "Intensity histogram coefficient of variation": "CWYJ",
        "Intensity histogram quartile coefficient of dispersion": "SLWD",
        "Discretised intensity entropy": "TLU2",
        "Discretised intensity uniformity": "BJ5W",
        "Maximum histogram gradient": "12CE",
        "Maximum histogram gradient intensity": "8E6O",
        "Minimum histogram gradient": "VQB3",
        "Minimum histogram gradient intensity": "RHQZ",
        "Local intensity peak": "VJGA",
        "Global intensity peak": "0F91",
        "Volume at intensity fraction 0.10": "BC2M",
        "Volume at intensity fraction 0.90": "BC2M",
        "Intensity at volume fraction 0.10": "GBPN",
        "Intensity at volume fraction 0.90": "GBPN",
        "Volume fraction difference between intensity fractions 0.10 and 0.90": "DDTU",
        "Intensity fraction difference between volume fractions 0.10 and 0.90": "CNV2",
        "Area under the IVH curve": "9CMM",
    }
)
"""The standard's identifier of each feature, by the standard's name."""

#: The sixteen that both distributions have, values and levels: (name of one, name of the other).
SHARED: Final = (
    ("Mean intensity", "Mean discretised intensity"),
    ("Intensity variance", "Discretised intensity variance"),
    ("Intensity skewness", "Discretised intensity skewness"),
    ("(Excess) intensity kurtosis", "(Excess) discretised intensity kurtosis"),
    ("Median intensity", "Median discretised intensity"),
    ("Minimum intensity", "Minimum discretised intensity"),
    ("10th intensity percentile", "10th discretised intensity percentile"),
    ("90th intensity percentile", "90th discretised intensity percentile"),
    ("Maximum intensity", "Maximum discretised intensity"),
    ("Intensity interquartile range", "Discretised intensity interquartile range"),
    ("Intensity range", "Discretised intensity range"),
    ("Intensity-based mean absolute deviation", "Intensity histogram mean absolute deviation"),
    ("Intensity-based robust mean absolute deviation", "Intensity histogram robust mean absolute deviation"),
    ("Intensity-based median absolute deviation", "Intensity histogram median absolute deviation"),
    ("Intensity-based coefficient of variation", "Intensity histogram coefficient of variation"),
    (
        "Intensity-based quartile coefficient of dispersion",
        "Intensity histogram quartile coefficient of dispersion",
    ),
)


def intensity_statistics(values: ArrayLike) -> dict[str, float]:
    """The 18 intensity-based statistics (IBSI family UHIW), of the values as they are.

    Parameters
    ----------
    values : array, any shape
        Values of the ROI's voxels, in their unit (HU); NaN is left out.

    Returns
    -------
    dict of float, by the standard's name
        Percentiles interpolate between values. The coefficient of variation and the quartile coefficient of
        dispersion divide by a mean and by a sum that may be 0, as they may be for HU: they are then NaN, and
        near it without meaning. Of two different values none lies between the percentiles, and the robust mean
        absolute deviation is NaN.

    Raises
    ------
    ValueError
        If no value is left, or one is infinite.

    Examples
    --------
    >>> found = intensity_statistics([1.0, 1.0, 3.0, 3.0])
    >>> found["Mean intensity"], found["Intensity variance"], found["(Excess) intensity kurtosis"]
    (2.0, 1.0, -2.0)
    """
    inside = _inside(values)
    found = {name: value for (name, _), value in zip(SHARED, _shared(inside), strict=True)}
    energy = float((inside**2).sum())
    found["Intensity-based energy"] = energy
    found["Root mean square intensity"] = float(np.sqrt(energy / inside.size))
    return found


def intensity_histogram(levels: ArrayLike, n_levels: int | None = None) -> dict[str, float]:
    """The 23 features of the intensity histogram (IBSI family ZVCW), of discretised values.

    Parameters
    ----------
    levels : array of whole numbers, any shape
        Levels from 1 as `discretise_width` or `discretise_count` makes them; 0 is outside the ROI.
    n_levels : int, optional
        Number of bins; the highest level present if left out. Bins without a voxel take part in the
        histogram's gradient.

    Returns
    -------
    dict of float, by the standard's name
        Entropy in bits. Of several modes the one closest to the mean is taken, then the lower. A histogram
        of a single bin has gradient 0.

    Raises
    ------
    ValueError
        If no voxel is inside, or a level is negative, above `n_levels` or no whole number.

    Examples
    --------
    >>> found = intensity_histogram([1, 1, 2, 4])
    >>> found["Intensity histogram mode"], found["Discretised intensity entropy"]
    (1.0, 1.5)
    """
    array = numbers(levels, "levels").ravel()
    require((array >= 0) & (array == np.floor(array)), "levels are whole numbers from 1; 0 is outside.")
    inside = _inside(array[array > 0])
    count = int(inside.max()) if n_levels is None else whole(n_levels, "n_levels")
    require(inside <= count, f"A level is above n_levels = {count}: discretise with as many bins.")
    found = {name: value for (_, name), value in zip(SHARED, _shared(inside), strict=True)}

    counts = np.bincount(inside.astype(np.int64), minlength=count + 1)[1:]
    level = np.arange(1, count + 1)
    modes = level[counts == counts.max()]
    found["Intensity histogram mode"] = float(
        modes[np.argmin(np.abs(modes - found["Mean discretised intensity"]))]
    )
    p = counts[counts > 0] / inside.size
    found["Discretised intensity entropy"] = float(-(p * np.log2(p)).sum() + 0.0)
    found["Discretised intensity uniformity"] = float((p**2).sum())
    gradient = np.gradient(counts.astype(np.float64)) if count > 1 else np.zeros(1)
    for name, place in (("Maximum", int(gradient.argmax())), ("Minimum", int(gradient.argmin()))):
        found[f"{name} histogram gradient"] = float(gradient[place])
        found[f"{name} histogram gradient intensity"] = float(level[place])
    return found


def local_intensity(image: ArrayLike, mask: ArrayLike, spacing: ArrayLike) -> dict[str, float]:
    """The two local intensity features (IBSI family 9ST6): means over balls of one cubic centimetre.

    Parameters
    ----------
    image : array, any number of axes
        Values of the whole image: a ball reaches beyond the ROI. NaN is left out of a ball's mean.
    mask : bool array, in the shape of `image`
        The ROI.
    spacing : array
        Voxel size in mm, one for each axis.

    Returns
    -------
    dict of float
        ``Local intensity peak``, the mean about the ROI's brightest voxel (of several such voxels the highest
        mean), and ``Global intensity peak``, the highest mean about any voxel of the ROI. A ball holds the
        voxels whose centres lie within 6.2 mm; beyond the image there are none. In two axes it is a disc.

    Raises
    ------
    ValueError
        If the shapes differ, no value is inside the mask, or a spacing is not above zero.
    """
    values = numbers(image, "image")
    region = np.asarray(mask, dtype=bool)
    if region.shape != values.shape:
        raise ValueError(f"image has the shape {values.shape} and mask {region.shape}: they must be equal.")
    step = np.atleast_1d(numbers(spacing, "spacing"))
    if step.shape != (values.ndim,) or not np.all(np.isfinite(step) & (step > 0)):
        raise ValueError(f"spacing needs {values.ndim} numbers above zero, in mm, not {spacing!r}.")
    require(~np.isinf(values), "image must be finite, or NaN where nothing was measured.")
    region = region & ~np.isnan(values)
    require(bool(region.any()), "The mask holds no value: there is no peak.")

    sums, counts = _ball_sums(values, region, step)
    means = sums / counts
    brightest = values[region] == values[region].max()
    return {
        "Local intensity peak": float(means[brightest].max()),
        "Global intensity peak": float(means.max()),
    }


def intensity_volume_histogram(values: ArrayLike, step: float = 1.0) -> dict[str, float]:
    """The features of the intensity-volume histogram (IBSI family P88C) at the fractions 10 % and 90 %.

    The histogram says which share of the volume has at least a given intensity. Intensities run in steps
    from the lowest value to the highest.

    Parameters
    ----------
    values : array, any shape
        Values of the ROI's voxels; NaN is left out. Whole multiples of `step` away from the lowest one, as
        HU in whole numbers are; for others, discretise first and give bin centres.
    step : float
        Distance of two intensities: 1 for CT and for levels.

    Returns
    -------
    dict of float, by the standard's name and the fraction
        ``Volume at intensity fraction x`` is the share of voxels at or above the first intensity that
        lies x of the way from lowest to highest; ``Intensity at volume fraction x`` the lowest intensity that
        at most x of the volume reaches. Where even the highest is reached by more, one step above it, as
        the manual's definition gives. One intensity alone has the fraction 1. ``Area under the IVH curve`` is
        that of volume fraction over intensity fraction, by trapezia; 0 for one intensity alone.

    Raises
    ------
    ValueError
        If no value is left, one is infinite, or `step` does not fit the values.
    """
    inside = _inside(values)
    step = positive(step, "step")
    low = inside.min()
    place = np.rint((inside - low) / step)
    require(
        np.abs((inside - low) / step - place) < 1e-6,
        f"values must lie whole steps of {step:g} apart. Discretise them first, and give the bins' centres.",
    )
    require(place < 2**24, f"step is {step:g}, too small for the range of the values.")
    counts = np.bincount(place.astype(np.int64))
    reached = counts[::-1].cumsum()[::-1] / inside.size
    last = counts.size - 1
    fraction = np.arange(counts.size) / last if last else np.ones(1)

    def volume_at(x: float) -> float:
        return float(reached[np.searchsorted(fraction, x - 1e-12)])

    def intensity_at(x: float) -> float:
        few = np.nonzero(reached <= x + 1e-12)[0]
        return float(low + step * (few[0] if few.size else counts.size))

    volumes, intensities = ({x: at(x) for x in (0.10, 0.90)} for at in (volume_at, intensity_at))
    found = {f"Volume at intensity fraction {x:.2f}": volume for x, volume in volumes.items()}
    found |= {f"Intensity at volume fraction {x:.2f}": value for x, value in intensities.items()}
    found["Volume fraction difference between intensity fractions 0.10 and 0.90"] = (
        volumes[0.1] - volumes[0.9]
    )
    found["Intensity fraction difference between volume fractions 0.10 and 0.90"] = (
        intensities[0.1] - intensities[0.9]
    )
    found["Area under the IVH curve"] = float(np.trapezoid(reached, fraction)) if last else 0.0
    return found


def finite(value: object, name: str) -> float:
    """One finite number."""
    one = np.asarray(value)
    if one.ndim or one.dtype.kind not in "biuf" or not np.isfinite(one):
        raise ValueError(f"{name} must be one finite number, not {value!r}.")
    return float(one)


def positive(value: object, name: str) -> float:
    """One finite number above zero."""
    if not finite(value, name) > 0:
        raise ValueError(f"{name} must be above zero, not {value!r}.")
    return finite(value, name)


def whole(value: object, name: str) -> int:
    """A whole number, 1 or more."""
    one = np.asarray(value)
    if one.ndim or one.dtype.kind not in "iuf" or not 1 <= one < 2**53 or one != np.floor(one):
        raise ValueError(f"{name} must be a whole number, 1 or more, not {value!r}.")
    return int(one)


def _inside(values: ArrayLike) -> Floats:
    """The values that are not NaN, in one row."""
    array = numbers(values, "values").ravel()
    inside = array[~np.isnan(array)]
    require(inside.size > 0, "No voxel is inside the ROI: there is nothing to measure.")
    require(np.isfinite(inside), "values must be finite, or NaN for what lies outside the ROI.")
    return inside


def _shared(x: Floats) -> list[float]:
    """The features of `SHARED`, in its order."""
    low, high = float(x.min()), float(x.max())
    mean = float(x.mean()) if high > low else low
    deviation = x - mean
    variance = float((deviation**2).mean())
    sigma = float(np.sqrt(variance))
    z = deviation / sigma if sigma > 0 else deviation
    p10, p25, median, p75, p90 = (float(value) for value in np.percentile(x, [10, 25, 50, 75, 90]))
    core = x[(x >= p10) & (x <= p90)]
    return [
        mean,
        variance,
        float((z**3).mean()) if sigma > 0 else 0.0,
        float((z**4).mean()) - 3.0 if sigma > 0 else 0.0,
        median,
        low,
        p10,
        p90,
        high,
        p75 - p25,
        high - low,
        float(np.abs(deviation).mean()),
        float(np.abs(core - core.mean()).mean()) if core.size else float("nan"),
        float(np.abs(x - median).mean()),
        sigma / mean if mean else float("nan"),
        (p75 - p25) / (p75 + p25) if p75 + p25 else float("nan"),
    ]


def _ball_sums(values: Floats, region: NDArray[np.bool_], step: Floats) -> tuple[Floats, Floats]:
    """For each voxel of the region: the sum of the values in its ball, and how many there are.

    A ball is a stack of runs along the last axis, and a run's sum is a difference of two cumulative sums.
    """
    radius = (3.0 / (4.0 * np.pi)) ** (1 / 3) * 10.0  # of one cubic centimetre, mm
    reach = [int(radius / size) for size in step]
    box = [
        slice(max(w.min() - r, 0), w.max() + r + 1) for w, r in zip(np.nonzero(region), reach, strict=True)
    ]
    place = [w - part.start for w, part in zip(np.nonzero(region), box, strict=True)]
    known = ~np.isnan(values[tuple(box)])
    middle = values[region].mean()  # sums of small numbers keep their digits
    part = np.where(known, values[tuple(box)] - middle, 0.0)
    runs = [
        np.concatenate([np.zeros((*part.shape[:-1], 1)), np.cumsum(layer, axis=-1)], axis=-1)
        for layer in (part, known.astype(np.float64))
    ]
    sums, counts = np.zeros(place[0].size), np.zeros(place[0].size)
    for shift in product(*(range(-r, r + 1) for r in reach[:-1])):
        left = radius**2 - sum((s * size) ** 2 for s, size in zip(shift, step[:-1], strict=True))
        if left < 0:
            continue
        half = int(np.sqrt(left) / step[-1])
        at = [w + s for w, s in zip(place[:-1], shift, strict=True)]
        there = np.ones(sums.size, dtype=bool)
        for w, size in zip(at, part.shape[:-1], strict=True):
            there &= (w >= 0) & (w < size)
        rows = tuple(w[there] for w in at)
        begin = np.maximum(place[-1][there] - half, 0)
        end = np.minimum(place[-1][there] + half + 1, part.shape[-1])
        for total, run in zip((sums, counts), runs, strict=True):
            total[there] += run[(*rows, end)] - run[(*rows, begin)]
    return sums + middle * counts, counts
