"""How weights begin: in each cell what init, forget_bias and dtype say, and an error where they have no meaning."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn.wrappers import CellWrapper

D, H = 3, 40
NEEDS: dict[str, dict[str, Any]] = {"ClippedLSTMCell": {"clip": 3.0}, "ProjectedLSTMCell": {"proj_size": 7}}
CELLS = [
    kind for _, kind in inspect.getmembers(nn, inspect.isclass)
    if issubclass(kind, nn.Cell) and not issubclass(kind, CellWrapper)
    and kind not in (nn.Cell, nn.Gates, nn.LinearCell)
]  # fmt: skip
NAMES = [kind.__name__ for kind in CELLS]
every_cell = pytest.mark.parametrize("kind", CELLS, ids=NAMES)
KEEPS = {  # where b of the gate that keeps is, and of the one that writes, in blocks of H; those of a name are apart
    "LSTMCell": (0, 1), "PeepholeLSTMCell": (0, 1), "ClippedLSTMCell": (0, 1), "CandidateDropoutLSTMCell": (0, 1),
    "ProjectedLSTMCell": (0, 1), "LayerNormLSTMCell": (0, 1), "MinLSTMCell": (0, 1), "CoupledLSTMCell": (0, None),
    "GRUCell": (1, None), "LayerNormGRUCell": (1, None), "ResetBeforeGRUCell": (1, None), "MinGRUCell": (0, None),
    "ActivatedLSTMCell": (0, 1), "ActivatedGRUCell": (1, None), "ActivatedResetBeforeGRUCell": (1, None),
    "MGUCell": (None, 0), "SeparateLSTMCell": ("b_f", "b_i"),
}  # fmt: skip
FORGETS = {name for name in NAMES if "LSTM" in name}
SQUARE = {name for name in NAMES if "Min" not in name and name != "ProjectedLSTMCell"}


def make(kind: Any, **options: Any) -> Any:
    tg.manual_seed(3)
    return kind(D, H, **NEEDS.get(kind.__name__, {}), **options)


def block(cell: Any, place: int | str) -> np.ndarray:
    """The biases of one gate."""
    b: np.ndarray = getattr(cell, place).data if isinstance(place, str) else cell.b.data.reshape(-1, H)[place]
    return b


# dtype ---------------------------------------------------------------------------------------------------------------

MADE: dict[str, Callable[..., nn.Module]] = {
    **{kind.__name__: lambda kind=kind, **options: make(kind, **options) for kind in CELLS},
    **{
        name: lambda name=name, **options: getattr(nn, name)(D, H, num_layers=2, bidirectional=True, **options)
        for name in ("RNN", "LSTM", "GRU", "MinGRU", "MinLSTM")
    },
    "projected": lambda **options: nn.LSTM(D, H, proj_size=2, **options),
    "fused": lambda **options: nn.GRU(D, H, fused=True, **options),
    "Linear": lambda **options: nn.Linear(D, H, **options),
    "Embedding": lambda **options: nn.Embedding(D, H, padding_idx=0, **options),
    "LayerNorm": lambda **options: nn.LayerNorm(H, **options),
}


@pytest.mark.parametrize("dtype", [float, np.float64, "float32", np.float16])
@pytest.mark.parametrize("name", MADE)
def test_weights_of_another_dtype_are_the_same_draws_to_more_or_fewer_digits(name: str, dtype: Any) -> None:
    tg.manual_seed(3)
    usual = MADE[name]().state_dict()
    tg.manual_seed(3)
    module = MADE[name](dtype=dtype)
    assert {p.dtype for p in module.parameters()} == {np.dtype(dtype)}
    for parameter, array in module.state_dict().items():
        rounded = array.astype(np.float32)
        expected = usual[parameter] if np.dtype(dtype).itemsize >= 4 else usual[parameter].astype(dtype)
        np.testing.assert_allclose(rounded, expected, rtol=1e-3 if dtype is np.float16 else 0)


def test_float64_weights_have_all_their_digits() -> None:
    W = nn.LSTM(D, H, dtype=float).layers[0].W.data
    assert (W.astype(np.float32) != W).any()
    y, _ = nn.LSTM(D, H, dtype=float)(np.ones((2, 1, D)))
    assert y.dtype == np.float64


# forget_bias ---------------------------------------------------------------------------------------------------------


@every_cell
def test_the_forget_bias_is_one_unless_given(kind: Any) -> None:
    name = kind.__name__
    if name not in FORGETS:
        with pytest.raises(ArgumentError, match=f"{name} has no forget_bias: it takes input_size, hidden_size, bias"):
            make(kind, forget_bias=3.0)
        return
    keeps = KEEPS[name][0]
    assert keeps is not None
    for options, expected in (({}, 1), ({"forget_bias": 3.0}, 3), ({"forget_bias": 0}, 0)):
        cell = make(kind, **options)
        np.testing.assert_array_equal(block(cell, keeps), expected)
        others = [p.data for key, p in cell.named_parameters() if key == "b" or key.startswith("b_")]
        assert sum(abs(b).sum() for b in others) == expected * H
    with pytest.raises(ArgumentError, match="bias=False leaves none"):
        make(kind, bias=False, forget_bias=3.0)
    make(kind, bias=False)


@pytest.mark.parametrize("kind", ["LSTM", "MinLSTM"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"reverse": True}], ids=str)
def test_a_layer_hands_it_to_all_its_cells(kind: str, options: dict[str, Any]) -> None:
    layer = getattr(nn, kind)(D, H, forget_bias=3.0, init="uniform", dtype=float, **options)
    for cell in layer.layers:
        np.testing.assert_array_equal(cell.b.data[:H], 3)
        assert 0 < abs(cell.b.data[H:]).max() < H**-0.5
        assert cell.W.dtype == np.float64


def test_a_layer_hands_it_to_a_projected_and_a_fused_cell_and_to_one_of_another_class() -> None:
    for layer in (
        nn.LSTM(D, H, proj_size=2, forget_bias=3.0),
        nn.LSTM(D, H, fused=True, forget_bias=3.0),
        nn.LSTM(D, H, cell=nn.PeepholeLSTMCell, forget_bias=3.0),
        nn.RNN(D, H, cell=nn.CoupledLSTMCell, forget_bias=3.0),
    ):
        np.testing.assert_array_equal(layer.layers[0].b.data[:H], 3)


class Own(nn.Cell):
    """A cell that knows sizes only."""

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        return h


@pytest.mark.parametrize("option", [{"forget_bias": 2.0}, {"init": "uniform"}, {"dtype": float}, {"bias": False}])
@pytest.mark.parametrize("cell", [Own, lambda D, H: nn.Zoneout(nn.LSTMCell(D, H))])
def test_what_makes_the_cells_need_not_know_the_words_but_where_they_are_given(cell: Any, option: Any) -> None:
    nn.LSTM(D, H, cell=cell)
    with pytest.raises(ArgumentError, match=rf"which makes the cells, has no {next(iter(option))}: it takes"):
        nn.LSTM(D, H, cell=cell, **option)


@pytest.mark.parametrize(
    ("layer", "cell"), [(nn.RNN, "RNNCell"), (nn.GRU, "GRUCell"), (nn.MinGRU, "MinGRUCell")], ids=str
)
def test_a_layer_without_a_forget_gate_says_so(layer: Any, cell: str) -> None:
    with pytest.raises(ArgumentError, match=f"{cell}, which makes the cells, has no forget_bias"):
        layer(D, H, forget_bias=3.0)


# init ----------------------------------------------------------------------------------------------------------------


def test_the_usual_start_draws_what_it_always_drew() -> None:
    tg.manual_seed(3)
    W = np.concatenate([nn.init.glorot(H, D) for _ in range(4)])
    U = np.concatenate([nn.init.orthogonal(H) for _ in range(4)])
    for options in ({}, {"init": "orthogonal"}, {"init": nn.init.Scheme()}):
        cell = make(nn.LSTMCell, **options)
        np.testing.assert_array_equal(cell.W.data, W)
        np.testing.assert_array_equal(cell.U.data, U)
        assert cell.b.data.tolist() == [1] * H + [0] * 3 * H


@every_cell
def test_uniform_is_pytorchs_bound_everywhere(kind: Any) -> None:
    cell = make(kind, init="uniform")
    for name, parameter in cell.named_parameters():
        if name[0] in "WUb" and "." not in name:
            assert abs(parameter.data).max() <= H**-0.5, name
            assert parameter.data.std() == pytest.approx(H**-0.5 / math.sqrt(3), rel=0.25), name
    assert {id(p) for p in cell.parameters()} == {id(p) for _, p in cell.named_parameters()}
    if kind.__name__ in FORGETS:
        np.testing.assert_array_equal(block(make(kind, init="uniform", forget_bias=2.0), KEEPS[kind.__name__][0]), 2)  # type: ignore[arg-type]  # there is one


@every_cell
def test_identity_is_of_every_gate_where_u_is_square(kind: Any) -> None:
    name = kind.__name__
    if name not in SQUARE:
        for word in ("identity", "orthogonal"):
            with pytest.raises(ArgumentError, match=f"init='{word}' is of a square U, and a {name} has none"):
                make(kind, init=word)
        return
    cell = make(kind, init="identity")
    for key, parameter in cell.named_parameters():
        if key[0] == "U":
            for gate in parameter.data.reshape(-1, H, H):
                np.testing.assert_array_equal(gate, np.eye(H))
        elif key[0] == "W":
            assert parameter.data.std() == pytest.approx(0.001, rel=0.2)


def test_an_irnn_keeps_its_state_and_its_gradient() -> None:
    """Le 2015: with relu and U = 1 an input of nothing leaves h as it is, and so does the gradient."""
    rnn = nn.RNN(D, H, nonlinearity="relu", init="identity", dtype=float)
    h = tg.tensor(np.random.default_rng(0).random((1, 1, H)), requires_grad=True)
    output, last = rnn(np.zeros((200, 1, D)), h)
    np.testing.assert_array_equal(last.data, h.data)
    output[-1].sum().backward()
    assert h.grad is not None
    np.testing.assert_array_equal(h.grad.data, 1)


@every_cell
@pytest.mark.parametrize("T_max", [2, 20, 1000])
def test_chrono_biases_are_those_of_the_paper(kind: Any, T_max: int) -> None:
    """b_f = log U(1, T_max - 1), b_i = -b_f; elsewhere 0."""
    name = kind.__name__
    if name not in KEEPS:
        with pytest.raises(ArgumentError, match=f"a gate that keeps or writes the state, and a {name} has none"):
            make(kind, init=nn.init.chrono(T_max))
        return
    cell = make(kind, init=nn.init.chrono(T_max))
    b = {k: v for k, v in cell.state_dict().items() if k == "b" or k.startswith("b_")}
    blocks = {key: part for key, part in b.items() if key != "b"}
    if "b" in b:
        blocks |= dict(enumerate(b["b"].reshape(-1, H)))
    keeps, writes = KEEPS[name]
    lasting = blocks[keeps] if keeps is not None else -blocks[writes]
    u = np.exp(lasting.astype(float))
    assert u.min() >= 1 - 1e-6
    assert u.max() <= T_max - 1 + 1e-3
    assert u.mean() == pytest.approx(T_max / 2, rel=0.3)
    if keeps is not None and writes is not None:
        np.testing.assert_array_equal(blocks[writes], -lasting)
    assert all(not part.any() for key, part in blocks.items() if key not in (keeps, writes))


def test_chrono_alone_is_of_a_hundred_steps() -> None:
    np.testing.assert_array_equal(
        make(nn.LSTMCell, init="chrono").b.data, make(nn.LSTMCell, init=nn.init.chrono(100)).b.data
    )


@pytest.mark.parametrize("T_max", [1, 0, -3, math.nan, math.inf, "50", None, True])
def test_a_longest_dependency_is_a_number_of_steps(T_max: Any) -> None:
    with pytest.raises(ArgumentError, match="T_max is the longest dependency in steps, at least 2"):
        nn.init.chrono(T_max)


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no forget_bias beside it"):
        nn.LSTM(D, H, init="chrono", forget_bias=1.0)
    with pytest.raises(ArgumentError, match="bias=False leaves it nothing to set"):
        nn.LSTM(D, H, init="chrono", bias=False)


def test_a_scheme_of_ones_own_goes_wherever_a_word_goes() -> None:
    class Constant(nn.init.Scheme):
        def inputs(self, n: int, H: int, D: int, dtype: Any) -> np.ndarray:
            return np.full((n * H, D), 0.5, dtype or np.float32)

    kinds: list[Any] = [nn.LSTM, nn.GRU, nn.MinGRU]
    for kind in kinds:
        for cell in kind(D, H, init=Constant(), bidirectional=True).layers:
            np.testing.assert_array_equal(cell.W.data, 0.5)
