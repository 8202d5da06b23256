"""PSF, edge, LSF, MTF: closed forms, invariances, figures, errors."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import convolve

from digital_biopsy import images, texture
from digital_biopsy import resolution as res

sigmas = st.floats(0.3, 3.0)
spacings = st.floats(0.05, 5.0)
seeds = st.integers(0, 10_000)
TOLD = {"contrast": "falls", "homogeneity": "rises", "energy": "rises"}


def random_lsf(seed: int, n: int) -> Any:
    return np.random.default_rng(seed).uniform(0.1, 1.0, n)


# ---------------------------------------------------------------- the Gaussian scanner


@given(sigma=sigmas, rows=spacings, columns=spacings, radius=st.integers(0, 6))
def test_psf_sums_to_one_and_is_symmetric(sigma: float, rows: float, columns: float, radius: int) -> None:
    psf = res.gaussian_psf(sigma, (rows, columns), radius)
    assert psf.shape == (2 * radius + 1, 2 * radius + 1)
    assert psf.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(psf, psf[::-1], atol=1e-15)
    np.testing.assert_allclose(psf, psf[:, ::-1], atol=1e-15)
    turned = res.gaussian_psf(sigma, (columns, rows), radius)
    np.testing.assert_allclose(psf, turned.T, atol=1e-15)


def test_psf_has_its_width_in_mm_along_both_axes() -> None:
    psf = res.gaussian_psf(2.0, (0.5, 1.0), 24)
    offset = np.arange(-24, 25)
    assert (psf.sum(axis=1) * (offset * 0.5) ** 2).sum() == pytest.approx(4.0, rel=1e-6)
    assert (psf.sum(axis=0) * (offset * 1.0) ** 2).sum() == pytest.approx(4.0, rel=1e-6)


def test_psf_is_the_ratio_that_its_formula_says() -> None:
    psf = res.gaussian_psf(0.5, 0.5, 2)
    assert psf[2, 3] / psf[2, 2] == pytest.approx(np.exp(-0.5))
    assert psf[0, 4] / psf[2, 2] == pytest.approx(np.exp(-4.0))
    assert res.gaussian_psf(1.0, 1.0, 0).tolist() == [[1.0]]


def test_blur_is_convolution_with_the_psf_on_anisotropic_pixels() -> None:
    image = np.random.default_rng(1).normal(size=(40, 30))
    direct = convolve(image, res.gaussian_psf(1.0, (0.5, 1.25), 8), mode="nearest")
    np.testing.assert_allclose(res.blur(image, 1.0, (0.5, 1.25)), direct, atol=2e-3)


@given(sigma=st.floats(0, 3), ndim=st.integers(1, 3))
def test_blur_keeps_the_mean_of_a_point_and_a_constant(sigma: float, ndim: int) -> None:
    point = np.zeros((31,) * ndim)
    point[(15,) * ndim] = 1.0
    assert res.blur(point, sigma, 1.0).sum() == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(res.blur(np.full((4,) * ndim, 7), sigma, 1.0), 7.0)


def test_blur_leaves_its_argument_alone_and_takes_integers_and_views() -> None:
    image = np.arange(64, dtype=np.int16).reshape(8, 8)
    view = np.asfortranarray(image)[::2, ::-1]
    np.testing.assert_allclose(res.blur(view, 0.7, 1.0), res.blur(view.astype(float).copy(), 0.7, 1.0))
    untouched = image.astype(float)
    res.blur(untouched, 0.0, 1.0)[0, 0] = 99
    assert untouched[0, 0] == 0


@given(sigma=st.floats(0.05, 5))
def test_gaussian_mtf50_in_closed_form(sigma: float) -> None:
    f50 = np.sqrt(np.log(2) / 2) / (np.pi * sigma)
    assert res.gaussian_mtf(f50, sigma) == pytest.approx(0.5, abs=1e-12)
    assert res.sigma_from_mtf50(f50) == pytest.approx(sigma, rel=1e-12)


@given(sigma=st.floats(0.4, 1.5), shift=st.floats(-0.3, 0.3))
def test_chain_from_a_fine_edge_gives_the_gaussian_back(sigma: float, shift: float) -> None:
    step = sigma / 12
    x = np.arange(-120, 121) * step + shift * step
    frequency, values = res.mtf(res.line_spread(res.gaussian_edge(x, sigma), step), step)
    np.testing.assert_allclose(values[:5], res.gaussian_mtf(frequency[:5], sigma), atol=3e-3)
    assert res.sigma_from_mtf50(res.mtf50(frequency, values)) == pytest.approx(sigma, rel=0.02)


def test_the_difference_of_neighbours_costs_a_sinc() -> None:
    """Why a profile with one value a pixel reads too blurred: the derivative is itself a small blur."""
    step, sigma = 0.661, 0.4
    x = np.arange(-32, 33) * step
    frequency, values = res.mtf(res.line_spread(res.gaussian_edge(x, sigma), step), step)
    low = frequency < 0.4
    expected = res.gaussian_mtf(frequency, sigma) * np.sinc(frequency * step)
    np.testing.assert_allclose(values[low], expected[low], atol=0.01)
    assert res.mtf50(frequency, values) < 0.93 * res.mtf50(frequency, res.gaussian_mtf(frequency, sigma))


def test_gaussian_edge() -> None:
    x = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    np.testing.assert_allclose(res.gaussian_edge(x, 1.0) + res.gaussian_edge(-x, 1.0), 1.0)
    assert res.gaussian_edge(x, 0.0).tolist() == [0, 0, 0.5, 1, 1]
    assert isinstance(res.gaussian_edge(0.0, 1.0), float)


# ---------------------------------------------------------------- edge, LSF, MTF


@given(seed=seeds, n=st.integers(2, 60), step=spacings, low=st.floats(-1000, 1000), height=st.floats(1, 2000))
def test_lsf_has_area_one_and_forgets_offset_height_and_sign(
    seed: int, n: int, step: float, low: float, height: float
) -> None:
    edge = np.cumsum(np.random.default_rng(seed).uniform(0.1, 1, n))
    lsf = res.line_spread(edge, step)
    assert lsf.shape == (n - 1,)
    assert lsf.sum() * step == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(res.line_spread(low + height * edge, step), lsf, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(res.line_spread(low - height * edge, step), lsf, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(res.line_spread(edge[::-1], step), lsf[::-1], rtol=1e-6, atol=1e-9)


@given(seed=seeds, n=st.integers(1, 64), step=spacings)
def test_parseval(seed: int, n: int, step: float) -> None:
    """The energy of the LSF equals that of its MTF, over both signs of frequency."""
    lsf = random_lsf(seed, n)
    lsf /= lsf.sum() * step
    frequency, values = res.mtf(lsf, step)
    twice = np.full(values.size, 2.0)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    df = 1.0 / (n * step)
    assert (twice * values**2).sum() * df == pytest.approx((lsf**2).sum() * step, rel=1e-9)
    assert frequency[-1] <= 0.5 / step * (1 + 1e-12)


@given(seed=seeds, n=st.integers(2, 64), step=spacings, turn=st.integers(0, 63))
def test_mtf_begins_at_one_and_forgets_scale_sign_and_place(
    seed: int, n: int, step: float, turn: int
) -> None:
    lsf = random_lsf(seed, n)
    frequency, values = res.mtf(lsf, step)
    assert values[0] == pytest.approx(1.0)
    assert np.all(values <= 1 + 1e-9)
    assert frequency[1] == pytest.approx(1 / (n * step))
    for same in (-3.0 * lsf, lsf[::-1], np.roll(lsf, turn)):
        np.testing.assert_allclose(res.mtf(same, step)[1], values, atol=1e-9)
    np.testing.assert_allclose(res.mtf(lsf, 2 * step)[0], frequency / 2)


def test_mtf_by_the_definition() -> None:
    lsf, step = random_lsf(7, 9), 0.5
    frequency, values = res.mtf(lsf, step)
    x = np.arange(9) * step
    for f, m in zip(frequency, values, strict=True):
        assert m == pytest.approx(abs((lsf * np.exp(-2j * np.pi * f * x)).sum()) / lsf.sum())


def test_integers_and_views_give_what_floats_give() -> None:
    stored = np.array([[-1000, 7], [-900, 7], [-300, 7], [40, 7]], dtype=np.int16)
    column = stored[::-1, 0]
    assert not column.flags["C_CONTIGUOUS"]
    lsf = res.line_spread(column, 0.5)
    np.testing.assert_allclose(lsf, res.line_spread(column.astype(float).tolist(), 0.5))
    np.testing.assert_allclose(res.mtf(lsf[::-2], 1)[1], res.mtf(lsf[::-2].copy(), 1.0)[1])
    assert res.mtf50(np.array([0, 9, 1, 9, 2])[::2], np.array([1, 1, 0])) == 1.5
    levels = np.random.default_rng(0).integers(1, 9, (20, 30))
    view = levels[::2, ::-3]
    assert res.blurred_contrast(view, 1, TOLD) == res.blurred_contrast(view.astype(float).copy(), 1.0, TOLD)


def test_mtf_of_one_sample_is_one() -> None:
    frequency, values = res.mtf([3.0], 0.5)
    assert frequency.tolist() == [0.0]
    assert values.tolist() == [1.0]


def test_mtf_of_two_blurs_is_the_product() -> None:
    step = 0.1
    one, two = (res.line_spread(res.gaussian_edge(np.arange(-200, 201) * step, s), step) for s in (0.6, 0.8))
    both = res.mtf(np.convolve(one, two), step)
    f = both[0]
    expected = res.gaussian_mtf(f, 0.6) * res.gaussian_mtf(f, 0.8)
    np.testing.assert_allclose(both[1][f < 1], expected[f < 1], atol=0.01)
    np.testing.assert_allclose(expected, res.gaussian_mtf(f, 1.0), atol=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 0.5, 0.0], 1.0),
        ([1.0, 0.75, 0.25], 1.5),
        ([1.0, 0.6, 0.55], np.nan),
        ([1.0, 0.4, 0.9], 5 / 6),
        ([1.0, 0.9, 0.5], 2.0),
        ([0.5, 0.4, 0.3], 0.0),
        ([1.0, 1.2, 0.2], 1.7),
        ([1, 1, 0], 1.5),
    ],
)
def test_mtf50(values: list[float], expected: float) -> None:
    assert res.mtf50([0, 1, 2], values) == pytest.approx(expected, nan_ok=True)


def test_mtf50_of_one_point() -> None:
    assert np.isnan(res.mtf50([0.0], [1.0]))


@given(scale=st.floats(0.1, 10), seed=seeds)
def test_mtf50_scales_with_frequency(scale: float, seed: int) -> None:
    values = np.r_[1.0, np.random.default_rng(seed).uniform(0, 1, 10), 0.0]
    f = np.arange(12) * 0.1
    assert res.mtf50(scale * f, values) == pytest.approx(scale * res.mtf50(f, values))


def test_figures_of_the_chapter() -> None:
    assert res.sigma_from_mtf50(0.5) == pytest.approx(0.3748, abs=1e-4)
    assert res.gaussian_mtf(0.5, 0.5) == pytest.approx(0.2912, abs=1e-4)
    assert np.isnan(res.sigma_from_mtf50(np.nan))
    np.testing.assert_allclose(res.sigma_from_mtf50([0.25, 0.5]), [0.749562, 0.374781], atol=1e-6)


# ---------------------------------------------------------------- slanted edges, and a real one


@given(
    tilt=st.sampled_from([-1, 1]).flatmap(lambda sign: st.floats(0.1, 0.6).map(lambda t: sign * t)),
    sigma=st.floats(0.6, 1.2),
    columns=st.sampled_from([0.5, 0.661]),
)
def test_slanted_edge_gives_the_width_at_any_tilt(tilt: float, sigma: float, columns: float) -> None:
    rows = 0.8
    y, x = np.arange(24) * rows, np.arange(56) * columns
    away = (x[None] - 28 * columns - tilt * (y[:, None] - 12 * rows)) / np.hypot(1, tilt)
    image = -800 + 850 * res.gaussian_edge(away, sigma)
    step = columns / 2
    at, profile = res.edge_profile(image, (rows, columns), step)
    near = np.abs(at) < 6
    f50 = res.mtf50(*res.mtf(res.line_spread(profile[near], step), step))
    assert res.sigma_from_mtf50(f50) == pytest.approx(sigma, rel=0.12)


def test_the_edge_of_lung_in_the_real_slice() -> None:
    ct = images.real_ct_slice()
    step = ct.spacing[1]
    rows = [res.mtf50(*res.mtf(res.line_spread(ct.hu[r, 82:100], step), step)) for r in (31, 38, 41)]
    np.testing.assert_allclose(rows, [0.22, 0.357, 0.315], atol=0.01)
    np.testing.assert_allclose(slanted(ct, 38, 44), [0.370, 0.338, 0.365, 0.362], atol=0.001)
    others = [
        slanted(ct, first, first + n) for first, n in ((36, 6), (36, 10), (37, 8), (38, 8), (39, 6), (40, 6))
    ]
    assert (round(np.min(others), 2), round(np.max(others), 2)) == (0.32, 0.38)


def slanted(ct: images.Image, first: int, end: int) -> list[float]:
    """MTF50 of the lung's border in some rows, the profile cut 3 to 6 mm from the edge."""
    step = ct.spacing[1] / 4
    at, profile = res.edge_profile(ct.hu[first:end, 84:100], ct.spacing, step)
    cuts = [profile[np.abs(at) < window] for window in (3, 4, 5, 6)]
    return [res.mtf50(*res.mtf(res.line_spread(cut, step), step)) for cut in cuts]


# ---------------------------------------------------------------- texture before and after


def test_blurred_contrast_measures_what_it_says() -> None:
    levels = np.random.default_rng(3).integers(1, 9, (24, 24))
    found = res.blurred_contrast(levels, 1.0, TOLD)
    assert list(found) == ["contrast", "homogeneity", "energy"]
    old = texture.texture_features(levels, 8)
    assert {name: before for name, (before, _, _) in found.items()} == {k: old[k] for k in found}
    assert all(right for _, _, right in found.values())


def test_blurred_contrast_with_no_blur_stays() -> None:
    levels = np.random.default_rng(3).integers(1, 9, (24, 24))
    still = dict.fromkeys(TOLD, "stays")
    assert all(right for _, _, right in res.blurred_contrast(levels, 0.0, still).values())
    assert not any(right for _, _, right in res.blurred_contrast(levels, 0.0, TOLD).values())
    flat = res.blurred_contrast(np.full((5, 5), 3), 2.0, still)
    assert flat["contrast"] == (0.0, 0.0, True)


def test_blurred_contrast_of_a_volume() -> None:
    levels = np.random.default_rng(3).integers(1, 9, (8, 9, 10))
    assert res.blurred_contrast(levels, 0.8, TOLD)["contrast"][2]


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [(1, 2, "rises"), (2, 1, "falls"), (1, 1 + 1e-12, "stays"), (0, 0, "stays"), (0, 1e-30, "rises")],
)
def test_direction(before: float, after: float, word: str) -> None:
    assert res.direction(before, after) == word


# ---------------------------------------------------------------- the price of an import


@pytest.mark.parametrize("module", ["resolution", "claims.resolution"])
def test_import_is_cheap(module: str) -> None:
    program = (
        f"import sys, digital_biopsy.{module}\n"
        "heavy = {'torch', 'matplotlib', 'ipywidgets', 'IPython', 'skimage'} & set(sys.modules)\n"
        "upward = {'digital_biopsy.' + n for n in ('demos', 'check', 'cli')} & set(sys.modules)\n"
        "sys.exit(repr(heavy | upward) if heavy | upward else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- errors

FLAT = np.ones((4, 6))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: res.gaussian_psf(0, 1, 2), "sigma must be above zero"),
        (lambda: res.gaussian_psf(1, [1, 0], 2), "spacing must be above zero"),
        (lambda: res.gaussian_psf(1, 1, 1.5), "radius counts pixels"),  # type: ignore[arg-type]
        (lambda: res.gaussian_psf(1, 1, -1), "radius counts pixels"),
        (lambda: res.gaussian_edge(0.0, -1), "sigma must be zero or more"),
        (lambda: res.gaussian_mtf(0.1, -1), "sigma must be zero or more"),
        (lambda: res.sigma_from_mtf50(0.0), "above zero"),
        (lambda: res.sigma_from_mtf50([0.1, -0.1]), "above zero"),
        (lambda: res.blur([1.0, np.nan], 1, 1), "NaN or infinite"),
        (lambda: res.blur([], 1, 1), "image is empty"),
        (lambda: res.blur([1, 2], -1, 1), "sigma must be zero or more"),
        (lambda: res.blur(FLAT, 1, (1, 1, 1)), "one for each of the 2 axes"),
        (lambda: res.line_spread([], 1), "edge must be one row of 2 or more"),
        (lambda: res.line_spread([1.0], 1), "edge must be one row of 2 or more"),
        (lambda: res.line_spread(FLAT, 1), "edge must be one row of 2 or more"),
        (lambda: res.line_spread([1.0, np.nan, 2.0], 1), "edge holds NaN"),
        (lambda: res.line_spread([1.0, 5.0, 1.0], 1), "ends where it began"),
        (lambda: res.line_spread([1.0, 2.0], 0), "spacing must be above zero"),
        (lambda: res.mtf([], 1), "lsf must be one row of 1 or more"),
        (lambda: res.mtf([1.0, -1.0], 1), "no area"),
        (lambda: res.mtf([0.1, 0.2, -0.3], 1), "no area"),
        (lambda: res.mtf([0.0, 0.0], 1), "no area"),
        (lambda: res.mtf([np.inf, 1.0], 1), "lsf holds NaN"),
        (lambda: res.mtf([1.0], -1), "spacing must be above zero"),
        (lambda: res.mtf50([0, 1], [1, 0, 0]), "2 frequencies for 3 values"),
        (lambda: res.mtf50([], []), "frequency must be one row"),
        (lambda: res.mtf50([0, 1], [1, np.nan]), "values holds NaN"),
        (lambda: res.mtf50([1, 0], [1, 0]), "frequency must rise"),
        (lambda: res.mtf50([0, 1], [0.4, 0]), "begins below 0.5"),
        (lambda: res.edge_profile([1.0, 2.0], 1, 1), "image needs two axes"),
        (lambda: res.edge_profile(FLAT, 1, 1), "nothing changes"),
        (lambda: res.edge_profile(np.full((4, 6), np.nan), 1, 1), "image holds NaN"),
        (lambda: res.blurred_contrast([[0, 1]], 1, TOLD), "whole numbers from 1"),
        (lambda: res.blurred_contrast([[1.5, 1]], 1, TOLD), "whole numbers from 1"),
        (lambda: res.blurred_contrast([[1, np.nan]], 1, TOLD), "whole numbers from 1"),
        (lambda: res.blurred_contrast([[1, 2]], -1, TOLD), "sigma must be zero or more"),
        (lambda: res.blurred_contrast([[1, 2]], 1, {"contrast": "falls"}), "with the keys"),
        (lambda: res.blurred_contrast([[1, 2]], 1, TOLD | {"energy": "down"}), "not 'down'"),
        (lambda: res.line_spread("edge", 1), "edge must be a number"),
        (lambda: res.blurred_contrast(np.ones((0, 3)), 1, TOLD), "levels is empty"),
    ],
)
def test_errors_name_the_cause(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
