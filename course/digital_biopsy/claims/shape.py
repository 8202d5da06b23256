"""The claims of chapter 3: the roundest body, the staircase, and the isotropic grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from digital_biopsy import shape, solids
from digital_biopsy.claims._trial import Claim, Measurement, Trial

__all__ = [
    "ISO",
    "ISO_RESAMPLE",
    "STAIRS",
    "iso",
    "iso_resample",
    "mesh_sphericity",
    "resample_by_distance",
    "stairs",
    "tilt_factor",
]

Spacing = tuple[float, float, float]
CUBES: Spacing = (1.0, 1.0, 1.0)
BRICKS: Spacing = (7.0, 1.0, 1.0)
SLICES: Spacing = (3.0, 0.8, 0.8)


def mesh_sphericity(mesh: tuple[Any, Any]) -> float:
    """Sphericity of a closed mesh, from its own volume and its own area."""
    return float(shape.sphericity(shape.mesh_volume(*mesh), shape.mesh_area(*mesh)))


# iso ---------------------------------------------------------------------------------------------------------
def _stretched(seed: int) -> tuple[Any, Any]:
    """A random body: a mesh of a nodule, stretched along three axes."""
    rng = np.random.default_rng(seed)
    vertices, faces = solids.nodule_mesh(seed, depth=float(rng.uniform(0.0, 0.15)), level=3)
    return vertices * rng.uniform(0.2, 1.0, 3), faces


def _try_iso() -> list[Measurement]:
    radius = 20.0
    bodies = [_stretched(seed) for seed in range(200)]
    values = np.array([mesh_sphericity(body) for body in bodies])
    vertices, faces = bodies[0]
    enlarged = mesh_sphericity((vertices * 1000.0, faces))
    z, y, x = solids.grid(CUBES, radius)
    own_distance = np.sqrt(z**2 + y**2 + x**2) - radius
    rows = [
        Measurement(
            "a ball, from its formulas",
            1.0,
            float(shape.sphericity(4 / 3 * np.pi * radius**3, 4 * np.pi * radius**2)),
            "",
            1e-6,
        ),
        Measurement(
            f"200 random bodies (sphericity {values.min():.2f} to {values.max():.3f}): how many lie above 1",
            0.0,
            float((values > 1).sum()),
            "",
            0.5,
        ),
        Measurement("one of them, enlarged 1000 times: change", 0.0, enlarged - values[0], "", 1e-6),
        Measurement(
            "a ball of 20 voxels' radius, surface drawn from its own distance map",
            1.0,
            mesh_sphericity(shape.level_set_mesh(own_distance, CUBES)),
            "",
            0.01,
        ),
    ]
    for voxels in (5, 10, 20, 40):
        step = radius / voxels
        mask = solids.ball(radius, (step, step, step), (0.31 * step, 0.17 * step, 0.43 * step))
        rows.append(
            Measurement(
                f"the ball as a mask, {voxels} voxels' radius, marching cubes",
                1.0,
                mesh_sphericity(shape.marching_cubes_mesh(mask, (step, step, step))),
                "",
                0.01,
                lifts_condition=True,
            )
        )
    mask = solids.ball(radius, CUBES)
    rows.append(
        Measurement(
            f"the ball as a mask, {radius:.0f} voxels' radius, faces counted",
            1.0,
            float(shape.sphericity(shape.volume_voxels(mask, CUBES), shape.area_faces(mask, CUBES))),
            "",
            0.01,
            lifts_condition=True,
        )
    )
    return rows


ISO = Claim(
    id="iso",
    statement="Sphericity is at most 1, reaches 1 only for a ball, and does not depend on size.",
    condition="the surface is the body's own, and not one drawn round the voxels of a mask",
    experiment=_try_iso,
)


def iso() -> Trial:
    """Try the isoperimetric claim of chapter 3, in the continuum and on masks.

    Examples
    --------
    >>> print(iso().verdict)
    holds if the surface is the body's own, and not one drawn round the voxels of a mask
    """
    return ISO.trial()


# stairs ------------------------------------------------------------------------------------------------------
def tilt_factor(degrees: float, axis: tuple[float, float, float]) -> float:
    """What counted faces must read for a turned cube over its area: the mean of |nx| + |ny| + |nz|."""
    return float(np.abs(solids.rotation(axis, degrees)).sum() / 3)


def _ball_factor(radius: float, spacing: Spacing) -> float:
    """Counted faces over the true area, the mean over eight balls that lie differently on their grid."""
    rng = np.random.default_rng(3)
    shifts = rng.uniform(-0.5, 0.5, (8, 3)) * spacing
    areas = [
        shape.area_faces(solids.ball(radius, spacing, (float(z), float(y), float(x))), spacing)
        for z, y, x in shifts
    ]
    return float(np.mean(areas) / (4 * np.pi * radius**2))


def _cube_factor(degrees: float, spacing: Spacing) -> float:
    """Counted faces over the true area of a cube of 84 mm, turned about the diagonal of space."""
    mask = solids.cube(84.0, spacing, (1, 1, 1), degrees, shift=0.25)
    return shape.area_faces(mask, spacing) / (6 * 84.0**2)


def _try_stairs() -> list[Measurement]:
    flat, tilted = (_cube_factor(degrees, BRICKS) for degrees in (0.0, 60.0))
    return [
        Measurement("ball on 7 × 1 × 1 mm: faces over true area", 1.5, _ball_factor(20.0, BRICKS), "", 0.03),
        Measurement("cube on 7 × 1 × 1 mm, flat: faces over true area", 1.0, flat, "", 0.05),
        Measurement(
            "cube on 7 × 1 × 1 mm, turned by 60° about its diagonal",
            tilt_factor(60.0, (1, 1, 1)),
            tilted,
            "",
            0.05,
        ),
        Measurement(
            "ball on 1 × 1 × 1 mm: with cubes the bias should be gone",
            1.0,
            _ball_factor(20.0, CUBES),
            "",
            0.03,
            lifts_condition=True,
        ),
        Measurement(
            "turned cube on 1 × 1 × 1 mm: with cubes the bias should be gone",
            1.0,
            _cube_factor(60.0, CUBES),
            "",
            0.05,
            lifts_condition=True,
        ),
    ]


STAIRS = Claim(
    id="stairs",
    statement="Counting faces overestimates the area, by an orientation-dependent bias of anisotropic voxels.",
    condition="the tilt of the surface is named as its cause, and not the shape of the voxels",
    experiment=_try_stairs,
)


def stairs() -> Trial:
    """Try the claim of chapter 3 on the staircase: is it the anisotropy that makes it too large?

    Examples
    --------
    >>> print(stairs().verdict)
    holds if the tilt of the surface is named as its cause, and not the shape of the voxels
    """
    return STAIRS.trial()


# iso-resample ------------------------------------------------------------------------------------------------
def resample_by_distance(mask: NDArray[np.bool_], spacing: Spacing, target: float) -> NDArray[np.bool_]:
    """The mask on cubes of ``target`` mm: its signed distance is interpolated, and not its zeros and ones.

    The grid is that of `digital_biopsy.shape.resample_isotropic`, round the mask padded by one voxel.
    """
    padded = np.pad(mask, 1)
    distance = shape.distance_map(padded, spacing)
    counts = [int(np.ceil(round(n * s / target, 9))) for n, s in zip(padded.shape, spacing, strict=True)]
    places = [
        ((np.arange(k) - (k - 1) / 2) * target / s + (n - 1) / 2)
        for k, n, s in zip(counts, padded.shape, spacing, strict=True)
    ]
    # ndimage wants one coordinate per axis and voxel; order 1 is linear.
    there = np.stack(np.meshgrid(*places, indexing="ij"))
    moved = ndimage.map_coordinates(distance, there, order=1, mode="nearest")
    return np.asarray(moved <= 0)


def _ratios(target: float, by_distance: bool) -> NDArray[np.float64]:
    """Area and sphericity after over before, by marching cubes, of twelve nodules. Shape (12, 2)."""
    rows = []
    for seed in range(12):
        mask = solids.nodule(SLICES, seed)
        resample = resample_by_distance if by_distance else shape.resample_isotropic
        before = shape.marching_cubes_mesh(mask, SLICES)
        after = shape.marching_cubes_mesh(resample(mask, SLICES, target), (target, target, target))
        rows.append(
            (
                shape.mesh_area(*after) / shape.mesh_area(*before),
                mesh_sphericity(after) / mesh_sphericity(before),
            )
        )
    return np.array(rows)


def _try_iso_resample() -> list[Measurement]:
    rows = []
    for target, by_distance in ((2.0, False), (2.0, True), (0.8, True), (0.8, False)):
        area, roundness = _ratios(target, by_distance).T
        agree = float(np.mean((area < 1) & (roundness > 1)) * 100)
        rows.append(
            Measurement(
                f"to cubes of {target:g} mm, {'distance map' if by_distance else 'mask'} interpolated "
                f"(area × {area.mean():.2f}, sphericity × {roundness.mean():.2f}): nodules that obey",
                100.0,
                agree,
                "%",
                1.0,
                lifts_condition=target < 1 and not by_distance,
            )
        )
    return rows


ISO_RESAMPLE = Claim(
    id="iso-resample",
    statement="Resampling a mask to an isotropic grid lowers its area and raises its sphericity.",
    condition="the new voxels are coarser than the old pixels, or the distance map is interpolated",
    experiment=_try_iso_resample,
)


def iso_resample() -> Trial:
    """Try the claim of chapter 3 on resampling: twelve nodules on slices of 3 mm with pixels of 0.8 mm.

    Examples
    --------
    >>> print(iso_resample().verdict)
    holds if the new voxels are coarser than the old pixels, or the distance map is interpolated
    """
    return ISO_RESAMPLE.trial()
