"""Right and wrong answers to the exercises of chapter 05: they test the checks.

Each right answer must earn full marks through the real grading path. Each wrong one is a mistake that learners make; it must
lose marks, and its card must contain the words given as `says`.
"""

import numpy as np
from scipy import ndimage

from autograder.answers import Answers
from digital_biopsy import texture

answers = Answers()


# 5.1 gaussian_psf ----------------------------------------------------------------------------------------------------
@answers.right("gaussian-psf")
def gaussian_psf(sigma, spacing, radius):
    if not sigma > 0 or not np.all(np.asarray(spacing) > 0):
        raise ValueError("sizes must be above zero")
    n = np.arange(2 * radius + 1) - radius
    one, two = (np.exp(-0.5 * (n * step / sigma) ** 2) for step in spacing)
    return np.outer(one / one.sum(), two / two.sum())


@answers.right("gaussian-psf")
def gaussian_psf(sigma, spacing, radius):
    if sigma <= 0 or spacing[0] <= 0 or spacing[1] <= 0:
        raise ValueError("sizes must be above zero")
    size = 2 * radius + 1
    psf = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            r2 = ((i - radius) * spacing[0]) ** 2 + ((j - radius) * spacing[1]) ** 2
            psf[i, j] = np.exp(-r2 / (2 * sigma * sigma))
    return psf / np.sum(psf)


@answers.wrong("gaussian-psf", says="this scanner would brighten the patient")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius + 1)
    return np.exp(-((n[:, None] * spacing[0]) ** 2 + (n[None] * spacing[1]) ** 2) / (2 * sigma**2))


@answers.wrong("gaussian-psf", says="infinite, continuous spot")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius + 1)
    psf = np.exp(-((n[:, None] * spacing[0]) ** 2 + (n[None] * spacing[1]) ** 2) / (2 * sigma**2))
    return psf * spacing[0] * spacing[1] / (2 * np.pi * sigma**2)


@answers.wrong("gaussian-psf", says="You measured r in pixels")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius + 1)
    psf = np.exp(-(n[:, None] ** 2 + n[None] ** 2) / (2 * sigma**2))
    return psf / psf.sum()


@answers.wrong("gaussian-psf", says="lacks its 2")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius + 1)
    psf = np.exp(-((n[:, None] * spacing[0]) ** 2 + (n[None] * spacing[1]) ** 2) / sigma**2)
    return psf / psf.sum()


@answers.wrong("gaussian-psf", says="Rows and columns are exchanged")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius + 1)
    x, y = np.meshgrid(n * spacing[0], n * spacing[1])
    psf = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return psf / psf.sum()


@answers.wrong("gaussian-psf", says="The middle pixel is missing")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius)
    psf = np.exp(-((n[:, None] * spacing[0]) ** 2 + (n[None] * spacing[1]) ** 2) / (2 * sigma**2))
    full = np.arange(-radius, radius + 1)
    total = np.exp(
        -((full[:, None] * spacing[0]) ** 2 + (full[None] * spacing[1]) ** 2) / (2 * sigma**2)
    ).sum()
    return psf / total


@answers.wrong("gaussian-psf", says="negative sizes are refused too")
def gaussian_psf(sigma, spacing, radius):
    if sigma == 0:
        raise ValueError("sigma is zero")
    n = np.arange(-radius, radius + 1)
    with np.errstate(all="ignore"):
        psf = np.exp(-((n[:, None] * spacing[0]) ** 2 + (n[None] * spacing[1]) ** 2) / (2 * sigma**2))
    return psf / psf.sum()


@answers.wrong("gaussian-psf", says="r is not squared")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius + 1)
    psf = np.exp(-np.hypot(n[:, None] * spacing[0], n[None] * spacing[1]))
    return psf / psf.sum()


@answers.wrong("gaussian-psf", says="r is not squared")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius + 1)
    psf = np.exp(-np.hypot(n[:, None] * spacing[0], n[None] * spacing[1]) / (2 * sigma**2))
    return psf / psf.sum()


@answers.wrong("gaussian-psf", says="sigma is not squared")
def gaussian_psf(sigma, spacing, radius):
    n = np.arange(-radius, radius + 1)
    psf = np.exp(-((n[:, None] * spacing[0]) ** 2 + (n[None] * spacing[1]) ** 2) / (2 * sigma))
    return psf / psf.sum()


# 5.2 line_spread -----------------------------------------------------------------------------------------------------
@answers.right("line-spread")
def line_spread(edge, spacing):
    values = np.array(edge, dtype=np.float64)
    if len(values) < 2 or not np.isfinite(values).all() or values[0] == values[-1]:
        raise ValueError("no edge: two different ends are needed, and no NaN")
    slope = (values[1:] - values[:-1]) / spacing
    return slope / (slope.sum() * spacing)


@answers.right("line-spread")
def line_spread(edge, spacing):
    values = [float(v) for v in edge]
    if len(values) < 2:
        raise ValueError("two values are needed")
    if any(v != v for v in values):
        raise ValueError("NaN is no measurement")
    height = values[-1] - values[0]
    if height == 0:
        raise ValueError("no step")
    return np.array([(right - left) / height / spacing for left, right in zip(values, values[1:])])


@answers.wrong("line-spread", says="np.gradient takes differences over two steps")
def line_spread(edge, spacing):
    slope = np.gradient(np.asarray(edge, float), spacing)
    return slope / (slope.sum() * spacing)


@answers.wrong("line-spread", says="Divide by the height of the edge")
def line_spread(edge, spacing):
    return np.diff(edge) / spacing


@answers.wrong("line-spread", says="A falling edge gives area -1")
def line_spread(edge, spacing):
    edge = np.asarray(edge, float)
    if edge[0] == edge[-1]:
        raise ValueError("no step")
    return np.diff(edge) / (abs(edge[-1] - edge[0]) * spacing)


@answers.wrong("line-spread", says="Divide by spacing once more")
def line_spread(edge, spacing):
    slope = np.diff(np.asarray(edge, float))
    return slope / slope.sum()


@answers.wrong("line-spread", says="scaled the peak to 1")
def line_spread(edge, spacing):
    slope = np.diff(np.asarray(edge, float))
    return slope / np.abs(slope).max()


@answers.wrong("line-spread", says="makes noise and overshoot count as width")
def line_spread(edge, spacing):
    slope = np.abs(np.diff(np.asarray(edge, float)))
    return slope / (slope.sum() * spacing)


@answers.wrong("line-spread", says="It has no step; refuse it")
def line_spread(edge, spacing):
    edge = np.asarray(edge, float)
    if edge.size < 2 or np.isnan(edge).any():
        raise ValueError("no edge")
    with np.errstate(all="ignore"):
        return np.diff(edge) / ((edge[-1] - edge[0]) * spacing)


@answers.wrong("line-spread", says="NaN and single values are refused")
def line_spread(edge, spacing):
    edge = np.asarray(edge, float)
    if edge.size and edge[-1] == edge[0]:
        raise ValueError("no step")
    return np.diff(edge) / ((edge[-1:] - edge[:1]) * spacing)


@answers.wrong("line-spread", says="You multiplied by spacing")
def line_spread(edge, spacing):
    edge = np.asarray(edge, float)
    return np.diff(edge) / (edge[-1] - edge[0]) * spacing


@answers.wrong("line-spread", says="np.gradient takes differences over two steps")
def line_spread(edge, spacing):
    edge = np.asarray(edge, float)
    return np.gradient(edge, spacing) / (edge[-1] - edge[0])


@answers.wrong("line-spread", says="np.gradient takes differences over two steps")
def line_spread(edge, spacing):
    edge = np.asarray(edge, float)
    return np.gradient(edge) / (edge[-1] - edge[0])


@answers.wrong("line-spread", says="A NumPy array is wanted")
def line_spread(edge, spacing):
    edge = np.asarray(edge, float)
    if edge.size < 2 or np.isnan(edge).any() or edge[0] == edge[-1]:
        raise ValueError("no edge")
    return list(np.diff(edge) / ((edge[-1] - edge[0]) * spacing))


# 5.3 mtf -------------------------------------------------------------------------------------------------------------
@answers.right("mtf")
def mtf(lsf, spacing):
    lsf = np.asarray(lsf, float)
    if lsf.size < 1 or not np.isfinite(lsf).all():
        raise ValueError("nothing to transform")
    transform = np.abs(np.fft.fft(lsf))[: lsf.size // 2 + 1]
    if transform[0] < 1e-12 * np.abs(lsf).sum() or not lsf.any():
        raise ValueError("no area")
    return np.arange(lsf.size // 2 + 1) / (lsf.size * spacing), transform / transform[0]


@answers.right("mtf")
def mtf(lsf, spacing):
    values = [float(v) for v in lsf]
    n = len(values)
    area, size = sum(values), sum(abs(v) for v in values)
    if n == 0 or area != area or abs(area) <= 1e-12 * size:
        raise ValueError("empty, NaN or without area")
    frequency = [k / (n * spacing) for k in range(n // 2 + 1)]
    x = np.arange(n) * spacing
    magnitude = [
        np.hypot((values * np.cos(2 * np.pi * f * x)).sum(), (values * np.sin(2 * np.pi * f * x)).sum())
        for f in frequency
    ]
    return np.array(frequency), np.array(magnitude) / abs(area)


@answers.wrong("mtf", says="You squared the magnitude")
def mtf(lsf, spacing):
    power = np.abs(np.fft.rfft(lsf)) ** 2
    return np.fft.rfftfreq(len(lsf), spacing), power / power[0]


@answers.wrong("mtf", says="You divided by the largest value")
def mtf(lsf, spacing):
    magnitude = np.abs(np.fft.rfft(lsf))
    return np.fft.rfftfreq(len(lsf), spacing), magnitude / magnitude.max()


@answers.wrong("mtf", says="The scale is missing")
def mtf(lsf, spacing):
    return np.fft.rfftfreq(len(lsf), spacing), np.abs(np.fft.rfft(lsf))


@answers.wrong("mtf", says="only if the area of lsf is 1")
def mtf(lsf, spacing):
    return np.fft.rfftfreq(len(lsf), spacing), np.abs(np.fft.rfft(lsf)) * spacing


@answers.wrong("mtf", says="cycles per pixel")
def mtf(lsf, spacing):
    magnitude = np.abs(np.fft.rfft(lsf))
    return np.fft.rfftfreq(len(lsf)), magnitude / magnitude[0]


@answers.wrong("mtf", says="angular frequencies")
def mtf(lsf, spacing):
    magnitude = np.abs(np.fft.rfft(lsf))
    return 2 * np.pi * np.fft.rfftfreq(len(lsf), spacing), magnitude / magnitude[0]


@answers.wrong("mtf", says="negative frequencies too")
def mtf(lsf, spacing):
    magnitude = np.abs(np.fft.fft(lsf))
    return np.fft.fftfreq(len(lsf), spacing), magnitude / magnitude[0]


@answers.wrong("mtf", says="You took the real part")
def mtf(lsf, spacing):
    transform = np.fft.rfft(lsf)
    return np.fft.rfftfreq(len(lsf), spacing), transform.real / transform[0].real


@answers.wrong("mtf", says="This one has area 0")
def mtf(lsf, spacing):
    lsf = np.asarray(lsf, float)
    if lsf.size == 0 or np.isnan(lsf).any():
        raise ValueError("nothing")
    magnitude = np.abs(np.fft.rfft(lsf))
    with np.errstate(all="ignore"):
        return np.fft.rfftfreq(lsf.size, spacing), magnitude / magnitude[0]


@answers.wrong("mtf", says="zero but for rounding")
def mtf(lsf, spacing):
    lsf = np.asarray(lsf, float)
    if lsf.size == 0 or np.isnan(lsf).any() or lsf.sum() == 0:
        raise ValueError("nothing")
    magnitude = np.abs(np.fft.rfft(lsf))
    return np.fft.rfftfreq(lsf.size, spacing), magnitude / abs(lsf.sum())


@answers.wrong("mtf", says="Your values are complex")
def mtf(lsf, spacing):
    transform = np.fft.rfft(lsf)
    return np.fft.rfftfreq(len(lsf), spacing), transform / transform[0]


@answers.wrong("mtf", says="The two arrays are exchanged")
def mtf(lsf, spacing):
    magnitude = np.abs(np.fft.rfft(lsf))
    return magnitude / magnitude[0], np.fft.rfftfreq(len(lsf), spacing)


@answers.wrong("mtf", says="Return the frequency with them")
def mtf(lsf, spacing):
    magnitude = np.abs(np.fft.rfft(lsf))
    return magnitude / magnitude[0]


@answers.wrong("mtf", says="Make arrays of them")
def mtf(lsf, spacing):
    magnitude = np.abs(np.fft.rfft(lsf))
    return list(np.fft.rfftfreq(len(lsf), spacing)), list(magnitude / magnitude[0])


@answers.wrong("mtf", says="Two things are missing")
def mtf(lsf, spacing):
    return np.fft.rfftfreq(len(lsf)), np.abs(np.fft.rfft(lsf))


@answers.wrong("mtf", says="not the number of values in a mm")
def mtf(lsf, spacing):
    magnitude = np.abs(np.fft.rfft(lsf))
    return np.fft.rfftfreq(len(lsf), 1 / spacing), magnitude / magnitude[0]


@answers.wrong("mtf", says="The last frequency is missing")
def mtf(lsf, spacing):
    half = len(lsf) // 2
    magnitude = np.abs(np.fft.fft(lsf))
    return np.fft.fftfreq(len(lsf), spacing)[:half], magnitude[:half] / magnitude[0]


@answers.wrong("mtf", says="counts half the sampling rate as negative")
def mtf(lsf, spacing):
    half = len(lsf) // 2 + 1
    magnitude = np.abs(np.fft.fft(lsf))
    return np.fft.fftfreq(len(lsf), spacing)[:half], magnitude[:half] / magnitude[0]


@answers.wrong("mtf", says="This one has area 0")
def mtf(lsf, spacing):
    lsf = np.asarray(lsf, float)
    if lsf.size == 0 or np.isnan(lsf).any() or not lsf.any():
        raise ValueError("nothing")
    magnitude = np.abs(np.fft.rfft(lsf))
    return np.fft.rfftfreq(lsf.size, spacing), magnitude / max(magnitude[0], 1e-30)


# 5.4 mtf50 -----------------------------------------------------------------------------------------------------------
@answers.right("mtf50")
def mtf50(frequency, values):
    if len(frequency) != len(values):
        raise ValueError("unequal lengths")
    if values[0] < 0.5:
        raise ValueError("begins below 0.5")
    if values[0] == 0.5:
        return float(frequency[0])
    for k in range(1, len(values)):
        if values[k] <= 0.5:
            slope = (values[k] - values[k - 1]) / (frequency[k] - frequency[k - 1])
            return float(frequency[k - 1] + (0.5 - values[k - 1]) / slope)
    return float("nan")


@answers.right("mtf50")
def mtf50(frequency, values):
    f, m = np.asarray(frequency, float), np.asarray(values, float)
    if f.shape != m.shape or m[0] < 0.5:
        raise ValueError("unequal lengths, or a curve that begins below 0.5")
    below = m <= 0.5
    if not below.any():
        return float("nan")
    k = int(np.argmax(below))
    k0 = max(k - 1, 0)
    return float(np.interp(0.5, [m[k], m[k0]], [f[k], f[k0]]))


@answers.wrong("mtf50", says="one of the points")
def mtf50(frequency, values):
    low = np.flatnonzero(np.asarray(values) <= 0.5)
    return float(frequency[low[0]]) if low.size else float("nan")


@answers.wrong("mtf50", says="one of the points")
def mtf50(frequency, values):
    low = np.flatnonzero(np.asarray(values) <= 0.5)
    return float(frequency[max(low[0] - 1, 0)]) if low.size else float("nan")


@answers.wrong("mtf50", says="between two of them")
def mtf50(frequency, values):
    values = np.asarray(values)
    return float(frequency[np.abs(values - 0.5).argmin()]) if values.min() <= 0.5 else float("nan")


@answers.wrong("mtf50", says="That is the last crossing")
def mtf50(frequency, values):
    f, m = np.asarray(frequency, float), np.asarray(values, float)
    k = np.flatnonzero((m[:-1] > 0.5) & (m[1:] <= 0.5))
    if not k.size:
        return float("nan")
    k = k[-1]
    return float(f[k] + (m[k] - 0.5) / (m[k] - m[k + 1]) * (f[k + 1] - f[k]))


@answers.wrong("mtf50", says="np.interp on the reversed curve")
def mtf50(frequency, values):
    if np.min(values) > 0.5:
        return float("nan")
    return float(np.interp(0.5, np.asarray(values)[::-1], np.asarray(frequency)[::-1]))


@answers.wrong("mtf50", says="so the last frequency is not the answer")
def mtf50(frequency, values):
    for k in range(1, len(values)):
        if values[k] <= 0.5:
            share = (values[k - 1] - 0.5) / (values[k - 1] - values[k])
            return float(frequency[k - 1] + share * (frequency[k] - frequency[k - 1]))
    return float(frequency[-1])


@answers.wrong("mtf50", says="Return NaN before you ask for it")
def mtf50(frequency, values):
    f, m = np.asarray(frequency, float), np.asarray(values, float)
    if m[0] < 0.5 or f.size != m.size:
        raise ValueError("bad curve")
    k = np.flatnonzero(m <= 0.5)[0]
    return float(f[k - 1] + (m[k - 1] - 0.5) / (m[k - 1] - m[k]) * (f[k] - f[k - 1]))


@answers.wrong("mtf50", says="was not divided by its first value")
def mtf50(frequency, values):
    for k in range(1, min(len(values), len(frequency))):
        if values[k] <= 0.5:
            share = (values[k - 1] - 0.5) / (values[k - 1] - values[k])
            return float(frequency[k - 1] + share * (frequency[k] - frequency[k - 1]))
    return float("nan")


@answers.wrong("mtf50", says="A value of 0.5 itself counts")
def mtf50(frequency, values):
    f, m = np.asarray(frequency, float), np.asarray(values, float)
    if f.size != m.size or m[0] < 0.5:
        raise ValueError("bad curve")
    low = np.flatnonzero(m < 0.5)
    if not low.size:
        return float("nan")
    k = low[0]
    return float(f[k - 1] + (m[k - 1] - 0.5) / (m[k - 1] - m[k]) * (f[k] - f[k - 1]))


@answers.wrong("mtf50", says="it needs them rising")
def mtf50(frequency, values):
    return float(np.interp(0.5, values, frequency))


@answers.wrong("mtf50", says="You went on from the right end")
def mtf50(frequency, values):
    f, m = np.asarray(frequency, float), np.asarray(values, float)
    low = np.flatnonzero(m <= 0.5)
    if not low.size:
        return float("nan")
    k = low[0]
    return float(f[k] + (m[k - 1] - 0.5) / (m[k - 1] - m[k]) * (f[k] - f[k - 1]))


@answers.wrong("mtf50", says="counted from the wrong end")
def mtf50(frequency, values):
    f, m = np.asarray(frequency, float), np.asarray(values, float)
    low = np.flatnonzero(m <= 0.5)
    if not low.size:
        return float("nan")
    k = low[0]
    return float(f[k - 1] + (0.5 - m[k]) / (m[k - 1] - m[k]) * (f[k] - f[k - 1]))


# 5.5 gaussian_mtf ----------------------------------------------------------------------------------------------------
@answers.right("gaussian-mtf")
def gaussian_mtf(frequency, sigma):
    if sigma < 0:
        raise ValueError("sigma is negative")
    omega = 2 * np.pi * np.asarray(frequency, dtype=float)
    return np.exp(-((omega * sigma) ** 2) / 2)


@answers.right("gaussian-mtf")
def gaussian_mtf(frequency, sigma):
    import math

    if sigma < 0:
        raise ValueError("sigma is negative")
    if np.ndim(frequency):
        return np.array([gaussian_mtf(f, sigma) for f in frequency])
    return math.exp(-2 * (math.pi * sigma * float(frequency)) ** 2)


@answers.wrong("gaussian-mtf", says="angular frequency")
def gaussian_mtf(frequency, sigma):
    return np.exp(-((np.asarray(frequency) * sigma) ** 2) / 2)


@answers.wrong("gaussian-mtf", says="A factor 2 is missing")
def gaussian_mtf(frequency, sigma):
    return np.exp(-((np.pi * np.asarray(frequency) * sigma) ** 2))


@answers.wrong("gaussian-mtf", says="twice too large")
def gaussian_mtf(frequency, sigma):
    return np.exp(-((2 * np.pi * np.asarray(frequency) * sigma) ** 2))


@answers.wrong("gaussian-mtf", says="A wide PSF has a narrow MTF")
def gaussian_mtf(frequency, sigma):
    if sigma <= 0:
        raise ValueError("sigma")
    return np.exp(-(np.asarray(frequency) ** 2) / (2 * sigma**2))


@answers.wrong("gaussian-mtf", says="The frequency is not squared")
def gaussian_mtf(frequency, sigma):
    return np.exp(-2 * np.pi**2 * sigma**2 * np.asarray(frequency))


@answers.wrong("gaussian-mtf", says="Pi is squared too")
def gaussian_mtf(frequency, sigma):
    return np.exp(-2 * np.pi * sigma**2 * np.asarray(frequency) ** 2)


@answers.wrong("gaussian-mtf", says="squaring would hide it")
def gaussian_mtf(frequency, sigma):
    return np.exp(-2 * (np.pi * sigma * np.asarray(frequency)) ** 2)


@answers.wrong("gaussian-mtf", says="math.exp takes one number only")
def gaussian_mtf(frequency, sigma):
    import math

    if sigma < 0:
        raise ValueError("sigma is negative")
    return math.exp(-2 * (math.pi * sigma * frequency) ** 2)


@answers.wrong("gaussian-mtf", says="sigma is not squared")
def gaussian_mtf(frequency, sigma):
    return np.exp(-2 * np.pi**2 * sigma * np.asarray(frequency) ** 2)


@answers.wrong("gaussian-mtf", says="The exponent lacks its minus")
def gaussian_mtf(frequency, sigma):
    return np.exp(2 * (np.pi * sigma * np.asarray(frequency)) ** 2)


@answers.wrong("gaussian-mtf", says="It is the standard deviation")
def gaussian_mtf(frequency, sigma):
    width = sigma / np.sqrt(8 * np.log(2))
    return np.exp(-2 * (np.pi * width * np.asarray(frequency)) ** 2)


# 5.6 sigma_from_mtf50 ------------------------------------------------------------------------------------------------
@answers.right("sigma-from-mtf50")
def sigma_from_mtf50(f50):
    half = np.asarray(f50, float)
    if (half <= 0).any():
        raise ValueError("not above zero")
    return np.sqrt(2 * np.log(2)) / (2 * np.pi * half)


@answers.right("sigma-from-mtf50")
def sigma_from_mtf50(f50):
    if np.ndim(f50) == 0:
        if f50 <= 0:
            raise ValueError("not above zero")
        return (np.log(2) / (2 * np.pi**2 * f50**2)) ** 0.5
    return np.array([sigma_from_mtf50(float(f)) for f in f50])


@answers.wrong("sigma-from-mtf50", says="The 2 of the exponent got lost")
def sigma_from_mtf50(f50):
    return np.sqrt(np.log(2)) / (np.pi * np.asarray(f50))


@answers.wrong("sigma-from-mtf50", says="full width at half maximum")
def sigma_from_mtf50(f50):
    return 2 * np.log(2) / (np.pi * np.asarray(f50))


@answers.wrong("sigma-from-mtf50", says="Pi is missing")
def sigma_from_mtf50(f50):
    return np.sqrt(np.log(2) / 2) / np.asarray(f50)


@answers.wrong("sigma-from-mtf50", says="Take the square root")
def sigma_from_mtf50(f50):
    return np.log(2) / (2 * np.pi**2 * np.asarray(f50) ** 2)


@answers.wrong("sigma-from-mtf50", says="0.61, not 0.5")
def sigma_from_mtf50(f50):
    return 1 / (2 * np.pi * np.asarray(f50))


@answers.wrong("sigma-from-mtf50", says="base-10 logarithm")
def sigma_from_mtf50(f50):
    return np.sqrt(np.log10(2) / 2) / (np.pi * np.asarray(f50))


@answers.wrong("sigma-from-mtf50", says="That is 1 / sigma")
def sigma_from_mtf50(f50):
    return np.pi * np.asarray(f50) / np.sqrt(np.log(2) / 2)


@answers.wrong("sigma-from-mtf50", says="An MTF50 of 0")
def sigma_from_mtf50(f50):
    with np.errstate(all="ignore"):
        return np.sqrt(np.log(2) / 2) / (np.pi * np.asarray(f50, float))


@answers.wrong("sigma-from-mtf50", says="arrays, with NaN in them")
def sigma_from_mtf50(f50):
    f50 = np.asarray(f50, float)
    if not np.all(f50 > 0):
        raise ValueError("not above zero")
    return np.sqrt(np.log(2) / 2) / (np.pi * f50)


@answers.wrong("sigma-from-mtf50", says="Your factor is rounded")
def sigma_from_mtf50(f50):
    f50 = np.asarray(f50, float)
    if (f50 <= 0).any():
        raise ValueError("not above zero")
    return 0.187 / f50


@answers.wrong("sigma-from-mtf50", says="ln 0.5 is negative")
def sigma_from_mtf50(f50):
    with np.errstate(all="ignore"):
        return np.sqrt(np.log(0.5) / 2) / (np.pi * np.asarray(f50))


@answers.wrong("sigma-from-mtf50", says="ln 0.5 is negative")
def sigma_from_mtf50(f50):
    import math

    return math.sqrt(math.log(0.5) / (2 * math.pi**2 * f50**2))


@answers.wrong("sigma-from-mtf50", says="math.sqrt takes one number only")
def sigma_from_mtf50(f50):
    import math

    return math.sqrt(math.log(2) / (2 * math.pi**2 * f50**2))


# 5.7 blurred_contrast ------------------------------------------------------------------------------------------------
@answers.right("blurred-contrast")
def blurred_contrast(levels, sigma, predicted):
    words = {-1: "falls", 0: "stays", 1: "rises"}
    image = np.array(levels, dtype=float)
    if sigma < 0 or (image < 1).any():
        raise ValueError("sigma is negative, or a level is below 1")
    for name in ("contrast", "homogeneity", "energy"):
        if name not in predicted or predicted[name] not in words.values():
            raise ValueError(f"no prediction for {name}")
    n = int(image.max())
    blurred = np.rint(ndimage.gaussian_filter(image, sigma)).astype(np.int64)
    before = texture.texture_features(image.astype(np.int64), n)
    after = texture.texture_features(blurred, n)

    def verdict(name):
        a, b = before[name], after[name]
        step = 0 if np.isclose(a, b, rtol=1e-9, atol=0) else int(np.sign(b - a))
        return (a, b, words[step] == predicted[name])

    return {name: verdict(name) for name in ("contrast", "homogeneity", "energy")}


@answers.right("blurred-contrast")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels)
    if sigma < 0:
        raise ValueError("sigma is negative")
    if np.any(levels < 1):
        raise ValueError("a level is below 1")
    found = {}
    measured = []
    for width in (0, sigma):
        image = levels * 1.0
        if width:
            image = np.rint(ndimage.gaussian_filter(image, width))
        measured.append(texture.texture_features(image.astype(int), int(levels.max())))
    for name in "contrast homogeneity energy".split():
        word = predicted.get(name)
        old, new = measured[0][name], measured[1][name]
        same = abs(old - new) <= 1e-9 * max(old, new)
        if word == "stays":
            right = same
        elif word == "falls":
            right = new < old and not same
        elif word == "rises":
            right = new > old and not same
        else:
            raise ValueError(f"{word!r} is no prediction for {name}")
        found[name] = (old, new, bool(right))
    return found


@answers.wrong("blurred-contrast", says="SciPy gives integers for integers")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = np.maximum(ndimage.gaussian_filter(levels, sigma), 1)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="cut down to whole numbers")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = ndimage.gaussian_filter(levels.astype(float), sigma).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="That is a fixed bin count")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    top = int(levels.max())
    soft = ndimage.gaussian_filter(levels.astype(float), sigma)
    soft = np.minimum(np.floor((soft - soft.min()) / (soft.max() - soft.min()) * top) + 1, top).astype(int)
    old, new = (texture.texture_features(image, top) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="Before and after are exchanged")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma)).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (new[name], old[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="You judged the textbook's prediction")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma)).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    return {
        "contrast": (old["contrast"], new["contrast"], new["contrast"] < old["contrast"]),
        "homogeneity": (old["homogeneity"], new["homogeneity"], new["homogeneity"] > old["homogeneity"]),
        "energy": (old["energy"], new["energy"], new["energy"] > old["energy"]),
    }


@answers.wrong("blurred-contrast", says="You return what happened")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma)).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="The verdict is reversed")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma)).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] != predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="is none of the three words")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma)).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="give it no mode")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma, mode="nearest")).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="give it no mode")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma, mode="constant")).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="the blurred levels still had decimals")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels).astype(int)
    soft = ndimage.gaussian_filter(levels.astype(float), sigma)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }


@answers.wrong("blurred-contrast", says="one part in a million is a change")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels)
    if sigma < 0 or (levels < 1).any():
        raise ValueError("sigma is negative, or a level is below 1")
    for name in ("contrast", "homogeneity", "energy"):
        if predicted.get(name) not in ("falls", "stays", "rises"):
            raise ValueError(f"no prediction for {name}")
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma)).astype(int)
    old, new = (texture.texture_features(image.astype(int), int(levels.max())) for image in (levels, soft))
    found = {}
    for name in ("contrast", "homogeneity", "energy"):
        word = "stays" if np.isclose(old[name], new[name]) else "falls" if new[name] < old[name] else "rises"
        found[name] = (old[name], new[name], word == predicted[name])
    return found


@answers.wrong("blurred-contrast", says="levels that are stored as floats")
def blurred_contrast(levels, sigma, predicted):
    levels = np.asarray(levels)
    if sigma < 0 or (levels < 1).any():
        raise ValueError("sigma is negative, or a level is below 1")
    if levels.dtype.kind == "f":
        raise TypeError("levels are integers")
    for name in ("contrast", "homogeneity", "energy"):
        if predicted.get(name) not in ("falls", "stays", "rises"):
            raise ValueError(f"no prediction for {name}")
    soft = np.rint(ndimage.gaussian_filter(levels.astype(float), sigma)).astype(int)
    old, new = (texture.texture_features(image, int(levels.max())) for image in (levels, soft))
    words = {-1: "falls", 0: "stays", 1: "rises"}
    return {
        name: (old[name], new[name], words[int(np.sign(new[name] - old[name]))] == predicted[name])
        for name in ("contrast", "homogeneity", "energy")
    }
