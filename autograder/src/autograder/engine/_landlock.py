"""Landlock: which files a student process reaches, and nobody outside.

The `landlock` package knows rules for files. For TCP and for signals its structure is extended and its calls are used.
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import Any, ClassVar

from autograder.engine import _limits
from autograder.engine._limits import JailError

SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1, 2
NET_BIND_TCP, NET_CONNECT_TCP = 1, 2
OLDEST_ABI = 3  # before it, a file that may only be read can be truncated
CURE = (
    "Linux 6.2 or newer with Landlock: CONFIG_SECURITY_LANDLOCK=y and 'landlock' in the kernel's lsm= "
    "list; a container's own seccomp profile must allow the landlock_* calls (Docker 23, containerd 1.7 or newer do)."
)


def landlock_abi() -> int:
    """Return the version of Landlock of this kernel; `JailError` where there is none."""
    try:
        from landlock import landlock_abi_version  # type: ignore[import-untyped]

        ctypes.set_errno(0)  # the library takes any errno left by an earlier call for its own
        return int(landlock_abi_version())
    except (ImportError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise JailError(f"landlock: {reason}. {CURE}") from error


def ruleset(files: bool) -> Any:
    """Make a Landlock ruleset: files, TCP and scope as far as the kernel knows them, or (False) the scope alone."""
    from landlock import FSAccess, Ruleset
    from landlock.plumbing import RulesetAttr, get_create_ruleset  # type: ignore[import-untyped]

    class Attributes(RulesetAttr):  # type: ignore[misc]
        _fields_: ClassVar = [("handled_access_net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]

    class Full(Ruleset):  # type: ignore[misc]
        def __post_init__(self) -> None:
            abi = landlock_abi()
            wanted = Attributes(
                int(self.restrict_rules) if files else 0,
                NET_BIND_TCP | NET_CONNECT_TCP if files and abi >= 4 else 0,
                SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS if abi >= 6 else 0,
            )
            size = ctypes.sizeof(wanted) if abi >= 6 else 16 if abi >= 4 else 8
            ctypes.set_errno(0)
            object.__setattr__(self, "_fd", get_create_ruleset()(ctypes.byref(wanted), size, 0))

    ctypes.set_errno(0)
    return Full(FSAccess.all())


def restrict_files(readable: tuple[Path, ...], *writable: Path) -> None:
    """Put on Landlock: no execution anywhere; no links, devices or sockets in the writable folders either."""
    from landlock import FSAccess

    if (abi := landlock_abi()) < OLDEST_ABI:
        raise JailError(f"landlock: ABI {abi} lets a process truncate what it may only read. {CURE}")
    look = FSAccess.READ_FILE | FSAccess.READ_DIR
    change = FSAccess.WRITE_FILE | FSAccess.TRUNCATE | FSAccess.REMOVE_FILE | FSAccess.REMOVE_DIR
    change |= FSAccess.MAKE_REG | FSAccess.MAKE_DIR | FSAccess.REFER
    rules = ruleset(files=True)
    ctypes.set_errno(0)
    for path in readable:
        rules.allow(path, rules=look if path.is_dir() else FSAccess.READ_FILE)
    rules.allow("/dev/null", rules=FSAccess.READ_FILE | FSAccess.WRITE_FILE)
    for folder in writable:
        rules.allow(folder, rules=look | change)
    ctypes.set_errno(0)
    rules.apply()
    os.close(rules._fd)


def signals_are_scoped() -> bool:
    """Tell whether Landlock keeps signals inside (ABI 6, Linux 6.12)."""
    try:
        return landlock_abi() >= 6
    except JailError:
        return False


def landlock_holds(parent: int) -> None:
    """See that it really refuses: the root folder cannot be listed, the parent's memory map not be read."""
    for path in ("/", f"/proc/{parent}/maps"):
        try:
            os.close(os.open(path, os.O_RDONLY))
        except PermissionError:
            continue
        raise OSError(f"it is on, but {path} can still be opened")


def snapshot() -> None:
    """Call in a child of the confined process: it dies with its parent, and can no longer signal it.

    A second Landlock domain inside the first. Where the kernel has no scope for signals this changes nothing, and the
    filter denies the signal instead.
    """
    _limits.prctl(_limits.PR_SET_PDEATHSIG, signal.SIGKILL)
    if signals_are_scoped():
        rules = ruleset(files=False)
        from landlock.plumbing import get_restrict_self

        ctypes.set_errno(0)
        restrict: Any = get_restrict_self()
        restrict(rules._fd, 0)
        os.close(rules._fd)
