"""The lag matrix: how much each loss owes to the weights of each step, and what truncation loses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.unrolled import B, D, T, make
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import ArgumentError

CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-13}


def losses_of(layer: nn.LSTM) -> list[tg.Tensor]:
    rng = np.random.default_rng(3)
    trajectory = layer.unroll(rng.normal(size=(T, B, D)))
    return [(step.h * rng.normal(size=step.h.shape)).sum() for step in trajectory.steps]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "Peephole", "GRU"])
def test_truncated_bptt_is_the_block_diagonal_sum(kind: str) -> None:
    layer = make(kind)
    losses, params = losses_of(layer), list(layer.parameters())
    matrix = paths.lag_matrix(losses, params, entries=True)
    full = tg.grad(losses, params, retain_graph=True)
    tau, t = np.indices((T, T))
    for k in (1, 2, 3, 4, T, 2 * T):
        same = tau // k == t // k
        for entries, found in zip(matrix.entries, matrix.truncated(k), strict=True):
            np.testing.assert_allclose(found, entries[same].sum(axis=0), rtol=1e-11, atol=1e-13)
    for entries, g, found in zip(matrix.entries, full, matrix.full, strict=True):
        np.testing.assert_allclose(entries.sum(axis=(0, 1)), g.data, rtol=1e-11, atol=1e-13)
        np.testing.assert_array_equal(found, g.data)
        assert not np.any(entries[t > tau]), "no loss looks ahead"
    squares = sum(np.square(e).reshape(T, T, -1).sum(axis=-1) for e in matrix.entries)
    np.testing.assert_allclose(matrix.norms, np.sqrt(squares), **CLOSE)
    np.testing.assert_allclose(paths.lag_matrix(losses, params).norms, matrix.norms, **CLOSE)


def test_truncation_is_detaching_the_state_at_the_boundaries() -> None:
    """The same by hand: chunks of k = 2 steps, the state handed on without its history."""
    layer = make("LSTM")
    x = np.random.default_rng(4).normal(size=(T, B, D))
    whole = [step.h.sum() for step in layer.unroll(x).steps]
    matrix = paths.lag_matrix(whole, list(layer.parameters()))
    state, losses = None, []
    for start in range(0, T, 2):
        trajectory = layer.unroll(x[start : start + 2], state)
        losses += [step.h.sum() for step in trajectory.steps]
        state = tuple(part.detach() for part in trajectory.state)
    for g, found in zip(tg.grad(losses, list(layer.parameters())), matrix.truncated(2), strict=True):
        np.testing.assert_allclose(found, g.data, rtol=1e-11, atol=1e-13)


def test_the_bias_falls_to_nothing_and_the_smallest_k_is_found() -> None:
    layer = make("LSTM")
    matrix = paths.lag_matrix(losses_of(layer), layer.layers[0].U)
    biases = [matrix.bias(k) for k in range(1, T + 1)]
    assert biases[-1] == 0
    assert matrix.smallest_k(0.0) == T
    for tolerance in (*biases, 0.05):
        assert matrix.smallest_k(tolerance) == next(k for k, bias in enumerate(biases, 1) if bias <= tolerance)
    assert matrix.by_lag.shape == (T,)
    for lag in (0, 1, T - 2):  # from the weights of that many steps ago, so at row τ in column τ - lag
        sizes = [matrix.norms[step, step - lag] for step in range(lag, T)]
        assert matrix.by_lag[lag] == pytest.approx(np.linalg.norm(sizes))
        assert matrix.by_lag[lag] > 0
    assert "bias" in str(matrix)
    with pytest.raises(ArgumentError, match="entries=True"):
        _ = matrix.entries
    with pytest.raises(ArgumentError, match="at least 1,"):
        matrix.truncated(0)
    with pytest.raises(ArgumentError, match="losses, not an empty list"):
        paths.lag_matrix([], layer.layers[0].U)
