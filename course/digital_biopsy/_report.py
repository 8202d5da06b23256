"""From requirements to marks and words: what counts, what failed first, and what to say about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from digital_biopsy._calls import Call, describe_error
from digital_biopsy._card import NOT_ATTEMPTED, NOT_YET, RIGHT, Card, Sentence, Text, of_points
from digital_biopsy._compare import right_but_for_its_type, same, show
from digital_biopsy._mistakes import Mistake, recognise
from digital_biopsy._requirements import Group, Item, Requirement, Unusable, members


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
    explained = recognise(items, mistakes)
    first = next((item for item in failures if id(item) in explained), failures[0])
    told = _lead(first, explained.get(id(first)), stuck, calls)
    briefs = _briefs(first, [item for item in failures if item is not first], explained)
    briefs = tuple(line for line in briefs if line != told[0])
    return earned, Card(NOT_YET, scored, first=told, others=briefs, notes=_notes(items), footer=footer)


def _briefs(first: Item, others: Sequence[Item], explained: Mapping[int, Mistake]) -> tuple[Sentence, ...]:
    """A line for each further failure; those that went wrong as the first did share one."""
    way = _way(first)
    alike = [item for item in others if way and _way(item) == way]
    lines: dict[Sentence, None] = {}
    told = {explained[id(first)].says if id(first) in explained else ""}
    for item in others:
        if item not in alike:
            mistake = explained.get(id(item))
            lines[_brief(item, mistake, new=mistake is not None and mistake.says not in told)] = None
            told.add(mistake.says if mistake else "")
    if alike:
        count = "1 more requirement" if len(alike) == 1 else f"{len(alike)} more requirements"
        lines[(Text(f"{count} went wrong in the same way."),)] = None
    return tuple(lines)


def _brief(item: Item, mistake: Mistake | None, *, new: bool) -> Sentence:
    """One line; with the words of a known mistake where they are new."""
    asked = _asked(item, brief=True)
    tried = isinstance(item, Requirement) and not (item.call and (item.call.misfit or item.untouched))
    cause = item.says if mistake is None else mistake.says if new else ""
    says = cause if tried else ""
    return (*asked, Text(f" {says}")) if says else asked


def _way(item: Item) -> str:
    """How a call went wrong, where that says all: an error that was not asked for, or nothing returned."""
    if isinstance(item, Group):
        return ""
    if item.stumble is not None:
        return "stumble"
    call = item.call
    if call is None or item.form != "gives":
        return ""
    if call.error is not None:
        return type(call.error).__name__
    return "nothing" if call.value is None else ""


def _lead(
    first: Item,
    mistake: Mistake | None,
    stuck: set[str],
    calls: Mapping[str, Sequence[Call]],
) -> tuple[Sentence, ...]:
    """The first failing requirement in full: asked, expected, came back, likely cause."""
    cause = mistake.says if mistake else _own_words(first)
    frozen = [name for name in first.names if name in stuck and calls[name][0].value is not None]
    if frozen:
        value = "the same value" if isinstance(first, Group) else show(calls[frozen[0]][0].value)
        cause = f"It returned {value} every time, whatever it was given."
    asked = _asked_group(first, "") if isinstance(first, Group) else _asked(first)
    return (asked, (Text(cause),)) if cause else (asked,)


def _own_words(item: Item) -> str:
    """The requirement's own words on the likely cause."""
    if isinstance(item, Group):
        failing = [member for member in item.members if not member.passed]
        kinds = (_only_its_type(member) for member in failing)
        told = next(filter(None, kinds), "")
        return told or next((member.says for member in failing if member.says), item.says)
    return _only_its_type(item) or item.says or _usual_cause(item)


def _only_its_type(requirement: Requirement) -> str:
    """What to do where all is right but the type of what came back."""
    call = requirement.call
    if call is None or call.error is not None or requirement.form != "gives":
        return ""
    return right_but_for_its_type(requirement.expected, call.value, tol=requirement.tol)


def _usual_cause(requirement: Requirement) -> str:
    call = requirement.call
    if call is None or call.error is not None or requirement.form != "gives":
        return ""
    if isinstance(requirement.expected, np.ndarray) and isinstance(call.value, list | tuple):
        return "A NumPy array is wanted: return np.array(...) of it."
    if call.value is not None:
        return ""
    if call.printed:
        return "It printed an answer and returned nothing: put return before the value, in place of print."
    return "It returned nothing: end the function with return and the value."


def _asked(item: Item, brief: bool = False) -> Sentence:
    """One sentence: what was asked, what was expected, what came back."""
    if isinstance(item, Group):
        return _asked_group(item, item.says)
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
    if call.unwritten:
        return (
            Text("is not written yet: it still reaches the line "),
            Text("raise NotImplementedError", code=True),
            Text("."),
        )
    if brief:
        return (Text(f"stopped with {type(call.error).__name__}."),)
    said: Sentence = (Text(f"stopped with {call.trouble}"),)
    return (
        (*said, Text(", at the line "), Text(call.line, code=True), Text("."))
        if call.line
        else (*said, Text("."))
    )


def _asked_group(group: Group, says: str) -> Sentence:
    words = f" {says}" if says else ""
    return (Text(f"Checked after you submit: {group.title}. It is not met yet.{words}"),)


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
    extra = [argument for argument in _without_value(str(call.error)) if argument not in call.kwargs]
    if extra and not call.args:
        one = f"{extra[0]} has no value here" if len(extra) == 1 else f"{', '.join(extra)} have no value here"
        return (name, Text(f" must take {wanted}, and no more: {one}. Remove it, or give it a default."))
    return (name, Text(f" must take {wanted}. Python said: {call.error}."))


def _without_value(message: str) -> list[str]:
    """The parameters that Python found without an argument."""
    found = re.search(r"missing \d+ required (?:positional|keyword-only) arguments?: (.*)$", message)
    return re.findall(r"'(\w+)'", found[1]) if found else []


def _write_it(item: Item) -> Sentence:
    member = item.members[0] if isinstance(item, Group) else item
    name = Text(member.names[0], code=True)
    error = member.call.error if member.call else None
    if member.missing or (isinstance(error, Unusable) and error.missing):
        return (
            name,
            Text(" is not defined. Is it spelled so in the cell above? Run that cell, then this one."),
        )
    return (
        Text("Write "),
        name,
        Text(" in the cell above, under that very name; delete the line "),
        Text("raise NotImplementedError", code=True),
        Text("; run that cell, then this one."),
    )


def _notes(items: Sequence[Item]) -> tuple[Sentence, ...]:
    plain = [item for item in items if isinstance(item, Requirement) and item.call]
    notes: list[Sentence] = []
    for call in [item.call for item in plain if item.mute and item.call][:1]:
        text = f" raises {type(call.error).__name__} without a message. Say in it what was wrong."
        notes.append((Text(call.text, code=True), Text(text)))
    for call in [item.call for item in plain if item.call and item.call.changed][:1]:
        text = " changes the array that it was given. Whoever calls it still needs that: work on a copy."
        notes.append((Text(call.name, code=True), Text(text)))
    return tuple(notes)


def _footer(items: Sequence[Item], declared: Sequence[str]) -> str:
    count = f"{len(items)} requirement{' is' if len(items) == 1 else 's are'} checked here"
    if not declared or any(isinstance(item, Group) for item in items):
        return f"{count}."
    return f"{count}; {len(declared)} more after you submit ({', '.join(declared)})."


def _is_constant(name: str, items: Sequence[Item], calls: Sequence[Call]) -> bool:
    """Whether one value came back from every call although different ones were expected."""
    asked = [m for m in members(items) if m.form == "gives" and m.names == (name,)]
    if not any(not same(member.expected, asked[0].expected) for member in asked[1:]):
        return False
    bad = {id(m.call) for m in members(items) if m.form == "raises"}
    returned = [call for call in calls if id(call) not in bad]
    if any(call.error is not None for call in returned) or len(returned) < 2:
        return False
    return all(same(returned[0].value, call.value) for call in returned[1:])
