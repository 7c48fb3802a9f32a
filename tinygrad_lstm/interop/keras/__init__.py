"""Keras: the weights of its recurrent layers both ways, whole models from their files, and layers as such files."""

from tinygrad_lstm.interop.keras.models import load
from tinygrad_lstm.interop.keras.weights import get_weights, set_weights
from tinygrad_lstm.interop.keras.writing import save

__all__ = ["get_weights", "load", "save", "set_weights"]
