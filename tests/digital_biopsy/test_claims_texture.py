"""The claims of chapter 4: the figures, and that the verdicts follow from them."""

from __future__ import annotations

import numpy as np
import pytest

from digital_biopsy import claims, texture
from digital_biopsy.claims import texture as chapter_4


def information(P: np.ndarray) -> float:
    """Mutual information of neighbours: what a measure of order might be."""
    strangers = np.outer(P.sum(axis=1), P.sum(axis=0))
    seen = P > 0
    return float((P[seen] * np.log(P[seen] / strangers[seen])).sum())


def test_claim_contrast() -> None:
    done = claims.contrast()
    assert done.id == "contrast"
    assert done.verdict == "fails"
    measured = [m.measured for m in done.measurements]
    assert done.measurements[0].claimed == pytest.approx(170.6, abs=0.1)
    assert measured[:5] == pytest.approx([55.3, 16.6, 4.6, 1.3, 0.4], abs=0.1)
    assert measured[5] == pytest.approx(4.0, abs=1e-9)
    assert measured[6] < done.measurements[6].claimed / 5
    assert not any(m.agrees for m in done.measurements)


def test_claim_contrast_would_hold_of_a_feature_that_grows_with_the_grain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The correlation of neighbours is what the claim says of contrast, but for the tolerance of a ratio."""
    monkeypatch.setattr(texture, "contrast", texture.correlation)
    assert claims.contrast().verdict == "holds"


def test_claim_contrast_follows_each_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature that grows with the grain, but feels the amplitude, still fails, in one row."""
    monkeypatch.setattr(
        texture, "contrast", lambda P: texture.joint_variance(P) * (1 + texture.correlation(P))
    )
    rows = claims.contrast().measurements
    assert [m.agrees for m in rows] == [True] * 5 + [False, True]


def test_claim_energy() -> None:
    done = claims.energy()
    assert done.id == "energy"
    assert done.verdict == "fails"
    ramp, checks, shuffled, fields, metal = done.measurements
    assert ramp.claimed == pytest.approx(0.92, abs=0.005)
    assert ramp.measured == pytest.approx(0.03, abs=0.005)
    assert checks.measured == pytest.approx(0.5, abs=0.005)
    assert shuffled.measured == pytest.approx(0.001, abs=0.0005)
    assert fields.measured == pytest.approx(0.25, abs=1e-4)
    assert fields.claimed > 0.35
    assert metal.measured > 50 * metal.claimed
    assert [m.agrees for m in done.measurements] == [False, False, True, False, False]


def test_fields_of_two_pixels_are_noise_to_every_feature_of_next_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even mutual information sees no order there at distance 1; in the other rows it does."""
    monkeypatch.setattr(texture, "energy", information)
    assert [m.agrees for m in claims.energy().measurements] == [True, True, True, False, True]


def test_claim_energy_would_hold_of_a_feature_that_measures_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What neighbours know of each other, at the distance at which they know most."""

    def order(_: object, levels: np.ndarray, n_levels: int) -> float:
        found = [
            np.mean([information(texture.glcm(levels, o, n_levels)) for o in texture.unique_offsets(2, d)])
            for d in (1, 2)
        ]
        return float(max(found))

    monkeypatch.setattr(chapter_4, "feature", order)
    assert claims.energy().verdict == "holds"


def test_the_98_to_2_noise_is_what_its_closed_form_says() -> None:
    noise = claims.energy().measurements[0].claimed
    assert noise == pytest.approx((0.98**2 + 0.02**2) ** 2, abs=0.004)


@pytest.mark.parametrize("grain", chapter_4.GRAINS)
def test_contrast_is_twice_the_variance_less_the_likeness(grain: int) -> None:
    levels = chapter_4.rearranged(chapter_4.uniform(32, 64), grain)
    for offset in texture.unique_offsets(2):
        P = texture.glcm(levels, offset, 32)
        formula = texture.contrast_from_statistics(texture.joint_variance(P), texture.correlation(P))
        assert texture.contrast(P) == pytest.approx(float(formula), rel=1e-9)


@pytest.mark.parametrize("grain", chapter_4.GRAINS)
def test_rearranged_keeps_every_pixel(grain: int) -> None:
    ramp = chapter_4.uniform(32, 64)
    moved = chapter_4.rearranged(ramp, grain)
    assert moved.shape == ramp.shape
    assert not np.array_equal(moved, ramp)
    np.testing.assert_array_equal(np.sort(moved, axis=None), np.sort(ramp, axis=None))


def test_uniform_has_all_levels_equally_often() -> None:
    _, counts = np.unique(chapter_4.uniform(32), return_counts=True)
    assert len(counts) == 32
    assert len(set(counts.tolist())) == 1
