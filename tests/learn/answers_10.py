"""Answers to the exercises of chapter 10, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg


def counted(T: int) -> Any:
    """The depths of both, of T words."""
    x = tg.randn(T, 4)
    q, k, v = (x @ tg.randn(4, 4, requires_grad=True) for _ in range(3))
    lstm = tg.nn.LSTM(4, 3).unroll(tg.stack([x], axis=1))
    return tg.paths.depth(lstm.output), tg.paths.depth(tg.softmax(q @ k.T / 2, axis=1) @ v)


def kept(T: int, B: int, D: int, H: int) -> Any:
    """T times what one step more adds."""
    lstm = tg.nn.LSTM(D, H)
    two, three = (tg.graph_of(lstm(tg.zeros(n, B, D))[1][0].sum()).kept_bytes for n in (2, 3))
    return (three - two) // 4 * T


RIGHT = {
    "10.1": [counted, lambda T: (8.0 * T, 5.0), lambda T: np.array([T * (4 + 4), 2 + 3])],
    "10.2": [
        kept,
        lambda T, B, D, H: float(T * B * D + 7 * T * B * H),
        lambda T, B, D, H: np.array(sum(B * (7 * H + D) for _ in range(T))),
    ],
}
WRONG = {
    "10.1": [
        ("this counts the words", lambda T: [T, 5]),
        ("this is one word", lambda T: [8, 5]),
        ("this counts all ops of a step", lambda T: [13 * T, 5]),
        ("run beside each other; only one way counts", lambda T: [12 * T, 5]),
        ("this is the belt", lambda T: [2 * T, 5]),
        ("one op of a step is missing", lambda T: [7 * T, 5]),
        ("two ops of a step are missing", lambda T: [6 * T, 5]),
        ("one op of a step too many", lambda T: [9 * T, 5]),
        ("one word is missing", lambda T: [8 * T - 8, 5]),
        ("one word too many", lambda T: [8 * T + 8, 5]),
        ("a matrix product does all words at once", lambda T: [8 * T, 5 * T]),
        ("that is work, not waiting", lambda T: [8 * T, T * T]),
        ("one of the three lies on the way", lambda T: [8 * T, 7]),
        ("attention: one op too many", lambda T: [8 * T, 6]),
        ("attention: one op is missing", lambda T: [8 * T, 4]),
        ("but the ops of a word do", lambda T: [8 * T, 1]),
        ("this formula has neither", lambda T: [8 * T, 8]),
        ("a list of 2 numbers", lambda T: 8 * T),
    ],
    "10.2": [
        ("x_t and h_{t-1} are missing", lambda T, B, H: 6 * T * B * H),
        ("x_t is missing", lambda T, B, H: 7 * T * B * H),
        ("h_{t-1} is missing: the gradient of U", lambda T, B, D, H: T * B * (6 * H + D)),
        ("two are missing", lambda T, B, D, H: T * B * (5 * H + D)),
        ("these are the gates only", lambda T, B, H: 4 * T * B * H),
        ("one array of H too many", lambda T, B, D, H: T * B * (8 * H + D)),
        ("z is not needed", lambda T, B, D, H: T * B * (11 * H + D)),
        ("this is one sequence", lambda T, D, H: T * (7 * H + D)),
        ("this is one step", lambda B, D, H: B * (7 * H + D)),
        ("these are bytes", lambda T, B, D, H: 4 * T * B * (7 * H + D)),
        ("the weights U are counted", lambda T, B, D, H: T * B * (7 * H + D) + 4 * H * H),
        ("the weights are counted", lambda T, B, D, H: T * B * (7 * H + D) + 4 * H * (D + H + 1)),
        ("the state that goes on", lambda B, H: 2 * B * H),
        ("these are h and C of every step", lambda T, B, H: 2 * T * B * H),
        ("too few", lambda T: T),
    ],
}  # fmt: skip
