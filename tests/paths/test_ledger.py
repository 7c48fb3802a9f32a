"""Ledger, lag matrix, flow, Jacobians, horizon and the strongest path: each held to the law it obeys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.unrolled import MAKERS, B, D, H, T, make, unrolled
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import ArgumentError, GradError

CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-13}
CELLS = pytest.mark.parametrize("kind", MAKERS)


@pytest.mark.parametrize("step", [0, -2])
@pytest.mark.parametrize("account", [paths.ledger, lambda loss, W: paths.lag_matrix([loss, loss], W)])
def test_steps_before_1_have_no_row(account: Any, step: int) -> None:
    W = tg.tensor([2.0], requires_grad=True)
    with tg.scope("first", step):
        x = W * 3
    with tg.scope("second", 1):
        x = x * W
    with pytest.raises(ArgumentError, match=rf"the steps are t = 1, 2, ..., but t = {step} for multiply"):
        account(x.sum(), W)


# Ledger --------------------------------------------------------------------------------------------------------------


@CELLS
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_the_ledger_sums_to_the_gradient(kind: str, options: dict[str, Any]) -> None:
    layer = make(kind, **options)
    _, loss = unrolled(layer, lengths=[T, 4])
    params = list(layer.parameters())
    books = paths.ledger(loss, params)
    loss.backward()
    for book, p in zip(books, params, strict=True):
        assert p.grad is not None
        close = 1e-13 * max(np.abs(use.direct).max() for use in book.uses)
        np.testing.assert_allclose(book.total, p.grad.data, rtol=0, atol=close)
        by_scope = np.sum(list(book.by_scope.values()), axis=(0, 1))
        np.testing.assert_allclose(by_scope, p.grad.data, rtol=0, atol=close)
        gates = book.by_gate
        whole = sum(np.square(table.sum(axis=0)).sum() for table in gates.values())
        if set(map(len, (table[0] for table in gates.values()))) == {H} and p.shape[0] == H * len(gates):
            np.testing.assert_allclose(whole, np.square(p.grad.data).sum(), rtol=1e-10)


def test_each_entry_is_the_direct_derivative_at_its_step() -> None:
    """∂L/∂W_t with all other uses held: a weight of its own for every step, which starts at the shared value."""
    rng = np.random.default_rng(0)
    W = tg.tensor(rng.normal(0, 0.6, (3, 3)), requires_grad=True)
    own = [tg.tensor(W.data, requires_grad=True) for _ in range(T)]

    def loss_of(weights: list[tg.Tensor]) -> tg.Tensor:
        h = tg.tensor(np.ones((1, 3)))
        for t in range(1, T + 1):
            with tg.scope(f"t={t}", t):
                h = tg.tanh(tg.linear(h, weights[t - 1]) + 0.1 * t)
        return (h * h).sum()

    book = paths.ledger(loss_of([W] * T), W)
    for t, g in enumerate(tg.grad(loss_of(own), own)):
        np.testing.assert_allclose(book.by_step[t], g.data, **CLOSE)
    assert not np.any(book.outside)


def test_the_rows_of_each_gate_go_by_the_gates_name() -> None:
    lstm = make("LSTM")
    cell = lstm.layers[0]
    trajectory, loss = unrolled(lstm)
    book = paths.ledger(loss, cell.W)
    assert list(book.by_gate) == ["f", "g", "i", "o"]
    dz = tg.grad(loss, [step.f for step in trajectory.steps], retain_graph=True)
    for t, (step, df) in enumerate(zip(trajectory.steps, dz, strict=True)):
        f = step.f.data
        np.testing.assert_allclose(book.by_gate["f"][t], (df.data * f * (1 - f)).T @ step.x.data, **CLOSE)
    names = {name: sorted(paths.ledger(loss, p).by_gate) for name, p in cell.named_parameters()}
    assert names == {"W": ["f", "g", "i", "o"], "U": ["f", "g", "i", "o"], "b": ["f", "g", "i", "o"]}
    gru = make("GRU")
    _, loss = unrolled(gru)
    names = {name: sorted(paths.ledger(loss, p).by_gate) for name, p in gru.layers[0].named_parameters()}
    assert names == {"W": ["n", "r", "z"], "U": ["n", "r", "z"], "b": ["n", "r", "z"], "b_n": ["n"]}
    separate = make("Separate")
    _, loss = unrolled(separate)
    assert list(paths.ledger(loss, separate.layers[0].U_o).by_gate) == ["o"]


def test_uses_outside_any_step_are_booked_apart_and_the_table_tells_it() -> None:
    lstm, head = make("LSTM"), nn.Linear(H, 2).astype(float)
    trajectory = lstm.unroll(np.ones((T, B, D)))
    loss = head(trajectory.output).sum()
    book = paths.ledger(loss, head.W)
    assert book.by_step.shape == (0, 2, H)
    np.testing.assert_allclose(book.outside, tg.grad(loss, head.W, retain_graph=True)[0].data, **CLOSE)
    assert "outside" in str(book)
    table = str(paths.ledger(loss, lstm.layers[0].U)).splitlines()
    assert len(table) == T + 3
    assert table[1].split() == ["t", "norm", "f", "g", "i", "o"]
    assert table[-1].startswith("  dL/dU")
    with pytest.raises(GradError, match="parameter 0 does not require a gradient"):
        paths.ledger(loss, tg.tensor([1.0]))
