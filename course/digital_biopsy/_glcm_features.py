"""The 25 features that IBSI reads from a co-occurrence matrix. Private to the package.

Definitions: IBSI reference manual, chapter 3.6, family LFYI. Entropies are in bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Floats = NDArray[np.float64]

#: IBSI's names, as identifiers, and its codes.
GLCM_FEATURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "joint_maximum": "GYBY",
        "joint_average": "60VM",
        "joint_variance": "UR99",
        "joint_entropy": "TU9B",
        "difference_average": "TF7R",
        "difference_variance": "D3YU",
        "difference_entropy": "NTRS",
        "sum_average": "ZGXS",
        "sum_variance": "OEEB",
        "sum_entropy": "P6QZ",
        "angular_second_moment": "8ZQL",
        "contrast": "ACUI",
        "dissimilarity": "8S9J",
        "inverse_difference": "IB1Z",
        "normalised_inverse_difference": "NDRX",
        "inverse_difference_moment": "WF0Z",
        "normalised_inverse_difference_moment": "1QCO",
        "inverse_variance": "E8JP",
        "correlation": "NI2N",
        "autocorrelation": "QWB0",
        "cluster_tendency": "DG8W",
        "cluster_shade": "7NFM",
        "cluster_prominence": "AE86",
        "information_correlation_1": "R8DG",
        "information_correlation_2": "JN9H",
    }
)


def measured(joint: Floats) -> dict[str, Floats]:
    """The features of m matrices of joint probabilities, shape (m, n, n): by name, shape (m,).

    Where neighbours do not vary, correlation and the first information correlation are 0/0: NaN.
    """
    n = joint.shape[1]
    level = np.arange(1.0, n + 1.0)
    rows, columns = joint.sum(axis=2), joint.sum(axis=1)
    row_mean, column_mean = rows @ level, columns @ level
    row_parts = level - row_mean[:, np.newaxis]
    column_parts = level - column_mean[:, np.newaxis]
    row_variance = (row_parts**2 * rows).sum(axis=1)
    column_variance = (column_parts**2 * columns).sum(axis=1)
    covariance = np.einsum("mij,mi,mj->m", joint, row_parts, column_parts)

    # p(|i - j| = k) for k = 0 to n - 1, and p(i + j = s) for s = 2 to 2 n.
    place = np.arange(n)
    difference = _sums(joint, np.abs(place[:, np.newaxis] - place), n)
    total = _sums(joint, place[:, np.newaxis] + place, 2 * n - 1)
    k, s = np.arange(float(n)), np.arange(2.0, 2.0 * n + 1.0)
    difference_mean, sum_mean = difference @ k, total @ s
    difference_parts = k - difference_mean[:, np.newaxis]
    sum_parts = s - sum_mean[:, np.newaxis]
    sum_variance = (sum_parts**2 * total).sum(axis=1)

    joint_entropy = _entropy(joint.reshape(len(joint), -1))
    row_entropy, column_entropy = _entropy(rows), _entropy(columns)
    # IBSI's HXY1 and HXY2 are both the sum of the margins' entropies: the two features are functions of
    # the information that neighbours share.
    shared = np.maximum(row_entropy + column_entropy - joint_entropy, 0.0)

    return {
        "joint_maximum": joint.max(axis=(1, 2)),
        "joint_average": row_mean,
        "joint_variance": row_variance,
        "joint_entropy": joint_entropy,
        "difference_average": difference_mean,
        "difference_variance": (difference_parts**2 * difference).sum(axis=1),
        "difference_entropy": _entropy(difference),
        "sum_average": sum_mean,
        "sum_variance": sum_variance,
        "sum_entropy": _entropy(total),
        "angular_second_moment": np.einsum("mij,mij->m", joint, joint),
        "contrast": difference @ k**2,
        "dissimilarity": difference_mean,
        "inverse_difference": difference @ (1 / (1 + k)),
        "normalised_inverse_difference": difference @ (1 / (1 + k / n)),
        "inverse_difference_moment": difference @ (1 / (1 + k**2)),
        "normalised_inverse_difference_moment": difference @ (1 / (1 + (k / n) ** 2)),
        "inverse_variance": difference[:, 1:] @ (1 / k[1:] ** 2),
        "correlation": _ratio(covariance, np.sqrt(row_variance * column_variance)),
        "autocorrelation": covariance + row_mean * column_mean,
        "cluster_tendency": sum_variance,
        "cluster_shade": (sum_parts**3 * total).sum(axis=1),
        "cluster_prominence": (sum_parts**4 * total).sum(axis=1),
        "information_correlation_1": _ratio(-shared, np.maximum(row_entropy, column_entropy)),
        "information_correlation_2": np.sqrt(1 - np.exp(-2 * shared)),
    }


def _sums(joint: Floats, group: NDArray[np.intp], size: int) -> Floats:
    """Sum of each matrix over the entries of each group 0 to `size` - 1, shape (m, size)."""
    return np.array([np.bincount(group.ravel(), one.ravel(), size) for one in joint]).reshape(-1, size)


def _entropy(p: Floats) -> Floats:
    """In bits, along the last axis; an impossible event adds nothing."""
    return np.asarray(np.abs(xlogy(p, p).sum(axis=-1)) / np.log(2.0))


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where `below` is nothing but rounding."""
    nothing: Any = np.full_like(above, np.nan)
    return np.asarray(np.divide(above, below, out=nothing, where=below > 1e-12))
