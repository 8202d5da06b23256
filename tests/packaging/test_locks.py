"""The locks are complete, agree with one another, and say what pyproject.toml and environment.yml say."""

from __future__ import annotations

import importlib.util
import itertools
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "course" / "requirements.lock"
AUTOGRADER = ROOT / "autograder" / "requirements.lock"
TESTS = ROOT / "tests" / "requirements.lock"
PLATFORMS = {
    "linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
    "darwin": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin"},
    "win32": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
}
MACHINES = [
    {**platform, "python_version": full.rpartition(".")[0], "python_full_version": full}
    for platform, full in itertools.product(
        PLATFORMS.values(), ["3.11.2", "3.11.4", "3.11.14", "3.12.0", "3.13.9"]
    )
]


@pytest.fixture(scope="module")
def lock() -> ModuleType:
    """The script that writes the locks."""
    spec = importlib.util.spec_from_file_location("lock", ROOT / "tests" / "tools" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def taken(pins: list[Requirement], machine: dict[str, str] | None = None) -> dict[str, str]:
    """Version of each package that a machine takes from a lock; a package named twice is an error."""
    versions: dict[str, str] = {}
    for pin in pins:
        if pin.marker is None or pin.marker.evaluate(machine):
            name = canonicalize_name(pin.name)
            assert name not in versions, f"{name} is pinned twice for {machine}"
            versions[name] = str(pin.specifier)
    return versions


@pytest.mark.parametrize("path", [STUDY, AUTOGRADER, TESTS], ids=["study", "autograder", "tests"])
def test_every_line_is_one_exact_version(lock: ModuleType, path: Path) -> None:
    pins = lock.pins(path)
    assert len(pins) > 100
    for pin in pins:
        assert re.fullmatch(r"==[^,*+]+", str(pin.specifier)), str(pin)
        assert pin.url is None


@pytest.mark.parametrize("path", [STUDY, AUTOGRADER, TESTS], ids=["study", "autograder", "tests"])
def test_no_address_no_machine_path_no_cuda(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in lines:
        assert not re.search(r"://|--|/|^(nvidia|cuda|triton)", line), line


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"{m['sys_platform']}-{m['python_full_version']}")
def test_locks_agree_on_every_platform(lock: ModuleType, machine: dict[str, str]) -> None:
    study, autograder, tests = (taken(lock.pins(path), machine) for path in (STUDY, AUTOGRADER, TESTS))
    assert study.items() <= autograder.items() <= tests.items()


def test_locks_satisfy_what_the_projects_ask_for(lock: ModuleType) -> None:
    for path, wanted in zip((STUDY, AUTOGRADER, TESTS), lock.inputs(), strict=True):
        versions = taken(lock.pins(path))
        for requirement in map(Requirement, wanted):
            version = versions[canonicalize_name(requirement.name)].removeprefix("==")
            assert requirement.specifier.contains(version), f"{path}: {requirement}, but locked is {version}"


def needed(roots: list[str], skip: re.Pattern[str]) -> set[str]:
    """Names of all that `roots` need here, read from the installed packages' own metadata."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in roots]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if skip.match(f"{name}=="):
            continue
        extras = requirement.extras or {""}
        key = f"{name}[{','.join(sorted(extras))}]"
        if key in found:
            continue
        found |= {key, name}
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:
            raise AssertionError(f"{name} is needed and not installed") from None
        for need in map(Requirement, lines):
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(need)
    return {name for name in found if "[" not in name}


@pytest.mark.parametrize(("index", "path"), list(enumerate([STUDY, AUTOGRADER, TESTS])))
def test_locks_hold_all_that_is_needed_and_nothing_else(lock: ModuleType, index: int, path: Path) -> None:
    assert set(taken(lock.pins(path))) == needed(lock.inputs()[index], lock.CUDA)


def test_build_backend_is_the_locked_one(lock: ModuleType) -> None:
    locked = taken(lock.pins(STUDY))["setuptools"]
    for name in ("pyproject.toml", "autograder/pyproject.toml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert f'requires = ["setuptools{locked}"]' in text


def test_the_learner_gets_jupyterlab_46_and_torch_213(lock: ModuleType) -> None:
    versions = taken(lock.pins(STUDY))
    assert versions["torch"] == "==2.13.0"
    assert versions["jupyterlab"].startswith("==4.6.")
    assert versions["nbgrader"] == "==0.9.6"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_environment_yml_has_the_pins_of_the_lock(lock: ModuleType, platform: str) -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert conda["dependencies"][0] == "python=3.11"
    lines = conda["dependencies"][-1]["pip"]
    assert lines[-1] == "--editable ."
    machine = {**PLATFORMS[platform], "python_version": "3.11", "python_full_version": "3.11.14"}
    assert taken([Requirement(line) for line in lines[:-1]], machine) == taken(lock.pins(STUDY), machine)


def test_environment_yml_is_what_the_script_writes(lock: ModuleType) -> None:
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == lock.conda_text(STUDY)


def test_cuda_lines_are_dropped(lock: ModuleType) -> None:
    text = "numpy==2.4.6\nnvidia-cublas==13 ; os_name == 'posix'\ntriton==3.7.1\ncuda-toolkit==13\nsix==1\n"
    assert lock.without_cuda(text) == "numpy==2.4.6\nsix==1\n"


def test_a_marker_on_python_and_platform_is_refused(lock: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "requirements.lock"
    path.write_text("six==1 ; python_version < '3.12' and sys_platform == 'linux'\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="mixes Python and platform"):
        lock.conda_pins(path)
