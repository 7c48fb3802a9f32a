"""Heat maps of a run: what every gate and every cell did at every step, above the text or the signal that was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.arguments import ARRAY, TEXT, TEXTS, TRAJECTORY, integer, takes
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn import Trajectory
from viz.plots.canvas import (
    Array,
    array_of,
    diverging,
    dress,
    figure,
    hatch_missing,
    looks,
    panels,
    sequential,
    tick_whole_numbers,
)
from viz.plots.steps import by_unit, chain_of, check_names
from viz.style.steps import TIME
from viz.style.text import letter, number, quantity
from viz.style.theme import THEME, ThemeName, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIGNED = ("x", "g", "n")  # the input and the candidates, which are no gates even where they are never negative
SHOWN = {" ": "␣", "\n": "↵", "\r": "↵", "\t": "⇥"}  # what else would not be seen


@takes(
    trajectory=TRAJECTORY,
    names=TEXTS.or_none(),
    row=integer(None),
    chain=integer(None),
    sort=TEXT.or_none(),
    theme=THEME,
    text=TEXTS.or_none(),
    signal=ARRAY.or_none(),
)
def gates(
    trajectory: Trajectory,
    names: Sequence[str] | None = None,
    *,
    text: Sequence[str] | None = None,
    signal: Any = None,
    row: int = 0,
    chain: int = -1,
    sort: str | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    theme: ThemeName = "light",
) -> list[Axes]:
    """Gates and states of one row of the batch, a heat map for each name: units down, time right.

    ``names``: those that the cell gives its values, f, i, g, c, o, h of an LSTM; all of them but x by default.
    ``text``: what was read, one character (or word) for each step, under the lowest map. ``signal`` (T,) or (T, D):
    the numbers that were read, drawn under the maps. ``sort``: the name by whose mean over time the units are ordered
    in every map, largest first, so that ``sort="f"`` has the units that remember longest on top; else as they are
    stored. ``chain``: the layer and direction, in the order of ``trajectory.chains``; the top one by default.

    What lies within 0 and 1 at every step is a gate, on a scale from 0 to 1; states, candidates, inputs and all the
    rest are on a scale about 0 that ends at their largest size. What is not finite stays hatched.

    Gives the Axes from top to bottom, one for each name, and one more for the signal; ``ax`` takes as many of your own,
    or one by itself for a single name. Raises ArgumentError for a name, row or chain that is not there, and for a text
    or a signal of another length than the run.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> trajectory = tg.nn.LSTM(2, 8).unroll(tg.randn(5, 1, 2))
    >>> [ax.get_ylabel() for ax in gates(trajectory, ("f", "c"), text="hello")]
    ['f', 'C']
    """
    one = chain_of(trajectory, chain)
    names = [name for name in one.steps[0].named if name != "x"] if names is None else list(names)
    if not names:
        raise ArgumentError(f"at least one name, of {', '.join(one.steps[0].named)}")
    check_names(one, names if sort is None else [*names, sort])
    tables = [by_unit(one, name, row) for name in names]
    T = len(one.steps)
    if text is not None and len(text) != T:
        raise ArgumentError(f"a text of {len(text)} characters for a run of {T} steps: one for each step")
    curves = None if signal is None else curves_of(signal, T)
    order = None if sort is None else np.argsort(-by_unit(one, sort, row).mean(axis=1), kind="stable")
    drawn = panels_for(ax, [len(table) for table in tables], curves is not None, text or "", theme)
    about_zero = {*one.cell.states, *SIGNED}
    for panel, name, table in zip(drawn, names, tables, strict=False):
        units = np.arange(len(table)) if order is None else order
        if len(units) != len(table):
            raise ArgumentError(f"{len(table)} units of {name} cannot be sorted as the {len(units)} of {sort}")
        draw(panel, table, units, name in about_zero, theme)
        panel.set_ylabel(letter(name, "c" in one.cell.states), rotation=0, fontsize=13, ha="right", va="center")
    if curves is not None:
        draw_signal(drawn[-1], curves, theme)
    drawn[-1].set_xlim(0.5, T + 0.5)
    if text is None:
        tick_whole_numbers(drawn[-1].xaxis)
        drawn[-1].set_xlabel(TIME)
    else:
        write_under(drawn[-1], text, theme)
    return drawn


def draw(ax: Axes, table: Array, order: Array, signed: bool, theme: ThemeName) -> None:
    """One heat map (H, T) with its scale beside it; the rows are labelled by the units they show."""
    H, T = table.shape
    finite = table[np.isfinite(table)]
    gate = not signed and bool(((finite >= 0) & (finite <= 1)).all())
    end = 1.0 if gate or not finite.any() else float(np.abs(finite).max())
    image = ax.imshow(
        table[order], aspect="auto", interpolation="none", extent=(0.5, T + 0.5, H - 0.5, -0.5),
        cmap=sequential(theme) if gate else diverging(theme), vmin=0 if gate else -end, vmax=end,
    )  # fmt: skip
    hatch_missing(ax, theme)
    ax.spines[:].set_visible(False)
    shown = range(0, H, -(-H // 4))
    ax.set_yticks(shown, labels=[f"unit {order[k]}" if k == 0 else str(order[k]) for k in shown], fontsize=8)
    ax.tick_params(axis="x", length=0)
    scale = ax.figure.colorbar(image, cax=ax.inset_axes((1.012, 0, 0.012, 1)), ticks=[0 if gate else -end, end])
    scale.ax.set_yticklabels(["0 closed", "1 open"] if gate else [number(-end), number(end)], fontsize=8)
    scale.outline.set_visible(False)
    scale.ax.tick_params(colors=theme_of(theme).quiet, length=0)


def draw_signal(ax: Axes, curves: Array, theme: ThemeName) -> None:
    """The numbers that were read, one line for each column."""
    for curve, look in zip(curves.T, looks(theme), strict=False):
        ax.plot(range(1, len(curve) + 1), curve, color=look.colour, linestyle=look.dash, drawstyle="steps-mid")
    ax.set_ylabel("x", rotation=0, fontsize=13, ha="right", va="center")


def write_under(ax: Axes, text: Sequence[str], theme: ThemeName) -> None:
    """The characters as tick labels, as large as fit side by side."""
    wide = ax.get_window_extent().width / ax.figure.dpi * 72 / len(text)  # points for each step
    words = any(len(character) > 1 for character in text)  # stand upright; characters are all of one width
    ax.set_xticks(
        range(1, len(text) + 1), labels=[SHOWN.get(character, character) for character in text],
        rotation=90 if words else 0, family="sans-serif" if words else "monospace", parse_math=False,
        fontsize=min(11, wide / (1.2 if words else 0.62)), color=theme_of(theme).ink,
    )  # fmt: skip
    ax.tick_params(axis="x", length=0)


def curves_of(signal: Any, T: int) -> Array:
    """The signal as (T, D)."""
    array = array_of(signal)
    if array.ndim not in (1, 2) or len(array) != T:
        raise ArgumentError(f"a signal is (T,) or (T, D), with T = {T} steps here, not {array.shape}")
    return array.reshape(T, -1)


def panels_for(
    ax: Axes | Sequence[Axes] | None, units: Sequence[int], signal: bool, text: Sequence[str], theme: ThemeName
) -> list[Axes]:
    """The Axes that were given, if they are as many as are needed; else a column of new ones that share time."""
    if ax is None:
        heights = [min(max(0.05 * H, 0.55), 1.8) for H in units] + [0.8] * signal
        longest = max(map(len, text), default=1)
        below, apart = 0.3 + 0.09 * longest, 0.12 if longest == 1 else 0.18
        own = figure(theme, min(max(8.0, apart * len(text)), 100.0), sum(heights) + 0.12 * len(heights) + below)
        given = panels(own, len(heights), sharex=True, height_ratios=heights)
    else:
        given = list(np.ravel(np.array(ax, dtype=object)))
    if len(given) != len(units) + signal:
        what = quantity(len(units), "name") + (" and a signal" if signal else "")
        raise ArgumentError(f"{what} on {len(given)} Axes: give as many, or none")
    for one in given:
        dress(one, theme)
    return given
