"""A score over a number, a line for each model: accuracy by distance, recall by how much is kept, depth by length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinygrad_lstm.arguments import NUMBER, TEXT, Kind, named, takes
from tinygrad_lstm.escaping import printable
from viz.plots.canvas import AXES, add_legend, axes_on, looks
from viz.style.theme import THEME, ThemeName, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCORES = named(named(NUMBER, "scores by number"), "scores by name, {name: {x: y}},")
LINES = Kind("lines by name, {name: y}", lambda value: value if not value else named(NUMBER, "").take(value))


@takes(runs=SCORES, x=TEXT, y=TEXT, lines=LINES, log=TEXT, ax=AXES, theme=THEME)
def scores(
    runs: Mapping[str, Mapping[Any, float]],
    *,
    x: str = "",
    y: str = "",
    lines: Mapping[str, float] | None = None,
    log: str = "",
    ax: Axes | None = None,
    theme: ThemeName = "light",
) -> Axes:
    """What each model reaches, ``{name: {x: y}}``, with ``x`` and ``y`` the names of the axes.

    ``lines`` are levels to compare with, such as chance. ``log`` names the axes that are logarithmic: "x", "y", "xy".

    >>> ax = scores({"LSTM": {5: 1.0, 40: 0.9}, "RNN": {5: 1.0, 40: 0.2}}, x="words between", y="accuracy")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['LSTM', 'RNN']
    """
    ax = axes_on(ax, theme, 7.0, 3.8)
    for (name, points), look in zip(runs.items(), looks(theme), strict=False):
        ax.plot(
            list(points), list(points.values()), color=look.colour, linestyle=look.dash, marker=look.marker,
            linewidth=2, markersize=6, label=name,
        )  # fmt: skip
    for name, level in (lines or {}).items():
        ax.axhline(level, color=theme_of(theme).quiet, linewidth=1, linestyle=(0, (4, 3)))
        ax.annotate(
            printable(name), (1, level), xycoords=("axes fraction", "data"), xytext=(-2, 3), ha="right",
            textcoords="offset points", color=theme_of(theme).quiet, fontsize=9, parse_math=False,
        )  # fmt: skip
    if "x" in log:
        ax.set_xscale("log")
        ax.set_xticks(ticks := sorted({at for points in runs.values() for at in points}), [f"{at:g}" for at in ticks])
        ax.minorticks_off()
    if "y" in log:
        ax.set_yscale("log")
    elif min(min(points.values()) for points in runs.values()) >= 0:
        ax.set_ylim(bottom=0)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    add_legend(ax, theme, loc="best")
    return ax
