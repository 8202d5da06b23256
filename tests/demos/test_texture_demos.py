"""The demos of chapter 04: what they show is what the library measures."""

from __future__ import annotations

import numpy as np
import pytest

from digital_biopsy import claims, images, texture
from digital_biopsy.claims.texture import BONE, GRAINS
from digital_biopsy.demos import _texture as shared
from digital_biopsy.demos import _texture_design as designer
from digital_biopsy.demos import texture as chapter_4

DEMOS = [chapter_4.pairs, chapter_4.grain, chapter_4.design]


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_a_row_and_a_column(demo):
    """Wide, at most 780 px; narrow, a column in which no axes is outside the figure."""
    assert demo.size[0] <= 780
    assert demo.narrow is not None
    for size in (demo.size, demo.narrow):
        from digital_biopsy.demos._stage import Stage

        stage = Stage(size, demo.setup)
        pixels = demo.pixels(stage, demo.result(demo.start))
        assert pixels.shape[:2] == (size[1], size[0])
        boxes = [axes.get_position() for axes in stage.axes.values()]
        assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
        beside = max(box.x0 for box in boxes) > 0.5
        assert beside == (size is demo.size)


@pytest.mark.parametrize("n", chapter_4.LEVELS)
@pytest.mark.parametrize("direction", shared.DIRECTIONS)
def test_marked_pairs_are_those_in_the_band_of_the_matrix(n, direction):
    total = 0
    for step in range(n):
        shown = chapter_4.pairs.compute(distance=3, direction=direction, n=n, step=step)
        i, j = np.indices(shown.P.shape)
        assert shown.n_marked == pytest.approx(shown.P[np.abs(i - j) == step].sum() * shown.total)
        total += shown.n_marked
    assert total == shown.total


def test_marked_pairs_join_the_voxels_of_the_offset():
    shown = chapter_4.pairs.compute(distance=2, direction="rising diagonal, 45°", n=8, step=1)
    x, y = (values.reshape(-1, 3) for values in shown.marked)
    assert np.isnan(x[:, 2]).all()
    np.testing.assert_array_equal(y[:, 1] - y[:, 0], -2)
    np.testing.assert_array_equal(x[:, 1] - x[:, 0], 2)
    first, second = (shown.levels[y[:, k].astype(int), x[:, k].astype(int)] for k in (0, 1))
    assert len(first) > 20
    np.testing.assert_array_equal(np.abs(first - second), 1)


def test_the_curves_pass_through_the_value_shown():
    shown = chapter_4.pairs.compute(distance=5, direction="along a column, 90°", n=16, step=0)
    assert shown.curves[shown.direction][4] == shown.here
    assert shown.here.contrast == texture.contrast(shown.P)


def test_the_streaks_run_along_the_rows():
    row, column = (
        chapter_4.pairs.compute(distance=1, direction=d, n=8, step=0).here.contrast
        for d in ("along a row, 0°", "along a column, 90°")
    )
    assert 3.5 < column / row < 7


def test_the_grain_demo_shows_the_contrast_of_its_image():
    for amplitude in chapter_4.AMPLITUDES:
        shown = chapter_4.grain.compute(grain=4, amplitude=amplitude, distance=2)
        offsets = texture.unique_offsets(2, 2)
        expected = np.mean([texture.contrast(texture.glcm(shown.levels, o, 32)) for o in offsets])
        assert shown.contrast == pytest.approx(expected)
        formula = texture.contrast_from_statistics(shown.variance, shown.correlation)
        assert shown.contrast == pytest.approx(float(formula))


def test_the_grain_demo_agrees_with_the_trial():
    shown = chapter_4.grain.compute(grain=1, amplitude=1.0, distance=1)
    tried = [
        claims.contrast().measurements[0].claimed,
        *(m.measured for m in claims.contrast().measurements[:4]),
    ]
    # Its image is a quarter as wide: coarse grains have few blobs.
    assert shown.contrasts[: len(tried)] == pytest.approx(tried, rel=0.1)
    assert list(shown.contrasts) == sorted(shown.contrasts, reverse=True)
    assert len(shown.contrasts) == len(GRAINS)


def test_half_the_amplitude_is_a_quarter_of_the_contrast():
    full, half = (chapter_4.grain.compute(grain=2, amplitude=a, distance=1).contrast for a in (1.0, 0.5))
    assert half == pytest.approx(full / 4, rel=0.03)  # levels are whole numbers: rounding adds a little


@pytest.mark.parametrize("kind", designer.HISTOGRAMS)
def test_arrangements_keep_the_histogram_and_stay_below_its_most_energy(kind):
    expected = designer._values(kind)
    for arrangement in designer.ARRANGEMENTS:
        for size in (1, 4, 16):
            shown = designer.design.compute(kind=kind, arrangement=arrangement, size=size)
            np.testing.assert_array_equal(np.sort(shown.levels, axis=None), expected)
            # The border's pixels have fewer pairs, so that the bound is met to a few per cent only.
            assert shown.here.energy <= shown.range[1] * 1.03
    shuffled = designer.design.compute(kind=kind, arrangement="shuffled", size=1)
    assert shuffled.here.energy == pytest.approx(shuffled.range[0], rel=0.05)
    assert shuffled.here.contrast == pytest.approx(shuffled.strangers, rel=0.05)


def test_the_answers_of_the_design_question():
    found = {n: designer._recipe(*r, 1)[2].energy for n, r in designer.ANSWERS.items()}
    assert found["a perfect ramp"] < 0.03
    assert found["a perfect checkerboard"] == pytest.approx(0.5, abs=0.001)
    assert found["noise, 98 % black and 2 % white"] > 0.9


def test_the_patches_are_those_of_the_real_slice():
    ct = images.real_ct_slice()
    assert shared.PATCHES["spongy bone"] == BONE
    np.testing.assert_array_equal(shared.patch("spongy bone"), ct.hu[BONE])
    assert shared.spacing() == ct.spacing[0]


def test_pictures_have_words_that_are_measured():
    words = chapter_4.same_voxels().alt
    bone = images.real_ct_slice().hu[BONE]
    assert f"mean {bone.mean():.0f} HU" in words
    assert "streaks" in chapter_4.streaks().alt


def test_spread_and_likeness_are_the_features_of_the_same_name():
    P = texture.glcm(chapter_4._muscle(8), (1, 1), 8)
    variance, correlation = shared.spread_and_likeness(P)
    assert variance == pytest.approx(texture.joint_variance(P))
    assert correlation == pytest.approx(texture.correlation(P))
    assert shared.spread_and_likeness(np.array([[1.0]])) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "text"), [(170.57, "171"), (0.0314, "0.0314"), (12.0, "12.0"), (0.0, "0"), (0.00098, "0.00098")]
)
def test_short_numbers(value, text):
    assert shared.short(value) == text
