"""First-order features against the IBSI's digital phantom, and at the borders of what the manual defines.

Reference values: IBSI reference manual, arXiv:1612.07003 (CC-BY-4.0), sections 3.2 to 3.5.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digital_biopsy import histogram as h

CHECKOUT = Path(__file__).resolve().parents[2]
PHANTOM = CHECKOUT.parent / "shared" / "reference" / "ibsi_1_reference_values" / "ibsi_digital_phantom.json"
FAMILIES = {"UHIW": 18, "ZVCW": 23, "9ST6": 2, "P88C": 6}

# The grey levels of the digital phantom's ROI: 74 voxels (manual, figure 5.1).
VALUES = np.repeat([1.0, 3.0, 4.0, 6.0], [50, 1, 16, 7])
#: From the manual's tables, column "dig. phantom"; half of the last digit is the tolerance.
TYPED = {
    "Mean intensity": (2.15, 0.005),
    "Intensity variance": (3.05, 0.005),
    "Intensity skewness": (1.08, 0.005),
    "(Excess) intensity kurtosis": (-0.355, 0.0005),
    "90th intensity percentile": (4, 0.5),
    "Intensity-based robust mean absolute deviation": (1.11, 0.005),
    "Intensity-based coefficient of variation": (0.812, 0.0005),
    "Intensity-based quartile coefficient of dispersion": (0.6, 0.05),
    "Intensity-based energy": (567, 0.5),
    "Root mean square intensity": (2.77, 0.005),
    "(Excess) discretised intensity kurtosis": (-0.355, 0.0005),
    "Intensity histogram mode": (1, 0.5),
    "Discretised intensity entropy": (1.27, 0.005),
    "Discretised intensity uniformity": (0.512, 0.0005),
    "Maximum histogram gradient": (8, 0.5),
    "Maximum histogram gradient intensity": (3, 0.5),
    "Minimum histogram gradient": (-50, 0.5),
    "Minimum histogram gradient intensity": (1, 0.5),
    "Volume at intensity fraction 0.10": (0.324, 0.0005),
    "Volume at intensity fraction 0.90": (0.0946, 0.00005),
    "Intensity at volume fraction 0.10": (5, 0.5),
    "Intensity at volume fraction 0.90": (2, 0.5),
    "Volume fraction difference between intensity fractions 0.10 and 0.90": (0.23, 0.005),
    "Intensity fraction difference between volume fractions 0.10 and 0.90": (3, 0.5),
    "Area under the IVH curve": (0.32, 0.005),
}


def of_values(values: Any) -> dict[str, float]:
    return (
        h.intensity_statistics(values) | h.intensity_histogram(values) | h.intensity_volume_histogram(values)
    )


@pytest.mark.parametrize("name", TYPED)
def test_digital_phantom_as_printed(name: str) -> None:
    value, tolerance = TYPED[name]
    assert of_values(VALUES)[name] == pytest.approx(value, abs=tolerance * (1 + 1e-9))


def test_every_feature_of_the_four_families_on_the_digital_phantom() -> None:
    if not PHANTOM.exists():
        pytest.skip("the IBSI reference values do not lie beside this checkout")
    data = json.loads(PHANTOM.read_text(encoding="utf-8"))
    image, mask = np.array(data["phantom"]), np.array(data["mask"]) > 0
    np.testing.assert_array_equal(np.sort(image[mask]), VALUES)
    found = of_values(image[mask]) | h.local_intensity(image, mask, data["spacing_mm_zyx"])
    seen = dict.fromkeys(FAMILIES, 0)
    for row in data["reference_values"]:
        if row["family_code"] not in FAMILIES:
            continue
        # Where the standard gives one name two values, they are those at 10 % and at 90 %.
        names = [name for name in found if name == row["name"] or name.startswith(f"{row['name']} 0.")]
        tolerance = max(row["tolerance"], row["half_last_digit"]) * (1 + 1e-9)
        fits = [name for name in names if abs(found[name] - row["value"]) <= tolerance]
        assert fits, f"{row['name']}: {row['value']} expected, {[found[name] for name in names]} found"
        assert all(h.IBSI_CODES[name] == row["code"] for name in names)
        seen[row["family_code"]] += 1
    assert seen == FAMILIES


def test_every_feature_has_a_code_and_every_code_a_feature() -> None:
    found = of_values(VALUES) | h.local_intensity(np.ones((3, 3)), np.ones((3, 3)), (1, 1))
    assert set(found) == set(h.IBSI_CODES)
    assert all(isinstance(value, float) for value in found.values())
    assert len(h.intensity_statistics(VALUES)) == 18
    assert len(h.intensity_histogram(VALUES)) == 23


# Properties -----------------------------------------------------------------------------------------------------

levels = hnp.arrays(np.int64, st.integers(1, 50), elements=st.integers(1, 12))


@given(levels, st.integers(-1000, 1000))
def test_statistics_under_a_shift(values: Any, shift: int) -> None:
    before, after = h.intensity_statistics(values), h.intensity_statistics(values + shift)
    moved = ("Mean", "Median", "Minimum", "Maximum", "10th", "90th")
    for name, value in before.items():
        if name.startswith(moved):
            assert after[name] == pytest.approx(value + shift)
        elif not name.endswith(("variation", "dispersion", "energy")) and not name.startswith("Root"):
            assert after[name] == pytest.approx(value, abs=1e-6, nan_ok=True)


@given(levels, st.sampled_from([0.5, 2.0, 10.0]))
def test_statistics_under_a_scale(values: Any, scale: float) -> None:
    before, after = h.intensity_statistics(values), h.intensity_statistics(values * scale)
    power = {"Intensity variance": 2, "Intensity-based energy": 2, "Intensity skewness": 0}
    power |= {name: 0 for name in before if name.endswith(("kurtosis", "variation", "dispersion"))}
    for name, value in before.items():
        assert after[name] == pytest.approx(value * scale ** power.get(name, 1), abs=1e-9, nan_ok=True)


@given(levels)
def test_histogram_and_statistics_agree_on_levels(values: Any) -> None:
    of_levels = list(h.intensity_histogram(values).values())
    shared = list(h.intensity_statistics(values).values())[:16]
    np.testing.assert_allclose(of_levels[:16], shared)
    entropy, uniformity = (
        h.intensity_histogram(values)[f"Discretised intensity {n}"] for n in ("entropy", "uniformity")
    )
    n = len(np.unique(values))
    assert 0 <= entropy <= np.log2(n) + 1e-9
    assert 1 / n - 1e-9 <= uniformity <= 1


@given(levels)
def test_volume_histogram_falls(values: Any) -> None:
    found = h.intensity_volume_histogram(values)
    assert found["Volume at intensity fraction 0.10"] >= found["Volume at intensity fraction 0.90"] > 0
    assert found["Intensity at volume fraction 0.10"] >= found["Intensity at volume fraction 0.90"]
    assert 0 <= found["Area under the IVH curve"] < 1


def test_levels_of_zero_are_outside() -> None:
    assert h.intensity_histogram([0, 1, 1, 2, 0]) == h.intensity_histogram([1, 1, 2])


def test_empty_bins_take_part_in_the_gradient() -> None:
    found = h.intensity_histogram([2, 2, 2, 2], n_levels=4)  # counts 0 4 0 0: gradient 4, 0, -2, 0
    assert found["Maximum histogram gradient"] == 4
    assert found["Maximum histogram gradient intensity"] == 1
    assert found["Minimum histogram gradient"] == -2
    assert found["Minimum histogram gradient intensity"] == 3


def test_of_several_modes_the_one_closest_to_the_mean() -> None:
    assert h.intensity_histogram([1, 1, 4, 4, 5])["Intensity histogram mode"] == 4
    assert h.intensity_histogram([1, 1, 3, 3])["Intensity histogram mode"] == 1  # equally far: the lower


def test_one_voxel_is_defined() -> None:
    """The manual: without variance skewness and excess kurtosis are 0, and so is the area."""
    found = of_values([7])
    assert found["Mean intensity"] == found["Median intensity"] == found["Maximum intensity"] == 7
    for name in ("Intensity variance", "Intensity skewness", "(Excess) intensity kurtosis"):
        assert found[name] == 0
    assert found["Discretised intensity entropy"] == 0 and found["Discretised intensity uniformity"] == 1
    assert found["Volume at intensity fraction 0.90"] == 1
    assert found["Area under the IVH curve"] == 0
    assert found["Intensity at volume fraction 0.90"] == 8
    alone = h.intensity_histogram([1])
    assert alone["Maximum histogram gradient"] == 0 and alone["Minimum histogram gradient intensity"] == 1


def test_a_mean_of_zero_has_no_coefficient_of_variation() -> None:
    found = h.intensity_statistics([-1.0, -1.0, 1.0, 1.0])
    assert np.isnan(found["Intensity-based coefficient of variation"])
    assert np.isnan(found["Intensity-based quartile coefficient of dispersion"])


def test_of_two_different_values_none_lies_between_the_percentiles() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = h.intensity_statistics([1.0, 2.0])
    assert np.isnan(found["Intensity-based robust mean absolute deviation"])


def test_any_array_and_nan() -> None:
    cube = np.random.default_rng(0).integers(1, 9, (4, 5, 6))
    for array in (cube, cube.astype(np.int8), np.asfortranarray(cube), cube[::-1, :, ::-1]):
        assert h.intensity_statistics(array)["Intensity variance"] == pytest.approx(cube.var())
        assert h.intensity_histogram(array) == pytest.approx(h.intensity_histogram(cube.ravel()))
    with_nan = np.append(cube.ravel().astype(float), [np.nan] * 3)
    assert h.intensity_statistics(with_nan) == h.intensity_statistics(cube)
    assert h.intensity_volume_histogram(with_nan) == h.intensity_volume_histogram(cube)


# Local intensity ------------------------------------------------------------------------------------------------


def by_hand(image: Any, mask: Any, spacing: Any) -> tuple[float, float]:
    """Each ball by its definition."""
    radius = (3 / (4 * np.pi)) ** (1 / 3) * 10
    places = np.argwhere(np.ones(image.shape, bool)) * np.asarray(spacing, float)
    means = []
    for centre in np.argwhere(mask):
        near = ((places - centre * np.asarray(spacing, float)) ** 2).sum(axis=1) <= radius**2
        means.append(np.nanmean(image.ravel()[near]))
    values = image[mask]
    return max(np.array(means)[values == values.max()]), max(means)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((6, 7, 8), (3.0, 1.5, 2.0)), ((9, 9), (2.0, 1.1)), ((30,), (1.0,)), ((3, 4, 5, 4), (3, 4, 5, 4))],
)
def test_local_intensity_by_its_definition(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    rng = np.random.default_rng(7)
    image = rng.integers(0, 40, shape).astype(float)
    mask = rng.random(shape) < 0.3
    image.ravel()[:3] = np.nan
    mask &= ~np.isnan(image)
    found = h.local_intensity(image, mask, spacing)
    assert list(found.values()) == pytest.approx(by_hand(image, mask, spacing))
    turned = h.local_intensity(image.T, mask.T, spacing[::-1])  # not contiguous, axes exchanged
    assert list(turned.values()) == pytest.approx(list(found.values()))


def test_local_intensity_of_one_voxel_at_the_border() -> None:
    image = np.arange(27).reshape(3, 3, 3)
    mask = np.zeros((3, 3, 3), bool)
    mask[0, 0, 0] = True
    assert h.local_intensity(image, mask, (10, 10, 10)) == {
        "Local intensity peak": 0.0,
        "Global intensity peak": 0.0,
    }


REFUSED: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (h.intensity_statistics, ([],), "No voxel is inside"),
    (h.intensity_statistics, ([np.nan],), "No voxel is inside"),
    (h.intensity_statistics, ([np.inf, 1],), "values must be finite"),
    (h.intensity_histogram, ([0, 0],), "No voxel is inside"),
    (h.intensity_histogram, ([1.5],), "whole numbers"),
    (h.intensity_histogram, ([-1],), "whole numbers from 1"),
    (h.intensity_histogram, ([np.nan],), "whole numbers"),
    (h.intensity_histogram, ([5], 4), "above n_levels = 4"),
    (h.intensity_histogram, ([1], 0), "n_levels must be a whole number"),
    (h.intensity_volume_histogram, ([1.0, 1.5],), "whole steps of 1 apart"),
    (h.intensity_volume_histogram, ([1.0, 2.0], 0.0), "step must be above zero"),
    (h.intensity_volume_histogram, ([0.0, 1e9],), "too small for the range"),
    (h.local_intensity, (np.ones((3, 3)), np.ones((3, 2)), (1, 1)), "they must be equal"),
    (h.local_intensity, (np.ones((3, 3)), np.zeros((3, 3)), (1, 1)), "holds no value"),
    (h.local_intensity, (np.ones((3, 3)), np.ones((3, 3)), (1, 1, 1)), "spacing needs 2 numbers"),
    (h.local_intensity, (np.ones((3, 3)), np.ones((3, 3)), (1, 0)), "spacing needs 2 numbers"),
    (h.local_intensity, (np.full((3, 3), np.nan), np.ones((3, 3)), (1, 1)), "holds no value"),
    (h.local_intensity, (np.full((3, 3), np.inf), np.ones((3, 3)), (1, 1)), "image must be finite"),
]


@pytest.mark.parametrize(("function", "arguments", "words"), REFUSED)
def test_bad_input_is_refused_with_words(
    function: Callable[..., Any], arguments: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        function(*arguments)
