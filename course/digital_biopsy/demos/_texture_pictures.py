"""The still pictures of chapter 04: three patches with one histogram, and streaks in a muscle."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digital_biopsy import images
from digital_biopsy.claims.texture import rearranged
from digital_biopsy.demos._picture import Picture, bare, panels, picture
from digital_biopsy.demos._stage import Stage
from digital_biopsy.demos._texture import PATCHES, patch


def same_voxels() -> Picture:
    """Show a patch of spongy bone, its voxels shuffled, and its voxels in blobs."""
    bone = patch("spongy bone")
    shown = {"A": rearranged(bone, 2), "B": bone, "C": rearranged(bone, 0)}

    def setup(figure: Figure) -> dict[str, Axes]:
        made = panels(figure, list(shown))
        for name, axes in made.items():
            bare(axes, name)
        return made

    def draw(stage: Stage) -> None:
        for name, hu in shown.items():
            stage.image(name, hu, vmin=100, vmax=340, interpolation="nearest")

    alt = (
        f"Three patches of {bone.shape[0]} by {bone.shape[1]} grey voxels. A: soft blobs, bright and dark. B: a fine, "
        f"uneven grain. C: salt and pepper. All three have the mean {bone.mean():.0f} HU and the standard deviation "
        f"{bone.std():.0f} HU."
    )
    return picture((446, 170), setup, draw, alt)


def streaks() -> Picture:
    """Show the real slice with the patches of spongy bone and of back muscle, and the muscle enlarged."""
    ct = images.real_ct_slice()

    def setup(figure: Figure) -> dict[str, Axes]:
        made = panels(figure, ["slice", "back muscle"])
        bare(made["slice"], "")
        bare(made["back muscle"], "back muscle, 13 mm wide")
        return made

    def draw(stage: Stage) -> None:
        stage.image("slice", ct.hu, vmin=-160, vmax=400)
        for name, (rows, columns) in PATCHES.items():
            size = rows.stop - rows.start
            stage.rectangle("slice", name, columns.start - 0.5, rows.start - 0.5, size, size, linewidth=2)
            stage.note(
                "slice",
                f"{name} says",
                columns.stop,
                rows.start,
                name.split()[-1],
                offset=(4, -4),
                color="#FFB000",
                fontsize=9.5,
            )
        stage.image("back muscle", patch("back muscle"), vmin=-60, vmax=140, interpolation="nearest")

    alt = (
        "A CT slice through a vertebra with two boxes, one in the spongy bone and one in the muscle of the back. "
        "Enlarged, the muscle shows dark and bright streaks that run from left to right."
    )
    return picture((446, 240), setup, draw, alt)
