"""Demos of chapter 01: energy, window and drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digital_biopsy import attenuation as physics
from digital_biopsy import images, phantoms
from digital_biopsy.demos import BLUE, GREY, ORANGE, Demo, Question, Slider
from digital_biopsy.demos._controls import with_unit
from digital_biopsy.demos._picture import Picture, bare, panels, picture
from digital_biopsy.demos._stage import Stage

Floats = NDArray[np.floating[Any]]


def signed(value: float, digits: int = 1, unit: str = "HU") -> str:
    """A number with its sign: ``"+5.3 HU"``, ``"−5.2 HU"``; plain zero where it rounds to zero."""
    rounded = round(value, digits) + 0.0
    text = f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"
    return with_unit(text, unit)


# Two patches of the real slice ---------------------------------------------------------------------------------------
PATCHES = {"A": (92, 10, 8), "B": (60, 28, 8)}  # column, row and radius in voxels: aorta, spongy bone


def two_patches(ct: images.Image) -> Picture:
    """Show the real slice with the patches A and B, and what they read."""
    row, column = np.indices(ct.hu.shape)
    means = {n: ct.hu[(column - x) ** 2 + (row - y) ** 2 <= r**2].mean() for n, (x, y, r) in PATCHES.items()}

    def draw(stage: Stage) -> None:
        stage.image("slice", ct.hu, vmin=-160, vmax=640)
        for (name, (x, y, radius)), colour in zip(PATCHES.items(), ("#56B4E9", "#E69F00"), strict=True):
            stage.circle("slice", name, x, y, radius, edgecolor=colour, linewidth=2)
            stage.text(
                "slice", f"{name} reads", x, y, name, color=colour, fontsize=13, ha="center", va="center"
            )

    alt = (
        "A CT slice through a thoracic vertebra, grey on black. Circle A lies in a bright round vessel beside it and "
        f"reads {means['A']:.0f} HU; circle B lies inside the vertebra and reads {means['B']:.0f} HU. "
        "They look equally bright."
    )
    return picture((440, 440), lambda figure: {"slice": bare(figure.subplots(), "")}, draw, alt)


# Energy --------------------------------------------------------------------------------------------------------------
ROWS = {"bone": "bone", "iodine": "iodine, 10 mg/ml", "muscle": "muscle", "adipose": "fat", "lung": "lung"}
REFERENCE_KEV = 60


@dataclass(frozen=True)
class Beam:
    """The materials at one energy."""

    kev: float
    mu: Mapping[str, float]
    hu: Mapping[str, float]


def _beam(kev: float) -> Beam:
    return Beam(
        kev,
        {name: float(physics.mu(name, kev)) for name in ("water", *ROWS)},
        {name: float(physics.material_hu(name, kev)) for name in ROWS},
    )


def _energy_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("curves", "values"), [1, 1.25])
    curves, values = axes.values()
    kev = np.arange(30, 141)
    for name, colour in {"bone": GREY, "iodine": ORANGE, "water": BLUE}.items():
        mu = physics.mu(name, kev)
        curves.plot(kev, mu, color=colour, linewidth=2)
        at, side = {"bone": (31.5, "bottom"), "iodine": (34, "bottom"), "water": (31, "top")}[name]
        offset = (4, -34) if side == "top" else (4, -1)
        curves.annotate(
            name, (at, physics.mu(name, at)), xytext=offset, textcoords="offset points", color=colour, va=side,
            ha="left",
        )  # fmt: skip
    curves.set(
        yscale="log", xlim=(30, 140), ylim=(0.1, 4.5), xlabel="photon energy, keV", ylabel="attenuation, 1/cm"
    )
    curves.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    curves.minorticks_off()
    for row, name in enumerate(ROWS):
        values.axhline(row, color="#E5E5E5", linewidth=1, zorder=0)
        values.plot(_beam(REFERENCE_KEV).hu[name], row, "o", color="#BDBDBD", markersize=9)
    values.axvline(0, color=BLUE, linewidth=1)
    values.text(-60, -0.66, "water", color=BLUE, ha="right", va="top")
    values.set(xlim=(-1050, 3900), ylim=(len(ROWS) - 0.5, -0.7), xlabel="value, HU (grey dot: at 60 keV)")
    values.set_yticks(range(len(ROWS)), list(ROWS.values()))
    values.tick_params(axis="y", length=0)
    values.spines["left"].set_visible(False)
    return axes


def _energy_draw(stage: Stage, beam: Beam) -> None:
    stage.vline("curves", "energy", beam.kev, color="#333333", linewidth=1)
    shown = ("bone", "iodine", "water")
    stage.points("curves", "at", [beam.kev] * 3, [beam.mu[name] for name in shown], color="#333333", size=6)
    stage.text(
        "curves", "kev", 0.97, 0.95, f"{beam.kev:.0f} keV", coords="axes", ha="right", va="top", fontsize=13
    )
    for row, name in enumerate(ROWS):
        colour = {"iodine": ORANGE}.get(name, "#333333")
        stage.points("values", name, beam.hu[name], row, size=9, color=colour)
        stage.note(
            "values",
            f"{name} HU",
            beam.hu[name],
            row,
            with_unit(f"{beam.hu[name]:.0f}", ""),
            offset=(0, 12),
            ha="center",
        )


def _energy_words(beam: Beam) -> str:
    values = ", ".join(f"{label} {with_unit(f'{beam.hu[name]:.0f}', 'HU')}" for name, label in ROWS.items())
    return f"At {beam.kev:.0f} keV water has {beam.mu['water']:.3f} per cm, and the materials read: {values}."


@cache
def _iodine_options() -> dict[str, float]:
    reference = round(float(physics.material_hu("iodine", REFERENCE_KEV)), -1)
    guesses = (reference, reference * 0.75, reference * 0.3, -50.0)
    return {f"about {with_unit(f'{round(guess, -1):.0f}', 'HU')}": guess for guess in guesses}


def _iodine_truth(beam: Beam) -> str:
    return min(_iodine_options(), key=lambda option: abs(_iodine_options()[option] - beam.hu["iodine"]))


energy = Demo(
    name="energy",
    title="One tissue, many numbers",
    question=Question(
        f"The iodine solution reads {next(iter(_iodine_options()))} at {REFERENCE_KEV} keV. "
        "What does it read at 100 keV?",
        options=list(_iodine_options()),
        at={"kev": 100},
        truth=_iodine_truth,
    ),
    controls=[Slider("kev", "Photon energy", 40, 140, 5, start=REFERENCE_KEV, unit="keV")],
    compute=_beam,
    setup=_energy_setup,
    draw=_energy_draw,
    describe=_energy_words,
    size=(780, 350),
    narrow=(430, 640),
)


# Window and level ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Windowed:
    """The real slice under a window."""

    brightness: Floats
    center: float
    width: float
    hidden: float
    vessels: float


@cache
def _slice() -> Floats:
    return images.real_ct_slice().hu


def _vessels() -> NDArray[np.bool_]:
    """The vessels in the lungs: the aerated part of the slice, brighter than lung."""
    hu = _slice()
    return np.asarray((hu > -720) & (hu < -450) & (np.indices(hu.shape)[0] < 50))


def _windowed(center: float, width: float) -> Windowed:
    brightness = np.asarray(physics.window(_slice(), center, width))
    hidden = float(np.mean((brightness <= 0) | (brightness >= 1)))
    return Windowed(brightness, center, width, hidden, float(brightness[_vessels()].mean()))


def _window_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("slice", "histogram"), [1, 1.2], heights=[1.35, 1])
    right = axes["histogram"]
    counts, edges = np.histogram(_slice(), bins=np.arange(-1000, 1250, 25))
    right.stairs(counts, edges, color=GREY, fill=True)
    right.set(
        xlim=(-1000, 1225),
        ylim=(0, counts.max() * 1.15),
        xlabel="value, HU",
        ylabel="voxels in a bin of 25 HU",
        xticks=np.arange(-1000, 1001, 500),
    )
    for name, x in {"lung": -820, "fat": -95, "muscle": 60, "bone": 450}.items():
        height = counts[max(0, int((x + 1000) // 25) - 1) : int((x + 1000) // 25) + 2].max()
        right.annotate(
            name, (x, height), xytext=(0, 4), textcoords="offset points",
            ha={"fat": "right", "muscle": "left"}.get(name, "center"),
        )  # fmt: skip
    bare(axes["slice"], "")
    return axes


def _window_draw(stage: Stage, seen: Windowed) -> None:
    stage.image("slice", seen.brightness, vmin=0, vmax=1)
    low, high = seen.center - seen.width / 2, seen.center + seen.width / 2
    top = stage.axes["histogram"].get_ylim()[1]
    stage.rectangle(
        "histogram", "window", low, 0, seen.width, top, facecolor=BLUE, edgecolor="none", alpha=0.18
    )
    stage.line(
        "histogram",
        "ramp",
        [-1000, low, high, 1225],
        [0, 0, top * 0.97, top * 0.97],
        color=BLUE,
        linewidth=1.5,
    )


def _window_words(seen: Windowed) -> str:
    low, high = seen.center - seen.width / 2, seen.center + seen.width / 2
    return (
        f"The window runs from {with_unit(f'{low:.0f}', 'HU')} (black) to {with_unit(f'{high:.0f}', 'HU')} (white); "
        f"{seen.hidden:.0%} of the voxels lie outside it, pure black or pure white."
    )


def _vessel_truth(seen: Windowed) -> str:
    return "black: they vanish" if seen.vessels < 0.05 else "white" if seen.vessels > 0.95 else "grey"


windowing = Demo(
    name="windowing",
    title="What a window shows",
    question=Question(
        "You see the slice in a lung window. The next reader wants soft tissue: center 40, width 400. "
        "How will the vessels inside the lungs look?",
        options=["white", "grey", "black: they vanish"],
        at={"center": 40, "width": 400},
        truth=_vessel_truth,
    ),
    controls=[
        Slider("center", "Center", -1000, 1000, 20, start=-600, unit="HU"),
        Slider("width", "Width", 50, 3000, 50, start=1500, unit="HU"),
    ],
    compute=_windowed,
    setup=_window_setup,
    draw=_window_draw,
    describe=_window_words,
    size=(780, 355),
    narrow=(430, 700),
)


# Drift ---------------------------------------------------------------------------------------------------------------
MARKED = {"air": -1000.0, "lung": -750.0, "water": 0.0, "nodule": 45.0, "bone": 1000.0}


@dataclass(frozen=True)
class Drifted:
    """The chest phantom as a scanner shows it whose stored mu_water is off."""

    percent: float
    measured: Floats
    bias: Floats
    marked: Mapping[str, float]


ROWS_SHOWN = slice(28, 232)  # what lies above and below the body


@cache
def _chest() -> phantoms.Phantom:
    return phantoms.thorax(seed=1, size=256, spacing=1.45, nodule=phantoms.Nodule(24.0, hu=45.0))


def _drifted(percent: float) -> Drifted:
    epsilon = percent / 100
    bias = np.asarray(physics.drift_bias(_chest().hu, epsilon))
    marked = {name: float(physics.drift_bias(hu, epsilon)) for name, hu in MARKED.items()}
    return Drifted(percent, _chest().hu + bias, bias, marked)


def _drift_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("slice", "bias", "line"), [1, 1, 1.1], heights=[1.1, 1.1, 1])
    right = axes["line"]
    right.axhline(0, color="#BDBDBD", linewidth=1)
    right.set(xlim=(-1080, 1150), ylim=(-22, 22), xlabel="true value, HU", ylabel="measured minus true, HU")
    right.set_xticks(np.arange(-1000, 1001, 500))
    bare(axes["slice"], "what the screen shows")
    bare(axes["bias"], "its error (blue: too low)")
    return axes


def _drift_draw(stage: Stage, shown: Drifted) -> None:
    stage.image("slice", shown.measured[ROWS_SHOWN], vmin=-160, vmax=240)  # soft tissue
    stage.image("bias", shown.bias[ROWS_SHOWN], cmap="cividis", vmin=-20, vmax=20)
    row, column = (float(axis.mean()) for axis in np.nonzero(_chest().mask("nodule")[ROWS_SHOWN]))
    for axes in ("slice", "bias"):
        stage.circle(axes, "nodule", column, row, 14, edgecolor=ORANGE, linewidth=2)
    hu = np.array([-1000.0, 1100.0])
    stage.line("line", "bias", hu, physics.drift_bias(hu, shown.percent / 100), color=BLUE)
    others = [name for name in MARKED if name != "nodule"]
    stage.points(
        "line", "tissues", [MARKED[n] for n in others], [shown.marked[n] for n in others], color=BLUE, size=6
    )
    below = shown.percent >= 0
    for name in others:
        offset = (0, 11 if below == (name != "lung") else -11)
        align = {"air": "left", "bone": "right"}.get(name, "center")
        stage.note("line", name, MARKED[name], shown.marked[name], name, offset=offset, ha=align)
    stage.points("line", "nodule", MARKED["nodule"], shown.marked["nodule"], color=ORANGE, size=9)
    stage.note(
        "line", "nodule says", MARKED["nodule"], shown.marked["nodule"], f"nodule {signed(shown.marked['nodule'])}",
        offset=(4, -24 if below else 24), color=ORANGE, ha="right",
    )  # fmt: skip


def _drift_words(shown: Drifted) -> str:
    amount = "exactly right" if not shown.percent else (
        f"{abs(shown.percent):.1f} % too {'high' if shown.percent > 0 else 'low'}"
    )  # fmt: skip
    nodule = shown.marked["nodule"]
    return (
        f"With the stored value {amount}, the nodule of 45 HU reads {45 + nodule:.1f} HU ({signed(nodule)}); "
        f"bone of 1000 HU moves by {signed(shown.marked['bone'], 2)}, air by {signed(shown.marked['air'])}."
    )


drift = Demo(
    name="drift",
    title="One stored number, every voxel",
    question=Question(
        "Today the stored value of water is 0.5 % too high. The nodule is truly 45 HU. What does the screen say?",
        options=["44.8 HU", "39.8 HU", "45.2 HU", "50.2 HU"],
        at={"percent": 0.5},
        truth=lambda shown: f"{MARKED['nodule'] + shown.marked['nodule']:.1f} HU",
    ),
    controls=[Slider("percent", "Error of the stored value", -1.0, 1.0, 0.1, start=0.0, unit="%")],
    compute=_drifted,
    setup=_drift_setup,
    draw=_drift_draw,
    describe=_drift_words,
    size=(780, 280),
    narrow=(430, 900),
)
