"""Four kinds of image on which blur is tried, and what it does to their texture. Seeded, in HU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from . import histogram, texture
from .images import real_ct_slice

__all__ = ["COUNT", "KINDS", "LOWEST_HU", "WIDTH_HU", "Bins", "Kind", "features", "kind", "levels", "told"]

Bins = Literal["width", "count"]

WIDTH_HU: Final = 16.0
LOWEST_HU: Final = -208.0
COUNT: Final = 32
SIZE: Final = 96

KINDS: Final = MappingProxyType(
    {
        "noise": "white noise",
        "muscle": "muscle of the real CT",
        "classes": "four flat classes",
        "speck": "tissue with one calcified pixel",
    }
)
"""The kinds of image, and what each is called."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kind:
    """An image in HU, and the part of it in which texture is measured.

    A scanner blurs the whole patient, so the whole image is blurred before the part is cut out.
    """

    name: str
    hu: Floats
    part: tuple[slice, slice]

    def blurred(self, sigma: float) -> Floats:
        """The part, after the whole was blurred; `sigma` in pixels."""
        whole = gaussian_filter(self.hu, sigma, mode="nearest") if sigma else self.hu
        return np.asarray(whole[self.part])


@cache
def kind(name: str) -> Kind:
    """One of the `KINDS`. Pixels are thought of as those of the real slice, 0.66 mm."""
    rng = np.random.default_rng(5)
    whole = (slice(None), slice(None))
    shape = (SIZE, SIZE)
    if name == "muscle":
        image, whole = real_ct_slice().hu, (slice(70, 100), slice(76, 124))
    elif name == "noise":
        image = rng.normal(50.0, 40.0, shape)
    elif name == "speck":
        grain = gaussian_filter(rng.normal(size=shape), 1.5, mode="wrap")
        image = 50.0 + 40.0 * grain / grain.std()
        image[SIZE // 2, SIZE // 2] = 1500.0
    elif name == "classes":
        rng.normal(size=shape)
        seeds = rng.uniform(0, SIZE, (44, 2))
        away = np.square(np.indices(shape)[..., None] - seeds.T[:, None, None]).sum(axis=0)
        image = np.array([-100.0, 0.0, 100.0, 200.0])[away.argmin(axis=-1) % 4]
    else:
        raise ValueError(f"There is no kind of image {name!r}. Choose one of: {', '.join(KINDS)}.")
    image.setflags(write=False)
    return Kind(name, image, whole)


def levels(hu: Floats, bins: Bins) -> NDArray[np.int64]:
    """Gray levels: bins of a fixed width, or a fixed number of bins."""
    if bins == "width":
        return np.asarray(histogram.discretise_width(hu, WIDTH_HU, LOWEST_HU), dtype=np.int64)
    return np.asarray(histogram.discretise_count(hu, COUNT), dtype=np.int64)


def features(name: str, sigma: float, bins: Bins) -> dict[str, float]:
    """Texture of a kind of image after a blur of `sigma` pixels."""
    image = levels(kind(name).blurred(sigma), bins)
    return texture.texture_features(image, int(image.max()))


def told(name: str, value: float) -> str:
    """A feature's value in words: energy is small, and needs a third decimal.

    >>> told("contrast", 12.912), told("energy", 0.0042)
    ('12.91', '0.004')
    """
    return f"{value:.3f}" if name == "energy" else f"{value:.2f}"
