"""How the shape module looks at masks, spacings and meshes. Private to the package."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def as_mask(mask: ArrayLike, ndim: int | None = None) -> Bools:
    """The mask as booleans, with `ndim` axes if that is asked for. Booleans are not copied.

    Integers are taken as they come: zero is outside, everything else inside.
    """
    array = np.asarray(mask)
    if array.dtype.kind not in "biu":
        raise ValueError(
            f"mask must hold booleans or integers, not {array.dtype}. Compare first, for example mask > 0.5."
        )
    if ndim is not None and array.ndim != ndim:
        raise ValueError(
            f"mask must have {ndim} axes, not {array.ndim}: this measure is about the surface of a solid. "
            "Give a single slice a first axis of length one: mask[None]."
        )
    if array.ndim == 0:
        raise ValueError("mask must be an array with at least one axis, not a single value.")
    return array if array.dtype == np.bool_ else array != 0


def as_spacing(spacing: float | Iterable[float], ndim: int) -> tuple[float, ...]:
    """The spacing as `ndim` floats in mm. Refuses zero, negative and endless voxels."""
    steps = numbers(spacing, "spacing")  # type: ignore[arg-type]
    if steps.shape != (ndim,):
        raise ValueError(
            f"spacing must be {ndim} lengths in mm, one for each axis of the mask, not {spacing!r}."
        )
    require(np.isfinite(steps) & (steps > 0), f"spacing must be above zero and finite, in mm: {spacing!r}.")
    return tuple(steps.tolist())


def as_mesh(vertices: ArrayLike, faces: ArrayLike) -> Floats:
    """Corners of the triangles, shape (faces, 3, 3)."""
    points = numbers(vertices, "vertices")
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(
            f"vertices must have the shape (n, 3): one row z, y, x for each vertex, not {points.shape}."
        )
    triangles = np.asarray(faces)
    if triangles.size == 0:
        return np.zeros((0, 3, 3))
    if triangles.dtype.kind not in "iu" or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(
            "faces must be integers of the shape (n, 3): one row of three vertices for each triangle."
        )
    if triangles.min() < 0 or triangles.max() >= len(points):
        raise ValueError(
            f"faces name vertex {triangles.max() if triangles.min() >= 0 else triangles.min()}, "
            f"but there are {len(points)} vertices, counted from 0."
        )
    return np.asarray(points[triangles])


def bounding_box(mask: Bools) -> tuple[slice, ...] | None:
    """The smallest box that holds the mask, or None for an empty one."""
    if mask.size == 0:
        return None
    length = len(mask)
    first = next((i for i in range(length) if mask[i].any()), None)
    if first is None:
        return None
    last = next(i for i in range(length - 1, -1, -1) if mask[i].any())
    box = [slice(first, last + 1)]
    shadow = np.logical_or.reduce(mask[box[0]], axis=0)
    for axis in range(mask.ndim - 1):
        others = tuple(other for other in range(mask.ndim - 1) if other != axis)
        used = np.flatnonzero(np.logical_or.reduce(shadow, axis=others))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)
