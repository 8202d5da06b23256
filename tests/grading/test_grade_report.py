"""What a run says: rows, totals, the table, the histogram, JSON, progress, exit statuses of the command."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import autograder
from autograder import _progress, grading
from autograder._progress import Bar, Lines
from autograder.grading import GradeError, command
from autograder.report import FAILED, GRADED, SET_ASIDE, UNCHANGED, Report, Row
from tests.grading import fakes


def example() -> Report:
    report = Report("01-first", 8, seconds=2.0, workers="2 workers", versions={"torch": "2", "numpy": "1"})
    report.add(Row("eve", SET_ASIDE, 0.0, 10.0, reason="the worker was killed"))
    report.add(Row("bob", GRADED, 9.0, 10.0, late_penalty=3.0, stages={"checks": 0.5, "student": 1.0}))
    report.add(Row("ada", UNCHANGED, 10.0, 10.0))
    report.add(Row("fay", FAILED, reason="could not be read: it is gone"))
    report.add(Row("dan", GRADED, 2.5, 10.0, flags=("a socket [/red] was opened",), stages={"checks": 0.25}))
    report.add(Row("cyd", GRADED, 0.95, 10.0, repairs=("one cell was deleted", "one tag was dropped")))
    report.add(Row("gus", GRADED, 12.0, 10.0))
    report.sort()
    return report


def test_totals_mean_and_histogram() -> None:
    report = example()
    assert [row.student for row in report.rows] == ["ada", "bob", "cyd", "dan", "eve", "fay", "gus"]
    totals = report.to_dict()["totals"]
    assert totals == {
        "submissions": 8, "graded": 4, "unchanged": 1, "set_aside": 1, "failed": 1, "not_reached": 1,
        "repaired": 1, "flagged": 1, "late": 1, "mean_percent": pytest.approx((100 + 60 + 9.5 + 25 + 0 + 120) / 6),
        "histogram_percent": [2, 0, 1, 0, 0, 0, 1, 0, 0, 2],
    }  # fmt: skip
    assert report.stages == {"checks": 0.75, "student": 1.0}
    assert report.rate == 3.0


@pytest.mark.parametrize(
    ("percent", "bin_"), [(0.0, 0), (9.99, 0), (10.0, 1), (89.9, 8), (90.0, 9), (100.0, 9), (130.0, 9)]
)
def test_every_mark_has_its_bin(percent: float, bin_: int) -> None:
    report = Report("a", 1, [Row("ada", GRADED, percent, 100.0)])
    assert [number for number, count in enumerate(report.histogram()) if count] == [bin_]


def test_the_penalty_takes_no_more_than_there_is() -> None:
    assert Row("ada", GRADED, 2.0, 10.0, late_penalty=5.0).percent == 0.0
    assert Row("ada", GRADED, 0.0, 0.0).percent is None
    assert Row("ada", FAILED).percent is None


def test_the_text_tells_failures_first_and_shows_brackets_as_they_are() -> None:
    text = example().text()
    order = [text.index(name) for name in ("eve", "fay", "dan", "cyd")]
    assert order == sorted(order)
    assert "flag: a socket [/red] was opened" in text
    assert "repaired: one tag was dropped" in text
    assert "ada" not in text
    assert (
        "01-first: 6 of 8 graded (1 unchanged since the last time, 1 repaired, 1 flagged, 1 set aside, 1 failed, "
        "1 not reached, 1 late)"
    ) in " ".join(text.split())
    assert "Mean 52.4 %" in text
    assert "6 in 2.0 s, 3.00 a second, 2 workers" in text
    assert "Time by stage: checks 0.8 s, student 1.0 s" in text
    assert re.search(r"^  0- 10 %  [█#]{30} 2$", text, re.M)
    assert re.search(r"^ 10- 20 %$", text, re.M)
    assert re.search(r"^ 20- 30 %  [█#]{15} 1$", text, re.M)
    assert "UNSAFE" not in text


def test_the_text_of_a_console_without_blocks_is_ascii() -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii", write_through=True), width=100)
    example().print(console)
    assert b"  0- 10 %  ############################## 2" in raw.getvalue()


def test_a_long_list_is_cut_and_says_so() -> None:
    report = Report("a", 80, [Row(f"s{number:02d}", FAILED, reason="gone") for number in range(80)])
    text = report.text()
    assert "s49" in text
    assert "s50" not in text
    assert "... and 30 more; --json FILE has them all." in text


def test_unsafe_is_said_in_every_report() -> None:
    report = Report("a", 1, [Row("ada", GRADED, 1.0, 1.0)], unsafe=True)
    assert "UNSAFE: student code was not confined." in report.text()
    assert report.to_dict()["unsafe"] is True


@pytest.mark.parametrize(
    ("statuses", "extra", "expected"),
    [
        ([GRADED, UNCHANGED], {}, 0), ([GRADED, FAILED], {}, 1), ([SET_ASIDE], {}, 1), ([], {}, 0),
        ([GRADED], {"stopped": "Landlock is missing"}, 2), ([FAILED], {"interrupted": True}, 130),
    ],
)  # fmt: skip
def test_exit_statuses(statuses: list[str], extra: dict[str, Any], expected: int) -> None:
    rows = [Row(f"s{number}", status) for number, status in enumerate(statuses)]
    assert Report("a", len(rows), rows, **extra).exit_status == expected


def test_json_is_written_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    report = example()
    report.write_json(path)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(report.to_dict()))
    assert [row["student"] for row in written["submissions"]] == [
        "ada",
        "bob",
        "cyd",
        "dan",
        "eve",
        "fay",
        "gus",
    ]
    assert written["submissions"][1]["percent"] == 60.0
    assert list(written["versions"]) == ["numpy", "torch"]
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["report.json"]


def test_json_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        example().write_json(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.json"]


# ---- progress --------------------------------------------------------------------------------------------------


def test_plain_lines_say_failures_at_once_and_how_far_it_is_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now)
    file = io.StringIO()
    lines = Lines(Console(file=file, width=60), every=5.0)
    lines.start(10)
    lines.row(Row("ada", UNCHANGED))
    lines.row(Row("bob", GRADED, flags=("x",)))
    lines.row(Row("cyd", FAILED, reason="it is [gone], " + "word " * 20))
    lines.tick()
    now = 104.0
    lines.tick()
    assert file.getvalue().splitlines() == [
        "Grading 10 submissions", "cyd: failed: it is [gone], " + "word " * 20
    ]  # fmt: skip
    now = 105.0
    lines.tick()
    lines.tick()
    assert file.getvalue().splitlines()[2:] == ["3 of 10, 0.4 a second, 0:18 left, 1 flagged, 1 failed"]


def test_the_bar_counts_flags_and_failures() -> None:
    file = io.StringIO()
    bar = Bar(Console(file=file, force_terminal=True, width=120, color_system=None))
    bar.start(3)
    bar.row(Row("ada", GRADED, flags=("x",)))
    bar.row(Row("bob", SET_ASIDE, reason="it ended [/] its worker"))
    bar.tick()
    bar.end()
    text = file.getvalue()
    assert "bob: set aside: it ended [/] its worker" in text
    assert "2/3" in text
    assert "a second" in text
    assert "1 flagged, 1 failed" in text


# ---- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Let the command grade a class of fakes; the arguments that it gave."""
    got: dict[str, Any] = {}
    fakes.make_class(tmp_path, {"ada": "3", "bob": "fault", "cyd": "flag 9"})

    def fake_grade(assignment: str, **options: Any) -> Report:
        got.update(options, assignment=assignment)
        room = fakes.Classroom(tmp_path)
        return grading.run(
            room, fakes.Engine, fakes.work, tmp_path, assignment=assignment, workers=1,
            students=grading.chosen(room.students(), options["students"]), progress=options["progress"],
        )  # fmt: skip

    monkeypatch.setattr(grading, "grade", fake_grade)
    return got


def test_the_command_passes_on_what_it_is_given(
    asked: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.json"
    words = ["first", "--course-root", "/c", "--student", "ada, cyd", "--student", "ada", "--workers", "3"]
    assert command([*words, "--db", "sqlite:///x", "--force", "--unsafe", "--json", str(path)]) == 0
    out, errors = capsys.readouterr()
    progress = asked.pop("progress")
    assert isinstance(progress, Lines)
    assert asked == {
        "assignment": "first", "course_root": "/c", "students": ["ada", "cyd", "ada"], "workers": 3,
        "scheduler": None, "db": "sqlite:///x", "force": True, "unsafe": True,
    }  # fmt: skip
    assert "Grading 2 submissions" in out
    assert "flag: sockets [red]" in out
    assert "first: 2 of 2 graded" in out
    assert errors == ""
    assert json.loads(path.read_text())["totals"]["graded"] == 2


@pytest.mark.usefixtures("asked")
def test_quiet_prints_only_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["first", "--quiet", "--student", "ada"]) == 0
    assert capsys.readouterr() == ("", "")
    assert command(["first", "--quiet"]) == 1
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors == "bob: failed: could not be graded: ZeroDivisionError: a slip of ours\n"


@pytest.mark.usefixtures("asked")
def test_a_student_who_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["first", "--student", "addda"]) == 2
    assert capsys.readouterr().err == "There is no submission by 'addda'. Similar ids: ada.\n"


def test_what_keeps_it_from_starting_is_one_or_two_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fails(assignment: str, **options: Any) -> Report:
        raise GradeError("[No] scheduler.\nStart one.")

    monkeypatch.setattr(grading, "grade", fails)
    assert command(["first"]) == 2
    assert capsys.readouterr().err == "[No] scheduler.\nStart one.\n"
    assert command(["first", "--json", str(tmp_path / "none" / "x.json")]) == 2
    assert "--json: there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["first", "--workers", "0"], "'0' is not a number of workers"),
        (["first", "--workers", "2", "--scheduler", "tcp://x"], "not allowed with"),
        ([], "ASSIGNMENT"),
    ],
)
def test_usage_errors(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        command(words)
    assert error.value.code == 2
    assert said in capsys.readouterr().err


def test_names_that_are_none_and_folders_that_are_not_there(tmp_path: Path) -> None:
    for name in ("", "../x", ".hidden"):
        with pytest.raises(GradeError, match="is not the name of an assignment"):
            autograder.grade(name, course_root=tmp_path)
    with pytest.raises(GradeError, match="There is no folder"):
        autograder.grade("first", course_root=tmp_path / "none")
    with pytest.raises(GradeError, match="give one of the two"):
        autograder.grade("first", course_root=tmp_path, workers=2, scheduler="tcp://x")


def test_the_package_stays_light_for_the_engines_processes() -> None:
    import subprocess
    import sys

    code = "import autograder.engine.task, sys; print({'dask', 'rich', 'nbgrader', 'sqlalchemy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
    assert autograder.Report is Report
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        autograder.nothing  # noqa: B018
