"""The hand-derived BPTT against the graph: two derivations that share no line must agree to 1e-12."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import ArgumentError, GradError, ShapeError
from tinygrad_lstm.nn.fused_gru import fused_gru
from tinygrad_lstm.nn.fused_lstm import fused_lstm
from tinygrad_lstm.nn.fused_rnn import fused_rnn
from tinygrad_lstm.nn.utils import pack_padded_sequence

T, B, D, H = 5, 4, 3, 4
CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}
EVERY = pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN, partial(nn.RNN, nonlinearity="relu")])
LENGTHS = np.array([3, 5, 1, 4])


def pair(kind: Any, **options: Any) -> tuple[Any, Any]:
    """The same layer twice, composed and fused, with random weights in float64."""
    composed, fused = (kind(D, H, fused=how, **options).astype(float) for how in (False, True))
    rng = np.random.default_rng(0)
    for parameter in composed.parameters():
        parameter.data = rng.normal(0, 0.7, parameter.shape)
    fused.load_state_dict(composed.state_dict())
    return composed, fused


def results(layer: Any, x: np.ndarray, starts: list[np.ndarray] | None, **how: Any) -> list[np.ndarray]:
    """Output, final states, and the gradients of x, initial states and parameters under a random loss on everything."""
    rng = np.random.default_rng(4)
    leaf = tg.tensor(x, requires_grad=True)
    states = [tg.tensor(s, requires_grad=True) for s in starts or ()]
    output, final = layer(leaf, None if not states else tuple(states) if len(states) > 1 else states[0], **how)
    outputs = [output, *(final if isinstance(final, tuple) else (final,))]
    gradients = tg.grad(
        outputs, [leaf, *states, *layer.parameters()], [rng.normal(size=y.shape) for y in outputs], allow_unused=False
    )
    return [*(y.data for y in outputs), *(g.data for g in gradients)]


def agree(kind: Any, shape: tuple[int, ...], *, begin: bool, how: dict[str, Any], **options: Any) -> None:
    composed, fused = pair(kind, **options)
    rng = np.random.default_rng(1)
    x = rng.normal(size=shape)
    batch = () if len(shape) == 2 else (shape[0] if options.get("batch_first") else shape[1],)
    starts = [rng.normal(size=(len(composed.layers), *batch, H)) for _ in composed.layers[0].states]
    given = starts if begin else None
    for a, b in zip(results(composed, x, given, **how), results(fused, x, given, **how), strict=True):
        np.testing.assert_allclose(b, a, **CLOSE)


WAYS: list[dict[str, Any]] = [{}, {"reverse": True}, {"bidirectional": True}, {"bidirectional": "sum"}]
OPTIONS = [{"num_layers": layers, "bias": bias} | ways for layers, bias, ways in product((1, 2), (True, False), WAYS)]


@EVERY
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("how", [{}, {"lengths": LENGTHS}, {"lengths": LENGTHS, "outside": "repeat"}], ids=str)
@pytest.mark.parametrize("begin", [False, True], ids=["from zero", "from a state"])
def test_values_and_every_gradient(kind: Any, options: dict[str, Any], how: dict[str, Any], begin: bool) -> None:
    agree(kind, (T, B, D), begin=begin, how=how, **options)


@EVERY
def test_other_shapes(kind: Any) -> None:
    """One sequence, one step, batch first, an interior hole, an empty batch."""
    agree(kind, (T, D), begin=True, how={})
    agree(kind, (T, D), begin=True, how={"lengths": 2})
    agree(kind, (1, B, D), begin=True, how={})
    agree(kind, (B, T, D), begin=True, how={"lengths": LENGTHS}, batch_first=True)
    holes = np.random.default_rng(5).random((T, B)) < 0.5
    agree(kind, (T, B, D), begin=True, how={"mask": holes}, bidirectional=True)
    agree(kind, (T, 0, D), begin=False, how={})


@EVERY
def test_a_run_without_gradients_gives_the_same_bits(kind: Any) -> None:
    _, fused = pair(kind, num_layers=2, bidirectional=True)
    x = np.random.default_rng(1).normal(size=(T, B, D))
    for call in ({}, {"lengths": LENGTHS}):
        y, state = fused(x, **call)
        with tg.no_grad():
            z, other = fused(x, **call)
        for a, b in zip((y, *as_tuple(state)), (z, *as_tuple(other)), strict=True):
            np.testing.assert_array_equal(a.data, b.data)
            assert a.requires_grad
            assert not b.requires_grad


@EVERY
def test_padding_may_hold_anything(kind: Any) -> None:
    _, fused = pair(kind, bidirectional=True)
    x = np.random.default_rng(1).normal(size=(T, B, D))
    dirty = x.copy()
    for b, n in enumerate(LENGTHS):
        dirty[n:, b] = np.nan
    for a, b in zip(*(results(fused, data, None, lengths=LENGTHS) for data in (x, dirty)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_rnn_with_a_nonlinearity_of_ones_own_has_no_fused_form() -> None:
    def sine(D: int, H: int) -> nn.RNNCell:
        cell = nn.RNNCell(D, H)
        cell.nonlinearity = np.sin
        return cell

    with pytest.raises(ArgumentError, match="a RNNCell runs composed"):
        nn.RNN(D, H, cell=sine, fused=True)


def as_tuple(state: Any) -> tuple[Any, ...]:
    return state if isinstance(state, tuple) else (state,)


@EVERY
def test_packed_sequences(kind: Any) -> None:
    composed, fused = pair(kind, num_layers=2, bidirectional=True)
    x = np.random.default_rng(1).normal(size=(T, B, D))
    packed = pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
    for turned in (False, True):
        composed.batch_first = fused.batch_first = turned  # the layout of padded batches only
        (y, state), (z, other) = composed(packed), fused(packed)
        for a, b in zip((y.data, *as_tuple(state)), (z.data, *as_tuple(other)), strict=True):
            np.testing.assert_allclose(b.data, a.data, **CLOSE)
        np.testing.assert_array_equal(z.batch_sizes, packed.batch_sizes)


def test_gradcheck() -> None:
    """By differences too, which know neither derivation."""
    rng = np.random.default_rng(2)

    def leaf(*shape: int) -> tg.Tensor:
        return tg.tensor(rng.normal(0, 0.7, shape), requires_grad=True)

    on = rng.random((3, 2)) < 0.7
    for mask, reverse in ((None, False), (on, True)):
        lstm = [leaf(3, 2, 2), leaf(2, 3), leaf(2, 3), leaf(12, 2), leaf(12, 3), leaf(12)]
        assert tg.gradcheck(partial(fused_lstm, on=mask, reverse=reverse), lstm)
        gru = [leaf(3, 2, 2), leaf(2, 3), leaf(9, 2), leaf(9, 3), leaf(9), leaf(3)]
        assert tg.gradcheck(partial(fused_gru, on=mask, reverse=reverse), gru)
        rnn = [leaf(3, 2, 2), leaf(2, 3), leaf(3, 2), leaf(3, 3), leaf(3)]
        for relu in (False, True):
            assert tg.gradcheck(partial(fused_rnn, on=mask, reverse=reverse, relu=relu), rnn)


@EVERY
def test_saturated_gates_give_no_warning_and_no_nan(kind: Any) -> None:
    composed, fused = (layer.astype(np.float32) for layer in pair(kind))
    for sign in (1e4, -1e4):
        for layer in (composed, fused):
            x = tg.tensor(np.full((T, B, D), sign, np.float32), requires_grad=True)
            output, _ = layer(x)
            output.sum().backward()
            assert x.grad is not None
            assert np.isfinite(output.data).all()
            assert np.isfinite(x.grad.data).all()


@EVERY
def test_float32_stays_float32_and_training_goes_the_same_way(kind: Any) -> None:
    composed, fused = (layer.astype(np.float32) for layer in pair(kind))
    x = np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)
    for layer in (composed, fused):
        sgd = tg.optim.SGD(layer.parameters(), lr=0.05)
        for _ in range(10):
            layer.zero_grad()
            output, _ = layer(x)
            assert output.dtype == np.float32
            ((output - 0.3) ** 2).sum().backward()
            sgd.step()
    for p, q in zip(composed.parameters(), fused.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-4, atol=1e-5)


@EVERY
def test_the_graph_of_a_fused_layer_is_one_vertex_a_cell(kind: Any) -> None:
    _, fused = pair(kind, num_layers=2, bidirectional=True)
    ops = [vertex.op for vertex in tg.graph_of(fused(np.ones((T, B, D)))[0]).vertices]
    assert sum(op in ("fused_lstm", "fused_gru", "fused_rnn") for op in ops) == 4


@EVERY
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"reverse": True}, {"bias": False}])
@pytest.mark.parametrize("call", [{}, {"lengths": LENGTHS}, {"lengths": LENGTHS, "outside": "raw"}], ids=str)
def test_unroll_runs_the_composed_cell_with_the_same_weights(
    kind: Any, options: dict[str, Any], call: dict[str, Any]
) -> None:
    """Node by node as the composed layer; and the fused layer stays fused."""
    composed, fused = pair(kind, **options)
    x = np.random.default_rng(0).normal(size=(T, B, D))
    ours, theirs = fused.unroll(x, **call), composed.unroll(x, **call)
    for name in ("x", *composed.layers[0].states):
        for mine, other in zip(ours.chains, theirs.chains, strict=True):
            np.testing.assert_array_equal(mine[name].data, other[name].data)
    assert repr(tg.graph_of(ours.output).vertices) == repr(tg.graph_of(theirs.output).vertices)
    (ours.output**2).sum().backward()
    (theirs.output**2).sum().backward()
    for p, q in zip(fused.parameters(), composed.parameters(), strict=True):
        assert p.grad is not None
        assert q.grad is not None
        np.testing.assert_array_equal(p.grad.data, q.grad.data)
    if "outside" not in call:
        np.testing.assert_allclose(fused(x, **call)[0].data, ours.output.data, rtol=1e-12, atol=1e-14)
    assert fused.fused


@EVERY
def test_what_the_steps_are_needed_for_works_on_the_unrolled_run_of_a_fused_layer(kind: Any) -> None:
    composed, fused = pair(kind)
    x = tg.tensor(np.ones((T, B, D)), requires_grad=True)
    trajectory = fused.unroll(x)
    loss = (trajectory.output[-1] ** 2).sum()
    found = paths.routes(loss, trajectory.steps[0].h)
    np.testing.assert_allclose(found.total.data, tg.grad(loss, trajectory.steps[0].h, retain_graph=True)[0].data)
    assert viz.draw(trajectory).source == viz.draw(composed.unroll(x)).source
    assert tg.grad(loss, x, create_graph=True)[0].requires_grad


@EVERY
def test_what_needs_the_steps_is_refused_in_the_name_of_the_composed_form(kind: Any) -> None:
    _, fused = pair(kind)
    x = tg.tensor(np.ones((T, B, D)), requires_grad=True)
    with pytest.raises(ArgumentError, match="has no fused form: fused=False"):
        fused(x, lengths=LENGTHS, outside="raw")
    with pytest.raises(GradError, match=r"no second derivative \(create_graph=True\); use its composed form"):
        tg.grad(fused(x)[0].sum(), x, create_graph=True)
    for cell in (nn.PeepholeLSTMCell, nn.CoupledLSTMCell, nn.MGUCell, lambda D, H: nn.Zoneout(nn.LSTMCell(D, H))):
        with pytest.raises(ArgumentError, match=r"is for RNNCell, LSTMCell and GRUCell; a \w+ runs composed"):
            getattr(kind, "func", kind)(D, H, cell=cell, fused=True)
    with pytest.raises(ArgumentError, match="ProjectedLSTMCell runs composed"):
        nn.LSTM(D, H, proj_size=2, fused=True)
    with pytest.raises(ShapeError, match="with D = 3"):
        fused(np.ones((T, B, D + 1)))
    with pytest.raises(ShapeError, match="the state is"):
        fused(x, tuple(np.ones((1, B, H + 1)) for _ in fused.layers[0].states))
