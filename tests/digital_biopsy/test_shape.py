"""Volumes, areas, sphericity, resampling: closed forms, invariances, errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage import measure

from digital_biopsy import shape, solids

CUBES = (1.0, 1.0, 1.0)
spacings = st.tuples(*[st.floats(0.2, 8.0)] * 3)
masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6))
areas: dict[str, Callable[..., float]] = {
    "faces": shape.area_faces,
    "marching cubes": shape.marching_cubes_area,
    "distance map": shape.distance_map_area,
    "volume": shape.volume_voxels,
    "mesh volume": shape.marching_cubes_volume,
}


def mesh_sphericity(mesh: shape.Mesh) -> float:
    return float(shape.sphericity(shape.mesh_volume(*mesh), shape.mesh_area(*mesh)))


# ---------------------------------------------------------------- closed forms


def cuboid(a: float, b: float, c: float) -> shape.Mesh:
    corners = np.array(np.meshgrid([0, a], [0, b], [0, c], indexing="ij")).reshape(3, -1).T
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [t for p, q, r, s in quads for t in ((p, q, r), (p, r, s))]
    return shape.Mesh(corners, np.array(faces))


def cylinder(height: float, radius: float, sides: int = 720) -> shape.Mesh:
    turn = np.arange(sides) * 2 * np.pi / sides
    ring = np.stack([np.zeros(sides), radius * np.sin(turn), radius * np.cos(turn)], axis=1)
    points = np.concatenate([ring, ring + np.array([height, 0, 0]), [[0, 0, 0], [height, 0, 0]]])
    i = np.arange(sides)
    j = (i + 1) % sides
    low, high = np.full(sides, 2 * sides), np.full(sides, 2 * sides + 1)
    parts = [(low, i, j), (high, j + sides, i + sides), (i, i + sides, j), (j, i + sides, j + sides)]
    return shape.Mesh(points, np.concatenate([np.stack(part, axis=1) for part in parts]))


def test_a_sphere() -> None:
    vertices, faces = solids.sphere_mesh(5)
    mesh = shape.Mesh(vertices * 3 + [4, -20, 7], faces)
    assert shape.mesh_area(*mesh) == pytest.approx(4 * np.pi * 9, rel=2e-3)
    assert shape.mesh_volume(*mesh) == pytest.approx(4 / 3 * np.pi * 27, rel=2e-3)
    assert 0.999 < mesh_sphericity(mesh) < 1
    assert shape.sphericity(4 / 3 * np.pi * 27, 4 * np.pi * 9) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("axes", [(3.0, 2.0, 1.0), (5.0, 5.0, 1.0), (4.0, 1.0, 1.0)])
def test_an_ellipsoid(axes: tuple[float, float, float]) -> None:
    vertices, faces = solids.sphere_mesh(5)
    mesh = shape.Mesh(vertices * axes, faces)
    assert shape.mesh_volume(*mesh) == pytest.approx(4 / 3 * np.pi * np.prod(axes), rel=2e-3)
    assert shape.mesh_area(*mesh) == pytest.approx(shape.ellipsoid_area(axes), rel=2e-3)


def test_the_area_of_ellipsoids_in_closed_form() -> None:
    assert shape.ellipsoid_area((2, 2, 2)) == pytest.approx(16 * np.pi)
    assert shape.ellipsoid_area((3, 3, 0)) == pytest.approx(2 * np.pi * 9)  # a disc has two sides
    e = np.sqrt(1 - 1 / 4)  # prolate, axes 2, 1, 1
    assert shape.ellipsoid_area((1, 2, 1)) == pytest.approx(2 * np.pi * (1 + 2 / e * np.arcsin(e)))
    oblate = 2 * np.pi * 4 * (1 + (1 - e**2) / e * np.arctanh(e))  # axes 2, 2, 1
    assert shape.ellipsoid_area((2, 1, 2)) == pytest.approx(oblate)
    with pytest.raises(ValueError, match="three lengths"):
        shape.ellipsoid_area((1, 2))
    with pytest.raises(ValueError, match="three lengths"):
        shape.ellipsoid_area((1, 2, float("nan")))


def test_a_cuboid_as_mesh_and_as_voxels() -> None:
    mesh = cuboid(2.0, 3.0, 5.0)
    assert shape.mesh_area(*mesh) == pytest.approx(62)
    assert shape.mesh_volume(*mesh) == pytest.approx(30)
    mask, spacing = np.ones((4, 3, 2)), (0.5, 1.0, 2.5)
    assert shape.area_faces(mask > 0, spacing) == pytest.approx(62)
    assert shape.volume_voxels(mask > 0, spacing) == pytest.approx(30)
    assert float(shape.sphericity(1, 6)) == pytest.approx((np.pi / 6) ** (1 / 3))


def test_a_cylinder() -> None:
    mesh = cylinder(4.0, 2.0)
    assert shape.mesh_area(*mesh) == pytest.approx(2 * np.pi * 2 * 6, rel=1e-4)
    assert shape.mesh_volume(*mesh) == pytest.approx(np.pi * 16, rel=1e-4)
    assert mesh_sphericity(mesh) == pytest.approx(float(shape.sphericity_cylinder(4.0, 2.0)), rel=1e-4)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
@settings(deadline=None)
def test_no_cylinder_is_rounder_than_the_best(height: float, radius: float) -> None:
    best = float(shape.best_cylinder(radius))
    assert best == 2 * radius
    top = float(shape.sphericity_cylinder(best, radius))
    assert top == pytest.approx((2 / 3) ** (1 / 3))
    assert float(shape.sphericity_cylinder(height, radius)) <= top + 1e-12
    # The limit of pancakes and needles is 0, not some constant.
    assert float(shape.sphericity_cylinder(1e-9 * radius, radius)) < 1e-4


def test_one_voxel() -> None:
    """An octahedron with its corners half a step from the centre."""
    mask, (z, y, x) = np.ones((1, 1, 1), bool), (3.0, 2.0, 1.0)
    assert shape.marching_cubes_volume(mask, (z, y, x)) == pytest.approx(z * y * x / 6)
    normal = np.cross([z / 2, -y / 2, 0], [z / 2, 0, -x / 2])
    assert shape.marching_cubes_area(mask, (z, y, x)) == pytest.approx(8 * np.sqrt(normal @ normal) / 2)
    assert shape.area_faces(mask, (z, y, x)) == 2 * (6 + 3 + 2)


# ---------------------------------------------------------------- what the claims rest on


def test_a_ball_of_voxels_stays_below_its_sphericity_at_every_size() -> None:
    for voxels in (8, 16, 32):
        mask = solids.ball(voxels, CUBES, (0.31, 0.17, 0.43))
        assert mesh_sphericity(shape.marching_cubes_mesh(mask, CUBES)) == pytest.approx(0.92, abs=0.005)


def test_the_distance_map_of_a_mask_has_the_staircase_of_the_mask() -> None:
    """Beside the surface it holds half a voxel and its negative, wherever the surface was."""
    mask = np.pad(solids.ball(9, CUBES, (0.3, 0.2, 0.1)), 1)
    plain = shape.level_set_mesh(shape.distance_map(mask, CUBES), CUBES)
    assert shape.mesh_area(*plain) == pytest.approx(shape.marching_cubes_area(mask, CUBES), rel=1e-6)


def test_only_the_body_s_own_distance_or_smoothing_gives_a_round_ball() -> None:
    z, y, x = solids.grid(CUBES, 12)
    own = shape.level_set_mesh(np.sqrt(z**2 + y**2 + x**2) - 10, CUBES)
    assert mesh_sphericity(own) > 0.999
    for spacing, least in ((CUBES, 0.995), ((3.0, 1.0, 1.0), 0.99), ((5.0, 0.7, 0.7), 0.98)):
        mask = solids.ball(10, spacing, (0.3, 0.2, 0.1))
        smooth = shape.distance_map_mesh(mask, spacing)
        assert least < mesh_sphericity(smooth) < 1
        assert shape.mesh_volume(*smooth) == pytest.approx(shape.volume_voxels(mask, spacing), rel=2e-5)


def test_counted_faces_are_one_and_a_half_times_too_many_at_every_spacing() -> None:
    for spacing in (CUBES, (3.0, 1.0, 1.0), (7.0, 1.0, 1.0)):
        mask = solids.ball(40.0, spacing, (0.3, 0.2, 0.1))
        assert shape.area_faces(mask, spacing) / (4 * np.pi * 1600) == pytest.approx(1.5, rel=0.02)


# ---------------------------------------------------------------- agreement with scikit-image


@given(masks, spacings)
@settings(deadline=None)
def test_area_is_that_of_scikit_image(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> None:
    if mask.any():
        vertices, faces, _, _ = measure.marching_cubes(np.pad(mask, 1).astype(float), 0.5, spacing=spacing)
        expected = measure.mesh_surface_area(vertices, faces)
        assert shape.marching_cubes_area(mask, spacing) == pytest.approx(expected, rel=1e-5)
        assert shape.mesh_area(vertices, faces) == pytest.approx(expected, rel=1e-5)
    else:
        assert shape.marching_cubes_area(mask, spacing) == 0


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
@settings(deadline=None)
def test_the_perimeter_of_a_slice_is_its_crack_length(mask: NDArray[np.bool_]) -> None:
    padded = np.pad(mask, 1).astype(int)
    cracks = np.abs(np.diff(padded, axis=0)).sum() * 0.5 + np.abs(np.diff(padded, axis=1)).sum() * 2.0
    assert shape.area_faces(mask, (2.0, 0.5)) == pytest.approx(cracks)


def test_a_mesh_lies_where_its_mask_lies() -> None:
    mask = np.zeros((9, 8, 12), bool)
    mask[2:6, 3:5, 4:11] = True
    spacing = (2.0, 1.0, 0.5)
    for mesh in (shape.marching_cubes_mesh(mask, spacing), shape.distance_map_mesh(mask, spacing)):
        middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
        assert middle == pytest.approx(np.array([3.5, 3.5, 7.0]) * spacing, abs=1e-3)
    mesh = shape.marching_cubes_mesh(mask, spacing)
    assert mesh.vertices.min(axis=0) == pytest.approx(np.array([1.5, 2.5, 3.5]) * spacing)


# ---------------------------------------------------------------- properties


@given(masks, spacings, st.floats(0.1, 10), st.permutations(range(3)))
@settings(max_examples=40, deadline=None)
def test_moved_turned_mirrored_enlarged(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], factor: float, order: list[int]
) -> None:
    steps = np.array(spacing)
    same = [
        (np.pad(mask, ((2, 0), (0, 3), (1, 1))), steps),  # moved, and off the border
        (mask.transpose(order), steps[order]),  # turned by 90 degrees, or mirrored
        (mask[::-1], steps),
        (mask[:, ::-1, ::-1], steps),
    ]
    for name in ("faces", "marching cubes", "volume", "mesh volume"):
        expected = areas[name](mask, spacing)
        for other, its_steps in same:
            turned = areas[name](other, tuple(its_steps))
            if name in ("faces", "volume"):
                assert turned == pytest.approx(expected)
        moved, larger = areas[name](*same[0]), areas[name](mask, tuple(steps * factor))
        assert moved == pytest.approx(expected)
        power = 3 if "volume" in name else 2
        assert larger == pytest.approx(expected * factor**power)


@pytest.mark.parametrize("name", areas)
def test_compact_bodies_measure_the_same_from_every_side(name: str) -> None:
    """Where no pattern is ambiguous, marching cubes too sees no difference between the sides."""
    mask = solids.nodule((2.0, 1.0, 1.5), seed=3, radius=9.0)
    expected = areas[name](mask, (2.0, 1.0, 1.5))
    for order in ((0, 2, 1), (2, 0, 1), (1, 2, 0)):
        turned = np.ascontiguousarray(mask.transpose(order))
        assert areas[name](turned, tuple(np.array((2.0, 1.0, 1.5))[list(order)])) == pytest.approx(
            expected, rel=1e-4
        )
    assert areas[name](mask[:, ::-1], (2.0, 1.0, 1.5)) == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 10_000), st.floats(0.2, 5), st.tuples(*[st.floats(-1e3, 1e3)] * 3))
@settings(max_examples=25, deadline=None)
def test_a_mesh_may_be_moved_turned_and_turned_inside_out(
    seed: int, factor: float, origin: tuple[float, float, float]
) -> None:
    vertices, faces = solids.nodule_mesh(seed % 20, level=2)
    area, volume = shape.mesh_area(vertices, faces), shape.mesh_volume(vertices, faces)
    turn = solids.rotation(np.random.default_rng(seed).normal(size=3), seed % 360)
    other = factor * vertices @ turn + np.array(origin)
    assert shape.mesh_area(other, faces) == pytest.approx(area * factor**2)
    assert shape.mesh_volume(other, faces) == pytest.approx(volume * factor**3, rel=1e-6)
    assert shape.mesh_volume(vertices, faces[:, ::-1]) == pytest.approx(volume)
    assert float(shape.sphericity(volume, area)) < 1


@given(masks, spacings)
@settings(deadline=None)
def test_two_bodies_apart_add_up(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> None:
    gap = np.zeros((2, *mask.shape[1:]), bool)
    both = np.concatenate([mask, gap, mask])
    for name in ("faces", "marching cubes", "volume", "mesh volume"):
        assert areas[name](both, spacing) == pytest.approx(2 * areas[name](mask, spacing))


@pytest.mark.parametrize("name", areas)
def test_kinds_of_masks(name: str) -> None:
    whole = np.random.default_rng(5).random((12, 14, 10)) < 0.4
    mask = whole[::2, ::2, ::2]
    expected = areas[name](np.ascontiguousarray(mask), (3.0, 1.0, 2.0))
    assert areas[name](mask, (3.0, 1.0, 2.0)) == expected
    assert areas[name](np.asfortranarray(mask), [3, 1, 2]) == expected
    assert areas[name](mask.tolist(), np.array([3.0, 1.0, 2.0])) == expected
    for kind in (np.uint8, np.int16, np.int64):
        assert areas[name](mask.astype(kind) * 7, (3.0, 1.0, 2.0)) == expected
    before = mask.copy()
    mask.setflags(write=False)
    assert areas[name](mask, (3.0, 1.0, 2.0)) == expected
    assert (mask == before).all()


@pytest.mark.parametrize("name", areas)
@pytest.mark.parametrize("size", [(3, 4, 5), (0, 4, 5), (1, 1, 1)], ids=str)
def test_an_empty_mask_has_neither_area_nor_volume(name: str, size: tuple[int, ...]) -> None:
    assert areas[name](np.zeros(size, bool), CUBES) == 0


@pytest.mark.parametrize("name", areas)
def test_a_full_mask_is_closed(name: str) -> None:
    full = np.ones((4, 4, 4), bool)
    assert areas[name](full, CUBES) == pytest.approx(areas[name](np.pad(full, 3), CUBES))
    assert areas[name](full, CUBES) > 40


# ---------------------------------------------------------------- distance maps


def test_the_distance_map_of_a_flat_wall_is_exact() -> None:
    mask = np.zeros((6, 3, 3), bool)
    mask[:3] = True
    found = shape.distance_map(mask, (2.0, 2.0, 2.0))
    assert found[:, 1, 1].tolist() == [-5, -3, -1, 1, 3, 5]
    assert shape.distance_map(mask, (2.0, 2.0, 2.0), smoothing=1.0)[2:4].sum() == pytest.approx(0)
    for wrong in (np.zeros((3, 3)), np.ones((3, 3))):
        with pytest.raises(ValueError, match="inside and outside"):
            shape.distance_map(wrong > 0, (1, 1))
    with pytest.raises(ValueError, match="smoothing"):
        shape.distance_map(mask, CUBES, smoothing=-1)
    with pytest.raises(ValueError, match="smoothing"):
        shape.distance_map_mesh(mask, CUBES, smoothing=float("nan"))


def test_thin_bodies_keep_their_volume() -> None:
    for mask in (np.ones((1, 9, 9), bool), np.ones((1, 1, 7), bool), np.eye(5, dtype=bool)[None]):
        mesh = shape.distance_map_mesh(mask, (2.0, 1.0, 1.0))
        assert shape.mesh_volume(*mesh) == pytest.approx(shape.volume_voxels(mask, (2, 1, 1)), rel=2e-5)


def test_a_level_that_is_never_crossed_gives_an_empty_mesh() -> None:
    field = np.arange(27.0).reshape(3, 3, 3)
    for level in (-1.0, 26.0, 99.0):
        mesh = shape.level_set_mesh(field, CUBES, level)
        assert len(mesh.faces) == 0
        assert shape.mesh_area(*mesh) == shape.mesh_volume(*mesh) == 0
    with pytest.raises(ValueError, match="two voxels or more"):
        shape.level_set_mesh(field[:1], CUBES)


# ---------------------------------------------------------------- resampling


@given(masks, st.floats(0.2, 5.0))
@settings(deadline=None)
def test_the_same_grid_gives_the_same_mask(mask: NDArray[np.bool_], step: float) -> None:
    assert (shape.resample_isotropic(mask, (step,) * 3, step) == mask).all()


@given(masks, spacings, st.floats(0.3, 6.0))
@settings(deadline=None)
def test_resampling_is_blind_to_sides_and_kinds(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], target: float
) -> None:
    found = shape.resample_isotropic(mask, spacing, target)
    expected = [int(np.ceil(round(n * s / target, 9))) for n, s in zip(mask.shape, spacing, strict=True)]
    assert list(found.shape) == expected
    assert found.dtype == np.bool_
    assert (shape.resample_isotropic(mask.astype(int) * 3, spacing, target) == found).all()
    assert (shape.resample_isotropic(mask[::-1], spacing, target)[::-1] == found).all()
    turned = shape.resample_isotropic(mask.transpose(2, 0, 1), (spacing[2], *spacing[:2]), target)
    assert (turned == found.transpose(2, 0, 1)).all()


def test_resampling_a_column_by_hand() -> None:
    column = np.array([[[0]], [[1]], [[1]], [[0]]])
    found = shape.resample_isotropic(column, (2.0, 1.0, 1.0), 1.0)[:, 0, 0]
    # New centres lie at -0.25, 0.25, 0.75 ... of the old: shares 0, .25, .75, 1, 1, .75, .25, 0.
    assert found.astype(int).tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    # Half-way between a voxel inside and one outside counts as inside.
    assert shape.resample_isotropic([1, 0], (1.0,), 2.0).tolist() == [True]
    # 3 voxels of 0.7 mm are 7 of 0.3 mm, in spite of 2.0999999999999996.
    assert len(shape.resample_isotropic([1, 0, 1], (0.7,), 0.3)) == 7


def test_resampling_keeps_the_volume_of_a_body() -> None:
    mask = solids.ball(15.0, (3.0, 1.0, 1.0))
    for target in (1.0, 2.0, 3.0):
        found = shape.resample_isotropic(np.pad(mask, 2), (3.0, 1.0, 1.0), target)
        volume = shape.volume_voxels(found, (target,) * 3)
        assert volume == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.03)


def test_resampling_an_roi_at_the_border_and_none() -> None:
    assert shape.resample_isotropic(np.ones((3, 3), bool), (3.0, 1.0), 1.0).all()
    assert not shape.resample_isotropic(np.zeros((3, 3), bool), (3.0, 1.0), 1.0).any()
    assert shape.resample_isotropic(np.zeros((0, 3), bool), (3.0, 1.0), 1.0).shape == (0, 3)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("name", areas)
@pytest.mark.parametrize(
    ("mask", "spacing", "words"),
    [
        ([[[0.2]]], CUBES, "Compare first"),
        ([[[1]]], (1.0, 1.0), "3 lengths"),
        ([[[1]]], 1.0, "3 lengths"),
        ([[[1]]], (1.0, 0.0, 1.0), "above zero"),
        ([[[1]]], (1.0, -2.0, 1.0), "above zero"),
        ([[[1]]], (1.0, float("nan"), 1.0), "above zero"),
        ([[[1]]], (1.0, float("inf"), 1.0), "finite"),
        ([[["in"]]], CUBES, "booleans or integers"),
        (True, (), "axis"),
    ],
)
def test_wrong_masks_and_spacings(name: str, mask: Any, spacing: Any, words: str) -> None:
    words = "axes|axis" if words == "axis" else words
    with pytest.raises(ValueError, match=words):
        areas[name](mask, spacing)


@pytest.mark.parametrize("name", ["marching cubes", "distance map", "mesh volume"])
def test_meshes_need_three_axes(name: str) -> None:
    with pytest.raises(ValueError, match=r"must have 3 axes, not 2.*mask\[None\]"):
        areas[name](np.ones((3, 3), bool), (1.0, 1.0))


@pytest.mark.parametrize(
    ("vertices", "faces", "words"),
    [
        ([[0, 0]], [[0, 0, 0]], "vertices must have the shape"),
        ([[0, 0, 0]], [[0, 0]], "faces must be integers"),
        ([[0, 0, 0]], [[0.0, 0.0, 0.0]], "faces must be integers"),
        ([[0, 0, 0]], [[0, 0, 1]], "vertex 1, but there are 1"),
        ([[0, 0, 0]], [[0, 0, -1]], "vertex -1"),
    ],
)
def test_wrong_meshes(vertices: Any, faces: Any, words: str) -> None:
    for function in (shape.mesh_area, shape.mesh_volume):
        with pytest.raises(ValueError, match=words):
            function(vertices, faces)


def test_impossible_sizes() -> None:
    for volume, area in ((0, 1), (-1, 1), (float("nan"), 1)):
        with pytest.raises(ValueError, match="volume must be above zero"):
            shape.sphericity(volume, area)
    with pytest.raises(ValueError, match="area must be above zero"):
        shape.sphericity([1, 1], [1, 0])
    with pytest.raises(ValueError, match="height"):
        shape.sphericity_cylinder(0, 1)
    with pytest.raises(ValueError, match="radius"):
        shape.sphericity_cylinder(1, -1)
    with pytest.raises(ValueError, match="radius"):
        shape.best_cylinder(0)
    for target in (0, -1, float("inf")):
        with pytest.raises(ValueError, match="above zero"):
            shape.resample_isotropic([1], (1.0,), target)


def test_arrays_of_sizes() -> None:
    found = shape.sphericity([1.0, 8.0], [6.0, 24.0])
    assert found == pytest.approx([0.806, 0.806], abs=1e-3)
    assert shape.sphericity_cylinder(np.array([1.0, 2.0, 4.0]), 1.0).argmax() == 1
    assert shape.best_cylinder([1, 2]).tolist() == [2, 4]


def test_the_module_needs_no_plotting_and_no_torch() -> None:
    code = "import digital_biopsy.shape, sys; print(sorted({'torch', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
