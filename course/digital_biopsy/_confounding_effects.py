"""Effects and their intervals: least squares, strata, and the bootstrap. Private to the package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from ._confounding_columns import Floats, column, generator, labels, table, whole


class Estimate(NamedTuple):
    """An estimate and its 95 % confidence interval: the three numbers of a tuple.

    In units of the outcome per unit of the feature.

    Examples
    --------
    >>> print(Estimate(0.5, 0.41, 0.59))
    0.50 (0.41 to 0.59)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return "{:.2f} ({:.2f} to {:.2f})".format(*(round(x, 2) + 0.0 for x in self)).replace("-", "−")

    def covers(self, value: float) -> bool:
        """Whether the interval holds a value."""
        return self.low <= value <= self.high


def _pair(feature: ArrayLike, outcome: ArrayLike) -> tuple[Floats, Floats]:
    x, y = column(feature, "feature"), column(outcome, "outcome")
    if len(x) != len(y):
        raise ValueError(
            f"feature has {len(x)} patients and outcome {len(y)}. Both must be of the same patients."
        )
    return x, y


def _slope(x: Floats, y: Floats, others: Floats) -> tuple[float, float, int]:
    """Slope of y on x beside other columns and a constant, its standard error and degrees of freedom."""
    n = len(x)
    free = n - others.shape[1] - 2
    if free < 1:
        raise ValueError(
            f"{n} patients are too few for a slope beside {others.shape[1]} other columns and a constant, with an "
            f"interval: there must be at least {others.shape[1] + 3}."
        )
    # The slope is that of what the other columns leave of y on what they leave of x (Frisch and Waugh).
    design = np.column_stack([np.ones(n), others - others.mean(axis=0)])
    lengths = np.linalg.norm(design, axis=0)
    basis, _, rank = _columns(design / np.where(lengths > 0, lengths, 1.0))
    rest_x, rest_y = (v - v.mean() - basis @ (basis.T @ (v - v.mean())) for v in (x, y))
    spread = float(rest_x @ rest_x)
    if spread <= 1e-20 * max(
        float(((x - x.mean()) ** 2).sum()), n * float(np.finfo(float).eps * abs(x).max()) ** 2
    ):
        raise ValueError(
            "The feature does not vary, or is a sum of the covariates. Its effect cannot be told from theirs."
        )
    slope = float(rest_x @ rest_y) / spread
    left = rest_y - slope * rest_x
    free = n - rank - 1
    return slope, float(np.sqrt(left @ left / free / spread)), free


def _columns(design: Floats) -> tuple[Floats, Floats, int]:
    """An orthonormal basis of the columns; columns that repeat others add nothing."""
    u, s, _ = np.linalg.svd(design, full_matrices=False)
    rank = int((s > 1e-10 * s[0]).sum())
    return u[:, :rank], s, rank


def _interval(slope: float, error: float, free: float) -> Estimate:
    half = float(stdtrit(free, 0.975)) * error
    return Estimate(slope, slope - half, slope + half)


def crude_effect(feature: ArrayLike, outcome: ArrayLike) -> Estimate:
    """Slope of the outcome on the feature alone, by least squares, with its 95 % interval.

    Parameters
    ----------
    feature, outcome : 1-D arrays of n numbers
        Of the same patients, 3 or more.

    Returns
    -------
    Estimate
        (value, low, high), in units of the outcome per unit of the feature. The interval is Student's,
        for noise of one strength; it knows of chance, not of bias.

    Raises
    ------
    ValueError
        If lengths differ, a number is not finite, there are too few patients, or the feature does not vary.

    Examples
    --------
    >>> crude_effect([0, 1, 2, 3], [1, 3, 5, 7]).value
    2.0
    """
    x, y = _pair(feature, outcome)
    return _interval(*_slope(x, y, np.empty((len(x), 0))))


def adjusted_effect(feature: ArrayLike, outcome: ArrayLike, covariates: ArrayLike) -> Estimate:
    """Slope of the outcome on the feature beside covariates, by least squares, with its 95 % interval.

    Parameters
    ----------
    feature, outcome : 1-D arrays of n numbers
    covariates : array, shape (n,) or (n, k)
        One row for each patient; k may be 0. A column that repeats others changes nothing.

    Returns
    -------
    Estimate
        As for `crude_effect`.

    Raises
    ------
    ValueError
        As for `crude_effect`; if `covariates` has another number of rows; if the feature is a sum of them.

    Examples
    --------
    >>> anatomy = [0, 0, 0, 1, 1, 1]
    >>> feature = [0, 1, 2, 4, 5, 6]
    >>> outcome = [0, 1, 2, 10, 11, 12]
    >>> round(crude_effect(feature, outcome).value, 3)
    2.286
    >>> round(adjusted_effect(feature, outcome, anatomy).value, 3)
    1.0
    """
    x, y = _pair(feature, outcome)
    return _interval(*_slope(x, y, table(covariates, "covariates", len(x))))


def stratified_effect(feature: ArrayLike, outcome: ArrayLike, stratum: ArrayLike) -> Estimate:
    """Slope within each stratum, averaged over the patients, with its 95 % interval.

    Each stratum's slope counts with the share of patients in it. Where the effect is not the same
    everywhere, this is its average over the patients; `adjusted_effect` gives more weight to strata in
    which the feature varies more.

    Parameters
    ----------
    feature, outcome : 1-D arrays of n numbers
    stratum : 1-D array of n labels
        Numbers or text; 3 patients or more of each.

    Returns
    -------
    Estimate
        The strata's intervals are combined with the degrees of freedom of Welch and Satterthwaite.

    Raises
    ------
    ValueError
        As for `crude_effect`, of each stratum by its name.

    Examples
    --------
    >>> stratified_effect([0, 1, 2, 0, 1, 2], [0, 1, 2, 5, 8, 11], list("aaabbb")).value
    2.0
    """
    x, y = _pair(feature, outcome)
    names, which = labels(stratum, "stratum", len(x))
    total = variance = 0.0
    spread = 0.0
    nothing = np.empty((len(x), 0))
    for i, name in enumerate(names):
        here = which == i
        try:
            slope, error, free = _slope(x[here], y[here], nothing[here])
        except ValueError as wrong:
            raise ValueError(f"Stratum {name!s}: {wrong}") from None
        share = float(here.mean())
        total += share * slope
        variance += (share * error) ** 2
        spread += (share * error) ** 4 / free
    return _interval(total, float(np.sqrt(variance)), variance**2 / spread if spread > 0 else 1.0)


def bootstrap_effect(
    feature: ArrayLike,
    outcome: ArrayLike,
    covariates: ArrayLike | None,
    n: int,
    rng: np.random.Generator,
) -> Estimate:
    """The slope of `adjusted_effect`, with an interval from resampled patients in place of Student's.

    Parameters
    ----------
    feature, outcome : 1-D arrays
    covariates : array or None
        As for `adjusted_effect`; None for the crude slope.
    n : int
        Number of resamples, 100 or more. Each draws as many patients as there are, with replacement.
    rng : numpy.random.Generator

    Returns
    -------
    Estimate
        The interval is from the 2.5th to the 97.5th percentile of the resamples' slopes.

    Raises
    ------
    ValueError
        As for `adjusted_effect`, if `n` is not a whole number of 100 or more, or if the slope cannot be
        found in one resample of twenty.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> from digital_biopsy.confounding import simulate_confounded
    >>> data = simulate_confounded(400, 0.5, 2.0, rng)
    >>> bootstrap_effect(data["feature"], data["outcome"], data["anatomy"], 999, rng).covers(0.5)
    True
    """
    x, y = _pair(feature, outcome)
    others = np.empty((len(x), 0)) if covariates is None else table(covariates, "covariates", len(x))
    slope, _, _ = _slope(x, y, others)
    count = whole(n, "n", 100)
    generator(rng)
    centred = others - others.mean(axis=0)
    basis, _, _ = _columns(np.column_stack([np.ones(len(x)), centred / _lengths(centred)]))
    columns = np.column_stack([(x - x.mean()) / x.std(), basis * np.sqrt(len(x)), y - y.mean()])
    k = columns.shape[1]
    products = (columns[:, :, np.newaxis] * columns[:, np.newaxis, :]).reshape(len(x), k * k)
    slopes = np.full(count, np.nan)
    step = max(1, 2_000_000 // len(x))
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        size = part.stop - start
        drawn = rng.integers(0, len(x), (size, len(x))) + len(x) * np.arange(size)[:, np.newaxis]
        times = np.bincount(drawn.ravel(), minlength=size * len(x)).reshape(size, len(x))
        sums = (times @ products).reshape(size, k, k) / len(x)
        usable = np.linalg.eigvalsh(sums[:, :-1, :-1])[:, 0] > 1e-9
        slopes[part][usable] = np.linalg.solve(sums[usable, :-1, :-1], sums[usable, :-1, -1:])[:, 0, 0]
    found = slopes[np.isfinite(slopes)] / x.std()
    if len(found) < 0.95 * count:
        raise ValueError(
            "In more than one resample of twenty the covariates leave nothing of the feature. There are too few "
            "patients for a bootstrap: take the interval of adjusted_effect."
        )
    low, high = np.percentile(found, [2.5, 97.5])
    return Estimate(slope, float(low), float(high))


def _lengths(columns: Floats) -> Floats:
    lengths = np.linalg.norm(columns, axis=0)
    return np.where(lengths > 0, lengths, 1.0)
