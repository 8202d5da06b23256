"""The parent's side of the jail: count what a whole group of processes uses, and end all of it.

A confined process cannot leave its process group, so one `killpg` reaches everything it forked, at once and without a
race. Orphans become children of the watching process (`watch_over`), which reaps them. Where the filter is missing
and a process did leave its group, the tree of descendants is searched as well, until nobody is left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.engine._limits import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, Policy, prctl
from autograder.engine._processes import Process, children, deleted_maps, members, resident

TICK = os.sysconf("SC_CLK_TCK")
LOOK_EVERY = 0.02  # seconds between two looks at processes and memory
ENTRY = 4096  # what a file or folder counts at least


@dataclass(frozen=True)
class Ending:
    """How a student process ended.

    Attributes
    ----------
    reason : str
        "exit" or "signal" when it ended by itself; "memory", "time", "disk", "processes", "output" when a limit
        ended it; "stopped" when the caller did.
    code : int
        Exit status, or minus the signal.
    detail : str
        A sentence for the report.
    peak_bytes, peak_processes : int
        The most that was seen.
    cpu_seconds : float
        Processor time of the group, as far as it was seen.
    """

    reason: str
    code: int
    detail: str
    peak_bytes: int
    peak_processes: int
    cpu_seconds: float


def watch_over(*, hidden: bool = False) -> None:
    """Make this process the parent of all orphans below it; once, before the first fork.

    With `hidden` its own /proc entries are closed to other processes of the same user.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if hidden:
        prctl(PR_SET_DUMPABLE, 0)


class Watch:
    """Watch one confined process and all it forks.

    Parameters
    ----------
    pid : int
        A child of this process that has called, or is about to call, `jail.confine(policy)`.
    policy : Policy
    alone : bool
        This process forks nothing else meanwhile, so every new child of it is an orphan of this one. Without it an
        orphan is known by its group, which a process cannot leave as long as the filter is there.
    """

    _alone = 0  # living watches that claim to be alone

    def __init__(self, pid: int, policy: Policy, *, alone: bool = True) -> None:
        if alone and Watch._alone:
            raise RuntimeError("another watch of this process is not stopped yet: give both alone=False")
        Watch._alone += alone
        self._alone_here = alone
        self._foreign = frozenset(children(os.getpid()))
        self.pid = pid
        self.policy = policy
        self.peak_bytes = self.peak_processes = self.tasks = self.output = 0
        self.cpu_seconds = 0.0
        self._started = self._cell = time.monotonic()
        self._next_disk = 0.0
        self._ended: Ending | None = None
        self._died: dict[int, int] = {}
        info = os.stat(policy.private)
        self._device = info.st_dev
        self._device_name = f"{os.major(info.st_dev):02x}:{os.minor(info.st_dev):02x}"
        self._known_maps = deleted_maps(os.getpid(), self._device_name)

    def cell(self) -> None:
        """Start the clock of a cell anew."""
        self._cell = time.monotonic()

    def wrote(self, count: int) -> None:
        """Count output that the caller read by itself."""
        self.output += count

    def breach(self) -> tuple[str, str] | None:
        """Look once; return the limit that is passed and a sentence, or None."""
        limits, now = self.policy.limits, time.monotonic()
        if self.output > limits.output_bytes:
            return "output", f"It wrote more than {_size(limits.output_bytes)} of output."
        group = self._members(limits.processes)
        self.tasks = sum(process.threads for process in group.values())
        self.peak_processes = max(self.peak_processes, self.tasks)
        if self.tasks > limits.processes:
            return "processes", f"It had more than {limits.processes} processes and threads."
        if now - self._cell > limits.cell_seconds:
            return "time", f"One cell ran longer than {limits.cell_seconds:g} s."
        if now - self._started > limits.notebook_seconds:
            return "time", f"The notebook ran longer than {limits.notebook_seconds:g} s."
        self.cpu_seconds = max(self.cpu_seconds, sum(p.ticks for p in group.values()) / TICK)
        if self.cpu_seconds > limits.cpu_seconds:
            return "time", f"It used more than {limits.cpu_seconds} s of processor time."
        alive = [process.pid for process in group.values() if not process.zombie]
        used = resident(alive, limits.memory_bytes)
        self.peak_bytes = max(self.peak_bytes, used)
        # Asked twice: processes are read one after the other, and one may fork or end in between.
        if used > limits.memory_bytes and resident(alive, limits.memory_bytes) > limits.memory_bytes:
            return "memory", f"It used more than {_size(limits.memory_bytes)} of memory."
        if now >= self._next_disk:
            problem = self._disk(alive)
            # At most a tenth of the time goes into counting files.
            self._next_disk = time.monotonic() + max(0.1, 10 * (time.monotonic() - now))
            if problem:
                return "disk", problem
        return None

    def _disk(self, pids: list[int]) -> str | None:
        """Count the private folder, and what was deleted from it and is still held open or mapped."""
        limit, used = self.policy.limits.disk_bytes, 0
        too_much = f"It wrote more than {_size(limit)} of files."
        todo = [str(self.policy.private)]
        while todo:
            try:
                with os.scandir(todo.pop()) as entries:
                    for entry in entries:
                        info = entry.stat(follow_symlinks=False)
                        used += max(info.st_blocks * 512, ENTRY)
                        if used > limit:
                            return too_much
                        if entry.is_dir(follow_symlinks=False):
                            todo.append(entry.path)
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    return "It nested folders too deep."
                if error.errno in (errno.EACCES, errno.EPERM):
                    return "It made a folder that cannot be looked into."
        gone: dict[int, int] = {}
        for pid in pids:
            for inode in deleted_maps(pid, self._device_name) - self._known_maps:
                gone.setdefault(
                    inode, self.policy.limits.file_bytes
                )  # its size is not shown: the worst is taken
            with contextlib.suppress(OSError):
                for name in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(OSError):
                        info = os.stat(f"/proc/{pid}/fd/{name}")
                        if info.st_dev == self._device and info.st_nlink == 0 and stat.S_ISREG(info.st_mode):
                            gone[info.st_ino] = max(info.st_blocks * 512, ENTRY)
        return too_much if used + sum(gone.values()) > limit else None

    def _members(self, enough: int = 1 << 30) -> dict[int, Process]:
        orphans = set(children(os.getpid())) - self._foreign if self._alone_here else set()
        return members(self.pid, orphans, enough)

    def ended(self) -> bool:
        """Tell whether the first process has ended. It is not reaped here, so its number is not given away."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def run(self, streams: Mapping[int, Callable[[bytes], object]] | None = None) -> Ending:
        """Watch until the process ends or passes a limit; then end all of its group.

        Parameters
        ----------
        streams : mapping of descriptor to callable, optional
            Each is read, what came is counted as output and handed on, until its end or the limit.
        """
        with selectors.DefaultSelector() as selector:
            for number, sink in (streams or {}).items():
                os.set_blocking(number, False)
                selector.register(number, selectors.EVENT_READ, sink)
            problem, look = None, 0.0
            while problem is None and not self.ended():
                if selector.get_map():
                    self._read(selector, LOOK_EVERY / 4)
                else:
                    time.sleep(LOOK_EVERY / 4)
                if time.monotonic() >= look or self.output > self.policy.limits.output_bytes:
                    problem = self.breach()
                    # A bomb doubles: look more often when there are many already.
                    look = time.monotonic() + (LOOK_EVERY if self.tasks < 8 else LOOK_EVERY / 4)
            ending = self.stop(problem)
            while selector.get_map() and self.output <= self.policy.limits.output_bytes:
                if not self._read(selector, 0):  # the rest of what it wrote before it ended
                    break
        if ending.reason in ("exit", "signal") and self.output > self.policy.limits.output_bytes:
            limit = _size(self.policy.limits.output_bytes)
            ending = Ending(
                "output", ending.code, f"It wrote more than {limit} of output.", ending.peak_bytes,
                ending.peak_processes, ending.cpu_seconds,
            )  # fmt: skip
        return ending

    def _read(self, selector: selectors.BaseSelector, wait: float) -> bool:
        some = False
        for key, _ in selector.select(wait):
            room = self.policy.limits.output_bytes + 1 - self.output
            try:
                data = os.read(key.fd, max(1, min(1 << 16, room)))
            except BlockingIOError:
                continue
            some = True
            if data:
                self.output += len(data)
                key.data(data)
            else:
                selector.unregister(key.fd)
        return some

    def stop(self, problem: tuple[str, str] | None = None) -> Ending:
        """Kill the whole group, also what a process left behind that ended by itself; say how it ended. Repeatable."""
        if self._ended is not None:
            return self._ended
        by_itself = problem is None and self.ended()
        self._kill_all()
        Watch._alone -= self._alone_here
        code = self._died[self.pid]
        if problem is not None:
            reason, detail = problem
        elif not by_itself:
            reason, detail = "stopped", "It was stopped."
        elif code >= 0:
            reason, detail = "exit", f"It ended with status {code}."
        elif (
            code in (-signal.SIGXCPU, -signal.SIGKILL)
            and self.cpu_seconds >= self.policy.limits.cpu_seconds - 1
        ):
            reason, detail = (
                "time",
                f"It used more than {self.policy.limits.cpu_seconds} s of processor time.",
            )
        else:
            reason, detail = "signal", f"It ended by {signal.Signals(-code).name}."
        self._ended = Ending(reason, code, detail, self.peak_bytes, self.peak_processes, self.cpu_seconds)
        return self._ended

    def sweep(self, keep: Iterable[int], blocking: int = 0, seconds: float = 1.0) -> bool:
        """Kill all processes of the group but those in `keep` (and the first one).

        Parameters
        ----------
        keep : iterable of int
            They are stopped meanwhile, so that they start nothing that would be killed with the rest.
        blocking : int
            The process that is meant. If it has ended already nobody is killed: the kept ones have gone on.
        seconds : float
            How long to try.

        Returns
        -------
        bool
            False if the others come back faster than they can be killed.
        """
        spared = {self.pid, *keep}
        stopped = [pid for pid in self._members() if pid in spared]
        for pid in stopped:
            self._signal(pid, signal.SIGSTOP)
        try:
            meant = self._members().get(blocking) if blocking else None
            if blocking and (meant is None or meant.zombie):
                return True
            until = time.monotonic() + seconds
            while others := [p for p in self._members().values() if p.pid not in spared and not p.zombie]:
                for process in others:
                    self._signal(process.pid, signal.SIGKILL)
                if time.monotonic() > until:
                    return False
                time.sleep(0.001)
            return True
        finally:
            for pid in stopped:
                self._signal(pid, signal.SIGCONT)

    @staticmethod
    def _signal(pid: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)

    def rest_disk(self, seconds: float) -> None:
        """Do not count files for a while: they are being cleared away."""
        self._next_disk = time.monotonic() + seconds

    def reap(self) -> None:
        """Take note of those that have ended and have no other parent left."""
        for process in self._members().values():
            if process.zombie and process.pid != self.pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)

    def interrupt(self, pid: int) -> None:
        """Send SIGINT to one process of the group, as a notebook's stop button does."""
        if pid in self._members():
            self._signal(pid, signal.SIGINT)

    def _kill_all(self) -> None:
        """Kill and reap until nobody is left; the first process last, so that its number stays taken till then."""
        while True:
            # Nothing forks past this: a fork under a pending signal fails.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            # Asked before the search: only once it has ended have all its children become ours.
            first_ended = self.ended()
            group = self._members()
            for pid, process in group.items():
                if not process.zombie:
                    self._signal(pid, signal.SIGKILL)
                elif pid != self.pid:
                    with contextlib.suppress(ChildProcessError):  # not ours yet: its parent is just dying
                        os.waitpid(pid, os.WNOHANG)
            if first_ended and set(group) <= {self.pid}:
                break
            time.sleep(0.001)
        self._died[self.pid] = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _size(count: int) -> str:
    return f"{count / (1 << 20):g} MB" if count >= 1 << 20 else f"{count / 1024:g} kB"


def empty(folder: Path) -> None:
    """Remove all that is in a private folder, however deep and whatever the modes, once nobody lives there.

    Folders are moved up to the top before they are emptied, so neither recursion nor long paths are needed.
    """
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        count = 0
        while names := os.listdir(top):
            for name in names:
                if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
                    os.unlink(name, dir_fd=top)
                    continue
                os.chmod(name, 0o700, dir_fd=top)
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
                try:
                    for below in os.listdir(inner):
                        if stat.S_ISDIR(os.stat(below, dir_fd=inner, follow_symlinks=False).st_mode):
                            count += 1
                            os.chmod(below, 0o700, dir_fd=inner)
                            os.rename(below, f"moved {count} {os.getpid()} {time.monotonic_ns()}",
                                      src_dir_fd=inner, dst_dir_fd=top)  # fmt: skip
                        else:
                            os.unlink(below, dir_fd=inner)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
