"""Cells with other functions than σ and tanh: the equations, in NumPy; what they share with their siblings."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support.cells import B, D, H, T, make, same, sequence, start
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.nn.activated_cells import FUNCTIONS

Array = np.ndarray
IN_NUMPY: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hard_sigmoid_6": lambda x: np.minimum(np.maximum(x + 3, 0), 6) / 6,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "exp": np.exp,
    "linear": lambda x: x,
}
each = pytest.mark.parametrize(("gate", "candidate"), [*zip(FUNCTIONS, reversed(FUNCTIONS), strict=True)])
SIBLINGS: list[tuple[Any, Any]] = [
    (nn.ActivatedRNNCell, nn.RNNCell),
    (nn.ActivatedLSTMCell, nn.LSTMCell),
    (nn.ActivatedGRUCell, nn.GRUCell),
    (nn.ActivatedResetBeforeGRUCell, nn.ResetBeforeGRUCell),
]


def random(cell: nn.Cell) -> Any:
    cell.astype(float)
    rng = np.random.default_rng(4)
    for parameter in cell.parameters():
        parameter.data = rng.normal(0, 0.7, parameter.shape)
    return cell


def test_every_function_is_tried() -> None:
    assert IN_NUMPY.keys() == FUNCTIONS.keys()


@each
def test_an_lstm_is_its_equations(gate: str, candidate: str) -> None:
    σ, φ = IN_NUMPY[gate], IN_NUMPY[candidate]
    cell = random(nn.ActivatedLSTMCell(D, H, gate=gate, candidate=candidate))
    x, (h, c) = sequence().data[0], [part.data for part in start(cell)]
    f, i, o, g = np.split(x @ cell.W.data.T + h @ cell.U.data.T + cell.b.data, 4, axis=-1)
    after = σ(f) * c + σ(i) * φ(g)
    for found, wanted in zip(cell(x, (h, c)), (σ(o) * φ(after), after), strict=True):
        np.testing.assert_allclose(found.data, wanted, rtol=1e-12, atol=1e-12)


@each
@pytest.mark.parametrize("after", [True, False])
def test_a_gru_is_its_equations(gate: str, candidate: str, after: bool) -> None:
    σ, φ = IN_NUMPY[gate], IN_NUMPY[candidate]
    kind = nn.ActivatedGRUCell if after else nn.ActivatedResetBeforeGRUCell
    cell = random(kind(D, H, gate=gate, candidate=candidate))
    x, h = sequence().data[0], start(cell)[0].data
    x_r, x_z, x_n = np.split(x @ cell.W.data.T + cell.b.data, 3, axis=-1)
    U_r, U_z, U_n = np.split(cell.U.data, 3)
    r, z = σ(x_r + h @ U_r.T), σ(x_z + h @ U_z.T)
    n = φ(x_n + (r * (h @ U_n.T + cell.b_n.data) if after else (r * h) @ U_n.T))
    np.testing.assert_allclose(cell(x, h).data, (1 - z) * n + z * h, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_rnn_is_its_equation(name: str) -> None:
    cell = random(nn.RNN(D, H, nonlinearity=name, cell=nn.ActivatedRNNCell).layers[0])  # type: ignore[arg-type]  # more names than RNNCell has
    x, h = sequence().data[0], start(cell)[0].data
    wanted = IN_NUMPY[name](x @ cell.W.data.T + h @ cell.U.data.T + cell.b.data)
    np.testing.assert_allclose(cell(x, h).data, wanted, rtol=1e-12)


@pytest.mark.parametrize(("activated", "plain"), SIBLINGS)
def test_with_the_usual_functions_it_is_its_sibling(activated: Any, plain: Any) -> None:
    cell, usual = random(activated(D, H)), random(plain(D, H))
    usual.load_state_dict(cell.state_dict())
    same(cell, usual)


@pytest.mark.parametrize("kind", ["ActivatedRNN", "ActivatedLSTM", "ActivatedGRU", "ActivatedResetBeforeGRU"])
def test_compiled_it_is_the_same(kind: str) -> None:
    cell = make(kind)

    def loss(x: tg.Tensor) -> tg.Tensor:
        return (nn.unroll(cell, x).output ** 2).sum()

    compiled, x = tg.compile(loss), sequence()
    for _ in range(3):
        wanted = loss(x)
        wanted.backward()
        grads = [p.grad.data.copy() for p in cell.parameters()]  # type: ignore[union-attr]  # there is one
        cell.zero_grad()
        found = compiled(x)
        np.testing.assert_allclose(found.item(), wanted.item(), rtol=1e-12)
        for p, grad in zip(cell.parameters(), grads, strict=True):
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.data, grad, rtol=1e-10, atol=1e-13)
        cell.zero_grad()


@pytest.mark.parametrize(("activated", "plain"), SIBLINGS)
def test_what_knows_sigma_and_tanh_only_refuses_it(activated: Any, plain: Any, tmp_path: Path) -> None:
    layer = nn.LSTM(D, H, cell=activated)
    with pytest.raises(ArgumentError, match=f"fused=True is for .* a {activated.__name__} runs composed"):
        nn.LSTM(D, H, cell=activated, fused=True)
    with pytest.raises(WeightsError, match=f"PyTorch has no {activated.__name__}"):
        interop.torch.state_dict(layer)
    with pytest.raises(WeightsError, match=activated.__name__):
        interop.onnx.export(layer, tmp_path / "layer.onnx")
    assert not [*tmp_path.iterdir()]


def test_matrices_of_a_sibling_are_not_taken_apart() -> None:
    for cell in (nn.ActivatedLSTMCell(D, H, gate="hard_sigmoid"), nn.PeepholeLSTMCell(D, H)):
        with pytest.raises(ArgumentError, match=f"not those of a {type(cell).__name__}"):
            nn.SeparateLSTMCell.of(cell)


@pytest.mark.parametrize(("activated", "_"), SIBLINGS)
def test_a_function_that_is_not_there_is_named(activated: Any, _: Any) -> None:
    for argument in ("nonlinearity",) if activated is nn.ActivatedRNNCell else ("gate", "candidate"):
        for name in ("gelu", None, np.tanh):
            with pytest.raises(ArgumentError, match=f"{argument} is one of sigmoid, hard_sigmoid, .*, not "):
                activated(D, H, **{argument: name})


HARD: dict[str, Any] = {"gate": "hard_sigmoid", "candidate": "softsign"}
SOFT: dict[str, Any] = {"gate": "relu", "candidate": "elu"}
DRAWN: dict[str, tuple[Any, str, str]] = {  # the cell, what the gates of a step are, what a crossing is
    "LSTM": (partial(nn.ActivatedLSTMCell, **HARD), "hard-σ hard-σ hard-σ softsign", "× hard-σ′, softsign′, Uᵀ"),
    "usual": (nn.ActivatedLSTMCell, "σ σ σ tanh", "× σ′, tanh′, Uᵀ"),
    "linear": (partial(nn.ActivatedLSTMCell, candidate="linear"), "σ σ σ id", "× σ′, id′, Uᵀ"),
    "GRU": (partial(nn.ActivatedGRUCell, gate="hard_sigmoid_6"), "hard-σ hard-σ tanh", "× hard-σ′, tanh′, Uᵀ"),
    "GRU reset before": (partial(nn.ActivatedResetBeforeGRUCell, **SOFT), "relu relu elu", "× relu′, elu′, Uᵀ"),
    "RNN": (partial(nn.ActivatedRNNCell, nonlinearity="softplus"), "", "× softplus′, Uᵀ"),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_pictures_say_the_real_functions(kind: str) -> None:
    cell, functions, crossing = DRAWN[kind]
    trajectory = nn.LSTM(D, H, cell=cell).unroll(sequence(T, B, D))
    picture = viz.gradient_paths((trajectory.output**2).sum(), trajectory, view="cell")
    said = html.unescape(re.sub(r"<[^>]*>", "", picture.svg))
    assert Counter(re.findall(r"(\S+)\(…\)", said)) == Counter(functions.split() * T)
    assert crossing in said
