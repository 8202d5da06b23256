"""A static figure with words: for a lesson's pictures that nothing moves in."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

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
    """

    png: bytes
    alt: str
    size: tuple[int, int]

    def _repr_html_(self) -> str:
        source = base64.b64encode(self.png).decode()
        return (
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{source}" width="{self.size[0]}" '
            'style="max-width:100%;height:auto;background:#fff;border-radius:6px">'
        )

    def __repr__(self) -> str:
        return self.alt


def bare(axes: Axes, title: str) -> Axes:
    """An axes for an image: no ticks, a short title."""
    axes.set_axis_off()
    axes.set_title(title, loc="left", pad=5)
    layout = axes.figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.set(rect=(0, 0, 1, 0.97 if title else 1))
    return axes


def panels(figure: Figure, names: Sequence[str], shares: Sequence[float] | None = None) -> dict[str, Axes]:
    """Axes side by side, or one below another in a figure that is taller than wide.

    ``shares`` are their widths in a row. In a column all are equally high.
    """
    width, height = figure.get_size_inches()
    if width >= height:
        made = figure.subplots(1, len(names), width_ratios=shares, squeeze=False)
    else:
        made = figure.subplots(len(names), 1, squeeze=False)
    return dict(zip(names, made.flat, strict=True))


def picture(
    size: tuple[int, int], setup: Callable[[Any], Any], draw: Callable[[Stage], object], alt: str
) -> Picture:
    """Draw a figure in the style of the demos, at twice the resolution of the screen."""
    stage = Stage(size, setup, 2.0)
    with drawing():
        png = encode_png(stage.frame(draw))
    return Picture(png, alt, size)
