"""What the texture module says of bad arguments, and what memory it takes."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from digital_biopsy import _glcm, texture
from digital_biopsy.texture import (
    contrast,
    contrast_from_statistics,
    energy,
    glcm,
    glcm_counts,
    glcm_features,
    homogeneity,
    matrix_features,
    texture_features,
    unique_offsets,
)

# ---------------------------------------------------------------- errors

OK = np.ones((3, 3), int)


@pytest.mark.parametrize(
    ("levels", "n", "words"),
    [
        (np.ones(4, int), 2, "2-D.*3-D.*has 1 axis"),
        (np.ones((2, 2, 2, 2), int), 2, "has 4 axes"),
        (1, 2, "has 0 axes"),
        ([[1, 2], [1]], 2, "rows are all of one length"),
        ([["a", "b"]], 2, "whole numbers"),
        (np.ones((2, 2), bool), 2, "whole numbers"),
        (np.ones((2, 2), complex), 2, "whole numbers"),
        ([[1.0, np.nan]], 2, "NaN.*outside the ROI the level 0"),
        ([[1.0, np.inf]], 2, "NaN or infinity"),
        ([[1.0, -np.inf]], 2, "NaN or infinity"),
        ([[1.5, 1.0]], 2, "decimals"),
        ([[-1, 1]], 2, "level -1 does not"),
        ([[3, 1]], 2, "n_levels = 2.*level 3 does not"),
        (np.array([[2**64 - 1, 1]], np.uint64), 2, "between 1 and n_levels"),
        (OK, 0, "n_levels must be a whole number, 1 or more"),
        (OK, -3, "n_levels"),
        (OK, 2.0, "n_levels"),
        (OK, True, "n_levels"),
        (OK, None, "n_levels"),
        (OK, 10_001, "10001.*16 to 64 are usual"),
    ],
)
def test_bad_levels(levels: Any, n: Any, words: str) -> None:
    for call in (
        lambda: glcm_counts(levels, (0, 1), n),
        lambda: glcm(levels, (0, 1), n),
        lambda: texture_features(levels, n),
        lambda: glcm_features(levels, n),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        ((0, 0), "itself"),
        ((1,), "1 numbers for 2 axes"),
        ((1, 0, 0), "3 numbers for 2 axes"),
        (1, "1 numbers for 2 axes"),
        ((0.5, 1), "whole numbers"),
        ((True, False), "whole numbers"),
        ("ab", "whole numbers"),
        (None, "whole numbers"),
        ([[0, 1]], "whole numbers"),
        ([[0], [1, 2]], "whole numbers"),
    ],
)
def test_bad_offsets(offset: Any, words: str) -> None:
    for call in (glcm_counts, glcm):
        with pytest.raises(ValueError, match=words):
            call(OK, offset, 2)


@pytest.mark.parametrize(
    ("P", "words"),
    [
        ([0.5, 0.5], "square"),
        ([[0.5, 0.5]], "square"),
        (np.zeros((0, 0)), "square"),
        (1.0, "square"),
        ([[2, 1], [1, 0]], "sums to 4.*Divide"),
        (np.zeros((2, 2)), "sums to 0"),
        ([[1.5, -0.5], [0, 0]], "zero or more"),
        ([[np.nan, 1], [0, 0]], "zero or more"),
        ([[np.inf, 1], [0, 0]], "sum"),
        ([["a"]], "array of numbers"),
    ],
)
def test_bad_matrices(P: Any, words: str) -> None:
    for measure in (
        contrast,
        energy,
        homogeneity,
        matrix_features,
        texture.joint_variance,
        texture.correlation,
    ):
        with pytest.raises(ValueError, match=words):
            measure(P)


def test_other_errors() -> None:
    with pytest.raises(ValueError, match=r"no aggregation '4D'.*3D, merged"):
        glcm_features(OK, 2, "4D")
    for distance in (0, -1, 1.0, True):
        with pytest.raises(ValueError, match="distance"):
            unique_offsets(2, distance)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="distance"):
            glcm_features(OK, 2, distance=distance)  # type: ignore[arg-type]
    for ndim in (0, -2, 2.0, "2", True):
        with pytest.raises(ValueError, match="ndim"):
            unique_offsets(ndim)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative"):
        contrast_from_statistics(-1.0, 0.5)
    with pytest.raises(ValueError, match="between -1 and 1"):
        contrast_from_statistics(1.0, 1.1)
    assert np.isnan(contrast_from_statistics(0.0, np.nan))
    np.testing.assert_allclose(contrast_from_statistics([1, 2], 0.5), [1, 2])


# ---------------------------------------------------------------- memory


@pytest.mark.parametrize(
    "kind", [np.uint8, np.int32, np.int64, np.float32], ids=lambda kind: np.dtype(kind).name
)
@pytest.mark.parametrize("shape", [(64, 64, 64), (96, 96, 96), (512, 512), (1024, 1024)], ids=str)
@pytest.mark.parametrize("n", [8, 32, 64])
def test_memory(shape: tuple[int, ...], n: int, kind: type) -> None:
    """Beyond the matrices at most twice the input, or 1 MB where that is more."""
    levels = np.random.default_rng(0).integers(0, n + 1, shape).astype(kind)
    offsets = unique_offsets(len(shape))
    working = max(2 * levels.nbytes, 2**20)
    allowed = working + 8 * len(offsets) * n * n
    assert _peak(lambda: glcm_counts(levels, offsets[-1], n)) <= allowed
    assert _peak(lambda: _glcm.count_pairs(levels, offsets, n)) <= allowed
    assert _peak(lambda: texture_features(levels, n)) <= allowed
    assert _peak(lambda: glcm_features(levels, n)) <= working + 8 * 13 * n * n


@pytest.mark.parametrize("distance", [2, 10, 40, 95])
def test_memory_of_long_steps(distance: int) -> None:
    levels = np.ones((96, 96, 96), np.uint8)
    assert _peak(lambda: glcm_features(levels, 32, distance=distance)) <= 2 * levels.nbytes


def _peak(call: Any) -> int:
    """Bytes that a call held at most, over what there was before; its result still counts."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
