"""The synthetic patient and the scanner: anatomy, truth, determinism, noise, errors."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label

from digital_biopsy import attenuation
from digital_biopsy.images import Image, real_ct_slice
from digital_biopsy.phantoms import GROUPS, LABELS, Nodule, Phantom, Scanner, thorax


@pytest.fixture(scope="module")
def patient() -> Phantom:
    return thorax(seed=3)


def flat(hu: float = 0.0, size: int = 256, spacing: float = 1.0) -> Image:
    return Image(np.full((size, size), hu), (spacing, spacing), "flat")


# ---------------------------------------------------------------- the patient


def test_shape_and_types(patient: Phantom) -> None:
    assert patient.hu.shape == patient.labels.shape == (256, 256)
    assert patient.hu.dtype == np.float32
    assert patient.spacing == (1.5, 1.5)
    assert patient.hu.min() >= -1000
    assert np.isfinite(patient.hu).all()


@pytest.mark.parametrize("seed", range(8))
def test_every_patient_has_every_part(seed: int) -> None:
    person = thorax(seed=seed)
    for name in LABELS:
        assert person.mask(name).any(), f"patient {seed} has no {name}"


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("air", -1000, -995),
        ("fat", -115, -80),
        ("muscle", 40, 70),
        ("cortical bone", 500, 950),
        ("right lung", -870, -780),
        ("left lung", -870, -780),
        ("airways", -1000, -900),
        ("blood", 150, 180),
        ("nodule", 20, 40),
    ],
)
def test_tissues_have_their_hu(patient: Phantom, name: str, low: float, high: float) -> None:
    assert low <= np.median(patient.hu[patient.mask(name)]) <= high


@pytest.mark.parametrize("seed", range(4))
def test_anatomy_is_where_it_belongs(seed: int) -> None:
    person = thorax(seed=seed, nodule=None)

    def middle(name: str) -> tuple[float, float]:
        rows, columns = np.nonzero(person.mask(name))
        return float(rows.mean()), float(columns.mean())

    assert middle("right lung")[1] < middle("heart")[1] < middle("left lung")[1]  # as a radiologist looks
    assert middle("heart")[0] < middle("spinal canal")[0] < middle("table")[0]
    assert middle("heart")[1] > 127  # it leans to the left
    _, bodies = label(person.mask("body"))
    assert bodies == 1
    width = np.ptp(np.flatnonzero(person.mask("body").any(axis=0))) * 1.5
    depth = np.ptp(np.flatnonzero(person.mask("body").any(axis=1))) * 1.5
    assert 290 < width < 360
    assert 190 < depth < 260
    lung_share = person.mask("lungs").sum() / person.mask("body").sum()
    assert 0.25 < lung_share < 0.5


def test_edges_hold_partial_volume() -> None:
    """Between lung and nodule lie values of neither."""
    person = thorax(seed=0, nodule=Nodule(diameter_mm=24, lobulation=0, amplitude=0, hu=40))
    around = person.hu[100:140, 45:95]
    assert ((around > -650) & (around < -50)).sum() > 20


def test_same_seed_same_patient_other_seed_other() -> None:
    assert np.array_equal(thorax(seed=5).hu, thorax(seed=5).hu)
    assert not np.array_equal(thorax(seed=5).labels, thorax(seed=6).labels)


def test_nodule_does_not_change_the_rest() -> None:
    healthy, ill = thorax(seed=2, nodule=None), thorax(seed=2, nodule=Nodule())
    assert not healthy.mask("nodule").any()
    changed = healthy.hu != ill.hu
    rows, columns = np.nonzero(changed)
    assert np.hypot((rows - 127.5) * 1.5 + 8, (columns - 127.5) * 1.5 + 84).max() < 18


def test_anatomy_does_not_depend_on_the_pixel_grid() -> None:
    coarse, fine = thorax(seed=4, size=192, spacing=2.0), thorax(seed=4, size=384, spacing=1.0)
    for name in ("lungs", "heart", "bones", "blood", "body"):
        ours, theirs = coarse.mask(name).sum() * 4.0, fine.mask(name).sum() * 1.0
        assert ours == pytest.approx(theirs, rel=0.06), name


def test_contrast_agent_brightens_blood_and_heart_only() -> None:
    plain, bright = thorax(seed=1, enhancement=0), thorax(seed=1, enhancement=200)
    gain = bright.hu - plain.hu
    assert gain[plain.mask("blood")].max() == pytest.approx(200, abs=1)
    assert gain[plain.mask("heart")].mean() > 50
    for name in ("bones", "muscle", "fat", "oesophagus"):  # but for edges that they share with blood
        assert np.median(np.abs(gain[plain.mask(name)])) == 0, name


def test_table_is_optional() -> None:
    assert not thorax(table=False).mask("table").any()


def test_groups(patient: Phantom) -> None:
    both = patient.mask("right lung") | patient.mask("left lung")
    assert np.array_equal(patient.mask("lungs"), both | patient.mask("lung vessels") | patient.mask("nodule"))
    assert all(member in LABELS for members in GROUPS.values() for member in members)


# ---------------------------------------------------------------- the nodule


@pytest.mark.parametrize("diameter", [6.0, 12.0, 24.0])
@pytest.mark.parametrize("lobulation", [0.0, 0.5, 1.0])
def test_nodule_has_its_area(diameter: float, lobulation: float) -> None:
    person = thorax(size=512, spacing=0.7, nodule=Nodule(diameter, lobulation=lobulation))
    area = person.mask("nodule").sum() * 0.7**2
    assert area == pytest.approx(np.pi * diameter**2 / 4, rel=0.06)


def test_nodule_lies_where_it_was_put() -> None:
    person = thorax(nodule=Nodule(diameter_mm=16, position=(12.0, 80.0), lobulation=0))
    rows, columns = np.nonzero(person.mask("nodule"))
    assert (rows.mean() - 127.5) * 1.5 == pytest.approx(12, abs=0.8)
    assert (columns.mean() - 127.5) * 1.5 == pytest.approx(80, abs=0.8)


def compactness(mask: NDArray[np.bool_]) -> float:
    """Perimeter in pixel edges over the root of the area: 4.5 for a digital disc, more when ragged."""
    edges = (mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum()
    return float(edges / np.sqrt(mask.sum()))


def test_margin_grows_spicules() -> None:
    values = [
        compactness(thorax(size=512, spacing=0.7, nodule=Nodule(24, margin=margin)).mask("nodule"))
        for margin in (0.0, 0.5, 1.0)
    ]
    assert values[0] < values[1] < values[2]
    assert values[2] > 1.3 * values[0]


def test_nodule_texture_has_its_mean_amplitude_and_grain() -> None:
    def inside(grain: float) -> tuple[float, float, float]:
        person = thorax(nodule=Nodule(40, (-5, -80), hu=50, lobulation=0, grain_mm=grain, amplitude=20))
        rows, columns = np.nonzero(person.mask("nodule"))
        core = person.hu[rows.min() + 5 : rows.max() - 4, columns.min() + 5 : columns.max() - 4]
        step = np.abs(np.diff(core, axis=0)).mean()
        values = person.hu[person.mask("nodule")]
        return float(np.median(values)), float(core.std()), float(step)

    fine, coarse = inside(0.0), inside(4.0)
    assert fine[0] == pytest.approx(50, abs=8)
    assert 14 < fine[1] < 26
    assert coarse[2] < fine[2] / 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"diameter_mm": 0.0}, "diameter_mm must be above zero"),
        ({"margin": 1.2}, "margin must lie between 0 and 1"),
        ({"lobulation": -0.1}, "lobulation must lie between 0 and 1"),
        ({"amplitude": -1.0}, "amplitude must be zero or more"),
        ({"grain_mm": float("nan")}, "grain_mm must be zero or more"),
    ],
)
def test_nodule_errors(arguments: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Nodule(**arguments)  # type: ignore[arg-type]


def test_thorax_errors(patient: Phantom) -> None:
    with pytest.raises(ValueError, match="Move it into a lung"):
        thorax(nodule=Nodule(position=(0.0, 0.0)))
    with pytest.raises(ValueError, match="outside the image"):
        thorax(nodule=Nodule(position=(0.0, 900.0)))
    with pytest.raises(ValueError, match="size must be 32 or more"):
        thorax(size=8)
    with pytest.raises(ValueError, match="spacing must lie above 0"):
        thorax(spacing=0.0)
    with pytest.raises(ValueError, match="no tissue 'liver'"):
        patient.mask("liver")


# ---------------------------------------------------------------- the scanner


def test_noise_has_its_strength_and_no_mean() -> None:
    for shape, spacing in (((256, 256), 0.7), ((201, 255), 1.5)):
        slab = Image(np.zeros(shape), (spacing, spacing), "water")
        image = Scanner(noise=12.0).scan(slab, seed=1)
        assert image.std() == pytest.approx(12.0, rel=0.05)
        assert image.mean() == pytest.approx(0.0, abs=1e-3)


def test_noise_power_rises_as_a_ramp_and_peaks_at_the_grain() -> None:
    scanner = Scanner(psf_sigma=0, noise=10.0, noise_grain=4.0)
    power = np.zeros((256, 256))
    for seed in range(12):
        power += np.abs(np.fft.fft2(scanner.scan(flat(), seed))) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    bins = np.arange(0.01, 0.5, 0.02)
    which = np.digitize(frequency, bins)
    profile = np.array([power[which == i].mean() for i in range(1, bins.size)])
    centres = (bins[1:] + bins[:-1]) / 2
    assert centres[profile.argmax()] == pytest.approx(0.25, abs=0.04)
    low = centres < 0.12
    slope = np.polyfit(np.log(centres[low]), np.log(profile[low]), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.2)  # a ramp; white noise has slope 0
    assert profile[-1] < 0.6 * profile.max()


def test_noise_does_not_depend_on_the_anatomy(patient: Phantom) -> None:
    quiet, loud = Scanner(noise=0.0), Scanner(noise=20.0)
    difference = loud.scan(patient, 4) - quiet.scan(patient, 4)
    assert np.allclose(difference, 20.0 * loud.noise_pattern((256, 256), patient.spacing, 4), atol=1e-3)


def test_blur_is_in_mm() -> None:
    """The same point, on two pixel sizes, spreads over the same number of millimetres."""
    for spacing in (0.5, 1.0):
        point = flat(0.0, 65, spacing)
        point.hu[32, 32] = 1000.0
        image = Scanner(psf_sigma=2.0, noise=0).scan(point)
        away = (np.arange(65) - 32) * spacing
        width = np.sqrt((image.sum(axis=0) * away**2).sum() / image.sum())
        assert width == pytest.approx(2.0, rel=0.02)


def test_blur_follows_unequal_spacing() -> None:
    point = Image(np.zeros((65, 65)), (2.0, 1.0), "point")
    point.hu[32, 32] = 1000.0
    image = Scanner(psf_sigma=4.0, noise=0).scan(point)
    np.testing.assert_allclose(image, gaussian_filter(point.hu, (2.0, 4.0), mode="nearest"), atol=1e-3)


def test_drift_is_exact(patient: Phantom) -> None:
    steady, off = Scanner(), Scanner(drift=0.005)
    expected = attenuation.drift(steady.scan(patient, 9), 0.005)
    np.testing.assert_allclose(off.scan(patient, 9), expected, atol=1e-3)


def test_scan_is_seeded_and_leaves_the_patient_alone(patient: Phantom) -> None:
    before = patient.hu.copy()
    first, again, other = (Scanner().scan(patient, seed) for seed in (1, 1, 2))
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(patient.hu, before)


def test_scans_the_real_slice_too() -> None:
    real = real_ct_slice()
    assert Scanner(drift=0.01).scan(real).shape == real.hu.shape


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"psf_sigma": -1.0}, "psf_sigma must be zero or more"),
        ({"noise": -1.0}, "noise must be zero or more"),
        ({"noise_grain": 0.0}, "noise_grain must be above zero"),
        ({"drift": -1.0}, "drift must be above -1"),
    ],
)
def test_scanner_errors(arguments: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Scanner(**arguments)


def test_scan_errors(patient: Phantom) -> None:
    holed = patient.hu.copy()
    holed[0, 0] = np.nan
    with pytest.raises(ValueError, match="holds NaN"):
        Scanner().scan(dataclasses.replace(patient, hu=holed))
    with pytest.raises(ValueError, match="one slice with two axes"):
        Scanner().scan(Image(np.zeros((4, 4, 4)), (1.0, 1.0, 1.0), "box"))
