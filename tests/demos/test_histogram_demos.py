"""The demos of chapter 02: their numbers, and the words of its still pictures."""

import numpy as np
import pytest

from digital_biopsy import histogram as science
from digital_biopsy import images
from digital_biopsy.demos import histogram as demos


def test_bins_agree_with_a_large_sample():
    values = np.random.default_rng(0).normal(40, 12, 400_000)
    for width, shift in ((24, 0.0), (42, 0.3), (72, 0.5), (60, -0.2)):
        shown = demos.bins.compute(width=width, shift=shift)
        offset = 40 + (shift - 0.5) * width
        assert shown.ratio == pytest.approx(science.binning_trial(values, width, offset), abs=0.01)
        assert shown.skewness == pytest.approx(
            science.binned_moments(values, width, offset)["skewness"], abs=0.05
        )


def test_bins_show_what_the_trial_measures():
    centred, split = (demos.bins.compute(width=72, shift=shift) for shift in (0.0, 0.5))
    assert centred.ratio == pytest.approx(0.3118, abs=1e-4)
    assert centred.kurtosis == pytest.approx(370.4, abs=0.1)
    assert split.ratio == pytest.approx(3.0, abs=1e-4)
    assert split.kurtosis == pytest.approx(1.0, abs=1e-4)


def test_sheppards_line_is_met_by_narrow_bins():
    for width in (3, 6, 12, 18):
        for shift in (0.0, 0.3, 0.5):
            shown = demos.bins.compute(width=width, shift=shift)
            assert shown.ratio == pytest.approx(np.sqrt(1 + (width / 12) ** 2 / 12), abs=0.001)


def test_half_and_half_is_the_flattest_shape():
    half = demos.shapes.compute(share=50, core=0.0)
    assert half.kurtosis < 1.6
    assert abs(half.skewness) < 0.05
    dark, bright = (demos.shapes.compute(share=10, core=core).skewness for core in (0.0, 300.0))
    assert dark < -1 < 1 < bright
    assert demos.shapes.compute(share=0, core=0.0).kurtosis == pytest.approx(3, abs=0.3)


def test_one_voxel_of_metal_takes_the_levels_of_all_others():
    none, one = (demos.metal.compute(voxels=n, method="count") for n in (0, 1))
    assert (none.occupied, one.occupied) == (30, 2)
    assert one.width == pytest.approx(90.06, abs=0.01)
    assert one.entropy < 0.1 < 4 < none.entropy
    before, after = (demos.metal.compute(voxels=n, method="width") for n in (0, 1))
    assert before.occupied == after.occupied == 7
    assert after.entropy == pytest.approx(before.entropy, abs=0.03)
    # The kurtosis of the whole region is the metal's own doing, with or without bins.
    assert one.kurtosis == after.kurtosis > 400


def test_the_region_of_the_chapter():
    ct = images.real_ct_slice()
    mask = demos.aorta_mask(ct)
    assert mask.shape == ct.hu.shape
    assert int(mask.sum()) == 458
    words = demos.two_reports(ct).alt
    assert "9.9 HU" in words and "64.4" in words
    assert "35.1 HU" in words and "2.2" in words
    assert "lie exactly on each other" in demos.shuffled(ct).alt


@pytest.mark.parametrize("demo", [demos.shapes, demos.bins, demos.metal], ids=lambda demo: demo.name)
def test_the_narrow_picture_is_a_column(demo):
    width, height = demo.narrow
    assert width <= 430 < height


def test_the_question_about_metal_counts_the_voxels_of_the_region() -> None:
    """One of them becomes metal; the others are one fewer."""
    voxels = int(demos.aorta_mask(images.real_ct_slice()).sum())
    asked = demos.metal.question
    assert asked is not None
    assert f"one of its {voxels} voxels" in asked.text
    assert f"the other {voxels - 1} voxels" in asked.text
