"""From requirements to marks and words: what counts, what failed first, and which known mistake explains it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from digital_biopsy._calls import Call, copied, describe_error, is_named
from digital_biopsy._card import NOT_ATTEMPTED, NOT_YET, RIGHT, Card, Sentence, Text, of_points
from digital_biopsy._compare import Difference, difference, kind, same, show


class CheckError(Exception):
    """The check itself is written wrongly: a message for its author, never for the learner."""


class Unusable(Exception):
    """Stands for a call that could not be made: the name is not defined, or is no function."""

    def __init__(self, name: str, missing: bool, value: Any) -> None:
        super().__init__(name)
        self.missing = missing
        self.empty = value is None or value is Ellipsis
        self.kind = kind(value)


@dataclass
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


@dataclass
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


@dataclass(frozen=True)
class Mistake:
    """A known mistake: a wrong value for one call, or a rule for every call."""

    name: str
    wrong: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    says: str
    rule: bool

    def is_about(self, call: Call) -> bool:
        """Whether this is a mistake in the given call."""
        if self.name != call.name:
            return False
        if self.rule:
            return True
        return same(list(self.args), list(call.args)) and same(dict(self.kwargs), dict(call.kwargs))

    def explains(self, requirement: Requirement) -> bool:
        """Whether a failing requirement came back with what this mistake gives."""
        call = requirement.call
        if call is None or requirement.passed or not self.is_about(call) or isinstance(call.error, Unusable):
            return False
        wrong = self.wrong
        if self.rule:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    wrong = self.wrong(*copied(call.args), **copied(dict(call.kwargs)))
            except Exception as error:
                wrong = type(error)
        if isinstance(wrong, type) and issubclass(wrong, BaseException):
            return call.error is not None and is_named(call.error, wrong)
        return call.error is None and difference(wrong, call.value, tol=requirement.tol) is None


Item = Requirement | Group


def verify(items: Sequence[Item], mistakes: Iterable[Mistake], *, complete: bool) -> None:
    """Raise CheckError for a mistake that can never be noticed. `complete`: no hidden test has been stripped."""
    asked = [
        member for member in _members(items) if member.call is not None and member.form in ("gives", "raises")
    ]
    for mistake in mistakes:
        about = [member for member in asked if member.call is not None and mistake.is_about(member.call)]
        if mistake.rule:
            for member in about:
                _bind(mistake, member.call)
        elif not about and complete:
            raise CheckError(f"No requirement asks the call of the mistake that says {mistake.says!r}.")
        else:
            for member in about:
                if (
                    member.form == "gives"
                    and difference(member.expected, mistake.wrong, tol=member.tol) is None
                ):
                    raise CheckError(f"The mistake that says {mistake.says!r} gives the right answer.")


def report(
    items: Sequence[Item],
    mistakes: Sequence[Mistake],
    calls: Mapping[str, Sequence[Call]],
    points: float,
    declared: Sequence[str],
) -> tuple[float, Card]:
    """Return the points earned and the card."""
    stuck = {name for name in calls if _is_constant(name, items, calls[name])}
    met = {name for item in items if item.passed and item.form != "raises" for name in item.names}
    valued = {name for item in items if item.form != "raises" for name in item.names}

    def earns(item: Item) -> bool:
        if not item.passed or stuck.intersection(item.names):
            return False
        return item.form != "raises" or all(
            name in met if name in valued else bool(met) for name in item.names
        )

    total = sum(item.weight for item in items)
    earned = round(points * sum(item.weight for item in items if earns(item)) / total, 2)
    failures = [item for item in items if not item.passed]
    footer = _footer(items, declared)
    scored = of_points(earned, points)
    if not failures:
        return earned, Card(RIGHT, scored, notes=_notes(items), footer=footer)
    if all(item.untouched for item in items):
        return earned, Card(NOT_ATTEMPTED, scored, first=(_write_it(failures[0]),), footer=footer)
    # The failure that a known mistake explains teaches most; without one, the first.
    explained = (item for item in failures if any(m.explains(r) for m in mistakes for r in _members([item])))
    first = next(explained, failures[0])
    told = _lead(first, failures, mistakes, stuck, calls)
    briefs = tuple(dict.fromkeys(_asked(item, brief=True) for item in failures if item is not first))
    briefs = tuple(line for line in briefs if line != told[0])
    return earned, Card(NOT_YET, scored, first=told, others=briefs, notes=_notes(items), footer=footer)


def _lead(
    first: Item,
    failures: Sequence[Item],
    mistakes: Sequence[Mistake],
    stuck: set[str],
    calls: Mapping[str, Sequence[Call]],
) -> tuple[Sentence, ...]:
    """The first failing requirement in full: asked, expected, came back, likely cause."""
    cause = _cause(first, failures, mistakes)
    frozen = [name for name in first.names if name in stuck and calls[name][0].value is not None]
    if frozen:
        value = "the same value" if isinstance(first, Group) else show(calls[frozen[0]][0].value)
        cause = (Text(f"It returned {value} every time, whatever it was given."),)
    sentences = (_asked(first),)
    return (*sentences, cause) if cause else sentences


def _cause(first: Item, failures: Sequence[Item], mistakes: Sequence[Mistake]) -> Sentence:
    """Words on the likely cause: the known mistake that explains this and most of the other failures, else `says`."""
    broken = [member for member in _members(failures) if not member.passed]
    mine = [member for member in _members([first]) if not member.passed]
    best, most = "", 0
    for mistake in sorted(mistakes, key=lambda mistake: mistake.rule):
        if any(mistake.explains(member) for member in mine):
            explained = sum(mistake.explains(member) for member in broken)
            if explained > most:
                best, most = mistake.says, explained
    own = next((member.says for member in mine if member.says), "")
    group = first.says if isinstance(first, Group) else ""
    words = best or own or group
    if not words and isinstance(first, Requirement):
        words = _usual_cause(first)
    return (Text(words),) if words else ()


def _usual_cause(requirement: Requirement) -> str:
    call = requirement.call
    if call is None or call.error is not None or call.value is not None or requirement.form != "gives":
        return ""
    if call.printed:
        return "It printed an answer and returned nothing: put return before the value, in place of print."
    return "It returned nothing: end the function with return and the value."


def _asked(item: Item, brief: bool = False) -> Sentence:
    """One sentence: what was asked, what was expected, what came back."""
    if isinstance(item, Group):
        words = f" {item.says}" if item.says else ""
        return (Text(f"Checked after you submit: {item.title}. It is not met yet.{words}"),)
    if item.form == "holds":
        return _asked_property(item, brief)
    if item.form == "equals":
        return _asked_value(item)
    call = item.call
    assert call is not None
    if isinstance(call.error, Unusable):
        return _unusable(call.name, call.error)
    if call.misfit:
        return _misfit(call)
    return (
        Text(call.text, code=True),
        Text(f" should {_wanted(item)}; yours "),
        *_came_back(item, call, brief),
    )


def _wanted(item: Requirement) -> str:
    if item.form == "raises":
        return f"raise {item.expected.__name__}"
    if item.found is not None:
        return item.found.should
    if item.noisy:
        return "give no warning"
    return f"be {show(item.expected)}"


def _came_back(item: Requirement, call: Call, brief: bool) -> Sentence:
    if call.error is not None:
        return _stopped(call, brief)
    if item.found is not None:
        printed = f" (and printed {call.printed[:60]!r})" if call.value is None and call.printed else ""
        return (Text(f"{item.found.gave}{printed}."),)
    if item.noisy:
        return (Text(f"warned: {call.warned[0]}"), Text("."))
    return (Text(f"gave {show(call.value)}."),)


def _stopped(call: Call, brief: bool) -> Sentence:
    if brief:
        return (Text(f"stopped with {type(call.error).__name__}."),)
    if call.unwritten:
        return (
            Text("stopped at "),
            Text("NotImplementedError", code=True),
            Text(": a part is not written yet, or it calls a function that is not."),
        )
    said: Sentence = (Text(f"stopped with {call.trouble}"),)
    return (
        (*said, Text(", at the line "), Text(call.line, code=True), Text("."))
        if call.line
        else (*said, Text("."))
    )


def _asked_property(item: Requirement, brief: bool) -> Sentence:
    head = (Text(f"This should hold: {item.sentence.rstrip('.')}."),)
    if item.unwritten:
        return (*head, Text(" "), Text(item.names[0], code=True), Text(" is not there yet."))
    call = item.call
    if call is not None and call.misfit:
        return _misfit(call)
    if call is not None and isinstance(call.error, Unusable):
        return _unusable(call.name, call.error)
    if call is not None and call.error is not None and item.stumble is None:
        return (*head, Text(" "), Text(call.text, code=True), Text(" "), *_stopped(call, brief))
    tail: Sentence = (Text(" With yours it does not"),)
    if item.stumble is not None:
        tail = (Text(f" It could not be tried on what came back ({describe_error(item.stumble)})"),)
    if call is None or call.error is not None:
        return (*head, *tail, Text("."))
    return (
        *head,
        *tail,
        Text("; the last call, "),
        Text(call.text, code=True),
        Text(f", gave {show(call.value)}."),
    )


def _asked_value(item: Requirement) -> Sentence:
    name = Text(item.names[0], code=True)
    if item.unwritten:
        return (name, Text(" is not there yet."))
    assert item.found is not None
    gave = item.found.gave.replace("gave ", "is ", 1)
    return (name, Text(f" should {item.found.should}; yours {gave}."))


def _unusable(name: str, error: Unusable) -> Sentence:
    if error.missing or error.empty:
        return (Text(name, code=True), Text(" is not there yet."))
    said = f" should be a function; it is {error.kind} now. Run the cell that defines it again."
    return (Text(name, code=True), Text(said))


def _misfit(call: Call) -> Sentence:
    wanted = ", ".join(call.kwargs)
    if call.args:
        wanted = f"{len(call.args)} argument{'' if len(call.args) == 1 else 's'} in order" + (
            f", then {wanted}" if wanted else ""
        )
    elif len(call.kwargs) == 1:
        wanted = f"the argument {wanted}"
    else:
        wanted = f"the arguments {wanted}" if wanted else "no arguments"
    name = Text(call.name, code=True)
    return (name, Text(f" must take {wanted}. Python said: {call.error}."))


def _write_it(item: Item) -> Sentence:
    member = item.members[0] if isinstance(item, Group) else item
    name = Text(member.names[0], code=True)
    error = member.call.error if member.call else None
    if member.missing or (isinstance(error, Unusable) and error.missing):
        return (name, Text(" is not defined: run the cell above that defines it, then this one."))
    return (Text("Write "), name, Text(" in the cell above, run that cell, then this one."))


def _notes(items: Sequence[Item]) -> tuple[Sentence, ...]:
    mute = next((i for i in items if isinstance(i, Requirement) and i.mute and i.call), None)
    if mute is None or mute.call is None:
        return ()
    text = f" raises {type(mute.call.error).__name__} without a message. Say in it what was wrong."
    return ((Text(mute.call.text, code=True), Text(text)),)


def _footer(items: Sequence[Item], declared: Sequence[str]) -> str:
    count = f"{len(items)} requirement{' is' if len(items) == 1 else 's are'} checked here"
    if not declared or any(isinstance(item, Group) for item in items):
        return f"{count}."
    return f"{count}; {len(declared)} more after you submit ({', '.join(declared)})."


def _is_constant(name: str, items: Sequence[Item], calls: Sequence[Call]) -> bool:
    """Whether one value came back from every call although different ones were expected."""
    asked = [m for m in _members(items) if m.form == "gives" and m.names == (name,)]
    if not any(not same(member.expected, asked[0].expected) for member in asked[1:]):
        return False
    bad = {id(m.call) for m in _members(items) if m.form == "raises"}
    returned = [call for call in calls if id(call) not in bad]
    if any(call.error is not None for call in returned) or len(returned) < 2:
        return False
    return all(same(returned[0].value, call.value) for call in returned[1:])


def _bind(mistake: Mistake, call: Call | None) -> None:
    if call is None:
        return
    try:
        inspect.signature(mistake.wrong).bind(*call.args, **call.kwargs)
    except TypeError as error:
        raise CheckError(f"The rule that says {mistake.says!r} cannot take {call.text}: {error}.") from error


def _members(items: Iterable[Item]) -> list[Requirement]:
    return [member for item in items for member in (item.members if isinstance(item, Group) else [item])]
