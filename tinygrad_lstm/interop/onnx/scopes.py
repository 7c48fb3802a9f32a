"""What a name in an ``.onnx`` file stands for: an array that the file holds, or one made of such arrays alone.

The nodes of a subgraph, of If, Loop or Scan, read the names of the graphs around it too. Exporters seldom hold weights
as a node takes them: they slice, join and transpose them first. Such nodes are run here by ONNX's own reference
implementation, and only those that a weight needs.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.layout import Array
from tinygrad_lstm.interop.onnx.graph import package

RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
NEWER = {"DequantizeLinear": 19}  # the reference has it from this version on, where it means the same
MOST_NODES = 1_000_000  # with functions in place of their calls: a few that call one another make any number
LARGEST = 1 << 28  # elements of an array that a few bytes of a file may ask for


class Scope(NamedTuple):
    """A graph, and the one around it; ``place`` is where in the file it is."""

    model: Any
    folder: Path  # of the file: arrays may be in other files there, and nowhere else
    graph: Any
    outer: Scope | None = None
    place: str = ""

    def array(self, name: str) -> Array:
        """The array of this name; WeightsError, with the reason, where it is known at a run only."""
        wanted, parts, scope = {name}, [], self
        while True:
            part = scope._part(wanted)
            parts.append(part)
            wanted = part.free
            if not wanted or scope.outer is None:
                break
            scope = scope.outer
        if wanted:
            raise WeightsError(f"the file does not hold {', '.join(sorted(wanted))}")
        known: dict[str, Array] = {}
        try:
            for part in reversed(parts):
                known |= part.run(known)
        except WeightsError:
            raise
        except Exception as error:  # of a damaged tensor
            raise WeightsError(f"{name} is not whole ({error})") from error
        if not isinstance(known[name], np.ndarray):
            raise WeightsError(f"{name} is not an array but a {type(known[name]).__name__}")
        return known[name]

    def _part(self, asked: set[str]) -> Part:
        """What this graph has for the names that are asked for."""
        wanted, nodes = set(asked), []
        for node in reversed(self.graph.node):  # in a file, a node comes after those that it reads
            if wanted.isdisjoint(node.output):
                continue
            if node.op_type in RANDOM or node.domain not in ("", "ai.onnx") or _graphs(node):
                raise WeightsError(f"{node.op_type} makes {node.output[0]} when the file runs, so no weight is known")
            wanted = wanted.difference(node.output).union(filter(None, node.input))
            nodes.append(node)
        tensors = [tensor for tensor in self.graph.initializer if tensor.name in wanted]
        free = wanted.difference(tensor.name for tensor in tensors)
        if given := free.intersection(put_in.name for put_in in self.graph.input):
            raise WeightsError(f"{', '.join(sorted(given))} is an input of {self.place or 'the file'}, so not a weight")
        return Part(self, nodes[::-1], tensors, free, asked - free)


class Part(NamedTuple):
    """What one graph does for an array: its nodes in order, the arrays it holds, and the names of graphs around it."""

    scope: Scope
    nodes: list[Any]
    tensors: list[Any]
    free: set[str]
    asked: set[str]

    def run(self, known: dict[str, Array]) -> dict[str, Array]:
        """The arrays that are asked of this graph, where those around it are known."""
        onnx = package()
        for tensor in (*self.tensors, *(attribute.t for node in self.nodes for attribute in node.attribute)):
            self._read_outside(tensor)
        known = known | {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in self.tensors}
        for node in self.nodes:
            try:
                known |= self._result(node, known)
            except WeightsError:
                raise
            except Exception as error:  # from any operator, of what does not fit it
                raise WeightsError(f"{node.op_type} does not give {node.output[0]} ({error})") from error
        return {name: known[name] for name in self.asked}

    def _result(self, node: Any, known: dict[str, Array]) -> dict[str, Array]:
        """The outputs of one node. Its inputs are known, so ONNX knows before it runs how large they are."""
        onnx, names = package(), [name for name in node.output if name]
        arrays = [onnx.numpy_helper.from_array(known[name], name) for name in {*node.input} if name]
        asked = [onnx.helper.make_empty_tensor_value_info(name) for name in names]
        graph = onnx.helper.make_graph([node], "constants", [], asked, arrays)
        of = self.scope.model
        version = max(given.version for given in of.opset_import if given.domain in ("", "ai.onnx"))
        opset = onnx.helper.make_opsetid("", max(version, NEWER.get(node.op_type, 0)))
        model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=of.ir_version)
        for info in onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output:
            shape = tuple([size.dim_value for size in info.type.tensor_type.shape.dim])
            if math.prod(shape) > LARGEST:
                raise WeightsError(f"{info.name} would be an array of shape {shape}: that is too large")
        evaluator = importlib.import_module("onnx.reference").ReferenceEvaluator(model)
        return dict(zip(names, evaluator.run(names, {}), strict=True))

    def _read_outside(self, tensor: Any) -> None:
        """Read an array that is in a file of its own; WeightsError if that is not below the folder."""
        helper = package().external_data_helper
        if not helper.uses_external_data(tensor):
            return
        folder, place = self.scope.folder, helper.ExternalDataInfo(tensor).location
        outside = (folder / place).resolve()
        if not outside.is_relative_to(folder.resolve()) or not outside.is_file():
            raise WeightsError(f"{tensor.name} is in {place!r}, which is no file in the folder {folder}")
        helper.load_external_data_for_tensor(tensor, str(folder))
        tensor.data_location = tensor.DEFAULT


def scopes(path: Path) -> Iterator[Scope]:
    """Every graph of a file, each after the one around it; the file's own functions stand where they are called."""
    onnx = package()
    model = onnx.load(path, load_external_data=False)
    if model.functions:
        _check_size(model)
        model = importlib.import_module("onnx.inliner").inline_local_functions(model)
    waiting = [Scope(model, path.parent, model.graph)]
    for scope in waiting:  # it grows as we go
        yield scope
        for node in scope.graph.node:
            for name, graph in _graphs(node):
                within = f"{node.op_type} {node.name or next(filter(None, node.output), '')!r}, {name}"
                place = f"{scope.place}; {within}" if scope.place else within
                waiting.append(Scope(model, path.parent, graph, scope, place))


def _check_size(model: Any) -> None:
    """WeightsError if the file's functions, in place of their calls, make too many nodes, or call themselves."""
    bodies = {(function.domain, function.name): function for function in model.functions} | {None: model.graph}
    calls = {name: [(node.domain, node.op_type) for node in _nodes(body)] for name, body in bodies.items()}
    known = {name: [call for call in called if call in bodies] for name, called in calls.items()}
    sizes: dict[Any, int] = {}
    try:
        for name in TopologicalSorter(known).static_order():
            sizes[name] = sum(sizes.get(call, 1) for call in calls[name])
    except CycleError:
        raise WeightsError("its functions call one another in a circle") from None
    if max(sizes.values()) > MOST_NODES:
        raise WeightsError(f"its functions, in place of their calls, make more than {MOST_NODES:,} nodes")


def _nodes(body: Any) -> Iterator[Any]:
    """The nodes of a graph or a function, and of the subgraphs in it."""
    waiting = [body]
    for graph in waiting:  # it grows as we go
        yield from graph.node
        waiting += [inner for node in graph.node for _, inner in _graphs(node)]


def _graphs(node: Any) -> list[tuple[str, Any]]:
    """The subgraphs of a node, by the names of its attributes."""
    found = [(attribute.name, attribute.g) for attribute in node.attribute if attribute.HasField("g")]
    return found + [(attribute.name, graph) for attribute in node.attribute for graph in attribute.graphs]
