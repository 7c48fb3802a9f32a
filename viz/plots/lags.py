"""How far back the gradient reaches: its norm by lag, for several models, and the lag matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.arguments import RUNS, TEXT, instance, integer, takes
from tinygrad_lstm.errors import GradError
from tinygrad_lstm.nn import Trajectory
from tinygrad_lstm.paths import LagMatrix
from viz.measure.backward import gradient_norms
from viz.plots.canvas import AXES, add_legend, axes_on, hatch_missing, looks, sequential, tick_whole_numbers, write
from viz.plots.steps import chain_of, check_names, last_first
from viz.style.text import letter, number, quantity, ranges
from viz.style.theme import THEME, ThemeName, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECADES = 8  # of the lag matrix, from its largest entry down


@takes(runs=RUNS, state=TEXT, chain=integer(None), ax=AXES, theme=THEME)
def gradient_by_lag(
    runs: Mapping[str, tuple[tg.Tensor, Trajectory]],
    *,
    state: str = "h",
    chain: int = -1,
    ax: Axes | None = None,
    theme: ThemeName = "light",
) -> Axes:
    """‖∂L/∂h‖ over the steps back from the last one, a line for each model: {name: (loss, trajectory)}.

    The axis is logarithmic, so a gradient that vanishes at a steady rate is a straight line (Hochreiter 1991; Bengio
    1994). ``state``: the name of any value of the steps, "c" for the belt. ``chain``: the layer and direction; lag 0 is
    the step that the chain made last. What has no place on the axis is no point of a line but a word in the legend:
    exactly 0, not finite, no gradient (where no path leads from the loss).

    Cost: one backward pass for each model; the graphs are kept and no ``grad`` changes. Raises ArgumentError for a
    state that the steps do not have, GradError for a loss that requires no gradient.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> run = tg.nn.LSTM(2, 8).unroll(tg.randn(9, 1, 2))
    >>> ax = gradient_by_lag({"LSTM": (run.steps[8].h.sum(), run), "of t = 5 only": (run.steps[4].h.sum(), run)})
    >>> print(*(text.get_text() for text in ax.get_legend().get_texts()), sep=", ")
    LSTM, of t = 5 only
       no gradient at lag 0–3
    """
    measured = {name: norms_by_lag(name, *run, state, chain) for name, run in runs.items()}
    ax = axes_on(ax, theme)
    ax.set_yscale("log")
    for (name, norms), look in zip(measured.items(), looks(theme), strict=False):
        points = np.array([size if size is not None and 0 < size < np.inf else np.nan for size in norms])
        ax.plot(
            range(len(points)), points, color=look.colour, linestyle=look.dash, linewidth=2, marker=look.marker,
            markersize=4, markevery=max(1, len(points) // 10), label="\n   ".join([name, *gaps(norms)]),
        )  # fmt: skip
    sizes = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.get_lines()])
    if np.isfinite(sizes).any():  # whole decades, so that what hardly changes is seen to hardly change
        decades = np.floor(np.log10([np.nanmin(sizes) / 1.1, np.nanmax(sizes) * 1.1])) + [0, 1]
        ax.set_ylim(*10.0**decades)
    else:
        write(ax, "no gradient", theme)
    ax.set_xlabel("lag: steps back from the last")
    tick_whole_numbers(ax.xaxis)
    ax.set_ylabel(f"‖∂L/∂{letter(state)}‖")
    add_legend(ax, theme, loc="best")
    return ax


def norms_by_lag(name: str, loss: tg.Tensor, trajectory: Trajectory, state: str, chain: int) -> Sequence[float | None]:
    """The norm of the gradient by a value of each step, the last one first; None where there is no gradient."""
    one = chain_of(trajectory, chain)
    check_names(one, [state])
    if not loss.requires_grad:
        raise GradError(f"the loss of {name} requires no gradient: run the model outside of no_grad")
    return gradient_norms(loss, [step.named[state] for step in last_first(one)])


def gaps(norms: Sequence[float | None]) -> list[str]:
    """At which lags there is nothing to draw, and why.

    >>> gaps([0.5, 0.1, 0.0, 0.0, None])
    ['exactly 0 at lag 2–3', 'no gradient at lag 4']
    """
    reasons: dict[str, list[int]] = {"exactly 0": [], "not finite": [], "no gradient": []}
    for lag, size in enumerate(norms):
        if size is None:
            reasons["no gradient"].append(lag)
        elif size == 0:
            reasons["exactly 0"].append(lag)
        elif not np.isfinite(size):
            reasons["not finite"].append(lag)
    return [f"{reason} at lag {ranges(lags)}" for reason, lags in reasons.items() if lags]


@takes(matrix=instance("a tg.paths.lag_matrix", LagMatrix), ax=AXES, theme=THEME)
def lag_matrix(matrix: LagMatrix, *, ax: Axes | None = None, theme: ThemeName = "light") -> Axes:
    """``tg.paths.lag_matrix`` as a picture: ‖∂ℓ_τ/∂θ_t‖, the losses down, the uses of the weights to the right.

    The diagonal is lag 0; the better a network remembers, the further its colour reaches to the left of it. The scale
    is logarithmic; what is more than 8 decades below the largest has the last colour. An entry of exactly 0, as for
    weights used after the loss, is hatched.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> rnn = tg.nn.RNN(2, 8)
    >>> losses = [h.sum() for h in rnn(tg.randn(5, 1, 2))[0]]
    >>> ax = lag_matrix(tg.paths.lag_matrix(losses, list(rnn.parameters())))
    >>> print(ax.get_images()[0].get_array().mask.astype(int))  # what is hatched
    [[0 1 1 1 1]
     [0 0 1 1 1]
     [0 0 0 1 1]
     [0 0 0 0 1]
     [0 0 0 0 0]]
    """
    ax = axes_on(ax, theme, 5.6, 4.6)
    norms = matrix.norms
    rows, columns = norms.shape
    data = np.ma.masked_where(~((norms > 0) & np.isfinite(norms)), norms)
    hatch_missing(ax, theme)
    tick_whole_numbers(ax.xaxis)
    tick_whole_numbers(ax.yaxis)
    wrong = int((~np.isfinite(norms)).sum())
    note = f"\n{quantity(wrong, 'entry', 'entries')} not finite, hatched" if wrong else ""
    ax.set_xlabel("t, where the weights were used" + note)
    ax.set_ylabel("τ, where the loss was taken")
    if not data.count():
        write(ax, "no gradient", theme)
        ax.set(xlim=(0.5, columns + 0.5), ylim=(rows + 0.5, 0.5))
        return ax
    from matplotlib.colors import LogNorm

    most = float(data.max())
    least = min(max(float(data.min()), most * 10.0**-DECADES), most / 10)
    image = ax.imshow(
        data, extent=(0.5, columns + 0.5, rows + 0.5, 0.5), interpolation="none", cmap=sequential(theme),
        norm=LogNorm(least, most, clip=True),
    )  # fmt: skip
    scale = ax.figure.colorbar(image, ax=ax, shrink=0.9, ticks=[least, (least * most) ** 0.5, most])
    scale.ax.set_yticklabels([number(tick) for tick in scale.get_ticks()])
    scale.ax.minorticks_off()
    scale.set_label(r"$\|\partial\ell_\tau/\partial\theta_t\|$", color=theme_of(theme).ink, fontsize=11)
    scale.outline.set_visible(False)
    scale.ax.tick_params(colors=theme_of(theme).quiet, length=0)
    return ax
