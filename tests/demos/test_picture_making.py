"""PNG encoder and quick image, each against the library that it stands in for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from digital_biopsy.demos._image import QuickImage, filter_for, levels, mask_edges
from digital_biopsy.demos._png import encode_png

rng = np.random.default_rng(3)


@pytest.mark.parametrize("channels", [3, 4])
def test_pillow_reads_back_the_same_pixels(channels: int) -> None:
    pixels = rng.integers(0, 256, (37, 53, channels), dtype=np.uint8)
    back = np.asarray(Image.open(io.BytesIO(encode_png(pixels))))
    np.testing.assert_array_equal(back, pixels[..., :3])


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8)]
)
def test_what_is_no_picture_is_refused(pixels) -> None:
    with pytest.raises(ValueError, match="expected uint8 pixels"):
        encode_png(pixels)


def panel(show, xlim=None, ylim=None, **style):
    """Pixels of a 60 x 40 figure that one axes fills."""
    figure = Figure(figsize=(0.6, 0.4), dpi=100)
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    show(ax, style)
    if xlim:
        ax.set(xlim=xlim, ylim=ylim)
    ax.set_aspect("auto")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).astype(int)


def quick(data, vmin=0, vmax=255, cmap="gray"):
    def show(ax, style):
        extent = style.pop("extent", None)
        image = QuickImage(ax, **style)
        image.show(data, cmap, vmin, vmax)
        ax.add_image(image)
        image.set_extent(extent or image.get_extent())

    return show


def plain(data, vmin=0, vmax=255, cmap="gray"):
    return lambda ax, style: ax.imshow(
        data, vmin=vmin, vmax=vmax, cmap=cmap, interpolation="nearest", **style
    )


@pytest.mark.parametrize("origin", ["upper", "lower"])
@pytest.mark.parametrize("extent", [None, (0, 30, 20, 0), (-15, 15, -10, 10)])
def test_at_a_whole_scale_it_is_what_imshow_shows(origin, extent) -> None:
    data = rng.integers(0, 256, (4, 6)).astype(float)
    style = {"origin": origin} | ({"extent": extent} if extent else {})
    difference = panel(quick(data), **style) - panel(plain(data), **style)
    assert np.abs(difference).max() <= 1  # of 255: the rounding of a level


def test_a_zoom_shows_what_imshow_shows() -> None:
    data = rng.integers(0, 256, (8, 12)).astype(float)
    limits = {"xlim": (1.5, 7.5), "ylim": (5.5, 1.5)}
    difference = panel(quick(data), **limits) - panel(plain(data), **limits)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("limits", [((11.5, -0.5), (7.5, -0.5)), ((-0.5, 11.5), (-0.5, 7.5))])
def test_turned_axes_turn_the_image(limits) -> None:
    data = rng.integers(0, 256, (8, 12)).astype(float)
    difference = panel(quick(data), *limits) - panel(plain(data), *limits)
    assert np.abs(difference).max() <= 1


def test_an_image_out_of_view_is_not_drawn() -> None:
    assert (panel(quick(np.zeros((4, 6))), xlim=(100, 110), ylim=(0, 4)) == 255).all()


def test_nan_is_clear_and_alpha_is_kept() -> None:
    data = np.full((4, 6), 0.0)
    data[:, :3] = np.nan
    pixels = panel(quick(data))
    assert (pixels[:, :28] == 255).all()
    assert (pixels[:, 32:, :3] == 0).all()
    half = panel(quick(np.zeros((4, 6))), alpha=0.5)
    assert abs(half[20, 30, 0] - 128) <= 1


def test_colours_are_those_of_the_map() -> None:
    data = np.linspace(0, 1, 6)[None].repeat(4, 0)
    difference = panel(quick(data, 0, 1, "cividis")) - panel(plain(data, 0, 1, "cividis"))
    assert np.abs(difference).max() <= 3  # neighbouring entries of the table


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64, bool])
def test_levels_of_any_type(dtype) -> None:
    level, known = levels(np.array([[0, 1]], dtype=dtype))
    assert level.tolist() == [[0, 255]]
    assert known.all()


def test_levels_of_a_constant_and_of_nothing_known() -> None:
    assert levels(np.full((2, 2), 7.0))[0].max() == 0
    level, known = levels(np.full((2, 2), np.nan))
    assert not known.any()
    assert level.max() == 0


def test_int16_does_not_wrap() -> None:
    level, _ = levels(np.array([[-32768, 32767]], dtype=np.int16), -1000, 1000)
    assert level.tolist() == [[0, 255]]


def test_blocks_stay_blocks_at_whole_scales() -> None:
    names = [filter_for(scale, None).name for scale in (0.5, 1.3, 2.0, 3.3)]
    assert names == ["HAMMING", "BILINEAR", "NEAREST", "NEAREST"]
    assert filter_for(1.3, "nearest").name == "NEAREST"


def test_pixels_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2-D array or uint8 RGB"):
        panel(quick(np.zeros((3, 3, 3))))


def test_the_outline_of_a_mask_has_its_perimeter() -> None:
    mask = np.zeros((5, 6), bool)
    mask[1:4, 2] = True
    mask[0, 0] = True  # at the border it is closed as well
    x, y = mask_edges(mask)
    lengths = np.hypot(np.diff(x), np.diff(y))
    assert np.nansum(lengths) == 8 + 4
    assert np.nanmin(x) == -0.5
    scaled_x, scaled_y = mask_edges(mask, extent=(0, 60, 50, 0))
    np.testing.assert_allclose(scaled_x, (x + 0.5) * 10)
    np.testing.assert_allclose(scaled_y, (y + 0.5) * 10)
