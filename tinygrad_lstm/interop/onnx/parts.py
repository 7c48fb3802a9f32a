"""The parts of a network beside its recurrent layers as ONNX's operators: Linear, Embedding, activations, picks.

A function of ``PARTS`` takes the graph, the part, the value that comes in and the name of the one that goes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm import nn
from tinygrad_lstm.engine.ops.nonlinear import relu, sigmoid, softplus, tanh
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.onnx.graph import Graph
from tinygrad_lstm.nn.activations import Apply, gelu, silu


class Value(NamedTuple):
    """A value of the graph: its name, and its sizes by number or name."""

    name: str
    shape: tuple[int | str, ...]


Write = Callable[[Graph, Any, Value, str], Value]


def write_part(graph: Graph, part: nn.Module, x: Value, to: str) -> Value:
    """The nodes of one part of a network, in evaluation; WeightsError for one that has no counterpart."""
    if isinstance(part, nn.Dropout):
        check_drops_nothing(part)
        return Value(graph.node("Identity", [x.name], to), x.shape)
    if type(part) in PARTS:
        return PARTS[type(part)](graph, part, x, to)
    function = part.function if isinstance(part, Apply) else getattr(type(part), "function", None)
    if function in FUNCTIONS:
        FUNCTIONS[function](graph, x.name, to)
        return Value(to, x.shape)
    known = ", ".join(kind.__name__ for kind in (nn.Dropout, *PARTS, *FUNCTIONS))
    raise WeightsError(f"{part!r} has no counterpart in an exported network; {known} have one")


def check_drops_nothing(dropout: nn.Dropout) -> None:
    """WeightsError for a dropout that is at work, as no file has it."""
    if dropout.training and dropout.p:
        raise WeightsError("a file's network drops nothing, and this one is in training: call its eval() first")


def _linear(graph: Graph, layer: nn.Linear, x: Value, to: str) -> Value:
    product = to if layer.b is None else f"{to}.Wx"
    graph.node("MatMul", [x.name, graph.array(f"{to}.W", layer.W.data.T)], product)
    if layer.b is not None:
        graph.node("Add", [product, graph.array(f"{to}.b", layer.b.data)], to)
    return Value(to, (*x.shape[:-1], layer.out_features))


def _embedding(graph: Graph, layer: nn.Embedding, x: Value, to: str) -> Value:
    table = layer.weight.data
    graph.node("Gather", [graph.array(f"{to}.weight", table), x.name], to, axis=0)
    return Value(to, (*x.shape, table.shape[1]))


def _layer_norm(graph: Graph, layer: nn.LayerNorm, x: Value, to: str) -> Value:
    mean = graph.node("ReduceMean", [x.name], f"{to}.mean", axes=[-1])
    centred = graph.node("Sub", [x.name, mean], f"{to}.centred")
    squares = graph.node("Mul", [centred, centred], f"{to}.squares")
    variance = graph.node("ReduceMean", [squares], f"{to}.variance", axes=[-1])
    eps = graph.array(f"{to}.eps", np.asarray(layer.eps, layer.w.dtype))
    deviation = graph.node("Sqrt", [graph.node("Add", [variance, eps], f"{to}.above")], f"{to}.deviation")
    scaled = graph.node("Mul", [graph.array(f"{to}.w", layer.w.data), centred], f"{to}.scaled")
    y = graph.node("Div", [scaled, deviation], to if layer.b is None else f"{to}.unbiased")
    if layer.b is not None:
        graph.node("Add", [y, graph.array(f"{to}.b", layer.b.data)], to)
    return Value(to, x.shape)


def _softmax(operator: str) -> Write:
    def write(graph: Graph, layer: nn.Softmax, x: Value, to: str) -> Value:
        return Value(graph.node(operator, [x.name], to, axis=layer.axis), x.shape)

    return write


def _node(operator: str) -> Callable[[Graph, str, str], str]:
    return lambda graph, x, to: graph.node(operator, [x], to)


def _silu(graph: Graph, x: str, to: str) -> str:
    return graph.node("Mul", [x, graph.node("Sigmoid", [x], f"{to}.gate")], to)


def _gelu(graph: Graph, x: str, to: str) -> str:
    """x (1 + erf(x / √2)) / 2."""

    def number(name: str, value: float) -> str:
        return graph.array(f"{to}.{name}", np.asarray(value, graph.dtype))

    inner = graph.node("Div", [x, number("root", math.sqrt(2))], f"{to}.inner")
    chance = graph.node("Add", [number("one", 1), graph.node("Erf", [inner], f"{to}.erf")], f"{to}.chance")
    return graph.node("Div", [graph.node("Mul", [x, chance], f"{to}.twice"), number("two", 2)], to)


PARTS: dict[type[nn.Module], Write] = {
    nn.Linear: _linear,
    nn.Embedding: _embedding,
    nn.LayerNorm: _layer_norm,
    nn.Softmax: _softmax("Softmax"),
    nn.LogSoftmax: _softmax("LogSoftmax"),
    nn.Identity: lambda graph, layer, x, to: Value(graph.node("Identity", [x.name], to), x.shape),
}
FUNCTIONS: dict[Any, Callable[[Graph, str, str], str]] = {
    relu: _node("Relu"), tanh: _node("Tanh"), sigmoid: _node("Sigmoid"), softplus: _node("Softplus"),
    silu: _silu, gelu: _gelu,
}  # fmt: skip


class Picked:
    """What a function picks of a recurrent layer's (output, state): it is called with these, and gives one back.

    They know how to be indexed, ``found[0][-1]`` or ``found[1][0][:, -1]``, and nothing else.
    """

    def __init__(self, value: Value, indices: tuple[tuple[int, int], ...] = ()) -> None:
        self.value, self.indices = value, indices  # each index as (axis, position)

    def __len__(self) -> int:
        size = self.value.shape[0]
        if isinstance(size, str):
            raise TypeError(f"{size} is known when the file runs")
        return size

    __iter__ = None

    def __getitem__(self, index: Any) -> Picked:
        keys = index if isinstance(index, tuple) else (index,)
        shape, indices = self.value.shape, self.indices
        if not 0 < len(keys) <= len(shape) or not all(key == slice(None) or type(key) is int for key in keys):
            raise TypeError(f"[{index!r}]")
        for axis in reversed(range(len(keys))):  # from the last, so that the axes before keep their numbers
            if type(keys[axis]) is int:
                shape, indices = shape[:axis] + shape[axis + 1 :], (*indices, (axis, keys[axis]))
        return Picked(Value(self.value.name, shape), indices)


def write_pick(graph: Graph, part: Any, found: Any, to: str) -> Value:
    """What a function picks of (output, state); WeightsError for one that does anything else."""
    try:
        picked = part(found)
    except Exception:  # whatever it makes of what can only be indexed
        picked = None
    if not isinstance(picked, Picked):
        raise WeightsError(
            f"{part!r} comes after a recurrent layer, where it has to pick of (output, state) by whole numbers, "
            "as in lambda found: found[0][-1]"
        )
    name = picked.value.name
    for k, (axis, position) in enumerate(picked.indices):
        last = to if k + 1 == len(picked.indices) else f"{to}.{k}"
        name = graph.node("Gather", [name, graph.array(f"{to}.at{k}", np.asarray(position))], last, axis=axis)
    return Value(name if picked.indices else graph.node("Identity", [name], to), picked.value.shape)
