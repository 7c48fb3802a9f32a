"""Plots of runs, with matplotlib: each draws on the Axes it is given, or on a figure of its own, and returns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tinygrad_lstm.training import BeltShare, Update
from viz.style import ThemeName, theme_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes(theme: ThemeName = "light", width: float = 8.0, height: float = 3.6) -> Axes:
    """Empty Axes on a transparent figure of their own, with quiet lines."""
    from matplotlib.figure import Figure  # not pyplot: no window, no global state; and only when somebody plots

    colours = theme_named(theme)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    ax: Axes = figure.subplots()
    ax.patch.set_alpha(0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(colours.quiet)
    ax.tick_params(colors=colours.quiet)
    ax.xaxis.label.set_color(colours.ink)
    ax.yaxis.label.set_color(colours.ink)
    return ax


def training_curve(
    history: Sequence[Update],
    baselines: Mapping[str, float] | None = None,
    *,
    ax: Axes | None = None,
    theme: ThemeName = "light",
) -> Axes:
    """Bits per character over the updates: each training window, the held-out text, and the baselines as lines."""
    ax = axes(theme) if ax is None else ax
    colours = theme_named(theme)
    numbers, bits = [update.number for update in history], [update.bits for update in history]
    ax.plot(numbers, bits, color=colours.gated, alpha=0.6, linewidth=1, label="training")
    measured = [(update.number, update.held_out) for update in history if update.held_out is not None]
    ax.plot(
        [number for number, _ in measured], [held_out for _, held_out in measured],
        color=colours.carried, linewidth=2, marker="o", markersize=5, label="held out",
    )  # fmt: skip
    for name, value in (baselines or {}).items():
        ax.axhline(value, color=colours.quiet, linewidth=1, linestyle=(0, (4, 3)))
        ax.annotate(
            f"{name} {value:.2f}", (1, value), xycoords=("axes fraction", "data"), xytext=(-2, 3), ha="right",
            textcoords="offset points", color=colours.quiet, fontsize=9,
        )  # fmt: skip
    ax.set_xlabel("update")
    ax.set_ylabel("bits per character")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, labelcolor=colours.ink, loc="lower left", ncols=2)
    return ax


def belt_shares(runs: Mapping[str, Sequence[BeltShare]], *, ax: Axes | None = None, theme: ThemeName = "light") -> Axes:
    """How much of the gradient stayed on the belt, by lag: one line for each run (before, after, ...)."""
    ax = axes(theme) if ax is None else ax
    colours = theme_named(theme)
    looks = ((colours.gated, (0, (2, 2))), (colours.carried, "solid"), (colours.quiet, (0, (6, 2))))
    for (name, shares), (colour, dash) in zip(runs.items(), looks, strict=False):
        lags, heights = [share.lag for share in shares], [share.share for share in shares]
        ax.plot(lags, heights, color=colour, linestyle=dash, linewidth=2)
        ax.annotate(
            f"{name}\n‖∂L/∂C‖ {shares[-1].norm:.2g} at lag {lags[-1]}", (lags[-1], heights[-1]), xytext=(6, 4),
            textcoords="offset points", va="bottom", color=colour, fontsize=9, annotation_clip=False,
        )  # fmt: skip
    ax.axhline(0, color=colours.quiet, linewidth=0.6)
    ax.set_xlabel("steps back from the loss")
    ax.set_ylabel("share of ∂L/∂C that never left the belt")
    ax.set_ylim(-0.05, 1.05)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return ax
