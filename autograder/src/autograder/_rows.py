"""The rows of nbgrader's gradebook that grading reads and writes, with few questions and in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import fsum
from typing import Any, Protocol

from nbgrader import api
from sqlalchemy import bindparam, func, insert, or_, select, update


class GradebookError(Exception):
    """The gradebook cannot be used; the text names the cause and the cure. Nothing was written."""


class UnknownStudent(GradebookError):  # noqa: N818
    """The gradebook does not know the student, and may not make one."""


class Penalty(Protocol):
    """Points to take off: student, score of the notebook, seconds late. None for none."""

    def __call__(self, student: str, score: float, late: float, /) -> float | None:
        """Return the penalty, between nothing and the score."""


@dataclass(frozen=True)
class Cell:
    """A cell as `nbgrader generate_assignment` left it in the gradebook."""

    type: str
    locked: bool
    source: str
    checksum: str | None


@dataclass(frozen=True)
class Sheet:
    """A notebook of an assignment in the gradebook: ids of its rows by the names of the cells, and its text.

    Attributes
    ----------
    id, name : str
        Of the notebook.
    grades, comments : mapping
        By grade_id, the cell for which a grade or a comment is kept.
    points : mapping
        By grade_id, the maximum score.
    cells : mapping
        By grade_id, what generate_assignment read.
    """

    id: str
    name: str
    grades: Mapping[str, str]
    comments: Mapping[str, str]
    points: Mapping[str, float]
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class NotebookMarks:
    """The marks of one notebook of a submission.

    Attributes
    ----------
    name : str
        Of the notebook.
    scores : mapping
        By grade_id; None where a person has to give the mark.
    comments : mapping
        By grade_id, what the autograder remarks, or None.
    missing : bool
        It was not handed in: no points, and nothing to grade by hand.
    flagged : bool
        Someone should look at it; formgrader shows a flag.
    """

    name: str
    scores: Mapping[str, float | None] = field(default_factory=dict)
    comments: Mapping[str, str | None] = field(default_factory=dict)
    missing: bool = False
    flagged: bool = False


@dataclass(frozen=True)
class Standing:
    """What the gradebook holds of one submission.

    `scores` are those of the autograder, by notebook and grade_id; `totals` and `penalties` are by notebook.
    """

    score: float
    max_score: float
    late_penalty: float
    seconds_late: float = 0.0
    timestamp: datetime | None = None
    scores: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    totals: Mapping[str, float] = field(default_factory=dict)
    penalties: Mapping[str, float | None] = field(default_factory=dict)


class Entry:
    """The rows of one submission, within a transaction."""

    def __init__(self, db: Any, assignment: str, student: str, sheets: list[Sheet]) -> None:
        self._db = db
        self._assignment = assignment
        self._student = student
        self._sheets = sheets
        self._timestamp: datetime | None = None
        self._seconds_late = 0.0
        #: By the names of notebook and cell, the id of the row.
        self._notebooks: dict[str, str] = {}
        self._penalties: dict[str, float | None] = {}
        self._grades: dict[tuple[str, str], str] = {}
        self._comments: dict[tuple[str, str], str] = {}
        self._new_grades: dict[tuple[str, str], dict[str, Any]] = {}
        self._changed_grades: list[dict[str, Any]] = []
        self._changed_comments: list[dict[str, Any]] = []

    def find_or_make(self, timestamp: datetime | None, create_student: bool) -> None:
        """Find the rows of the student and the submission; make those that are not there."""
        db = self._db
        row = db.execute(
            select(api.Assignment.id, api.Assignment.duedate).where(api.Assignment.name == self._assignment)
        ).one()
        if db.execute(select(api.Student.id).where(api.Student.id == self._student)).first() is None:
            if not create_student:
                raise UnknownStudent(f"No student with ID '{self._student}' exists in the database")
            db.execute(insert(api.Student).values(id=self._student))
        submitted = api.SubmittedAssignment
        found = db.execute(
            select(submitted.id, submitted.timestamp, submitted.extension).where(
                submitted.assignment_id == row.id, submitted.student_id == self._student
            )
        ).first()
        if found is None:
            key = api.new_uuid()
            values = {"id": key, "assignment_id": row.id, "student_id": self._student, "timestamp": timestamp}
            db.execute(insert(submitted).values(**values))
            extension = None
        else:
            key, extension = found.id, found.extension
            if timestamp is None:
                timestamp = found.timestamp
            elif timestamp != found.timestamp:
                db.execute(update(submitted).where(submitted.id == key).values(timestamp=timestamp))
            self._find_rows(key)
        self._timestamp = timestamp
        self._seconds_late = _seconds_late(timestamp, row.duedate, extension)
        self._make_rows(key)

    def _find_rows(self, key: str) -> None:
        names = {sheet.id: sheet.name for sheet in self._sheets}
        part = api.SubmittedNotebook
        asked = select(part.id, part.notebook_id, part.late_submission_penalty).where(
            part.assignment_id == key, part.notebook_id.in_(list(names))
        )
        for row in self._db.execute(asked):
            self._notebooks[names[row.notebook_id]] = row.id
            self._penalties[names[row.notebook_id]] = row.late_submission_penalty
        owner = {row: name for name, row in self._notebooks.items()}
        # The cells are named too: the tables' only index begins with them, and a class's grades are many.
        grades = [cell for sheet in self._sheets for cell in sheet.grades.values()]
        comments = [cell for sheet in self._sheets for cell in sheet.comments.values()]
        tables: list[tuple[Any, list[str], dict[tuple[str, str], str]]]
        tables = [(api.Grade, grades, self._grades), (api.Comment, comments, self._comments)]
        for table, cells, rows in tables:
            asked = select(table.id, table.notebook_id, table.cell_id).where(
                table.cell_id.in_(cells), table.notebook_id.in_(list(owner))
            )
            for row in self._db.execute(asked):
                rows[owner[row.notebook_id], row.cell_id] = row.id

    def _make_rows(self, key: str) -> None:
        """Make what is not there yet, as nbgrader's `add_submission` does."""
        parts, comments = [], []
        for sheet in self._sheets:
            if sheet.name not in self._notebooks:
                self._notebooks[sheet.name] = api.new_uuid()
                parts.append(
                    {"id": self._notebooks[sheet.name], "notebook_id": sheet.id, "assignment_id": key}
                )
            part = self._notebooks[sheet.name]
            for cell in sheet.grades.values():
                if (sheet.name, cell) not in self._grades:
                    row = {
                        "cell_id": cell,
                        "notebook_id": part,
                        "auto_score": None,
                        "needs_manual_grade": True,
                    }
                    self._new_grades[sheet.name, cell] = row
            for cell in sheet.comments.values():
                if (sheet.name, cell) not in self._comments:
                    key_of_row = api.new_uuid()
                    self._comments[sheet.name, cell] = key_of_row
                    comments.append({"id": key_of_row, "cell_id": cell, "notebook_id": part})
        for table, rows in ((api.SubmittedNotebook, parts), (api.Comment, comments)):
            if rows:
                self._db.execute(insert(table.__table__), rows)

    def mark(self, marks: NotebookMarks) -> None:
        """Take note of the marks of a notebook."""
        sheet = next(sheet for sheet in self._sheets if sheet.name == marks.name)
        scores = dict.fromkeys(sheet.grades, 0.0) if marks.missing else marks.scores
        for name, score in scores.items():
            place = (sheet.name, sheet.grades[name])
            if place in self._new_grades:
                self._new_grades[place] |= {"auto_score": score, "needs_manual_grade": score is None}
            else:
                row = {"row": self._grades[place], "score": score, "look": score is None}
                self._changed_grades.append(row | {"again": not marks.missing})
        for name, text in marks.comments.items():
            row_id = self._comments[sheet.name, sheet.comments[name]]
            self._changed_comments.append({"row": row_id, "text": text})

    def flush(self, marks: Iterable[NotebookMarks]) -> None:
        """Write what was noted."""
        db = self._db
        if self._new_grades:
            db.execute(insert(api.Grade.__table__), list(self._new_grades.values()))
        if self._changed_grades:
            # The database itself looks whether a person gave a mark: someone may be grading by hand just now.
            grade = api.Grade.__table__
            by_hand = (grade.c.manual_score.is_not(None)) & bindparam("again")
            change = (
                update(grade)
                .where(grade.c.id == bindparam("row"))
                .values(auto_score=bindparam("score"), needs_manual_grade=or_(bindparam("look"), by_hand))
            )
            db.execute(change, self._changed_grades)
        if self._changed_comments:
            comment = api.Comment.__table__
            change = update(comment).where(comment.c.id == bindparam("row"))
            db.execute(change.values(auto_comment=bindparam("text")), self._changed_comments)
        flagged = [self._notebooks[each.name] for each in marks if each.flagged]
        if flagged:
            part = api.SubmittedNotebook.__table__
            db.execute(update(part).where(part.c.id.in_(flagged)).values(flagged=True))

    def take_off(self, names: Iterable[str], penalty: Penalty) -> None:
        """Set the penalty of each notebook for lateness, or take it back."""
        part = api.SubmittedNotebook.__table__
        for name in names:
            points: float | None = None
            if self._seconds_late > 0:
                sheet = next(sheet for sheet in self._sheets if sheet.name == name)
                asked = select(func.coalesce(func.sum(api.Grade.score), 0.0)).where(
                    api.Grade.cell_id.in_(list(sheet.grades.values())),
                    api.Grade.notebook_id == self._notebooks[name],
                )
                score = self._db.execute(asked).scalar()
                points = penalty(self._student, float(score), self._seconds_late)
            if points != self._penalties.get(name):
                change = update(part).where(part.c.id == self._notebooks[name])
                self._db.execute(change.values(late_submission_penalty=points))
                self._penalties[name] = points

    def standing(self) -> Standing:
        """Return what the gradebook holds now."""
        names = {row: name for name, row in self._notebooks.items()}
        cells = {cell: name for sheet in self._sheets for name, cell in sheet.grades.items()}
        grade = api.Grade
        asked = select(grade.notebook_id, grade.cell_id, grade.auto_score, grade.score).where(
            grade.cell_id.in_(list(cells)), grade.notebook_id.in_(list(names))
        )
        scores: dict[str, dict[str, float | None]] = defaultdict(dict)
        totals: dict[str, list[float]] = defaultdict(list)
        for row in self._db.execute(asked):
            scores[names[row.notebook_id]][cells[row.cell_id]] = row.auto_score
            totals[names[row.notebook_id]].append(row.score)
        penalties = {name: self._penalties.get(name) for name in self._notebooks}
        return _standing(self._sheets, scores, totals, penalties, self._timestamp, self._seconds_late)


def read_sheets(db: Any, assignment: str) -> list[Sheet]:
    asked = select(api.Notebook.id, api.Notebook.name).join(api.Assignment)
    found = db.execute(asked.where(api.Assignment.name == assignment).order_by(api.Notebook.name)).all()
    sheets = []
    for key, name in found:
        base = api.BaseCell.__table__
        kinds: dict[str, dict[str, str]] = defaultdict(dict)
        for row in db.execute(select(base.c.id, base.c.name, base.c.type).where(base.c.notebook_id == key)):
            kinds[row.type][row.name] = row.id
        points: dict[str, float] = {}
        for table in (api.GradeCell.__table__, api.TaskCell.__table__):
            asked = select(base.c.name, table.c.max_score).join(table, table.c.id == base.c.id)
            points |= {row.name: row.max_score for row in db.execute(asked.where(base.c.notebook_id == key))}
        source = api.SourceCell.__table__
        cells = {
            row.name: Cell(row.cell_type, row.locked, row.source, row.checksum)
            for row in db.execute(select(source).where(source.c.notebook_id == key))
        }
        tasks = kinds["TaskCell"]
        sheets.append(
            Sheet(key, name, kinds["GradeCell"] | tasks, kinds["SolutionCell"] | tasks, points, cells)
        )
    return sheets


def standings(db: Any, assignment: str, sheets: list[Sheet]) -> dict[str, Standing]:
    submitted, part, grade = api.SubmittedAssignment, api.SubmittedNotebook, api.Grade
    names = {sheet.id: sheet.name for sheet in sheets}
    cells = {cell: name for sheet in sheets for name, cell in sheet.grades.items()}
    whose = [api.Assignment.name == assignment]
    parts, marks = [part.notebook_id.in_(list(names))], [grade.cell_id.in_(list(cells))]
    found: dict[str, Any] = {}
    asked = select(submitted.student_id, submitted.timestamp, submitted.extension, api.Assignment.duedate)
    for row in db.execute(asked.join(api.Assignment).where(*whose)):
        found[row.student_id] = row
    asked = select(submitted.student_id, part.notebook_id, part.late_submission_penalty)
    asked = asked.join(part, part.assignment_id == submitted.id).join(api.Assignment)
    penalties: dict[str, dict[str, float | None]] = defaultdict(dict)
    for row in db.execute(asked.where(*whose, *parts)):
        penalties[row.student_id][names[row.notebook_id]] = row.late_submission_penalty
    asked = select(submitted.student_id, part.notebook_id, grade.cell_id, grade.auto_score, grade.score)
    asked = asked.join(part, part.assignment_id == submitted.id).join(grade, grade.notebook_id == part.id)
    scores: dict[str, dict[str, dict[str, float | None]]] = defaultdict(lambda: defaultdict(dict))
    totals: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in db.execute(asked.join(api.Assignment).where(*whose, *parts, *marks)):
        scores[row.student_id][names[row.notebook_id]][cells[row.cell_id]] = row.auto_score
        totals[row.student_id][names[row.notebook_id]].append(row.score)
    return {
        name: _standing(
            sheets,
            scores[name],
            totals[name],
            penalties[name],
            row.timestamp,
            _seconds_late(row.timestamp, row.duedate, row.extension),
        )
        for name, row in found.items()
    }


def _standing(
    sheets: list[Sheet],
    scores: Mapping[str, Mapping[str, float | None]],
    points: Mapping[str, list[float]],
    penalties: Mapping[str, float | None],
    timestamp: datetime | None,
    seconds_late: float,
) -> Standing:
    totals = {notebook: fsum(each) for notebook, each in points.items()}  # in whatever order the rows came
    return Standing(
        score=fsum(totals.values()),
        max_score=sum(sum(sheet.points.values()) for sheet in sheets),
        late_penalty=fsum(each or 0.0 for each in penalties.values()),
        seconds_late=seconds_late,
        timestamp=timestamp,
        scores={notebook: dict(each) for notebook, each in scores.items()},
        totals=totals,
        penalties=dict(penalties),
    )


def _seconds_late(timestamp: datetime | None, duedate: datetime | None, extension: timedelta | None) -> float:
    if timestamp is None or duedate is None:
        return 0.0
    return max(0.0, (timestamp - duedate - (extension or timedelta())).total_seconds())
