"""Counting pairs of grey levels: the fast inner part of `digital_biopsy.texture`. Private to the package.

How it is fast, in NumPy alone. The image is laid out as one flat array of small integers, with enough
zeros behind each row, column and slice that a step by any offset is one shift of the flat index: a pair
that would leave the image ends on a zero. The pair (i, j) has the code ``i * (n_levels + 1) + j``. Codes
are made and counted in pieces that stay in the processor's cache, for every offset before the next piece
is looked at. Level 0, which means "outside the ROI" and stands in the padding too, has a row and a column
of its own in the count; both are dropped at the end, so that nothing is ever tested for being inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Offset = tuple[int, ...]

#: A matrix has n_levels squared entries; beyond this the count alone would take more than 0.8 GB.
MOST_LEVELS: Final = 10_000


# ---------------------------------------------------------------- arguments


def whole_number(value: object, name: str, least: int) -> int:
    """`value` as an int; ValueError if it is not a whole number or is less than `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, not {value!r}.")
    return int(value)


def checked_levels(levels: ArrayLike, n_levels: int) -> NDArray[Any]:
    """An array of whole numbers from 0 to `n_levels`, 2-D or 3-D; anything else is refused by name."""
    try:
        image = np.asarray(levels)
    except ValueError:  # a ragged list
        raise ValueError("levels must be an array whose rows are all of one length.") from None
    if image.dtype.kind not in "iuf":
        raise ValueError(f"levels must be an array of whole numbers, not of type {image.dtype}.")
    if image.ndim not in (2, 3):
        raise ValueError(
            f"levels must be an image (2-D) or a volume (3-D); this array has {image.ndim} "
            f"{'axis' if image.ndim == 1 else 'axes'}."
        )
    if image.size == 0:
        return image.astype(np.uint8)
    lowest, highest = image.min(), image.max()
    if not np.isfinite(highest - lowest if image.dtype.kind == "f" else 0):
        raise ValueError(
            "levels holds NaN or infinity. Give voxels outside the ROI the level 0 and discretise the others."
        )
    if lowest < 0 or highest > n_levels:
        worst = lowest if lowest < 0 else highest
        raise ValueError(
            f"levels must lie between 1 and n_levels = {n_levels}, with 0 outside the ROI; "
            f"the level {worst:g} does not. Discretise the image first."
        )
    small = small_type(n_levels)
    if image.dtype.kind == "f":
        whole = image.astype(small)
        if not np.array_equal(whole, image):
            raise ValueError("levels must be whole numbers; these have decimals. Discretise the image first.")
        return whole
    return image


def checked_offset(offset: Sequence[int], ndim: int) -> Offset:
    """One whole number for each axis, not all of them zero."""
    steps = np.atleast_1d(np.asarray(offset))
    if steps.dtype.kind not in "iu" or steps.ndim != 1:
        raise ValueError(f"offset must be a sequence of whole numbers, one for each axis, not {offset!r}.")
    if len(steps) != ndim:
        raise ValueError(f"offset has {len(steps)} numbers for {ndim} axes of levels: give one for each.")
    if not steps.any():
        raise ValueError("offset must not be zero along every axis: it would pair each voxel with itself.")
    return tuple(int(step) for step in steps)


# ---------------------------------------------------------------- counting


def small_type(highest: int) -> type[np.unsignedinteger[Any]]:
    """The smallest of three types that holds the whole numbers 0 to `highest`."""
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if highest <= np.iinfo(kind).max)


def count_one(image: NDArray[Any], offset: Offset, n_levels: int) -> Counts:
    """Counts of level pairs one way at one offset, of any sign and length: shape (n_levels, n_levels).

    `image` and `offset` have passed `checked_levels` and `checked_offset`.
    """
    pairs = list(zip(offset, image.shape, strict=True))
    rank = n_levels + 1
    table = np.zeros(rank * rank, np.int64)
    if all(abs(step) < length for step, length in pairs):
        here = image[tuple(slice(max(-step, 0), length - max(step, 0)) for step, length in pairs)]
        there = image[tuple(slice(max(step, 0), length - max(-step, 0)) for step, length in pairs)]
        kind = small_type(rank * rank)
        rows = max(1, _piece(image) // max(1, here[0].size))
        for start in range(0, len(here), rows):
            codes = here[start : start + rows].astype(kind)
            codes *= kind(rank)
            np.add(codes, there[start : start + rows], out=codes, casting="unsafe")
            table += np.bincount(codes.ravel(), minlength=table.size)
    return table.reshape(rank, rank)[1:, 1:].copy()


def count_pairs(image: NDArray[Any], offsets: Sequence[Offset], n_levels: int) -> Counts:
    """`count_one` for each of several offsets, shape (len(offsets), n_levels, n_levels)."""
    return np.array([count_one(image, offset, n_levels) for offset in offsets])


def _piece(image: NDArray[Any]) -> int:
    """How many voxels to count at a time: few enough for the cache, and for a small share of memory."""
    return min(max(image.nbytes // 32, 8_192), 65_536)
