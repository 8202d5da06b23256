"""Confine a student process: without root, without user namespaces, after the fork and before any student code.

The parts, in the order in which they are put on::

    session        own session and process group, which the filter then keeps closed; death with the parent
    descriptors    stdin from /dev/null; all but 1, 2 and the named ones closed; umask; the private folder as current
    environment    an allow list, and the kernel's copy of the old one overwritten
    capabilities   none, also for root
    rlimits        back stops per process
    proc           unreadable: Landlock gives no path to /proc, and lets nothing be traced outside
    landlock       reads what the policy names, writes the private folder
    seccomp        an allow list of system calls

`confine` puts on all of them or raises `JailError` and names the one that is missing. `layers` says beforehand what
this machine has. `Watch`, in the parent, counts what all processes of the group use together, and ends them together.

>>> watch_over()                                        # doctest: +SKIP
>>> pid = os.fork()                                     # doctest: +SKIP
>>> if pid == 0: confine(policy); run_the_student()     # doctest: +SKIP
>>> ending = Watch(pid, policy).run({pipe: sink})       # doctest: +SKIP
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autograder.engine import _limits, _seccomp
from autograder.engine._landlock import (
    CURE,
    landlock_abi,
    landlock_holds,
    restrict_files,
    signals_are_scoped,
    snapshot,
)
from autograder.engine._limits import JailError, Limits, Policy, scrubbed
from autograder.engine._watch import Ending, Watch, empty, watch_over

__all__ = [
    "Ending",
    "JailError",
    "Layer",
    "Limits",
    "Policy",
    "Watch",
    "confine",
    "die_with_parent",
    "empty",
    "layers",
    "libraries",
    "prepare",
    "scrubbed",
    "snapshot",
    "watch_over",
]


@dataclass(frozen=True)
class Layer:
    """One layer on this machine: `detail` is what there is, or why it is missing; `cure` what to do about it."""

    name: str
    present: bool
    detail: str
    cure: str = ""


NICE = 10  # the watch must get its turn on a machine that a student's processes keep busy

CURES = {
    "session": "Run grading where a process may start a session of its own.",
    "capabilities": "Let the grader drop capabilities, or run it as an ordinary user.",
    "rlimits": "Raise the hard limits of the grader (ulimit -H) or the container's.",
    "proc": "Landlock must be there: without it other processes of this user can be read in /proc.",
    "landlock": CURE,
    "seccomp": "Install libseccomp (Debian: sudo apt install libseccomp2) and pyseccomp, on a kernel with "
    "CONFIG_SECCOMP_FILTER=y.",
    "subreaper": "Linux 3.4 or newer with /proc mounted: the watch must become the parent of orphans.",
}


def libraries() -> tuple[Path, ...]:
    """Return what Python and its packages read: libraries, fonts, time zones. Nothing of a home, nothing secret."""
    scheme = sysconfig.get_paths()
    names = [scheme[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    names += ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib"]
    names += ["/usr/share/fonts", "/usr/share/fontconfig", "/usr/share/zoneinfo", "/etc/fonts"]
    names += ["/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/dev/urandom", "/dev/random"]
    names += [
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/sys/devices/system/cpu",
    ]  # torch chooses its kernels by them
    return tuple(dict.fromkeys(Path(name) for name in names if os.path.exists(name)))


def start_session(parent: int) -> None:
    """Start an own session, and die with the parent."""
    os.setsid()
    _limits.prctl(_limits.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)  # it died before the line above


def die_with_parent() -> None:
    """Let the kernel end this process when the one that forked it ends."""
    _limits.prctl(_limits.PR_SET_PDEATHSIG, signal.SIGKILL)


def hide() -> None:
    """Close /proc/<this process> to others of the same user.

    Only where the watch, its parent, sees through it (CAP_SYS_PTRACE) or Landlock is missing: an ordinary user's watch
    would no longer see which deleted files are held open, and Landlock already denies all other jails the look inside.
    The filter denies the process itself any change, either way.
    """
    if _limits.has_capability(_limits.CAP_SYS_PTRACE) or not signals_are_scoped():
        _limits.prctl(_limits.PR_SET_DUMPABLE, 0)


def check_policy(policy: Policy) -> None:
    """Refuse a policy that gives more than it seems to; `ValueError`."""
    private = policy.private
    if not private.is_absolute() or private.is_symlink() or not private.is_dir():
        raise ValueError(f"the private folder {private} must be an absolute path to a folder")
    if not policy.filled and any(private.iterdir()):
        raise ValueError(f"the private folder {private} must be empty")
    real = private.resolve()
    for path in policy.readable:
        if not path.exists():
            raise ValueError(f"{path} is to be readable, but is not there")
        if path.resolve() == real or path.resolve() in real.parents or real in path.resolve().parents:
            raise ValueError(f"{path} is to be readable and holds, or is in, the private folder {private}")


def prepare() -> None:
    """Make in the worker, once, what `confine` would make after every fork; saves it some milliseconds. Optional."""
    import landlock  # type: ignore[import-untyped] # noqa: F401

    if signals_are_scoped():
        _seccomp.build(signals_scoped=True)


def confine(policy: Policy, *, unsafe: bool = False) -> tuple[str, ...]:
    """Confine this process for good.

    Call it after the fork, in a process with one thread, before any student code. What students need should have been
    imported before. The process may fork afterwards; its children are in the same jail.

    Parameters
    ----------
    policy : Policy
    unsafe : bool
        Go on without the layers that cannot be had.

    Returns
    -------
    tuple of str
        Why each missing layer is missing; empty unless `unsafe`.

    Raises
    ------
    JailError
        A layer is missing; the process must end without running student code.
    ValueError
        The policy contradicts itself.
    """
    check_policy(policy)
    if len(os.listdir("/proc/self/task")) != 1:
        raise JailError("confine: this process has more than one thread, and the others would stay outside")
    parent = os.getppid()
    scoped = signals_are_scoped()
    missing: list[str] = []

    def put_on(name: str, step: Callable[[], object]) -> None:
        try:
            step()
        except (OSError, ImportError, RuntimeError, ValueError) as error:
            text = str(error) if isinstance(error, JailError) else f"{name}: {error}. {CURES.get(name, '')}"
            if not unsafe:
                raise JailError(text) from error
            missing.append(text.strip())

    # Made now: the library is sought with commands and files that the other layers deny.
    filters: list[Any] = []
    put_on("seccomp", lambda: filters.append(_seccomp.build(scoped)))
    put_on("session", lambda: start_session(parent))
    _limits.close_descriptors(policy.descriptors)
    os.umask(0o077)
    os.chdir(policy.private)
    _limits.set_environment(policy)
    tempfile.tempdir = None
    os.nice(NICE)
    put_on("proc", hide)
    put_on("rlimits", lambda: _limits.set_rlimits(policy.limits))
    put_on("capabilities", _limits.drop_capabilities)
    put_on("no_new_privs", lambda: _limits.prctl(_limits.PR_SET_NO_NEW_PRIVS, 1))
    put_on("landlock", lambda: restrict_and_see(policy, parent))
    for made in filters:
        put_on("seccomp", partial(_seccomp.load, made))
        put_on("seccomp", seccomp_holds)
    return tuple(missing)


def restrict_and_see(policy: Policy, parent: int) -> None:
    """Put on Landlock, and see that it holds."""
    restrict_files(policy.readable, policy.private, *([policy.shared] if policy.shared else []))
    landlock_holds(parent)


def seccomp_holds() -> None:
    """See that it really refuses: no signal to the parent, no socket."""
    attempts: tuple[Callable[[], object], ...] = (
        lambda: os.kill(os.getppid(), 0),
        lambda: socket.socket(socket.AF_UNIX).close(),
    )
    for attempt in attempts:
        try:
            attempt()
        except PermissionError:
            continue
        raise OSError("it is on, but a denied call went through")


def _try_landlock(folder: Path) -> str:
    abi = landlock_abi()
    _limits.prctl(_limits.PR_SET_NO_NEW_PRIVS, 1)
    restrict_files((), folder)
    landlock_holds(os.getppid())
    (folder / "file").write_text("may be written")
    more = [name for least, name in ((4, "TCP"), (5, "device ioctl"), (6, "signals")) if abi >= least]
    return f"ABI {abi}: files" + "".join(f", {name}" for name in more)


def _try_seccomp(folder: Path) -> str:
    _limits.prctl(_limits.PR_SET_NO_NEW_PRIVS, 1)
    _seccomp.load(_seccomp.build(signals_scoped=False))
    seccomp_holds()
    return f"allow list of {len(_seccomp.ALLOWED)} calls"


def _try_no_new_privs(folder: Path) -> str:
    _limits.prctl(_limits.PR_SET_NO_NEW_PRIVS, 1)
    if _limits.prctl(_limits.PR_GET_NO_NEW_PRIVS) != 1:
        raise OSError("the flag does not stay")
    return "set"


def _try_rlimits(folder: Path) -> str:
    _limits.set_rlimits(Limits(file_bytes=4096))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with (folder / "file").open("wb", buffering=0) as file:
        try:
            file.write(b"x" * 4096)
            file.write(b"x")
        except OSError as error:
            if error.errno == errno.EFBIG:
                return "file size, descriptors, processor time, data, processes" + (
                    " (not for root)" * (not os.getuid())
                )
        raise OSError("a file may grow beyond RLIMIT_FSIZE")


def _try_capabilities(folder: Path) -> str:
    _limits.drop_capabilities()
    return "dropped"


def _try_session(folder: Path) -> str:
    os.setsid()
    if os.getpgrp() != os.getpid() or os.getsid(0) != os.getpid():
        raise OSError("setsid gave no session of its own")
    return "own session and process group"


def _try_subreaper(folder: Path) -> str:
    watch_over()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.read(read, 1)
            os._exit(7)
        os._exit(0)
    os.waitpid(child, 0)
    os.write(write, b"x")
    if os.waitstatus_to_exitcode(os.waitpid(-1, 0)[1]) != 7:
        raise OSError("an orphan did not come to us")
    return "orphans come to the watch"


def _try_proc(folder: Path) -> str:
    parent = os.getppid()
    _limits.drop_capabilities()  # CAP_PERFMON would open environ and maps, past Landlock
    _limits.prctl(_limits.PR_SET_NO_NEW_PRIVS, 1)
    restrict_files((Path("/proc"),), folder)  # a path is there, so it is the process that is closed
    for name in ("environ", "mem", "maps"):
        try:
            os.close(os.open(f"/proc/{parent}/{name}", os.O_RDONLY))
        except PermissionError:
            continue
        raise OSError(f"/proc/<parent>/{name} can be opened")
    return "other processes are closed, and in a jail no path leads to /proc"


TRIALS: dict[str, Callable[[Path], str]] = {
    "session": _try_session,
    "subreaper": _try_subreaper,
    "capabilities": _try_capabilities,
    "rlimits": _try_rlimits,
    "no_new_privs": _try_no_new_privs,
    "proc": _try_proc,
    "landlock": _try_landlock,
    "seccomp": _try_seccomp,
}


def try_layer(name: str) -> Layer:
    """Put one layer on a throw-away child, see what it does, and report."""
    read, write = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.alarm(5)
                os.close(read)
                os.write(write, TRIALS[name](Path(folder)).encode())
                status = 0
            except BaseException as error:
                os.write(
                    write, (str(getattr(error, "reason", None) or error) or type(error).__name__).encode()
                )
            finally:
                os._exit(status)
        os.close(write)
        with open(read, "rb") as file:
            text = file.read().decode(errors="replace")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return Layer(name, True, text)
    return Layer(name, False, text or f"the trial ended with {code}", CURES.get(name, ""))


def layers() -> tuple[Layer, ...]:
    """Say which layers this machine has. Each is really tried, in a child of its own (about 0.1 s for all)."""
    return tuple(try_layer(name) for name in TRIALS)
