"""Plane shapes as signed distances, and a canvas that paints them with soft edges. Private to the package.

A shape is a function of x and y (mm) that gives the signed distance to its outline: negative inside. The
distances are exact for capsules and first-order elsewhere (value over gradient), which is all that an edge
needs: a pixel on an outline takes the share that the shape covers, so phantoms have partial volume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

Plane = NDArray[np.float32]
Shape = Callable[[Plane, Plane], Plane]
Box = tuple[float, float, float, float]  # x from, x to, y from, y to
Patch = tuple[slice, slice]
EVERYWHERE: Patch = (slice(None), slice(None))


def ellipse(cx: float, cy: float, a: float, b: float, angle: float = 0.0, power: float = 2.0) -> Shape:
    """An ellipse, or a superellipse when `power` is above 2. `angle` in degrees, from x towards y."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))

    def distance(x: Plane, y: Plane) -> Plane:
        u = np.abs((x - cx) * c + (y - cy) * s) / a
        v = np.abs((y - cy) * c - (x - cx) * s) / b
        if power == 2.0:
            value = np.sqrt(u**2 + v**2) + 1e-6
            slope = np.hypot(u / a, v / b) / value + 1e-6
        else:
            value = (u**power + v**power) ** (1 / power) + 1e-6
            slope = np.hypot(u ** (power - 1) / a, v ** (power - 1) / b) * value ** (1 - power) + 1e-6
        return np.asarray((value - 1) / slope, dtype=np.float32)

    return distance


def capsule(p: tuple[float, float], q: tuple[float, float], radius: float) -> Shape:
    """All points within `radius` of the segment from `p` to `q`."""
    (px, py), (dx, dy) = p, (q[0] - p[0], q[1] - p[1])
    length2 = dx * dx + dy * dy

    def distance(x: Plane, y: Plane) -> Plane:
        t = np.clip(((x - px) * dx + (y - py) * dy) / length2, 0, 1)
        return np.asarray(np.hypot(x - px - t * dx, y - py - t * dy) - radius, dtype=np.float32)

    return distance


@dataclass(frozen=True, eq=False)
class Outline:
    """A smooth closed curve through points, star-shaped about (`cx`, `cy`). Calling it gives the distance."""

    cx: float
    cy: float
    theta: NDArray[np.float64]
    radius: NDArray[np.float64]
    slope: NDArray[np.float64]

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]], centre: tuple[float, float]) -> Outline:
        """The outline through `points`, a periodic cubic spline in polar coordinates about `centre`."""
        dx, dy = (np.array(points) - centre).T
        angle = np.arctan2(dy, dx)
        order = np.argsort(angle)
        knots = np.append(angle[order], angle[order][0] + 2 * np.pi)
        radii = np.hypot(dx, dy)[order]
        spline = CubicSpline(knots, np.append(radii, radii[0]), bc_type="periodic")
        theta = np.linspace(-np.pi, np.pi, 721)
        return cls(centre[0], centre[1], theta, spline(theta), spline(theta, 1))

    def __call__(self, x: Plane, y: Plane) -> Plane:
        dx, dy = x - self.cx, y - self.cy
        angle = np.arctan2(dy, dx)
        radius = np.interp(angle, self.theta, self.radius)
        slope = np.interp(angle, self.theta, self.slope)
        return np.asarray((np.hypot(dx, dy) - radius) / np.hypot(1, slope / radius), dtype=np.float32)

    def arc(self, x: Plane, y: Plane) -> Plane:
        """Length along the curve, in mm, of the curve point in the direction of each (x, y)."""
        step = np.hypot(self.radius, self.slope)
        length = np.concatenate([[0.0], np.cumsum((step[1:] + step[:-1]) / 2 * np.diff(self.theta))])
        angle = np.arctan2(y - self.cy, x - self.cx)
        return np.asarray(np.interp(angle, self.theta, length), dtype=np.float32)

    def place(self, dx: float, dy: float) -> float:
        """Length along the curve of the point in the direction (dx, dy) from the centre."""
        there = np.full((1, 1), [self.cx + dx], np.float32), np.full((1, 1), [self.cy + dy], np.float32)
        return float(self.arc(*there)[0, 0])


def mirrored(half: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of one side and their mirror images across x = 0."""
    return [*half, *((-x, y) for x, y in half if x != 0)]


def smooth_union(a: Plane, b: Plane, width: float) -> Plane:
    """Union of two distances whose inner corners are rounded over `width` mm."""
    h = np.clip(0.5 + 0.5 * (b - a) / width, 0, 1)
    return np.asarray(b + (a - b) * h - width * h * (1 - h), dtype=np.float32)


def cut(a: Plane, b: Plane, width: float) -> Plane:
    """`a` without `b`, corners rounded over `width` mm."""
    return np.asarray(-smooth_union(-a, b, width), dtype=np.float32)


def grain(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Plane:
    """Gaussian random field of mean 0 and standard deviation 1; `sigma` is its grain in pixels."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if sigma > 0:
        noise = gaussian_filter(noise, sigma, mode="wrap")
    return np.asarray((noise - noise.mean()) / max(float(noise.std()), 1e-12), dtype=np.float32)


@dataclass(eq=False)
class Canvas:
    """An HU image and its labels under construction. `x` is one row, `y` one column, both in mm."""

    x: Plane
    y: Plane
    pixel: float
    names: tuple[str, ...]
    hu: Plane = field(init=False)
    labels: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.y.shape[0], self.x.shape[1])
        self.hu = np.full(shape, -1000.0, dtype=np.float32)
        self.labels = np.zeros(shape, dtype=np.uint8)

    def coverage(self, distance: Plane) -> Plane:
        """Share of each pixel inside an outline."""
        return np.asarray(np.clip(0.5 - distance / self.pixel, 0, 1), dtype=np.float32)

    def paint(self, name: str, share: Plane, hu: float | Plane, at: Patch = EVERYWHERE) -> None:
        """Mix `hu` into the image by `share`; pixels at least half covered take the label `name`."""
        here = self.hu[at]
        here += share * (hu - here)
        self.labels[at][share >= 0.5] = self.names.index(name)

    def patch(self, box: Box) -> Patch:
        """The pixels in a box and a margin round it."""
        margin = 2 * self.pixel
        columns = np.searchsorted(self.x[0], [box[0] - margin, box[1] + margin])
        rows = np.searchsorted(self.y[:, 0], [box[2] - margin, box[3] + margin])
        return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))

    def distance(self, shape: Shape, at: Patch = EVERYWHERE) -> Plane:
        """Signed distance of the pixels from a shape's outline, mm."""
        return shape(self.x[:, at[1]], self.y[at[0]])

    def draw(self, name: str, shape: Shape, box: Box, hu: float | Plane, grow: float = 0.0) -> None:
        """Paint one shape, larger by `grow` mm, evaluating it only inside `box`."""
        at = self.patch(box)
        value = hu[at] if isinstance(hu, np.ndarray) else hu
        self.paint(name, self.coverage(self.distance(shape, at) - grow), value, at)
