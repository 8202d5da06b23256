"""`digital-biopsy study` starts the real JupyterLab, shielded from the user's set-up and the network."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Terminal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Terminal]:
    """The course, started by a user whose own kernel has the same name."""
    home = tmp_path_factory.mktemp("home")
    spec = home / ".local" / "share" / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    wrong = {"argv": ["/no/such/python", "{connection_file}"], "display_name": "Wrong", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(wrong), encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER_", "XDG_"))}
    env |= {"HOME": str(home), "BROWSER": "none"}
    command = Path(sys.executable).with_name("digital-biopsy")
    with Terminal([command, "study", "--port=0"], cwd=home, env=env) as terminal:
        yield terminal


def page_config(server: Terminal) -> dict[str, object]:
    status, body = server.get()
    assert status == 200
    match = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', body, re.DOTALL)
    assert match is not None
    config: dict[str, object] = json.loads(match.group(1))
    return config


def test_it_opens_chapter_00(server: Terminal) -> None:
    assert re.match(
        r"http://127\.0\.0\.1:\d+/lab/tree/00-[a-z-]+(/lesson\.ipynb)?\?token=\w{48}$", server.url
    )


def test_it_reads_nothing_from_the_network(server: Terminal) -> None:
    config = page_config(server)
    assert config["news"] == {"disabled": True}
    disabled = config["disabledExtensions"]
    assert isinstance(disabled, list)
    assert "@jupyterlab/apputils-extension:announcements" in disabled
    manager = config.get("extensionManager")
    assert isinstance(manager, dict)
    assert manager["name"] == "readonly" or not manager["can_install"]


def test_a_lone_learner_sees_validate_and_no_class_tools(server: Terminal) -> None:
    disabled = page_config(server)["disabledExtensions"]
    assert isinstance(disabled, list)
    off = {
        name.removeprefix("@jupyter/nbgrader:") for name in disabled if name.startswith("@jupyter/nbgrader:")
    }
    assert off >= {"assignment-list", "course-list", "create-assignment", "formgrader", "menu"}
    assert "validate-assignment" not in off
    assert server.get("/formgrader")[0] == 404
    assert server.get("/assignments")[0] == 404
    assert server.get("/nbgrader_version")[0] != 404  # served by the Validate button's extension


def test_its_kernel_is_this_python(server: Terminal) -> None:
    status, body = server.get("/api/kernelspecs")
    assert status == 200
    spec = json.loads(body)["kernelspecs"]["python3"]
    assert spec["spec"]["display_name"] != "Wrong"


def test_only_chapters_and_readable_things_are_listed(server: Terminal) -> None:
    status, body = server.get("/api/contents")
    assert status == 200
    names = {entry["name"] for entry in json.loads(body)["content"]}
    assert "digital_biopsy" in names
    assert not {name for name in names if name.endswith((".egg-info", ".lock"))}


def test_a_stranger_is_not_let_in(server: Terminal) -> None:
    assert server.get("/api/contents", token=False)[0] == 403
    assert server.get(token=False)[0] == 302


def test_ctrl_c_stops_at_once_without_a_question(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("digital-biopsy")
    env = os.environ | {"HOME": str(tmp_path), "BROWSER": "none"}
    with Terminal([command, "study", "--port=0"], cwd=tmp_path, env=env) as terminal:
        assert terminal.get("/api/contents")[0] == 200  # served by a thread that must not keep it alive
        assert terminal.stop() == 0
        assert "Traceback" not in terminal.output
        assert "y/[n]" not in terminal.output
