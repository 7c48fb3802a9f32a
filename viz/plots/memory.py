"""How long a network can remember, unit by unit: the eigenvalues of U, and the half-lives of the belt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import ARRAY, TEXTS, Kind, named, takes
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.paths import Horizon
from viz.measure.backward import rows_of_gates
from viz.plots.canvas import AXES, Array, add_legend, array_of, axes_on, looks, write
from viz.style.text import letter, number, percent, quantity
from viz.style.theme import THEME, ThemeName, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL_OR_U = Kind("a cell or an array", lambda U: U if isinstance(U, nn.Cell) else ARRAY.take(U))
LIVES = Kind("half-lives or a tg.paths.horizon", lambda run: run if isinstance(run, Horizon) else ARRAY.take(run))


@takes(U=CELL_OR_U, gates=TEXTS.or_none(), ax=AXES, theme=THEME)
def eigenvalues(
    U: nn.Cell | Any, gates: Sequence[str] | None = None, *, ax: Axes | None = None, theme: ThemeName = "light"
) -> Axes:
    """The eigenvalues of the recurrent weights in the complex plane, with the unit circle: a mark for each.

    ``U`` is a cell, or its recurrent weights: an array (nH, H), in which every block (H, H) has marks of its own. The
    blocks of a cell are called after the gates that they lead to; those of an array as ``gates`` says, from top to
    bottom. In the legend ρ = max |λ|: in a linear recurrence, h' = U h, what lies inside the circle fades and what lies
    outside grows. (In a gated cell it is the gates that decide; an orthogonal U, all on the circle, is how every cell
    starts.)

    Raises ShapeError for what is no stack of square matrices, as of a ProjectedLSTMCell, and for another number of
    gates; ArgumentError for values that are not finite, and for a cell without a U.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> ax = eigenvalues(tg.nn.GRUCell(2, 8))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['r  ρ 1.00', 'z  ρ 1.00', 'n  ρ 1.00']
    """
    if isinstance(U, nn.Cell):
        gates, U = gates or gates_of(U), weights_of(U)
    array = array_of(U)
    H = array.shape[-1] if array.ndim == 2 else 0
    blocks = len(array) // H if H else 0
    if not blocks or len(array) != blocks * H or (gates is not None and len(gates) != blocks):
        wanted = "n" if gates is None else f"{len(gates)}"
        raise ShapeError(f"U is a stack of {wanted} square blocks, ({wanted}H, H), not {array.shape}")
    if not np.isfinite(array).all():
        raise ArgumentError("U has values that are not finite, and so no eigenvalues")
    names = gates or (["U"] if blocks == 1 else [f"block {k + 1}" for k in range(blocks)])
    ax = axes_on(ax, theme, 5.8, 4.4)
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color=theme_of(theme).quiet, linewidth=0.8, linestyle=(0, (4, 3)))
    for name, block, look in zip(names, np.split(array, blocks), looks(theme), strict=False):
        values = np.linalg.eigvals(block)
        ax.plot(
            values.real, values.imag, linestyle="none", marker=look.marker, markersize=6, markerfacecolor="none",
            markeredgecolor=look.colour, markeredgewidth=1.4, label=f"{name}  ρ {number(np.abs(values).max())}",
        )  # fmt: skip
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("Re λ")
    ax.set_ylabel("Im λ")
    add_legend(ax, theme, loc="upper left", bbox_to_anchor=(1, 1), handletextpad=0.2)
    return ax


def weights_of(cell: nn.Cell) -> nn.Parameter:
    """The recurrent weights of a cell, of all gates in one."""
    U = getattr(cell, "U", None)
    if not isinstance(U, nn.Parameter):
        there = ", ".join(name for name, one in cell.named_parameters() if one.ndim == 2) or "none"
        raise ArgumentError(f"a {type(cell).__name__} has no U; its matrices are {there}: plot one of those")
    return U


def gates_of(cell: nn.Cell) -> list[str] | None:
    """Which gates the blocks of U lead to, from top to bottom, as one step shows it; None where it does not."""
    U = weights_of(cell)
    with tg.enable_grad():
        state = cell(np.zeros((1, cell.input_size), U.dtype))
        loss = sum(part.sum() for part in (state if isinstance(state, tuple) else (state,)))
        rows = rows_of_gates(loss, U)
    if len(rows) < 2 or sum(map(len, rows.values())) != len(U) or len({len(part) for part in rows.values()}) > 1:
        return None
    return [letter(name, {"f", "o", "g"} <= set(rows)) for name in sorted(rows, key=lambda name: rows[name].start)]


@takes(runs=named(LIVES, "half-lives by name, {name: half-lives},"), ax=AXES, theme=THEME)
def half_lives(runs: Mapping[str, Horizon | Any], *, ax: Axes | None = None, theme: ThemeName = "light") -> Axes:
    """How many of the units hold on for how long: the share of units whose half-life is at least so many steps.

    {name: half-lives}, one number for each unit, as ``tg.paths.half_life`` makes them of a gate that keeps, f of an
    LSTM or z of a GRU; or a ``tg.paths.horizon``, which has those of its belt. A dot for each unit; the time axis is
    logarithmic. Units that never forget (f = 1) or at once (f = 0) have no place on it: the line ends above 0 % or
    begins below 100 %, and the legend says so.

    Raises ArgumentError for a horizon without half-lives, for nothing at all, and for negative numbers or NaN.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> f = tg.nn.LSTM(2, 8).unroll(tg.randn(5, 1, 2))["f"].data
    >>> ax = half_lives({"untrained": tg.paths.half_life(f.mean(axis=(0, 1)))})
    >>> ax.get_legend().get_texts()[0].get_text()
    'untrained: median 2.34 steps'
    """
    found = {name: lives_of(name, run) for name, run in runs.items()}
    ax = axes_on(ax, theme)
    ax.set_xscale("log")
    for (name, lives), look in zip(found.items(), looks(theme), strict=False):
        order = np.sort(lives)
        at_least = 1 - np.arange(len(order)) / len(order)
        drawn = (order > 0) & np.isfinite(order)
        never, at_once = int(np.isinf(order).sum()), int((order == 0).sum())
        notes = [f"for ever: {quantity(never, 'unit')}"] * (never > 0)
        notes += [f"not at all: {quantity(at_once, 'unit')}"] * (at_once > 0)
        ax.plot(
            order[drawn], at_least[drawn], drawstyle="steps-pre", color=look.colour, linestyle=look.dash, linewidth=1.6,
            marker=look.marker, markersize=4,
            label="\n   ".join([f"{name}: median {number(float(np.median(order)))} steps", *notes]),
        )  # fmt: skip
    every = np.concatenate([*found.values()])
    every = every[(every > 0) & np.isfinite(every)]
    if every.size:
        decades(ax, every.min(), every.max())
    else:
        write(ax, "no half-life between never and at once", theme)
    ax.set_xlabel("half-life in steps")
    ax.set_ylabel("units with at least that half-life")
    ax.set_ylim(0, 1.05)
    ax.yaxis.set_major_formatter(lambda part, _: percent(part))
    add_legend(ax, theme, loc="best")
    return ax


def decades(ax: Axes, low: float, high: float) -> None:
    """1, 2, 5, 10, 20, ... steps on a logarithmic axis around these, which begins and ends at one of them."""
    from matplotlib.ticker import FixedLocator, NullLocator

    powers = 10.0 ** np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 2)
    marks = np.outer(powers, (1, 2, 5) if high < 1e4 * low else (1,)).ravel()
    ax.set_xlim(marks[marks < 0.97 * low].max(), marks[marks > 1.03 * high].min())
    ax.xaxis.set_major_locator(FixedLocator(marks.tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(lambda steps, _: f"{steps:g}")


def lives_of(name: str, run: Horizon | Any) -> Array:
    """The half-lives of one run, one number for each unit."""
    lives = run.half_lives if isinstance(run, Horizon) else run
    if lives is None:
        raise ArgumentError(
            f"{name} has no belt with an f, so no half-lives: tg.paths.half_life(z) makes some of a gate"
        )
    array = array_of(lives).ravel()
    if not array.size or not (array >= 0).all():
        raise ArgumentError(f"half-lives are numbers of steps, at least one and none of them negative or NaN: {name}")
    return array
