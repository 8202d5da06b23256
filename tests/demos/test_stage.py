"""The stage: a frame is what Matplotlib would draw from nothing, whatever was drawn before."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.style as mpl_style
import numpy as np
import pytest

from digital_biopsy.demos._stage import Stage
from digital_biopsy.demos._style import STYLE
from tests.demos.example_demo import drift

X = np.linspace(0, 1, 20)


def from_nothing(stage: Stage) -> np.ndarray:
    """Pixels of the whole figure drawn by Matplotlib alone."""
    animated = [artist for artist in stage.figure.findobj() if artist.get_animated()]
    for artist in animated:
        artist.set_animated(False)
    with mpl_style.context(["default", STYLE]):
        stage.figure.canvas.draw()
    pixels = np.asarray(stage.figure.canvas.buffer_rgba()).copy()
    for artist in animated:
        artist.set_animated(True)
    return pixels


def busy_setup(figure):
    left, right = figure.subplots(1, 2)
    right.set(xlim=(0, 1), ylim=(0, 2), title="fixed")
    right.axhline(1, color="0.6", linestyle=":")
    right.text(0.5, 1.0, "above what moves", zorder=5)
    return {"left": left, "right": right}


def busy_draw(stage: Stage, k: int) -> None:
    image = np.add.outer(np.arange(30.0), np.arange(40.0) * (k + 1))
    stage.image("left", image, vmin=0, vmax=200)
    stage.outline("left", "mask", image > 60)
    stage.rectangle("left", "box", 3 + k, 4, 10, 8)
    stage.circle("left", "ring", 20, 10 + k, 5, facecolor="#0072B2", alpha=0.4)
    stage.text("left", "word", 2, 25, f"k = {k}", color="white")
    stage.line("right", "curve", X, X * k / 3, label=f"slope {k}", color="#0072B2" if k % 2 else "#D55E00")
    stage.points("right", "dot", 0.5, k / 6)
    stage.scatter("right", "cloud", X, X[::-1], values=X * k, vmin=0, vmax=3)
    stage.bars("right", "bars", np.linspace(0, 1, 6), np.arange(5) * k / 10, alpha=0.3)
    stage.fill("right", "band", X, 0.1 * k, 0.2 * k + X)
    stage.vline("right", "now", k / 8)
    stage.hline("right", "level", k / 5)
    stage.note("right", "note", 0.2, 0.3 * k, "here")
    if k == 2:
        stage.line("right", "only at two", X, 1 + X / 4)


def test_every_frame_equals_a_drawing_from_nothing() -> None:
    stage = Stage((500, 260), busy_setup)
    for k in (0, 3, 1, 2, 5):
        pixels = stage.frame(lambda stage, k=k: busy_draw(stage, k)).copy()
        np.testing.assert_array_equal(pixels, from_nothing(stage))


def test_a_frame_does_not_depend_on_those_before() -> None:
    used, fresh = Stage((500, 260), busy_setup), Stage((500, 260), busy_setup)
    for k in (4, 2, 0):
        used.frame(lambda stage, k=k: busy_draw(stage, k))
    np.testing.assert_array_equal(
        used.frame(lambda stage: busy_draw(stage, 3)), fresh.frame(lambda stage: busy_draw(stage, 3))
    )


def test_the_example_demo_equals_a_drawing_from_nothing() -> None:
    stage = drift.stage()
    for stop in (0, 25, 40):
        pixels = drift.pixels(stage, drift.result((stop,))).copy()
        np.testing.assert_array_equal(pixels, from_nothing(stage))


def test_the_background_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = drift.stage()
    drift.pixels(stage, drift.result((20,)))
    monkeypatch.setattr(stage, "_draw_background", lambda: pytest.fail("the background was drawn again"))
    drift.pixels(stage, drift.result((30,)))


def test_what_is_not_drawn_in_a_frame_is_gone_and_comes_back() -> None:
    stage = Stage((200, 100), lambda figure: {"ax": figure.subplots()})

    def frame(shown: bool) -> np.ndarray:
        def draw(stage: Stage) -> None:
            stage.limits("ax", (0, 1), (0, 1))
            if shown:
                stage.line("ax", "line", X, X)

        return stage.frame(draw).copy()

    empty, full, gone, back = frame(False), frame(True), frame(False), frame(True)
    assert (empty != full).any()
    np.testing.assert_array_equal(empty, gone)
    np.testing.assert_array_equal(full, back)


def test_new_limits_draw_new_ticks() -> None:
    stage = Stage((300, 200), lambda figure: {"ax": figure.subplots()})

    def draw(stage: Stage, top: float) -> None:
        stage.limits("ax", y=(0, top))
        stage.line("ax", "line", X, X)

    stage.frame(lambda stage: draw(stage, 1))
    pixels = stage.frame(lambda stage: draw(stage, 50)).copy()
    np.testing.assert_array_equal(pixels, from_nothing(stage))
    assert stage.axes["ax"].get_ylim() == (0, 50)


def test_limits_left_open_fit_the_first_frame_and_stay() -> None:
    stage = Stage((300, 200), lambda figure: {"ax": figure.subplots()})
    stage.frame(lambda stage: stage.line("ax", "line", [0, 4], [0, 8]))
    before = stage.axes["ax"].get_ylim()
    assert before[0] < 0.5
    assert before[1] > 7.5
    stage.frame(lambda stage: stage.line("ax", "line", [0, 4], [0, 80]))
    stage.frame(lambda stage: stage.line("ax", "other", [0, 90], [0, 80]))
    assert stage.axes["ax"].get_ylim() == before


def test_a_wrong_name_is_explained() -> None:
    stage = Stage((200, 100), lambda figure: {"left": figure.subplots()})
    with pytest.raises(KeyError, match="no axes named 'right'; setup returned 'left'"):
        stage.frame(lambda stage: stage.line("right", "line", X, X))


def test_after_a_failing_frame_the_next_is_right() -> None:
    stage = drift.stage()
    drift.pixels(stage, drift.result((20,)))

    def fails(stage: Stage) -> None:
        stage.line("bias", "bias", [0, 1000], [40, 40])
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stage.frame(fails)
    pixels = drift.pixels(stage, drift.result((30,)))
    np.testing.assert_array_equal(pixels, drift.pixels(drift.stage(), drift.result((30,))))


def test_two_device_pixels_for_one() -> None:
    assert drift.pixels(drift.stage(2.0), drift.result((20,))).shape == (760, 1520, 4)


def test_matplotlib_settings_of_the_learner_are_left_alone() -> None:
    before = dict(mpl.rcParams)
    drift.pixels(drift.stage(), drift.result((20,)))
    assert dict(mpl.rcParams) == before


def test_matplotlib_settings_of_the_learner_do_not_reach_the_stage() -> None:
    reference = drift.pixels(drift.stage(), drift.result((30,))).copy()
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 6, "axes.facecolor": "yellow"}):
        pixels = drift.pixels(drift.stage(), drift.result((30,)))
        np.testing.assert_array_equal(pixels, reference)
