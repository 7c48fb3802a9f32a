"""Sequences of different lengths: padding never leaks, whatever it holds and in whichever direction time runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.utils import pack_padded_sequence, pad_packed_sequence, pad_sequence

T, B, D, H = 5, 4, 3, 4
LENGTHS = np.array([3, 5, 1, 4])
CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-13}
ALL = pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])


def make(kind: str, **options: Any) -> Any:
    tg.manual_seed(0)
    layer = getattr(nn, kind)(D, H, **options).astype(float)
    rng = np.random.default_rng(0)
    for parameter in layer.parameters():
        parameter.data = rng.normal(0, 0.5, parameter.shape)
    return layer


def parts(state: Any) -> tuple[Any, ...]:
    return state if isinstance(state, tuple) else (state,)


def initial(layer: Any) -> list[Any]:
    rng = np.random.default_rng(3)
    return [rng.normal(size=(len(layer.layers), B, H)) for _ in layer.layers[0].states]


def weighed(output: Any, state: Any, rows: slice | list[int]) -> Any:
    """A loss that weighs every valid output and every final state differently."""
    rng = np.random.default_rng(5)
    w = rng.normal(size=(T, B, output.shape[-1]))[: output.shape[0], rows]
    total = (output * w).sum()
    for part in parts(state):
        total = total + (part * rng.normal(size=(part.shape[0], B, part.shape[2]))[:, rows]).sum()
    return total


@ALL
@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("padding", [0.0, 1e6, np.nan])
def test_a_padded_batch_is_each_row_alone(kind: str, options: dict[str, Any], padding: float) -> None:
    """Outputs, final states, and the gradients of x, the initial state and every parameter."""
    layer = make(kind, **options)
    rng = np.random.default_rng(1)
    array = rng.normal(size=(T, B, D))
    for b, n in enumerate(LENGTHS):
        array[n:, b] = padding
    x = tg.tensor(array, requires_grad=True)
    starts = [tg.tensor(s, requires_grad=True) for s in initial(layer)]
    output, state = layer(x, tuple(starts) if len(starts) > 1 else starts[0], lengths=LENGTHS)
    weighed(output, state, slice(None)).backward()
    together = [p.grad.data for p in layer.parameters()]
    assert x.grad is not None

    layer.zero_grad()
    for b, n in enumerate(LENGTHS):
        alone = tg.tensor(array[:n, [b]], requires_grad=True)
        own = [tg.tensor(s[:, [b]], requires_grad=True) for s in initial(layer)]
        y, last = layer(alone, tuple(own) if len(own) > 1 else own[0])
        weighed(y, last, [b]).backward()
        np.testing.assert_allclose(output.data[:n, [b]], y.data, **CLOSE)
        np.testing.assert_array_equal(output.data[n:, b], 0)
        for whole, part in zip(parts(state), parts(last), strict=True):
            np.testing.assert_allclose(whole.data[:, [b]], part.data, **CLOSE)
        assert alone.grad is not None
        np.testing.assert_allclose(x.grad.data[:n, [b]], alone.grad.data, **CLOSE)
        np.testing.assert_array_equal(x.grad.data[n:, b], 0)
        for start, mine in zip(starts, own, strict=True):
            assert start.grad is not None
            assert mine.grad is not None
            np.testing.assert_allclose(start.grad.data[:, [b]], mine.grad.data, **CLOSE)
    for g, parameter in zip(together, layer.parameters(), strict=True):
        np.testing.assert_allclose(g, parameter.grad.data, rtol=1e-11, atol=1e-12)


@ALL
def test_three_things_the_output_can_be_in_the_padding(kind: str) -> None:
    layer = make(kind)
    x = np.random.default_rng(1).normal(size=(T, B, D))
    zero, repeat, raw = (layer(x, lengths=LENGTHS, outside=how) for how in ("zero", "repeat", "raw"))
    on = np.arange(T)[:, None] < LENGTHS
    for output, state in (repeat, raw):
        np.testing.assert_array_equal(output.data[on], zero[0].data[on])
        for a, b in zip(parts(state), parts(zero[1]), strict=True):
            np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_array_equal(zero[0].data[~on], 0)
    for b, n in enumerate(LENGTHS):
        np.testing.assert_array_equal(repeat[0].data[n:, b], np.broadcast_to(zero[0].data[n - 1, b], (T - n, H)))
        np.testing.assert_array_equal(parts(zero[1])[0].data[0, b], zero[0].data[n - 1, b])
    assert (raw[0].data[~on] != 0).all()
    with pytest.raises(ArgumentError, match="outside is one of 'zero', 'repeat', 'raw', not 'packed'"):
        layer(x, lengths=LENGTHS, outside="packed")


@ALL
def test_a_mask_with_holes_is_the_sequence_without_them(kind: str) -> None:
    layer = make(kind)
    x = np.random.default_rng(1).normal(size=(T, 1, D))
    mask = np.array([[True], [False], [True], [True], [False]])
    output, state = layer(x, mask=mask, outside="repeat")
    short, last = layer(x[mask[:, 0]])
    np.testing.assert_allclose(output.data, short.data[[0, 0, 1, 2, 2]], **CLOSE)
    for a, b in zip(parts(state), parts(last), strict=True):
        np.testing.assert_allclose(a.data, b.data, **CLOSE)


def test_masks_follow_the_layout_of_x_and_lengths_may_be_zero_or_for_one_sequence() -> None:
    first, plain = make("LSTM", batch_first=True), make("LSTM")
    x = np.random.default_rng(1).normal(size=(T, B, D))
    mask = np.arange(T)[:, None] < LENGTHS
    expected = plain(x, mask=mask)[0].data
    turned = np.swapaxes(x, 0, 1)
    np.testing.assert_array_equal(first(turned, mask=mask.T)[0].data, np.swapaxes(expected, 0, 1))
    np.testing.assert_array_equal(first(turned, lengths=LENGTHS)[0].data, np.swapaxes(expected, 0, 1))
    np.testing.assert_array_equal(plain(x[:, 0], lengths=3)[0].data, plain(x[:, :1], lengths=[3])[0].data[:, 0])
    output, (h, c) = plain(x, lengths=[0, 5, 5, 5])
    for array in (output.data[:, 0], h.data[:, 0], c.data[:, 0]):
        np.testing.assert_array_equal(array, 0)


def test_full_lengths_cost_nothing() -> None:
    """The graph is the one without a mask: no where in it."""
    lstm, x = make("LSTM"), np.ones((T, B, D))
    ops = [vertex.op for vertex in tg.graph_of(lstm(x, lengths=[T] * B)[0]).vertices]
    assert ops == [vertex.op for vertex in tg.graph_of(lstm(x)[0]).vertices]
    assert "where" not in ops


def test_a_trajectory_of_a_masked_run_holds_the_carried_states_at_the_positions_of_the_inputs() -> None:
    lstm = make("LSTM", bidirectional=True)
    trajectory = lstm.unroll(np.random.default_rng(1).normal(size=(T, B, D)), lengths=LENGTHS)
    forward, back = trajectory.chains
    np.testing.assert_array_equal(forward.steps[4].c.data[2], forward.steps[0].c.data[2])  # row 2 has one step
    np.testing.assert_array_equal(back.steps[4].c.data[2], 0)  # it has not begun there
    np.testing.assert_array_equal(back.state[0].data, back.steps[0].h.data)
    np.testing.assert_array_equal(trajectory.output.data[0], np.hstack([forward.steps[0].h.data, back.steps[0].h.data]))
    assert "f" in back.steps[2].named


def test_both_directions_concatenated_and_summed() -> None:
    side, added = make("GRU", bidirectional=True), make("GRU", bidirectional="sum")
    x = np.random.default_rng(1).normal(size=(T, B, D))
    y, _ = side(x)
    assert y.shape == (T, B, 2 * H)
    np.testing.assert_allclose(added(x)[0].data, y.data[..., :H] + y.data[..., H:], **CLOSE)
    back = make("GRU", reverse=True)
    back.layers[0].load_state_dict(side.layers[1].state_dict())
    np.testing.assert_allclose(back(x)[0].data, y.data[..., H:], **CLOSE)
    np.testing.assert_allclose(back(x[::-1])[0].data[::-1], forward_of(side, x), **CLOSE)
    with pytest.raises(ArgumentError, match="both directions run already"):
        nn.GRU(D, H, bidirectional=True, reverse=True)
    with pytest.raises(ArgumentError, match="'concatenate' or 'sum', not 'mean'"):
        nn.GRU(D, H, bidirectional="mean")  # type: ignore[arg-type]  # that is the error


def forward_of(side: Any, x: Any) -> Any:
    """What the reverse cell makes of x run forward."""
    return nn.unroll(side.layers[1], x).output.data


def test_packing_and_padding_undo_each_other_with_their_gradients() -> None:
    x = tg.tensor(np.random.default_rng(0).normal(size=(T, B, D)), requires_grad=True)
    on = np.arange(T)[:, None] < LENGTHS
    packed = pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
    assert packed.data.shape == (LENGTHS.sum(), D)
    assert packed.batch_sizes.tolist() == [4, 3, 3, 2, 1]
    padded, lengths = pad_packed_sequence(packed)
    np.testing.assert_array_equal(lengths, LENGTHS)
    np.testing.assert_array_equal(padded.data, np.where(on[..., None], x.data, 0))
    (padded * padded).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.where(on[..., None], 2 * x.data, 0))
    assert tg.gradcheck(lambda x: pack_padded_sequence(x, LENGTHS, enforce_sorted=False).data, x)
    rows = [tg.tensor(np.ones((n, 2)), requires_grad=True) for n in (2, 3)]
    assert tg.gradcheck(lambda *rows: pad_sequence(rows), rows)


def packed(x: Any) -> Any:
    return pack_padded_sequence(x, [5, 4, 3, 2])


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda lstm, x: lstm(x, lengths=[1, 2]), ShapeError, r"lengths \(2,\) for a batch of \(4,\)"),
    (lambda lstm, x: lstm(x, lengths=[1, 2, 3, 6]), ArgumentError, "lengths 1 to 6 for sequences of 5 steps"),
    (lambda lstm, x: lstm(x, lengths=[1, 2, 3, -1]), ArgumentError, "lengths -1 to 3"),
    (lambda lstm, x: lstm(x, lengths=[1, 2, 3, 2.5]), ArgumentError, "whole numbers"),
    (lambda lstm, x: lstm(x, mask=np.ones((B, T), bool)), ShapeError, r"a bool for each step and row, \(5, 4\)"),
    (lambda lstm, x: lstm(x, mask=np.ones((T, B))), ShapeError, "not float64"),
    (lambda lstm, x: lstm(x, lengths=[1] * B, mask=np.ones((T, B), bool)), ArgumentError, "not both"),
    (lambda lstm, x: lstm(packed(x), lengths=[5, 4, 3, 2]), ArgumentError, "valid steps only: no lengths"),
    (lambda lstm, x: lstm(packed(x), outside="raw"), ArgumentError, "valid steps only"),
    (lambda lstm, x: lstm.unroll(packed(x)), ArgumentError, r"pad_packed_sequence\(packed\) first"),
    (lambda lstm, x: pack_padded_sequence(x, [1, 2, 3, 4]), ArgumentError, "longest first"),
    (lambda lstm, x: pack_padded_sequence(x, [3, 2, 1, 0]), ArgumentError, "no room for a row of length 0"),
    (lambda lstm, x: pack_padded_sequence(x[0, 0], [1]), ShapeError, r"\(T, B, \.\.\.\)"),
    (
        lambda lstm, x: pad_packed_sequence(pack_padded_sequence(x, [5, 4, 3, 2]), total_length=4),
        ArgumentError,
        "5 steps",
    ),
    (lambda lstm, x: pad_sequence([np.ones((2, 3)), np.ones((2, 4))]), ShapeError, "alike but for their length"),
    (lambda lstm, x: pad_sequence([]), ShapeError, "alike but for their length"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_what_does_not_fit_is_told(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(make("LSTM"), np.ones((T, B, D)))
