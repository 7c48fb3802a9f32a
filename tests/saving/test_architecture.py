"""A file says which modules it holds: they are made again from it, with the same outputs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn, saving
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.nn.architecture import architecture, build, classes, describe

CELLS: list[Any] = [
    nn.RNNCell, nn.LSTMCell, nn.GRUCell, nn.SeparateLSTMCell, nn.PeepholeLSTMCell, nn.CoupledLSTMCell,
    partial(nn.ClippedLSTMCell, clip=1.5), partial(nn.CandidateDropoutLSTMCell, p=0.25), nn.LayerNormLSTMCell,
    partial(nn.ProjectedLSTMCell, proj_size=2), nn.ResetBeforeGRUCell, nn.LayerNormGRUCell, nn.MGUCell, nn.MinGRUCell,
    nn.MinLSTMCell,
    partial(nn.ActivatedRNNCell, nonlinearity="elu"), partial(nn.ActivatedLSTMCell, gate="hard_sigmoid"),
    partial(nn.ActivatedGRUCell, candidate="softsign"), partial(nn.ActivatedResetBeforeGRUCell, candidate="exp"),
]  # fmt: skip
WRAPPED: list[Any] = [
    lambda cell: nn.Zoneout(cell, h=0.1, c=0.2), lambda cell: nn.RecurrentDropout(cell, 0.3),
    lambda cell: nn.WeightDrop(cell, 0.4, ("U", "W")),
]  # fmt: skip
LAYERS: list[Any] = [
    partial(nn.LSTM, num_layers=2, dropout=0.3, bidirectional="sum"),
    partial(nn.RNN, nonlinearity="relu", reverse=True),
    partial(nn.LSTM, proj_size=2, batch_first=True), partial(nn.GRU, fused=True, bias=False), nn.MinGRU, nn.MinLSTM,
    partial(nn.LSTM, num_layers=2, dropout=nn.LockedDropout(0.1), checkpoint=3),
    *[partial(nn.Recurrent, cell=make) for make in CELLS],
    *[partial(nn.LSTM, cell=lambda D, H, wrap=wrap: wrap(nn.LSTMCell(D, H))) for wrap in WRAPPED],
]  # fmt: skip
OTHERS: list[Any] = [
    nn.Linear(3, 5, bias=False), nn.Embedding(4, 3, padding_idx=-1), nn.LayerNorm(3, 0.1, bias=False), nn.Dropout(0.2),
    nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.LogSoftmax(0), nn.Flatten(0), nn.Identity()),
    nn.ModuleList([nn.Linear(2, 3)]), nn.Residual(nn.GRU(3, 3)), nn.MultiheadAttention(4, 2, 0.1, bias=False),
    nn.TransformerBlock(4, 2, 7, 0.1, norm_first=True), nn.Stateful(nn.LSTM(3, 5)),
]  # fmt: skip


def again(module: nn.Module, path: Path) -> nn.Module:
    tg.save(module, path)
    (made,) = saving.load_modules(path).values()
    assert repr(made) == repr(module)
    assert describe(made) == describe(module)
    assert all(
        np.array_equal(a, b) for a, b in zip(module.state_dict().values(), made.state_dict().values(), strict=True)
    )
    return made


@pytest.mark.parametrize("make", LAYERS)
def test_every_recurrent_layer_is_made_again(make: Any, tmp_path: Path) -> None:
    tg.manual_seed(0)
    layer = make(3, 5).eval()
    made = again(layer, tmp_path / "layer.npz").eval()
    x = tg.randn(4, 2, 3)
    assert np.array_equal(layer(x)[0].data, made(x)[0].data)


@pytest.mark.parametrize("module", [*[make(3, 5) for make in CELLS], *OTHERS], ids=repr)
def test_every_other_module_is_made_again(module: nn.Module, tmp_path: Path) -> None:
    again(module, tmp_path / "module.safetensors")


def test_no_class_of_modules_is_left_out() -> None:
    """But those without weights of a user's: functions, losses and the bases of others."""
    tried = {type(part) for make in LAYERS for part in make(3, 5).modules()}
    tried |= {type(part) for one in [*OTHERS, *[make(3, 5) for make in CELLS]] for part in one.modules()}
    public = {kind for name, kind in classes().items() if name in nn.__all__}
    without = {kind for kind in public if kind.__module__.endswith((".criteria", ".activations"))}
    assert public - tried - without == {nn.Module, nn.Cell, nn.Gates, nn.LinearCell} & public


def test_a_model_of_the_users_own_gives_its_parts(tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            self.words, self.encoder, self.parts = nn.Embedding(9, 3), nn.LSTM(3, 5), [nn.Linear(5, 2), nn.Linear(2, 2)]

    model = Model()
    tg.save({"best": model, "epoch": 3, "older": [nn.GRU(2, 3)]}, tmp_path / "model.npz")
    found = saving.load_modules(tmp_path / "model.npz")
    assert {name: type(module).__name__ for name, module in found.items()} == {
        "best.words": "Embedding", "best.encoder": "LSTM", "best.parts.0": "Linear", "best.parts.1": "Linear",
        "older.0": "GRU",
    }  # fmt: skip
    assert np.array_equal(found["best.parts.1"].state_dict()["W"], model.parts[1].W.data)
    loaded = tg.load(tmp_path / "model.npz")
    assert (loaded["epoch"], [*loaded["older"][0]]) == (3, [*nn.GRU(2, 3).state_dict()])


def test_what_is_shared_is_described_where_it_is_whole() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            self.words, self.head = nn.Embedding(9, 5), nn.Linear(5, 9, bias=False)
            self.head.W = self.words.weight

    assert [*architecture(Tied())] == ["words"]


def test_the_dtype_is_that_of_the_file(tmp_path: Path) -> None:
    made = again(nn.GRU(3, 5).astype(float), tmp_path / "w.npz")
    assert {parameter.dtype for parameter in made.parameters()} == {np.dtype(float)}


@pytest.mark.parametrize(
    "description",
    [
        None, 3, "LSTM", [], {}, {"class": "LSTM"}, {"class": "Model", "options": {}},
        {"class": "Primitive", "options": {}}, {"class": "Linear", "options": []},
        {"class": "Residual", "options": {"layer": {"class": "eval", "options": {}}}},
    ],
    ids=repr,
)  # fmt: skip
def test_only_modules_of_this_package_are_made(description: Any) -> None:
    with pytest.raises(WeightsError, match="no module of this package is described by"):
        build(description, {})


def test_options_that_do_not_fit_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    tg.save(nn.Linear(3, 2), tmp_path / "w.npz")
    text = (tmp_path / "w.npz").read_bytes()
    assert json.dumps({"in_features": 3})[1:-1].encode() in text
    with pytest.raises(WeightsError, match="these weights do not fit Linear"):
        build({"class": "Linear", "options": {"in_features": 4, "out_features": 2}}, nn.Linear(3, 2).state_dict())
    assert saving.load_modules(tmp_path / "w.npz").keys() == {""}
    tg.save(nn.Linear(3, 2).state_dict(), tmp_path / "arrays.npz")
    assert saving.load_modules(tmp_path / "arrays.npz") == {}


@pytest.mark.parametrize("module", [nn.LSTM(1, 1), nn.GRU(1, 1, fused=True), nn.Recurrent(1, 1, cell=nn.MinGRUCell),
    nn.Recurrent(1, 1, cell=nn.SeparateLSTMCell), nn.Linear(1, 1), nn.Embedding(2, 1), nn.LayerNorm(1),
    nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)), nn.Residual(nn.RNN(1, 1)), nn.MultiheadAttention(1),
    nn.TransformerBlock(1, 1, 1)], ids=repr)  # fmt: skip
def test_a_size_that_the_arrays_do_not_have_takes_no_memory(module: nn.Module) -> None:
    """Whatever sizes a file speaks of, it is refused before a module of that size is made."""
    text = json.dumps(describe(module))
    for size in ("2000000", "1000000000000"):
        larger = json.loads(
            text.replace(": 1,", f": {size},").replace(": 1}", f": {size}}}").replace(": 2,", f": {size},")
        )
        with pytest.raises(WeightsError, match="numbers or more is described"):
            build(larger, module.state_dict())
