"""A layer as an ``.onnx`` file, which other programs run: one node RNN, LSTM or GRU for each layer of it."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.files import file_path, whole_file
from tinygrad_lstm.interop.onnx.graph import Graph
from tinygrad_lstm.interop.onnx.operators import OPERATORS, attributes_of, inputs_of
from tinygrad_lstm.nn.layers import Dropout
from tinygrad_lstm.nn.recurrent import Recurrent


def export(layer: Recurrent, path: str | PathLike[str], *, initial_state: bool = False, lengths: bool = False) -> None:
    """Write the layer, as it is in evaluation, to an ``.onnx`` file that ``onnx.checker`` finds valid.

    inputs   x (T, B, D); with ``initial_state`` also h_0, and c_0 of an LSTM: (layers * directions, B, H); with
             ``lengths`` also lengths (B,), int32
    outputs  output (T, B, H), 2H wide if concatenated; h_n, and c_n of an LSTM: (layers * directions, B, H)

    T and B are free; x and output are (B, T, ...) if the layer is batch_first. Numbers are in the dtype of the weights;
    onnxruntime has kernels for float32 only: ``layer.astype("float32")``.

    The file is there when it is whole, as ``files.whole_file`` has it.

    Raises WeightsError for what ONNX's operators cannot say: a cell that is not in ``OPERATORS``, dropout at work;
    DtypeError or ArgumentError for what is no path; OSError where the system refuses to write.

    >>> import tempfile
    >>> import onnx
    >>> from tinygrad_lstm import nn
    >>> folder = tempfile.TemporaryDirectory()
    >>> export(nn.LSTM(3, 5, num_layers=2), f"{folder.name}/lstm.onnx")
    >>> [node.op_type for node in onnx.load(f"{folder.name}/lstm.onnx").graph.node]
    ['LSTM', 'Squeeze', 'LSTM', 'Squeeze', 'Concat', 'Concat']
    >>> folder.cleanup()
    """
    place, layers = file_path(path), _layers(layer)
    states, depth, count = layers[0][0].states, len(layers), len(layer.layers)
    steps, H = ("B", "T") if layer.batch_first else ("T", "B"), layers[0][0].hidden_size
    direction = "bidirectional" if len(layer.directions) > 1 else "reverse" if layer.directions[0] else "forward"

    def parts(name: str) -> list[str]:
        """The names of each layer's part of a state."""
        return [f"layer{k}.{name}" for k in range(depth)] if depth > 1 else [name]

    graph = Graph(layers[0][0].W.dtype)
    y = graph.takes("x", *steps, layer.input_size)
    if layer.batch_first:
        y = graph.node("Transpose", [y], "x.by_time", perm=[1, 0, 2])
    if initial_state:
        for state in states:
            start = graph.takes(f"{state}_0", count, "B", H)
            if depth > 1:
                graph.node("Split", [start], *parts(start), axis=0)
    counts = graph.takes("lengths", "B", dtype=np.int32) if lengths else ""

    for k, cells in enumerate(layers):
        own = [inputs_of(cell) for cell in cells]
        weights = {name: graph.array(f"layer{k}.{name}", np.stack([one[name] for one in own])) for name in own[0]}
        Y = graph.node(
            OPERATORS[type(cells[0])].name,
            [
                *[y, weights["W"], weights["R"], weights.get("B", ""), counts],
                *[parts(f"{state}_0")[k] if initial_state else "" for state in states],
                *([weights["P"]] if "P" in weights else []),
            ],
            f"layer{k}.Y",  # (T, directions, B, H)
            *[parts(f"{state}_n")[k] for state in states],
            name=f"layer{k}",
            hidden_size=H,
            direction=direction,
            **attributes_of(cells),
        )
        to = f"layer{k}.output" if k + 1 < depth else "output.by_time" if layer.batch_first else "output"
        y = _merge(graph, layer, Y, to)

    if layer.batch_first:
        y = graph.node("Transpose", [y], "output", perm=[1, 0, 2])
    graph.gives(y, *steps, H * (1 if layer.merge == "sum" else len(layer.directions)))
    for state in states:
        if depth > 1:
            graph.node("Concat", parts(f"{state}_n"), f"{state}_n", axis=0)
        graph.gives(f"{state}_n", count, "B", H)
    content = graph.file(type(layer).__name__)
    with whole_file(place) as file:
        file.write(content)


def _merge(graph: Graph, layer: Recurrent, Y: str, to: str) -> str:
    """Y (T, directions, B, H) as our output (T, B, H) or (T, B, 2H)."""
    if len(layer.directions) == 1:
        return graph.node("Squeeze", [Y, graph.array(f"{Y}.axis", [1])], to)
    if layer.merge == "sum":
        return graph.node("ReduceSum", [Y, graph.array(f"{Y}.axis", [1])], to, keepdims=0)
    beside = graph.node("Transpose", [Y], f"{Y}.by_batch", perm=[0, 2, 1, 3])
    return graph.node("Reshape", [beside, graph.array(f"{Y}.shape", [0, 0, 2 * layer.layers[0].hidden_size])], to)


def _layers(layer: Recurrent) -> list[list[Any]]:
    """The cells of each layer, if ONNX has an operator for it."""
    if not isinstance(layer, Recurrent):
        raise WeightsError(f"ONNX has operators for RNN, LSTM and GRU layers, not for a {type(layer).__name__}")
    ways, between = len(layer.directions), layer.dropout
    if layer.num_layers > 1:
        if not isinstance(between, Dropout):
            raise WeightsError(f"between layers only a Dropout can be left out, not a {type(between).__name__}")
        if between.training and between.p:
            raise WeightsError("a file's layer drops nothing, and this one is in training: call its eval() first")
    layers = [layer.layers[k : k + ways] for k in range(0, len(layer.layers), ways)]
    for cells in layers:
        for cell in cells:
            if type(cell) not in OPERATORS:
                known = ", ".join(kind.__name__ for kind in OPERATORS)
                raise WeightsError(f"ONNX has no operator for a {type(cell).__name__}; it has for {known}")
        if len({(type(cell), cell.b is None, getattr(cell, "clip", None)) for cell in cells}) > 1:
            raise WeightsError("in ONNX both directions of a layer have the same kind of cell, with the same clip")
    return layers
