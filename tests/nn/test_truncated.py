"""Truncated BPTT keeps exactly the entries of the lag matrix it should, in memory that does not grow with T."""

from __future__ import annotations

import copy
import gc
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.engine.node import Node
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.functional import mse_loss

T, B, D, H = 8, 2, 3, 4
WINDOWS = [(1, 1), (2, 2), (3, 3), (4, 4), (1, 3), (2, 4), (3, 5), (2, 7), (1, 8), (3, 20), (8, 8), (20, 20)]
KINDS = ["RNN", "LSTM", "GRU", "MinGRU"]
windows = pytest.mark.parametrize(("k1", "k2"), WINDOWS)


def make(kind: str = "LSTM", **options: Any) -> Any:
    tg.manual_seed(0)
    layer = getattr(nn, kind)(D, H, **options).astype(float)
    rng = np.random.default_rng(0)
    for parameter in layer.parameters():
        parameter.data = rng.normal(0, 0.7, parameter.shape)
    return layer


def sequence(seed: int = 1, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape or (T, B, D))


def weighed(output: tg.Tensor, now: slice) -> tg.Tensor:
    """A loss at every step, each element with a weight of its own."""
    return (output * sequence(2, T, B, H)[now]).sum()


def gradients(module: Any) -> np.ndarray:
    return np.concatenate([p.grad.data.ravel() for p in module.parameters()])


def zeros(cell: nn.Cell) -> Any:
    parts = tuple(tg.zeros(B, H, dtype=float) for _ in cell.states)
    return parts if len(parts) > 1 else parts[0]


def lag_matrix(layer: Any) -> np.ndarray:
    """G[τ, t] = ∂ loss_τ / ∂ θ where θ is used at step t, by brute force: each step has its own copy of the cell."""
    cells = [copy.deepcopy(layer.layers[0]) for _ in range(T)]
    state, losses, x = zeros(cells[0]), [], sequence()
    for t, cell in enumerate(cells):
        state = cell(x[t], state)
        h = state[0] if isinstance(state, tuple) else state
        losses.append((h * sequence(2, T, B, H)[t]).sum())
    rows = []
    for loss in losses:
        for cell in cells:
            cell.zero_grad()
        loss.backward(retain_graph=True)
        rows.append([
            np.concatenate([np.zeros(p.size) if p.grad is None else p.grad.data.ravel() for p in cell.parameters()])
            for cell in cells
        ])  # fmt: skip
    return np.array(rows)


def first_step(tau: int, k1: int, k2: int) -> int:
    """Where the window begins whose loss has step tau."""
    return max(0, (tau // k1 + 1) * k1 - k2) if k2 < T else 0


@pytest.mark.parametrize("kind", KINDS)
@windows
def test_the_gradient_is_the_sum_of_the_entries_within_reach(kind: str, k1: int, k2: int) -> None:
    """The losses of steps n k1 + 1 .. (n + 1) k1 reach back to step (n + 1) k1 - k2 + 1, or all the way if k2 >= T.

    So for k1 = k2 it is the blocks on the diagonal.
    """
    layer = make(kind)
    for loss in nn.truncated_bptt(layer, sequence(), weighed, k1=k1, k2=k2):
        loss.backward()
    G = lag_matrix(layer)
    kept = sum(G[tau, t] for tau in range(T) for t in range(first_step(tau, k1, k2), tau + 1))
    np.testing.assert_allclose(gradients(layer), kept, rtol=1e-12, atol=4e-15 * np.abs(kept).max())
    assert np.allclose(kept, G.sum((0, 1))) == (k2 >= T)  # anything less is another gradient


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k1", [1, 3, 8])
def test_going_back_to_the_beginning_is_full_bptt(kind: str, k1: int) -> None:
    """Also for x and for the initial state, which is a leaf here."""
    layer = make(kind, num_layers=2)
    found = []
    for truncated in (True, False):
        x = tg.tensor(sequence(), requires_grad=True)
        starts = [tg.tensor(sequence(k, 2, B, H), requires_grad=True) for k in range(len(layer.layers[0].states))]
        start = tuple(starts) if len(starts) > 1 else starts[0]
        layer.zero_grad()
        if truncated:
            for loss in nn.truncated_bptt(layer, x, weighed, k1=k1, k2=T, state=start):
                loss.backward()
        else:
            weighed(layer(x, start)[0], slice(None)).backward()
        found.append([gradients(layer), *(leaf.grad.data for leaf in (x, *starts) if leaf.grad is not None)])
    for ours, full in zip(*found, strict=True):
        np.testing.assert_allclose(ours, full, rtol=1e-11, atol=1e-13)


@windows
def test_training_is_the_same_as_windows_cut_by_hand(k1: int, k2: int) -> None:
    """With a step of the optimiser after each loss: windows run with the weights of the day, from the latest states."""
    ours, theirs = make(), make()
    x = sequence()
    sgd = tg.optim.SGD(ours.parameters(), lr=0.1)
    pieces = nn.truncated_bptt(ours, x, weighed, k1=k1, k2=k2)
    for loss in pieces:
        sgd.zero_grad()
        loss.backward()
        sgd.step()

    sgd, cell = tg.optim.SGD(theirs.parameters(), lr=0.1), theirs.layers[0]
    states: dict[int, Any] = {0: zeros(cell)}  # by step: the latest, without history
    for end in range(k1, T + k1, k1):
        begin, total = first_step(end - 1, k1, k2), 0.0
        h, c = states[begin]
        for t in range(begin, min(end, T)):
            h, c = cell(x[t], (h, c))
            states[t + 1] = (h.detach(), c.detach())
            if t >= end - k1:
                total = total + (h * sequence(2, T, B, H)[t]).sum()
        sgd.zero_grad()
        total.backward()  # type: ignore[attr-defined]  # a Tensor by now
        sgd.step()
    for mine, hers in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(mine.data, hers.data, rtol=1e-11, atol=1e-13)
    assert pieces.state is not None
    np.testing.assert_allclose(pieces.state[0].data[0], states[T][0].data, rtol=1e-11)
    assert not pieces.state[0].requires_grad


def live_nodes() -> int:
    return sum(type(thing) is Node for thing in gc.get_objects())


def most_nodes(steps: int, k1: int, k2: int) -> int:
    """The most nodes alive at once, seen when a window has just been run and while its loss is out."""
    layer, y = make(), sequence(2, steps, B, H)
    counts: list[int] = []

    def loss_of(output: tg.Tensor, now: slice) -> tg.Tensor:
        counts.append(live_nodes())
        return mse_loss(output, y[now])

    gc.freeze()  # what is there already is not looked through again and again
    try:
        for loss in nn.truncated_bptt(layer, sequence(1, steps, B, D), loss_of, k1=k1, k2=k2):
            loss.backward()
            counts.append(live_nodes())
            del loss  # or its graph would still be there while the next is made
    finally:
        gc.unfreeze()
    return max(counts)


@pytest.mark.parametrize(("k1", "k2"), [(5, 5), (5, 20), (1, 20)])
def test_memory_is_that_of_a_window_however_long_the_sequence(k1: int, k2: int) -> None:
    assert most_nodes(50, k1, k2) == most_nodes(100, k1, k2)


def test_memory_grows_with_the_window_in_a_straight_line() -> None:
    ten, twenty, forty = (most_nodes(120, k, k) for k in (10, 20, 40))
    assert forty - twenty == 2 * (twenty - ten)
    assert most_nodes(200, 200, 200) > 4 * forty  # full BPTT


class Reader(nn.Module):
    """A model of one's own: whole numbers (T, B) in, scores and the state out."""

    def __init__(self, **options: Any) -> None:
        self.embedding, self.gru, self.head = nn.Embedding(5, D), nn.GRU(D, H, **options), nn.Linear(H, 5)

    def forward(self, indices: Any, state: Any = None) -> Any:
        output, state = self.gru(self.embedding(indices), state)
        return self.head(output), state


def test_a_model_of_ones_own_and_a_loop_that_begins_again() -> None:
    numbers = np.random.default_rng(0).integers(0, 5, (T + 1, B))
    seen = []

    def loss_of(logits: tg.Tensor, now: slice) -> tg.Tensor:
        seen.append((logits.shape[0], now))
        return tg.losses.cross_entropy(logits, numbers[1:][now])

    pieces = nn.truncated_bptt(Reader(), numbers[:-1], loss_of, k1=3)
    assert len(pieces) == 3
    first = [loss.item() for loss in pieces]
    assert seen == [(3, slice(0, 3)), (3, slice(3, 6)), (2, slice(6, 8))]
    assert [loss.item() for loss in pieces] == first


def test_a_stateful_layer_goes_on_where_it_stopped_without_history() -> None:
    for kind in KINDS:
        layer = nn.Stateful(make(kind, num_layers=2))
        x = sequence()
        whole, last = layer.layer(x)
        for piece in (slice(0, 3), slice(3, 8)):
            output, state = layer(x[piece])
            np.testing.assert_allclose(output.data, whole.data[piece], rtol=1e-12, atol=1e-14)
            output.sum().backward()  # the second does not reach into the first
        for ours, theirs in zip(*[s if isinstance(s, tuple) else (s,) for s in (state, last)], strict=True):
            np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12)
        layer.reset_state()
        np.testing.assert_array_equal(layer(x)[0].data, whole.data)
        assert next(name for name, _ in layer.named_parameters()) == "layer.layers.0.W"


def test_a_stateful_layers_gradient_is_that_of_the_pieces() -> None:
    layer, plain = nn.Stateful(make()), make()
    for piece in (slice(0, 4), slice(4, 8)):
        weighed(layer(sequence()[piece])[0], piece).backward()
    for loss in nn.truncated_bptt(plain, sequence(), weighed, k1=4):
        loss.backward()
    np.testing.assert_allclose(gradients(layer), gradients(plain), rtol=1e-12)


def test_rows_of_a_stateful_layer_begin_anew_one_by_one() -> None:
    for kind in ("LSTM", "GRU"):
        layer = nn.Stateful(make(kind))
        x = sequence()
        layer(x)
        layer.reset_state([False, True])
        output, _ = layer(x)
        on, fresh = layer.layer(np.concatenate([x, x]))[0].data[T:], layer.layer(x)[0].data
        np.testing.assert_allclose(output.data[:, 0], on[:, 0], rtol=1e-12)
        np.testing.assert_allclose(output.data[:, 1], fresh[:, 1], rtol=1e-12)


def test_a_stateful_layer_with_the_batch_first_and_lengths() -> None:
    layer = nn.Stateful(make(batch_first=True))
    x = np.swapaxes(sequence(), 0, 1)
    layer(x[:, :5], lengths=[5, 2])
    output, _ = layer(x[:, :3])
    row = np.concatenate([x[1:, :2], x[1:, :3]], axis=1)
    np.testing.assert_allclose(output.data[1], layer.layer(row)[0].data[0, 2:], rtol=1e-12)
    with pytest.raises(ShapeError, match=r"of inputs \(2, 3\) at each step, these are \(1, 3\): first reset_state\(\)"):
        layer(x[:1])
    layer.reset_state()
    layer(x[:1])


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda x: nn.truncated_bptt(make(), x, weighed, k1=0), ArgumentError, "1 <= k1 <= k2, not 0 and 0"),
    (lambda x: nn.truncated_bptt(make(), x, weighed, k1=3, k2=2), ArgumentError, "1 <= k1 <= k2, not 3 and 2"),
    (lambda x: nn.truncated_bptt(make(), x, weighed, k1=2.5), ArgumentError, "whole numbers"),  # type: ignore[arg-type]
    (lambda x: nn.truncated_bptt(make(batch_first=True), x, weighed, k1=2), ArgumentError, "without batch_first"),
    (lambda x: nn.truncated_bptt(Reader(batch_first=True), x, weighed, k1=2), ArgumentError, "without batch_first"),
    (lambda x: nn.truncated_bptt(make(reverse=True), x, weighed, k1=2), ArgumentError, "reads the future"),
    (lambda x: nn.truncated_bptt(nn.Stateful(make()), x, weighed, k1=2), ArgumentError, "inside the Stateful"),  # type: ignore[arg-type]
    (lambda x: nn.truncated_bptt(make(), x[0, 0, 0], weighed, k1=2), ShapeError, "time on its first axis"),
    (lambda x: nn.Stateful(Reader(bidirectional=True)), ArgumentError, "reads the future"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_what_cannot_be_cut_is_told_at_once(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(sequence())


def test_wrong_rows_are_told() -> None:
    layer = nn.Stateful(make())
    layer.reset_state([True, False])  # nothing is kept yet
    layer(sequence())
    for rows in ([True], [1, 0]):
        with pytest.raises(ShapeError, match=r"a bool for each row of the state \(1, 2, 4\)"):
            layer.reset_state(rows)


# What is done to gradients before a step ----------------------------------------------------------------------------


def test_a_stateful_layer_takes_packed_sequences() -> None:
    stateful = nn.Stateful(make())
    packed = nn.utils.pack_padded_sequence(sequence(1, 4, B, D), [4, *[3] * (B - 1)])
    first, second = (stateful(packed)[0].data.data for _ in range(2))
    assert not np.allclose(first, second)
    _, state = stateful.layer(packed)
    np.testing.assert_allclose(stateful.layer(packed, state)[0].data.data, second, rtol=1e-12)
