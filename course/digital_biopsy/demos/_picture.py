"""A static figure with words: for a lesson's pictures that nothing moves in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from digital_biopsy.demos._html import image
from digital_biopsy.demos._png import encode_png
from digital_biopsy.demos._stage import Stage
from digital_biopsy.demos._style import drawing


@dataclass(frozen=True)
class Picture:
    """A figure as a PNG, with the text that stands for it where it cannot be seen.

    Attributes
    ----------
    png : bytes
    alt : str
        What the figure shows, in a sentence.
    size : (width, height)
        In CSS pixels.
    narrow : (png, width), optional
        What is shown instead where there is little room.
    """

    png: bytes
    alt: str
    size: tuple[int, int]
    narrow: tuple[bytes, int] | None = None

    def _repr_html_(self) -> str:
        return image(self.png, self.alt, self.size[0], self.narrow)

    def __repr__(self) -> str:
        return self.alt


def bare(axes: Axes, title: str) -> Axes:
    """An axes for an image: no ticks, a short title."""
    axes.set_axis_off()
    axes.set_title(title, loc="left", pad=5)
    figure = axes.get_figure(root=True)
    layout = figure.get_layout_engine() if figure else None
    if figure and isinstance(layout, ConstrainedLayoutEngine):
        # Room above the title: 3 %, but no more than 11 pixels.
        layout.set(rect=(0, 0, 1, max(0.97, 1 - 0.11 / figure.get_figheight()) if title else 1))
    return axes


def stacked(figure: Figure) -> bool:
    """Whether the figure is higher than wide: its panels stand in a column."""
    width, height = figure.get_size_inches()
    return bool(height > width)


def panels(
    figure: Figure,
    names: Sequence[str],
    shares: Sequence[float] | None = None,
    heights: Sequence[float] | None = None,
) -> dict[str, Axes]:
    """Axes side by side, or one below another in a figure that is higher than wide.

    ``shares`` are their widths in a row, ``heights`` their heights in a column; equal where left out.
    """
    if stacked(figure):
        made = figure.subplots(len(names), 1, height_ratios=heights, squeeze=False)
    else:
        made = figure.subplots(1, len(names), width_ratios=shares, squeeze=False)
    return dict(zip(names, made.flat, strict=True))


def picture(
    size: tuple[int, int],
    setup: Callable[[Any], Any],
    draw: Callable[[Stage], object],
    alt: str,
    narrow: tuple[int, int] | None = None,
) -> Picture:
    """Draw a figure in the style of the demos, at twice the resolution of the screen.

    With ``narrow``, a size, it is drawn a second time for places with little room: ``setup`` is called with a figure of
    that size too.
    """

    def drawn(size: tuple[int, int]) -> bytes:
        stage = Stage(size, setup, 2.0)
        with drawing():
            return encode_png(stage.frame(draw))

    return Picture(drawn(size), alt, size, (drawn(narrow), narrow[0]) if narrow else None)
