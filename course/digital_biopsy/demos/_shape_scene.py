"""Solids in three dimensions, drawn fast: painter's algorithm on shaded polygons.

A fixed camera looks down on the body from the front right, in parallel projection, so that lengths can be compared.
Polygons that turn away from it are left out, the rest is painted from far to near; the angle to the light
sets the shade. A mesh of some thousand triangles takes a few tens of milliseconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike, NDArray

from digital_biopsy.demos._picture import bare
from digital_biopsy.demos._stage import Stage

Floats = NDArray[np.floating[Any]]


def _frame(azimuth: float, elevation: float) -> Floats:
    """The camera's axes as rows, in the order (z, y, x): right, up, towards the eye."""
    a, e = np.deg2rad([azimuth, elevation])
    eye = np.array([np.sin(e), np.cos(e) * np.sin(a), np.cos(e) * np.cos(a)])
    right = np.array([0.0, np.cos(a), -np.sin(a)])
    # (z, y, x) is a left-handed order of x, y, z: the cross product changes its sign.
    return np.stack([right, -np.cross(eye, right), eye])


CAMERA = _frame(-60.0, 28.0)
LIGHT = np.array([-0.45, 0.65, 0.61])  # in the camera's axes: from the upper left, before the body


class Solid(NamedTuple):
    """Polygons to draw: corners in mm, shape (polygons, corners, 3), outward normals, shape (polygons, 3)."""

    corners: Floats
    normals: Floats


def of_mesh(vertices: Floats, faces: NDArray[np.integer[Any]]) -> Solid:
    """The triangles of a closed mesh, whichever way round it is wound."""
    corners = np.asarray(vertices)[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    if (corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])).sum() < 0:
        normals = -normals
    return Solid(corners, normals / np.maximum(np.sqrt((normals**2).sum(axis=1, keepdims=True)), 1e-12))


def of_faces(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> Solid:
    """The voxel faces that this camera can see, about the middle of the mask."""
    padded = np.pad(mask, 1)
    steps = np.array(spacing)
    middle = (np.array(mask.shape) - 1) / 2
    corners, normals = [], []
    for axis in range(3):
        side = 1 if CAMERA[2, axis] > 0 else -1
        free = padded & ~np.roll(padded, -side, axis)
        places = np.argwhere(free) - 1 - middle
        first, second = (other for other in range(3) if other != axis)
        quad = np.zeros((4, 3))
        quad[:, axis] = side / 2
        quad[:, first], quad[:, second] = (-0.5, 0.5, 0.5, -0.5), (-0.5, -0.5, 0.5, 0.5)
        corners.append((places[:, None] + quad) * steps)
        normals.append(np.tile(np.eye(3)[axis] * side, (len(places), 1)))
    return Solid(np.concatenate(corners), np.concatenate(normals))


def scene(axes: Axes, title: str, reach: float) -> Axes:
    """An axes for solids that reach ``reach`` mm to all sides of the origin."""
    bare(axes, title)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    return axes


def draw(stage: Stage, axes: str, key: str, solid: Solid, colour: str, *, lines: bool = False) -> None:
    """Paint a solid; with ``lines`` its polygons are outlined, as bricks are."""
    seen = solid.normals @ CAMERA[2] > 0
    points = solid.corners[seen] @ CAMERA.T
    order = np.argsort(points[..., 2].mean(axis=1))
    light = np.clip((solid.normals[seen] @ CAMERA.T @ LIGHT), 0, 1)[order]
    polygons, colours = points[order, :, :2], shaded(colour, light)
    dark = tuple(0.5 * channel for channel in to_rgb(colour))

    def make(ax: Axes) -> PolyCollection:
        edges: Any = {"edgecolors": dark, "linewidths": 0.3} if lines else {"edgecolors": "none"}
        made = PolyCollection(list(polygons), facecolors=colours, antialiaseds=lines, **edges)
        ax.add_collection(made, autolim=False)
        return made

    def update(old: PolyCollection) -> None:
        old.set_verts(polygons)
        old.set_facecolor(list(map(tuple, colours)))

    stage.artist(axes, key, make, update)


def shaded(colour: str, light: ArrayLike) -> Floats:
    """A colour under light from 0 (turned away) to 1 (facing it): from a dark tone to a pale one."""
    tone = np.asarray(to_rgb(colour))
    level = np.asarray(light)[:, None]
    dark, pale = tone * 0.35, tone + (1 - tone) * 0.62
    return np.asarray(
        np.where(
            level < 0.55, dark + (tone - dark) * level / 0.55, tone + (pale - tone) * (level - 0.55) / 0.45
        )
    )
