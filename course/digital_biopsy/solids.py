"""Solid bodies with a known surface, and what voxels make of them.

A ball, a turned cube and a lumpy nodule, each given in mm and cut into voxels of any spacing; and the fine
triangle mesh that is as good as the body itself. With them a measurement of volume, area or sphericity can be
compared with the truth. A voxel belongs to a body if its centre lies inside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import require

__all__ = ["ball", "cube", "grid", "nodule", "nodule_mesh", "nodule_radius", "rotation", "sphere_mesh"]

Floats = NDArray[np.floating[Any]]
Spacing = tuple[float, float, float]


def grid(spacing: Spacing, reach: float) -> tuple[Floats, Floats, Floats]:
    """Coordinates in mm of the voxel centres of a box that reaches ``reach`` mm to all sides of the origin.

    Returns
    -------
    three arrays
        z, y and x, of shapes that broadcast to the box. The middle voxel's centre is the origin.

    Raises
    ------
    ValueError
        If a spacing or the reach is not above zero.
    """
    steps = np.asarray(spacing, dtype=float)
    if steps.shape != (3,):
        raise ValueError(f"spacing must be three lengths in mm, not {spacing!r}.")
    require(steps > 0, f"spacing must be above zero, in mm, not {spacing!r}.")
    require(np.asarray(reach > 0), f"reach must be above zero, in mm, not {reach!r}.")
    counts = np.ceil(reach / steps).astype(int) + 1
    lines = [np.arange(-n, n + 1) * step for n, step in zip(counts, steps, strict=True)]
    z, y, x = np.ix_(*lines)
    return z, y, x


def ball(
    radius: float, spacing: Spacing, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> NDArray[np.bool_]:
    """A ball of ``radius`` mm in voxels, its centre ``shift`` mm away from the middle voxel's centre.

    Examples
    --------
    >>> int(ball(10.0, (1.0, 1.0, 1.0)).sum())  # 4/3 pi 10^3 is 4189
    4169
    """
    z, y, x = grid(spacing, radius + max(map(abs, shift)))
    return np.asarray((z - shift[0]) ** 2 + (y - shift[1]) ** 2 + (x - shift[2]) ** 2 <= radius**2)


def rotation(axis: ArrayLike, degrees: float) -> Floats:
    """Matrix that turns points (z, y, x) by an angle about an axis through the origin (Rodrigues' formula).

    Examples
    --------
    >>> rotation((1, 0, 0), 90).round(3) @ [0, 1, 0]
    array([0., 0., 1.])
    """
    a = np.asarray(axis, dtype=float)
    a = a / np.sqrt(a @ a)
    skew = np.array([[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]])
    angle = np.deg2rad(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew)


def cube(
    side: float, spacing: Spacing, axis: ArrayLike = (1, 0, 0), degrees: float = 0.0, shift: float = 0.0
) -> NDArray[np.bool_]:
    """A cube of ``side`` mm, turned by ``degrees`` about ``axis``, in voxels.

    ``shift`` moves it along all three axes, in mm: a cube that lies flat has all its voxels jump at once.
    """
    points = grid(spacing, side * 0.87 + abs(shift))
    turn = rotation(axis, degrees)
    inside: Any = True
    for normal in turn.T:  # the cube's own axes
        inside = inside & (
            np.abs(sum(n * (p - shift) for n, p in zip(normal, points, strict=True))) <= side / 2
        )
    return np.asarray(inside)


def nodule_radius(
    directions: tuple[Floats, Floats, Floats], seed: int, radius: float, depth: float
) -> Floats:
    """Distance in mm from the centre to the surface of a lumpy nodule, in the given unit directions.

    Six lobes or dents in random directions, each a Legendre polynomial of degree 2 to 4 in the angle from its
    direction; ``depth`` is their greatest height over the radius. The same seed gives the same nodule on every grid.
    """
    rng = np.random.default_rng(seed)
    wave: Any = 0.0
    for _ in range(6):
        towards = rng.normal(size=3)
        towards /= np.sqrt(towards @ towards)
        degree, height = int(rng.integers(2, 5)), float(rng.uniform(-1, 1))
        cosine = sum(t * u for t, u in zip(towards, directions, strict=True))
        wave = wave + height * np.polynomial.legendre.Legendre.basis(degree)(cosine)
    return np.asarray(radius * (1 + depth * wave))


def nodule(spacing: Spacing, seed: int = 0, radius: float = 14.0, depth: float = 0.12) -> NDArray[np.bool_]:
    """A lumpy nodule of about ``radius`` mm in voxels: see `nodule_radius`.

    Examples
    --------
    >>> nodule((3.0, 0.8, 0.8), seed=0).shape[0] < nodule((1.0, 0.8, 0.8), seed=0).shape[0]
    True
    """
    z, y, x = np.broadcast_arrays(*grid(spacing, radius * (1 + 3 * depth)))
    reach = np.sqrt(z**2 + y**2 + x**2)
    far = np.maximum(reach, 1e-9)
    return np.asarray(reach <= nodule_radius((z / far, y / far, x / far), seed, radius, depth))


def nodule_mesh(
    seed: int = 0, radius: float = 14.0, depth: float = 0.12, level: int = 5
) -> tuple[Floats, NDArray[np.intp]]:
    """The nodule's own surface, as a fine mesh: vertices in mm and faces."""
    directions, faces = sphere_mesh(level)
    z, y, x = directions.T
    return directions * nodule_radius((z, y, x), seed, radius, depth)[:, None], faces


def sphere_mesh(level: int = 4) -> tuple[Floats, NDArray[np.intp]]:
    """A mesh of the unit sphere: an icosahedron whose triangles are cut into four, ``level`` times over.

    Returns
    -------
    vertices : float array, shape (10 * 4**level + 2, 3)
        Unit vectors.
    faces : int array, shape (20 * 4**level, 3)
        They turn outwards.

    Raises
    ------
    ValueError
        If the level is not between 0 and 7.

    Examples
    --------
    >>> vertices, faces = sphere_mesh(2)
    >>> len(vertices), len(faces)
    (162, 320)
    """
    if not 0 <= level <= 7:
        raise ValueError(f"level must lie between 0 and 7, not {level!r}.")
    g = (1 + 5**0.5) / 2
    points = np.array(
        [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g),
         (0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    )  # fmt: skip
    points = points / np.sqrt(1 + g * g)
    faces = np.array(
        [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6),
         (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10),
         (8, 6, 7), (9, 8, 1)]
    )  # fmt: skip
    for _ in range(level):
        edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
        unique, place = np.unique(edges, axis=0, return_inverse=True)
        middle = points[unique].sum(axis=1)
        middle /= np.sqrt((middle**2).sum(axis=1, keepdims=True))
        ab, bc, ca = place.reshape(3, -1) + len(points)
        a, b, c = faces.T
        points = np.concatenate([points, middle])
        faces = np.concatenate(
            [np.stack(t, axis=1) for t in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
        )
    return points, faces.astype(np.intp)
