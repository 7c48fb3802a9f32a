"""Cells and layers: their equations, shapes, trajectories, scopes and tags, and the errors of wrong calls."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError

T, B, D, H = 5, 3, 4, 6
LAYERS = [nn.RNN, nn.LSTM, nn.GRU]


def sequence(seed: int = 0, *shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(seed).normal(size=shape or (T, B, D)), requires_grad=True)


def make(layer: Any, *sizes: int, **options: Any) -> Any:
    tg.manual_seed(0)
    return layer(*(sizes or (D, H)), **options).astype(np.float64)


def sigma(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def test_lstm_is_the_equations_of_the_notes() -> None:
    """f, i, C̃, C, o, h with the separate matrices W_f, U_f, b_f, ... cut out of the stacked ones (f, i, o, g)."""
    lstm = make(nn.LSTM)
    x = sequence()
    cell = lstm.layers[0]
    (W_f, W_i, W_o, W_c), (U_f, U_i, U_o, U_c), (b_f, b_i, b_o, b_c) = (
        np.split(p.data, 4) for p in (cell.W, cell.U, cell.b)
    )
    h = C = np.zeros((B, H))
    trajectory = lstm.unroll(x)
    for t in range(T):
        x_t = x.data[t]
        f = sigma(x_t @ W_f.T + h @ U_f.T + b_f)
        i = sigma(x_t @ W_i.T + h @ U_i.T + b_i)
        C_new = np.tanh(x_t @ W_c.T + h @ U_c.T + b_c)
        C = f * C + i * C_new
        o = sigma(x_t @ W_o.T + h @ U_o.T + b_o)
        h = o * np.tanh(C)
        step = trajectory.steps[t]
        for ours, theirs in ((step.f, f), (step.i, i), (step.g, C_new), (step.c, C), (step.o, o), (step.h, h)):
            np.testing.assert_allclose(ours.data, theirs, rtol=1e-12)


def test_the_four_gate_gradients_of_the_notes() -> None:
    """dL/df = dL/dC ⊙ C_{t-1} and its three sisters, at every step, with the total dL/dC_t and dL/dh_t."""
    lstm = make(nn.LSTM)
    trajectory = lstm.unroll(sequence())
    loss = (trajectory.output**2).sum()  # a loss at every step
    before = [trajectory.initial.c, *(step.c for step in trajectory.steps)]
    for t, step in enumerate(trajectory.steps):
        wanted = [step.c, step.h, step.f, step.i, step.g, step.o]
        dC, dh, df, di, dg, do = (g.data for g in tg.grad(loss, wanted, retain_graph=True))
        np.testing.assert_allclose(df, dC * before[t].data, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(di, dC * step.g.data, rtol=1e-12)
        np.testing.assert_allclose(dg, dC * step.i.data, rtol=1e-12)
        np.testing.assert_allclose(do, dh * np.tanh(step.c.data), rtol=1e-12)


def test_the_belt_alone_is_the_product_of_forget_gates() -> None:
    """With every crossing cut, only the edges tagged carry lead back: dC_T/dC_1 = diag(f_2 ⊙ ... ⊙ f_T)."""
    trajectory = make(nn.LSTM).unroll(sequence())
    steps = trajectory.steps
    hs = {step.h.source.node for step in steps}

    def belt_only(edge: Any, g: Any) -> Any:
        return None if edge.source in hs else g

    with tg.through(belt_only):
        (g,) = tg.grad(steps[-1].c.sum(), steps[0].c, retain_graph=True)
    product = np.prod([step.f.data for step in steps[1:]], axis=0)
    np.testing.assert_allclose(g.data, product, rtol=1e-12)
    (total,) = tg.grad(steps[-1].c.sum(), steps[0].c)
    assert not np.allclose(total.data, product)  # the usual formula is the direct edge, not the whole derivative


def test_the_carry_edges_are_tagged() -> None:
    for layer, states in ((nn.LSTM, "c"), (nn.GRU, "h")):
        graph = tg.graph_of(make(layer)(sequence())[0])
        tagged = [edge for edge in graph.edges if edge.tag == "carry"]
        assert len(tagged) == T
        labels = {graph.vertices[edge.source].label for edge in tagged}
        assert labels == {states}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("layers", [1, 2])
def test_shapes(layer: Any, layers: int) -> None:
    output, state = make(layer, D, H, layers)(sequence())
    assert output.shape == (T, B, H)
    for part in state if layer is nn.LSTM else (state,):
        assert part.shape == (layers, B, H)


@pytest.mark.parametrize("layer", LAYERS)
def test_one_sequence_without_a_batch_axis(layer: Any) -> None:
    net = make(layer, D, H, 2)
    x = sequence()
    alone, _ = net(tg.tensor(x.data[:, 1]))
    assert alone.shape == (T, H)
    np.testing.assert_allclose(alone.data, net(x)[0].data[:, 1], rtol=1e-12)


@pytest.mark.parametrize("layer", LAYERS)
def test_batch_first_only_turns_the_axes(layer: Any) -> None:
    net, turned = make(layer), make(layer, D, H, batch_first=True)
    x = sequence()
    output, state = turned(tg.tensor(x.data.swapaxes(0, 1)))
    np.testing.assert_array_equal(output.data.swapaxes(0, 1), net(x)[0].data)
    assert (state[0] if layer is nn.LSTM else state).shape == (1, B, H)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_sequence_in_two_pieces_is_the_sequence(layer: Any) -> None:
    net = make(layer, D, H, 2)
    x = sequence()
    whole, last = net(x)
    first, state = net(x[:2])
    second, end = net(x[2:], state)
    np.testing.assert_allclose(tg.concatenate([first, second]).data, whole.data, rtol=1e-12)
    for ours, theirs in zip(end if layer is nn.LSTM else [end], last if layer is nn.LSTM else [last], strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("length", [1, 2, 7])
def test_gradcheck_through_time(layer: Any, length: int) -> None:
    net = make(layer, 2, 3)
    x = sequence(1, length, 2, 2)
    start = [sequence(k, 1, 2, 3) for k in range(2 if layer is nn.LSTM else 1)]

    def run(x: tg.Tensor, *rest: tg.Tensor) -> tuple[tg.Tensor, ...]:
        state = rest[: len(start)]
        output, final = net(x, state if len(state) > 1 else state[0])
        return (output, *(final if len(state) > 1 else [final]))

    assert tg.gradcheck(run, [x, *start, *net.parameters()])


@pytest.mark.parametrize("layer", LAYERS)
def test_second_derivatives_through_time(layer: Any) -> None:
    net = make(layer, 2, 2)
    assert tg.gradgradcheck(lambda x, *_: net(x)[0], [sequence(1, 3, 1, 2), net.layers[0].U])


@pytest.mark.parametrize("layer", LAYERS)
def test_an_empty_batch_runs(layer: Any) -> None:
    net = make(layer)
    output, _ = net(tg.zeros(T, 0, D, dtype=np.float64))
    assert output.shape == (T, 0, H)
    output.sum().backward()
    assert not net.layers[0].W.grad.data.any()


@pytest.mark.parametrize("layer", LAYERS)
def test_float32_stays_float32(layer: Any) -> None:
    net = layer(D, H)
    output, _ = net(sequence().astype(np.float32))
    assert output.dtype == np.float32
    output.sum().backward()
    assert {parameter.grad.dtype for parameter in net.parameters()} == {np.dtype(np.float32)}


def test_trajectory_names_every_state_and_gate() -> None:
    names = {nn.RNN: {"x", "h"}, nn.LSTM: {"x", "f", "i", "g", "c", "o", "h"}, nn.GRU: {"x", "r", "z", "n", "h"}}
    for layer, expected in names.items():
        trajectory = make(layer, D, H, 2).unroll(sequence())
        assert len(trajectory) == len(trajectory.steps) == T
        assert [step.t for step in trajectory.steps] == [1, 2, 3, 4, 5]
        assert set(trajectory.steps[0].named) == expected
        assert len(trajectory.chains) == 2
        assert trajectory.steps is trajectory.chains[1].steps
        assert trajectory["h"].shape == (T, B, H)
        np.testing.assert_array_equal(trajectory["h"].data, trajectory.output.data)
        assert not trajectory.initial.h.data.any()
    with pytest.raises(AttributeError, match="has no 'zzz'; it has"):
        _ = trajectory.steps[0].zzz
    wrong: Any
    for wrong in ("zzz", 2, None, [1], np.array("h")):
        with pytest.raises(ArgumentError, match=r"Chain\(GRUCell, 5 steps of x, .* has no .* at every step"):
            trajectory.chains[-1][wrong]
        refusal = "has no 'zzz' at every step" if isinstance(wrong, str) else "is a name at every step; a step is traj"
        with pytest.raises(ArgumentError if isinstance(wrong, str) else DtypeError, match=refusal):
            trajectory[wrong]
    with pytest.raises(ArgumentError, match="steps not kept"):
        nn.unroll(nn.RNNCell(D, H), sequence(), collect=False)["h"]


def test_trajectory_without_a_graph() -> None:
    with tg.no_grad():
        trajectory = make(nn.LSTM).unroll(sequence())
    assert trajectory["f"].shape == (T, B, H)
    assert not trajectory.output.requires_grad


def test_gradients_of_every_state_through_the_trajectory() -> None:
    trajectory = make(nn.LSTM).unroll(sequence())
    gradients = tg.grad(trajectory.output[-1].sum(), [step.c for step in trajectory.steps])
    norms = [float(np.linalg.norm(g.data)) for g in gradients]
    assert len(norms) == T
    assert min(norms) > 0


def test_the_graph_knows_layer_and_step() -> None:
    net = make(nn.LSTM, D, H, 2)
    graph = tg.graph_of(net(sequence())[0])
    scopes = {vertex.scope for vertex in graph.vertices if vertex.op == "linear"}
    assert scopes == {("lstm", f"t={t}", f"layers.{k}") for t in range(1, T + 1) for k in (0, 1)}
    hs = [vertex for vertex in graph.vertices if vertex.label == "h" and vertex.op == "multiply"]
    assert sorted(vertex.step or 0 for vertex in hs) == sorted([*range(1, T + 1)] * 2)
    states = {vertex.label for vertex in graph.vertices if vertex.kind == "state"}
    assert states == {"h", "c"}


class Leaky(nn.Cell):
    """A user's own cell: one forward, no more."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size)
        self.W = nn.Parameter(np.full((hidden_size, input_size), 0.1))

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        return 0.9 * tg.tag(h, "carry") + tg.linear(x, self.W)


def test_a_cell_of_ones_own_works_in_a_layer() -> None:
    layer = nn.RNN(D, H, num_layers=2, cell=Leaky)
    output, _ = layer(sequence())
    assert output.shape == (T, B, H)
    output.sum().backward()
    assert layer.layers[0].W.grad is not None
    assert layer.unroll(sequence()).steps[2].h.shape == (B, H)


def test_options_of_a_cell_go_in_by_partial() -> None:
    layer = nn.LSTM(D, H, cell=partial(nn.LSTMCell, forget_bias=3.0))
    assert layer.layers[0].b.data[:H].tolist() == [3] * H


def test_no_bias() -> None:
    for layer in LAYERS:
        assert {name.split(".")[-1] for name, _ in layer(D, H, bias=False).named_parameters()} == {"W", "U"}


def test_dropout_between_layers_only_in_training() -> None:
    net = make(nn.LSTM, D, H, 2, dropout=0.5)
    x = sequence()
    assert not np.array_equal(net(x)[0].data, net(x)[0].data)
    net.eval()
    np.testing.assert_array_equal(net(x)[0].data, net(x)[0].data)
    with pytest.warns(UserWarning, match="between layers"):
        nn.LSTM(D, H, dropout=0.5)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("shape", [(T, B, D + 1), (T,), (T, B, D, 1), (0, B, D + 1)])
def test_a_wrong_input_is_told_its_shape(layer: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
        make(layer)(tg.zeros(*shape, dtype=np.float64))


def test_a_wrong_state_is_told_its_shape() -> None:
    x = sequence()
    with pytest.raises(ShapeError, match=r"\(h, c\), each of shape \(1, 3, 6\), not \(3, 6\), \(3, 6\)"):
        make(nn.LSTM)(x, (tg.zeros(B, H), tg.zeros(B, H)))
    with pytest.raises(ShapeError, match=r"each of shape \(1, 3, 6\)"):
        make(nn.LSTM)(x, tg.zeros(1, B, H))
    with pytest.raises(ValueError, match="at least 1"):
        nn.LSTM(D, 0)
    with pytest.raises(ValueError, match="nonlinearity"):
        nn.RNNCell(D, H, nonlinearity="sin")  # type: ignore[arg-type]  # the point


def test_an_error_inside_a_cell_says_where() -> None:
    class Wrong(Leaky):
        def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
            return h + tg.zeros(7)

    with pytest.raises(ShapeError, match=r"add\(a \(3, 6\), b \(7,\)\) in rnn/t=1/layers\.0"):
        nn.RNN(D, H, cell=Wrong)(sequence())


def test_the_smallest_cell_is_one_forward() -> None:
    class Sum(nn.Cell):
        def forward(self, x: tg.Tensor, state: tg.Tensor) -> tg.Tensor:
            return state + x

    x = sequence(0, T, B, H)
    output, last = nn.RNN(H, H, num_layers=2, cell=Sum)(x)
    np.testing.assert_allclose(output.data, x.data.cumsum(0).cumsum(0), rtol=1e-12)
    assert last.shape == (2, B, H)


def test_relu_layers() -> None:
    net = make(nn.RNN, D, H, 2, nonlinearity="relu")
    cells = [nn.RNNCell(width, H, nonlinearity="relu").astype(np.float64) for width in (D, H)]
    y = x = sequence()
    for ours, cell in zip(net.layers, cells, strict=True):
        cell.load_state_dict(ours.state_dict())
        y = nn.unroll(cell, y).output
    np.testing.assert_array_equal(net(x)[0].data, y.data)
    assert (y.data >= 0).all()
    assert net.num_layers == 2


def test_trajectories_and_chains_are_told_in_a_line() -> None:
    trajectory = make(nn.GRU, D, H, 2).unroll(sequence())
    assert repr(trajectory) == "Trajectory(output (5, 3, 6), 2 x Chain(GRUCell, 5 steps of x, r, z, n, h))"
    assert repr(nn.unroll(nn.RNNCell(D, H), sequence(), collect=False)) == "Chain(RNNCell, steps not kept)"


def test_the_state_is_checked_once_not_at_every_step() -> None:
    checks = 0

    class Checked(nn.LSTMCell):
        def checked_state(self, *args: Any) -> Any:
            nonlocal checks
            checks += 1
            return super().checked_state(*args)

    nn.unroll(Checked(D, H), sequence())
    assert checks == 1


def test_what_a_cell_of_ones_own_gives_is_checked_at_the_first_step() -> None:
    """A list or a wrong width would else become an output of another shape."""

    class Twice(nn.Cell):
        states = ("h", "m")

        def forward(self, x: tg.Tensor, state: Any) -> Any:
            return GIVES[self.hidden_size](x, state)

    GIVES: dict[int, Any] = {
        1: lambda x, state: list(state), 2: lambda x, state: state[0], 3: lambda x, state: (x, x),
        5: lambda x, state: (state[0], state[1].data), 6: lambda x, state: (state[0] + 1, state[1]),
    }  # fmt: skip
    said = {1: "gave list", 2: "Tensor (3, 2)", 3: "Tensor (3, 4), Tensor (3, 4)", 5: "Tensor (3, 5), ndarray (3, 5)"}
    for size, got in said.items():
        wanted = f"is the tuple of Tensors h (3, {size}), m (3, {size}), but its forward gave"
        with pytest.raises(ShapeError, match=f"(?=.*{re.escape(wanted)})(?=.*{re.escape(got)})"):
            nn.RNN(D, size, cell=Twice)(sequence())
    output, (h, m) = nn.RNN(D, 6, cell=Twice)(sequence())
    assert output.data[:, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert h.shape == m.shape == (1, B, 6)


WRONG_OPTIONS: list[tuple[Any, str]] = [
    (lambda: nn.LSTM(D, 6.0), "sizes are whole numbers, at least 1, not 4, 6.0, 1"),  # type: ignore[arg-type]
    (lambda: nn.GRU("4", H), "not '4', 6, 1"),  # type: ignore[arg-type]
    (lambda: nn.GRU(D, H, 0), "not 4, 6, 0"),
    (lambda: nn.GRUCell(0, H), "not 0, 6"),
    (lambda: nn.LSTM(D, H, cell=nn.LSTMCell(D, H)), "a cell of its own: cell=LSTMCell, not one made already"),
    (lambda: nn.RNN(D, H, cell=nn.Linear), "cell makes a Cell of input and hidden size, not a Linear"),
]


@pytest.mark.parametrize(("call", "message"), WRONG_OPTIONS)
def test_options_that_make_no_layer_are_told(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()


def test_of_two_directions_the_last_chain_is_the_reverse_one() -> None:
    trajectory = make(nn.GRU, D, H, 2, bidirectional=True).unroll(sequence())
    assert trajectory.steps is trajectory.chains[3].steps
    np.testing.assert_array_equal(trajectory.chains[-2]["h"].data, trajectory.output.data[..., :H])
    np.testing.assert_array_equal(trajectory["h"].data, trajectory.output.data[..., H:])
