"""The checker's own folder beside the student's: each sees the files that the other writes, as copies.

A check opens `data.csv` and means the assignment's file. So it works in a folder of its own, with fresh copies of the
assignment's files, which no student's process can write. What the student's code writes under other names is copied
over before the check can look for it; what the check writes is copied to the student before the next question.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MOST_FILES, _MOST_BYTES, _DEPTH = 500, 64 << 20, 8
#: Words of a cell that may have to do with files; without one of them nothing is copied.
WORDS = frozenset(
    """open Path pathlib exists is_file isfile isdir listdir scandir glob iglob walk stat getsize remove unlink makedirs
    mkdir read_text read_bytes write_text write_bytes load loads loadtxt genfromtxt fromfile memmap save savez savetxt
    tofile savefig imread imsave imwrite dump to_csv read_csv read_json to_json read_excel reader writer DictReader
    dcmread dcmwrite read_series nib tempfile TemporaryDirectory NamedTemporaryFile mkdtemp mkstemp gettempdir sqlite3
    connect zipfile ZipFile h5py netCDF4 Image file filename path folder""".split()
)

Stamp = tuple[int, int]


class Folders:
    """Keep two folders alike in what is nobody's secret.

    Parameters
    ----------
    own : Path
        The checker's folder. The files that are in it now are the assignment's, and stay.
    theirs : Path
        The student's folder.
    """

    def __init__(self, own: Path, theirs: Path) -> None:
        self._own, self._theirs = own, theirs
        self._room = _MOST_BYTES
        self._given = {name for name, _ in files(own)}
        self._mine = dict(files(own))
        self._seen: dict[str, Stamp] = {}

    def take(self) -> None:
        """Copy what the student's code has written."""
        for name, stamp in files(self._theirs):
            if name in self._given or self._seen.get(name) == stamp:
                continue
            self._seen[name] = stamp
            if self._copy(self._theirs / name, self._own / name):
                self._mine[name] = _stamp(self._own / name)

    def give(self) -> None:
        """Copy what the check has written."""
        for name, stamp in files(self._own):
            if self._mine.get(name) == stamp:
                continue
            self._mine[name] = stamp
            if self._copy(self._own / name, self._theirs / name):
                self._seen[name] = _stamp(self._theirs / name)

    def _copy(self, source: Path, target: Path) -> bool:
        with contextlib.suppress(OSError), open(source, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return False
            data = file.read(self._room + 1)
            if len(data) > self._room:
                return False
            self._room -= len(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            return True
        return False


def files(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """Yield the plain files of a folder: name, and what changes when the content does."""
    count = 0
    todo = [("", 0)]
    while todo:
        prefix, depth = todo.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    count += 1
                    if count > _MOST_FILES:
                        return
                    about = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(about.st_mode) and depth < _DEPTH:
                        todo.append((f"{prefix}{entry.name}/", depth + 1))
                    elif stat.S_ISREG(about.st_mode):
                        yield prefix + entry.name, (about.st_mtime_ns, about.st_size)
        except OSError:
            continue


def _stamp(path: Path) -> Stamp:
    with contextlib.suppress(OSError):
        about = os.stat(path)
        return about.st_mtime_ns, about.st_size
    return 0, -1


_PLAIN = {
    "builtins": frozenset(
        "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple".split()
    ),
    "collections": frozenset({"Counter", "OrderedDict", "defaultdict", "deque"}),
    "copyreg": frozenset({"_reconstructor"}),
    "_codecs": frozenset({"encode"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "decimal": frozenset({"Decimal"}),
    "fractions": frozenset({"Fraction"}),
    "numpy": frozenset({"dtype", "ndarray"}),
    "torch": frozenset({"FloatStorage", "LongStorage", "DoubleStorage", "Size", "device"}),
    "torch._utils": frozenset({"_rebuild_tensor_v2", "_rebuild_parameter"}),
}
_NUMPY = frozenset({"_reconstruct", "scalar", "_frombuffer"})


def forbid_unpickling() -> None:
    """Let this process unpickle plain data only: a pickle that a student wrote is a program. For good."""

    def see(event: str, details: tuple[Any, ...]) -> None:
        if event != "pickle.find_class":
            return
        module, name = str(details[0]), str(details[1])
        if name in _PLAIN.get(module, ()) or (module.startswith("numpy") and name in _NUMPY):
            return
        raise RuntimeError(f"a pickle asks for {module}.{name}; a check may load plain data only")

    sys.addaudithook(see)
