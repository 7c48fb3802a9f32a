"""What several claims need beside the library: a cell without its belt, peepholes that look, and σ in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm import nn
from tinygrad_lstm.lab.claim import Run
from tinygrad_lstm.paths import pinned


def held(run: Run, **gates: Any) -> pinned:
    """Within the block gates are shut (0) or open (1); broken by "gates off", they stand half open instead."""
    return pinned(**(dict.fromkeys(gates, 0.5) if run.is_broken("gates off") else gates))


def look_at_c(run: Run, cell: nn.Cell) -> None:
    """Give the peepholes of a cell, if it has some, weights that are not 0."""
    for name, weight in cell.named_parameters():
        if name.startswith("p_"):
            weight.data = run.rng.standard_normal(weight.shape)


class NoBelt(nn.LSTMCell):
    """C is not carried on, only h is."""

    def forward(self, x: Any, state: Any) -> Any:
        """The next (h, c), from a C of zeros."""
        return super().forward(x, (state[0], 0 * state[1].detach()))


def sigmoid(z: Any) -> Any:
    """σ(z), written in NumPy: a check of the library's own."""
    return 1 / (1 + np.exp(-z))
