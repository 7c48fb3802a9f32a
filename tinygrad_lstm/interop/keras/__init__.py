"""Keras: the weights of its recurrent layers both ways, and whole models, chains of layers, from their files."""

from tinygrad_lstm.interop.keras.files import read_weights
from tinygrad_lstm.interop.keras.models import load
from tinygrad_lstm.interop.keras.weights import get_weights, set_weights

__all__ = ["get_weights", "load", "read_weights", "set_weights"]
