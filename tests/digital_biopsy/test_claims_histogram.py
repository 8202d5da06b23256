"""The trial of chapter 2: its figures, and that its verdict follows from what is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from digital_biopsy import claims, histogram
from digital_biopsy.claims import histogram as chapter_2


def test_claim_bin_width() -> None:
    done = claims.bin_width()
    assert done.id == "bin-width"
    assert done.verdict == "holds if the bin is wider than about 3.46 σ, and centred on the tissue"
    measured = [m.measured for m in done.measurements]
    assert measured[0] == pytest.approx(3.462, abs=2e-3)
    assert measured[1:5] == [
        pytest.approx(0.3118, abs=1e-3),
        pytest.approx(370, abs=2),
        pytest.approx(0.0766, abs=2e-3),
        pytest.approx(10_400, abs=600),
    ]
    assert measured[5] == pytest.approx(7.8, abs=0.05)
    assert measured[6] < 0.05
    assert measured[7:] == [
        pytest.approx(4.08, abs=0.05),
        pytest.approx(14.09, abs=0.05),
        pytest.approx(200, abs=0.1),
        pytest.approx(1.0, abs=0.01),
    ]
    assert [m.lifts_condition for m in done.measurements] == [False] * 7 + [True] * 4


def test_verdict_follows_the_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every histogram had a smaller sigma from the start, the condition would fall away."""
    moments = histogram.binned_moments

    def centred(values: Any, width: float, offset: float) -> dict[str, float]:
        middle = float(np.mean(values)) - width / 2
        return moments(values, width, middle)

    monkeypatch.setattr(histogram, "binned_moments", centred)
    monkeypatch.setattr(chapter_2, "identity_gap", lambda values, width: 0.0)
    monkeypatch.setattr(
        histogram, "binning_trial", lambda values, width, offset: 2 - width / (2 * np.sqrt(3) * 12.0)
    )
    assert claims.bin_width().verdict.startswith("holds if")  # sigma still grows at 1 and 2 sigma
    monkeypatch.setattr(chapter_2, "_growth", lambda values, width, offset: 0.0)
    assert claims.bin_width().verdict == "holds"


def test_verdict_follows_sigma(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world where bins never shrink sigma, the claim fails."""
    monkeypatch.setattr(
        histogram, "binning_trial", lambda values, width, offset: float(np.sqrt(1 + (width / 12.0) ** 2 / 12))
    )
    assert claims.bin_width().verdict == "fails"


def test_verdict_follows_kurtosis(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = histogram.binned_moments
    monkeypatch.setattr(
        histogram, "binned_moments", lambda *arguments: moments(*arguments) | {"kurtosis": 3.0}
    )
    assert claims.bin_width().verdict == "fails"


def test_the_identity_is_one_of_averages() -> None:
    """It holds for any sample and any width, and not for a single offset."""
    rng = np.random.default_rng(5)
    values = rng.gamma(2.0, 10.0, 3000)
    for width in (3.0, 20.0, 90.0):
        assert chapter_2.identity_gap(values, width) < 2e-3
    assert chapter_2.identity_gap(values, 90.0, n_offsets=1) > 0.1


def test_the_tissue_is_normal() -> None:
    values = chapter_2.tissue()
    assert values.mean() == pytest.approx(40.0)
    assert values.std() == pytest.approx(12.0)
    found = histogram.intensity_statistics(values)
    assert found["Intensity skewness"] == pytest.approx(0.0, abs=1e-9)
    assert found["(Excess) intensity kurtosis"] == pytest.approx(0.0, abs=0.005)
