"""The kernel's half of the live widget: messages in, pictures out."""

from __future__ import annotations

import gc
import io
import logging
import weakref
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from digital_biopsy.demos import _live, predict, prediction
from digital_biopsy.demos._live import DemoWidget, PredictionWidget
from digital_biopsy.demos._predict import keep
from tests.demos.example_demo import compute, drift, several


class Wire:
    """What the browser would get from a widget."""

    def __init__(self, widget: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.widget = widget
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(
            widget, "send", lambda content, buffers=(): self.sent.append((content, list(buffers)))
        )

    def __call__(self, **message: Any) -> None:
        self.widget._handle_custom_msg(message, [])


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(drift.live(), monkeypatch)


def test_it_opens_with_a_picture_and_words() -> None:
    widget = drift.live()
    assert Image.open(io.BytesIO(widget.picture)).size == (760, 380)
    assert widget.alt == drift.describe_at(drift.start)
    assert widget.spec["controls"][0]["labels"][20] == "0.0 %"
    assert widget.choice is None


def test_a_draw_is_answered_with_one_binary_frame(wire: Wire) -> None:
    wire(kind="draw", view="v", seq=7, stops=[30])
    [(content, [png])] = wire.sent
    assert content == {
        "kind": "frame",
        "view": "v",
        "seq": 7,
        "alt": drift.describe_at((30,)),
        "layout": "wide",
    }
    assert png == drift.picture(drift.stage(), (30,))[0]


def test_traits_follow_only_when_the_learner_has_let_go(wire: Wire) -> None:
    before = wire.widget.picture
    wire(kind="draw", view="v", seq=1, stops=[30])
    assert wire.widget.stops == [20]
    assert wire.widget.picture == before
    wire(kind="settle")
    assert wire.widget.stops == [30]
    assert wire.widget.picture != before
    assert wire.widget.alt == drift.describe_at((30,))


def test_a_prediction_is_kept_and_compared(wire: Wire) -> None:
    wire(kind="predict", choice=0)
    assert wire.widget.choice == 0
    assert wire.widget.comparison == drift.comparison(0)
    assert prediction("drift") == "44.8 HU"


@pytest.mark.parametrize("choice", [-1, None, 99, "0"])
def test_a_skipped_question_keeps_nothing(wire: Wire, choice: Any) -> None:
    keep("drift", "an older choice")
    wire(kind="predict", choice=choice)
    assert wire.widget.choice == -1
    assert prediction("drift") is None
    assert wire.widget.comparison == drift.comparison(None)


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "draw", "stops": [99]},
        {"kind": "draw", "stops": []},
        {"kind": "draw"},
        {"kind": "draw", "stops": [None]},
        {"kind": "draw", "stops": [1], "scale": "large"},
        {"kind": "draw", "stops": [1], "layout": "sideways"},
        {"kind": "draw", "stops": [1], "layout": ["wide"]},
    ],
)
def test_a_bad_message_is_answered_and_stops_nothing(wire: Wire, message: dict[str, Any]) -> None:
    wire(view="v", seq=1, **message)
    assert wire.sent[0][0]["kind"] == "error"
    wire(kind="draw", view="v", seq=2, stops=[3])
    assert wire.sent[1][0]["kind"] == "frame"


def fails_above_one(epsilon: float) -> Any:
    if epsilon > 1:
        raise ValueError("the stored value cannot be that wrong")
    return compute(epsilon)


def test_an_error_names_its_cause_on_the_page_and_its_traceback_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire(replace(drift, compute=fails_above_one).live(), monkeypatch)
    with caplog.at_level(logging.ERROR, "digital_biopsy.demos"):
        wire(kind="draw", view="v", seq=1, stops=[40])
    [(content, buffers)] = wire.sent
    assert content["message"] == "ValueError: the stored value cannot be that wrong"
    assert buffers == []
    assert "Traceback" not in str(content)
    assert "in fails_above_one" in caplog.text
    wire(kind="settle")
    assert wire.widget.stops == [20]  # the last good picture stays
    wire(kind="draw", view="v", seq=2, stops=[30])
    assert wire.sent[1][0]["kind"] == "frame"


def test_a_demo_that_fails_at_its_start_says_so_in_the_widget() -> None:
    widget = replace(drift, compute=lambda epsilon: 1 / 0).live()
    assert widget.error == "ZeroDivisionError: division by zero"
    bundle, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "text/html" not in bundle


def test_the_page_without_a_kernel_gets_the_paper_form() -> None:
    widget = drift.live()
    bundle, _ = widget._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert bundle["text/html"] == drift.paper()._repr_html_()
    assert bundle["text/plain"] == drift.title


def test_a_picture_is_as_wide_as_its_place(wire: Wire) -> None:
    for scale, width in ((2, 1520), (9, 1520), (1, 760), (611 / 760, 611), (0.1, 380)):
        wire(kind="draw", view="v", seq=1, stops=[3], scale=scale)
        assert Image.open(io.BytesIO(wire.sent[-1][1][0])).width == width


def size_of(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def test_the_browser_chooses_the_layout(wire: Wire) -> None:
    wire(kind="draw", view="v", seq=1, stops=[30], layout="narrow", scale=1)
    [(content, [png])] = wire.sent
    assert content["layout"] == "narrow"
    assert content["alt"] == drift.describe_at((30,))
    assert png == drift.picture(drift.stage(layout="narrow"), (30,))[0]
    assert size_of(png) == (430, 720)
    wire(kind="draw", view="v", seq=2, stops=[30], layout="wide", scale=1)
    assert size_of(wire.sent[1][1][0]) == (760, 380)


def test_each_layout_keeps_its_figure(wire: Wire) -> None:
    for seq, layout in enumerate(("narrow", "wide", "narrow", "wide")):
        wire(
            kind="draw", view="v", seq=seq, stops=[seq], layout=layout, scale=1.5 if layout == "narrow" else 1
        )
        if seq == 1:
            made = {name: stage for name, (_, stage) in wire.widget._stages.items()}
    assert {name: stage for name, (_, stage) in wire.widget._stages.items()} == made
    assert [size_of(png) for _, [png] in wire.sent] == [(645, 1080), (760, 380)] * 2


def test_a_narrow_figure_is_made_when_first_asked_for(wire: Wire) -> None:
    assert set(wire.widget._stages) == {"wide"}
    wire(kind="draw", view="v", seq=1, stops=[3], layout="narrow")
    assert set(wire.widget._stages) == {"wide", "narrow"}


def test_the_layout_is_kept_with_the_picture(wire: Wire) -> None:
    wire(kind="draw", view="v", seq=1, stops=[20], layout="narrow")  # the stops stay, the layout changes
    wire(kind="settle")
    assert wire.widget.drawn_as == "narrow"
    assert size_of(wire.widget.picture) == (430, 720)
    assert wire.widget.fallback() == drift.paper()._repr_html_()  # on paper there is room


def test_a_demo_without_a_narrow_layout_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(several.live(), monkeypatch)
    wire(kind="draw", view="v", seq=1, stops=[20, 0, 0], layout="narrow")
    assert wire.sent[0][0]["kind"] == "error"
    assert "has no layout 'narrow', only wide" in wire.sent[0][0]["message"]


def test_copies_of_a_demo_do_not_touch_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Wire(drift.live(), monkeypatch), Wire(drift.live(), monkeypatch)
    one(kind="draw", view="a", seq=1, stops=[40])
    two(kind="draw", view="b", seq=1, stops=[0])
    one(kind="draw", view="a", seq=2, stops=[40])
    one(kind="settle")
    assert one.sent[0][1] == one.sent[1][1] != two.sent[0][1]
    assert two.widget.stops == [20]


def test_a_closed_or_released_widget_leaves_no_figure(wire: Wire) -> None:
    figure = weakref.ref(wire.widget._stages["wide"][1].figure)
    wire(kind="release")
    gc.collect()
    assert figure() is None
    wire(kind="draw", view="v", seq=1, stops=[3])
    figure = weakref.ref(wire.widget._stages["wide"][1].figure)
    wire.widget.close()
    gc.collect()
    assert figure() is None


class Shell:
    """An IPython shell that runs cells of given ids."""

    def __init__(self) -> None:
        self.cell, self.run = "", 0

    def get_parent(self) -> dict[str, Any]:
        return {"metadata": {"cellId": self.cell}, "header": {"msg_id": str(self.run)}}


def test_running_a_cell_again_closes_its_widgets_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell()
    made: list[DemoWidget] = []
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    monkeypatch.setattr("IPython.display.display", made.append)
    monkeypatch.setattr(_live, "_cells", {})

    def run(cell: str, copies: int) -> list[DemoWidget]:
        shell.cell, shell.run = cell, shell.run + 1
        for _ in range(copies):
            drift.live().show()
        return made[-copies:]

    first = run("a", 2)
    other = run("b", 1)
    figures = [weakref.ref(widget._stages["wide"][1].figure) for widget in first]
    again = run("a", 2)
    gc.collect()
    assert [figure() for figure in figures] == [None, None]
    assert all(widget._stages for widget in (*other, *again))


def test_a_question_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[PredictionWidget] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    predict("tissue", "Which moves most?", ["air", "bone"])
    wire = Wire(shown[0], monkeypatch)
    assert prediction("tissue") is None
    wire(kind="predict", choice=1)
    assert prediction("tissue") == "bone"
    assert "<li>bone</li>" in shown[0]._repr_mimebundle_()[0]["text/html"]
    predict("tissue", "Which moves most?", ["air", "bone"])  # the cell is run again
    assert prediction("tissue") is None


@pytest.mark.parametrize("options", [[], ["one"], ["same", "same"]])
def test_a_question_needs_a_choice(options: list[str]) -> None:
    with pytest.raises(ValueError, match="two or more different options"):
        predict("x", "?", options)
