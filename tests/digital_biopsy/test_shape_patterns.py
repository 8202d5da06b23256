"""Counting 2 x 2 x 2 patterns is as good as making the mesh, and holds little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import measure

from digital_biopsy import _shape_patterns as patterns
from digital_biopsy import shape, solids


def counted_plainly(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    padded = np.pad(mask, 1)
    code = np.zeros([n - 1 for n in padded.shape], int)
    for bit in range(8):
        z, y, x = bit >> 2, bit >> 1 & 1, bit & 1
        code |= padded[z:, y:, x:][: code.shape[0], : code.shape[1], : code.shape[2]].astype(int) << bit
    counts = np.bincount(code.ravel(), minlength=256)
    counts[0] = 0
    return counts


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 20)] * 3), st.floats(0, 1))
@settings(deadline=None)
def test_counts_are_those_of_a_plain_count(seed: int, size: tuple[int, int, int], share: float) -> None:
    mask = np.random.default_rng(seed).random(size) < share
    assert (patterns.pattern_counts(mask) == counted_plainly(mask)).all()


@pytest.mark.parametrize("block", [1, 200, 1000, 1 << 17])
def test_counts_do_not_depend_on_how_the_work_is_cut(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(1).random((23, 9, 14)) < 0.5
    expected = counted_plainly(mask)
    monkeypatch.setattr(patterns, "SMALLEST", 4)
    monkeypatch.setattr(patterns, "BLOCK", max(block, 4))
    assert (patterns.pattern_counts(mask) == expected).all()


def test_all_256_patterns_have_the_triangles_of_scikit_image() -> None:
    """Each alone, closed by a layer outside: area and volume for unequal sides."""
    steps = (3.0, 0.7, 1.3)
    for code in range(1, 256):
        cell = np.array([code >> bit & 1 for bit in range(8)], bool).reshape(2, 2, 2)
        points, faces, _, _ = measure.marching_cubes(np.pad(cell, 1).astype(float), 0.5, spacing=steps)
        area, volume = patterns.area_and_volume(cell, steps)
        assert area == pytest.approx(measure.mesh_surface_area(points, faces), rel=1e-6)
        assert area == pytest.approx(shape.mesh_area(points, faces), rel=1e-12)
        assert volume == pytest.approx(shape.mesh_volume(points, faces), rel=1e-12)


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(1, 12)] * 3),
    st.floats(0.05, 1),
    st.tuples(*[st.floats(0.1, 10)] * 3),
)
@settings(max_examples=60, deadline=None)
def test_area_and_volume_are_those_of_the_mesh(
    seed: int, size: tuple[int, int, int], share: float, steps: tuple[float, float, float]
) -> None:
    mask = np.random.default_rng(seed).random(size) < share
    mesh = shape.marching_cubes_mesh(mask, steps)
    area, volume = patterns.area_and_volume(mask, steps)
    assert area == pytest.approx(shape.mesh_area(*mesh), rel=1e-12)
    assert volume == pytest.approx(shape.mesh_volume(*mesh), rel=1e-9)


def test_the_tables_add_up() -> None:
    found = patterns.tables()
    assert found.volume[[0, 255]].tolist() == [0, 1]
    assert ((found.volume >= -1e-12) & (found.volume <= 1 + 1e-12)).all()
    assert found.volume[1] == pytest.approx(1 / 48)  # the corner that one voxel has in each of eight cells
    assert not set(found.pattern) & {0, 255}
    assert not found.volume.flags.writeable
    area = patterns.area_of_patterns((1.0, 1.0, 1.0))
    assert area[1] == pytest.approx(np.sqrt(3) / 8)
    assert area[0b01010101] == pytest.approx(1)  # a flat wall
    # For voxels k times as large, k^2 the area.
    assert patterns.area_of_patterns((2.0, 2.0, 2.0)) == pytest.approx(4 * area)


def test_a_float_spacing_of_great_anisotropy() -> None:
    mask = solids.ball(20.0, (10.0, 0.5, 0.5))
    mesh = shape.marching_cubes_mesh(mask, (10.0, 0.5, 0.5))
    assert shape.marching_cubes_area(mask, (10.0, 0.5, 0.5)) == pytest.approx(shape.mesh_area(*mesh))


@pytest.mark.parametrize("side", [32, 64, 128])
@pytest.mark.parametrize("name", ["ball", "noise"])
def test_no_more_memory_than_twice_the_mask(side: int, name: str) -> None:
    place = np.arange(side) - (side - 1) / 2
    ball = place[:, None, None] ** 2 + place[:, None] ** 2 + place**2 < (0.49 * side) ** 2
    mask = ball if name == "ball" else np.random.default_rng(0).random((side,) * 3) < 0.5
    for measure_it in (shape.marching_cubes_area, shape.marching_cubes_volume, shape.area_faces):
        measure_it(mask, (1.0, 1.0, 1.0))
        tracemalloc.start()
        measure_it(mask, (1.0, 1.0, 1.0))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert held <= 2 * mask.nbytes, measure_it.__name__
