"""Weights of other libraries, read and written: what cannot be said in theirs is refused, never approximated."""

from tinygrad_lstm.interop import keras, onnx, torch

__all__ = ["keras", "onnx", "torch"]
