"""Physics of the Hounsfield scale: figures, inverses, invariances, errors."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_biopsy import attenuation as att

hus = st.floats(-1000, 4000)
epsilons = st.floats(-0.5, 1.0)
waters = st.floats(0.01, 5.0)


# ---------------------------------------------------------------- figures of the curriculum


def test_drift_figures() -> None:
    assert att.drift_bias(45.0, 0.005) == pytest.approx(-5.199, abs=5e-4)
    assert att.drift_bias(45.0, -0.005) == pytest.approx(5.251, abs=5e-4)
    assert att.drift_bias(1000.0, 0.005) == pytest.approx(-9.95, abs=5e-3)
    assert att.drift_bias(0.0, 0.01) == pytest.approx(-9.901, abs=5e-4)
    assert att.drift_bias(-1000.0, 0.3) == 0.0
    assert not np.signbit(att.drift_bias(-1000.0, 0.3))


def test_energy_shift_figures() -> None:
    """One keV at 70 keV: mu of water -0.55 %, muscle 0.1 HU, bone about -28 HU."""
    change = att.mu("water", 71.0) / att.mu("water", 70.0) - 1
    assert change == pytest.approx(-0.0055, abs=1e-4)
    muscle = att.material_hu("muscle", 71.0) - att.material_hu("muscle", 70.0)
    bone = att.material_hu("bone", 71.0) - att.material_hu("bone", 70.0)
    assert abs(muscle) == pytest.approx(0.1, abs=0.01)
    assert bone == pytest.approx(-28, abs=0.5)


def test_materials_stand_in_their_order_on_the_scale() -> None:
    order = ["air", "lung", "adipose", "water", "muscle", "blood", "iodine", "bone"]
    values = [float(att.material_hu(name, 70.0)) for name in order]
    assert values == sorted(values)
    assert att.material_hu("water", 33.0) == 0.0
    assert set(order) == set(att.MATERIALS)


# ---------------------------------------------------------------- mu(E)


def test_mu_is_the_table_on_whole_kev_and_monotonic_between() -> None:
    assert att.mu("water", 20.0) == pytest.approx(0.809828, rel=1e-9)
    assert att.mu("water", 150) == pytest.approx(0.150524, rel=1e-9)
    fine = att.mu("bone", np.linspace(20, 150, 2001))
    assert fine.shape == (2001,)
    assert np.all(np.diff(fine) < 0)


def test_mu_interpolates_as_a_power_law() -> None:
    """Half way, on logarithmic axes, lies the geometric mean."""
    middle = np.sqrt(60.0 * 61.0)
    expected = np.sqrt(att.mu("muscle", 60.0) * att.mu("muscle", 61.0))
    assert att.mu("muscle", middle) == pytest.approx(expected, rel=1e-12)


def test_mu_between_the_lines_agrees_with_xraydb() -> None:
    xraydb = pytest.importorskip("xraydb")
    energies = np.arange(20.5, 150, 7.0)
    exact = 0.111894 * xraydb.mu_elam("H", energies * 1000) + 0.888106 * xraydb.mu_elam("O", energies * 1000)
    np.testing.assert_allclose(att.mu("water", energies), exact, rtol=6e-4)  # worst: 5.4e-4 at 20.5 keV


def test_iodine_jumps_at_its_edge() -> None:
    assert att.iodine_mass_attenuation(34.0) > 4 * att.iodine_mass_attenuation(33.0)


# ---------------------------------------------------------------- properties


@given(hu=hus, water=waters)
def test_hounsfield_and_attenuation_are_inverse(hu: float, water: float) -> None:
    assert att.hounsfield(att.attenuation(hu, water), water) == pytest.approx(hu, abs=1e-8)


@given(mu=st.floats(0, 10), water=waters, scale=st.floats(0.1, 10))
def test_hounsfield_is_free_of_scale(mu: float, water: float, scale: float) -> None:
    assert att.hounsfield(scale * mu, scale * water) == pytest.approx(
        float(att.hounsfield(mu, water)), rel=1e-9, abs=1e-8
    )


@given(hu=hus, epsilon=epsilons, water=waters)
def test_drift_is_a_wrong_divisor(hu: float, epsilon: float, water: float) -> None:
    by_definition = att.hounsfield(att.attenuation(hu, water), (1 + epsilon) * water)
    assert att.drift(hu, epsilon) == pytest.approx(float(by_definition), abs=1e-7)
    assert att.drift_bias(hu, epsilon) == pytest.approx(float(by_definition) - hu, abs=1e-7)


@given(hu=hus, epsilon=epsilons)
def test_correct_drift_undoes_drift(hu: float, epsilon: float) -> None:
    assert att.correct_drift(att.drift(hu, epsilon), epsilon) == pytest.approx(hu, abs=1e-8)


@given(epsilon=epsilons)
def test_water_tells_the_drift(epsilon: float) -> None:
    assert att.estimate_drift(att.drift(0.0, epsilon)) == pytest.approx(epsilon, abs=1e-9)


@given(mu=st.floats(0, 2), thickness=st.floats(0.1, 40))
def test_mean_attenuation_undoes_transmitted(mu: float, thickness: float) -> None:
    behind = att.transmitted(1e6, mu, thickness)
    assert att.mean_attenuation(1e6, behind, thickness) == pytest.approx(mu, abs=1e-9)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=5), waters)
def test_partial_volume_is_the_mixture_of_mu(shares: list[float], water: float) -> None:
    fractions = np.array(shares) / np.sum(shares)
    hu = np.linspace(-1000, 1500, len(shares))
    mixed = att.hounsfield((fractions * att.attenuation(hu, water)).sum(), water)
    assert att.partial_volume(fractions, hu) == pytest.approx(float(mixed), abs=1e-6)


# ---------------------------------------------------------------- arrays, types, files


def test_shapes_and_integers() -> None:
    image = np.array([[-1000, 0], [45, 1000]], dtype=np.int16)
    bias = att.drift_bias(image, 0.005)
    assert bias.shape == (2, 2)
    assert bias.dtype == np.float64
    assert isinstance(att.drift_bias(45, 0.005), np.float64)
    assert image.tolist() == [[-1000, 0], [45, 1000]]


def test_rescale_does_not_overflow_and_marks_padding() -> None:
    stored = np.array([-32768, 32767, -2000], dtype=np.int16)
    hu = att.rescale(stored, 2.0, -1024.0, padding=-2000)
    assert hu.dtype == np.float64
    assert hu[:2].tolist() == [-66560.0, 64510.0]
    assert np.isnan(hu[2])
    unsigned = att.rescale(np.array([65535], dtype=np.uint16), 1, -1024, padding=-2000)
    assert unsigned.tolist() == [64511.0]


def test_rescale_compares_stored_values_not_hu_with_padding() -> None:
    hu = att.rescale(np.array([0, -1024]), 1.0, -1024.0, padding=0)
    assert np.isnan(hu[0])
    assert hu[1] == -2048


def test_window() -> None:
    grey = att.window(np.array([-200.0, -160.0, 40.0, 240.0, 900.0, np.nan, np.inf]), 40.0, 400.0)
    np.testing.assert_array_equal(grey, [0, 0, 0.5, 1, 1, np.nan, 1])


def test_window_lies_within_a_width_of_dicoms_rule() -> None:
    hu = np.arange(-300, 301)
    dicom = np.clip((hu - 39.5) / 399 + 0.5, 0, 1)
    assert 0 < np.abs(att.window(hu, 40, 400) - dicom).max() <= 1 / 400


def test_partial_volume_of_an_image_of_fractions() -> None:
    fractions = np.array([[[1.0, 0.0], [0.5, 0.5]]])
    assert att.partial_volume(fractions, [-1000.0, 0.0]).tolist() == [[-1000.0, -500.0]]


def test_photons_are_poisson() -> None:
    counts = att.count_photons(np.full(40000, 100.0), np.random.default_rng(1))
    assert counts.dtype == np.int64
    assert counts.mean() == pytest.approx(100, abs=0.3)
    assert counts.var() == pytest.approx(100, rel=0.05)
    again = att.count_photons(np.full(40000, 100.0), np.random.default_rng(1))
    assert np.array_equal(counts, again)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: att.mu("muscel", 60.0), "Did you mean 'muscle'"),
        (lambda: att.mu("jam", 60.0), "Choose one of: water"),
        (lambda: att.mu("water", 19.9), "19.9 keV is outside"),
        (lambda: att.mu("water", [60.0, 151.0]), "151 keV is outside"),
        (lambda: att.mu("water", np.nan), "nan keV is outside"),
        (lambda: att.hounsfield(0.2, 0.0), "mu_water must be above zero"),
        (lambda: att.attenuation(40.0, [0.2, -0.2]), "mu_water must be above zero"),
        (lambda: att.drift_bias(45.0, -1.0), "epsilon must be above -1"),
        (lambda: att.drift(45.0, [0.1, -2.0]), "epsilon must be above -1"),
        (lambda: att.correct_drift(45.0, -1.0), "epsilon must be above -1"),
        (lambda: att.estimate_drift(-1000.0), "not water"),
        (lambda: att.transmitted(-1.0, 0.2, 1.0), "incident"),
        (lambda: att.transmitted(1.0, 0.2, -1.0), "thickness"),
        (lambda: att.mean_attenuation(0.0, 1.0, 1.0), "incident must be above zero"),
        (lambda: att.mean_attenuation(1.0, 0.0, 1.0), "transmitted must be above zero"),
        (lambda: att.mean_attenuation(1.0, 1.0, 0.0), "thickness must be above zero"),
        (lambda: att.count_photons(-1.0, np.random.default_rng(0)), "between 0 and 1e18"),
        (lambda: att.count_photons(1.0, 7), "numpy.random.default_rng"),  # type: ignore[arg-type]
        (lambda: att.rescale([1], 0.0, 0.0), "slope"),
        (lambda: att.rescale([1], 1.0, np.nan), "intercept"),
        (lambda: att.window([1], 40.0, 0.0), "width must be above zero"),
        (lambda: att.partial_volume([0.5, 0.6], [0.0, 40.0]), "these sum to 1.1"),
        (lambda: att.partial_volume([1.5, -0.5], [0.0, 40.0]), "cannot be negative"),
        (lambda: att.partial_volume([0.5, 0.5], [0.0, 40.0, 50.0]), "2 fractions for 3 materials"),
        (lambda: att.hounsfield("bone", 0.2), "mu must be a number"),
        (lambda: att.hounsfield(None, 0.2), "mu must be a number"),  # type: ignore[arg-type]
        (lambda: att.hounsfield([[1.0], [1.0, 2.0]], 0.2), "rows are all of one length"),
    ],
)
def test_errors_name_the_cause(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


# ---------------------------------------------------------------- the price of an import


@pytest.mark.parametrize(
    "module",
    ["digital_biopsy", *(f"digital_biopsy.{n}" for n in ("attenuation", "claims", "images", "phantoms"))],
)
def test_import_is_cheap(module: str) -> None:
    program = (
        f"import sys, {module}\n"
        "heavy = {'torch', 'matplotlib', 'ipywidgets', 'IPython', 'skimage'} & set(sys.modules)\n"
        "upward = {'digital_biopsy.' + n for n in ('demos', 'check', 'cli')} & set(sys.modules)\n"
        "sys.exit(repr(heavy | upward) if heavy | upward else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_package_loads_modules_when_asked() -> None:
    program = (
        "import sys, digital_biopsy as db\n"
        "assert 'numpy' not in sys.modules\n"
        "assert db.attenuation.mu('water', 60) > 0.2\n"
        "assert {'attenuation', 'phantoms', '__version__'} <= set(dir(db))\n"
        "assert db.__version__[0].isdigit()\n"
        "try:\n    db.atenuation\nexcept AttributeError as error:\n    assert 'attenuation' in str(error)\n"
        "else:\n    raise SystemExit('no error')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
