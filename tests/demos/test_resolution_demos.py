"""The demos of chapter 05: what they show is what the science gives, and what the lesson says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from digital_biopsy import _resolution_kinds as kinds
from digital_biopsy import images
from digital_biopsy import resolution as science
from digital_biopsy.demos import Demo, resolution
from digital_biopsy.demos._stage import Stage

DEMOS = [resolution.border, resolution.psf, resolution.trial, resolution.noise]


def drawing(demo: Demo, result: Any) -> Callable[[Stage], object]:
    """What a stage calls to draw a result."""
    return lambda stage: demo.draw(stage, result)


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_each_stands_in_a_row_and_in_a_column(demo: Demo) -> None:
    assert demo.narrow is not None
    places = []
    for size in (demo.size, demo.narrow):
        stage = Stage(size, demo.setup)
        frame = stage.frame(drawing(demo, demo.result(demo.at)))
        assert frame.shape == (size[1], size[0], 4)
        boxes = [ax.get_position() for ax in stage.axes.values()]
        places.append([(round(box.x0, 2), round(box.y0, 2)) for box in boxes])
    (row, column) = places
    assert [x for x, _ in row] == sorted({x for x, _ in row})
    assert [y for _, y in column] == sorted({y for _, y in column}, reverse=True)


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_all_words_stay_inside_the_picture(demo: Demo) -> None:
    for size in (demo.size, demo.narrow):
        assert size is not None
        for stops in (demo.start, demo.at, tuple(len(c.values) - 1 for c in demo.controls)):
            stage, result = Stage(size, demo.setup), demo.result(stops)
            stage.frame(drawing(demo, result))
            for (_, key), artist in stage._artists.items():
                if artist.get_visible() and hasattr(artist, "get_text"):
                    box = artist.get_window_extent()
                    assert box.x0 >= 0 and box.y0 >= 0, key
                    assert box.x1 <= size[0] and box.y1 <= size[1], key


def test_psf_agrees_with_the_closed_form() -> None:
    for sigma in (0.6, 1.0, 1.5):
        seen = resolution.psf.compute(sigma=sigma)
        assert science.sigma_from_mtf50(seen.mtf50) == pytest.approx(sigma, rel=0.06)
        assert seen.lsf.sum() * resolution.PIXEL == pytest.approx(1.0)
    sharp = resolution.psf.compute(sigma=0.0)
    assert np.isnan(sharp.mtf50)
    assert sharp.before == sharp.after
    assert "never falls to one half" in resolution.psf.describe(sharp)
    assert resolution.psf.controls[0].values[0] == 0.4  # all that is shown has an MTF50


def test_psf_leaves_an_eighth_of_the_contrast() -> None:
    seen = resolution.psf.compute(sigma=0.6)
    assert seen.after["contrast"] / seen.before["contrast"] == pytest.approx(1 / 8, abs=0.02)
    assert resolution.psf.question is not None
    assert resolution.psf.question.answer(seen) == "about an eighth"


def test_trial_shows_what_the_claim_measures() -> None:
    tried = resolution.trial.compute(kind="classes", bins="width", sigma=4.0)
    assert tried.pair("homogeneity") == pytest.approx((0.93, 0.77), abs=0.005)
    assert tried.pair("energy") == pytest.approx((0.22, 0.03), abs=0.005)
    again = kinds.features("classes", 4.0, "width")
    assert tried.pair("contrast")[1] == again["contrast"]
    assert resolution.trial.question is not None
    assert resolution.trial.question.answer(resolution.trial.result(resolution.trial.at)) == "it falls"


def test_speck_narrows_the_bins() -> None:
    before, after = (resolution.trial.compute(kind="speck", bins="count", sigma=s) for s in (0.0, 1.0))
    assert before.bin_hu == pytest.approx(50, abs=0.5)
    assert after.bin_hu == pytest.approx(10, abs=0.5)


def test_noise_is_what_the_lesson_says() -> None:
    """One row reads 0.31 by luck, coming down from 1.5; four rows read 0.18; the truth is 0.30."""
    clean, one, four, many = (
        resolution.noise.compute(noise=n, rows=r) for n, r in ((0, 1), (12, 1), (12, 4), (12, 64))
    )
    assert [round(seen.mtf50, 2) for seen in (clean, one, four)] == [0.30, 0.31, 0.18]
    first = int(np.flatnonzero(one.mtf <= 0.5)[0])
    assert one.mtf[first - 1] == pytest.approx(1.5, abs=0.05)
    assert one.fine[0] > 1.5 > 0.3 > many.fine[0] > 0.05
    assert clean.fine[0] == clean.fine[1] < 0.01
    assert one.fine[0] / many.fine[0] == pytest.approx(8, rel=0.5)


def test_the_picture_says_what_it_shows() -> None:
    words = resolution.two_scanners(images.real_ct_slice()).alt
    assert "5.6" in words and "1.5" in words


def test_border_has_the_numbers_of_the_lesson() -> None:
    found = {row: resolution.border.compute(row=row).mtf50 for row in (31, 35, 38, 41)}
    assert {row: round(f50, 2) for row, f50 in found.items()} == {31: 0.22, 35: 0.37, 38: 0.36, 41: 0.31}
    every = [resolution.border.compute(row=row).mtf50 for row in resolution.border.controls[0].values]
    assert np.isfinite(every).all()
    assert "\N{MINUS SIGN}848 HU" in resolution.border.describe_at(resolution.border.start)


def test_kinds_of_other_shapes_are_drawn_alike_on_any_stage() -> None:
    """Muscle is wider than high: after a square image it must look as on a fresh stage."""
    muscle = (list(kinds.KINDS).index("muscle"), 0, 2)
    used = resolution.trial.stage()
    resolution.trial.picture(used, resolution.trial.start)
    assert (
        resolution.trial.picture(used, muscle)[0]
        == resolution.trial.picture(resolution.trial.stage(), muscle)[0]
    )


def test_a_fall_and_a_rise_by_the_same_factor_look_alike() -> None:
    ratios = np.array([0.01, 0.1, 0.84, 1.0, 1 / 0.84, 10.0, 100.0])
    shown = resolution.change(ratios)
    np.testing.assert_allclose(shown, -shown[::-1], atol=1e-12)
    assert np.all(np.diff(shown) > 0) and np.abs(shown).max() < 1


def test_labels_keep_their_order_and_their_distance() -> None:
    placed = resolution.spread({"a": 0.0, "b": 0.05, "c": 0.1, "d": 3.0}, 0.4)
    at = [placed[name] for name in "abcd"]
    assert np.all(np.diff(at) >= 0.4 - 1e-6)
    assert placed["d"] == 3.0
