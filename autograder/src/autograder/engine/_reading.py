"""Read a submitted notebook file that nobody vouches for.

The result is a notebook in shape only: its cells, their text and their metadata are the student's, and are
for `autograder.engine.rebuild.rebuild` to judge. Outputs are not kept at all.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4.convert import upgrade_cell

#: Key of the notebook metadata under which `read_submission` leaves what it had to mend.
NOTES = "autograder_read"
#: More lists and objects than this are not a notebook: an empty one takes 3 bytes of the file and 60 of memory.
MAX_CONTAINERS = 500_000

# A string (also one that never ends, so that no text is searched twice), or a bracket.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_CONFLICT = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)


class SubmissionError(Exception):
    """A submitted notebook cannot be read.

    Attributes
    ----------
    kind
        A word for machines: "missing", "link", "not-a-file", "hard-link", "unreadable", "too-big", "empty",
        "encoding", "too-deep", "truncated", "not-json", "not-a-notebook", "version" or "too-many-cells".
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def read_submission(
    path: Path,
    *,
    max_bytes: int = 20_000_000,
    max_depth: int = 100,
    max_cells: int = 2000,
    within: Path | None = None,
) -> NotebookNode:
    """Read a submitted notebook of nbformat 3 or 4.

    Parameters
    ----------
    path
        The file. A symbolic link, a file with a second name, a folder, a FIFO, a socket or a device is
        refused without being read.
    max_bytes, max_depth, max_cells
        Size of the file, nesting of its JSON, number of cells.
    within
        A folder above `path` that the instructor owns: no folder between it and `path` may be a link either.

    Raises
    ------
    SubmissionError
        With a sentence for the student in its text and the cause in its `kind`.
    """
    data = _read_bytes(Path(path), max_bytes, within)
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise SubmissionError("empty", "The notebook file is empty. Hand it in again after saving it.")
    text, notes = _decode(data)
    _check_nesting(text, max_depth)
    raw = _parse(text, notes)
    cells = _cells(raw, notes)
    if len(cells) > max_cells:
        raise SubmissionError(
            "too-many-cells", f"The notebook has {len(cells)} cells; at most {max_cells} are accepted."
        )
    metadata = raw.get("metadata")
    notebook: NotebookNode = nbformat.from_dict(
        {
            "cells": cells,
            "metadata": metadata if isinstance(metadata, dict) else {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    notebook.metadata[NOTES] = sorted(notes)
    return notebook


def _read_bytes(path: Path, max_bytes: int, within: Path | None) -> bytes:
    try:
        descriptor = _open(path, within)
    except OSError as error:
        raise _refusal(path, error) from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise SubmissionError("not-a-file", f"{path.name} is not a file but {_sort(about.st_mode)}.")
        if about.st_nlink != 1:
            raise SubmissionError("hard-link", f"{path.name} is a hard link to a file that has another name.")
        parts: list[bytes] = []
        left = max_bytes + 1
        try:
            while left and (part := file.read(min(left, 1 << 20))):
                parts.append(part)
                left -= len(part)
        except OSError as error:
            raise _refusal(path, error) from error
    if not left:
        raise SubmissionError(
            "too-big",
            f"The notebook file is larger than {max_bytes / 1e6:g} MB. Clear its outputs and hand it in again.",
        )
    return b"".join(parts)


def _open(path: Path, within: Path | None) -> int:
    """Open without following a link; what is not a file is refused before it is opened, and checked after."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    folder: int | None = None
    name = os.fspath(path)
    try:
        if within is not None:
            *folders, name = path.relative_to(within).parts or (".",)
            if ".." in (*folders, name):
                raise SubmissionError("link", f"{path.name} lies outside the submission.")
            folder = os.open(within, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for part in folders:
                inner = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = inner
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            raise SubmissionError("link", f"{path.name} is a symbolic link. Hand in the file itself.")
        if not stat.S_ISREG(mode):
            raise SubmissionError("not-a-file", f"{path.name} is not a file but {_sort(mode)}.")
        return os.open(name, flags, dir_fd=folder)
    finally:
        if folder is not None:
            os.close(folder)


def _refusal(path: Path, error: OSError) -> SubmissionError:
    if isinstance(error, FileNotFoundError):
        return SubmissionError("missing", f"There is no file {path.name} in the submission.")
    if isinstance(error, NotADirectoryError) or error.errno == errno.ELOOP:
        return SubmissionError("link", f"The way to {path.name} leads through a link or a file.")
    return SubmissionError("unreadable", f"{path.name} cannot be read: {error.strerror}.")


def _sort(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFLNK: "a symbolic link",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


def _decode(data: bytes) -> tuple[str, set[str]]:
    """Return the text, and a note if it is not plain UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), {"encoding"}
        except UnicodeDecodeError as error:
            raise SubmissionError("encoding", "The file is neither UTF-8 nor UTF-16 text.") from error
    try:
        return data.decode("utf-8-sig"), set()
    except UnicodeDecodeError:
        # What an editor set to Western European writes. Every byte means something there.
        return data.decode("latin-1"), {"encoding"}


def _check_nesting(text: str, max_depth: int) -> None:
    """Refuse deep or endless nesting before the parser builds it."""
    depth = containers = 0
    for match in _TOKEN.finditer(text):
        token = text[match.start()]
        if token in "[{":
            depth += 1
            containers += 1
            if depth > max_depth:
                raise SubmissionError(
                    "too-deep", f"The file nests lists and objects more than {max_depth} deep."
                )
            if containers > MAX_CONTAINERS:
                raise SubmissionError("too-big", "The file holds too many lists and objects for a notebook.")
        elif token in "]}":
            depth -= 1


def _parse(text: str, notes: set[str]) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)  # the last one counts, as in JupyterLab
        if len(found) != len(pairs):
            notes.add("duplicate-keys")
        return found

    def number(digits: str) -> int:
        return int(digits) if len(digits) < 20 else 0  # no number of a notebook is longer

    try:
        raw = json.loads(text, object_pairs_hook=unique, parse_int=number, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        if _CONFLICT.search(text):
            cause = "It holds the marks of a merge conflict: settle it, save and hand it in again."
        elif error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated string"):
            cause = f"It ends in the middle ({where}): save it and hand it in again."
            raise SubmissionError("truncated", f"The notebook file is not complete. {cause}") from error
        else:
            cause = f"{error.msg} at {where}. Open it in JupyterLab, save it and hand it in again."
        raise SubmissionError("not-json", f"The notebook file is not valid JSON. {cause}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SubmissionError("not-json", "The notebook file is not valid JSON.") from error
    if not isinstance(raw, dict):
        raise SubmissionError("not-a-notebook", "The file is JSON, but not a notebook.")
    return raw


def _cells(raw: dict[str, Any], notes: set[str]) -> list[dict[str, Any]]:
    version = raw.get("nbformat")
    if isinstance(version, bool) or not isinstance(version, int):
        version = 0  # not said
    if version > 4:
        raise SubmissionError(
            "version", f"The notebook is of format {version}; formats 3 and 4 are read. Save it as format 4."
        )
    sheets = raw.get("worksheets")
    if isinstance(sheets, list) and version < 4 and not isinstance(raw.get("cells"), list):
        notes.add("old-format")
        lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        cells = [cell for group in lists if isinstance(group, list) for cell in group]
        return [_from_format_3(cell) for cell in _only_objects(cells, notes)]
    listed = raw.get("cells")
    if not isinstance(listed, list):
        raise SubmissionError("not-a-notebook", "The file is JSON, but has no list of cells: not a notebook.")
    if version < 4:
        notes.add("version")
    return [_pruned(cell) for cell in _only_objects(listed, notes)]


def _pruned(cell: dict[str, Any]) -> dict[str, Any]:
    """Leave the outputs out and join the lines of the source, if it has lines."""
    kept = {key: value for key, value in cell.items() if key != "outputs"}
    source = kept.get("source")
    if isinstance(source, list) and all(isinstance(part, str) for part in source):
        kept["source"] = "".join(source)
    return kept


def _only_objects(cells: list[Any], notes: set[str]) -> list[dict[str, Any]]:
    kept = [cell for cell in cells if isinstance(cell, dict)]
    if len(kept) != len(cells):
        notes.add("not-cells")
    return kept


def _from_format_3(cell: dict[str, Any]) -> dict[str, Any]:
    """Upgrade one cell by nbformat's own rules, from the parts of it that are used."""
    level = cell.get("level")
    known: dict[str, Any] = {
        "cell_type": cell.get("cell_type"),
        "metadata": cell["metadata"] if isinstance(cell.get("metadata"), dict) else {},
        "source": plain_text(cell.get("source")),
        "input": plain_text(cell.get("input")),
        "level": level if isinstance(level, int) and 1 <= level <= 6 else 1,
        "outputs": [],
    }
    upgraded = dict(upgrade_cell(nbformat.from_dict(known)))
    return {key: upgraded[key] for key in ("cell_type", "metadata", "source")}


def plain_text(value: Any) -> str:
    """Text of a notebook field, a string or a list of lines, without the halves of characters that no file takes."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
