"""The jail's layers, honest work inside, and all of it as an ordinary user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import autograder
from autograder.engine import _landlock, _limits, _seccomp, jail
from autograder.engine.jail import Policy
from tests.engine.prison import AS_USER, Prison, attempt, denied, say, syscall

if sys.platform != "linux":
    pytest.skip("the jail is made of what Linux offers", allow_module_level=True)


def test_every_layer_is_here_and_was_tried() -> None:
    found = {layer.name: layer for layer in jail.layers()}
    assert set(found) == set(jail.TRIALS)
    assert not [layer for layer in found.values() if not layer.present]
    assert "ABI" in found["landlock"].detail


def test_a_missing_layer_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> int:
        raise jail.JailError("landlock: not in this kernel")

    monkeypatch.setattr(_landlock, "landlock_abi", missing)
    layer = jail.try_layer("landlock")
    monkeypatch.setattr(jail, "landlock_abi", missing)
    layer = jail.try_layer("landlock")
    assert not layer.present
    assert "not in this kernel" in layer.detail
    assert "lsm=" in layer.cure


@pytest.mark.parametrize(
    ("module", "name", "layer"),
    [
        (jail, "restrict_files", "landlock"),
        (_seccomp, "load", "seccomp"),
        (_limits, "set_rlimits", "rlimits"),
        (_limits, "drop_capabilities", "capabilities"),
    ],
)
def test_confine_refuses_without_a_layer(
    prison: Prison, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, layer: str
) -> None:
    def missing(*_: object) -> None:
        raise OSError(38, "not here")

    monkeypatch.setattr(module, name, missing)
    result = prison.run(lambda: say("student code ran"))
    assert result.code == 1
    assert result.out.startswith(f"raised JailError: {layer}: ")
    assert "student code ran" not in result.out


@pytest.mark.parametrize(("module", "name"), [(jail, "restrict_files"), (_seccomp, "load")])
def test_a_layer_that_does_nothing_is_noticed(
    prison: Prison, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    monkeypatch.setattr(module, name, lambda *_: None)
    assert "JailError" in prison.run(lambda: say("student code ran")).out


def test_unsafe_goes_on_and_says_what_is_missing(prison: Prison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_seccomp, "load", lambda *_: (_ for _ in ()).throw(OSError(38, "no filter here")))
    policy = prison.policy()
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.dup2(write, 1)
            missing = jail.confine(policy, unsafe=True)
            say(" | ".join(missing))
            attempt("other layers", lambda: prison.canaries["home"].read_text())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read) as file:
        text = file.read()
    assert "no filter here" in text and "libseccomp2" in text
    assert "other layers denied 13" in text


def test_a_second_thread_would_stay_outside(prison: Prison) -> None:
    def two_threads(policy: Policy) -> None:
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
        with pytest.raises(jail.JailError, match="more than one thread"):
            jail.confine(policy)
        os._exit(0)

    if (child := os.fork()) == 0:
        try:
            two_threads(prison.policy())
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_policies_that_contradict_themselves(prison: Prison) -> None:
    good = prison.policy()
    for bad in (
        replace(good, readable=(*good.readable, prison.private.parent)),
        replace(good, readable=(*good.readable, prison.private)),
        replace(good, readable=(*good.readable, prison.outside / "nothing")),
        replace(good, private=Path("relative")),
        replace(good, private=prison.outside),
    ):
        with pytest.raises(ValueError, match=r"readable|private"):
            jail.check_policy(bad)


def test_honest_code_runs(prison: Prison) -> None:
    def work() -> None:
        home = Path(os.environ["HOME"])
        assert Path.cwd() == home == Path(os.environ["TMPDIR"])
        (home / "folder").mkdir()
        (home / "folder" / "a.txt").write_text("text")
        shutil.copy2(home / "folder" / "a.txt", home / "b.txt")
        os.rename(home / "b.txt", home / "folder" / "c.txt")
        import tempfile

        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x")
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        shutil.rmtree(home / "folder")
        assert os.listdir(home) == []
        import colorsys  # from the standard library, not imported before

        assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)
        results: list[int] = []
        thread = threading.Thread(target=lambda: results.append(len(os.urandom(8))))
        thread.start()
        thread.join()
        assert results == [8]
        assert os.read(0, 1) == b""
        assert time.localtime().tm_year > 2000
        say("fine")

    result = prison.run(work)
    assert (result.out, result.reason, result.code) == ("fine\n", "exit", 0)


def test_a_filter_made_before_the_fork_holds(prison: Prison) -> None:
    jail.prepare()
    assert denied(prison.run(lambda: attempt("kill", lambda: os.kill(os.getppid(), 0)))) == ["kill"]


def test_snapshots_fork_compute_and_cannot_signal_their_parent(prison: Prison) -> None:
    def work() -> None:
        parent = os.getpid()
        for question in range(3):
            if (child := os.fork()) == 0:
                jail.snapshot()
                attempt("abort", lambda: syscall("tgkill", parent, parent, signal.SIGABRT))
                signal.signal(signal.SIGABRT, lambda *_: say("own signal"))
                signal.raise_signal(signal.SIGABRT)
                os._exit(question)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == question
        say("parent alive")

    result = prison.run(work)
    assert result.lines[-1] == "parent alive"
    assert result.out.count("abort denied 1") == 3
    assert result.out.count("own signal") == 3 or jail.landlock_abi() < 6


@pytest.mark.skipif(AS_USER, reason="the packages belong to another interpreter")
def test_numerical_libraries_compute_inside(tmp_path: Path) -> None:
    script = """
import os, sys, resource
from pathlib import Path
import matplotlib; matplotlib.use("agg")
import numpy as np, scipy.linalg, scipy.ndimage, scipy.optimize, skimage.filters, skimage.measure, torch
import matplotlib.pyplot as plt, matplotlib.font_manager
torch.set_num_threads(1)
from autograder.engine import jail
jail.watch_over()
policy = jail.Policy(jail.libraries(), Path(sys.argv[1]))
pid = os.fork()
if pid == 0:
    try:
        jail.confine(policy)
        rng = np.random.default_rng(0)
        a = rng.normal(size=(200, 200))
        assert np.allclose(a @ np.linalg.inv(a), np.eye(200))
        assert scipy.linalg.svdvals(a).shape == (200,)
        assert abs(scipy.optimize.brentq(lambda x: x * x - 2, 0, 2) - 2 ** 0.5) < 1e-9
        image = scipy.ndimage.gaussian_filter(rng.random((64, 64, 64)), 2)
        mesh = skimage.measure.marching_cubes(image, skimage.filters.threshold_otsu(image))
        assert len(mesh[0]) > 100
        from skimage import morphology, feature            # lazily imported inside
        assert feature.graycomatrix((image[0] * 255).astype("u1"), [1], [0]).shape[0] == 256
        figure, axes = plt.subplots()
        axes.imshow(image[0]); axes.set_title("$\\\\mu$ of tissue"); figure.savefig("figure.png")
        net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 3))
        best = torch.optim.Adam(net.parameters())
        for _ in range(3):
            best.zero_grad(); loss = net(torch.randn(2, 1, 32, 32)).pow(2).mean(); loss.backward(); best.step()
        torch.save(net.state_dict(), "net.pt"); torch.load("net.pt", weights_only=True)
        np.save("a.npy", a); np.load("a.npy", mmap_mode="r").sum()
        print(torch.get_num_threads(), Path("figure.png").stat().st_size > 1000, flush=True)
        os._exit(0)
    except BaseException:
        import traceback; traceback.print_exc(); sys.stderr.flush()
        os._exit(1)
ending = jail.Watch(pid, policy).run()
print(ending.reason, ending.code, ending.peak_processes)
"""
    environment = os.environ | _limits.ONE_THREAD
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *said, threads = done.stdout.split()
    assert said == ["1", "True", "exit", "0"], done.stderr
    assert int(threads) <= 3  # torch's backward pass may use one of its own
    assert "cpuinfo" not in done.stderr


@pytest.mark.skipif(AS_USER or os.getuid() != 0, reason="only root becomes somebody else")
def test_the_same_as_an_ordinary_user(tmp_path: Path) -> None:
    """All of this file once more, as nobody, with an interpreter that nobody can read."""
    python, setpriv = shutil.which("python3", path="/usr/bin"), shutil.which("setpriv")
    packages = Path(pytest.__file__).parents[1]
    source = Path(autograder.__file__).parents[1]
    root = Path(__file__).parents[2]
    if python is None or setpriv is None:
        pytest.skip("no /usr/bin/python3 or no setpriv: an ordinary user has no interpreter here")
    become = [
        setpriv,
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ]
    clean = {
        "PATH": "/usr/bin:/bin", "JAIL_TESTS_AS_USER": "1", "PYTHONPATH": f"{source}:{packages}",
        "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    probe = (
        "import sys, pytest, pyseccomp, landlock, autograder.engine.jail; assert sys.version_info >= (3, 11)"
    )
    done = subprocess.run([*become, python, "-c", probe], env=clean, capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        pytest.skip(f"an ordinary user cannot read Python or the packages here: {done.stderr.strip()[-200:]}")
    files = sorted(map(str, Path(__file__).parent.glob("test_jail*.py")))
    scratch = tmp_path / "nobody"
    scratch.mkdir()
    os.chown(scratch, 65534, 65534)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(0o711)
    done = subprocess.run(
        [*become, python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={scratch}/t", *files],
        env=clean, capture_output=True, text=True, cwd=root, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
