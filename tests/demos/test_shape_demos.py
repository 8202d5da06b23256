"""The demos of chapter 3: what they measure, and how they draw a body."""

from __future__ import annotations

import numpy as np
import pytest

from digital_biopsy import images, solids
from digital_biopsy.demos import Demo
from digital_biopsy.demos import _shape_scene as scene
from digital_biopsy.demos import shape as demos
from digital_biopsy.demos._stage import Stage

ALL = [demos.voxels, demos.turn, demos.resample, demos.waves]


def test_marching_cubes_does_not_converge_and_the_distance_map_does() -> None:
    for pixel in (0.75, 1.0):
        shown = demos.voxels.compute(pixel=pixel, ratio=1, method="cubes")
        assert shown.sphericity["cubes"] == pytest.approx(0.918, abs=0.01)
        assert shown.sphericity["distance"] > 0.99
        assert shown.area["faces"] == pytest.approx(1.5, abs=0.02)


def test_a_turned_cube_follows_its_law() -> None:
    flat = demos.turn.compute(degrees=0, axis="vertical", thickness=1.0)
    tilted = demos.turn.compute(degrees=60, axis="diagonal", thickness=1.0)
    assert flat.faces == pytest.approx(1.0, abs=0.01)
    assert 1.55 < tilted.faces < 5 / 3 + 0.01
    assert tilted.cubes < 1.1


def test_the_finest_grid_raises_the_area() -> None:
    finest, coarse = (demos.resample.compute(target=t, way="mask") for t in (0.8, 2.0))
    assert finest.area > 1.03 and coarse.area < 1
    assert demos.resample.compute(target=0.8, way="distance").area < 0.95


def test_waves_follow_the_formula_of_the_lesson() -> None:
    for degree, height in ((2, 4), (4, 3), (8, 1)):
        shown = demos.waves.compute(degree=degree, height=height, radius=10.0)
        expected = (height / 100) ** 2 * (degree - 1) * (degree + 2) / 2
        assert 1 - shown.sphericity == pytest.approx(expected, rel=0.1, abs=5e-4)


@pytest.mark.parametrize("demo", [demos.waves, demos.turn, demos.resample], ids=lambda demo: demo.name)
def test_the_first_picture_keeps_the_answer(demo: Demo) -> None:
    """The curves go as far as the controls do: what the question asks is not drawn before it is asked."""

    def vertices(stops: tuple[int, ...]) -> int:
        stage = demo.stage()
        demo.picture(stage, stops)
        lines = (line for axes in stage.axes.values() for line in axes.lines if line.get_visible())
        return sum(len(np.atleast_1d(line.get_xdata())) for line in lines)

    assert vertices(demo.at) > vertices(demo.start)


def test_sphericity_is_free_of_scale() -> None:
    small, large = (demos.waves.compute(degree=8, height=6, radius=r) for r in (5.0, 20.0))
    assert large.sphericity == pytest.approx(small.sphericity, abs=1e-9)
    assert large.volume == pytest.approx(64 * small.volume)


def test_the_camera_sees_a_right_handed_world() -> None:
    right, up, eye = scene.CAMERA
    np.testing.assert_allclose(scene.CAMERA @ scene.CAMERA.T, np.eye(3), atol=1e-12)
    assert up[0] > 0 and right[0] == 0  # z is up
    # In the order x, y, z the camera's axes are right-handed.
    assert np.dot(np.cross(right[::-1], up[::-1]), eye[::-1]) == pytest.approx(1)


def test_visible_faces_of_a_brick() -> None:
    """A camera above and before a brick sees three of its six faces, each of its own size."""
    solid = scene.of_faces(np.ones((1, 1, 1), dtype=bool), (5.0, 1.0, 2.0))
    assert len(solid.corners) == 3
    assert (solid.normals @ scene.CAMERA[2] > 0).all()
    assert sorted(np.ptp(solid.corners, axis=1).max(axis=1)) == [2.0, 5.0, 5.0]


@pytest.mark.parametrize("flip", [False, True], ids=["outwards", "inwards"])
def test_normals_point_outwards(flip: bool) -> None:
    vertices, faces = solids.sphere_mesh(2)
    solid = scene.of_mesh(vertices, faces[:, ::-1] if flip else faces)
    assert (np.einsum("ij,ij->i", solid.normals, solid.corners.mean(axis=1)) > 0.9).all()


def test_the_lit_side_is_paler() -> None:
    shades = scene.shaded("#0072B2", [0.0, 0.5, 1.0]).mean(axis=1)
    assert shades[0] < shades[1] < shades[2]
    assert (
        (scene.shaded("#D55E00", np.linspace(0, 1, 9)) >= 0) & (scene.shaded("#D55E00", [1.0]) <= 1)
    ).all()


@pytest.mark.parametrize("demo", ALL, ids=lambda demo: demo.name)
def test_narrow_pictures_stand_in_a_column(demo: demos.Demo) -> None:
    assert demo.size[0] <= 780
    stage = Stage(demo.narrow, demo.setup)
    stage.frame(lambda stage: demo.draw(stage, demo.result(demo.start)))
    left = {round(axes.get_subplotspec().colspan.start) for axes in stage.axes.values()}
    assert left == {0}


def test_two_organs_say_what_they_show() -> None:
    ct = images.real_ct_slice()
    aorta, vertebra = np.zeros((2, 128, 128), dtype=bool)
    aorta[2:18, 84:100] = vertebra[20:36, 52:68] = True
    words = demos.two_organs(ct, aorta, vertebra).alt
    assert f"{ct.hu[aorta].mean():.0f} HU" in words and f"{ct.hu[vertebra].mean():.0f} HU" in words
