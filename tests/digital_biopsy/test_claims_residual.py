"""The trial of chapter 7: its figures, and that its verdict follows from what is measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from digital_biopsy import claims, residual
from digital_biopsy.claims import residual as chapter_7


def test_claim_vanish() -> None:
    done = claims.vanish()
    assert done.id == "vanish"
    assert done.verdict == (
        "holds if the branches are small together: zero at first, divided by √L, or normalised"
    )
    measured = [m.measured for m in done.measurements]
    assert measured[:2] == [pytest.approx(50 * np.log10(0.5)), pytest.approx(50 * np.log10(0.9))]
    assert measured[2] == pytest.approx(-22.4, abs=1.5)
    assert measured[3] == pytest.approx(0.0, abs=1e-9)
    assert 0.0 < measured[4] < 0.2
    assert 0.2 < measured[5] < 0.8
    assert measured[6:8] == [pytest.approx(50 * np.log10(0.99)), pytest.approx(50 * np.log10(1.01))]
    assert measured[8:10] == [pytest.approx(-15.05, abs=0.01), pytest.approx(8.80, abs=0.01)]
    assert 10 ** measured[9] == pytest.approx(6.4e8, rel=0.01)
    assert 1.5 < measured[10] < 2.8
    assert [m.lifts_condition for m in done.measurements] == [False] * 8 + [True] * 3
    assert [m.agrees for m in done.measurements] == [True] * 8 + [False] * 3


def test_the_jacobians_have_norms_below_one() -> None:
    x = np.random.default_rng(0).standard_normal((3, chapter_7.WIDTH))
    for kind, most in {
        "plain": 1.0,
        "residual": 1.0,
        "residual, 1/√L": 0.2,
        "residual, normalised": 1.1,
    }.items():
        stack = chapter_7.net(kind)
        jacobians = [
            j for one in x for j in residual.block_jacobians(stack, one, branch=kind.startswith("residual"))
        ]
        assert 0.05 < max(np.linalg.norm(j, 2) for j in jacobians) < most


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_verdict_is_no_matter_of_the_seed(seed: int) -> None:
    def ratio(kind: str) -> float:
        return chapter_7.gradient_ratio(chapter_7.net(kind, seed=seed), seed)

    assert abs(ratio("residual, 1/√L")) < abs(ratio("residual, normalised")) < chapter_7.TOLERANCE
    assert ratio("residual") > 1.5 * chapter_7.TOLERANCE


def test_verdict_follows_the_residual_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world where the shortcut alone carried every error, the claim would hold without condition."""
    monkeypatch.setattr(residual, "residual_chain_log10_norm", lambda jacobians: 0.0)
    assert claims.vanish().verdict.startswith("holds if")  # the net of blocks still disagrees
    monkeypatch.setattr(chapter_7, "gradient_ratio", lambda stack: 0.0)
    assert claims.vanish().verdict == "holds"


def test_verdict_follows_the_plain_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residual, "chain_log10_norm", lambda jacobians: 0.0)
    assert claims.vanish().verdict == "fails"


def test_verdict_follows_the_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residual, "gradient_profile", lambda model, x, target: np.array([1e-5, 1.0]))
    assert claims.vanish().verdict == "fails"


def test_a_trial_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    claims.vanish()
    assert torch.equal(torch.get_rng_state(), state)
