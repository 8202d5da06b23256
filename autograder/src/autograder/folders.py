"""Put a folder in place as a whole: a reader finds the old one or the new one, never half of one.

A new folder is written beside the one that it replaces, under a name that begins with a dot, which no nbgrader
command looks at. Then the two change places in one step. Who is killed before leaves the old folder, who is killed
after leaves the new one; what is left over is removed by the next `tidy`. A folder that is being written
is locked, so that one program does not tidy up another's.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_NEW, _OLD = ".new~", ".old~"
_LEFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.(?P<kind>new|old)~")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class WriteError(Exception):
    """A folder could not be written; the text says why. What was there before is still there."""


class Staged:
    """A folder, written but not yet in place.

    Parameters
    ----------
    target
        Where it shall be.
    files
        All its files: path with forward slashes, content.
    mode
        Of the files.
    groupshared
        Whether the group may write into the folders, as nbgrader's `CourseDirectory.groupshared`.

    Raises
    ------
    WriteError
        The disk is full, say. Nothing is left of it.
    """

    def __init__(
        self, target: Path, files: Mapping[str, bytes], *, mode: int = 0o444, groupshared: bool = False
    ) -> None:
        self.target = target
        token = secrets.token_hex(4)
        self._path = target.with_name(f".{target.name}.{token}{_NEW}")
        self._aside = target.with_name(f".{target.name}.{token}{_OLD}")
        self._lock = -1
        try:
            _make_parents(target.parent, groupshared)
            self._path.mkdir()
            self._lock = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            folders = {self._path}
            for name, data in files.items():
                path = self._path.joinpath(*name.split("/"))
                if path.parent not in folders:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    folders.update(parent for parent in path.parents if parent.is_relative_to(self._path))
                path.write_bytes(data)
                path.chmod(mode)
            for folder in folders if groupshared else ():
                _share(folder)
        except OSError as error:
            self.drop()
            raise _explain(error, target) from error
        except BaseException:
            self.drop()
            raise

    def put(self) -> None:
        """Put the folder in place; what was there is removed.

        Raises
        ------
        WriteError
        """
        try:
            if os.path.lexists(self.target):
                if not _exchange(self._path, self.target):
                    os.rename(self.target, self._aside)
                    os.rename(self._path, self.target)
            else:
                os.rename(self._path, self.target)
        except OSError as error:
            self.drop()
            raise _explain(error, self.target) from error
        self.drop()

    def drop(self) -> None:
        """Remove what is not in place."""
        _remove(self._path)
        _restore(self._aside, self.target)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def tidy(folder: Path) -> None:
    """Remove from a folder what a killed program left there; put back what it had put aside."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name[0] == "."]
    except FileNotFoundError:
        return
    for name in names:
        match = _LEFT.fullmatch(name)
        if match and match["kind"] == "old":
            _restore(folder / name, folder / match["name"])
        elif match and not _locked(folder / name):
            _remove(folder / name)


def _restore(aside: Path, target: Path) -> None:
    """Put back a folder that was put aside, or remove it if another has taken its place."""
    if not os.path.lexists(target):
        with suppress(FileNotFoundError):
            os.rename(aside, target)
    else:
        _remove(aside)


def _locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot (Linux can, on most file systems)."""
    rename = _renameat2()
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
        return False
    raise OSError(code, os.strerror(code), os.fspath(other))


@cache
def _renameat2() -> Any:
    try:
        return ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None


def _make_parents(folder: Path, groupshared: bool) -> None:
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in new if groupshared else ():
        _share(path)


def _share(folder: Path) -> None:
    mode = folder.stat().st_mode
    if mode & 0o2770 != 0o2770:
        folder.chmod((mode | 0o2770) & 0o2777)


def _explain(error: OSError, target: Path) -> WriteError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WriteError(
            f"The disk is full: {target} could not be written, and was left as it was. "
            "Make room, then run this again."
        )
    return WriteError(f"{target} could not be written: {error.strerror}. It was left as it was.")
