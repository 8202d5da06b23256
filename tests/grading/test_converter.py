"""The first door: `nbgrader autograde` and formgrader's button grade with the engine and are otherwise nbgrader's."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_core.application import NoStart
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.apps.nbgraderapp import NbGraderApp
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.converter import EngineAutograde
from autograder.course import Course, load_config
from autograder.finish import RECORD
from autograder.nbgrading import configure, use_engine
from autograder.writer import Writer, read_record
from tests.grading import plain_course as plain
from tests.grading.fake_engine import FakeEngine
from tests.grading.plain_course import MARKS, NAME


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "course"
    plain.make(root)
    for student in ("ada", "bob", "eve"):
        plain.submit(root, student)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = plain.duplicate(made, tmp_path / "course")
    monkeypatch.chdir(root)
    FakeEngine.ran.clear()
    FakeEngine.deaths.clear()
    yield root
    FakeEngine.deaths.clear()


def nbgrader(*arguments: str, status: int = 0) -> str:
    """Run the command in this process; return what it logged."""
    said: list[str] = []

    class Listen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(f"[{record.levelname}] {record.getMessage()}")

    app = NbGraderApp.instance()
    found = 0
    try:
        app.initialize(list(arguments))
        app.init_logging(Listen, [], color=False, subapps=True)
        app.start()
    except NoStart:
        pass
    except SystemExit as left:
        found = int(left.code or 0)
    finally:
        app.reset()
    text = "\n".join(said)
    assert found == status, text
    return text


def formgrader(root: Path, student: str) -> dict[str, Any]:
    """Press formgrader's button."""
    config = load_config(root)
    api = NbGraderAPI(coursedir=CourseDirectory(root=str(root), config=config), config=config)
    return dict(api.autograde(NAME, student))


def settings(root: Path, text: str) -> None:
    with (root / "nbgrader_config.py").open("a") as file:
        file.write(text + "\n")


def graded(root: Path) -> set[str]:
    """Students with an autograded folder."""
    return {path.name for path in (root / "autograded").glob("*")}


def test_the_command_itself(root: Path) -> None:
    """In a process of its own, as people start it."""
    plain.submit(root, "bob", {"p1": {}, "p2": {}})
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", "autograde", NAME]
    done = subprocess.run(
        command,
        cwd=root,
        env={**plain.environment(), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Autograding" in done.stderr
    assert plain.marks(root, "ada") == MARKS
    assert plain.marks(root, "bob")["square-test"] == 0.0
    assert read_record(root / "autograded" / "ada" / NAME / "p1.ipynb")["marks"] == MARKS


def test_formgraders_button(root: Path) -> None:
    result = formgrader(root, "ada")
    assert result["success"], result
    assert "Autograding" in result["log"]
    assert plain.marks(root, "ada") == MARKS
    assert graded(root) == {"ada"}
    assert "Overwriting" in formgrader(root, "ada")["log"]


def test_formgraders_button_says_what_is_wrong(root: Path) -> None:
    (root / "source" / NAME / "p1.ipynb").unlink()
    result = formgrader(root, "ada")
    assert not result["success"]
    assert "generate_assignment" in result["log"]


def test_one_student_and_all(root: Path) -> None:
    nbgrader("autograde", NAME, "--student", "ada")
    assert graded(root) == {"ada"}
    nbgrader("autograde", NAME, "--student", "[be]*")
    assert graded(root) == {"ada", "bob", "eve"}


def test_what_is_there_is_skipped_unless_it_is_forced_or_newer(root: Path) -> None:
    nbgrader("autograde", NAME)
    assert len(FakeEngine.ran) == 6
    assert nbgrader("autograde", NAME).count("Skipping existing assignment") == 3
    assert len(FakeEngine.ran) == 6
    nbgrader("autograde", NAME, "--student", "ada", "--force")
    assert len(FakeEngine.ran) == 8
    plain.submit(root, "bob", {"p1": {}, "p2": {}}, timestamp="2026-01-06 10:00:00 UTC")
    said = nbgrader("autograde", NAME)
    assert said.count("Skipping") == 2 and said.count("Updating") == 1
    assert plain.marks(root, "bob")["square-test"] == 0.0


def test_a_changed_test_is_a_reason_to_grade_again(root: Path) -> None:
    nbgrader("autograde", NAME)
    path = root / "source" / NAME / "p2.ipynb"
    source = nbformat.read(path, as_version=4)
    source.cells[1].source = "2 * (number == 7)"
    nbformat.write(source, path)
    assert "generate_assignment" in nbgrader("autograde", NAME, status=1)
    plain.generate(root)
    assert nbgrader("autograde", NAME).count("Updating existing assignment") == 3
    assert plain.marks(root, "ada", "p2") == {"number-test": 2.0}


def test_a_folder_that_nbgrader_graded_itself_is_skipped_as_it_would_be(root: Path) -> None:
    plain.submit(root, "ada")
    folder = root / "autograded" / "ada" / NAME
    folder.parent.mkdir(parents=True)
    plain.duplicate(root / "submitted" / "ada" / NAME, folder)
    assert "Skipping" in nbgrader("autograde", NAME, "--student", "ada")
    assert FakeEngine.ran == []


def test_students_are_made_or_not(root: Path) -> None:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        gradebook.add_student("bob")
    said = nbgrader("autograde", NAME, "--Autograde.create_student=False", status=1)
    assert "No student with ID 'ada' exists in the database" in said
    assert graded(root) <= {"bob", "ada", "eve"}
    assert plain.marks(root, "bob") == MARKS
    assert not (root / "autograded" / "ada" / NAME).exists()
    nbgrader("autograde", NAME, "--create")
    assert plain.marks(root, "ada") == MARKS


def test_one_bad_submission_does_not_stop_the_class(root: Path) -> None:
    folder = root / "submitted" / "ada" / NAME
    folder.rename(root / "elsewhere")
    folder.symlink_to(root / "elsewhere")
    FakeEngine.deaths["bob"] = 2
    said = nbgrader("autograde", NAME, status=1)
    assert f"There was an error processing assignment '{NAME}' for student 'ada'" in said
    assert f"There was an error processing assignment '{NAME}' for student 'bob'" in said
    assert "bob was set aside" in said
    assert plain.marks(root, "eve") == MARKS
    assert plain.marks(root, "bob")["square-test"] == 0.0
    assert not (root / "autograded" / "ada").exists() or not (root / "autograded" / "ada" / NAME).exists()


def test_a_submission_that_ends_its_worker_once_is_tried_again(root: Path) -> None:
    FakeEngine.deaths["bob"] = 1
    nbgrader("autograde", NAME)
    assert plain.marks(root, "bob") == MARKS


def test_a_fault_of_ours_in_one_submission_does_not_stop_the_class(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Writer.write

    def broken(writer: Writer, item: Any, done: Any) -> Any:
        if item.student == "bob":
            raise ZeroDivisionError("a fault")
        return real(writer, item, done)

    monkeypatch.setattr(Writer, "write", broken)
    said = nbgrader("autograde", NAME, status=1)
    assert "ZeroDivisionError: a fault" in said
    assert plain.marks(root, "eve") == MARKS


def test_repairs_and_flags_are_told(root: Path) -> None:
    notebook = nbformat.read(root / "submitted" / "ada" / NAME / "p1.ipynb", as_version=4)
    notebook.cells[4].metadata["tags"] = ["skip-execution"]
    nbformat.write(notebook, root / "submitted" / "ada" / NAME / "p1.ipynb")
    said = nbgrader("autograde", NAME, "--student", "ada")
    assert "[WARNING] ada: [tags] p1: " in said
    assert plain.marks(root, "ada") == MARKS


def test_nothing_to_grade(root: Path) -> None:
    said = nbgrader("autograde", "ps2", status=1)
    assert "No notebooks were matched" in said
    assert "Did you mean" in said


def test_an_assignment_that_the_gradebook_does_not_know(root: Path) -> None:
    plain.duplicate(root / "submitted" / "ada" / NAME, root / "submitted" / "ada" / "ps2")
    assert "No assignment with ID 'ps2'" in nbgrader("autograde", "ps2", status=1)


def test_all_assignments_at_once(root: Path) -> None:
    plain.duplicate(root / "source" / NAME, root / "source" / "ps2")
    plain.generate(root, "ps2")
    plain.duplicate(root / "submitted" / "ada" / NAME, root / "submitted" / "ada" / "ps2")
    nbgrader("autograde", "ps*", "--student", "ada")
    assert plain.marks(root, "ada") == plain.marks(root, "ada", name="ps2") == MARKS


def test_hooks(root: Path) -> None:
    (root / "hooks.py").write_text(
        "def before(**given):\n    open('before.txt', 'a').write(repr(sorted(given)) + '\\n')\n"
        "def after(**given):\n    open('after.txt', 'a').write(str(len(given['notebooks'])) + '\\n')\n"
    )
    settings(root, "import hooks\nc.Autograde.pre_convert_hook = hooks.before")
    settings(root, "c.Autograde.post_convert_hook = hooks.after")
    nbgrader("autograde", NAME)
    assert (root / "before.txt").read_text() == "['assignment', 'notebooks', 'student']\n" * 3
    assert (root / "after.txt").read_text() == "2\n" * 3


def test_late_submissions(root: Path) -> None:
    settings(root, "c.LateSubmissionPlugin.penalty_method = 'zero'")
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate="2026-01-05 09:00:00 UTC", course_id="small")
        gradebook.add_student("eve")
        gradebook.add_submission(NAME, "eve")
        gradebook.grant_extension(NAME, "eve", hours=2)
    said = nbgrader("autograde", NAME)
    assert "ps1/ada is 3600.0 seconds late" in said
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        found = {}
        for student in ("ada", "eve"):
            submission = gradebook.find_submission_notebook("p1", NAME, student)
            found[student] = (submission.score, submission.late_submission_penalty)
    assert found == {"ada": (3.5, 3.5), "eve": (3.5, None)}
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate="2026-01-07 09:00:00 UTC", course_id="small")
    said = nbgrader("autograde", NAME)
    assert said.count("Updating") == 2
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        assert gradebook.find_submission_notebook("p1", NAME, "ada").late_submission_penalty is None


def test_a_plugin_for_penalties(root: Path) -> None:
    (root / "late_plugin.py").write_text(
        "from nbgrader.plugins import BasePlugin\n"
        "class Doubled(BasePlugin):\n"
        "    def late_submission_penalty(self, student_id, score, seconds):\n"
        "        return 2 * score if student_id == 'ada' else -1\n"
    )
    settings(root, "c.AssignLatePenalties.plugin_class = 'late_plugin.Doubled'")
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate="2026-01-05 09:00:00 UTC", course_id="small")
    nbgrader("autograde", NAME)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        penalties = [
            gradebook.find_submission_notebook("p1", NAME, student).late_submission_penalty
            for student in ("ada", "bob")
        ]
    assert penalties == [3.5, 0.0]


def test_feedback_is_made_from_what_was_written(root: Path) -> None:
    nbgrader("autograde", NAME, "--student", "ada")
    nbgrader("generate_feedback", NAME, "--student", "ada")
    page = (root / "feedback" / "ada" / NAME / "p1.html").read_text()
    assert "3.5" in page
    assert RECORD not in page


def test_the_engine_gets_the_settings(root: Path) -> None:
    settings(root, "c.GradingEngine.cell_seconds = 7\nc.GradingEngine.memory = 512")
    with Course.open(root) as course:
        engine = course.settings.make()
    assert engine.settings["limits"].cell_seconds == 7
    assert engine.settings["limits"].memory_bytes == 512 << 20
    assert engine.settings["unsafe"] is False
    settings(root, "c.GradingEngine.unsafe = True")
    with Course.open(root) as course:
        assert course.settings.make().settings["unsafe"] is True


def test_an_engine_that_cannot_work_ends_the_run_with_its_reason(root: Path) -> None:
    said = nbgrader("autograde", NAME, "--GradingEngine.engine=tests.nowhere.Engine", status=1)
    assert "cannot be imported" in said
    assert said.count("[ERROR]") == 1


@pytest.mark.slow
@pytest.mark.parametrize("way", ["setting", "option"])
def test_the_way_back(root: Path, way: str) -> None:
    """nbgrader runs the notebooks itself, and says the same of honest work."""
    arguments = ["autograde", NAME, "--student", "ada"]
    if way == "setting":
        settings(root, "use_engine(c, False)")
    else:
        arguments.append("--GradingEngine.enabled=False")
    said = nbgrader(*arguments)
    assert "Sanitizing" in said
    assert FakeEngine.ran == []
    assert plain.marks(root, "ada") == {**MARKS, "essay": None}
    assert read_record(root / "autograded" / "ada" / NAME / "p1.ipynb") == {}


def test_no_execute_is_nbgraders_own_and_says_so(root: Path) -> None:
    said = nbgrader("autograde", NAME, "--student", "ada", "--no-execute")
    assert "outputs that students saved" in said
    assert FakeEngine.ran == []


def test_an_interrupted_run_is_completed_by_the_next(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Writer.write
    done = []

    def stopped(writer: Writer, item: Any, graded: Any) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(item.student)
        return real(writer, item, graded)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            nbgrader("autograde", NAME)
    assert [path.name for path in (root / "autograded" / "ada").iterdir()] == [NAME]
    said = nbgrader("autograde", NAME)
    assert said.count("Skipping") == 1 and said.count("Autograding") == 2


def test_configure_turns_it_on_and_off() -> None:
    from nbgrader.apps import api, autogradeapp

    config = Config()
    configure(config, engine=True)
    assert config.GradingEngine.enabled is True
    assert autogradeapp.Autograde is api.Autograde is EngineAutograde
    use_engine(config, False)
    assert config.GradingEngine.enabled is False
