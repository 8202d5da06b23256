"""Waves on a ball: a demo of chapter 03."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import special

from digital_biopsy import shape as science
from digital_biopsy import solids
from digital_biopsy.claims.shape import mesh_sphericity
from digital_biopsy.demos import BLUE, GREY, Demo, Question, Slider, Stops
from digital_biopsy.demos import _shape_scene as scene
from digital_biopsy.demos._picture import panels
from digital_biopsy.demos._stage import Stage

Floats = NDArray[np.floating[Any]]
PALE = "#BDBDBD"

DEGREES = (2, 4, 8, 16)
HEIGHTS = np.arange(0, 13, 1.0)


@dataclass(frozen=True)
class Waved:
    """A ball with waves on it."""

    degree: int
    height: float
    radius: float
    solid: scene.Solid
    volume: float
    area: float
    sphericity: float


@cache
def _wave(degree: int, level: int) -> Floats:
    """A random spherical harmonic of this degree on the mesh of the sphere; its mean square is 1."""
    z, y, x = solids.sphere_mesh(level)[0].T
    polar, azimuth = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
    rng = np.random.default_rng(degree)
    wave = rng.normal() * special.sph_harm_y(degree, 0, polar, azimuth).real
    for order in range(1, degree + 1):
        term = special.sph_harm_y(degree, order, polar, azimuth) * complex(*rng.normal(size=2))
        wave = wave + np.sqrt(2) * term.real
    return np.asarray(wave / np.sqrt((wave**2).mean()))


def _level(degree: int) -> int:
    """How fine a mesh shows waves of this degree."""
    return 5 if degree > 8 else 4


def _waved_mesh(degree: int, height: float, level: int) -> tuple[Floats, NDArray[np.intp]]:
    """A ball of radius 1 with waves of ``height`` percent, root mean square."""
    directions, faces = solids.sphere_mesh(level)
    return directions * (1 + height / 100 * _wave(degree, level))[:, None], faces


def _waved(degree: int, height: float, radius: float) -> Waved:
    vertices, faces = _waved_mesh(degree, height, _level(degree))
    mesh = vertices * radius, faces
    volume, area = science.mesh_volume(*mesh), science.mesh_area(*mesh)
    return Waved(
        degree, height, radius, scene.of_mesh(*mesh), volume, area, float(science.sphericity(volume, area))
    )


@cache
def _trail(degree: int) -> list[float]:
    """Sphericity at each height of the waves."""
    return [mesh_sphericity(_waved_mesh(degree, float(height), _level(degree))) for height in HEIGHTS]


def _waved_setup(figure: Figure) -> dict[str, Axes]:
    made = panels(figure, ["nodule", "curve"], [1, 1.25])
    scene.scene(made["nodule"], "", 26)
    curve = made["curve"]
    for degree in DEGREES:
        _trail(degree)  # computed once, and not while somebody waits
    curve.set(
        xlim=(-0.3, 15.6),
        ylim=(0.35, 1.06),
        xlabel="height of the waves, % of the radius",
        ylabel="sphericity",
    )
    curve.set_xticks(range(0, 13, 2))
    return made


def _waved_draw(stage: Stage, shown: Waved) -> None:
    scene.draw(stage, "nodule", "body", shown.solid, BLUE)
    # Finer waves than those shown keep their curve to themselves: it answers the question.
    for degree in (d for d in DEGREES if d <= shown.degree):
        trail = _trail(degree)
        stage.line("curve", f"degree {degree}", HEIGHTS, trail, color=PALE, linewidth=1.5, zorder=1)
        stage.note(
            "curve", f"degree {degree} says", HEIGHTS[-1], trail[-1], f"degree {degree}", color=GREY, zorder=2
        )  # fmt: skip
    stage.points("curve", "now", shown.height, shown.sphericity, size=10, color=BLUE, zorder=3)
    stage.note(
        "curve", "now says", shown.height, shown.sphericity, f"{shown.sphericity:.3f}", offset=(5, 11), color=BLUE,
        zorder=4,
    )  # fmt: skip


def _waved_words(shown: Waved) -> str:
    return (
        f"A ball of {shown.radius:.0f} mm radius with waves of {shown.height:.0f} % and degree {shown.degree}: volume "
        f"{shown.volume / 1000:.2f} ml, area {shown.area / 100:.2f} cm², sphericity {shown.sphericity:.3f}."
    )


_WAVES = ("0.98, as before", "0.95", "0.79", "0.50")


def _nearest(value: float, options: Sequence[str]) -> str:
    return min(options, key=lambda option: abs(float(option[:4]) - value))


waves = Demo(
    name="waves",
    title="Waves on a ball",
    question=Question(
        "With waves of 5 % and degree 4 the ball has sphericity 0.98. The waves become finer, degree 16, and stay as "
        "high. What is the sphericity?",
        options=list(_WAVES),
        at={"degree": 16, "height": 5},
        truth=lambda shown: _nearest(shown.sphericity, _WAVES),
    ),
    controls=[
        Stops("degree", "Degree of the waves", DEGREES, start=4),
        Slider("height", "Height of the waves", 0, 12, 1, start=5, unit="%"),
        Stops(
            "radius", "Radius of the ball", [5.0, 10.0, 20.0], start=20.0, unit="mm", names=["5", "10", "20"]
        ),
    ],
    compute=_waved,
    setup=_waved_setup,
    draw=_waved_draw,
    describe=_waved_words,
    size=(780, 320),
    narrow=(430, 640),
)
