"""A loss over two weights, seen from above, with the descents that different settings make on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.arguments import ARRAY, TEXTS, Kind, Mismatch, came, named, takes
from viz.plots.canvas import AXES, Array, add_legend, axes_on, looks, sequential
from viz.style.theme import THEME, ThemeName, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 240  # of the surface, along each side


def _range(value: Any) -> tuple[float, float]:
    if not isinstance(value, tuple | list) or len(value) != 2 or not value[0] < value[1]:
        raise Mismatch(came(value))
    return value[0], value[1]


RANGE = Kind("a pair (low, high)", _range)
DESCENTS = named(ARRAY, "points by name, {name: (N, 2)},")


@takes(x=RANGE, y=RANGE, descents=DESCENTS, names=TEXTS, ax=AXES, theme=THEME)
def surface(
    height: Callable[[Array, Array], Array],
    x: tuple[float, float],
    y: tuple[float, float],
    descents: Mapping[str, Sequence[tuple[float, float]]],
    *,
    names: Sequence[str] = ("", ""),
    ax: Axes | None = None,
    theme: ThemeName = "light",
) -> Axes:
    """The loss ``height(x, y)`` over two weights as shades, high is dark, and each descent as points that are joined.

    ``names`` are those of the weights. A descent that leaves the picture ends at its edge, and its name says how far it
    went.

    >>> ax = surface(lambda x, y: x**2 + y**2, (-1, 1), (-1, 1), {"far": [(0, 0.5), (0, 30)], "near": [(0, 0.5)]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['far: 30 away, outside the picture', 'near']
    """
    ax = axes_on(ax, theme, 6.4, 4.4)
    X, Y = np.meshgrid(np.linspace(*x, POINTS), np.linspace(*y, POINTS))
    image = ax.imshow(
        height(X, Y), origin="lower", aspect="auto", extent=(*x, *y), cmap=sequential(theme), interpolation="none"
    )
    bar = ax.get_figure(root=True).colorbar(image, ax=ax, fraction=0.04, pad=0.02)  # type: ignore[union-attr]  # it is on one
    bar.set_label("loss", color=theme_of(theme).ink)
    bar.ax.tick_params(colors=theme_of(theme).quiet, length=0)
    bar.outline.set_visible(False)
    for (name, points), look in zip(descents.items(), looks(theme), strict=False):
        path = np.asarray(points, float)
        inside = (path >= [x[0], y[0]]).all() and (path <= [x[1], y[1]]).all()
        gone = "" if inside else f": {np.linalg.norm(path - path[0], axis=1).max():.2g} away, outside the picture"
        ax.plot(
            *path.T, color=look.colour, linestyle=look.dash, linewidth=1.2, marker=look.marker, markersize=2.5,
            label=f"{name}{gone}",
        )  # fmt: skip
        ax.plot(*path[0], color=theme_of(theme).ink, marker="*", markersize=13, linestyle="none", zorder=4)
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    ax.set_xlim(*x)
    ax.set_ylim(*y)
    add_legend(ax, theme, loc="upper left", bbox_to_anchor=(0, -0.14))
    return ax
