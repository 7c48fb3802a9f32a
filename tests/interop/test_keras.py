"""Weights from and to Keras, run by its NumPy backend, which computes in float32; random weights throughout.

Known differences: of a layer with ``go_backwards`` Keras gives the outputs in the order in which they were computed,
ours in that of x. Where a mask is off, Keras's layers repeat the output before, but those in a Bidirectional give 0.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError

os.environ["KERAS_BACKEND"] = "numpy"
keras = pytest.importorskip("keras")
if keras.backend.backend() != "numpy":
    pytest.skip("keras was imported with another backend than numpy", allow_module_level=True)
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]
T, B, D, H = 6, 4, 3, 5
MASK = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0]], bool)
CLOSE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-6}

KINDS: dict[str, tuple[Any, Any]] = {
    "SimpleRNN": (keras.layers.SimpleRNN, nn.RNN),
    "SimpleRNN relu": (
        lambda units, **options: keras.layers.SimpleRNN(units, activation="relu", **options),
        lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
    ),
    "LSTM": (keras.layers.LSTM, nn.LSTM),
    "GRU reset after": (keras.layers.GRU, nn.GRU),
    "GRU reset before": (
        lambda units, **options: keras.layers.GRU(units, reset_after=False, **options),
        lambda *sizes, **options: nn.GRU(*sizes, cell=nn.ResetBeforeGRUCell, **options),
    ),
}


def pair(kind: str, both: bool = False, depth: int = 1, bias: bool = True, **options: Any) -> tuple[Any, Any]:
    """Keras's layers one after the other, with random weights, and our layer with the same."""
    make, make_ours = KINDS[kind]
    layers = [make(H, return_sequences=True, use_bias=bias, **options) for _ in range(depth)]
    theirs = keras.Sequential([keras.layers.Bidirectional(layer) if both else layer for layer in layers])
    theirs.build((None, None, D))
    rng = np.random.default_rng(5)
    weights = [rng.normal(0, 0.5, array.shape).astype(np.float32) for array in theirs.get_weights()]
    theirs.set_weights(weights)
    reverse = {"reverse": True} if options.get("go_backwards") else {}
    ours = make_ours(D, H, depth, bidirectional=both, bias=bias, batch_first=True, **reverse)
    interop.keras.set_weights(ours, theirs.get_weights())
    for array, given in zip(interop.keras.get_weights(ours), weights, strict=True):
        assert array.shape == given.shape
    return ours, theirs


def inputs() -> np.ndarray:
    return np.random.default_rng(6).normal(size=(B, T, D)).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"both": True}, {"both": True, "depth": 2}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_keras_s(kind: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(kind, **options)
    x = inputs()
    np.testing.assert_allclose(ours(x)[0].data, np.asarray(theirs(x)), **CLOSE)
    theirs.set_weights(interop.keras.get_weights(ours))  # and back: two biases may have become one
    np.testing.assert_allclose(np.asarray(theirs(x)), ours(x)[0].data, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_backwards(kind: str) -> None:
    ours, theirs = pair(kind, go_backwards=True)
    x = inputs()
    np.testing.assert_allclose(ours(x)[0].data, np.asarray(theirs(x))[:, ::-1], **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
def test_states(kind: str, masked: bool) -> None:
    make, _ = KINDS[kind]
    ours, theirs = pair(kind)
    layer = make(H, return_sequences=True, return_state=True)
    layer.build((None, None, D))
    layer.set_weights(theirs.get_weights())
    rng = np.random.default_rng(7)
    start = [rng.normal(size=(B, H)).astype(np.float32) for _ in ours.layers[0].states]
    mask = MASK if masked else None
    output, *final = layer(inputs(), initial_state=start, mask=mask)
    state = [part[None] for part in start]
    got, end = ours(inputs(), tuple(state) if len(state) > 1 else state[0], mask=mask, outside="repeat")
    np.testing.assert_allclose(got.data, np.asarray(output), **CLOSE)
    for a, b in zip(end if len(final) > 1 else [end], final, strict=True):
        np.testing.assert_allclose(a.data[0], np.asarray(b), **CLOSE)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_masks_with_holes(kind: str, both: bool) -> None:
    ours, theirs = pair(kind, both=both)
    got = ours(inputs(), mask=MASK, outside="zero" if both else "repeat")[0]
    np.testing.assert_allclose(got.data, np.asarray(theirs.layers[0](inputs(), mask=MASK)), **CLOSE)


def test_from_pytorch_to_keras() -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.GRU(D, H, batch_first=True, bidirectional=True)
    ours, theirs = pair("GRU reset after", both=True)
    interop.torch.load_state_dict(ours, network.state_dict())
    theirs.set_weights(interop.keras.get_weights(ours))
    want = network(torch.tensor(inputs()))[0].detach().numpy()
    np.testing.assert_allclose(np.asarray(theirs(inputs())), want, **CLOSE)


def test_what_keras_cannot_say_is_refused() -> None:
    for layer, said in [
        (nn.LSTM(D, H, cell=nn.PeepholeLSTMCell), "Keras has no PeepholeLSTMCell; it has RNNCell, LSTMCell, GRUCell"),
        (nn.LSTM(D, H, proj_size=2), "Keras has no ProjectedLSTMCell"),
        (nn.LSTMCell(D, H), "SimpleRNN, LSTM and GRU layers, not for a LSTMCell"),
    ]:
        with pytest.raises(WeightsError, match=said):
            interop.keras.get_weights(layer)  # type: ignore[arg-type]  # a cell is no layer
    ours = nn.GRU(D, H)
    before = ours.state_dict()
    weights = keras.layers.GRU(H, reset_after=False)
    weights.build((None, None, D))
    with pytest.raises(WeightsError, match=r"for 3 -> 5 have the shapes .*\(2, 15\)\], not .*\(15,\)\]"):
        interop.keras.set_weights(ours, weights.get_weights())
    for name, array in ours.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
