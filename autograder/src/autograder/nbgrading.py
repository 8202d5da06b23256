"""What the course asks of nbgrader: stubs, what feedback shows, and the settings shared by every command.

`autograder/nbgrader_config.py` calls `configure`; the build uses the same settings through nbgrader's API, so
`nbgrader generate_assignment` and `digital-biopsy build` write the same bytes.
"""

from __future__ import annotations

import ast
import contextlib
import os
import sysconfig
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions

#: What stands in the student's cell where the solution was.
CODE_STUB = 'raise NotImplementedError("replace this line by your code")'
VALUE_STUB = "{name} = ...  # replace the three dots by your answer"
TEXT_STUB = "*Replace this line by your answer.*"

#: Folders of a course root, as `source` and `release` of nbgrader.
SOURCE_DIRECTORY = "build/source"
RELEASE_DIRECTORY = "course"
#: The notebook that is graded; the other one, the lesson, comes along as it is.
GRADED = "exercises"


class ClearSolutionsOrValues(ClearSolutions):  # type: ignore[misc]
    """Replace a solution inside a function by a raise, and one at the top of a cell by `NAME = ...`.

    A raise at the top of a cell would stop "Run all" in an untouched notebook; a name that holds Ellipsis
    lets the check say "not attempted yet".
    """

    def _replace_solution_region(self, cell: NotebookNode, language: str) -> bool:
        usual: dict[str, str] = self.code_stub  # type: ignore[has-type]
        names = top_level_names(cell.source) if cell.cell_type == "code" else []
        if names:
            stub = "\n".join(VALUE_STUB.format(name=name) for name in names)
            self.code_stub = {**usual, language: stub}
        try:
            return bool(super()._replace_solution_region(cell, language))
        finally:
            self.code_stub = usual


def top_level_names(source: str) -> list[str]:
    """Return the names that a solution region at the top level of a cell assigns, in order."""
    region: list[str] = []
    inside = False
    for line in source.splitlines():
        if "BEGIN SOLUTION" in line:
            if line[:1].isspace():
                return []
            inside = True
        elif "END SOLUTION" in line:
            inside = False
        elif inside:
            region.append(line)
    try:
        body = ast.parse(dedent("\n".join(region))).body
    except SyntaxError:
        return []
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return list(dict.fromkeys(target.id for target in targets if isinstance(target, ast.Name)))


def configure(c: Any, *, engine: bool = True) -> None:
    """Set the course's options on a traitlets config object.

    Works for every `nbgrader` command run in a course root: a folder with `build/source` and `course` as
    `digital-biopsy build` writes them. With `engine=False`, `nbgrader autograde` runs notebooks itself.
    """
    from autograder.feedback import configure_feedback
    from autograder.sanitize import configure_formgrader

    use_engine(c, engine)
    c.CourseDirectory.course_id = "digital-biopsy"
    c.CourseDirectory.source_directory = SOURCE_DIRECTORY
    c.CourseDirectory.release_directory = RELEASE_DIRECTORY
    c.CourseDirectory.notebook_id = GRADED
    c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.egg-info"]
    c.Exchange.path_includes_course = False
    c.ClearSolutions.code_stub = {"python": CODE_STUB}
    c.ClearSolutions.text_stub = TEXT_STUB
    c.Execute.timeout = 120
    c.Execute.execute_retries = 1
    c.LimitOutput.max_lines = 200
    c.LimitOutput.max_traceback = 30
    c.GenerateAssignment.preprocessors = generate_preprocessors()
    configure_feedback(c)
    configure_formgrader(c)


def use_engine(c: Any, engine: bool = True) -> None:
    """Let `nbgrader autograde` and formgrader's button grade with the engine, in any course.

    In the `nbgrader_config.py` of another course: `from autograder.nbgrading import use_engine; use_engine(c)`.
    """
    from autograder.converter import install

    c.GradingEngine.enabled = engine
    install()


def generate_preprocessors() -> list[type]:
    """nbgrader's own list for generate_assignment, with the course's stubs in place of its own."""
    from nbgrader.converters import GenerateAssignment

    usual: list[type] = GenerateAssignment.preprocessors.default_args[0]
    return [ClearSolutionsOrValues if step is ClearSolutions else step for step in usual]


@contextlib.contextmanager
def environment_on_path() -> Iterator[None]:
    """Put this environment's scripts first on PATH: a new gradebook calls `alembic` by its bare name."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
