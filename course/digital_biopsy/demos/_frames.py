"""The form without a kernel: one HTML page that holds its pictures."""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from PIL import Image

from digital_biopsy.demos._controls import thinned
from digital_biopsy.demos._demo import NARROW
from digital_biopsy.demos._front import SKIPPED, asset, specification
from digital_biopsy.demos._html import LEAVE
from digital_biopsy.demos._style import drawing

if TYPE_CHECKING:
    from digital_biopsy.demos._demo import Demo
    from digital_biopsy.demos._stage import Stage

MOST_FRAMES = 64
FEWEST_STOPS = 5
QUALITY = 85


def choose_stops(demo: Demo, at_most: int) -> tuple[list[list[int]], bool]:
    """Stops of each control that are drawn beforehand, and whether each control is varied alone.

    All combinations where every control keeps five stops or more (or all it has) that way; else one control
    at a time.
    """
    counts = [len(control.values) for control in demo.controls]

    def pick(most: int) -> list[list[int]]:
        return [thinned(n, [demo.start[place], demo.at[place]], most) for place, n in enumerate(counts)]

    def product(most: int) -> int:
        return math.prod(len(stops) for stops in pick(most))

    together = [most for most in range(FEWEST_STOPS, max(counts) + 1) if product(most) <= at_most]
    if len(counts) == 1 or product(max(counts)) <= at_most:
        return pick(max(2, min(at_most, max(counts)))), False
    if together:
        return pick(max(together)), False
    return pick(max(2, at_most // len(counts))), True


def encode(demo: Demo, stage: Stage, stops: tuple[int, ...]) -> dict[str, str]:
    """One frame: picture as data URI, and its description."""
    result = demo.result(stops)
    return {"src": data_uri(demo, stage, result), "alt": demo.sentence(result)}


def data_uri(demo: Demo, stage: Stage, result: Any) -> str:
    """The picture of a result."""
    buffer = io.BytesIO()
    with drawing():
        Image.fromarray(demo.pixels(stage, result)[..., :3].copy()).save(
            buffer, "WEBP", quality=QUALITY, method=4
        )
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def page(demo: Demo, budget: int) -> str:
    """A self-contained page of at most ``budget`` bytes.

    It holds the pictures of the narrow layout too where they fit. Where they do not, the wide ones scroll sideways in
    a narrow window.

    Raises
    ------
    ValueError
        If not even a handful of frames fits.
    """
    stage = demo.stage()
    done: dict[tuple[int, ...], dict[str, str]] = {}
    most = MOST_FRAMES
    while True:
        picked, alone = choose_stops(demo, most)
        places = {
            key: tuple(stops[index] for stops, index in zip(picked, key, strict=True))
            for key in _keys(demo, picked, alone)
        }
        for stops in places.values():
            if stops not in done:
                done[stops] = encode(demo, stage, stops)
        frames = {",".join(map(str, key)): done[stops] for key, stops in places.items()}
        text = _html(demo, picked, alone, frames)
        if (size := len(text.encode())) <= budget:
            both = _narrow_too(demo, places, frames, budget - size)
            more = _html(demo, picked, alone, both) if both else text
            return more if len(more.encode()) <= budget else text
        if most <= 3 * len(picked):
            raise ValueError(f"the frames of demo {demo.name!r} need {size} bytes; the budget is {budget}")
        most = max(3 * len(picked), int(most * 0.9 * budget / size))


def _narrow_too(
    demo: Demo,
    places: Mapping[tuple[int, ...], tuple[int, ...]],
    frames: Mapping[str, Mapping[str, str]],
    room: int,
) -> dict[str, dict[str, str]] | None:
    """The frames with the narrow pictures as well; None if there are none, or if they need more than ``room`` bytes."""
    if demo.narrow is None:
        return None
    stage = demo.stage(layout=NARROW)
    both = {}
    for key, stops in places.items():
        name = ",".join(map(str, key))
        both[name] = {**frames[name], NARROW: data_uri(demo, stage, demo.result(stops))}
        room -= len(both[name][NARROW])
        if room < 0:
            return None
    return both


def _keys(demo: Demo, picked: list[list[int]], alone: bool) -> list[tuple[int, ...]]:
    """Which combinations of picked stops are drawn; as indices into ``picked``."""
    if not alone:
        return list(itertools.product(*(range(len(stops)) for stops in picked)))
    start = tuple(stops.index(begin) for stops, begin in zip(picked, demo.start, strict=True))
    # "Show me" may move several controls at once.
    keys = {start, tuple(stops.index(stop) for stops, stop in zip(picked, demo.at, strict=True))}
    for place, stops in enumerate(picked):
        keys |= {(*start[:place], index, *start[place + 1 :]) for index in range(len(stops))}
    return sorted(keys)


def _html(demo: Demo, picked: list[list[int]], alone: bool, frames: Mapping[str, Mapping[str, str]]) -> str:
    spec = specification(demo)
    narrow = frames[next(iter(frames))].get(NARROW) and demo.narrow
    spec[NARROW] = narrow and list(narrow)
    for control, stops, begin in zip(spec["controls"], picked, demo.start, strict=True):
        control["labels"] = [control["labels"][stop] for stop in stops]
        control["start"] = stops.index(begin)
    if spec["question"]:
        spec["question"]["at"] = [stops.index(stop) for stops, stop in zip(picked, demo.at, strict=True)]
    choices = range(len(demo.question.options)) if demo.question else range(0)
    comparisons = {index: demo.comparison(index) for index in choices} | {SKIPPED: demo.comparison(None)}
    data = {"spec": spec, "frames": frames, "alone": alone, "comparisons": comparisons}
    first = frames[",".join(str(control["start"]) for control in spec["controls"])]
    # "<" cannot end the script early when it is written as an escape.
    payload = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    hint = " Each control is varied alone; the others return to their start." if alone else ""
    edge = round(LEAVE * demo.size[0]) - 1
    source = f'<source media="(max-width: {edge}px)" srcset="{first[NARROW]}">' if narrow else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(demo.title)}</title>
<style>
body {{ margin: 8px; }}
{asset("demo.css")}
</style>
</head>
<body>
<main id="demo"></main>
<noscript><p>{escape(demo.title)}</p>
<picture>{source}<img src="{first["src"]}" alt="{escape(first["alt"])}"></picture></noscript>
<p class="db-pagenote">The pictures were computed beforehand.{hint}</p>
<script type="application/json" id="frames">{payload}</script>
<script type="module">
{asset("demo.js")}
renderFrames(document.getElementById("demo"), JSON.parse(document.getElementById("frames").textContent));
</script>
</body>
</html>
"""


def in_a_frame(text: str, title: str, height: int) -> str:
    """The page inside another page: an inline frame, which the page gives the height of its content."""
    return (
        f'<iframe title="{escape(title)}" srcdoc="{escape(text)}" loading="lazy" '
        f'style="width:100%;height:{height}px;border:0"></iframe>'
    )
