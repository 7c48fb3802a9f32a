"""An attention map: which position reads which, and the gradient that comes back through each of these weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.arguments import LOSS, TENSOR, TEXTS, integer, takes
from tinygrad_lstm.errors import ArgumentError, ShapeError
from viz.measure.backward import gradient_of
from viz.plots.canvas import Array, diverging, dress, figure, hatch_missing, panels, sequential
from viz.style.text import number
from viz.style.theme import THEME, ThemeName, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@takes(
    weights=TENSOR, loss=LOSS.or_none(), row=integer(), head=integer().or_none(), queries=TEXTS.or_none(),
    keys=TEXTS.or_none(), theme=THEME,
)  # fmt: skip
def attention(
    weights: tg.Tensor, loss: tg.Tensor | None = None, *, row: int = 0, head: int | None = None,
    queries: Sequence[str] | None = None, keys: Sequence[str] | None = None,
    ax: Axes | Sequence[Axes] | None = None, theme: ThemeName = "light",
) -> list[Axes]:  # fmt: skip
    """The weights A (B, h, T, S) that nn.MultiheadAttention gives, of one row of the batch: queries down, keys right.

    With a ``loss`` a second map has ∂L/∂A: where it is negative, more attention would lower the loss. ``head``: one of
    the heads; without it A is their mean, and ∂L/∂A their sum. ``queries`` and ``keys``: the words of the positions;
    the keys are the queries unless given. ``ax`` takes one of your own Axes for each map.

    Gives the Axes. Raises ShapeError for weights of another shape; ArgumentError for a row or head that is not there,
    other numbers of words or Axes, and a loss that does not depend on the weights.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> y, A = tg.nn.MultiheadAttention(4)(np.ones((3, 1, 4)))
    >>> [ax.get_title("left") for ax in attention(A, (y**2).sum(), queries="the cat sat".split())]
    ['A', '∂L/∂A']
    """
    if weights.ndim != 4:
        raise ShapeError(f"attention weights are (B, heads, T, S), not {weights.shape}")
    B, heads, T, S = weights.shape
    if row >= B or (head or 0) >= heads:
        raise ArgumentError(f"there are {B} rows and {heads} heads, counted from 0: no row {row}, head {head or 0}")
    keys = queries if keys is None and T == S else keys
    for words, count, name in ((queries, T, "queries"), (keys, S, "keys")):
        if words is not None and len(words) != count:
            raise ArgumentError(f"{len(words)} words for {count} {name}: one for each")
    chosen = slice(None) if head is None else slice(head, head + 1)
    tables = {"A": weights.data[row, chosen].mean(axis=0)}
    if loss is not None:
        if (gradient := gradient_of(loss, weights)) is None:
            raise ArgumentError("the loss does not depend on these weights: no gradient comes through them")
        tables["∂L/∂A"] = gradient[row, chosen].sum(axis=0)
    drawn = maps_for(ax, len(tables), T, S, theme)
    for one, (title, table) in zip(drawn, tables.items(), strict=True):
        draw(one, title, table, theme)
        name_positions(one, queries, keys, theme)
    return drawn


def maps_for(ax: Axes | Sequence[Axes] | None, count: int, T: int, S: int, theme: ThemeName) -> list[Axes]:
    """The Axes that were given, if they are as many as are needed; else a column of new ones."""
    if ax is None:
        width, height = (min(max(2.6, 0.28 * size), 9.0) for size in (S, T))
        given = panels(figure(theme, width + 1.8, count * (height + 1.0)), count)
    else:
        given = list(np.ravel(np.array(ax, dtype=object)))
    if len(given) != count:
        raise ArgumentError(f"{count} map{'s' if count > 1 else ''} on {len(given)} Axes: give as many, or none")
    for one in given:
        dress(one, theme)
    return given


def draw(ax: Axes, title: str, table: Array, theme: ThemeName) -> None:
    """One map with its scale beside it: weights from 0 to 1, a gradient about 0."""
    signed = title != "A"
    finite = table[np.isfinite(table)]
    end = float(np.abs(finite).max(initial=0)) or 1.0 if signed else 1.0
    image = ax.imshow(
        table, interpolation="none", cmap=diverging(theme) if signed else sequential(theme),
        vmin=-end if signed else 0, vmax=end,
    )  # fmt: skip
    hatch_missing(ax, theme)
    ax.spines[:].set_visible(False)
    ax.set_title(title, loc="left", fontsize=11, color=theme_of(theme).ink)
    ax.set_xlabel("reads")
    ax.set_ylabel("position")
    ends = [-end, end] if signed else [0, 1]
    scale = ax.figure.colorbar(image, ax=ax, shrink=0.7, aspect=18, ticks=ends)
    scale.ax.set_yticklabels([number(float(value)) for value in ends], fontsize=8)
    scale.outline.set_visible(False)
    scale.ax.tick_params(colors=theme_of(theme).quiet, length=0)


def name_positions(ax: Axes, queries: Any, keys: Any, theme: ThemeName) -> None:
    """The words at the edges; without words, positions counted from 1, as many as fit."""
    T, S = ax.get_images()[0].get_size()
    for axis, words, count in ((ax.xaxis, keys, S), (ax.yaxis, queries, T)):
        shown = range(count) if words is not None else range(0, count, -(-count // 12))
        names = [words[k] if words is not None else str(k + 1) for k in shown]
        axis.set_ticks(list(shown), labels=names, fontsize=9, parse_math=False)
    if keys is not None:
        ax.tick_params(axis="x", rotation=90)
    ax.tick_params(length=0, colors=theme_of(theme).ink)
