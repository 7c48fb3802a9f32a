"""Modules: their parameters, names, modes, weights, and the layers without memory."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.weights_files import assert_same
from tinygrad_lstm import nn
from tinygrad_lstm.errors import WeightsError


class Net(nn.Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(11, 4)
        self.lstm = nn.LSTM(4, 6, num_layers=2)
        self.head = nn.Linear(6, 11)

    def forward(self, x: Any) -> tg.Tensor:
        output, _ = self.lstm(self.embedding(x))
        logits: tg.Tensor = self.head(output)
        return logits


def test_parameters_are_found_and_named_by_their_attributes() -> None:
    names = [name for name, _ in Net().named_parameters()]
    assert names == [
        "embedding.weight", "lstm.layers.0.W", "lstm.layers.0.U", "lstm.layers.0.b",
        "lstm.layers.1.W", "lstm.layers.1.U", "lstm.layers.1.b", "head.W", "head.b",
    ]  # fmt: skip


def test_parameter_counts_are_those_of_the_equations() -> None:
    D, H = 5, 7
    assert nn.RNNCell(D, H).parameter_count() == H * D + H * H + H
    assert nn.LSTMCell(D, H).parameter_count() == 4 * (H * D + H * H + H)
    assert nn.GRUCell(D, H).parameter_count() == 3 * (H * D + H * H + H) + H


def test_a_shared_parameter_counts_once() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].W = net[0].W
    assert net.parameter_count() == 9 + 3 + 3
    assert [name for name, _ in net.named_parameters()] == ["0.W", "0.b", "1.b"]


def test_repr_shows_parts_and_counts() -> None:
    text = repr(Net())
    assert text.splitlines()[0] == f"Net({Net().parameter_count():,} parameters)"
    assert "(lstm): LSTM(4 -> 6, 2 layers, 576 parameters)" in text
    assert "(0): LSTMCell(4 -> 6, 264 parameters)" in text
    assert "(head): Linear(6 -> 11, 77 parameters)" in text


def test_state_dict_there_and_back() -> None:
    first, second = Net(), Net()
    x = np.arange(6).reshape(3, 2)
    assert not np.array_equal(first(x).data, second(x).data)
    second.load_state_dict(first.state_dict())
    assert np.array_equal(first(x).data, second(x).data)


def test_state_dict_is_a_copy() -> None:
    net = nn.Linear(2, 2)
    state = net.state_dict()
    state["W"][:] = 7
    assert not (net.W.data == 7).any()


def test_weights_that_do_not_fit_are_all_named_and_nothing_is_changed() -> None:
    net = nn.Linear(3, 2)
    before = net.state_dict()
    with pytest.raises(WeightsError) as error:
        net.load_state_dict({"W": np.zeros((2, 4)), "extra": np.zeros(1)})
    text = str(error.value)
    assert "missing: b (2,)" in text
    assert "unexpected: extra (1,)" in text
    assert "mis-shaped: W is (2, 4), should be (2, 3)" in text
    assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())


def test_save_and_load(tmp_path: Path) -> None:
    net, other = Net(), Net()
    tg.save(net, tmp_path / "net.npz")
    other.load_state_dict(tg.load(tmp_path / "net.npz"))
    assert all(np.array_equal(array, other.state_dict()[name]) for name, array in net.state_dict().items())


@pytest.fixture
def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def test_all_that_does_not_fit_is_told_at_once_and_nothing_is_changed(net: nn.Sequential) -> None:
    before = net.state_dict()
    state: dict[str, Any] = {"0.W": np.ones((3, 2)), "0.b": np.ones(4), "1.b": np.array(["x"]), "2.W": 1.0}
    with pytest.raises(WeightsError) as error:
        net.load_state_dict(state)
    assert str(error.value).splitlines() == [
        "these weights do not fit Sequential:",
        "  missing: 1.W (1, 3)",
        "  unexpected: 2.W ()",
        "  mis-shaped: 0.b is (4,), should be (3,)",
        "  not real numbers: 1.b is <U1",
    ]
    with pytest.raises(WeightsError, match=r"mis-shaped: 0\.b"):
        net.load_state_dict({"0.W": np.ones((3, 2)), "0.b": np.ones(4)}, strict=False)
    with pytest.raises(WeightsError, match="a dict of arrays by name, not a list"):
        net.load_state_dict([np.ones(2)])  # type: ignore[arg-type]
    assert_same(net.state_dict(), before)


def test_without_strict_what_fits_is_loaded_and_the_rest_is_told(net: nn.Sequential) -> None:
    before = net.state_dict()
    keys = net.load_state_dict({"0.W": np.ones((3, 2)), "3.b": np.ones(4)}, strict=False)
    assert keys.missing_keys == ["0.b", "1.W", "1.b"]
    assert keys.unexpected_keys == ["3.b"]
    assert_same(net.state_dict(), before | {"0.W": np.ones((3, 2), np.float32)})


def test_a_module_has_its_own_copy_of_what_it_loads(net: nn.Sequential) -> None:
    state = net.state_dict()
    net.load_state_dict(state)
    state["0.W"][:] = 7
    assert not (net.state_dict()["0.W"] == 7).any()


@pytest.mark.parametrize("obj", [{"a": object()}, {"a/b": np.ones(1)}, {"a": [object()]}])
def test_what_cannot_be_saved_is_refused_before_a_file_is_made(tmp_path: Path, obj: dict[str, Any]) -> None:
    with pytest.raises(WeightsError):
        tg.save(obj, tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


def test_where_weights_cannot_go(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="npz"):
        tg.save({"a": 1}, tmp_path / "x.pkl")
    with pytest.raises(WeightsError, match="no folder"):
        tg.save({"a": 1}, tmp_path / "missing" / "x.npz")
    with pytest.raises(FileNotFoundError):
        tg.load(tmp_path / "missing.npz")


def test_linear_against_numpy() -> None:
    layer = nn.Linear(3, 2)
    bias = layer.b
    assert bias is not None
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(layer(x).data, x @ layer.W.data.T + bias.data, rtol=1e-6)


def test_dropout_keeps_the_expectation_in_training_and_everything_in_evaluation() -> None:
    tg.manual_seed(0)
    dropout = nn.Dropout(0.25)
    x = tg.ones(100, 100)
    y = dropout(x).data
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 0.02
    assert dropout.eval()(x) is x
    assert dropout.train()(x) is not x
    with pytest.raises(ValueError, match="probability"):
        nn.Dropout(1.0)


def test_train_and_eval_reach_every_part() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.5)))
    assert not any(module.training for module in net.eval().modules())
    assert all(module.training for module in net.train().modules())


def test_astype_changes_every_parameter_and_keeps_names() -> None:
    net = Net().astype(np.float64)
    assert {parameter.dtype for parameter in net.parameters()} == {np.dtype(np.float64)}
    assert net.head.W.source.node.label == "W"
    assert net(np.zeros((2, 1), int)).dtype == np.float64


def test_orthogonal_and_glorot_starts() -> None:
    tg.manual_seed(1)
    cell = nn.LSTMCell(30, 20)
    for block in np.split(cell.U.data, 4):
        np.testing.assert_allclose(block @ block.T, np.eye(20), atol=1e-5)
    limit = math.sqrt(6 / (30 + 20))
    assert np.abs(cell.W.data).max() <= limit
    assert np.isclose(cell.W.data.var(), limit**2 / 3, rtol=0.1)
    assert cell.b is not None
    assert cell.b.data.tolist() == [1] * 20 + [0] * 60  # the forget gate starts open
    closed = nn.LSTMCell(3, 2, forget_bias=-2.0).b
    assert closed is not None
    assert closed.data[:2].tolist() == [-2, -2]


def test_the_same_seed_gives_the_same_weights() -> None:
    tg.manual_seed(3)
    first = Net().state_dict()
    tg.manual_seed(3)
    second = Net().state_dict()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_an_optimiser_refuses_nothing_to_do() -> None:
    with pytest.raises(ValueError, match="at least one"):
        tg.optim.SGD([], lr=0.1)
    with pytest.raises(ValueError, match="require a gradient"):
        tg.optim.Adam([tg.zeros(2)])


def test_clipping() -> None:
    w = tg.tensor([3.0, 4.0], requires_grad=True)
    w.grad = tg.tensor([30.0, -40.0])
    nn.utils.clip_grad_value_([w], 35)
    assert w.grad.tolist() == [30, -35]
    w.grad = tg.tensor([np.inf, 1.0])
    with pytest.raises(tg.errors.GradError, match="inf"):
        nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
    assert w.grad.tolist() == [np.inf, 1]
    w.grad = None
    assert nn.utils.clip_grad_norm_([w], 1.0) == 0


def names(module: nn.Module) -> list[str]:
    return [parameter.source.node.label for parameter in module.parameters()]


def test_names_last() -> None:
    net = nn.Linear(3, 2)
    assert names(copy.deepcopy(net)) == names(pickle.loads(pickle.dumps(net))) == ["W", "b"]
    for parameter in net.parameters():
        parameter.requires_grad = False
        parameter.requires_grad = True
    assert names(net) == ["W", "b"]
    with tg.no_grad():
        assert names(nn.Linear(3, 2)) == ["W", "b"]


def test_a_copied_name_is_the_copys_own() -> None:
    net = nn.Linear(3, 2)
    other = copy.deepcopy(net)
    tg.label(V=other.W)
    assert names(net) == ["W", "b"]


def test_a_frozen_parameter_in_another_dtype() -> None:
    net = nn.Linear(3, 2)
    net.W.requires_grad = False
    net.astype(np.float64)
    assert not net.W.requires_grad
    assert net.W.source.node.dtypes == (np.dtype(np.float64),)
    assert names(net) == ["W", "b"]


def test_a_part_may_point_back() -> None:
    class Part(nn.Module):
        def __init__(self, parent: nn.Module) -> None:
            self.W = nn.Parameter([1.0])
            self.parent = parent

    class Whole(nn.Module):
        def __init__(self) -> None:
            self.part = Part(self)

    whole = Whole()
    assert [name for name, _ in whole.named_parameters()] == ["part.W"]
    assert "(parent): ..." in repr(whole)


@pytest.mark.parametrize(
    "obj",
    [
        {"file": np.ones(2), "allow_pickle": np.zeros(1)},
        {"a": {}, "b": {"c": {}, "d": np.ones(1)}},
        {"a": np.ones(1), "a.npy": np.zeros(2)},
        {},
    ],
)
def test_every_key_and_every_dict_comes_back(obj: dict[str, Any], tmp_path: Path) -> None:
    tg.save(obj, tmp_path / "x.npz")
    np.testing.assert_equal(tg.load(tmp_path / "x.npz"), obj)


def test_numpy_reads_what_save_writes_and_the_other_way_round(tmp_path: Path) -> None:
    tg.save({"a": np.arange(3), "b": {"c": np.eye(2)}}, tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz") as npz:
        assert npz["b/c"].tolist() == [[1, 0], [0, 1]]
    np.savez_compressed(tmp_path / "theirs.npz", a=np.arange(3))
    assert tg.load(tmp_path / "theirs.npz")["a"].tolist() == [0, 1, 2]


def test_what_save_cannot_take_is_told_in_the_callers_words(tmp_path: Path) -> None:
    w = tg.tensor([1.0], requires_grad=True)
    with pytest.raises(WeightsError, match="not a Tensor"):
        tg.save(w, tmp_path / "x.npz")  # type: ignore[arg-type]  # the point
    (tmp_path / "x.npz").mkdir()
    with pytest.raises(WeightsError, match=r"x\.npz is a folder"):
        tg.save({"a": w}, tmp_path / "x.npz")


def test_integers_are_taken_in_the_dtype_of_the_parameters() -> None:
    x = np.arange(6).reshape(2, 3)
    assert nn.Linear(3, 2)(x).dtype == np.float32
    assert nn.Linear(3, 2).astype(np.float64)(tg.tensor(x)).dtype == np.float64
    for layer in (nn.RNN, nn.LSTM, nn.GRU):
        assert layer(3, 2)(x)[0].dtype == np.float32
    assert nn.unroll(nn.GRUCell(3, 2), x).output.dtype == np.float32


def test_dropout_of_an_array_is_a_tensor() -> None:
    for dropout in (nn.Dropout(), nn.Dropout().eval()):
        assert isinstance(dropout(np.ones(3, np.float32)), tg.Tensor)
