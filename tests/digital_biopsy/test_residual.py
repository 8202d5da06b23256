"""Chapter 7: chains of Jacobians, their bounds, and Jacobians by differences."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from digital_biopsy.residual import (
    chain_log10_norm,
    chain_norm,
    numeric_jacobian,
    residual_bounds,
    residual_chain_log10_norm,
    residual_chain_norm,
    residual_log10_bounds,
)

# ---------------------------------------------------------------- chains


def drawn(shapes: list[tuple[int, int]], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def test_chain_is_the_product_in_the_order_of_the_layers() -> None:
    first, second, third = drawn([(5, 3), (2, 5), (4, 2)])
    expected = np.linalg.norm(third @ second @ first, 2)
    assert chain_norm([first, second, third]) == pytest.approx(expected, rel=1e-13)
    a, b = drawn([(4, 4), (4, 4)], seed=1)
    assert chain_norm([a, b]) == pytest.approx(np.linalg.norm(b @ a, 2), rel=1e-13)
    assert chain_norm([b, a]) != pytest.approx(chain_norm([a, b]), rel=0.01)


def test_residual_chain_adds_the_identity_to_each() -> None:
    a, b = drawn([(4, 4), (4, 4)], seed=2)
    expected = np.linalg.norm((np.eye(4) + b) @ (np.eye(4) + a), 2)
    assert residual_chain_norm([a, b]) == pytest.approx(expected, rel=1e-13)


def test_the_norm_is_spectral() -> None:
    assert chain_norm([np.diag([3.0, 4.0])]) == pytest.approx(4.0)  # Frobenius: 5
    assert chain_norm([[[0.0, 7.0], [0.0, 0.0]]]) == pytest.approx(7.0)  # largest eigenvalue: 0
    assert residual_chain_norm([[[0.0, 1.0], [0.0, 0.0]]]) == pytest.approx((1 + math.sqrt(5)) / 2)


def test_the_traps() -> None:
    half = 0.5 * np.eye(3)
    assert chain_norm([half] * 50) == 0.5**50
    assert residual_chain_norm([-half] * 50) == 0.5**50
    assert residual_chain_norm([half] * 50) == pytest.approx(1.5**50, rel=1e-14)
    assert f"{residual_chain_norm([half] * 50):.0e}" == "6e+08"
    assert residual_chain_norm([-np.eye(3)] * 2) == 0.0


def test_integers_views_generators_and_stacks() -> None:
    whole = [np.array([[1, 2], [3, 4]], np.int8), np.array([[100, 100], [100, 100]], np.int8)]
    assert chain_norm(whole) == pytest.approx(np.linalg.norm(np.array([[400, 600], [400, 600]]), 2))
    stack = np.random.default_rng(3).standard_normal((6, 4, 4))
    expected = chain_norm(list(stack))
    assert chain_norm(stack) == chain_norm(matrix for matrix in stack) == expected
    assert chain_norm(np.asfortranarray(stack)) == pytest.approx(expected, rel=1e-14)
    assert chain_norm([m.T for m in stack[::-1]]) == pytest.approx(expected, rel=1e-12)  # (AB)^T = B^T A^T
    before = stack.copy()
    residual_chain_norm(stack)
    np.testing.assert_array_equal(stack, before)


def exact_log10(chain: list[np.ndarray]) -> float:
    """Decimal logarithm of the norm of a product of whole numbers, multiplied without rounding."""
    product = np.array(chain[0].tolist(), dtype=object)
    for matrix in chain[1:]:
        product = np.array(matrix.tolist(), dtype=object).dot(product)
    largest = max(abs(int(entry)) for entry in product.ravel())
    shift = max(largest.bit_length() - 60, 0)
    small = np.array([[float(int(entry) >> shift) for entry in row] for row in product])
    return math.log10(np.linalg.norm(small, 2)) + shift * math.log10(2)


@pytest.mark.parametrize("depth", [50, 300, 1000])
def test_long_chains_neither_overflow_nor_vanish(depth: int) -> None:
    chain = list(np.random.default_rng(depth).integers(-9, 10, (depth, 4, 4)))
    expected = exact_log10(chain)
    assert expected > 0.9 * depth  # a float64 ends at 308
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chain_log10_norm(chain) == pytest.approx(expected, rel=1e-12)
        tiny = [1e-3 * matrix for matrix in chain]
        assert chain_log10_norm(tiny) == pytest.approx(expected - 3 * depth, rel=1e-10)
        one_more = [matrix - np.eye(4) for matrix in chain]
        assert residual_chain_log10_norm(one_more) == pytest.approx(expected, rel=1e-12)
        plain = chain_norm(chain)
    assert plain == pytest.approx(10**expected, rel=1e-9) if expected < 300 else plain == math.inf


def test_beyond_float64_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chain_norm([1e-200 * np.eye(2)] * 3) == 0.0
        assert chain_log10_norm([1e-200 * np.eye(2)] * 3) == pytest.approx(-600)
        assert residual_chain_norm([1e200 * np.eye(2)] * 3) == math.inf
        assert chain_log10_norm([1.7e308 * np.ones((2, 2))] * 4) == pytest.approx(
            4 * math.log10(3.4) + 4 * 308
        )
        assert chain_log10_norm([np.eye(2), np.zeros((2, 2)), np.eye(2)]) == -math.inf
        assert chain_norm([np.zeros((2, 2))] * 3) == 0.0
        assert chain_log10_norm([5e-324 * np.eye(2)] * 2) == pytest.approx(2 * math.log10(5e-324))


def test_the_logarithm_agrees_with_the_norm() -> None:
    chain = drawn([(6, 6)] * 12, seed=4)
    assert 10 ** chain_log10_norm(chain) == pytest.approx(chain_norm(chain), rel=1e-12)
    assert 10 ** residual_chain_log10_norm(chain) == pytest.approx(residual_chain_norm(chain), rel=1e-12)


EVERY: list[Callable[[Any], float]] = [
    chain_norm, chain_log10_norm, residual_chain_norm, residual_chain_log10_norm,
]  # fmt: skip


@pytest.mark.parametrize(
    ("jacobians", "words"),
    [
        ([], "jacobians is empty"),
        (np.zeros((0, 2, 2)), "jacobians is empty"),
        (3.0, "must be a list of matrices"),
        ("JJ", "must be a list of matrices"),
        (np.eye(2), "Jacobian 1 has the shape .2,.*goes into a list of one"),
        ([1.0, 2.0], r"Jacobian 1 has the shape \(\)"),
        ([np.zeros((2, 0))], r"Jacobian 1 has the shape \(2, 0\)"),
        ([np.eye(2), [[1.0, np.nan], [0.0, 1.0]]], "Jacobian 2 holds NaN or infinity"),
        ([[[np.inf]]], "Jacobian 1 holds NaN or infinity"),
        ([np.eye(2), np.eye(3)], "Jacobian 1 gives 2 numbers and Jacobian 2 takes 3"),
        ([[[1.0, 2.0], [3.0]]], "Jacobian 1 must be an array whose rows are all of one length"),
        ([[["a"]]], "Jacobian 1 must be a number or an array of numbers"),
        ([np.eye(2) * 1j], "Jacobian 1 must be a number or an array of numbers"),
    ],
)
def test_bad_chains(jacobians: Any, words: str) -> None:
    for call in EVERY:
        with pytest.raises(ValueError, match=words):
            call(jacobians)


def test_shapes_chain_from_first_to_last_and_not_the_other_way() -> None:
    first, second = drawn([(5, 3), (2, 5)])
    assert chain_norm([first, second]) > 0
    with pytest.raises(
        ValueError, match=r"Jacobian 1 gives 2 numbers and Jacobian 2 takes 3.*from the first"
    ):
        chain_norm([second, first])
    with pytest.raises(ValueError, match=r"Jacobian 1 has the shape .5, 3.*square"):
        residual_chain_norm([first])


# ---------------------------------------------------------------- bounds


def test_bounds() -> None:
    assert residual_bounds(0.5, 50) == (0.5**50, pytest.approx(6.376e8, rel=1e-3))
    assert residual_bounds(0.0, 7) == (1.0, 1.0)
    assert residual_bounds(1.0, 3) == (0.0, 8.0)
    assert residual_bounds(2, 2) == (0.0, 9.0)  # not (-1)^2
    assert residual_bounds(2.0, 3) == (0.0, 27.0)
    assert all(type(bound) is float for bound in residual_bounds(np.float32(0.5), np.int64(3)))


def test_bounds_beyond_float64_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert residual_bounds(0.9, 1000) == (0.0, pytest.approx(10**278.7536, rel=1e-3))
        assert residual_bounds(5.0, 1000) == (0.0, math.inf)
        assert residual_log10_bounds(0.9, 1000) == (pytest.approx(-1000), pytest.approx(278.7536))
        assert residual_log10_bounds(1.0, 9) == (-math.inf, pytest.approx(9 * math.log10(2)))
        assert residual_log10_bounds(1e-20, 10)[1] == pytest.approx(1e-19 / math.log(10))


@pytest.mark.parametrize("rho", [0.01, 0.3, 0.9])
@pytest.mark.parametrize("depth", [1, 10, 50])
def test_every_chain_lies_between_the_bounds_and_both_are_reached(rho: float, depth: int) -> None:
    rng = np.random.default_rng(depth)
    lower, upper = residual_log10_bounds(rho, depth)
    for _ in range(5):
        chain = rng.standard_normal((depth, 6, 6))
        chain *= rho / np.linalg.norm(chain, 2, axis=(1, 2), keepdims=True)
        assert lower - 1e-9 <= residual_chain_log10_norm(chain) <= upper + 1e-9
        error = rng.standard_normal(6)
        arrived = error.copy()
        for jacobian in chain[::-1]:
            arrived = arrived + jacobian.T @ arrived
        travelled = math.log10(np.linalg.norm(arrived) / np.linalg.norm(error))
        assert lower - 1e-9 <= travelled <= upper + 1e-9
        assert chain_log10_norm(chain) <= depth * math.log10(rho) + 1e-9
    assert residual_chain_log10_norm([-rho * np.eye(3)] * depth) == pytest.approx(lower, rel=1e-9)
    assert residual_chain_log10_norm([rho * np.eye(3)] * depth) == pytest.approx(upper, rel=1e-9)


@pytest.mark.parametrize(
    ("rho", "depth", "words"),
    [
        (-0.1, 5, "rho is the norm"),
        (math.nan, 5, "rho is the norm"),
        (math.inf, 5, "rho is the norm"),
        ([0.1, 0.2], 5, "rho is the norm"),
        ("a", 5, "rho must be a number"),
        (None, 5, "rho must be a number"),
        (0.5, 0, "depth must be a whole number, 1 or more, not 0"),
        (0.5, -1, "depth must be"),
        (0.5, 2.0, "depth must be"),
        (0.5, True, "depth must be"),
        (0.5, "3", "depth must be"),
    ],
)
def test_bad_bounds(rho: Any, depth: Any, words: str) -> None:
    for call in (residual_bounds, residual_log10_bounds):
        with pytest.raises(ValueError, match=words):
            call(rho, depth)


# ---------------------------------------------------------------- Jacobians by differences


def test_jacobian_of_a_linear_map_is_its_matrix() -> None:
    A = np.random.default_rng(0).standard_normal((4, 3))
    x = [0.3, -2.0, 10.0]
    found = numeric_jacobian(lambda v: A @ v + 1, x)
    assert found.shape == (4, 3) and found.dtype == np.float64
    np.testing.assert_allclose(found, A, rtol=1e-8)


def test_differences_are_central() -> None:
    """One-sided ones would be wrong by the step: 3e-6 here."""
    found = numeric_jacobian(lambda v: np.exp(v), [0.0, 1.0, -3.0])
    np.testing.assert_allclose(found, np.diag(np.exp([0.0, 1.0, -3.0])), rtol=2e-10, atol=1e-12)
    assert numeric_jacobian(np.abs, [0.0])[0, 0] == 0.0
    assert numeric_jacobian(lambda v: v**2, [5.0], step=1.0)[0, 0] == 10.0
    assert numeric_jacobian(lambda v: v**3, [0.0], step=0.5)[0, 0] == 0.25  # the step squared


def test_shapes_of_inputs_and_outputs() -> None:
    assert numeric_jacobian(lambda v: v.sum(), [1, 2, 3]).tolist() == [[pytest.approx(1.0)] * 3]
    assert numeric_jacobian(math.sin, 0.0).shape == (1, 1)
    image = np.arange(6.0).reshape(2, 3)
    turned = np.eye(6)[[0, 3, 1, 4, 2, 5]]  # rows follow the transposed image, columns the image
    np.testing.assert_allclose(numeric_jacobian(lambda v: v.T, image), turned, atol=1e-9)
    np.testing.assert_allclose(numeric_jacobian(lambda v: 2 * v, image.T), 2 * np.eye(6), atol=1e-9)


def test_large_inputs_and_functions_that_write_into_theirs() -> None:
    assert numeric_jacobian(lambda v: v**2, [1e12])[0, 0] == pytest.approx(2e12, rel=1e-9)

    def careless(v: np.ndarray) -> np.ndarray:
        v *= 3.0
        return v

    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(numeric_jacobian(careless, x), 3 * np.eye(2), atol=1e-9)
    assert x.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("f", "x", "step", "words"),
    [
        (np.sin, [], None, "x is empty"),
        (np.sin, [np.nan], None, "x holds NaN"),
        (np.sin, ["a"], None, "x must be a number or an array"),
        (lambda v: v * np.nan, [1.0], None, "f gives NaN or infinity"),
        (lambda v: "text", [1.0], None, "The value of f must be a number or an array"),
        (lambda v: np.zeros(1 + (v[0] > 0)), [0.0], None, "different numbers of values"),
        (lambda v: np.zeros(1 + (abs(v[1]) > 0)), [0.0, 0.0], None, "different numbers of values"),
        (np.sin, [1.0], 0.0, "step must be one number above zero"),
        (np.sin, [1.0], -1e-3, "step must be"),
        (np.sin, [1.0], np.nan, "step must be"),
        (np.sin, [1.0, 2.0], [0.1, 0.1], "step must be"),
        (np.sin, [1.0], 1e-30, "A step of 1e-30 does not change x = 1"),
    ],
)
def test_bad_jacobians(f: Any, x: Any, step: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        numeric_jacobian(f, x, step)


# ---------------------------------------------------------------- the price of an import


def test_only_the_chapter_pays_for_torch() -> None:
    program = (
        "import sys, digital_biopsy as db\n"
        "from digital_biopsy import claims\n"
        "claims.TRIALS, dir(db)\n"
        "assert 'torch' not in sys.modules\n"
        "db.residual.chain_norm\n"
        "assert 'torch' in sys.modules\n"
        "heavy = {'matplotlib', 'ipywidgets', 'IPython', 'skimage'} & set(sys.modules)\n"
        "upward = {'digital_biopsy.' + n for n in ('demos', 'check', 'cli', 'claims.residual')} & set(sys.modules)\n"
        "sys.exit(repr(heavy | upward) if heavy | upward else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
