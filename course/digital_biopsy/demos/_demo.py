"""The declaration of a demo, and the three things made from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from digital_biopsy.demos._controls import Control, Question, index_of, thinned
from digital_biopsy.demos._png import encode_png

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from digital_biopsy.demos._live import DemoWidget
    from digital_biopsy.demos._paper import Paper
    from digital_biopsy.demos._stage import Stage

MODES = ("live", "frames", "paper")
WIDE, NARROW = "wide", "narrow"
Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


def mode() -> str:
    """Which form a demo takes when it is called: ``DIGITAL_BIOPSY_DEMOS``, or live.

    Raises
    ------
    ValueError
        If the variable holds something else than live, frames or paper.
    """
    chosen = os.environ.get("DIGITAL_BIOPSY_DEMOS") or "live"
    if chosen not in MODES:
        raise ValueError(
            f"DIGITAL_BIOPSY_DEMOS is {chosen!r}; set it to one of {', '.join(MODES)}, or unset it"
        )
    return chosen


@dataclass(frozen=True, eq=False)
class Demo:
    """One demo, declared once.

    Parameters
    ----------
    name : str
        Identifier; :func:`~digital_biopsy.demos.prediction` finds the learner's prediction by it.
    title : str
        Shown above the demo.
    controls : sequence of Slider, Stops, Select or Toggle
    compute : callable
        ``compute(**values)`` returns the result, any object. Pure: the same values give the same result.
    setup : callable
        ``setup(figure)`` makes axes and all that stays, and returns the axes by name.
    draw : callable
        ``draw(stage, result)`` draws what moves with the methods of ``Stage``.
    describe : callable
        ``describe(result)`` says in one sentence what the picture shows.
    question : Question, optional
        Predicted before the controls unlock.
    table : callable, optional
        ``table(result)`` returns (header, rows) for the static form. Without it the rows are the descriptions
        at a few stops of each control.
    size : (width, height)
        Of the picture, in CSS pixels.
    narrow : (width, height), optional
        Of the picture where there is little room: ``setup`` is called with a figure of this size too. Without it
        the picture shrinks a little and then scrolls sideways.

    Examples
    --------
    >>> import numpy as np
    >>> from digital_biopsy.demos import Slider
    >>> demo = Demo(
    ...     name="square", title="A square",
    ...     controls=[Slider("side", "Side", 1, 9, 1, start=3, unit="mm")],
    ...     compute=lambda side: np.ones((side, side)),
    ...     setup=lambda figure: {"left": figure.subplots()},
    ...     draw=lambda stage, result: stage.image("left", result, vmin=0, vmax=1),
    ...     describe=lambda result: f"A square of {result.sum():.0f} square millimetres.",
    ... )
    >>> demo.describe_at(demo.start)
    'A square of 9 square millimetres.'
    """

    _: KW_ONLY
    name: str
    title: str
    controls: Sequence[Control]
    compute: Callable[..., Any]
    setup: Callable[[Figure], Mapping[str, Axes]]
    draw: Callable[[Stage, Any], object]
    describe: Callable[[Any], str]
    question: Question | None = None
    table: Callable[[Any], Table] | None = None
    size: tuple[int, int] = (760, 380)
    narrow: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        names = [control.name for control in self.controls]
        if not names or len(set(names)) != len(names):
            raise ValueError(
                f"demo {self.name!r} needs one or more controls with different names, not {names}"
            )
        if self.narrow is not None and not self.narrow[0] < self.size[0]:
            raise ValueError(
                f"demo {self.name!r}: narrow ({self.narrow[0]} px wide) must be narrower than size ({self.size[0]} px)"
            )
        _ = self.at  # a question at values that no control has is found here, not in the classroom

    @property
    def start(self) -> tuple[int, ...]:
        """Stop of each control at which the demo starts."""
        return tuple(control.start_index for control in self.controls)

    @property
    def at(self) -> tuple[int, ...]:
        """Stop of each control at which the question is answered."""
        wanted = dict(self.question.at) if self.question else {}
        stops = tuple(
            index_of(control.name, control.values, wanted.pop(control.name))
            if control.name in wanted
            else control.start_index
            for control in self.controls
        )
        if wanted:
            raise ValueError(
                f"demo {self.name!r}: the question names no control by {', '.join(map(repr, wanted))}"
            )
        return stops

    def values(self, stops: Sequence[int]) -> dict[str, Any]:
        """Arguments of ``compute`` at these stops.

        Raises
        ------
        ValueError
            If there is not one valid stop for each control.
        """
        if len(stops) != len(self.controls):
            raise ValueError(f"demo {self.name!r} has {len(self.controls)} controls, got {len(stops)} stops")
        for control, stop in zip(self.controls, stops, strict=True):
            if not 0 <= stop < len(control.values):
                raise ValueError(
                    f"control {control.name!r} has stops 0 to {len(control.values) - 1}, not {stop}"
                )
        return {
            control.name: control.values[stop] for control, stop in zip(self.controls, stops, strict=True)
        }

    def settings(self, stops: Sequence[int]) -> str:
        """The stops in words: ``"Side: 3 mm, Tissue: bone"``."""
        pairs = zip(self.controls, stops, strict=True)
        return ", ".join(f"{control.label}: {control.labels[stop]}" for control, stop in pairs)

    def result(self, stops: Sequence[int]) -> Any:
        """What ``compute`` returns at these stops."""
        return self.compute(**self.values(stops))

    def sentence(self, result: Any) -> str:
        """What ``describe`` says of a result.

        Raises
        ------
        ValueError
            If it says nothing: a picture without words is lost on a screen reader.
        """
        text = " ".join(str(self.describe(result) or "").split())
        if not text:
            raise ValueError(f"describe of demo {self.name!r} must return a sentence")
        return text

    def describe_at(self, stops: Sequence[int]) -> str:
        """What the picture at these stops shows, in a sentence."""
        return self.sentence(self.result(stops))

    @property
    def layouts(self) -> dict[str, tuple[int, int]]:
        """Size of the picture in each layout that the demo has: wide, and narrow where it is declared."""
        return {WIDE: self.size} | ({NARROW: self.narrow} if self.narrow is not None else {})

    def stage(self, scale: float = 1.0, layout: str = WIDE) -> Stage:
        """Make a new figure in one of the layouts, ready to draw.

        Raises
        ------
        ValueError
            If the demo has no such layout.
        """
        from digital_biopsy.demos._stage import Stage

        if layout not in self.layouts:
            raise ValueError(f"demo {self.name!r} has no layout {layout!r}, only {', '.join(self.layouts)}")
        return Stage(self.layouts[layout], self.setup, scale)

    def pixels(self, stage: Stage, result: Any) -> NDArray[np.uint8]:
        """Draw a result; the array is the canvas of the stage itself."""
        return stage.frame(lambda stage: self.draw(stage, result))

    def picture(self, stage: Stage, stops: Sequence[int]) -> tuple[bytes, str]:
        """Draw the picture at these stops: PNG and description."""
        from digital_biopsy.demos._style import drawing

        result = self.result(stops)
        with drawing():
            png = encode_png(self.pixels(stage, result))
        return png, self.sentence(result)

    def comparison(self, choice: int | None) -> str:
        """The prediction beside what was measured; empty where the question is open."""
        if self.question is None:
            return ""
        truth = self.question.answer(self.result(self.at))
        if truth is None:
            return ""
        asked = [
            (c, stop) for c, stop in zip(self.controls, self.at, strict=True) if c.name in self.question.at
        ]
        place = ", ".join(f"{c.label}: {c.labels[stop]}" for c, stop in asked)
        measured = f"Measured ({place}): {truth.rstrip('.')}." if place else f"Measured: {truth.rstrip('.')}."
        return (
            measured
            if choice is None
            else f"You predicted: {self.question.options[choice].rstrip('.')}. {measured}"
        )

    def a_few_stops(self, at_most: int) -> list[tuple[int, ...]]:
        """Each control varied alone through a few stops, the others at their start; the start first."""
        chosen = [self.start]
        for place, control in enumerate(self.controls):
            keep = [control.start_index, self.at[place]]
            for stop in thinned(len(control.values), keep, at_most):
                stops = (*self.start[:place], stop, *self.start[place + 1 :])
                if stops not in chosen:
                    chosen.append(stops)
        return chosen

    def __call__(self) -> None:
        """Show the demo in the notebook, in the form that ``DIGITAL_BIOPSY_DEMOS`` asks for."""
        from IPython.display import display

        form = mode()
        if form == "paper":
            display(self.paper())
        elif form == "frames":
            from digital_biopsy.demos._frames import in_a_frame

            html = in_a_frame(self.frames(), self.title, self.size[1] + 320)
            display({"text/html": html, "text/plain": self.title}, raw=True)
        else:
            self.live().show()

    def live(self) -> DemoWidget:
        """Make a live widget."""
        from digital_biopsy.demos._live import DemoWidget

        return DemoWidget(self)

    def frames(self, budget: int = 2_000_000) -> str:
        """A self-contained HTML page of precomputed frames, at most ``budget`` bytes long."""
        from digital_biopsy.demos._frames import page

        return page(self, budget)

    def paper(self) -> Paper:
        """The static form: picture, description and table."""
        from digital_biopsy.demos._paper import paper

        return paper(self)
