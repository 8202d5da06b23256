"""Measuring a shape that is made of bricks: volume, surface, sphericity.

A mask says of each voxel whether it belongs to the region of interest (ROI). Its volume is a matter of
counting. Its surface is not: the true one is lost between the voxels, and each way to draw a new one has an
answer of its own. Three are here, from coarse to fine: the voxels' faces (`area_faces`), marching cubes on the
mask (`marching_cubes_area`), marching cubes on the smoothed distance map (`distance_map_area`).

Conventions, everywhere in this module: `mask` holds booleans (or integers: zero is outside, everything else
inside), `spacing` is in mm, one value for each axis in array order, lengths are in mm, areas in mm2, volumes
in mm3. What lies beyond the image counts as outside, so every surface is closed.

`morphological_features` gives the standard's 29 features under the standard's names.

Sources: the image biomarker standardisation initiative (IBSI), doi:10.1148/radiol.2020191145, section
Morphological features; marching cubes: Lorensen and Cline, doi:10.1145/37402.37422.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require
from ._morph_bodies import ellipsoid_area
from ._morph_features import IBSI_CODES, morphological_features
from ._shape_checks import Bools, as_mask, as_spacing
from ._shape_mesh import (
    Mesh,
    distance_map,
    distance_map_area,
    distance_map_mesh,
    level_set_mesh,
    marching_cubes_mesh,
    mesh_area,
    mesh_volume,
)
from ._shape_patterns import area_and_volume

__all__ = [
    "IBSI_CODES",
    "Mesh",
    "area_faces",
    "best_cylinder",
    "distance_map",
    "distance_map_area",
    "distance_map_mesh",
    "ellipsoid_area",
    "level_set_mesh",
    "marching_cubes_area",
    "marching_cubes_mesh",
    "marching_cubes_volume",
    "mesh_area",
    "mesh_volume",
    "morphological_features",
    "resample_isotropic",
    "sphericity",
    "sphericity_cylinder",
    "volume_voxels",
]

Floats = NDArray[np.float64]


# ---------------------------------------------------------------- counting voxels


def volume_voxels(mask: ArrayLike, spacing: tuple[float, ...]) -> float:
    """Volume by counting (IBSI YEKZ): the number of voxels times the volume of one.

    Parameters
    ----------
    mask : boolean or integer array
        Any number of axes; with two axes the result is an area.
    spacing : floats
        In mm, one for each axis.

    Returns
    -------
    float
        In mm3; 0 for an empty mask.

    Raises
    ------
    ValueError
        If the mask holds something else than booleans or integers, or the spacing does not fit it.

    Examples
    --------
    >>> volume_voxels([[[True, True, False]]], (5.0, 0.5, 0.5))
    2.5
    """
    inside = as_mask(mask)
    steps = as_spacing(spacing, inside.ndim)
    return float(np.count_nonzero(inside) * np.prod(steps))


def area_faces(mask: ArrayLike, spacing: tuple[float, ...]) -> float:
    """Surface by counting: every voxel face between inside and outside, each with its own area.

    On a surface with the unit normal n it reads |nx| + |ny| + |nz| times too much, whatever the size of the
    voxels: nothing on a face of the grid, 1.73 times on its diagonal, 1.5 times over a ball.

    Parameters
    ----------
    mask : boolean or integer array
        Any number of axes; with two axes the result is a perimeter.
    spacing : floats
        In mm, one for each axis.

    Returns
    -------
    float
        In mm2. Faces on the border of the image count. 0 for an empty mask.

    Raises
    ------
    ValueError
        As for `volume_voxels`.

    Examples
    --------
    >>> area_faces([[[1]]], (5.0, 0.5, 0.5))  # 2 * 0.25 + 4 * 2.5
    10.5
    """
    inside = as_mask(mask)
    steps = as_spacing(spacing, inside.ndim)
    total = 0.0
    for axis, step in enumerate(steps):
        along = np.moveaxis(inside, axis, 0)
        if len(along) == 0:
            return 0.0
        inner = np.count_nonzero(along[1:] != along[:-1])
        border = np.count_nonzero(along[0]) + np.count_nonzero(along[-1])
        total += (inner + border) * float(np.prod(steps)) / step
    return float(total)


# ---------------------------------------------------------------- marching cubes


def marching_cubes_area(mask: ArrayLike, spacing: tuple[float, ...]) -> float:
    """Surface of the mask's marching-cubes mesh (IBSI C0JK).

    The result is that of `mesh_area` on `marching_cubes_mesh`; no mesh is made. A mask has only 256 patterns of
    2 x 2 x 2 voxels, and each always has the same triangles: it is enough to count the patterns.

    Parameters
    ----------
    mask : boolean or integer array with three axes
    spacing : three floats
        In mm, in array-axis order.

    Returns
    -------
    float
        In mm2. Also an ROI that touches the border of the image is closed. 0 for an empty mask.

    Raises
    ------
    ValueError
        If the mask has not three axes or holds floats, or the spacing does not fit it.

    Examples
    --------
    >>> round(marching_cubes_area([[[1]]], (1, 1, 1)), 4)  # an octahedron
    1.7321
    """
    return area_and_volume(as_mask(mask, 3), as_spacing(spacing, 3))[0]


def marching_cubes_volume(mask: ArrayLike, spacing: tuple[float, ...]) -> float:
    """Volume inside the mask's marching-cubes mesh (IBSI RNU0), in mm3. Arguments and errors as for the area.

    It is a little less than `volume_voxels`: the mesh cuts edges and corners off.

    Examples
    --------
    >>> round(marching_cubes_volume([[[1]]], (1, 1, 1)), 4)
    0.1667
    """
    return area_and_volume(as_mask(mask, 3), as_spacing(spacing, 3))[1]


# ---------------------------------------------------------------- sphericity


def sphericity(volume: ArrayLike, area: ArrayLike) -> Floats:
    """Sphericity (IBSI QCFX): the area of the ball of the same volume over the area, pi^(1/3) (6 V)^(2/3) / A.

    Parameters
    ----------
    volume : float or array
        In mm3, above zero.
    area : float or array
        In mm2, above zero.

    Returns
    -------
    float or array
        1 for a ball and less for everything else, if volume and area belong to one body. It has no unit.

    Raises
    ------
    ValueError
        If volume or area is not above zero.

    Examples
    --------
    >>> float(sphericity(1.0, 6.0).round(3))  # a cube
    0.806
    """
    content = numbers(volume, "volume")
    surface = numbers(area, "area")
    require(content > 0, "volume must be above zero, in mm3: an empty ROI has no shape.")
    require(surface > 0, "area must be above zero, in mm2.")
    return np.asarray(np.cbrt(np.pi) * np.cbrt(6.0 * content) ** 2 / surface)[()]


def sphericity_cylinder(height: ArrayLike, radius: ArrayLike) -> Floats:
    """Sphericity of a cylinder with flat ends: V = pi r^2 h, A = 2 pi r (r + h).

    Parameters
    ----------
    height, radius : float or array
        In mm, above zero.

    Raises
    ------
    ValueError
        If one of them is not above zero.

    Examples
    --------
    >>> float(sphericity_cylinder(2.0, 1.0).round(4))
    0.8736
    """
    h = numbers(height, "height")
    r = numbers(radius, "radius")
    require(h > 0, "height must be above zero, in mm.")
    require(r > 0, "radius must be above zero, in mm.")
    return sphericity(np.pi * r**2 * h, 2 * np.pi * r * (r + h))


def best_cylinder(radius: ArrayLike) -> Floats:
    """Height of the roundest cylinder: as high as it is wide, h = 2 r. Its sphericity is (2/3)^(1/3) = 0.874.

    Raises
    ------
    ValueError
        If the radius is not above zero.

    Examples
    --------
    >>> float(best_cylinder(1.5))
    3.0
    """
    r = numbers(radius, "radius")
    require(r > 0, "radius must be above zero, in mm.")
    return np.asarray(2.0 * r)[()]


# ---------------------------------------------------------------- another grid


def resample_isotropic(mask: ArrayLike, spacing: tuple[float, ...], target: float) -> Bools:
    """The mask on a grid of cubes: linear interpolation, then the voxels that are at least half inside.

    Both grids have the same centre. The new one has ceil(n * spacing / target) voxels along an axis; its
    voxel centres never leave the image, and between the outermost centres and the border the mask goes on as
    it is there (IBSI, section Interpolation).

    Parameters
    ----------
    mask : boolean or integer array
        Any number of axes.
    spacing : floats
        In mm, one for each axis.
    target : float
        The new spacing along every axis, in mm.

    Returns
    -------
    boolean array
        May be empty of voxels if the ROI is smaller than half of a new one.

    Raises
    ------
    ValueError
        If the target is not above zero and finite, or the mask or the spacing is wrong.

    Examples
    --------
    >>> resample_isotropic([[0, 1, 1, 0]], (4.0, 2.0), 2.0).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 1, 0]])
    """
    inside = as_mask(mask)
    steps = as_spacing(spacing, inside.ndim)
    share = _linear(inside, steps, as_spacing((target,), 1)[0])
    # Rounded, so that a share of exactly one half does not depend on the order of the sums.
    return np.asarray(share.round(6) >= 0.5)


def _linear(values: NDArray[np.generic], steps: tuple[float, ...], target: float) -> Floats:
    """Linear interpolation on the grid of `target` mm that has the same centre, one axis after the other."""
    result = np.asarray(values, dtype=np.float64)
    for axis, step in enumerate(steps):
        old = result.shape[axis]
        new = ceil(round(old * step / target, 9))  # 3 * 0.7 / 0.3 is 7, not 7.000000000000001
        place = ((np.arange(new) - (new - 1) / 2) * target / step + (old - 1) / 2).clip(0, max(old - 1, 0))
        below = np.floor(place).astype(np.intp)
        above = np.minimum(below + 1, max(old - 1, 0))
        weight = (place - below).reshape([-1 if i == axis else 1 for i in range(result.ndim)])
        result = result.take(below, axis) * (1 - weight) + result.take(above, axis) * weight
    return result
