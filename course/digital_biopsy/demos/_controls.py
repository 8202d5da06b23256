"""What a demo is declared with: controls and the question to predict.

Every control is a finite list of stops. The browser sends the *index* of a stop, so that the value that
reaches ``compute``, the value in a precomputed frame and the value on the screen are one and the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, Protocol

MINUS = "\N{MINUS SIGN}"


def with_unit(text: str, unit: str) -> str:
    """Append a unit, and write a leading hyphen as a minus sign.

    >>> with_unit("-0.5", "%")
    '−0.5 %'
    """
    if text.startswith("-"):
        text = MINUS + text[1:]
    return f"{text} {unit}" if unit else text


def decimals(*numbers: float) -> int:
    """Number of decimals needed to write all of the numbers, nine at most.

    >>> decimals(0.25, 3)
    2
    """
    for places in range(9):
        if all(math.isclose(number, round(number, places), abs_tol=1e-10) for number in numbers):
            return places
    return 9


class Control(Protocol):
    """What the engine needs to know of a control."""

    @property
    def name(self) -> str:
        """Name of the argument of ``compute``."""

    @property
    def label(self) -> str:
        """Label that the learner reads."""

    @property
    def kind(self) -> Literal["range", "select", "toggle"]:
        """Which native element shows it."""

    @property
    def values(self) -> Sequence[Any]:
        """The stops."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What each stop is called on the screen."""

    @property
    def start_index(self) -> int:
        """The stop at which the demo starts."""


@dataclass(frozen=True)
class Slider:
    """A number on a linear or logarithmic scale.

    Parameters
    ----------
    name, label : str
        Argument of ``compute``; label that the learner reads.
    low, high : float
        First and last stop.
    step : float, optional
        Distance of two stops on a linear scale; 1 if left out.
    start : float, optional
        Where the demo starts; the middle stop if left out.
    unit : str
        Shown after the number.
    scale : {"linear", "log"}
        On a log scale ``count`` stops lie at equal ratios, rounded to three digits.
    """

    name: str
    label: str
    low: float
    high: float
    step: float | None = None
    _: KW_ONLY
    start: float | None = None
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    count: int = 41
    kind: Literal["range"] = field(default="range", init=False)
    values: tuple[Any, ...] = field(default=(), init=False, repr=False)
    labels: tuple[str, ...] = field(default=(), init=False, repr=False)
    start_index: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"slider {self.name!r}: low ({self.low}) must be below high ({self.high})")
        values, labels = self._log() if self.scale == "log" else self._linear()
        start = values[len(values) // 2] if self.start is None else self.start
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "labels", tuple(with_unit(text, self.unit) for text in labels))
        object.__setattr__(self, "start_index", index_of(self.name, values, start))

    def _linear(self) -> tuple[tuple[float, ...], list[str]]:
        step = 1 if self.step is None else self.step
        if step <= 0:
            raise ValueError(f"slider {self.name!r}: step must be positive, not {step}")
        places = decimals(self.low, step)
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        whole = all(isinstance(number, int) for number in (self.low, step))
        values = [self.low + i * step if whole else round(self.low + i * step, places) for i in range(count)]
        # -0.0 would be written "-0.0"; adding zero gives plain 0.0.
        return tuple(value + 0 for value in values), [f"{value + 0:.{places}f}" for value in values]

    def _log(self) -> tuple[tuple[float, ...], list[str]]:
        if self.low <= 0:
            raise ValueError(f"slider {self.name!r}: a log scale needs low > 0, not {self.low}")
        ratio = math.log(self.high / self.low) / (self.count - 1)
        values = tuple(float(f"{self.low * math.exp(i * ratio):.3g}") for i in range(self.count))
        return values, [f"{value:.3g}" for value in values]


@dataclass(frozen=True)
class Stops:
    """A slider over named stops: ``Stops("size", "Voxel size", [0.5, 1, 2, 5], unit="mm")``.

    ``names`` replaces the numbers on the screen.
    """

    name: str
    label: str
    values: Sequence[Any]
    _: KW_ONLY
    start: Any = None
    unit: str = ""
    names: Sequence[str] | None = None
    kind: Literal["range"] = field(default="range", init=False)
    labels: tuple[str, ...] = field(default=(), init=False, repr=False)
    start_index: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        values = tuple(self.values)
        names = tuple(self.names) if self.names is not None else tuple(map(str, values))
        if len(values) < 2 or len(names) != len(values):
            raise ValueError(f"control {self.name!r} needs two or more stops, and a name for each")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "labels", tuple(with_unit(text, self.unit) for text in names))
        start = values[0] if self.start is None else self.start
        object.__setattr__(self, "start_index", index_of(self.name, values, start))


@dataclass(frozen=True)
class Select:
    """A choice from a list: strings, or a mapping from what the learner reads to the value."""

    name: str
    label: str
    options: Sequence[str] | Mapping[str, Any]
    _: KW_ONLY
    start: Any = None
    kind: Literal["select"] = field(default="select", init=False)
    values: tuple[Any, ...] = field(default=(), init=False, repr=False)
    labels: tuple[str, ...] = field(default=(), init=False, repr=False)
    start_index: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        pairs = (
            list(self.options.items())
            if isinstance(self.options, Mapping)
            else [(option, option) for option in self.options]
        )
        if len(pairs) < 2:
            raise ValueError(f"control {self.name!r} needs two or more options")
        values = tuple(value for _, value in pairs)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "labels", tuple(str(text) for text, _ in pairs))
        start = values[0] if self.start is None else self.start
        object.__setattr__(self, "start_index", index_of(self.name, values, start))


@dataclass(frozen=True)
class Toggle:
    """A check box: ``compute`` gets False or True."""

    name: str
    label: str
    _: KW_ONLY
    start: bool = False
    kind: Literal["toggle"] = field(default="toggle", init=False)
    values: tuple[bool, bool] = field(default=(False, True), init=False, repr=False)
    labels: tuple[str, str] = field(default=("off", "on"), init=False, repr=False)

    @property
    def start_index(self) -> int:
        """The stop at which the demo starts."""
        return int(self.start)


@dataclass(frozen=True)
class Question:
    """What the learner predicts before the controls unlock.

    Parameters
    ----------
    text : str
        One concrete question.
    options : sequence of str
        Answers to choose from, the tempting wrong ones among them.
    at : mapping
        The control values at which the question is answered; others stay at their start.
    truth : callable, optional
        ``truth(result)`` of ``compute`` at those values: the text of an option, its index, or any short text.
        Without it nothing is compared afterwards.
    """

    text: str
    options: Sequence[str]
    at: Mapping[str, Any] = field(default_factory=dict)
    truth: Callable[[Any], str | int] | None = None

    def __post_init__(self) -> None:
        if len(self.options) < 2 or len(set(self.options)) != len(self.options):
            raise ValueError("a question needs two or more different options")

    def answer(self, result: Any) -> str | None:
        """Text of the true answer, or None where the question is open."""
        if self.truth is None:
            return None
        truth = self.truth(result)
        return self.options[truth] if isinstance(truth, int) else str(truth)


def index_of(name: str, values: Sequence[Any], value: Any) -> int:
    """Index of the stop that equals ``value`` (numbers: to nine digits).

    Raises
    ------
    ValueError
        If no stop does.
    """
    for index, stop in enumerate(values):
        if stop is value or (type(stop) is type(value) and stop == value):
            return index
        if isinstance(stop, int | float) and isinstance(value, int | float):
            if math.isclose(stop, value, rel_tol=1e-9, abs_tol=1e-9):
                return index
    raise ValueError(f"{value!r} is not a stop of control {name!r}; its stops are {_some(values)}")


def _some(values: Sequence[Any]) -> str:
    shown = list(map(repr, values))
    return ", ".join(shown if len(shown) <= 6 else [*shown[:3], "...", *shown[-2:]])


def thinned(count: int, keep: Sequence[int], at_most: int) -> list[int]:
    """Indices of at most ``at_most`` stops out of ``count``, evenly spread, the ones to ``keep`` among them.

    >>> thinned(41, keep=[20], at_most=5)
    [0, 10, 20, 30, 40]
    """
    if count <= at_most:
        return list(range(count))
    chosen = {round(i * (count - 1) / (at_most - 1)) for i in range(at_most)} if at_most > 1 else set()
    for wanted in keep:
        # A wanted stop takes the place of its nearest neighbour, which is never another wanted one.
        others = [index for index in chosen if index not in keep]
        if wanted not in chosen and others and len(chosen) >= at_most:
            chosen.remove(min(others, key=lambda index: abs(index - wanted)))
        chosen.add(wanted)
    return sorted(chosen)
