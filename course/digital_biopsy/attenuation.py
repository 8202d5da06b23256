"""What the number in a CT voxel means: attenuation, Hounsfield units and calibration.

An X-ray beam that crosses a thickness *t* of a material with linear attenuation coefficient mu keeps
the fraction exp(-mu t) of its photons (Beer-Lambert). A CT scanner measures mu in every voxel and
writes it on a scale with two anchors, water at 0 and vacuum at -1000::

    HU = 1000 (mu - mu_water) / mu_water

Units, everywhere in this module: energies in keV, mu in 1/cm, thickness in cm. Arguments are numbers
or arrays and broadcast against each other as in NumPy; a number gives a number.

Sources: Hubbell and Seltzer, doi:10.18434/T4D01F (attenuation); the table's own story is in the README
of ``digital_biopsy.data``.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require

__all__ = [
    "MATERIALS",
    "attenuation",
    "correct_drift",
    "count_photons",
    "drift",
    "drift_bias",
    "estimate_drift",
    "hounsfield",
    "iodine_mass_attenuation",
    "material_hu",
    "mean_attenuation",
    "mu",
    "partial_volume",
    "rescale",
    "transmitted",
    "window",
]

Floats = NDArray[np.float64]

MATERIALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "water": "water",
        "air": "dry air",
        "adipose": "fat",
        "muscle": "skeletal muscle",
        "blood": "whole blood",
        "bone": "cortical bone",
        "lung": "inflated lung",
        "iodine": "contrast agent, 10 mg of iodine per ml of water",
    }
)
"""The tabulated materials: the name that `mu` takes, and what it stands for."""

LOWEST_KEV: Final = 20.0
HIGHEST_KEV: Final = 150.0


# ---------------------------------------------------------------- the table


@cache
def _table() -> dict[str, Floats]:
    """Natural logarithms of the columns of mu_linear_per_cm.csv, by name."""
    text = files("digital_biopsy.data").joinpath("mu_linear_per_cm.csv").read_text(encoding="ascii")
    names, *rows = (line.split(",") for line in text.splitlines())
    values = np.log(np.array(rows, dtype=np.float64))
    return {name: values[:, i] for i, name in enumerate(names)}


def _look_up(column: str, energy: ArrayLike) -> Floats:
    kev = numbers(energy, "energy")
    outside = ~((kev >= LOWEST_KEV) & (kev <= HIGHEST_KEV))  # also true for NaN
    if np.any(outside):
        wrong = np.atleast_1d(kev)[np.atleast_1d(outside)][0]
        raise ValueError(
            f"The table covers {LOWEST_KEV:g} to {HIGHEST_KEV:g} keV; the energy {wrong:g} keV is outside. "
            "Choose an energy in that range."
        )
    # Straight lines in log-log: between edges mu(E) is close to a power law.
    log_mu = np.interp(np.log(kev), _table()["energy_keV"], _table()[column])
    return np.asarray(np.exp(log_mu))[()]


def mu(material: str, energy: ArrayLike) -> Floats:
    """Linear attenuation coefficient of a tabulated material.

    Parameters
    ----------
    material : str
        One of `MATERIALS`.
    energy : float or array
        Photon energy in keV, 20 to 150.

    Returns
    -------
    float or array
        mu in 1/cm, in the shape of `energy`. The table has a value at every whole keV; between them
        log mu is linear in log E. The K edge of iodine, 33.2 keV, is a steep slope from 33 to 34 keV.

    Raises
    ------
    ValueError
        If the material is unknown, or an energy lies outside the table.

    Examples
    --------
    >>> round(float(mu("water", 70.0)), 4)
    0.1929
    """
    if not isinstance(material, str) or material not in MATERIALS:
        near = get_close_matches(str(material), MATERIALS, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no material {material!r}.{guess} Choose one of: {', '.join(MATERIALS)}.")
    return _look_up(material, energy)


def iodine_mass_attenuation(energy: ArrayLike) -> Floats:
    """Mass attenuation coefficient of pure iodine in cm2/g, energy in keV (20 to 150).

    Times a concentration in g/cm3 it is what the iodine adds to mu.
    """
    return _look_up("iodine_cm2_per_g", energy)


def material_hu(material: str, energy: ArrayLike) -> Floats:
    """HU of a tabulated material, seen by a calibrated scanner with photons of one energy (keV).

    Examples
    --------
    >>> round(float(material_hu("bone", 70.0)))
    1559
    """
    return hounsfield(mu(material, energy), mu("water", energy))


# ---------------------------------------------------------------- photons


def transmitted(incident: ArrayLike, mu: ArrayLike, thickness: ArrayLike) -> Floats:
    """Expected number of photons behind a slab (Beer-Lambert): I = I0 exp(-mu t).

    Parameters
    ----------
    incident : float or array
        Photons that enter, zero or more.
    mu : float or array
        Linear attenuation coefficient in 1/cm.
    thickness : float or array
        In cm, zero or more.

    Raises
    ------
    ValueError
        If `incident` or `thickness` is negative.

    Examples
    --------
    >>> float(transmitted(1000.0, 0.2, 5.0).round(1))
    367.9
    """
    photons = numbers(incident, "incident")
    length = numbers(thickness, "thickness")
    require(photons >= 0, "incident counts photons and cannot be negative.")
    require(length >= 0, "thickness is a length in cm and cannot be negative.")
    return np.asarray(photons * np.exp(-numbers(mu, "mu") * length))[()]


def count_photons(expected: ArrayLike, rng: np.random.Generator) -> NDArray[np.int64]:
    """What a detector counts when `expected` photons arrive on average: one Poisson draw for each.

    The standard deviation of a count is the square root of its mean; this is where CT noise begins.

    Parameters
    ----------
    expected : float or array
        Mean number of photons, zero or more.
    rng : numpy.random.Generator
        The source of chance, from ``numpy.random.default_rng(seed)``.

    Raises
    ------
    ValueError
        If a mean is negative, NaN or beyond 1e18, or `rng` is no Generator.
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError("rng must be a numpy.random.Generator: pass numpy.random.default_rng(seed).")
    mean = numbers(expected, "expected")
    require((mean >= 0) & (mean <= 1e18), "expected counts photons: it must lie between 0 and 1e18.")
    return np.asarray(rng.poisson(mean), dtype=np.int64)[()]


def mean_attenuation(incident: ArrayLike, transmitted: ArrayLike, thickness: ArrayLike) -> Floats:
    """Mean mu along a ray, ln(I0 / I) / t in 1/cm: the inverse of `transmitted`.

    Parameters
    ----------
    incident, transmitted : float or array
        Photons before and behind the object, both above zero.
    thickness : float or array
        Path length in cm, above zero.

    Raises
    ------
    ValueError
        If any of the three is zero or negative.

    Examples
    --------
    >>> round(float(mean_attenuation(1000.0, 367.879, 5.0)), 4)
    0.2
    """
    before = numbers(incident, "incident")
    behind = numbers(transmitted, "transmitted")
    length = numbers(thickness, "thickness")
    require(before > 0, "incident must be above zero: with no photons there is nothing to measure.")
    require(behind > 0, "transmitted must be above zero: the logarithm of a count of zero is infinite.")
    require(length > 0, "thickness must be above zero, in cm.")
    return np.asarray(np.log(before / behind) / length)[()]


# ---------------------------------------------------------------- the Hounsfield scale


def hounsfield(mu: ArrayLike, mu_water: ArrayLike) -> Floats:
    """HU from mu: 1000 (mu - mu_water) / mu_water.

    Parameters
    ----------
    mu : float or array
        Linear attenuation coefficient in 1/cm.
    mu_water : float or array
        That of water at the same energy, above zero.

    Raises
    ------
    ValueError
        If `mu_water` is zero or negative.

    Examples
    --------
    >>> float(hounsfield(0.21, 0.20).round(6))
    50.0
    """
    water = _water(mu_water)
    return np.asarray(1000.0 * (numbers(mu, "mu") - water) / water)[()]


def attenuation(hu: ArrayLike, mu_water: ArrayLike) -> Floats:
    """mu in 1/cm from HU, the inverse of `hounsfield`: (HU / 1000 + 1) mu_water.

    Raises
    ------
    ValueError
        If `mu_water` is zero or negative.

    Examples
    --------
    >>> float(attenuation(-1000.0, 0.2))
    0.0
    """
    return np.asarray((numbers(hu, "hu") / 1000.0 + 1.0) * _water(mu_water))[()]


def drift(hu: ArrayLike, epsilon: ArrayLike) -> Floats:
    """HU that a scanner shows when its stored mu_water is wrong by the relative error `epsilon`.

    The scanner divides by (1 + epsilon) mu_water where it should divide by mu_water, so that
    HU' + 1000 = (HU + 1000) / (1 + epsilon).

    Parameters
    ----------
    hu : float or array
        True value in HU.
    epsilon : float or array
        Relative error of the stored mu_water, above -1; 0.005 means 0.5 % too high.

    Raises
    ------
    ValueError
        If `epsilon` is -1 or less: the stored value would not be positive.

    Examples
    --------
    >>> float(drift(45.0, 0.005).round(3))
    39.801
    """
    return np.asarray((numbers(hu, "hu") + 1000.0) / (1.0 + _epsilon(epsilon)) - 1000.0)[()]


def drift_bias(hu: ArrayLike, epsilon: ArrayLike) -> Floats:
    """Measured minus true HU under a calibration drift: -(HU + 1000) epsilon / (1 + epsilon), exact.

    The bias grows with the distance from air, not from water. Arguments and errors as for `drift`.

    Examples
    --------
    >>> drift_bias([-1000.0, 0.0, 45.0], 0.005).round(3)
    array([ 0.   , -4.975, -5.199])
    """
    error = _epsilon(epsilon)
    return np.asarray((numbers(hu, "hu") + 1000.0) * -error / (1.0 + error) + 0.0)[()]  # + 0.0: no -0 in air


def estimate_drift(measured_water_hu: ArrayLike) -> Floats:
    """Relative error of the stored mu_water, from the HU that a scan of pure water shows.

    True water has 0 HU, so 1 + epsilon = 1000 / (measured + 1000). This is daily quality assurance.

    Raises
    ------
    ValueError
        If the measured value is -1000 HU or less: that is not water.

    Examples
    --------
    >>> float(estimate_drift(-4.975124).round(6))
    0.005
    """
    measured = numbers(measured_water_hu, "measured_water_hu")
    require(measured > -1000.0, "measured_water_hu must be above -1000 HU: what was measured is not water.")
    return np.asarray(-measured / (measured + 1000.0))[()]


def correct_drift(hu: ArrayLike, epsilon: ArrayLike) -> Floats:
    """True HU from HU measured under a drift, the inverse of `drift`.

    Arguments and errors as for `drift`; `hu` is what the scanner shows.

    Examples
    --------
    >>> float(correct_drift(39.800995, 0.005).round(3))
    45.0
    """
    return np.asarray((numbers(hu, "hu") + 1000.0) * (1.0 + _epsilon(epsilon)) - 1000.0)[()]


# ---------------------------------------------------------------- files, screens, mixtures


def rescale(stored: ArrayLike, slope: float, intercept: float, padding: float | None = None) -> Floats:
    """HU from the integers of a DICOM file: stored * slope + intercept, as float64.

    Parameters
    ----------
    stored : array of integers
        Stored values (SV), of any integer type. They are widened before the product, so that 16 bits
        never overflow.
    slope, intercept : float
        Rescale Slope (0028,1053) and Rescale Intercept (0028,1052).
    padding : float, optional
        Pixel Padding Value (0028,0120), a *stored* value that marks pixels outside the scan. They
        become NaN.

    Raises
    ------
    ValueError
        If `slope` is zero or not finite, or `intercept` is not finite.

    Examples
    --------
    >>> rescale(np.array([-2000, 24, 1064], np.int16), 1.0, -1024.0, padding=-2000)
    array([   nan, -1000.,    40.])
    """
    values = numbers(stored, "stored")
    if not np.isfinite(slope) or slope == 0:
        raise ValueError(f"slope must be a finite number other than zero, not {slope!r}.")
    if not np.isfinite(intercept):
        raise ValueError(f"intercept must be a finite number, not {intercept!r}.")
    hu = values * float(slope) + float(intercept)
    if padding is not None:
        hu = np.where(values == padding, np.nan, hu)
    return np.asarray(hu)[()]


def window(hu: ArrayLike, center: float, width: float) -> Floats:
    """Grey values in [0, 1] for display: a straight line over the window, clipped at both ends.

    Parameters
    ----------
    hu : float or array
        Values in HU. NaN stays NaN.
    center, width : float
        The window runs from ``center - width / 2`` (black, 0) to ``center + width / 2`` (white, 1).

    Raises
    ------
    ValueError
        If `width` is zero or negative.

    Notes
    -----
    The standard's usual rule (DICOM PS3.3, C.11.2.1.2, function LINEAR) is made for whole numbers: it
    divides by width - 1 and puts the middle at center - 0.5, so that a window of width 400 at 40 runs
    from -160 to 239, 400 whole numbers. The rule here is the standard's LINEAR_EXACT. The two differ
    by at most 1 / width: 0.0025 for width 400, less than one of 256 grey levels.

    Examples
    --------
    >>> window([-160.0, 40.0, 240.0, 1000.0], center=40.0, width=400.0)
    array([0. , 0.5, 1. , 1. ])
    """
    if not width > 0:
        raise ValueError(f"width must be above zero, in HU, not {width!r}.")
    return np.asarray(np.clip((numbers(hu, "hu") - center) / width + 0.5, 0.0, 1.0))[()]


def partial_volume(fractions: ArrayLike, hu: ArrayLike) -> Floats:
    """HU of a voxel that several materials share.

    mu of a mixture is the mean of the parts' mu, weighted by volume, and HU is linear in mu, so the
    same mean holds for HU.

    Parameters
    ----------
    fractions : array, shape (..., n)
        Volume fractions of the n materials, zero or more; they sum to 1 along the last axis.
    hu : array, shape (n,) or (..., n)
        HU of the materials.

    Returns
    -------
    float or array, shape (...)

    Raises
    ------
    ValueError
        If the numbers of fractions and of materials differ, a fraction is negative, or the sum is not 1
        (to one part in a million).

    Examples
    --------
    >>> float(partial_volume([0.25, 0.75], [-840.0, 40.0]))
    -180.0
    """
    parts = np.atleast_1d(numbers(fractions, "fractions"))
    values = np.atleast_1d(numbers(hu, "hu"))
    if parts.shape[-1] != values.shape[-1]:
        raise ValueError(
            f"There are {parts.shape[-1]} fractions for {values.shape[-1]} materials: give one for each."
        )
    require(parts >= 0, "fractions are shares of a volume and cannot be negative.")
    total = parts.sum(axis=-1)
    require(
        np.abs(total - 1.0) <= 1e-6,
        f"fractions must sum to 1; these sum to {np.ravel(total)[0]:.6g}. Divide them by their sum.",
    )
    return np.asarray((parts * values).sum(axis=-1))[()]


def _water(mu_water: ArrayLike) -> Floats:
    water = numbers(mu_water, "mu_water")
    require(water > 0, "mu_water must be above zero, in 1/cm: it is what every voxel is divided by.")
    return water


def _epsilon(epsilon: ArrayLike) -> Floats:
    error = numbers(epsilon, "epsilon")
    require(error > -1, "epsilon must be above -1: the stored mu_water would not be positive.")
    return error
