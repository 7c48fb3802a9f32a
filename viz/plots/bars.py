"""Stacked bars by time step: what each step added to the gradient of a weight, and by which routes a gradient came.

Both are signed shares: a part's projection on the whole, ⟨part, whole⟩ / ⟨whole, whole⟩. The shares of all parts sum to
1, which norms do not. A part that works against the whole is negative, and stands below zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.paths import Ledger, Routes
from viz.plots.canvas import HATCHES, NOTHING, Array, Look, keyed, looks, on, said, told, whole
from viz.style import ThemeName, letter, mixed, number, theme_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where the legend goes: above the bars, not on them
ABOVE: dict[str, Any] = {
    "loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 6, "columnspacing": 1.4, "handlelength": 1.6,
}  # fmt: skip


def ledger(book: Ledger, *, ax: Axes | None = None, theme: ThemeName = "light") -> Axes:
    """``tg.paths.ledger`` as a picture: what the use of a weight at each step added to its gradient, gate upon gate.

    All bars together are 100 % of dL/dU; its norm is told above. What the steps do not account for, a use of the weight
    outside them, is a bar by itself at t = 0.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> lstm = tg.nn.LSTM(2, 8)
    >>> loss = (lstm(tg.randn(6, 1, 2))[0][-1] ** 2).sum()
    >>> ax = ledger(tg.paths.ledger(loss, lstm.layers[0].U))
    >>> [bars.get_label() for bars in ax.containers]
    ['f', 'i', 'o', 'C̃']
    >>> f"{sum(bar.get_height() for bars in ax.containers for bar in bars):.0%}"
    '100%'
    """
    ax = on(ax, theme)
    ax.set_xlabel("t")
    ax.set_ylabel(f"share of dL/d{book.name}, by step")
    whole_one = book.total.astype(float)
    norm, size = float(np.linalg.norm(whole_one)), float(np.abs(whole_one).max(initial=0))
    ax.set_title(f"‖dL/d{book.name}‖ {number(norm)}", fontsize=9, loc="right", color=theme_named(theme).quiet)
    if not 0 < size < np.inf:
        said(ax, "no gradient" if size == 0 else "the gradient is not finite", theme)
        return ax
    whole_one /= size  # so that the square of a tiny gradient is not 0
    parts: dict[str, Array] = {}
    for use in book.uses:
        direct = use.direct / size
        blocks = {gate: float(np.vdot(direct[rows], whole_one[rows])) for gate, rows in use.gates}
        rest = float(np.vdot(direct, whole_one)) - sum(blocks.values())
        if not blocks or abs(rest) > 1e-9:
            blocks["the rest" if blocks else f"d{book.name}"] = rest
        for gate, share in blocks.items():
            parts.setdefault(gate, np.zeros(book.T + 1))[use.step or 0] += share / float(np.vdot(whole_one, whole_one))
    first = 0 if any(use.step is None for use in book.uses) else 1
    lstm = {"f", "i", "g", "o"} <= set(parts)
    named = {letter(gate, lstm): table[first:] for gate, table in parts.items()}
    stacked(ax, range(first, book.T + 1), named, looks(theme), theme)
    if first == 0:
        ax.set_xticks([0, *[t for t in ax.get_xticks() if 1 <= t <= book.T]])
        ax.xaxis.set_major_formatter(lambda t, _: f"{t:g}" if t else "outside")
    if len(named) > 1:
        keyed(ax, theme, **ABOVE)
    return ax


def shares(
    routes: Routes | Sequence[Routes], *, steps: Sequence[int] | None = None, ax: Axes | None = None,
    theme: ThemeName = "light",
) -> Axes:  # fmt: skip
    """``tg.paths.routes`` as a picture: for each state, how often its gradient's paths crossed into the gates.

    ``routes`` of a list of states, those of t = 1, 2, ..., or of the ``steps`` that you name. What never crossed came
    along the belt. The bars of a step sum to 100 %. Where the gradient is zero there are no shares: the step is
    hatched.

    Raises ArgumentError unless the routes are of one number of crossings, and as many as the steps.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> trajectory = tg.nn.LSTM(2, 8).unroll(tg.randn(6, 1, 2))
    >>> loss = (trajectory.output[-1] ** 2).sum()
    >>> ax = shares(tg.paths.routes(loss, [step.c for step in trajectory.steps], max_crossings=1))
    >>> [bars.get_label() for bars in ax.containers]
    ['never crossed', 'crossed once', 'more often']
    """
    routes = [routes] if isinstance(routes, Routes) else routes
    t = list(range(1, len(routes) + 1) if steps is None else steps)
    table = np.array([route.shares for route in routes]) if len({len(route.parts) for route in routes}) == 1 else None
    if table is None or len(t) != len(routes):
        raise ArgumentError("shares takes the routes of some states, all of one max_crossings, and a step for each")
    ax = on(ax, theme)
    known = np.isfinite(table).all(axis=1)
    times = ["never crossed", "crossed once", *(f"{n} times" for n in range(2, table.shape[1] - 1))]
    names = [*times[: table.shape[1] - 1], "more often"]
    parts = {name: np.where(known, column, 0) for name, column in zip(names, table.T, strict=True)}
    stacked(ax, t, parts, routed(len(names), theme), theme)
    for reason, without in reasons(t, routes).items():
        for step in without:
            span = ax.axvspan(step - 0.5, step + 0.5, facecolor="none", edgecolor=theme_named(theme).frame, linewidth=0)
            span.set(hatch=NOTHING, label=f"{reason} at t = {told(sorted(without))}" if step == without[0] else None)
    ax.axhline(1, color=theme_named(theme).quiet, linewidth=0.6)
    ax.set_xlabel("t")
    ax.set_ylabel(f"share of dL/d{letter(routes[0].name)}ₜ")
    keyed(ax, theme, **ABOVE)
    return ax


def reasons(t: Sequence[int], routes: Sequence[Routes]) -> dict[str, list[int]]:
    """Why there are no shares, and at which steps."""
    found: dict[str, list[int]] = {}
    for step, route in zip(t, routes, strict=True):
        if not np.isfinite(route.shares).all():
            zero, finite = not route.total.any(), np.isfinite(route.total).all()
            found.setdefault("no gradient" if zero else "too small" if finite else "not finite", []).append(step)
    return found


def routed(count: int, theme: ThemeName) -> Iterable[Look]:
    """The looks of so many crossings: orange for the belt, a blue that fades for the gates, grey for the rest."""
    of = theme_named(theme)
    blues = [mixed(of.gated, of.paper, 1 - 0.65 * k / max(count - 2, 1)) for k in range(count - 2)]
    return [Look(hue, "solid", "o", HATCHES[k % 5]) for k, hue in enumerate([of.carried, *blues, of.weights])]


def stacked(ax: Axes, t: Iterable[int], parts: Mapping[str, Array], looks: Iterable[Look], theme: ThemeName) -> None:
    """Bars upon bars: what is positive up from zero, what is negative down from it."""
    of, places = theme_named(theme), list(t)
    up, down = np.zeros(len(places)), np.zeros(len(places))
    ax.use_sticky_edges = False  # room below zero, so that what is negative is seen
    for (name, heights), look in zip(parts.items(), looks, strict=False):
        ax.bar(
            places, heights, 1.0 if len(places) > 60 else 0.85, bottom=np.where(heights < 0, down, up), label=name,
            color=look.colour, hatch=look.hatch, edgecolor=mixed(of.paper, look.colour, 0.35), linewidth=0,
        )  # fmt: skip
        up, down = up + np.maximum(heights, 0), down + np.minimum(heights, 0)
    ax.axhline(0, color=of.quiet, linewidth=0.8)
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}".replace("-", "−"))
    ax.margins(x=0.01)
    whole(ax.xaxis)
