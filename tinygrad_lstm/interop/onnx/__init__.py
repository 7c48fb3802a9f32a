"""ONNX: our layers as ``.onnx`` files that onnxruntime runs, and the recurrent nodes of such files as our layers."""

from tinygrad_lstm.interop.onnx.exporting import export
from tinygrad_lstm.interop.onnx.loading import Node, load, nodes

__all__ = ["Node", "export", "load", "nodes"]
