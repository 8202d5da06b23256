"""Read one submission: bytes in, an `Item` out, whatever the student put into the folder.

A folder that students wrote is read without trust. No link is followed, in no part of the way; what is not a
plain file with one name is left out; nothing is read beyond its cap. Each thing left out is a flag, and the
rest of the submission is graded. Only a folder that cannot be read at all ends the reading.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nbgrader.utils import parse_utc

from autograder.engine.task import Files, Flag

SUFFIX = ".ipynb"
TIMESTAMP = "timestamp.txt"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
#: Files that are left out are named one by one up to this number.
_NAMED = 10


class SubmissionGone(Exception):  # noqa: N818 - it is gone; nothing is wrong with the program
    """A submission cannot be read as a whole; the text says why. The rest of the class can."""


@dataclass(frozen=True)
class Caps:
    """The most that is read of one submission.

    Attributes
    ----------
    notebook_bytes, files_bytes : int
        One notebook; all other files together. (The engine limits what it gives to a student's code itself.)
    entries, depth : int
        Files and folders, and how deep they may be nested.
    """

    notebook_bytes: int = 32_000_000
    files_bytes: int = 64_000_000
    entries: int = 5000
    depth: int = 20


@dataclass(frozen=True)
class Item:
    """One submission, read. It holds all that grading needs and nothing that points back to the folder.

    Attributes
    ----------
    student, assignment : str
        Who handed in what.
    folder : str
        Where it was, for messages.
    notebooks : mapping
        By name without suffix, the assignment's notebooks that were there.
    refused : mapping
        By name, why one of them was there but not read; it is graded as an empty one.
    missing : tuple of str
        Those that were not there.
    others : mapping
        Other notebooks, read only if one is missing: a renamed one may be among them.
    files : mapping
        What lay beside the notebooks.
    timestamp : datetime or None
        When it was handed in (UTC), if that is known.
    flags : tuple of Flag
        What an instructor should know about the folder.
    digest : str
        Of all the bytes above.
    """

    student: str
    assignment: str
    folder: str
    notebooks: Mapping[str, bytes]
    refused: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    others: Mapping[str, bytes] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    timestamp: datetime | None = None
    flags: tuple[Flag, ...] = ()
    digest: str = ""


def read_item(
    student: str,
    assignment: str,
    within: Path,
    folder: Path,
    wanted: Sequence[str],
    *,
    known: Iterable[str] = (),
    ignore: Sequence[str] = (),
    caps: Caps | None = None,
) -> Item:
    """Read a submission.

    Parameters
    ----------
    within, folder
        A folder that the instructor vouches for, and the submission's below it. No part of the way from the one
        to the other may be a link.
    wanted
        Names of the assignment's notebooks, without suffix.
    known
        Names of notebooks that were handed out too and are not graded.
    ignore
        Patterns of file names that are passed over in silence (nbgrader's `CourseDirectory.ignore`).

    Raises
    ------
    SubmissionGone
        The folder is not there, is a link, may not be read, or changed meanwhile.
    """
    caps = caps or Caps()
    reader = _Reader(caps, tuple(ignore), frozenset(f"{name}{SUFFIX}" for name in wanted))
    descriptor = _enter(within, folder)
    try:
        reader.walk(descriptor, "", 0)
        missing = [name for name in wanted if f"{name}{SUFFIX}" not in {**reader.notebooks, **reader.refused}]
        extra = sorted(set(reader.extra) - {f"{name}{SUFFIX}" for name in known})
        others = reader.read_extra(descriptor, extra) if missing else {}
        if not os.path.samestat(os.fstat(descriptor), os.stat(folder, follow_symlinks=False)):
            raise SubmissionGone(f"{folder} was replaced while it was being read")
    except FileNotFoundError as error:
        raise SubmissionGone(
            f"{folder} changed while it was being read: {error.filename!r} is gone"
        ) from error
    except OSError as error:
        raise SubmissionGone(f"{folder} cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    for name in extra:
        if name not in others:
            reader.flag("extra", f"{name!a} is no notebook of this assignment; it was not graded.")
    timestamp = reader.timestamp()
    refused = {name: why.encode() for name, why in reader.refused.items()}
    return Item(
        student=student,
        assignment=assignment,
        folder=os.fspath(folder),
        notebooks={_stem(name): data for name, data in reader.notebooks.items()},
        refused={_stem(name): why for name, why in reader.refused.items()},
        missing=tuple(missing),
        others=others,
        files=reader.files,
        timestamp=timestamp,
        flags=reader.report(),
        digest=_digest(reader.notebooks, refused, others, reader.files),
    )


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether a file's name matches one of the patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _enter(within: Path, folder: Path) -> int:
    """Open a folder step by step, so that no step follows a link."""
    descriptor = -1
    try:
        descriptor = os.open(within, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in folder.relative_to(within).parts:
            inner = os.open(part, _OPEN | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        if isinstance(error, FileNotFoundError):
            raise SubmissionGone(f"{folder} is not there any more") from error
        if folder.is_symlink() or any(part.is_symlink() for part in folder.parents if part != within):
            raise SubmissionGone(f"{folder} is a link, or lies behind one; links are not followed") from error
        raise SubmissionGone(f"{folder} cannot be read: {error.strerror}") from error
    return descriptor


class _Refusal(Exception):  # noqa: N818
    """A file is not read: a word for machines, what to say of it."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Reader:
    def __init__(self, caps: Caps, ignore: tuple[str, ...], wanted: frozenset[str]) -> None:
        self._caps = caps
        self._ignore = ignore
        self._wanted = wanted
        self._entries = caps.entries
        self._bytes = caps.files_bytes
        self._flags: list[Flag] = []
        self._left_out: list[Flag] = []
        self.notebooks: dict[str, bytes] = {}
        self.refused: dict[str, str] = {}
        self.extra: list[str] = []
        self.files: dict[str, bytes] = {}

    def flag(self, kind: str, text: str) -> None:
        self._flags.append(Flag(kind, "", text))

    def report(self) -> tuple[Flag, ...]:
        """All flags, the endless ones shortened."""
        rest = len(self._left_out) - _NAMED
        shortened = self._left_out[:_NAMED]
        if rest > 0:
            shortened.append(Flag("left-out", "", f"{rest} more files were left out."))
        return (*self._flags, *shortened)

    def walk(self, folder: int, prefix: str, depth: int) -> None:
        """Take in a folder and those below it, in the order of their names."""
        for name in self._names(folder, prefix):
            path = f"{prefix}{name}"
            if fits(name, self._ignore):
                continue
            try:
                os.fsencode(name).decode("utf-8")
                self._take(folder, name, path, depth)
            except UnicodeDecodeError:
                self._leave_out(_Refusal("name", "has a name that is not UTF-8"), path)
            except PermissionError:
                self._leave_out(_Refusal("unreadable", "may not be read"), path)
            except _Refusal as refusal:
                if path in self._wanted:
                    self.refused[path] = f"{path} {refusal}"
                self._leave_out(refusal, path)

    def read_extra(self, folder: int, names: Iterable[str]) -> dict[str, bytes]:
        """Read notebooks that are not the assignment's by name; one may be a renamed one."""
        found = {}
        for name in names:
            try:
                data = self._read(folder, name, min(self._caps.notebook_bytes, self._bytes))
            except _Refusal as refusal:
                self._leave_out(refusal, name)
            else:
                self._bytes -= len(data)
                found[name] = data
        return found

    def timestamp(self) -> datetime | None:
        """When the submission was handed in, as nbgrader reads it."""
        data = self.files.get(TIMESTAMP)
        if data is None:
            return None
        try:
            text = data[:200].decode("utf-8-sig").strip()
            if not text:
                raise ValueError("it is empty")
            when = parse_utc(text)
        except Exception as error:  # whatever dateutil makes of a student's text
            reason = ascii(" ".join(str(error).split())[:80])
            self.flag("timestamp", f"{TIMESTAMP} holds no time ({reason}); the submission counts as undated.")
            return None
        return when if isinstance(when, datetime) else None

    def _names(self, folder: int, prefix: str) -> list[str]:
        names: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if self._entries == 0:
                    text = f"{prefix or '.'!a} holds too many files; at most {self._caps.entries} are read."
                    self.flag("too-many", text)
                    break
                self._entries -= 1
                names.append(entry.name)
        return sorted(names)

    def _take(self, folder: int, name: str, path: str, depth: int) -> None:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        notebook = name.lower().endswith(SUFFIX)
        if stat.S_ISDIR(mode):
            if path in self._wanted:
                raise _Refusal("not-a-file", "is a folder")
            if depth == self._caps.depth:
                raise _Refusal("deep", "is nested too deep")
            try:
                inner = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=folder)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise _Refusal("unreadable", f"cannot be read: {error.strerror}") from error
            try:
                self.walk(inner, f"{path}/", depth + 1)
            finally:
                os.close(inner)
        elif path in self._wanted:
            self.notebooks[path] = self._read(folder, name, self._caps.notebook_bytes)
        elif notebook and depth == 0:
            if not stat.S_ISREG(mode):
                raise _Refusal("special", f"is {_sort(mode)}")
            self.extra.append(name)
        elif not notebook:
            self.files[path] = data = self._read(folder, name, self._bytes)
            self._bytes -= len(data)

    def _read(self, folder: int, name: str, cap: int) -> bytes:
        """Read a plain file; what else it may be is found out before and again after it is opened."""
        _check(os.stat(name, dir_fd=folder, follow_symlinks=False), cap)
        try:
            descriptor = os.open(name, _OPEN, dir_fd=folder)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _Refusal("unreadable", f"cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            _check(os.fstat(descriptor), cap)
            try:
                data = file.read(cap + 1)
            except OSError as error:
                raise _Refusal("unreadable", f"cannot be read: {error.strerror}") from error
        if len(data) > cap:
            raise _Refusal("too-big", "is too big")
        return data

    def _leave_out(self, refusal: _Refusal, path: str) -> None:
        self._left_out.append(Flag(refusal.kind, "", f"{path!a} {refusal}; it was left out."))


def _check(about: os.stat_result, cap: int) -> None:
    if stat.S_ISLNK(about.st_mode):
        raise _Refusal("link", "is a symbolic link")
    if not stat.S_ISREG(about.st_mode):
        raise _Refusal("special", f"is {_sort(about.st_mode)}")
    if about.st_nlink != 1:
        raise _Refusal("hard-link", "is a hard link to a file that has another name")
    if about.st_size > cap:
        raise _Refusal("too-big", f"is too big ({about.st_size / 1e6:.0f} MB)")


def _sort(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return "a symbolic link" if stat.S_ISLNK(mode) else kinds.get(stat.S_IFMT(mode), "a device")


def _stem(name: str) -> str:
    return name[: -len(SUFFIX)]


def _digest(*parts: Mapping[str, bytes]) -> str:
    """A digest in which no name or content can pass for another."""
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)};".encode())
        for name, data in sorted(part.items()):
            total.update(f"{len(name.encode())}:{name}{len(data)}:".encode())
            total.update(data)
    return total.hexdigest()
