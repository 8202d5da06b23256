"""Co-occurrence: counted by hand, symmetries, edges."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digital_biopsy import _glcm, texture
from digital_biopsy.texture import (
    contrast,
    contrast_from_statistics,
    energy,
    glcm,
    glcm_counts,
    glcm_features,
    homogeneity,
    matrix_features,
    texture_features,
    unique_offsets,
)

N = 5
TYPES = (np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32, np.int64, np.uint64, np.float32, float)
images = hnp.arrays(
    st.sampled_from([np.uint8, np.int64]),
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=7),
    elements=st.integers(0, N),
)
joints = (
    hnp.arrays(np.float64, (4, 4), elements=st.floats(0, 1))
    .filter(lambda P: P.sum() > 0.1)
    .map(lambda P: P / P.sum())
)
unhurried = settings(deadline=None)  # a busy machine is no failure
SOME = np.random.default_rng(4).integers(0, N + 1, (9, 8, 7))


def by_hand(levels: Any, offset: tuple[int, ...], n: int) -> Any:
    """Every position, one after the other."""
    counts = np.zeros((n, n), int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset, strict=True))
        if all(0 <= a < b for a, b in zip(q, levels.shape, strict=True)) and levels[p] and levels[q]:
            counts[int(levels[p]) - 1, int(levels[q]) - 1] += 1
    return counts


def offsets_of(ndim: int) -> Any:
    return st.tuples(*[st.integers(-8, 8)] * ndim).filter(any)


def pairs_inside(levels: Any) -> bool:
    """Whether any voxel of the ROI has a neighbour in the ROI."""
    return any(glcm_counts(levels, offset, N).any() for offset in unique_offsets(levels.ndim))


# ---------------------------------------------------------------- counts


def test_the_worked_example_of_the_ibsi_manual() -> None:
    """IBSI reference manual, chapter 3.6, table of the example image and its matrix to the right."""
    image = [[1, 2, 2, 3], [1, 2, 3, 3], [4, 2, 4, 1], [4, 1, 2, 3]]
    right = [[0, 3, 0, 0], [0, 1, 3, 1], [0, 0, 1, 0], [2, 1, 0, 0]]
    np.testing.assert_array_equal(glcm_counts(image, (0, 1), 4), right)
    both_ways = [[0, 3, 0, 2], [3, 2, 3, 2], [0, 3, 2, 0], [2, 2, 0, 0]]
    np.testing.assert_allclose(glcm(image, (0, 1), 4), np.array(both_ways) / 24)


@unhurried
@given(st.data())
def test_counts_are_those_by_hand(data: st.DataObject) -> None:
    levels = data.draw(images)
    offset = data.draw(offsets_of(levels.ndim))
    found = glcm_counts(levels, offset, N)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, by_hand(levels, offset, N))


@unhurried
@given(images, st.integers(1, 4))
def test_many_offsets_at_once_are_the_offsets_one_by_one(levels: Any, distance: int) -> None:
    offsets = unique_offsets(levels.ndim, distance)
    expected = [by_hand(levels, offset, N) for offset in offsets]
    np.testing.assert_array_equal(_glcm.count_pairs(levels, offsets, N), expected)


@pytest.mark.parametrize(
    "shape", [(150, 140), (1500, 3), (3, 1500), (24, 20, 22), (2, 70, 70), (70, 70, 2), (300, 5, 5)], ids=str
)
@pytest.mark.parametrize("n", [1, 2, 8, 20, 300])
@pytest.mark.parametrize("distance", [1, 2, 30])
def test_every_way_of_counting_agrees(shape: tuple[int, ...], n: int, distance: int) -> None:
    """Walks, pairs and long steps are chosen by size; `count_one` knows only two boxes of the image."""
    rng = np.random.default_rng([n, distance, *shape])
    levels = rng.integers(0, n + 1, shape)
    levels[: shape[0] // 5] = 0
    offsets = unique_offsets(len(shape), distance)
    for kind in (np.int64, np.uint16):
        found = _glcm.count_pairs(levels.astype(kind), offsets, n)
        for offset, counts in zip(offsets, found, strict=True):
            np.testing.assert_array_equal(counts, _glcm.count_one(levels, offset, n))


def test_a_long_thin_image() -> None:
    """Its zeros are few, and it is counted in many pieces."""
    levels = np.random.default_rng(0).integers(0, 3, (200_000, 1))
    for offset, counts in zip(
        unique_offsets(2), _glcm.count_pairs(levels, unique_offsets(2), 2), strict=True
    ):
        np.testing.assert_array_equal(counts, _glcm.count_one(levels, offset, 2))


def test_walks_cover_each_direction_once() -> None:
    for ndim, threes, ones in ((2, 1, 1), (3, 4, 1)):
        walks = _glcm.walks(tuple(unique_offsets(ndim)))
        assert sorted(offset for walk in walks for offset in walk) == unique_offsets(ndim)
        assert sorted(map(len, walks)) == [1] * ones + [3] * threes
        for a, b, both in (walk for walk in walks if len(walk) == 3):
            assert np.array_equal(np.add(a, b), both)


def test_walks_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would compare pairs with pairs."""
    taken = []
    original = _glcm._count
    monkeypatch.setattr(
        _glcm, "_count", lambda steps, rank: taken.append(len(steps)) or original(steps, rank)
    )
    levels = np.random.default_rng(0).integers(1, 9, (24, 24, 24))
    _glcm.count_pairs(levels, unique_offsets(3), 8)
    assert taken == [3] * 5
    taken.clear()
    _glcm.count_pairs(levels[:6, :6, :6], unique_offsets(3), 8)
    assert taken == [2] * 13


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: np.dtype(kind).name)
def test_the_type_does_not_matter(kind: type) -> None:
    np.testing.assert_array_equal(
        glcm_counts(SOME.astype(kind), (1, -1, 0), N), glcm_counts(SOME, (1, -1, 0), N)
    )
    assert texture_features(SOME.astype(kind), N) == texture_features(SOME, N)


@pytest.mark.parametrize(
    "view", ["reversed", "strided", "Fortran", "transposed", "read-only", "big-endian", "list"]
)
def test_memory_order_does_not_matter(view: str) -> None:
    big = np.zeros((18, 16, 7), np.int32)
    big[::2, ::2] = SOME
    read_only = SOME.copy()
    read_only.flags.writeable = False
    given_as: Any = {
        "reversed": SOME[::-1, ::-1].copy()[::-1, ::-1],
        "strided": big[::2, ::2],
        "Fortran": np.asfortranarray(SOME),
        "transposed": SOME.transpose(2, 0, 1).copy().transpose(1, 2, 0),
        "read-only": read_only,
        "big-endian": SOME.astype(">i4"),
        "list": SOME.tolist(),
    }[view]
    np.testing.assert_array_equal(glcm_counts(given_as, (1, 0, 2), N), by_hand(SOME, (1, 0, 2), N))
    assert glcm_features(given_as, N, "3D, averaged") == glcm_features(SOME, N, "3D, averaged")


def test_the_image_is_left_as_it_was() -> None:
    before = SOME.copy()
    texture_features(SOME, N)
    glcm_features(SOME, N, "2D, averaged")
    np.testing.assert_array_equal(SOME, before)


# ---------------------------------------------------------------- symmetries


@unhurried
@given(st.data())
def test_the_opposite_offset_gives_the_transpose(data: st.DataObject) -> None:
    levels = data.draw(images)
    offset = data.draw(offsets_of(levels.ndim))
    opposite = tuple(-step for step in offset)
    np.testing.assert_array_equal(glcm_counts(levels, opposite, N), glcm_counts(levels, offset, N).T)


@unhurried
@given(st.data())
def test_reflection(data: st.DataObject) -> None:
    levels = data.draw(images)
    offset = list(data.draw(offsets_of(levels.ndim)))
    axis = data.draw(st.integers(0, levels.ndim - 1))
    reflected = glcm_counts(np.flip(levels, axis), offset, N)
    offset[axis] = -offset[axis]
    np.testing.assert_array_equal(reflected, glcm_counts(levels, offset, N))


@unhurried
@given(st.data())
def test_swapping_axes(data: st.DataObject) -> None:
    levels = data.draw(images)
    offset = data.draw(offsets_of(levels.ndim))
    order = data.draw(st.permutations(range(levels.ndim)))
    moved = glcm_counts(levels.transpose(order), [offset[axis] for axis in order], N)
    np.testing.assert_array_equal(moved, glcm_counts(levels, offset, N))


@unhurried
@given(images)
def test_means_over_directions_do_not_see_rotations(levels: Any) -> None:
    if not pairs_inside(levels):
        return
    for aggregation in ("3D, averaged", "3D, merged"):
        straight = glcm_features(levels, N, aggregation)
        for turned in (np.rot90(levels), np.rot90(levels, axes=(-1, 0)), np.flip(levels, -1)):
            assert glcm_features(turned, N, aggregation) == pytest.approx(
                straight, rel=1e-9, abs=1e-9, nan_ok=True
            )


@unhurried
@given(images, st.integers(1, 6))
def test_three_features_do_not_see_a_shift_of_the_levels(levels: Any, shift: int) -> None:
    if not pairs_inside(levels):
        return
    shifted = np.where(levels > 0, levels.astype(int) + shift, 0)
    assert texture_features(shifted, N + 6) == pytest.approx(texture_features(levels, N), rel=1e-12)


@unhurried
@given(images)
def test_levels_in_reverse_order_have_the_same_three_features(levels: Any) -> None:
    if pairs_inside(levels):
        reverse = np.where(levels > 0, N + 1 - levels.astype(int), 0)
        assert texture_features(reverse, N) == pytest.approx(texture_features(levels, N), rel=1e-12)


@unhurried
@given(images, st.data())
def test_probabilities(levels: Any, data: st.DataObject) -> None:
    offset = data.draw(st.sampled_from(unique_offsets(levels.ndim)))
    counts = glcm_counts(levels, offset, N)
    if not counts.any():
        return
    joint = glcm(levels, offset, N)
    assert joint.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_array_equal(joint, joint.T)
    np.testing.assert_allclose(glcm(levels, offset, N, symmetric=False), counts / counts.sum())


@unhurried
@given(joints)
def test_contrast_is_spread_times_unlikeness(P: Any) -> None:
    """contrast = 2 sigma^2 (1 - rho) for a symmetric P: to rounding, whatever P."""
    symmetric = (P + P.T) / 2
    found = matrix_features(symmetric)
    if np.isnan(found["correlation"]):
        assert contrast(symmetric) == pytest.approx(0, abs=1e-9)
        return
    from_statistics = contrast_from_statistics(found["joint_variance"], found["correlation"])
    assert from_statistics == pytest.approx(contrast(symmetric), rel=1e-9, abs=1e-9)


def test_the_identity_needs_symmetry() -> None:
    """One way, the two ends of a pair may have different means: a ramp has contrast 1 and correlation 1."""
    ramp = np.tile(np.arange(1, 9), (4, 1))
    one_way = glcm(ramp, (0, 1), 8, symmetric=False)
    assert contrast(one_way) == pytest.approx(1)
    assert contrast_from_statistics(
        texture.joint_variance(one_way), texture.correlation(one_way)
    ) == pytest.approx(0)


@unhurried
@given(joints)
def test_bounds(P: Any) -> None:
    found = matrix_features((P + P.T) / 2)
    assert 1 / 16 - 1e-12 <= energy(P) <= 1 + 1e-12
    assert 1 / (1 + 9) - 1e-12 <= homogeneity(P) <= 1 + 1e-12
    assert 0 <= contrast(P) <= 9 + 1e-12
    assert np.isnan(found["correlation"]) or abs(found["correlation"]) <= 1 + 1e-9
    assert -1e-9 <= found["joint_entropy"] <= 4 + 1e-9
    assert 0 <= found["information_correlation_2"] < 1
    assert (
        np.isnan(found["information_correlation_1"]) or -1 - 1e-9 <= found["information_correlation_1"] <= 0
    )


# ---------------------------------------------------------------- directions


def test_directions() -> None:
    assert unique_offsets(1) == [(1,)]
    assert unique_offsets(2) == [(0, 1), (1, -1), (1, 0), (1, 1)]
    assert len(unique_offsets(3)) == 13
    for ndim in (2, 3):
        for distance in (1, 3):
            offsets = unique_offsets(ndim, distance)
            every = {*offsets, *(tuple(-step for step in offset) for offset in offsets)}
            assert len(every) == 2 * len(offsets) == 3**ndim - 1
            assert {max(map(abs, offset)) for offset in every} == {distance}
            assert all(type(step) is int for offset in offsets for step in offset)


# ---------------------------------------------------------------- edges


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1)])
def test_one_voxel_has_no_neighbour(shape: tuple[int, ...]) -> None:
    levels = np.full(shape, 2)
    assert glcm_counts(levels, (0,) * (len(shape) - 1) + (1,), 3).tolist() == [[0] * 3] * 3
    with pytest.raises(ValueError, match="no pair of voxels"):
        glcm(levels, (0,) * (len(shape) - 1) + (1,), 3)
    for call in (lambda: texture_features(levels, 3), lambda: glcm_features(levels, 3)):
        with pytest.raises(ValueError, match="No voxel inside the ROI has a neighbour"):
            call()


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0, 0), (5, 5), (4, 4, 4), (30, 30, 30)], ids=str)
def test_an_empty_roi_has_no_texture(shape: tuple[int, ...]) -> None:
    levels = np.zeros(shape, np.uint8)
    offset = unique_offsets(len(shape))[0]
    assert not glcm_counts(levels, offset, 4).any()
    for call in (
        lambda: glcm(levels, offset, 4),
        lambda: texture_features(levels, 4),
        lambda: glcm_features(levels, 4),
    ):
        with pytest.raises(ValueError, match="it may be empty"):
            call()


@pytest.mark.parametrize("offset", [(0, 7), (8, 0), (-8, 0), (0, -7), (100, 100), (10**9, 0)], ids=str)
def test_an_offset_longer_than_the_image_has_no_pairs(offset: tuple[int, int]) -> None:
    levels = np.ones((8, 7), int)
    assert not glcm_counts(levels, offset, 2).any()
    with pytest.raises(ValueError, match=re.escape(str(offset))):
        glcm(levels, offset, 2)


def test_directions_without_a_pair_are_left_out() -> None:
    row = np.array([[1, 3, 1, 3]])
    assert texture_features(row, 3) == pytest.approx({"contrast": 4, "energy": 0.5, "homogeneity": 0.2})
    for aggregation in texture.AGGREGATIONS:
        for levels in (row, row[np.newaxis], np.concatenate([row[np.newaxis], 0 * row[np.newaxis]])):
            assert glcm_features(levels, 3, aggregation)["contrast"] == pytest.approx(4)


def test_voxels_that_do_not_touch_have_no_pair() -> None:
    levels = np.zeros((5, 5), int)
    levels[::2, ::2] = 1
    with pytest.raises(ValueError, match="No voxel inside the ROI"):
        texture_features(levels, 1)
    assert glcm_features(levels, 1, distance=2)["joint_maximum"] == 1


def test_a_flat_region() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = glcm_features(np.full((4, 5, 6), 2), 3, "3D, averaged")
    assert texture_features(np.full((4, 5), 2), 3) == {"contrast": 0, "energy": 1, "homogeneity": 1}
    undefined = {name for name, value in found.items() if np.isnan(value)}
    assert undefined == {"correlation", "information_correlation_1"}
    assert found["joint_entropy"] == found["contrast"] == found["information_correlation_2"] == 0


def test_a_flat_direction_does_not_hide_the_others() -> None:
    """Stripes: flat along, alternating across. The mean of correlation is over where there is one."""
    stripes = np.tile([[1], [2]], (3, 6))
    found = glcm_features(stripes, 2, "2D, averaged")
    assert np.isfinite(list(found.values())).all()
    along = texture.correlation(glcm(stripes, (0, 1), 2))
    across = texture.correlation(glcm(stripes, (1, 0), 2))
    assert (along, across) == pytest.approx((1, -1))


def test_an_image_is_a_volume_of_one_slice() -> None:
    image = SOME[0]
    for aggregation in texture.AGGREGATIONS:
        assert glcm_features(image, N, aggregation) == glcm_features(image[np.newaxis], N, aggregation)
    assert glcm_features(image, N, "3D, averaged") == pytest.approx(glcm_features(image, N, "2D, averaged"))
    assert glcm_features(image, N, "3D, merged") == pytest.approx(glcm_features(image, N, "2.5D, merged"))


def test_the_three_features_are_three_of_the_25() -> None:
    for levels in (SOME, SOME[0]):
        three = texture_features(levels, N)
        found = glcm_features(levels, N, "3D, averaged")
        names = {
            "contrast": "contrast",
            "energy": "angular_second_moment",
            "homogeneity": "inverse_difference_moment",
        }
        assert three == pytest.approx({name: found[ibsi] for name, ibsi in names.items()}, rel=1e-12)
        by_hand = [glcm(levels, offset, N) for offset in unique_offsets(levels.ndim)]
        for measure in (contrast, energy, homogeneity):
            assert three[measure.__name__] == pytest.approx(np.mean([measure(P) for P in by_hand]), rel=1e-12)
