"""Recurrent nodes in files, their weights, and graphs of any nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")
onnxruntime = pytest.importorskip("onnxruntime")

T, B, D, H = 6, 4, 3, 5
node = onnx.helper.make_node
FLOAT, BOOL, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.BOOL, onnx.TensorProto.INT64


def node_weights(operator: str = "LSTM", peepholes: bool = False, ways: int = 2) -> dict[str, np.ndarray]:
    n = {"RNN": 1, "GRU": 3, "LSTM": 4}[operator] * H
    shapes = {"W": (ways, n, D), "R": (ways, n, H), "B": (ways, 2 * n)} | ({"P": (ways, 3 * H)} if peepholes else {})
    rng = np.random.default_rng(9)
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def save(path: Path, node: Any, weights: dict[str, np.ndarray], **options: Any) -> None:
    """A file of one node and its weights."""
    float32 = onnx.TensorProto.FLOAT
    given = [onnx.helper.make_tensor_value_info("X", float32, ["T", "B", D])]
    if "lengths" in node.input:
        given.append(onnx.helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, ["B"]))
    made = [onnx.helper.make_tensor_value_info(name, float32, None) for name in node.output if name]
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = onnx.helper.make_graph([node], "others", given, made, constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    onnx.save(model, path, **options)


def info(name: str, kind: Any = FLOAT, shape: Any = None) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def graph(nodes: list[Any], inputs: list[Any], outputs: list[str], arrays: dict[str, Any]) -> Any:
    held = [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    return onnx.helper.make_graph(nodes, "made", inputs, [info(name) for name in outputs], held)


def save_graph(path: Path, made: Any, opset: int = 18, functions: Any = ()) -> Path:
    opsets = [onnx.helper.make_opsetid("", opset)] + [onnx.helper.make_opsetid("own", 1)] * bool(functions)
    onnx.save(onnx.helper.make_model(made, opset_imports=opsets, ir_version=9, functions=functions), path)
    return path


def theirs(path: Path, **feeds: Any) -> list[np.ndarray]:
    return list(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds))


def agree(got: Any, want: np.ndarray) -> None:
    np.testing.assert_allclose(got.data, want, rtol=1e-5, atol=1e-5)


def x_of(shape: tuple[int, ...] = (T, B, D)) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def lstm(*names: str, **attributes: Any) -> Any:
    return node("LSTM", ["X", *(names or "WRB")], ["Y"], hidden_size=H, **attributes)
