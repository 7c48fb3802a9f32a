"""What a graph costs: ops that wait for each other, the shortest path to a tensor, and the bytes kept for backward."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.engine.node import topological_order

VIEWS = {  # ops that compute nothing
    "reshape", "swapaxes", "transpose", "split", "stack", "unstack", "index", "expand_dims", "squeeze", "concatenate",
    "broadcast_to",
}  # fmt: skip


def depth(output: tg.Tensor) -> int:
    """How many ops have to wait for each other: the longest path through the graph, views not counted."""
    graph = tg.graph_of(output)
    longest = [0] * len(graph.vertices)
    for edge in graph.edges:  # of a vertex one after the other, so what it reads is known
        op = graph.vertices[edge.reader]
        longest[edge.reader] = max(longest[edge.reader], longest[edge.source] + (op.op not in VIEWS))
    return max(longest)


def distance(output: tg.Tensor, tensor: tg.Tensor) -> int:
    """How many ops are on the shortest path from a tensor to an output, views not counted."""
    graph = tg.graph_of(output)
    shortest = {graph.id_of(tensor): 0}
    for edge in graph.edges:
        if edge.source in shortest:
            far = shortest[edge.source] + (graph.vertices[edge.reader].op not in VIEWS)
            shortest[edge.reader] = min(far, shortest.get(edge.reader, far))
    return shortest[graph.id_of(output)]


def products(output: tg.Tensor) -> int:
    """The multiplications in all matrix products of a graph."""
    graph = tg.graph_of(output)
    inner = {edge.reader: edge.shape[-1] for edge in graph.edges if edge.position == 0}
    return sum(int(np.prod(v.shape)) * inner[v.id] for v in graph.vertices if v.op in ("linear", "matmul"))


def kept_bytes(loss: tg.Tensor) -> int:
    """The bytes of the arrays that a graph keeps for its backward pass, each array once."""
    arrays: dict[int, np.ndarray] = {}
    for node in topological_order([loss.source.node]):
        for value in node.kept if isinstance(node.kept, tuple) else ():
            for array in value if isinstance(value, tuple | list) else (value,):
                while isinstance(array, np.ndarray) and isinstance(array.base, np.ndarray):
                    array = array.base
                if isinstance(array, np.ndarray):
                    arrays[id(array)] = array
    return sum(array.nbytes for array in arrays.values())
