"""Write the three locks and environment.yml from the two pyproject.toml files.

Run by ``make lock``. The largest lock is resolved first and constrains the others, so one version of a
package serves learner, instructor and tests. ``make lock UPGRADE=1`` looks for newer versions.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "course" / "requirements.lock"
AUTOGRADER = ROOT / "autograder" / "requirements.lock"
TESTS = ROOT / "tests" / "requirements.lock"
CONDA = ROOT / "environment.yml"

OWN = {"digital-biopsy", "digital-biopsy-autograder"}
#: What only the CUDA build of torch needs. The course takes torch's CPU build, which names none of them.
CUDA = re.compile(r"(nvidia|cuda)-|triton==")
#: Debian 12's Python: every supported 3.11 must be able to install the locks.
OLDEST_PYTHON = "3.11.2"

LOCK_HEADER = """\
# Made by `make lock`; do not edit. Complete: install it with `pip install --no-deps -r {name}`.
# Linux: torch comes as its CPU build (`make study` sees to that); what only its CUDA build needs is left out.
"""
CONDA_HEADER = """\
# Made by `make lock` from course/requirements.lock; do not edit.
#
#     conda env create -f environment.yml
#     conda activate digital-biopsy
#     digital-biopsy study
#
# On Linux, pip takes torch's CUDA build, several gigabytes more, unless it is shown the CPU build:
#
#     PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu conda env create -f environment.yml
"""


def inputs() -> tuple[list[str], list[str], list[str]]:
    """Requirements of learner, instructor and tests, each list holding the one before it."""
    course = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = tomllib.loads((ROOT / "autograder" / "pyproject.toml").read_text(encoding="utf-8"))
    study = course["project"]["dependencies"] + course["dependency-groups"]["build"]
    # The course itself is in no registry: it is installed from the checkout.
    grading = [line for line in tools["project"]["dependencies"] if Requirement(line).name not in OWN]
    autograder = study + grading
    return study, autograder, autograder + course["dependency-groups"]["tests"]


def without_cuda(compiled: str) -> str:
    """Drop the lines of the packages that only torch's CUDA build needs."""
    return "".join(line for line in compiled.splitlines(keepends=True) if not CUDA.match(line))


def compile_lock(
    requirements: list[str], lock: Path, constraint: Path | None = None, upgrade: bool = False
) -> None:
    """Resolve `requirements` for every platform and supported Python into `lock`."""
    uv = shutil.which("uv", path=sysconfig.get_path("scripts")) or shutil.which("uv")
    if uv is None:
        raise SystemExit("`uv` is missing. Run `make setup` first, or `pip install uv`.")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "requirements.in"), Path(folder, "requirements.lock")
        source.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        if lock.exists() and not upgrade:
            shutil.copy(lock, target)  # uv keeps the versions that it finds there
        command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON]
        command += ["--no-header", "--no-annotate", "--output-file", str(target), str(source)]
        if constraint is not None:
            command += ["--constraint", str(constraint)]
        subprocess.run(command, check=True, cwd=folder)
        header = LOCK_HEADER.format(name=lock.relative_to(ROOT).as_posix())
        lock.write_text(
            header + without_cuda(target.read_text(encoding="utf-8")), encoding="utf-8", newline="\n"
        )


def pins(lock: Path) -> list[Requirement]:
    """Requirements of a lock file, in its order."""
    lines = (line.split("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def conda_pins(lock: Path) -> list[str]:
    """Lines of `lock` that Python 3.11 takes on some platform, with the markers that still matter."""
    lines = []
    newest = {"python_version": "3.11", "python_full_version": "3.11.99"}
    for pin in pins(lock):
        text = f"{pin.name}{pin.specifier}"
        if pin.marker is None:
            lines.append(text)
        elif "python_" not in str(pin.marker):
            lines.append(f"{text} ; {pin.marker}")
        elif "platform" in str(pin.marker) or "os_name" in str(pin.marker):
            raise SystemExit(f"{text}: a marker that mixes Python and platform is not handled yet.")
        elif Marker(str(pin.marker)).evaluate(newest):
            lines.append(text)
    return sorted(lines, key=lambda line: canonicalize_name(re.split("==", line)[0]))


def conda_text(lock: Path) -> str:
    """environment.yml with the pins of `lock`."""
    lines = ["name: digital-biopsy", "channels:", "  - conda-forge", "  - nodefaults", "dependencies:"]
    lines += ["  - python=3.11", "  - pip", "  - pip:"]
    for pin in conda_pins(lock):
        lines.append(f"      - '{pin}'" if ";" in pin else f"      - {pin}")
    lines.append("      - --editable .")
    return CONDA_HEADER + "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Write the locks and environment.yml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="look for newer versions")
    options = parser.parse_args(argv)
    study, autograder, tests = inputs()
    compile_lock(tests, TESTS, upgrade=options.upgrade)
    compile_lock(autograder, AUTOGRADER, constraint=TESTS, upgrade=True)
    compile_lock(study, STUDY, constraint=TESTS, upgrade=True)
    CONDA.write_text(conda_text(STUDY), encoding="utf-8", newline="\n")
    for path in (TESTS, AUTOGRADER, STUDY, CONDA):
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
