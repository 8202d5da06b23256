"""What a page of feedback says: questions, points and comments, read out of a graded notebook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from nbformat import NotebookNode

from autograder._outputs import preformatted, render_output
from autograder._tests_shown import Failure, Visible, attempted, card, failure, visible
from autograder.sanitize import clean_html, clean_text, nest_headings, render_code, render_markdown

RIGHT = "Right"
NOT_YET = "Not right yet"
NOT_ATTEMPTED = "Not attempted yet"
UNGRADED = "Not graded yet"
GRADED = "Graded"
_MARKS = {RIGHT: "✓", NOT_YET: "◐", NOT_ATTEMPTED: "○", UNGRADED: "…", GRADED: "✎"}

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_POINTS = re.compile(r"\s*[(\[]\s*[\d.,]+\s*(?:points?|pts?\.?|marks?)\s*[)\]]\s*$", re.IGNORECASE)
_GENERATED = re.compile(r"cell-[0-9a-f]{6,}")
_NO_RESPONSE = "No response."


@dataclass(frozen=True)
class Result:
    """What the gradebook holds on one cell.

    Attributes
    ----------
    score, points : float
        Earned and at most.
    pending : bool
        Someone has to look at it still.
    by_hand : bool
        A grader set the score.
    extra : float
        Extra credit; part of the score.
    """

    score: float = 0.0
    points: float = 0.0
    pending: bool = False
    by_hand: bool = False
    extra: float = 0.0


@dataclass
class Check:
    """One test cell of a question."""

    points: str
    outcome: str
    hides: bool
    card: Markup
    failure: Failure | None
    output: Markup
    source: Markup


@dataclass
class Question:
    """One question of the page.

    Attributes
    ----------
    title, anchor
        Heading and its id.
    prompt
        The task as it was set.
    answers
        What the student wrote: code or text, with the errors of code.
    checks
        Its test cells.
    comments
        Of the graders.
    hints
        Folded hints of the author.
    notes
        What the student should know about how it was graded.
    results
        The gradebook's, one for each graded cell.
    names
        The grade_id of all its cells.
    by_machine, blank
        Whether test cells grade it; whether it was left as it was.
    """

    title: str
    anchor: str
    prompt: Markup = field(default_factory=Markup)
    answers: list[Markup] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    comments: list[Markup] = field(default_factory=list)
    hints: list[Markup] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    by_machine: bool = False
    blank: bool = False

    @property
    def outcome(self) -> str:
        """The word on the whole question."""
        earned, most = sum(r.score for r in self.results), sum(r.points for r in self.results)
        if any(result.pending for result in self.results):
            return UNGRADED
        if self.blank and earned <= 0:
            return NOT_ATTEMPTED
        if not self.by_machine:
            return GRADED
        return RIGHT if earned >= most else NOT_YET

    @property
    def mark(self) -> str:
        """The outcome as a sign, for the eye only."""
        return _MARKS[self.outcome]

    @property
    def points(self) -> str:
        """Write "1.5 of 3 points"."""
        earned, most = sum(r.score for r in self.results), sum(r.points for r in self.results)
        if self.outcome == UNGRADED:
            return f"{of_points(earned, most)} so far" if earned else f"up to {points_of(most)}"
        return of_points(earned, most)


@dataclass(frozen=True)
class Remark:
    """Something the grader had to put right, and the question it belongs to, if any."""

    text: str
    anchor: str = ""
    title: str = ""


@dataclass
class Page:
    """All that the template needs."""

    assignment: str
    notebook: str
    student: str
    total: str
    pending: bool
    late: str
    remarks: list[Remark]
    questions: list[Question]
    cells: list[Markup]


def short(number: float) -> str:
    """Write points without needless zeros."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def points_of(most: float) -> str:
    """Write "3 points"."""
    return f"{short(most)} point{'' if most == 1 else 's'}"


def of_points(earned: float, most: float) -> str:
    """Write "1.5 of 3 points"."""
    return f"{short(earned)} of {points_of(most)}"


def read_page(
    notebook: NotebookNode,
    resources: Mapping[str, Any],
    hidden: tuple[str, str] = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS"),
    scheme: tuple[str, str] = ("BEGIN MARK SCHEME", "END MARK SCHEME"),
) -> Page:
    """Read the page out of a graded notebook.

    Parameters
    ----------
    notebook
        Tidy, with scores and comments from the gradebook.
    resources
        nbconvert's, with nbgrader's entry; its "results" are `Result` by grade_id.
    hidden, scheme
        The words that begin and end hidden tests, and marking schemes.
    """
    reader = _Reader(notebook, resources, hidden, scheme)
    cells = [reader.read(cell, number) for number, cell in enumerate(notebook.cells, start=1)]
    info = resources.get("nbgrader", {})
    results = [result for question in reader.questions for result in question.results]
    late = float(info.get("late_penalty") or 0.0)
    earned = max(0.0, float(info.get("score", sum(result.score for result in results) - late)))
    most = float(info.get("max_score", sum(result.points for result in results)))
    return Page(
        assignment=clean_text(info.get("assignment"), 200),
        notebook=clean_text(info.get("notebook"), 200),
        student=clean_text(info.get("student"), 200),
        total=of_points(earned, most),
        pending=any(result.pending for result in results),
        late=points_of(late) if late else "",
        remarks=_remarks(notebook, reader.questions),
        questions=reader.questions,
        cells=[cell for cell in cells if cell],
    )


class _Reader:
    """Goes through a notebook once. A question is what stands above its test cells, up to the question before."""

    def __init__(
        self,
        notebook: NotebookNode,
        resources: Mapping[str, Any],
        hidden: tuple[str, str],
        scheme: tuple[str, str],
    ) -> None:
        self.questions: list[Question] = []
        self._results: Mapping[str, Result] | None = resources.get("nbgrader", {}).get("results")
        self._hidden, self._scheme = hidden, scheme
        self._language = str(notebook.metadata.language_info.name)
        self._seen: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        """Forget what belongs to the question before."""
        self._prompt: list[NotebookNode] = []
        self._titled = False
        self._next = Question("", "")
        self._stubs: list[bool] = []

    def read(self, cell: NotebookNode, number: int) -> Markup:
        """Take a cell into the questions; return it as the last part of the page shows it."""
        marks = _marks(cell)
        name = str(marks.get("grade_id", ""))
        graded = bool(marks.get("grade") or marks.get("task")) and bool(name) and name not in self._seen
        if graded:
            self._seen.add(name)
        if graded and not marks.get("solution") and not marks.get("task"):
            return self._test(cell, marks, name, number)
        if graded:
            return self._by_hand(cell, marks, name, number)
        if marks.get("solution"):
            shown = self._written(cell, number)
            self._answer(cell, marks, name, number)
            return shown
        if cell.cell_type == "markdown":
            self._text(cell)
        return self._written(cell, number)

    def _text(self, cell: NotebookNode) -> None:
        heading = _HEADING.search(clean_text(cell.source))
        if "<details" in cell.source and not heading and not self._prompt and self.questions:
            self.questions[-1].hints.append(_prose(cell, 3))
            return
        if heading and not self._next.answers:
            self._prompt, self._titled = [], True
        self._prompt.append(cell)

    def _answer(self, cell: NotebookNode, marks: Mapping[str, Any], name: str, number: int) -> None:
        """Note an answer, and the grader's comment on it."""
        if cell.cell_type == "code":
            shown = Markup("<pre><code>{}</code></pre>").format(render_code(cell.source, self._language))
            for output in cell.outputs:
                if output.output_type == "error":
                    shown += Markup("<p>Running this cell ended with an error:</p>{}").format(
                        render_output(output, f"cell {number}")
                    )
        else:
            shown = Markup('<div class="prose">{}</div>').format(_prose(cell, 3))
        self._next.answers.append(shown)
        self._next.names.append(name)
        self._comment(marks)

    def _comment(self, marks: Mapping[str, Any]) -> None:
        comment = marks.get("comment")
        self._stubs.append(comment == _NO_RESPONSE)
        if isinstance(comment, str) and comment.strip() and comment != _NO_RESPONSE:
            self._next.comments.append(nest_headings(render_markdown(comment), 4))

    def _by_hand(self, cell: NotebookNode, marks: Mapping[str, Any], name: str, number: int) -> Markup:
        """A question that people grade: a written answer, or a task."""
        plain = NotebookNode(cell, source=visible(cell.source, *self._scheme).text)
        if marks.get("task"):
            if _HEADING.search(clean_text(plain.source)):
                self._prompt, self._titled = [], True
            self._prompt.append(plain)
            self._next.names.append(name)
            self._comment(marks)
        else:
            self._answer(plain, marks, name, number)
        question = self._ask(name)
        self._score(question, name, marks)
        question.blank = all(self._stubs)
        self._begin()
        return self._written(plain, number)

    def _test(self, cell: NotebookNode, marks: Mapping[str, Any], name: str, number: int) -> Markup:
        """A test cell: a new question, or one more check of the question above."""
        shown = visible(cell.source, *self._hidden)
        outputs = cell.outputs if cell.cell_type == "code" else []
        if self._next.answers or self._titled or not self.questions or not self.questions[-1].checks:
            question = self._ask(name)
            question.by_machine = True
            question.blank = bool(self._stubs) and all(self._stubs)
            self._begin()
        question = self.questions[-1]
        question.names.append(name)
        result = self._score(question, name, marks)
        check = self._check(outputs, shown, result, number)
        question.checks.append(check)
        question.blank = question.blank or all(each.outcome == NOT_ATTEMPTED for each in question.checks)
        if result.by_hand:
            question.notes.append("A grader set these points by hand.")
        code = Markup("<pre><code>{}</code></pre>").format(check.source)
        return _cell(f"Test, cell {number}", code + check.card + check.output)

    def _check(self, outputs: list[NotebookNode], shown: Visible, result: Result, number: int) -> Check:
        html = card(outputs)
        told = nest_headings(clean_html(html), 4) if html is not None else Markup()
        blank = NOT_ATTEMPTED in told[:400] if told else not attempted(outputs)
        outcome = RIGHT if result.score >= result.points else NOT_ATTEMPTED if blank else NOT_YET
        if told:
            told = Markup('<div class="digital-biopsy-check">{}</div>').format(told)
        loud = [] if shown.hides or html is not None else [o for o in outputs if o.output_type != "error"]
        parts = [render_output(output, f"cell {number}") for output in loud]
        return Check(
            points=of_points(result.score, result.points),
            outcome=outcome,
            hides=shown.hides,
            card=told,
            failure=None if told else failure(outputs, shown),
            output=nest_headings(Markup().join(parts), 4),
            source=render_code(shown.text, self._language),
        )

    def _ask(self, name: str) -> Question:
        """Close the question whose parts were gathered, with its title and task."""
        question = self._next
        title = ""
        for cell in self._prompt:
            heading = _HEADING.search(clean_text(cell.source)) if not title else None
            if heading:
                title = _POINTS.sub("", _words(heading[1])).strip()
                cell = NotebookNode(cell, source=cell.source.replace(heading[0], "", 1))
            question.prompt += _prose(cell, 3)
        readable = name if _GENERATED.match(name) is None else ""
        number = len(self.questions) + 1
        question.title = (
            title or " ".join(re.split(r"[-_\s]+", readable)).strip().capitalize() or f"Question {number}"
        )
        question.anchor = f"question-{number}"
        self.questions.append(question)
        return question

    def _score(self, question: Question, name: str, marks: Mapping[str, Any]) -> Result:
        """Add the result on a cell to its question."""
        result = self._result(name, marks)
        question.results.append(result)
        if result.extra:
            question.notes.append(f"With extra credit: {points_of(result.extra)}.")
        return result

    def _result(self, name: str, marks: Mapping[str, Any]) -> Result:
        """The gradebook's result on a cell."""
        if self._results is not None:
            return self._results.get(name, Result())
        return Result(float(marks.get("score") or 0.0), float(marks.get("points") or 0.0))

    def _written(self, cell: NotebookNode, number: int) -> Markup:
        """A cell that is no test, as it stands in the notebook."""
        if cell.cell_type == "markdown":
            return _cell(
                f"Text, cell {number}", Markup('<div class="prose">{}</div>').format(_prose(cell, 2))
            )
        if cell.cell_type != "code":
            return _cell(f"Raw text, cell {number}", preformatted(cell.source))
        code = Markup("<pre><code>{}</code></pre>").format(render_code(cell.source, self._language))
        parts = [render_output(output, f"cell {number}") for output in cell.outputs]
        shown = nest_headings(Markup().join(parts), 3)
        if shown:
            code += Markup('<div class="output" role="group" aria-label="Output of cell {}">{}</div>').format(
                number, shown
            )
        return _cell(f"Code, cell {number}", code)


def _cell(label: str, content: Markup) -> Markup:
    if not content.strip():
        return Markup()
    return Markup('<div class="cell"><p class="label">{}</p>{}</div>').format(label, content)


def _prose(cell: NotebookNode, top: int) -> Markup:
    """A cell's Markdown, its headings below level `top`."""
    return nest_headings(render_markdown(cell.source, cell.get("attachments")), top)


def _words(markdown: str) -> str:
    """A line of Markdown without its marks."""
    return " ".join(render_markdown(markdown).striptags().split())[:200]


def _marks(cell: NotebookNode) -> Mapping[str, Any]:
    marks = cell.metadata.get("nbgrader")
    return marks if isinstance(marks, Mapping) else {}


def _remarks(notebook: NotebookNode, questions: list[Question]) -> list[Remark]:
    """What the grader had to put right, in words."""
    told = notebook.metadata.get("digital_biopsy")
    flags = told.get("flags") if isinstance(told, Mapping) else None
    owners = {name: question for question in questions for name in question.names}
    remarks = []
    for flag in flags[:100] if isinstance(flags, list) else []:
        text = clean_text(flag.get("text"), 500).strip() if isinstance(flag, Mapping) else ""
        owner = owners.get(str(flag.get("cell"))) if text else None
        if text:
            remarks.append(Remark(text, owner.anchor if owner else "", owner.title if owner else ""))
    return list(dict.fromkeys(remarks))
