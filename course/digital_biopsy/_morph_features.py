"""The morphological features of the IBSI, under the names that the standard gives them.

Family HCUG of the first IBSI chapter (Zwanenburg et al., doi:10.1148/radiol.2020191145; definitions in the
manual, arXiv:1612.07003). Private to the package; `digital_biopsy.shape` is the door.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from ._arguments import numbers
from ._morph_autocorrelation import moran_geary
from ._morph_bodies import (
    box_volume_area,
    convex_hull,
    diameter,
    ellipsoid_area_by_standard,
    ellipsoid_volume,
    outermost,
    smallest_box,
    smallest_ellipsoid,
)
from ._shape_checks import Bools, Floats, as_mask, as_spacing, bounding_box
from ._shape_patterns import area_and_volume

IBSI_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Volume (mesh)": "RNU0",
        "Volume (voxel counting)": "YEKZ",
        "Surface area (mesh)": "C0JK",
        "Surface to volume ratio": "2PR5",
        "Compactness 1": "SKGS",
        "Compactness 2": "BQWJ",
        "Spherical disproportion": "KRCK",
        "Sphericity": "QCFX",
        "Asphericity": "25C7",
        "Centre of mass shift": "KLMA",
        "Maximum 3D diameter": "L0JK",
        "Major axis length": "TDIC",
        "Minor axis length": "P9VJ",
        "Least axis length": "7J51",
        "Elongation": "Q3CK",
        "Flatness": "N17B",
        "Volume density (axis-aligned bounding box)": "PBX1",
        "Area density (axis-aligned bounding box)": "R59B",
        "Volume density (oriented minimum bounding box)": "ZH1A",
        "Area density (oriented minimum bounding box)": "IQYR",
        "Volume density (approximate enclosing ellipsoid)": "6BDE",
        "Area density (approximate enclosing ellipsoid)": "RDD2",
        "Volume density (minimum volume enclosing ellipsoid)": "SWZ1",
        "Area density (minimum volume enclosing ellipsoid)": "BRI8",
        "Volume density (convex hull)": "R3ER",
        "Area density (convex hull)": "7T7F",
        "Integrated intensity": "99N0",
        "Moran’s I index": "N365",
        "Geary’s C measure": "NPT7",
    }
)
"""The standard's identifier of each morphological feature, by the standard's name."""


def morphological_features(
    mask: ArrayLike, spacing: tuple[float, ...], image: ArrayLike | None = None
) -> dict[str, float]:
    """The 29 morphological features (IBSI family HCUG); without an image the 25 that need none.

    Parameters
    ----------
    mask : boolean or integer array with three axes
        Several components are measured as one body.
    spacing : three floats
        In mm, in array-axis order.
    image : array, in the shape of the mask, optional
        Intensities, for the centre of mass shift, the integrated intensity, Moran's I and Geary's C. A voxel
        that holds NaN is left out of these four, not of the others: it is missing in the standard's
        *intensity mask* and stays in its *morphological mask*.

    Returns
    -------
    dict of float, by the standard's name
        In mm, mm2, mm3 and their ratios; the integrated intensity in the image's unit times mm3. What divides by
        zero is NaN: for one voxel, which has no axes, elongation, flatness and the densities in the approximate
        enclosing ellipsoid; for a constant image Moran's I and Geary's C; for intensities whose sum is
        0, the centre of mass shift. For HU, which may be negative, the last is without meaning near that.

    Raises
    ------
    ValueError
        If the mask is empty or has not three axes, the spacing does not fit, the image has another shape or
        an infinite value inside the ROI, or NaN throughout it.

    Notes
    -----
    The axes come from the covariance of the voxel centres with N - 1 in its denominator, as the standard's
    reference values ask for. The areas of the two ellipsoids follow the formula that the manual prints, which
    is not their area (see `ellipsoid_area`). For the oriented box and the smallest ellipsoid the standard has
    no values of full consensus; the ellipsoid is the smallest to 2 parts in 10 000, the box the smallest that
    a search finds.

    Examples
    --------
    >>> found = morphological_features(np.ones((4, 4, 4)) > 0, (1, 1, 1))
    >>> round(found["Volume (voxel counting)"]), round(found["Sphericity"], 2)
    (64, 0.9)
    """
    inside = as_mask(mask, 3)
    steps = as_spacing(spacing, 3)
    box = bounding_box(inside)
    if box is None:
        raise ValueError("The mask is empty: an ROI without voxels has no shape.")
    values = None if image is None else _intensities(image, inside)[box]
    inside = inside[box]
    volume, area, found = _mesh_features(inside, steps)
    if values is not None:
        found |= _intensity_features(inside, steps, values, volume)
    found |= _extent_features(inside, steps, volume, area)
    return {name: float(found[name]) for name in IBSI_CODES if name in found}


def _mesh_features(inside: Bools, steps: tuple[float, ...]) -> tuple[float, float, dict[str, float]]:
    area, volume = area_and_volume(inside, steps)
    ball = np.cbrt(36 * np.pi * volume**2)  # the area of the ball of this volume
    found = {
        "Volume (mesh)": volume,
        "Volume (voxel counting)": float(np.count_nonzero(inside) * np.prod(steps)),
        "Surface area (mesh)": area,
        "Surface to volume ratio": area / volume,
        "Compactness 1": volume / np.sqrt(np.pi * area**3),
        "Compactness 2": 36 * np.pi * volume**2 / area**3,
        "Spherical disproportion": area / ball,
        "Sphericity": ball / area,
        "Asphericity": area / ball - 1,
    }
    return volume, area, found


def _extent_features(inside: Bools, steps: tuple[float, ...], volume: float, area: float) -> dict[str, float]:
    """Size along its axes, and how much of each enclosing body the ROI fills."""
    hull = convex_hull(outermost(inside, steps))
    axes = axis_lengths(inside, steps)
    enclosing = smallest_ellipsoid(hull.points)
    bodies = {
        "axis-aligned bounding box": box_volume_area(np.ptp(hull.points, axis=0)),
        "oriented minimum bounding box": box_volume_area(smallest_box(hull)),
        "approximate enclosing ellipsoid": (ellipsoid_volume(axes / 2), ellipsoid_area_by_standard(axes / 2)),
        "minimum volume enclosing ellipsoid": (
            ellipsoid_volume(enclosing),
            ellipsoid_area_by_standard(enclosing),
        ),
        "convex hull": (hull.volume, hull.area),
    }
    found = {
        "Maximum 3D diameter": diameter(hull.points),
        "Major axis length": axes[0],
        "Minor axis length": axes[1],
        "Least axis length": axes[2],
        "Elongation": _ratio(axes[1], axes[0]),
        "Flatness": _ratio(axes[2], axes[0]),
    }
    for name, (body_volume, body_area) in bodies.items():
        found[f"Volume density ({name})"] = _ratio(volume, body_volume)
        found[f"Area density ({name})"] = _ratio(area, body_area)
    return found


def _intensity_features(
    inside: Bools, steps: tuple[float, ...], values: Floats, volume: float
) -> dict[str, float]:
    known = inside & ~np.isnan(values)
    weight = values[known]
    total = float(weight.sum())
    shift = float("nan")
    if abs(total) > 1e-12 * float(np.abs(weight).sum()):
        middle = np.argwhere(inside).mean(axis=0)
        heavy = weight @ np.argwhere(known) / total
        shift = float(np.sqrt((((heavy - middle) * steps) ** 2).sum()))
    moran, geary = moran_geary(np.where(known, values, 0.0), known, steps)
    return {
        "Centre of mass shift": shift,
        "Integrated intensity": total / weight.size * volume,
        "Moran’s I index": moran,
        "Geary’s C measure": geary,
    }


def axis_lengths(inside: Bools, steps: tuple[float, ...]) -> Floats:
    """Lengths of the axes of a mask in mm, longest first: four standard deviations of its voxel centres.

    The covariance divides by N - 1. Four standard deviations are the axes of an ellipse; those of a solid
    ellipsoid are 2 sqrt(5) = 4.47, so that the standard's approximate enclosing ellipsoid encloses it not
    quite (an ellipsoid's own volume density in it is 1.40). One voxel has no extent in this sense: zeros.
    """
    places = np.argwhere(inside) * np.asarray(steps)
    if len(places) < 2:
        return np.zeros(inside.ndim)
    spread = np.linalg.eigvalsh(np.atleast_2d(np.cov(places.T)))[::-1]
    # Rounding leaves 1e-16 of the largest where voxels lie in one plane.
    return np.asarray(4 * np.sqrt(np.where(spread > 1e-12 * spread[0], spread, 0.0)))


def _intensities(image: ArrayLike, inside: Bools) -> Floats:
    values = numbers(image, "image")
    if values.shape != inside.shape:
        raise ValueError(f"image and mask must have one shape, not {values.shape} and {inside.shape}.")
    if np.isinf(values[inside]).any():
        raise ValueError("The image is infinite inside the ROI. Replace it by NaN to leave such voxels out.")
    if np.isnan(values[inside]).all():
        raise ValueError("The image holds NaN in every voxel of the ROI: there is no intensity to measure.")
    return values


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")
