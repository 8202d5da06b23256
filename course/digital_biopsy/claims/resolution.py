"""The claim of chapter 5: blur lowers contrast, and raises homogeneity and energy."""

from __future__ import annotations

from digital_biopsy import _resolution_kinds as kinds
from digital_biopsy import resolution
from digital_biopsy.claims._trial import Claim, Measurement, Trial

__all__ = ["BLUR", "CLAIMED", "STRONG", "USUAL", "agreement", "blur"]

CLAIMED = {"contrast": "falls", "homogeneity": "rises", "energy": "rises"}
"""What the claim says of each feature."""

USUAL, STRONG = 1.0, 4.0
"""Blur in pixels: a usual scanner's, and a strong one."""


def agreement(name: str, sigma: float, bins: kinds.Bins) -> Measurement:
    """How many of the three features move as claimed when one kind of image is blurred."""
    before, after = (kinds.features(name, s, bins) for s in (0.0, sigma))
    right = [resolution.direction(before[f], after[f]) == CLAIMED[f] for f in resolution.FEATURES]
    changes = ", ".join(
        f"{f} {kinds.told(f, before[f])} → {kinds.told(f, after[f])}" for f in resolution.FEATURES
    )
    how = f"bins of {kinds.WIDTH_HU:.0f} HU" if bins == "width" else f"{kinds.COUNT} bins"
    return Measurement(
        f"{kinds.KINDS[name]}, {how}, σ = {sigma:g} px: {changes}",
        float(len(right)),
        float(sum(right)),
        f"of {len(right)}",
        0.0,
        lifts_condition=bins == "count",
    )


def _try_blur() -> list[Measurement]:
    return [
        *(agreement(name, USUAL, "width") for name in kinds.KINDS),
        agreement("classes", STRONG, "width"),
        *(agreement(name, USUAL, "count") for name in kinds.KINDS),
    ]


BLUR = Claim(
    id="blur",
    statement="Blur lowers GLCM contrast, and raises homogeneity and energy.",
    condition="the bins keep their width in HU",
    experiment=_try_blur,
)


def blur() -> Trial:
    """Try the claim of chapter 5 on four kinds of image, with two ways to make gray levels.

    Each row counts how many of the three features move as claimed. Bins of a fixed width in HU are the
    claim's own ground; with a fixed number of bins the blurred image is stretched over all of them again.

    Examples
    --------
    >>> print(blur().verdict)
    fails
    """
    return BLUR.trial()
