"""Where submissions are worked on: threads of this process; `_cluster.py` has the same for a Dask cluster.

A pool takes an item (one submission, ready to run) under a key, works on it somewhere with a warm engine,
and gives the key back with an `Attempt`. It decides nothing: whether to try again is the caller's affair.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from autograder.engine.task import EngineError, TaskFailed


class EngineLike(Protocol):
    """What a pool asks of an engine."""

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes. When they are killed, whoever waits for the engine gets an exception."""

    def close(self) -> None:
        """End it, in the thread that uses it."""


#: From an item, what all items share, and an engine, to what came of it. For Dask: a function of a module.
Work = Callable[[Any, Any, Any], Any]
#: Makes an engine. For Dask: something that pickle can carry, such as `functools.partial(Engine, ...)`.
MakeEngine = Callable[[], EngineLike]

#: What ended an attempt that has no result: its worker died; this machine cannot grade; a fault in our code;
#: the pool was closed.
DIED, UNABLE, FAULT, STOPPED = "died", "unable", "fault", "stopped"


@dataclass(frozen=True)
class Attempt:
    """What came of working on an item once.

    Attributes
    ----------
    graded : object
        What the work returned; None if it did not.
    ended_by : str
        Empty, or DIED, UNABLE, FAULT or STOPPED.
    reason : str
        One line for people.
    details : str
        The traceback of a fault.
    final : bool
        It was there each time when workers died, the guilty one or not; the pool has tried it elsewhere already.
    seconds : float
        How long it took.
    """

    graded: Any = None
    ended_by: str = ""
    reason: str = ""
    details: str = ""
    final: bool = False
    seconds: float = 0.0


class PoolError(Exception):
    """The pool cannot work; the text names the cause and the cure."""


class Engines:
    """Warm engines, one for each thread that works at the same time; made when first needed."""

    def __init__(self, make: MakeEngine) -> None:
        self._make = make
        self._idle: list[EngineLike] = []
        self._busy: list[EngineLike] = []
        self._lock = threading.Lock()
        self._closed = False

    def attempt(self, work: Work, item: Any, shared: Any) -> Attempt:
        """Work on an item with an engine that no one else uses; never raises an Exception."""
        begin = time.perf_counter()
        engine = None
        try:
            engine = self._take()
            graded = work(item, shared, engine)
        except Exception as error:
            # An engine that something went wrong with is not used again.
            if engine is not None:
                self._drop(engine)
            return replace(self._explain(error), seconds=time.perf_counter() - begin)
        self._give(engine)
        return Attempt(graded, seconds=time.perf_counter() - begin)

    def close(self) -> None:
        """End all engines; those at work are killed, and the threads that wait for them close them."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for engine in busy:
            for pid in engine.pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for engine in idle:
            engine.close()

    def _take(self) -> EngineLike:
        with self._lock:
            if self._closed:
                raise TaskFailed("stopped")
            if self._idle:
                self._busy.append(self._idle.pop())
                return self._busy[-1]
        engine = self._make()
        with self._lock:
            if not self._closed:
                self._busy.append(engine)
                return engine
        engine.close()
        raise TaskFailed("stopped")

    def _give(self, engine: EngineLike) -> None:
        with self._lock:
            self._busy.remove(engine)
            if not self._closed:
                self._idle.append(engine)
                return
        engine.close()

    def _drop(self, engine: EngineLike) -> None:
        with self._lock:
            self._busy.remove(engine)
        engine.close()

    def _explain(self, error: Exception) -> Attempt:
        if self._closed:
            return Attempt(ended_by=STOPPED, reason="stopped")
        if isinstance(error, TaskFailed):
            return Attempt(ended_by=DIED, reason=one_line(error))
        if isinstance(error, EngineError):
            return Attempt(ended_by=UNABLE, reason=str(error))
        details = "".join(traceback.format_exception(error))
        return Attempt(ended_by=FAULT, reason=f"{type(error).__name__}: {one_line(error)}", details=details)


def one_line(error: object) -> str:
    """The text of an error on one line of bearable length; its type's name if it has no text."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


class LocalPool:
    """Threads of this process, each with an engine; the heavy work is done in the engines' own processes."""

    def __init__(self, workers: int, work: Work, shared: Any, make: MakeEngine) -> None:
        self.size = workers
        self._work = work
        self._shared = shared
        self._engines = Engines(make)
        self._waiting: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[str, Attempt]] = queue.SimpleQueue()
        # Daemons: a thread that is stuck in an engine must not keep an interrupted process alive.
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while (job := self._waiting.get()) is not None:
            key, item = job
            self._ended.put((key, self._engines.attempt(self._work, item, self._shared)))

    def submit(self, key: str, item: Any) -> None:
        """Queue an item."""
        self._waiting.put((key, item))

    def next(self, timeout: float) -> tuple[str, Attempt] | None:
        """The next item that is done with, in any order; None if there is none in time."""
        with suppress(queue.Empty):
            return self._ended.get(timeout=timeout) if timeout > 0 else self._ended.get_nowait()
        return None

    def trouble(self) -> str:
        """What keeps the pool from working just now; empty if nothing does."""
        return ""

    def close(self) -> None:
        """Stop at once; what is still in work is dropped."""
        for _ in self._threads:
            self._waiting.put(None)
        self._engines.close()
        for thread in self._threads:
            thread.join(timeout=2.0)
