"""Bodies that enclose an ROI: convex hull, bounding boxes, ellipsoids. Private to the package.

All of them see the vertices of the ROI's marching-cubes mesh, in mm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation
from scipy.special import elliprg

from ._arguments import numbers, require
from ._shape_checks import Bools, Floats

STARTS = 300  # orientations that are looked at before a box is refined
REFINED = 12  # the best of them that are
POLISHED = 4  # the best of those that are turned freely at the end


class Hull(NamedTuple):
    """A convex hull.

    Attributes
    ----------
    points : float array, shape (n, 3)
        Its corners, in mm.
    normals : float array, shape (m, 3)
        Directions of its faces, each once, the largest face first.
    volume, area : float
        In mm3 and mm2.
    """

    points: Floats
    normals: Floats
    volume: float
    area: float


def outermost(inside: Bools, steps: tuple[float, ...]) -> Floats:
    """Points of the marching-cubes mesh among which its convex hull has all its corners, in mm.

    Each vertex lies on a grid line, half-way between two voxels of different kind. On one line only the first
    and the last can be corners of the hull: the others lie between them.
    """
    points = []
    for axis in range(inside.ndim):
        used = np.argwhere(inside.any(axis=axis))
        ends = np.moveaxis(inside, axis, 0)[(slice(None), *used.T)]
        first = ends.argmax(axis=0) - 0.5
        last = len(ends) - ends[::-1].argmax(axis=0) - 0.5
        points += [np.insert(used.astype(np.float64), axis, end, axis=1) for end in (first, last)]
    return np.concatenate(points) * steps


def convex_hull(points: Floats) -> Hull:
    """Convex hull of points that do not lie in one plane."""
    hull = ConvexHull(points)
    edge = points[hull.simplices]
    normal = np.cross(edge[:, 1] - edge[:, 0], edge[:, 2] - edge[:, 0])
    area = np.sqrt((normal**2).sum(axis=1))
    # A direction and its opposite are one; triangles of one face share theirs but for the last digits.
    unit = hull.equations[:, :3].round(9)
    unit *= np.sign(unit[np.arange(len(unit)), (unit != 0).argmax(axis=1)])[:, None]
    normals, which = np.unique(unit, axis=0, return_inverse=True)
    largest = np.argsort(-np.bincount(which.ravel(), area), kind="stable")
    return Hull(points[hull.vertices], normals[largest], float(hull.volume), float(hull.area))


def diameter(points: Floats) -> float:
    """The largest distance between two of the points."""
    largest = 0.0
    for start in range(0, len(points), 256):  # a block at a time: memory stays small
        difference = points[start : start + 256, None] - points[None, start:]
        largest = max(largest, float((difference**2).sum(axis=2).max()))
    return float(np.sqrt(largest))


# ---------------------------------------------------------------- boxes


def box_volume_area(sides: NDArray[np.float64]) -> tuple[float, float]:
    """Volume and surface of a box with three sides."""
    a, b, c = (float(side) for side in sides)
    return a * b * c, 2 * (a * b + b * c + c * a)


def smallest_box(hull: Hull) -> Floats:
    """Sides in mm of the oriented bounding box of the smallest volume that the search finds.

    A box with one axis fixed is best found exactly: it is a matter of the smallest rectangle, and that has a
    side on an edge of the outline (Freeman and Shapira, doi:10.1145/360881.360919). So each of the three axes
    is fixed in turn until the volume falls no further. Where that comes to rest may still be a ridge: the best
    boxes are turned freely (Nelder and Mead), and refined again. The search begins from the grid's own axes,
    the principal axes, the hull's largest faces and the best of some hundred orientations spread evenly. It
    ends in a valley that is not certain to be the deepest.
    """
    points = hull.points
    middle = points - points.mean(axis=0)
    principal = np.linalg.eigh(middle.T @ middle)[1].T
    spread = np.stack([*_orientations(STARTS), *(_frame(normal) for normal in hull.normals[:STARTS])])
    extent = np.ptp(spread.reshape(-1, 3) @ points.T, axis=1).reshape(-1, 3)
    best = np.argsort(extent.prod(axis=1), kind="stable")[:REFINED]
    flush = [_frame(normal) for normal in hull.normals[:REFINED]]
    boxes = [_refined(points, axes) for axes in (np.eye(3), principal, *spread[best], *flush)]
    boxes.sort(key=lambda axes: _box_volume(axes, points))
    boxes += [_refined(points, _turned(points, axes)) for axes in boxes[:POLISHED]]
    return np.asarray(np.ptp(points @ min(boxes, key=lambda axes: _box_volume(axes, points)).T, axis=0))


def _box_volume(axes: Floats, points: Floats) -> float:
    return float(np.ptp(points @ axes.T, axis=0).prod())


def _refined(points: Floats, axes: Floats) -> Floats:
    """The axes after each in turn was held and the other two were turned about it."""
    idle = 0
    for turn in range(60):
        held = turn % 3
        others = axes[[(held + 1) % 3, (held + 2) % 3]]
        flat = points @ others.T
        rectangle, angle = smallest_rectangle(flat)
        if rectangle < float(np.ptp(flat, axis=0).prod()) * (1 - 1e-9):
            idle = 0
            turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) @ others
            axes = np.roll(np.stack([axes[held], *turned]), held, axis=0)
        else:
            idle += 1
        if idle == 3:
            break
    return axes


def _turned(points: Floats, axes: Floats) -> Floats:
    """The axes after a free search in all three angles."""

    scale = _box_volume(axes, points)

    def volume(turn: Floats) -> float:
        return _box_volume(axes @ Rotation.from_rotvec(turn).as_matrix(), points) / scale

    simplex = np.vstack([np.zeros(3), 0.2 * np.eye(3)])
    found = minimize(
        volume,
        np.zeros(3),
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxiter": 200, "xatol": 1e-4, "fatol": 1e-6},
    )
    return np.asarray(axes @ Rotation.from_rotvec(found.x).as_matrix())


def smallest_rectangle(points: Floats) -> tuple[float, float]:
    """Area of the smallest rectangle round points in a plane, and the angle of one of its sides."""
    corners = points[ConvexHull(points).vertices]
    edges = np.roll(corners, -1, axis=0) - corners
    angles = np.unique(np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2))
    along = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    across = np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    areas = np.ptp(along @ corners.T, axis=1) * np.ptp(across @ corners.T, axis=1)
    best = int(areas.argmin())
    return float(areas[best]), float(angles[best])


def _orientations(count: int) -> list[Floats]:
    """Rotations spread over all orientations, always the same: a box has the same volume from any of them."""
    # Three sequences that fill an interval evenly, by the powers of the root of x^4 = x + 1 (Roberts).
    root = 1.2207440846057596
    u = np.arange(1, count + 1)[:, None] * root ** -np.arange(1.0, 4.0) % 1
    inner, outer = np.sqrt(1 - u[:, 0]), np.sqrt(u[:, 0])
    one, two = 2 * np.pi * u[:, 1], 2 * np.pi * u[:, 2]
    w, x, y, z = inner * np.sin(one), inner * np.cos(one), outer * np.sin(two), outer * np.cos(two)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return list(np.moveaxis(np.array(rows), 2, 0))


def _frame(normal: Floats) -> Floats:
    """Three axes at right angles, the first of them along `normal`."""
    helper = np.eye(3)[int(np.abs(normal).argmin())]
    second = np.cross(normal, helper)
    axes = np.stack([normal, second, np.cross(normal, second)])
    return np.asarray(axes / np.sqrt((axes**2).sum(axis=1, keepdims=True)))


# ---------------------------------------------------------------- ellipsoids


def ellipsoid_volume(semi_axes: Floats) -> float:
    """Volume of an ellipsoid."""
    return float(4 / 3 * np.pi * semi_axes.prod())


def ellipsoid_area(semi_axes: ArrayLike) -> float:
    """Surface of an ellipsoid, exactly.

    S = 4 pi R_G(a^2 b^2, b^2 c^2, c^2 a^2), with Carlson's symmetric elliptic integral R_G
    (https://dlmf.nist.gov/19.33).

    Parameters
    ----------
    semi_axes : three floats
        In mm, in any order, none negative.

    Returns
    -------
    float
        In mm2.

    Raises
    ------
    ValueError
        If there are not three, or one is negative or NaN.

    Examples
    --------
    >>> round(ellipsoid_area((2.0, 1.0, 1.0)), 3)
    21.478
    """
    axes = numbers(semi_axes, "semi_axes")
    require(
        axes.shape == (3,) and bool((axes >= 0).all()),
        "semi_axes must be three lengths in mm, none negative.",
    )
    a, b, c = axes.tolist()
    return float(4 * np.pi * elliprg((a * b) ** 2, (b * c) ** 2, (c * a) ** 2))


def ellipsoid_area_by_standard(semi_axes: Floats) -> float:
    """Surface of an ellipsoid by the formula that the IBSI manual prints, on which its reference values rest.

    4 pi a b times the sum over nu = 0 to 20 of (alpha beta)^nu / (1 - 4 nu^2) P_nu(x), where P_nu are Legendre
    polynomials and x = (alpha^2 + beta^2) / (2 alpha beta); alpha^2 = 1 - b^2 / a^2, beta^2 = 1 - c^2 / a^2.

    This is not the ellipsoid's area. With alpha^2 = 1 - c^2 / a^2 and beta^2 = 1 - c^2 / b^2 it would be
    (compare `ellipsoid_area`). For the digital phantom it is 4 % too small, and the area density (IBSI RDD2)
    is 1.36 in place of 1.30.
    """
    a, b, c = np.sort(semi_axes)[::-1].tolist()
    if not a > 0:
        return 0.0
    first, second = 1 - (b / a) ** 2, 1 - (c / a) ** 2
    # (alpha beta)^nu P_nu(x) by the recurrence of the polynomials, which this way divides by nothing.
    before, now, total = 0.0, 1.0, 0.0
    for nu in range(21):
        total += now / (1 - 4 * nu**2)
        before, now = (
            now,
            ((2 * nu + 1) * (first + second) / 2 * now - nu * first * second * before) / (nu + 1),
        )
    return float(4 * np.pi * a * b * total)


def smallest_ellipsoid(points: Floats, tolerance: float = 1e-4) -> Floats:
    """Semi-axes in mm, longest first, of the ellipsoid of least volume that holds the points.

    Khachiyan's algorithm with away steps (Todd and Yildirim, doi:10.1016/j.dam.2007.02.013): weights on the
    points, moved towards the point that lies furthest outside or away from the one furthest inside, until
    every point that carries weight lies on the surface. What is returned holds all points; its volume is at
    most 1.5 times the tolerance, relatively, above the least.
    """
    count = len(points)
    middle = points.mean(axis=0)
    size = float(np.abs(points - middle).max())
    lifted = np.ones((count, 4))
    lifted[:, :3] = (points - middle) / size
    weight = np.full(count, 1.0 / count)
    for _ in range(20_000):
        moment = (lifted * weight[:, None]).T @ lifted
        reach = (lifted @ np.linalg.inv(moment) * lifted).sum(axis=1)  # 4 for points on the surface
        far = int(reach.argmax())
        near = int(np.where(weight > 0, reach, np.inf).argmin())
        outside, within = reach[far] / 4 - 1, 1 - reach[near] / 4
        if max(outside, within) <= tolerance:
            break
        chosen = far if outside >= within else near
        move = (reach[chosen] - 4) / (4 * (reach[chosen] - 1))
        if chosen == near and move < 0:
            move = max(move, -weight[near] / (1 - weight[near]))
        weight *= 1 - move
        weight[chosen] = max(weight[chosen] + move, 0.0)
    centre = weight @ lifted[:, :3]
    offset = lifted[:, :3] - centre
    spread = (offset * weight[:, None]).T @ offset * 3
    furthest = float((offset @ np.linalg.inv(spread) * offset).sum(axis=1).max())
    return np.asarray(size * np.sqrt(np.linalg.eigvalsh(spread)[::-1] * furthest))
