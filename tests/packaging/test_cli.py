"""The command `digital-biopsy`: its words, its exit status, commands of other distributions."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from digital_biopsy import cli, study


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    command = Path(sys.executable).with_name("digital-biopsy")
    return subprocess.run(
        [command, *arguments], env={**os.environ, **variables}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path where a test installs a distribution by hand."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, entry_points: str = "") -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")


def test_version_and_help() -> None:
    assert run("--version").stdout == f"digital-biopsy {version('digital-biopsy')}\n"
    text = run("--help").stdout
    for word in ("study", "doctor", "build"):
        assert f"\n    {word} " in text
    assert "--port" in run("study", "--help").stdout


def test_no_command_is_an_error_that_lists_them() -> None:
    done = run()
    assert done.returncode == 2
    assert "COMMAND" in done.stderr


def test_importing_the_command_stays_light() -> None:
    code = "import sys, digital_biopsy.cli; print({'torch', 'numpy', 'jupyterlab'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_a_command_of_another_distribution_gets_its_arguments(distribution: Path) -> None:
    (distribution / "extra_tool.py").write_text(
        "def command(argv):\n    print('got', argv)\n    return 7\n", encoding="utf-8"
    )
    install(distribution, "extra", "[digital_biopsy.commands]\nextra = extra_tool:command\n")
    done = run("extra", "--help", "x", PYTHONPATH=str(distribution))
    assert (done.returncode, done.stdout) == (7, "got ['--help', 'x']\n")
    assert "    extra " in run("--help", PYTHONPATH=str(distribution)).stdout


def test_build_without_the_tools_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "added_commands", dict)
    assert cli.main(["build", "--check"]) == 1
    words = capsys.readouterr().err
    assert "not installed here" in words
    assert "make setup" in words
    assert "autograder/requirements.lock" in words


def test_a_broken_command_is_named(distribution: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(distribution, "broken", "[digital_biopsy.commands]\nbroken = no_such_module:command\n")
    assert cli.main(["broken"]) == 1
    assert "no_such_module" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["x", "-1", "65536"])
def test_a_port_that_is_none(port: str) -> None:
    done = run("study", f"--port={port}")
    assert done.returncode == 2
    assert "is not a port" in done.stderr


def test_a_taken_port_is_named_with_the_cure() -> None:
    with socket.socket() as other:
        other.bind((study.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        done = run("study", f"--port={port}")
    assert done.returncode == 1
    assert f"Port {port} is taken by another program" in done.stderr
    assert f"make study PORT={port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


def test_free_port_is_free_again() -> None:
    port = study.free_port()
    assert study.free_port(port) == port


def test_a_chapter_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "00-start").mkdir()
    (tmp_path / "03-middle").mkdir()
    with pytest.raises(study.StudyError, match=r"no chapter 07 .* Chapters here: 00, 03"):
        study.lesson(tmp_path, 7)


def test_lesson_of_a_chapter(tmp_path: Path) -> None:
    assert study.lesson(tmp_path, 0) == ""
    (tmp_path / "02-a b").mkdir()
    assert study.lesson(tmp_path, 2) == "02-a%20b"
    (tmp_path / "02-a b" / "lesson.ipynb").touch()
    assert study.lesson(tmp_path, 2) == "02-a%20b/lesson.ipynb"


def test_course_folder_is_the_checkouts(root: Path) -> None:
    assert study.course_folder() == root / "course"


def test_environment_puts_this_python_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", "/elsewhere/share/jupyter")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/elsewhere/etc")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = study.environment()
    assert found["JUPYTER_PATH"].split(os.pathsep) == [
        os.path.join(sys.prefix, "share", "jupyter"),
        "/elsewhere/share/jupyter",
    ]
    assert found["JUPYTER_CONFIG_PATH"].endswith(os.pathsep + "/elsewhere/etc")
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert found["OMP_NUM_THREADS"] == "1"

    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert study.environment()["OMP_NUM_THREADS"] == "4"
    monkeypatch.setenv("JUPYTER_PATH", found["JUPYTER_PATH"])
    assert study.environment()["JUPYTER_PATH"] == found["JUPYTER_PATH"], "not put first twice"


def test_a_browser_needs_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not study.has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert study.has_display()
    monkeypatch.setenv("BROWSER", "none")
    assert not study.has_display()


def test_course_settings_are_valid_json_and_in_the_package(root: Path) -> None:
    folder = Path(study.environment()["JUPYTER_CONFIG_PATH"].split(os.pathsep)[0])
    assert folder == root / "course" / "digital_biopsy" / "jupyter"
    page = json.loads((folder / "labconfig" / "page_config.json").read_text(encoding="utf-8"))
    assert page["disabledExtensions"]["@jupyterlab/apputils-extension:announcements"] is True
