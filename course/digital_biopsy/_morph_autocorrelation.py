"""Moran's I and Geary's C: are near voxels alike? Private to the package."""

from __future__ import annotations

import numpy as np
from scipy import fft

from ._shape_checks import Bools, Floats, bounding_box


def moran_geary(image: Floats, inside: Bools, steps: tuple[float, ...]) -> tuple[float, float]:
    """Moran's I (IBSI N365) and Geary's C (IBSI NPT7), every pair weighted by one over its distance.

    Both are sums over all pairs of voxels. With d = value - mean and w = 1 / distance they need only

        sum of w d_i d_j,    sum of w,    sum of w d_i^2,

    each a correlation of two images with a fixed kernel w: products of Fourier transforms. The work grows as
    n log n in place of n^2, and the result is exact.

    Returns
    -------
    (float, float)
        NaN for both if there are fewer than two voxels, or all have one value.
    """
    box = bounding_box(inside)
    if box is None:
        return float("nan"), float("nan")
    region = inside[box].astype(np.float64)
    count = int(region.sum())
    values = np.where(inside[box], image[box], 0.0)
    centred = (values - values.sum() / count) * region
    spread = float((centred**2).sum())
    largest = float(np.abs(values).max())
    if count < 2 or spread <= count * (1e-14 * largest) ** 2:
        return float("nan"), float("nan")

    # Twice the size: far lags must not meet near ones round the corner.
    shape = [fft.next_fast_len(2 * length - 1, real=True) for length in region.shape]
    square: Floats = np.zeros([1] * len(shape))
    for axis, (length, step) in enumerate(zip(shape, steps, strict=True)):
        lag = np.minimum(np.arange(length), length - np.arange(length)) * step
        square = square + (lag**2).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    kernel = np.sqrt(square)
    kernel.flat[0] = np.inf  # a voxel is no pair with itself
    np.reciprocal(kernel, out=kernel)
    kernel_spectrum = fft.rfftn(kernel).real
    del kernel

    # One plane of the half spectrum stands for itself and its mirror image, but for the first and the last.
    twice = np.full(kernel_spectrum.shape[-1], 2.0)
    twice[0] = 1.0
    if shape[-1] % 2 == 0:
        twice[-1] = 1.0
    kernel_spectrum *= twice / float(np.prod(shape))

    of_region = fft.rfftn(region, shape)
    total = float((kernel_spectrum * np.abs(of_region) ** 2).sum())
    of_region *= kernel_spectrum
    spectrum = fft.rfftn(centred**2, shape)
    of_squares = float((spectrum * of_region.conj()).real.sum())
    del of_region
    spectrum = fft.rfftn(centred, shape)
    products = float((kernel_spectrum * np.abs(spectrum) ** 2).sum())

    moran = count / total * products / spread
    geary = (count - 1) / (2 * total) * (2 * of_squares - 2 * products) / spread
    return moran, geary
