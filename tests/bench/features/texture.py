"""Co-occurrence matrices and three of their features, in images and volumes: see :mod:`tests.bench.features`."""

from __future__ import annotations

import platform
from contextlib import ExitStack
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.feature import graycomatrix, graycoprops

from digital_biopsy import texture
from digital_biopsy._glcm import checked_levels, count_pairs
from tests.bench.features import peers

LEVELS = 32
OURS = "digital_biopsy"
ANGLES = [0.0, 3 * np.pi / 4, np.pi / 2, np.pi / 4]  # scikit-image's, in the order of unique_offsets(2)

#: The C core alone, then the class that a user calls. Both want an image of levels, and a mask.
PYRADIOMICS = """
import logging
import numpy as np, SimpleITK as sitk
from radiomics import cMatrices, glcm
logging.getLogger("radiomics").setLevel(logging.CRITICAL)

def matrices(levels):
    mask = np.ones(levels.shape, bool)
    counts, angles = cMatrices.calculate_glcm(levels, mask, np.array([1]), 32, False, 0)
    # It counts from the voxel that comes second; put both in one order, which takes next to no time.
    order = sorted(range(len(angles)), key=lambda i: tuple(angles[i]))
    return counts[0].transpose(2, 0, 1)[order]

def prepare(levels):
    global image, mask
    image = sitk.GetImageFromArray(levels)
    mask = sitk.GetImageFromArray(np.ones(levels.shape, np.uint8))
    return {}

def features(levels):
    made = glcm.RadiomicsGLCM(image, mask, binWidth=1)
    made.enabledFeatures = {name: True for name in ("Contrast", "JointEnergy", "Idm")}
    found = made.execute()
    return {"contrast": found["Contrast"], "energy": found["JointEnergy"], "homogeneity": found["Idm"]}
"""

#: mirp's own classes, given the table of voxels that they start from; making that table is not timed.
MIRP = """
import numpy as np, pandas as pd
from mirp._features import cm_features as cm
from mirp._features.cm_matrix import MatrixCM

def prepare(levels):
    global data
    z, y, x = (part.ravel() for part in np.indices(levels.shape))
    data = pd.DataFrame({"index_id": np.arange(levels.size), "g": levels.ravel().astype(float), "x": x, "y": y, "z": z,
                         "roi_int_mask": np.ones(levels.size, bool)})
    return {}

def computed(levels):
    start = MatrixCM(spatial_method="3d_average", distance=1)
    found = list(start.generate(prototype=MatrixCM, n_slices=len(levels), distance=1))
    for matrix in found:
        matrix.compute(data=data, image_dimension=levels.shape)
    return found

def matrices(levels):
    found = sorted(computed(levels), key=lambda matrix: tuple(matrix.direction))
    dense = np.zeros((len(found), 32, 32))
    for counts, matrix in zip(dense, found):
        counts[matrix.matrix.i.astype(int) - 1, matrix.matrix.j.astype(int) - 1] = matrix.matrix.n
    return dense

def features(levels):
    found = computed(levels)
    for matrix in found:
        matrix.set_values_from_matrix(intensity_range=(1, 32))
    mean = lambda feature: np.nanmean([feature._compute(matrix=matrix) for matrix in found])
    return {"contrast": mean(cm.FeatureCMContrast), "energy": mean(cm.FeatureCMAngularSecondMoment),
            "homogeneity": mean(cm.FeatureCMInverseDifferenceMoment)}
"""


def example(shape: tuple[int, ...], kind: type = np.int64) -> Any:
    """Noise with a grain of one voxel in 32 levels, all of which occur."""
    field = gaussian_filter(np.random.default_rng(0).normal(size=shape), 1)
    field = (field - field.mean()) / field.std()
    levels = np.clip(np.floor(field * 5 + 17), 1, LEVELS)
    levels.flat[:2] = 1, LEVELS
    return levels.astype(kind)


def ours(levels: Any) -> Any:
    """The counts of each direction, one way."""
    return count_pairs(checked_levels(levels, LEVELS), texture.unique_offsets(levels.ndim), LEVELS)


def both_ways(counts: Any) -> Any:
    """Programs count a pair from its first end, its second, or both; this is the same for all."""
    counts = np.asarray(counts, float)
    symmetric = counts + counts.transpose(0, 2, 1)
    return symmetric / symmetric.sum()


def same_matrices(first: Any, second: Any) -> bool:
    """As sets: a direction and its opposite are one, and each program has its own order."""
    return peers.close(
        np.array(sorted(both_ways(first).tolist())), np.array(sorted(both_ways(second).tolist()))
    )


def scikit_image(levels: Any) -> Any:
    """The counts of each direction, one way."""
    return graycomatrix(levels - 1, [1], ANGLES, LEVELS)[:, :, 0].transpose(2, 0, 1)


def scikit_image_features(levels: Any) -> dict[str, float]:
    """Mean over the directions."""
    matrices = graycomatrix(levels - 1, [1], ANGLES, LEVELS, symmetric=True, normed=True)
    names = {"contrast": "contrast", "energy": "ASM", "homogeneity": "homogeneity"}
    return {name: float(graycoprops(matrices, theirs).mean()) for name, theirs in names.items()}


def run(quick: bool) -> None:
    """Print the table. `quick`: small sizes, against scikit-image alone."""
    print(f"GLCM, {LEVELS} levels, distance 1. Python {platform.python_version()}, NumPy {np.__version__}")
    for side in (64,) if quick else (512,):
        for kind in (np.uint8, np.int64):
            levels = example((side, side), kind)
            title = f"{side} x {side}, 4 directions, {np.dtype(kind).name}"
            peers.race(
                f"Matrices, {title}",
                {
                    OURS: peers.Local(lambda x=levels: ours(x)),
                    "scikit-image": peers.Local(lambda x=levels: scikit_image(x)),
                },
                same_matrices,
            )
            peers.race(
                f"Contrast, energy, homogeneity, {title}",
                {
                    OURS: peers.Local(lambda x=levels: texture.texture_features(x, LEVELS)),
                    "scikit-image": peers.Local(lambda x=levels: scikit_image_features(x)),
                },
            )
            peers.print_memory(lambda x=levels: texture.texture_features(x, LEVELS), levels.nbytes)
    if not quick:
        with ExitStack() as stack:
            volumes(stack)


def volumes(stack: ExitStack) -> None:
    """32, 64 and 128 voxels a side, against those of the two peers that can be had."""
    others: dict[str, peers.Peer] = {}
    for name, source in (("pyradiomics", PYRADIOMICS), ("mirp", MIRP)):
        try:
            others[name] = stack.enter_context(peers.Peer(name, source))
        except peers.PeerError as reason:
            print(reason)
    for side in (32, 64, 128):
        levels = example((side, side, side), np.int32)
        for other in others.values():
            other.load(levels=levels)
            other.runner("prepare", "levels").turn(1)
        title = f"{side} x {side} x {side}, 13 directions"
        what = {"pyradiomics": "its C core", "mirp": "without its table of voxels"}
        peers.race(
            f"Matrices, {title}",
            {OURS: peers.Local(lambda x=levels: ours(x))}
            | {f"{peers.label(n)}, {what[n]}": p.runner("matrices", "levels") for n, p in others.items()},
            same_matrices,
        )
        what["pyradiomics"] = "its class"
        peers.race(
            f"Contrast, energy, homogeneity, {title}",
            {OURS: peers.Local(lambda x=levels: texture.texture_features(x, LEVELS))}
            | {f"{peers.label(n)}, {what[n]}": p.runner("features", "levels") for n, p in others.items()},
        )
        peers.print_memory(lambda x=levels: texture.texture_features(x, LEVELS), levels.nbytes)
