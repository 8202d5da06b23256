"""The live form: one widget a demo, its pictures sent as binary messages.

The hot path bypasses the widget's traits: the browser sends ``{"kind": "draw", "view", "seq", "stops"}``, the
kernel answers with a ``frame`` message and one binary buffer. The browser also says in which layout and at which
scale; there is one figure a layout, made when it is first asked for. Traits hold what must outlive the page (stops,
prediction, last picture); they follow when the learner has let go of the control.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from digital_biopsy.demos._demo import WIDE
from digital_biopsy.demos._front import SKIPPED, asset, specification
from digital_biopsy.demos._paper import paper
from digital_biopsy.demos._predict import as_list, keep

if TYPE_CHECKING:
    from digital_biopsy.demos._demo import Demo
    from digital_biopsy.demos._stage import Stage

log = logging.getLogger("digital_biopsy.demos")
MIN_SCALE, MAX_SCALE = 0.5, 2.0

# Widgets of each cell, so that running a cell again closes those of its last run: (message id, widgets).
_cells: dict[str, tuple[str, list[anywidget.AnyWidget]]] = {}


class _Shown(anywidget.AnyWidget):
    """A widget that can show itself, with a static form beside it for pages without a kernel."""

    _esm = asset("demo.js")
    _css = asset("demo.css")
    spec = traitlets.Dict().tag(sync=True)

    def fallback(self) -> str:
        """Static HTML for nbconvert and GitHub."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        try:
            bundle["text/html"] = self.fallback()
        except Exception as error:  # the widget itself says what is wrong
            log.warning("no static form of the demo: %s", error)
        bundle["text/plain"] = self.spec.get("title") or self.spec.get("question", {}).get("text", "")
        return bundle, metadata

    def show(self) -> None:
        """Display the widget; close those that an earlier run of the same cell displayed."""
        from IPython.display import display

        _close_earlier(self)
        display(self)


class DemoWidget(_Shown):
    """A live demo.

    Parameters
    ----------
    demo : Demo

    Attributes
    ----------
    stops : list of int
        Where the controls stand, once the learner has let go of them.
    choice : int or None
        The committed prediction; -1 if it was skipped.
    picture, drawn_as
        The last picture, and in which layout it is drawn.
    """

    stops = traitlets.List(traitlets.Int()).tag(sync=True)
    choice = traitlets.Int(None, allow_none=True).tag(sync=True)
    comparison = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)
    drawn_as = traitlets.Unicode(WIDE).tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._stages: dict[str, tuple[float, Stage]] = {}  # by layout, with the scale
        self._lock = RLock()
        self._last: tuple[tuple[int, ...], str, bytes, str] | None = None
        state: dict[str, Any] = {"stops": list(demo.start)}
        try:
            state["picture"], state["alt"] = self._draw(demo.start)
        except Exception as error:
            state["error"] = self._report(error)
        super().__init__(spec=specification(demo), **state)
        self.on_msg(self._receive)

    def fallback(self) -> str:
        """The static form of the demo."""
        picture = (
            (self.picture, self.alt)
            if list(self.stops) == list(self._demo.start) and self.drawn_as == WIDE and self.picture
            else None
        )
        return paper(self._demo, picture)._repr_html_()

    def close(self) -> None:
        """Close the widget and let go of its figures."""
        self._release()
        self._last = None
        super().close()

    def _draw(self, stops: Sequence[int], layout: str = WIDE, scale: float = 1.0) -> tuple[bytes, str]:
        scale = min(max(float(scale), MIN_SCALE), MAX_SCALE)
        with self._lock:
            made_for, stage = self._stages.get(layout, (None, None))
            if stage is None or made_for != scale:
                stage = self._demo.stage(scale, layout)
                self._stages[layout] = scale, stage
            picture = self._demo.picture(stage, stops)
            self._last = (tuple(stops), layout, *picture)
            return picture

    def _release(self) -> None:
        """Let go of the figures: no page shows the demo. The next draw makes a new one."""
        with self._lock:
            self._stages.clear()

    def _report(self, error: Exception) -> str:
        """One readable sentence for the page; the whole traceback for the log."""
        log.error("demo %r failed", self._demo.name, exc_info=error)
        cause = str(error) or "no further explanation"
        return f"{type(error).__name__}: {cause}"

    def _receive(self, _: Any, message: dict[str, Any], buffers: list[bytes]) -> None:
        """Answer a message of the browser; nothing that it holds may stop the widget."""
        reply = {"kind": "error", "view": message.get("view"), "seq": message.get("seq")}
        try:
            match message.get("kind"):
                case "draw":
                    layout = message.get("layout", WIDE)
                    stops = [int(stop) for stop in message["stops"]]
                    png, alt = self._draw(stops, layout, message.get("scale", 1))
                    self.send(reply | {"kind": "frame", "alt": alt, "layout": layout}, [png])
                case "predict":
                    self._predict(message.get("choice"))
                case "settle":
                    self._settle()
                case "release":
                    self._release()
        except Exception as error:
            self.send(reply | {"message": self._report(error)})

    def _predict(self, choice: int | None) -> None:
        question = self._demo.question
        if question is None:
            return
        index = choice if isinstance(choice, int) and 0 <= choice < len(question.options) else None
        keep(self._demo.name, None if index is None else question.options[index])
        self.choice = SKIPPED if index is None else index
        self.comparison = self._demo.comparison(index)

    def _settle(self) -> None:
        with self._lock:
            if self._last is None or (list(self._last[0]), self._last[1]) == (self.stops, self.drawn_as):
                return
            stops, layout, png, alt = self._last
        with self.hold_sync():
            self.stops, self.drawn_as = list(stops), layout
            self.picture, self.alt, self.error = png, alt, ""


class PredictionWidget(_Shown):
    """A question on its own; see :func:`~digital_biopsy.demos.predict`."""

    choice = traitlets.Int(None, allow_none=True).tag(sync=True)

    def __init__(self, name: str, question: str, options: Sequence[str]) -> None:
        self._name = name
        super().__init__(spec={"kind": "question", "question": {"text": question, "options": list(options)}})
        self.on_msg(self._receive)

    def fallback(self) -> str:
        """The question as a list."""
        return as_list(self.spec["question"]["text"], self.spec["question"]["options"])

    def _receive(self, _: Any, message: dict[str, Any], buffers: list[bytes]) -> None:
        options = self.spec["question"]["options"]
        choice = message.get("choice")
        index = choice if isinstance(choice, int) and 0 <= choice < len(options) else None
        keep(self._name, None if index is None else options[index])
        self.choice = SKIPPED if index is None else index


def _close_earlier(widget: anywidget.AnyWidget) -> None:
    """Note the widget under its cell; close the widgets of the cell's earlier runs.

    ipywidgets keeps every widget until it is closed, so each run of a cell would otherwise leave a figure
    behind.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    parent = shell.get_parent() if shell is not None and hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId")
    if not cell:
        return
    run = parent.get("header", {}).get("msg_id", "")
    last_run, widgets = _cells.get(cell, ("", []))
    if last_run != run:
        for old in widgets:
            old.close()
        widgets = []
    _cells[cell] = (run, [*widgets, widget])
