"""An image that is quick to draw again.

Matplotlib resamples an image as floating-point RGBA: 7 to 9 ms for 256 x 256 voxels on a panel of 330 pixels.
Voxels become 8-bit levels here, Pillow resamples those, and a table gives the colours: 1 to 2 ms.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.colors import Colormap
from matplotlib.image import AxesImage
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike, NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def lookup_table(cmap: str | Colormap) -> NDArray[np.uint32]:
    """RGBA of 256 levels, one 32-bit word each."""
    colours: Pixels = (mpl.colormaps[cmap] if isinstance(cmap, str) else cmap)(
        np.linspace(0, 1, 256), bytes=True
    )
    return np.ascontiguousarray(colours).view(np.uint32)[:, 0]


def levels(
    data: NDArray[Any], vmin: float | None = None, vmax: float | None = None
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Spread values over the levels 0 to 255.

    Parameters
    ----------
    data : array, shape (rows, columns)
    vmin, vmax : float, optional
        Values of the levels 0 and 255; the extremes of the data if left out.

    Returns
    -------
    level : uint8 array of the same shape
    known : bool array of the same shape
        False where the value is NaN.

    Examples
    --------
    >>> level, known = levels(np.array([[-5.0, 2.0, 10.0, np.nan]]), 0, 10)
    >>> level.tolist(), known.tolist()
    ([[0, 51, 255, 0]], [[True, True, True, False]])
    """
    real: Any = np.float32 if data.dtype.itemsize <= 4 else np.float64
    known = data == data  # NaN differs from itself
    seen = data if known.all() else data[known]
    low = (seen.min() if seen.size else 0) if vmin is None else vmin
    high = (seen.max() if seen.size else 1) if vmax is None else vmax
    level = data.astype(real)
    level -= real(low)
    level *= real(255 / (float(high) - float(low)) if high > low else 0)
    level += real(0.5)
    np.clip(level, 0, 255, out=level)
    if seen is not data:
        level[~known] = 0
    return level.astype(np.uint8), known


def filter_for(scale: float, interpolation: str | None) -> Image.Resampling:
    """How to resample: blocks stay blocks at whole or large scales, as with Matplotlib's "auto"."""
    if interpolation == "nearest" or scale >= 3 or (scale > 1 and abs(scale - round(scale)) < 1e-3):
        return Image.Resampling.NEAREST
    return Image.Resampling.HAMMING if scale < 1 else Image.Resampling.BILINEAR


def mask_edges(
    mask: ArrayLike, extent: tuple[float, float, float, float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Outline of a mask along its pixel edges, as one broken line.

    Parameters
    ----------
    mask : bool array, shape (rows, columns)
    extent : (left, right, bottom, top), optional
        As for ``imshow``; pixel indices if left out.

    Returns
    -------
    x, y : arrays
        Corners, with NaN between one edge and the next.
    """
    inside = np.pad(np.asarray(mask, dtype=bool), 1)
    rows, columns = inside.shape[0] - 2, inside.shape[1] - 2
    level_row, level_column = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])  # an edge above (row, column)
    # ... and one left of (row, column)
    stand_row, stand_column = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])
    gap_level, gap_stand = np.full(level_row.size, np.nan), np.full(stand_row.size, np.nan)
    level = np.stack([level_column, level_column + 1, gap_level], axis=-1).ravel()
    stand = np.stack([stand_column, stand_column, gap_stand], axis=-1).ravel()
    x = np.concatenate([level, stand])
    level = np.stack([level_row, level_row, gap_level], axis=-1).ravel()
    stand = np.stack([stand_row, stand_row + 1, gap_stand], axis=-1).ravel()
    y = np.concatenate([level, stand])
    if extent is None:
        return x - 0.5, y - 0.5
    left, right, bottom, top = extent
    return left + x * (right - left) / columns, top + y * (bottom - top) / rows


class QuickImage(AxesImage):
    """An image whose edges are parallel to the screen's."""

    def __init__(self, ax: Axes, *, smooth: str | None = None, **style: Any) -> None:
        super().__init__(ax, **style)
        self._smooth = smooth
        self._table: NDArray[np.uint32] | None = None

    def show(self, data: NDArray[Any], cmap: str | Colormap, vmin: float | None, vmax: float | None) -> None:
        """Take new data: a 2-D array, or uint8 pixels of shape (rows, columns, 3 or 4)."""
        self._table = None
        if data.ndim == 2:
            level, known = levels(data, vmin, vmax)
            table = lookup_table(cmap)
            if known.all():
                self._table = table
                data = level
            else:
                data = np.where(known, table[level], np.uint32(0)).view(np.uint8).reshape(*level.shape, 4)
        elif data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] not in (3, 4):
            raise ValueError(
                f"an image is a 2-D array or uint8 RGB(A) pixels, not {data.dtype} of shape {data.shape}"
            )
        self.set_data(data)

    def make_image(
        self, renderer: RendererBase, magnification: float = 1.0, unsampled: bool = False
    ) -> tuple[Any, float, float, Any]:
        """Resample to the screen; returns pixels and the place of their lower left corner."""
        source: Pixels = np.asarray(self.get_array())
        rows, columns = source.shape[:2]
        left, right, bottom, top = self.get_extent()
        corners = self.axes.transData.transform([(left, bottom), (right, top)])
        x0, x1 = corners[:, 0]
        # y of the outer edge of the first row, and of the last
        y0, y1 = corners[::-1, 1] if self.origin == "upper" else corners[:, 1]
        seen = Bbox.intersection(
            Bbox.from_extents(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), self.axes.bbox
        )
        if seen is None:
            return None, 0, 0, None
        px0, py0, px1, py1 = (int(np.floor(edge + 0.5)) for edge in seen.extents)
        if px1 <= px0 or py1 <= py0:
            return None, 0, 0, None
        across = np.clip((np.array([px0, px1]) - x0) / (x1 - x0) * columns, 0, columns)
        down = np.clip((np.array([py0, py1]) - y0) / (y1 - y0) * rows, 0, rows)
        box = (across.min(), down.min(), across.max(), down.max())
        scale = (px1 - px0) / max(box[2] - box[0], 1e-9)
        chosen = filter_for(scale, self._smooth)
        resized = np.asarray(Image.fromarray(source).resize((px1 - px0, py1 - py0), chosen, box=box))
        # The canvas wants its first line at the bottom of the picture.
        resized = resized[:: 1 if y0 < y1 else -1, :: 1 if x0 < x1 else -1]
        return self._coloured(resized), px0, py0, None

    def _coloured(self, pixels: Pixels) -> Pixels:
        if self._table is not None:
            pixels = self._table[pixels].view(np.uint8).reshape(*pixels.shape, 4)
        elif pixels.shape[2] == 3:
            pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        alpha = self.get_alpha()
        if alpha is not None:
            pixels = pixels.copy()
            pixels[..., 3] = pixels[..., 3] * alpha
        return np.ascontiguousarray(pixels)
