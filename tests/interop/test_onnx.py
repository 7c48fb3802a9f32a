"""The recurrent layers against onnxruntime's own kernels, in float32, with random weights and initial states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.oracle
T, B, D, H = 7, 3, 4, 5
BLOCKS = {
    "RNN": [0],
    "GRU": [1, 0, 2],
    "LSTM": [1, 2, 0, 3],
}  # ONNX: z, r, h and i, o, f, c, from our r, z, n and f, i, o, g


def run_onnx(kind: str, inputs: dict[str, np.ndarray], outputs: list[str], **attributes: Any) -> list[np.ndarray]:
    """One node, run by onnxruntime."""
    names = ["X", "W", "R", "B", "", *(name for name in inputs if name.startswith("initial"))]
    node = onnx.helper.make_node(kind, names, outputs, hidden_size=H, **attributes)
    float32 = onnx.TensorProto.FLOAT
    given = [onnx.helper.make_tensor_value_info(name, float32, array.shape) for name, array in inputs.items()]
    wanted = [onnx.helper.make_tensor_value_info(name, float32, None) for name in outputs]
    graph = onnx.helper.make_graph([node], kind, given, wanted)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_one_layer(kind: str) -> None:
    rng = np.random.default_rng(0)
    layer = getattr(nn, kind)(D, H)
    cell = layer.layers[0]
    for parameter in cell.parameters():
        parameter.data = rng.normal(0, 0.7, parameter.shape).astype(np.float32)
    order = np.concatenate([np.arange(block * H, (block + 1) * H) for block in BLOCKS[kind]])
    hidden_bias = np.zeros_like(cell.b.data)
    if kind == "GRU":
        hidden_bias[2 * H :] = cell.b_n.data
    x = rng.normal(size=(T, B, D)).astype(np.float32)
    states = [rng.normal(size=(1, B, H)).astype(np.float32) for _ in cell.states]
    inputs = {"X": x, "W": cell.W.data[order][None], "R": cell.U.data[order][None]}
    inputs["B"] = np.concatenate([cell.b.data[order], hidden_bias])[None]
    inputs |= {f"initial_{name}": state for name, state in zip(cell.states, states, strict=True)}
    attributes = {"linear_before_reset": 1} if kind == "GRU" else {}
    Y, *last = run_onnx(kind, inputs, ["Y", *(f"Y_{name}" for name in cell.states)], **attributes)

    output, final = layer(tg.tensor(x), tuple(states) if len(states) > 1 else states[0])
    np.testing.assert_allclose(output.data, Y[:, 0], atol=1e-5)
    for ours, theirs in zip(final if len(states) > 1 else [final], last, strict=True):
        np.testing.assert_allclose(ours.data, theirs, atol=1e-5)
