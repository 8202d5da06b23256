"""The claim of chapter 2: bins that are too wide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from digital_biopsy import histogram
from digital_biopsy.claims._trial import Claim, Measurement, Trial

__all__ = ["BIN_WIDTH", "bin_width", "identity_gap", "tissue"]

SIGMA = 12.0  # HU
MEAN = 40.0  # HU


def tissue(voxels: int = 100_001) -> NDArray[np.float64]:
    """Voxels of one soft tissue: a normal distribution of 40 HU with a standard deviation of 12 HU.

    They lie at equal steps of probability, so that the tissue is the same at every call, and as normal as
    that many voxels can be.
    """
    x = MEAN + SIGMA * ndtri((np.arange(voxels) + 0.5) / voxels)
    return np.asarray((x - x.mean()) / x.std() * SIGMA + MEAN)


def _centred(width: float) -> float:
    """Where a bin begins whose middle is the tissue's mean."""
    return MEAN - width / 2


def _shrinks_from(values: NDArray[np.float64]) -> float:
    """The width, in units of sigma, from which the histogram's sigma is smaller than the values'."""

    def excess(width: float) -> float:
        return histogram.binning_trial(values, width * SIGMA, _centred(width * SIGMA)) - 1.0

    narrow, wide = 2.0, 6.0
    if not excess(narrow) > 0 > excess(wide):
        return float("nan")
    return float(brentq(excess, narrow, wide, xtol=1e-3))


def identity_gap(values: NDArray[np.float64], width: float, n_offsets: int = 64) -> float:
    """How far mean(variance) + var(mean) over all offsets is from sigma^2 + width^2 / 12, relatively."""
    found = [
        histogram.binned_moments(values, width, _centred(width) + j * width / n_offsets)
        for j in range(n_offsets)
    ]
    means, variances = (np.array([one[name] for one in found]) for name in ("mean", "variance"))
    expected = float(values.var()) + width**2 / 12
    return float(abs(variances.mean() + means.var() - expected) / expected)


def _growth(values: NDArray[np.float64], width: float, offset: float) -> float:
    """By how many per cent sigma grew; 0 where it shrank."""
    return 100.0 * max(0.0, histogram.binning_trial(values, width, offset) - 1.0)


def _try_bin_width() -> list[Measurement]:
    values = tissue()
    rows = [
        Measurement(
            "bin centred on the tissue: width from which σ shrinks (2√3 σ)",
            2 * np.sqrt(3), _shrinks_from(values), "σ", 0.01,
        )
    ]  # fmt: skip
    for width, tolerance in ((6.0, 10.0), (7.8, 1000.0)):
        beyond = 2 * float(ndtr(-width / 2))  # the share of the tissue outside its middle bin
        found = histogram.binned_moments(values, width * SIGMA, _centred(width * SIGMA))
        rows += [
            Measurement(
                f"w = {width:g} σ, bin centred on the tissue: σ of the histogram over σ",
                width * float(np.sqrt(beyond)), float(np.sqrt(found["variance"])) / SIGMA, "", 0.005,
            ),
            Measurement(
                f"w = {width:g} σ, bin centred on the tissue: kurtosis",
                1 / beyond, found["kurtosis"], "", tolerance,
            ),
        ]  # fmt: skip
    with_metal = np.append(tissue(20_000), [3000.0] * 3)
    bins = 32
    rows.append(
        Measurement(
            "32 bins, three voxels of metal at 3000 HU: width of a bin in σ of the tissue",
            7.8, float(np.ptp(with_metal)) / bins / SIGMA, "σ", 0.05,
        )
    )  # fmt: skip
    widths = (0.5, 1.0, 2.0, 4.0, 8.0)
    rows.append(
        Measurement(
            "averaged over where bins begin, w = 0.5 to 8 σ: gap to σ² + w²/12",
            0.0, 100 * max(identity_gap(values[::10], w * SIGMA) for w in widths), "%", 0.1,
        )
    )  # fmt: skip
    # Lift the tacit conditions: narrower bins, and a bin that begins in the middle of the tissue.
    for w in (1.0, 2.0):
        offset = _centred(w * SIGMA)
        rows.append(
            Measurement(
                f"w = {w:g} σ, bin centred on the tissue: growth of σ",
                0.0, _growth(values, w * SIGMA, offset), "%", 0.5, lifts_condition=True,
            )
        )  # fmt: skip
    found = histogram.binned_moments(values, 6 * SIGMA, MEAN)
    rows += [
        Measurement(
            "w = 6 σ, a bin begins in the middle of the tissue: growth of σ",
            0.0, _growth(values, 6 * SIGMA, MEAN), "%", 0.5, lifts_condition=True,
        ),
        Measurement(
            "w = 6 σ, a bin begins in the middle of the tissue: kurtosis",
            1 / (2 * float(ndtr(-3.0))), found["kurtosis"], "", 10.0, lifts_condition=True,
        ),
    ]  # fmt: skip
    return rows


BIN_WIDTH = Claim(
    id="bin-width",
    statement="Too wide a bin shrinks σ, and with it in the denominator skewness and kurtosis explode.",
    condition="the bin is wider than about 3.46 σ, and centred on the tissue",
    experiment=_try_bin_width,
)


def bin_width() -> Trial:
    """Try the claim of chapter 2: too wide a bin shrinks sigma, and makes skewness and kurtosis explode.

    A normal tissue is binned at several widths. With a bin centred on the tissue, and wider than 3.46
    sigma, sigma shrinks as claimed. Then the conditions are lifted: narrower bins, and bins that begin
    elsewhere.

    Examples
    --------
    >>> print(bin_width().verdict)
    holds if the bin is wider than about 3.46 σ, and centred on the tissue
    """
    return BIN_WIDTH.trial()
