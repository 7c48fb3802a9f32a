"""T = 0: however a sequence of no steps is run, the output is empty, the state stays, and every gradient is 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support.runs import CELLS
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import ShapeError, UnsupportedError
from tinygrad_lstm.nn.fused import unroll_fused
from tinygrad_lstm.nn.scan import unroll_scanned

D, H, B = 3, 4, 2
LAYERS: dict[str, Callable[..., Any]] = {
    **{name: layer for name, layer in CELLS.items() if name != "h detached"},
    "LSTM fused": partial(nn.LSTM, fused=True),
    "GRU fused": partial(nn.GRU, fused=True),
    "RNN no bias": partial(nn.RNN, bias=False),
    "GRU fused no bias": partial(nn.GRU, fused=True, bias=False),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "one layer": {},
    "stacked": {"num_layers": 2, "dropout": 0.5},
    "both": {"num_layers": 2, "bidirectional": True},
    "sum": {"bidirectional": "sum"},
    "reverse": {"reverse": True},
    "batch first": {"batch_first": True},
    "locked dropout": {"num_layers": 2, "dropout": nn.LockedDropout(0.3)},
}


def parts_of(state: Any) -> tuple[tg.Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def leaf(*shape: int, dtype: Any = np.float32) -> tg.Tensor:
    return tg.randn(*shape, dtype=dtype, requires_grad=True)


def check_nothing(
    output: tg.Tensor, final: Any, shape: tuple[int, ...], x: tg.Tensor, start: Any, weights: Iterator[nn.Parameter]
) -> None:
    """Empty output, the initial state as final state; 0 from the output to all, and what comes to the state whole."""
    assert output.shape == shape
    assert output.dtype == x.dtype
    assert [part.data.tolist() for part in parts_of(final)] == [part.data.tolist() for part in parts_of(start)]
    leaves = [x, *parts_of(start), *weights]
    output.sum().backward(retain_graph=True)
    for tensor in leaves:
        assert tensor.grad is not None
        assert tensor.grad.shape == tensor.shape
        assert tensor.grad.dtype == tensor.dtype
        assert not tensor.grad.data.any()
    cotangents = [tg.randn(*part.shape, dtype=part.dtype) for part in parts_of(start)]
    whole = tg.stack([(part * g).sum() for part, g in zip(parts_of(final), cotangents, strict=True)]).sum()
    for g, expected in zip(tg.grad(whole, list(parts_of(start))), cotangents, strict=True):
        np.testing.assert_array_equal(g.data, expected.data)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_over_no_steps(kind: str, options: str, dtype: Any) -> None:
    layer = LAYERS[kind](D, H, **OPTIONS[options]).astype(dtype)
    cells, first = len(layer.layers), layer.layers[0]
    width = first.state_sizes[0] * (2 if options == "both" else 1)
    for batch in (B, 0, None):
        x = leaf(
            *((0, D) if batch is None else (batch, 0, D) if options == "batch first" else (0, batch, D)), dtype=dtype
        )
        rows = () if batch is None else (batch,)
        parts = [leaf(cells, *rows, size, dtype=dtype) for size in first.state_sizes]
        start = tuple(parts) if len(parts) > 1 else parts[0]
        layer.zero_grad()
        output, final = layer(x, start)
        check_nothing(output, final, (*x.shape[:-1], width), x, start, layer.parameters())
        output, final = layer(x)
        assert output.shape == (*x.shape[:-1], width)
        assert not any(part.data.any() for part in parts_of(final))


@pytest.mark.parametrize(
    ("kind", "outside"),
    [
        *product(["LSTM", "GRU", "MinGRU", "own"], ["zero", "repeat", "raw"]),
        *product(["LSTM fused"], ["zero", "repeat"]),
    ],
)
def test_lengths_masks_and_what_is_outside_of_no_steps(kind: str, outside: Any) -> None:
    layer, x = LAYERS[kind](D, H), leaf(0, B, D)
    for valid in ({"lengths": [0] * B}, {"mask": np.ones((0, B), bool)}, {"mask": tg.tensor(np.ones((0, B), bool))}):
        layer.zero_grad()
        output, _ = layer(x, outside=outside, **valid)
        assert output.shape == (0, B, H)
        output.sum().backward()
        assert not any(np.any(parameter.grad.data) for parameter in layer.parameters())
    output, _ = layer(x[:, 0], outside=outside, mask=[])
    assert output.shape == (0, H)
    with pytest.raises(ShapeError):
        layer(x, mask=np.ones((0, B + 1), bool))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("run", "cell"),
    [
        (nn.unroll, nn.PeepholeLSTMCell),
        (partial(nn.unroll, collect=False), nn.GRUCell),
        (unroll_fused, nn.LSTMCell),
        (unroll_fused, nn.GRUCell),
        (unroll_scanned, nn.MinGRUCell),
        (unroll_scanned, nn.MinLSTMCell),
    ],
)
def test_a_cell_over_no_steps(run: Any, cell: Any, reverse: bool) -> None:
    for rows in ((B,), (), (0,)):
        one = cell(D, H)
        x, parts = leaf(0, *rows, D), [leaf(*rows, H) for _ in one.states]
        start = tuple(parts) if len(parts) > 1 else parts[0]
        chain = run(one, x, start, reverse=reverse)
        assert chain.steps == ()
        check_nothing(chain.output, chain.state, (0, *rows, H), x, start, one.parameters())


def test_a_scan_of_no_steps() -> None:
    a, b, h = leaf(0, B, H), leaf(0, B, H), leaf(B, H)
    y = nn.linear_scan(a, b, h)
    assert y.shape == (0, B, H)
    assert all(not g.data.any() for g in tg.grad(y.sum(), [a, b, h]))


@pytest.mark.parametrize("mode", [tg.no_grad, nullcontext])
def test_a_trajectory_of_no_steps(mode: Any) -> None:
    layer, x = nn.LSTM(D, H, num_layers=2), leaf(0, B, D)
    with mode():
        trajectory = layer.unroll(x)
    assert len(trajectory) == len(trajectory.steps) == 0
    assert {name: trajectory[name].shape for name in ("x", "f", "c", "h")} == dict.fromkeys("fch", (0, B, H)) | {
        "x": (0, B, H)
    }
    assert trajectory.chains[0]["x"].shape == (0, B, D)
    assert repr(trajectory) == ("Trajectory(output (0, 2, 4), 2 x Chain(LSTMCell, 0 steps of x, f, i, g, c, o, h))")
    assert trajectory.initial.c.shape == (B, H)
    assert layer.unroll(x[:, 0])["f"].shape == (0, H)
    with pytest.raises(ValueError, match="0 steps: there is nothing to draw" if mode is nullcontext else "0 steps"):
        viz.draw(trajectory)
    if mode is nullcontext:
        with pytest.raises(ValueError, match="number of steps, is 0"):
            viz.describe(trajectory.output.sum(), trajectory)
        with pytest.raises(UnsupportedError, match="the graph has no time steps"):
            paths.routes(trajectory.output.sum(), x)


def test_a_name_that_has_no_rows_is_of_no_steps_too() -> None:
    class Named(nn.RNNCell):
        def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
            h = super().forward(x, h)
            tg.label(norm=(self.U * self.U).sum(), rows=self.U.sum(axis=0))
            return h

    trajectory = nn.RNN(D, H, cell=Named).unroll(tg.zeros(0, B, D))
    assert trajectory["norm"].shape == (0,)
    assert trajectory["rows"].shape == (0, H)
    assert nn.RNN(D, H, cell=Named).unroll(tg.zeros(1, B, D))["rows"].shape == (1, H)


def test_a_wrong_cell_is_refused_over_no_steps_too() -> None:
    class Wide(nn.Cell):
        def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
            return x

    with pytest.raises(ShapeError, match=r"a Tensor h \(0, 4\), but its forward gave Tensor \(0, 3\)"):
        nn.unroll(Wide(D, H), tg.zeros(0, B, D))
    with pytest.raises(ShapeError, match="inputs of width 5"):
        nn.unroll(nn.LSTMCell(D, H), tg.zeros(0, B, 5))
    with pytest.raises(ShapeError, match=r"not \(0,\)"):
        nn.unroll(nn.LSTMCell(D, H), tg.zeros(0))


def test_second_derivatives_over_no_steps() -> None:
    layer, x = nn.GRU(D, H), leaf(0, B, D)
    weights = list(layer.parameters())
    first = tg.grad(layer(x)[0].sum(), weights, create_graph=True)
    second = tg.grad(tg.stack([g.sum() for g in first]).sum(), weights, allow_unused=True)
    assert all(g is None or not g.data.any() for g in second)


def test_packed_sequences_of_no_rows() -> None:
    packed = nn.utils.pack_padded_sequence(leaf(0, 0, D), np.zeros(0, int))
    output, (h, _) = nn.LSTM(D, H)(packed)
    assert output.data.shape == (0, H)
    assert h.shape == (1, 0, H)
    with pytest.raises(ValueError, match="no room for a row of length 0"):
        nn.utils.pack_padded_sequence(leaf(0, B, D), [0] * B)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "LSTM fused", "MinGRU"])
def test_what_carries_a_state_on_carries_it_over_no_steps(kind: str) -> None:
    layer, x = LAYERS[kind](D, H), tg.randn(5, B, D)
    stateful = nn.Stateful(layer)
    assert stateful(x[:0])[0].shape == (0, B, H)
    pieces = [stateful(x[:2])[0], stateful(x[2:2])[0], stateful(x[2:])[0]]
    np.testing.assert_allclose(tg.concatenate(pieces).data, layer(x)[0].data, rtol=1e-5, atol=1e-6)
    output, state = nn.Residual(LAYERS[kind](D, D))(x[:0])
    assert output.shape == (0, B, D)
    assert parts_of(state)[0].shape == (1, B, D)


def test_truncated_bptt_over_no_steps_gives_no_loss_and_the_initial_state() -> None:
    layer, start = nn.LSTM(D, H), (leaf(1, B, H), leaf(1, B, H))
    pieces = nn.truncated_bptt(layer, np.zeros((0, B, D), np.float32), lambda y, _: y.sum(), k1=2, state=start)
    assert len(pieces) == 0
    assert list(pieces) == []
    assert pieces.state is not None
    for part, given in zip(pieces.state, start, strict=True):
        assert not part.requires_grad
        np.testing.assert_array_equal(part.data, given.data)
