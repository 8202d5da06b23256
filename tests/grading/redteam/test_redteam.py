"""One class of hostile, broken and honest submissions: each gets its honest mark, and nothing else happens.

Not as the other tests are: the class is graded once, by the real command on real processes, and takes minutes. The
attacks are in `attacks/`; `REDTEAM=name,row,-name` grades only
these, or leaves some out.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode

if sys.platform != "linux":
    pytest.skip("the jail is made of parts of Linux", allow_module_level=True)

from autograder.engine.engine import missing_layers
from autograder.trial import run_nbgrader
from tests.grading.redteam.assignment import FULL, NAME, NOTEBOOK
from tests.grading.redteam.attack import Attack
from tests.grading.redteam.attacks import ATTACKS
from tests.grading.redteam.canaries import spellings
from tests.grading.redteam.course import OTHER, Result, run_class

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

WORDS = set(filter(None, os.environ.get("REDTEAM", "").split(",")))
LEFT_OUT = {word[1:] for word in WORDS if word.startswith("-")}
CHOSEN = {word for word in WORDS if not word.startswith("-")} or {attack.row for attack in ATTACKS}
CLASS = [a for a in ATTACKS if CHOSEN & {a.name, a.row} and a.name not in LEFT_OUT]
NAMES = [attack.student for attack in CLASS]
EACH = pytest.mark.parametrize("attack", CLASS, ids=NAMES)
FINDERS = [attack for attack in CLASS if attack.finds]
FEEDBACK = [a for a in CLASS if a.row == "theft" or a.name.startswith("scripts")]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The class, graded."""
    missing = missing_layers()
    if missing:
        pytest.fail("No attack is run where the jail has holes: " + " ".join(missing))
    result = run_class(tmp_path_factory.mktemp("class"), CLASS)
    print(result.said)
    return result


@pytest.fixture(scope="module")
def pages(graded: Result) -> dict[str, str]:
    """The feedback pages of the thieves."""
    for pattern in ("theft-*", "notebook-scripts-*"):
        if any(Path(a.student).match(pattern) for a in FEEDBACK):
            run_nbgrader(graded.place.course, "generate_feedback", NAME, "--student", pattern)
    found = {}
    for attack in FEEDBACK:
        path = graded.place.course / "feedback" / attack.student / NAME / f"{NOTEBOOK}.html"
        found[attack.student] = path.read_text() if path.exists() else ""
    return found


def name_of(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def text_of(notebook: NotebookNode, *, tests: bool) -> str:
    """The text of a graded notebook: what the checker wrote into the test cells, or all else."""
    cells = [cell for cell in notebook.cells if name_of(cell).endswith("-test") == tests]
    kept = [json.dumps(cell.get("outputs", [])) + ("" if tests else cell.source) for cell in cells]
    return "\n".join(kept) + json.dumps(notebook.metadata)


def test_enough_of_them() -> None:
    assert len({attack.student for attack in ATTACKS}) == len(ATTACKS)
    assert sum(attack.row != "honest" for attack in ATTACKS) >= 80
    assert sum(attack.row == "honest" for attack in ATTACKS) >= 10


def test_the_class_was_graded_to_its_end(graded: Result) -> None:
    assert graded.status in (0, 1), graded.said
    assert [row["student"] for row in graded.report["submissions"]] == sorted(NAMES), graded.said
    reasons = {
        row["student"]: row["reason"] for row in graded.report["submissions"] if row["status"] != "graded"
    }
    assert reasons.keys() == {attack.student for attack in CLASS if attack.sets_aside}, reasons
    assert all(reasons.values())


@EACH
def test_the_mark_is_honest(graded: Result, attack: Attack) -> None:
    row = graded.row(attack.student)
    scores = row["notebooks"].get(NOTEBOOK, {})
    found = {name: scores.get(f"{name}-test") for name in FULL}
    about = (row["status"], row["reason"], row["flags"], row["repairs"])
    if attack.sets_aside:
        assert not any(found.values()), about
        return
    if attack.at_most:
        assert all((found[name] or 0.0) <= mark for name, mark in attack.marks.items()), about
        return
    assert found == dict(attack.marks), about


@EACH
def test_it_was_noticed(graded: Result, attack: Attack) -> None:
    if attack.row == "honest" and attack.name != "honest-pip-and-errors":
        row = graded.row(attack.student)
        assert not row["flags"], "an honest student is not suspected"
        assert row["status"] == "graded"
    elif attack.flags:
        row = graded.row(attack.student)
        told = "\n".join([row["reason"], *row["flags"], *row["repairs"]])
        assert re.search(attack.flags, told), told


@EACH
def test_nothing_was_stolen(graded: Result, attack: Attack) -> None:
    notebook = graded.notebook(attack.student)
    row = json.dumps(graded.row(attack.student))
    theirs, checkers = (
        ("", "") if notebook is None else (text_of(notebook, tests=tests) for tests in (False, True))
    )
    own = {"submission"} if attack.name == "honest-right" else set()
    for kind, word in graded.words.items():
        # An instructor's notebook quotes the hidden test that failed; feedback is another matter, see below.
        text = row + theirs + ("" if kind == "hidden" else checkers)
        if kind not in own:
            assert not [spelling for spelling in spellings(word) if spelling in text], kind
    text = row + theirs + checkers
    assert "root:x:0:0" not in text
    assert "daemon:x:1:1" not in text


@pytest.mark.parametrize("attack", FINDERS, ids=[attack.student for attack in FINDERS])
def test_thieves_can_search(graded: Result, attack: Attack) -> None:
    notebook = graded.notebook(attack.student)
    assert notebook is not None
    assert attack.finds in text_of(notebook, tests=False)


@pytest.mark.parametrize("attack", FEEDBACK, ids=[attack.student for attack in FEEDBACK])
class TestFeedback:
    def test_hides_what_is_hidden(self, graded: Result, pages: dict[str, str], attack: Attack) -> None:
        page = pages[attack.student]
        assert page
        for kind, word in graded.words.items():
            assert not [spelling for spelling in spellings(word) if spelling in page], kind
        # Inputs that were kept in a file can be printed by a later cell: see "Inputs can be seen" in SECURITY.md.
        assert "asked: 731.25" not in page or attack.name == "hidden-inputs-kept"
        assert "253.75" not in page
        assert "1462.5" not in page

    def test_runs_nothing(self, pages: dict[str, str], attack: Attack) -> None:
        page = re.sub(r"<(pre|code)[ >].*?</\1>", "", pages[attack.student], flags=re.S)
        for pattern in (r"<script", r"<[^>]*\son\w+=", r"<iframe", r"<form", r"<[^>]*=[\"'\s]*javascript:"):
            assert not re.search(pattern, page.lower()), pattern


def test_graded_notebooks_stay_small(graded: Result) -> None:
    sizes = {path: path.stat().st_size for path in (graded.place.course / "autograded").rglob("*.ipynb")}
    assert sizes
    assert not {path.parts[-3]: size for path, size in sizes.items() if size > 40_000_000}


def test_what_is_said_commands_no_terminal(graded: Result) -> None:
    control = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
    assert not control.findall(graded.said)
    for row in graded.report["submissions"]:
        told = [row["reason"], *row["flags"], *row["repairs"]]
        assert not [text for text in told if control.search(text) or "\n" in text], row["student"]


def test_nothing_changed_outside(graded: Result) -> None:
    for top in ("course", "home", "outside"):
        before, after = graded.before[top], graded.after[top]
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert not changed, (
            top,
            {name: (before.get(name), after.get(name)) for name in sorted(changed)[:20]},
        )
    assert graded.before["public"] == graded.after["public"]


def test_nothing_was_left_behind(graded: Result) -> None:
    assert not graded.after["scratch"]


def test_each_wrote_into_its_own_folder_only(graded: Result) -> None:
    top = graded.place.course / "autograded"
    assert {path.name for path in top.iterdir()} <= {a.student for a in CLASS}
    for attack in CLASS:
        if attack.row == "honest":
            folder = top / attack.student / NAME
            found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
            assert found == {f"{NOTEBOOK}.ipynb", "data/values.txt", *attack.files}
    for path in top.rglob("*"):
        assert not path.is_symlink(), path
        assert path.is_file() or path.is_dir(), path


def test_other_rows_of_the_gradebook_are_as_before(graded: Result) -> None:
    before, after = graded.before["rows"], graded.after["rows"]
    assert before.keys() == after.keys()
    for table in before:
        if table == "student":
            assert set(before[table]) <= set(after[table])
            new = {row[0] for row in after[table]} - {row[0] for row in before[table]}
            assert new <= set(NAMES)
        else:
            assert before[table] == after[table], table
    assert OTHER in str(before["assignment"])


def test_nobody_called(graded: Result) -> None:
    assert not graded.calls


def test_nobody_was_signalled(graded: Result) -> None:
    assert not graded.signals


def test_nothing_outlived_it(graded: Result) -> None:
    assert not graded.survivors
