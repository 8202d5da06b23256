"""The claims of chapter 3: their figures, and that each verdict follows from what is measured."""

from __future__ import annotations

import numpy as np
import pytest

from digital_biopsy import claims, shape, solids
from digital_biopsy.claims import shape as chapter_3


def test_claim_iso() -> None:
    done = claims.iso()
    assert done.id == "iso"
    assert done.verdict.startswith("holds if the surface is the body's own")
    inside = [m for m in done.measurements if not m.lifts_condition]
    assert all(m.agrees for m in inside)
    assert inside[-1].measured > 0.99  # its own distance map
    masks = [m.measured for m in done.measurements if m.lifts_condition]
    np.testing.assert_allclose(masks[:4], 0.918, atol=0.005)  # 5, 10, 20 and 40 voxels: no convergence
    assert masks[4] == pytest.approx(0.665, abs=0.01)


def test_claim_iso_follows_the_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a surface that converges the claim holds without condition."""
    monkeypatch.setattr(shape, "marching_cubes_mesh", shape.distance_map_mesh)
    monkeypatch.setattr(shape, "area_faces", lambda mask, spacing: shape.distance_map_area(mask, spacing))
    assert claims.iso().verdict == "holds"


def test_claim_iso_follows_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape, "sphericity", lambda volume, area: np.cbrt(36 * np.pi) * volume / area)
    assert claims.iso().verdict == "fails"


def test_claim_stairs() -> None:
    done = claims.stairs()
    assert done.id == "stairs"
    assert done.verdict.startswith("holds if the tilt of the surface is named as its cause")
    bricks, flat, tilted, cubes, tilted_cubes = (m.measured for m in done.measurements)
    assert bricks == pytest.approx(1.5, abs=0.02)
    assert cubes == pytest.approx(1.5, abs=0.02)
    assert flat == pytest.approx(1.0, abs=0.01)
    assert tilted == pytest.approx(5 / 3, abs=0.05)
    assert tilted_cubes == pytest.approx(5 / 3, abs=0.05)


def test_claim_stairs_follows_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world where only bricks have stairs, the claim holds without condition."""
    count = shape.area_faces

    def only_bricks(mask: np.ndarray, spacing: tuple[float, float, float]) -> float:
        if len(set(spacing)) > 1:
            return count(mask, spacing)
        return count(mask, spacing) / (1.5 if mask.sum() < 50_000 else 5 / 3)

    monkeypatch.setattr(shape, "area_faces", only_bricks)
    assert claims.stairs().verdict == "holds"
    monkeypatch.setattr(shape, "area_faces", lambda mask, spacing: 0.9 * count(mask, spacing))
    assert claims.stairs().verdict == "fails"


@pytest.mark.parametrize(
    ("degrees", "axis", "factor"), [(0, (1, 0, 0), 1), (45, (1, 0, 0), 1.276), (60, (1, 1, 1), 5 / 3)]
)
def test_tilt_factor(degrees: float, axis: tuple[float, float, float], factor: float) -> None:
    assert chapter_3.tilt_factor(degrees, axis) == pytest.approx(factor, abs=1e-3)


def test_claim_iso_resample() -> None:
    done = claims.iso_resample()
    assert done.id == "iso-resample"
    assert done.verdict.startswith("holds if the new voxels are coarser than the old pixels")
    assert [m.measured for m in done.measurements] == [100, 100, 100, 0]


def test_claim_iso_resample_figures() -> None:
    """The factors that the lesson and the written question tell."""
    coarse, finest = chapter_3._ratios(2.0, False), chapter_3._ratios(0.8, False)
    assert coarse[:, 0].max() < 1 < coarse[:, 1].min()
    assert 1.03 <= round(float(coarse[:, 1].min()), 2) and round(float(coarse[:, 1].max()), 2) <= 1.08
    assert finest[:, 0].min() > 1.03 and finest[:, 0].max() < 1.05
    assert finest[:, 1].max() < 0.97


def test_claim_iso_resample_follows_the_interpolation(monkeypatch: pytest.MonkeyPatch) -> None:
    linear = shape.resample_isotropic
    monkeypatch.setattr(shape, "resample_isotropic", chapter_3.resample_by_distance)
    assert claims.iso_resample().verdict == "holds"
    monkeypatch.setattr(shape, "resample_isotropic", linear)
    monkeypatch.setattr(chapter_3, "resample_by_distance", linear)
    assert claims.iso_resample().verdict == "fails"


def test_bodies_are_what_they_say() -> None:
    cubes = (0.5, 0.5, 0.5)
    assert shape.volume_voxels(solids.ball(10.0, cubes), cubes) == pytest.approx(
        4 / 3 * np.pi * 1000, rel=0.01
    )
    turned = solids.cube(20.0, cubes, (1, 1, 1), 33.0)
    assert shape.volume_voxels(turned, cubes) == pytest.approx(8000, rel=0.01)
    fine = shape.mesh_volume(*solids.nodule_mesh(4, 10.0))
    assert shape.volume_voxels(solids.nodule(cubes, 4, 10.0), cubes) == pytest.approx(fine, rel=0.01)
    turn = solids.rotation((3, 1, 2), 71.0)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 0.0, 1.0)])
def test_bodies_refuse_a_wrong_spacing(spacing: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="spacing must be"):
        solids.ball(5.0, spacing)  # type: ignore[arg-type]
