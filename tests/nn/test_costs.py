"""What layers cost, as exact integers: numbers to learn, and what one more step keeps for backward."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn

KINDS = {nn.RNN: 1, nn.LSTM: 4, nn.GRU: 3}  # how many gates, or the one candidate
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_parameters(kind: Any, ways: int, bias: bool) -> None:
    """n (H D + H² + H), and H more for a GRU's b_n; the layers above read what both directions say."""
    D, H, layers = 3, 5, 3
    layer = kind(D, H, layers, bidirectional=ways == 2, bias=bias)
    biases = (KINDS[kind] * H + (H if kind is nn.GRU else 0)) if bias else 0
    widths = [D, *[ways * H] * (layers - 1)]
    assert layer.parameter_count() == sum(ways * (KINDS[kind] * H * (width + H) + biases) for width in widths)


KEPT = {
    nn.RNN: 1,  # h
    nn.LSTM: 7,  # f, i, g, o, c, tanh c, h
    nn.GRU: 6,  # r, z, 1 - z, n, h, and the candidate's product U h + b_n that r multiplies
}


@every_kind
@pytest.mark.parametrize(("B", "D", "H"), [(1, 1, 1), (2, 3, 5), (3, 7, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bytes_kept_per_step(kind: Any, B: int, D: int, H: int, dtype: Any) -> None:
    """Every array once: x (B, D) and so many (B, H); of each step the same, whatever T."""
    layer = kind(D, H).astype(dtype)

    def kept(T: int) -> int:
        return tg.graph_of(layer(tg.zeros(T, B, D, dtype=dtype))[0]).kept_bytes

    size = np.dtype(dtype).itemsize
    assert [kept(T + 1) - kept(T) for T in (2, 3, 10)] == [B * (D + KEPT[kind] * H) * size] * 3


@pytest.mark.parametrize(("kind", "gates", "extra"), [(nn.RNN, 0, 1), (nn.LSTM, 4, 3), (nn.GRU, 3, 2)])
def test_bytes_kept_per_step_fused(kind: Any, gates: int, extra: int) -> None:
    """The gates, and h, c, tanh c of an LSTM, h of an RNN, whose x stands beside h and the 1 that b is multiplied by;
    y and the candidate's product of a GRU, whose x is the caller's."""
    B, D, H = 2, 3, 5
    layer = kind(D, H, fused=True).astype(float)

    def kept(T: int) -> int:
        return tg.graph_of(layer(tg.zeros(T, B, D, dtype=float))[0]).kept_bytes

    ones = 0 if kind is nn.GRU else 1
    assert kept(6) - kept(5) == B * (D + (gates + extra) * H + ones) * 8


def test_a_fused_run_without_gradients_has_no_gates_of_every_step() -> None:
    """But [h; x; 1] and y."""
    T, B, D, H = 100, 4, 8, 16
    layer, x = nn.LSTM(D, H, fused=True).astype(float), tg.zeros(T, B, D, dtype=float)
    with tg.no_grad():
        layer(x)
        tracemalloc.start()
        layer(x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1.2 * T * B * (D + 2 * H + 1) * 8 + 50_000
