"""The recurrent layers of any file of weights: ours, of PyTorch, of ONNX, of Keras, and of what says nothing."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.interop.exporting import LIBRARIES, export
from tinygrad_lstm.interop.files import recurrent_layers

os.environ["KERAS_BACKEND"] = "numpy"
X = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)
ENDS = {"torch": ".safetensors", "onnx": ".onnx", "keras": ".keras"}
EXPORTED: list[Any] = [
    nn.LSTM(3, 5), nn.GRU(3, 5, 2, bidirectional=True), nn.RNN(3, 5, bias=False, bidirectional=True),
    nn.LSTM(3, 5, 2, dropout=0.3, batch_first=True),
]  # fmt: skip
REFUSED = [
    ("torch", nn.Recurrent(3, 5, cell=nn.ActivatedLSTMCell), "PyTorch has no ActivatedLSTMCell"),
    ("torch", nn.Recurrent(3, 5, cell=nn.PeepholeLSTMCell), "PyTorch has no PeepholeLSTMCell"),
    ("onnx", nn.Recurrent(3, 5, cell=nn.MGUCell), "ONNX has no operator for a MGUCell"),
    ("onnx", nn.LSTM(3, 5, proj_size=2), "ONNX has no operator for a ProjectedLSTMCell"),
    ("keras", nn.LSTM(3, 5, proj_size=2), "Keras has no ProjectedLSTMCell"),
    ("keras", nn.LSTM(3, 5, reverse=True), "runs in reverse"),
    ("keras", nn.LSTM(3, 5, cell=partial(nn.ActivatedLSTMCell, gate="hard_sigmoid")), "Keras 3 has no hard sigmoid"),
    ("onnx", nn.LSTM(3, 5, cell=nn.ActivatedLSTMCell), "ONNX has no operator for a ActivatedLSTMCell"),
    ("keras", nn.LSTM(3, 5, 2, dropout=nn.LockedDropout(0.1)), "Keras has no LockedDropout between layers"),
    ("torch", nn.LSTM(3, 5, reverse=True), "no layer that runs in reverse only"),
]


# Reading ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_state_dict_says_its_layers(kind: str, bias: bool, tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = getattr(torch.nn, kind)(3, 5, 2, bias=bias, bidirectional=True)
    state = {f"encoder.{name}": value.detach().numpy() for name, value in theirs.state_dict().items()}
    tg.save(state | {"head.weight": np.eye(2)}, tmp_path / "w.safetensors")
    layers = recurrent_layers(tmp_path / "w.safetensors")
    assert [*layers] == ["encoder"]
    expected = theirs(torch.from_numpy(X))[0].detach().numpy()
    np.testing.assert_allclose(layers["encoder"](X)[0].data, expected, rtol=1e-5, atol=1e-6)


def test_a_cell_and_a_projection_of_pytorch_are_read(tmp_path: Path) -> None:
    tg.save(interop.torch.state_dict(nn.GRUCell(3, 5)), tmp_path / "cell.npz")
    assert [*recurrent_layers(tmp_path / "cell.npz")] == ["cell"]
    tg.save(interop.torch.state_dict(nn.LSTM(3, 5, proj_size=2)), tmp_path / "projected.npz")
    (layer,) = recurrent_layers(tmp_path / "projected.npz").values()
    assert layer.layers[0].proj_size == 2


def test_weights_of_another_cell_are_refused(tmp_path: Path) -> None:
    tg.save(nn.LSTM(3, 5), tmp_path / "ours.npz")
    tg.save(nn.LSTM(3, 5).state_dict(), tmp_path / "arrays.npz")
    tg.save(interop.torch.state_dict(nn.LSTM(3, 5)), tmp_path / "theirs.npz")
    tg.save({"W": np.ones(3), "U": np.eye(3), "b": np.ones(3)}, tmp_path / "flat.npz")
    tg.save({"weight_ih_l0": np.ones((7, 3)), "weight_hh_l0": np.ones((7, 3))}, tmp_path / "odd.npz")
    for name, make, said in (
        ("ours", nn.PeepholeLSTMCell, "ours.npz holds no PeepholeLSTMCell; it holds LSTMCell"),
        ("arrays", nn.PeepholeLSTMCell, "arrays.npz holds no PeepholeLSTMCell; it holds layers.0.W, layers.0.U"),
        ("arrays", nn.RNNCell, "arrays.npz, layers.0: these weights do not fit RNNCell"),
        ("theirs", nn.GRUCell, "theirs.npz holds no GRUCell; it holds LSTMCell"),
        ("flat", nn.RNNCell, "flat.npz, cell: the input weights have 1 gates of rows"),
        ("odd", None, "odd.npz, layer: weights of shapes (7, 3) and (7, 3) are of no RNN, LSTM or GRU of PyTorch"),
        ("missing", None, "there is no file"),
    ):
        with pytest.raises(WeightsError) as error:
            recurrent_layers(tmp_path / f"{name}.npz", make)
        assert said in str(error.value)


# Writing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", LIBRARIES)
@pytest.mark.parametrize("layer", EXPORTED, ids=repr)
def test_a_layer_that_is_exported_is_read_back(layer: Any, to: str, tmp_path: Path) -> None:
    if to != "torch":
        pytest.importorskip({"onnx": "onnx", "keras": "h5py"}[to])
    path = tmp_path / f"layer{ENDS[to]}"
    assert str(path) in export(layer, path, to)
    assert layer.training
    cells = [cell for one in recurrent_layers(path).values() for cell in one.layers]
    assert [type(cell) for cell in cells] == [type(cell) for cell in layer.layers]
    assert np.array_equal(cells[-1].U.data, layer.layers[-1].U.data)


def test_matrices_of_their_own_for_every_gate_are_exported_as_one(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    layer = nn.LSTM(3, 5, cell=nn.SeparateLSTMCell)
    export(layer, tmp_path / "layer.onnx", "onnx")
    (again,) = recurrent_layers(tmp_path / "layer.onnx").values()
    x = tg.randn(4, 2, 3)
    np.testing.assert_allclose(again(x)[0].data, layer(x)[0].data, rtol=1e-5)


@pytest.mark.parametrize(("to", "layer", "said"), REFUSED)
def test_what_cannot_be_written_exactly_is_refused_by_name(to: str, layer: Any, said: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("h5py")
    path = tmp_path / f"layer{ENDS[to]}"
    path.write_bytes(b"as before")
    with pytest.raises(WeightsError, match=said):
        export(layer, path, to)
    assert path.read_bytes() == b"as before"


def test_the_ending_and_the_library_are_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no library 'jax' to export to; there are torch, onnx, keras"):
        export(nn.LSTM(3, 5), tmp_path / "x.npz", "jax")
    with pytest.raises(ArgumentError, match=r"a file for onnx ends in .onnx, not 'x.npz'"):
        export(nn.LSTM(3, 5), tmp_path / "x.npz", "onnx")


def test_a_file_that_does_not_give_the_weights_back_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that rounds is found out."""

    def rounded(layer: Any, path: Path) -> None:
        tg.save({name: array.round(1) for name, array in interop.torch.state_dict(layer).items()}, path)

    monkeypatch.setitem(LIBRARIES, "torch", LIBRARIES["torch"]._replace(write=rounded))
    with pytest.raises(WeightsError, match="would not give W of LSTMCell back bit by bit"):
        export(nn.LSTM(3, 5), tmp_path / "x.safetensors", "torch")
    assert not list(tmp_path.iterdir())


@pytest.mark.oracle
@pytest.mark.parametrize(
    "layer",
    [
        *EXPORTED, nn.RNN(3, 5, nonlinearity="relu"), nn.GRU(3, 5, bidirectional="sum"),
        nn.Recurrent(3, 5, cell=nn.ResetBeforeGRUCell), nn.RNN(3, 5, 2), nn.LSTM(3, 5).astype(float),
        nn.Recurrent(3, 5, cell=partial(nn.ActivatedRNNCell, nonlinearity="softplus")),
        nn.LSTM(3, 5, cell=partial(nn.ActivatedLSTMCell, gate="hard_sigmoid_6", candidate="softsign")),
        nn.GRU(3, 5, cell=partial(nn.ActivatedGRUCell, candidate="elu")),
        nn.GRU(3, 5, cell=partial(nn.ActivatedResetBeforeGRUCell, gate="hard_sigmoid_6")),
    ],
    ids=repr,
)  # fmt: skip
def test_keras_runs_what_is_written_for_it(layer: Any, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    interop.keras.save(layer, tmp_path / "layer.keras")
    model = keras.models.load_model(tmp_path / "layer.keras")
    theirs = np.asarray(model.predict(X.swapaxes(0, 1), verbose=0))
    output = layer.eval()(X.swapaxes(0, 1) if layer.batch_first else X)[0].data
    np.testing.assert_allclose(output if layer.batch_first else output.swapaxes(0, 1), theirs, rtol=1e-4, atol=1e-5)
