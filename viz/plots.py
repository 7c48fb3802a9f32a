"""Plots of runs, with matplotlib: each draws on the Axes it is given, or on a figure of its own, and returns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from tinygrad_lstm.training import Update

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = {"light": "#1F2933", "dark": "#E5E9EF"}
SOFT = {"light": "#5F6C7B", "dark": "#9AA7B6"}
ORANGE, BLUE = "#D55E00", "#0072B2"  # Okabe-Ito: told apart by colour-blind readers
BRIGHT_BLUE = "#56B4E9"


def axes(theme: Literal["light", "dark"] = "light", width: float = 8.0, height: float = 3.6) -> Axes:
    """Empty Axes on a figure of their own, transparent, with quiet lines; ``.figure.savefig(path)`` writes them."""
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    ax: Axes = figure.subplots()
    ax.patch.set_alpha(0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(SOFT[theme])
    ax.tick_params(colors=SOFT[theme])
    ax.xaxis.label.set_color(INK[theme])
    ax.yaxis.label.set_color(INK[theme])
    ax.title.set_color(INK[theme])
    return ax


def training_curve(
    history: Sequence[Update],
    baselines: Mapping[str, float] | None = None,
    *,
    ax: Axes | None = None,
    theme: Literal["light", "dark"] = "light",
) -> Axes:
    """Bits per character over the updates: each training window, the held-out text, and the baselines as lines."""
    ax = axes(theme) if ax is None else ax
    blue = BLUE if theme == "light" else BRIGHT_BLUE
    ax.plot([u.number for u in history], [u.bits for u in history], color=blue, alpha=0.55, linewidth=1, label="training")
    measured = [(u.number, u.held_out) for u in history if u.held_out is not None]
    ax.plot(
        [number for number, _ in measured], [bits for _, bits in measured],
        color=ORANGE, linewidth=2, marker="o", markersize=5, label="held out",
    )  # fmt: skip
    for name, bits in (baselines or {}).items():
        ax.axhline(bits, color=SOFT[theme], linewidth=1, linestyle=(0, (4, 3)))
        ax.annotate(
            f"{name} {bits:.2f}", (1, bits), xycoords=("axes fraction", "data"), xytext=(-2, 3), ha="right",
            textcoords="offset points", color=SOFT[theme], fontsize=9,
        )  # fmt: skip
    ax.set_xlabel("update")
    ax.set_ylabel("bits per character")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, labelcolor=INK[theme], loc="lower left", ncols=2)
    return ax
