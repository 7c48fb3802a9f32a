"""Which element of a picture is which part of the graph: what the player lights up at each step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from viz.cellview import cell_view
from viz.describe import in_words_of
from viz.gradients import flow_of
from viz.opview import op_view
from viz.picture import self_describing
from viz.render import render
from viz.roles import OUTSIDE, WEIGHTS, EdgeKey, Line, Unrolled, unrolled
from viz.style import THEMES, counted


@dataclass(frozen=True)
class Figure:
    """A picture of a graph, as SVG in the light theme's colours, and the ids of its elements.

    An element of an edge may tell its route as ``data-route``: carried, gated or weights.
    """

    title: str
    description: str
    svg: str
    graph: tg.Graph
    nodes: dict[int, tuple[str, ...]]  # vertex -> the elements that stand for it; a vertex may be in none
    edges: dict[EdgeKey, str]  # reading vertex and which of its inputs -> the element of its line
    routes: tuple[str, ...] = ()  # what the carried route and the gated one are called, where there are two
    known: dict[int, Any] | None = None  # values of vertices


def op_figure(loss: tg.Tensor) -> Figure:
    """The op view of a loss: every vertex and every edge is an element of its own."""
    graph = tg.graph_of(loss)
    size = f"{counted(len(graph.vertices), 'vertex', 'vertices')} and {counted(len(graph.edges), 'edge')}"
    title = f"Computation graph: {size}"
    return Figure(
        title=title,
        description=f"A graph of {size}, from its leaves to the loss.",
        svg=_svg(op_view(graph, THEMES["light"]), title, "Values run left to right, gradients right to left."),
        graph=graph,
        nodes={vertex.id: (f"v{vertex.id}",) for vertex in graph.vertices},
        edges={(e.target, e.position): f"v{e.source}-v{e.target}-{e.position}" for e in graph.edges},
    )


def cell_figure(loss: tg.Tensor, chain: nn.Chain) -> Figure:
    """The cell view of a chain, every step of it.

    Raises NoCellViewError where no template fits the cell, GradError where the loss does not depend on the chain.
    """
    tensors = [tensor for step in (chain.initial, *chain.steps) for tensor in step.named.values()]
    tensors += chain.cell.parameters()
    graph = tg.graph_of([loss, *tensors])
    found = unrolled(graph, chain)
    flow = flow_of(loss, found)
    title = f"Where the gradient of L flows: one {found.template.cell}, {counted(found.last, 'time step')}"
    description = in_words_of(found, flow)
    return Figure(
        title, description, _svg(cell_view(found, flow, THEMES["light"], title), title, description), graph,
        _nodes(found), {(edge.target, edge.position): _id(line, found) for line in found.lines for edge in line.edges},
        routes=(("C", "h") if found.template.cell == "LSTM" else ("carried", "gates")) if found.template.belt else (),
        known={vertex: t.data for t in tensors if len(graph.vertices[vertex := graph.id_of(t)].shapes) == 1},
    )  # fmt: skip


def _svg(source: str, title: str, description: str) -> str:
    svg = self_describing(render(source, "svg").decode(), title, description)
    return re.sub(r'class="edge (carried|gated|weights|forward)"', r'class="edge" data-route="\1"', svg)


def _id(line: Line, found: Unrolled) -> str:
    (source, t), (target, u) = line.source, line.target
    if target == OUTSIDE:
        return f"{source}_{t}-loss_{source}_{t}" if t < found.last else f"{source}_{t}-loss_{t}"
    return f"weights_{target}_{u}-{target}_{u}" if source == WEIGHTS else f"{source}_{t}-{target}_{u}"


def _nodes(found: Unrolled) -> dict[int, tuple[str, ...]]:
    """Boxes, and for a state the pill with the line to it as well; what comes after the chain is the loss."""
    graph, chain, template = found.graph, found.chain, found.template
    nodes: dict[int, tuple[str, ...]] = {
        vertex: (f"{role}_{t}",) for (role, t), vertices in found.parts.items() for vertex in vertices
    }
    after = _after(graph, nodes)
    nodes |= {graph.id_of(step.x): (f"x_{step.t}",) for step in chain.steps if graph.id_of(step.x) not in nodes}
    nodes |= dict.fromkeys(found.parameters, ("weights",))
    for name, t in found.states():
        vertex, pill = graph.id_of(found.state(name, t)), f"{name}_{t}"
        made = nodes.get(vertex, ())
        way = f"{template.made_in[name]}_{t}-{pill}"
        nodes[vertex] = (*made, pill, way) if t else (*made, pill)
    nodes |= dict.fromkeys(after, (f"loss_{found.last}",))
    for line in found.lines:  # what reads an earlier state has a small pill beside it
        if line.target[0] == OUTSIDE and line.target[1] < found.last:
            for edge in line.edges:
                nodes[edge.target] += (f"loss_{line.source[0]}_{line.source[1]}",)
    return nodes


def _after(graph: tg.Graph, members: Iterable[int]) -> list[int]:
    """The vertices that read the members, directly or not, and are none of them."""
    reached, after = set(members), dict[int, None]()
    for edge in graph.edges:  # in the order of their targets
        if edge.source in reached and edge.target not in reached:
            reached.add(edge.target)
            after[edge.target] = None
    return list(after)
