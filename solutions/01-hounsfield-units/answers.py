"""Right and wrong answers to the exercises of chapter 01: they test the checks.

Each right answer must earn full marks through the real grading path. Each wrong one is a mistake that learners make; it must
lose marks, and its card must contain the words given as `says`.
"""

import numpy as np

from autograder.answers import Answers

answers = Answers()


# 1.1 mean_attenuation ------------------------------------------------------------------------------------------------
@answers.right("mean-attenuation")
def mean_attenuation(incident, transmitted, thickness):
    if np.any(np.asarray(incident) <= 0) or np.any(np.asarray(transmitted) <= 0):
        raise ValueError("counts must be positive")
    if np.any(np.asarray(thickness) <= 0):
        raise ValueError("thickness must be positive")
    return (np.log(incident) - np.log(transmitted)) / thickness


@answers.right("mean-attenuation")
def mean_attenuation(incident, transmitted, thickness):
    rays = np.broadcast_arrays(incident, transmitted, thickness)
    result = np.empty(rays[0].shape)
    for index in np.ndindex(result.shape):
        before, after, length = (float(a[index]) for a in rays)
        if min(before, after, length) <= 0:
            raise ValueError(f"counts and thickness must be positive, not {before}, {after}, {length}")
        result[index] = -np.log(after / before) / length
    return result if result.shape else float(result)


@answers.wrong("mean-attenuation", says="base-10 logarithm")
def mean_attenuation(incident, transmitted, thickness):
    if np.any(np.asarray(transmitted) <= 0) or np.any(np.asarray(thickness) <= 0):
        raise ValueError("not positive")
    return np.log10(incident / transmitted) / thickness


@answers.wrong("mean-attenuation", says="upside down")
def mean_attenuation(incident, transmitted, thickness):
    if np.any(np.asarray(transmitted) <= 0) or np.any(np.asarray(thickness) <= 0):
        raise ValueError("not positive")
    return np.log(transmitted / incident) / thickness


@answers.wrong("mean-attenuation", says="Divide by the thickness")
def mean_attenuation(incident, transmitted, thickness):
    return np.log(incident / transmitted)


@answers.wrong("mean-attenuation", says="very thin layers")
def mean_attenuation(incident, transmitted, thickness):
    return (incident - transmitted) / incident / thickness


@answers.wrong("mean-attenuation", says="The logarithm of zero is minus infinity")
def mean_attenuation(incident, transmitted, thickness):
    with np.errstate(all="ignore"):
        return np.log(np.divide(incident, transmitted)) / np.asarray(thickness)


@answers.wrong("mean-attenuation", says="negative counts and paths are refused too")
def mean_attenuation(incident, transmitted, thickness):
    if np.any(np.asarray(transmitted) == 0) or np.any(np.asarray(thickness) == 0):
        raise ValueError("zero")
    with np.errstate(all="ignore"):
        return np.log(np.divide(incident, transmitted)) / thickness


# 1.2 hounsfield, attenuation -----------------------------------------------------------------------------------------
@answers.right("hounsfield")
def hounsfield(mu, mu_water):
    if np.min(mu_water) <= 0:
        raise ValueError("mu_water must be positive")
    return (np.asarray(mu, float) / mu_water - 1) * 1000


@answers.right("hounsfield")
def hounsfield(mu, mu_water):
    if mu_water <= 0:
        raise ValueError("mu_water must be positive")
    if np.ndim(mu) == 0:
        return 1000 * (mu - mu_water) / mu_water
    return np.array([hounsfield(m, mu_water) for m in mu])


@answers.wrong("hounsfield", says="the scale is missing")
def hounsfield(mu, mu_water):
    return (mu - mu_water) / mu_water


@answers.wrong("hounsfield", says="forgot to subtract water")
def hounsfield(mu, mu_water):
    return 1000 * mu / mu_water


@answers.wrong("hounsfield", says="The ruler is water")
def hounsfield(mu, mu_water):
    return 1000 * (mu - mu_water) / mu


@answers.wrong("hounsfield", says="The sign is reversed")
def hounsfield(mu, mu_water):
    return 1000 * (mu_water - mu) / mu_water


@answers.wrong("hounsfield", says="Refuse mu_water <= 0")
def hounsfield(mu, mu_water):
    with np.errstate(all="ignore"):
        return 1000 * (np.asarray(mu) - mu_water) / np.asarray(mu_water, float)


@answers.wrong("hounsfield", says="a water that is zero or negative is refused, both ways")
def hounsfield(mu, mu_water):
    if mu_water == 0:
        raise ValueError("zero")
    return 1000 * (np.asarray(mu) - mu_water) / mu_water


@answers.right("attenuation")
def attenuation(hu, mu_water):
    if np.min(mu_water) <= 0:
        raise ValueError("mu_water must be positive")
    return mu_water + mu_water * np.asarray(hu) / 1000


@answers.right("attenuation")
def attenuation(hu, mu_water):
    if mu_water <= 0:
        raise ValueError("mu_water must be positive")
    shape = np.shape(hu)
    flat = [(value + 1000) * mu_water / 1000 for value in np.ravel(hu).tolist()]
    return np.reshape(flat, shape) if shape else flat[0]


@answers.wrong("attenuation", says="Water itself is missing")
def attenuation(hu, mu_water):
    return hu / 1000 * mu_water


@answers.wrong("attenuation", says="Divide hu by 1000 before you add 1")
def attenuation(hu, mu_water):
    return (hu + 1) * mu_water


@answers.wrong("attenuation", says="1000 times mu")
def attenuation(hu, mu_water):
    return (hu + 1000) * mu_water


@answers.wrong("attenuation", says="The sign is reversed")
def attenuation(hu, mu_water):
    return (1 - hu / 1000) * mu_water


@answers.wrong("attenuation", says="A negative mu_water is not physical")
def attenuation(hu, mu_water):
    return (hu / 1000 + 1) * mu_water


# 1.3 drift_bias ------------------------------------------------------------------------------------------------------
@answers.right("drift-bias")
def drift_bias(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("epsilon must be greater than -1")
    measured = (np.asarray(hu) + 1000) / (1 + epsilon) - 1000
    return measured - hu


@answers.right("drift-bias")
def drift_bias(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("the stored mu_water would not be positive")
    water = 0.2
    stored = water * (1 + epsilon)
    mu = (np.asarray(hu, float) / 1000 + 1) * water
    return 1000 * (mu - stored) / stored - 1000 * (mu - water) / water


@answers.wrong("drift-bias", says="first-order answer")
def drift_bias(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("too small")
    return -epsilon * (hu + 1000)


@answers.wrong("drift-bias", says="You scaled HU itself")
def drift_bias(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("too small")
    return -hu * epsilon / (1 + epsilon)


@answers.wrong("drift-bias", says="The sign is reversed")
def drift_bias(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("too small")
    return (hu + 1000) * epsilon / (1 + epsilon)


@answers.wrong("drift-bias", says="subtract the true value")
def drift_bias(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("too small")
    return (hu + 1000) / (1 + epsilon) - 1000


@answers.wrong("drift-bias", says="moved every tissue by the same amount")
def drift_bias(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("too small")
    return -1000 * epsilon / (1 + epsilon)


@answers.wrong("drift-bias", says="At epsilon = -1 the stored mu_water is zero")
def drift_bias(hu, epsilon):
    with np.errstate(all="ignore"):
        return -(np.asarray(hu) + 1000) * np.divide(epsilon, 1 + epsilon)


@answers.wrong("drift-bias", says="whatever it was given")
def drift_bias(hu, epsilon):
    return 0.0


@answers.wrong("drift-bias", says="an epsilon below -1 is refused too")
def drift_bias(hu, epsilon):
    if epsilon == -1:
        raise ValueError("minus one")
    return -(np.asarray(hu) + 1000) * epsilon / (1 + epsilon)


# 1.4 estimate_drift, correct_drift -----------------------------------------------------------------------------------
@answers.right("estimate-drift")
def estimate_drift(measured_water_hu):
    if measured_water_hu <= -1000:
        raise ValueError("water cannot read like air")
    return 1000 / (1000 + measured_water_hu) - 1


@answers.right("estimate-drift")
def estimate_drift(measured_water_hu):
    if measured_water_hu <= -1000:
        raise ValueError("is the phantom in the beam?")
    epsilon = 0.0
    for _ in range(200):  # fixed point of epsilon = -m (1 + epsilon) / 1000, damped
        epsilon = 0.5 * epsilon + 0.5 * (-measured_water_hu * (1 + epsilon) / 1000)
    return epsilon


@answers.wrong("estimate-drift", says="first-order answer")
def estimate_drift(measured_water_hu):
    if measured_water_hu <= -1000:
        raise ValueError("no water")
    return -measured_water_hu / 1000


@answers.wrong("estimate-drift", says="The sign is reversed")
def estimate_drift(measured_water_hu):
    if measured_water_hu <= -1000:
        raise ValueError("no water")
    return measured_water_hu / (1000 + measured_water_hu)


@answers.wrong("estimate-drift", says="first order only")
def estimate_drift(measured_water_hu):
    return measured_water_hu / 1000


@answers.wrong("estimate-drift", says="A sign slipped while solving")
def estimate_drift(measured_water_hu):
    return -measured_water_hu / (1000 - measured_water_hu)


@answers.wrong("estimate-drift", says="the phantom is not in the beam")
def estimate_drift(measured_water_hu):
    with np.errstate(all="ignore"):
        return float(-np.float64(measured_water_hu) / (1000 + measured_water_hu))


@answers.wrong("estimate-drift", says="what lies below the bounds is refused too")
def estimate_drift(measured_water_hu):
    if measured_water_hu == -1000:
        raise ValueError("air")
    return -measured_water_hu / (1000 + measured_water_hu)


@answers.right("correct-drift")
def correct_drift(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("epsilon must be greater than -1")
    return np.asarray(hu) + epsilon * (np.asarray(hu) + 1000)


@answers.right("correct-drift")
def correct_drift(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("not physical")
    stored = 0.2 * (1 + epsilon)
    mu = (np.asarray(hu, float) / 1000 + 1) * stored
    return 1000 * (mu - 0.2) / 0.2


@answers.wrong("correct-drift", says="You added the same number everywhere")
def correct_drift(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("not physical")
    return hu + 1000 * epsilon / (1 + epsilon)


@answers.wrong("correct-drift", says="stretches about air")
def correct_drift(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("not physical")
    return hu * (1 + epsilon)


@answers.wrong("correct-drift", says="applies the drift a second time")
def correct_drift(hu, epsilon):
    return (hu + 1000) / (1 + epsilon) - 1000


@answers.wrong("correct-drift", says="You computed the bias from the measured value")
def correct_drift(hu, epsilon):
    return hu + (hu + 1000) * epsilon / (1 + epsilon)


@answers.wrong("correct-drift", says="An epsilon of -1 or less is not physical")
def correct_drift(hu, epsilon):
    return (hu + 1000) * (1 + epsilon) - 1000


@answers.wrong("correct-drift", says="what lies below the bounds is refused too")
def correct_drift(hu, epsilon):
    if epsilon < -1:
        raise ValueError("below")
    return (hu + 1000) * (1 + epsilon) - 1000


# 1.5 rescale ---------------------------------------------------------------------------------------------------------
@answers.right("rescale")
def rescale(stored, slope, intercept, padding=None):
    hu = np.multiply(stored, slope, dtype=np.float64) + intercept
    return hu if padding is None else np.where(np.asarray(stored) == padding, np.nan, hu)


@answers.right("rescale")
def rescale(stored, slope, intercept, padding=None):
    result = np.zeros(np.shape(stored), dtype=np.float64)
    for index, value in np.ndenumerate(stored):
        is_padding = padding is not None and int(value) == padding
        result[index] = float("nan") if is_padding else int(value) * slope + intercept
    return result


@answers.wrong("rescale", says="wrapped round")
def rescale(stored, slope, intercept, padding=None):
    hu = (stored * np.int16(slope) + np.int16(intercept)).astype(np.float64)
    if padding is not None:
        hu[stored == padding] = np.nan
    return hu


@answers.wrong("rescale", says="You looked for the padding among the HU")
def rescale(stored, slope, intercept, padding=None):
    hu = stored.astype(np.float64) * slope + intercept
    if padding is not None:
        hu[hu == padding] = np.nan
    return hu


@answers.wrong("rescale", says="You marked padding with 0")
def rescale(stored, slope, intercept, padding=None):
    hu = stored.astype(np.float64) * slope + intercept
    if padding is not None:
        hu[stored == padding] = 0
    return hu


@answers.wrong("rescale", says="slope first, then intercept")
def rescale(stored, slope, intercept, padding=None):
    hu = (stored.astype(np.float64) + intercept) * slope
    if padding is not None:
        hu[stored == padding] = np.nan
    return hu


@answers.wrong("rescale", says="A padding of 0 is legal")
def rescale(stored, slope, intercept, padding=None):
    hu = stored.astype(np.float64) * slope + intercept
    if padding:
        hu[stored == padding] = np.nan
    return hu


@answers.wrong("rescale", says="as float64")
def rescale(stored, slope, intercept, padding=None):
    hu = stored.astype(np.float32) * slope + intercept
    if padding is not None:
        hu[stored == padding] = np.nan
    return hu


# 1.6 window ----------------------------------------------------------------------------------------------------------
@answers.right("window")
def window(hu, center, width):
    if width <= 0:
        raise ValueError("width must be positive")
    brightness = np.array((np.asarray(hu, float) - center) / width + 0.5)
    brightness[brightness < 0] = 0
    brightness[brightness > 1] = 1
    return brightness


@answers.right("window")
def window(hu, center, width):
    if not width > 0:
        raise ValueError("width must be positive")
    low, high = center - width / 2, center + width / 2
    hu = np.asarray(hu, float)
    known = np.nan_to_num(hu)
    return np.where(np.isnan(hu), np.nan, np.interp(known, [low, high], [0.0, 1.0]))


@answers.wrong("window", says="must be clipped")
def window(hu, center, width):
    if width <= 0:
        raise ValueError("width")
    return (hu - (center - width / 2)) / width


@answers.wrong("window", says="twice too wide")
def window(hu, center, width):
    if width <= 0:
        raise ValueError("width")
    return np.clip((hu - (center - width)) / (2 * width), 0, 1)


@answers.wrong("window", says="started the window at its center")
def window(hu, center, width):
    return np.clip((hu - center) / width, 0, 1)


@answers.wrong("window", says="0 to 255")
def window(hu, center, width):
    return np.clip((hu - (center - width / 2)) / width, 0, 1) * 255


@answers.wrong("window", says="NaN stays NaN")
def window(hu, center, width):
    if width <= 0:
        raise ValueError("width")
    return np.nan_to_num(np.clip((hu - (center - width / 2)) / width, 0, 1))


@answers.wrong("window", says="a negative width is refused too")
def window(hu, center, width):
    if width == 0:
        raise ValueError("zero")
    return np.clip((np.asarray(hu, float) - (center - width / 2)) / width, 0, 1)


# 1.7 partial_volume --------------------------------------------------------------------------------------------------
@answers.right("partial-volume")
def partial_volume(fractions, hu):
    if len(fractions) != len(hu):
        raise ValueError("as many fractions as values, please")
    if min(fractions) < 0:
        raise ValueError("negative fraction")
    if not np.isclose(sum(fractions), 1, atol=1e-6, rtol=0):
        raise ValueError("fractions must sum to 1")
    return sum(f * h for f, h in zip(fractions, hu, strict=True))


@answers.right("partial-volume")
def partial_volume(fractions, hu):
    f, h = np.array(fractions, float), np.array(hu, float)
    if f.shape != h.shape or (f < 0).any() or abs(f.sum() - 1) > 1e-6:
        raise ValueError("fractions must match hu, be non-negative and sum to 1")
    mu = ((h / 1000 + 1) * 0.2 * f).sum()
    return 1000 * (mu - 0.2) / 0.2


@answers.wrong("partial-volume", says="plain mean")
def partial_volume(fractions, hu):
    if len(fractions) != len(hu) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError("bad fractions")
    return float(np.mean(hu))


@answers.wrong("partial-volume", says="refuse them")
def partial_volume(fractions, hu):
    f = np.array(fractions, float)
    if len(f) != len(hu) or (f < 0).any():
        raise ValueError("bad fractions")
    return float((f / f.sum() * np.array(hu)).sum())


@answers.wrong("partial-volume", says="A voxel is an average, not a vote")
def partial_volume(fractions, hu):
    return hu[int(np.argmax(fractions))]


@answers.wrong("partial-volume", says="A negative volume does not exist")
def partial_volume(fractions, hu):
    f, h = np.array(fractions, float), np.array(hu, float)
    if f.shape != h.shape or abs(f.sum() - 1) > 1e-6:
        raise ValueError("bad fractions")
    return float(f @ h)


@answers.wrong("partial-volume", says="misses 1 by rounding")
def partial_volume(fractions, hu):
    if len(fractions) != len(hu) or min(fractions) < 0 or sum(fractions) != 1:
        raise ValueError("bad fractions")
    return sum(f * h for f, h in zip(fractions, hu, strict=True))
