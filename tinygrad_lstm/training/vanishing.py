"""Vanishing and exploding gradients: networks that read the same text before any training.

Backpropagation multiplies the gradient by one Jacobian for each step. In an RNN that is Uᵀ diag(1 - h²), so the size
of U decides: the gradient vanishes or it explodes (Bengio 1994; Pascanu 2013, 1211.5063). Gates let it decay more
slowly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm import paths
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.losses import cross_entropy
from tinygrad_lstm.nn import GRU, LSTM, RNN, Embedding, Linear, Recurrent, Trajectory


def untrained_runs(indices: np.ndarray, characters: int, hidden: int) -> dict[str, tuple[Tensor, Trajectory]]:
    """An RNN, one with U three times as large, a GRU and an LSTM: {name: (loss, trajectory)}, as the plots take them.

    ``indices`` (T + 1, B): T characters to read, and the one that follows, whose cross-entropy is the loss. All have
    ``hidden`` units, and share one embedding and one output layer, so that their gradients start at about one size. All
    weights are fresh ones, from the generator that ``tg.manual_seed`` starts.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> runs = untrained_runs(np.random.default_rng(0).integers(0, 7, (61, 2)), characters=7, hidden=32)
    >>> for name, run in runs.items():
    ...     print(f"{name:10} {'falls' if gradient_left(*run) < 1 else 'grows'}")
    RNN        falls
    RNN, U × 3 grows
    GRU        falls
    LSTM       falls
    """
    embedding, head = Embedding(characters, 32), Linear(hidden, characters)
    exploding = RNN(32, hidden)
    U = exploding.layers[0].U
    U.data = 3 * U.data
    layers: dict[str, Recurrent[Any]] = {
        "RNN": RNN(32, hidden), "RNN, U × 3": exploding, "GRU": GRU(32, hidden), "LSTM": LSTM(32, hidden)
    }  # fmt: skip
    x, runs = embedding(indices[:-1]), {}
    for name, layer in layers.items():
        trajectory = layer.unroll(x)
        runs[name] = cross_entropy(head(trajectory.steps[-1].h), indices[-1]), trajectory
    return runs


def gradient_left(loss: Tensor, trajectory: Trajectory) -> float:
    """‖∂L/∂h₁‖ / ‖∂L/∂h_T‖: what is left of the gradient at the first step; NaN where the last step has none."""
    norms = paths.horizon(loss, trajectory).norms["h"]
    return float(norms[0] / norms[-1]) if norms[-1] else float("nan")
