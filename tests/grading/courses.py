"""The courses that grading is tested on: the small fixture, and every real chapter that exists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autograder.answers import Answers, load
from autograder.sources import find_chapters

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests" / "autograder" / "fixture_course"


@dataclass(frozen=True)
class Chapter:
    """A chapter and the checkout that holds its source."""

    name: str
    checkout: Path

    @property
    def answers(self) -> Answers:
        return load(self.checkout / "solutions" / self.name / "answers.py")


def real() -> list[Chapter]:
    return [Chapter(name, ROOT) for name in find_chapters(ROOT / "solutions")]


def all_chapters() -> list[Chapter]:
    return [Chapter("00-warm-up", FIXTURE), *real()]
