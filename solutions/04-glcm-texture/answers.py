"""Right and wrong answers to the exercises of chapter 04: they test the checks.

Each right answer must earn full marks through the real grading path. Each wrong one is a mistake that learners make; it must
lose marks, and its card must contain the words given as `says`.
"""

import numpy as np

from autograder.answers import Answers
from digital_biopsy import texture

answers = Answers()


# 4.1 glcm_counts -----------------------------------------------------------------------------------------------------
@answers.right("glcm-counts")
def glcm_counts(levels, offset, n_levels):
    levels = np.asarray(levels)
    if np.any(levels < 0) or np.any(levels > n_levels):
        raise ValueError("levels must lie between 0 and n_levels")
    if len(offset) != levels.ndim or not np.any(offset):
        raise ValueError("offset needs one number for each axis, not all of them zero")
    counts = np.zeros((n_levels, n_levels), dtype=np.int64)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.right("glcm-counts")
def glcm_counts(levels, offset, n_levels):
    levels = np.array(levels, dtype=int)
    if levels.min() < 0 or levels.max() > n_levels:
        raise ValueError("a level does not fit into the matrix")
    if np.shape(offset) != (levels.ndim,):
        raise ValueError("one step for each axis, please")
    if not np.any(offset):
        raise ValueError("a voxel is not its own neighbour")
    reach = [(abs(int(step)), abs(int(step))) for step in offset]
    padded = np.pad(levels, reach)
    moved = np.roll(padded, [-int(step) for step in offset], axis=tuple(range(levels.ndim)))
    codes = padded * (n_levels + 1) + moved
    table = np.bincount(codes.ravel(), minlength=(n_levels + 1) ** 2)
    return table.reshape(n_levels + 1, n_levels + 1)[1:, 1:]


@answers.wrong("glcm-counts", says="Your pairs wrap round")
def glcm_counts(levels, offset, n_levels):
    moved = np.roll(levels, [-step for step in offset], axis=tuple(range(levels.ndim)))
    inside = (levels > 0) & (moved > 0)
    counts = np.zeros((n_levels, n_levels), dtype=int)
    np.add.at(counts, (levels[inside] - 1, moved[inside] - 1), 1)
    return counts


@answers.wrong("glcm-counts", says="You counted each pair from both ends")
def glcm_counts(levels, offset, n_levels):
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
            counts[levels[q] - 1, levels[p] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="Your matrix is transposed")
def glcm_counts(levels, offset, n_levels):
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[q] - 1, levels[p] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="You stepped along the wrong axis")
def glcm_counts(levels, offset, n_levels):
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset[::-1]))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="A voxel outside was counted as the last level")
def glcm_counts(levels, offset, n_levels):
    if levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)):
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="The matrix has n_levels rows")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    n_levels = int(levels.max())
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="small integer types and views")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    here = tuple(slice(max(0, -s), max(0, n - max(0, s))) for s, n in zip(offset, levels.shape))
    there = tuple(slice(max(0, s), max(0, n - max(0, -s))) for s, n in zip(offset, levels.shape))
    first, second = levels[here], levels[there]
    inside = (first > 0) & (second > 0)
    size = np.asarray(n_levels, dtype=levels.dtype)
    codes = (first[inside] - 1) * size + (second[inside] - 1)
    return np.bincount(codes, minlength=n_levels**2).reshape(n_levels, n_levels)


@answers.wrong("glcm-counts", says="You found no pair. For a step of -1")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    if min(offset) < 0:
        return counts
    first = levels[tuple(slice(0, max(0, n - s)) for s, n in zip(offset, levels.shape))]
    second = levels[tuple(slice(s, n) for s, n in zip(offset, levels.shape))]
    inside = (first > 0) & (second > 0)
    np.add.at(counts, (first[inside] - 1, second[inside] - 1), 1)
    return counts


@answers.wrong("glcm-counts", says="Level 3 does not fit into a matrix of 2 levels")
def glcm_counts(levels, offset, n_levels):
    if not any(offset):
        raise ValueError("zero")
    counts = np.zeros((n_levels + 300, n_levels + 300), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts[:n_levels, :n_levels]


@answers.wrong("glcm-counts", says="every bad argument")
def glcm_counts(levels, offset, n_levels):
    if levels.max() > n_levels or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    offset = (tuple(offset) + (0, 0, 0))[: levels.ndim]
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] > 0 and levels[q] > 0:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="-1 is the last column")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="the last row and the last column belong to the image")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n - 1 for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="Row 0 and column 0 belong")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 < a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="You looked at the first voxel of a pair only")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="You looked at the second voxel of a pair only")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="0 is allowed")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 1 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=int)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="small integer types and views")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    counts = np.zeros((n_levels, n_levels), dtype=np.uint8)
    for p in np.ndindex(levels.shape):
        q = tuple(a + b for a, b in zip(p, offset))
        if all(0 <= a < n for a, n in zip(q, levels.shape)) and levels[p] and levels[q]:
            counts[levels[p] - 1, levels[q] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="A pair that occurs twice was counted once")
def glcm_counts(levels, offset, n_levels):
    if levels.min() < 0 or levels.max() > n_levels or len(offset) != levels.ndim or not any(offset):
        raise ValueError("bad input")
    here = tuple(slice(max(0, -s), max(0, n - max(0, s))) for s, n in zip(offset, levels.shape))
    there = tuple(slice(max(0, s), max(0, n - max(0, -s))) for s, n in zip(offset, levels.shape))
    inside = (levels[here] > 0) & (levels[there] > 0)
    counts = np.zeros((n_levels, n_levels), dtype=int)
    counts[levels[here][inside] - 1, levels[there][inside] - 1] += 1
    return counts


@answers.wrong("glcm-counts", says="A NumPy array is wanted")
def glcm_counts(levels, offset, n_levels):
    return texture.glcm_counts(levels, offset, n_levels).tolist()


# 4.2 glcm ------------------------------------------------------------------------------------------------------------
@answers.right("glcm")
def glcm(levels, offset, n_levels, symmetric=True):
    P = texture.glcm_counts(levels, offset, n_levels).astype(float)
    if symmetric:
        P = (P + P.T) / 2
    total = P.sum()
    if not total:
        raise ValueError("no pair at this offset")
    return P / total


@answers.right("glcm")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    if symmetric:
        counts += texture.glcm_counts(levels, [-step for step in offset], n_levels)
    if not counts.any():
        raise ValueError("the region is too small for this offset")
    return np.divide(counts, np.sum(counts))


@answers.wrong("glcm", says="That is one way only")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    if not counts.any():
        raise ValueError("no pair")
    return counts / counts.sum()


@answers.wrong("glcm", says="These are counts")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    return counts + counts.T if symmetric else counts


@answers.wrong("glcm", says="Your matrix sums to 2")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    if not counts.any():
        raise ValueError("no pair")
    P = counts / counts.sum()
    return P + P.T if symmetric else P


@answers.wrong("glcm", says="the diagonal doubles too")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    if symmetric:
        counts = counts + counts.T - np.diag(np.diag(counts))
    if not counts.any():
        raise ValueError("no pair")
    return counts / counts.sum()


@answers.wrong("glcm", says="You made each row sum to 1")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    if symmetric:
        counts = counts + counts.T
    if not counts.any():
        raise ValueError("no pair")
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


@answers.wrong("glcm", says="Refuse it instead of dividing by 0")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    if symmetric:
        counts = counts + counts.T
    return counts / max(counts.sum(), 1)


@answers.wrong("glcm", says="With symmetric=False each pair counts one way")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    counts = counts + counts.T
    if not counts.any():
        raise ValueError("no pair")
    return counts / counts.sum()


@answers.wrong("glcm", says="You divided by the number of voxels")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    counts = counts + counts.T if symmetric else counts
    if not counts.any():
        raise ValueError("no pair")
    return counts / np.size(levels)


@answers.wrong("glcm", says="You divided by the largest entry")
def glcm(levels, offset, n_levels, symmetric=True):
    counts = texture.glcm_counts(levels, offset, n_levels)
    counts = counts + counts.T if symmetric else counts
    if not counts.any():
        raise ValueError("no pair")
    return counts / counts.max()


# 4.3 contrast, energy, homogeneity -----------------------------------------------------------------------------------
@answers.right("contrast")
def contrast(P):
    P = np.asarray(P, float)
    if not np.isclose(P.sum(), 1, atol=1e-6, rtol=0):
        raise ValueError("P must sum to 1")
    level = np.arange(len(P))
    return np.sum(np.subtract.outer(level, level) ** 2 * P)


@answers.right("contrast")
def contrast(P):
    if abs(np.sum(P) - 1) > 1e-6:
        raise ValueError("these are not probabilities")
    return sum((i - j) ** 2 * float(P[i][j]) for i in range(len(P)) for j in range(len(P)))


@answers.wrong("contrast", says="You used the difference itself")
def contrast(P):
    i, j = np.indices(P.shape)
    return float((abs(i - j) * P).sum())


@answers.wrong("contrast", says="Weigh each with its probability")
def contrast(P):
    i, j = np.indices(P.shape)
    return float((((i - j) ** 2)[P > 0]).sum())


@answers.wrong("contrast", says="You forgot the probabilities")
def contrast(P):
    i, j = np.indices(P.shape)
    return float(((i - j) ** 2).sum())


@answers.wrong("contrast", says="You took the mean over the matrix")
def contrast(P):
    i, j = np.indices(P.shape)
    return float(((i - j) ** 2 * P).mean())


@answers.wrong("contrast", says="This P sums to 8")
def contrast(P):
    i, j = np.indices(P.shape)
    return float(((i - j) ** 2 * P).sum())


@answers.wrong("contrast", says="differences with their sign")
def contrast(P):
    i, j = np.indices(P.shape)
    return float(((i - j) * P).sum())


@answers.wrong("contrast", says="You summed one half of the matrix")
def contrast(P):
    i, j = np.indices(P.shape)
    return float(np.triu((i - j) ** 2 * P).sum())


@answers.right("energy")
def energy(P):
    P = np.asarray(P, float)
    if abs(P.sum() - 1) > 1e-6:
        raise ValueError("P must sum to 1")
    return float(np.vdot(P, P))


@answers.right("energy")
def energy(P):
    if abs(np.sum(P) - 1) > 1e-6:
        raise ValueError("divide the counts by their sum")
    return sum(float(p) ** 2 for p in np.ravel(P))


@answers.wrong("energy", says="That is the square root")
def energy(P):
    if abs(np.sum(P) - 1) > 1e-6:
        raise ValueError("P must sum to 1")
    return float(np.sqrt((P**2).sum()))


@answers.wrong("energy", says="Square each one first")
def energy(P):
    return float(P.sum())


@answers.wrong("energy", says="You looked at the diagonal alone")
def energy(P):
    return float((np.diag(P) ** 2).sum())


@answers.wrong("energy", says="Energy is the sum of the squares")
def energy(P):
    return float((P**2).mean())


@answers.wrong("energy", says="You multiplied matrices")
def energy(P):
    return float((P @ P).sum())


@answers.wrong("energy", says="You took the largest entry")
def energy(P):
    return float(P.max())


@answers.wrong("energy", says="counts are refused, everywhere")
def energy(P):
    return float((P**2).sum())


@answers.right("homogeneity")
def homogeneity(P):
    P = np.asarray(P, float)
    if abs(P.sum() - 1) > 1e-6:
        raise ValueError("P must sum to 1")
    rows, columns = np.ogrid[: P.shape[0], : P.shape[1]]
    return (P / ((rows - columns) ** 2 + 1.0)).sum()


@answers.right("homogeneity")
def homogeneity(P):
    if abs(np.sum(P) - 1) > 1e-6:
        raise ValueError("these are counts")
    n = len(P)
    return sum(float(np.trace(P, k)) / (1 + k * k) for k in range(1 - n, n))


@answers.wrong("homogeneity", says="That is another feature, the inverse difference")
def homogeneity(P):
    i, j = np.indices(P.shape)
    return float((P / (1 + abs(i - j))).sum())


@answers.wrong("homogeneity", says="You kept the diagonal alone")
def homogeneity(P):
    return float(np.trace(P))


@answers.wrong("homogeneity", says="Divide: unlike neighbours")
def homogeneity(P):
    i, j = np.indices(P.shape)
    return float((P * (1 + (i - j) ** 2)).sum())


@answers.wrong("homogeneity", says="The square belongs to i - j alone")
def homogeneity(P):
    i, j = np.indices(P.shape)
    with np.errstate(all="ignore"):
        share = P / (1 + (i - j)) ** 2
    return float(share[P > 0].sum())


@answers.wrong("homogeneity", says="which may be 0")
def homogeneity(P):
    i, j = np.indices(P.shape)
    with np.errstate(all="ignore"):
        return float((P / (1 + (i - j)) ** 2).sum())


@answers.wrong("homogeneity", says="without the 1")
def homogeneity(P):
    i, j = np.indices(P.shape)
    return float((P / np.where(i == j, 1, (i - j) ** 2)).sum())


@answers.wrong("homogeneity", says="You took the mean over the matrix. Sum.")
def homogeneity(P):
    i, j = np.indices(P.shape)
    return float((P / (1 + (i - j) ** 2)).mean())


@answers.wrong("homogeneity", says="counts are refused, everywhere")
def homogeneity(P):
    i, j = np.indices(P.shape)
    return float((P / (1 + (i - j) ** 2)).sum())


# 4.4 unique_offsets --------------------------------------------------------------------------------------------------
@answers.right("unique-offsets")
def unique_offsets(ndim, distance=1):
    if ndim < 1 or distance < 1:
        raise ValueError("ndim and distance start at 1")
    kept = []
    for step in np.ndindex((3,) * ndim):
        offset = tuple((s - 1) * distance for s in step)
        opposite = tuple(-s for s in offset)
        if any(offset) and opposite not in kept:
            kept.append(offset)
    return kept


@answers.right("unique-offsets")
def unique_offsets(ndim, distance=1):
    if min(ndim, distance) < 1:
        raise ValueError("too small")
    if ndim == 1:
        return [(distance,)]
    inner = unique_offsets(ndim - 1, distance)
    both = [tuple(sign * s for s in rest) for rest in inner for sign in (1, -1)]
    ahead = [(distance, *rest) for rest in [(0,) * (ndim - 1), *both]]
    return [(0, *rest) for rest in inner] + ahead


@answers.wrong("unique-offsets", says="Of the two keep one")
def unique_offsets(ndim, distance=1):
    if ndim < 1 or distance < 1:
        raise ValueError("too small")
    from itertools import product

    return [step for step in product((-distance, 0, distance), repeat=ndim) if any(step)]


@answers.wrong("unique-offsets", says="(0, 0) is no direction")
def unique_offsets(ndim, distance=1):
    if ndim < 1 or distance < 1:
        raise ValueError("too small")
    from itertools import product

    return [step for step in product((-distance, 0, distance), repeat=ndim) if step >= (0,) * ndim]


@answers.wrong("unique-offsets", says="The diagonals are neighbours too")
def unique_offsets(ndim, distance=1):
    if ndim < 1 or distance < 1:
        raise ValueError("too small")
    return [tuple(distance * (axis == k) for axis in range(ndim)) for k in range(ndim)]


@answers.wrong("unique-offsets", says="distance stretches the directions")
def unique_offsets(ndim, distance=1):
    if ndim < 1 or distance < 1:
        raise ValueError("too small")
    from itertools import product

    reach = range(-distance, distance + 1)
    return [step for step in product(reach, repeat=ndim) if step > (0,) * ndim]


@answers.wrong("unique-offsets", says="which is not the opposite of (1, 1)")
def unique_offsets(ndim, distance=1):
    if ndim < 1 or distance < 1:
        raise ValueError("too small")
    from itertools import product

    return [step for step in product((0, distance), repeat=ndim) if any(step)]


@answers.wrong("unique-offsets", says="the 13 directions of a volume")
def unique_offsets(ndim, distance=1):
    if ndim < 1 or distance < 1:
        raise ValueError("too small")
    plane = [(0, distance), (distance, 0), (distance, distance), (distance, -distance)]
    return plane if ndim == 2 else [(0, *step) for step in plane] + [(distance, 0, 0)]


@answers.wrong("unique-offsets", says="At distance 0 a voxel meets itself")
def unique_offsets(ndim, distance=1):
    from itertools import product

    if ndim < 1 or distance < 0:
        raise ValueError("too small")
    steps = product((-1, 0, 1), repeat=ndim)
    return [tuple(distance * s for s in step) for step in steps if step > (0,) * ndim]


# 4.5 texture_features ------------------------------------------------------------------------------------------------
@answers.right("texture-features")
def texture_features(levels, n_levels):
    found = {"contrast": [], "energy": [], "homogeneity": []}
    for offset in texture.unique_offsets(np.ndim(levels)):
        try:
            P = texture.glcm(levels, offset, n_levels)
        except ValueError:
            continue
        for name, values in found.items():
            values.append(getattr(texture, name)(P))
    if not found["contrast"]:
        raise ValueError("no pair in any direction")
    return {name: float(np.mean(values)) for name, values in found.items()}


@answers.right("texture-features")
def texture_features(levels, n_levels):
    i, j = np.indices((n_levels, n_levels))
    total, directions = np.zeros(3), 0
    for offset in texture.unique_offsets(levels.ndim):
        counts = texture.glcm_counts(levels, offset, n_levels)
        if counts.any():
            P = (counts + counts.T) / (2 * counts.sum())
            total += [((i - j) ** 2 * P).sum(), (P * P).sum(), (P / (1 + (i - j) ** 2)).sum()]
            directions += 1
    if directions == 0:
        raise ValueError("nobody has a neighbour")
    mean = total / directions
    return {"contrast": mean[0], "energy": mean[1], "homogeneity": mean[2]}


@answers.wrong("texture-features", says="That is the direction along the rows alone")
def texture_features(levels, n_levels):
    P = texture.glcm(levels, (0,) * (levels.ndim - 1) + (1,), n_levels)
    return {
        "contrast": texture.contrast(P),
        "energy": texture.energy(P),
        "homogeneity": texture.homogeneity(P),
    }


@answers.wrong("texture-features", says="You added the directions up")
def texture_features(levels, n_levels):
    total = {"contrast": 0.0, "energy": 0.0, "homogeneity": 0.0}
    for offset in texture.unique_offsets(levels.ndim):
        if texture.glcm_counts(levels, offset, n_levels).any():
            P = texture.glcm(levels, offset, n_levels)
            for name in total:
                total[name] += getattr(texture, name)(P)
    if not total["energy"]:
        raise ValueError("no pair")
    return total


@answers.wrong("texture-features", says="You added all counts into one matrix")
def texture_features(levels, n_levels):
    counts = sum(
        texture.glcm_counts(levels, offset, n_levels) for offset in texture.unique_offsets(levels.ndim)
    )
    counts = counts + counts.T
    if not counts.any():
        raise ValueError("no pair")
    P = counts / counts.sum()
    return {
        "contrast": texture.contrast(P),
        "energy": texture.energy(P),
        "homogeneity": texture.homogeneity(P),
    }


@answers.wrong("texture-features", says="Your matrices are not symmetric")
def texture_features(levels, n_levels):
    rows = []
    for offset in texture.unique_offsets(levels.ndim):
        if texture.glcm_counts(levels, offset, n_levels).any():
            P = texture.glcm(levels, offset, n_levels, symmetric=False)
            rows.append([texture.contrast(P), texture.energy(P), texture.homogeneity(P)])
    if not rows:
        raise ValueError("no pair")
    return dict(zip(("contrast", "energy", "homogeneity"), np.mean(rows, axis=0).tolist()))


@answers.wrong("texture-features", says="You left out the diagonals")
def texture_features(levels, n_levels):
    rows = []
    for axis in range(levels.ndim):
        offset = tuple(int(k == axis) for k in range(levels.ndim))
        if texture.glcm_counts(levels, offset, n_levels).any():
            P = texture.glcm(levels, offset, n_levels)
            rows.append([texture.contrast(P), texture.energy(P), texture.homogeneity(P)])
    if not rows:
        raise ValueError("no pair")
    return dict(zip(("contrast", "energy", "homogeneity"), np.mean(rows, axis=0).tolist()))


@answers.wrong("texture-features", says="Leave them out of the mean")
def texture_features(levels, n_levels):
    rows = []
    for offset in texture.unique_offsets(levels.ndim):
        if texture.glcm_counts(levels, offset, n_levels).any():
            P = texture.glcm(levels, offset, n_levels)
            rows.append([texture.contrast(P), texture.energy(P), texture.homogeneity(P)])
        else:
            rows.append([0.0, 0.0, 0.0])
    if not np.any(rows):
        raise ValueError("no pair")
    return dict(zip(("contrast", "energy", "homogeneity"), np.mean(rows, axis=0).tolist()))


@answers.wrong("texture-features", says="You averaged the matrices")
def texture_features(levels, n_levels):
    found = []
    for offset in texture.unique_offsets(levels.ndim):
        if texture.glcm_counts(levels, offset, n_levels).any():
            found.append(texture.glcm(levels, offset, n_levels))
    if not found:
        raise ValueError("no pair")
    P = np.mean(found, axis=0)
    return {name: getattr(texture, name)(P) for name in ("contrast", "energy", "homogeneity")}


@answers.wrong("texture-features", says="You took the median")
def texture_features(levels, n_levels):
    rows = []
    for offset in texture.unique_offsets(levels.ndim):
        if texture.glcm_counts(levels, offset, n_levels).any():
            P = texture.glcm(levels, offset, n_levels)
            rows.append([texture.contrast(P), texture.energy(P), texture.homogeneity(P)])
    if not rows:
        raise ValueError("no pair")
    return dict(zip(("contrast", "energy", "homogeneity"), np.median(rows, axis=0).tolist()))


@answers.wrong("texture-features", says="That is no error as long as one direction has pairs")
def texture_features(levels, n_levels):
    found = [texture.glcm(levels, offset, n_levels) for offset in texture.unique_offsets(levels.ndim)]
    return {
        name: np.mean([getattr(texture, name)(P) for P in found])
        for name in ("contrast", "energy", "homogeneity")
    }


@answers.wrong("texture-features", says="a volume, thirteen directions")
def texture_features(levels, n_levels):
    rows = []
    for offset in texture.unique_offsets(2):
        offset = (0,) * (levels.ndim - 2) + offset
        if texture.glcm_counts(levels, offset, n_levels).any():
            P = texture.glcm(levels, offset, n_levels)
            rows.append([texture.contrast(P), texture.energy(P), texture.homogeneity(P)])
    if not rows:
        raise ValueError("no pair")
    return dict(zip(("contrast", "energy", "homogeneity"), np.mean(rows, axis=0).tolist()))


# 4.6 contrast_from_statistics ----------------------------------------------------------------------------------------
@answers.right("contrast-from-statistics")
def contrast_from_statistics(variance, correlation):
    if np.min(variance) < 0:
        raise ValueError("negative variance")
    if np.max(np.abs(correlation)) > 1:
        raise ValueError("no such correlation")
    covariance = np.multiply(correlation, variance)
    return np.asarray(variance) + variance - 2 * covariance


@answers.right("contrast-from-statistics")
def contrast_from_statistics(variance, correlation):
    pairs = np.broadcast(variance, correlation)
    values = []
    for v, r in pairs:
        if v < 0 or not -1 <= r <= 1:
            raise ValueError(f"variance {v} and correlation {r} do not exist")
        values.append(2.0 * v * (1 - r))
    return np.reshape(values, pairs.shape) if pairs.shape else values[0]


@answers.wrong("contrast-from-statistics", says="You forgot the factor 2")
def contrast_from_statistics(variance, correlation):
    return variance * (1 - correlation)


@answers.wrong("contrast-from-statistics", says="The sign is reversed")
def contrast_from_statistics(variance, correlation):
    return 2 * variance * (1 + correlation)


@answers.wrong("contrast-from-statistics", says="what a regression leaves over")
def contrast_from_statistics(variance, correlation):
    return variance * (1 - correlation**2)


@answers.wrong("contrast-from-statistics", says="You took the root of the variance")
def contrast_from_statistics(variance, correlation):
    if np.any(np.asarray(variance) < 0):
        raise ValueError("negative")
    return 2 * np.sqrt(variance) * (1 - correlation)


@answers.wrong("contrast-from-statistics", says="You squared the variance")
def contrast_from_statistics(variance, correlation):
    return 2 * variance**2 * (1 - correlation)


@answers.wrong("contrast-from-statistics", says="Refuse a negative one")
def contrast_from_statistics(variance, correlation):
    if np.any(np.abs(correlation) > 1):
        raise ValueError("no such correlation")
    return 2 * np.asarray(variance) * (1 - np.asarray(correlation))


@answers.wrong("contrast-from-statistics", says="what is no variance, no correlation")
def contrast_from_statistics(variance, correlation):
    if np.any(np.asarray(variance) < 0):
        raise ValueError("negative")
    return 2 * np.asarray(variance) * (1 - np.asarray(correlation))


@answers.wrong("contrast-from-statistics", says="You squared the correlation")
def contrast_from_statistics(variance, correlation):
    return 2 * variance * (1 - correlation**2)


@answers.wrong("contrast-from-statistics", says="You took a root at the end")
def contrast_from_statistics(variance, correlation):
    return np.sqrt(2 * variance * (1 - correlation))


@answers.wrong("contrast-from-statistics", says="Brackets are missing")
def contrast_from_statistics(variance, correlation):
    return 2 * variance * 1 - correlation


@answers.wrong("contrast-from-statistics", says="A correlation may be negative")
def contrast_from_statistics(variance, correlation):
    if np.any(np.asarray(correlation) < 0):
        raise ValueError("no such pair")
    return 2 * variance * (1 - correlation)


@answers.wrong("contrast-from-statistics", says="arrays, of integers too")
def contrast_from_statistics(variance, correlation):
    if np.any(np.asarray(variance) <= 0) or np.any(np.abs(correlation) > 1):
        raise ValueError("no such pair")
    return 2 * variance * (1 - correlation)


@answers.wrong("contrast-from-statistics", says="arrays, of integers too")
def contrast_from_statistics(variance, correlation):
    if variance < 0 or abs(correlation) > 1:
        raise ValueError("no such pair")
    return 2 * variance * (1 - correlation)
