"""Demos of chapter 00: one patient on the road from a scan to advice, and two schools at one task."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from digital_biopsy import phantoms
from digital_biopsy.demos import BLUE, GREY, ORANGE, Demo, Question, Slider, Stops
from digital_biopsy.demos._controls import with_unit
from digital_biopsy.demos._picture import Picture, bare, panels, picture, stacked
from digital_biopsy.demos._stage import Stage

Floats = NDArray[np.floating[Any]]

SPACING = 0.7  # mm
TRUE_DIAMETER = 8.0  # mm
ADVICE = (
    "CT after a year, optional",
    "CT in six to twelve months",
    "CT after three months, PET/CT or needle",
)


def fleischner(diameter: float) -> str:
    """Advice of the Fleischner Society for one solid nodule in a patient at high risk.

    Parameters
    ----------
    diameter : float
        In mm.

    Raises
    ------
    ValueError
        If the diameter is negative or not a number.

    References
    ----------
    MacMahon et al., Radiology 284, 2017, doi:10.1148/radiol.2017161659, table 1.
    """
    if not diameter >= 0:
        raise ValueError(f"a diameter in mm is zero or more, not {diameter}")
    return ADVICE[0] if diameter < 6 else ADVICE[1] if diameter <= 8 else ADVICE[2]


@dataclass(frozen=True)
class Patient:
    """A scanned chest and the square of it that holds the nodule."""

    scan: Floats
    crop: Floats
    near: NDArray[np.bool_]
    corner: tuple[int, int]


@cache
def _patient() -> Patient:
    phantom = phantoms.thorax(
        seed=7, size=512, spacing=SPACING, nodule=phantoms.Nodule(TRUE_DIAMETER, lobulation=0.0)
    )
    scan = phantoms.Scanner(noise=12.0).scan(phantom, seed=7)
    row, column = (int(axis.mean()) for axis in np.nonzero(phantom.mask("nodule")))
    half = 16
    window = slice(row - half, row + half), slice(column - half, column + half)
    near = binary_dilation(phantom.mask("nodule"), iterations=3)
    return Patient(scan, scan[window], near[window], (column - half, row - half))


def nodule_in_chest() -> Picture:
    """Show the chest with the nodule in a box, and the box enlarged."""
    patient = _patient()

    def setup(figure: Figure) -> dict[str, Axes]:
        axes = panels(figure, ("chest", "box"), [1.5, 1], heights=[1.3, 1])
        return {name: bare(panel, "") for name, panel in axes.items()}

    def draw(stage: Stage) -> None:
        stage.image("chest", patient.scan, vmin=-1350, vmax=150)
        size = len(patient.crop)
        stage.rectangle("chest", "box", *patient.corner, size, size, linewidth=2)
        extent = (0.0, size * SPACING, size * SPACING, 0.0)
        stage.image("box", patient.crop, vmin=-1350, vmax=150, extent=extent, interpolation="nearest")
        stage.rectangle("box", "frame", 0.1, 0.1, size * SPACING - 0.2, size * SPACING - 0.2, linewidth=2)
        stage.line("box", "bar", [13, 21], [20.6, 20.6], color="white", linewidth=3)
        stage.text("box", "8 mm", 17, 19.8, "8 mm", color="white", ha="center", va="bottom", fontsize=12)

    alt = (
        "An axial CT slice of a chest: two dark lungs with bright vessels, the heart between them, a vertebra behind. "
        "A box in one lung marks a round nodule; enlarged beside it, the nodule is as wide as the scale bar of 8 mm, "
        "and its edge is a blur of grey voxels."
    )
    return picture((820, 400), setup, draw, alt, narrow=(430, 700))


# One threshold -------------------------------------------------------------------------------------------------------
THRESHOLDS = np.arange(-650, -99, 25)


@dataclass(frozen=True)
class Outlined:
    """The nodule as a threshold outlines it, and the diameter that follows."""

    threshold: int
    mask: NDArray[np.bool_]
    diameter: float


def _diameter(mask: NDArray[np.bool_]) -> float:
    """Diameter in mm of the disc with the area of the mask."""
    return float(2 * np.sqrt(mask.sum() * SPACING**2 / np.pi))


def _outlined(threshold: int) -> Outlined:
    patient = _patient()
    mask = patient.near & (patient.crop > threshold)
    return Outlined(threshold, mask, _diameter(mask))


@cache
def _diameters() -> Floats:
    return np.array([_outlined(int(threshold)).diameter for threshold in THRESHOLDS])


def _threshold_setup(figure: Figure) -> dict[str, Axes]:
    axes = panels(figure, ("nodule", "curve"), [1, 1.35], heights=[1.2, 1])
    right = axes["curve"]
    for low, high, shade, words in (
        (0, 6, "#FFFFFF", ADVICE[0]),
        (6, 8, "#F3F3F3", ADVICE[1]),
        (8, 20, "#E3E3E3", ADVICE[2]),
    ):
        right.axhspan(low, high, color=shade, zorder=0)
        right.text(-640, {0: 5.1, 6: 6.1, 8: 10.6}[low], words, va="bottom", color=GREY)
    right.plot(THRESHOLDS, _diameters(), color="#BDBDBD", linewidth=2)
    right.set(xlim=(-650, -90), ylim=(5, 11), xlabel="threshold, HU", ylabel="measured diameter, mm")
    bare(axes["nodule"], "")
    return axes


def _threshold_draw(stage: Stage, shown: Outlined) -> None:
    stage.image("nodule", _patient().crop, vmin=-1000, vmax=200, interpolation="nearest")
    stage.outline("nodule", "edge", shown.mask, color=ORANGE, linewidth=2.5)
    stage.points("curve", "here", shown.threshold, shown.diameter, size=10)
    stage.note(
        "curve",
        "mm",
        shown.threshold,
        shown.diameter,
        f"{shown.diameter:.1f} mm",
        offset=(8, 9) if shown.threshold < -200 else (-8, -9),
        ha="left" if shown.threshold < -200 else "right",
        color=ORANGE,
    )


def _threshold_words(shown: Outlined) -> str:
    return (
        f"At a threshold of {with_unit(str(shown.threshold), 'HU')} the outline encloses {shown.mask.sum()} voxels, a "
        f"diameter of {shown.diameter:.1f} mm. The rule advises: {fleischner(shown.diameter)}."
    )


def _advice_truth(_: Outlined) -> int:
    """Number of steps of advice between the thresholds of the question."""
    asked = (THRESHOLDS >= -600) & (THRESHOLDS <= -100)
    steps = {ADVICE.index(fleischner(diameter)) for diameter in _diameters()[asked]}
    return max(steps) - min(steps)


threshold = Demo(
    name="threshold",
    title="One threshold, one patient, one rule",
    question=Question(
        "The nodule is truly 8 mm wide. The threshold that outlines it moves from −600 to −100 HU. "
        "Can the advice to the patient change?",
        options=["no, it is the same nodule", "yes, by one step of the rule", "yes, by two steps"],
        at={"threshold": -100},
        truth=_advice_truth,
    ),
    controls=[Slider("threshold", "Threshold", -650, -100, 25, start=-400, unit="HU")],
    compute=_outlined,
    setup=_threshold_setup,
    draw=_threshold_draw,
    describe=_threshold_words,
    size=(780, 355),
    narrow=(430, 700),
)


# Two schools ---------------------------------------------------------------------------------------------------------
SIDE = 21  # voxels
COUNTS = (10, 20, 40, 80, 160, 320, 640, 1280)  # patients to learn from
REPEATS = 6
TESTED = 600


@dataclass(frozen=True)
class School:
    """What both schools made of the same number of patients."""

    patients: int
    weights: Floats
    architect: float
    sculptor: float


def _shapes() -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    row, column = np.indices((SIDE, SIDE)) - SIDE // 2
    radius = np.hypot(row, column)
    return radius, radius <= 6.5, (radius > 4.5) & (radius <= 6.5)


def _cohort(count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Patients without (-1) and with (+1) a bright rim: images (count, SIDE, SIDE) and labels (count,).

    Brightness differs from patient to patient more than the rim adds to the mean.
    """
    _, disc, rim = _shapes()
    label = np.where(np.arange(count) % 2, 1.0, -1.0)
    brightness = rng.normal(1.0, 0.25, count)[:, None, None]
    image = (
        disc * brightness + rim * 0.8 * (label > 0)[:, None, None] + rng.normal(0, 2.0, (count, SIDE, SIDE))
    )
    return image, label


def _architect(image: Floats, label: Floats, test: Floats) -> Floats:
    """Mean inside a circle, cut half-way between the two classes."""
    _, disc, _ = _shapes()
    feature, new = image[:, disc].mean(axis=1), test[:, disc].mean(axis=1)
    return np.asarray(new - (feature[label > 0].mean() + feature[label < 0].mean()) / 2)


def _sculptor(image: Floats, label: Floats) -> tuple[Floats, float]:
    """A weight for each pixel (ridge regression), and the offset."""
    flat = image.reshape(len(image), -1)
    centre = flat.mean(axis=0)
    flat = flat - centre
    penalty = 2000.0
    if len(flat) < flat.shape[1]:
        weights = flat.T @ np.linalg.solve(flat @ flat.T + penalty * np.eye(len(flat)), label)
    else:
        weights = np.linalg.solve(flat.T @ flat + penalty * np.eye(flat.shape[1]), flat.T @ label)
    return weights.reshape(SIDE, SIDE), float(label.mean() - centre @ weights)


@cache
def _schools() -> tuple[School, ...]:
    """Both schools at every number of patients: mean accuracy over fresh cohorts, weights of the first."""
    schools = []
    for count in COUNTS:
        correct = np.zeros(2)
        for repeat in range(REPEATS):
            rng = np.random.default_rng([7, repeat])
            image, label = _cohort(count, rng)
            test, truth = _cohort(TESTED, rng)
            learned, offset = _sculptor(image, label)
            scores = _architect(image, label, test), (test * learned).sum(axis=(1, 2)) + offset
            correct += [np.mean(np.sign(score) == truth) / REPEATS for score in scores]
            if repeat == 0:
                weights = learned
        schools.append(School(count, weights, *map(float, correct)))
    return tuple(schools)


def _school(patients: int) -> School:
    return _schools()[COUNTS.index(patients)]


def _four(image: Floats, label: Floats) -> Floats:
    """Without a rim above, with it below; one patient on the left, the mean of them all on the right."""
    four = np.full((2 * SIDE + 1, 2 * SIDE + 1), np.nan)
    for row, kind in ((0, -1.0), (SIDE + 1, 1.0)):
        of_kind = image[label == kind]
        four[row : row + SIDE, :SIDE], four[row : row + SIDE, SIDE + 1 :] = (
            of_kind[0] / 2,
            of_kind.mean(axis=0),
        )
    return four


def _schools_setup(figure: Figure) -> dict[str, Axes]:
    if stacked(figure):
        axes = figure.subplot_mosaic([["examples", "weights"], ["curve", "curve"]], width_ratios=[1.15, 1])
        for panel in (axes["examples"], axes["weights"]):
            panel.set_anchor("N")  # their titles on one line
    else:
        axes = panels(figure, ("examples", "weights", "curve"), [1.15, 1, 1.5])
    examples, weights, curve = axes["examples"], axes["weights"], axes["curve"]
    image, label = _cohort(600, np.random.default_rng(5))
    examples.imshow(_four(image, label), cmap="gray", vmin=-1, vmax=2.2)
    bare(examples, "one patient, mean of 300")
    for row, name in enumerate(("without rim", "with rim")):
        examples.text(-1.5, (row + 0.5) * (SIDE + 1), name, rotation=90, ha="right", va="center")
    schools = _schools()
    for name, colour in {"architect": BLUE, "sculptor": ORANGE}.items():
        accuracy = [100 * getattr(school, name) for school in schools]
        curve.plot(COUNTS, accuracy, color=colour, linewidth=1.5, alpha=0.45)
        curve.annotate(
            name,
            (COUNTS[-1], accuracy[-1]),
            xytext=(-14, 12 if name == "sculptor" else -14),
            textcoords="offset points",
            ha="right",
            color=colour,
        )
    curve.axhline(50, color="#BDBDBD", linewidth=1)
    curve.text(2500, 50.6, "a coin", ha="right", color=GREY)
    curve.set(
        xscale="log", xlim=(9, 2600), ylim=(48, 100), xlabel="patients to learn from", ylabel="correct, %"
    )
    curve.set_xticks([10, 40, 160, 640], ["10", "40", "160", "640"])
    curve.minorticks_off()
    return {"weights": bare(weights, "the sculptor's weights"), "curve": curve}


def _schools_draw(stage: Stage, shown: School) -> None:
    largest = float(np.abs(shown.weights).max())
    stage.image(
        "weights", shown.weights, cmap="cividis", vmin=-largest, vmax=largest, interpolation="nearest"
    )
    best = max(shown.architect, shown.sculptor)
    for name, colour in {"architect": BLUE, "sculptor": ORANGE}.items():
        accuracy = getattr(shown, name)
        stage.points("curve", name, shown.patients, 100 * accuracy, color=colour, size=9)
        stage.note(
            "curve", f"{name} %", shown.patients, 100 * accuracy, f"{accuracy:.0%}",
            offset=(4, 13 if accuracy == best else -13), color=colour,
        )  # fmt: skip


def _schools_words(shown: School) -> str:
    return (
        f"After {shown.patients} patients the architect is right in {shown.architect:.0%} of new ones, "
        f"the sculptor in {shown.sculptor:.0%}."
    )


def _school_truth(shown: School) -> str:
    difference = shown.sculptor - shown.architect
    return (
        "the sculptor"
        if difference > 0.01
        else "the architect"
        if difference < -0.01
        else "nobody, they are equal"
    )


two_schools = Demo(
    name="two-schools",
    title="The architect and the sculptor",
    question=Question(
        "Both have seen 10 patients, five of each kind. Who judges new ones better?",
        options=["the architect", "the sculptor", "nobody, they are equal"],
        at={"patients": 10},
        truth=_school_truth,
    ),
    controls=[Stops("patients", "Patients to learn from", COUNTS, start=20)],
    compute=_school,
    setup=_schools_setup,
    draw=_schools_draw,
    describe=_schools_words,
    size=(780, 300),
    narrow=(430, 500),
)
