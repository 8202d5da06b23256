"""The benchmark of features runs, compares before it times, and speaks with its peers. No time decides anything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.bench.features import peers

ROOT = Path(__file__).parents[2]

SOURCE = """
import numpy as np

def double(x):
    print("a library speaks")
    return 2 * x

def largest(x):
    return {"largest": x.max()}

def fail(x):
    raise KeyError("no such thing")

def leave(x):
    import os, sys
    print("last words", file=sys.stderr, flush=True)
    os._exit(3)
"""


@pytest.mark.slow
def test_the_quick_benchmark_prints_ratios() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.features", "texture", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    assert len(re.findall(r"scikit-image +\d+\.\d\d ms +\d+\.\d\d times ours", done.stdout)) == 4


def test_a_part_that_is_not_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.features", "colour"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "there is no part colour" in done.stderr


@pytest.fixture
def this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "python", lambda name: Path(sys.executable))


@pytest.mark.usefixtures("this_python")
def test_a_peer_answers_from_its_own_process() -> None:
    with peers.Peer("mirp", SOURCE) as peer:
        peer.load(x=np.arange(3), y=np.ones((2, 2)))
        seconds, value = peer.runner("double", "x").turn(3)
        assert seconds > 0
        np.testing.assert_array_equal(value, [0, 2, 4])
        assert peer.runner("largest", "x").turn(1)[1] == {"largest": 2.0}
        np.testing.assert_array_equal(peer.runner("double", "y").turn(1)[1], np.full((2, 2), 2.0))
        with pytest.raises(RuntimeError, match="no such thing"):
            peer.runner("fail", "x").turn(1)
        with pytest.raises(RuntimeError, match="last words"):
            peer.runner("leave", "x").turn(1)


def test_a_race_is_not_run_where_results_differ(capsys: pytest.CaptureFixture[str]) -> None:
    good = {"ours": peers.Local(lambda: np.ones(2)), "theirs": peers.Local(lambda: np.ones(2) + 1e-13)}
    medians = peers.race("two ones", good, rounds=5, seconds=0.0)
    assert list(medians) == ["ours", "theirs"]
    assert all(seconds > 0 for seconds in medians.values())
    assert "times ours" in capsys.readouterr().out
    for wrong in (np.ones(2) * 1.001, np.ones(3), np.array([1, np.nan])):
        with pytest.raises(AssertionError, match="theirs gives another result than ours"):
            peers.race("two ones", good | {"theirs": peers.Local(lambda value=wrong: value)})
    assert capsys.readouterr().out == ""


def test_what_cannot_be_installed_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peers, "ROOT", tmp_path)

    def no_venv(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(
            command, 1, "", "Collecting\nERROR: no compiler here\nhint: get one\n"
        )

    monkeypatch.setattr(peers.subprocess, "run", no_venv)
    with pytest.raises(
        peers.PeerError, match=r"pyradiomics 3\.0\.1 could not be installed .*no compiler here"
    ):
        peers.python("pyradiomics")


def test_every_pin_names_a_version() -> None:
    for name, steps in peers.PINS.items():
        assert peers.label(name).startswith(f"{name} ")
        assert all(re.fullmatch(r"[\w.-]+==[\d.]+", pin) for pins in steps for pin in pins)
