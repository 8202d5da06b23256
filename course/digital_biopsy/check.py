"""Checks that teach: a test cell that reads like a sentence, and a card that says what to do next.

>>> from digital_biopsy.check import check
>>> def double(x):
...     return x + 2
>>> with check("double", points=2) as c:
...     c.gives(4, x=2)
...     c.gives(10, x=5)
...     c.mistake(lambda x: x + 2, says="You added 2. Multiply by 2.")
Not right yet (1 of 2 points). double(x=5) should be 10; yours gave 7. You added 2. Multiply by 2.
2 requirements are checked here.
>>> c.score
1

The learner's function is looked up by name and only ever called: arguments are copied before each call,
results are plain values. So the same cell works where the name holds a handle to a function in another
process.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from digital_biopsy._calls import Call, copied, is_named, run
from digital_biopsy._card import Card, Score
from digital_biopsy._compare import difference
from digital_biopsy._mistakes import Mistake, verify
from digital_biopsy._report import report
from digital_biopsy._requirements import CheckError, Group, Item, Requirement, Unusable

__all__ = ["Check", "CheckError", "Subject", "check"]


def check(
    *names: str, points: float, hidden: Sequence[str] = (), namespace: Mapping[str, Any] | None = None
) -> Check:
    """Open a check of the learner's functions or values called `names`.

    Parameters
    ----------
    names
        Names in the notebook. Requirements speak of the first; `c["other"]` speaks of another.
    points
        What the test cell is worth; equal to the points in the cell's nbgrader metadata.
    hidden
        Titles of the hidden requirements, in order; they stay readable once the hidden tests are stripped.
    namespace
        Where the names live; the caller's globals by default.
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise CheckError('check() takes the names as strings: check("drift_bias", points=3).')
    if not points > 0:
        raise CheckError(f"points must be positive, not {points!r}.")
    space = sys._getframe(1).f_globals if namespace is None else namespace
    return Check(names, float(points), tuple(hidden), space)


class Subject:
    """What a check says about one name."""

    def __init__(self, owner: Check, name: str, namespace: Mapping[str, Any]) -> None:
        self.name = name
        self._owner = owner
        self._space = namespace
        self.missing = name not in namespace
        self.value = namespace.get(name)
        self.calls: list[Call] = []

    def gives(
        self,
        expected: Any,
        /,
        *args: Any,
        tol: float | None = None,
        dtype: Any = None,
        no_warnings: bool = False,
        says: str = "",
        weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        """Require that the call returns `expected`.

        Parameters
        ----------
        expected
            The right value. NaN equals NaN; arrays must agree in shape; True is not 1.
        tol
            Absolute tolerance. Default: integers equal, other numbers within 1e-6 (relative) or 1e-9.
        dtype
            The dtype that must come back, as `numpy.issubdtype` reads it.
        no_warnings
            Also require that nothing warns.
        says
            Words for the card when this fails and no known mistake matches.
        weight
            Share of the points.
        """
        call = self._call(args, kwargs)
        found = None if call.error else difference(expected, call.value, tol=tol, dtype=dtype)
        noisy = no_warnings and bool(call.warned)
        passed = call.error is None and found is None and not noisy
        self._owner._add(
            Requirement(
                (self.name,),
                "gives",
                passed,
                weight,
                says,
                call=call,
                expected=copied(expected),
                tol=tol,
                found=found,
                noisy=noisy,
            )
        )

    def raises(
        self,
        error: type[BaseException],
        /,
        *args: Any,
        message: bool = False,
        says: str = "",
        weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        """Require that the call raises `error` (or a subclass, told by name).

        An error without a message earns a remark on the card; with `message=True` it fails. A `raises` counts
        only once some requirement on a value is met: a function that always raises earns nothing.
        """
        if not (isinstance(error, type) and issubclass(error, BaseException)):
            raise CheckError(f"raises() takes an exception class, not {error!r}.")
        call = self._call(args, kwargs)
        fits = call.error is not None and is_named(call.error, error)
        fits = fits and (not call.unwritten or error is NotImplementedError) and not call.misfit
        mute = fits and not str(call.error).strip()
        self._owner._add(
            Requirement(
                (self.name,),
                "raises",
                fits and not (mute and message),
                weight,
                says,
                call=call,
                expected=error,
                mute=mute,
            )
        )

    def holds(
        self, sentence: str, predicate: Callable[..., Any], /, *, says: str = "", weight: float = 1.0
    ) -> None:
        """Require a property, told as a sentence; `predicate` gets this name's function or value."""
        self._owner._hold([self], sentence, predicate, says, weight)

    def equals(
        self, expected: Any, /, *, tol: float | None = None, says: str = "", weight: float = 1.0
    ) -> None:
        """Require that the name itself holds `expected`."""
        value = copied(self.value)
        blank = self.missing or value is Ellipsis or (value is None and expected is not None)
        found = None if blank else difference(expected, value, tol=tol)
        self._owner._add(
            Requirement(
                (self.name,),
                "equals",
                not blank and found is None,
                weight,
                says,
                expected=copied(expected),
                found=found,
                missing=self.missing,
                unwritten=blank,
                value=value,
            )
        )

    def mistake(self, wrong: Any, /, *args: Any, says: str, **kwargs: Any) -> None:
        """Name a known mistake: a wrong value (or exception class) for a call, or a wrong rule as a function.

        A value is recognised when the call, asked elsewhere in the check, returns it; a rule, when failing
        calls return what the rule returns (None: the rule has no opinion on this call). Mistakes are no
        requirements: they only find the words.
        """
        rule = callable(wrong) and not isinstance(wrong, type)
        if rule and (args or kwargs):
            raise CheckError(
                "mistake() with a rule takes no arguments: the rule is tried on every failing call."
            )
        if not says:
            raise CheckError("mistake() needs says=, the words for the learner.")
        self._owner._mistakes.append(Mistake(self.name, wrong, args, kwargs, says, rule))

    def _call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        if self.missing or not callable(self.value):
            return Call(self.name, args, kwargs, error=Unusable(self.name, self.missing, self.value))
        secret = self._owner._group is not None
        call = run(self.name, self.value, args, kwargs, self._space, secret=secret)
        self.calls.append(call)
        return call


class Check:
    """A test cell's requirements and, once the block ends, its card and score. Made by `check`."""

    def __init__(
        self, names: tuple[str, ...], points: float, hidden: tuple[str, ...], space: Mapping[str, Any]
    ) -> None:
        self.points = points
        self.score: Score = Score(0.0, points)
        self.card: Card | None = None
        self._declared = hidden
        self._subjects = {name: Subject(self, name, space) for name in names}
        self._items: list[Item] = []
        self._mistakes: list[Mistake] = []
        self._group: Group | None = None
        self._open = False
        first = self._subjects[names[0]]
        self.gives = first.gives
        self.raises = first.raises
        self.equals = first.equals
        self.mistake = first.mistake

    def __getitem__(self, name: str) -> Subject:
        if name not in self._subjects:
            raise CheckError(f"{name!r} is not one of the names of this check: {', '.join(self._subjects)}.")
        return self._subjects[name]

    def __enter__(self) -> Check:
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        if error is None:
            self._finish()

    def holds(
        self, sentence: str, predicate: Callable[..., Any], /, *, says: str = "", weight: float = 1.0
    ) -> None:
        """Require a property; `predicate` gets as many of the names, in order, as it has parameters."""
        many = len(inspect.signature(predicate).parameters)
        if not 1 <= many <= len(self._subjects):
            raise CheckError(
                f"The predicate of {sentence!r} takes {many} functions; the check has other names."
            )
        self._hold(list(self._subjects.values())[:many], sentence, predicate, says, weight)

    @contextlib.contextmanager
    def hidden(self, title: str, *, says: str = "", weight: float = 1.0) -> Iterator[None]:
        """Group requirements into one, met when all are; the card shows its title and words only."""
        if self._group is not None:
            raise CheckError(f"hidden({title!r}) stands inside hidden({self._group.title!r}).")
        if title not in self._declared:
            raise CheckError(f"hidden({title!r}) is not declared: add it to hidden=[...] of check(...).")
        self._group = Group(title, says, weight)
        try:
            yield
        finally:
            group, self._group = self._group, None
        if not group.members:
            raise CheckError(f"hidden({title!r}) holds no requirement.")
        self._items.append(group)

    def _add(self, requirement: Requirement) -> None:
        if not self._open:
            raise CheckError("Requirements stand inside the block: with check(...) as c:")
        if not requirement.weight > 0:
            raise CheckError(f"weight must be positive, not {requirement.weight!r}.")
        if self._group is not None:
            self._group.members.append(requirement)
        else:
            self._items.append(requirement)

    def _hold(
        self, subjects: list[Subject], sentence: str, predicate: Callable[..., Any], says: str, weight: float
    ) -> None:
        names = tuple(subject.name for subject in subjects)
        requirement = Requirement(names, "holds", False, weight, says, sentence=sentence)
        unusable = [s for s in subjects if s.missing or s.value is Ellipsis or s.value is None]
        if unusable:
            requirement.missing = unusable[0].missing
            requirement.unwritten = True
            requirement.names = (unusable[0].name, *(name for name in names if name != unusable[0].name))
        else:
            probes = [
                _Probe(subject) if callable(subject.value) else copied(subject.value) for subject in subjects
            ]
            _try_property(requirement, predicate, probes)
        self._add(requirement)

    def _finish(self) -> None:
        ran = tuple(item.title for item in self._items if isinstance(item, Group))
        if not self._items:
            raise CheckError("The check holds no requirement.")
        if ran and ran != self._declared:
            raise CheckError(f"hidden= declares {list(self._declared)}, but {list(ran)} ran.")
        verify(self._items, self._mistakes, complete=bool(ran) or not self._declared)
        calls = {name: subject.calls for name, subject in self._subjects.items()}
        earned, self.card = report(self._items, self._mistakes, calls, self.points, self._declared)
        self.score = Score(earned, self.points)
        _display(self.card)


class _Probe:
    """The learner's function as a property sees it: copies in, copies out, every call kept."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._last: Call | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._last = self._subject._call(args, kwargs)
        if self._last.error is not None:
            raise self._last.error
        return copied(self._last.value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subject.value, name)


def _try_property(requirement: Requirement, predicate: Callable[..., Any], probes: list[Any]) -> None:
    """Fill in whether the property holds, and the last call it made."""
    answer: Any = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = predicate(*probes)
        if answer is None:
            raise CheckError(f"The predicate of {requirement.sentence!r} returned nothing.")
        requirement.passed = bool(np.all(answer))
    except (CheckError, NameError) as error:
        if isinstance(error, CheckError) or not _is_learners(error, probes):
            raise CheckError(f"The predicate of {requirement.sentence!r} failed: {error}") from error
    except Exception as error:
        # Either the learner's function raised, or the property could not be computed from what came back.
        requirement.stumble = None if _is_learners(error, probes) else error
    called = [probe._last for probe in probes if isinstance(probe, _Probe) and probe._last is not None]
    failed = [call for call in called if call.error is not None]
    requirement.call = next(reversed(failed or called), None)


def _is_learners(error: BaseException, probes: list[Any]) -> bool:
    return any(isinstance(p, _Probe) and p._last is not None and p._last.error is error for p in probes)


def _display(card: Card) -> None:
    """Show the card: rich in a notebook, plain elsewhere."""
    if "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            display(card)
            return
    print(card.text())
