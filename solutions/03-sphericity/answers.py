"""Right and wrong answers to the exercises of chapter 03: they test the checks.

Each right answer must earn full marks through the real grading path. Each wrong one is a mistake that learners make; it must
lose marks, and its card must contain the words given as `says`.
"""

import numpy as np
from scipy import ndimage
from skimage import measure

from autograder.answers import Answers

answers = Answers()


# 3.1 volume_voxels ---------------------------------------------------------------------------------------------------
@answers.right("volume-voxels")
def volume_voxels(mask, spacing):
    if len(spacing) != 3 or any(s <= 0 for s in spacing):
        raise ValueError("three positive lengths, please")
    z, y, x = spacing
    return (np.asarray(mask) != 0).sum() * z * y * x


@answers.right("volume-voxels")
def volume_voxels(mask, spacing):
    spacing = np.array(spacing, float)
    if spacing.shape != (3,) or (spacing <= 0).any():
        raise ValueError(f"bad spacing {spacing}")
    total = 0.0
    for value in np.ravel(mask).tolist():
        if value:
            total += float(spacing[0] * spacing[1] * spacing[2])
    return total


@answers.wrong("volume-voxels", says="You counted voxels")
def volume_voxels(mask, spacing):
    return int(np.count_nonzero(mask))


@answers.wrong("volume-voxels", says="You cut off the decimals")
def volume_voxels(mask, spacing):
    if len(spacing) != 3 or min(spacing) <= 0:
        raise ValueError("spacing")
    return int(np.count_nonzero(mask) * np.prod(spacing))


@answers.wrong("volume-voxels", says="You left out one of the three lengths")
def volume_voxels(mask, spacing):
    if len(spacing) != 3 or min(spacing) <= 0:
        raise ValueError("spacing")
    return np.count_nonzero(mask) * spacing[1] * spacing[2]


@answers.wrong("volume-voxels", says="That is in ml")
def volume_voxels(mask, spacing):
    if len(spacing) != 3 or min(spacing) <= 0:
        raise ValueError("spacing")
    return np.count_nonzero(mask) * np.prod(spacing) / 1000


@answers.wrong("volume-voxels", says="You took the whole image")
def volume_voxels(mask, spacing):
    if len(spacing) != 3 or min(spacing) <= 0:
        raise ValueError("spacing")
    return np.asarray(mask).size * np.prod(spacing)


@answers.wrong("volume-voxels", says="a cube of its slice thickness")
def volume_voxels(mask, spacing):
    return np.count_nonzero(mask) * spacing[0] ** 3


@answers.wrong("volume-voxels", says="You added the three lengths")
def volume_voxels(mask, spacing):
    return np.count_nonzero(mask) * sum(spacing)


@answers.wrong("volume-voxels", says="Refuse a spacing of two")
def volume_voxels(mask, spacing):
    if min(spacing) <= 0:
        raise ValueError("spacing")
    return float(np.count_nonzero(mask) * np.prod(spacing))


@answers.wrong("volume-voxels", says="A mask may hold integers")
def volume_voxels(mask, spacing):
    if len(spacing) != 3 or min(spacing) <= 0:
        raise ValueError("spacing")
    return float(np.sum(mask) * np.prod(spacing))


@answers.wrong("volume-voxels", says="a negative length is refused too")
def volume_voxels(mask, spacing):
    if len(spacing) != 3 or np.prod(spacing) <= 0:
        raise ValueError("spacing")
    return float(np.count_nonzero(mask) * np.prod(spacing))


# 3.2 area_faces ------------------------------------------------------------------------------------------------------
@answers.right("area-faces")
def area_faces(mask, spacing):
    inside = np.pad(np.asarray(mask).astype(bool), 1)
    z, y, x = spacing
    sides = {0: y * x, 1: z * x, 2: z * y}
    total = 0.0
    for axis, side in sides.items():
        total += side * np.count_nonzero(inside ^ np.roll(inside, 1, axis))
    return total


@answers.right("area-faces")
def area_faces(mask, spacing):
    inside = {tuple(place) for place in np.argwhere(np.asarray(mask) != 0).tolist()}
    total = 0.0
    for place in inside:
        for axis in range(3):
            for step in (-1, 1):
                neighbour = list(place)
                neighbour[axis] += step
                if tuple(neighbour) not in inside:
                    total += spacing[0] * spacing[1] * spacing[2] / spacing[axis]
    return total


@answers.wrong("area-faces", says="You counted faces")
def area_faces(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1)
    return sum(np.count_nonzero(inside ^ np.roll(inside, 1, axis)) for axis in range(3))


@answers.wrong("area-faces", says="you lost the faces there")
def area_faces(mask, spacing):
    inside = (np.asarray(mask) != 0).astype(int)
    return sum(
        np.abs(np.diff(inside, axis=axis)).sum() * np.prod(spacing) / spacing[axis] for axis in range(3)
    )


@answers.wrong("area-faces", says="half of the faces")
def area_faces(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1).astype(int)
    return sum(
        (np.diff(inside, axis=axis) == 1).sum() * np.prod(spacing) / spacing[axis] for axis in range(3)
    )


@answers.wrong("area-faces", says="The sides of the faces are mixed up")
def area_faces(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1)
    z, y, x = spacing
    sides = (z * y, z * x, y * x)
    return sum(np.count_nonzero(np.diff(inside, axis=axis)) * sides[axis] for axis in range(3))


@answers.wrong("area-faces", says="You counted every face twice")
def area_faces(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1)
    return sum(
        np.count_nonzero(inside != np.roll(inside, step, axis)) * np.prod(spacing) / spacing[axis]
        for axis in range(3)
        for step in (-1, 1)
    )


@answers.wrong("area-faces", says="You squared the spacing")
def area_faces(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1)
    return sum(np.count_nonzero(inside ^ np.roll(inside, 1, axis)) * spacing[axis] ** 2 for axis in range(3))


@answers.wrong("area-faces", says="You gave each face the area of a pixel")
def area_faces(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1)
    faces = sum(np.count_nonzero(inside ^ np.roll(inside, 1, axis)) for axis in range(3))
    return faces * spacing[1] * spacing[2]


@answers.wrong("area-faces", says="You gave every voxel six faces")
def area_faces(mask, spacing):
    z, y, x = spacing
    return np.count_nonzero(mask) * 2 * (z * y + y * x + z * x)


@answers.wrong("area-faces", says="The walls of a hole are surface too")
def area_faces(mask, spacing):
    inside = np.pad(ndimage.binary_fill_holes(np.asarray(mask) != 0), 1)
    return sum(
        np.count_nonzero(inside ^ np.roll(inside, 1, axis)) * np.prod(spacing) / spacing[axis]
        for axis in range(3)
    )


@answers.wrong("area-faces", says="masks of integers")
def area_faces(mask, spacing):
    padded = np.pad(np.asarray(mask).astype(int), 1)
    return sum(
        np.count_nonzero(np.diff(padded, axis=axis)) * np.prod(spacing) / spacing[axis] for axis in range(3)
    )


# 3.3 mesh_area, mesh_volume ------------------------------------------------------------------------------------------
@answers.right("mesh-area")
def mesh_area(vertices, faces):
    total = 0.0
    for i, j, k in np.asarray(faces, dtype=int).tolist():
        a, b, c = (np.array(vertices[n], dtype=float) for n in (i, j, k))
        u, v, w = (float(np.sqrt(((p - q) ** 2).sum())) for p, q in ((a, b), (b, c), (c, a)))
        s = (u + v + w) / 2  # Heron
        total += np.sqrt(max(s * (s - u) * (s - v) * (s - w), 0.0))
    return total


@answers.right("mesh-area")
def mesh_area(vertices, faces):
    corners = np.asarray(vertices, dtype=float)[np.asarray(faces)]
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    squared = (u * u).sum(1) * (v * v).sum(1) - (u * v).sum(1) ** 2
    return 0.5 * np.sqrt(np.maximum(squared, 0)).sum()


@answers.wrong("mesh-area", says="A triangle is half of it")
def mesh_area(vertices, faces):
    corners = np.asarray(vertices, dtype=float)[np.asarray(faces)]
    return np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    ).sum()


@answers.wrong("mesh-area", says="You added the components")
def mesh_area(vertices, faces):
    corners = np.asarray(vertices, dtype=float)[np.asarray(faces)]
    return np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])).sum() / 2


@answers.wrong("mesh-area", says="one length of all cross products together")
def mesh_area(vertices, faces):
    corners = np.asarray(vertices, dtype=float)[np.asarray(faces)]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.linalg.norm(normal) / 2


@answers.wrong("mesh-area", says="only where the two meet at a right angle")
def mesh_area(vertices, faces):
    corners = np.asarray(vertices, dtype=float)[np.asarray(faces)]
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    return (np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)).sum() / 2


@answers.wrong("mesh-area", says="no faces at all")
def mesh_area(vertices, faces):
    a, b, c = np.asarray(vertices, dtype=float)[np.asarray(faces)].transpose(1, 0, 2)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return areas.mean() * len(faces)


@answers.right("mesh-volume")
def mesh_volume(vertices, faces):
    corners = np.asarray(vertices, dtype=float)[np.asarray(faces)]
    return abs(np.linalg.det(corners - np.asarray(vertices, dtype=float).mean(axis=0)).sum()) / 6


@answers.right("mesh-volume")
def mesh_volume(vertices, faces):
    # the flux of (z, 0, 0): the area of each triangle's shadow times its mean height
    a, b, c = (np.asarray(vertices, dtype=float)[np.asarray(faces)[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)[:, 0] / 2
    return abs(float((normal * (a[:, 0] + b[:, 0] + c[:, 0]) / 3).sum()))


@answers.wrong("mesh-volume", says="Divide by 6")
def mesh_volume(vertices, faces):
    a, b, c = (np.asarray(vertices, dtype=float)[np.asarray(faces)[:, i]] for i in range(3))
    return abs((a * np.cross(b, c)).sum())


@answers.wrong("mesh-volume", says="not a half")
def mesh_volume(vertices, faces):
    a, b, c = (np.asarray(vertices, dtype=float)[np.asarray(faces)[:, i]] for i in range(3))
    return abs((a * np.cross(b, c)).sum()) / 2


@answers.wrong("mesh-volume", says="random tetrahedra")
def mesh_volume(vertices, faces):
    if len(faces) == 0:
        return 0.0
    used = np.asarray(vertices, dtype=float)[np.unique(faces)]
    return np.prod(np.ptp(used, axis=0))


@answers.wrong("mesh-volume", says="not a third")
def mesh_volume(vertices, faces):
    a, b, c = (np.asarray(vertices, dtype=float)[np.asarray(faces)[:, i]] for i in range(3))
    return abs((a * np.cross(b, c)).sum()) / 3


@answers.wrong("mesh-volume", says="The sign tells which way the triangles face")
def mesh_volume(vertices, faces):
    a, b, c = (np.asarray(vertices, dtype=float)[np.asarray(faces)[:, i]] for i in range(3))
    return (a * np.cross(b, c)).sum() / 6


@answers.wrong("mesh-volume", says="You took the absolute value of each tetrahedron")
def mesh_volume(vertices, faces):
    a, b, c = (np.asarray(vertices, dtype=float)[np.asarray(faces)[:, i]] for i in range(3))
    return np.abs((a * np.cross(b, c)).sum(axis=1)).sum() / 6


@answers.wrong("mesh-volume", says="a ring, whose surface turns its back to the origin")
def mesh_volume(vertices, faces):
    if len(faces) == 0:
        return 0.0
    used = np.asarray(vertices, dtype=float)[np.unique(faces)]
    a, b, c = (
        np.asarray(vertices, dtype=float)[np.asarray(faces)[:, i]] - used.mean(axis=0) for i in range(3)
    )
    return np.abs((a * np.cross(b, c)).sum(axis=1)).sum() / 6


# 3.4 sphericity ------------------------------------------------------------------------------------------------------
@answers.right("sphericity")
def sphericity(volume, area):
    if np.min(volume) <= 0 or np.min(area) <= 0:
        raise ValueError("volume and area must be positive")
    radius = np.cbrt(3 * np.asarray(volume) / (4 * np.pi))
    return 4 * np.pi * radius**2 / area


@answers.right("sphericity")
def sphericity(volume, area):
    if np.any(np.less_equal(volume, 0)) or np.any(np.less_equal(area, 0)):
        raise ValueError("nothing has no shape")
    return np.cbrt(36 * np.pi * np.square(np.asarray(volume, float))) / np.asarray(area, float)


@answers.wrong("sphericity", says="upside down")
def sphericity(volume, area):
    if volume <= 0 or area <= 0:
        raise ValueError("positive")
    return area / (np.pi ** (1 / 3) * (6 * volume) ** (2 / 3))


@answers.wrong("sphericity", says="In Python a**1/3 is (a**1)/3")
def sphericity(volume, area):
    return np.pi**1/3 * (6 * np.asarray(volume))**2/3 / area  # fmt: skip


@answers.wrong("sphericity", says="In Python a**1/3 is (a**1)/3")
def sphericity(volume, area):
    return np.pi**1/3 * (6 * np.asarray(volume)) ** (2 / 3) / area  # fmt: skip


@answers.wrong("sphericity", says="In Python a**2/3 is (a**2)/3")
def sphericity(volume, area):
    return np.pi ** (1 / 3) * (6 * np.asarray(volume))**2/3 / area  # fmt: skip


@answers.wrong("sphericity", says="unrounded")
def sphericity(volume, area):
    if np.any(np.less_equal(volume, 0)) or np.any(np.less_equal(area, 0)):
        raise ValueError("positive")
    return np.round(np.pi ** (1 / 3) * (6 * np.asarray(volume)) ** (2 / 3) / area, 3)


@answers.wrong("sphericity", says="the cube of sphericity")
def sphericity(volume, area):
    return 36 * np.pi * np.asarray(volume) ** 2 / np.asarray(area) ** 3


@answers.wrong("sphericity", says="The exponent of 6V is 2/3")
def sphericity(volume, area):
    return np.pi ** (1 / 3) * (6 * np.asarray(volume)) ** (1 / 3) / area


@answers.wrong("sphericity", says="The 6 belongs inside the brackets")
def sphericity(volume, area):
    return np.pi ** (1 / 3) * 6 * np.asarray(volume) ** (2 / 3) / area


@answers.wrong("sphericity", says="An area of 0 cannot enclose anything")
def sphericity(volume, area):
    if np.any(np.asarray(volume) <= 0):
        raise ValueError("volume")
    with np.errstate(all="ignore"):
        return np.pi ** (1 / 3) * np.divide((6 * np.asarray(volume)) ** (2 / 3), area)


@answers.wrong("sphericity", says="arrays, body by body")
def sphericity(volume, area):
    if volume <= 0 or area <= 0:
        raise ValueError("positive")
    return float(np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / area)


@answers.wrong("sphericity", says="negative numbers are refused too")
def sphericity(volume, area):
    if np.all(np.asarray(volume) == 0) or np.all(np.asarray(area) == 0):
        raise ValueError("zero")
    with np.errstate(all="ignore"):
        return np.cbrt(np.pi) * np.cbrt(6 * np.asarray(volume, float)) ** 2 / np.asarray(area, float)


# 3.5 sphericity_cylinder, best_cylinder ------------------------------------------------------------------------------
@answers.right("sphericity-cylinder")
def sphericity_cylinder(height, radius):
    if np.min(height) <= 0 or np.min(radius) <= 0:
        raise ValueError("height and radius must be positive")
    ratio = np.asarray(height, float) / radius
    return np.cbrt(4.5) * np.cbrt(ratio) ** 2 / (1 + ratio)


@answers.right("sphericity-cylinder")
def sphericity_cylinder(height, radius):
    h, r = np.broadcast_arrays(np.asarray(height, float), np.asarray(radius, float))
    if (h <= 0).any() or (r <= 0).any():
        raise ValueError("no cylinder")
    ball = (3 * np.pi * r**2 * h / (4 * np.pi)) ** (1 / 3)
    return 4 * np.pi * ball**2 / (2 * np.pi * r * h + 2 * np.pi * r**2)


@answers.wrong("sphericity-cylinder", says="You forgot the two flat ends")
def sphericity_cylinder(height, radius):
    if height <= 0 or radius <= 0:
        raise ValueError("positive")
    return np.pi ** (1 / 3) * (6 * np.pi * radius**2 * height) ** (2 / 3) / (2 * np.pi * radius * height)


@answers.wrong("sphericity-cylinder", says="You closed one end only")
def sphericity_cylinder(height, radius):
    area = 2 * np.pi * radius * height + np.pi * radius**2
    return np.pi ** (1 / 3) * (6 * np.pi * radius**2 * height) ** (2 / 3) / area


@answers.wrong("sphericity-cylinder", says="You took the radius for the diameter")
def sphericity_cylinder(height, radius):
    r = radius / 2
    return np.pi ** (1 / 3) * (6 * np.pi * r**2 * height) ** (2 / 3) / (2 * np.pi * r * (r + height))


@answers.wrong("sphericity-cylinder", says="the volume of a cone")
def sphericity_cylinder(height, radius):
    area = 2 * np.pi * radius * (radius + height)
    return np.pi ** (1 / 3) * (2 * np.pi * radius**2 * height) ** (2 / 3) / area


@answers.wrong("sphericity-cylinder", says="Height and radius have changed places")
def sphericity_cylinder(height, radius):
    area = 2 * np.pi * radius * (radius + height)
    return np.pi ** (1 / 3) * (6 * np.pi * height**2 * radius) ** (2 / 3) / area


@answers.wrong("sphericity-cylinder", says="The wall is as long as the whole circle")
def sphericity_cylinder(height, radius):
    area = np.pi * radius * height + 2 * np.pi * radius**2
    return np.pi ** (1 / 3) * (6 * np.pi * radius**2 * height) ** (2 / 3) / area


@answers.wrong("sphericity-cylinder", says="The volume lacks its π")
def sphericity_cylinder(height, radius):
    area = 2 * np.pi * radius * (radius + height)
    return np.pi ** (1 / 3) * (6 * radius**2 * height) ** (2 / 3) / area


@answers.wrong("sphericity-cylinder", says="a positive product")
def sphericity_cylinder(height, radius):
    if np.any(np.multiply(height, radius) <= 0):
        raise ValueError("positive")
    h, r = np.asarray(height, float), np.asarray(radius, float)
    return np.cbrt(4.5) * np.cbrt(h / r) ** 2 / (1 + h / r)


@answers.wrong("sphericity-cylinder", says="one bad length in an array is enough")
def sphericity_cylinder(height, radius):
    if np.all(np.asarray(height) <= 0) or np.all(np.asarray(radius) <= 0):
        raise ValueError("positive")
    h, r = np.asarray(height, float), np.asarray(radius, float)
    return np.cbrt(4.5) * np.cbrt(h / r) ** 2 / (1 + h / r)


@answers.wrong("sphericity-cylinder", says="A disc without height holds nothing")
def sphericity_cylinder(height, radius):
    area = 2 * np.pi * radius * (radius + height)
    return np.pi ** (1 / 3) * (6 * np.pi * radius**2 * height) ** (2 / 3) / area


@answers.wrong("sphericity-cylinder", says="coins and needles")
def sphericity_cylinder(height, radius):
    if height <= 0 or radius <= 0:
        raise ValueError("positive")
    area = 2 * np.pi * radius * (radius + height)
    return float(np.pi ** (1 / 3) * (6 * np.pi * radius**2 * height) ** (2 / 3) / area)


@answers.right("best-cylinder")
def best_cylinder(radius):
    if radius <= 0:
        raise ValueError("radius must be positive")
    from scipy import optimize

    ratio = optimize.minimize_scalar(
        lambda q: -(q ** (2 / 3)) / (1 + q), bounds=(0.01, 100), method="bounded"
    ).x
    return ratio * radius


@answers.right("best-cylinder")
def best_cylinder(radius):
    if not radius > 0:
        raise ValueError("radius must be positive")
    ratios = np.linspace(0.5, 5, 450_001)
    return float(ratios[np.argmax(ratios ** (2 / 3) / (1 + ratios))]) * radius


@answers.wrong("best-cylinder", says="like a coin")
def best_cylinder(radius):
    return radius


@answers.wrong("best-cylinder", says="whatever it was given")
def best_cylinder(radius):
    if radius <= 0:
        raise ValueError("radius")
    return (2 / 3) ** (1 / 3)


@answers.wrong("best-cylinder", says="A height of 4/3 r holds as much as the ball")
def best_cylinder(radius):
    return 4 / 3 * radius


@answers.wrong("best-cylinder", says="a range and a step that fit the radius")
def best_cylinder(radius):
    heights = np.arange(1.0, 200.0)
    return float(heights[np.argmax(heights ** (2 / 3) / (radius + heights))]) + (5.0 if radius < 1 else 0.0)


@answers.wrong("best-cylinder", says="no other height is rounder")
def best_cylinder(radius):
    if radius <= 0:
        raise ValueError("radius")
    heights = np.arange(0.001, 10.0, 0.001)
    return float(heights[np.argmax(heights ** (2 / 3) / (radius + heights))])


@answers.wrong("best-cylinder", says="Without a radius there is no cylinder")
def best_cylinder(radius):
    return 2 * radius


# 3.6 marching_cubes_area ---------------------------------------------------------------------------------------------
@answers.right("marching-cubes-area")
def marching_cubes_area(mask, spacing):
    padded = np.pad(np.asarray(mask).astype(bool), 2).astype(np.float32)
    if padded.max() == 0:
        return 0.0
    vertices, faces, *_ = measure.marching_cubes(padded, level=0.5, spacing=spacing)
    corners = vertices[faces]
    return (
        np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
        / 2
    )


@answers.right("marching-cubes-area")
def marching_cubes_area(mask, spacing):
    inside = np.asarray(mask) != 0
    if not np.any(inside):
        return 0
    canvas = np.zeros([n + 2 for n in inside.shape])
    canvas[1:-1, 1:-1, 1:-1] = inside
    vertices, faces, *_ = measure.marching_cubes(canvas, 0.5)
    return measure.mesh_surface_area(vertices * np.array(spacing), faces)


@answers.wrong("marching-cubes-area", says="Your mesh is open")
def marching_cubes_area(mask, spacing):
    vertices, faces, *_ = measure.marching_cubes(np.asarray(mask, float), 0.5, spacing=spacing)
    return measure.mesh_surface_area(vertices, faces)


@answers.wrong("marching-cubes-area", says="The level is 0.5: half-way")
def marching_cubes_area(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1).astype(float)
    vertices, faces, *_ = measure.marching_cubes(inside, 0.0, spacing=spacing)
    return measure.mesh_surface_area(vertices, faces)


@answers.wrong("marching-cubes-area", says="That is the volume inside the mesh")
def marching_cubes_area(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1).astype(float)
    vertices, faces, *_ = measure.marching_cubes(inside, 0.5, spacing=spacing)
    return abs(np.linalg.det(vertices[faces].astype(float)).sum()) / 6


@answers.wrong("marching-cubes-area", says="You left out the spacing")
def marching_cubes_area(mask, spacing):
    vertices, faces, *_ = measure.marching_cubes(np.pad(np.asarray(mask, float), 1), 0.5)
    return measure.mesh_surface_area(vertices, faces)


@answers.wrong("marching-cubes-area", says="The spacing is turned round")
def marching_cubes_area(mask, spacing):
    vertices, faces, *_ = measure.marching_cubes(
        np.pad(np.asarray(mask, float), 1), 0.5, spacing=spacing[::-1]
    )
    return measure.mesh_surface_area(vertices, faces)


@answers.wrong("marching-cubes-area", says="You counted voxel faces")
def marching_cubes_area(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1)
    return sum(
        np.count_nonzero(inside ^ np.roll(inside, 1, axis)) * np.prod(spacing) / spacing[axis]
        for axis in range(3)
    )


@answers.wrong("marching-cubes-area", says="a copy of the border voxels")
def marching_cubes_area(mask, spacing):
    vertices, faces, *_ = measure.marching_cubes(
        np.pad(np.asarray(mask, float), 1, mode="edge"), 0.5, spacing=spacing
    )
    return measure.mesh_surface_area(vertices, faces)


@answers.wrong("marching-cubes-area", says="masks of integers")
def marching_cubes_area(mask, spacing):
    if not np.any(mask):
        return 0.0
    vertices, faces, *_ = measure.marching_cubes(np.pad(np.asarray(mask, float), 1), 0.5, spacing=spacing)
    return measure.mesh_surface_area(vertices, faces)


@answers.wrong("marching-cubes-area", says="an empty mask")
def marching_cubes_area(mask, spacing):
    inside = np.pad(np.asarray(mask) != 0, 1).astype(float)
    vertices, faces, *_ = measure.marching_cubes(inside, 0.5, spacing=spacing)
    return measure.mesh_surface_area(vertices, faces)


# 3.7 resample_isotropic ----------------------------------------------------------------------------------------------
@answers.right("resample-isotropic")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target must be positive")
    result = (np.asarray(mask) != 0).astype(float)
    for axis in range(3):
        n, step = result.shape[axis], spacing[axis]
        count = int(np.ceil(round(n * step / target, 9)))
        old = (np.arange(n) - (n - 1) / 2) * step
        new = (np.arange(count) - (count - 1) / 2) * target
        # np.interp keeps the first and the last value beyond the ends
        result = np.apply_along_axis(lambda line, new=new, old=old: np.interp(new, old, line), axis, result)
    return result.round(6) >= 0.5


@answers.right("resample-isotropic")
def resample_isotropic(mask, spacing, target):
    if not target > 0:
        raise ValueError("target must be positive")
    result = np.asarray(mask).astype(bool).astype(np.float64)
    for axis, step in enumerate(spacing):
        n = result.shape[axis]
        count = -int(-round(n * step / target, 9) // 1)
        place = ((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2).clip(0, n - 1)
        left = np.minimum(place.astype(int), max(n - 2, 0))
        share = np.expand_dims(place - left, [i for i in range(3) if i != axis])
        right = np.minimum(left + 1, n - 1)
        result = np.take(result, left, axis) * (1 - share) + np.take(result, right, axis) * share
    return np.round(result, 6) >= 0.5


@answers.right("resample-isotropic")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target must be positive")
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = int(np.ceil(n * step / target))
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return np.round(share, 6) >= 0.5


@answers.wrong("resample-isotropic", says="Interpolate linearly: order=1")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = int(np.ceil(n * step / target))
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=3, mode="nearest")
    return share.round(6) >= 0.5


@answers.wrong("resample-isotropic", says="7.2 becomes 8. Take the ceiling")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = round(n * step / target)
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return share.round(6) >= 0.5


@answers.wrong("resample-isotropic", says="You stretched the new voxels")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values = (np.asarray(mask) != 0).astype(float)
    places = [
        np.linspace(0, n - 1, int(np.ceil(n * step / target)))
        for n, step in zip(values.shape, spacing, strict=True)
    ]
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return share.round(6) >= 0.5


@answers.wrong("resample-isotropic", says="Take the ceiling")
def resample_isotropic(mask, spacing, target):
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = int(n * step / target)
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return share.round(6) >= 0.5


@answers.wrong("resample-isotropic", says="Interpolate linearly")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = int(np.ceil(n * step / target))
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=0, mode="nearest")
    return share.round(6) >= 0.5


@answers.wrong("resample-isotropic", says="The middles of the two grids must agree")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        places.append(np.arange(int(np.ceil(n * step / target))) * target / step)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return share.round(6) >= 0.5


@answers.wrong("resample-isotropic", says="Take the ceiling")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    return ndimage.zoom((np.asarray(mask) != 0).astype(float), np.array(spacing) / target, order=1) >= 0.5


@answers.wrong("resample-isotropic", says="use >= 0.5, not > 0.5")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = int(np.ceil(n * step / target))
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return share.round(6) > 0.5


@answers.wrong("resample-isotropic", says="you let the mask end")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = int(np.ceil(n * step / target))
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="constant")
    return share.round(6) >= 0.5


@answers.wrong("resample-isotropic", says="A mask is a decision")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values, places = (np.asarray(mask) != 0).astype(float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = int(np.ceil(n * step / target))
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    return ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")


@answers.wrong("resample-isotropic", says="masks of integers")
def resample_isotropic(mask, spacing, target):
    if target <= 0:
        raise ValueError("target")
    values, places = np.asarray(mask, dtype=float), []
    for n, step in zip(values.shape, spacing, strict=True):
        count = int(np.ceil(n * step / target))
        places.append((np.arange(count) - (count - 1) / 2) * target / step + (n - 1) / 2)
    share = ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")
    return share.round(6) >= 0.5
