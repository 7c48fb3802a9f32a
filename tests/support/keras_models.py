"""Models of Keras with random weights, written to files and compared with what is read from them.

Keras runs on its NumPy backend, which computes in float32.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lstm import interop, nn

os.environ["KERAS_BACKEND"] = "numpy"
keras: Any = pytest.importorskip("keras")
h5py: Any = pytest.importorskip("h5py")
if keras.backend.backend() != "numpy":
    pytest.skip("keras was imported with another backend than numpy", allow_module_level=True)
MARKS = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]
B, T, D, H = 3, 6, 4, 5
k: Any = keras.layers
INNER = [
    lambda **options: k.SimpleRNN(H, **options),
    lambda **options: k.SimpleRNN(H, activation="relu", **options),
    lambda **options: k.LSTM(H, **options),
    lambda **options: k.GRU(H, **options),
    lambda **options: k.GRU(H, reset_after=False, **options),
    lambda **options: k.LSTM(H, use_bias=False, **options),
]


def randomised(*layers: Any, words: bool = False, scale: float = 0.6) -> Any:
    """A model with random weights, the biases too."""
    model = keras.Sequential([keras.Input((None,) if words else (None, D)), *layers])
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, scale, array.shape).astype(np.float32) for array in model.get_weights()])
    return model


def agree(model: Any, folder: Path, suffix: str, **options: Any) -> nn.Sequential[Any]:
    """The model read from its file gives what Keras's gives."""
    model.save(folder / f"model{suffix}")
    ours = interop.keras.load(folder / f"model{suffix}", **options)
    rng = np.random.default_rng(2)
    x = (
        rng.integers(0, 9, (B, T)) * rng.integers(0, 2, (B, T))
        if len(model.input_shape) == 2
        else rng.normal(size=(B, T, D)).astype(np.float32)
    )
    theirs = np.asarray(model(x, training=False))
    np.testing.assert_allclose(ours(x).data, theirs, rtol=2e-5, atol=2e-6)
    return ours
