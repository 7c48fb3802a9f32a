"""The errors of wrong calls of a layer, a cell, an optimiser or a loss, and that nothing is half-done by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError, WeightsError

w = tg.tensor([1.0, 2.0], requires_grad=True)
lstm_cell, gru_cell = nn.LSTMCell(3, 4), nn.GRUCell(3, 4)
x, h = np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)
long, c_of_one = np.zeros((5, 2, 3), np.float32), np.zeros((1, 4), np.float32)

WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: nn.Sequential(nn.Linear(2, 3), 3), DtypeError, "part 1 is the number 3, not a Module"),  # type: ignore[call-overload]
    (lambda: nn.Sequential(nn.Linear(2, 3), nn.Tanh), DtypeError, "part 1 is the class Tanh, not a Module"),
    (lambda: nn.ModuleList([nn.Linear(2, 3), w]), DtypeError, r"part 1 is a tensor of shape \(2,\), not a Module"),
    (lambda: lstm_cell(x, tg.tensor(h)), ShapeError, r"tuple \(h, c\), each of shape \(2, 4\), not just one tensor"),
    (lambda: lstm_cell(x, (h, c_of_one)), ShapeError, r"not \(2, 4\), \(1, 4\), in lstmcell"),
    (lambda: gru_cell(x, c_of_one), ShapeError, r"the state is h, of shape \(2, 4\), not \(1, 4\), in grucell"),
    (lambda: gru_cell(x, (h, h)), ShapeError, r"not \(2, 4\), \(2, 4\)"),
    (lambda: nn.unroll(lstm_cell, long, h), ShapeError, "not just one tensor"),
    (lambda: nn.LSTM(3, 4)(long, h[None]), ShapeError, r"each of shape \(1, 2, 4\), not just one .* in lstm$"),
    (lambda: nn.LSTM(3, 4, num_layers=2)(long, (h[None], h[None])), ShapeError, r"each of shape \(2, 2, 4\)"),
    (lambda: nn.LSTMCell(3, 0), ArgumentError, "at least 1"),
    (lambda: nn.LSTM(3, 4, num_layers=0), ArgumentError, "at least 1"),
    (lambda: nn.RNN(3, 4, nonlinearity="sin"), ArgumentError, "nonlinearity is 'tanh' or 'relu', not 'sin'"),  # type: ignore[arg-type]
    (lambda: nn.Dropout(1.5), ArgumentError, "probability"),
    (lambda: nn.Dropout()(np.arange(3)), DtypeError, "floating numbers, not int64"),
    (lambda: nn.Linear(2, 2).astype(int), DtypeError, "floating dtype, not int64"),
    (lambda: tg.optim.SGD([w, w], 0.1), ArgumentError, "twice"),
    (lambda: tg.optim.SGD([w * 2], 0.1), ArgumentError, "leaves that require a gradient.*number 0 is tensor"),
    (lambda: tg.optim.SGD(w, -0.1), ArgumentError, "learning rate"),
    (lambda: tg.optim.SGD(w, float("nan")), ArgumentError, "learning rate"),
    (lambda: tg.optim.SGD(w, 0.1, momentum=1.0), ArgumentError, "momentum"),
    (lambda: tg.optim.Adam(w, betas=(0.9, 1.0)), ArgumentError, "betas"),
    (lambda: nn.utils.clip_grad_norm_(w, -1.0), ArgumentError, "max_norm"),
    (lambda: nn.utils.clip_grad_value_(w, -1.0), ArgumentError, "clip_value"),
    (lambda: tg.losses.cross_entropy(tg.tensor(1.0), np.array(0)), ShapeError, "axis of classes"),
    (lambda: tg.losses.mse_loss(w, w, "avg"), ArgumentError, "reduction"),  # type: ignore[arg-type]
    (lambda: tg.label(a=3), DtypeError, "a is of type int"),  # type: ignore[arg-type]
    (lambda: tg.tag(3, "a"), DtypeError, "not from a value of type int"),  # type: ignore[arg-type]
    (lambda: tg.tensor([[1], [1, 2]]), ShapeError, "all of the same length"),
    (lambda: tg.tensor([[1], [1, 2]], dtype=np.float64), ShapeError, "all of the same length"),
    (lambda: tg.tensor("abc", dtype=np.float64), DtypeError, "cannot make a tensor of str"),
    (lambda: tg.grad(3.0, w), DtypeError, "the outputs of grad are a tensor or a sequence of tensors, not a float"),  # type: ignore[call-overload]
    (lambda: tg.grad(w.sum(), {"w": w}), DtypeError, "the inputs of grad are .* not a dict"),  # type: ignore[dict-item]
    (lambda: tg.grad(w.sum(), None), DtypeError, "not a NoneType"),  # type: ignore[call-overload]
    (lambda: f"{w:.3f}", ShapeError, r"'.3f' is for one number, not for a tensor of shape \(2,\)"),
]


@pytest.mark.parametrize(("call", "error", "words"), WRONG)
def test_it_is_told_in_the_callers_words(call: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_one_number_takes_a_format() -> None:
    assert f"{tg.tensor(0.123456):.3f}" == "0.123"
    assert f"{tg.tensor([2.0])}" == "tensor([2.])"


@pytest.mark.parametrize("wrong", [np.ones((2, 3), complex), np.full((2, 3), "a"), [[None] * 3] * 2])
def test_weights_that_are_no_real_numbers_are_refused_before_anything_is_changed(wrong: Any) -> None:
    layer = nn.Linear(3, 2)
    before = layer.state_dict()
    with pytest.raises(WeightsError, match="not real numbers: W is"):
        layer.load_state_dict({"b": np.ones(2), "W": wrong})
    assert all(np.array_equal(before[name], array) for name, array in layer.state_dict().items())


@pytest.mark.parametrize("wrong", [None, 3, {}, "abc", np.ones(3), [], [np.ones(1)], [None] * 3, [[1, [2]]] * 3])
def test_a_list_of_keras_weights_is_a_list_of_arrays(wrong: Any) -> None:
    layer = nn.LSTM(3, 2)
    before = layer.state_dict()
    with pytest.raises((WeightsError, ShapeError), match=r"Keras weights|same length"):
        interop.keras.set_weights(layer, wrong)
    assert all(np.array_equal(before[name], array) for name, array in layer.state_dict().items())


def test_astype_refused_changes_nothing() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.raises(DtypeError):
        net.astype(complex)
    assert {parameter.dtype for parameter in net.parameters()} == {np.dtype(np.float32)}


def test_arrays_and_a_missing_state_are_taken_by_a_cell() -> None:
    from_arrays = lstm_cell(x, (h, h))
    from_nothing = lstm_cell(x)
    for ours, theirs in zip(from_arrays, from_nothing, strict=True):
        np.testing.assert_array_equal(ours.data, theirs.data)
