"""The demos of the chapters: their words, their numbers and their answers."""

import importlib
import pkgutil
from html import escape

import numpy as np
import pytest

from digital_biopsy import attenuation as physics
from digital_biopsy import demos as package
from digital_biopsy import images
from digital_biopsy.demos import Demo, attenuation, pipeline
from digital_biopsy.demos._stage import Stage

MODULES = [
    importlib.import_module(f"digital_biopsy.demos.{module.name}")
    for module in pkgutil.iter_modules(package.__path__)
    if not module.name.startswith("_")
]
DEMOS = [value for module in MODULES for value in vars(module).values() if isinstance(value, Demo)]


def test_every_demo_has_a_name_of_its_own():
    names = [demo.name for demo in DEMOS]
    assert {"energy", "windowing", "drift", "threshold", "two-schools"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_the_true_answer_is_one_of_the_options(demo):
    assert demo.question.answer(demo.result(demo.at)) in demo.question.options


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_every_stop_of_every_control_changes_the_words(demo):
    """A learner who cannot see the picture reads of each step that another sees."""
    for place, control in enumerate(demo.controls):
        words = [
            demo.describe_at((*demo.start[:place], stop, *demo.start[place + 1 :]))
            for stop in range(len(control.values))
        ]
        assert len(set(words)) == len(words)


LAYOUTS = [
    pytest.param(demo, layout, id=f"{demo.name}-{layout}") for demo in DEMOS for layout in demo.layouts
]


@pytest.mark.parametrize(("demo", "layout"), LAYOUTS)
def test_the_picture_depends_on_the_stops_alone(demo, layout):
    """Drawn after other frames or on a new stage, a frame has the same pixels."""
    stage = demo.stage(layout=layout)
    start, _ = demo.picture(stage, demo.start)
    after_another, _ = demo.picture(stage, demo.at)
    fresh, _ = demo.picture(demo.stage(layout=layout), demo.at)
    again, _ = demo.picture(stage, demo.start)
    assert after_another == fresh
    assert start == again != fresh


def texts(stage):
    """Every text that the last frame shows."""
    for ax in stage.figure.axes:
        shown = [*ax.texts, ax.title, ax._left_title, ax._right_title]
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            shown += [axis.label, *(tick.label1 for tick in axis._update_ticks())]
        yield from (text for text in shown if text.get_visible() and text.get_text())
    yield from stage.figure.texts


def faults_of_texts(stage):
    """Texts that the figure cuts off, and texts that are too small to read."""
    renderer = stage._canvas.get_renderer()
    whole = stage.figure.bbox.padded(0.5)
    faults = []
    for text in texts(stage):
        box = text.get_window_extent(renderer)
        if not (whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1)):
            faults.append(f"cut off: {text.get_text()!r}")
        if (pixels := text.get_fontsize() * stage.figure.dpi / 72) < 11:
            faults.append(f"{pixels:.1f} px high: {text.get_text()!r}")
    return faults


@pytest.mark.parametrize(("demo", "layout"), LAYOUTS)
def test_every_text_is_whole_and_large_enough(demo, layout):
    stage = demo.stage(layout=layout)
    faults = set()
    for stops in {*demo.a_few_stops(9), demo.at}:
        demo.pixels(stage, demo.result(stops))
        faults |= {f"at {demo.settings(stops)}: {fault}" for fault in faults_of_texts(stage)}
    assert sorted(faults) == []


def test_a_text_that_is_cut_off_or_small_is_found():
    def draw(stage):
        stage.text("ax", "fits", 0.1, 0.5, "fits", coords="axes")
        stage.text("ax", "wide", 0.9, 0.5, "far too wide", coords="axes")
        stage.text("ax", "tiny", 0.1, 0.8, "tiny", coords="axes", fontsize=5)

    stage = Stage((200, 150), lambda figure: {"ax": figure.subplots()})
    stage.frame(draw)
    assert faults_of_texts(stage) == ["cut off: 'far too wide'", "6.9 px high: 'tiny'"]


def test_drift_shows_the_bias_of_the_physics():
    shown = attenuation.drift.compute(percent=0.5)
    assert shown.marked["nodule"] == pytest.approx(-5.199, abs=1e-3)
    truth = shown.measured - shown.bias
    np.testing.assert_allclose(shown.bias, physics.drift_bias(truth, 0.005), atol=1e-3)


def test_the_window_shows_vessels_in_a_lung_window_only():
    lung, soft = (
        attenuation.windowing.compute(center=c, width=w).vessels for c, w in ((-600, 1500), (40, 400))
    )
    assert 0.2 < lung < 0.8
    assert soft == 0


def test_two_patches_say_what_they_read():
    words = attenuation.two_patches(images.real_ct_slice()).alt
    assert "reads 167 HU" in words and "reads 216 HU" in words


@pytest.mark.parametrize(
    ("diameter", "advice"),
    [(5.9, "CT after a year, optional"), (6.0, "CT in six to twelve months"), (8.0, "CT in six to twelve months"),
     (8.1, "CT after three months, PET/CT or needle")],
)  # fmt: skip
def test_fleischner_follows_table_1_of_the_guideline(diameter, advice):
    assert pipeline.fleischner(diameter) == advice


def test_fleischner_refuses_what_is_no_diameter():
    with pytest.raises(ValueError, match="zero or more"):
        pipeline.fleischner(float("nan"))


def test_the_schools_cross():
    """Few patients: the architect. Many: the sculptor."""
    few, many = (pipeline.two_schools.compute(patients=n) for n in (10, 1280))
    assert few.architect > few.sculptor + 0.05
    assert many.sculptor > many.architect + 0.05


def test_the_sculptor_finds_the_rim():
    weights = pipeline.two_schools.compute(patients=1280).weights
    radius, disc, rim = pipeline._shapes()
    assert weights[rim].mean() > 3 * abs(weights[radius > 7].mean())
    assert weights[disc & ~rim].mean() < 0


def test_the_nodule_stands_alone():
    """No vessel touches it: the threshold moves its edge and nothing else."""
    wide, middle, narrow = (pipeline.threshold.compute(threshold=t) for t in (-600, -350, -100))
    assert middle.diameter == pytest.approx(pipeline.TRUE_DIAMETER, abs=0.3)
    assert 8.4 < wide.diameter < 9.2 and 6.2 < narrow.diameter < 7.0


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_each_demo_has_its_other_two_forms(demo):
    page, paper = demo.frames(), demo.paper()
    assert 20_000 < len(page.encode()) <= 2_000_000
    # The narrow pictures are there unless the page would become too large.
    assert ('"narrow":"data:' in page) == (demo.narrow is not None) or len(page) > 1_000_000
    assert paper.alt == demo.describe_at(demo.start)
    assert len(paper.rows) >= 3
    assert escape(paper.alt) in paper._repr_html_()
