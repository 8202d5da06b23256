"""The anatomy of the synthetic chest. Private to the package; `phantoms.thorax` is the door.

Coordinates are anatomical mm for a chest 330 mm wide: x towards the patient's left (right in the image),
y towards the back (down), with the origin in front of the spine. Each patient stretches and moves this
frame a little.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ._shapes import Box, Canvas, Outline, Plane, Shape, capsule, cut, ellipse, grain, mirrored, smooth_union
from ._vessels import section, tree

LABELS: Final = (
    "air",
    "table",
    "skin",
    "fat",
    "muscle",
    "cortical bone",
    "marrow",
    "spinal canal",
    "mediastinal fat",
    "heart",
    "blood",
    "oesophagus",
    "airways",
    "right lung",
    "left lung",
    "lung vessels",
    "nodule",
)

FAT, SKIN, MUSCLE, CORTEX, CARTILAGE, CORD, CSF = -102.0, 15.0, 55.0, 900.0, 110.0, 38.0, 8.0
AIRWAY, OESOPHAGUS, BLOOD, MYOCARDIUM = -990.0, 38.0, 45.0, 48.0

ENDS = 1024  # end points of the vessels of one lung, in the 40 mm of it that are drawn

BODY = mirrored(
    [
        (0, -104),
        (45, -105),
        (92, -94),
        (137, -62),
        (163, -8),
        (160, 42),
        (134, 80),
        (88, 102),
        (40, 109),
        (0, 104),
    ]
)
CAVITY = mirrored(
    [
        (0, -73),
        (38, -81),
        (80, -73),
        (111, -44),
        (126, -2),
        (124, 36),
        (104, 66),
        (70, 82),
        (40, 80),
        (20, 66),
        (0, 60),
    ]
)
HEART = [(-43, -18), (-40, -42), (-18, -64), (16, -72), (52, -64), (76, -40), (74, -16), (52, 4), (24, 15)]
HEART += [(0, 18), (-22, 12)]


def draw(offset: Plane, spacing: float, rng: np.random.Generator, enhancement: float, table: bool) -> Canvas:
    """Draw the patient. `offset` holds the pixel centres in mm from the middle, along each axis."""
    wide, deep = np.array([1.0, 1.07]) + rng.uniform(-0.05, 0.04, 2)
    shift = rng.uniform(-4, 4)
    canvas = Canvas(
        x=(offset[None, :] - np.float32(shift)) / np.float32(wide),
        y=(offset[:, None] + np.float32(8)) / np.float32(deep),
        pixel=spacing / float(np.sqrt(wide * deep)),
        names=LABELS,
    )
    # Separate streams: the pixel grid decides how much the texture draws, and nothing else may depend on it.
    textures, branches = rng.spawn(2)
    noise = _Noise(canvas, textures)
    body, cavity = Outline.through(BODY, (0, 0)), Outline.through(CAVITY, (0, 0))
    if table:
        _table(canvas)
    to_wall = canvas.distance(cavity)
    _wall(canvas, canvas.distance(body), to_wall, noise, fat=rng.uniform(9, 17))
    _ribs(canvas, cavity, to_wall, noise, rng)
    middle = _mediastinum_outline(canvas)
    lungs = cut(to_wall, middle, 9.0)
    canvas.paint("mediastinal fat", canvas.coverage(np.maximum(to_wall, middle - 5)), FAT + 4 * noise.fine)
    _spine(canvas, noise)
    _lungs(canvas, lungs, noise, rng.uniform(0.35, 0.6))
    _lung_vessels(canvas, lungs, branches, BLOOD + 0.9 * enhancement)
    _mediastinum(canvas, noise, rng, enhancement)
    return canvas


class _Noise:
    """The textures that tissues share, drawn once."""

    def __init__(self, canvas: Canvas, rng: np.random.Generator) -> None:
        shape = canvas.hu.shape
        self.fine = grain(rng, shape, 1.1 / canvas.pixel)
        self.middle = grain(rng, shape, 3.5 / canvas.pixel)
        self.coarse = grain(rng, shape, 9.0 / canvas.pixel)


def _table(canvas: Canvas) -> None:
    x, y = canvas.x, canvas.y
    top = 117 - (x / 220) ** 2 * 30
    slab: Plane = np.maximum(np.maximum(top - y, y - top - 22 + (x / 200) ** 2 * 26), np.abs(x) - 185)
    slab = np.asarray(slab, dtype=np.float32)
    canvas.paint("table", canvas.coverage(slab), -250.0)
    canvas.paint("table", canvas.coverage(slab + 2.2), -940.0)


def _wall(canvas: Canvas, depth: Plane, to_wall: Plane, noise: _Noise, fat: float) -> None:
    """Skin, the fat under it, and the muscles of the chest wall with fat between them."""
    x, y = canvas.x, canvas.y
    canvas.paint("skin", canvas.coverage(depth), SKIN)
    canvas.paint("fat", canvas.coverage(depth + 2.0), FAT + 5 * noise.fine)
    layer = fat * (0.75 + 0.35 * (np.abs(x) / 160) ** 2 + 0.25 * (y > 0) * (np.abs(y) / 110) ** 2)
    muscle = np.asarray(depth + 2 + layer + 0.8 * noise.coarse, dtype=np.float32)
    texture = MUSCLE + 5 * noise.fine + 4 * noise.middle
    canvas.paint("muscle", canvas.coverage(muscle), texture)
    # Sheets of muscle are parted by fat: along the ribs' outer side, and half way to the skin.
    between = np.asarray(to_wall - 14, dtype=np.float32)
    rest = np.asarray(to_wall - 14 + 0.45 * np.minimum(muscle, 0), dtype=np.float32)
    seams = np.minimum(np.abs(between), np.abs(rest - 2 * noise.coarse * 0.6)) - 0.9 - 0.9 * noise.coarse
    pockets = 4.0 * (1.25 - noise.coarse)
    gaps: Plane = np.maximum(np.minimum(seams, pockets), np.maximum(12.5 - to_wall, muscle + 1))
    behind = (np.abs(x) < 52) & (y > 60)  # the muscles that hold the back upright are solid
    gaps = np.asarray(np.where(behind, 9.0, gaps), dtype=np.float32)
    canvas.paint("fat", canvas.coverage(gaps), FAT)
    for side in (-1, 1):
        erector: Shape = ellipse(side * 25, 88, 22, 10.5, side * -8, 2.4)
        box = (side * 25 - 30, side * 25 + 30, 68, 106)
        canvas.draw("fat", erector, box, FAT, grow=1.3)
        canvas.draw("muscle", erector, box, texture)


def _bone(canvas: Canvas, shape: Shape, box: Box, shell: float, marrow: float | Plane) -> None:
    canvas.draw("cortical bone", shape, box, CORTEX)
    canvas.draw("marrow", shape, box, marrow, grow=-shell)


def _ribs(canvas: Canvas, cavity: Outline, to_wall: Plane, noise: _Noise, rng: np.random.Generator) -> None:
    """Ribs cross the slice at a slant: each shows a short stretch. Shoulder blades lie behind them."""
    around = cavity.arc(canvas.x, canvas.y)
    marrow = 140 + 40 * noise.fine
    pieces = []
    for side in (-1, 1):
        for angle, half in ((-52, 9), (-24, 12), (4, 15), (30, 14), (54, 13)):
            turn = np.deg2rad(angle + rng.uniform(-6, 6))
            centre = cavity.place(side * np.cos(turn), np.sin(turn))
            pieces.append((centre, half * rng.uniform(0.8, 1.25), 6.2, 4.2))
    ribs = _stretches(around, to_wall, pieces)
    canvas.paint("cortical bone", canvas.coverage(ribs), CORTEX)
    canvas.paint("marrow", canvas.coverage(ribs + 1.5), marrow)
    blades = []
    for side in (-1, 1):
        turn = np.deg2rad(43 + rng.uniform(-4, 4))
        centre = cavity.place(side * np.cos(turn), np.sin(turn))
        blades.append((centre, 20 * rng.uniform(0.85, 1.15), 19.0, 2.3))
    blade = _stretches(around, to_wall, blades)
    canvas.paint("cortical bone", canvas.coverage(blade), CORTEX - 150)
    canvas.paint("marrow", canvas.coverage(blade + 1.6), 250.0)
    sternum = ellipse(0, -85, 19, 6.5, 0, 2.6)
    _bone(canvas, sternum, (-22, 22, -94, -76), 1.4, marrow)
    for side in (-1, 1):
        cartilage = capsule((side * 24.0, -86.0), (side * 47.0, -88.0), 4.5)
        canvas.draw("muscle", cartilage, (side * 36 - 18, side * 36 + 18, -95, -80), CARTILAGE)


def _stretches(around: Plane, to_wall: Plane, pieces: list[tuple[float, float, float, float]]) -> Plane:
    """Distance to stretches of the wall: (place along it, half length, depth outside it, half thickness)."""
    best = np.full(around.shape, 99.0, dtype=np.float32)
    for centre, half, depth, thick in pieces:
        beyond = np.maximum(np.abs(around - centre) - (half - thick), 0)
        best = np.minimum(best, np.hypot(beyond, to_wall - depth) - thick)
    return np.asarray(best, dtype=np.float32)


def _spine(canvas: Canvas, noise: _Noise) -> None:
    """A thoracic vertebra: body, canal with cord, arch, processes, and the heads of two ribs."""
    spongy = 185 + 45 * noise.fine + 20 * noise.middle
    arch = [capsule((side * 13.0, 60.0), (side * 14.0, 76.0), 4.6) for side in (-1, 1)]
    arch += [capsule((side * 13.0, 77.0), (side * 36.0, 84.0), 4.4) for side in (-1, 1)]
    arch += [capsule((side * 12.0, 79.0), (0.0, 88.0), 3.6) for side in (-1, 1)]
    arch += [capsule((0.0, 86.0), (0.0, 99.0), 3.4)]
    heads = [capsule((side * 21.0, 57.0), (side * 46.0, 82.0), 4.6) for side in (-1, 1)]
    box = (-56.0, 56.0, 20.0, 108.0)
    at = canvas.patch(box)
    distance = canvas.distance(ellipse(0, 44, 19, 17, 0, 2.5), at)
    for shape in arch:
        distance = smooth_union(distance, canvas.distance(shape, at), 2.5)
    for head in heads:
        distance = np.minimum(distance, canvas.distance(head, at))
    distance = np.maximum(distance, -canvas.distance(ellipse(0, 71, 9.5, 9), at))
    canvas.draw("spinal canal", ellipse(0, 71, 10, 9.5), box, CSF - 25)
    canvas.paint("cortical bone", canvas.coverage(distance), CORTEX, at)
    canvas.paint("marrow", canvas.coverage(distance + 1.7), spongy[at], at)
    canvas.draw("spinal canal", ellipse(0, 71, 7.5, 7.2), box, CSF)
    canvas.draw("spinal canal", ellipse(0, 71, 4.8, 4.0), box, CORD)


def _mediastinum_outline(canvas: Canvas) -> Plane:
    """What parts the lungs: heart, spine, aorta, and the hila where vessels and bronchi enter."""
    outline = canvas.distance(Outline.through(HEART, (10, -25))) - 3.5
    for shape, width in (
        (ellipse(0, 46, 22, 21), 6.0),
        (ellipse(22, 33, 14.5, 14.5), 4.0),
        (ellipse(-2, 24, 17, 18), 6.0),
        (ellipse(2, -68, 13, 22), 10.0),
        (ellipse(-34, 10, 13, 13), 8.0),
        (ellipse(38, 12, 11, 12), 8.0),
    ):
        outline = smooth_union(outline, canvas.distance(shape), width)
    return outline


def _lungs(canvas: Canvas, lungs: Plane, noise: _Noise, tilt: float) -> None:
    x, y = canvas.x, canvas.y
    # Blood sinks: the back of a lung is denser than its front.
    air = -868 + 55 * np.clip((y + 80) / 160, 0, 1) + 9 * noise.fine + 9 * noise.coarse
    share = canvas.coverage(lungs)
    for name, side in (("right lung", x < 0), ("left lung", x >= 0)):
        canvas.paint(name, np.where(side, share, 0).astype(np.float32), air.astype(np.float32))
    across = np.abs(x) - 30
    fissure = np.abs(y - (4 + tilt * across - 0.004 * across**2)) * 0.8 - 0.1  # a sheet seen edge on
    line = np.asarray(np.where(lungs < -2, fissure, 9.0), dtype=np.float32)
    canvas.hu += canvas.coverage(line) * np.float32(110)


def _lung_vessels(canvas: Canvas, lungs: Plane, rng: np.random.Generator, hu: float) -> None:
    # A grid of its own, in anatomical mm: a patient's vessels are the same at every pixel size.
    x, y = (plane.astype(np.float32) for plane in np.mgrid[-130:130:2.0, -90:90:2.0].swapaxes(1, 2))
    room = Canvas(x[:1], y[:, :1], 2.0, LABELS)
    inside = cut(room.distance(Outline.through(CAVITY, (0, 0))), _mediastinum_outline(room), 9.0) < -4
    share = np.zeros_like(canvas.hu)
    for side, root, trunk in ((-1, (-36.0, 6.0), 6.0), (1, (42.0, 10.0), 5.6)):
        own = inside & (x * side > 0)
        plane = np.stack([x[own], y[own]], axis=1)[rng.integers(own.sum(), size=ENDS)]
        ends = np.column_stack([plane + rng.uniform(-1, 1, plane.shape), rng.uniform(-20, 20, ENDS)])
        section(canvas, share, tree(root, ends, trunk, rng))
    canvas.paint("lung vessels", share * canvas.coverage(lungs + 1.5), hu)


def _mediastinum(canvas: Canvas, noise: _Noise, rng: np.random.Generator, enhancement: float) -> None:
    """Heart with its chambers, great vessels, bronchi, gullet."""
    blood = BLOOD + enhancement + 3 * noise.middle
    muscle = MYOCARDIUM + 0.5 * enhancement + 4 * noise.middle
    whole = (-60.0, 90.0, -85.0, 30.0)
    heart = Outline.through(HEART, (10, -25))
    canvas.draw("heart", heart, whole, MYOCARDIUM - 5, grow=0.6)  # pericardium
    canvas.draw("heart", heart, whole, FAT + 15, grow=-0.9)  # fat in the grooves of the heart
    for shape in (
        ellipse(48, -27, 31, 26, 38, 2.2),
        ellipse(9, -47, 41, 18.5, -2, 2.3),
        ellipse(-23, -24, 18, 25, 8, 2.3),
        ellipse(8, 1, 27, 14, 4, 2.3),
        ellipse(6, -22, 22, 18),
    ):
        canvas.draw("heart", shape, whole, muscle, grow=rng.uniform(-0.8, 0.5))
    for shape in (
        ellipse(47, -25, 21, 12.5, 40, 2.2),
        ellipse(8, -51, 34, 11.5, -2, 2.4),
        ellipse(-26, -24, 13.5, 19, 8, 2.4),
        ellipse(9, 2.5, 23, 10.5, 3, 2.2),
        ellipse(3, -24, 13, 12.5),
    ):
        canvas.draw("blood", shape, whole, blood, grow=rng.uniform(-0.8, 0.5))
    for start, stop, radius in (  # two veins that enter the heart, two arteries beside the bronchi
        ((-12.0, 4.0), (-41.0, 1.0), 4.6),
        ((26.0, 5.0), (46.0, 4.0), 4.2),
        ((-36.0, 15.0), (-44.0, 20.0), 5.0),
        ((38.0, 20.0), (46.0, 24.0), 5.0),
    ):
        box = (min(start[0], stop[0]) - 8, max(start[0], stop[0]) + 8, -8.0, 34.0)
        canvas.draw("blood", capsule(start, stop, radius), box, blood)
    canvas.draw("blood", ellipse(22, 33, 12, 12), (8, 36, 19, 47), BLOOD - 5)  # the wall of the aorta
    canvas.draw("blood", ellipse(22, 33, 10.8, 10.8), (8, 36, 19, 47), blood)
    canvas.draw("blood", ellipse(-11, 30, 3.6, 3.6), (-16, -6, 25, 35), blood)
    canvas.draw("oesophagus", ellipse(3, 22, 7, 4.2, 12), (-6, 12, 15, 29), OESOPHAGUS)
    canvas.draw("oesophagus", ellipse(3.5, 21.6, 1.8, 0.9, 12), (-6, 12, 15, 29), -600.0)
    for shape in (ellipse(-29, 12, 6.0, 5.4, 20), ellipse(35, 12, 5.2, 4.8, -20)):
        canvas.draw("heart", shape, (-45, 50, 0, 25), 30.0, grow=1.3)
        canvas.draw("airways", shape, (-45, 50, 0, 25), AIRWAY)
