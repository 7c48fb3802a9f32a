"""Whole models of Keras read from their files: the same outputs as Keras's own, whose NumPy backend is in float32."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.keras_models import INNER, MARKS, B, D, H, T, agree, k, keras, randomised
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.keras.files import Layer
from tinygrad_lstm.interop.keras.models import LAYERS

pytestmark = MARKS
GATES = ["sigmoid", "tanh", "relu", "exponential", "softsign", "hard_sigmoid", "softplus", "elu", "linear"]


def hard_sigmoid_6(x: Any) -> Any:
    """A function of the user's, which has the name of one of ours."""
    return x


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("make", INNER, ids=range(len(INNER)))
def test_recurrent_layers(
    make: Callable[..., Any], backwards: bool, sequences: bool, suffix: str, tmp_path: Path
) -> None:
    agree(randomised(make(return_sequences=sequences, go_backwards=backwards)), tmp_path, suffix)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul"])
@pytest.mark.parametrize("make", INNER, ids=range(len(INNER)))
def test_both_directions(make: Callable[..., Any], mode: str, sequences: bool, suffix: str, tmp_path: Path) -> None:
    agree(randomised(k.Bidirectional(make(return_sequences=sequences), merge_mode=mode)), tmp_path, suffix)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(("gate", "candidate"), [*zip(GATES, GATES[::-1], strict=True), ("sigmoid", "hard_sigmoid")])
def test_activations_of_cells(gate: str, candidate: str, suffix: str, tmp_path: Path) -> None:
    both = {"recurrent_activation": gate, "activation": candidate, "return_sequences": True}
    for layer in (
        k.LSTM(H, **both), k.GRU(H, **both), k.GRU(H, reset_after=False, **both), k.Bidirectional(k.LSTM(H, **both)),
        k.SimpleRNN(H, activation=gate),
    ):  # fmt: skip
        agree(randomised(layer, scale=0.2), tmp_path, suffix)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_functional_model_that_is_a_chain(suffix: str, tmp_path: Path) -> None:
    """Its layers are listed in another order than they are called, and two of them are of one kind."""
    x = keras.Input((None, D))
    lower, upper = k.LSTM(H, return_sequences=True), k.LSTM(3)
    y = k.Dense(2, activation="tanh")(upper(k.Dropout(0.2)(lower(x))))
    model = keras.Model(x, y)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.6, array.shape).astype(np.float32) for array in model.get_weights()])
    agree(model, tmp_path, suffix, inference=True)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_functional_model_that_is_no_chain_is_refused_by_name(suffix: str, tmp_path: Path) -> None:
    x, other = keras.Input((T, D), name="x"), keras.Input((T, D), name="other")
    h, state, cell = k.LSTM(H, return_state=True, return_sequences=True, name="encoder")(x)
    dense = k.Dense(D, name="twice")
    for outputs, said in {
        "merge": (k.Add(name="sum")([x, other]), "sum reads x, other; a chain"),
        "states": (k.LSTM(H, name="decoder")(x, initial_state=[state, cell]), "reads x, state 1 of encoder, state 2"),
        "a state": (k.Dense(2, name="head")(state), "head reads a state of encoder, not its output"),
        "outputs": ([h, state], "has the outputs encoder, encoder; a chain"),
        "shared": (dense(dense(x)), "twice is called 2 times"),
        "always": (k.Dropout(0.2, name="drops")(x, training=True), "drops is always in training"),
        "a mask": (k.LSTM(H, name="hears")(x, mask=keras.ops.any(x != 1.0, -1)), r"hears reads x, any"),
        "skip": (k.Concatenate(name="cat")([x, k.Dense(D, name="side")(x)]), "cat reads x, side"),
    }.values():  # fmt: skip
        inputs = [x, other] if "other" in said else x
        keras.Model(inputs, outputs).save(tmp_path / f"model{suffix}")
        with pytest.raises(WeightsError, match=said):
            interop.keras.load(tmp_path / f"model{suffix}")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_of_many_layers(suffix: str, tmp_path: Path) -> None:
    model = randomised(
        k.Embedding(9, D), k.Bidirectional(k.LSTM(H, return_sequences=True)), k.LayerNormalization(), k.Dropout(0.3),
        k.GRU(3, return_sequences=True), k.TimeDistributed(k.Dense(4, activation="tanh")), k.LSTM(4), k.Dense(3),
        k.Activation("relu"), k.Dense(2, activation="softmax", use_bias=False), words=True,
    )  # fmt: skip
    ours = agree(model, tmp_path, suffix, inference=True)
    assert not ours.training
    trajectory = ours[1].unroll(ours[0](np.ones((B, T), int)))
    assert len(trajectory) == T


@pytest.mark.parametrize("name", [*GATES, "softmax", "log_softmax", "silu", "gelu"])
def test_activations(name: str, tmp_path: Path) -> None:
    agree(randomised(k.Dense(H, activation=name)), tmp_path, ".keras")


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "gate": (lambda: k.LSTM(H, recurrent_activation="mish"), "lstm.*no cell of ours has recurrent_activation=mish"),
    "activation": (lambda: k.GRU(H, activation="leaky_relu"), "gru.*no cell of ours has activation=leaky_relu"),
    "one of ours": (
        lambda: k.SimpleRNN(H, activation=hard_sigmoid_6),
        "no cell of ours has activation=.*hard_sigmoid_6",
    ),
    "forward": (
        lambda: k.Bidirectional(k.LSTM(H, go_backwards=True), backward_layer=k.LSTM(H)),
        "forward direction has go_backwards",
    ),
    "of another": (lambda: k.TimeDistributed(k.BatchNormalization()), "of a BatchNormalization; a Dense is read"),
    "recurrent": (lambda: k.RNN(k.LSTMCell(H)), r"rnn.*\(RNN\): only SimpleRNN, LSTM"),
    "dropout": (lambda: k.LSTM(H, dropout=0.2), "inference=True it is left out"),
    "inner dropout": (lambda: k.Bidirectional(k.GRU(H, recurrent_dropout=0.2)), "recurrent_dropout"),
    "stateful": (lambda: k.LSTM(H, stateful=True), "stateful=True has no counterpart"),
    "another layer": (lambda: k.Conv1D(H, 2), "conv1d.*Conv1D.*have a counterpart"),
    "merge_mode": (lambda: k.Bidirectional(k.LSTM(H), merge_mode=None), "merge_mode=None"),
    "mish": (lambda: k.Dense(H, activation="mish"), "no function of ours is activation=mish"),
    "axis": (lambda: k.LayerNormalization(axis=1), "normalises the last"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_has_no_counterpart_is_refused_by_name(name: str, suffix: str, tmp_path: Path) -> None:
    make, said = REFUSED[name]
    shape = (B, T, D) if name == "stateful" else None
    first = keras.Input(batch_shape=shape) if shape else keras.Input((T, D))
    keras.Sequential([first, make()]).save(tmp_path / f"model{suffix}")
    with pytest.raises(WeightsError, match=said):
        interop.keras.load(tmp_path / f"model{suffix}")


def test_dropout_of_a_model_that_is_only_asked_is_left_out(tmp_path: Path) -> None:
    agree(randomised(k.LSTM(H, dropout=0.2, recurrent_dropout=0.1)), tmp_path, ".keras", inference=True)


def test_layers_in_cudnns_own_layout() -> None:
    """An LSTM by hand: each gate's input kernel lies in memory as its transpose, and the two biases are added."""
    rng = np.random.default_rng(3)
    for kind, gates in (("LSTM", 4), ("GRU", 3)):
        kernel, recurrent = rng.normal(size=(D, gates * H)), rng.normal(size=(H, gates * H))
        bias = rng.normal(size=(2, gates * H))
        stored = [
            np.hstack([part.T.copy().reshape(part.shape) for part in np.split(kernel, gates, 1)]),
            np.hstack([part.T for part in np.split(recurrent, gates, 1)]),
            bias.reshape(-1),
        ]
        options = {"name": "c", "units": H, "return_sequences": True}
        layer, _ = LAYERS[f"CuDNN{kind}"](Layer(f"CuDNN{kind}", options, stored, 2))
        usual = getattr(nn, kind)(D, H, batch_first=True, dtype=float)
        interop.keras.set_weights(usual, [kernel, recurrent, bias.sum(0) if kind == "LSTM" else bias])
        x = rng.normal(size=(B, T, D))
        np.testing.assert_allclose(layer(x)[0].data, usual(x)[0].data, atol=1e-12)


def test_files_that_are_none(tmp_path: Path) -> None:
    model = randomised(k.LSTM(H))
    model.save(tmp_path / "whole.keras")
    model.save_weights(tmp_path / "alone.weights.h5")
    whole = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.h5").write_bytes(b"no HDF5")
    said = {
        "cut.keras": "no whole file of a Keras model",
        "other.h5": "no whole file of a Keras model",
        "alone.weights.h5": "holds weights alone",
        "model.pt": r"ends in \.keras or \.h5",
    }
    for name, words in said.items():
        with pytest.raises(WeightsError, match=words):
            interop.keras.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        interop.keras.load(tmp_path / "missing.keras")


def test_damaged_bytes_are_an_error_or_the_same_model(tmp_path: Path) -> None:
    """Nothing but WeightsError comes out of a file in which the options were changed."""
    model = randomised(k.LSTM(H))
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    rng = np.random.default_rng(0)
    for _ in range(60):
        options = config["config"]["layers"][1]["config"].copy()
        key = str(rng.choice([*options]))
        options[key] = [None, -1, "a", [], {}, 1e9, True][rng.integers(7)]
        changed = json.loads(json.dumps(config))
        changed["config"]["layers"][1]["config"] = options
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in (parts | {"config.json": json.dumps(changed).encode()}).items():
                archive.writestr(name, content)
        (tmp_path / "changed.keras").write_bytes(buffer.getvalue())
        with contextlib.suppress(WeightsError):
            assert len(interop.keras.load(tmp_path / "changed.keras")) == 2
