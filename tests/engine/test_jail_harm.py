"""Bombs, floods and sudden ends: the watch ends them, says why, and nothing survives."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.engine import _processes, jail
from tests.engine.prison import SMALL, Prison, attempt, denied, libc, say

if sys.platform != "linux":
    pytest.skip("the jail is made of what Linux offers", allow_module_level=True)


def test_endless_loop_that_ignores_signals(prison: Prison) -> None:
    def attack() -> None:
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
        while True:
            with contextlib.suppress(BaseException):
                while True:
                    pass

    result = prison.run(attack, cell_seconds=0.3)
    assert (result.reason, result.code) == ("time", -signal.SIGKILL)
    assert "0.3 s" in result.detail


def test_sleeping_and_stopping_through_the_limit(prison: Prison) -> None:
    assert prison.run(lambda: time.sleep(60), cell_seconds=0.2).reason == "time"
    assert prison.run(lambda: time.sleep(60), notebook_seconds=0.2).reason == "time"
    stop = prison.run(lambda: signal.raise_signal(signal.SIGSTOP), cell_seconds=0.3)
    assert stop.reason == "time"


def test_processor_time_counts_for_the_whole_group(prison: Prison) -> None:
    def attack() -> None:
        for _ in range(3):
            if os.fork() == 0:
                while True:
                    pass
        time.sleep(60)

    result = prison.run(attack, cpu_seconds=1, cell_seconds=10, notebook_seconds=10)
    assert (result.reason, result.code) == ("time", -signal.SIGKILL)
    assert "processor time" in result.detail


def test_fork_bomb(prison: Prison) -> None:
    """It doubles, and stops of itself at 256 processes: the machine that runs the tests has other work."""

    def attack() -> None:
        for _ in range(8):
            with contextlib.suppress(OSError):
                os.fork()
            time.sleep(0.002)
        time.sleep(60)

    assert prison.run(attack).reason == "processes"


def test_fork_chain_of_short_lives(prison: Prison) -> None:
    """Each process forks one and ends, so none is there when one looks twice."""

    def attack() -> None:
        for _ in range(3):
            if os.fork() == 0:
                break
        while True:
            if os.fork():
                os._exit(0)
            time.sleep(0.002)

    assert prison.run(attack, cell_seconds=1).reason in ("exit", "time")


def test_thread_bomb(prison: Prison) -> None:
    def attack() -> None:
        for _ in range(300):
            with contextlib.suppress(RuntimeError):
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        time.sleep(60)

    assert prison.run(attack).reason == "processes"


def spend(chunk: int) -> None:
    """Take memory for good, slowly enough for a machine that has other work."""
    held = []
    while True:
        held.append(bytearray(chunk))
        held[-1][::4096] = b"x" * len(held[-1][::4096])
        time.sleep(0.002)


def test_memory_bomb(prison: Prison) -> None:
    result = prison.run(lambda: spend(4 << 20), memory_bytes=64 << 20)
    assert (result.reason, result.code) == ("memory", -signal.SIGKILL)
    assert 64 << 20 < result.peak_bytes < 512 << 20


def test_memory_bomb_in_children(prison: Prison) -> None:
    """None of the children passes the limit, all of them together do."""

    def attack() -> None:
        for _ in range(8):
            if os.fork() == 0:
                block = bytearray(24 << 20)
                block[::4096] = b"x" * len(block[::4096])
                time.sleep(60)
        time.sleep(60)

    assert prison.run(attack, memory_bytes=128 << 20).reason == "memory"


def test_memory_bomb_by_mapping(prison: Prison) -> None:
    def attack() -> None:
        held = []
        while True:
            held.append(mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            held[-1][::4096] = b"x" * 1024
            time.sleep(0.002)

    assert prison.run(attack, memory_bytes=64 << 20).reason == "memory"


def test_an_absurd_allocation_is_a_memory_error(prison: Prison) -> None:
    result = prison.run(lambda: attempt("bytes", lambda: bytearray(1 << 40)))
    assert (result.reason, result.out) == ("exit", "bytes failed MemoryError\n")


def test_memory_shared_with_a_snapshot_counts_once(prison: Prison) -> None:
    """A student who holds 60 % of the limit may still be asked: the copy costs nothing until it is written."""

    def attack() -> None:
        held = bytearray(80 << 20)
        held[::4096] = b"x" * len(held[::4096])
        if os.fork() == 0:
            time.sleep(0.3)
            os._exit(held[0] != ord("x"))
        say(str(os.wait()[1]))

    result = prison.run(attack, memory_bytes=140 << 20)
    assert (result.reason, result.out) == ("exit", "0\n")


def test_one_file_too_large(prison: Prison) -> None:
    def attack() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with open("large", "wb") as file:
            attempt("write", lambda: [file.write(bytes(1 << 16)) for _ in range(100)])
            attempt("sparse", lambda: os.truncate("large", 1 << 40))
            attempt("allocate", lambda: os.posix_fallocate(file.fileno(), 0, 1 << 40))
        say(f"size denied {os.path.getsize('large') <= SMALL.file_bytes}")

    result = prison.run(attack)
    assert denied(result) == ["write", "sparse", "allocate", "size"]
    assert result.lines[-1] == "size denied True"


def test_disk_full_of_many_files(prison: Prison) -> None:
    def attack() -> None:
        number = 0
        while True:
            Path(f"file{number}").write_bytes(bytes(1 << 18))
            number += 1
            time.sleep(0.001)

    assert prison.run(attack).reason == "disk"


def test_disk_full_of_empty_files_and_folders(prison: Prison) -> None:
    def attack() -> None:
        for number in range(10**9):
            os.mkdir(f"folder{number}")
            os.close(os.open(f"folder{number}/file", os.O_CREAT))

    assert prison.run(attack, disk_bytes=1 << 20).reason == "disk"


def test_disk_full_of_deleted_files(prison: Prison) -> None:
    def attack() -> None:
        held = []
        for number in range(60):
            held.append(open(f"file{number}", "w+b", buffering=0))
            held[-1].write(bytes(1 << 18))
            os.unlink(f"file{number}")
        time.sleep(60)

    assert prison.run(attack).reason == "disk"


def test_disk_full_of_deleted_files_that_are_only_mapped(prison: Prison) -> None:
    def attack() -> None:
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = (ctypes.c_void_p, *[ctypes.c_size_t] * 5)
        for number in range(60):
            opened = os.open(f"file{number}", os.O_CREAT | os.O_RDWR)
            os.write(opened, bytes(1 << 18))
            libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE, opened, 0)
            os.unlink(f"file{number}")
            os.close(opened)
        time.sleep(60)

    assert prison.run(attack).reason == "disk"


def test_folders_nested_too_deep(prison: Prison) -> None:
    def attack() -> None:
        for _ in range(600):
            os.mkdir("a-long-name")
            os.chdir("a-long-name")
        time.sleep(60)

    result = prison.run(attack, disk_bytes=64 << 20)
    assert (result.reason, result.detail) == ("disk", "It nested folders too deep.")
    jail.empty(prison.private)
    assert os.listdir(prison.private) == []


def test_a_closed_folder_hides_nothing(prison: Prison) -> None:
    def attack() -> None:
        os.umask(0)
        os.mkdir("closed", 0o300)
        for number in range(40):
            Path(f"closed/file{number}").write_bytes(bytes(1 << 18))
        time.sleep(60)

    assert prison.run(attack).reason == "disk"
    jail.empty(prison.private)
    assert os.listdir(prison.private) == []


@pytest.mark.parametrize("piece", [b"line\n", b"x" * 65536], ids=["lines", "one line"])
def test_output_flood(prison: Prison, piece: bytes) -> None:
    def attack() -> None:
        while True:
            os.write(1, piece)

    result = prison.run(attack)
    assert (result.reason, result.code) == ("output", -signal.SIGKILL)
    assert len(result.out) == SMALL.output_bytes + 1


def test_output_of_one_that_has_already_ended_is_read(prison: Prison) -> None:
    result = prison.run(lambda: os.write(1, b"x" * 60000))
    assert (result.reason, len(result.out)) == ("exit", 60000)


@pytest.mark.parametrize(
    ("how", "reason", "code"),
    [
        (lambda: os._exit(3), "exit", 3),
        (lambda: sys.exit(4), "exit", 1),
        (lambda: ctypes.string_at(0), "signal", -signal.SIGSEGV),
        (os.abort, "signal", -signal.SIGABRT),
        (lambda: signal.raise_signal(signal.SIGABRT), "signal", -signal.SIGABRT),
    ],
    ids=["os._exit", "sys.exit", "segfault", "abort", "raise"],
)
def test_sudden_ends(prison: Prison, how: Callable[[], object], reason: str, code: int) -> None:
    result = prison.run(how)
    assert (result.reason, result.code) == (reason, code)
    assert os.listdir(prison.private) == []  # no core file


def test_deep_recursion_of_the_stack(prison: Prison) -> None:
    def attack() -> None:
        sys.setrecursionlimit(10**9)
        nested: list[object] = []
        for _ in range(10**6):
            nested = [nested]
        repr(nested)

    assert prison.run(attack, cell_seconds=1).reason in ("signal", "exit", "memory", "time")


def test_raising_its_own_limits(prison: Prison) -> None:
    def attack() -> None:
        for name in ("RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_CORE"):
            which = getattr(resource, name)
            try:
                resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            except (ValueError, OSError):
                say(f"{name} denied")
        attempt("descriptors", lambda: [os.dup(1) for _ in range(1000)])

    assert prison.run(attack).out.count("denied") == 6


def test_deleting_its_own_folder(prison: Prison) -> None:
    def attack() -> None:
        Path("file").write_text("x")
        shutil.rmtree(".", ignore_errors=True)
        attempt("rmdir", lambda: os.rmdir(prison.private))
        attempt("rename", lambda: os.rename(prison.private, str(prison.private) + "2"))

    denied(prison.run(attack))
    assert prison.private.is_dir()


def test_the_student_dies_with_its_supervisor(prison: Prison) -> None:
    policy = prison.policy()
    read, write = os.pipe()
    if (supervisor := os.fork()) == 0:
        if os.fork() == 0:
            try:
                jail.confine(replace(policy, descriptors=(write,)))
                os.write(write, b"ready")
                time.sleep(60)
            finally:
                os._exit(0)
        time.sleep(60)
        os._exit(0)
    os.close(write)
    assert os.read(read, 5) == b"ready"
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)
    assert os.read(read, 1) == b""  # its end of the pipe is closed: it is gone
    os.close(read)


def test_stop_ends_all_and_can_be_repeated(prison: Prison) -> None:
    policy = prison.policy()
    if (supervisor := os.fork()) == 0:
        status = 1
        try:
            jail.watch_over()
            read, write = os.pipe()
            if (student := os.fork()) == 0:
                try:
                    jail.confine(replace(policy, descriptors=(write,)))
                    os.fork()
                    os.write(write, b"x")
                    time.sleep(60)
                finally:
                    os._exit(0)
            watch = jail.Watch(student, policy)
            with pytest.raises(RuntimeError, match="alone=False"):
                jail.Watch(student, policy)
            assert os.read(read, 1) == b"x"
            ending = watch.stop()
            assert (ending.reason, ending.code) == ("stopped", -signal.SIGKILL)
            assert watch.stop() == ending
            assert _processes.children(os.getpid()) == []
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(supervisor, 0)[1]) == 0
