"""System calls and signals from inside the jail, each really tried."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.engine import _limits, _seccomp, jail
from tests.engine.prison import Prison, attempt, denied, libc, say, syscall

if sys.platform != "linux":
    pytest.skip("the jail is made of what Linux offers", allow_module_level=True)


def test_sockets_of_every_family(prison: Prison) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    address = listener.getsockname()

    def attack() -> None:
        for family in range(48):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                attempt(f"family{family}", lambda family=family, kind=kind: socket.socket(family, kind))
        attempt("pair", socket.socketpair)
        attempt("connect", lambda: socket.create_connection(address, timeout=1))
        attempt("syscall", lambda: syscall("socket", 2, 1, 0))
        attempt("io_uring", lambda: os.open("/dev/io_uring", os.O_RDWR))

    with listener:
        assert len(denied(prison.run(attack))) == 48 * 3 + 4


def test_executing_anything(prison: Prison) -> None:
    def attack() -> None:
        script = Path("script.sh")
        script.write_text("#!/bin/sh\necho out\n")
        for mode in (os.O_RDONLY, os.O_PATH):
            opened = os.open("script.sh", mode)
            attempt("execveat", lambda opened=opened: syscall("execveat", opened, b"", None, None, 0x1000))
            attempt("fexecve", lambda opened=opened: os.execve(opened, ["x"], {}))
        attempt("sh", lambda: os.execv("/bin/sh", ["sh"]))
        attempt("own", lambda: os.execv(script, ["script"]))
        attempt("loader", lambda: os.execv("/lib64/ld-linux-x86-64.so.2", ["ld", "/bin/sh"]))
        attempt("subprocess", lambda: subprocess.run(["/bin/true"], check=True))
        attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
        attempt("libc", lambda: syscall("execve", b"/bin/sh", None, None))
        attempt("memfd", lambda: os.memfd_create("code"))
        say(f"system {'denied' if os.system('true') != 0 else 'DONE'} 1")

    assert len(denied(prison.run(attack))) == 12


def test_looking_into_other_processes(prison: Prison) -> None:
    def attack() -> None:
        target = os.getppid()
        attempt("pidfd", lambda: os.pidfd_open(target))
        attempt("getfd", lambda: syscall("pidfd_getfd", 0, 0, 0))
        attempt("dumpable", lambda: _limits.prctl(_limits.PR_SET_DUMPABLE, 1))
        attempt("undumpable", lambda: _limits.prctl(_limits.PR_SET_DUMPABLE, 0))
        attempt("ptracer", lambda: _limits.prctl(0x59616D61, 2**64 - 1))
        attempt("prlimit", lambda: resource.prlimit(target, resource.RLIMIT_NOFILE, (3, 3)))
        attempt("affinity", lambda: os.sched_setaffinity(target, {0}))
        attempt("nice", lambda: os.setpriority(os.PRIO_PROCESS, target, 19))

    denied(prison.run(attack))


DEADLY = {
    "ptrace": (16, "parent", None, None),  # PTRACE_ATTACH
    "process_vm_readv": ("parent", None, 0, None, 0, 0),
    "process_vm_writev": ("parent", None, 0, None, 0, 0),
    "mount": (b"none", b"/tmp", b"tmpfs", 0, None),
    "umount2": (b"/proc", 0),
    "setns": (0, 0),
    "pivot_root": (b".", b"."),
    "bpf": (0, None, 0),
    "io_uring_setup": (8, None),
    "open_by_handle_at": (0, None, 0),
    "init_module": (None, 0, b""),
    "kexec_load": (0, 0, None, 0),
    "reboot": (0, 0, 0, None),
    "swapon": (b"/nothing", 0),
}


@pytest.mark.parametrize("name", DEADLY)
def test_calls_that_only_attacks_make_end_the_process(prison: Prison, name: str) -> None:
    def attack() -> None:
        syscall(name, *(os.getppid() if value == "parent" else value for value in DEADLY[name]))
        say("DONE")

    result = prison.run(attack)
    assert (result.reason, result.code, result.out) == ("signal", -signal.SIGSYS, "")


def test_calls_of_another_architecture(prison: Prison) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x32 belongs to x86_64")

    def attack() -> None:
        libc.syscall(ctypes.c_long(0x40000000 | 39))  # getpid as x32
        say("DONE")

    assert prison.run(attack).code == -signal.SIGSYS


def test_namespaces_and_the_rest_of_the_kernel(prison: Prison) -> None:
    def attack() -> None:
        for bit in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
            attempt("unshare", lambda bit=bit: syscall("unshare", bit))
            attempt("clone", lambda bit=bit: syscall("clone", bit | signal.SIGCHLD, None, None, None, None))
        attempt("clone-parent", lambda: syscall("clone", 0x8000 | signal.SIGCHLD, None, None, None, None))
        attempt("clone3", lambda: syscall("clone3", None, 0))
        attempt("chroot", lambda: os.chroot("."))
        for name in (
            "setuid",
            "setgid",
            "setgroups",
            "setfsuid",
            "personality",
            "syslog",
            "keyctl",
            "add_key",
        ):
            attempt(name, lambda name=name: syscall(name, 0, 0, 0))
        for name in (
            "perf_event_open",
            "userfaultfd",
            "inotify_init1",
            "fanotify_init",
            "quotactl",
            "seccomp",
        ):
            attempt(name, lambda name=name: syscall(name, 0, 0, 0, 0, 0))
        for name in (
            "sethostname",
            "settimeofday",
            "clock_settime",
            "adjtimex",
            "mlockall",
            "memfd_secret",
            "capset",
        ):
            attempt(name, lambda name=name: syscall(name, 0, None, None))
        attempt("unknown", lambda: libc_syscall(1000))

    def libc_syscall(number: int) -> None:
        if libc.syscall(ctypes.c_long(number)) < 0:
            raise OSError(ctypes.get_errno(), "")

    assert len(denied(prison.run(attack))) == 14 + 3 + 8 + 6 + 7 + 1


def test_shared_memory_and_message_queues(prison: Prison) -> None:
    def attack() -> None:
        attempt("shmget", lambda: syscall("shmget", 0x4711, 4096, 0o1666))
        attempt("semget", lambda: syscall("semget", 0x4711, 1, 0o1666))
        attempt("msgget", lambda: syscall("msgget", 0x4711, 0o1666))
        attempt("mq_open", lambda: syscall("mq_open", b"jail", os.O_CREAT | os.O_RDWR, 0o600, None))
        attempt("shared", lambda: mmap.mmap(-1, 4096))
        attempt("zero", lambda: os.open("/dev/zero", os.O_RDWR))
        attempt("huge", lambda: mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000))
        from multiprocessing import shared_memory

        attempt("posix", lambda: shared_memory.SharedMemory(create=True, size=64))

    assert len(denied(prison.run(attack))) == 8


def test_signals_to_others(prison: Prison) -> None:
    tests = os.getpid()

    def attack() -> None:
        for target in (os.getppid(), tests, 1, 0, -1, -os.getpgrp()):
            attempt(f"kill({target})", lambda target=target: os.kill(target, signal.SIGKILL))
        for target in (os.getppid(), tests, 1):
            for number in (signal.SIGKILL, signal.SIGABRT, signal.SIGSTOP):
                attempt("tgkill", lambda target=target, n=number: syscall("tgkill", target, target, n))
                attempt("tkill", lambda target=target, n=number: syscall("tkill", target, n))
                attempt("queue", lambda target=target, n=number: syscall("rt_sigqueueinfo", target, n, None))
        attempt("killpg", lambda: os.killpg(os.getppid(), signal.SIGKILL))
        import fcntl

        read, _ = os.pipe()
        attempt("owner", lambda: fcntl.fcntl(read, fcntl.F_SETOWN, os.getppid()))

    assert len(denied(prison.run(attack))) == 6 + 27 + 2


def test_leaving_the_group(prison: Prison) -> None:
    def attack() -> None:
        attempt("setsid", os.setsid)
        attempt("setpgid", lambda: os.setpgid(0, 0))
        if os.fork() == 0:
            attempt("setsid", os.setsid)
            if os.fork() == 0:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                time.sleep(60)
            os._exit(0)
        os.wait()

    result = prison.run(attack)
    assert denied(result) == ["setsid", "setpgid", "setsid"]
    assert (result.reason, result.code) == ("exit", 0)


def test_a_survivor_in_a_session_of_its_own(prison: Prison, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the filter a process can leave the group; the tree below the watch is searched as well."""
    confine = jail.confine
    monkeypatch.setattr(_seccomp, "load", lambda *_: (_ for _ in ()).throw(OSError(38, "none")))
    monkeypatch.setattr(jail, "confine", lambda policy: confine(policy, unsafe=True))

    def attack() -> None:
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                if os.fork() == 0:
                    os.setsid()
                time.sleep(60)
        time.sleep(0.2)

    assert prison.run(attack).reason == "exit"
