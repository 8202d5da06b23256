"""Area and volume of a mask's marching-cubes mesh, without making the mesh. Private to the package.

Marching cubes looks at one cell at a time: eight voxel centres, 256 ways to be inside or outside. In a binary
mask every vertex lies half-way, so each pattern always has the same triangles. Area and volume of the whole
mesh are therefore sums over patterns: how often each occurs times what it contributes. Counting is quick.

The contributions are read off skimage's own marching cubes, so that the result is that of its mesh.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage import measure

from ._shape_checks import Bools, Floats, bounding_box

BLOCK = 1 << 17  # bytes of a slab: small enough for the processor's own memory
SMALLEST = 1 << 11
ALL_INSIDE = 255

Counts = NDArray[np.int64]


class Tables(NamedTuple):
    """What each pattern holds.

    Attributes
    ----------
    pattern : int array, shape (triangles,)
        The pattern that a triangle belongs to. Bit 4 z + 2 y + x of it stands for the corner (z, y, x).
    normal : float array, shape (triangles, 3)
        Its area vector on voxels of unit size, outwards.
    volume : float array, shape (256,)
        The share of the cell that lies inside.
    """

    pattern: NDArray[np.intp]
    normal: Floats
    volume: Floats


@cache
def tables() -> Tables:
    """Triangles and inner volume of the 256 patterns, from 254 runs of marching cubes on 2 x 2 x 2 voxels.

    The inner volume is a flux (divergence theorem, the field points along x and grows with x from 0 to 1):
    through the triangles, and through that part of the cell's far wall, x = 1, which lies inside. The second
    is the same for all patterns that agree on the wall. So it can be read off a pattern whose other wall is
    all outside: there, a closed surface having no net area vector, it is what the triangles lack.
    """
    patterns, corners = [], []
    for code in range(1, ALL_INSIDE):
        cell = np.array([code >> bit & 1 for bit in range(8)], dtype=np.float32).reshape(2, 2, 2)
        points, faces, _, _ = measure.marching_cubes(cell, 0.5)  # type: ignore[no-untyped-call]
        patterns.append(np.full(len(faces), code))
        corners.append(points.astype(np.float64)[faces])
    pattern, corner = np.concatenate(patterns), np.concatenate(corners)
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]) / 2
    near_wall = sum(1 << bit for bit in (0, 2, 4, 6))  # inside is x = 0, so outwards is towards x
    normal *= np.sign(normal[pattern == near_wall, 2].sum())

    facing = np.bincount(pattern, normal[:, 2], 256)
    wall = np.arange(256) & ~near_wall
    far = np.where(wall == ALL_INSIDE - near_wall, 1.0, -facing[wall])
    flux = np.bincount(pattern, normal[:, 2] * corner[..., 2].mean(axis=1), 256)
    volume = np.asarray(flux + far, dtype=np.float64)
    for table in (pattern, normal, volume):
        table.setflags(write=False)
    return Tables(pattern, normal, volume)


def area_of_patterns(steps: tuple[float, ...]) -> Floats:
    """Area in each pattern's triangles, shape (256,), for voxels of `steps` mm."""
    pattern, normal, _ = tables()
    walls = np.prod(steps) / np.asarray(steps)  # how a voxel's walls grow with it
    areas = np.bincount(pattern, np.sqrt(((normal * walls) ** 2).sum(axis=1)), 256)
    return np.asarray(areas, dtype=np.float64)


def area_and_volume(mask: Bools, steps: tuple[float, ...]) -> tuple[float, float]:
    """Area in mm2 and volume in mm3 of the closed marching-cubes mesh of a mask with three axes."""
    counts = pattern_counts(mask)
    area = float(counts @ area_of_patterns(steps))
    return area, float(counts @ tables().volume * np.prod(steps))


def pattern_counts(mask: Bools) -> Counts:
    """How often each of the 256 patterns occurs in a mask with three axes, and in a layer round it.

    Only the ROI's own box is looked at; the pattern 0, all outside, is not counted. Slabs of some planes are
    copied into a row of bytes, with one zero between lines and one line of zeros between planes. There each
    neighbour lies a fixed number of bytes further on. Three sums (times 2, 4 and 16: shifts by one, two and
    four bits, but quicker) write the pattern of every cell at once.
    """
    counts = np.zeros(256, dtype=np.int64)
    box = bounding_box(mask)
    if box is None:
        return counts
    inside = mask[box]
    depth, height, width = inside.shape
    line = width + 1
    plane = -(-(height + 1) * line // 8) * 8  # eight cells are looked at together
    block = min(BLOCK, max(SMALLEST, inside.size // 8))
    layers = max(1, min(depth + 1, block // plane))

    # The first byte is the corner before the first voxel. What follows the last voxel is never written to.
    row = np.zeros((layers + 1) * plane + line + 8, dtype=np.uint8)
    cells = layers * plane
    pairs = np.empty(row.size - 1, dtype=np.uint8)
    squares = np.empty(cells + plane, dtype=np.uint8)
    cubes = np.empty(cells, dtype=np.uint8)
    for first in range(-1, depth, layers):  # the cell between the planes `first` and `first + 1`
        row[:] = 0
        for place, index in enumerate(range(first, first + layers + 1)):
            if 0 <= index < depth:
                start = place * plane + line + 1
                lines = row[start : start + height * line].reshape(height, line)
                lines[:, :width] = inside[index]
        np.multiply(row[1:], 2, out=pairs)
        pairs |= row[:-1]
        np.multiply(pairs[line : line + squares.size], 4, out=squares)
        squares |= pairs[: squares.size]
        np.multiply(squares[plane:], 16, out=cubes)
        cubes |= squares[:cells]
        _count(cubes, counts, block)
    return counts


def _count(cubes: NDArray[np.uint8], counts: Counts, block: int) -> None:
    """Add the patterns to `counts`, all but the zeros."""
    eight = cubes.view(np.uint64)
    full = np.uint64(0xFFFFFFFFFFFFFFFF)
    counts[ALL_INSIDE] += 8 * np.count_nonzero(eight == full)
    mixed = eight[(eight != 0) & (eight != full)].view(np.uint8)  # of a compact ROI only the surface is left
    for start in range(0, mixed.size, block // 4):
        counts += np.bincount(mixed[start : start + block // 4], minlength=256)
    counts[0] = 0
