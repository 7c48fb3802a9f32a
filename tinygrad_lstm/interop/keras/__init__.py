"""Keras: the weights of its recurrent layers both ways, models (chains of layers) from files, and layers as files."""

from tinygrad_lstm.interop.keras.files import read_weights
from tinygrad_lstm.interop.keras.models import load
from tinygrad_lstm.interop.keras.weights import get_weights, set_weights
from tinygrad_lstm.interop.keras.writing import save

__all__ = ["get_weights", "load", "read_weights", "save", "set_weights"]
