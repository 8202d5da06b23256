"""Texture against figures and programs of others: IBSI's digital phantom, and scikit-image."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.feature import graycomatrix, graycoprops

from digital_biopsy import texture
from digital_biopsy._glcm import aggregated_counts
from digital_biopsy.texture import (
    AGGREGATIONS,
    GLCM_FEATURES,
    glcm,
    glcm_counts,
    glcm_features,
    matrix_features,
)

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "ibsi_1_reference_values"
TABLE = FOLDER / "ibsi_digital_phantom.json"
needs_table = pytest.mark.skipif(
    not TABLE.exists(), reason="the table of IBSI's values is not beside the checkout"
)

# The digital phantom of the IBSI reference manual (arXiv:1612.07003; CC BY 4.0) inside its ROI; 0 is outside.
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)
# Figures of the same manual, chapter 3.6, typed in: feature, aggregation, value as printed.
FIGURES = [
    ("joint_maximum", "2D, averaged", "0.519"),
    ("joint_average", "2D, averaged", "2.14"),
    ("joint_variance", "2D, averaged", "2.69"),
    ("joint_entropy", "2D, averaged", "2.05"),
    ("difference_average", "2D, averaged", "1.42"),
    ("difference_variance", "2D, averaged", "2.9"),
    ("difference_entropy", "2D, averaged", "1.4"),
    ("sum_average", "2D, averaged", "4.28"),
    ("sum_variance", "2D, averaged", "5.47"),
    ("sum_entropy", "2D, averaged", "1.6"),
    ("angular_second_moment", "2D, averaged", "0.368"),
    ("contrast", "2D, averaged", "5.28"),
    ("dissimilarity", "2D, averaged", "1.42"),
    ("inverse_difference", "2D, averaged", "0.678"),
    ("normalised_inverse_difference", "2D, averaged", "0.851"),
    ("inverse_difference_moment", "2D, averaged", "0.619"),
    ("normalised_inverse_difference_moment", "2D, averaged", "0.899"),
    ("inverse_variance", "2D, averaged", "0.0567"),
    ("correlation", "2D, averaged", "-0.0121"),
    ("autocorrelation", "2D, averaged", "5.09"),
    ("cluster_tendency", "2D, averaged", "5.47"),
    ("cluster_shade", "2D, averaged", "7"),
    ("cluster_prominence", "2D, averaged", "79.1"),
    ("information_correlation_1", "2D, averaged", "-0.155"),
    ("information_correlation_2", "2D, averaged", "0.487"),
    ("joint_maximum", "2D, slice-merged", "0.512"),
    ("joint_maximum", "2.5D, direction-merged", "0.489"),
    ("joint_maximum", "2.5D, merged", "0.492"),
    ("joint_maximum", "3D, averaged", "0.503"),
    ("joint_maximum", "3D, merged", "0.509"),
    ("joint_variance", "2.5D, merged", "3.24"),
    ("joint_entropy", "3D, merged", "2.57"),
    ("difference_variance", "3D, merged", "3.21"),
]


@cache
def table() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(TABLE.read_text())
    return loaded


@cache
def found(aggregation: str) -> dict[str, float]:
    return glcm_features(PHANTOM, 6, aggregation)


@pytest.mark.parametrize(("name", "aggregation", "printed"), FIGURES)
def test_figures_of_the_manual(name: str, aggregation: str, printed: str) -> None:
    half_of_last_digit = 0.5 * 10 ** -len(printed.partition(".")[2])
    assert found(aggregation)[name] == pytest.approx(float(printed), abs=half_of_last_digit * 1.0001)


def test_names_and_codes() -> None:
    assert len(GLCM_FEATURES) == len(set(GLCM_FEATURES.values())) == 25
    assert len(AGGREGATIONS) == len(set(AGGREGATIONS.values())) == 6
    for aggregation in AGGREGATIONS:
        assert list(found(aggregation)) == list(GLCM_FEATURES)
        assert all(type(value) is float for value in found(aggregation).values())


@needs_table
def test_the_phantom_is_the_tables() -> None:
    np.testing.assert_array_equal(PHANTOM, np.array(table()["phantom"]) * np.array(table()["mask"]))


@needs_table
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_all_25_features_agree_with_ibsi(aggregation: str) -> None:
    rows = [
        row
        for row in table()["reference_values"]
        if row["family_code"] == "LFYI" and row["aggregation"] == aggregation
    ]
    names = {code: name for name, code in GLCM_FEATURES.items()}
    assert {row["code"] for row in rows} == set(names)
    for row in rows:
        name = names[row["code"]]
        # Where the manual gives no tolerance, the printed digits must be met.
        allowed = max(row["tolerance"], row["half_last_digit"] * 1.0001)
        assert found(aggregation)[name] == pytest.approx(row["value"], abs=allowed), name
        as_printed = row["name"].lower().replace("-", " ").replace(" ", "_")
        assert name == as_printed, "IBSI's own name"


@needs_table
def test_all_34_matrices_are_those_of_ibsi() -> None:
    """Titles of the table are not all trustworthy, so the matrices are compared as groups that must agree in full."""
    printed: dict[str, list[Any]] = {}
    for matrix in table()["reference_glcm"]:
        dense = np.zeros((6, 6), int)
        for i, j, count in matrix["entries"]:
            dense[i - 1, j - 1] += count
        printed.setdefault(matrix["section"].split("(")[1].rstrip(")"), []).append(dense)
    assert {name: len(group) for name, group in printed.items()} == {
        "2D": 16,
        "2D, merged": 4,
        "3D": 13,
        "3D, merged": 1,
    }
    for name, aggregation in {
        "2D": "2D, averaged",
        "2D, merged": "2D, slice-merged",
        "3D": "3D, averaged",
        "3D, merged": "3D, merged",
    }.items():
        ours = np.concatenate(list(aggregated_counts(PHANTOM, 6, aggregation, 1)))
        assert sorted(m.tolist() for m in ours) == sorted(m.tolist() for m in printed[name])


# ---------------------------------------------------------------- scikit-image

ANGLES = {(0, 1): 0.0, (1, 1): np.pi / 4, (1, 0): np.pi / 2, (1, -1): 3 * np.pi / 4}


@pytest.mark.parametrize("offset", list(ANGLES), ids=str)
@pytest.mark.parametrize("distance", [1, 3])
@pytest.mark.parametrize("symmetric", [True, False])
def test_scikit_image(offset: tuple[int, int], distance: int, symmetric: bool) -> None:
    levels = np.random.default_rng(1).integers(1, 17, (40, 31))
    # scikit-image rounds distance times sine and cosine: in a diagonal, distance 3 is 3 sqrt(2) long.
    length = distance * np.hypot(*offset)
    theirs = graycomatrix((levels - 1).astype(np.uint8), [length], [ANGLES[offset]], 16, symmetric=symmetric)
    step = (offset[0] * distance, offset[1] * distance)
    counts = glcm_counts(levels, step, 16)
    np.testing.assert_array_equal(theirs[:, :, 0, 0], counts + counts.T if symmetric else counts)

    P = glcm(levels, step, 16, symmetric=symmetric)
    features = matrix_features(P)
    joint = theirs / theirs.sum()
    for ours, name in [
        (texture.contrast(P), "contrast"),
        (features["contrast"], "contrast"),
        (features["dissimilarity"], "dissimilarity"),
        (texture.homogeneity(P), "homogeneity"),
        (features["inverse_difference_moment"], "homogeneity"),
        (texture.energy(P), "ASM"),
        (features["angular_second_moment"], "ASM"),
        (np.sqrt(texture.energy(P)), "energy"),
        (features["correlation"], "correlation"),
        (features["joint_entropy"] * np.log(2), "entropy"),
    ]:
        assert ours == pytest.approx(graycoprops(joint, name)[0, 0], rel=1e-9), name
