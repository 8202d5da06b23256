"""The whole road by nbgrader's own commands: release, fetch, work, submit, collect, grade, feedback."""

from __future__ import annotations

import html
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.answers import checked_by, perfect, solution_cells, submission
from autograder.sources import read_source
from autograder.trial import CourseRoot
from tests.grading.courses import Chapter, all_chapters
from tests.grading.people import Person, gather

LAST = all_chapters()[-1]
CHAPTERS = list(dict.fromkeys([all_chapters()[0], LAST]))
# Marks of the half-right submissions, worked out by hand from the weights in the sources: of `drift_bias` to first
# order, air and the two errors are right, 1.5 of 7.5 parts of 3 points.
HALF_RIGHT = {
    "00-warm-up": {"double-check": 0.0, "kelvin-check": 4.0},
    "01-hounsfield-units": {
        "mean-attenuation-check": 0.0,
        "hounsfield-check": 3.0,
        "drift-bias-check": 0.6,
        "correct-drift-check": 4.0,
        "rescale-check": 2.0,
        "window-check": 3.0,
        "partial-volume-check": 1.0,
    },
}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="digital-biopsy-loop-")).resolve()
    yield folder
    shutil.rmtree(folder)


def expected_marks(source: nbformat.NotebookNode) -> dict[str, float]:
    """Run a notebook's code cells here, without nbgrader, and return what each check scores."""
    space: dict[str, Any] = {"__name__": "__main__"}
    marks = {}
    for cell in source.cells:
        if cell.cell_type != "code":
            continue
        exec(compile(cell.source, "cell", "exec"), space)
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade"):
            marks[meta["grade_id"]] = float(space["c"].score)
    return marks


def half_right(released: nbformat.NotebookNode, chapter: Chapter) -> tuple[dict[str, str], list[str]]:
    """Every other check gets a wrong answer; return the picks and the words that their cards must show."""
    picks = perfect(released, chapter.answers)
    words = []
    for number, cells in enumerate(checked_by(released).values()):
        if number % 2 == 0:
            wrong = next(entry for entry in chapter.answers.of(cells[0]) if not entry.right)
            picks[wrong.cell] = wrong.source
            words.append(wrong.says)
    return picks, words


def hidden_lines(source: nbformat.NotebookNode) -> list[str]:
    """The lines of the hidden tests that are long enough to be told from other text."""
    lines = []
    for cell in source.cells:
        region = re.search(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", cell.source, re.S)
        if region:
            lines += [line.strip() for line in region[1].splitlines() if len(line.strip()) > 20]
    # What the author also shows (the words of a hidden requirement) is no secret.
    return [line for line in lines if not line.startswith("with c.hidden(") and not line.startswith("says=")]


def visible_lines(source: nbformat.NotebookNode) -> list[str]:
    """First lines of requirements that students may see: they prove that a shown line would be found."""
    graded = [cell.source for cell in source.cells if cell.metadata.get("nbgrader", {}).get("points")]
    shown = [re.sub(r"### BEGIN HIDDEN TESTS.*### END HIDDEN TESTS", "", text, flags=re.S) for text in graded]
    return [line.strip() for text in shown for line in text.splitlines() if line.startswith("    c.gives(")]


class Cards(HTMLParser):
    """The text of a page's cards, and of nothing else."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.depth = 0
        self.parts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "div" and (self.depth or "digital-biopsy-check" in (dict(attrs).get("class") or "")):
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self.depth:
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())


def readable(page: str) -> str:
    """An HTML page as its text, blanks squeezed."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", body)).split())


def work(student: Person, chapter: str, picks: dict[str, str]) -> None:
    path = student.home / chapter / "exercises.ipynb"
    nbformat.write(submission(nbformat.read(path, as_version=4), picks), path)


@pytest.mark.slow
@pytest.mark.loop
@pytest.mark.timeout(900)
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_from_release_to_feedback(chapter: Chapter, place: Path, record_property: Any) -> None:
    people, why = gather(place)
    record_property("users", why)
    if why.startswith("one user"):
        warnings.warn(why, stacklevel=1)
    teacher = people["instructor"]
    students = [people[role] for role in ("perfect", "half", "untouched")]
    name = chapter.name

    course = CourseRoot(teacher.home, chapter.checkout, [name])
    source = read_source(chapter.checkout / "solutions" / name / "exercises.md", graded=True)
    built = {path.name: path.read_bytes() for path in (teacher.home / "course" / name).iterdir()}
    teacher.own()
    teacher.nbgrader("generate_assignment", name, "--force")
    again = {path.name: path.read_bytes() for path in (teacher.home / "course" / name).iterdir()}
    assert again == built, "nbgrader's own command writes what the build wrote"
    teacher.nbgrader("release_assignment", name)

    released = course.released(name)
    written = [
        cell.metadata.nbgrader.grade_id
        for cell in released.cells
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("grade")
    ]
    every = perfect(released, chapter.answers)
    some, words = half_right(released, chapter)
    picks = {
        "perfect": every | dict.fromkeys(written, "My own words."),
        "half": some,
        "untouched": {},
    }
    for student in students:
        student.nbgrader("fetch_assignment", name)
        assert {path.name for path in (student.home / name).iterdir()} >= {"lesson.ipynb", "exercises.ipynb"}
        work(student, name, picks[student.role])
        student.own()
        said = student.nbgrader("validate", f"{name}/exercises.ipynb")
        assert ("Success! Your notebook passes all the tests." in said) == (student.role == "perfect"), said
        student.nbgrader("submit", name)

    assert teacher.nbgrader("collect", name).count("Collecting submission") == len(students)
    teacher.nbgrader("autograde", name)
    most = {cell: mark.most for cell, mark in course.marks(people["perfect"].name, name).items()}
    expected = {
        "perfect": most | dict.fromkeys(written, 0.0),
        "half": expected_marks(submission(source, some)),
        "untouched": dict.fromkeys(most, 0.0),
    }
    assert expected["half"] == HALF_RIGHT.get(name, expected["half"])
    assert 0 < sum(expected["half"].values()) < sum(most.values())
    for student in students:
        marks = {cell: mark.score for cell, mark in course.marks(student.name, name).items()}
        assert marks == dict.fromkeys(most, 0.0) | expected[student.role], student.role
        lesson = teacher.home / "autograded" / student.name / name / "lesson.ipynb"
        if lesson.exists():
            assert not any(cell.get("outputs") for cell in json.loads(lesson.read_text())["cells"])

    teacher.nbgrader("generate_feedback", name)
    teacher.nbgrader("release_feedback", name)
    secrets = hidden_lines(source)
    assert secrets
    for student in students:
        student.nbgrader("fetch_feedback", name)
        pages = sorted((student.home / name / "feedback").rglob("*.html"))
        assert [page.name for page in pages] == ["exercises.html"]
        page = pages[0].read_text(encoding="utf-8")
        text, cards = readable(page), Cards(page).text
        assert all(" ".join(line.split()) in text for line in visible_lines(source))
        leaked = [line for line in secrets if " ".join(line.split()) in text]
        assert not leaked, f"hidden tests in the feedback: {leaked}"
        assert "BEGIN HIDDEN TESTS" not in text
        named = [word for word in words if " ".join(word.split()) in cards]
        assert named == (words if student.role == "half" else []), student.role
        outcome = {"perfect": "Right (", "half": "Not right yet (", "untouched": "Not attempted yet ("}
        assert outcome[student.role] in cards


def test_marks_need_the_right_answer() -> None:
    """The independent count of marks tells a right notebook from the stubs."""
    chapter = all_chapters()[0]
    source = read_source(chapter.checkout / "solutions" / chapter.name / "exercises.md", graded=True)
    assert expected_marks(source) == {"double-check": 3.0, "kelvin-check": 4.0}
    stubs = dict.fromkeys(solution_cells(source), "pass")
    assert set(expected_marks(submission(source, stubs)).values()) == {0.0}


def test_the_readme_gives_the_commands_of_this_loop() -> None:
    """In their order; what an instructor types is what is tested. `grade` is `autograde` for whole classes."""
    root = Path(__file__).parents[2]
    text = (root / "README.md").read_text(encoding="utf-8")
    typed = re.findall(r"^(?:nbgrader|digital-biopsy(?= grade \S+ --course-root)) (\w+)", text, re.M)
    typed = ["autograde" if command == "grade" else command for command in typed]
    tried = re.findall(r'teacher\.nbgrader\("(\w+)"', Path(__file__).read_text(encoding="utf-8"))
    assert typed == tried
