"""What a check keeps of each requirement: how it went, and what came back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from digital_biopsy._calls import Call
from digital_biopsy._compare import Difference, kind


class CheckError(Exception):
    """The check itself is written wrongly: a message for its author, never for the learner."""


class Unusable(Exception):  # noqa: N818 - it is carried like an error, and never raised
    """Stands for a call that could not be made: the name is not defined, or is no function."""

    def __init__(self, name: str, missing: bool, value: Any) -> None:
        super().__init__(name)
        self.missing = missing
        self.empty = value is None or value is Ellipsis
        self.kind = kind(value)


@dataclass(eq=False)  # two that ask alike are still two, and arrays have no truth value
class Requirement:
    """One requirement and how it went."""

    names: tuple[str, ...]
    form: str  # "gives", "raises", "holds" or "equals"
    passed: bool
    weight: float
    says: str
    call: Call | None = None
    expected: Any = None
    tol: float | None = None
    found: Difference | None = None
    noisy: bool = False
    mute: bool = False
    sentence: str = ""
    stumble: Exception | None = None
    missing: bool = False
    unwritten: bool = False
    value: Any = None

    @property
    def untouched(self) -> bool:
        """Whether the learner has written nothing yet that this could try."""
        if self.call is None:
            return self.unwritten
        error = self.call.error
        return not self.passed and (
            isinstance(error, NotImplementedError)
            or (isinstance(error, Unusable) and (error.missing or error.empty))
        )


@dataclass(eq=False)  # two that ask alike are still two, and arrays have no truth value
class Group:
    """A hidden requirement: met when all its members are."""

    title: str
    says: str
    weight: float
    members: list[Requirement] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return all(member.passed for member in self.members)

    @property
    def untouched(self) -> bool:
        return all(member.untouched for member in self.members)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for member in self.members for name in member.names))

    @property
    def form(self) -> str:
        return "raises" if all(member.form == "raises" for member in self.members) else "gives"


Item = Requirement | Group


def members(items: Iterable[Item]) -> list[Requirement]:
    """Return the single requirements, those inside hidden groups too."""
    return [member for item in items for member in (item.members if isinstance(item, Group) else [item])]
