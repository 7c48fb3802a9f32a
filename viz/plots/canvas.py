"""What every plot stands on: Axes with quiet lines, the looks that distinguish things, and the two colour maps.

matplotlib is imported by the first plot, and without pyplot: no window, no global state.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.arguments import NUMBER, Kind, Mismatch, came, takes
from tinygrad_lstm.errors import ArgumentError, MissingExtraError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.files import whole_file
from viz.style.theme import THEME, Colour, ThemeName, mix, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Array: TypeAlias = np.ndarray
Dash: TypeAlias = str | tuple[float, tuple[float, ...]]

DASHES: tuple[Dash, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (9, 3)))
MARKERS = "os^DvPX"
HATCHES = ("", "///", "...", "\\\\\\", "xxx")
NOTHING = "/////"  # the hatch of what is no data


def _axes(value: Any) -> Any:
    if value is not None and not callable(getattr(value, "set_xlabel", None)):
        raise Mismatch(came(value))
    return value


def _size(value: Any) -> Any:
    if NUMBER.take(value) <= 0:
        raise Mismatch(came(value), ArgumentError)
    return value


AXES = Kind("matplotlib Axes, or None", _axes)
SIZE = Kind("a number of inches above 0", _size)


class Look(NamedTuple):
    """How one of several things is drawn: any one of these distinguishes it."""

    colour: Colour
    dash: Dash
    marker: str
    hatch: str


def looks(theme: ThemeName) -> Iterator[Look]:
    """One look after the other, without end; the first thirty are all different."""
    of = theme_of(theme)
    hues = (of.carry, of.crossing, of.gate, of.candidate, of.ink, of.weight)
    for k in count():
        yield Look(hues[k % 6], DASHES[k % 5], MARKERS[k % 7], HATCHES[k % 5])


def figure(theme: ThemeName, width: float, height: float) -> Figure:
    """An empty figure on the paper of the theme, so many inches large; it lays itself out when it is saved.

    Raises MissingExtraError where there is no matplotlib.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        raise MissingExtraError('plots need: pip install "tinygrad-lstm[viz]" (or matplotlib)') from None
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return Figure(figsize=(width, height), layout=layout, facecolor=theme_of(theme).paper)


@takes(theme=THEME, width=SIZE, height=SIZE)
def axes(theme: ThemeName = "light", width: float = 8.0, height: float = 3.6) -> Axes:
    """Empty Axes with quiet lines, on a figure of their own, which they display in a notebook."""
    (ax,) = panels(figure(theme, width, height), 1)
    return dress(ax, theme)


def panels(figure: Figure, count: int, **options: Any) -> list[Axes]:
    """A column of new Axes on an empty figure, which they display in a notebook."""
    from viz.plots.display import Panels, Plot

    return Panels(figure.subplots(count, squeeze=False, subplot_kw={"axes_class": Plot}, **options)[:, 0])


def dress(ax: Axes, theme: ThemeName) -> Axes:
    """The same Axes in the colours of the theme; the figure's own paper stays as it is."""
    colours = theme_of(theme)
    ax.set_facecolor("none")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(colours.quiet)
    ax.tick_params(which="both", colors=colours.quiet)
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set(color=colours.ink, parse_math=False)  # a name may have dollars in it
    return ax


def axes_on(ax: Axes | None, theme: ThemeName, width: float = 8.0, height: float = 3.6) -> Axes:
    """The given Axes in the theme's colours, or new ones."""
    return axes(theme, width, height) if ax is None else dress(ax, theme)


def save(ax: Axes, path: str | PathLike[str]) -> None:
    """Write the figure of these Axes to a file, whole or not at all; its ending says as what: .svg, .png or .pdf."""
    figure, dates = ax.get_figure(root=True), {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    if figure is None:
        raise ArgumentError("these Axes are on no figure any more")
    suffix = Path(path).suffix.lower()
    with whole_file(path) as file:
        figure.savefig(file, format=suffix[1:], dpi=144, metadata=dates.get(suffix))


def add_legend(ax: Axes, theme: ThemeName, **where: Any) -> None:
    """A legend, if there are things to distinguish."""
    if ax.get_legend_handles_labels()[0]:
        key = ax.legend(frameon=False, labelcolor=theme_of(theme).ink, fontsize=9, **where)
        for text in key.get_texts():
            text.set(parse_math=False, text="\n".join(map(printable, text.get_text().split("\n"))))


def tick_whole_numbers(axis: Axis) -> None:
    """Ticks at whole numbers only, as time steps are."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def write(ax: Axes, text: str, theme: ThemeName) -> None:
    """A word in the middle, where there is nothing to draw."""
    of = theme_of(theme)
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=of.ink, backgroundcolor=of.paper)


def hatch_missing(ax: Axes, theme: ThemeName) -> None:
    """Hatching behind an image: it shows where the image has no data."""
    ax.patch.set(facecolor="none", edgecolor=theme_of(theme).faint, hatch=NOTHING, linewidth=0)


def sequential(theme: ThemeName) -> Colormap:
    """From little to much: from the paper to the green of the gates and on towards the ink."""
    of = theme_of(theme)
    return ramp([mix(of.gate, of.paper, 0.04), mix(of.gate, of.paper, 0.5), of.gate, mix(of.gate, of.ink, 0.35)])


def diverging(theme: ThemeName) -> Colormap:
    """From negative to positive: blue, the paper at zero, orange."""
    of = theme_of(theme)
    blue, orange = mix(of.crossing, of.ink, 0.7), mix(of.carry, of.ink, 0.7)
    return ramp([blue, of.crossing, mix(of.ink, of.paper, 0.03), of.carry, orange])


def ramp(colours: list[Colour]) -> Colormap:
    """A colour map through the colours, evenly spaced; what is not finite has none."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("ramp", colours).with_extremes(bad=(0, 0, 0, 0))


def array_of(numbers: Any) -> Array:
    """Numbers from anywhere, a Tensor's too, as an array of floats."""
    return np.asarray(numbers.data if isinstance(numbers, tg.Tensor) else numbers, float)
