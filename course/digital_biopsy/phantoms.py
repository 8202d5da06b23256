"""Synthetic patients with known truth, and a scanner that looks at them.

`thorax` draws an axial slice of a chest in HU, seeded, with soft edges and a nodule whose size, shape and
texture are yours to choose. `Scanner` does to it what a CT scanner does: blur, noise, calibration drift.
Because the patient is known exactly, every measurement in the course can be compared with the truth.

Orientation is the radiologist's: row 0 is the front of the chest, and the patient's right is on the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from . import _thorax
from ._shapes import Canvas, Plane, capsule, grain, smooth_union
from .attenuation import drift

__all__ = ["LABELS", "Nodule", "Phantom", "Scanner", "thorax"]

LABELS: Final[tuple[str, ...]] = _thorax.LABELS
"""Names of the tissues; the number in `Phantom.labels` is the place in this tuple."""

GROUPS: Final = MappingProxyType(
    {
        "lungs": ("right lung", "left lung", "lung vessels", "nodule"),
        "bones": ("cortical bone", "marrow"),
        "body": tuple(name for name in LABELS if name not in ("air", "table")),
    }
)
"""Names for several labels together."""


@dataclass(frozen=True)
class Nodule:
    """A lung nodule.

    Parameters
    ----------
    diameter_mm : float
        Diameter of the disc that has the nodule's area, spicules not counted.
    position : (float, float)
        Centre, in mm from the middle of the image: (down, right). It must lie inside a lung.
    hu : float
        Mean HU: 30 for a solid nodule, -600 for ground glass, above 200 for a calcified one.
    margin : float
        0 smooth to 1 fully spiculated: fine rays that reach into the lung.
    lobulation : float
        0 a disc to 1 deeply lobulated.
    grain_mm : float
        Grain of the texture inside, mm (standard deviation of the Gaussian that smooths white noise).
    amplitude : float
        Standard deviation of the texture over the nodule, HU.
    """

    diameter_mm: float = 18.0
    position: tuple[float, float] = (-8.0, -84.0)
    hu: float = 30.0
    margin: float = 0.0
    lobulation: float = 0.2
    grain_mm: float = 2.0
    amplitude: float = 12.0

    def __post_init__(self) -> None:
        if not self.diameter_mm > 0:
            raise ValueError(f"diameter_mm must be above zero, not {self.diameter_mm!r}.")
        for name in ("margin", "lobulation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)!r}.")
        for name in ("grain_mm", "amplitude"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be zero or more, not {getattr(self, name)!r}.")


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic patient.

    Attributes
    ----------
    hu : float32 array, shape (rows, columns)
        The truth, in HU. Pixels on an edge hold the mixture of both sides.
    spacing : (float, float)
        Pixel size in mm, in array-axis order.
    labels : uint8 array, shape (rows, columns)
        The tissue that fills the pixel, as a place in `LABELS`.
    nodule : Nodule or None
    seed : int
    """

    hu: NDArray[np.float32]
    spacing: tuple[float, float]
    labels: NDArray[np.uint8]
    nodule: Nodule | None = None
    seed: int = 0

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Pixels of one tissue (see `LABELS`) or of a group: lungs, bones, body.

        Raises
        ------
        ValueError
            If there is no such name.
        """
        members = GROUPS.get(name, (name,))
        unknown = [member for member in members if member not in LABELS]
        if unknown:
            raise ValueError(f"There is no tissue {name!r}. Choose one of: {', '.join([*LABELS, *GROUPS])}.")
        return np.isin(self.labels, [LABELS.index(member) for member in members])


def thorax(
    seed: int = 0,
    size: int = 256,
    spacing: float = 1.5,
    nodule: Nodule | None = Nodule(),
    *,
    enhancement: float = 120.0,
    table: bool = True,
) -> Phantom:
    """An axial slice of a chest at the level of the heart and the lower lobe bronchi.

    Parameters
    ----------
    seed : int
        The patient. The same seed gives the same patient, to the last bit for one size and spacing; on
        another pixel grid the anatomy is the same and the fine texture is drawn afresh.
    size : int
        Rows and columns, 32 or more.
    spacing : float
        Pixel size in mm. The image covers ``size * spacing`` mm; a chest is about 330 mm wide.
    nodule : Nodule or None
        What grows in the lung; None for a healthy patient. The rest of the patient does not depend on it.
    enhancement : float
        What contrast agent adds to blood, in HU; 0 for a scan without contrast.
    table : bool
        Whether the patient lies on the scanner's couch.

    Returns
    -------
    Phantom

    Raises
    ------
    ValueError
        If the size or the spacing makes no image, or the nodule's centre is not inside a lung.

    Examples
    --------
    >>> patient = thorax(seed=1)
    >>> patient.hu.shape, patient.spacing
    ((256, 256), (1.5, 1.5))
    >>> bool(patient.hu[patient.mask("lungs")].mean() < -700)
    True
    """
    if size < 32:
        raise ValueError(f"size must be 32 or more, not {size!r}.")
    if not 0 < spacing <= 10:
        raise ValueError(f"spacing must lie above 0 and not beyond 10 mm, not {spacing!r}.")
    streams = np.random.default_rng(seed).spawn(2)
    offset = np.asarray((np.arange(size) - (size - 1) / 2) * spacing, dtype=np.float32)
    canvas = _thorax.draw(offset, spacing, streams[0], enhancement, table)
    if nodule is not None:
        _grow(canvas, offset, spacing, nodule, streams[1])
    return Phantom(canvas.hu, (float(spacing), float(spacing)), canvas.labels, nodule, seed)


def _grow(canvas: Canvas, offset: Plane, spacing: float, nodule: Nodule, rng: np.random.Generator) -> None:
    """Paint the nodule, in mm from the middle of the image."""
    down, right = nodule.position
    row, column = (int(np.abs(offset - value).argmin()) for value in (down, right))
    lungs = [LABELS.index(name) for name in ("right lung", "left lung", "lung vessels")]
    outside = max(abs(down), abs(right)) > float(offset[-1])
    if outside or canvas.labels[row, column] not in lungs:
        where = "outside the image" if outside else f"in {LABELS[canvas.labels[row, column]]}"
        raise ValueError(
            f"The nodule's centre, {down:g} mm down and {right:g} mm right of the middle, lies {where}. "
            "Move it into a lung, for example to position=(-8, -84)."
        )
    radius = nodule.diameter_mm / 2
    reach_mm = 2.2 * radius + 2 * spacing  # as far as lobes and spicules may go
    rows, columns = (
        slice(*np.searchsorted(offset, [value - reach_mm, value + reach_mm])) for value in (down, right)
    )
    x, y = offset[None, columns] - np.float32(right), offset[rows, None] - np.float32(down)
    angle, reach = np.arctan2(y, x), np.hypot(x, y)

    order = np.arange(2, 7)
    lobes = rng.normal(0, 1, (2, order.size)) / order
    lobes *= 0.22 * nodule.lobulation / np.sqrt((lobes**2).sum() / 2)
    wave = np.cos(angle[..., None] * order) @ lobes[0] + np.sin(angle[..., None] * order) @ lobes[1]
    # The mean of (1 + wave)^2 over all angles is 1 + its mean square: dividing keeps the area.
    outline = radius * (1 + wave) / np.sqrt(1 + (lobes**2).sum() / 2)
    distance = np.asarray(reach - outline, dtype=np.float32)

    rays = rng.uniform(0.35, 1.0, 14)
    turns = (np.arange(14) + rng.uniform(-0.3, 0.3, 14)) * (2 * np.pi / 14)
    if nodule.margin > 0:
        for ray, turn in zip(rays, turns, strict=True):
            tip = radius * (0.9 + 0.9 * ray * nodule.margin)
            tilt = turn + 0.15 * (ray - 0.7)
            thin = capsule((0.0, 0.0), (float(tip * np.cos(tilt)), float(tip * np.sin(tilt))), 0.0)(x, y)
            thickness = np.clip(2.6 * (1.1 - reach / tip), 0.15, 1.3) * nodule.margin
            distance = smooth_union(distance, np.asarray(thin - thickness, dtype=np.float32), 0.8)

    share = np.asarray(np.clip(0.5 - distance / spacing, 0, 1), dtype=np.float32)
    texture = grain(rng, share.shape, nodule.grain_mm / spacing)
    inside = texture[share >= 0.5]
    if inside.size > 1:  # the stated mean and amplitude hold over this very nodule
        texture = (texture - inside.mean()) / max(float(inside.std()), 1e-12)
    inner_hu = np.asarray(nodule.hu + nodule.amplitude * texture, dtype=np.float32)
    canvas.paint("nodule", share, inner_hu, (rows, columns))


class Sliced(Protocol):
    """Anything with HU and spacing: a `Phantom`, or a slice read from a file."""

    @property
    def hu(self) -> NDArray[np.floating]: ...

    @property
    def spacing(self) -> tuple[float, ...]: ...


@dataclass(frozen=True)
class Scanner:
    """A CT scanner reduced to what it does to an image.

    Parameters
    ----------
    psf_sigma : float
        Width (standard deviation) of the Gaussian point spread function, mm.
    noise : float
        Standard deviation of the noise, HU.
    noise_grain : float
        Size of the noise's grain, mm: one over the frequency at which its power peaks. A soft
        reconstruction kernel has about 4 mm, a sharp one 1.5 mm.
    drift : float
        Relative error of the stored mu_water (see `digital_biopsy.attenuation.drift`).

    Notes
    -----
    Filtered back-projection multiplies each projection's white noise by a ramp, so the image's noise
    power rises in proportion to frequency f until the reconstruction kernel rolls it off (Riederer, Pelc
    and Chesler, doi:10.1088/0031-9155/23/3/008; Kijewski and Judy, doi:10.1088/0031-9155/32/5/003). Here the
    power is f exp(-(f / f0)^2 / 2): a ramp with a Gaussian roll-off, with its peak at f0 = 1 / noise_grain.
    There is none at f = 0: the mean of the noise over the image is zero. Left out: noise that varies over
    the image, streaks, beam hardening.
    """

    psf_sigma: float = 0.6
    noise: float = 12.0
    noise_grain: float = 3.0
    drift: float = 0.0

    def __post_init__(self) -> None:
        for name in ("psf_sigma", "noise"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be zero or more, not {getattr(self, name)!r}.")
        if not self.noise_grain > 0:
            raise ValueError(f"noise_grain must be above zero, in mm, not {self.noise_grain!r}.")
        if not self.drift > -1:
            raise ValueError(f"drift must be above -1, not {self.drift!r}: mu_water would not be positive.")

    def scan(self, patient: Sliced, seed: int = 0) -> NDArray[np.float32]:
        """Scan a slice: blur, then noise, then calibration.

        Parameters
        ----------
        patient : Phantom, or anything with two-dimensional `hu` and `spacing` in mm
        seed : int
            The noise. The same seed gives the same noise.

        Returns
        -------
        float32 array, in the shape of ``patient.hu``, HU

        Raises
        ------
        ValueError
            If the slice is not two-dimensional, or has NaN (blur would spread it).
        """
        hu = np.asarray(patient.hu, dtype=np.float32)
        if hu.ndim != 2:
            raise ValueError(f"scan takes one slice with two axes, not an array of shape {hu.shape}.")
        if not np.isfinite(hu).all():
            raise ValueError(
                "The slice holds NaN, and blur would spread it. Replace it, for example by -1000."
            )
        if self.psf_sigma > 0:
            hu = gaussian_filter(hu, [self.psf_sigma / step for step in patient.spacing], mode="nearest")
        if self.noise > 0:
            hu = hu + self.noise * self.noise_pattern(hu.shape, patient.spacing, seed)
        return np.asarray(drift(hu, self.drift), dtype=np.float32)

    def noise_pattern(
        self, shape: tuple[int, ...], spacing: tuple[float, ...], seed: int = 0
    ) -> NDArray[np.float32]:
        """Noise of standard deviation 1 (in expectation) on a grid of `spacing` mm."""
        white = np.random.default_rng(seed).standard_normal(shape)
        fy = np.fft.fftfreq(shape[0], spacing[0])[:, None]
        fx = np.fft.rfftfreq(shape[1], spacing[1])[None, :]
        frequency = np.hypot(fy, fx)
        power = frequency * np.exp(-0.5 * (frequency * self.noise_grain) ** 2)
        # rfft keeps half of the plane: its inner columns stand for two frequencies each.
        twice = np.full(fx.shape[1], 2.0)
        twice[0] = 1.0
        if shape[1] % 2 == 0:
            twice[-1] = 1.0
        mean_power = float((power * twice).sum()) / (shape[0] * shape[1])
        spectrum = np.fft.rfft2(white) * np.sqrt(power / mean_power)
        return np.asarray(np.fft.irfft2(spectrum, s=shape), dtype=np.float32)
