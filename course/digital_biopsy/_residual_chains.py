"""Products of Jacobians, and bounds on them. NumPy only. Private to the package; `residual` shows it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import numbers, require

Floats = NDArray[np.float64]

#: Cube root of the distance from 1 to the next float64: where rounding and truncation err equally.
STEP: Final = float(np.cbrt(np.finfo(np.float64).eps))


def whole(value: SupportsIndex, name: str, least: int = 1) -> int:
    """A whole number of at least `least`; no float and no truth value."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool | np.bool_) or number < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, not {value!r}.")
    return number


# ---------------------------------------------------------------- products


def chain_norm(jacobians: Iterable[ArrayLike]) -> float:
    """Spectral norm of the product J_L ... J_2 J_1: the largest factor by which the chain stretches an error.

    Parameters
    ----------
    jacobians : sequence of arrays
        J_1 to J_L, from the first layer to the last; J_l has a row for each output of layer l and a column
        for each input, so it has as many columns as the one before has rows.

    Returns
    -------
    float
        0.0 or inf where a float64 cannot hold it; `chain_log10_norm` can.

    Raises
    ------
    ValueError
        If the list is empty, an entry is no matrix of finite numbers, or two shapes do not chain.

    Examples
    --------
    >>> chain_norm([0.5 * np.eye(3)] * 50) == 0.5**50
    True
    """
    return _as_float(*_product(_matrices(jacobians)))


def residual_chain_norm(jacobians: Iterable[ArrayLike]) -> float:
    """Spectral norm of (I + J_L) ... (I + J_1), the chain of blocks x + F(x) whose branches have Jacobians J.

    Arguments, return value and errors as for `chain_norm`; each Jacobian is square.

    Examples
    --------
    >>> f"{residual_chain_norm([0.5 * np.eye(3)] * 50):.1e}"
    '6.4e+08'
    >>> residual_chain_norm([-0.5 * np.eye(3)] * 50) == 0.5**50
    True
    """
    return _as_float(*_product(_with_identity(jacobians)))


def chain_log10_norm(jacobians: Iterable[ArrayLike]) -> float:
    """Decimal logarithm of `chain_norm`, for chains of any length: it neither overflows nor underflows.

    The product is rescaled by powers of two, which is exact, after every step. What cannot be kept is a
    direction that has become 1e308 times weaker than the strongest one. A product of zero gives -inf.

    Examples
    --------
    >>> round(chain_log10_norm([0.01 * np.eye(3)] * 1000), 6)
    -2000.0
    """
    return _as_log10(*_product(_matrices(jacobians)))


def residual_chain_log10_norm(jacobians: Iterable[ArrayLike]) -> float:
    """Decimal logarithm of `residual_chain_norm`, as `chain_log10_norm` is of `chain_norm`.

    Examples
    --------
    >>> round(residual_chain_log10_norm([0.5 * np.eye(3)] * 10_000), 3)
    1760.913
    """
    return _as_log10(*_product(_with_identity(jacobians)))


def _matrices(jacobians: Iterable[ArrayLike]) -> list[Floats]:
    if isinstance(jacobians, str | bytes) or not isinstance(jacobians, Iterable):
        raise ValueError(f"jacobians must be a list of matrices, not {jacobians!r}.")
    chain = [numbers(jacobian, f"Jacobian {i}") for i, jacobian in enumerate(jacobians, start=1)]
    if not chain:
        raise ValueError("jacobians is empty: a chain needs one Jacobian or more.")
    for i, matrix in enumerate(chain, start=1):
        if matrix.ndim != 2 or not matrix.size:
            raise ValueError(
                f"Jacobian {i} has the shape {matrix.shape}; give a matrix with a row for each output of its "
                "layer and a column for each input. One Jacobian alone goes into a list of one."
            )
        require(np.isfinite(matrix), f"Jacobian {i} holds NaN or infinity: no product of it has a norm.")
        if i > 1 and matrix.shape[1] != chain[i - 2].shape[0]:
            raise ValueError(
                f"Jacobian {i - 1} gives {chain[i - 2].shape[0]} numbers and Jacobian {i} takes "
                f"{matrix.shape[1]}: they do not chain. List them from the first layer to the last."
            )
    return chain


def _with_identity(jacobians: Iterable[ArrayLike]) -> list[Floats]:
    chain = _matrices(jacobians)
    for i, matrix in enumerate(chain, start=1):
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(
                f"Jacobian {i} has the shape {matrix.shape}; x + F(x) needs an F with as many outputs as "
                "inputs, so its Jacobian is square."
            )
    return [np.eye(len(matrix)) + matrix for matrix in chain]


def _scaled(matrix: Floats) -> tuple[Floats, int]:
    """The matrix over a power of two that brings its largest entry to 0.5 or more and below 1."""
    exponent = int(np.frexp(np.abs(matrix).max())[1])
    return np.ldexp(matrix, -exponent), exponent


def _product(chain: list[Floats]) -> tuple[float, int]:
    """The spectral norm of a product as (m, e), which stand for m 2^e."""
    product, exponent = _scaled(chain[0])
    for matrix in chain[1:]:
        factor, e = _scaled(matrix)
        product, more = _scaled(factor @ product)
        exponent += e + more
    return float(np.linalg.norm(product, 2)), exponent


def _as_float(mantissa: float, exponent: int) -> float:
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        return math.inf


def _as_log10(mantissa: float, exponent: int) -> float:
    return math.log10(mantissa) + exponent * math.log10(2.0) if mantissa > 0 else -math.inf


# ---------------------------------------------------------------- bounds


def residual_bounds(rho: float, depth: int) -> tuple[float, float]:
    """Between which two numbers a chain of residual blocks scales any error: (1 - rho)^L and (1 + rho)^L.

    Every singular value of I + J lies between 1 - rho and 1 + rho where the norm of J is at most rho. So the
    bounds hold for `residual_chain_norm` and for every single gradient that is sent through the chain; J = -rho I
    and J = rho I reach them.

    Parameters
    ----------
    rho : float
        Largest spectral norm of a branch's Jacobian, zero or more.
    depth : int
        Number L of blocks, 1 or more.

    Returns
    -------
    (lower, upper) : floats
        `lower` is 0 for rho >= 1: then I + J may send an error to nothing. `upper` is inf beyond float64.

    Raises
    ------
    ValueError
        If `rho` is negative, NaN or infinite, or `depth` is no whole number above zero.

    Examples
    --------
    >>> lower, upper = residual_bounds(0.5, 50)
    >>> f"{lower:.1e} {upper:.1e}"
    '8.9e-16 6.4e+08'
    """
    size, blocks = _bound_arguments(rho, depth)
    with np.errstate(over="ignore", under="ignore"):
        lower, upper = np.power([max(1.0 - size, 0.0), 1.0 + size], float(blocks))
    return float(lower), float(upper)


def residual_log10_bounds(rho: float, depth: int) -> tuple[float, float]:
    """Decimal logarithms of `residual_bounds`, for any depth; the lower one is -inf for rho >= 1.

    Examples
    --------
    >>> [round(bound, 2) for bound in residual_log10_bounds(0.5, 50)]
    [-15.05, 8.8]
    """
    size, blocks = _bound_arguments(rho, depth)
    lower = blocks * math.log1p(-size) / math.log(10.0) if size < 1 else -math.inf
    return lower, blocks * math.log1p(size) / math.log(10.0)


def _bound_arguments(rho: float, depth: int) -> tuple[float, int]:
    size = numbers(rho, "rho")
    if size.ndim or not np.isfinite(size) or size < 0:
        raise ValueError(f"rho is the norm of a Jacobian, a finite number that is zero or more, not {rho!r}.")
    return float(size), whole(depth, "depth")


# ---------------------------------------------------------------- Jacobians by differences


def numeric_jacobian(f: Callable[[Floats], Any], x: ArrayLike, step: float | None = None) -> Floats:
    """Jacobian of `f` at `x` by central differences: entry [i, j] is the slope of output i along input j.

    Parameters
    ----------
    f : callable
        Takes a float64 array in the shape of `x`, returns a number or an array. It is called twice for each
        input, always with a fresh array.
    x : array
        Where. An array of more than one axis is read in C order, and so is the value of `f`.
    step : float, optional
        How far to go to each side. By default 6.06e-6 times the larger of 1 and the size of x_j, 6.06e-6 being the
        cube root of float64's spacing at 1: a smaller step loses digits by rounding, a larger one by curvature.
        Where `f` bends over lengths far below 1, give a smaller one.

    Returns
    -------
    float64 array, shape (outputs, inputs)

    Raises
    ------
    ValueError
        If `x` is empty or not finite, `f` gives NaN, infinity or a changing number of values, or `step` is not
        above zero or too small to change `x`.

    Examples
    --------
    >>> numeric_jacobian(lambda x: [x[0] * x[1], x[0] ** 2], [2.0, 3.0]).round(6)
    array([[3., 2.],
           [4., 0.]])
    """
    point = numbers(x, "x")
    require(np.isfinite(point), "x holds NaN or infinity: take the Jacobian at a point.")
    if not point.size:
        raise ValueError("x is empty: a Jacobian needs one input or more.")
    start = point.ravel()
    if step is None:
        steps = STEP * np.maximum(1.0, np.abs(start))
    else:
        width = numbers(step, "step")
        require(np.isfinite(width) & (width > 0) & (width.ndim == 0), "step must be one number above zero.")
        steps = np.full(start.size, float(width))
    columns: list[Floats] = []
    for j, h in enumerate(steps):
        ahead, behind = start.copy(), start.copy()
        ahead[j] += h
        behind[j] -= h
        gap = ahead[j] - behind[j]  # what rounding has made of 2 h
        require(gap > 0, f"A step of {h:g} does not change x = {start[j]:g}: take a longer one.")
        high, low = (_value(f, moved.reshape(point.shape)) for moved in (ahead, behind))
        if high.size != low.size or (columns and high.size != columns[0].size):
            raise ValueError(
                "f gives different numbers of values at neighbouring points: it has no Jacobian."
            )
        columns.append((high - low) / gap)
    return np.stack(columns, axis=1)


def _value(f: Callable[[Floats], Any], x: Floats) -> Floats:
    result = f(x)
    if hasattr(result, "detach"):  # a tensor that still knows where it came from
        result = result.detach()
    value = numbers(result, "The value of f").ravel()
    require(np.isfinite(value), "f gives NaN or infinity beside x: it has no Jacobian there.")
    return value
