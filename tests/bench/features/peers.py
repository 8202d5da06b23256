"""Programs to compare with, each in an environment of its own, and races against them.

    with peers.Peer("mirp", SOURCE) as mirp:
        mirp.load(levels=levels)
        peers.race("title", {"ours": peers.Local(lambda: f(levels)), "mirp": mirp.runner("f", "levels")})

SOURCE defines ``f`` in the peer's process. Contestants take turns; before any turn counts, results are compared.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
WORKER = Path(__file__).with_name("worker.py")

#: What pip installs for each peer, one list after the other, without build isolation. pyradiomics 3.0.1 is the last
#: release with a source that builds; it needs NumPy 1 and these in place before its setup.py runs.
PINS: dict[str, list[list[str]]] = {
    "pyradiomics": [
        ["setuptools==69.5.1", "wheel==0.48.0", "versioneer==0.29", "Cython==3.3.1", "numpy==1.26.4"],
        ["PyWavelets==1.9.0", "SimpleITK==2.5.7", "docopt==0.6.2", "pykwalify==1.8.0", "six==1.17.0"],
        ["pyradiomics==3.0.1"],
    ],
    "mirp": [["mirp==2.7.0", "numpy==2.4.6", "pandas==3.1.1"]],
}


class PeerError(Exception):
    """A peer that cannot be had here. The message says why."""


def label(name: str) -> str:
    """A peer's name and version."""
    return next(pin for pins in PINS[name] for pin in pins if pin.startswith(f"{name}==")).replace("==", " ")


def python(name: str) -> Path:
    """The interpreter that has the peer; its environment is made first if there is none."""
    key = zlib.crc32(json.dumps([PINS[name], sys.version, str(ROOT)]).encode())
    home = ROOT / "build" / "bench" / f"{name}-{key:08x}"
    found = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    ready = home / "ready"
    if not ready.exists():
        print(f"Installing {label(name)} into {home.relative_to(ROOT)} ...", flush=True)
        _run(name, [sys.executable, "-m", "venv", "--clear", str(home)])
        for pins in PINS[name]:
            _run(name, [str(found), "-m", "pip", "install", "--quiet", "--no-build-isolation", *pins])
        ready.touch()
    return found


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
        errors = [line.strip() for line in lines if "error" in line.lower()] or lines
        raise PeerError(
            f"{label(name)} could not be installed with Python {sys.version.split()[0]}: {errors[-1]}"
        )


# ---------------------------------------------------------------- contestants


class Runner(Protocol):
    """Something that can be timed."""

    def turn(self, repeat: int) -> tuple[float, Any]:
        """Seconds of one call, the mean of `repeat` calls, and what the last one returned."""


class Local:
    """A call in this process."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    def turn(self, repeat: int) -> tuple[float, Any]:
        """See `Runner`."""
        start = time.perf_counter()
        for _ in range(repeat):
            value = self._call()
        return (time.perf_counter() - start) / repeat, value


class Peer:
    """A process of a peer's own Python that has run `source`. Raises `PeerError` if there can be none."""

    def __init__(self, name: str, source: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._errors = Path(self._folder.name, "errors").open("w+")
        self._process = subprocess.Popen(
            [str(python(name)), "-W", "ignore", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._ask(source=source)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._errors.close()
        self._folder.cleanup()

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"The peer's process has ended: {self._errors.read()[-2000:]}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def load(self, **arrays: np.ndarray[Any, Any]) -> None:
        """Hand arrays over, by name; a name may be used again."""
        for name, array in arrays.items():
            file = Path(self._folder.name, f"{name}.npy")
            np.save(file, array)
            self._ask(load=name, file=str(file))

    def runner(self, function: str, *arguments: str) -> Runner:
        """One of the functions of `source`, called with arrays that were loaded. It returns an array, or a dict of
        numbers.
        """
        save = Path(self._folder.name, "value.npy")

        class Remote:
            def turn(_, repeat: int) -> tuple[float, Any]:  # noqa: N805
                save.unlink(missing_ok=True)
                reply = self._ask(call=function, arguments=arguments, repeat=repeat, save=str(save))
                return reply["seconds"], np.load(save) if save.exists() else reply["value"]

        return Remote()


# ---------------------------------------------------------------- races


def close(ours: Any, theirs: Any) -> bool:
    """Whether two results are the same, to nine digits."""
    if isinstance(ours, Mapping):
        return ours.keys() == theirs.keys() and all(close(ours[key], theirs[key]) for key in ours)
    return np.shape(ours) == np.shape(theirs) and bool(np.allclose(ours, theirs, rtol=1e-9, atol=1e-12))


def race(
    title: str,
    runners: Mapping[str, Runner],
    same: Callable[[Any, Any], bool] = close,
    rounds: int = 9,
    seconds: float = 0.1,
) -> dict[str, float]:
    """Print the median time of each contestant and how many times ours, the first, it takes.

    Turns alternate. A turn is as many calls as take about `seconds`; where one call takes more than a second there are
    fewer rounds, 5 at least.

    Returns
    -------
    dict
        Median seconds by contestant.

    Raises
    ------
    AssertionError
        If a contestant's result is not `same` as that of the first.
    """
    names = list(runners)
    repeats, reference, slowest = {}, None, 0.0
    for name in names:
        runners[name].turn(1)  # imports, caches
        spent, value = runners[name].turn(1)
        reference = value if reference is None else reference
        if not same(reference, value):
            raise AssertionError(f"{title}: {name} gives another result than {names[0]}")
        repeats[name] = int(np.clip(seconds / spent, 1, 100))
        slowest = max(slowest, spent)
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(min(rounds, max(5, int(10 / slowest)))):
        for name in names:
            times[name].append(runners[name].turn(repeats[name])[0])
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    print(f"\n{title}, median of {len(times[names[0]])} turns each")
    for name in names:
        ratio = medians[name] / medians[names[0]]
        beside = "" if name == names[0] else f"   {ratio:7.2f} times ours"
        print(f"  {name:<44} {medians[name] * 1000:9.2f} ms{beside}", flush=True)
    return medians


def print_memory(call: Callable[[], Any], given: int) -> None:
    """Print what a call held at most, its result included, and how that compares with `given` bytes of input."""
    call()
    tracemalloc.start()
    try:
        call()
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(
        f"  ours held {held / 2**20:.2f} MiB at most, {held / given:.2f} times the {given / 2**20:.2f} MiB of input"
    )
