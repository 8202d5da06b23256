"""The claim of chapter 5: its figures, and that its verdict follows from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from digital_biopsy import _resolution_kinds as kinds
from digital_biopsy import claims, resolution, texture
from digital_biopsy.claims import resolution as chapter_5


def moved(name: str, sigma: float, bins: kinds.Bins) -> dict[str, tuple[float, float]]:
    before, after = (kinds.features(name, s, bins) for s in (0.0, sigma))
    return {feature: (before[feature], after[feature]) for feature in resolution.FEATURES}


def test_claim_blur() -> None:
    done = claims.blur()
    assert done.id == "blur"
    assert done.verdict == "fails"
    counts = [round(m.measured) for m in done.measurements]
    assert counts == [3, 3, 1, 3, 1, 3, 3, 1, 0]
    assert [m.lifts_condition for m in done.measurements] == [False] * 5 + [True] * 4


def test_four_flat_classes_have_the_figures_that_careful_measurement_gave() -> None:
    change = moved("classes", chapter_5.STRONG, "width")
    assert change["homogeneity"] == pytest.approx((0.93, 0.77), abs=0.005)
    assert change["energy"] == pytest.approx((0.22, 0.03), abs=0.005)
    assert change["contrast"][1] < 0.1 * change["contrast"][0]


@pytest.mark.parametrize("name", list(kinds.KINDS))
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0])
def test_contrast_falls_with_bins_of_fixed_width(name: str, sigma: float) -> None:
    before, after = moved(name, sigma, "width")["contrast"]
    assert after < 0.8 * before


@pytest.mark.parametrize("name", ["noise", "muscle", "speck"])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0])
def test_noise_like_texture_does_as_claimed(name: str, sigma: float) -> None:
    change = moved(name, sigma, "width")
    assert change["homogeneity"][1] > change["homogeneity"][0]
    assert change["energy"][1] > change["energy"][0]


@pytest.mark.parametrize("name", list(kinds.KINDS))
def test_a_fixed_number_of_bins_works_against_it(name: str) -> None:
    """Contrast falls less than with bins of fixed width, or even rises."""
    wide, many = (moved(name, chapter_5.USUAL, bins)["contrast"] for bins in ("width", "count"))
    if name == "classes":  # the middles of large patches keep the range
        assert many[1] / many[0] == pytest.approx(wide[1] / wide[0], rel=0.1)
    else:
        assert many[1] / many[0] > 1.4 * wide[1] / wide[0]


def test_theory_of_noise_gives_the_contrast_of_the_trial() -> None:
    """The lesson's figures: 0.22 beside, 0.39 diagonally, 0.47 with rounding; measured 0.48."""
    variance = (40 / kinds.WIDTH_HU) ** 2 / (4 * np.pi)
    beside, diagonal = (2 * variance * (1 - np.exp(-d2 / 4)) for d2 in (1, 2))
    assert (round(beside, 2), round(diagonal, 2)) == (0.22, 0.39)
    theory = (beside + diagonal) / 2 + 2 / 12
    assert round(theory, 2) == 0.47
    assert moved("noise", 1.0, "width")["contrast"][1] == pytest.approx(theory, abs=0.015)


def test_one_calcified_pixel_turns_all_three_round() -> None:
    change = moved("speck", chapter_5.USUAL, "count")
    assert change["contrast"][1] > 4 * change["contrast"][0]
    assert change["homogeneity"][1] < change["homogeneity"][0]
    assert change["energy"][1] < change["energy"][0]


def only(*names: str) -> Callable[[], Any]:
    return lambda: [
        m for m in chapter_5.BLUR.experiment() if any(kinds.KINDS[n] in m.quantity for n in names)
    ]


def test_verdict_follows_the_images() -> None:
    """Without the flat classes the claim holds under its condition; without the condition's breach, it holds."""
    noise_like = claims.Claim("blur", "", "the bins keep their width in HU", only("noise", "muscle", "speck"))
    assert noise_like.trial().verdict == "holds if the bins keep their width in HU"
    assert claims.Claim("blur", "", "", only("noise", "muscle")).trial().verdict == "holds"


def test_verdict_follows_the_texture(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world whose features do as claimed on every image, the claim holds."""

    def obedient(levels: Any, n_levels: int) -> dict[str, float]:
        rough = float(np.square(np.diff(np.asarray(levels, dtype=float), axis=1)).mean())
        return {"contrast": rough, "homogeneity": -rough, "energy": -rough}

    monkeypatch.setattr(texture, "texture_features", obedient)
    rows = chapter_5.BLUR.trial().measurements
    assert all(m.agrees for m in rows if not m.lifts_condition)
    assert claims.blur().verdict == "holds if the bins keep their width in HU"


def test_verdict_follows_the_blur(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sharpening instead of blur: contrast rises everywhere, and nothing moves as claimed."""
    monkeypatch.setattr(
        kinds,
        "gaussian_filter",
        lambda hu, sigma, mode: np.clip(1.5 * hu - 0.5 * np.roll(hu, 1, 0), -200, 2000),
    )
    assert all(m.measured < 50 for m in claims.blur().measurements if "white noise, bins of" in m.quantity)
    assert claims.blur().verdict == "fails"


def test_kinds_are_the_same_each_time_and_refuse_other_names() -> None:
    kinds.kind.cache_clear()
    again = kinds.kind("noise").hu.copy()
    kinds.kind.cache_clear()
    assert np.array_equal(kinds.kind("noise").hu, again)
    assert set(np.unique(kinds.kind("classes").hu)) == {-100, 0, 100, 200}
    with pytest.raises(ValueError, match="no kind of image 'fog'"):
        kinds.kind("fog")
    with pytest.raises(ValueError, match="read-only"):
        kinds.kind("speck").hu[0, 0] = 0
