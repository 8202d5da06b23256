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


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.name)
def test_the_picture_depends_on_the_stops_alone(demo):
    """Drawn after other frames or on a new stage, a frame has the same pixels."""
    stage = demo.stage()
    demo.picture(stage, demo.start)
    after_another, _ = demo.picture(stage, demo.at)
    fresh, _ = demo.picture(demo.stage(), demo.at)
    start, _ = demo.picture(stage, demo.start)
    assert after_another == fresh
    assert start != fresh


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
    assert 20_000 < len(page) <= 2_000_000
    assert paper.alt == demo.describe_at(demo.start)
    assert len(paper.rows) >= 3
    assert escape(paper.alt) in paper._repr_html_()
