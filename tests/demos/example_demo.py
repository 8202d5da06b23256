"""A small demo in plain NumPy: what the engine's tests, its benchmark and the browser harness run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digital_biopsy.demos import BLUE, GREY, Demo, Question, Select, Slider, Toggle
from digital_biopsy.demos._picture import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from digital_biopsy.demos._stage import Stage

LESION = 45.0
TISSUES = np.linspace(-1000, 1500, 101)


@dataclass(frozen=True)
class Drift:
    """Stored values of a slice, and the bias of every tissue, at one error of the stored constant."""

    epsilon: float
    image: NDArray[np.float32]
    bias: NDArray[np.float64]
    lesion: float
    mark: float
    mark_bias: float
    noise: bool


def _slice() -> NDArray[np.float32]:
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    rng = np.random.default_rng(7)
    body = np.where((x / 0.9) ** 2 + (y / 0.65) ** 2 < 1, 40.0, -1000.0)
    for side in (-1, 1):
        body[((x - side * 0.42) / 0.3) ** 2 + (y / 0.42) ** 2 < 1] = -800.0
    body[x**2 + (y - 0.48) ** 2 < 0.02] = 700.0
    body[(x - 0.45) ** 2 + (y - 0.1) ** 2 < 0.006] = LESION
    return (body + rng.normal(0, 12, body.shape)).astype(np.float32)


SLICE = _slice()


MARKED = {"all": LESION, "bone": 1000.0, "lung": -750.0}


def compute(epsilon: float, tissue: str = "all", noise: bool = False) -> Drift:
    """Apply a relative error of ``epsilon`` percent to the stored attenuation of water."""
    e = epsilon / 100
    seen = SLICE + np.random.default_rng(1).normal(0, 40, SLICE.shape).astype(np.float32) if noise else SLICE
    image = ((seen + 1000) / np.float32(1 + e) - 1000).astype(np.float32)
    mark = MARKED[tissue]
    lesion = (LESION + 1000) / (1 + e) - 1000
    return Drift(
        epsilon, image, -(TISSUES + 1000) * e / (1 + e), lesion, mark, -(mark + 1000) * e / (1 + e), noise
    )


def setup(figure: Figure) -> Mapping[str, Axes]:
    """Slice on the left, bias on the right; or slice above, bias below."""
    axes = panels(figure, ("slice", "bias"), (1, 1.05))
    axes["slice"].set_axis_off()
    right = axes["bias"]
    right.set(xlim=(-1050, 1850), ylim=(-55, 55), xlabel="true value, HU", ylabel="measured minus true, HU")
    right.axhline(0, color=GREY, linewidth=1, linestyle=":")
    return axes


def draw(stage: Stage, result: Drift) -> None:
    """One image, one line, one point."""
    stage.image("slice", result.image, vmin=-160, vmax=240)
    stage.line("bias", "bias", TISSUES, result.bias, color=BLUE, label="bias")
    stage.points("bias", "mark", result.mark, result.mark_bias)
    stage.note("bias", "name", result.mark, result.mark_bias, "here", offset=(6, -12), color="#D55E00")


def describe(result: Drift) -> str:
    """One sentence."""
    bone = result.bias[-1] + 0.0  # not -0.0
    return (
        f"With the stored value wrong by {result.epsilon:+.1f} %, "
        f"the 45 HU lesion reads {result.lesion:.1f} HU; "
        f"air stays at -1000 HU and 1500 HU bone moves by {bone:+.1f} HU; "
        f"the mark is at {result.mark:.0f} HU{', the slice is noisy' if result.noise else ''}."
    ).replace("-", "\N{MINUS SIGN}")


EPSILON = Slider("epsilon", "Error of the stored value", -2.0, 2.0, 0.1, start=0.0, unit="%")

drift = Demo(
    name="drift",
    title="One stored number, every voxel",
    question=Question(
        "Today the stored number is 0.5 % too high. A lesion of 45 HU is scanned. What does the screen say?",
        options=["44.8 HU", "39.8 HU", "45.2 HU", "50.2 HU"],
        at={"epsilon": 0.5},
        truth=lambda result: f"{result.lesion:.1f} HU",
    ),
    controls=[EPSILON],
    compute=compute,
    setup=setup,
    draw=draw,
    describe=describe,
    narrow=(430, 720),
)

several = Demo(
    name="several",
    title="Three kinds of control",
    controls=[
        EPSILON,
        Select("tissue", "Tissue", ["all", "bone", "lung"]),
        Toggle("noise", "Add noise"),
    ],
    compute=compute,
    setup=setup,
    draw=draw,
    describe=describe,
    size=(640, 320),
)
