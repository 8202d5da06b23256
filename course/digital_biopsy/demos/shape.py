"""Demos of chapter 03: voxels, a turned cube, another grid, and waves on a ball."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digital_biopsy import images, solids
from digital_biopsy import shape as science
from digital_biopsy.claims.shape import mesh_sphericity, resample_by_distance, tilt_factor
from digital_biopsy.demos import BLUE, GREY, ORANGE, Demo, Question, Select, Slider, Stops
from digital_biopsy.demos import _shape_scene as scene
from digital_biopsy.demos._picture import Picture, bare, panels, picture, stacked
from digital_biopsy.demos._shape_waves import waves
from digital_biopsy.demos._stage import Stage

__all__ = ["resample", "turn", "two_organs", "voxels", "waves"]

Bools = NDArray[np.bool_]
Spacing = tuple[float, float, float]
PALE = "#BDBDBD"


# Two organs of the real slice ----------------------------------------------------------------------------------------
def two_organs(ct: images.Image, aorta: Bools, vertebra: Bools) -> Picture:
    """Show the real slice with the outlines of two organs that read nearly the same."""
    reads = {"aorta": float(ct.hu[aorta].mean()), "vertebra": float(ct.hu[vertebra].mean())}

    def draw(stage: Stage) -> None:
        stage.image("slice", ct.hu, vmin=-160, vmax=640)
        for name, mask, colour in (("aorta", aorta, "#56B4E9"), ("vertebra", vertebra, "#E69F00")):
            stage.outline("slice", name, mask, color=colour, linewidth=2)
            row, column = (float(axis.mean()) for axis in np.nonzero(mask))
            at = (row, column) if name == "aorta" else (28.0, 60.0)
            stage.text(
                "slice", f"{name} says", at[1], at[0], "A" if name == "aorta" else "B", color=colour,
                fontsize=14, ha="center", va="center",
            )  # fmt: skip

    alt = (
        "A CT slice, grey on black, with two outlines. A is a smooth disc, cut off by the upper border of the "
        f"image; it reads {reads['aorta']:.0f} HU. B is a vertebra with its arch round a dark canal and a pointed "
        f"process; it reads {reads['vertebra']:.0f} HU."
    )
    return picture((440, 440), lambda figure: {"slice": bare(figure.subplots(), "")}, draw, alt)


# Voxels --------------------------------------------------------------------------------------------------------------
RADIUS = 10.0
METHODS = {"faces": "voxel faces", "cubes": "marching cubes", "distance": "distance map"}
COLOURS = {"faces": ORANGE, "cubes": BLUE, "distance": GREY}


@dataclass(frozen=True)
class Measured:
    """A ball of 10 mm in voxels, measured in three ways."""

    spacing: Spacing
    shown: str
    solid: scene.Solid
    area: dict[str, float]  # over the true area
    sphericity: dict[str, float]


def _measured(pixel: float, ratio: float, method: str) -> Measured:
    spacing = (pixel * ratio, pixel, pixel)
    mask = solids.ball(RADIUS, spacing, (0.31 * pixel * ratio, 0.17 * pixel, 0.43 * pixel))
    meshes = {
        "cubes": science.marching_cubes_mesh(mask, spacing),
        "distance": science.distance_map_mesh(mask, spacing),
    }
    area = {name: science.mesh_area(*mesh) for name, mesh in meshes.items()}
    roundness = {name: mesh_sphericity(mesh) for name, mesh in meshes.items()}
    area["faces"] = science.area_faces(mask, spacing)
    roundness["faces"] = float(science.sphericity(science.volume_voxels(mask, spacing), area["faces"]))
    if method == "faces":
        solid = scene.of_faces(mask, spacing)
    else:
        vertices, faces = meshes[method]
        solid = scene.of_mesh(vertices - (np.array(mask.shape) - 1) / 2 * spacing, faces)
    true = 4 * np.pi * RADIUS**2
    return Measured(spacing, method, solid, {name: area[name] / true for name in METHODS}, roundness)


def _rows(axes: Axes, label: str, limits: tuple[float, float], truth: float | None = 1.0) -> Axes:
    """An axes with one row for each method."""
    for row in range(len(METHODS)):
        axes.axhline(row, color="#E5E5E5", linewidth=1, zorder=0)
    if truth is not None:
        axes.axvline(truth, color=PALE, linewidth=1.5, zorder=0)
    axes.set(xlim=limits, ylim=(len(METHODS) - 0.5, -0.6), xlabel=label)
    axes.set_yticks(range(len(METHODS)), list(METHODS.values()))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return axes


def _voxels_setup(figure: Figure) -> dict[str, Axes]:
    made = panels(figure, ["ball", "area", "sphericity"], [1.05, 1, 1])
    scene.scene(made["ball"], "", 14)
    _rows(made["area"], "area over true area", (0.82, 1.68))
    _rows(made["sphericity"], "sphericity", (0.58, 1.06))
    if not stacked(figure):
        made["sphericity"].set_yticks(range(len(METHODS)), [""] * len(METHODS))
    return made


def _voxels_draw(stage: Stage, shown: Measured) -> None:
    for method in METHODS:
        if method == shown.shown:
            scene.draw(stage, "ball", method, shown.solid, COLOURS[method], lines=method == "faces")
    for row, method in enumerate(METHODS):
        for axes, value in (("area", shown.area[method]), ("sphericity", shown.sphericity[method])):
            size = 11 if method == shown.shown else 7
            stage.points(axes, method, value, row, color=COLOURS[method], size=size, markersize=size)
            stage.note(
                axes, f"{method} value", value, row, f"{value:.2f}", offset=(0, 13), ha="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip


def _voxels_words(shown: Measured) -> str:
    z, y, _ = shown.spacing
    parts = ", ".join(f"{METHODS[m]} {shown.area[m]:.2f} and {shown.sphericity[m]:.2f}" for m in METHODS)
    return (
        f"A ball of {RADIUS:.0f} mm radius in voxels of {z:.4g} × {y:.4g} × {y:.4g} mm, drawn by "
        f"{METHODS[shown.shown]}; area over the true area, and sphericity: {parts}."
    )


voxels = Demo(
    name="voxels",
    title="One ball, three surfaces",
    question=Question(
        "The voxels of this ball are 3 mm wide. Marching cubes draws a mesh round them. With cubes of 0.75 mm, "
        "what sphericity does it report?",
        options=["about 1.00: it converges", "about 0.97", "about 0.92", "about 0.67"],
        at={"pixel": 0.75, "method": "cubes"},
        truth=lambda shown: min(
            ("about 1.00: it converges", "about 0.97", "about 0.92", "about 0.67"),
            key=lambda option: abs(float(option[6:10]) - shown.sphericity["cubes"]),
        ),
    ),
    controls=[
        Stops("pixel", "Pixel size", [0.75, 1.0, 1.5, 2.0, 3.0], start=3.0, unit="mm"),
        Stops("ratio", "Slice thickness over pixel size", [1, 2, 3, 5, 7]),
        Select("method", "Surface shown", {text: name for name, text in METHODS.items()}, start="cubes"),
    ],
    compute=_measured,
    setup=_voxels_setup,
    draw=_voxels_draw,
    describe=_voxels_words,
    size=(780, 270),
    narrow=(430, 640),
)


# A cube, turned ------------------------------------------------------------------------------------------------------
SIDE = 24.0
AXES: dict[str, tuple[float, float, float]] = {"vertical": (1, 0, 0), "diagonal": (1, 1, 1)}


@dataclass(frozen=True)
class Turned:
    """A cube on a grid, turned."""

    axis: str
    degrees: float
    spacing: Spacing
    solid: scene.Solid
    faces: float
    cubes: float


def _turned(degrees: float, axis: str, thickness: float) -> Turned:
    spacing = (thickness, 1.0, 1.0)
    mask = solids.cube(SIDE, spacing, AXES[axis], degrees, shift=0.25)
    true = 6 * SIDE**2
    return Turned(
        axis,
        degrees,
        spacing,
        scene.of_faces(mask, spacing),
        science.area_faces(mask, spacing) / true,
        science.marching_cubes_area(mask, spacing) / true,
    )


def _turned_setup(figure: Figure) -> dict[str, Axes]:
    made = panels(figure, ["cube", "curve"], [1, 1.35])
    scene.scene(made["cube"], "", 24)
    curve = made["curve"]
    curve.axhline(1, color=PALE, linewidth=1.5)
    curve.text(90, 0.985, "true area", color=GREY, ha="right", va="top")
    curve.set(xlim=(-3, 93), ylim=(0.88, 1.92), xlabel="turned by, degrees", ylabel="area over true area")
    curve.set_xticks(range(0, 91, 15))
    return made


def _turned_draw(stage: Stage, shown: Turned) -> None:
    scene.draw(stage, "cube", "bricks", shown.solid, ORANGE, lines=True)
    angles = np.arange(0, shown.degrees + 1)  # as far as the cube is turned: the rest is still a question
    law = [tilt_factor(float(angle), AXES[shown.axis]) for angle in angles]
    stage.line("curve", "law", angles, law, color=ORANGE, linewidth=1.5)
    words = (
        ("law", "line: predicted from the tilt", ORANGE),
        ("faces", f"voxel faces {shown.faces:.2f}", ORANGE),
        ("cubes", f"marching cubes {shown.cubes:.2f}", BLUE),
    )
    for row, (name, text, colour) in enumerate(words):
        at = 0.98 - 0.075 * row
        stage.text("curve", f"{name} says", 0.03, at, text, coords="axes", va="top", color=colour)
    for name, value, colour in (("faces", shown.faces, ORANGE), ("cubes", shown.cubes, BLUE)):
        stage.points("curve", name, shown.degrees, value, size=9, color=colour)


def _turned_words(shown: Turned) -> str:
    return (
        f"A cube of {SIDE:.0f} mm on voxels of {shown.spacing[0]:g} × 1 × 1 mm, turned by {shown.degrees:.0f} degrees "
        f"about its {shown.axis} axis: its counted faces are {shown.faces:.2f} times its area, marching cubes gives "
        f"{shown.cubes:.2f}. Their tilt predicts {tilt_factor(shown.degrees, AXES[shown.axis]):.2f} for the faces."
    )


def _turned_truth(shown: Turned) -> str:
    return "yes" if abs(shown.faces - 1) < 0.05 else "no, the bias stays"


turn = Demo(
    name="turn",
    title="A cube on a grid of cubes",
    question=Question(
        "The voxels are perfect cubes of 1 mm. The cube is turned by 45 degrees about its vertical axis. "
        "Do its counted faces give its true area?",
        options=["yes", "no, the bias stays"],
        at={"degrees": 45},
        truth=_turned_truth,
    ),
    controls=[
        Slider("degrees", "Turned by", 0, 90, 5, start=0, unit="°"),
        Select("axis", "About", {"the vertical axis": "vertical", "the diagonal of space": "diagonal"}),
        Stops("thickness", "Slice thickness", [1.0, 2.0, 4.0, 7.0], unit="mm"),
    ],
    compute=_turned,
    setup=_turned_setup,
    draw=_turned_draw,
    describe=_turned_words,
    size=(780, 320),
    narrow=(430, 640),
)


# Another grid --------------------------------------------------------------------------------------------------------
SLICES: Spacing = (3.0, 0.8, 0.8)
NODULE: dict[str, Any] = {"seed": 5, "radius": 11.0, "depth": 0.14}
TARGETS = (0.8, 1.0, 1.5, 2.0, 2.5, 3.0)
WAYS = {"mask": "the mask", "distance": "the distance map"}


@dataclass(frozen=True)
class Resampled:
    """The nodule on another grid."""

    target: float
    way: str
    solid: scene.Solid
    area: float  # over the area before
    sphericity: float


@cache
def _before() -> tuple[Bools, float, float]:
    """The nodule's mask on slices, its area and its sphericity by marching cubes."""
    mask = solids.nodule(SLICES, **NODULE)
    mesh = science.marching_cubes_mesh(mask, SLICES)
    return mask, science.mesh_area(*mesh), mesh_sphericity(mesh)


def _resampled(target: float, way: str) -> Resampled:
    mask, area, _ = _before()
    method = resample_by_distance if way == "distance" else science.resample_isotropic
    after = method(mask, SLICES, target)
    vertices, faces = science.marching_cubes_mesh(after, (target, target, target))
    middle = (np.array(after.shape) - 1) / 2 * target
    return Resampled(
        target,
        way,
        scene.of_mesh(vertices - middle, faces),
        science.mesh_area(vertices, faces) / area,
        mesh_sphericity((vertices, faces)),
    )


@cache
def _trail(way: str) -> list[tuple[float, float, float]]:
    """Voxel size, area and sphericity on each new grid."""
    trail = (_resampled(target, way) for target in TARGETS)
    return [(r.target, r.area, r.sphericity) for r in trail]


def _resampled_setup(figure: Figure) -> dict[str, Axes]:
    made = panels(figure, ["nodule", "area", "sphericity"], [1, 1, 1])
    scene.scene(made["nodule"], "", 16)
    made["area"].axhline(1, color=PALE, linewidth=1.5)
    made["area"].text(3.05, 1.003, "before", color=GREY, ha="right", va="bottom")
    _, _, before = _before()
    true = mesh_sphericity(solids.nodule_mesh(**NODULE))
    for value, text, va in ((before, "before", "top"), (true, "the nodule itself", "bottom")):
        made["sphericity"].axhline(value, color=PALE, linewidth=1.5)
        made["sphericity"].text(3.05, value, text, color=GREY, ha="right", va=va)
    for way in WAYS:
        _trail(way)  # computed once, and not while somebody waits
    for name, label in (("area", "area over area before"), ("sphericity", "sphericity")):
        made[name].set(xlim=(0.7, 3.1), xlabel="new voxel size, mm", ylabel=label)
    made["area"].set_ylim(0.85, 1.09)
    for at, va, text, colour in ((0.98, "top", "mask", ORANGE), (0.03, "bottom", "distance map", BLUE)):
        made["area"].text(
            0.97,
            at,
            f"{text} interpolated",
            color=colour,
            ha="right",
            va=va,
            transform=made["area"].transAxes,
        )
    made["sphericity"].set_ylim(0.78, 1.0)
    made["sphericity"].set_yticks([0.8, 0.85, 0.9, 0.95, 1.0])
    return made


def _resampled_draw(stage: Stage, shown: Resampled) -> None:
    colour = ORANGE if shown.way == "mask" else BLUE
    scene.draw(stage, "nodule", shown.way, shown.solid, colour)
    # Coarse grids down to the one shown: what finer ones do is the question.
    for way, line in (("mask", ORANGE), ("distance", BLUE)):
        sizes, areas, roundness = np.array([row for row in _trail(way) if row[0] >= shown.target]).T
        stage.line("area", f"{way} trail", sizes, areas, color=line, linewidth=1.2, zorder=1)
        stage.line("sphericity", f"{way} trail", sizes, roundness, color=line, linewidth=1.2, zorder=1)
    for axes, value in (("area", shown.area), ("sphericity", shown.sphericity)):
        stage.points(axes, "now", shown.target, value, size=10, color=colour)
        right = shown.target > 2
        below = axes == "sphericity" and shown.way == "mask" and not right  # the other line is above
        stage.note(
            axes, "now says", shown.target, value, f"{value:.2f}", offset=(-7 if right else 7, -13 if below else 13),
            ha="right" if right else "left", color=colour,
        )  # fmt: skip


def _resampled_words(shown: Resampled) -> str:
    before = _before()[2]
    return (
        f"{WAYS[shown.way].capitalize()} interpolated to cubes of {shown.target:g} mm: the area is {shown.area:.3f} "
        f"times what it was, and the sphericity goes from {before:.3f} to {shown.sphericity:.3f}."
    )


def _resampled_truth(shown: Resampled) -> str:
    return "it falls" if shown.area < 0.995 else "it rises" if shown.area > 1.005 else "it stays the same"


resample = Demo(
    name="resample",
    title="The same nodule, another grid",
    question=Question(
        "A nodule's mask lies on slices of 3 mm with pixels of 0.8 mm. It is interpolated to cubes of 0.8 mm. "
        "What happens to its marching-cubes area?",
        options=["it falls", "it stays the same", "it rises"],
        at={"target": 0.8},
        truth=_resampled_truth,
    ),
    controls=[
        Stops("target", "New voxel size", TARGETS, start=2.0, unit="mm"),
        Select("way", "Interpolate", {text: name for name, text in WAYS.items()}),
    ],
    compute=_resampled,
    setup=_resampled_setup,
    draw=_resampled_draw,
    describe=_resampled_words,
    size=(780, 280),
    narrow=(430, 760),
)
