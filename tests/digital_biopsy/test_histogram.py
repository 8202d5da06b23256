"""Levels, moments and bins: closed forms, properties, and the borders of what is defined."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digital_biopsy import histogram as h
from digital_biopsy import images

finite = st.floats(-2000, 4000, allow_nan=False, width=32)
samples = hnp.arrays(np.float64, st.integers(2, 60), elements=finite)
widths = st.floats(0.5, 500)


# Levels ---------------------------------------------------------------------------------------------------------


def test_fixed_width_by_hand() -> None:
    levels = h.discretise_width([-1000, -975.001, -975, 0, 40], 25, -1000)
    assert levels.tolist() == [1, 1, 2, 41, 42]
    assert levels.dtype == np.int64


def test_fixed_count_by_hand() -> None:
    assert h.discretise_count([0, 1, 2, 3, 4], 4).tolist() == [1, 2, 3, 4, 4]
    assert h.discretise_count([0.0, 0.999, 1.0], 2).tolist() == [1, 2, 2]
    assert h.discretise_count([7, 7, 7], 4).tolist() == [1, 1, 1]


@given(samples, st.integers(1, 300))
def test_fixed_count_uses_the_first_and_the_last_level(values: Any, count: int) -> None:
    levels = h.discretise_count(values, count)
    if values.min() == values.max():
        assert (levels == 1).all()
    else:
        assert (levels.min(), levels.max()) == (1, count)
        assert (np.diff(levels[np.argsort(values)]) >= 0).all()


@given(samples, st.integers(1, 64), st.integers(-1000, 1000), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_fixed_count_is_free_of_shift_and_scale(values: Any, count: int, shift: int, scale: float) -> None:
    values = np.rint(values)  # whole numbers and powers of two: no rounding moves a value over an edge
    expected = h.discretise_count(values, count)
    np.testing.assert_array_equal(h.discretise_count(values * scale + shift, count), expected)


@given(samples, st.sampled_from([1.0, 8.0, 25.0]), st.integers(-40, 40))
def test_fixed_width_moves_with_its_minimum(values: Any, width: float, steps: int) -> None:
    values = np.rint(values)
    low = h.discretise_width(values, width, -2000)
    lower = h.discretise_width(values, width, -2000 - abs(steps) * width)
    np.testing.assert_array_equal(lower, low + abs(steps))


def test_levels_take_any_array() -> None:
    """Any number of axes, order in memory, integer type; NaN is outside."""
    cube = np.arange(-12, 12, dtype=np.int16).reshape(2, 3, 4)
    expected = (cube.astype(float) + 20) // 5 + 1
    for array in (cube, np.asfortranarray(cube), cube[:, ::-1, ::2], cube.astype(np.float32)):
        found = h.discretise_width(array, 5, -20)
        np.testing.assert_array_equal(found, (array.astype(float) + 20) // 5 + 1)
        assert h.discretise_count(array, 7).shape == array.shape
    np.testing.assert_array_equal(h.discretise_width(cube, 5, -20), expected)
    assert h.discretise_width(np.float64(40.0), 25, -1000).shape == ()
    assert h.discretise_width([0.0, np.nan], 10, -5).tolist() == [1, 0]
    assert h.discretise_count([0.0, np.nan, 9.0], 3).tolist() == [1, 0, 3]
    assert h.discretise_count([np.nan, np.nan], 3).tolist() == [0, 0]
    assert h.discretise_count([], 3).size == h.discretise_width([], 1, 0).size == 0
    assert h.discretise_count([-1e308, 1e308, 0], 4).tolist() == [1, 4, 3]
    assert h.discretise_count(np.array([0, 255], np.uint8), 256).tolist() == [1, 256]
    assert h.discretise_count([True, False], 2).tolist() == [2, 1]


def test_arguments_are_left_alone() -> None:
    values = np.array([3.0, np.nan, 40.0])
    values.flags.writeable = False
    h.discretise_width(values, 5, 0)
    h.discretise_count(values, 5)
    h.binning_trial(values, 5, 0)


# Probabilities and moments --------------------------------------------------------------------------------------


def test_probabilities() -> None:
    assert h.probabilities([[1, 1], [2, 4]], 4).tolist() == [0.5, 0.25, 0, 0.25]
    assert h.probabilities([0, 0, 3], 3).tolist() == [0, 0, 1]
    assert h.probabilities(np.array([1.0, 2.0]), 5).sum() == 1


@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=3), elements=st.integers(1, 9)))
def test_probabilities_sum_to_one(levels: Any) -> None:
    p = h.probabilities(levels, 9)
    assert p.sum() == pytest.approx(1)
    assert h.moments(np.arange(1, 10), p)["mean"] == pytest.approx(levels.mean())


def test_moments_in_closed_form() -> None:
    two = h.moments([0.0, 1.0], [0.9, 0.1])  # a coin: (1 - 2q) / sqrt(pq), 1 / (pq) - 3
    assert two["variance"] == pytest.approx(0.09)
    assert two["skewness"] == pytest.approx(0.8 / 0.3)
    assert two["kurtosis"] == pytest.approx(1 / 0.09 - 3)
    n = 101
    flat = h.moments(np.arange(n), np.full(n, 1 / n))
    assert flat["variance"] == pytest.approx((n**2 - 1) / 12)
    assert flat["kurtosis"] == pytest.approx(1.8 - 12 / (5 * (n**2 - 1)))


def test_kurtosis_of_a_normal_is_three_here_and_zero_with_ibsi() -> None:
    x = np.linspace(-9, 9, 2001)
    p = np.exp(-(x**2) / 2)
    assert h.moments(x, p / p.sum())["kurtosis"] == pytest.approx(3, abs=1e-9)
    values = np.random.default_rng(0).normal(40, 12, 200_000)
    assert h.intensity_statistics(values)["(Excess) intensity kurtosis"] == pytest.approx(0, abs=0.04)


@given(samples, st.floats(-1000, 1000), st.floats(0.01, 100))
def test_moments_under_shift_and_scale(values: Any, shift: float, scale: float) -> None:
    p = np.full(values.size, 1 / values.size)
    before = h.moments(values, p)
    if before["variance"] < 1e-3:
        return
    after = h.moments(values * scale + shift, p)
    assert after["mean"] == pytest.approx(before["mean"] * scale + shift, abs=1e-6 * (1 + abs(shift)))
    assert after["variance"] == pytest.approx(before["variance"] * scale**2, rel=1e-5)
    assert after["skewness"] == pytest.approx(before["skewness"], rel=1e-4, abs=1e-4)
    assert after["kurtosis"] == pytest.approx(before["kurtosis"], rel=1e-4)
    mirrored = h.moments(-values, p)
    assert mirrored["skewness"] == pytest.approx(-before["skewness"], rel=1e-6, abs=1e-6)
    assert before["kurtosis"] >= before["skewness"] ** 2 + 1 - 1e-6  # Pearson's inequality


def test_moments_agree_with_the_values() -> None:
    values = np.random.default_rng(3).gamma(2, 10, 500)
    found = h.moments(values, np.full(500, 1 / 500))
    ibsi = h.intensity_statistics(values)
    assert found["variance"] == pytest.approx(ibsi["Intensity variance"])
    assert found["skewness"] == pytest.approx(ibsi["Intensity skewness"])
    assert found["kurtosis"] - 3 == pytest.approx(ibsi["(Excess) intensity kurtosis"])


@pytest.mark.parametrize(
    ("centers", "p"),
    [([5.0], [1.0]), ([1.0, 5.0, 9.0], [0.0, 1.0, 0.0]), ([0.1] * 3, [0.2, 0.3, 0.5]), ([1e200], [1.0])],
)
def test_without_spread_there_is_no_shape(centers: list[float], p: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = h.moments(centers, p)
    assert found["variance"] == 0
    assert np.isnan(found["skewness"]) and np.isnan(found["kurtosis"])


def test_moments_of_extreme_sizes() -> None:
    for size in (1e-150, 1e150):
        found = h.moments([-size, 0.0, size], [0.25, 0.5, 0.25])
        assert found["kurtosis"] == pytest.approx(2.0)


# Sheppard, and the experiment -----------------------------------------------------------------------------------


def test_sheppard() -> None:
    assert h.sheppard(156.0, 12.0) == 144.0
    np.testing.assert_allclose(h.sheppard([4.0, 1.0], [6.0, 6.0]), [1.0, np.nan])
    assert np.isnan(h.sheppard(np.nan, 1.0))


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_sheppard_corrects_a_normal_wherever_bins_begin(width: float) -> None:
    values = np.random.default_rng(1).normal(0, 1, 400_000)
    allowed = 0.01 if width < 2 else 0.04
    for offset in np.arange(8) / 8 * width:
        found = h.binned_moments(values, width, offset)["variance"]
        assert h.sheppard(found, width) == pytest.approx(values.var(), abs=allowed)


@settings(max_examples=60)
@given(samples, widths)
def test_averaged_over_offsets_the_identity_is_exact(values: Any, width: float) -> None:
    """mean(variance) + variance(mean) = variance + width^2 / 12, for any values and any width."""
    n = 64
    found = [h.binned_moments(values, width, j * width / n) for j in range(n)]
    means, variances = (np.array([one[name] for one in found]) for name in ("mean", "variance"))
    # 64 offsets stand for all: each value's distance from its centre is w (j/n + phase), and the phase
    # is worth at most w^2 / (3 n^2) and w / (2 n) times the scatter.
    allowed = width**2 / n**2 + width / n * values.std() + 1e-6
    assert abs(variances.mean() + means.var() - values.var() - width**2 / 12) <= allowed


@given(samples, widths, st.floats(-100, 100), st.floats(-1000, 1000), st.sampled_from([0.5, 2.0, 8.0]))
def test_binning_trial_under_shift_and_scale(
    values: Any, width: float, offset: float, shift: float, scale: float
) -> None:
    values = np.unique(values)
    if values.size < 2 or values.std() < 1e-3:
        return
    before = h.binning_trial(values, width, offset)
    assert before == pytest.approx(h.binning_trial(values * scale, width * scale, offset * scale))
    # No value leaves its bin by more than half a width, so sigma changes by at most that.
    assert abs(before - 1) * values.std() <= width / 2 + 1e-6
    counted = h.binned_moments(values, width, offset)["variance"]
    assert before * values.std() == pytest.approx(np.sqrt(counted), abs=1e-6)


def test_binning_trial_knows_both_ends() -> None:
    values = np.random.default_rng(2).normal(0, 1, 50_000)
    assert h.binning_trial(values, 0.01, 0.0) == pytest.approx(1, abs=1e-4)
    assert h.binning_trial(values, 40.0, -20.0) == 0
    assert h.binning_trial(values, 40.0, 0.0) == pytest.approx(20, rel=0.01)
    assert h.binning_trial(np.append(values, np.nan), 0.5, 0.0) == h.binning_trial(values, 0.5, 0.0)


def test_a_uniform_tissue_shrinks_at_any_width_when_bins_fit() -> None:
    """What makes people believe that binning always loses variance: 1 - (w / L)^2 of it stays."""
    values = (np.arange(100_000) + 0.5) / 100_000
    for bins in (2, 4, 10):
        assert h.binning_trial(values, 1 / bins, 0.0) ** 2 == pytest.approx(1 - 1 / bins**2, abs=1e-4)


def test_widest_safe_bin() -> None:
    values = np.random.default_rng(4).normal(40, 12, 20_000)
    candidates = [24.0, 3.0, 6.0, 12.0, 48.0]
    assert h.widest_safe_bin(values, 0.05, candidates, 8) == 12.0  # 1.041; at 24 HU 1.15
    assert h.widest_safe_bin(values, 0.02, candidates, 8) == 6.0
    assert h.widest_safe_bin(values, 0.20, candidates, 8) == 24.0
    # At 6 sigma one offset of eight leaves sigma nearly alone; the worst one counts.
    assert h.widest_safe_bin(values, 2.1, [72.0], 8) == 72.0
    with pytest.raises(ValueError, match="None of the 1 candidates"):
        h.widest_safe_bin(values, 1.0, [72.0], 8)


def test_the_largest_safe_candidate_may_lie_beyond_an_unsafe_one() -> None:
    values = np.repeat([0.0, 10.0], 50)
    ratio = [h.binning_trial(values, w, 0.0) for w in (4.0, 10.0)]
    assert ratio == [pytest.approx(0.8), pytest.approx(1.0)]
    assert h.widest_safe_bin(values, 0.1, [10.0, 4.0], 1) == 10.0


def test_on_the_real_slice() -> None:
    """The aorta of the real CT, of the lesson's first picture."""
    ct = images.real_ct_slice()
    row, column = np.indices(ct.hu.shape)
    aorta = ct.hu[(column - 91) ** 2 + (row - 6) ** 2 <= 13.5**2]
    assert aorta.size == 458
    assert aorta.std() == pytest.approx(15.857, abs=1e-3)
    reports = [h.binned_moments(aorta, 80, start) for start in (-1000, -1024)]
    assert [np.sqrt(r["variance"]) for r in reports] == [
        pytest.approx(9.852, abs=0.001),
        pytest.approx(35.083, abs=0.001),
    ]
    assert [r["kurtosis"] for r in reports] == [pytest.approx(64.4, abs=0.1), pytest.approx(2.20, abs=0.01)]


# What is refused ------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (h.discretise_width, ([1], 0, 0), "width must be above zero"),
    (h.discretise_width, ([1], -5, 0), "width must be above zero"),
    (h.discretise_width, ([1], np.nan, 0), "width must be one finite number"),
    (h.discretise_width, ([1], None, 0), "width must be one finite number"),
    (h.discretise_width, ([1], [1, 2], 0), "width must be one finite number"),
    (h.discretise_width, ([1], 1, np.inf), "minimum must be one finite number"),
    (h.discretise_width, ([1, -3], 1, 0), "-3 lies below the minimum, 0"),
    (h.discretise_width, ([np.inf], 1, 0), "values must be finite"),
    (h.discretise_width, (["a"], 1, 0), "values must be a number"),
    (h.discretise_width, ([1e6], 1e-300, 0), "too small for the range"),
    (h.discretise_count, ([1], 0), "count must be a whole number, 1 or more"),
    (h.discretise_count, ([1], 2.5), "count must be a whole number"),
    (h.discretise_count, ([1], "4"), "count must be a whole number"),
    (h.discretise_count, ([1], True), "count must be a whole number"),
    (h.discretise_count, ([1], np.inf), "count must be a whole number"),
    (h.discretise_count, ([1, -np.inf], 3), "values must be finite"),
    (h.probabilities, ([1, 5], 4), "levels run from 1 to n_levels = 4"),
    (h.probabilities, ([1, -1], 4), "levels run from 1"),
    (h.probabilities, ([1.5], 4), "whole numbers"),
    (h.probabilities, ([np.nan], 4), "whole numbers"),
    (h.probabilities, ([], 4), "No voxel is inside"),
    (h.probabilities, ([0, 0], 4), "No voxel is inside"),
    (h.moments, ([1, 2], [1.0]), "2 centers for 1 probabilities"),
    (h.moments, ([1, 2], [0.6, 0.6]), "sums to 1.2"),
    (h.moments, ([1, 2], [1.5, -0.5]), "none can be negative"),
    (h.moments, ([1, 2], [np.nan, 1]), "none can be negative or NaN"),
    (h.moments, ([], []), "sums to 0"),
    (h.moments, ([np.nan, 2], [0.5, 0.5]), "centers must be finite"),
    (h.sheppard, (-1.0, 1.0), "cannot be negative"),
    (h.sheppard, (1.0, 0.0), "width must be above zero"),
    (h.binned_moments, ([np.nan], 1, 0), "No voxel is inside"),
    (h.binning_trial, ([], 1, 0), "values must differ"),
    (h.binning_trial, ([5.0], 1, 0), "values must differ"),
    (h.binning_trial, ([5.0, 5.0], 1, 0), "values must differ"),
    (h.binning_trial, ([1.0, 2.0], 0, 0), "width must be above zero"),
    (h.binning_trial, ([1.0, 2.0], 1, np.nan), "offset must be one finite number"),
    (h.widest_safe_bin, ([1.0, 2.0], 0, [1.0], 4), "tolerance must be above zero"),
    (h.widest_safe_bin, ([1.0, 2.0], 0.1, [1.0, 0.0], 4), "candidates are bin widths"),
    (h.widest_safe_bin, ([1.0, 2.0], 0.1, [], 4), "None of the 0 candidates"),
    (h.widest_safe_bin, ([1.0, 2.0], 0.1, [1.0], 0), "n_offsets must be a whole number"),
]


@pytest.mark.parametrize(("function", "arguments", "words"), REFUSED)
def test_bad_input_is_refused_with_words(
    function: Callable[..., Any], arguments: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        function(*arguments)
