"""Plots of runs, with matplotlib: each draws on the Axes it is given, or on a figure of its own, and returns them.

    gates                      what every gate and cell did, above the text or the signal
    gradient_by_lag            how far back the gradient reaches, model by model
    lag_matrix                 how much the loss at τ owes to the weights at t
    ledger, shares             which step added how much to dL/dU; by which routes dL/dC came
    eigenvalues, half_lives    how long it can remember
    attention                  which word reads which, and what the loss would rather have
    training_curve, belt_shares
    scores, surface            a score over a number; a loss over two weights, and descents on it

Without ``ax=`` the Axes display their figure in a notebook; ``save(ax, "plot.svg")`` writes it. ``ax=`` puts several
into a figure of yours, which is then yours to show.
"""

from viz.plots.attention import attention
from viz.plots.bars import ledger, shares
from viz.plots.canvas import axes, save
from viz.plots.gate_values import gates
from viz.plots.lags import gradient_by_lag, lag_matrix
from viz.plots.memory import eigenvalues, half_lives
from viz.plots.scores import scores
from viz.plots.surface import surface
from viz.plots.training import belt_shares, training_curve

__all__ = [
    "attention", "axes", "belt_shares", "eigenvalues", "gates", "gradient_by_lag", "half_lives", "lag_matrix", "ledger",
    "save", "scores", "shares", "surface", "training_curve",
]  # fmt: skip
