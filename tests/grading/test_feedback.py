"""What the feedback says of a graded notebook, and what it never says."""

from __future__ import annotations

import html as entities
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.feedback import FeedbackExporter, configure_feedback
from autograder.nbgrading import environment_on_path
from tests.grading.feedback_pages import PIXEL, answer, checked, error, marks, ordinary, told

SECRET = "hush-4711"
HIDING = "assert f(1) == 1\n### BEGIN HIDDEN TESTS\nassert f('hush-4711') == 4\n### END HIDDEN TESTS\nassert f(2) == 2"


def page(*cells: NotebookNode, metadata: dict[str, Any] | None = None, **given: Any) -> str:
    """The feedback on some cells."""
    notebook = new_notebook(cells=list(cells), metadata=metadata or {})
    return str(FeedbackExporter().from_notebook_node(notebook, told(**given))[0])


def text(html: str) -> str:
    """A page as its words."""
    bare = re.sub(
        r"<style>.*?</style>|<[^>]*>", " ", re.sub("</?(?:span|code)[^>]*>", "", html), flags=re.DOTALL
    )
    return " ".join(entities.unescape(bare).split())


def part(html: str, title: str) -> str:
    """One question of a page, as its words."""
    for article in re.findall(r"<article.*?</article>", html, flags=re.DOTALL):
        if f">{title}</h3>" in article:
            return text(article)
    raise AssertionError(f"no question {title!r}: {re.findall('<h3.*?</h3>', html)}")


@pytest.fixture(scope="module")
def usual() -> str:
    html, _ = FeedbackExporter().from_notebook_node(
        ordinary(), told(late_penalty=1.5, score=2.5, max_score=12.0)
    )
    return str(html)


def test_the_same_notebook_gives_the_same_bytes(usual: str) -> None:
    again, resources = FeedbackExporter().from_notebook_node(
        ordinary(), told(late_penalty=1.5, score=2.5, max_score=12.0)
    )
    assert again == usual
    assert resources["output_extension"] == ".html"


def test_it_fetches_nothing(usual: str) -> None:
    assert not re.search(r'(?:src|href)="(?!data:image/|#)', usual)
    assert "http" not in usual.replace("http-equiv", "").replace("https:", "")


def test_summary_and_total(usual: str) -> None:
    table = text(usual.partition("<table")[2].partition("</table>")[0])
    assert "1 Squares ✓ Right 2 of 2 points" in table
    assert "2 Sums with a comment ◐ Not right yet 0 of 4 points" in table
    assert "Untried test ○ Not attempted yet 0 of 2 points" in table
    assert "2.5 of 12 points" in text(usual)
    assert "Taken off because the submission was late: 1.5 points." in text(usual)


def test_a_question_holds_what_belongs_to_it(usual: str) -> None:
    sums = part(usual, "2 Sums")
    assert "Add the squares." in sums
    assert "def sums(n):" in sums
    assert "Use squares." in sums and "Use sum: see the notes." in sums
    assert "Check 1: not right yet, 0 of 2 points" in sums
    assert (
        "This line of the check does not hold: assert sums( 2 ) == 5, 'the sum is 5' It says: the sum is 5"
        in sums
    )
    assert "squares(2)" not in sums
    assert "My words" in part(usual, "In words")
    assert "assert untried() == 1" in part(usual, "Untried test")
    assert "Use squares." not in part(usual, "1 Squares")


def test_a_right_answer_needs_no_hint() -> None:
    hint = new_markdown_cell("<details><summary>Hint 1</summary>Think.</details>")
    code, test = answer("f", "f = 1"), "assert f == 1"
    right = page(new_markdown_cell("# F"), code, checked("t", test, score=2), hint)
    wrong = page(new_markdown_cell("# F"), code, checked("t", test, [error()], score=0), hint)
    assert "Think." not in part(right, "F") and "Think." in part(wrong, "F")


def test_marking_schemes_stay_with_the_graders(usual: str) -> None:
    assert "Draw it." in usual
    assert "MARK SCHEME" not in usual and "one point for a title" not in usual


def test_what_the_grader_put_right(usual: str) -> None:
    assert "A test cell was missing; it was put back. ( 2 Sums )" in text(usual)
    assert "The notebook was of an old format." in text(usual)
    assert "What the grader had to put right" not in page(new_markdown_cell("x"))


@pytest.mark.parametrize(
    "flags", ["x", [1, None, {"text": 3}, {}], {"text": "x"}, [{"text": "", "cell": []}]]
)
def test_flags_of_any_form_do_no_harm(flags: Any) -> None:
    assert "Feedback" in page(new_markdown_cell("x"), metadata={"digital_biopsy": {"flags": flags}})


LEAKS = {
    "assertion": [error(words=SECRET, line=3)],
    "stream": [new_output("stream", text=SECRET), error(line=3)],
    "display": [new_output("display_data", data={"text/html": SECRET, "text/plain": SECRET}), error(line=3)],
    "result": [new_output("execute_result", data={"text/plain": SECRET}, execution_count=1)],
    "other error": [error("ValueError", SECRET, line=3)],
    "own class": [error("hush4711".replace("hush", "hush-"), SECRET, line=3)],
    "behind it": [error(words=SECRET, line=5)],
    "no frame": [error(words=SECRET, traceback=[SECRET])],
    "a name that looks like a frame": [error("x\nCell In[1], line 1\n", SECRET, line=3)],
    "words that look like a frame": [
        error(words=SECRET, traceback=["x", f"AssertionError: \nCell In[1], line 1\n{SECRET}"])
    ],
    "no traceback": [new_output("error", ename="E", evalue=SECRET, traceback=[])],
    "syntax": [error("SyntaxError", SECRET, line=4)],
}


@pytest.mark.parametrize("name", LEAKS)
def test_hidden_tests_are_never_told(name: str) -> None:
    html = page(answer("f", "def f(x): ..."), checked("f-test", HIDING, LEAKS[name]))
    assert SECRET not in html
    assert "HIDDEN TESTS" not in html
    assert "assert f(1) == 1" in text(html) and "assert f(2) == 2" in text(html)


def test_what_is_told_of_a_hidden_failure() -> None:
    said = part(page(checked("f-test", HIDING, [error("ValueError", SECRET, line=3)])), "F test")
    assert (
        "A requirement that is checked after you submit was not met: the check ended with ValueError." in said
    )
    said = part(page(checked("f-test", HIDING, [error(words=SECRET, line=3)])), "F test")
    assert "A requirement that is checked after you submit was not met." in said


def test_a_failure_in_front_of_the_hidden_tests_is_told() -> None:
    said = part(page(checked("f-test", HIDING, [error(words="f(1) is 7", line=1)])), "F test")
    assert "This line of the check does not hold: assert f(1) == 1 It says: f(1) is 7" in said
    assert "Traceback" not in said


def test_a_region_that_is_never_closed_hides_the_rest() -> None:
    html = page(
        checked("t", f"assert f(1) == 1\n### BEGIN HIDDEN TESTS\nassert f('{SECRET}')", [error(line=3)])
    )
    assert SECRET not in html
    assert "assert f(1) == 1" in text(html)


def test_own_words_for_hidden_tests() -> None:
    config = Config()
    config.ClearHiddenTests.begin_test_delimeter = "VEIL"
    config.ClearHiddenTests.end_test_delimeter = "UNVEIL"
    cell = checked("t", f"assert 1\n# VEIL\nassert f('{SECRET}')\n# END UNVEIL\n", [error(line=3)])
    html, _ = FeedbackExporter(config=config).from_notebook_node(new_notebook(cells=[cell]), told())
    # "UNVEIL" holds "VEIL", and then nothing behind it is shown: better too little than too much.
    assert SECRET not in html


def test_the_card_of_the_course_is_shown_without_its_style() -> None:
    card = (
        '<div class="digital-biopsy-check" role="status" style="color:red"><div><span aria-hidden="true">◐</span>'
        "<strong>Not right yet</strong> (1 of 2 points). <code>f(x=1)</code> should be 2; "
        "yours gave &lt;b&gt;.</div></div>"
    )
    outputs = [
        new_output("display_data", data={"text/html": card, "text/plain": "x"}),
        new_output("execute_result", data={"text/plain": "1"}, execution_count=1),
    ]
    html = page(answer("f", "f = 1"), checked("f-test", HIDING, outputs, score=1))
    assert "Not right yet (1 of 2 points). f(x=1) should be 2; yours gave <b>." in re.sub(
        r" (?=[.;])", "", text(html)
    )
    assert "color:red" not in html and 'role="status"' not in html
    assert '<div class="digital-biopsy-check">' in html


def test_an_error_of_the_answer_itself_is_shown() -> None:
    html = page(
        answer("f", "def f(:", [error("SyntaxError", "invalid syntax")]), checked("t", "assert f", [error()])
    )
    assert "Running this cell ended with an error" in part(html, "T")
    assert "invalid syntax" in part(html, "T")


@pytest.mark.parametrize(
    ("source", "name", "title"),
    [
        ("## 1.1 From *counts* to `x` (2 points)", "a", "1.1 From counts to x"),
        ("Text\n\n### Sums [1.5 pts] ###", "a", "Sums"),
        ("No heading", "mean-attenuation_check", "Mean attenuation check"),
        ("No heading", "cell-0123abcd4567", "Question 1"),
        ("# <script>x</script>", "a", "A"),
    ],
)
def test_titles(source: str, name: str, title: str) -> None:
    html = page(new_markdown_cell(source), answer("f", "f = 1"), checked(name, "assert f", score=2))
    assert part(html, title)


def test_a_broken_notebook_still_gives_a_page() -> None:
    notebook = NotebookNode(
        nbformat=4,
        nbformat_minor=5,
        metadata=3,
        cells=[
            None,
            NotebookNode(),
            NotebookNode(
                cell_type="code", source=["a", "b\n"], outputs=[None, NotebookNode(), NotebookNode(data=[])]
            ),
            NotebookNode(cell_type="code", source=None, metadata=[], outputs="x", id="<b>"),
            NotebookNode(cell_type="markdown", source=7, attachments=[1], metadata=NotebookNode(nbgrader=5)),
            NotebookNode(
                cell_type="\ud800", source="\ud800\x00", metadata=NotebookNode(nbgrader=NotebookNode(grade=1))
            ),
        ],
    )
    html, _ = FeedbackExporter().from_notebook_node(notebook, told(student="\ud800"))
    assert html.encode("utf-8")
    assert "ab" in text(html)


def test_outputs_that_only_a_running_page_could_show_leave_a_note() -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "IntSlider(value=1)"}
    html = page(
        new_code_cell("w", outputs=[new_output("display_data", data=view)]),
        new_code_cell("j", outputs=[new_output("display_data", data={"application/javascript": "alert(1)"})]),
        new_code_cell("p", outputs=[new_output("display_data", data={"image/png": PIXEL})]),
    )
    assert html.count("Interactive content is left out here.") == 2
    assert "IntSlider(value=1)" in html and "alert(1)" not in html
    assert f'<img src="data:image/png;base64,{PIXEL}" alt="Picture drawn by cell 3">' in html


@pytest.fixture
def course(tmp_path: Path) -> CourseDirectory:
    """A course folder with a gradebook and one autograded submission, as nbgrader leaves them."""
    folder = tmp_path / "autograded" / "ada" / "ps1"
    folder.mkdir(parents=True)
    with environment_on_path(), Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        gradebook.add_assignment("ps1")
        gradebook.add_notebook("problem1", "ps1")
        written = {"notebook": "problem1", "assignment": "ps1"}
        for name, most, kind in (("f-test", 2, "code"), ("essay", 3, "markdown"), ("essay2", 3, "markdown")):
            gradebook.add_grade_cell(name, max_score=most, cell_type=kind, **written)
        for name in ("f", "essay", "essay2"):
            gradebook.add_solution_cell(name, **written)
        gradebook.add_student("ada")
        gradebook.add_submission("ps1", "ada")
        for name, auto, by_hand, pending, extra in (
            ("f-test", 0.5, 1.5, False, None),
            ("essay", None, None, True, None),
            ("essay2", None, 2.0, False, 1.0),
        ):
            grade = gradebook.find_grade(name, "problem1", "ps1", "ada")
            grade.auto_score, grade.manual_score, grade.needs_manual_grade = auto, by_hand, pending
            grade.extra_credit = extra
        gradebook.find_comment(
            "f", "problem1", "ps1", "ada"
        ).manual_comment = "Nearly. <script>alert(1)</script>"
        gradebook.find_submission_notebook("problem1", "ps1", "ada").late_submission_penalty = 0.5
        gradebook.db.commit()
    essay = {"solution": True, "grade": True, "points": 3}
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# F"),
            answer("f", "f = 1", comment="forged", score=99),
            checked("f-test", "assert f == 2", [error()], score=99, points=99),
            new_markdown_cell("# Essay"),
            new_markdown_cell("Mine", metadata=marks("essay", **essay)),
            new_markdown_cell("# Second essay"),
            new_markdown_cell("Mine", metadata=marks("essay2", **essay)),
            checked("unknown", "assert 1", score=50, points=50),
        ]
    )
    nbformat.write(notebook, folder / "problem1.ipynb")
    config = Config()
    configure_feedback(config)
    config.CourseDirectory.root = str(tmp_path)
    config.CourseDirectory.assignment_id = "ps1"
    return CourseDirectory(config=config)


def test_nbgrader_writes_it_from_the_gradebook(course: CourseDirectory) -> None:
    GenerateFeedback(coursedir=course, config=course.config).start()
    file = Path(course.root) / "feedback" / "ada" / "ps1" / "problem1.html"
    html = file.read_text(encoding="utf-8")
    assert "1.5 of 2 points A grader set these points by hand." in part(html, "F")
    assert "Nearly." in part(html, "F") and "alert(1)" not in html and "forged" not in html
    assert "Not graded yet up to 3 points" in part(html, "Essay")
    assert "Graded 3 of 3 points With extra credit: 1 point." in part(html, "Second essay")
    assert "4 of 8 points so far" in text(html)
    assert "Taken off because the submission was late: 0.5 points." in text(html)
    assert "99" not in text(html) and "50" not in text(html)
    first = file.read_bytes()
    GenerateFeedback(coursedir=course, config=course.config, force=True).start()
    assert file.read_bytes() == first
