"""Curves of a training: how many bits a character still takes, and how much of the gradient stayed on the belt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tinygrad_lstm.arguments import NUMBER, instance, named, several, takes
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.training import BeltShare, Update
from viz.plots.canvas import AXES, add_legend, axes_on, looks
from viz.style.text import percent
from viz.style.theme import THEME, ThemeName, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHARES = named(several(instance("a BeltShare", BeltShare), "its shares"), "shares by name, {name: [BeltShare, ...]},")


@takes(
    history=several(instance("an Update", Update), "the updates of a training"), test=NUMBER.or_none(), ax=AXES,
    theme=THEME,
)  # fmt: skip
def training_curve(
    history: Sequence[Update],
    baselines: Mapping[str, float] | None = None,
    *,
    test: float | None = None,
    ax: Axes | None = None,
    theme: ThemeName = "light",
) -> Axes:
    """Bits per character over the updates: each training window, the validation text, and the baselines as lines.

    ``test``: the bits per character on the test text, a point at the update whose weights did best on the validation
    text, since those are the weights that are kept.
    """
    ax = axes_on(ax, theme)
    colours = theme_of(theme)
    numbers, bits = [update.number for update in history], [update.bits for update in history]
    ax.plot(numbers, bits, color=colours.crossing, alpha=0.6, linewidth=1, label="training text")
    measured = [(update.number, update.validation) for update in history if update.validation is not None]
    ax.plot(
        [number for number, _ in measured], [validation for _, validation in measured],
        color=colours.carry, linewidth=2, marker="o", markersize=5, label="validation text",
    )  # fmt: skip
    if test is not None:
        kept = min(measured, key=lambda point: point[1], default=(numbers[-1], test))[0]
        ax.plot(
            [kept], [test], color=colours.ink, linestyle="none", marker="D", markersize=8, zorder=3,
            label=f"test text {test:.2f}",
        )  # fmt: skip
    for name, value in (baselines or {}).items():
        ax.axhline(value, color=colours.quiet, linewidth=1, linestyle=(0, (4, 3)))
        ax.annotate(
            f"{printable(name)} {value:.2f}", (1, value), xycoords=("axes fraction", "data"), xytext=(-2, 3),
            ha="right", textcoords="offset points", color=colours.quiet, fontsize=9, parse_math=False,
        )  # fmt: skip
    ax.set_xlabel("update")
    ax.set_ylabel("bits per character")
    ax.set_ylim(bottom=0)
    add_legend(ax, theme, loc="lower left", ncols=2)
    return ax


@takes(runs=SHARES, ax=AXES, theme=THEME)
def belt_shares(runs: Mapping[str, Sequence[BeltShare]], *, ax: Axes | None = None, theme: ThemeName = "light") -> Axes:
    """How much of the gradient stayed on the belt, by lag: one line for each run (before, after, ...)."""
    ax = axes_on(ax, theme)
    colours = theme_of(theme)
    for (name, shares), look in zip(runs.items(), looks(theme), strict=False):
        lags, heights = [share.lag for share in shares], [share.share for share in shares]
        ax.plot(lags, heights, color=look.colour, linestyle=look.dash, linewidth=2)
        ax.annotate(
            f"{printable(name)}\n‖∂L/∂C‖ {shares[-1].norm:.2g} at lag {lags[-1]}", (lags[-1], heights[-1]),
            xytext=(6, 4), textcoords="offset points", va="bottom", color=colours.text_of(look.colour), fontsize=9,
            annotation_clip=False, parse_math=False,
        )  # fmt: skip
    ax.axhline(0, color=colours.quiet, linewidth=0.6)
    ax.set_xlabel("steps back from the loss")
    ax.set_ylabel("share of ∂L/∂C that never left the belt")
    ax.set_xlim(right=max(shares[-1].lag for shares in runs.values()))  # the names stand beside it
    every = [share.share for shares in runs.values() for share in shares]
    ax.set_ylim(min(0, *every) - 0.05, max(1, *every) + 0.05)
    ax.yaxis.set_major_formatter(lambda part, _: percent(part))
    return ax
