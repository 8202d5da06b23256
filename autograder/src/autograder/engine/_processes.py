"""What the processes of a jail are and hold, as /proc tells it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    group: int
    threads: int
    ticks: int
    zombie: bool


def process(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return Process(
        pid, int(fields[1]), int(fields[2]), int(fields[17]), sum(map(int, fields[11:15])), fields[0] in b"ZX"
    )


def all_processes() -> Iterator[Process]:
    for name in os.listdir("/proc"):
        if name.isdigit() and (seen := process(int(name))) is not None:
            yield seen


def children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


HAS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def members(
    leader: int, orphans: frozenset[int] | set[int] = frozenset(), enough: int = 1 << 30
) -> dict[int, Process]:
    """Return all processes of the group `leader`, the `orphans`, and all below them, zombies too.

    Stops when there are more than `enough` threads: a bomb must not grow while it is counted. Walks down from the
    leader and from the children of this process; scans /proc where the kernel lists no children.
    """
    everyone = None if HAS_CHILDREN else {p.pid: p for p in all_processes()}

    def below(pid: int) -> list[int]:
        return children(pid) if everyone is None else [p.pid for p in everyone.values() if p.parent == pid]

    found: dict[int, Process] = {}
    pids, threads = [*below(os.getpid()), leader], 0
    while pids and threads <= enough:
        pid = pids.pop()
        seen = None if pid in found else process(pid) if everyone is None else everyone.get(pid)
        if seen is None:
            continue
        if pid == leader or pid in orphans or seen.group == leader or seen.parent in found:
            found[pid] = seen
            threads += seen.threads
            pids += below(pid)
    return found


def _sum_of(path: str, names: tuple[bytes, ...]) -> int:
    with open(path, "rb") as file:
        return sum(int(line.split()[1]) << 10 for line in file if line.startswith(names))


def resident(pids: list[int], enough: int) -> int:
    """Return the memory in bytes that these processes hold, without file cache.

    The plain sum counts a page that a snapshot shares with its parent twice. Only where that sum is more than `enough`,
    and the kernel lets us look, shared pages are divided fairly, which takes longer.
    """
    plain: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            plain[pid] = _sum_of(f"/proc/{pid}/status", (b"RssAnon:", b"RssShmem:", b"VmSwap:"))
    if sum(plain.values()) <= enough:
        return sum(plain.values())
    for pid in plain:
        try:
            plain[pid] = _sum_of(f"/proc/{pid}/smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:"))
        except PermissionError:
            continue  # the plain figure must do
        except OSError:
            plain[pid] = 0  # it has just ended
    return sum(plain.values())


def deleted_maps(pid: int, device: str) -> set[int]:
    """Inodes on `device` of deleted files that a process has mapped."""
    found: set[int] = set()
    with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", "rb") as file:
        for line in file:
            if line.endswith(b"(deleted)\n"):
                _, _, _, where, inode = line.split(maxsplit=5)[:5]
                if where.decode() == device:
                    found.add(int(inode))
    return found
