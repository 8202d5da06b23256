"""A place to attack from inside the jail, and eyes to see from outside what came of it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.engine import _processes, jail
from autograder.engine.jail import Limits, Policy

AS_USER = os.environ.get("JAIL_TESTS_AS_USER") == "1"
TOKEN = "token-4711-do-not-read"
SMALL = Limits(
    cell_seconds=2.0, notebook_seconds=2.5, cpu_seconds=3, memory_bytes=256 << 20, file_bytes=1 << 20,
    disk_bytes=4 << 20, open_files=64, processes=24, output_bytes=1 << 16,
)  # fmt: skip
libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Result:
    reason: str
    code: int
    detail: str
    peak_bytes: int
    out: str
    left: int  # processes below the supervisor afterwards

    @property
    def lines(self) -> list[str]:
        return self.out.split("\n")[:-1]


@dataclass
class Prison:
    """A place with things to steal, a private folder, and the means to run something in it."""

    outside: Path
    private: Path
    canaries: dict[str, Path]

    def policy(self, **changes: Any) -> Policy:
        return Policy(jail.libraries(), self.private, replace(SMALL, **changes), {"LANG": "C.UTF-8"})

    def run(
        self, attack: Callable[[], object], *, setup: Callable[[], object] | None = None, **changes: Any
    ) -> Result:
        """Fork a supervisor, which forks a confined student, which attacks; see that nothing outside has changed."""
        policy, before, number = self.policy(**changes), picture(self.outside), mark()
        read, write = os.pipe()
        if (supervisor := os.fork()) == 0:
            try:
                os.close(read)
                resource.setrlimit(resource.RLIMIT_SIGPENDING, (number, number))
                assert marked(number) == {os.getpid()}
                jail.watch_over()
                if setup is not None:
                    setup()
                result = supervise(policy, attack)
                os.write(write, json.dumps(result).encode())
                os._exit(0)
            finally:
                os._exit(70)
        os.close(write)
        with open(read, "rb") as file:
            answer = file.read()
        assert os.waitstatus_to_exitcode(os.waitpid(supervisor, 0)[1]) == 0, "the supervisor died"
        assert picture(self.outside) == before, "something outside has changed"
        assert marked(number) == set(), "something survived"
        result = Result(**json.loads(answer))
        assert result.left == 0
        return result


def supervise(policy: Policy, attack: Callable[[], object]) -> dict[str, Any]:
    read, write = os.pipe()
    if (student := os.fork()) == 0:
        try:
            os.dup2(write, 1)
            os.dup2(write, 2)
            jail.confine(policy)
            attack()
            os._exit(0)
        except BaseException as error:
            say(f"raised {type(error).__name__}: {error}")
            os._exit(1)
    os.close(write)
    heard: list[bytes] = []
    ending = jail.Watch(student, policy).run({read: heard.append})
    return {
        "reason": ending.reason, "code": ending.code, "detail": ending.detail, "peak_bytes": ending.peak_bytes,
        "out": b"".join(heard).decode(errors="replace"), "left": len(_processes.children(os.getpid())),
    }  # fmt: skip


def picture(folder: Path) -> dict[str, Any]:
    """What is in a folder: contents, modes, owners, times, links."""
    found: dict[str, Any] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        info = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(info.st_mode) else None
        found[str(path)] = (info.st_mode, info.st_uid, info.st_gid, info.st_nlink, info.st_mtime_ns, content)
    return found


def mark() -> int:
    """A number that all that is forked from here inherits, as its limit of pending signals, and no other worker has."""
    return 4096 + os.getpid() % 16384


def marked(number: int) -> set[int]:
    """All processes with that mark."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{name}/limits").read_text().splitlines()
                if [line.split()[3:5] for line in lines if line.startswith("Max pending")] == [
                    [str(number)] * 2
                ]:
                    found.add(int(name))
    return found


def say(text: str) -> None:
    os.write(1, (text + "\n").encode())


def attempt(name: str, action: Callable[[], object]) -> None:
    """Say what came of it; a call that the kernel denies says its errno."""
    try:
        result = action()
    except OSError as error:
        say(f"{name} denied {error.errno}")
    except Exception as error:
        say(f"{name} failed {type(error).__name__}")
    else:
        say(f"{name} DONE {result!r}")


def denied(result: Result) -> list[str]:
    """See that there was an attempt and that each one failed; returns the names."""
    assert result.lines, result
    assert not [line for line in result.lines if " denied " not in line], result
    return [line.partition(" ")[0] for line in result.lines]


def syscall(name: str, *arguments: Any) -> int:
    import pyseccomp

    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    ctypes.set_errno(0)
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
