"""What a student process may use, and the parts of its confinement that old POSIX calls give.

Everything here acts on the calling process and is meant for the short time between the fork and the first line of
a student's code. `autograder.engine.jail` puts the parts together.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE = 1, 3, 4
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 36, 38, 39
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CAP_SYS_PTRACE = 19

# One thread per library: the pools of OpenBLAS, OpenMP and MKL do not survive a fork, and no mark depends on cores.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


class JailError(RuntimeError):
    """A layer of the confinement cannot be had here; the message names it and says the cure."""


@dataclass(frozen=True)
class Limits:
    """What one student process and all its descendants may use together, where not said otherwise.

    Attributes
    ----------
    cell_seconds, notebook_seconds : float
        Wall time of one cell and of the whole notebook.
    cpu_seconds : int
        Processor time, of the whole group by the watch, and of each process by RLIMIT_CPU as a back stop.
    memory_bytes : int
        Resident memory that is not file cache. Address space is another matter: importing torch alone maps gigabytes.
    file_bytes : int
        Largest single file (RLIMIT_FSIZE).
    disk_bytes : int
        All of the private folder, with deleted files that are still open. An entry counts at least 4 KiB.
    open_files : int
        Descriptors of one process (RLIMIT_NOFILE).
    processes : int
        Processes and threads.
    output_bytes : int
        What the process writes to the descriptors that the watch reads; in the engine, all outputs of a notebook.
    """

    cell_seconds: float = 30.0
    notebook_seconds: float = 300.0
    cpu_seconds: int = 300
    memory_bytes: int = 1 << 30
    file_bytes: int = 64 << 20
    disk_bytes: int = 128 << 20
    open_files: int = 256
    processes: int = 64
    output_bytes: int = 16 << 20


@dataclass(frozen=True)
class Policy:
    """What one student process may see.

    Attributes
    ----------
    readable : tuple of Path
        Files and folders that may be read, with all below them. `jail.libraries()` gives those of Python itself.
    private : Path
        The one folder that may be written. It exists and is empty.
    shared : Path, optional
        Another one that may be written: of a checker, the student's.
    limits : Limits
    environment : mapping
        The whole environment, except that HOME, TMPDIR and the thread counts are set here.
    descriptors : tuple of int
        Descriptors that stay open beside 1 and 2: pipes, not sockets (`send` and `recv` are denied).
    filled : bool
        The private folder may hold files already. Without it a folder that is not empty is refused, as it may have
        been named by mistake.
    """

    readable: tuple[Path, ...]
    private: Path
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    filled: bool = False
    shared: Path | None = None


_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def prctl(option: int, value: int = 0, third: int = 0) -> int:
    """Call prctl(2); `OSError` where the kernel says no."""
    ctypes.set_errno(0)
    result: int = _libc.prctl(option, value, third, 0, 0)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
    return result


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilitySet(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def _capabilities(call: str, sets: ctypes.Array[_CapabilitySet]) -> None:
    header = _CapabilityHeader(0x20080522, 0)
    if getattr(_libc, call)(ctypes.byref(header), sets) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def has_capability(number: int) -> bool:
    """Tell whether this process has the capability in its effective set."""
    sets = (_CapabilitySet * 2)()
    _capabilities("capget", sets)
    return bool(sets[number // 32].effective >> (number % 32) & 1)


def drop_capabilities() -> None:
    """Give up what root has beyond its user id. Nothing to do for an ordinary user."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    _capabilities("capset", (_CapabilitySet * 2)())
    sets = (_CapabilitySet * 2)()
    _capabilities("capget", sets)
    if any(part.effective or part.permitted for part in sets):
        raise OSError("capabilities are still there after capset")


def tasks_of_user() -> int:
    """Return how many threads the user of this process runs now, which is what RLIMIT_NPROC counts."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == os.getuid():
                    total += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue  # it has ended, or /proc hides it
    return total


def set_rlimits(limits: Limits) -> None:
    """Set the back stops that the kernel keeps for each process; a hard limit cannot be raised again.

    RLIMIT_CORE is 1, not 0: with 0 the kernel still starts a crash handler where core_pattern names a program.
    RLIMIT_NPROC counts all processes of the user and leaves root free, so the watch counts as well.
    RLIMIT_DATA turns an absurd allocation into MemoryError, which a student understands, before the watch has to kill.
    """
    with open("/proc/self/status", "rb") as file:
        data = next(int(line.split()[1]) << 10 for line in file if line.startswith(b"VmData"))
    wanted = {
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        # It does not bind root, and counting takes a while.
        resource.RLIMIT_NPROC: (tasks_of_user() if os.getuid() else 4096) + limits.processes,
        resource.RLIMIT_DATA: data + 4 * limits.memory_bytes,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
        if resource.getrlimit(which) != (value, value):
            raise OSError(f"resource limit {which} did not take the value {value}")


def scrubbed(policy: Policy) -> dict[str, str]:
    """Return the environment that a student process gets. Start the worker with it too: see `set_environment`."""
    home = str(policy.private)
    base = {"LANG": "C.UTF-8", "MPLBACKEND": "agg", "PATH": "/nonexistent"} | ONE_THREAD
    return base | dict(policy.environment) | {"HOME": home, "TMPDIR": home}


def set_environment(policy: Policy) -> None:
    """Replace the environment, and overwrite the block that the kernel handed to this process at its start.

    Python has made copies of the old values on its heap, which code in this process can find with ctypes. Nothing here
    can undo that: whoever holds a token must not pass it to the worker that this process was forked from.
    """
    for name in list(os.environ):
        del os.environ[name]
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[47]), int(fields[48])  # env_start, env_end: fields 50 and 51 of proc(5)
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)
    os.environ.update(scrubbed(policy))


def close_descriptors(keep: Iterable[int]) -> None:
    """Read from /dev/null, keep 1, 2 and the named descriptors, close all others."""
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    last = 2
    for number in sorted({*keep} - {0, 1, 2}):
        os.fstat(number)  # a named descriptor that is not open is a mistake of the caller
        os.closerange(last + 1, number)
        last = number
    os.closerange(last + 1, max(os.sysconf("SC_OPEN_MAX"), last + 2))
