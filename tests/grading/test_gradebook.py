"""The gradebook: all of a submission or nothing, marks of people kept, locked and away databases waited for."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import event

from autograder.gradebook import Book, GradebookError, NotebookMarks, Standing, UnknownStudent
from autograder.nbgrading import environment_on_path
from tests.grading import plain_course as plain
from tests.grading.plain_course import MARKS, NAME
from tests.grading.postgres import Postgres, running

P1 = NotebookMarks("p1", MARKS, {"square": None, "words": "No response."})
P2 = NotebookMarks("p2", {"number-test": 3.0}, {"number": None})
WHEN = datetime(2026, 1, 5, 10)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "course"
    plain.make(root)
    return root


@pytest.fixture
def url(made: Path, tmp_path: Path) -> str:
    """A gradebook that holds an assignment."""
    path = tmp_path / "gradebook.db"
    path.write_bytes((made / "gradebook.db").read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def book(url: str) -> Iterator[Book]:
    with Book(url, "small", patience=5) as book:
        yield book


def rows(url: str) -> list[list[Any]]:
    """Return every row that grading may write, without the random ids."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as db:
        asked = [
            "select id from student order by 1",
            "select student_id, timestamp from submitted_assignment order by 1",
            "select n.name, s.late_submission_penalty, s.flagged from submitted_notebook s join notebook n "
            "on n.id = s.notebook_id order by 1",
            "select b.name, g.auto_score, g.manual_score, g.needs_manual_grade from grade g join base_cell b "
            "on b.id = g.cell_id order by 1, 2, 3",
            "select b.name, c.auto_comment from comment c join base_cell b on b.id = c.cell_id order by 1",
        ]
        return [[tuple(row) for row in db.execute(query)] for query in asked]


def test_it_writes_what_nbgrader_reads(url: str, book: Book) -> None:
    standing = book.write(NAME, "ada", [P1, P2], timestamp=WHEN)
    assert (standing.score, standing.max_score, standing.late_penalty) == (6.5, 14.5, 0.0)
    assert standing.scores == {"p1": MARKS, "p2": {"number-test": 3.0}}
    assert standing == book.standings(NAME)["ada"]
    with Gradebook(url) as gradebook:
        submission = gradebook.find_submission(NAME, "ada")
        assert submission.score == 6.5
        assert submission.timestamp == WHEN
        found = gradebook.find_submission_notebook("p1", NAME, "ada")
        assert {grade.name: grade.auto_score for grade in found.grades} == MARKS
        waiting = {grade.name for grade in found.grades if grade.needs_manual_grade}
        assert waiting == {"words", "plot", "essay"}
        comments = {comment.name: comment.auto_comment for comment in found.comments}
        assert comments == {
            "square": None,
            "cube": None,
            "words": "No response.",
            "plot": None,
            "essay": None,
        }


def test_its_rows_are_those_that_nbgrader_makes(url: str, book: Book) -> None:
    """A submission that nbgrader made first, and one that it did not, end in the same rows."""
    book.write(NAME, "ada", [P1, P2], timestamp=WHEN)
    ours = rows(url)
    with Gradebook(url) as gradebook:
        gradebook.remove_student("ada")
        gradebook.add_student("ada")
        gradebook.add_submission(NAME, "ada", timestamp="2020-01-01 10:00 UTC")
    book.write(NAME, "ada", [P1, P2], timestamp=WHEN)
    assert rows(url) == ours


def test_writing_twice_changes_nothing(url: str, book: Book) -> None:
    book.write(NAME, "ada", [P1, P2], timestamp=WHEN)
    once = rows(url)
    book.write(NAME, "ada", [P1, P2], timestamp=WHEN)
    assert rows(url) == once


def test_the_mark_of_a_person_stays_and_is_to_be_looked_at(url: str, book: Book) -> None:
    book.write(NAME, "ada", [P1, P2])
    with Gradebook(url) as gradebook:
        for name, score in (("words", 2.5), ("square-test", 0.5)):
            grade = gradebook.find_grade(name, "p1", NAME, "ada")
            grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.find_comment("words", "p1", NAME, "ada").manual_comment = "Well said."
        gradebook.db.commit()
    standing = book.write(NAME, "ada", [P1, P2])
    assert standing.score == 2.5 + 0.5 + 1.5 + 3.0
    with Gradebook(url) as gradebook:
        for name, score, auto in (("words", 2.5, None), ("square-test", 0.5, 2.0)):
            grade = gradebook.find_grade(name, "p1", NAME, "ada")
            assert (grade.manual_score, grade.auto_score, grade.needs_manual_grade) == (score, auto, True)
        assert gradebook.find_comment("words", "p1", NAME, "ada").comment == "Well said."
        assert not gradebook.find_grade("cube-test", "p1", NAME, "ada").needs_manual_grade


def test_a_missing_notebook(url: str, book: Book) -> None:
    book.write(NAME, "ada", [NotebookMarks("p1", missing=True), P2])
    with Gradebook(url) as gradebook:
        grades = gradebook.find_submission_notebook("p1", NAME, "ada").grades
        assert {(grade.auto_score, grade.needs_manual_grade) for grade in grades} == {(0.0, False)}
    book.write(NAME, "ada", [P1, P2])
    assert book.standings(NAME)["ada"].scores["p1"] == MARKS


def test_a_notebook_that_is_not_named_is_left_alone(book: Book) -> None:
    book.write(NAME, "ada", [P1, P2])
    book.write(NAME, "ada", [NotebookMarks("p2", {"number-test": 0.0})])
    assert book.standings(NAME)["ada"].scores == {"p1": MARKS, "p2": {"number-test": 0.0}}


def test_without_a_timestamp_the_known_one_stays(book: Book) -> None:
    book.write(NAME, "ada", [P1], timestamp=WHEN)
    assert book.write(NAME, "ada", [P1]).timestamp == WHEN
    assert book.write(NAME, "ada", [P1], timestamp=WHEN + timedelta(days=1)).timestamp != WHEN


def test_flags_are_shown_and_never_taken_back(url: str, book: Book) -> None:
    book.write(NAME, "ada", [NotebookMarks("p1", MARKS, flagged=True), P2])
    book.write(NAME, "ada", [P1, P2])
    with Gradebook(url) as gradebook:
        assert gradebook.find_submission_notebook("p1", NAME, "ada").flagged
        assert not gradebook.find_submission_notebook("p2", NAME, "ada").flagged


def test_late_penalties(url: str, book: Book) -> None:
    with Gradebook(url) as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate="2026-01-05 09:00:00 UTC", course_id="small")
    asked = []

    def tenth(student: str, score: float, late: float) -> float | None:
        asked.append((student, score, late))
        return score / 10

    standing = book.write(NAME, "ada", [P1, P2], timestamp=WHEN, penalty=tenth)
    assert asked == [("ada", 3.5, 3600.0), ("ada", 3.0, 3600.0)]
    assert standing.penalties == {"p1": 0.35, "p2": 0.3}
    assert standing == book.standings(NAME)["ada"]
    with Gradebook(url) as gradebook:
        gradebook.grant_extension(NAME, "ada", hours=1)
    standing = book.write(NAME, "ada", [P1, P2], timestamp=WHEN, penalty=tenth)
    assert (standing.seconds_late, standing.late_penalty) == (0.0, 0.0)
    assert len(asked) == 2


def test_an_error_in_the_middle_leaves_nothing(url: str, book: Book) -> None:
    with Gradebook(url) as gradebook:
        gradebook.update_or_create_assignment(NAME, duedate="2026-01-05 09:00:00 UTC", course_id="small")
    before = rows(url)

    def broken(student: str, score: float, late: float) -> float | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        book.write(NAME, "ada", [P1, P2], timestamp=WHEN, penalty=broken)
    assert rows(url) == before
    book.write(NAME, "ada", [P1, P2], timestamp=WHEN)
    assert rows(url) != before


def test_an_unknown_student(url: str, book: Book) -> None:
    before = rows(url)
    with pytest.raises(UnknownStudent, match="No student with ID 'ada'"):
        book.write(NAME, "ada", [P1], create_student=False)
    assert rows(url) == before
    with Gradebook(url) as gradebook:
        gradebook.add_student("ada")
    book.write(NAME, "ada", [P1], create_student=False)


def test_an_unknown_assignment(book: Book) -> None:
    assert book.sheets("ps9") == []
    assert not book.has_assignment("ps9")
    assert book.has_assignment(NAME)


def test_questions_do_not_grow_with_the_class(book: Book) -> None:
    asked: list[str] = []
    book.write(NAME, "first", [P1, P2], timestamp=WHEN)
    event.listen(book._gradebook.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    counts = []
    for student in ("ada", "bob", "eve", "ada"):
        asked.clear()
        book.write(NAME, student, [P1, P2], timestamp=WHEN)
        counts.append(len(asked))
    assert counts[0] == counts[1] == counts[2] <= 10
    assert counts[3] <= 10


def test_each_question_uses_an_index(url: str, book: Book) -> None:
    """A scan of all grades for each submission would make a class of 1,000 take a million steps."""
    asked: list[tuple[str, Any]] = []
    book.write(NAME, "first", [P1, P2], timestamp=WHEN)
    event.listen(
        book._gradebook.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3]))
    )
    book.write(NAME, "first", [P1, P2], timestamp=WHEN)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as db:
        for query, values in asked:
            values = values[0] if isinstance(values, list) else values
            plan = " ".join(row[3] for row in db.execute(f"explain query plan {query}", values))
            assert "SCAN grade" not in plan and "SCAN comment" not in plan, query
            assert "SCAN submitted" not in plan and "SCAN student" not in plan, query


def test_two_programs_write_at_the_same_time(url: str) -> None:
    faults = []

    def write(who: int) -> None:
        try:
            with Book(url, "small", patience=30) as mine:
                for number in range(15):
                    mine.write(NAME, f"s{number}", [P1, P2], timestamp=WHEN)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with Book(url, "small") as book:
        standings = book.standings(NAME)
    assert len(standings) == 15
    assert {standing.score for standing in standings.values()} == {6.5}
    found = rows(url)
    assert len(found[1]) == 15 and len(found[3]) == 15 * 6


def locked(url: str) -> sqlite3.Connection:
    other = sqlite3.connect(url.removeprefix("sqlite:///"), check_same_thread=False, isolation_level=None)
    other.execute("begin exclusive")
    return other


def test_a_lock_that_is_given_up_is_waited_for(url: str, book: Book) -> None:
    book.sheets(NAME)
    other = locked(url)
    timer = threading.Timer(1.0, lambda: other.execute("rollback"))
    timer.start()
    began = time.monotonic()
    book.write(NAME, "ada", [P1, P2])
    assert time.monotonic() - began >= 0.8
    assert book.standings(NAME)["ada"].score == 6.5
    timer.join()
    other.close()


def test_a_lock_that_stays_is_an_error_that_says_what_to_do(url: str) -> None:
    with Book(f"{url}?timeout=0.2", "small", patience=1) as book:
        book.sheets(NAME)
        other = locked(url)
        with pytest.raises(GradebookError, match="locked by another program"):
            book.write(NAME, "ada", [P1, P2])
        other.execute("rollback")
        other.close()
        assert book.standings(NAME) == {}
        book.write(NAME, "ada", [P1, P2])


def test_a_full_disk_is_an_error_and_leaves_nothing(url: str, book: Book) -> None:
    before = rows(url)
    book.sheets(NAME)

    @event.listens_for(book._gradebook.engine, "connect")
    def small(connection: Any, _: Any) -> None:
        (pages,) = connection.execute("pragma page_count").fetchone()
        connection.execute(f"pragma max_page_count = {pages}")

    book._gradebook.engine.dispose()
    with pytest.raises(GradebookError, match="Make room"):
        for number in range(2000):
            book.write(NAME, f"student-{number}" + "x" * 90, [P1, P2])
    found = rows(url)
    assert len(found[1]) == len(found[0])
    assert len(found[3]) == 6 * len(found[1])
    assert len(before[1]) <= len(found[1])


def test_a_gradebook_of_an_old_nbgrader(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as db:
        db.execute("create table assignment (id varchar(32), name varchar(128))")
    with Book(f"sqlite:///{path}") as book, pytest.raises(GradebookError, match="nbgrader db upgrade"):
        book.write(NAME, "ada", [])


def test_a_gradebook_that_may_not_be_opened(tmp_path: Path) -> None:
    with (
        Book(f"sqlite:///{tmp_path}/nowhere/gradebook.db", patience=0.3) as book,
        pytest.raises(GradebookError),
    ):
        book.sheets(NAME)


def test_a_password_is_not_shown() -> None:
    with Book("postgresql+psycopg://ada:secret@127.0.0.1:1/gradebook", patience=0.3) as book:
        with pytest.raises(GradebookError) as caught:
            book.sheets(NAME)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1:1/gradebook" in str(caught.value)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running() as server:
        yield server


def fill(url: str) -> None:
    """Put the assignment into an empty gradebook."""
    with environment_on_path(), Gradebook(url, "small") as gradebook:
        gradebook.add_assignment(NAME)
        for notebook, marks in (("p1", MARKS), ("p2", {"number-test": 3.0})):
            gradebook.add_notebook(notebook, NAME)
            for name in marks:
                gradebook.add_grade_cell(name, notebook, NAME, max_score=3, cell_type="code")


@pytest.mark.slow
def test_postgresql_may_restart(server: Postgres) -> None:
    url = server.new_database()
    fill(url)
    marks = [NotebookMarks("p1", MARKS), NotebookMarks("p2", {"number-test": 3.0})]
    with Book(url, "small", patience=60) as book:
        standings: list[Standing] = []

        def write() -> None:
            for number in range(150):
                standings.append(book.write(NAME, f"s{number}", marks, timestamp=WHEN))

        thread = threading.Thread(target=write)
        thread.start()
        while len(standings) < 20:
            time.sleep(0.01)
        server.restart(seconds_away=1.0)
        thread.join(timeout=120)
        assert len(standings) == 150
        found = book.standings(NAME)
        assert len(found) == 150
        assert {standing.score for standing in found.values()} == {6.5}
        assert all(standing == found[f"s{number}"] for number, standing in enumerate(standings))
