"""What an ``.onnx`` file consists of, put down in the order in which it runs."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_lstm.errors import MissingExtraError

OPSET, IR = 14, 7  # of 2021: nothing newer is needed, and old files are read everywhere


def package() -> Any:
    """The package onnx, imported only when it is needed."""
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise MissingExtraError('.onnx files need: pip install "tinygrad-lstm[io]" (or onnx)') from None


class Graph:
    """Inputs, nodes, arrays and outputs, all of them by name; a size that is free has a name too."""

    def __init__(self, dtype: DTypeLike) -> None:
        self.onnx, self.dtype = package(), dtype
        self.inputs: list[Any] = []
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self.outputs: list[Any] = []

    def takes(self, name: str, *shape: int | str, dtype: DTypeLike | None = None) -> str:
        """An input."""
        self.inputs.append(self._info(name, shape, dtype or self.dtype))
        return name

    def array(self, name: str, value: ArrayLike) -> str:
        """An array that the file holds."""
        self.arrays.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], *outputs: str, **attributes: Any) -> str:
        """One operation, of which "" is an input left out; returns the name of its first output."""
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, outputs, **attributes))
        return outputs[0]

    def gives(self, name: str, *shape: int | str) -> None:
        """An output."""
        self.outputs.append(self._info(name, shape, self.dtype))

    def file(self, name: str) -> bytes:
        """All of it, once the checker has found it valid."""
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.arrays)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR, producer_name="tinygrad_lstm")
        self.onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _info(self, name: str, shape: Sequence[int | str], dtype: DTypeLike) -> Any:
        helper = self.onnx.helper
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
