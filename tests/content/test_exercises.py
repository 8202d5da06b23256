"""Each exercise says what its check asks: names, numbers, hints, points, and a question with a rubric."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autograder.sources import OPTIONS, Cell, find_chapters, read_cells
from tests.content.contracts import CONTRACTS, SIGNATURES

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = find_chapters(ROOT / "solutions")


@dataclass
class Exercise:
    """What belongs together: the text before a check, its solution cells, the check, and what follows."""

    prompt: list[Cell] = field(default_factory=list)
    solutions: list[Cell] = field(default_factory=list)
    check: Cell | None = None
    after: list[Cell] = field(default_factory=list)

    @property
    def said(self) -> str:
        """Everything that the learner reads before the check runs."""
        stubs = [
            re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "", c.node.source, flags=re.S)
            for c in self.solutions
        ]
        return "\n".join([cell.node.source for cell in self.prompt] + stubs)

    @property
    def title(self) -> str:
        return next(
            (c.node.source.splitlines()[0] for c in self.prompt if c.node.source.startswith("## ")),
            "untitled",
        )

    def requirement_calls(self) -> list[ast.Call]:
        assert self.check is not None
        found = [node for node in ast.walk(ast.parse(self.check.node.source)) if isinstance(node, ast.Call)]
        return [node for node in found if isinstance(node.func, ast.Attribute) and _is_check(node.func.value)]


def _is_check(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "c"


def exercises(cells: list[Cell]) -> list[Exercise]:
    """Cut the cells into exercises at each level-two heading; the last one is the written question."""
    found: list[Exercise] = []
    for cell in cells:
        if not cell.is_code and cell.node.source.startswith("## "):
            found.append(Exercise())
        if not found:
            continue
        here = found[-1]
        if here.check is not None:
            here.after.append(cell)
        elif cell.is_code and cell.meta.get("grade"):
            here.check = cell
        elif cell.meta.get("solution"):
            here.solutions.append(cell)
        else:
            here.prompt.append(cell)
    return found


def cells_of(chapter: str) -> list[Cell]:
    return read_cells(ROOT / "solutions" / chapter / "exercises.md")


def coded() -> list[tuple[str, int]]:
    return [(c, i) for c in CHAPTERS for i, e in enumerate(exercises(cells_of(c))) if e.check is not None]


@pytest.mark.parametrize(("chapter", "number"), coded())
class TestExercise:
    """Rules that hold for every exercise with a check."""

    def get(self, chapter: str, number: int) -> Exercise:
        return exercises(cells_of(chapter))[number]

    def test_check_uses_only_names_that_the_prompt_mentions(self, chapter: str, number: int) -> None:
        exercise = self.get(chapter, number)
        assert exercise.check is not None
        check = next(
            node
            for node in ast.walk(ast.parse(exercise.check.node.source))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check"
        )
        names = {ast.literal_eval(arg) for arg in check.args}
        for call in exercise.requirement_calls():
            names |= {keyword.arg for keyword in call.keywords if keyword.arg} - OPTIONS
            if isinstance(call.func, ast.Attribute) and call.func.attr == "raises":
                names.add(ast.unparse(call.args[0]))
        unknown = sorted(name for name in names if not re.search(rf"\b{re.escape(name)}\b", exercise.said))
        # "Bad input raises ValueError" may stand once, at the top of the set.
        head = "\n".join(cell.node.source for cell in cells_of(chapter)[:4])
        unknown = [name for name in unknown if not (name.endswith("Error") and name in head)]
        assert not unknown, f"{exercise.title}: the check uses {unknown}, which the prompt never mentions"

    def test_prompt_has_contract_number_and_hint(self, chapter: str, number: int) -> None:
        exercise = self.get(chapter, number)
        assert "**Write** `" in exercise.said, "no contract"
        assert re.search(r"\*A number to hold on to:\*.*\d", exercise.said), "no worked number"
        hints = "\n".join(cell.node.source for cell in exercise.after)
        assert re.search(r"<details><summary>Hint", hints), "no folded hint"
        assert hints.count("<details>") == hints.count("</details>") <= 3

    def test_title_tells_the_points(self, chapter: str, number: int) -> None:
        exercise = self.get(chapter, number)
        assert exercise.check is not None
        points = exercise.check.meta["points"]
        assert exercise.title.endswith(f"({points} point{'' if points == 1 else 's'})")

    def test_stub_has_a_docstring(self, chapter: str, number: int) -> None:
        for cell in self.get(chapter, number).solutions:
            for node in ast.parse(cell.node.source).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    assert ast.get_docstring(node), f"{cell.path}:{cell.line}: {node.name} has no docstring"

    def test_failures_have_words(self, chapter: str, number: int) -> None:
        """Two known mistakes at least, and words on every hidden requirement: nobody is told only "wrong"."""
        calls = self.get(chapter, number).requirement_calls()
        kinds = [call.func.attr for call in calls if isinstance(call.func, ast.Attribute)]
        spoken = [call for call in calls if any(keyword.arg == "says" for keyword in call.keywords)]
        assert kinds.count("mistake") >= 2 or len(spoken) >= 3
        groups = [
            call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "hidden"
        ]
        first_hidden = min((call.lineno for call in groups), default=10**6)
        for call in calls:
            kind = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            # Inside a hidden requirement its own words do.
            if kind in ("hidden", "mistake") or (kind == "raises" and call.lineno < first_hidden):
                assert call in spoken, f"line {call.lineno} of the check has no says="


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_contracts_of_the_curriculum(chapter: str) -> None:
    found = {}
    definitions = {}
    for exercise in exercises(cells_of(chapter)):
        for cell in exercise.solutions:
            if cell.is_code:
                for node in ast.parse(cell.node.source).body:
                    if isinstance(node, ast.FunctionDef):
                        definitions[node.name] = ast.unparse(node.args)
        if exercise.check is not None:
            head = re.search(r"check\((.*?), points=", exercise.check.node.source)
            assert head
            found[tuple(ast.literal_eval(f"[{head[1]}]"))] = exercise.check.meta["points"]
    assert found == CONTRACTS[chapter]
    assert definitions == SIGNATURES[chapter]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_one_written_question_with_its_rubric_in_the_source(chapter: str) -> None:
    cells = cells_of(chapter)
    written = [i for i, cell in enumerate(cells) if not cell.is_code and cell.meta.get("grade")]
    assert len(written) == 1
    answer, question = cells[written[0]], cells[written[0] - 1]
    assert "**Model answer.**" in answer.node.source
    rubric = re.search(r"\*\*Rubric\.\*\*(.*)", answer.node.source, re.S)
    assert rubric
    points = answer.meta["points"]
    shares = [float(n) for n in re.findall(r"(\d+(?:\.\d+)?) points?:", rubric[1])]
    assert sum(shares) == points, f"the rubric's points {shares} do not add up to {points}"
    assert question.node.source.startswith("## ")
    assert f"({points} point" in question.node.source
    assert "Rubric" not in "".join(cell.node.source for i, cell in enumerate(cells) if i != written[0])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_head_tells_time_and_points(chapter: str) -> None:
    cells = cells_of(chapter)
    head = cells[0].node.source
    graded = [cell for cell in cells if cell.meta.get("grade")]
    machine = sum(cell.meta["points"] for cell in graded if cell.is_code)
    hand = sum(cell.meta["points"] for cell in graded if not cell.is_code)
    assert re.search(r"About \d+ minutes", head)
    assert f"{machine} points by machine, {hand} points by hand" in head
