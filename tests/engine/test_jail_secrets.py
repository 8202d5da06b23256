"""Theft and vandalism from inside the jail: each is really tried, and judged from outside."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from autograder.engine import _limits
from tests.engine.prison import TOKEN, Prison, attempt, denied, libc, say, syscall

if sys.platform != "linux":
    pytest.skip("the jail is made of what Linux offers", allow_module_level=True)


def test_reading_outside(prison: Prison) -> None:
    parent = os.getpid()

    def attack() -> None:
        for name, path in prison.canaries.items():
            attempt(name, path.read_text)
            attempt(name, lambda path=path: os.open(path, os.O_PATH | os.O_NOFOLLOW) and path.read_text())
            attempt(name, lambda path=path: os.listdir(path.parent))
        for text in ("/etc/shadow", "/etc/passwd", "/etc/hostname", "/proc/1/environ", "/proc/self/environ"):
            attempt(text, Path(text).read_bytes)
        for pid in (parent, os.getppid()):
            for name in ("environ", "mem", "maps", "cmdline", "fd", "cwd", "root", "task", "exe"):
                attempt(name, lambda pid=pid, name=name: os.listdir(f"/proc/{pid}/{name}"))
                attempt(name, lambda pid=pid, name=name: Path(f"/proc/{pid}/{name}").read_bytes())
        for text in ("/", "/tmp", "/root", "/home", "/work", "/dev", "/dev/shm", "/sys", "/run", "/var/log"):
            if os.path.isdir(text):
                attempt(text, lambda text=text: os.listdir(text))

    assert len(denied(prison.run(attack))) > 50


def test_an_open_descriptor_does_not_come_along(prison: Prison) -> None:
    opened: list[int] = []

    def setup() -> None:
        opened.append(os.open(prison.canaries["solutions"], os.O_RDWR))
        opened.append(os.open(prison.outside, os.O_RDONLY | os.O_DIRECTORY))

    def attack() -> None:
        attempt("read", lambda: os.read(opened[0], 10))
        attempt("write", lambda: os.write(opened[0], b"x"))
        attempt("openat", lambda: os.open("home/canary.txt", os.O_RDONLY, dir_fd=opened[1]))
        for number in range(3, 1024):
            with contextlib.suppress(OSError):
                os.fstat(number)
                say(f"{number} is open")

    assert denied(prison.run(attack, setup=setup)) == ["read", "write", "openat"]


def test_links_out_of_the_private_folder(prison: Prison) -> None:
    canary = prison.canaries["submission"]

    def attack() -> None:
        attempt("symlink", lambda: os.symlink(canary, "link"))
        attempt("hardlink", lambda: os.link(canary, "link"))
        attempt("rename in", lambda: os.rename(canary, "stolen"))
        attempt("fifo", lambda: os.mkfifo("fifo"))
        attempt("device", lambda: os.mknod("null", stat.S_IFCHR | 0o600, os.makedev(1, 3)))
        Path("mine").write_text("forged")
        attempt("rename out", lambda: os.rename("mine", canary))
        attempt("dots", lambda: Path("../outside/home/canary.txt").read_text())

    denied(prison.run(attack))
    assert os.listdir(prison.private) == ["mine"]


def test_a_planted_link_leads_nowhere(prison: Prison) -> None:
    (prison.private.parent / "planted").symlink_to(prison.canaries["home"])
    denied(prison.run(lambda: attempt("planted", Path("../planted").read_text)))


def test_environment_tokens(prison: Prison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)

    def attack() -> None:
        libc.getenv.restype = ctypes.c_char_p
        say(repr(libc.getenv(b"JUPYTERHUB_API_TOKEN")))
        say(json.dumps(dict(os.environ)))

    first, second = prison.run(attack).lines
    assert first == "None"
    found = json.loads(second)
    assert TOKEN not in second
    assert found["HOME"] == found["TMPDIR"] == str(prison.private)
    assert set(found) == {"LANG", "MPLBACKEND", "PATH", "HOME", "TMPDIR", *_limits.ONE_THREAD}


def test_the_kernels_copy_of_the_environment_is_overwritten(prison: Prison) -> None:
    start, end = (int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[n]) for n in (47, 48))
    assert end - start > 100

    def attack() -> None:
        block = ctypes.string_at(start, end - start)
        say("wiped" if not block.strip(b"\0") else "readable")

    assert prison.run(attack).out == "wiped\n"


def test_writing_outside(prison: Prison) -> None:
    canary = prison.canaries["home"]

    def attack() -> None:
        attempt("write", lambda: canary.write_text("x"))
        attempt("append", lambda: canary.open("a"))
        attempt("truncate", lambda: os.truncate(canary, 0))
        attempt("open-truncate", lambda: os.open(canary, os.O_RDONLY | os.O_TRUNC))
        attempt("create", lambda: (prison.outside / "new").write_text("x"))
        attempt("mkdir", lambda: (prison.outside / "new").mkdir())
        attempt("unlink", canary.unlink)
        attempt("rmdir", (prison.outside / "home").rmdir)
        attempt("rename", lambda: canary.rename(canary.with_name("other")))
        attempt("tmp", lambda: Path(f"/tmp/jail-{os.getpid()}").write_text("x"))
        attempt("shm", lambda: Path(f"/dev/shm/jail-{os.getpid()}").write_text("x"))
        attempt("library", lambda: Path(os.__file__).with_name("jail_test.py").write_text("x"))
        attempt("tmpfile", lambda: os.open(prison.outside, os.O_TMPFILE | os.O_RDWR))
        attempt("parent", lambda: os.rmdir(prison.private))

    denied(prison.run(attack))


def test_modes_owners_and_times_outside(prison: Prison) -> None:
    canary = prison.canaries["solutions"]

    def attack() -> None:
        os.chmod(canary, 0o777)  # says yes, does nothing: the picture of the outside decides
        os.chmod("/proc", 0o777)
        os.utime(canary, (1, 1))
        os.chmod(prison.outside, 0)
        syscall("fchmodat", ctypes.c_int(-100), os.fsencode(canary), 0)
        attempt("chown", lambda: os.chown(canary, 1234, 1234))
        attempt("lchown", lambda: os.lchown(canary, os.getuid(), os.getgid()))
        attempt("xattr", lambda: os.setxattr(canary, "user.note", b"x"))
        attempt("removexattr", lambda: os.removexattr(canary, "user.note"))

    assert len(denied(prison.run(attack))) == 4
