"""A figure that is drawn once; afterwards only what moves is drawn again.

``setup(figure)`` makes the axes and everything that stays. ``draw(stage, result)`` then calls the methods of
:class:`Stage`: the first call with a key makes an artist, later calls give it new data. A frame restores the
saved background, draws the moving artists over it and hands out the pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import FillBetweenPolyCollection, PathCollection
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle, StepPatch
from matplotlib.spines import Spine
from matplotlib.text import Annotation, Text
from numpy.typing import ArrayLike, NDArray

from digital_biopsy.demos._image import QuickImage, mask_edges
from digital_biopsy.demos._style import DPI, FONT, drawing, house_style

A = TypeVar("A", bound=Artist)


class Stage:
    """The moving picture of a demo.

    Parameters
    ----------
    size : (width, height)
        In CSS pixels.
    setup : callable
        ``setup(figure)`` makes the axes and all that stays; returns them by name. Axes whose limits it does
        not set are scaled to the first frame and then kept; :meth:`limits` changes them later.
    scale : float
        Device pixels for one CSS pixel.
    """

    def __init__(
        self, size: tuple[int, int], setup: Callable[[Figure], Mapping[str, Axes]], scale: float = 1.0
    ) -> None:
        with house_style():
            # The hair on top keeps 796 pixels from becoming 795.9999 and then 795.
            self.figure = Figure(
                figsize=(size[0] / DPI, size[1] / DPI),
                dpi=DPI * scale * (1 + 1e-9),
                layout="constrained",
                facecolor="white",
            )
            self.figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr,call-arg]
            self._canvas = FigureCanvasAgg(self.figure)
            self.axes: dict[str, Axes] = dict(setup(self.figure))
        self._artists: dict[tuple[str, str], Artist] = {}
        self._styles: dict[tuple[str, str], dict[str, Any]] = {}
        self._used: set[tuple[str, str]] = set()
        self._order: list[Artist] = []
        self._background: Any = None

    # What draw(stage, result) calls

    def image(
        self,
        axes: str,
        data: ArrayLike,
        key: str = "image",
        *,
        cmap: str | Colormap = "gray",
        vmin: float | None = None,
        vmax: float | None = None,
        **style: Any,
    ) -> QuickImage:
        """Show a 2-D array, or uint8 RGB(A) pixels; NaN is left clear.

        ``extent``, ``origin``, ``alpha`` and ``interpolation`` as for ``imshow``; give
        ``interpolation="nearest"`` to an image of labels, whose values must not be mixed.
        """
        data = np.asarray(data)
        extent, smooth = style.pop("extent", None), style.pop("interpolation", None)
        aspect = style.pop("aspect", "equal")

        def make(ax: Axes) -> QuickImage:
            image = QuickImage(ax, smooth=smooth, **style)
            image.show(data, cmap, vmin, vmax)
            ax.set_aspect(aspect)
            ax.add_image(image)
            image.set_extent(image.get_extent() if extent is None else extent)
            image.set_clip_path(ax.patch)
            return image

        image = self.artist(axes, key, make, lambda old: old.show(data, cmap, vmin, vmax))
        if extent is not None and tuple(image.get_extent()) != tuple(extent):
            image.set_extent(extent)
        image.set_alpha(style.get("alpha"))
        return image

    def line(
        self,
        axes: str,
        key: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        label: str = "",
        label_at: int = -1,
        **style: Any,
    ) -> Line2D:
        """Draw a line; ``label`` is written beside its last point, or beside point ``label_at``."""
        style = _defaults(style, {"color": "#0072B2", "linewidth": 2.0})

        def make(ax: Axes) -> Line2D:
            return ax.plot(x, y, **style)[0]

        line = self.artist(axes, key, make, lambda old: old.set_data(x, y), **style)
        if label:
            drawn = np.asarray(line.get_xydata())
            drawn = drawn[np.isfinite(drawn).all(axis=1)]
            if len(drawn):
                x_end, y_end = drawn[max(-len(drawn), min(label_at, len(drawn) - 1))]
                self.note(axes, f"{key} (label)", x_end, y_end, label, color=style["color"])
        return line

    def points(
        self, axes: str, key: str, x: ArrayLike, y: ArrayLike, *, size: float = 7, **style: Any
    ) -> Line2D:
        """Draw markers of one look, ``size`` points wide."""
        style = _defaults(style, {"color": "#D55E00", "marker": "o", "linestyle": "none", "markersize": size})
        x, y = np.atleast_1d(x), np.atleast_1d(y)
        return self.artist(
            axes, key, lambda ax: ax.plot(x, y, **style)[0], lambda old: old.set_data(x, y), **style
        )

    def scatter(
        self, axes: str, key: str, x: ArrayLike, y: ArrayLike, values: ArrayLike | None = None, **style: Any
    ) -> PathCollection:
        """Draw markers coloured by ``values`` (``cmap``, ``vmin`` and ``vmax`` as for ``scatter``)."""
        ends = {name: style.pop(name) for name in ("vmin", "vmax", "s", "marker") if name in style}

        def update(old: PathCollection) -> None:
            old.set_offsets(np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]))
            if values is not None:
                old.set_array(np.asarray(values))

        return self.artist(axes, key, lambda ax: ax.scatter(x, y, c=values, **ends, **style), update, **style)

    def text(
        self, axes: str, key: str, x: float, y: float, text: str, *, coords: str = "data", **style: Any
    ) -> Text:
        """Write text at a point of the data, or with ``coords="axes"`` at a fraction of the axes."""
        style = _defaults(style, {"fontsize": FONT, "color": "#333333"})

        def make(ax: Axes) -> Text:
            return ax.text(x, y, text, transform=ax.transAxes if coords == "axes" else ax.transData, **style)

        return self.artist(axes, key, make, lambda old: old.set(position=(x, y), text=text), **style)

    def note(
        self,
        axes: str,
        key: str,
        x: float,
        y: float,
        text: str,
        *,
        offset: tuple[float, float] = (5, 0),
        **style: Any,
    ) -> Annotation:
        """Write text beside a point, ``offset`` points away."""
        style = _defaults(style, {"fontsize": FONT, "color": "#333333", "verticalalignment": "center"})

        def make(ax: Axes) -> Annotation:
            return ax.annotate(
                text, (x, y), xytext=offset, textcoords="offset points", annotation_clip=False, **style
            )

        def update(old: Annotation) -> None:
            old.xy, old.xyann = (x, y), offset
            old.set_text(text)

        return self.artist(axes, key, make, update, **style)

    def vline(self, axes: str, key: str, x: float, **style: Any) -> Line2D:
        """Draw a vertical line across the axes."""
        style = _defaults(style, {"color": "#D55E00", "linewidth": 1.5})
        return self.artist(
            axes, key, lambda ax: ax.axvline(x, **style), lambda old: old.set_xdata([x, x]), **style
        )

    def hline(self, axes: str, key: str, y: float, **style: Any) -> Line2D:
        """Draw a horizontal line across the axes."""
        style = _defaults(style, {"color": "#D55E00", "linewidth": 1.5})
        return self.artist(
            axes, key, lambda ax: ax.axhline(y, **style), lambda old: old.set_ydata([y, y]), **style
        )

    def bars(self, axes: str, key: str, edges: ArrayLike, heights: ArrayLike, **style: Any) -> StepPatch:
        """Draw a histogram: one more edge than heights."""
        style = _defaults(style, {"color": "#0072B2", "fill": True})
        edges, heights = np.asarray(edges), np.asarray(heights)

        def make(ax: Axes) -> StepPatch:
            return ax.stairs(heights, edges, **style)

        return self.artist(axes, key, make, lambda old: old.set_data(heights, edges), **style)

    def fill(
        self, axes: str, key: str, x: ArrayLike, low: ArrayLike, high: ArrayLike, **style: Any
    ) -> FillBetweenPolyCollection:
        """Fill between two lines."""
        style = _defaults(style, {"color": "#0072B2", "alpha": 0.25, "linewidth": 0})
        x = np.asarray(x)
        low, high = np.broadcast_to(low, x.shape), np.broadcast_to(high, x.shape)

        def make(ax: Axes) -> FillBetweenPolyCollection:
            return ax.fill_between(x, low, high, **style)

        return self.artist(axes, key, make, lambda old: old.set_data(x, low, high), **style)

    def outline(
        self,
        axes: str,
        key: str,
        mask: ArrayLike,
        *,
        extent: tuple[float, float, float, float] | None = None,
        **style: Any,
    ) -> Line2D:
        """Draw the edge of a mask along its pixels, over an image of the same shape (and ``extent``)."""
        style = _defaults(style, {"color": "#D55E00", "linewidth": 1.5})
        return self.line(axes, key, *mask_edges(mask, extent), **style)

    def rectangle(
        self, axes: str, key: str, x: float, y: float, width: float, height: float, **style: Any
    ) -> Rectangle:
        """Draw a rectangle from its corner (x, y); ``facecolor`` fills it."""
        style = _defaults(style, {"edgecolor": "#D55E00", "facecolor": "none", "linewidth": 1.5})

        def make(ax: Axes) -> Rectangle:
            patch = Rectangle((x, y), width, height, **style)
            ax.add_patch(patch)
            return patch

        return self.artist(axes, key, make, lambda old: old.set_bounds(x, y, width, height), **style)

    def circle(self, axes: str, key: str, x: float, y: float, radius: float, **style: Any) -> Circle:
        """Draw a circle; ``facecolor`` fills it."""
        style = _defaults(style, {"edgecolor": "#D55E00", "facecolor": "none", "linewidth": 1.5})

        def make(ax: Axes) -> Circle:
            patch = Circle((x, y), radius, **style)
            ax.add_patch(patch)
            return patch

        return self.artist(axes, key, make, lambda old: old.set(center=(x, y), radius=radius), **style)

    def artist(
        self, axes: str, key: str, make: Callable[[Axes], A], update: Callable[[A], object], **style: Any
    ) -> A:
        """Make an artist the first time, update it later: the way in for what has no method here.

        ``style`` is what may change between frames; it goes to ``artist.set`` when it does.
        """
        place = (axes, key)
        artist: Any = self._artists.get(place)
        if artist is None:
            if axes not in self.axes:
                raise KeyError(f"no axes named {axes!r}; setup returned {', '.join(map(repr, self.axes))}")
            artist = self._artists[place] = make(self.axes[axes])
            artist.set(animated=True, in_layout=False)
            self._background = None
        else:
            update(artist)
            if changed := _changed(self._styles[place], style):
                artist.set(**changed)
        self._styles[place] = style
        self._used.add(place)
        return artist  # type: ignore[no-any-return]

    def limits(
        self, axes: str, x: tuple[float, float] | None = None, y: tuple[float, float] | None = None
    ) -> None:
        """Set the limits of the axes; a change draws the whole figure again, several times slower."""
        ax = self.axes[axes]
        if x is not None and ax.get_xlim() != tuple(x):
            ax.set_xlim(*x)
            self._background = None
        if y is not None and ax.get_ylim() != tuple(y):
            ax.set_ylim(*y)
            self._background = None

    # What the engine calls

    def frame(self, draw: Callable[[Stage], object]) -> NDArray[np.uint8]:
        """Draw one frame.

        Returns
        -------
        array of uint8, shape (height, width, 4)
            The canvas itself: copy or encode it before the next frame.
        """
        with drawing():
            self._used.clear()
            draw(self)
            for place, artist in self._artists.items():
                artist.set_visible(place in self._used)
            if self._background is None:
                self._draw_background()
            self._canvas.restore_region(self._background)
            renderer = self._canvas.get_renderer()
            for artist in self._order:
                artist.draw(renderer)
            return np.asarray(self._canvas.buffer_rgba())

    def _draw_background(self) -> None:
        with house_style():
            moving = set(self._artists.values())
            if self._canvas.figure.get_layout_engine() is not None:
                self._canvas.draw()
                # From here on nothing jumps: neither the axes in the figure nor the limits in the axes.
                self.figure.set_layout_engine("none")
                for ax in self.figure.axes:
                    ax.autoscale(False)
            self._order = [artist for ax in self.figure.axes for artist in self._over_background(ax, moving)]
            for artist in self._order:
                artist.set_animated(True)
            self._canvas.draw()
            self._background = self._canvas.copy_from_bbox(self.figure.bbox)

    def _over_background(self, ax: Axes, moving: set[Artist]) -> list[Artist]:
        """What moves, and what stays but lies above it (the frame round an image, say), in drawing order.

        Ticks and grid lines always stay behind what moves: they take longest to draw.
        """
        children = sorted(ax.get_children(), key=lambda artist: artist.get_zorder())
        lowest = min((child.get_zorder() for child in children if child in moving), default=np.inf)
        renderer = self._canvas.get_renderer()

        def lies_above(child: Artist) -> bool:
            if child.get_zorder() < lowest or child is ax.patch or isinstance(child, Axis):
                return False
            if isinstance(child, Spine) and not ax.axison:
                return False
            return child.get_visible() and ax.bbox.overlaps(child.get_window_extent(renderer))

        return [child for child in children if child in moving or lies_above(child)]


def _defaults(style: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return defaults | style


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in new.items() if name not in old or not _same(old[name], value)}


def _same(a: Any, b: Any) -> bool:
    return a is b or bool(np.array_equal(a, b))
