"""A class without notebooks: engines, work and a course folder that do what a submission's words say.

A submission is a file of words in ``FOLDER/submitted/STUDENT``; its mark is written to ``FOLDER/marks/STUDENT``. The
words: a number is the score of 10; ``die`` ends the engine, ``die-once`` only the first time; ``hang`` waits for ever;
``slow`` waits a little; ``fault`` raises; ``unable`` says that this machine cannot grade; ``flag`` and ``repair`` are
noted; ``kill-worker`` kills the process that works on it, ``kill-worker-once`` only the first time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from autograder.engine.task import EngineError, TaskFailed
from autograder.report import GRADED, UNCHANGED, Row


@dataclass(frozen=True)
class Item:
    student: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Graded:
    item: Item
    score: float


class Engine:
    """Nothing but a process; whoever waits for the engine waits for its end."""

    made = 0

    def __init__(self) -> None:
        Engine.made += 1
        self.closed = False
        # It ends with its input, that is, with the process that made it.
        self.process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True)

    @property
    def pids(self) -> tuple[int, ...]:
        return (self.process.pid,)

    def close(self) -> None:
        self.closed = True
        self.process.kill()
        self.process.communicate()


def first_time(folder: Path, student: str) -> bool:
    """True once for each student, over all processes."""
    try:
        (folder / f"tried-{student}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def work(item: Item, folder: Path, engine: Engine) -> Graded:
    """Do what the words say."""
    assert not engine.closed, "an engine that failed was used again"
    score = 0.0
    for word in item.words:
        if word == "die" or (word == "die-once" and first_time(folder, item.student)):
            raise TaskFailed("the worker was killed")
        if word == "kill-worker" or (word == "kill-worker-once" and first_time(folder, item.student)):
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "hang":
            engine.process.wait(120)
            raise TaskFailed("the engine was killed")
        if word == "slow":
            time.sleep(0.1)
        if word == "fault":
            raise ZeroDivisionError("a slip of ours")
        if word == "unable":
            raise EngineError("Landlock is missing here. Take a newer kernel.")
        if word.replace(".", "").isdigit():
            score = float(word)
    return Graded(item, score)


class Classroom:
    """A folder of words, and a folder of marks beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.write_errors: list[Exception] = []
        (folder / "marks").mkdir(exist_ok=True, parents=True)

    def students(self) -> list[str]:
        return [path.name for path in (self.folder / "submitted").iterdir()]

    def read(self, student: str) -> Item:
        self.reads.append(student)
        return Item(student, tuple((self.folder / "submitted" / student).read_text().split()))

    def recorded(self, item: Item) -> Row | None:
        try:
            words, score = (self.folder / "marks" / item.student).read_text().rsplit("=", 1)
        except FileNotFoundError:
            return None
        if words != " ".join(item.words):
            return None
        return Row(item.student, UNCHANGED, float(score), 10.0)

    def set_aside(self, item: Item, reason: str) -> Graded:
        return Graded(item, 0.0)

    def write(self, item: Item, graded: Graded) -> Row:
        self.writes.append(graded.item.student)
        if self.write_errors:
            raise self.write_errors.pop(0)
        assert item == graded.item
        path = self.folder / "marks" / item.student
        path.write_text(" ".join(item.words) + f"={graded.score}")
        with (self.folder / "written").open("a") as log:
            log.write(f"{item.student}\n")
        return Row(
            item.student, GRADED, graded.score, 10.0, stages={"checks": 0.5},
            flags=("sockets [red]",) if "flag" in item.words else (),
            repairs=("one cell was deleted",) if "repair" in item.words else (),
            late_penalty=2.0 if "late" in item.words else 0.0,
            notebooks={"exercises": {"first-check": graded.score, "essay": None}},
        )  # fmt: skip


def make_class(folder: Path, words: dict[str, str]) -> Classroom:
    """A class whose submissions hold these words."""
    (folder / "submitted").mkdir(parents=True, exist_ok=True)
    for student, text in words.items():
        (folder / "submitted" / student).write_text(text)
    return Classroom(folder)
