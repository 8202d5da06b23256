"""One declaration, three forms."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from PIL import Image

from digital_biopsy.demos import Demo, Question, Slider
from digital_biopsy.demos._frames import choose_stops
from digital_biopsy.demos._picture import panels, picture
from tests.demos.example_demo import compute, describe, draw, drift, setup, several


def frames_of(page: str) -> dict:
    payload = re.search(r'<script type="application/json" id="frames">(.*?)</script>', page, re.DOTALL)
    assert payload
    return json.loads(payload[1])


def test_importing_the_demos_is_light() -> None:
    code = (
        "import sys, digital_biopsy.demos; "
        "print(sorted({'matplotlib', 'ipywidgets', 'anywidget', 'IPython', 'torch'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_chapters_demos_load_when_named() -> None:
    code = "from digital_biopsy import demos; print(type(demos.attenuation.drift).__name__)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "Demo"


def test_a_wrong_chapter_is_an_attribute_error() -> None:
    from digital_biopsy import demos

    with pytest.raises(AttributeError, match="no attribute 'nothing_here'"):
        _ = demos.nothing_here


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"controls": []}, "one or more controls"),
        ({"controls": [Slider("epsilon", "A", 0, 1), Slider("epsilon", "B", 0, 1)]}, "different names"),
        ({"question": Question("?", ["a", "b"], at={"epsilon": 0.123})}, "0.123 is not a stop"),
        ({"question": Question("?", ["a", "b"], at={"epsilom": 0.5})}, "no control by 'epsilom'"),
        ({"narrow": (760, 900)}, "must be narrower than size"),
    ],
)
def test_a_wrong_declaration_is_refused_at_once(change, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(drift, **change)


def test_stops_become_arguments() -> None:
    assert several.values((5, 1, 1)) == {"epsilon": -1.5, "tissue": "bone", "noise": True}
    assert several.settings((5, 1, 1)) == "Error of the stored value: −1.5 %, Tissue: bone, Add noise: on"
    assert drift.values(drift.at) == {"epsilon": 0.5}


@pytest.mark.parametrize("stops", [(41, 0, 0), (-1, 0, 0), (0, 0)])
def test_stops_that_do_not_exist_are_refused(stops) -> None:
    with pytest.raises(ValueError, match=r"stops 0 to 40, not|has 3 controls, got 2"):
        several.values(stops)


def test_a_description_is_never_empty() -> None:
    silent = replace(drift, describe=lambda result: "  ")
    for form in (silent.paper, silent.frames, lambda: silent.describe_at(silent.start)):
        with pytest.raises(ValueError, match="describe of demo 'drift' must return a sentence"):
            form()


def test_the_comparison_is_computed() -> None:
    assert drift.comparison(0) == (
        "You predicted: 44.8 HU. Measured (Error of the stored value: 0.5 %): 39.8 HU."
    )
    assert drift.comparison(None).startswith("Measured (")
    doubled = replace(drift, compute=lambda epsilon: compute(2 * epsilon))
    assert "34.7 HU" in doubled.comparison(0)
    assert several.comparison(None) == ""


def test_the_picture_is_what_was_computed() -> None:
    one, words = drift.picture(drift.stage(), (20,))
    two, other_words = drift.picture(drift.stage(), (30,))
    assert np.asarray(Image.open(io.BytesIO(one))).shape == (380, 760, 3)
    assert one != two
    assert words != other_words


def test_paper_has_figure_alt_text_and_table() -> None:
    paper = drift.paper()
    assert Image.open(io.BytesIO(paper.figure)).size == (760, 380)
    assert paper.alt == drift.describe_at(drift.start)
    assert paper.header == ("Error of the stored value", "What the picture shows")
    assert len(paper.rows) == 5
    assert ("0.5 %", drift.describe_at(drift.at)) in paper.rows
    html = paper._repr_html_()
    assert f'alt="{paper.alt}"' in unescape(html)
    assert html.count('<th scope="col"') == 2
    assert "39.8 HU" in html
    assert "39.8 HU" in str(paper)


def test_a_wide_picture_without_scripts_scrolls_rather_than_shrink_to_nothing() -> None:
    html = drift.paper()._repr_html_()
    assert 'style="overflow-x:auto"' in html and 'tabindex="0"' in html
    assert "min-width:547px" in html


def test_a_static_picture_has_a_narrow_one() -> None:
    def draw(stage) -> None:
        stage.line("a", "line", [0, 1], [0, 1])

    def shown(size: tuple[int, int], narrow: tuple[int, int] | None = None) -> str:
        return picture(
            size, lambda figure: panels(figure, "ab"), draw, "A line & more.", narrow
        )._repr_html_()

    both = shown((700, 300), (420, 600))
    images = [Image.open(io.BytesIO(base64.b64decode(text))) for text in re.findall('base64,([^"]+)', both)]
    assert [image.size for image in images] == [(1400, 600), (840, 1200)]
    assert both.count('alt="A line &amp; more."') == 2
    assert both.count(" hidden=hidden ") == 1
    assert "@container (max-width: 594px)" in both
    assert "overflow-x" in shown((700, 300))
    small = shown((440, 300))
    assert "overflow-x" not in small and "min-width" not in small


def test_paper_takes_a_table_of_the_authors() -> None:
    own = replace(drift, table=lambda result: (["tissue", "HU"], [["lesion", f"{result.lesion:.1f}"]]))
    paper = own.paper()
    assert paper.header == ("tissue", "HU")
    assert paper.rows == (("lesion", "45.0"),)


def test_markup_in_words_stays_words() -> None:
    sly = replace(drift, title="a < b", describe=lambda result: 'x < y & "z" </script><b>')
    for text in (sly.paper()._repr_html_(), sly.frames()):
        assert "<b>" not in text
        assert "a &lt; b" in text
    assert frames_of(sly.frames())["frames"]["20"]["alt"] == 'x < y & "z" </script><b>'


def test_frames_hold_every_stop_and_its_words() -> None:
    page = drift.frames()
    data = frames_of(page)
    assert len(data["frames"]) == 41
    assert data["frames"]["25"]["alt"] == drift.describe_at((25,))
    assert data["comparisons"]["0"] == drift.comparison(0)
    assert data["comparisons"]["-1"] == drift.comparison(None)
    picture = Image.open(io.BytesIO(base64.b64decode(data["frames"]["25"]["src"].split(",")[1])))
    exact = drift.pixels(drift.stage(), drift.result((25,)))[..., :3].astype(int)
    assert np.abs(np.asarray(picture.convert("RGB")) - exact).mean() < 3  # of 255: light compression
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("budget", [2_000_000, 250_000, 120_000])
def test_frames_keep_to_the_budget(budget: int) -> None:
    page = drift.frames(budget)
    assert len(page.encode()) <= budget
    data = frames_of(page)
    control = data["spec"]["controls"][0]
    assert control["labels"][control["start"]] == "0.0 %"
    assert control["labels"][data["spec"]["question"]["at"][0]] == "0.5 %"
    assert set(data["frames"]) == {str(stop) for stop in range(len(control["labels"]))}


def test_frames_hold_the_narrow_pictures_where_there_is_room() -> None:
    page = drift.frames()
    data = frames_of(page)
    assert data["spec"]["narrow"] == [430, 720]
    for stop in (0, 25):
        picture = Image.open(io.BytesIO(base64.b64decode(data["frames"][str(stop)]["narrow"].split(",")[1])))
        exact = drift.pixels(drift.stage(layout="narrow"), drift.result((stop,)))[..., :3].astype(int)
        assert np.abs(np.asarray(picture.convert("RGB")) - exact).mean() < 3
    assert '<source media="(max-width: 645px)"' in page
    size = len(page.encode())
    tight = drift.frames(size - 1)
    assert len(tight.encode()) < size
    data = frames_of(tight)
    assert data["spec"]["narrow"] is None
    assert len(data["frames"]) == 41  # no wide picture gave way
    assert "<source" not in tight


def test_a_budget_that_cannot_be_met_is_an_error() -> None:
    with pytest.raises(ValueError, match="the budget is 20000"):
        drift.frames(20_000)


def test_frames_of_several_controls_are_all_combinations_where_they_are_few() -> None:
    picked, alone = choose_stops(several, 64)
    assert not alone
    assert [len(stops) for stops in picked] == [10, 3, 2]
    data = frames_of(several.frames())
    assert len(data["frames"]) == 60
    assert data["alone"] is False


def test_frames_of_many_controls_vary_one_at_a_time() -> None:
    controls = [Slider(name, name, 0, 20, 1, start=10) for name in "abc"]
    demo = Demo(
        name="three",
        title="Three",
        controls=controls,
        compute=lambda a, b, c: compute(0.0),
        setup=setup,
        draw=draw,
        describe=describe,
        question=Question("?", ["x", "y"], at={"a": 3, "b": 4}, truth=lambda result: "x"),
        size=(300, 200),
    )
    page = demo.frames()
    data = frames_of(page)
    assert data["alone"] is True
    assert "Each control is varied alone" in page
    start = [control["start"] for control in data["spec"]["controls"]]
    for key in data["frames"]:
        moved = [i for i, stop in enumerate(map(int, key.split(","))) if stop != start[i]]
        assert len(moved) <= 1 or [int(stop) for stop in key.split(",")] == data["spec"]["question"]["at"]


def test_the_form_follows_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list = []
    monkeypatch.setattr("IPython.display.display", lambda item, **how: shown.append(item))
    monkeypatch.setenv("DIGITAL_BIOPSY_DEMOS", "paper")
    drift()
    monkeypatch.setenv("DIGITAL_BIOPSY_DEMOS", "frames")
    drift()
    monkeypatch.delenv("DIGITAL_BIOPSY_DEMOS")
    drift()
    assert [type(item).__name__ for item in shown] == ["Paper", "dict", "DemoWidget"]
    assert "<iframe" in shown[1]["text/html"]
    monkeypatch.setenv("DIGITAL_BIOPSY_DEMOS", "pictures")
    with pytest.raises(ValueError, match="'pictures'; set it to one of live, frames, paper"):
        drift()
