"""What several claims need beside the library: a cell without its belt, peepholes that look, and σ in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
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


def copies_over_time(cell: nn.LSTMCell, x: np.ndarray) -> tuple[tg.Tensor, np.ndarray]:
    """A copy of a cell for every step, with weights of its own: the sum of h², and the gradient by each copy's U."""
    state, total, copies = None, tg.tensor(0.0), [nn.LSTMCell(cell.input_size, cell.hidden_size) for _ in x]
    for copy, x_t in zip(copies, x, strict=True):
        copy.load_state_dict(cell.state_dict())
        state = copy(x_t, state)
        total = total + (state[0] ** 2).sum()
    return total, np.array([part.data for part in tg.grad(total, [copy.U for copy in copies], retain_graph=True)])


class NoBelt(nn.LSTMCell):
    """C is not carried on, only h is."""

    def forward(self, x: Any, state: Any) -> Any:
        """The next (h, c), from a C of zeros."""
        return super().forward(x, (state[0], 0 * state[1].detach()))


def sigmoid(z: Any) -> Any:
    """σ(z), written in NumPy: a check of the library's own."""
    return 1 / (1 + np.exp(-z))
