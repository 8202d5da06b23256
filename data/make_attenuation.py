"""Make mu_linear_per_cm.csv, the table of attenuation coefficients that the course computes with.

Run it from any folder, in an environment that has xraydb (it is not needed to take the course)::

    python data/make_attenuation.py           # write the table and SHA256SUMS beside this file
    python data/make_attenuation.py --check   # compare; exit status 1 when the table differs

Cross sections: Elam, Ravel and Sieber, Radiation Physics and Chemistry 63 (2002) 121,
doi:10.1016/S0969-806X(01)00227-4, as xraydb serves them: photoelectric absorption, coherent and
incoherent scattering, summed. Compositions (fractions by mass) and densities: ICRU Report 44 (1989),
as printed in table 2 of Hubbell and Seltzer, NIST, doi:10.18434/T4D01F.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent
TABLE = "mu_linear_per_cm.csv"
CHECKSUMS = "SHA256SUMS"

ENERGIES_KEV: NDArray[np.float64] = np.arange(20.0, 151.0)

# name: (density in g/cm3, mass fraction of each element)
COMPOSITIONS: dict[str, tuple[float, dict[str, float]]] = {
    "water": (1.0, {"H": 0.111894, "O": 0.888106}),
    "air": (1.205e-3, {"C": 0.000124, "N": 0.755268, "O": 0.231781, "Ar": 0.012827}),
    "adipose": (
        0.95,
        {"H": 0.114, "C": 0.598, "N": 0.007, "O": 0.278, "Na": 0.001, "S": 0.001, "Cl": 0.001},
    ),
    "muscle": (
        1.05,
        {
            "H": 0.102, "C": 0.143, "N": 0.034, "O": 0.710, "Na": 0.001,
            "P": 0.002, "S": 0.003, "Cl": 0.001, "K": 0.004,
        },
    ),
    "blood": (
        1.06,
        {
            "H": 0.102, "C": 0.110, "N": 0.033, "O": 0.745, "Na": 0.001,
            "P": 0.001, "S": 0.002, "Cl": 0.003, "K": 0.002, "Fe": 0.001,
        },
    ),
    "bone": (
        1.92,
        {
            "H": 0.034, "C": 0.155, "N": 0.042, "O": 0.435, "Na": 0.001,
            "Mg": 0.002, "P": 0.103, "S": 0.003, "Ca": 0.225,
        },
    ),
    # The tissue of the lung weighs 1.05 g/cm3; with the air it holds, the organ weighs 0.26 g/cm3.
    "lung": (
        0.26,
        {
            "H": 0.103, "C": 0.105, "N": 0.031, "O": 0.749, "Na": 0.002,
            "P": 0.002, "S": 0.003, "Cl": 0.003, "K": 0.002,
        },
    ),
}  # fmt: skip

IODINE_G_PER_CM3 = 0.010  # 10 mg of iodine in each millilitre: a well enhanced artery has about this


def mass_attenuation(element: str, energies_kev: NDArray[np.float64]) -> NDArray[np.float64]:
    """Total mass attenuation coefficient of an element, cm2/g."""
    import xraydb

    return np.asarray(xraydb.mu_elam(element, energies_kev * 1000.0, kind="total"), dtype=np.float64)


def linear_attenuation(
    density: float, fractions: dict[str, float], energies_kev: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Linear attenuation coefficient of a mixture by the mixture rule, 1/cm."""
    per_gram = [part * mass_attenuation(element, energies_kev) for element, part in fractions.items()]
    return np.asarray(density * np.sum(per_gram, axis=0), dtype=np.float64)


def columns(energies_kev: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Every column of the table after the energy."""
    table = {
        name: linear_attenuation(density, fractions, energies_kev)
        for name, (density, fractions) in COMPOSITIONS.items()
    }
    iodine = mass_attenuation("I", energies_kev)
    # Iodine is added to the water; the water that the molecule displaces and its light atoms are left out.
    table["iodine"] = table["water"] + IODINE_G_PER_CM3 * iodine
    table["iodine_cm2_per_g"] = iodine
    return table


def table_text() -> str:
    """The whole table as text: six significant digits, Unix line ends."""
    table = columns(ENERGIES_KEV)
    lines = [",".join(["energy_keV", *table])]
    for i, energy in enumerate(ENERGIES_KEV):
        lines.append(",".join([f"{energy:.0f}", *(f"{values[i]:.6g}" for values in table.values())]))
    return "\n".join(lines) + "\n"


def checksum_text(names: list[str], folder: Path = FOLDER) -> str:
    """SHA256SUMS for the named files, in the form that ``sha256sum --check`` reads."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(names)}
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items())


def main(arguments: list[str] | None = None) -> int:
    """Write the table, or compare it with the one that is there."""
    parser = argparse.ArgumentParser(description="Make the attenuation table from xraydb.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the table lies (default: here)")
    options = parser.parse_args(arguments)
    made = table_text().encode("ascii")
    path = options.folder / TABLE
    if options.check:
        same = path.is_file() and path.read_bytes() == made
        print(f"{path}: {'as made by this script' if same else 'differs from what this script makes'}")
        return 0 if same else 1
    path.write_bytes(made)
    (options.folder / CHECKSUMS).write_text(checksum_text([TABLE], options.folder), encoding="ascii")
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
