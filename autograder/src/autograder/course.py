"""An nbgrader course folder: its settings, its assignments, who handed in what.

Works for any course that `nbgrader generate_assignment` works for. An assignment is read once and then holds
all that grading needs, so that it can travel to a machine without the course folder.
"""

from __future__ import annotations

import copy
import glob
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    Execute,
    IncludeHeaderFooter,
    InstantiateTests,
    SaveAutoGrades,
)
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from autograder.engine.task import Files
from autograder.gradebook import Book, Sheet
from autograder.settings import GradingEngine
from autograder.submissions import SUFFIX, Caps, Item, fits, read_item

#: Changes when the same submission is to be graded again after an upgrade of this package.
FORMAT = "1"
#: Steps of `Autograde.autograde_preprocessors` that the engine and the writer do themselves.
_OURS = (Execute, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata)


class CourseError(Exception):
    """The course folder is not ready for grading; the text names the cause and the cure."""


@dataclass(frozen=True)
class Notebook:
    """A notebook of an assignment: the instructor's, the students', and the names of its cells."""

    name: str
    source: NotebookNode
    released: NotebookNode
    cells: frozenset[str]


@dataclass(frozen=True)
class Assignment:
    """An assignment, read.

    Attributes
    ----------
    name : str
        Of the assignment.
    notebooks : tuple of Notebook
        Those to grade.
    others : tuple of str
        Those that the settings leave out this time.
    handed_out : frozenset of str
        Names of all notebooks that students were given.
    files : mapping
        The instructor's files beside the notebooks.
    students_own : frozenset of str
        Those of them that a student may replace (`Autograde.exclude_overwriting`).
    steps : tuple
        nbgrader's steps after the run: each a preprocessor class and its settings, or a function.
    digest : str
        Of all that, of the engine and of its limits.
    """

    name: str
    notebooks: tuple[Notebook, ...]
    others: tuple[str, ...]
    handed_out: frozenset[str]
    files: Files
    students_own: frozenset[str]
    steps: tuple[tuple[Any, dict[str, Any]], ...]
    digest: str


def load_config(root: Path) -> Config:
    """Read `nbgrader_config.py` as the nbgrader command does when it is run in `root`.

    Raises
    ------
    CourseError
        There is no such folder.
    """
    from nbgrader.apps.baseapp import NbGrader

    if not Path(root).is_dir():
        raise CourseError(f"{root} is no folder")
    with chdir(root):
        app = NbGrader()
        app.log_level = logging.ERROR
        app.initialize([])
    config: Config = app.config
    return config


class Course:
    """An nbgrader course folder and its gradebook.

    Parameters
    ----------
    coursedir
        nbgrader's own description of the folder.
    config
        All settings, as `load_config` returns them.
    rules
        The Autograde converter whose settings count; one is made from `config` by default.
    """

    def __init__(self, coursedir: CourseDirectory, config: Config, *, rules: Any = None) -> None:
        from nbgrader.converters import Autograde

        self.coursedir = coursedir
        self.config = config
        self.rules = rules if rules is not None else Autograde(coursedir=coursedir, config=config)
        self.settings = GradingEngine(config=config)
        self.caps = Caps()

    @classmethod
    def open(cls, root: Path, *, db_url: str | None = None) -> Course:
        """Open a course folder, or the one that its settings name.

        Raises
        ------
        CourseError
        """
        config = load_config(root)
        if "root" not in config.CourseDirectory:
            config.CourseDirectory.root = os.path.abspath(root)
        if db_url is not None:
            config.CourseDirectory.db_url = db_url
        return cls(CourseDirectory(config=config), config)

    def __enter__(self) -> Course:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the gradebook."""
        self.book.close()

    @cached_property
    def book(self) -> Book:
        """The gradebook."""
        return Book(self.coursedir.db_url, self.coursedir.course_id)

    def assignment(self, name: str) -> Assignment:
        """Read an assignment.

        Raises
        ------
        CourseError
            It is not in the gradebook, its source is missing, or the two do not fit together.
        GradebookError
        """
        sheets = self.book.sheets(name)
        if not sheets and not self.book.has_assignment(name):
            known = ", ".join(self.book.assignment_names())
            raise CourseError(
                f"No assignment with ID '{name}' exists in the database"
                + (f", which has: {known}." if known else ", which has none yet.")
                + f" A new one is entered by: nbgrader generate_assignment {name}"
            )
        chosen = [sheet for sheet in sheets if fits(sheet.name, [self.coursedir.notebook_id])]
        if not chosen:
            raise CourseError("No notebooks found, did you forget to run 'nbgrader generate_assignment'?")
        source = Path(os.path.normpath(self._path(self.coursedir.source_directory, ".", name)))
        released = Path(os.path.normpath(self._path(self.coursedir.release_directory, ".", name)))
        notebooks = tuple(self._notebook(sheet, name, source, released) for sheet in chosen)
        files = self._files(source)
        own = self.rules.exclude_overwriting.get(name, [])
        steps = tuple(self._steps())
        return Assignment(
            name=name,
            notebooks=notebooks,
            others=tuple(sheet.name for sheet in sheets if sheet not in chosen),
            handed_out=frozenset(
                path.stem for folder in (source, released) for path in folder.glob(f"*{SUFFIX}")
            ),
            files=files,
            students_own=frozenset(os.path.normpath(path).replace(os.sep, "/") for path in own),
            steps=steps,
            digest=_digest([FORMAT, self.settings.stamp, name, steps, sorted(own)], notebooks, files),
        )

    def assignments(self, pattern: str) -> list[str]:
        """Return the names of assignments with submissions that fit a pattern; a plain name fits itself."""
        return sorted({name for name, _ in self._found(pattern, self.coursedir.student_id)} | _plain(pattern))

    def submissions(self, assignment: str, students: Iterable[str] | None = None) -> list[str]:
        """Return the students who handed something in, in order.

        By default those that the settings choose (`CourseDirectory.student_id`, `student_id_exclude`).

        Raises
        ------
        CourseError
            One of `students` handed nothing in.
        """
        pattern = self.coursedir.student_id if students is None else "*"
        found = {student for _, student in self._found(glob.escape(assignment), pattern)}
        if students is not None:
            wanted = set(students)
            if absent := sorted(wanted - found):
                raise CourseError(f"There is no submission of '{assignment}' by {', '.join(absent)}")
            found &= wanted
        return sorted(found - set(filter(None, self.coursedir.student_id_exclude.split(","))))

    def read(self, student: str, assignment: Assignment) -> Item:
        """Read a submission.

        Raises
        ------
        SubmissionGone
        """
        within, folder = self.place(self.coursedir.submitted_directory, student, assignment.name)
        return read_item(
            student,
            assignment.name,
            within,
            folder,
            [notebook.name for notebook in assignment.notebooks],
            known=assignment.handed_out.union(assignment.others),
            ignore=self.coursedir.ignore,
            caps=self.caps,
        )

    def place(self, step: str, student: str, assignment: str) -> tuple[Path, Path]:
        """Return the last folder that is not a student's on the way to a submission, and the submission's."""
        parts = utils.full_split(self.coursedir.directory_structure)
        values = {"nbgrader_step": step, "student_id": student, "assignment_id": assignment}
        first = next(i for i, part in enumerate(parts) if "{student_id}" in part or "{assignment_id}" in part)
        within = Path(self.coursedir.root, *(part.format(**values) for part in parts[:first]))
        return within, within.joinpath(*(part.format(**values) for part in parts[first:]))

    def _path(self, step: str, student: str, assignment: str) -> str:
        return str(self.coursedir.format_path(step, student, assignment))

    def _found(self, assignment: str, student: str) -> list[tuple[str, str]]:
        """Return the names of assignment and student of all submissions that fit two patterns."""
        directory = self.coursedir.submitted_directory
        structure = self.coursedir.directory_structure.format(
            nbgrader_step=glob.escape(directory), student_id=student, assignment_id=assignment
        )
        shape = self.coursedir.format_path(
            re.escape(directory), "(?P<student>[^/]+)", "(?P<assignment>[^/]+)", escape=True
        )
        found = []
        for path in glob.glob(os.path.join(glob.escape(self.coursedir.root), structure)):
            match = re.fullmatch(shape, os.path.normpath(path))
            if match and (os.path.isdir(path) or os.path.islink(path)):
                found.append((match["assignment"], match["student"]))
        return found

    def _notebook(self, sheet: Sheet, assignment: str, source: Path, released: Path) -> Notebook:
        path = source / f"{sheet.name}{SUFFIX}"
        cure = f"Run `nbgrader generate_assignment {assignment} --force`, then grade again."
        try:
            notebook = nbformat.read(path, as_version=4)
        except FileNotFoundError as error:
            raise CourseError(
                f"The gradebook knows the notebook {sheet.name}, but there is no {path}. {cure}"
            ) from error
        except Exception as error:  # whatever nbformat makes of a broken file
            raise CourseError(f"{path} cannot be read: {error}") from error
        header = IncludeHeaderFooter(config=self.config)
        for name in ("header", "footer"):
            if getattr(header, name):
                setattr(header, name, os.path.join(self.coursedir.root, getattr(header, name)))
        notebook, _ = header.preprocess(notebook, {})
        self._fill_in_autotests(notebook, sheet)
        if changed := _differences(notebook, sheet):
            raise CourseError(
                f"{path} is not what the gradebook holds: {'; '.join(changed)}. "
                f"No mark was given from either. {cure}"
            )
        given = released / path.name
        if given.is_file():
            try:
                students = nbformat.read(given, as_version=4)
            except Exception as error:
                raise CourseError(f"{given} cannot be read: {error}") from error
        else:
            students = self._as_released(notebook, sheet)
        return Notebook(sheet.name, notebook, students, frozenset(sheet.cells))

    def _fill_in_autotests(self, notebook: NotebookNode, sheet: Sheet) -> None:
        """Put the tests that generate_assignment made of AUTOTEST lines in the place of these lines."""
        mark = InstantiateTests(config=self.config).autotest_delimiter
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if cell.cell_type == "code" and mark in cell.source and name in sheet.cells:
                cell.source = sheet.cells[name].source

    def _as_released(self, source: NotebookNode, sheet: Sheet) -> NotebookNode:
        """Make what students were given from what the gradebook holds: stubs, and tests without hidden ones."""
        notebook = copy.deepcopy(source)
        steps = [
            ClearHiddenTests(config=self.config, enforce_metadata=False),
            ClearMarkScheme(config=self.config, enforce_metadata=False),
        ]
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in sheet.cells:
                cell.source = sheet.cells[name].source
                steps[0]._remove_hidden_test_region(cell)
                steps[1]._remove_mark_scheme_region(cell)
        return notebook

    def _files(self, source: Path) -> dict[str, bytes]:
        found = {}
        for name in utils.find_all_files(str(source), [*self.coursedir.ignore, f"*{SUFFIX}"]):
            path = Path(name)
            found[path.relative_to(source).as_posix()] = path.read_bytes()
        return dict(sorted(found.items()))

    def _steps(self) -> Iterable[tuple[Any, dict[str, Any]]]:
        """Return the course's steps after the run, each with the settings that are not its defaults."""
        listed = [import_item(step) if isinstance(step, str) else step for step in self._listed]
        for step in listed:
            if not isinstance(step, type):
                yield step, {}
            elif not issubclass(step, _OURS):
                made = step(config=self.config)
                values = {name: getattr(made, name) for name in made.trait_names(config=True)}
                if made.enabled:
                    yield step, {name: value for name, value in sorted(values.items()) if name[0] != "_"}

    @property
    def _listed(self) -> list[Any]:
        return list(self.rules.autograde_preprocessors)

    @property
    def keeps_penalties(self) -> bool:
        """Whether the course's steps hold the one that takes off points for lateness."""
        return any(isinstance(step, type) and issubclass(step, AssignLatePenalties) for step in self._listed)


def _plain(pattern: str) -> set[str]:
    return set() if glob.has_magic(pattern) else {pattern}


def _differences(notebook: NotebookNode, sheet: Sheet) -> list[str]:
    """Say in what the instructor's notebook differs from what generate_assignment left in the gradebook."""
    upgraded = MetadataValidator().upgrade_notebook_metadata(copy.deepcopy(notebook))
    found = []
    seen: set[str] = set()
    for cell in upgraded.cells:
        graded = utils.is_grade(cell) or utils.is_task(cell)
        if not (graded or utils.is_solution(cell) or utils.is_locked(cell)):
            continue
        meta = cell.metadata["nbgrader"]
        name = str(meta.get("grade_id"))
        seen.add(name)
        saved = sheet.cells.get(name)
        if saved is None:
            found.append(f"the cell '{name}' is new")
        elif saved.type != cell.cell_type or saved.locked != bool(utils.is_locked(cell)):
            found.append(f"the cell '{name}' has another role")
        elif saved.locked and saved.source != cell.source:
            found.append(f"the text of '{name}' was changed")
        elif graded != (name in sheet.points):
            found.append(f"the cell '{name}' has another role")
        elif graded and sheet.points[name] != float(meta.get("points", 0)):
            found.append(f"the points of '{name}' were changed")
    return found + [f"the cell '{name}' is gone" for name in sorted(set(sheet.cells) - seen)]


def _digest(words: Sequence[Any], notebooks: Iterable[Notebook], files: Files) -> str:
    total = hashlib.sha256(json.dumps(words, sort_keys=True, default=_stable).encode())
    for notebook in notebooks:
        text = [notebook.name, notebook.source, notebook.released]
        total.update(json.dumps(text, sort_keys=True, default=str).encode())
    for name, data in sorted(files.items()):
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def _stable(value: Any) -> Any:
    """Text of a setting that is the same in every process."""
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    name = getattr(value, "__qualname__", None)
    return f"{value.__module__}.{name}" if name else repr(value)
