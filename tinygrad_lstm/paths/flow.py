"""The gradient as a conserved flow: a signed number for each edge, and at every node inflow = outflow.

Move the source a little in a direction v. Every value x_u then moves by its tangent ẋ_u = (∂x_u/∂source) v, and the
loss by ⟨∂L/∂source, v⟩. The part of that which came through the edge u → w is the contribution of w to u times the
tangent of u:

    flow(u → w) = ⟨ (∂x_w/∂x_u)ᵀ dL/dx_w , ẋ_u ⟩

What flows into a node flows out of it, and every cut between source and loss carries the whole directional derivative,
as in Kirchhoff's law; a test checks both. Two passes find the flow: one of tangents, forward, and one of cotangents,
backward. The tangents need no rules of their own: a rule g ↦ rule(g) is linear in g, and its derivative by g is the
transpose of its matrix, which is the Jacobian that moves a tangent forward.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.arguments import ARRAY, LOSS, TENSOR, integer, takes
from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.changes import freed_error
from tinygrad_lstm.engine.contributions import fit
from tinygrad_lstm.engine.gradients import grad
from tinygrad_lstm.engine.modes import enable_grad
from tinygrad_lstm.engine.node import Edge, Node, topological_order
from tinygrad_lstm.engine.rule_calls import call_rules
from tinygrad_lstm.engine.tensor import Tensor, TensorLike, seed
from tinygrad_lstm.engine.through import join_outer_hook
from tinygrad_lstm.errors import GradError, ShapeError
from tinygrad_lstm.graph import Graph, graph_of
from tinygrad_lstm.paths.edges import EdgeClass, composed_nodes, edge_class
from tinygrad_lstm.tables import Column, Table, Tabular

Array: TypeAlias = np.ndarray
Tangents: TypeAlias = dict[tuple[Node, int], Array]


class FlowEdge(NamedTuple):
    """The flow along one edge. ``source`` and ``reader`` are ids of ``Flow.graph``."""

    source: int
    reader: int
    position: int
    name: str
    kind: EdgeClass
    flow: float


class Flow(Tabular):
    """The flow from one tensor to a loss: ``edges``, ``total`` (the directional derivative), and cuts through it.

    ``inflow`` and ``outflow``: of each vertex of ``graph``; ``cuts["carry"][t]`` is the flow on the belt past step t.
    """

    def __init__(self, graph: Graph, edges: Sequence[FlowEdge], total: float, source: int, loss: int) -> None:
        self.graph, self.edges, self.total = graph, list(edges), total
        self.source, self.loss = source, loss  # ids of the two ends

    @cached_property
    def inflow(self) -> dict[int, float]:
        """The flow into each vertex, from the values that it reads."""
        sums: dict[int, float] = defaultdict(float)
        for edge in self.edges:
            sums[edge.reader] += edge.flow
        return dict(sums)

    @cached_property
    def outflow(self) -> dict[int, float]:
        """The flow out of each vertex, to its readers."""
        sums: dict[int, float] = defaultdict(float)
        for edge in self.edges:
            sums[edge.source] += edge.flow
        return dict(sums)

    @cached_property
    def cuts(self) -> dict[EdgeClass, Array]:
        """For each class of edges, the flow from the steps up to t into everything after: (T + 1,), t = 0 first.

        A flow in the other direction, as in a layer that runs from T to 1, is subtracted. The source lies before every
        cut.
        """
        steps = [vertex.step for vertex in self.graph.vertices]
        T = max((step for step in steps if step is not None), default=0)
        place = [T + 1 if step is None else step for step in steps]
        place[self.source], place[self.loss] = 0, T + 1
        tables: dict[EdgeClass, Array] = defaultdict(lambda: np.zeros(T + 2))
        for edge in self.edges:
            if place[edge.source] != place[edge.reader]:
                tables[edge.kind][place[edge.source]] += edge.flow
                tables[edge.kind][place[edge.reader]] -= edge.flow
        return {kind: tables[kind].cumsum()[:-1] for kind in sorted(tables)}

    @takes(t=integer(0))
    def cut(self, t: int) -> float:
        """The flow from the steps up to t into everything after, over all classes of edges: always the total."""
        return float(sum(table[min(t, len(table) - 1)] for table in self.cuts.values()))

    def _tables(self) -> Iterator[Table]:
        """The flow of each class of edges across each cut; every row sums to the total."""
        parts = list(zip(*self.cuts.values(), strict=True))
        rows = [
            [f"{t}", *(f"{part:.4g}" for part in (*parts[t], self.cut(t)))]
            for t in range(self.graph.vertices[self.source].step or 0, len(parts))
        ]
        title = f"a flow of {self.total:.4g}: what passes from the steps up to t to all after, by class of edge"
        yield Table(title, [Column("t", 5), *(Column(kind, 10) for kind in (*self.cuts, "in all"))], rows)

    def __repr__(self) -> str:
        return f"Flow({self.total:.4g} along {len(self.edges)} edges)"


@takes(loss=LOSS, source=TENSOR, direction=ARRAY.or_none())
def flow(loss: Tensor, source: Tensor, direction: TensorLike = None) -> Flow:
    """The flow on every edge between a tensor and a loss, for a direction v (by default the gradient: total ‖∇‖²).

    v = source ⊙ gradient gives attributions of the input. Cost: one tangent pass (each rule run once, recorded, and
    differentiated) and two backward passes; memory: a tangent for each value between them. The graph is kept.

    Raises GradError for a source that requires no gradient and for a freed graph, ShapeError for a direction of another
    shape, UnsupportedError for a fused layer.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(np.array(3.0), requires_grad=True)
    >>> tg.label(x=x)
    >>> y = x * x + x
    >>> [(edge.name, edge.flow) for edge in flow(y, x, 1.0).edges]
    [('a', 6.0), ('b', 1.0), ('a', 3.0), ('b', 3.0)]
    """
    if not source.requires_grad:
        raise GradError("the source does not require a gradient, so none flows from it")
    composed_nodes(loss)
    (gradient,) = grad(loss, source, retain_graph=True)
    v = np.asarray(gradient.data if direction is None else direction)
    if v.shape != source.shape:
        raise ShapeError(f"a direction of shape {v.shape} for a source of shape {source.shape}")
    graph = graph_of(loss)
    tangents = find_tangents(loss, source, v)
    edges: list[FlowEdge] = []

    def watch(edge: Edge, g: Any) -> Any:
        tangent = tangents.get((edge.source, edge.index))
        if tangent is not None:
            amount = float(np.vdot(g, tangent))
            edges.append(FlowEdge(graph.id_of(edge.source), graph.id_of(edge.reader), edge.position, edge.name,
                                  edge_class(edge), amount))  # fmt: skip
        return g

    start, hook = [seed(loss, None, False)], join_outer_hook(watch)
    for _ in backpropagate([loss.source], start, targets={source.source.node}, retain_graph=True, hook=hook):
        pass
    return Flow(graph, edges, float(np.vdot(gradient.data, v)), graph.id_of(source), graph.id_of(loss))


def find_tangents(loss: Tensor, source: Tensor, direction: Array) -> Tangents:
    """How every value between source and loss moves when the source moves in this direction."""
    tangents: Tangents = {(source.source.node, source.source.index): np.asarray(direction, source.dtype)}
    for node in topological_order([loss.source.node]):
        if node.plan is not None and node is not source.source.node:
            moving = [s is not None and (s.node, s.index) in tangents for s in node.sources]
            if any(moving):
                tangents.update(push_tangents(node, moving, tangents))
    return tangents


def push_tangents(node: Node, moving: Sequence[bool], tangents: Tangents) -> Tangents:
    """The tangents of a node's outputs, from those of its inputs: the vjp of each of its rules."""
    if node.freed_by is not None:
        raise freed_error([node])
    results = [np.zeros(shape, dtype) for shape, dtype in zip(node.shapes, node.dtypes, strict=True)]
    with enable_grad():
        g = [Tensor(np.zeros_like(y), requires_grad=True) for y in results]
        for position, c in call_rules(node, g if len(g) > 1 else g[0], node.kept, only=moving):
            c = fit(c, node, position, g, True)
            if not c.requires_grad:
                continue
            source = node.sources[position]
            assert source is not None
            tangent = tangents[source.node, source.index]
            for k, part in enumerate(grad(c, g, tangent, retain_graph=True, allow_unused=True)):
                if part is not None:
                    results[k] += part.data
    return {(node, k): part for k, part in enumerate(results)}
