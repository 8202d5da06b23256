"""The trials of chapter 8: their figures, and that their verdicts follow from what is measured."""

from __future__ import annotations

from typing import Any

import pytest

from digital_biopsy import claims, confounding
from digital_biopsy.confounding import Estimate


def test_claim_backdoor() -> None:
    done = claims.backdoor()
    assert done.id == "backdoor"
    assert done.verdict == "holds if the variable is a confounder, and is measured well"
    measured = [m.measured for m in done.measurements]
    expected = [0.5, 0.5, 0.833, 0.767, -0.25, 0.25, 0.3, 1.0]
    assert measured == pytest.approx(expected, abs=0.03)
    assert [m.lifts_condition for m in done.measurements] == [False] * 2 + [True] * 6
    assert [m.agrees for m in done.measurements] == [True] * 2 + [False] * 6
    assert all("95 % interval" in m.quantity for m in done.measurements)


def test_claim_batch() -> None:
    done = claims.batch()
    assert done.id == "batch"
    assert done.verdict == "holds if site and outcome are balanced"
    measured = [m.measured for m in done.measurements]
    assert measured[:3] == [
        pytest.approx(0.51, abs=0.04),
        pytest.approx(100, abs=3),
        pytest.approx(0.5, abs=0.06),
    ]
    assert measured[3:5] == [pytest.approx(75, abs=3), pytest.approx(36, abs=2)]
    assert measured[5] == pytest.approx(0.82, abs=0.07)
    assert measured[6] == pytest.approx(0.92, abs=0.03)
    assert measured[7] == pytest.approx(0.5, abs=0.07)
    assert [m.lifts_condition for m in done.measurements] == [False] * 3 + [True] * 5
    assert all("95 % interval" in m.quantity for m in done.measurements)


def test_trials_repeat_themselves() -> None:
    assert str(claims.backdoor()) == str(claims.backdoor())
    assert str(claims.batch()) == str(claims.batch())


def test_backdoor_fails_where_adjusting_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        confounding, "stratified_effect", lambda x, y, stratum: confounding.crude_effect(x, y)
    )
    assert claims.backdoor().verdict == "fails"


def test_backdoor_holds_where_nothing_can_mislead(monkeypatch: pytest.MonkeyPatch) -> None:
    """If every variable that is proposed were a confounder measured exactly, no condition would be needed."""
    world = confounding.world
    monkeypatch.setattr(confounding, "world", lambda name, effect: world("confounder", effect))
    assert claims.backdoor().verdict == "holds"


def test_batch_fails_where_balanced_sites_lose_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confounding, "kept_signal", lambda cohort, signal: Estimate(0.8, 0.79, 0.81))
    assert claims.batch().verdict == "fails"


def test_batch_fails_where_the_site_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    site_auc = confounding.site_auc
    monkeypatch.setattr(
        confounding, "site_auc", lambda cohort, harmonised, rng: site_auc(cohort, harmonised=False, rng=rng)
    )
    assert claims.batch().verdict == "fails"


def test_batch_holds_where_all_sites_are_balanced(monkeypatch: pytest.MonkeyPatch) -> None:
    """With equal shares everywhere, and sites large enough, the condition falls away."""
    simulate, trial = confounding.simulate_sites, confounding.leakage_trial

    def balanced(*arguments: Any, share: float = 0.5, **others: Any) -> Any:
        return simulate(*arguments, **others)

    def large(*arguments: Any, share: float, per_site: int) -> Estimate:
        return trial(*arguments, share=0.5, per_site=20)

    monkeypatch.setattr(confounding, "simulate_sites", balanced)
    monkeypatch.setattr(confounding, "leakage_trial", large)
    assert claims.batch().verdict == "holds"
