"""The warm process: everything imported, nothing computed, nothing secret; student processes are forked from it.

Run as `python -m autograder.engine.zygote DESCRIPTOR` by the hub, with a scrubbed environment.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import random
import signal
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

from autograder.engine import jail
from autograder.engine.shell import Shell, make_shell, warm
from autograder.engine.warden import Link, Warden

ADDR_NO_RANDOMIZE = 0x0040000
MADV_COLLAPSE = 25


def same_addresses() -> None:
    """Start again without address randomisation, so that two runs print the same `<object at 0x...>`.

    Where the machine forbids it nothing changes: such outputs then differ from run to run, marks do not.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.personality.argtypes = (ctypes.c_ulong,)
    now = libc.personality(0xFFFFFFFF)
    if now < 0 or now & ADDR_NO_RANDOMIZE or libc.personality(now | ADDR_NO_RANDOMIZE) < 0:
        return
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def collapse() -> None:
    """Put the memory of this process on large pages where the kernel can (Linux 6.1): a fork then copies far less.

    Measured with torch imported: a third less processor time for a fork and two short cells. Where it fails nothing
    changes.
    """
    size = 1 << 21
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with open("/proc/self/maps") as file:
        lines = [line.split() for line in file]
    for place, mode, *rest in lines:
        if mode == "rw-p" and (len(rest) == 3 or rest[3] == "[heap]"):
            low, high = (int(part, 16) for part in place.split("-"))
            for start in range(-(-low // size) * size, high // size * size, size):
                libc.madvise(start, size, MADV_COLLAPSE)


def settle() -> None:
    """Let forks copy as little as possible: no garbage, no collector that touches what is here, large pages."""
    gc.collect()
    gc.freeze()
    collapse()


def packages() -> list[str]:
    """Return the folders of imported packages that `jail.libraries` does not hold: editable installs."""
    known = [str(path) for path in jail.libraries()]
    private = str(Path(__file__).resolve().parents[1])
    found: set[str] = set()
    for module in list(sys.modules.values()):
        folders = getattr(module, "__path__", None)
        try:
            names = [name for name in folders or () if isinstance(name, str)]
        except TypeError:  # torch.classes has a path of its own kind
            continue
        for folder in names:
            real = os.path.realpath(folder)
            if real != private and not any(real == name or real.startswith(name + os.sep) for name in known):
                found.add(real)
    tops = {name for name in found if not any(name.startswith(other + os.sep) for other in found)}
    return sorted(name for name in tops if os.path.isdir(name) and not private.startswith(name + os.sep))


class Zygote(Warden):
    """A warden whose children are students, and which forks the wardens of the checkers."""

    def __init__(self, link: Link, shell: Shell) -> None:
        from autograder.engine.student import student

        super().__init__(link, lambda policy, fds, order: student(shell, policy, fds, order))
        self._shell = shell

    def do_import(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Import what the assignment imports, so that no student pays for it."""
        missing = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in order["modules"]:
                try:
                    importlib.import_module(name)
                except Exception as error:
                    missing.append(f"{name}: {type(error).__name__}: {error}"[:300])
        settle()
        threads = len(os.listdir("/proc/self/task"))
        known = [name for name, module in list(sys.modules.items()) if module is not None]
        self.link.send(
            {"imported": known, "missing": missing[:20], "threads": threads, "packages": packages()}
        )

    def do_assign(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Fork the warden of an assignment's checkers; it gets the secret by a pipe that is never read here."""
        pid = os.fork()
        if pid == 0:
            from autograder.engine.checker import check_assignment

            try:
                self.link.socket.close()
                check_assignment(
                    self._shell, Link(socket.socket(fileno=descriptors[0])), descriptors[1], order
                )
            finally:
                os._exit(0)
        self.link.send({"assigned": pid})

    def do_dismiss(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """End the warden of an assignment's checkers."""
        os.kill(int(order["pid"]), signal.SIGKILL)
        os.waitpid(int(order["pid"]), 0)
        self.link.send({"dismissed": order["pid"]})


def main() -> None:
    """Warm up and serve."""
    same_addresses()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the driver, which ends this process by its link
    link = Link(socket.socket(fileno=int(sys.argv[1])))
    order, _ = link.receive()
    random.seed(0)
    missing = warm(order["modules"])
    shell = make_shell()
    jail.watch_over()
    jail.prepare()
    import autograder.engine.checker
    import autograder.engine.student  # noqa: F401 - both are forked from here

    link.send({"ready": os.getpid(), "missing": list(missing), "packages": packages()})
    settle()
    Zygote(link, shell).run()


if __name__ == "__main__":
    main()
