"""The strongest single path from a loss to a tensor: of all paths through the graph, the one that carries most.

Each edge has a gain, ‖what it hands on‖ / ‖what its reader received‖; a path's strength is the product of its gains.
The largest is found edge by edge, newest first, as backward itself walks: (max, ×) in place of (+, ×).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.arguments import LOSS, TENSOR, takes
from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.node import Edge, Node
from tinygrad_lstm.engine.tensor import Tensor, seed
from tinygrad_lstm.engine.through import join_outer_hook
from tinygrad_lstm.errors import GradError
from tinygrad_lstm.paths.edges import EdgeClass, composed_nodes, edge_class, name_at_step
from tinygrad_lstm.tables import Column, Table, as_html


class PathEdge(NamedTuple):
    """One edge of the path, and its gain."""

    edge: Edge
    kind: EdgeClass
    gain: float


class StrongestPath(NamedTuple):
    """The edges from the loss down to the tensor, and the product of their gains; its logarithm, for it can be tiny."""

    edges: tuple[PathEdge, ...]
    strength: float
    log_strength: float

    def __str__(self) -> str:
        """A line for each edge, from the loss down: reader, source, name of the input, and gain."""
        lines = [self._title()]
        for step in self.edges:
            reader, source = name_at_step(step.edge.reader), name_at_step(step.edge.source, step.edge.index)
            lines.append(f"{reader:>16} -> {source:<16} by {step.edge.name:<10} {step.kind:<9} × {step.gain:.4g}")
        return "\n".join(lines)

    def _title(self) -> str:
        return f"strongest path: {len(self.edges)} edges, their gains multiplied {self.strength:.4g}"

    def _repr_html_(self) -> str:
        columns = [*(Column(head, words=True) for head in ("reader", "source", "by", "class")), Column("gain")]
        rows = [
            (name_at_step(edge.reader), name_at_step(edge.source, edge.index), edge.name, kind, f"× {gain:.4g}")
            for edge, kind, gain in self.edges
        ]
        return as_html(iter([Table(self._title(), columns, rows)]))

    def __reduce__(self) -> Any:
        raise GradError(
            "a strongest path holds vertices of the graph, so it cannot be copied or pickled: keep str(path)"
        )

    def __repr__(self) -> str:
        return f"StrongestPath({len(self.edges)} edges, strength {self.strength:.4g})"


@takes(loss=LOSS, tensor=TENSOR)
def strongest_path(loss: Tensor, tensor: Tensor) -> StrongestPath:
    """The path of the largest product of gains from a loss to a tensor. Cost: one backward pass.

    Raises GradError where no path leads there, or nothing arrives by any; UnsupportedError for a fused layer.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(np.array(2.0), requires_grad=True)
    >>> y = x * 3.0 + tg.tanh(x)
    >>> [(step.edge.name, step.gain) for step in strongest_path(y, x).edges]
    [('a', 1.0), ('a', 3.0)]
    """
    composed_nodes(loss)
    start = seed(loss, None, False)
    goal = tensor.source.node
    best: dict[Node, float] = {loss.source.node: 0.0}  # the logarithm of the strongest path so far
    came: dict[Node, PathEdge] = {}
    received: dict[Node, float] = {}
    waiting: list[tuple[Edge, float]] = []

    def watch(edge: Edge, g: Any) -> Any:
        waiting.append((edge, float(np.linalg.norm(g))))
        return g

    hook = join_outer_hook(watch)
    for node, g in backpropagate([loss.source], [start], targets={goal}, retain_graph=True, hook=hook):
        parts = g if isinstance(g, list) else [g]
        received[node] = math.sqrt(sum(float(np.vdot(part, part).real) for part in parts))
        for edge, handed in waiting:
            if edge.source is goal and edge.index != tensor.source.index:
                continue  # another output of the same op
            gain = handed / received[node] if received[node] else 0.0
            strength = best.get(node, -math.inf) + (math.log(gain) if gain else -math.inf)
            if strength > best.get(edge.source, -math.inf):
                best[edge.source] = strength
                came[edge.source] = PathEdge(edge, edge_class(edge), gain)
        waiting.clear()
    if goal not in came and goal is not loss.source.node:
        raise GradError(f"no gradient arrives at {goal} by any path")
    edges: list[PathEdge] = []
    node = goal
    while node is not loss.source.node:
        edges.append(came[node])
        node = came[node].edge.reader
    return StrongestPath(tuple(reversed(edges)), math.exp(best[goal]), best[goal])
