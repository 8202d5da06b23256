"""Build the student notebooks: text sources to instructor notebooks to nbgrader's release.

solutions/<chapter>/{lesson,exercises}.md  ->  build/source/<chapter>/*.ipynb  ->  course/<chapter>/*.ipynb

nbgrader copies every file of its source folder into the release. So the folder that it works on is made anew
for each build, in a private place, and holds only the notebooks built here: what else lies in solutions/
cannot reach a student.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from traitlets.config import Config

from autograder.nbgrading import (
    RELEASE_DIRECTORY,
    SOURCE_DIRECTORY,
    configure,
    environment_on_path,
)
from autograder.sources import CHAPTER, NOTEBOOKS, SourceError, find_chapters, read_source

_PUBLISHED = {f"{name}.ipynb" for name in NOTEBOOKS}
#: Beside the notebooks, these may lie in a chapter's folder: JupyterLab makes them where someone works.
_TOLERATED = {".ipynb_checkpoints"}


class BuildError(Exception):
    """The build cannot go on; the message says why and what to do."""


@dataclass
class Report:
    """What a build did: the chapters, and the published notebooks that are new, changed or out of date."""

    chapters: list[str]
    changed: list[str] = field(default_factory=list)


def build(
    root: Path, chapters: Sequence[str] | None = None, *, to: Path | None = None, check: bool = False
) -> Report:
    """Build chapters into `course/` and `build/source/`.

    Parameters
    ----------
    root
        The checkout: the folder with `solutions/`.
    chapters
        Names, or numbers such as "01"; all by default.
    to
        A course root to write into, `root` by default.
    check
        Write nothing; only report what differs from `course/`.

    Raises
    ------
    SourceError, BuildError
    """
    root = Path(root).resolve()
    to = root if to is None else Path(to).resolve()
    names = _choose(root / "solutions", chapters)
    report = Report(names)
    with tempfile.TemporaryDirectory(prefix="digital-biopsy-build-") as folder:
        private = Path(folder).resolve()
        for name in names:
            _write_instructors(root / "solutions" / name, private / SOURCE_DIRECTORY / name, root)
        _generate(private, names)
        release = private / RELEASE_DIRECTORY
        for name in names:
            _assert_published(release / name)
            report.changed += _compare(release / name, to / RELEASE_DIRECTORY / name)
        if check:
            if chapters is None:
                report.changed += _strays(to / RELEASE_DIRECTORY, names)
            return report
        for name in names:
            _refuse_strangers(to / RELEASE_DIRECTORY / name)
        for name in names:
            _publish(release / name, to / RELEASE_DIRECTORY / name)
            shutil.rmtree(to / SOURCE_DIRECTORY / name, ignore_errors=True)
            _publish(private / SOURCE_DIRECTORY / name, to / SOURCE_DIRECTORY / name)
    return report


def command(argv: Sequence[str]) -> int:
    """Run `digital-biopsy build [CHAPTER ...] [--check]`."""
    parser = argparse.ArgumentParser(
        prog="digital-biopsy build", description="Build the student notebooks from solutions/."
    )
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="name or number; all by default")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when course/ is out of date"
    )
    parser.add_argument(
        "--root", type=Path, help="the checkout (default: the folder above that has solutions/)"
    )
    parser.add_argument("--to", type=Path, help="a course root to write into (default: the checkout)")
    options = parser.parse_args(list(argv))
    try:
        root = options.root or find_root(Path.cwd())
        report = build(root, options.chapters or None, to=options.to, check=options.check)
    except (SourceError, BuildError) as error:
        print(f"digital-biopsy build: {error}", file=sys.stderr)
        return 1
    if options.check and report.changed:
        print(
            "course/ is out of date. Run `digital-biopsy build` and commit what it writes:", file=sys.stderr
        )
        for line in report.changed:
            print(f"  {line}", file=sys.stderr)
        return 1
    built = f"{len(report.chapters)} chapter{'' if len(report.chapters) == 1 else 's'}"
    print(f"{built}, {'up to date' if not report.changed else '; '.join(report.changed)}")
    return 0


def find_root(start: Path) -> Path:
    """Return the nearest folder, from `start` upwards, that has solutions/."""
    for folder in (start, *start.parents):
        if (folder / "solutions").is_dir():
            return folder
    raise BuildError(f"no solutions/ in {start} or above: run it in the checkout, or give --root")


def _choose(solutions: Path, wanted: Sequence[str] | None) -> list[str]:
    if not solutions.is_dir():
        raise BuildError(f"{solutions} does not exist")
    known = find_chapters(solutions)
    if not wanted:
        if not known:
            raise BuildError(f"no chapter in {solutions} has both lesson.md and exercises.md")
        return known
    chosen = []
    for name in wanted:
        fits = [k for k in known if k == name or k.split("-")[0] == name.zfill(2)]
        if not fits:
            raise BuildError(f"no chapter {name!r}; there are {', '.join(known) or 'none'}")
        chosen += fits
    return sorted(set(chosen))


def _write_instructors(chapter: Path, target: Path, root: Path) -> None:
    target.mkdir(parents=True)
    for name in NOTEBOOKS:
        try:
            notebook = read_source(chapter / f"{name}.md", graded=name == "exercises")
        except SourceError as error:
            raise SourceError(str(error).replace(f"{root}{os.sep}", "")) from error
        (target / f"{name}.ipynb").write_text(
            nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n"
        )


def _generate(private: Path, chapters: Sequence[str]) -> None:
    """Run nbgrader's own generate_assignment, with a gradebook of its own that is thrown away."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory

    config = Config()
    configure(config)
    # Both notebooks are built here, although only one is graded later.
    config.CourseDirectory.notebook_id = "*"
    log = logging.getLogger("autograder.build")
    log.setLevel(logging.ERROR)
    with environment_on_path():
        for chapter in chapters:
            course = CourseDirectory(root=str(private), assignment_id=chapter, config=config, log=log)
            step = GenerateAssignment(coursedir=course, config=config, log=log)
            step.preprocessors = config.GenerateAssignment.preprocessors
            try:
                step.start()
            except (NbGraderException, RuntimeError, ValueError, SystemExit) as error:
                raise BuildError(f"nbgrader could not generate {chapter}: {error}") from error


def _assert_published(folder: Path) -> None:
    """The release holds the two notebooks and nothing of the solutions."""
    found = {path.name for path in folder.iterdir()}
    if found != _PUBLISHED:
        raise BuildError(f"the release of {folder.name} holds {sorted(found)}, not {sorted(_PUBLISHED)}")
    for name in sorted(found):
        text = (folder / name).read_text(encoding="utf-8")
        for mark in ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"):
            if mark in text:
                raise BuildError(f"{mark} is still in the released {folder.name}/{name}")
        for cell in nbformat.reads(text, as_version=4).cells:
            meta = cell.metadata.get("nbgrader", {})
            if meta.get("grade") and not meta.get("solution") and cell.metadata.get("editable", True):
                raise BuildError(f"the test cell {meta['grade_id']} of {folder.name}/{name} is not locked")
            if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
                raise BuildError(f"the released {folder.name}/{name} carries outputs")


def _compare(built: Path, published: Path) -> list[str]:
    """Say, a line for each notebook, what would change."""
    lines = []
    for path in sorted(built.iterdir()):
        old = published / path.name
        where = f"{published.name}/{path.name}"
        if not old.is_file():
            lines.append(f"{where}: new")
        elif old.read_bytes() != path.read_bytes():
            lines.append(f"{where}: {_difference(path, old)}")
    return lines


def _difference(new: Path, old: Path) -> str:
    try:
        cells = [
            {cell.get("id"): (cell.source, cell.metadata) for cell in nbformat.read(path, as_version=4).cells}
            for path in (old, new)
        ]
    except Exception:
        return "changed (the old one is not a notebook)"
    before, after = cells
    both = before.keys() & after.keys()
    counts = {
        "added": len(after.keys() - both),
        "removed": len(before.keys() - both),
        "changed": sum(before[key] != after[key] for key in both),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"cells {told}" if told else "changed in its metadata, outputs or order"


def _strays(course: Path, names: Sequence[str]) -> list[str]:
    """Say what lies in course/ without a source."""
    lines = []
    for folder in sorted(path for path in course.glob("*") if CHAPTER.match(path.name)):
        if folder.name not in names:
            lines.append(f"{folder.name}: has no source in solutions/")
            continue
        extra = {path.name for path in folder.iterdir()} - _PUBLISHED - _TOLERATED
        lines += [f"{folder.name}/{name}: is not built from a source" for name in sorted(extra)]
    return lines


def _refuse_strangers(folder: Path) -> None:
    if folder.is_dir():
        extra = {path.name for path in folder.iterdir()} - _PUBLISHED - _TOLERATED
        if extra:
            raise BuildError(
                f"{folder} holds files that are not built: {', '.join(sorted(extra))}. Move them away."
            )


def _publish(built: Path, target: Path) -> None:
    """Replace each notebook in one step: a reader sees the old one or the new one, never half of one."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(built.iterdir()):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-", suffix=".ipynb")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(path.read_bytes())
            os.chmod(name, 0o644)
            os.replace(name, target / path.name)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
