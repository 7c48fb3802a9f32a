"""Stacked bars by time step: what each step added to the gradient of a weight, and by which routes a gradient came.

Both are signed shares: a part's projection on the whole, ⟨part, whole⟩ / ⟨whole, whole⟩. The shares of all parts sum to
1, which norms do not. A part that works against the whole is negative, and stands below zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.arguments import Kind, instance, integer, several, takes
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.paths import Ledger, Routes
from viz.measure.backward import norm
from viz.plots.canvas import AXES, HATCHES, NOTHING, Array, Look, add_legend, axes_on, looks, tick_whole_numbers, write
from viz.style.steps import TIME, at_steps
from viz.style.text import letter, number, percent
from viz.style.theme import THEME, ThemeName, mix, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = several(instance("tg.paths.routes", Routes), "a list of tg.paths.routes")
ROUTES = Kind("tg.paths.routes or a list of them", lambda it: it if isinstance(it, Routes) else LISTED.take(it))
# Where the legend goes: beside the bars, and in their order, the uppermost first
BESIDE: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1), "reverse": True}


@takes(book=instance("a tg.paths.ledger", Ledger), ax=AXES, theme=THEME)
def ledger(book: Ledger, *, ax: Axes | None = None, theme: ThemeName = "light") -> Axes:
    """``tg.paths.ledger`` as a picture: what the use of a weight at each step added to its gradient, gate upon gate.

    All bars together are 100 % of dL/dU, whose norm stands beside them. Uses of the weight outside the steps are a bar
    by themselves, before t = 1.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> lstm = tg.nn.LSTM(2, 8)
    >>> loss = (lstm(tg.randn(6, 1, 2))[0][-1] ** 2).sum()
    >>> ax = ledger(tg.paths.ledger(loss, lstm.layers[0].U))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['C̃', 'o', 'i', 'f']
    """
    ax = axes_on(ax, theme)
    ax.set_xlabel(TIME)
    total = book.total.astype(float)
    ax.set_ylabel(f"share of dL/d{book.name}\n‖dL/d{book.name}‖ {number(norm(total))}")
    size = float(np.abs(total).max(initial=0))
    if not 0 < size < np.inf:
        write(ax, "no gradient" if size == 0 else "the gradient is not finite", theme)
        return ax
    total /= size  # so that the square of a tiny gradient is not 0
    square = float(np.vdot(total, total))
    parts: dict[str, Array] = {}
    for use in book.uses:
        direct = use.direct / size
        blocks = {gate: float(np.vdot(direct[rows], total[rows])) / square for gate, rows in use.gates}
        rest = float(np.vdot(direct, total)) / square - sum(blocks.values())
        if not blocks or abs(rest) > 1e-9:
            blocks[""] = rest
        for gate, share in blocks.items():
            parts.setdefault(gate, np.zeros(book.T + 1))[use.step or 0] += share
    first = 0 if any(use.step is None for use in book.uses) else 1
    lstm = {"f", "i", "g", "o"} <= set(parts)
    order = sorted(parts, key=lambda gate: gate == "")  # what leads to no gate comes last
    named = {letter(gate, lstm) or "no gate": parts[gate][first:] for gate in order}
    stack(ax, range(first, book.T + 1), named, looks(theme), theme)
    if first == 0:
        ax.set_xticks([0, *[t for t in ax.get_xticks() if 1 <= t <= book.T]])
        ax.xaxis.set_major_formatter(lambda t, _: f"{t:g}" if t else "outside")
    if len(named) > 1:
        add_legend(ax, theme, **BESIDE)
    return ax


@takes(routes=ROUTES, steps=several(integer(None), "a list of steps").or_none(), ax=AXES, theme=THEME)
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
    >>> loss = trajectory.steps[3].h.sum()
    >>> ax = shares(tg.paths.routes(loss, [step.c for step in trajectory.steps], max_crossings=1))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['more often', 'crossed once', 'never crossed']
    >>> print(ax.get_xlabel())
    t
    hatched: no gradient at t = 5–6
    """
    several = [routes] if isinstance(routes, Routes) else list(routes)
    t = list(range(1, len(several) + 1) if steps is None else steps)
    if len({len(route.parts) for route in several}) != 1 or len(t) != len(several):
        raise ArgumentError("shares takes the routes of some states, all of one max_crossings, and a step for each")
    table = np.array([route.shares for route in several])
    known = np.isfinite(table).all(axis=1)
    often = [f"{n} times" for n in range(2, table.shape[1] - 1)]
    names = [*["never crossed", "crossed once", *often][: table.shape[1] - 1], "more often"]
    parts = {name: np.where(known, column, 0) for name, column in zip(names, table.T, strict=True)}
    ax = axes_on(ax, theme)
    stack(ax, t, parts, looks_of_routes(len(names), theme), theme)
    for step in np.array(t)[~known]:
        span = ax.axvspan(step - 0.5, step + 0.5, facecolor="none", edgecolor=theme_of(theme).faint, linewidth=0)
        span.set_hatch(NOTHING)
    ax.axhline(1, color=theme_of(theme).quiet, linewidth=0.6)
    notes = [f"{reason} at {at_steps(sorted(where))}" for reason, where in reasons(t, several).items()]
    ax.set_xlabel(TIME + ("\nhatched: " + ", ".join(notes) if notes else ""))
    ax.set_ylabel(f"share of dL/d{letter(several[0].name)}ₜ")
    add_legend(ax, theme, **BESIDE)
    return ax


def reasons(t: Sequence[int], routes: Sequence[Routes]) -> dict[str, list[int]]:
    """Why there are no shares, and at which steps."""
    found: dict[str, list[int]] = {}
    for step, route in zip(t, routes, strict=True):
        if not np.isfinite(route.shares).all():
            zero, finite = not route.total.any(), np.isfinite(route.total).all()
            found.setdefault("no gradient" if zero else "too small" if finite else "not finite", []).append(step)
    return found


def looks_of_routes(count: int, theme: ThemeName) -> Iterable[Look]:
    """The looks of so many crossings: orange for the belt, a blue that fades for the gates, grey for the rest."""
    of = theme_of(theme)
    blues = [mix(of.crossing, of.paper, 1 - 0.65 * k / max(count - 2, 1)) for k in range(count - 2)]
    return [Look(hue, "solid", "o", HATCHES[k % 5]) for k, hue in enumerate([of.carry, *blues, of.weight])]


def stack(ax: Axes, t: Iterable[int], parts: Mapping[str, Array], looks: Iterable[Look], theme: ThemeName) -> None:
    """Bars upon bars: what is positive up from zero, what is negative down from it."""
    of, places = theme_of(theme), np.array(list(t))
    half = 0.5 if len(places) > 60 else 0.42
    edges = np.column_stack([places - half, places + half]).ravel()
    up, down = np.zeros(len(places)), np.zeros(len(places))
    for (name, heights), look in zip(parts.items(), looks, strict=False):
        base = np.where(heights < 0, down, up)
        ax.stairs(
            with_gaps(base + heights), edges, baseline=with_gaps(base), fill=True, label=name, color=look.colour,
            hatch=look.hatch, edgecolor=mix(of.paper, look.colour, 0.35), linewidth=0,
        )  # fmt: skip
        up, down = up + np.maximum(heights, 0), down + np.minimum(heights, 0)
    ax.axhline(0, color=of.quiet, linewidth=0.8)
    ax.yaxis.set_major_formatter(lambda part, _: percent(part))
    ax.set_xlim(places.min() - 0.7, places.max() + 0.7)
    tick_whole_numbers(ax.xaxis)


def with_gaps(values: Array) -> Array:
    """The values with a gap after each but the last, so that the steps of stairs stand apart.

    >>> with_gaps(np.array([1.0, 2.0, 3.0])).tolist()
    [1.0, nan, 2.0, nan, 3.0]
    """
    spread = np.full(2 * len(values) - 1, np.nan)
    spread[::2] = values
    return spread
