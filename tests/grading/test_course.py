"""A course folder, its assignments, and what came of submissions: whole, repeatable, and only what has changed."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4
from nbgrader.api import Gradebook

from autograder.course import Course, CourseError, load_config
from autograder.finish import RECORD, set_aside, work
from autograder.submissions import Item
from autograder.writer import Writer, read_record
from tests.engine.notebooks import ANSWERS, answered, assignment, graded, named
from tests.grading import plain_course as small
from tests.grading.fake_engine import FakeEngine
from tests.grading.plain_course import MARKS, NAME

#: The answer that reads the file beside the notebook.
READS = {"number": "number = int(open('data/number.txt').read())"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "course"
    small.make(root)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A course folder with an assignment and without submissions."""
    return small.duplicate(made, tmp_path / "course")


@pytest.fixture
def course(root: Path) -> Iterator[Course]:
    with small.open_course(root) as course:
        yield course


def reopened(root: Path) -> Course:
    return small.open_course(root)


def cell(root: Path, name: str, source: str, notebook: str = "p1", **meta: Any) -> None:
    """Change a cell of the instructor's notebook."""
    path = root / "source" / NAME / f"{notebook}.ipynb"
    changed = nbformat.read(path, as_version=4)
    named(changed, name).source = source
    named(changed, name).metadata.nbgrader.update(meta)
    nbformat.write(changed, path)


def done(course: Course, student: str) -> tuple[Item, Any]:
    return small.grade(course, student)


def test_right_answers_earn_what_they_deserve(root: Path, course: Course) -> None:
    small.submit(root, "ada")
    _, result = done(course, "ada")
    assert (result.flags, result.repairs, result.missing, result.failed) == ((), (), (), "")
    assert small.marks(root, "ada") == MARKS
    assert small.marks(root, "ada", "p2") == {"number-test": 3.0}
    assert set(small.tree(root / "autograded" / "ada" / NAME)) == {
        "p1.ipynb", "p2.ipynb", "timestamp.txt", "data/number.txt",
    }  # fmt: skip


def test_untouched_answers_have_no_response(root: Path, course: Course) -> None:
    small.submit(root, "bob", {"p1": {}, "p2": {}})
    done(course, "bob")
    assert small.marks(root, "bob") == {
        "square-test": 0.0, "cube-test": 0.0, "words": 0.0, "plot": 0.0, "essay": None,
    }  # fmt: skip
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        comments = gradebook.find_submission_notebook("p1", NAME, "bob").comments
        assert {comment.name: comment.auto_comment for comment in comments} == {
            "square": "No response.", "cube": "No response.", "words": "No response.", "plot": "No response.",
            "essay": None,
        }  # fmt: skip


def test_partial_credit(root: Path, course: Course) -> None:
    cell(root, "number-test", "1.5 * (number == 7)", "p2")
    small.generate(root)
    small.submit(root, "ada")
    done(reopened(root), "ada")
    assert small.marks(root, "ada", "p2") == {"number-test": 1.5}


@pytest.mark.parametrize("value", ["float('nan')", "-1.0", "99", "float('inf')"])
def test_a_value_that_is_no_mark_waits_for_a_person(root: Path, value: str) -> None:
    cell(root, "number-test", value, "p2")
    small.generate(root)
    small.submit(root, "ada")
    _, result = done(reopened(root), "ada")
    assert small.marks(root, "ada", "p2") == {"number-test": None}
    assert [flag.kind for flag in result.flags] == ["score"]


def test_the_autograded_notebook_holds_outputs_and_a_record(root: Path, course: Course) -> None:
    small.submit(root, "ada")
    done(course, "ada")
    path = root / "autograded" / "ada" / NAME / "p1.ipynb"
    assert path.stat().st_mode & 0o777 == 0o444
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [out.text for cell in notebook.cells if cell.source == "print(SIDE)" for out in cell.outputs] == [
        "3\n"
    ]
    record = notebook.metadata[RECORD]
    assert record["marks"] == MARKS
    assert record["flags"] == []
    assert "kernelspec" in notebook.metadata


def test_grading_twice_gives_the_same_bytes(root: Path, course: Course) -> None:
    small.submit(root, "ada")
    done(course, "ada")
    first = small.tree(root / "autograded")
    done(reopened(root), "ada")
    assert small.tree(root / "autograded") == first


def test_a_missing_notebook_has_no_points(root: Path, course: Course) -> None:
    small.submit(root, "ada", {"p2": {"number": "number = 7"}})
    _, result = done(course, "ada")
    assert result.missing == ("p1",)
    assert set(small.marks(root, "ada").values()) == {0.0}
    assert small.marks(root, "ada", "p2") == {"number-test": 3.0}
    assert not (root / "autograded" / "ada" / NAME / "p1.ipynb").exists()
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook("p1", NAME, "ada").grades
        assert not any(grade.needs_manual_grade for grade in grades)


def test_a_folder_without_notebooks_has_no_points(root: Path, course: Course) -> None:
    folder = small.submission(root, "ada")
    folder.mkdir(parents=True)
    (folder / "essay.docx").write_text("x")
    _, result = done(course, "ada")
    assert result.missing == ("p1", "p2")
    assert set(small.marks(root, "ada").values()) == {0.0}


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\x00" * 50, b'{"nbformat": 4, "cells": 1}'])
def test_an_unreadable_notebook_is_graded_as_not_attempted(root: Path, course: Course, data: bytes) -> None:
    (small.submit(root, "ada") / "p1.ipynb").write_bytes(data)
    _, result = done(course, "ada")
    assert small.marks(root, "ada")["square-test"] == 0.0
    assert small.marks(root, "ada", "p2") == {"number-test": 3.0}
    assert result.flags
    assert (root / "autograded" / "ada" / NAME / "p1.ipynb").exists()
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission_notebook("p1", NAME, "ada").flagged
        assert not gradebook.find_submission_notebook("p2", NAME, "ada").flagged


@pytest.mark.parametrize("name", ["p1 (1).ipynb", "P1.ipynb", "p1-Copy1.ipynb", "ada p1.IPYNB"])
def test_a_renamed_notebook_is_found_by_its_cells(root: Path, course: Course, name: str) -> None:
    folder = small.submit(root, "ada")
    (folder / "p1.ipynb").rename(folder / name)
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1")]), folder / "scratch.ipynb")
    _, result = done(course, "ada")
    assert small.marks(root, "ada") == MARKS
    assert sorted(flag.kind for flag in result.flags) == ["extra", "renamed"]
    assert (root / "autograded" / "ada" / NAME / "p1.ipynb").exists()
    assert Writer(course, course.assignment(NAME)).current(course.read("ada", course.assignment(NAME)))


def test_of_two_renamed_notebooks_none_is_chosen(root: Path, course: Course) -> None:
    folder = small.submit(root, "ada")
    shutil.copy(folder / "p1.ipynb", folder / "p1 (1).ipynb")
    (folder / "p1.ipynb").rename(folder / "p1 (2).ipynb")
    _, result = done(course, "ada")
    assert set(small.marks(root, "ada").values()) == {0.0}
    assert "ambiguous" in [flag.kind for flag in result.flags]


def test_swapped_names_are_not_mended_by_guessing(root: Path, course: Course) -> None:
    """p1 is missing; p2's other copy does not pass for it."""
    folder = small.submit(root, "ada")
    shutil.copy(folder / "p2.ipynb", folder / "copy.ipynb")
    (folder / "p1.ipynb").unlink()
    _, result = done(course, "ada")
    assert result.missing == ("p1",)


def test_the_instructors_files_win_over_the_students(root: Path, course: Course) -> None:
    folder = small.submit(
        root, "ada", {"p1": ANSWERS, "p2": {"number": "number = int(open('data/number.txt').read())"}}
    )
    (folder / "data").mkdir()
    (folder / "data" / "number.txt").write_text("8")
    (folder / "data" / "own.txt").write_text("mine")
    done(course, "ada")
    assert small.marks(root, "ada", "p2") == {"number-test": 3.0}
    found = small.tree(root / "autograded" / "ada" / NAME)
    assert found["data/number.txt"] == b"7"
    assert found["data/own.txt"] == b"mine"


def test_a_file_in_the_way_of_the_instructors_folder_is_left_out(root: Path, course: Course) -> None:
    folder = small.submit(root, "ada")
    (folder / "data").write_text("a file, not a folder")
    done(course, "ada")
    assert small.tree(root / "autograded" / "ada" / NAME)["data/number.txt"] == b"7"


def test_exclude_overwriting_lets_a_student_bring_a_file(root: Path) -> None:
    with (root / "nbgrader_config.py").open("a") as file:
        file.write(f"c.Autograde.exclude_overwriting = {{'{NAME}': ['data/number.txt']}}\n")
    folder = small.submit(
        root, "ada", {"p1": ANSWERS, "p2": {"number": "number = int(open('data/number.txt').read())"}}
    )
    (folder / "data").mkdir()
    (folder / "data" / "number.txt").write_text("8")
    small.submit(root, "bob")
    course = reopened(root)
    done(course, "ada")
    done(course, "bob")
    assert small.marks(root, "ada", "p2") == {"number-test": 0.0}
    assert small.tree(root / "autograded" / "ada" / NAME)["data/number.txt"] == b"8"
    assert small.tree(root / "autograded" / "bob" / NAME)["data/number.txt"] == b"7"


def test_the_courses_own_steps_run_after_the_engine(root: Path) -> None:
    with (root / "nbgrader_config.py").open("a") as file:
        file.write("c.LimitOutput.max_lines = 3\nc.ClearMetadataPreprocessor.enabled = True\n")
        file.write("c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {('nbgrader',)}\n")
    small.submit(root, "ada", {"p1": {**ANSWERS, "plot": "for i in range(50): print(i)"}})
    course = reopened(root)
    done(course, "ada")
    notebook = nbformat.read(root / "autograded" / "ada" / NAME / "p1.ipynb", as_version=4)
    assert "truncated" in named(notebook, "plot").outputs[0].text
    assert RECORD in notebook.metadata
    assert "kernelspec" not in notebook.metadata
    digests = {reopened(root).assignment(NAME).digest for _ in range(3)}
    assert len(digests) == 1


def test_one_notebook_only(root: Path) -> None:
    small.submit(root, "ada")
    done(reopened(root), "ada")
    before = small.tree(root / "autograded" / "ada" / NAME)
    small.submit(root, "ada", {"p1": {}, "p2": {}})
    with (root / "nbgrader_config.py").open("a") as file:
        file.write("c.CourseDirectory.notebook_id = 'p2'\n")
    course = reopened(root)
    assert [notebook.name for notebook in course.assignment(NAME).notebooks] == ["p2"]
    done(course, "ada")
    assert small.marks(root, "ada") == MARKS
    assert small.marks(root, "ada", "p2") == {"number-test": 0.0}
    after = small.tree(root / "autograded" / "ada" / NAME)
    assert after["p1.ipynb"] == before["p1.ipynb"]
    assert after["p2.ipynb"] != before["p2.ipynb"]


def current(root: Path, student: str = "ada") -> bool:
    with reopened(root) as course:
        read = course.assignment(NAME)
        return Writer(course, read).current(course.read(student, read)) is not None


def test_only_what_has_changed_is_graded_again(root: Path, course: Course) -> None:
    small.submit(root, "ada")
    assert not current(root)
    done(course, "ada")
    assert current(root)
    small.submit(root, "ada", {"p1": {**ANSWERS, "words": "Other words."}, "p2": {}})
    assert not current(root)
    done(course, "ada")
    assert current(root)
    cell(root, "square-test", "assert near(square(2), 4.0)")
    small.generate(root)
    assert not current(root)
    done(reopened(root), "ada")
    assert current(root)
    (root / "source" / NAME / "data" / "number.txt").write_text("8")
    assert not current(root)


def test_marks_that_the_gradebook_lost_are_given_again(root: Path, course: Course) -> None:
    small.submit(root, "ada")
    done(course, "ada")
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        gradebook.find_grade("square-test", "p1", NAME, "ada").auto_score = 0
        gradebook.db.commit()
    assert not current(root)
    done(course, "ada")
    assert current(root)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        gradebook.remove_submission(NAME, "ada")
    assert not current(root)


def test_an_autograded_folder_of_nbgraders_own_is_not_current(root: Path, course: Course) -> None:
    folder = small.submit(root, "ada")
    shutil.copytree(folder, root / "autograded" / "ada" / NAME)
    assert not current(root)


def test_limits_are_part_of_what_a_mark_follows_from(root: Path, course: Course) -> None:
    before = course.assignment(NAME).digest
    with (root / "nbgrader_config.py").open("a") as file:
        file.write("c.GradingEngine.cell_seconds = 5\n")
    other = reopened(root)
    assert other.settings.limits.cell_seconds == 5
    assert other.assignment(NAME).digest != before


def test_a_submission_that_was_set_aside(root: Path, course: Course) -> None:
    small.submit(root, "ada")
    read = course.assignment(NAME)
    item = course.read("ada", read)
    result = set_aside(item, read, "It ended its worker twice.")
    Writer(course, read).write(item, result)
    marks = small.marks(root, "ada")
    assert (marks["square-test"], marks["cube-test"], marks["words"]) == (0.0, 0.0, None)
    assert "twice" in result.failed
    record = read_record(root / "autograded" / "ada" / NAME / "p1.ipynb")
    assert record["failed"] == "It ended its worker twice."


def test_everything_that_travels_can_be_pickled(root: Path, course: Course) -> None:
    small.submit(root, "ada")
    read = course.assignment(NAME)
    item = course.read("ada", read)
    here = work(item, read, FakeEngine())
    there = work(pickle.loads(pickle.dumps(item)), pickle.loads(pickle.dumps(read)), FakeEngine())
    assert pickle.loads(pickle.dumps(there)) == here


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda root: cell(root, "square-test", "assert True"), "text of 'square-test'"),
        (lambda root: cell(root, "square-test", "", points=9), "'square-test'"),
        (lambda root: cell(root, "words", "", points=9), "points of 'words'"),
        (lambda root: cell(root, "helper", "pass"), "text of 'helper'"),
        (lambda root: cell(root, "words", "", solution=False, grade=False), "'words'"),
        (lambda root: cell(root, "plot", "", "p1", grade_id="new"), "'new' is new; the cell 'plot' is gone"),
        (lambda root: (root / "source" / NAME / "p1.ipynb").unlink(), "there is no"),
    ],
)
def test_a_source_that_is_not_what_the_gradebook_holds_is_refused(
    root: Path, change: Any, words: str
) -> None:
    change(root)
    with pytest.raises(CourseError, match="generate_assignment") as caught:
        reopened(root).assignment(NAME)
    assert words in str(caught.value)


def test_solutions_and_text_may_change_without_a_word(root: Path) -> None:
    cell(root, "square", "def square(x):\n    ### BEGIN SOLUTION\n    return x ** 2\n    ### END SOLUTION")
    reopened(root).assignment(NAME)


def test_an_unknown_assignment(course: Course) -> None:
    with pytest.raises(CourseError, match="No assignment with ID 'ps9'"):
        course.assignment("ps9")


def test_students_see_stubs_also_without_a_release_folder(root: Path, course: Course) -> None:
    with_release = course.assignment(NAME)
    shutil.rmtree(root / "release")
    without = reopened(root).assignment(NAME)
    for one, other in zip(with_release.notebooks, without.notebooks, strict=True):
        for left, right in zip(one.released.cells, other.released.cells, strict=True):
            if left.metadata.get("nbgrader", {}).get("grade_id"):
                assert left.source == right.source
    assert "HIDDEN" not in json.dumps([notebook.released for notebook in without.notebooks])


def test_header_and_autotests_are_those_of_generate_assignment(tmp_path: Path) -> None:
    """AUTOTEST lines were replaced in the gradebook; a header with a locked cell stands before the notebook."""
    root = tmp_path / "course"
    small.make(root, notebooks={"p1": assignment()})
    header = v4.new_notebook(cells=[graded("code", "head", "HEAD = 1", locked=True)])
    nbformat.write(header, root / "header.ipynb")
    cell(root, "cube-test", "### HASHED AUTOTEST cube(2)")
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "small") as gradebook:
        gradebook.update_or_create_source_cell("cube-test", "p1", NAME, source="assert cube(2) == 8  # made")
        gradebook.update_or_create_source_cell(
            "head", "p1", NAME, source="HEAD = 1", cell_type="code", locked=True
        )
    with (root / "nbgrader_config.py").open("a") as file:
        file.write("c.IncludeHeaderFooter.header = 'header.ipynb'\n")
    (notebook,) = reopened(root).assignment(NAME).notebooks
    assert notebook.source.cells[0].source == "HEAD = 1"
    assert named(notebook.source, "cube-test").source == "assert cube(2) == 8  # made"


def test_any_folder_structure(root: Path) -> None:
    with (root / "nbgrader_config.py").open("a") as file:
        file.write(
            "c.CourseDirectory.directory_structure = '{nbgrader_step}/{assignment_id}/by-{student_id}'\n"
        )
        file.write("c.CourseDirectory.submitted_directory = 'handed in'\n")
        file.write("c.CourseDirectory.autograded_directory = 'done'\n")
    small.submit(root, "ada")
    (root / "handed in" / NAME).mkdir(parents=True)
    (root / "submitted" / "ada" / NAME).rename(root / "handed in" / NAME / "by-ada")
    for step in ("source", "release"):
        (root / step / NAME).rename(root / step / "x")
        (root / step / NAME).mkdir()
        (root / step / "x").rename(root / step / NAME / "by-.")
    course = reopened(root)
    assert course.submissions(NAME) == ["ada"]
    done(course, "ada")
    assert (root / "done" / NAME / "by-ada" / "p1.ipynb").exists()


def test_who_handed_in(root: Path, course: Course) -> None:
    for student in ("bob", "ada", "eve"):
        small.submit(root, student)
    (root / "submitted" / "notes.txt").touch()
    (root / "submitted" / "zoe").mkdir()
    (root / "submitted" / "mal").mkdir()
    (root / "submitted" / "mal" / NAME).symlink_to(root / "submitted" / "ada" / NAME)
    assert course.submissions(NAME) == ["ada", "bob", "eve", "mal"]
    assert course.submissions(NAME, ["eve", "ada"]) == ["ada", "eve"]
    with pytest.raises(CourseError, match="zoe"):
        course.submissions(NAME, ["ada", "zoe"])
    course.coursedir.student_id = "[ab]*"
    course.coursedir.student_id_exclude = "bob,eve"
    assert course.submissions(NAME) == ["ada"]


def test_a_root_with_special_characters(made: Path, tmp_path: Path) -> None:
    root = small.duplicate(made, tmp_path / "[20]26 * course (1)")
    small.submit(root, "ada")
    course = reopened(root)
    assert course.submissions(NAME) == ["ada"]
    done(course, "ada")
    assert small.marks(root, "ada") == MARKS


def test_settings_are_read_as_the_command_reads_them(root: Path, tmp_path: Path) -> None:
    (root / "helper_of_config.py").write_text("VALUE = 'elsewhere'\n")
    (root / "nbgrader_config.py").write_text(
        "import helper_of_config\nc = get_config()\nc.CourseDirectory.submitted_directory = helper_of_config.VALUE\n"
    )
    assert load_config(root).CourseDirectory.submitted_directory == "elsewhere"
    assert Course.open(root).coursedir.root == str(root)
    assert Course.open(root, db_url="sqlite:///x.db").coursedir.db_url == "sqlite:///x.db"
    with pytest.raises(CourseError):
        load_config(tmp_path / "nowhere")


def test_a_link_among_the_submissions_is_no_way_to_anothers_marks(root: Path, course: Course) -> None:
    small.submit(root, "ada")
    (root / "submitted" / "mal").mkdir()
    (root / "submitted" / "mal" / NAME).symlink_to(root / "submitted" / "ada" / NAME)
    with pytest.raises(Exception, match="link"):
        done(course, "mal")
    assert not (root / "autograded" / "mal").exists()


def test_answers_written_in_the_students_own_way(root: Path, course: Course) -> None:
    """What `rebuild` put right is told, with the notebook's name."""
    folder = small.submit(root, "ada")
    notebook = answered(assignment())
    notebook.cells = [
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "square-test"
    ]
    nbformat.write(notebook, folder / "p1.ipynb")
    _, result = done(course, "ada")
    assert small.marks(root, "ada") == MARKS
    assert [(repair.kind, repair.text[:4]) for repair in result.repairs] == [("missing", "p1: ")]
    assert read_record(root / "autograded" / "ada" / NAME / "p1.ipynb")["repairs"][0]["kind"] == "missing"
