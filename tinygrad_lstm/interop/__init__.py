"""Weights of other libraries, read and written: what their format cannot hold is an error, never an approximation."""

from tinygrad_lstm.interop import keras, onnx, torch

__all__ = ["keras", "onnx", "torch"]
