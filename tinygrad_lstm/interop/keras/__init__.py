"""Keras: the weights of its recurrent layers both ways, and whole sequential models from their files."""

from tinygrad_lstm.interop.keras.models import load
from tinygrad_lstm.interop.keras.weights import get_weights, set_weights

__all__ = ["get_weights", "load", "set_weights"]
