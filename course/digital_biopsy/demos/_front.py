"""The browser's half of the demos: one ES module and one style sheet, and what they are told."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from digital_biopsy.demos._html import LEAVE, SMALLEST

if TYPE_CHECKING:
    from digital_biopsy.demos._demo import Demo


#: The choice of a learner who skipped the question.
SKIPPED = -1


@cache
def asset(name: str) -> str:
    """Text of a file in ``demos/front``."""
    return (files("digital_biopsy.demos") / "front" / name).read_text(encoding="utf-8")


def specification(demo: Demo) -> dict[str, Any]:
    """What the browser must know to show the controls of a demo (plain JSON)."""
    question = demo.question
    return {
        "kind": "demo",
        "name": demo.name,
        "title": demo.title,
        "size": list(demo.size),
        "narrow": demo.narrow and list(demo.narrow),
        "smallest": SMALLEST,
        "leave": LEAVE,
        "controls": [
            {
                "name": control.name,
                "kind": control.kind,
                "label": control.label,
                "labels": list(control.labels),
                "start": control.start_index,
            }
            for control in demo.controls
        ],
        "question": question
        and {
            "text": question.text,
            "options": list(question.options),
            "at": list(demo.at),
            "compared": question.truth is not None,
        },
    }
