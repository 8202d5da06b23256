"""Known mistakes: which of them explains what a learner's function gives."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digital_biopsy._calls import Call, copied, is_named
from digital_biopsy._compare import difference, same
from digital_biopsy._requirements import CheckError, Item, Requirement, Unusable, members


@dataclass(frozen=True, eq=False)
class Mistake:
    """A known mistake: a wrong value for one call (or name), or a rule for every call."""

    name: str
    wrong: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    says: str
    rule: bool

    def concerns(self, requirement: Requirement) -> bool:
        """Whether the requirement asks what this is a mistake in."""
        call = requirement.call
        if requirement.form not in ("gives", "raises", "equals") or self.name not in requirement.names:
            return False
        if call is None or self.rule:
            return not self.args and not self.kwargs
        return same(list(self.args), list(call.args)) and same(dict(self.kwargs), dict(call.kwargs))

    def verdict(self, requirement: Requirement) -> int:
        """Return 1 where the mistake explains what came back, -1 where it contradicts it, else 0."""
        if not self.concerns(requirement):
            return 0
        if requirement.form == "equals":
            return int(not requirement.passed and difference(self.wrong, requirement.value) is None)
        call = requirement.call
        if call is None or isinstance(call.error, Unusable):
            return 0
        wrong = self._applied(call) if self.rule else self.wrong
        if wrong is None and self.rule:
            return 0  # a rule says None where it has no opinion
        if _is_error(wrong):
            agrees = call.error is not None and is_named(call.error, wrong)
        else:
            agrees = call.error is None and difference(wrong, call.value, tol=requirement.tol) is None
        if requirement.form == "gives" and not _is_error(wrong):
            right_here = difference(requirement.expected, wrong, tol=requirement.tol) is None
            if right_here:
                return 0
        if agrees and not requirement.passed:
            return 1
        return -1 if self.rule and not agrees and requirement.form == "gives" else 0

    def _applied(self, call: Call) -> Any:
        """What the rule gives for a call: a value, or the class of its exception."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.wrong(*copied(call.args), **copied(dict(call.kwargs)))
        except Exception as error:
            return type(error)


def recognise(items: Sequence[Item], mistakes: Iterable[Mistake]) -> dict[int, Mistake]:
    """Return the mistake that explains each failing item, by the item's id.

    A rule is believed when it contradicts no call, or explains more wrong values than it contradicts calls:
    NaN may come from many wrong rules, but few agree with every other call. Of those that are believed the
    one with most support wins; a value typed for the very call goes before a rule.
    """
    believed: list[tuple[int, Mistake, set[int]]] = []
    for mistake in sorted(mistakes, key=lambda mistake: mistake.rule):
        verdicts = [(mistake.verdict(member), member) for member in members(items)]
        explained = [member for verdict, member in verdicts if verdict > 0]
        contradicted = sum(verdict < 0 for verdict, _ in verdicts)
        values = sum(member.form == "gives" for member in explained)
        if explained and (not contradicted or values > contradicted):
            believed.append((len(explained) - contradicted, mistake, {id(member) for member in explained}))
    believed.sort(key=lambda entry: -entry[0])
    found: dict[int, Mistake] = {}
    for item in items:
        mine = {id(member) for member in members([item])}
        explaining = [mistake for _, mistake, theirs in believed if mine & theirs]
        if explaining and not item.passed:
            found[id(item)] = explaining[0]
    return found


def verify(items: Sequence[Item], mistakes: Iterable[Mistake], *, complete: bool) -> None:
    """Raise CheckError for a mistake that can never be noticed. `complete`: no hidden test is stripped."""
    for mistake in mistakes:
        about = [member for member in members(items) if mistake.concerns(member)]
        if mistake.rule:
            for member in about:
                _bind(mistake, member.call)
        elif not about and complete:
            raise CheckError(f"No requirement asks the call of the mistake that says {mistake.says!r}.")
        elif any(
            member.form != "raises" and difference(member.expected, mistake.wrong, tol=member.tol) is None
            for member in about
        ):
            raise CheckError(f"The mistake that says {mistake.says!r} gives the right answer.")


def _is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _bind(mistake: Mistake, call: Call | None) -> None:
    if call is None:
        return
    try:
        inspect.signature(mistake.wrong).bind(*call.args, **call.kwargs)
    except TypeError as error:
        raise CheckError(f"The rule that says {mistake.says!r} cannot take {call.text}: {error}.") from error
