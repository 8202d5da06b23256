"""The claim of chapter 1: a calibration that drifts."""

from __future__ import annotations

import numpy as np

from digital_biopsy import attenuation
from digital_biopsy.claims._trial import Claim, Measurement, Trial

__all__ = ["HU_DRIFT", "energy_of_step", "hu_drift", "measured_bias"]


def measured_bias(hu: float, epsilon: float, mu_water: float = 0.2) -> float:
    """Bias in HU by the definition: the scanner divides by its wrong mu_water, (1 + epsilon) mu_water."""
    tissue = attenuation.attenuation(hu, mu_water)
    return float(attenuation.hounsfield(tissue, (1.0 + epsilon) * mu_water) - hu)


def energy_of_step(change: float) -> float:
    """Energy in whole keV at which one keV more changes mu of water by a given share, most nearly."""
    water = attenuation.mu("water", np.arange(attenuation.LOWEST_KEV, attenuation.HIGHEST_KEV + 1))
    steps = water[1:] / water[:-1] - 1.0
    return float(attenuation.LOWEST_KEV + np.argmin(np.abs(steps - change)))


def _try_hu_drift() -> list[Measurement]:
    rows = [
        Measurement(
            "45 HU tissue, stored μ of water 0.5 % too high", -5.2, measured_bias(45, 0.005), "HU", 0.05
        ),
        Measurement(
            "45 HU tissue, stored μ of water 0.5 % too low", 5.251, measured_bias(45, -0.005), "HU", 0.001
        ),
        Measurement("air (μ = 0), 0.5 % too high", 0.0, measured_bias(-1000, 0.005), "HU", 1e-6),
        Measurement("bone of 1000 HU, 0.5 % too high", -9.95, measured_bias(1000, 0.005), "HU", 0.005),
    ]
    tissues, drifts = np.linspace(-1000, 3000, 81), (-0.05, -0.005, 0.005, 0.05)
    gaps = [
        abs(float(attenuation.drift_bias(hu, e)) - measured_bias(float(hu), e))
        for hu in tissues
        for e in drifts
    ]
    rows.append(
        Measurement("closed form −(HU + 1000) ε/(1 + ε) against the definition", 0.0, max(gaps), "HU", 1e-6)
    )
    # Lift the tacit condition: let the beam move by 1 keV, and water with every tissue.
    kev = energy_of_step(-0.0055)
    shift = float(attenuation.mu("water", kev + 1) / attenuation.mu("water", kev) - 1.0)
    for name in ("muscle", "bone"):
        before, after = (float(attenuation.material_hu(name, e)) for e in (kev, kev + 1))
        rows.append(
            Measurement(
                f"{name}: beam at {kev + 1:.0f} keV instead of {kev:.0f}, calibrated again "
                f"(μ of water {100 * shift:.3f} %)".replace("-", "−"),
                float(attenuation.drift_bias(before, shift)),
                after - before,
                "HU",
                0.05,
                lifts_condition=True,
            )
        )
    return rows


HU_DRIFT = Claim(
    id="hu-drift",
    statement="A drift of μ of water by 0.5 % biases a tissue of 45 HU by about −5.2 HU.",
    condition="the stored constant alone is wrong, and the beam is what it was at calibration",
    experiment=_try_hu_drift,
)


def hu_drift() -> Trial:
    """Try the claim of chapter 1: a calibration drift of 0.5 % moves a 45 HU tissue by -5.2 HU.

    The bias is measured by the definition of HU, compared with the closed form, and then measured again
    with the drift's other cause: a beam whose energy moves by 1 keV, so that every tissue's mu moves too.

    Examples
    --------
    >>> print(hu_drift().verdict)
    holds if the stored constant alone is wrong, and the beam is what it was at calibration
    """
    return HU_DRIFT.trial()
