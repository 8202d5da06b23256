"""The attenuation table: made by its script, checksummed, and what the literature says."""

from __future__ import annotations

import csv
import hashlib
import runpy
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "data" / "mu_linear_per_cm.csv"
REFERENCE = ROOT.parent / "shared" / "reference" / "attenuation" / "mu_linear_per_cm.csv"


def columns(path: Path) -> dict[str, np.ndarray]:
    names, *rows = csv.reader(path.read_text(encoding="ascii").splitlines())
    return dict(zip(names, np.array(rows, dtype=float).T, strict=True))


def test_script_makes_the_table_to_the_byte() -> None:
    pytest.importorskip("xraydb")
    script = runpy.run_path(str(ROOT / "data" / "make_attenuation.py"))
    assert script["table_text"]().encode("ascii") == TABLE.read_bytes()


def test_script_writes_and_checks(tmp_path: Path) -> None:
    pytest.importorskip("xraydb")
    main = runpy.run_path(str(ROOT / "data" / "make_attenuation.py"))["main"]
    assert main(["--folder", str(tmp_path)]) == 0
    assert main(["--folder", str(tmp_path), "--check"]) == 0
    made = tmp_path / "mu_linear_per_cm.csv"
    made.write_bytes(made.read_bytes().replace(b"70,", b"70.5,", 1))
    assert main(["--folder", str(tmp_path), "--check"]) == 1


def test_compositions_sum_to_one() -> None:
    script = runpy.run_path(str(ROOT / "data" / "make_attenuation.py"))
    for name, (_, fractions) in script["COMPOSITIONS"].items():
        assert sum(fractions.values()) == pytest.approx(1.0, abs=1e-9), name


def test_checksums() -> None:
    lines = (ROOT / "data" / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(listed) == {path.name for path in (ROOT / "data").glob("*.csv")}
    for name, digest in listed.items():
        assert hashlib.sha256((ROOT / "data" / name).read_bytes()).hexdigest() == digest


def test_package_carries_the_table() -> None:
    packaged = files("digital_biopsy.data").joinpath("mu_linear_per_cm.csv").read_bytes()
    assert packaged == TABLE.read_bytes()


def test_grid_is_whole_kev() -> None:
    assert columns(TABLE)["energy_keV"].tolist() == list(range(20, 151))


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference table does not lie beside this checkout")
def test_agrees_with_the_table_beside_the_checkout() -> None:
    """That one was made with xraylib. Both rest on Elam's cross sections; only rounding differs (5e-6)."""
    ours, theirs = columns(TABLE), columns(REFERENCE)
    names = {
        "water": "water",
        "air": "air_dry",
        "adipose": "adipose_icru-44",
        "muscle": "muscle_icru-44",
        "blood": "blood_icru-44",
        "bone": "cortical_bone_icru-44",
        "lung": "lung_inflated_icru-44",
        "iodine_cm2_per_g": "iodine_mass_cm2_per_g",
    }
    np.testing.assert_array_equal(ours["energy_keV"], theirs["energy_keV"])
    for ours_name, theirs_name in names.items():
        np.testing.assert_allclose(ours[ours_name], theirs[theirs_name], rtol=1.0e-5, err_msg=ours_name)


@pytest.mark.parametrize(
    ("column", "density", "printed"),
    [
        (
            "water",
            1.0,
            {
                20: 0.8096,
                30: 0.3756,
                40: 0.2683,
                50: 0.2269,
                60: 0.2059,
                80: 0.1837,
                100: 0.1707,
                150: 0.1505,
            },
        ),
        (
            "bone",
            1.92,
            {20: 4.001, 30: 1.331, 40: 0.6655, 50: 0.4242, 60: 0.3148, 80: 0.2229, 100: 0.1855, 150: 0.1480},
        ),
        ("iodine_cm2_per_g", 1.0, {60: 7.579, 80: 3.510, 100: 1.942, 150: 0.6978}),
    ],
)
def test_agrees_with_nist(column: str, density: float, printed: dict[int, float]) -> None:
    """Mass attenuation coefficients (cm2/g) as Hubbell and Seltzer print them, doi:10.18434/T4D01F."""
    table = columns(TABLE)
    for energy, value in printed.items():
        ours = table[column][energy - 20] / density
        assert ours == pytest.approx(value, rel=5e-4), f"{column} at {energy} keV"


def test_iodine_is_water_with_ten_milligrams_in_a_millilitre() -> None:
    table = columns(TABLE)
    expected = table["water"] + 0.010 * table["iodine_cm2_per_g"]
    np.testing.assert_allclose(table["iodine"], expected, rtol=1e-5)
