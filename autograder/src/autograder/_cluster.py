"""The workers of a Dask cluster, as a pool: see `pool.py`.

`dask scheduler` starts a scheduler, `dask worker --nthreads 1 --nworkers 4 tcp://...` its workers, in an
environment with the same versions.
"""

from __future__ import annotations

import atexit
import logging
import pickle
import platform
import queue
import threading
import traceback
import warnings
from collections.abc import Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from autograder.pool import DIED, FAULT, UNABLE, Attempt, Engines, MakeEngine, PoolError, Work, one_line

#: Packages whose version decides marks, or whether driver and worker understand each other.
COMPARED = (
    "digital-biopsy-autograder", "digital-biopsy", "dask", "distributed", "nbgrader", "nbformat", "ipython", "numpy",
    "scipy", "scikit-image", "matplotlib", "torch",
)  # fmt: skip
#: Seconds to wait for the scheduler, and for its first worker.
CONNECT, FIRST_WORKER = 10.0, 30.0

_worker_engines: dict[bytes, Engines] = {}
_worker_lock = threading.Lock()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide marks, here."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in COMPARED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Say which versions differ, as "numpy 2.4.6 here, 2.3.0 there; ..."; empty if none does."""
    names = [name for name in here if here[name] != there.get(name)]
    return "; ".join(f"{name} {here[name]} here, {there.get(name, 'missing')} there" for name in names)


def attempt_on_worker(wanted: dict[str, str], packed: bytes, item: Any, job: tuple[Work, Any]) -> Attempt:
    """Work on an item in a process of a Dask worker, with the engines that this process keeps.

    `packed` is the pickled maker of engines; engines made by another one are closed.
    """
    from distributed import get_worker

    address = get_worker().address
    if wrong := differences(wanted, versions()):
        return Attempt(ended_by=UNABLE, reason=f"Worker {address} has other versions: {wrong}.")
    with _worker_lock:
        engines = _worker_engines.get(packed)
        if engines is None:
            close_worker_engines()
            engines = _worker_engines[packed] = Engines(pickle.loads(packed))
    attempt = engines.attempt(job[0], item, job[1])
    if attempt.ended_by == UNABLE:
        attempt = replace(attempt, reason=f"Worker {address}: {attempt.reason}")
    return attempt


def close_worker_engines() -> None:
    """Close the engines of this process; a worker does so when it ends."""
    while _worker_engines:
        _worker_engines.popitem()[1].close()


atexit.register(close_worker_engines)


def unpacked(packed: bytes) -> Any:
    """Give workers what all items share: a task, so that Dask can make it again when a worker dies with it."""
    return pickle.loads(packed)


class DaskPool:
    """The workers of a Dask cluster. They need neither the course folder nor the gradebook."""

    def __init__(self, scheduler: str, work: Work, shared: Any, make: MakeEngine) -> None:
        from distributed import Client

        self._scheduler = scheduler
        self._make = pickle.dumps(make)
        self._versions = versions()
        self._futures: dict[str, Any] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in ("distributed", "distributed.client", "distributed.core", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        start = f"Start one with `dask scheduler` and give its address, or start it again: {scheduler}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its words on differing versions: ours come from the workers
                client: Any = Client(scheduler, timeout=CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError, ValueError) as error:
            raise PoolError(
                f"No Dask scheduler answers at {scheduler} ({one_line(error)}).\n{start}"
            ) from None
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER)
        except TimeoutError:
            client.close()
            raise PoolError(
                f"The Dask scheduler at {scheduler} has no workers.\n"
                f"Start some, in the same environment: dask worker --nthreads 1 --nworkers 4 {scheduler}"
            ) from None
        self._client = client
        self._shared = client.submit(unpacked, pickle.dumps((work, shared)), pure=False)

    @property
    def size(self) -> int:
        """Threads of the cluster just now; at least one."""
        return max(1, sum(int(worker["nthreads"]) for worker in self._workers().values()))

    def _workers(self) -> dict[str, Any]:
        """What is known of the workers; nothing when the scheduler is away."""
        found: dict[str, Any] = self._client.scheduler_info(n_workers=-1).get("workers", {})
        return found

    def submit(self, key: str, item: Any) -> None:
        """Send an item to the scheduler, which holds it until it is done with."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            future = self._client.submit(
                attempt_on_worker, self._versions, self._make, item, self._shared, pure=False
            )
        self._futures[key] = future
        self._watch(key)

    def _watch(self, key: str) -> None:
        self._futures[key].add_done_callback(lambda _: self._ended.put(key))

    def next(self, timeout: float) -> tuple[str, Attempt] | None:
        """The next item that is done with, in any order; None if there is none in time."""
        from distributed import KilledWorker

        try:
            key = self._ended.get(timeout=timeout) if timeout > 0 else self._ended.get_nowait()
        except queue.Empty:
            return None
        future = self._futures[key]
        try:
            attempt: Attempt = future.result(timeout=10.0)
        except TimeoutError:
            # Its worker died with the result in hand, and Dask works on the item again.
            self._watch(key)
            return None
        except KilledWorker:
            attempt = Attempt(ended_by=DIED, reason="it ended every Dask worker that tried it", final=True)
        except (CancelledError, OSError):
            attempt = Attempt(ended_by=UNABLE, reason=f"The Dask scheduler at {self._scheduler} went away.")
        except Exception as error:
            # Not from the work, whose errors come as an Attempt: the item could not be sent or unpacked there.
            attempt = Attempt(
                ended_by=FAULT,
                reason=f"{type(error).__name__}: {one_line(error)}",
                details="".join(traceback.format_exception(error)),
            )
        del self._futures[key]
        return key, attempt

    def trouble(self) -> str:
        """What keeps the pool from working just now; empty if nothing does."""
        if self._client.status != "running":
            return "the Dask scheduler does not answer"
        if not self._workers():
            return "no Dask worker is connected"
        return ""

    def close(self) -> None:
        """Stop at once; what a worker is at work on ends there, and its result is dropped."""
        with suppress(Exception):
            self._client.cancel(list(self._futures.values()), force=True)
        self._futures.clear()
        with suppress(Exception):
            self._client.close(timeout=3.0)
