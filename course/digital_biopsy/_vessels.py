"""Branching vessels of a lung, cut by the plane of the slice. Private to the package.

Each lung is filled with end points, and one tree reaches them all by splitting its end points in two
again and again (a volume-filling tree in the manner of Tawhai et al., doi:10.1114/1.1289457). A
branch's radius follows a power of the number of ends that it feeds, as in Murray's law. The tree lives
in three dimensions; the slice shows what crosses its plane: dots where a branch stands upright, streaks
where it lies flat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._shapes import Canvas, Plane

Points = NDArray[np.float64]


def tree(
    root: tuple[float, float], ends: Points, radius: float, rng: np.random.Generator
) -> tuple[Points, Points, Points, Points]:
    """Grow one tree.

    Parameters
    ----------
    root : (x, y) in mm, in the plane z = 0
    ends : array, shape (n, 3), mm; n a power of two, so that every branch splits in two equal halves
    radius : radius of the trunk in mm

    Returns
    -------
    starts, stops : arrays, shape (m, 3)
    from_radius, to_radius : arrays, shape (m,)
    """
    groups = ends[None]
    starts = np.array([[root[0], root[1], 0.0]])
    wide = np.array([radius])
    found: list[tuple[Points, Points, Points, Points]] = []
    for level in range(len(ends).bit_length() - 1):
        count, size = groups.shape[:2]
        # At the hilum the trunk parts at once; further out a branch goes part of the way before it splits.
        share = rng.uniform(0.02, 0.1, (count, 1)) if level < 3 else rng.uniform(0.25, 0.5, (count, 1))
        towards = groups.mean(axis=1) - starts
        stops = starts + share * towards + 0.04 * np.abs(towards).max() * rng.normal(size=towards.shape)
        narrow = radius * (size / len(ends)) ** (1 / 2.3) * rng.uniform(0.8, 1.1, count)
        found.append((starts, stops, wide, narrow))
        # Split across the direction in which the group is widest, turned a little by chance.
        spread = np.ptp(groups, axis=1)
        axis = spread * (spread == spread.max(axis=1, keepdims=True)) + 0.35 * spread * rng.normal(
            size=(count, 3)
        )
        order = np.argsort(np.einsum("gnk,gk->gn", groups, axis), axis=1)
        groups = np.take_along_axis(groups, order[..., None], axis=1).reshape(2 * count, size // 2, 3)
        starts, wide = np.repeat(stops, 2, axis=0), np.repeat(narrow, 2)
    found.append((starts, groups[:, 0], wide, np.full(len(starts), 0.3)))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    return columns[0], columns[1], columns[2], columns[3]


def section(canvas: Canvas, share: Plane, branches: tuple[Points, Points, Points, Points]) -> None:
    """Raise `share` to the part of each pixel that branches cover where they cross z = 0."""
    starts, stops, wide, narrow = branches
    along = stops - starts
    reach = wide + canvas.pixel
    rise = np.where(np.abs(along[:, 2]) < 1e-9, 1e-9, along[:, 2])
    # The stretch of each branch, as shares of its length, that lies near enough to the plane to be seen.
    t0, t1 = np.clip(np.sort([(-reach - starts[:, 2]) / rise, (reach - starts[:, 2]) / rise], axis=0), 0, 1)
    low = np.minimum(starts + t0[:, None] * along, starts + t1[:, None] * along)[:, :2] - reach[:, None]
    high = np.maximum(starts + t0[:, None] * along, starts + t1[:, None] * along)[:, :2] + reach[:, None]
    length2 = (along**2).sum(axis=1) + 1e-9
    columns = np.searchsorted(canvas.x[0], np.stack([low[:, 0], high[:, 0]], axis=1))
    rows = np.searchsorted(canvas.y[:, 0], np.stack([low[:, 1], high[:, 1]], axis=1))
    seen = (t1 > t0) & (columns[:, 1] > columns[:, 0]) & (rows[:, 1] > rows[:, 0])
    # A few hundred patches of a few pixels: plain Python numbers and bare ufuncs keep the overhead small.
    for i in np.flatnonzero(seen).tolist():
        (px, py, pz), (dx, dy, dz) = starts[i].tolist(), along[i].tolist()
        at = np.s_[rows[i, 0] : rows[i, 1], columns[i, 0] : columns[i, 1]]
        x, y = canvas.x[:, at[1]] - px, canvas.y[at[0]] - py
        t = np.minimum(np.maximum((x * dx + y * dy - pz * dz) / float(length2[i]), 0), 1)
        gap = np.sqrt((x - t * dx) ** 2 + (y - t * dy) ** 2 + (pz + t * dz) ** 2)
        radius = float(wide[i]) + t * float(narrow[i] - wide[i])
        covered = np.minimum(0.5 + (radius - gap) / canvas.pixel, 1)
        np.maximum(share[at], covered, out=share[at])
