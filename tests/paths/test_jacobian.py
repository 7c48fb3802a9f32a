"""Jacobians of states, and the horizon."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.unrolled import D, H, T, make, unrolled
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import ArgumentError

CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-13}


def test_the_belt_is_diag_f_and_the_whole_is_not() -> None:
    """The notes' ∂C_t/∂C_{t-1} = diag(f_t), over one step and over many; and the full formula with h moving too."""
    lstm = make("LSTM")
    cell = lstm.layers[0]
    x = np.random.default_rng(1).normal(size=(T, D))
    steps = lstm.unroll(x).steps
    one = paths.state_jacobian(steps[3].c, steps[2].c)
    np.testing.assert_allclose(one.belt, np.diag(steps[3].f.data), **CLOSE)
    f, i, o, g = (getattr(steps[3], name).data for name in "fiog")
    U_f, U_i, _, U_g = np.split(cell.U.data, 4)
    before, c = steps[2], steps[2].c.data
    dh_dc = before.o.data * (1 - np.tanh(c) ** 2)
    by_h = (c * f * (1 - f))[:, None] * U_f + (g * i * (1 - i))[:, None] * U_i + (i * (1 - g * g))[:, None] * U_g
    np.testing.assert_allclose(one.matrix, np.diag(f) + by_h * dh_dc, **CLOSE)
    assert o.shape == (H,)
    far = paths.state_jacobian(steps[5].c, steps[1].c)
    np.testing.assert_allclose(far.belt, np.diag(np.prod([s.f.data for s in steps[2:6]], axis=0)), **CLOSE)


def test_jacobians_chain_and_their_norms_are_singular_values() -> None:
    rnn = make("RNN")
    steps = rnn.unroll(np.random.default_rng(1).normal(size=(T, D))).steps
    whole = paths.state_jacobian(steps[4].h, steps[1].h)
    parts = [paths.state_jacobian(steps[t].h, steps[t - 1].h).matrix for t in (4, 3, 2)]
    np.testing.assert_allclose(whole.matrix, parts[0] @ parts[1] @ parts[2], **CLOSE)
    np.testing.assert_allclose(whole.norm, np.linalg.norm(whole.matrix, 2), **CLOSE)
    U, h = rnn.layers[0].U.data, steps[4].h.data
    np.testing.assert_allclose(parts[0], (1 - h * h)[:, None] * U, **CLOSE)
    assert not np.any(whole.belt)
    assert "singular values" in str(whole)


def test_a_linear_rnn_shrinks_by_its_gain_at_every_step() -> None:
    """x = 0, h = 0, orthogonal U times a gain: the rate of a step is the gain, exactly (the vanishing gradient)."""
    for gain in (0.5, 0.9, 1.0, 1.5):
        rnn = nn.RNN(2, 8).astype(float)
        rnn.layers[0].U.data = gain * np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
        steps = rnn.unroll(np.zeros((21, 2))).steps
        np.testing.assert_allclose(paths.state_jacobian(steps[20].h, steps[0].h).norm, gain**20, rtol=1e-10)


def test_half_lives_and_the_horizon() -> None:
    np.testing.assert_allclose(paths.half_life(0.5**0.1), 10.0)
    assert np.isinf(paths.half_life(1.0))
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        paths.half_life(1.5)
    trajectory, loss = unrolled(make("LSTM"))
    seen = paths.horizon(loss, trajectory)
    for name in ("h", "c"):
        found = tg.grad(loss, [getattr(step, name) for step in trajectory.steps], retain_graph=True)
        np.testing.assert_allclose(seen.norms[name], [np.linalg.norm(g.data) for g in found], **CLOSE)
    assert seen.half_lives is not None
    assert seen.half_lives.shape == (H,)
    assert str(seen).splitlines()[0].split() == ["t", "‖dL/dh‖", "‖dL/dc‖"]
    trajectory, loss = unrolled(make("GRU"))
    assert paths.horizon(loss, trajectory).half_lives is None


def test_the_singular_values_of_a_jacobian_that_is_not_square() -> None:
    x = tg.tensor(np.random.default_rng(0).normal(size=(2, 3)), requires_grad=True)
    W = np.random.default_rng(1).normal(size=(3, 5))
    with tg.scope("step", step=1):
        jacobian = paths.state_jacobian(x @ W, x)
    assert jacobian.matrix.shape == (2, 5, 2, 3)
    expected = np.repeat(np.linalg.svd(W, compute_uv=False), 2)  # each row of x goes its own way
    np.testing.assert_allclose(jacobian.singular_values, expected, rtol=1e-10)
    assert jacobian.norm == pytest.approx(np.linalg.norm(W, 2))
