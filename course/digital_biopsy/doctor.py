"""``digital-biopsy doctor``: find what keeps the course from running, and say the cure in one line."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from digital_biopsy.study import course_folder, environment

Status = Literal["ok", "warning", "fault"]

REINSTALL = "Install the packages again: make study (without make: the install commands of the README)."
WIDGETS = ("anywidget", "@jupyter-widgets/jupyterlab-manager")
VALIDATE = "nbgrader.server_extensions.validate_assignment"
MB = 2**20


@dataclass(frozen=True)
class Finding:
    """One thing examined: its status, what was seen, and the cure where something is wrong."""

    name: str
    status: Status
    seen: str
    cure: str = ""

    def __str__(self) -> str:
        text = f"{self.status:8}{self.name}: {self.seen}"
        return f"{text}\n        {self.cure}" if self.cure else text


@contextmanager
def jupyter_environment() -> Iterator[None]:
    """Look at Jupyter as ``digital-biopsy study`` starts it."""
    before = dict(os.environ)
    os.environ.update(environment())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def check_python(running: str | None = None) -> Finding:
    """Compare the running Python (or the version `running`) with what the course supports."""
    from packaging.specifiers import SpecifierSet

    running = running or ".".join(map(str, sys.version_info[:3]))
    wanted = metadata("digital-biopsy")["Requires-Python"]
    if running in SpecifierSet(wanted):
        return Finding("Python", "ok", f"{running} at {sys.executable}")
    return Finding(
        "Python",
        "fault",
        f"{running}; the course needs {wanted}",
        "Install Python 3.11 and make the environment anew: make clean, then make study PYTHON=python3.11.",
    )


def locked_versions(lock: Path) -> dict[str, str]:
    """Versions that `lock` names for this Python and platform."""
    from packaging.requirements import Requirement

    lines = (line.split("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines())
    pins = [Requirement(line) for line in lines if line]
    return {pin.name: str(pin.specifier)[2:] for pin in pins if pin.marker is None or pin.marker.evaluate()}


def check_packages(lock: Path | None = None) -> Finding:
    """Compare the installed packages with the course's requirements, and with `lock` where there is one."""
    from packaging.requirements import Requirement

    wrong: list[str] = []
    wanted = [Requirement(line) for line in requires("digital-biopsy") or []]
    for need in wanted:
        try:
            found = version(need.name)
        except PackageNotFoundError:
            wrong.append(f"{need.name} is missing")
            continue
        if not need.specifier.contains(found, prereleases=True):
            wrong.append(f"{need.name} is {found} and must be {need.specifier}")
    if wrong:
        return Finding("packages", "fault", "; ".join(wrong), REINSTALL)

    pins = locked_versions(lock) if lock is not None and lock.is_file() else {}
    other: list[str] = []
    for name, pinned in pins.items():
        try:
            found = version(name).split("+")[0]  # torch's CPU build calls itself 2.13.0+cpu
        except PackageNotFoundError:
            found = "missing"
        if found != pinned:
            other.append(f"{name} is {found}, tested with {pinned}")
    if other:
        return Finding("packages", "warning", "; ".join(other), REINSTALL)
    seen = f"{len(pins)} at the locked versions" if pins else f"{len(wanted)} present"
    return Finding("packages", "ok", seen)


def check_torch(code: str = "import torch; torch.zeros(1)") -> Finding:
    """Really import torch, in a process of its own: a build for CUDA without CUDA's libraries fails only there."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode == 0:
        return Finding("torch", "ok", f"{version('torch')} works")
    last = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
    return Finding(
        "torch",
        "fault",
        f"{version('torch')} cannot be imported: {last}",
        "Install its CPU build: python -m pip install --no-deps --index-url "
        f"https://download.pytorch.org/whl/cpu torch=={version('torch').split('+')[0]}",
    )


def lab_extensions() -> tuple[set[str], set[str]]:
    """Names of JupyterLab's installed extensions, and of the disabled ones (single plugins too)."""
    from jupyter_core.paths import jupyter_path
    from jupyterlab.commands import AppOptions, get_app_info

    with jupyter_environment():
        # With an address given, JupyterLab does not start Node.js to look for one; nothing is read from it.
        options = AppOptions(labextensions_path=jupyter_path("labextensions"), registry="https://localhost")
        info = get_app_info(options)
    return set(info["federated_extensions"]), {name for name, off in info["disabled"].items() if off}


def check_widgets(wanted: Sequence[str] = WIDGETS) -> Finding:
    """Ask JupyterLab whether the extensions that draw the demos are there and enabled."""
    installed, disabled = lab_extensions()
    wrong = []
    for name in wanted:
        if name not in installed:
            wrong.append(f"{name} is not installed")
        elif name in disabled:
            wrong.append(f"{name} is disabled")
    if not wrong:
        return Finding("widgets", "ok", " and ".join(wanted))
    off = [f"jupyter labextension enable {name}" for name in wanted if name in disabled]
    cure = f"Enable it: {'; '.join(off)}." if off else REINSTALL
    return Finding("widgets", "fault", "; ".join(wrong), cure)


def check_validate(extension: str = VALIDATE) -> Finding:
    """Check that nbgrader's Validate button has its server side and its side in JupyterLab."""
    from jupyter_core.paths import jupyter_config_path
    from jupyter_server.extension.config import ExtensionConfigManager

    installed, disabled = lab_extensions()
    with jupyter_environment():
        enabled = ExtensionConfigManager(read_config_path=jupyter_config_path()).enabled(extension)
    if "@jupyter/nbgrader" not in installed:
        return Finding("Validate button", "fault", "nbgrader's JupyterLab extension is missing", REINSTALL)
    if disabled & {"@jupyter/nbgrader", "@jupyter/nbgrader:validate-assignment"}:
        return Finding(
            "Validate button",
            "fault",
            "nbgrader's JupyterLab extension is disabled",
            "Enable it: jupyter labextension enable @jupyter/nbgrader.",
        )
    if not enabled:
        return Finding(
            "Validate button",
            "fault",
            f"the server extension {extension} is not enabled",
            f"Enable it: jupyter server extension enable --sys-prefix {extension}.",
        )
    importlib.import_module(extension)
    return Finding("Validate button", "ok", f"nbgrader {version('nbgrader')}")


def check_kernel(timeout: float = 60.0) -> Finding:
    """Start the notebooks' kernel, let it add 1 and 1, and see whose Python it runs."""
    from jupyter_client.manager import start_new_kernel

    answers: list[str] = []

    def read(message: dict[str, dict[str, str]]) -> None:
        answers.append(message["content"].get("text", ""))

    with jupyter_environment():
        manager, client = start_new_kernel(
            kernel_name="python3", startup_timeout=timeout, stdout=-3, stderr=-3
        )
        try:
            client.execute_interactive(
                "import sys; print(1 + 1, sys.prefix)", timeout=timeout, output_hook=read
            )
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    total, _, prefix = "".join(answers).strip().partition(" ")
    if total != "2":
        return Finding("kernel", "fault", f"1 + 1 gave {''.join(answers)!r}", REINSTALL)
    if not os.path.isdir(prefix) or not os.path.samefile(prefix, sys.prefix):
        return Finding(
            "kernel",
            "fault",
            f"the kernel python3 runs another Python, {prefix}",
            "Put this one's in its place: python -m ipykernel install --sys-prefix.",
        )
    return Finding("kernel", "ok", "starts, and 1 + 1 is 2")


def check_data(folder: Traversable | None = None) -> Finding:
    """Compare the course's data files with their checksums."""
    folder = folder or files("digital_biopsy.data")
    sums = folder / "SHA256SUMS"
    cure = "Get the files again: git checkout -- data (or install the package again)."
    if not sums.is_file():
        return Finding("data", "fault", "the list of checksums, SHA256SUMS, is missing", cure)
    wrong = []
    lines = sums.read_text(encoding="utf-8").split("\n")
    listed = [line.split(maxsplit=1) for line in lines if line.strip()]
    for checksum, name in listed:
        name = name.removeprefix("*")
        if not (folder / name).is_file():
            wrong.append(f"{name} is missing")
        elif hashlib.sha256((folder / name).read_bytes()).hexdigest() != checksum:
            wrong.append(f"{name} has changed")
    if wrong:
        return Finding("data", "fault", "; ".join(wrong), cure)
    return Finding("data", "ok", f"as published (files: {len(listed)})")


def check_disk(folder: Path, low: int = 1000 * MB, least: int = 100 * MB) -> Finding:
    """Compare the free space at `folder` with what a learner's notebooks may need."""
    free = shutil.disk_usage(folder).free
    seen = f"{free // MB} MB free at {folder}"
    cure = "Free some space: empty the bin, or remove pip's downloads with: python -m pip cache purge."
    if free < least:
        return Finding("disk", "fault", seen, cure)
    return Finding("disk", "warning", seen, cure) if free < low else Finding("disk", "ok", seen)


def check_memory(low: int = 1500 * MB, least: int = 400 * MB) -> Finding:
    """Compare the available memory with what JupyterLab and a training kernel take, about 600 MB."""
    import psutil

    available = psutil.virtual_memory().available
    seen = f"{available // MB} MB available"
    cure = (
        "Close other programs, and notebooks that are no longer needed (JupyterLab: Kernel, Shut Down All)."
    )
    if available < least:
        return Finding("memory", "fault", seen, cure)
    return Finding("memory", "warning", seen, cure) if available < low else Finding("memory", "ok", seen)


def check_writing(folder: Path) -> Finding:
    """Write a file beside the notebooks, as saving does."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            pass
    except OSError as error:
        return Finding(
            "saving",
            "fault",
            f"{folder} cannot be written: {error.strerror}",
            "Copy the course to a folder of your own, or take the folder into your ownership.",
        )
    return Finding("saving", "ok", f"{folder} can be written")


def checks() -> Mapping[str, Callable[[], Finding]]:
    """All checks, by the name of what they examine."""
    folder = course_folder() or Path.cwd()
    return {
        "Python": check_python,
        "packages": lambda: check_packages(folder / "requirements.lock"),
        "torch": check_torch,
        "widgets": check_widgets,
        "Validate button": check_validate,
        "kernel": check_kernel,
        "data": check_data,
        "disk": lambda: check_disk(folder),
        "memory": check_memory,
        "saving": lambda: check_writing(folder),
    }


def examine(chosen: Mapping[str, Callable[[], Finding]]) -> Iterator[Finding]:
    """Run checks one after the other; one that breaks off is a fault itself and stops no other."""
    for name, check in chosen.items():
        try:
            yield check()
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            yield Finding(name, "fault", f"could not be examined: {reason}", REINSTALL)


def report(as_json: bool = False, chosen: Mapping[str, Callable[[], Finding]] | None = None) -> int:
    """Print all findings; return 1 if one of them is a fault, else 0."""
    findings = []
    for finding in examine(checks() if chosen is None else chosen):
        findings.append(finding)
        if not as_json:
            print(finding, flush=True)
    faults = sum(finding.status == "fault" for finding in findings)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        warnings = sum(finding.status == "warning" for finding in findings)
        print("\nAll is well." if not faults + warnings else f"\nFaults: {faults}. Warnings: {warnings}.")
    return 1 if faults else 0
