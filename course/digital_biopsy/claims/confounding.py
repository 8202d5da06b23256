"""The claims of chapter 8: that adjusting removes bias, and that harmonisation removes batch effects."""

from __future__ import annotations

import numpy as np

from digital_biopsy import confounding
from digital_biopsy.claims._trial import Claim, Measurement, Trial
from digital_biopsy.confounding import Estimate

__all__ = ["BACKDOOR", "BATCH", "EFFECT", "PATIENTS", "backdoor", "batch"]

#: The true effect of the feature on the outcome, outcome units per feature unit.
EFFECT = 0.5
PATIENTS = 20_000
COHORTS = 10
#: Share of patients with the outcome at every other site; at the rest it is one less this.
BALANCED, UNEQUAL = 0.5, 0.8

_PROPOSED = {
    "noisy": "confounder, recorded with as much error as signal",
    "halved": "confounder, recorded as high or low",
    "collider": "collider",
    "mediator": "mediator",
    "m-structure": "M-structure: a symptom of two hidden causes",
    "instrument": "instrument, with a hidden confounder",
}


def _range(found: Estimate) -> str:
    """The interval in words."""
    return str(found).split("(", 1)[1].rstrip(")")


def _effect(what: str, crude: Estimate, found: Estimate, *, lifts: bool) -> Measurement:
    quantity = f"{what}: adjusted effect, 95 % interval {_range(found)} (crude: {crude})"
    return Measurement(quantity, EFFECT, found.value, "", 0.03, lifts_condition=lifts)


def _try_backdoor() -> list[Measurement]:
    rng = np.random.default_rng(8)
    crude, adjusted = confounding.world("confounder", EFFECT).try_it(PATIENTS, rng)
    rows = [_effect("confounder, measured exactly", crude, adjusted, lifts=False)]
    anatomy = confounding.simulate_confounded(PATIENTS, EFFECT, 2.0, rng)
    crude = confounding.crude_effect(anatomy["feature"], anatomy["outcome"])
    strata = confounding.stratified_effect(anatomy["feature"], anatomy["outcome"], anatomy["anatomy"])
    rows.append(_effect("lung or liver, in strata", crude, strata, lifts=False))
    for name, what in _PROPOSED.items():
        crude, adjusted = confounding.world(name, EFFECT).try_it(PATIENTS, rng)
        rows.append(_effect(what, crude, adjusted, lifts=True))
    return rows


def _kept(share: float, rng: np.random.Generator) -> Measurement:
    cohort = confounding.simulate_sites(2, 200, 100, rng, share=share, signal=1.0)
    found = confounding.kept_signal(cohort, 1.0)
    low, high = (100 * limit for limit in found[1:])
    return Measurement(
        f"true signal kept, outcome in {100 * share:.0f} % and {100 - 100 * share:.0f} % of two sites' patients, "
        f"95 % interval {low:.0f} to {high:.0f}",
        100.0,
        100 * found.value,
        "%",
        5.0,
        lifts_condition=share != BALANCED,
    )


def _auc(what: str, found: Estimate, *, lifts: bool) -> Measurement:
    return Measurement(f"{what}: AUC, 95 % interval {_range(found)}", 0.5, found.value, "", 0.07, lifts)


def _noise(share: float, per_site: int, tested: str, rng: np.random.Generator) -> Estimate:
    """AUC on pure noise from ten sites that were harmonised with the outcome, before cross-validation."""
    return confounding.leakage_trial(
        COHORTS, "before, with the outcome", tested, rng, share=share, per_site=per_site
    )


def _later(rng: np.random.Generator) -> Estimate:
    """AUC of such a classifier at ten sites that come later."""
    found = []
    for _ in range(COHORTS):
        study, later = (confounding.simulate_sites(10, 10, 200, rng, share=UNEQUAL) for _ in range(2))
        found.append(confounding.new_site_auc(study, later, with_outcome=True))
    return confounding.mean_interval(found)


def _try_batch() -> list[Measurement]:
    rng = np.random.default_rng(8)
    told = confounding.mean_interval(
        [
            confounding.site_auc(confounding.simulate_sites(2, 200, 20, rng), harmonised=True, rng=rng)
            for _ in range(4 * COHORTS)
        ]
    )
    before = "pure noise, harmonised with the outcome before cross-validation"
    return [
        _auc("balanced sites, harmonised: features tell the site of unseen patients", told, lifts=False),
        _kept(BALANCED, rng),
        _auc(f"{before}, balanced, new patients", _noise(BALANCED, 20, "patients", rng), lifts=False),
        _kept(0.75, rng),
        _kept(0.9, rng),
        _auc(f"{before}, 80/20, new patients", _noise(UNEQUAL, 10, "patients", rng), lifts=True),
        _auc(f"{before}, 80/20, one site left out", _noise(UNEQUAL, 10, "sites", rng), lifts=True),
        _auc("the same classifier at sites that come later", _later(rng), lifts=True),
    ]


BACKDOOR = Claim(
    id="backdoor",
    statement="Adjusting for a confounder removes the bias.",
    condition="the variable is a confounder, and is measured well",
    experiment=_try_backdoor,
)
BATCH = Claim(
    id="batch",
    statement="Harmonisation removes batch effects and leaves the biology.",
    condition="site and outcome are balanced",
    experiment=_try_batch,
)


def backdoor() -> Trial:
    """Try the claim of chapter 8 that adjusting for a confounder removes the bias.

    Simulated patients in worlds where the effect is known: a confounder measured exactly, then one
    measured badly, then variables that look like confounders and are none.

    Examples
    --------
    >>> print(backdoor().verdict)
    holds if the variable is a confounder, and is measured well
    """
    return BACKDOOR.trial()


def batch() -> Trial:
    """Try the claim of chapter 8 that harmonisation removes batch effects.

    ComBat on simulated scanners: what is left of the site, what is left of a true signal, and what is
    made of pure noise, with balanced sites and with sites of unequal outcome.

    Examples
    --------
    >>> print(batch().verdict)
    holds if site and outcome are balanced
    """
    return BATCH.trial()
