"""`digital-biopsy doctor` against installations that are really broken."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from digital_biopsy import doctor
from digital_biopsy.doctor import Finding


def install(folder: Path, name: str, version: str, *needs: str) -> None:
    """Put the metadata of a distribution into `folder`."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {need}" for need in needs]
    (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")


def settings(folder: Path, monkeypatch: pytest.MonkeyPatch, **disabled: bool) -> None:
    """Give Jupyter a configuration folder that disables extensions of JupyterLab."""
    (folder / "labconfig").mkdir(parents=True)
    text = json.dumps({"disabledExtensions": disabled})
    (folder / "labconfig" / "page_config.json").write_text(text, encoding="utf-8")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(folder))


@pytest.mark.slow
def test_this_installation_has_no_fault(clean_home: Path) -> None:
    command = Path(sys.executable).with_name("digital-biopsy")
    done = subprocess.run(
        [command, "doctor", "--json"], capture_output=True, text=True, check=False, timeout=180
    )
    findings = json.loads(done.stdout)
    assert [finding for finding in findings if finding["status"] == "fault"] == []
    assert done.returncode == 0
    assert [finding["name"] for finding in findings] == list(doctor.checks())


def test_python_too_old() -> None:
    finding = doctor.check_python("3.10.12")
    assert finding.status == "fault"
    assert "3.10.12; the course needs" in finding.seen
    assert "PYTHON=python3.11" in finding.cure
    assert doctor.check_python("3.11.2").status == "ok"
    assert doctor.check_python("3.14.0").status == "fault"


def test_package_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "pydicom", "1.0")
    monkeypatch.syspath_prepend(str(tmp_path))
    finding = doctor.check_packages()
    assert finding.status == "fault"
    assert finding.seen == "pydicom is 1.0 and must be >=3.0"
    assert "make study" in finding.cure


def test_package_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "digital_biopsy", "0.1.0", "numpy", "a-package-that-nobody-has>=1")
    monkeypatch.syspath_prepend(str(tmp_path))
    finding = doctor.check_packages()
    assert finding.status == "fault"
    assert finding.seen == "a-package-that-nobody-has is missing"


def test_package_other_than_locked(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# locked\nnumpy==0.1\nnobody-has-this==1 ; sys_platform == 'other'\nnor-this==2\n", encoding="utf-8"
    )
    finding = doctor.check_packages(lock)
    assert finding.status == "warning"
    assert "numpy is " in finding.seen
    assert "tested with 0.1" in finding.seen
    assert "nor-this is missing, tested with 2" in finding.seen
    assert "nobody-has-this" not in finding.seen


def test_torch_without_its_libraries() -> None:
    broken = "import ctypes; ctypes.CDLL('libcudart.so.0.missing')"
    finding = doctor.check_torch(broken)
    assert finding.status == "fault"
    assert "cannot be imported" in finding.seen and "libcudart" in finding.seen
    assert "download.pytorch.org/whl/cpu torch==2.13.0" in finding.cure


def test_widgets_disabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(tmp_path, monkeypatch, anywidget=True)
    finding = doctor.check_widgets()
    assert finding.status == "fault"
    assert finding.seen == "anywidget is disabled"
    assert finding.cure == "Enable it: jupyter labextension enable anywidget."


def test_widgets_missing() -> None:
    finding = doctor.check_widgets(["anywidget", "@nobody/has-this"])
    assert (finding.status, finding.seen) == ("fault", "@nobody/has-this is not installed")
    assert "make study" in finding.cure


def test_validate_button_disabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(tmp_path, monkeypatch, **{"@jupyter/nbgrader": True})
    finding = doctor.check_validate()
    assert finding.status == "fault"
    assert "extension is disabled" in finding.seen
    assert "jupyter labextension enable @jupyter/nbgrader" in finding.cure


def test_validate_button_without_its_server_side() -> None:
    finding = doctor.check_validate("nbgrader.server_extensions.formgrader")  # off for learners
    assert finding.status == "fault"
    assert "is not enabled" in finding.seen
    assert "jupyter server extension enable" in finding.cure


def kernel_spec(folder: Path, python: str) -> None:
    """Write a kernel called python3 below `folder`."""
    spec = folder / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    text = json.dumps({"argv": argv, "display_name": "Another", "language": "python"})
    (spec / "kernel.json").write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_a_kernel_of_the_users_own_does_not_stand_in(
    tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel_spec(clean_home / ".local" / "share" / "jupyter", "/no/such/python")
    kernel_spec(tmp_path / "more", "/no/such/python")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "more"))
    assert doctor.check_kernel().status == "ok"


@pytest.mark.slow
def test_kernel_of_another_python(tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    venv.create(other, with_pip=False, symlinks=True)
    packages = next((other / "lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    kernel_spec(tmp_path / "prefix" / "share" / "jupyter", str(other / "bin" / "python"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    finding = doctor.check_kernel()
    assert finding.status == "fault"
    assert finding.seen == f"the kernel python3 runs another Python, {other}"
    assert "ipykernel install --sys-prefix" in finding.cure


def test_kernel_that_does_not_start(
    tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel_spec(tmp_path / "prefix" / "share" / "jupyter", "/no/such/python")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    (finding,) = doctor.examine({"kernel": doctor.check_kernel})
    assert finding.status == "fault"
    assert "/no/such/python" in finding.seen
    assert finding.cure


def test_data_changed_or_missing(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(name.encode())
    lines = [f"{hashlib.sha256(n.encode()).hexdigest()}  {n}" for n in ("a.csv", "b.csv", "c.csv")]
    (tmp_path / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "b.csv").write_bytes(b"x")
    finding = doctor.check_data(tmp_path)
    assert (finding.status, finding.seen) == ("fault", "b.csv has changed; c.csv is missing")
    assert "git checkout -- data" in finding.cure
    (tmp_path / "SHA256SUMS").write_text(lines[0] + "\n", encoding="utf-8")
    assert doctor.check_data(tmp_path).status == "ok"
    (tmp_path / "SHA256SUMS").unlink()
    assert "SHA256SUMS" in doctor.check_data(tmp_path).seen


@pytest.mark.parametrize(
    ("low", "least", "status"), [(0, 0, "ok"), (2**60, 0, "warning"), (2**60, 2**60, "fault")]
)
def test_disk_and_memory(tmp_path: Path, low: int, least: int, status: str) -> None:
    disk = doctor.check_disk(tmp_path, low, least)
    memory = doctor.check_memory(low, least)
    assert disk.status == memory.status == status
    assert "MB free" in disk.seen
    assert "MB available" in memory.seen
    assert bool(disk.cure) == bool(memory.cure) == (status != "ok")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    finding = doctor.check_writing(tmp_path / "gone")
    assert finding.status == "fault"
    assert "cannot be written: No such file" in finding.seen
    assert "folder of your own" in finding.cure
    assert doctor.check_writing(tmp_path).status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_report_shows_every_finding_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    well = Finding("one", "ok", "fine")
    close = Finding("two", "warning", "nearly full", "Free some space.")

    def broken() -> Finding:
        raise RuntimeError("it fell\nover")

    assert doctor.report(chosen={"one": lambda: well}) == 0
    assert capsys.readouterr().out == "ok      one: fine\n\nAll is well.\n"
    assert doctor.report(chosen={"two": lambda: close}) == 0
    assert "\n        Free some space.\n" in capsys.readouterr().out
    assert doctor.report(chosen={"three": broken, "one": lambda: well}) == 1
    text = capsys.readouterr().out
    assert "fault   three: could not be examined: it fell\n" in text
    assert "ok      one: fine" in text
    assert "Faults: 1. Warnings: 0." in text


def test_report_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.report(as_json=True, chosen={"one": lambda: Finding("one", "fault", "x", "y")}) == 1
    expected = [{"name": "one", "status": "fault", "seen": "x", "cure": "y"}]
    assert json.loads(capsys.readouterr().out) == expected
