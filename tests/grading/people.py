"""The people of a course: an instructor and three students, each a system user where that is possible."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Accounts that Debian has anyway: none has to be made or removed, and nothing of theirs is touched.
ACCOUNTS = ("backup", "games", "mail", "news", "list", "irc", "man", "lp", "uucp", "proxy", "sync")
ROLES = ("instructor", "perfect", "half", "untouched")


@dataclass
class Person:
    """Someone with a folder of their own, who runs nbgrader there."""

    role: str
    name: str
    home: Path
    account: pwd.struct_passwd | None
    exchange: Path
    config: list[str] = field(default_factory=list)

    def nbgrader(self, *arguments: str, folder: Path | None = None, fails: bool = False) -> str:
        """Run an nbgrader command and return what it printed; the status must be as expected."""
        options = list(arguments)
        if self.account is None and arguments[0] in ("submit", "fetch_feedback"):
            options += ["--student", self.name]
        if arguments[0] != "validate":
            options += [f"--Exchange.root={self.exchange}", "--course", "digital-biopsy"]
        done = self.run([sys.executable, "-m", "nbgrader", *options], folder or self.home)
        said = done.stdout + done.stderr
        assert bool(done.returncode) == fails, f"{self.role}: nbgrader {' '.join(arguments)}\n{said}"
        return said

    def run(self, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a command as this person, in a bare environment."""
        environment = {
            "HOME": str(self.home),
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), "/usr/bin", "/bin"]),
            "LANG": "C.UTF-8",
            "MPLBACKEND": "agg",
            "OMP_NUM_THREADS": "1",
        }
        if "LD_LIBRARY_PATH" in os.environ:  # a Python may need it to start
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        who: dict[str, Any] = {}
        if self.account is not None:
            who = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, **who
        )
        return done

    def own(self) -> None:
        """Give this person everything in their folder."""
        if self.account is not None:
            for path in [self.home, *self.home.rglob("*")]:
                os.chown(path, self.account.pw_uid, self.account.pw_gid, follow_symlinks=False)


def gather(folder: Path) -> tuple[dict[str, Person], str]:
    """Make the instructor and the students; say whether they are users of their own, and if not why."""
    folder.chmod(0o755)
    exchange = folder / "exchange"
    exchange.mkdir()
    exchange.chmod(0o1777)
    accounts, why = _accounts(folder)
    people = {}
    for number, role in enumerate(ROLES):
        account = accounts[number] if accounts else None
        home = folder / role
        home.mkdir(mode=0o755)
        people[role] = Person(role, account.pw_name if account else role, home, account, exchange)
        people[role].own()
    return people, why


def _accounts(folder: Path) -> tuple[list[pwd.struct_passwd], str]:
    if os.geteuid() != 0:
        return [], "one user for all: the tests do not run as root"
    found = [entry for entry in pwd.getpwall() if entry.pw_name in ACCOUNTS and 0 < entry.pw_uid < 1000]
    if len(found) < len(ROLES):
        return [], "one user for all: the system has too few accounts"
    for parent in [folder, *folder.parents]:
        if not parent.stat().st_mode & 0o001:
            return [], f"one user for all: others may not enter {parent}"
    probe = Person("probe", found[0].pw_name, folder, found[0], folder)
    try:
        done = probe.run([sys.executable, "-c", "import nbgrader, autograder, digital_biopsy"], Path("/"))
    except PermissionError:
        return [], f"one user for all: others may not run {Path(sys.executable).resolve()}"
    if done.returncode:
        return [], "one user for all: others may not read this environment or checkout"
    return found[: len(ROLES)], "each a system user"
