"""What harmonisation removes, and what it invents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from digital_biopsy import confounding
from digital_biopsy._confounding_leakage import auc, scores
from digital_biopsy.confounding import (
    kept_fraction,
    kept_signal,
    leakage_auc,
    leakage_trial,
    new_site_auc,
    simulate_sites,
    site_auc,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def test_cohorts_are_as_described(rng: np.random.Generator) -> None:
    x, site, outcome = simulate_sites(4, 500, 40, rng, share=0.8, signal=2.0, shift=3.0, spread=0.0)
    assert x.shape == (2000, 40)
    assert np.bincount(site).tolist() == [500] * 4
    assert np.bincount(site, outcome).tolist() == [100, 400, 100, 400]
    inside = [x[(site == 0) & (outcome == y)] for y in (0, 1)]
    assert (inside[1].mean(axis=0) - inside[0].mean(axis=0)).mean() == pytest.approx(2.0, abs=0.05)
    assert inside[1].std(axis=0).mean() == pytest.approx(1.0, abs=0.05)
    centres = np.stack([x[(site == s) & (outcome == 0)].mean(axis=0) for s in range(4)])
    assert centres.std() == pytest.approx(3.0, abs=0.6)
    again = [simulate_sites(2, 5, 3, np.random.default_rng(4)).x for _ in range(2)]
    np.testing.assert_array_equal(*again)


@pytest.mark.parametrize(("share", "events"), [(0.0, [9, 1]), (1.0, [1, 9]), (0.5, [5, 5]), (0.75, [2, 8])])
def test_every_site_has_both_outcomes(share: float, events: list[int]) -> None:
    cohort = simulate_sites(2, 10, 1, np.random.default_rng(1), share=share)
    assert np.bincount(cohort.site, cohort.outcome).tolist() == events


def test_auc_counts_pairs(rng: np.random.Generator) -> None:
    outcome = rng.integers(0, 2, 60)
    score = rng.integers(0, 6, 60).astype(float)
    gap = score[outcome == 1][:, np.newaxis] - score[outcome == 0]
    assert auc(outcome, score) == pytest.approx(((gap > 0) + 0.5 * (gap == 0)).mean())
    with pytest.raises(ValueError, match="with the outcome and without"):
        auc(np.ones(3), np.arange(3.0))


def test_the_classifier_finds_what_is_there(rng: np.random.Generator) -> None:
    x, _, outcome = simulate_sites(2, 100, 20, rng, signal=0.5, shift=0.0, spread=0.0)
    new, _, truth = simulate_sites(2, 100, 20, rng, signal=0.5, shift=0.0, spread=0.0)
    assert auc(truth, scores(x, outcome, new)) > 0.9


@pytest.mark.parametrize("share", [0.5, 0.6, 0.75, 0.9, 0.95])
def test_what_is_kept_follows_the_formula(share: float, rng: np.random.Generator) -> None:
    """The closed form, which holds for a pair of sites brought to one mean, and ComBat's measured share."""
    cohort = simulate_sites(2, 200, 200, rng, share=share, signal=1.0)
    found = kept_signal(cohort, 1.0)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(kept_fraction(share), abs=0.03)
    assert kept_signal(cohort, 1.0, with_outcome=True).value == pytest.approx(1.0, abs=0.05)


def test_a_balanced_site_is_hidden(rng: np.random.Generator) -> None:
    found = [
        [site_auc(simulate_sites(2, 200, 20, rng), harmonised=h, rng=rng) for _ in range(20)]
        for h in (False, True)
    ]
    assert np.mean(found[0]) > 0.99
    assert np.mean(found[1]) == pytest.approx(0.5, abs=0.05)


def test_pure_noise_becomes_signal(rng: np.random.Generator) -> None:
    """The outcome leaks through the harmonisation, whoever is tested; at new sites nothing is left of it."""
    for tested, least in (("patients", 0.7), ("sites", 0.85)):
        assert leakage_trial(12, "before, with the outcome", tested, rng).low > least
    for harmonised in ("never", "before"):
        assert leakage_trial(12, harmonised, "sites", rng).value == pytest.approx(0.5, abs=0.1)
    assert leakage_trial(12, "inside", "patients", rng, per_site=20).value == pytest.approx(0.5, abs=0.06)
    later = [
        new_site_auc(simulate_sites(10, 10, 200, rng, share=0.8), simulate_sites(10, 10, 200, rng, share=0.8),
                     with_outcome=True)
        for _ in range(12)
    ]  # fmt: skip
    assert np.mean(later) == pytest.approx(0.5, abs=0.08)


def test_balanced_sites_do_not_leak(rng: np.random.Generator) -> None:
    for tested in confounding.SCHEMES:
        found = leakage_trial(12, "before, with the outcome", tested, rng, share=0.5, per_site=40)
        assert found.value == pytest.approx(0.5, abs=0.06)


def test_without_the_outcome_noise_turns_against_itself(rng: np.random.Generator) -> None:
    """Each site's mean is 0 over all its patients: what the training ones show, the tested ones show reversed."""
    assert leakage_trial(12, "before", "patients", rng).high < 0.45


def test_true_signal_survives_honest_folds(rng: np.random.Generator) -> None:
    found = leakage_trial(6, "inside", "patients", rng, per_site=20, share=0.5, signal=0.3)
    assert found.low > 0.8


def test_trials_follow_their_generator() -> None:
    one, same = (leakage_trial(2, "inside", "patients", np.random.default_rng(3)) for _ in range(2))
    assert one == same


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c, r: leakage_auc(c, "after", "sites", r), "harmonised must be one of 'never', 'inside'"),
        (lambda c, r: leakage_auc(c, "never", "hospitals", r), "tested must be one of 'patients', 'sites'"),
        (lambda c, r: leakage_auc(c, "inside", "sites", r), "A site that is left out is unseen"),
        (lambda c, r: leakage_auc(c, "never", "patients", r, folds=1), "folds must be a whole number of 2"),
        (lambda c, r: kept_signal(c, 0.0), "signal must not be 0"),
        (lambda c, r: kept_fraction(1.2), "share must be a number from 0 to 1"),
        (lambda c, r: simulate_sites(1, 9, 9, r), "sites must be a whole number of 2 or more"),
        (lambda c, r: simulate_sites(2, 9, 9, r, share=-0.1), "share must be a number from 0 to 1"),
        (lambda c, r: leakage_trial(1, "never", "sites", r), "cohorts must be a whole number of 2"),
    ],
    ids=range(9),
)
def test_errors_say_what_is_wrong(call: Any, message: str, rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=message):
        call(simulate_sites(2, 8, 5, rng), rng)


def test_a_seed_is_no_generator() -> None:
    with pytest.raises(TypeError, match="rng must be a generator"):
        simulate_sites(2, 8, 5, 1)  # type: ignore[arg-type]
