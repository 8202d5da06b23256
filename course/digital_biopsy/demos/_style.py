"""How the demos' figures look, and whose turn it is to draw."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style as mpl_style

DPI = 100
FONT = 9.5  # points: 13 px on the screen
STYLE: Any = {
    "font.size": FONT,
    "font.family": "DejaVu Sans",
    "axes.titlesize": FONT + 0.5,
    "axes.labelsize": FONT,
    "xtick.labelsize": FONT - 1,
    "ytick.labelsize": FONT - 1,
    "axes.edgecolor": "#595959",
    "axes.labelcolor": "#333333",
    "xtick.color": "#595959",
    "ytick.color": "#595959",
    "text.color": "#333333",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": "#E5E5E5",
    "axes.unicode_minus": True,
}

# Matplotlib's fonts and mathtext are shared by all figures, and JupyterLab may deliver a widget's messages in
# a thread beside the one that runs cells: one figure is drawn at a time.
_DRAWING = threading.RLock()


@contextmanager
def drawing() -> Iterator[None]:
    """Hold the right to draw, until the pixels of a frame are read."""
    with _DRAWING:
        yield


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the course's style: the learner's own settings are left alone, and leave the demo alone."""
    with _DRAWING, mpl_style.context(["default", STYLE]):
        yield
