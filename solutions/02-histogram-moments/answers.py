"""Right and wrong answers to the exercises of chapter 02: they test the checks.

Each right answer must earn full marks through the real grading path. Each wrong one is a mistake that learners make; it must
lose marks, and its card must contain the words given as `says`.
"""

import numpy as np

from autograder.answers import Answers

answers = Answers()


# 2.1 discretise_width ------------------------------------------------------------------------------------------------
@answers.right("discretise-width")
def discretise_width(values, width, minimum):
    if width <= 0:
        raise ValueError("width must be above zero")
    values = np.array(values, float)
    outside = np.isnan(values)
    values[outside] = minimum
    if (values < minimum).any():
        raise ValueError("value below the minimum")
    levels = ((values - minimum) // width).astype(int) + 1
    levels[outside] = 0
    return levels


@answers.right("discretise-width")
def discretise_width(values, width, minimum):
    import math

    if not width > 0:
        raise ValueError("width must be above zero")
    result = np.zeros(np.shape(values), dtype=int)
    for place, value in np.ndenumerate(values):
        if not math.isnan(value):
            steps = math.floor((float(value) - minimum) / width)
            if steps < 0:
                raise ValueError(f"{value} lies below {minimum}")
            result[place] = steps + 1
    return result


@answers.wrong("discretise-width", says="You count from 0")
def discretise_width(values, width, minimum):
    values = np.asarray(values, float)
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    return np.where(np.isnan(values), 0, np.floor((values - minimum) / width)).astype(int)


@answers.wrong("discretise-width", says="You rounded up")
def discretise_width(values, width, minimum):
    values = np.asarray(values, float)
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    return np.where(np.isnan(values), 0, np.ceil((values - minimum) / width)).astype(int)


@answers.wrong("discretise-width", says="You rounded to the nearest whole number")
def discretise_width(values, width, minimum):
    values = np.asarray(values, float)
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    return np.where(np.isnan(values), 0, np.round((values - minimum) / width) + 1).astype(int)


@answers.wrong("discretise-width", says="Your first bin begins at 0 HU")
def discretise_width(values, width, minimum):
    values = np.asarray(values, float)
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    return np.where(np.isnan(values), 0, np.floor(values / width) + 1).astype(int)


@answers.wrong("discretise-width", says="Your first bin begins at the lowest value")
def discretise_width(values, width, minimum):
    values = np.asarray(values, float)
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    return np.where(np.isnan(values), 0, np.floor((values - np.nanmin(values)) / width) + 1).astype(int)


@answers.wrong("discretise-width", says="its level is 0")
def discretise_width(values, width, minimum):
    values = np.asarray(values, float)
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    with np.errstate(all="ignore"):
        return (np.floor((values - minimum) / width) + 1).astype(int)


@answers.wrong("discretise-width", says="int16 ends at 32767")
def discretise_width(values, width, minimum):
    values = np.asarray(values)
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    shifted = (values - np.asarray(minimum, values.dtype)) if values.dtype == np.int16 else values - minimum
    levels = np.floor(shifted / width) + 1
    return np.where(np.isnan(levels), 0, levels).astype(int)


@answers.wrong("discretise-width", says="its level would not be positive")
def discretise_width(values, width, minimum):
    if width <= 0:
        raise ValueError("width")
    values = np.asarray(values, float)
    return np.where(np.isnan(values), 0, np.floor((values - minimum) / width) + 1).astype(int)


@answers.wrong("discretise-width", says="the shape is lost")
def discretise_width(values, width, minimum):
    values = np.ravel(np.asarray(values, float))
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    return np.where(np.isnan(values), 0, np.floor((values - minimum) / width) + 1).astype(int)


@answers.wrong("discretise-width", says="Subtract minimum before you divide")
def discretise_width(values, width, minimum):
    values = np.asarray(values, float)
    if width <= 0 or (values < minimum).any():
        raise ValueError("bad input")
    return np.where(np.isnan(values), 0, values // width - minimum // width + 1).astype(int)


# 2.2 discretise_count ------------------------------------------------------------------------------------------------
@answers.right("discretise-count")
def discretise_count(values, count):
    if count < 1:
        raise ValueError("count must be 1 or more")
    values = np.array(values, float)
    known = ~np.isnan(values)
    low, high = values[known].min(), values[known].max()
    levels = np.zeros(values.shape, int)
    levels[known] = 1
    if high > low:
        edges = np.linspace(low, high, count + 1)[1:-1]
        levels[known] += np.searchsorted(edges, values[known], side="right")
    return levels


@answers.right("discretise-count")
def discretise_count(values, count):
    if count < 1:
        raise ValueError("count must be 1 or more")
    values = np.asarray(values, float)
    low = np.nanmin(values)
    width = (np.nanmax(values) - low) / count
    if width == 0:
        return (~np.isnan(values)).astype(int)
    levels = 1 + (values - low) // width
    levels[levels > count] = count
    return np.nan_to_num(levels).astype(int)


@answers.wrong("discretise-count", says="The maximum got a bin of its own, number count + 1")
def discretise_count(values, count):
    if count < 1:
        raise ValueError("count")
    values = np.asarray(values, float)
    low, high = np.nanmin(values), np.nanmax(values)
    if low == high:
        return np.ones(values.shape, int)
    return np.nan_to_num(np.floor(count * (values - low) / (high - low)) + 1).astype(int)


@answers.wrong("discretise-count", says="You count from 0. Levels count from 1.")
def discretise_count(values, count):
    values = np.asarray(values, float)
    low, high = values.min(), values.max()
    return np.minimum(np.floor(count * (values - low) / (high - low)), count - 1).astype(int)


@answers.wrong("discretise-count", says="Values on an edge came one level too low")
def discretise_count(values, count):
    values = np.asarray(values, float)
    low, high = values.min(), values.max()
    return np.maximum(np.ceil(count * (values - low) / (high - low)), 1).astype(int)


@answers.wrong("discretise-count", says="the first and the last bin are half as wide")
def discretise_count(values, count):
    values = np.asarray(values, float)
    if count < 1:
        raise ValueError("count")
    low, high = np.nanmin(values), np.nanmax(values)
    if low == high:
        return np.ones(values.shape, int)
    return np.nan_to_num(np.round((count - 1) * (values - low) / (high - low)) + 1).astype(int)


@answers.wrong("discretise-count", says="there is no range to divide by")
def discretise_count(values, count):
    if count < 1:
        raise ValueError("count")
    values = np.asarray(values, float)
    low, high = np.nanmin(values), np.nanmax(values)
    share = (values - low) / (high - low)
    return np.nan_to_num(np.minimum(np.floor(count * share) + 1, count)).astype(int)


@answers.wrong("discretise-count", says="it must not touch the minimum or the maximum")
def discretise_count(values, count):
    if count < 1:
        raise ValueError("count")
    values = np.asarray(values, float)
    low, high = values.min(), values.max()
    if low == high:
        return np.ones(values.shape, int)
    return np.nan_to_num(np.minimum(np.floor(count * (values - low) / (high - low)) + 1, count)).astype(int)


@answers.wrong("discretise-count", says="NaN among them has level 0 all the same")
def discretise_count(values, count):
    if count < 1:
        raise ValueError("count")
    values = np.asarray(values, float)
    low, high = np.nanmin(values), np.nanmax(values)
    if low == high:
        return np.ones(values.shape, int)
    return np.nan_to_num(np.minimum(np.floor(count * (values - low) / (high - low)) + 1, count)).astype(int)


@answers.wrong("discretise-count", says="or stretched the range")
def discretise_count(values, count):
    if count < 1:
        raise ValueError("count")
    values = np.asarray(values, float)
    low, high = np.nanmin(values), np.nanmax(values)
    return np.nan_to_num(np.floor(count * (values - low) / (high - low + 1e-9)) + 1).astype(int)


# 2.3 probabilities ---------------------------------------------------------------------------------------------------
@answers.right("probabilities")
def probabilities(levels, n_levels):
    levels = np.asarray(levels)
    inside = levels[levels != 0]
    if inside.size == 0 or inside.min() < 1 or inside.max() > n_levels:
        raise ValueError("levels must run from 1 to n_levels, and some voxel must be inside")
    return np.array([np.mean(inside == k) for k in range(1, n_levels + 1)])


@answers.right("probabilities")
def probabilities(levels, n_levels):
    counts = [0] * (n_levels + 1)
    for level in np.ravel(levels).tolist():
        if not 0 <= level <= n_levels:
            raise ValueError(f"there is no level {level}")
        counts[level] += 1
    total = sum(counts[1:])
    if not total:
        raise ValueError("no voxel is inside")
    return np.array(counts[1:]) / total


@answers.wrong("probabilities", says="Those are counts")
def probabilities(levels, n_levels):
    return np.bincount(np.ravel(levels), minlength=n_levels + 1)[1:]


@answers.wrong("probabilities", says="Empty bins are missing")
def probabilities(levels, n_levels):
    levels = np.asarray(levels)
    if levels.size == 0 or levels.max() > n_levels or not levels.any():
        raise ValueError("bad levels")
    _, counts = np.unique(levels[levels > 0], return_counts=True)
    return counts / counts.sum()


@answers.wrong("probabilities", says="Your first number belongs to level 0")
def probabilities(levels, n_levels):
    counts = np.bincount(np.ravel(levels), minlength=n_levels + 1)
    return counts / counts.sum()


@answers.wrong("probabilities", says="You divided by all voxels")
def probabilities(levels, n_levels):
    levels = np.ravel(levels)
    if levels.size == 0 or levels.min() < 0 or levels.max() > n_levels or not levels.any():
        raise ValueError("bad levels")
    return np.bincount(levels, minlength=n_levels + 1)[1:] / levels.size


@answers.wrong("probabilities", says="The empty bins at the end are missing")
def probabilities(levels, n_levels):
    levels = np.ravel(levels)
    if levels.size == 0 or levels.min() < 0 or levels.max() > n_levels or not levels.any():
        raise ValueError("bad levels")
    inside = levels[levels > 0]
    return np.bincount(inside)[1:] / inside.size


@answers.wrong("probabilities", says="Level 5 does not exist")
def probabilities(levels, n_levels):
    inside = np.ravel(levels)
    inside = inside[inside > 0]
    if inside.size == 0:
        raise ValueError("empty")
    return np.bincount(inside, minlength=n_levels + 1)[1 : n_levels + 1] / inside.size


PROBABILITIES = """
def probabilities(levels, n_levels):
    levels = np.ravel(levels)
    inside = levels[levels > 0]
    if inside.size == 0 or levels.min() < 0 or levels.max() > n_levels:
        raise ValueError("bad levels")
    counts = np.bincount(inside, minlength=n_levels + 1)[1:]
    return {shares}
"""
for shares, says in (
    ("counts / counts.max()", "You divided by the largest count"),
    ("counts / n_levels", "You divided by the number of bins"),
    (
        "np.histogram(inside, bins=n_levels)[0] / inside.size",
        "Your bins were stretched over the levels found",
    ),
):
    answers.wrong("probabilities", says=says, source=PROBABILITIES.format(shares=shares))


# 2.4 moments ---------------------------------------------------------------------------------------------------------
@answers.right("moments")
def moments(centers, p):
    centers, p = np.asarray(centers, float), np.asarray(p, float)
    if len(centers) != len(p):
        raise ValueError("as many centers as probabilities, please")
    if p.min() < 0 or not np.isclose(p.sum(), 1, rtol=0, atol=1e-6):
        raise ValueError("p is no distribution")
    mean = np.average(centers, weights=p)
    variance = np.average((centers - mean) ** 2, weights=p)
    result = {"mean": mean, "variance": variance, "skewness": np.nan, "kurtosis": np.nan}
    if variance > 0:
        z = (centers - mean) / np.sqrt(variance)
        result |= {"skewness": np.average(z**3, weights=p), "kurtosis": np.average(z**4, weights=p)}
    return result


@answers.right("moments")
def moments(centers, p):
    import math

    centers, p = [float(c) for c in centers], [float(q) for q in p]
    if len(centers) != len(p) or any(q < 0 for q in p) or abs(math.fsum(p) - 1) > 1e-6:
        raise ValueError("p must fit centers and sum to 1")
    mean = math.fsum(q * c for c, q in zip(centers, p, strict=True))
    m2, m3, m4 = (math.fsum(q * (c - mean) ** k for c, q in zip(centers, p, strict=True)) for k in (2, 3, 4))
    if m2 == 0:
        return dict(mean=mean, variance=m2, skewness=float("nan"), kurtosis=float("nan"))
    return dict(mean=mean, variance=m2, skewness=m3 / math.sqrt(m2) ** 3, kurtosis=m4 / m2**2)


MOMENTS = """
def moments(centers, p):
    centers, p = np.asarray(centers, float), np.asarray(p, float)
    if centers.shape != p.shape or np.any(p < 0) or abs(p.sum() - 1) > 1e-6:
        raise ValueError("p must fit centers and sum to 1")
    mean = (p * centers).sum()
    m2, m3, m4 = ((p * {deviation} ** m).sum() for m in (2, 3, 4))
    if m2 == 0:
        return {{"mean": mean, "variance": m2, "skewness": {none}, "kurtosis": {none}}}
    return {{"mean": mean, "variance": {variance}, "skewness": {skewness}, "kurtosis": {kurtosis}}}
"""
RIGHT = {
    "deviation": "(centers - mean)",
    "none": "np.nan",
    "variance": "m2",
    "skewness": "m3 / m2**1.5",
    "kurtosis": "m4 / m2**2",
}
for change, says in (
    ({"kurtosis": "m4 / m2**2 - 3"}, "excess kurtosis"),
    ({"variance": "m2**0.5"}, "That is the standard deviation"),
    ({"deviation": "centers"}, "You took powers of the values"),
    ({"skewness": "m3", "kurtosis": "m4"}, "still carry HU³ and HU⁴"),
    ({"skewness": "m3 / m2", "kurtosis": "m4 / m2"}, "You divided by the variance"),
    ({"none": "0.0"}, "It has no shape at all"),
    (
        {"skewness": "(p * abs(centers - mean) ** 3).sum() / m2**1.5"},
        "You took absolute values in the third moment",
    ),
    ({"skewness": "m3 / m2**2"}, "The kurtosis is right. The skewness"),
):
    answers.wrong("moments", says=says, source=MOMENTS.format(**(RIGHT | change)))


@answers.wrong("moments", says="dividing by zero must not warn")
def moments(centers, p):
    centers, p = np.asarray(centers, float), np.asarray(p, float)
    if centers.shape != p.shape or np.any(p < 0) or abs(p.sum() - 1) > 1e-6:
        raise ValueError("p must fit centers and sum to 1")
    mean = (p * centers).sum()
    m2, m3, m4 = ((p * (centers - mean) ** m).sum() for m in (2, 3, 4))
    return {"mean": mean, "variance": m2, "skewness": m3 / m2**1.5, "kurtosis": m4 / m2**2}


@answers.wrong("moments", says="You divided by n − 1")
def moments(centers, p):
    centers, p = np.asarray(centers, float), np.asarray(p, float)
    if centers.shape != p.shape or np.any(p < 0) or abs(p.sum() - 1) > 1e-6:
        raise ValueError("p must fit centers and sum to 1")
    mean = (p * centers).sum()
    m2, m3, m4 = ((p * (centers - mean) ** m).sum() for m in (2, 3, 4))
    if m2 == 0:
        return {"mean": mean, "variance": m2, "skewness": np.nan, "kurtosis": np.nan}
    m2 *= p.size / (p.size - 1)
    return {"mean": mean, "variance": m2, "skewness": m3 / m2**1.5, "kurtosis": m4 / m2**2}


@answers.wrong("moments", says="You gave all bins the same weight")
def moments(centers, p):
    centers = np.asarray(centers, float)
    if len(centers) != len(p) or abs(sum(p) - 1) > 1e-6:
        raise ValueError("p must fit centers and sum to 1")
    z = centers - centers.mean()
    m2, m3, m4 = ((z**m).mean() for m in (2, 3, 4))
    if m2 == 0:
        return {"mean": centers.mean(), "variance": m2, "skewness": np.nan, "kurtosis": np.nan}
    return {"mean": centers.mean(), "variance": m2, "skewness": m3 / m2**1.5, "kurtosis": m4 / m2**2}


# 2.5 sheppard --------------------------------------------------------------------------------------------------------
@answers.right("sheppard")
def sheppard(variance, width):
    if np.min(variance) < 0 or np.min(width) <= 0:
        raise ValueError("no such variance, or no such width")
    corrected = np.array(variance - np.square(width) / 12.0, dtype=float)
    corrected[corrected < 0] = np.nan
    return corrected


@answers.right("sheppard")
def sheppard(variance, width):
    variance, width = np.broadcast_arrays(np.asarray(variance, float), np.asarray(width, float))
    if variance.ndim:
        return np.array([sheppard(v, w) for v, w in zip(variance, width, strict=True)])
    if variance < 0 or width <= 0:
        raise ValueError("no such variance, or no such width")
    left = float(variance) - float(width) * float(width) / 12
    return left if left >= 0 else float("nan")


@answers.wrong("sheppard", says="You added")
def sheppard(variance, width):
    if np.any(np.asarray(variance) < 0) or np.any(np.asarray(width) <= 0):
        raise ValueError("bad")
    return variance + width**2 / 12


@answers.wrong("sheppard", says="The width enters squared")
def sheppard(variance, width):
    if np.any(np.asarray(variance) < 0) or np.any(np.asarray(width) <= 0):
        raise ValueError("bad")
    return variance - width / 12


@answers.wrong("sheppard", says="The divisor is 12")
def sheppard(variance, width):
    if np.any(np.asarray(variance) < 0) or np.any(np.asarray(width) <= 0):
        raise ValueError("bad")
    return variance - width**2 / 6


@answers.wrong("sheppard", says="a variance comes out")
def sheppard(variance, width):
    if np.any(np.asarray(variance) < 0) or np.any(np.asarray(width) <= 0):
        raise ValueError("bad")
    with np.errstate(all="ignore"):
        return np.sqrt(np.subtract(variance, np.square(width) / 12))


@answers.wrong("sheppard", says="You clipped at 0")
def sheppard(variance, width):
    if np.any(np.asarray(variance) < 0) or np.any(np.asarray(width) <= 0):
        raise ValueError("bad")
    return np.maximum(variance - np.square(width) / 12, 0.0)


@answers.wrong("sheppard", says="Return NaN where the correction is larger")
def sheppard(variance, width):
    if np.any(np.asarray(variance) < 0) or np.any(np.asarray(width) <= 0):
        raise ValueError("bad")
    return variance - np.square(width) / 12


@answers.wrong("sheppard", says="You divided by 24")
def sheppard(variance, width):
    if np.any(np.asarray(variance) < 0) or np.any(np.asarray(width) <= 0):
        raise ValueError("bad")
    left = np.asarray(variance - np.square(width) / 24)
    return np.where(left < 0, np.nan, left)


@answers.wrong("sheppard", says="NaN only where the result would be negative")
def sheppard(variance, width):
    if np.any(np.asarray(variance) < 0) or np.any(np.asarray(width) <= 0):
        raise ValueError("bad")
    left = np.asarray(variance - np.square(width) / 12)
    return np.where(left > 0, left, np.nan)


@answers.wrong("sheppard", says="Use np.where rather than if")
def sheppard(variance, width):
    if variance < 0 or width <= 0:
        raise ValueError("bad")
    left = variance - width**2 / 12
    return left if left >= 0 else np.nan


# 2.6 binning_trial ---------------------------------------------------------------------------------------------------
@answers.right("binning-trial")
def binning_trial(values, width, offset):
    if width <= 0:
        raise ValueError("width must be above zero")
    values = np.asarray(values, float)
    if np.ptp(values) == 0:
        raise ValueError("all values are equal")
    return width * np.floor((values - offset) / width).std() / values.std()


@answers.right("binning-trial")
def binning_trial(values, width, offset):
    import math

    if width <= 0:
        raise ValueError("width must be above zero")
    values = [float(v) for v in np.ravel(values)]
    if max(values) == min(values):
        raise ValueError("all values are equal")

    def sigma(numbers):
        mean = math.fsum(numbers) / len(numbers)
        return math.sqrt(math.fsum((n - mean) ** 2 for n in numbers) / len(numbers))

    centers = [offset + width * math.floor((v - offset) / width) + width / 2 for v in values]
    return sigma(centers) / sigma(values)


BINNING = """
def binning_trial(values, width, offset):
    values = np.asarray(values, float)
    if width <= 0 or {equal}:
        raise ValueError("width must be above zero, and the values must differ")
    centers = {centers}
    with np.errstate(all="ignore"):
        return float({ratio})
"""
USUAL = {
    "equal": "values.min() == values.max()",
    "centers": "offset + (np.floor((values - offset) / width) + 0.5) * width",
    "ratio": "centers.std() / values.std()",
}
for change, says in (
    ({"ratio": "values.std() / centers.std()"}, "upside down"),
    ({"ratio": "centers.var() / values.var()"}, "ratio of variances"),
    ({"ratio": "centers.std()"}, "σ of the centres alone"),
    ({"centers": "(np.floor(values / width) + 0.5) * width"}, "None of your bins begins at offset"),
    ({"equal": "False"}, "All values are equal"),
    (
        {"centers": "offset + (np.trunc((values - offset) / width) + 0.5) * width"},
        "Below offset the rounding goes the wrong way",
    ),
    ({"ratio": "centers.std() / values.std() / width"}, "You took σ of the bins' numbers"),
    ({"centers": "offset + (np.ceil((values - offset) / width) - 0.5) * width"}, "round down, not up"),
    (
        {"centers": "offset + np.round((values - offset) / width) * width"},
        "You rounded to the nearest whole number",
    ),
    (
        {
            "centers": "np.array([values[np.floor((values - offset) / width) == k].mean()"
            " for k in np.floor((values - offset) / width)])"
        },
        "You replaced values by the mean of their bin",
    ),
):
    answers.wrong("binning-trial", says=says, source=BINNING.format(**(USUAL | change)))


# 2.7 widest_safe_bin -------------------------------------------------------------------------------------------------
@answers.right("widest-safe-bin")
def widest_safe_bin(values, tolerance, candidates, n_offsets):
    values = np.asarray(values, float)
    safe = []
    for width in candidates:
        offsets = np.arange(n_offsets) * width / n_offsets
        ratios = np.array([np.floor((values - o) / width).std() * width / values.std() for o in offsets])
        if np.all(np.abs(ratios - 1) <= tolerance):
            safe.append(float(width))
    if not safe:
        raise ValueError("no candidate is safe")
    return max(safe)


@answers.right("widest-safe-bin")
def widest_safe_bin(values, tolerance, candidates, n_offsets):
    best = None
    for width in candidates:
        for j in range(n_offsets):
            ratio = histogram.binning_trial(values, width, j * width / n_offsets)  # noqa: F821
            if not 1 - tolerance <= ratio <= 1 + tolerance:
                break
        else:
            best = width if best is None else max(best, width)
    if best is None:
        raise ValueError("no candidate is safe")
    return best


WIDEST = """
def widest_safe_bin(values, tolerance, candidates, n_offsets):
    safe = []
    for width in {order}:
        trials = np.array([histogram.binning_trial(values, width, j * width / n_offsets) for j in {offsets}])
        if {passes}:
            safe.append(float(width))
        {otherwise}
    if not safe:
        {none}
    return {choice}
"""
AS_ASKED = {
    "order": "candidates",
    "offsets": "range(n_offsets)",
    "passes": "np.abs(trials - 1).max() <= tolerance",
    "otherwise": "",
    "none": 'raise ValueError("no candidate is safe")',
    "choice": "max(safe)",
}
for change, says in (
    ({"choice": "min(safe)"}, "The largest is asked"),
    ({"choice": "safe[0]"}, "The largest is asked"),
    ({"choice": "safe[-1]"}, "That is the last safe candidate"),
    ({"passes": "(1 - trials).max() <= tolerance"}, "the worst one decides, not their mean"),
    (
        {"offsets": "range(1, n_offsets)", "passes": "all(abs(trials - 1) <= tolerance)"},
        "offset 0 is one of those to try",
    ),
    ({"offsets": "[0]"}, "Try all offsets"),
    ({"passes": "abs(trials.mean() - 1) <= tolerance"}, "the worst one decides"),
    ({"passes": "(trials - 1).max() <= tolerance"}, "σ may shrink too"),
    (
        {"order": "sorted(candidates)", "otherwise": "else:\n            break"},
        "The search must not end at the first width that fails",
    ),
    ({"none": "return None"}, "Say so with a ValueError"),
):
    answers.wrong("widest-safe-bin", says=says, source=WIDEST.format(**(AS_ASKED | change)))
