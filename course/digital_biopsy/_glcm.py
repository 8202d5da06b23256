"""Counting pairs of grey levels: the fast inner part of `digital_biopsy.texture`. Private to the package.

How it is fast, in NumPy alone. The image is laid out as one flat array of small integers, with enough
zeros between its rows and slices that a step by any offset is one shift of the flat index: a pair that
would leave the image ends on a zero. The pair (i, j) has the code ``i * (n_levels + 1) + j``, and one
bincount of the codes is the matrix. Level 0, "outside the ROI", has a row and a column of its own, which
are dropped at the end, so that nothing is ever tested for being inside. Codes are made and counted in
pieces that stay in the processor's cache.

Counting is what takes the time, so it is done less often than there are offsets. A walk of two steps,
p, p + a, p + a + b, sees three pairs: at the offsets a, b and a + b. Its three levels make one code, and
one count of those codes holds three matrices: its sums along each of its three axes. The 13 directions of
a volume are four such walks and one pair; the 4 of an image are one walk and one pair. Walks are taken
where the ROI is large enough: a walk has (n_levels + 1)^3 codes, and summing them takes time too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, product
from math import prod
from operator import add, mul
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Offset = tuple[int, ...]

#: A matrix has n_levels squared entries; beyond this the count alone would take more than 0.8 GB.
MOST_LEVELS: Final = 10_000
#: Voxels counted at a time: their codes and the table fit the cache.
PIECE: Final = 32_768


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
    try:
        steps = np.atleast_1d(np.asarray(offset))
    except ValueError:  # a ragged list
        steps = np.array([[]])
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
        rows = max(1, PIECE // max(1, here[0].size))
        for start in range(0, len(here), rows):
            codes = here[start : start + rows].astype(kind)
            codes *= kind(rank)
            np.add(codes, there[start : start + rows], out=codes, casting="unsafe")
            _tally(table, codes.ravel())
    return table.reshape(rank, rank)[1:, 1:].copy()


def count_pairs(image: NDArray[Any], offsets: Sequence[Offset], n_levels: int) -> Counts:
    """`count_one` for each of several offsets whose first number other than zero is positive.

    Shape (len(offsets), n_levels, n_levels).
    """
    rank = n_levels + 1
    found = np.zeros((len(offsets), n_levels, n_levels), np.int64)
    box = _crop(image if image.itemsize <= 2 else image.astype(small_type(n_levels)))
    place = {
        offset: i
        for i, offset in enumerate(offsets)
        if all(abs(step) < length for step, length in zip(offset, box.shape, strict=True))
    }
    if not place:
        return found
    layout = _laid_out(box, tuple(place), small_type(n_levels), most=1.25 * image.size + 2**17)
    if layout is None:
        for offset, i in place.items():
            found[i] = count_one(box, offset, n_levels)
        return found
    flat, start, size, shift = layout
    many = rank**3 <= 2 * box.size and _fits(image, flat, rank)
    del box
    for walk in walks(tuple(place)) if many else zip(place):
        a = shift[walk[0]]
        if len(walk) == 3:
            first, second, both = walk
            # The walk may enter the image at its second voxel, so it starts before it.
            triples = _count([_rows(flat, start - a + step, size + a) for step in (0, a, shift[both])], rank)
            found[place[first]] = _summed(triples, 2)
            found[place[second]] = _summed(triples, 0)
            found[place[both]] = _summed(triples, 1)
            del triples  # before the next are made
        elif many and 32 <= a <= PIECE:
            # p, p + a, p + 2 a, from every second stretch of `a` voxels: sees each pair at this offset once.
            stretches = flat[start : start + (2 * (size // (2 * a) + 1) + 1) * a].reshape(-1, a)
            triples = _count([stretches[:-2:2], stretches[1:-1:2], stretches[2::2]], rank)
            found[place[walk[0]]] = _summed(triples, 2) + _summed(triples, 0)
            del triples
        else:
            pairs = _count([_rows(flat, start + step, size) for step in (0, a)], rank)
            found[place[walk[0]]] = pairs[1:, 1:]
    return found


def _laid_out(
    box: NDArray[Any], offsets: tuple[Offset, ...], kind: type[np.unsignedinteger[Any]], most: float
) -> tuple[NDArray[Any], int, int, dict[Offset, int]] | None:
    """The image as one flat array with zeros, where it starts and its size there, each offset as a shift.

    Behind each row, and in a volume behind each slice's last row, stand as many zeros as the longest step
    along it; before everything as many as the longest shift, behind everything a few more. None if that
    makes more than `most` voxels: the steps are so long that zeros would fill the memory.
    """
    room = [0, *(max(abs(offset[axis]) for offset in offsets) for axis in range(1, box.ndim))]
    shape = [length + more for length, more in zip(box.shape, room, strict=True)]
    strides = [prod(shape[axis + 1 :]) for axis in range(box.ndim)]
    shift = {offset: sum(map(mul, offset, strides)) for offset in offsets}
    before, size = max(shift.values()), prod(shape)
    behind = before + 2 * min(before, PIECE) + size // PIECE + 2
    if before + size + behind > most:
        return None
    flat = np.zeros(before + size + behind, kind)
    inside = flat[before : before + size].reshape(shape)
    inside[tuple(slice(length) for length in box.shape)] = box
    return flat, before, size, shift


@cache
def walks(offsets: tuple[Offset, ...]) -> list[tuple[Offset, ...]]:
    """Offsets in threes (a, b, a + b), as many as there are, then the others one by one.

    Examples
    --------
    >>> walks(((0, 1), (1, -1), (1, 0), (1, 1)))
    [((0, 1), (1, -1), (1, 0)), ((1, 1),)]
    """
    threes = _most_threes(frozenset(offsets))
    taken = {offset for three in threes for offset in three}
    return [*threes, *((offset,) for offset in offsets if offset not in taken)]


def _most_threes(offsets: frozenset[Offset]) -> list[tuple[Offset, ...]]:
    most: list[tuple[Offset, ...]] = []
    for a, b in combinations(sorted(offsets), 2):
        both = tuple(map(add, a, b))
        if both in offsets:
            threes = [(a, b, both), *_most_threes(offsets - {a, b, both})]
            most = max(most, threes, key=len)
            if len(most) == len(offsets) // 3:
                break
    return most


def _rows(flat: NDArray[Any], start: int, size: int) -> NDArray[Any]:
    """At least `size` voxels from `start` on, in rows of about the size of a piece."""
    count = -(-size // PIECE)
    width = -(-size // count)
    return flat[start : start + count * width].reshape(count, width)


def _count(steps: Sequence[NDArray[Any]], rank: int) -> NDArray[np.unsignedinteger[Any]]:
    """How often levels meet: entry [i, j, ...] of voxels with i in the first array, j in the second, ...

    The arrays have one shape, rows of at most `PIECE` voxels.
    """
    length, width = steps[0].shape
    together = max(1, min(PIECE // width, length))
    table = np.zeros(rank ** len(steps), np.uint32 if length * width < 2**32 else np.uint64)
    kind = small_type(table.size)
    codes, places = np.empty((together, width), kind), np.empty((together, width), np.intp)
    for start in range(0, length, together):
        part = slice(start, min(start + together, length))
        code, place = codes[: part.stop - start], places[: part.stop - start]
        np.multiply(steps[0][part], kind(rank), out=code, dtype=kind)
        for levels in steps[1:-1]:
            code += levels[part]
            code *= kind(rank)
        np.add(code, steps[-1][part], out=place)
        _tally(table, place.ravel())
    return table.reshape((rank,) * len(steps))


def _tally(table: NDArray[Any], codes: NDArray[Any]) -> None:
    """Add one to the entry of each code."""
    if table.size <= PIECE:
        table += np.bincount(codes, minlength=table.size).astype(table.dtype)
    else:  # bincount would make a large table for each piece
        np.add.at(table, codes.astype(np.intp, copy=False), table.dtype.type(1))


def _summed(triples: NDArray[Any], axis: int) -> NDArray[Any]:
    """The pairs without the voxel of one axis of a walk, and without level 0."""
    return np.asarray(triples.sum(axis=axis, dtype=triples.dtype))[1:, 1:]


def _fits(image: NDArray[Any], flat: NDArray[Any], rank: int) -> bool:
    """Whether walks of two steps keep to the memory that is allowed: twice the image's, or 1 MB."""
    return flat.nbytes + 4 * rank**3 + 12 * PIECE <= max(2 * image.nbytes, 2**20)


def _crop(image: NDArray[Any]) -> NDArray[Any]:
    """The smallest box that holds every voxel of the ROI; of no size if there is none."""
    axes = range(image.ndim)
    if image.size and all(image.take(end, axis).any() for axis in axes for end in (0, -1)):
        return image  # it reaches every border
    spans = []
    for axis in axes:
        inside = np.flatnonzero(image.any(axis=tuple(other for other in axes if other != axis)))
        spans.append(slice(inside[0], inside[-1] + 1) if len(inside) else slice(0))
    return image[tuple(spans)]


# ---------------------------------------------------------------- directions and aggregation

#: What IBSI calls the six ways from many matrices to one number, and its codes for them.
AGGREGATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "2D, averaged": "BTW3",
        "2D, slice-merged": "SUJT",
        "2.5D, direction-merged": "JJUI",
        "2.5D, merged": "ZW7Z",
        "3D, averaged": "ITBB",
        "3D, merged": "IAZD",
    }
)


def half_of_directions(ndim: int, distance: int) -> list[Offset]:
    """`texture.unique_offsets`, arguments unchecked."""
    steps = product((-distance, 0, distance), repeat=ndim)
    return [offset for offset in steps if offset > (0,) * ndim]


def aggregated_counts(
    image: NDArray[Any], n_levels: int, aggregation: str, distance: int
) -> Iterator[Counts]:
    """The symmetric counts whose features are averaged, in stacks of shape (m, n_levels, n_levels).

    An image is a volume of one slice.
    """
    volume = image if image.ndim == 3 else image[np.newaxis]
    flat = half_of_directions(2, distance)
    if aggregation.startswith("2D"):
        one_way: Iterator[Counts] = (count_pairs(one, flat, n_levels) for one in volume)
    elif aggregation.startswith("2.5D"):
        one_way = iter([count_pairs(volume, [(0, *offset) for offset in flat], n_levels)])
    else:
        one_way = iter([count_pairs(volume, half_of_directions(3, distance), n_levels)])
    for counts in one_way:
        counts += counts.transpose(0, 2, 1).copy()
        merged = aggregation.endswith(("slice-merged", "D, merged"))
        yield counts.sum(axis=0, keepdims=True) if merged else counts
