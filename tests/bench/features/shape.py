"""Area, volume and sphericity of a mask by marching cubes: see :mod:`tests.bench.features`."""

from __future__ import annotations

import platform
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import __version__ as skimage_version
from skimage import measure

from digital_biopsy import shape
from digital_biopsy._shape_patterns import area_and_volume
from tests.bench.features import peers

SPACING = (2.5, 0.8, 0.8)
OURS = "digital_biopsy"

#: One call of its C core gives area, volume and, unasked, the four largest diameters: there is no call without.
PYRADIOMICS = """
import numpy as np
from radiomics import cShape

def measures(mask):
    padded = np.pad(mask, 1)
    area, volume, _ = cShape.calculate_coefficients(padded, np.array([2.5, 0.8, 0.8]))
    return {"area": area, "volume": volume, "sphericity": (36 * np.pi * volume**2) ** (1 / 3) / area}
"""

#: mirp's own class, given the little that it asks of an image and a mask; its table of voxels is not timed.
MIRP = """
import numpy as np, pandas as pd
from types import SimpleNamespace
from mirp._features.morph_3d_data import Data3DMesh

table = pd.DataFrame({"roi_int_mask": [True], "roi_morph_mask": [True]})

def measures(mask):
    spacing = (2.5, 0.8, 0.8)
    image = SimpleNamespace(is_empty=lambda: False, image_spacing=spacing)
    roi = SimpleNamespace(is_empty_mask=lambda: False, get_voxel_grid=lambda: mask, image_spacing=spacing)
    data = Data3DMesh()
    data.compute(image, SimpleNamespace(roi_morphology=roi, as_pandas_dataframe=lambda **_: table))
    return {"area": data.area, "volume": data.volume,
            "sphericity": (36 * np.pi * data.volume**2) ** (1 / 3) / data.area}
"""


def ball(side: int) -> NDArray[np.bool_]:
    """A ball of voxels that nearly fills its box."""
    place = np.arange(side) - (side - 1) / 2
    return np.asarray(place[:, None, None] ** 2 + place[:, None] ** 2 + place**2 < (0.45 * side) ** 2)


def noise(side: int) -> NDArray[np.bool_]:
    """Half of all voxels at random: the most surface that a mask can have."""
    return np.random.default_rng(0).random((side,) * 3) < 0.5


def ours(mask: NDArray[np.bool_]) -> dict[str, float]:
    """Area, volume, sphericity."""
    area, volume = area_and_volume(mask, SPACING)
    return {"area": area, "volume": volume, "sphericity": float(shape.sphericity(volume, area))}


def scikit_image(mask: NDArray[np.bool_]) -> dict[str, float]:
    """The mesh, its area as scikit-image has it, its volume (which it has not) by the divergence theorem."""
    vertices, faces, _, _ = measure.marching_cubes(np.pad(mask, 1), 0.5, spacing=SPACING)
    area = float(measure.mesh_surface_area(vertices, faces))
    a, b, c = vertices[faces].transpose(1, 0, 2)
    volume = float(abs((a * np.cross(b, c)).sum()) / 6)
    return {"area": area, "volume": volume, "sphericity": float((36 * np.pi * volume**2) ** (1 / 3) / area)}


def nearly(first: Any, second: Any) -> bool:
    """The peers compute in single precision, and pyradiomics cuts some patterns into other triangles."""
    return first.keys() == second.keys() and all(
        abs(first[key] - second[key]) <= 0.02 * abs(first[key]) for key in first
    )


def run(quick: bool) -> None:
    """Print the table. `quick`: small sizes, against scikit-image alone."""
    print(
        f"Marching cubes: area, volume, sphericity. Python {platform.python_version()}, NumPy {np.__version__}"
    )
    with ExitStack() as stack:
        others: dict[str, peers.Peer] = {}
        for name, source in () if quick else (("pyradiomics", PYRADIOMICS), ("mirp", MIRP)):
            try:
                others[name] = stack.enter_context(peers.Peer(name, source))
            except peers.PeerError as reason:
                print(reason)
        for side in (32,) if quick else (32, 64, 128):
            _race(ball(side), f"{side} x {side} x {side}, ball", others)
        for side in (32,) if quick else (32, 64):
            _race(noise(side), f"{side} x {side} x {side}, noise", {})


def _race(mask: NDArray[np.bool_], title: str, others: dict[str, peers.Peer]) -> None:
    for other in others.values():
        other.load(mask=mask)
    what = {"pyradiomics": "C core, with diameters", "mirp": "its mesh"}
    peers.race(
        title,
        {
            OURS: peers.Local(lambda: ours(mask)),
            f"scikit-image {skimage_version}": peers.Local(lambda: scikit_image(mask)),
        }
        | {f"{peers.label(n)}, {what[n]}": p.runner("measures", "mask") for n, p in others.items()},
        nearly,
    )
    peers.print_memory(lambda: ours(mask), mask.nbytes)
