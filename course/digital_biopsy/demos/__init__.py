"""Interactive demos: predict, observe, explain.

One demo is one declaration (:class:`Demo`): a question to predict, a few controls, a pure ``compute``,
a ``draw`` and a ``describe``. From it come a live widget, a page of precomputed frames that needs no
kernel, and a static figure with a table.

A chapter's demos live in a module of their own, loaded when first used: ``demos.attenuation.drift()``.
Importing this package imports neither Matplotlib nor ipywidgets.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from digital_biopsy.demos._controls import Question, Select, Slider, Stops, Toggle
from digital_biopsy.demos._demo import Demo
from digital_biopsy.demos._paper import Paper
from digital_biopsy.demos._predict import predict, prediction

#: Blue and orange for two things compared; grey for what stays as it was.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREY = "#595959"

__all__ = [
    "BLUE",
    "GREY",
    "ORANGE",
    "Demo",
    "Paper",
    "Question",
    "Select",
    "Slider",
    "Stops",
    "Toggle",
    "predict",
    "prediction",
]


def __getattr__(name: str) -> ModuleType:
    """Load a chapter's demos when they are first named."""
    full = f"{__name__}.{name}"
    if name.startswith("_") or importlib.util.find_spec(full) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(full)
