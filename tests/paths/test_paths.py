"""Ledger, lag matrix, flow, Jacobians, horizon and the strongest path: each held to the law it obeys."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.unrolled import MAKERS, B, D, H, T, make, unrolled
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import ArgumentError, GradError, ShapeError, UnsupportedError

CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-13}
CELLS = pytest.mark.parametrize("kind", MAKERS)


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


# Lag matrix ----------------------------------------------------------------------------------------------------------


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
    assert "bias" in str(matrix)
    with pytest.raises(ArgumentError, match="entries=True"):
        _ = matrix.entries
    with pytest.raises(ArgumentError, match="at least 1,"):
        matrix.truncated(0)
    with pytest.raises(ArgumentError, match="losses, not an empty list"):
        paths.lag_matrix([], layer.layers[0].U)


# Flow ----------------------------------------------------------------------------------------------------------------


@CELLS
@pytest.mark.parametrize("random", [False, True], ids=["along the gradient", "another direction"])
def test_every_cut_carries_the_directional_derivative_and_every_node_hands_on_what_it_gets(
    kind: str, random: bool
) -> None:
    trajectory, loss = unrolled(make(kind))
    source = trajectory.steps[0].named[trajectory.chains[0].cell.states[-1]]
    v = np.random.default_rng(7).normal(size=source.shape) if random else None
    result = paths.flow(loss, source, v)
    (g,) = tg.grad(loss, source, retain_graph=True)
    expected = np.vdot(g.data, g.data if v is None else v)
    np.testing.assert_allclose(result.total, expected, **CLOSE)
    scale = max(abs(edge.flow) for edge in result.edges)
    for t in range(1, T + 1):
        np.testing.assert_allclose(result.cut(t), expected, rtol=0, atol=1e-12 * scale)
    ends = {result.source, result.graph.id_of(loss)}
    for vertex in result.inflow.keys() | result.outflow.keys():
        if vertex not in ends:
            np.testing.assert_allclose(
                result.inflow.get(vertex, 0), result.outflow.get(vertex, 0), rtol=1e-10, atol=1e-12 * scale
            )
    np.testing.assert_allclose(result.outflow[result.source], expected, rtol=1e-11, atol=1e-12 * scale)
    np.testing.assert_allclose(result.inflow[result.graph.id_of(loss)], expected, rtol=1e-11, atol=1e-12 * scale)


def test_tangents_are_finite_differences() -> None:
    """The flow into h_T's own sum is how much that moves: forward mode checked without any derivative."""
    layer = make("LSTM")
    x = np.random.default_rng(1).normal(size=(T, B, D))
    c = np.random.default_rng(2).normal(size=(1, B, H))
    v, eps = np.random.default_rng(3).normal(size=c.shape), 1e-6

    def value(c: np.ndarray) -> tuple[tg.Tensor, tg.Tensor]:
        start = tg.tensor(c, requires_grad=True)
        return layer(x, (np.zeros_like(c), start))[0][-1].sum(), start

    loss, start = value(c)
    moved = (value(c + eps * v)[0].item() - value(c - eps * v)[0].item()) / (2 * eps)
    np.testing.assert_allclose(paths.flow(loss, start, v).total, moved, rtol=1e-7)


def test_flow_through_many_kinds_of_ops() -> None:
    """Indexing, splits into unused parts, stacks, softmax, where, broadcasting: all keep the law."""
    x = tg.tensor(np.random.default_rng(0).normal(size=(4, 3)), requires_grad=True)
    a, _, c = tg.split(x * 2.0, 3, axis=1)
    rows = x[np.array([0, 0, 2])]
    y = tg.concatenate([a * c, tg.softmax(x)[:, :1]]).sum() + tg.where(rows.data > 0, rows, rows * rows).mean()
    loss = y * tg.logsumexp(x) + (x.max(axis=0) + tg.stack([x.sum(), x.mean(), x[1, 1]])).sum()
    result = paths.flow(loss, x)
    ends = {result.source, result.graph.id_of(loss)}
    for vertex in result.inflow.keys() | result.outflow.keys():
        if vertex not in ends:
            np.testing.assert_allclose(result.inflow.get(vertex, 0), result.outflow.get(vertex, 0), rtol=1e-10,
                                       atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(result.outflow[result.source], result.total, rtol=1e-12)


def test_the_flow_is_told_by_class_at_every_step() -> None:
    trajectory, loss = unrolled(make("LSTM"))
    result = paths.flow(loss, trajectory.steps[1].c)
    assert list(result.cuts) == ["carry", "crossing", "read"]
    np.testing.assert_allclose(sum(result.cuts.values()), np.full(T + 1, result.total), rtol=1e-11)
    edges = [edge for edge in result.edges if result.graph.vertices[edge.source].step == 3 and edge.kind == "carry"]
    np.testing.assert_allclose(result.cuts["carry"][3], sum(edge.flow for edge in edges), rtol=1e-10)
    assert "carry" in str(result).splitlines()[1]
    with pytest.raises(ShapeError, match=r"a direction of shape \(2,\)"):
        paths.flow(loss, trajectory.steps[1].c, np.ones(2))


# Jacobians -----------------------------------------------------------------------------------------------------------


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


# Strongest path ------------------------------------------------------------------------------------------------------


def all_paths(loss: tg.Tensor, goal: tg.Tensor) -> Iterator[float]:
    """The strength of every path, by walking each of them: only for small graphs."""
    gains: dict[Any, list[tuple[Any, float]]] = {}
    for event in tg.backward_events(loss, retain_graph=True):
        parts = event.cotangent if isinstance(event.cotangent, list) else [event.cotangent]
        received = math.sqrt(sum(np.vdot(part, part) for part in parts))
        handed = [(c.source, float(np.linalg.norm(c.array))) for c in event.contributions]
        gains[event.node] = [(source, size / received if received else 0.0) for source, size in handed]

    def walk(node: Any, strength: float) -> Iterator[float]:
        if node is goal.source.node:
            yield strength
        for source, gain in gains.get(node, ()):
            yield from walk(source, strength * gain)

    yield from walk(loss.source.node, 1.0)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "Peephole"])
def test_the_strongest_path_is_the_strongest_of_all(kind: str) -> None:
    layer = make(kind)
    trajectory = layer.unroll(np.random.default_rng(1).normal(size=(3, 1, D)))
    loss = (trajectory.output[-1] ** 2).sum()
    goal = trajectory.steps[0].named[trajectory.chains[0].cell.states[-1]]
    strengths = list(all_paths(loss, goal))
    found = paths.strongest_path(loss, goal)
    assert len(strengths) > (0 if kind == "RNN" else 3)
    np.testing.assert_allclose(found.strength, max(strengths), rtol=1e-12)
    np.testing.assert_allclose(math.prod(step.gain for step in found.edges), found.strength, rtol=1e-12)
    assert found.edges[0].edge.reader is loss.source.node
    assert found.edges[-1].edge.source is goal.source.node
    for one, following in zip(found.edges, found.edges[1:], strict=False):
        assert one.edge.source is following.edge.reader
    assert "strongest path" in str(found)


def test_where_nothing_arrives_there_is_no_strongest_path() -> None:
    trajectory, _ = unrolled(make("LSTM"))
    with pytest.raises(GradError, match="no gradient arrives"):
        paths.strongest_path(trajectory.steps[0].h.sum(), trajectory.steps[2].c)
    assert paths.strongest_path(trajectory.steps[0].c.sum(), trajectory.steps[0].c).edges[0].gain == math.sqrt(B * H)


def test_a_fused_layer_is_refused_by_every_account() -> None:
    lstm = nn.LSTM(D, H, fused=True)
    x = tg.tensor(np.ones((T, B, D)), requires_grad=True)
    loss = lstm(x)[0].sum()
    for call in (
        lambda: paths.routes(loss, x), lambda: paths.ledger(loss, lstm.layers[0].W), lambda: paths.flow(loss, x),
        lambda: paths.lag_matrix([loss], lstm.layers[0].W), lambda: paths.state_jacobian(loss, x),
        lambda: paths.strongest_path(loss, x),
    ):  # fmt: skip
        with pytest.raises(UnsupportedError, match="fused=False"):
            call()


def test_weights_dropped_for_a_whole_sequence_are_used_outside_its_steps() -> None:
    tg.manual_seed(0)
    layer = nn.LSTM(D, H, cell=lambda D, H: nn.WeightDrop(nn.LSTMCell(D, H), 0.5)).astype(float)
    _, loss = unrolled(layer)
    U = layer.layers[0].cell.U
    book = paths.ledger(loss, U)
    assert book.by_step.shape[0] == 0
    loss.backward()
    np.testing.assert_allclose(book.outside, U.grad.data, **CLOSE)
