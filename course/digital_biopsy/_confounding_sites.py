"""Scanner harmonisation: location and scale, ComBat, and folds that leave a site out. Private to the package."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require
from ._confounding_columns import Floats, labels, table

Sites = NDArray[np.generic]


def leave_one_site_out(site: ArrayLike) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Folds of a cross-validation in which each site is tested once, by a model that never saw it.

    Parameters
    ----------
    site : 1-D array of labels
        One for each patient, of 2 sites or more.

    Returns
    -------
    list of (train, test)
        Index arrays in rising order; the sites in rising order of their labels.

    Raises
    ------
    ValueError
        If there is one site only, none, or a missing label.

    Examples
    --------
    >>> for train, test in leave_one_site_out(["A", "B", "A"]):
    ...     print(train, test)
    [1] [0 2]
    [0 2] [1]
    """
    names, which = labels(site, "site", len(np.atleast_1d(np.asarray(site))))
    if len(names) < 2:
        raise ValueError(
            f"All patients are of one site, {names[0]!s}. Leaving it out would leave nobody to learn from."
        )
    return [(np.flatnonzero(which != i), np.flatnonzero(which == i)) for i in range(len(names))]


def _features(x: ArrayLike) -> Floats:
    array = numbers(x, "x")
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(
            f"x must hold features: one number (1-D) or one row (2-D) for each patient, not the shape {array.shape}."
        )
    require(np.isfinite(array), "x holds NaN or infinity. Leave out those patients or those features.")
    return array if array.ndim == 2 else array[:, np.newaxis]


def _listed(indices: NDArray[np.intp]) -> str:
    shown = ", ".join(str(i) for i in indices[:5])
    return (
        f"feature {shown}"
        + (f" and {len(indices) - 5} more" if len(indices) > 5 else "")
        + " (counted from 0)"
    )


class _Harmoniser:
    """What both harmonisers do: look at their arguments, and remember the sites."""

    def _learn(self, x: ArrayLike, site: ArrayLike) -> tuple[Floats, NDArray[np.intp], Floats, Floats]:
        """Features, each patient's site, which patients a site has (S, n), and mean squared deviations (S, p)."""
        data = _features(x)
        names, which = labels(site, "site", len(data))
        count = np.bincount(which).astype(np.float64)[:, np.newaxis]
        if count.min() < 2:
            alone = names[int(count.argmin())]
            raise ValueError(
                f"Site {alone!s} has 1 patient. A spread needs 2 or more: leave it out, or join sites."
            )
        member = (which == np.arange(len(names))[:, np.newaxis]).astype(np.float64)
        left = data - (member @ data / count)[which]
        square = member @ (left * left) / count
        size = np.abs(data).max(axis=0, initial=0.0)
        flat = np.argwhere(square <= (4 * np.finfo(float).eps * size) ** 2)
        if len(flat):
            where, features = names[flat[0, 0]], flat[flat[:, 0] == flat[0, 0], 1]
            raise ValueError(
                f"At site {where!s} {_listed(features)} is the same for all patients, so it has no scale. "
                "Leave the feature out, or join sites."
            )
        self.sites: Sites = names
        self._shape = np.ndim(x), data.shape[1]
        return data, which, member, square

    def _look_up(self, x: ArrayLike, site: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
        """New patients' features, and the number of each one's site."""
        if not hasattr(self, "_shape"):
            raise ValueError("Nothing has been learned yet. Call fit with the training data first.")
        data = _features(x)
        if (np.ndim(x), data.shape[1]) != self._shape:
            raise ValueError(f"x has {data.shape[1]} features in {np.ndim(x)}-D; learned were {self._shape[1]} "
                             f"in {self._shape[0]}-D.")  # fmt: skip
        names, which = labels(site, "site", len(data))
        known = np.isin(names, self.sites)
        if not known.all():
            raise ValueError(
                f"Site {', '.join(map(str, names[~known]))} was not in the training data, which had "
                f"{', '.join(map(str, self.sites))}. Nothing is known of its location and scale."
            )
        return data, np.searchsorted(self.sites, names)[which]


class SiteHarmoniser(_Harmoniser):
    """Location and scale: brings each feature of each site to one mean and one standard deviation.

    All is learned in `fit`, from training data: each site's mean and standard deviation (of n, not n - 1),
    and the two that all are brought to, the mean of all training patients and their standard deviation
    around the mean of their own site.

    Attributes
    ----------
    sites : array
        The sites learned, in rising order.
    location, scale : arrays, shape (sites, features)
        Mean and standard deviation of each.
    common_location, common_scale : arrays, shape (features,)

    Examples
    --------
    >>> harmoniser = SiteHarmoniser().fit([0.0, 2.0, 10.0, 14.0], ["A", "A", "B", "B"])
    >>> harmoniser.transform([1.0, 12.0], ["A", "B"])
    array([6.5, 6.5])
    """

    def fit(self, x: ArrayLike, site: ArrayLike) -> SiteHarmoniser:
        """Learn the sites.

        Parameters
        ----------
        x : array, shape (patients,) or (patients, features)
        site : 1-D array of labels
            2 patients or more of each.

        Returns
        -------
        SiteHarmoniser
            Itself, so that ``.fit(...).transform(...)`` can be written.

        Raises
        ------
        ValueError
            If lengths differ, a number is not finite, a site has one patient, or a feature does not vary
            at a site.
        """
        data, _, member, square = self._learn(x, site)
        count = member.sum(axis=1, keepdims=True)
        self.location, self.scale = member @ data / count, np.sqrt(square)
        self.common_location = data.mean(axis=0)
        self.common_scale = np.sqrt((count * square).sum(axis=0) / len(data))
        return self

    def transform(self, x: ArrayLike, site: ArrayLike) -> Floats:
        """Features as they would be at the common site.

        Parameters
        ----------
        x : array
            As for `fit`, of these or of other patients.
        site : 1-D array of labels
            Of sites that were learned.

        Returns
        -------
        array of float64 in the shape of `x`

        Raises
        ------
        ValueError
            If nothing was learned, the number of features differs, or a site was not in the training data.
        """
        data, which = self._look_up(x, site)
        moved = (data - self.location[which]) / self.scale[which] * self.common_scale + self.common_location
        return np.asarray(moved.reshape(np.shape(x)))


class Combat(_Harmoniser):
    """ComBat: location and scale, where each site's estimates borrow strength from all its features.

    A feature is the sum of a mean, effects of covariates, and a site's shift and noise. Shifts and scales
    of one site are taken to be alike over features: their spread tells how far each is to be trusted, and
    what is not trusted is pulled towards the site's mean over features (empirical Bayes, parametric
    priors). Johnson, Li and Rabinovic, doi:10.1093/biostatistics/kxj037; in imaging Fortin et al.,
    doi:10.1016/j.neuroimage.2017.11.024.

    Parameters
    ----------
    empirical_bayes : bool
        False: each feature's own estimates are taken as they are.

    Attributes
    ----------
    sites : array
        The sites learned, in rising order.
    shift, scale : arrays, shape (sites, features)
        Of each site, in units of `noise`: gamma* and the root of delta* in the paper.
    mean, noise : arrays, shape (features,)
        Of all training patients, and their standard deviation around the model.
    slopes : array, shape (covariates, features)

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(["A", "B"], 50)
    >>> x = rng.standard_normal((100, 20)) + 3.0 * (site == "B")[:, np.newaxis]
    >>> y = Combat().fit(x, site).transform(x, site)
    >>> bool(abs(y[:50].mean() - y[50:].mean()) < 0.01)
    True
    """

    def __init__(self, empirical_bayes: bool = True) -> None:
        self.empirical_bayes = bool(empirical_bayes)

    def fit(self, x: ArrayLike, site: ArrayLike, covariates: ArrayLike | None = None) -> Combat:
        """Learn the sites.

        Parameters
        ----------
        x : array, shape (patients, features)
            2 features or more, unless `empirical_bayes` is False.
        site : 1-D array of labels
            2 patients or more of each.
        covariates : array, shape (patients,) or (patients, k), optional
            What is to be kept: numbers, one row for each patient.

        Returns
        -------
        Combat
            Itself.

        Raises
        ------
        ValueError
            As for `SiteHarmoniser.fit`; if there is one feature only; if the covariates can be told from
            the site, or the model leaves no noise.
        """
        data, which, member, square = self._learn(x, site)
        count = member.sum(axis=1, keepdims=True)
        n, p = data.shape
        if self.empirical_bayes and p < 2:
            raise ValueError("Empirical Bayes borrows from other features, and there is only one. Use "
                             "Combat(empirical_bayes=False) or SiteHarmoniser.")  # fmt: skip
        others = np.empty((n, 0)) if covariates is None else table(covariates, "covariates", n)
        self.slopes = _slopes(others, data, others - (member @ others / count)[which])
        rest = data - others @ self.slopes if len(self.slopes) else data
        own = member @ rest / count
        left = rest - own[which]
        squares = member @ (left * left)
        self.mean = (count * own).sum(axis=0) / n
        self.noise = np.sqrt(squares.sum(axis=0) / n)
        flat = np.flatnonzero(self.noise <= 1e-10 * np.sqrt((count * square).sum(axis=0) / n))
        if len(flat):
            raise ValueError(f"The covariates explain {_listed(flat)} entirely: no noise is left to scale.")
        shift = (own - self.mean) / self.noise
        variance = squares / self.noise**2 / (count - 1)
        if self.empirical_bayes:
            shift, variance = _posterior(shift, variance, count)
        self.shift, self.scale = shift, np.sqrt(variance)
        return self

    def transform(self, x: ArrayLike, site: ArrayLike, covariates: ArrayLike | None = None) -> Floats:
        """Features without the sites' shifts and scales.

        Parameters
        ----------
        x, site
            As for `SiteHarmoniser.transform`.
        covariates : array
            Of these patients, if `fit` had any. With the outcome among them a new patient cannot be
            harmonised: nobody knows it yet.

        Returns
        -------
        array of float64 in the shape of `x`

        Raises
        ------
        ValueError
            As for `SiteHarmoniser.transform`, and if the covariates are not as many as in `fit`.
        """
        data, which = self._look_up(x, site)
        given = np.empty((len(data), 0)) if covariates is None else table(covariates, "covariates", len(data))
        if given.shape[1] != len(self.slopes):
            raise ValueError(
                f"There were {len(self.slopes)} covariates in fit and there are {given.shape[1]} here. They must be "
                "known of every patient who is harmonised."
            )
        kept = given @ self.slopes if len(self.slopes) else np.zeros(())
        there = self.mean + self.noise * self.shift  # where each site's patients lie
        moved = (data - kept - there[which]) / self.scale[which] + (kept + self.mean)
        return np.asarray(moved.reshape(np.shape(x)))


def _posterior(shift: Floats, variance: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Shifts and variances, pulled towards each site's mean over features.

    The priors, normal and inverse gamma, have the mean and variance that the site's features show. Each
    posterior mean needs the other, so they take turns until nothing moves.
    """
    centre, width = shift.mean(axis=1, keepdims=True), shift.var(axis=1, ddof=1, keepdims=True)
    usual, spread = variance.mean(axis=1, keepdims=True), variance.var(axis=1, ddof=1, keepdims=True)
    near, scaled = shift, variance
    for _ in range(10_000):
        previous, before = near, scaled
        near = (count * width * shift + scaled * centre) / (count * width + scaled)
        squares = (count - 1) * variance + count * (shift - near) ** 2
        # The inverse gamma's two parameters, put in; so written, a spread of 0 needs no case of its own.
        scaled = (spread * (squares / 2 + usual) + usual**3) / (spread * (count / 2 + 1) + usual**2)
        if max(np.abs(near - previous).max(), np.abs(scaled / before - 1).max()) < 1e-12:
            break
    return near, scaled


def _slopes(others: Floats, data: Floats, inside: Floats) -> Floats:
    """Of covariates, from differences between patients of one site alone: `inside` is `others` so centred."""
    if others.shape[1] == 0:
        return np.empty((0, data.shape[1]))
    lengths = np.linalg.norm(inside, axis=0)
    told = bool((lengths <= 1e-10 * np.linalg.norm(others, axis=0)).any()) or len(inside) < inside.shape[1]
    values = np.zeros(1) if told else np.linalg.svd(inside / lengths, compute_uv=False)
    if values[-1] <= 1e-10 * values[0]:
        raise ValueError(
            "A covariate can be told from the site and the other covariates: what is the site's and what is "
            "the covariate's cannot be known. Take it out, or bring in patients that break the tie."
        )
    scaled, *_ = np.linalg.lstsq(inside / lengths, data, rcond=None)
    return np.asarray(scaled / lengths[:, np.newaxis])
