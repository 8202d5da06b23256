"""Triangle meshes round a mask: marching cubes on the mask itself, and on its distance map.

Private to the package; `digital_biopsy.shape` is the door. Coordinates are in mm, in array-axis order, and the
centre of voxel (0, 0, 0) is the origin, so that a mesh lies where its mask lies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from skimage import measure

from ._arguments import numbers
from ._shape_checks import Bools, Floats, as_mask, as_mesh, as_spacing, bounding_box

MARGIN = 4  # voxels round the mask when its distance map is smoothed
CLOSE_ENOUGH = 1e-5  # relative error of the volume that a distance map's surface encloses


class Mesh(NamedTuple):
    """A closed surface of triangles.

    Attributes
    ----------
    vertices : float array, shape (n, 3)
        Points in mm, in array-axis order (z, y, x).
    faces : int array, shape (m, 3)
        The three vertices of each triangle.
    """

    vertices: Floats
    faces: NDArray[np.intp]


def mesh_area(vertices: ArrayLike, faces: ArrayLike) -> float:
    """Area of a mesh: the sum of its triangles, half the length of each cross product.

    Parameters
    ----------
    vertices : array, shape (n, 3)
        Points in mm.
    faces : integer array, shape (m, 3)
        The three vertices of each triangle.

    Returns
    -------
    float
        In mm2; 0 without faces.

    Raises
    ------
    ValueError
        If the shapes are wrong, or a face names a vertex that is not there.

    Examples
    --------
    >>> mesh_area([[0, 0, 0], [0, 3, 0], [0, 0, 4]], [[0, 1, 2]])
    6.0
    """
    corner = as_mesh(vertices, faces)
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return float(np.sqrt((normal**2).sum(axis=1)).sum() / 2)


def mesh_volume(vertices: ArrayLike, faces: ArrayLike) -> float:
    """Volume that a closed mesh encloses, by the divergence theorem.

    Each triangle and the origin make a tetrahedron of the signed volume a . (b x c) / 6. Where the mesh turns
    its back to the origin the sign is minus, and what lies outside cancels. The result does not depend on
    where the origin is, as long as the mesh is closed and all its triangles turn the same way round.

    Parameters, errors
        As for `mesh_area`.

    Returns
    -------
    float
        In mm3, never negative: whether the triangles face outwards or inwards does not matter.

    Examples
    --------
    >>> corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    >>> round(mesh_volume(corners, [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]), 4)
    0.1667
    """
    corner = as_mesh(vertices, faces)
    if len(corner) == 0:
        return 0.0
    corner = corner - corner[0, 0]  # an origin on the mesh: no digits are lost far away
    return float(abs((corner[:, 0] * np.cross(corner[:, 1], corner[:, 2])).sum()) / 6)


def level_set_mesh(field: ArrayLike, spacing: tuple[float, ...], level: float = 0.0) -> Mesh:
    """Surface where a field of numbers crosses `level`; inside is where it is smaller.

    Marching cubes (Lorensen and Cline, doi:10.1145/37402.37422) puts each vertex on the line between two
    voxel centres, by linear interpolation. It can do so only if the field says how far the surface is: a
    distance map does, a mask does not.

    Parameters
    ----------
    field : array with three axes
        For example a distance in mm, negative inside. The outermost voxels should lie outside, or the mesh
        stays open.
    spacing : three floats
        In mm, in array-axis order.
    level : float

    Returns
    -------
    Mesh
        Empty if the field never crosses the level.

    Raises
    ------
    ValueError
        If the field has not three axes of two voxels or more, or the spacing is wrong.
    """
    values = numbers(field, "field")
    if values.ndim != 3 or min(values.shape) < 2:
        raise ValueError(f"field must have three axes of two voxels or more, not the shape {values.shape}.")
    steps = as_spacing(spacing, 3)
    if not values.min() < level < values.max():
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.intp))
    # skimage computes in single precision: subtract first, so that a level far from zero costs no digits.
    points, faces, _, _ = measure.marching_cubes(  # type: ignore[no-untyped-call]
        level - values, 0.0
    )
    return Mesh(points.astype(np.float64) * steps, faces.astype(np.intp))


def marching_cubes_mesh(mask: ArrayLike, spacing: tuple[float, ...]) -> Mesh:
    """Surface of a binary mask by marching cubes, closed also where the mask touches the border.

    A mask knows only 0 and 1, so every vertex lies half-way between a voxel inside and one outside: the mesh
    has facets in a few fixed directions, however small the voxels are.

    Parameters
    ----------
    mask : boolean or integer array with three axes
    spacing : three floats
        In mm, in array-axis order.

    Returns
    -------
    Mesh
        Empty for an empty mask.

    Raises
    ------
    ValueError
        If mask or spacing is wrong.

    Examples
    --------
    >>> mesh = marching_cubes_mesh([[[1]]], (1, 1, 1))
    >>> len(mesh.faces), round(mesh_area(*mesh), 3), round(mesh_volume(*mesh), 3)
    (8, 1.732, 0.167)
    """
    inside = as_mask(mask, 3)
    steps = as_spacing(spacing, 3)
    box = bounding_box(inside)
    if box is None:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.intp))
    vertices, faces = level_set_mesh(0.5 - np.pad(inside[box], 1), steps)
    corner = [(part.start - 1) * step for part, step in zip(box, steps, strict=True)]
    return Mesh(vertices + corner, faces)


def signed_distance(inside: Bools, steps: tuple[float, ...]) -> Floats:
    """Distance in mm to the nearest voxel of the other kind, half a voxel short of it; negative inside."""
    outwards = ndimage.distance_transform_edt(~inside, sampling=steps)
    return np.asarray(outwards - ndimage.distance_transform_edt(inside, sampling=steps), dtype=np.float64)


def distance_map(mask: ArrayLike, spacing: tuple[float, ...], smoothing: float = 0.0) -> Floats:
    """Signed distance to the surface of a mask in mm: negative inside, positive outside.

    Parameters
    ----------
    mask : boolean or integer array
        Any number of axes. It needs voxels of both kinds.
    spacing : floats
        In mm, one for each axis.
    smoothing : float
        Standard deviation of a Gaussian along each axis, in voxels of that axis. 0 leaves the map as it is:
        exact to about half a voxel, with the mask's own staircase as its zero level.

    Returns
    -------
    float array, in the shape of the mask

    Raises
    ------
    ValueError
        If the mask is empty or full, or the spacing or the smoothing is wrong.

    Examples
    --------
    >>> distance_map([0, 0, 1, 1, 1, 0], [2.0])
    array([ 3.,  1., -1., -3., -1.,  1.])
    """
    inside = as_mask(mask)
    steps = as_spacing(spacing, inside.ndim)
    if not inside.any() or inside.all():
        raise ValueError("A distance map needs voxels inside and outside: pad a full mask, np.pad(mask, 1).")
    if not smoothing >= 0:
        raise ValueError(f"smoothing counts voxels and must be zero or more, not {smoothing!r}.")
    distance = signed_distance(inside, steps)
    # Two neighbours of different kind lie one step apart, the surface is half-way: take half a step off. The
    # step depends on the direction; the nearest voxel's is unknown, so the smallest is taken for all.
    half = min(steps) / 2
    distance -= np.where(inside, -half, half)
    if smoothing > 0:
        distance = ndimage.gaussian_filter(distance, smoothing, mode="nearest")
    return distance


def distance_map_mesh(mask: ArrayLike, spacing: tuple[float, ...], smoothing: float = 1.0) -> Mesh:
    """Smooth surface of a mask: marching cubes on its smoothed distance map, at the mask's own volume.

    The distance map alone would change nothing: next to the surface it holds one value inside and its negative
    outside, as the mask does, and marching cubes returns the very same staircase. Smoothing over a voxel lets
    neighbours further along the surface have a say. As smoothing draws a curved surface inwards, the level is
    then chosen such that the mesh encloses the volume of the voxels.

    Parameters
    ----------
    mask : boolean or integer array with three axes
    spacing : three floats
        In mm, in array-axis order.
    smoothing : float
        Standard deviation of the Gaussian, in voxels of each axis.

    Returns
    -------
    Mesh
        Empty for an empty mask.

    Raises
    ------
    ValueError
        If an argument is wrong.

    Notes
    -----
    Edges and what is thinner than two or three voxels are rounded: the sphericity of a cube comes out too
    high, and a sheet of one voxel is not to be measured in this way.
    """
    inside = as_mask(mask, 3)
    steps = as_spacing(spacing, 3)
    box = bounding_box(inside)
    if box is None:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.intp))
    tight = np.pad(inside[box], MARGIN)
    field = distance_map(tight, steps, smoothing)
    count = int(tight.sum())
    voxels = count * float(np.prod(steps))
    level = float(np.partition(field, count, axis=None)[count])  # as many voxels lie below it as in the mask
    lowest, highest, before = float(field.min()), float(field.max()), None
    for _ in range(40):
        mesh = level_set_mesh(field, steps, level)
        missing = voxels - mesh_volume(*mesh)
        if abs(missing) <= CLOSE_ENOUGH * voxels:
            break
        lowest, highest = (level, highest) if missing > 0 else (lowest, level)
        # A distance grows by 1 mm per mm, and so the volume by the area; after that, as it did last time.
        growth = mesh_area(*mesh) if before is None else (before[1] - missing) / (level - before[0])
        before = level, missing
        level = level + missing / growth if growth > 0 else highest
        if not lowest < level < highest:
            level = (lowest + highest) / 2
    corner = [(part.start - MARGIN) * step for part, step in zip(box, steps, strict=True)]
    return Mesh(mesh.vertices + corner, mesh.faces)


def distance_map_area(mask: ArrayLike, spacing: tuple[float, ...], smoothing: float = 1.0) -> float:
    """Area of `distance_map_mesh` in mm2; 0 for an empty mask. Arguments and errors as there."""
    return mesh_area(*distance_map_mesh(mask, spacing, smoothing))
