"""Texture: who is whose neighbour. The grey-level co-occurrence matrix and what is read from it.

A histogram forgets where its voxels lie. The grey-level co-occurrence matrix (GLCM) keeps one step more:
its entry [i-1, j-1] says how often a voxel of level i has a voxel of level j at a fixed offset. Divided by
its sum it is a joint probability P(i, j), and every feature is a sum over it.

`levels`, everywhere in this module, is an image (2-D, axes y, x) or a volume (3-D, axes z, y, x) of whole
numbers: 1 to `n_levels` inside the ROI, 0 outside. Offsets and distances count voxels along the array's
axes; voxels that are not cubes are resampled first. Features have no unit: they are made of level numbers.

Sources: Haralick, Shanmugam and Dinstein, doi:10.1109/TSMC.1973.4309314 (the matrix); the image biomarker
standardisation initiative (IBSI), doi:10.1148/radiol.2020191145 (names, definitions, the four-character
codes in this module, and the reference values that the tests compare with).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require
from ._glcm import (
    AGGREGATIONS,
    MOST_LEVELS,
    aggregated_counts,
    checked_levels,
    checked_offset,
    count_one,
    count_pairs,
    half_of_directions,
    whole_number,
)
from ._glcm_features import GLCM_FEATURES, measured

__all__ = [
    "AGGREGATIONS",
    "GLCM_FEATURES",
    "contrast",
    "contrast_from_statistics",
    "correlation",
    "energy",
    "glcm",
    "glcm_counts",
    "glcm_features",
    "homogeneity",
    "joint_variance",
    "matrix_features",
    "texture_features",
    "unique_offsets",
]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


# ---------------------------------------------------------------- the matrix


def unique_offsets(ndim: int, distance: int = 1) -> list[tuple[int, ...]]:
    """The directions of a grid, one of each opposite pair: 4 in an image, 13 in a volume.

    An offset and its opposite see the same pairs from their two ends, so one of them is enough. Kept is
    the one whose first number other than zero is positive.

    Parameters
    ----------
    ndim : int
        Number of axes, 1 or more: 2 for an image, 3 for a volume.
    distance : int
        In voxels along each axis that takes part (Chebyshev distance), 1 or more. Every direction is
        multiplied by it.

    Returns
    -------
    list of tuples of int
        In rising order.

    Raises
    ------
    ValueError
        If `ndim` or `distance` is not a whole number of 1 or more.

    Examples
    --------
    >>> unique_offsets(2)
    [(0, 1), (1, -1), (1, 0), (1, 1)]
    >>> len(unique_offsets(3, distance=2))
    13
    """
    return half_of_directions(whole_number(ndim, "ndim", 1), whole_number(distance, "distance", 1))


def glcm_counts(levels: ArrayLike, offset: Sequence[int], n_levels: int) -> Counts:
    """How often level i has level j as its neighbour at `offset`, counted one way.

    Parameters
    ----------
    levels : array of whole numbers, 2-D or 3-D
        1 to `n_levels` inside the ROI, 0 outside. Pairs with an end outside the ROI or the image do not
        count.
    offset : sequence of int
        From a voxel to its neighbour, one step for each axis. It may be longer than the image: then
        there is no pair, and all counts are 0.
    n_levels : int
        Number of levels, 1 to 10 000. Levels that do not occur have a row and a column of zeros.

    Returns
    -------
    array of int64, shape (n_levels, n_levels)
        Entry [i-1, j-1] is the number of positions p with level i at p and level j at p + `offset`.

    Raises
    ------
    ValueError
        If `levels` is not 2-D or 3-D, holds NaN, decimals or numbers outside 0 to `n_levels`; if
        `offset` does not have one whole number for each axis, or is zero.

    Examples
    --------
    >>> glcm_counts([[1, 1, 2], [1, 2, 2]], (0, 1), 2)
    array([[1, 2],
           [0, 1]])
    """
    image, n = _image(levels, n_levels)
    return count_one(image, checked_offset(offset, image.ndim), n)


def glcm(levels: ArrayLike, offset: Sequence[int], n_levels: int, symmetric: bool = True) -> Floats:
    """The co-occurrence matrix as joint probabilities P(i, j): `glcm_counts` over its sum.

    Parameters
    ----------
    levels, offset, n_levels
        As for `glcm_counts`.
    symmetric : bool
        Count each pair from both ends, as IBSI does: the counts and their transpose are added.

    Returns
    -------
    array of float64, shape (n_levels, n_levels)
        The entries sum to 1.

    Raises
    ------
    ValueError
        As for `glcm_counts`, and if there is no pair: the ROI is empty, or narrower than the offset.

    Examples
    --------
    >>> glcm([[1, 1, 2], [1, 2, 2]], (0, 1), 2)
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    counts = glcm_counts(levels, offset, n_levels)
    if symmetric:
        counts = counts + counts.T
    total = counts.sum()
    if total == 0:
        raise ValueError(f"There is no pair of voxels inside the ROI at offset {tuple(offset)}. {_CURE}")
    return np.asarray(counts / total)


# ---------------------------------------------------------------- three features


def contrast(P: ArrayLike) -> float:
    """Mean squared level difference of neighbours, the sum of (i - j)^2 P(i, j) (IBSI ACUI).

    Parameters
    ----------
    P : array, shape (n, n)
        Joint probabilities: zero or more, sum 1.

    Raises
    ------
    ValueError
        If `P` is not a square matrix of probabilities.

    Examples
    --------
    >>> contrast([[0.25, 0.25], [0.25, 0.25]])
    0.5
    """
    joint = _joint(P)
    return float((_squared_difference(len(joint)) * joint).sum())


def energy(P: ArrayLike) -> float:
    """Angular second moment, the sum of P(i, j)^2 (IBSI 8ZQL): 1 if one level pair is all there is.

    Arguments and errors as for `contrast`. Beware of names: scikit-image calls this "ASM", and the
    square root of it "energy".

    Examples
    --------
    >>> energy([[0.25, 0.25], [0.25, 0.25]])
    0.25
    """
    joint = _joint(P)
    return float((joint * joint).sum())


def homogeneity(P: ArrayLike) -> float:
    """Inverse difference moment, the sum of P(i, j) / (1 + (i - j)^2) (IBSI WF0Z).

    Arguments and errors as for `contrast`.

    Examples
    --------
    >>> homogeneity([[0.25, 0.25], [0.25, 0.25]])
    0.75
    """
    joint = _joint(P)
    return float((joint / (1.0 + _squared_difference(len(joint)))).sum())


def texture_features(levels: ArrayLike, n_levels: int) -> dict[str, float]:
    """Contrast, energy and homogeneity: each direction by itself, at distance 1, then their mean.

    Parameters
    ----------
    levels, n_levels
        As for `glcm_counts`.

    Returns
    -------
    dict of str to float
        The keys are "contrast", "energy" and "homogeneity". Directions in which the ROI holds no pair
        have no part in the mean.

    Raises
    ------
    ValueError
        As for `glcm_counts`, and if there is no pair in any direction.

    Examples
    --------
    >>> texture_features([[1, 2, 1], [2, 1, 2], [1, 2, 1]], 2)
    {'contrast': 0.5, 'energy': 0.5, 'homogeneity': 0.75}
    """
    image, n = _image(levels, n_levels)
    counts = count_pairs(image, unique_offsets(image.ndim), n)
    counts += counts.transpose(0, 2, 1).copy()
    joint = _normalised(counts)
    if not len(joint):
        raise ValueError(f"No voxel inside the ROI has a neighbour inside it. {_CURE}")
    squares = _squared_difference(n)
    return {
        "contrast": float(np.einsum("mij,ij->m", joint, squares).mean()),
        "energy": float(np.einsum("mij,mij->m", joint, joint).mean()),
        "homogeneity": float(np.einsum("mij,ij->m", joint, 1.0 / (1.0 + squares)).mean()),
    }


def contrast_from_statistics(variance: ArrayLike, correlation: ArrayLike) -> Floats:
    """Contrast from the spread of the levels and the likeness of neighbours: 2 variance (1 - correlation).

    Exact for a symmetric P, whose two margins are one and the same distribution: the variance of the
    difference of two variables is the sum of their variances less twice their covariance.

    Parameters
    ----------
    variance : float or array
        Variance of the levels that take part in pairs, zero or more.
    correlation : float or array
        Between the levels of neighbours, -1 to 1.

    Raises
    ------
    ValueError
        If `variance` is negative or `correlation` lies outside -1 to 1.

    Examples
    --------
    >>> float(contrast_from_statistics(85.0, 0.0))
    170.0
    """
    spread = numbers(variance, "variance")
    likeness = numbers(correlation, "correlation")
    require(~(spread < 0), "variance is a mean of squares and cannot be negative.")
    require(~(np.abs(likeness) > 1 + 1e-9), "correlation must lie between -1 and 1.")
    return np.asarray(2.0 * spread * (1.0 - likeness))[()]


# ---------------------------------------------------------------- all of IBSI's features


def glcm_features(
    levels: ArrayLike, n_levels: int, aggregation: str = "3D, merged", distance: int = 1
) -> dict[str, float]:
    """IBSI's 25 features of the co-occurrence matrix, in one of IBSI's six aggregations.

    Parameters
    ----------
    levels, n_levels
        As for `glcm_counts`. In a volume the slices lie along the first axis; an image is a volume of
        one slice, for which "2D" and "3D" are the same.
    aggregation : str
        One of `AGGREGATIONS`. *Merged* matrices are added before a feature is computed; features of
        matrices that are not merged are averaged. Matrices are made in each direction and slice (2D), in
        each direction within the slices (2.5D), or in each direction of the volume (3D).
    distance : int
        In voxels, as for `unique_offsets`.

    Returns
    -------
    dict of str to float
        By the names in `GLCM_FEATURES`. A slice or direction without a pair has no part in a mean, nor
        has a matrix for which a feature is 0/0 (correlation and information_correlation_1, where all
        neighbours have one level); a feature that is 0/0 everywhere is NaN.

    Raises
    ------
    ValueError
        As for `glcm_counts`, if there is no pair at all, and if there is no such aggregation.

    Examples
    --------
    >>> features = glcm_features([[1, 2, 1], [2, 1, 2], [1, 2, 1]], 2, "2D, averaged")
    >>> features["contrast"], features["correlation"]
    (0.5, 0.0)
    """
    image, n = _image(levels, n_levels)
    step = whole_number(distance, "distance", 1)
    if aggregation not in AGGREGATIONS:
        raise ValueError(
            f"There is no aggregation {aggregation!r}. Choose one of: {'; '.join(AGGREGATIONS)}."
        )
    stacks = (_normalised(counts) for counts in aggregated_counts(image, n, aggregation, step))
    parts = [measured(joint) for joint in stacks if len(joint)]
    if not parts:
        raise ValueError(f"No voxel inside the ROI has a neighbour inside it. {_CURE}")
    return {name: _mean(np.concatenate([part[name] for part in parts])) for name in GLCM_FEATURES}


def matrix_features(P: ArrayLike) -> dict[str, float]:
    """IBSI's 25 features of one matrix of joint probabilities, by the names in `GLCM_FEATURES`.

    Arguments and errors as for `contrast`. Features that are 0/0 are NaN, as in `glcm_features`.

    Examples
    --------
    >>> round(matrix_features([[0.25, 0.25], [0.25, 0.25]])["joint_entropy"], 12)
    2.0
    """
    return {name: float(value[0]) for name, value in measured(_joint(P)[np.newaxis]).items()}


def joint_variance(P: ArrayLike) -> float:
    """Variance of the levels that take part in pairs, seen from their first end (IBSI UR99).

    Arguments and errors as for `contrast`.

    Examples
    --------
    >>> joint_variance([[0.5, 0.0], [0.0, 0.5]])
    0.25
    """
    return matrix_features(P)["joint_variance"]


def correlation(P: ArrayLike) -> float:
    """Between the levels of neighbours, -1 to 1 (IBSI NI2N); NaN where all have one level.

    Arguments and errors as for `contrast`.

    Examples
    --------
    >>> round(correlation([[0.5, 0.0], [0.0, 0.5]]), 12)
    1.0
    """
    return matrix_features(P)["correlation"]


# ---------------------------------------------------------------- private

_CURE = "Look at the ROI: it may be empty, a single voxel, or narrower than the offset."


def _image(levels: ArrayLike, n_levels: int) -> tuple[NDArray[np.integer], int]:
    n = whole_number(n_levels, "n_levels", 1)
    if n > MOST_LEVELS:
        raise ValueError(
            f"n_levels = {n} would make a matrix of {n * n:,} entries. "
            f"Discretise to {MOST_LEVELS} levels or fewer; 16 to 64 are usual."
        )
    return checked_levels(levels, n), n


def _normalised(counts: Counts) -> Floats:
    """Joint probabilities of each matrix that holds a pair, shape (m, n, n)."""
    total = counts.sum(axis=(1, 2))
    if not total.all():
        counts, total = counts[total > 0], total[total > 0]
    return np.asarray(counts / total[:, np.newaxis, np.newaxis])


def _joint(P: ArrayLike) -> Floats:
    joint = numbers(P, "P")
    if joint.ndim != 2 or joint.shape[0] != joint.shape[1] or joint.size == 0:
        raise ValueError(f"P must be a square matrix, n levels by n levels; its shape is {joint.shape}.")
    require(joint >= 0, "P holds probabilities: they must be numbers of zero or more.")
    total = joint.sum()
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"P must sum to 1; it sums to {total:.6g}. Divide counts by their sum first.")
    return joint


def _squared_difference(n: int) -> Floats:
    level = np.arange(1.0, n + 1.0)
    return np.asarray((level[:, None] - level) ** 2)


def _mean(values: Floats) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
