"""Cohorts from several scanners, what harmonisation leaves of them, and how it leaks. Private to the package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit
from scipy.stats import rankdata

from ._confounding_columns import Floats, column, generator, real, whole
from ._confounding_effects import Estimate
from ._confounding_sites import Combat, leave_one_site_out

Integers = NDArray[np.int64]

#: What is done about the scanners.
HARMONISED = ("never", "inside", "before", "before, with the outcome")
#: Who is tested: some patients of every site, or all patients of one.
SCHEMES = ("patients", "sites")


class SiteCohort(NamedTuple):
    """Patients of several sites.

    Parameters
    ----------
    x : array, shape (patients, features)
    site : array of int
        0, 1, ... by patient.
    outcome : array of int
        0 or 1 by patient.
    """

    x: Floats
    site: Integers
    outcome: Integers


def simulate_sites(
    sites: int,
    per_site: int,
    features: int,
    rng: np.random.Generator,
    *,
    share: float = 0.5,
    signal: float = 0.0,
    shift: float = 1.0,
    spread: float = 0.2,
) -> SiteCohort:
    """Patients of several scanners. Each feature is biology, noise, and what the scanner makes of it.

    Biology is `signal` for patients with the outcome, 0 for others; the noise is normal with standard
    deviation 1. Scanners stretch and shift each feature in their own way.

    Parameters
    ----------
    sites : int
        2 or more.
    per_site : int
        Patients of each, 4 or more.
    features : int
    rng : numpy.random.Generator
    share : float
        Of patients with the outcome at sites 1, 3, ...; 1 - share at sites 0, 2, .... In whole patients,
        one of each kind at least. At 0.5 site and outcome are balanced.
    signal : float
        0: pure noise.
    shift : float
        Standard deviation of the scanners' shifts.
    spread : float
        Standard deviation of the logarithm of the scanners' scales.

    Returns
    -------
    SiteCohort

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> cohort = simulate_sites(2, 10, 3, np.random.default_rng(1), share=0.9)
    >>> cohort.x.shape, np.bincount(cohort.site, cohort.outcome)
    ((20, 3), array([1., 9.]))
    """
    sites, per_site, features = (
        whole(sites, "sites", 2),
        whole(per_site, "per_site", 4),
        whole(features, "features", 1),
    )
    share, signal = real(share, "share", 0.0, 1.0), real(signal, "signal")
    shift, spread = real(shift, "shift", 0.0), real(spread, "spread", 0.0)
    generator(rng)
    site = np.repeat(np.arange(sites), per_site)
    many = int(np.clip(np.floor(share * per_site + 0.5), 1, per_site - 1))
    events = np.where(np.arange(sites) % 2 == 1, many, per_site - many)
    outcome = (np.arange(per_site) < events[:, np.newaxis]).astype(np.int64).ravel()
    biology = signal * outcome[:, np.newaxis] + rng.standard_normal((len(site), features))
    stretch = np.exp(spread * rng.standard_normal((sites, features)))
    moved = shift * rng.standard_normal((sites, features))
    return SiteCohort(biology * stretch[site] + moved[site], site, outcome)


def auc(outcome: Floats | Integers, score: Floats) -> float:
    """Chance that a patient with the outcome scores higher than one without; ties count half."""
    ranks = rankdata(score)
    event = np.asarray(outcome) == 1
    many, few = int(event.sum()), int((~event).sum())
    if many == 0 or few == 0:
        raise ValueError("An AUC needs patients with the outcome and without.")
    return float((ranks[event].sum() - many * (many + 1) / 2) / (many * few))


def scores(x: Floats, outcome: Integers, new: Floats) -> Floats:
    """Where new patients lie between the means of the two outcomes, each feature over its variance."""
    event = outcome == 1
    high, low = x[event].mean(axis=0), x[~event].mean(axis=0)
    variance = ((x - np.where(event[:, np.newaxis], high, low)) ** 2).mean(axis=0)
    return np.asarray((new - (high + low) / 2) @ ((high - low) / variance))


def mean_interval(values: ArrayLike) -> Estimate:
    """Mean of repeated measurements, with Student's 95 % interval.

    Examples
    --------
    >>> print(mean_interval([0.4, 0.5, 0.6]))
    0.50 (0.25 to 0.75)
    """
    array = column(values, "values")
    if len(array) < 2:
        raise ValueError("An interval needs two measurements or more.")
    mean = float(array.mean())
    half = float(stdtrit(len(array) - 1, 0.975) * array.std(ddof=1) / np.sqrt(len(array)))
    return Estimate(mean, mean - half, mean + half)


# ---------------------------------------------------------------- signal removed


def kept_fraction(share: float) -> float:
    """What is left of a true difference when two sites are brought to one mean: 4 p (1 - p).

    Of the difference between patients with the outcome and without, the part between the sites goes with
    the scanners. If a share p of one site's patients has the outcome and 1 - p of the other's, equally
    large, that part is (1 - 2p)².

    Parameters
    ----------
    share : float or array
        p, from 0 to 1.

    Examples
    --------
    >>> kept_fraction(0.5), round(kept_fraction(0.9), 2)
    (1.0, 0.36)
    """
    p = real(share, "share", 0.0, 1.0)
    return 4 * p * (1 - p)


def kept_signal(cohort: SiteCohort, signal: float, *, with_outcome: bool = False) -> Estimate:
    """What ComBat leaves of a true signal: the difference between outcomes, in units of noise, over the truth.

    Parameters
    ----------
    cohort : SiteCohort
        Of `simulate_sites` with a signal.
    signal : float
        The true difference, not 0.
    with_outcome : bool
        Whether ComBat is told the outcome.

    Returns
    -------
    Estimate
        Mean over the features, each a trial of its own, with its 95 % interval.

    Examples
    --------
    >>> cohort = simulate_sites(2, 200, 100, np.random.default_rng(1), share=0.9, signal=1.0)
    >>> print(kept_signal(cohort, 1.0))
    0.36 (0.35 to 0.37)
    """
    if real(signal, "signal") == 0:
        raise ValueError("signal must not be 0: nothing of nothing can be kept.")
    x, site, outcome = cohort
    told = outcome if with_outcome else None
    clean = Combat().fit(x, site, told).transform(x, site, told)
    group = 2 * site + outcome
    member = (group == np.unique(group)[:, np.newaxis]).astype(np.float64)
    means = member @ clean / member.sum(axis=1, keepdims=True)
    noise = np.sqrt(((clean - means[np.searchsorted(np.unique(group), group)]) ** 2).mean(axis=0))
    gap = clean[outcome == 1].mean(axis=0) - clean[outcome == 0].mean(axis=0)
    return mean_interval(gap / noise / signal)


def site_auc(cohort: SiteCohort, *, harmonised: bool, rng: np.random.Generator) -> float:
    """How well features tell site 1 from site 0, in patients that neither harmoniser nor model has seen.

    A random half of each site is learned from, the other half tested; 0.5 is guessing.
    """
    generator(rng)
    here = cohort.site < 2
    x, site = cohort.x[here], cohort.site[here]
    first = _dealt(site, cohort.outcome[here], 2, rng) == 0
    if harmonised:
        combat = Combat().fit(x[first], site[first])
        x = combat.transform(x, site)
    return auc(site[~first], scores(x[first], site[first], x[~first]))


# ---------------------------------------------------------------- signal invented


def _dealt(site: Integers, outcome: Integers, hands: int, rng: np.random.Generator) -> Integers:
    """A fold for each patient, dealt in turn within each site and outcome."""
    order = np.lexsort((rng.random(len(site)), outcome, site))
    fold = np.empty(len(site), dtype=np.int64)
    fold[order] = np.arange(len(site)) % hands
    return fold


def leakage_auc(
    cohort: SiteCohort,
    harmonised: str,
    tested: str,
    rng: np.random.Generator,
    folds: int = 5,
) -> float:
    """Cross-validated AUC of a simple classifier, harmonised by ComBat at the right time or the wrong one.

    Parameters
    ----------
    cohort : SiteCohort
    harmonised : str
        "never"; "inside": learned in each fold from the training patients, applied to the tested ones;
        "before": learned from all patients at once; "before, with the outcome": so, and told the outcome.
    tested : str
        "patients": each fold tests some patients of every site. "sites": each fold tests one site that the
        classifier has not seen; nothing can be learned "inside" about such a site.
    rng : numpy.random.Generator
        Deals the patients into folds; not used for sites.
    folds : int
        For patients, 2 or more; every site needs 2 patients or more outside each fold.

    Returns
    -------
    float
        Over all patients' scores. 0.5 is what pure noise should give.

    Raises
    ------
    ValueError
        If a word is not one of those above, or an unseen site would have to be harmonised "inside".

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> noise = simulate_sites(10, 10, 200, rng, share=0.8)
    >>> print(*(round(leakage_auc(noise, how, "sites", rng), 2) for how in ("never", "before, with the outcome")))
    0.45 0.87
    """
    if harmonised not in HARMONISED:
        raise ValueError(f"harmonised must be one of {', '.join(map(repr, HARMONISED))}, not {harmonised!r}.")
    if tested not in SCHEMES:
        raise ValueError(f"tested must be one of {', '.join(map(repr, SCHEMES))}, not {tested!r}.")
    generator(rng)
    x, site, outcome = cohort
    if tested == "sites":
        if harmonised == "inside":
            raise ValueError(
                "A site that is left out is unseen: a harmoniser of the training sites knows nothing of it."
            )
        parts = leave_one_site_out(site)
    else:
        fold = _dealt(site, outcome, whole(folds, "folds", 2), rng)
        parts = [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(folds)]
    if harmonised.startswith("before"):
        told = outcome if harmonised != "before" else None
        x = Combat().fit(x, site, told).transform(x, site, told)
    score = np.empty(len(site))
    for train, test in parts:
        known, new = x[train], x[test]
        if harmonised == "inside":
            combat = Combat().fit(known, site[train])
            known, new = combat.transform(known, site[train]), combat.transform(new, site[test])
        score[test] = scores(known, outcome[train], new)
    return auc(outcome, score)


def new_site_auc(cohort: SiteCohort, new: SiteCohort, *, with_outcome: bool) -> float:
    """AUC at sites that come after the study: the classifier learned from all of `cohort`, harmonised.

    The new sites are harmonised as a clinic would have to: by themselves, without their outcomes.

    Parameters
    ----------
    cohort, new : SiteCohort
        With the same features.
    with_outcome : bool
        Whether the study's harmonisation was told the outcome.
    """
    told = cohort.outcome if with_outcome else None
    known = Combat().fit(cohort.x, cohort.site, told).transform(cohort.x, cohort.site, told)
    clean = Combat().fit(new.x, new.site).transform(new.x, new.site)
    return auc(new.outcome, scores(known, cohort.outcome, clean))


def leakage_trial(
    cohorts: int,
    harmonised: str,
    tested: str,
    rng: np.random.Generator,
    *,
    sites: int = 10,
    per_site: int = 10,
    features: int = 200,
    share: float = 0.8,
    signal: float = 0.0,
) -> Estimate:
    """Mean of `leakage_auc` over fresh cohorts, with the 95 % interval of that mean.

    Parameters
    ----------
    cohorts : int
        2 or more.
    harmonised, tested, rng
        As for `leakage_auc`.
    sites, per_site, features, share, signal
        As for `simulate_sites`.
    """
    found = [
        leakage_auc(
            simulate_sites(sites, per_site, features, rng, share=share, signal=signal),
            harmonised,
            tested,
            rng,
        )
        for _ in range(whole(cohorts, "cohorts", 2))
    ]
    return mean_interval(found)
