"""Checkpoints over time: the plain run's numbers to the last bit, and less kept; with masks, layers, own cells."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.long_chains import garbage_of
from tests.support.memory import peak_of
from tests.support.unrolled import MAKERS, D, H
from tinygrad_lstm import Tensor, nn, paths
from tinygrad_lstm.errors import ArgumentError, GradError, UnsupportedError

T, B = 17, 3
SIZES: tuple[int | bool, ...] = (1, 4, 16, 100, True)


class Own(nn.Cell):
    """A user's cell, which reads a tensor from outside and draws at every step and once."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W = nn.Parameter(np.full((hidden_size, input_size), 0.3))
        self.U = nn.Parameter(np.eye(hidden_size) * 0.7)
        self.context = nn.Parameter(np.linspace(-1, 1, hidden_size))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        once = self.once(h.shape, lambda: tg.exp(self.context) * tg.rand(*h.shape).data)
        return tg.tanh(tg.linear(x, self.W) + tg.linear(h, self.U) * once + tg.rand(*h.shape) * self.context)


CELLS: dict[str, Callable[..., nn.Cell]] = {
    **MAKERS, "own": Own, "weights dropped": lambda D, H: nn.WeightDrop(nn.LSTMCell(D, H), 0.4),
    "h dropped": lambda D, H: nn.RecurrentDropout(nn.LSTMCell(D, H), 0.4),
    "candidate dropped": lambda D, H: nn.CandidateDropoutLSTMCell(D, H, p=0.4), "relu": lambda D, H: nn.RNNCell(D, H),
}  # fmt: skip


def inputs() -> Tensor:
    return tg.tensor(np.random.default_rng(1).standard_normal((T, B, D)), requires_grad=True)


def numbers(layer: nn.Module, x: Tensor, **how: Any) -> list[Any]:
    """Output, states, and every gradient of a loss that reads them all; and what is drawn next."""
    tg.manual_seed(3)
    output, state = layer(x, **how)
    after = tg.rand(1).item()
    parts = state if isinstance(state, tuple) else (state,)
    loss = (output**2).sum() + sum(((part**3).sum() for part in parts), tg.tensor(0.0))
    gradients = tg.grad(loss, [x, *layer.parameters()], allow_unused=True)
    return [output.data, *(part.data for part in parts), *(None if g is None else g.data for g in gradients), after]


def equal(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True) if x is not None
    )


def pair(checkpoint: int | bool, **options: Any) -> tuple[nn.LSTM, nn.LSTM]:
    """The same layer without and with checkpoints."""
    tg.manual_seed(0)
    plain = nn.LSTM(D, H, **options).astype(float)
    kept = nn.LSTM(D, H, checkpoint=checkpoint, **options).astype(float)
    kept.load_state_dict(plain.state_dict())
    return plain, kept


# The same numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_gives_the_same_to_the_last_bit(name: str) -> None:
    plain, kept = pair(5, cell=CELLS[name])
    assert equal(numbers(plain, inputs()), numbers(kept, inputs()))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_chunks_of_every_size(name: str, size: int | bool) -> None:
    plain, kept = pair(size, cell=MAKERS[name])
    assert equal(numbers(plain, inputs()), numbers(kept, inputs()))


@pytest.mark.parametrize("options", [
    {"num_layers": 2, "dropout": 0.3}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": "sum"},
    {"reverse": True}, {"proj_size": 2}, {"num_layers": 2, "dropout": nn.LockedDropout(0.3)}, {"batch_first": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("how", ["plain", "lengths", "mask", "repeat", "raw"])
def test_layers_directions_lengths_and_masks(options: dict[str, Any], how: str) -> None:
    plain, kept = pair(4, **options)
    shape = (T, B) if options.get("batch_first") else (B, T)
    x = tg.swapaxes(inputs(), 0, 1).detach() if options.get("batch_first") else inputs().detach()
    x.requires_grad = True
    mask = np.random.default_rng(2).random(shape[::-1]) > 0.3
    ways: dict[str, dict[str, Any]] = {"plain": {}, "lengths": {"lengths": [T, 5, 1]}, "mask": {"mask": mask}}
    given = ways.get(how, {"mask": mask, "outside": how})
    assert equal(numbers(plain, x, **given), numbers(kept, x, **given))


def test_initial_states_and_packed_sequences() -> None:
    plain, kept = pair(4)
    state = [tg.tensor(np.full((1, B, H), value), requires_grad=True) for value in (0.1, -0.2)]
    found = []
    for layer in (plain, kept):
        loss = (layer(inputs(), tuple(state))[0] ** 2).sum()
        found.append([g.data for g in tg.grad(loss, state)])
    assert equal(*found)
    packed = nn.utils.pack_padded_sequence(inputs(), [T, 6, 2])
    assert np.array_equal(plain(packed)[0].data.data, kept(packed)[0].data.data)


@pytest.mark.parametrize("T", [0, 1, 2])
def test_few_steps(T: int) -> None:
    plain, kept = pair(True)
    x = tg.tensor(np.ones((T, B, D)), requires_grad=True)
    assert equal(numbers(plain, x), numbers(kept, x))


def test_second_derivatives() -> None:
    slopes = []
    for layer in pair(3):
        x = inputs()
        (g,) = tg.grad((layer(x)[0] ** 2).sum(), x, create_graph=True)
        slopes.append([one.data for one in tg.grad((g**2).sum(), [x, *layer.parameters()])])
    for a, b in zip(*slopes, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-13)


def test_a_weight_read_elsewhere_too_has_the_same_gradient_but_for_rounding() -> None:
    found = []
    for layer in pair(4):
        W = layer.layers[0].W
        found.append(tg.grad((layer(inputs())[0] ** 2).sum() + (W**2).sum(), W)[0].data)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-14)


def test_no_grad_and_evaluation() -> None:
    plain, kept = pair(4, num_layers=2, dropout=0.5)
    with tg.no_grad():
        assert np.array_equal(plain.eval()(inputs())[0].data, kept.eval()(inputs())[0].data)
    assert equal(numbers(plain, inputs()), numbers(kept, inputs()))


# Less kept -----------------------------------------------------------------------------------------------------------


def test_kept_bytes_grow_with_the_root_of_the_steps() -> None:
    layer = nn.LSTM(8, 16, checkpoint=True).astype(float)

    def kept(T: int, layer: nn.LSTM = layer) -> int:
        report = tg.memory(layer(tg.zeros(T, 4, 8, dtype=float))[0])
        return report.kept_bytes - report.given_bytes

    states = 2 * 4 * 16 * 8  # h and c
    first = 7 * 4 * 16 * 8  # the first step is kept whole
    for T in (101, 401, 1601):
        chunks = (T - 1) // int((T - 1) ** 0.5)
        assert kept(T) <= first + (chunks + 1) * states
    assert kept(1601, nn.LSTM(8, 16).astype(float)) > 20 * kept(1601)


def test_the_most_that_is_in_use_at_a_time() -> None:
    def peak(layer: nn.LSTM, T: int) -> int:
        x = tg.randn(T, 16, 8)

        def step() -> None:
            layer.zero_grad()
            layer(x)[1][0].sum().backward()

        step()
        gc.collect()
        return peak_of(step)

    kept, plain = nn.LSTM(8, 64, checkpoint=True), nn.LSTM(8, 64)
    assert peak(kept, 400) * 3 < peak(plain, 400)


def test_nothing_is_left_behind() -> None:
    layer, x = nn.LSTM(D, H, checkpoint=3), tg.randn(10, 2, D)
    assert garbage_of(lambda: layer(x)[0].sum().backward()) == 0
    loss = layer(x)[0].sum()
    loss.backward()
    assert tg.graph_of(loss).kept_bytes < 100


# What it shows, and what it does not ---------------------------------------------------------------------------------


def test_steps_are_looked_at_without_checkpoints_or_not_at_all() -> None:
    plain, kept = pair(4)
    trajectory = kept.unroll(inputs())
    assert len(trajectory.steps) == T
    assert np.array_equal(trajectory["f"].data, plain.unroll(inputs())["f"].data)
    chain = nn.unroll(nn.LSTMCell(D, H), np.ones((T, B, D)), checkpoint=4)
    assert repr(chain) == "Chain(LSTMCell, steps not kept)"
    with pytest.raises(ArgumentError, match=r"steps not kept.*has no 'f'"):
        chain["f"]
    assert [v.params["f"].__str__() for v in tg.graph_of(chain.output).vertices if v.op == "checkpoint"] == [
        "t=2..5", "t=6..9", "t=10..13", "t=14..17",
    ]  # fmt: skip


def test_accounts_of_ways_refuse_it() -> None:
    _, kept = pair(4)
    output, _ = kept(inputs())
    W = kept.layers[0].W
    accounts: list[Callable[[Tensor], Any]] = [
        paths.depth, lambda loss: paths.ledger(loss, W), lambda loss: paths.strongest_path(loss, W),
        lambda loss: paths.shortest(loss, W), lambda loss: paths.flow(loss, W),
    ]  # fmt: skip
    for account in accounts:
        with pytest.raises(UnsupportedError, match="records nothing of what it runs"):
            account(output.sum())
    with pytest.raises(UnsupportedError, match="without checkpoint="):
        paths.routes(output.sum(), W)


def test_gradients_are_cut_and_weighed_inside_as_in_the_plain_run() -> None:
    found = []
    for layer in pair(4):
        x = inputs()
        loss = (layer(x)[0] ** 2).sum()
        with paths.cut("crossing"):
            found.append([g.data for g in tg.grad(loss, [x, *layer.parameters()])])
    assert all(np.allclose(a, b, rtol=1e-12) for a, b in zip(*found, strict=True))


def test_a_cell_that_does_something_else_the_second_time_is_found_out() -> None:
    class Counting(nn.RNNCell):
        calls = 0

        def forward(self, x: Tensor, h: Tensor) -> Tensor:
            self.calls += 1
            return super().forward(x, h) * float(self.calls)

    output, _ = nn.RNN(D, H, cell=Counting, checkpoint=3)(np.ones((8, 1, D), np.float32))
    with pytest.raises(GradError, match=r"t=\d+..\d+ gave something else"):
        output.sum().backward()


@pytest.mark.parametrize("size", [0, -1, 2.5, "all", None])
def test_what_is_no_size_of_a_chunk(size: Any) -> None:
    with pytest.raises(ArgumentError, match="checkpoint is how many steps a chunk has"):
        nn.LSTM(D, H, checkpoint=size)
    with pytest.raises(ArgumentError, match="checkpoint is how many steps a chunk has"):
        nn.unroll(nn.LSTMCell(D, H), np.ones((3, 1, D)), checkpoint=size)


def test_what_runs_all_at_once_has_no_checkpoints() -> None:
    with pytest.raises(ArgumentError, match="fused=True runs all at once"):
        nn.LSTM(D, H, checkpoint=True, fused=True)
    with pytest.raises(ArgumentError, match="a MinLSTM runs all at once"):
        nn.MinLSTM(D, H, checkpoint=True)
    assert repr(nn.LSTM(D, H, checkpoint=True)).startswith(f"LSTM({D} -> {H}, checkpoints,")
