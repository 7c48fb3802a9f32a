"""Records of the recurrent kernels; ``test_fused`` compares them with the graph, option by option."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.record import Array, Call, Record, Refused, Rng, ones
from tinygrad_lstm.errors import ShapeError
from tinygrad_lstm.nn.fused_gru import fused_gru
from tinygrad_lstm.nn.fused_lstm import fused_lstm
from tinygrad_lstm.nn.fused_rnn import fused_rnn


def σ(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def rnn(
    x: Array, h0: Array, W: Array, U: Array, b: Array, on: Array = None, reverse: bool = False, relu: bool = False
) -> list[Array]:
    y = np.zeros((*x.shape[:2], h0.shape[1]))
    h = h0.copy()
    for t in range(len(x))[:: -1 if reverse else 1]:
        for row in range(x.shape[1]):
            if on is None or on[t, row]:
                z = W @ x[t, row] + U @ h[row] + b
                h[row] = np.maximum(z, 0) if relu else np.tanh(z)
        y[t] = h
    return [y, h]


def lstm(
    x: Array, h0: Array, c0: Array, W: Array, U: Array, b: Array, on: Array = None, reverse: bool = False
) -> list[Array]:
    """The equations of the notes, one step and one row at a time."""
    y = np.zeros((*x.shape[:2], h0.shape[1]))
    h, c = h0.copy(), c0.copy()
    for t in range(len(x))[:: -1 if reverse else 1]:
        for row in range(x.shape[1]):
            if on is None or on[t, row]:
                f, i, o, g = np.split(W @ x[t, row] + U @ h[row] + b, 4)
                c[row] = σ(f) * c[row] + σ(i) * np.tanh(g)
                h[row] = σ(o) * np.tanh(c[row])
        y[t] = h
    return [y, h, c]


def gru(
    x: Array, h0: Array, W: Array, U: Array, b: Array, b_n: Array, on: Array = None, reverse: bool = False
) -> list[Array]:
    y = np.zeros((*x.shape[:2], h0.shape[1]))
    h = h0.copy()
    for t in range(len(x))[:: -1 if reverse else 1]:
        for row in range(x.shape[1]):
            if on is None or on[t, row]:
                (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(W @ x[t, row] + b, 3), np.split(U @ h[row], 3)
                z, n = σ(x_z + h_z), np.tanh(x_n + σ(x_r + h_r) * (h_n + b_n))
                h[row] = (1 - z) * n + z * h[row]
        y[t] = h
    return [y, h]


def samples(states: int, gates: int, *biases: int, **always: Any) -> Callable[[Rng], list[Call]]:
    """Whole and ragged batches, in both directions, and an empty one."""

    def draw(rng: Rng) -> list[Call]:
        def call(T: int, B: int, D: int, H: int, **options: Array) -> Call:
            shapes = [(T, B, D), *[(B, H)] * states, (gates * H, D), (gates * H, H), *((n * H,) for n in biases)]
            return Call(*(rng.normal(0, 0.7, shape) for shape in shapes), **options, **always)

        ragged = np.array([[True, True], [True, False], [False, True]])
        return [
            call(2, 2, 1, 2), call(1, 1, 2, 1, reverse=True), call(3, 2, 1, 2, on=ragged),
            call(3, 2, 2, 1, on=ragged, reverse=True), call(2, 0, 1, 2),
        ]  # fmt: skip

    return draw


RECORDS = (
    Record(
        fused_rnn, rnn, lambda rng: [*samples(1, 1, 1)(rng), *samples(1, 1, 1, relu=True)(rng)], order=1,
        analytic=False,
        refused=(
            Refused(
                Call(ones(2, 1, 3), ones(1, 2), ones(2, 4), ones(2, 2), ones(2)),
                ShapeError, r"fused_rnn\(x \(2, 1, 3\), h0 \(1, 2\)",
            ),
        ),
    ),
    Record(
        fused_lstm, lstm, samples(2, 4, 4), order=1, analytic=False,
        refused=(
            Refused(
                Call(ones(2, 1, 3), ones(1, 2), ones(1, 2), ones(8, 3), ones(8, 3), ones(8)),
                ShapeError, r"fused_lstm\(x \(2, 1, 3\), h0 \(1, 2\).*not aligned",
            ),
        ),
    ),
    Record(
        fused_gru, gru, samples(1, 3, 3, 1), order=1, analytic=False,
        refused=(
            Refused(
                Call(ones(2, 1, 3), ones(1, 2), ones(6, 4), ones(6, 2), ones(6), ones(2)),
                ShapeError, r"fused_gru\(x \(2, 1, 3\).*not aligned",
            ),
        ),
    ),
)  # fmt: skip
