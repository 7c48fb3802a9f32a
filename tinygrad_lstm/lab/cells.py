"""Cells that a claim needs and the library does not have: gates held by their biases, and cells without a part."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm import nn

FAR = 1e3  # a bias at which a sigmoid is exactly 0 or 1
GATES = "fiog"  # the order of the blocks of W, U and b


def hold(cell: nn.LSTMCell, gate: str, value: Any) -> None:
    """Hold a gate, whatever is read: shut where ``value`` is 0, open where it is 1, half open where it is 0.5."""
    H = cell.hidden_size
    rows = slice(GATES.index(gate) * H, (GATES.index(gate) + 1) * H)
    cell.W.data[rows] = 0
    cell.U.data[rows] = 0
    assert cell.b is not None
    cell.b.data[rows] = FAR * (2 * np.asarray(value) - 1)


def held_cell(*, half: bool = False, **gates: Any) -> nn.LSTMCell:
    """An LSTMCell(3 -> 6) with gates held, ``held_cell(f=1, i=0)``; with ``half`` they stand half open instead."""
    cell = nn.LSTMCell(3, 6)
    for gate, value in gates.items():
        hold(cell, gate, 0.5 if half else value)
    return cell


class NoBelt(nn.LSTMCell):
    """C is not carried on, only h is."""

    def forward(self, x: Any, state: Any) -> Any:
        """The next (h, c), from a C of zeros."""
        return super().forward(x, (state[0], 0 * state[1].detach()))


def sigmoid(z: Any) -> Any:
    """σ(z), written in NumPy: a check of the library's own."""
    return 1 / (1 + np.exp(-z))
