"""A layer or a network as an ``.onnx`` file, which other programs run: a node RNN, LSTM or GRU for each layer."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.files import file_path, whole_file
from tinygrad_lstm.interop.onnx.graph import Graph
from tinygrad_lstm.interop.onnx.operators import OPERATORS, attributes_of, inputs_of
from tinygrad_lstm.interop.onnx.parts import Picked, Value, check_drops_nothing, write_part, write_pick
from tinygrad_lstm.nn.layers import Dropout, Embedding
from tinygrad_lstm.nn.lists import Sequential
from tinygrad_lstm.nn.module import Module
from tinygrad_lstm.nn.recurrent import Recurrent
from tinygrad_lstm.nn.separate import SeparateLSTMCell

Network: TypeAlias = Recurrent[Any] | Sequential[Any]


def export(network: Network, path: str | PathLike[str], *, initial_state: bool = False, lengths: bool = False) -> None:
    """Write the network, as it is in evaluation, to an ``.onnx`` file that ``onnx.checker`` finds valid.

    A recurrent layer, or a Sequential of recurrent layers, Linear, Embedding, LayerNorm, Dropout and activations, where
    a function after a recurrent layer picks what goes on: ``lambda found: found[0][-1]``, the output at the last step.

    inputs   x (T, B, D), or whole numbers (T, B) for an Embedding; with ``initial_state`` also h_0, and c_0 of an LSTM:
             (layers * directions, B, H); with ``lengths`` also lengths (B,), int32
    outputs  output (T, B, H), 2H wide if concatenated, or what the Sequential gives; if that ends in a recurrent layer
             also h_n, and c_n of an LSTM: (layers * directions, B, H)

    T and B are free; x and output are (B, T, ...) if the layer is batch_first. Of several recurrent layers, the states
    have the layer's position in the Sequential before their names: ``0.h_0``. Numbers are in the dtype of the weights;
    onnxruntime has kernels for float32 only: ``network.astype("float32")``.

    The file is there when it is whole, as ``files.whole_file`` has it.

    Raises WeightsError for what ONNX's operators cannot say: a cell that is not in ``OPERATORS``, dropout at work, a
    function of your own; DtypeError or ArgumentError for what is no path; OSError where the system refuses to write.

    >>> import tempfile
    >>> import onnx
    >>> from tinygrad_lstm import nn
    >>> folder = tempfile.TemporaryDirectory()
    >>> export(nn.LSTM(3, 5, num_layers=2), f"{folder.name}/lstm.onnx")
    >>> [node.op_type for node in onnx.load(f"{folder.name}/lstm.onnx").graph.node]
    ['LSTM', 'Squeeze', 'LSTM', 'Squeeze', 'Concat', 'Concat']
    >>> tagger = nn.Sequential(nn.Embedding(9, 3), nn.GRU(3, 5), lambda found: found[0], nn.Linear(5, 2))
    >>> export(tagger, f"{folder.name}/tagger.onnx")
    >>> [node.op_type for node in onnx.load(f"{folder.name}/tagger.onnx").graph.node]
    ['Gather', 'GRU', 'Squeeze', 'Identity', 'MatMul', 'Add']
    >>> folder.cleanup()
    """
    place, parts = file_path(path), list(_parts(network, ""))
    recurrent = {name: (part, _cells(part)) for name, part in parts if isinstance(part, Recurrent)}
    if not recurrent:
        raise WeightsError(
            f"ONNX has operators for RNN, LSTM and GRU layers, and there is none in a {type(network).__name__}"
        )
    first, cells = next(iter(recurrent.values()))
    graph, start = Graph(cells[0][0].W.dtype), parts[0][1]
    steps = ("B", "T") if first.batch_first else ("T", "B")
    whole = isinstance(start, Embedding)
    shape = steps if whole else (*steps, getattr(start, "input_size", getattr(start, "in_features", "D")))
    value: Any = Value(graph.takes("x", *shape, dtype=np.int64 if whole else None), shape)
    counts = graph.takes("lengths", "B", dtype=np.int32) if lengths else ""
    for k, (name, part) in enumerate(parts):
        to = "output" if k + 1 == len(parts) else f"{name}.output"
        if isinstance(part, Recurrent):
            value = _write(
                graph, *recurrent[name], value, to, name if len(recurrent) > 1 else "", initial_state, counts
            )
        elif isinstance(value, tuple) and isinstance(value[0], Picked):
            value = write_pick(graph, part, value, to)
        else:
            value = write_part(graph, part, value, to)
    for one in _values(value):
        graph.gives(one.name, *one.shape)
    content = graph.file(type(network).__name__)
    with whole_file(place) as file:
        file.write(content)


def _parts(network: Any, name: str) -> Iterator[tuple[str, Module]]:
    """The layers in the order in which they run, by their names."""
    if not isinstance(network, Sequential):
        yield name, network
        return
    for position, part in enumerate(network):
        yield from _parts(part, f"{name}.{position}" if name else f"{position}")


def _values(value: Any) -> Iterator[Value]:
    """What a network gives: one value, or a recurrent layer's output and states."""
    if isinstance(value, Value):
        yield value
    elif isinstance(value, Picked):
        yield value.value
    else:
        for part in value:
            yield from _values(part)


def _write(
    graph: Graph, layer: Recurrent, layers: list[list[Any]], x: Value, to: str, name: str, starts: bool, counts: str
) -> tuple[Picked, Any]:
    """The nodes of a recurrent layer; its (output, state), of which a function may pick."""
    if not isinstance(x, Value) or len(x.shape) != 3:
        raise WeightsError(f"{name or to}: a {type(layer).__name__} takes one value of three axes; pick it before")
    states, depth, count = layers[0][0].states, len(layers), len(layer.layers)
    H, before = layers[0][0].hidden_size, f"{name}." if name else ""
    direction = "bidirectional" if len(layer.directions) > 1 else "reverse" if layer.directions[0] else "forward"

    def parts(state: str) -> list[str]:
        """The names of each layer's part of a state."""
        return [f"{before}layer{k}.{state}" for k in range(depth)] if depth > 1 else [before + state]

    y = x.name
    if layer.batch_first:
        y = graph.node("Transpose", [y], f"{before}x.by_time", perm=[1, 0, 2])
    if starts:
        for state in states:
            start = graph.takes(f"{before}{state}_0", count, "B", H)
            if depth > 1:
                graph.node("Split", [start], *parts(f"{state}_0"), axis=0)
    for k, cells in enumerate(layers):
        at, own = f"{before}layer{k}", [inputs_of(cell) for cell in cells]
        weights = {name: graph.array(f"{at}.{name}", np.stack([one[name] for one in own])) for name in own[0]}
        Y = graph.node(
            OPERATORS[type(cells[0])].name,
            [
                *[y, weights["W"], weights["R"], weights.get("B", ""), counts],
                *[parts(f"{state}_0")[k] if starts else "" for state in states],
                *([weights["P"]] if "P" in weights else []),
            ],
            f"{at}.Y",  # (T, directions, B, H)
            *[parts(f"{state}_n")[k] for state in states],
            name=at,
            hidden_size=H,
            direction=direction,
            **attributes_of(cells),
        )
        last = f"{to}.by_time" if layer.batch_first else to
        y = _merge(graph, layer, Y, f"{at}.output" if k + 1 < depth else last)

    if layer.batch_first:
        y = graph.node("Transpose", [y], to, perm=[1, 0, 2])
    for state in states:
        if depth > 1:
            graph.node("Concat", parts(f"{state}_n"), f"{before}{state}_n", axis=0)
    width = H * (1 if layer.merge == "sum" else len(layer.directions))
    finals = [Picked(Value(f"{before}{state}_n", (count, "B", H))) for state in states]
    return Picked(Value(y, (*x.shape[:2], width))), tuple(finals) if len(finals) > 1 else finals[0]


def _merge(graph: Graph, layer: Recurrent, Y: str, to: str) -> str:
    """Y (T, directions, B, H) as our output (T, B, H) or (T, B, 2H)."""
    if len(layer.directions) == 1:
        return graph.node("Squeeze", [Y, graph.array(f"{Y}.axis", [1])], to)
    if layer.merge == "sum":
        return graph.node("ReduceSum", [Y, graph.array(f"{Y}.axis", [1])], to, keepdims=0)
    beside = graph.node("Transpose", [Y], f"{Y}.by_batch", perm=[0, 2, 1, 3])
    return graph.node("Reshape", [beside, graph.array(f"{Y}.shape", [0, 0, 2 * layer.layers[0].hidden_size])], to)


def _cells(layer: Recurrent) -> list[list[Any]]:
    """The cells of each layer, if ONNX has an operator for it; matrices of their own for every gate are combined."""
    ways, between = len(layer.directions), layer.dropout
    if layer.num_layers > 1:
        if not isinstance(between, Dropout):
            raise WeightsError(f"between layers only a Dropout can be left out, not a {type(between).__name__}")
        check_drops_nothing(between)
    all_cells = [cell.combined() if type(cell) is SeparateLSTMCell else cell for cell in layer.layers]
    layers = [all_cells[k : k + ways] for k in range(0, len(all_cells), ways)]
    for cells in layers:
        for cell in cells:
            if type(cell) not in OPERATORS:
                known = ", ".join(kind.__name__ for kind in OPERATORS)
                raise WeightsError(f"ONNX has no operator for a {type(cell).__name__}; it has for {known}")
        if len({(type(cell), cell.b is None, getattr(cell, "clip", None)) for cell in cells}) > 1:
            raise WeightsError("in ONNX both directions of a layer have the same kind of cell, with the same clip")
    return layers
