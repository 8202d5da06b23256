"""The wheel carries the package, its settings and its data, and works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

# Editable installs put a finder on sys.meta_path; without it only the wheel in PYTHONPATH can be found.
PROGRAM = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
from importlib.resources import files
import digital_biopsy
from digital_biopsy import attenuation, doctor, study
print(attenuation.mu("water", 70.0))
print(doctor.check_data().status)
print(study.course_folder())
print((files("digital_biopsy") / "jupyter" / "labconfig" / "page_config.json").is_file())
places = [m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "digital_biopsy" and m.__file__]
print(all(place.startswith(sys.argv[1]) for place in places), len(places) > 4)
"""


def build(source: Path, folder: Path) -> Path:
    """Build the wheel of the project in `source`; return it."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--wheel-dir", folder, source],
        check=True, timeout=120,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files under version control or about to be: building leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("copy")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The learner's wheel."""
    return build(copy, tmp_path_factory.mktemp("wheels"))


def test_it_holds_every_module_and_every_data_file(wheel: Path, copy: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = copy / "course" / "digital_biopsy"
    wanted = {f"digital_biopsy/{path.relative_to(package).as_posix()}" for path in package.rglob("*.py")}
    wanted |= {f"digital_biopsy/{path.relative_to(package).as_posix()}" for path in package.rglob("*.json")}
    wanted |= {f"digital_biopsy/data/{path.name}" for path in (copy / "data").glob("*.csv")}
    wanted |= {"digital_biopsy/py.typed", "digital_biopsy/data/SHA256SUMS"}
    assert wanted <= names
    assert {"LICENSE", "LICENSE-text"} <= {name.rpartition("/")[2] for name in names}


def test_it_holds_nothing_else(wheel: Path) -> None:
    for name in zipfile.ZipFile(wheel).namelist():
        assert name.split("/")[0] == "digital_biopsy" or ".dist-info/" in name, name
        assert not name.endswith((".ipynb", ".lock", "answers.py")), name


def test_it_works_from_any_folder_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "installed here", tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target,
         wheel],
        check=True, timeout=120,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(target)], cwd=elsewhere, capture_output=True, text=True,
        check=False, timeout=60, env=os.environ | {"PYTHONPATH": str(target)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    water, data, course, settings, places = done.stdout.splitlines()
    assert float(water) == pytest.approx(0.193, abs=0.005)  # 1/cm at 70 keV
    assert (data, course, settings, places) == ("ok", "None", "True", "True True")


def test_the_instructors_wheel_holds_every_module(copy: Path, tmp_path: Path) -> None:
    names = set(zipfile.ZipFile(build(copy / "autograder", tmp_path)).namelist())
    source = copy / "autograder" / "src"
    assert {path.relative_to(source).as_posix() for path in source.rglob("*.py")} <= names
