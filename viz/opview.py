"""The op view: every vertex and every edge of a graph, once, in the boxes of the modules and time steps it was made in.

Nodes are named ``v<id>`` with the ids of ``tg.graph_of``, so the text is the same in every process. A graph without a
template has no places of its own, so ``dot`` lays it out; what helps it is said at the edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import graphviz

import tinygrad_lstm as tg
from tinygrad_lstm.graph import GraphEdge, Vertex
from viz.names import Names, is_leaf, text
from viz.style import FONT, Theme

ScopePath: TypeAlias = tuple[str, ...]
Boxes: TypeAlias = Mapping[int, ScopePath | None]  # vertex -> the closed scope that it is in, or None

SYMBOLS = {
    "add": "+", "subtract": "−", "multiply": "⊙", "divide": "÷", "negative": "−", "matmul": "@", "power": "xⁿ",
    "sigmoid": "σ", "sum": "Σ", "sqrt": "√",
}  # fmt: skip


def op_view(graph: tg.Graph, theme: Theme, depth: int | None = None) -> str:
    """DOT text of a graph; scopes deeper than ``depth`` are one box each.

    >>> from viz.style import THEMES
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> source = op_view(tg.graph_of(x * x), THEMES["light"])
    >>> source.count("v0 -> v1")
    2
    """
    if depth is not None and depth < 0:
        raise ValueError(f"depth counts the scopes to open, 0 or more, not {depth}")
    dot = graphviz.Digraph("graph")
    dot.attr(
        "graph", rankdir="LR", newrank="true", bgcolor=theme.paper, fontname=FONT, fontsize="11",
        fontcolor=theme.quiet, nodesep="0.18", ranksep="0.34", pad="0.2",
    )  # fmt: skip
    dot.attr(
        "node", shape="box", style="rounded,filled", fontname=FONT, fontsize="12", fontcolor=theme.ink,
        color=theme.quiet, fillcolor=theme.paper, penwidth="1.3", height="0.3", width="0.3", margin="0.09,0.04",
    )  # fmt: skip
    dot.attr("edge", color=theme.weights, penwidth="1.1", arrowsize="0.6", arrowhead="vee")
    names = Names(graph)
    boxes = {vertex.id: _closed_scope(vertex, depth) for vertex in graph.vertices}
    _add_nodes(dot, graph, names, boxes, theme)
    for source, target, edges in _lines(graph, boxes):
        look = _look_of_line(edges, names, theme)
        number = f"-{edges[0].position}" if len(edges) == 1 else ""  # an operation may read one value twice
        dot.edge(source, target, id=f"{source}-{target}{number}", edgetooltip=names.told_edges(edges), **look)
    return str(dot.source)


def _closed_scope(vertex: Vertex, depth: int | None) -> ScopePath | None:
    return vertex.scope[: depth + 1] if depth is not None and len(vertex.scope) > depth else None


# Nodes, and the clusters around them


def _add_nodes(dot: graphviz.Digraph, graph: tg.Graph, names: Names, boxes: Boxes, theme: Theme) -> None:
    clusters: dict[ScopePath, graphviz.Digraph] = {(): dot}
    closed: dict[ScopePath, list[int]] = {}

    def cluster(scope: ScopePath) -> graphviz.Digraph:
        for length in range(1, len(scope) + 1):
            if scope[:length] not in clusters:
                clusters[scope[:length]] = _cluster(len(clusters), scope[:length], theme)
        return clusters[scope]

    for vertex in graph.vertices:
        box = boxes[vertex.id]
        if box is None:
            name = f"v{vertex.id}"
            cluster(vertex.scope).node(name, id=name, tooltip=names.told(vertex), **_look(vertex, names, theme))
        else:
            closed.setdefault(box, []).append(vertex.id)
    for box, inside in closed.items():
        name = f"scope_of_v{inside[0]}"
        cluster(box[:-1]).node(
            name, text(box[-1], f"{len(inside)} vertices"), id=name, shape="box3d", style="filled",
            fillcolor=theme.panel, color=theme.weights, tooltip=text("/".join(box)),
        )  # fmt: skip
    for scope in sorted(clusters, key=len, reverse=True)[:-1]:  # inner ones first: what is put in is put in as it is
        clusters[scope[:-1]].subgraph(clusters[scope])


def _cluster(number: int, scope: ScopePath, theme: Theme) -> graphviz.Digraph:
    cluster = graphviz.Digraph(f"cluster_{number}")
    cluster.attr(
        label=text(scope[-1]), labeljust="l", labelloc="b", style="rounded,filled", color=theme.frame, penwidth="1.2",
        fillcolor=theme.panel if len(scope) % 2 else theme.paper, fontcolor=theme.quiet, id=f"scope_{number}",
        tooltip=text("/".join(scope)),
    )  # fmt: skip
    return cluster


def _look(vertex: Vertex, names: Names, theme: Theme) -> dict[str, str]:
    """What a vertex looks like: its kind by shape and colour, its name and its operation as the label."""
    name, symbol = names.of(vertex), SYMBOLS.get(vertex.op, vertex.op)
    if names.is_state(vertex):
        hue = theme.carried if vertex.label == "c" else theme.gated
        label = text(name) if is_leaf(vertex) else text(name, symbol)
        return {"label": label, "penwidth": "2", "color": hue, "fillcolor": theme.filled(hue)}
    if vertex.kind == "parameter":
        fill = theme.filled(theme.weights)
        return {"label": text(name or "leaf"), "shape": "hexagon", "style": "filled", "margin": "0.02",
                "color": theme.weights, "fillcolor": fill}  # fmt: skip
    if vertex.kind == "input":
        return {
            "label": text(name),
            "shape": "cds",
            "style": "filled",
            "color": theme.weights,
            "fillcolor": theme.panel,
        }
    if vertex.kind == "constant":
        return {"label": "constant", "style": "rounded,dashed", "color": theme.weights, "fontcolor": theme.quiet}
    label = text(*filter(None, [name, symbol]))
    if names.is_result(vertex):
        return {"label": label, "color": theme.loss, "fillcolor": theme.loss, "fontcolor": theme.on_loss}
    if name:
        hue = {"sigmoid": theme.gate, "tanh": theme.candidate}.get(vertex.op, theme.ink)
        fill = theme.paper if hue == theme.ink else theme.filled(hue)
        return {"label": label, "style": "filled", "color": hue, "fillcolor": fill}
    round_one = {"shape": "circle", "margin": "0", "width": "0.36", "fixedsize": "true"} if len(symbol) == 1 else {}
    return {"label": label, "color": theme.ink, **round_one}


# Lines


def _lines(graph: tg.Graph, boxes: Boxes) -> Iterator[tuple[str, str, list[GraphEdge]]]:
    """The lines to draw: one for each edge, but one for all that lead from or to a closed scope the same way."""
    first: dict[ScopePath, int] = {}
    for vertex, box in boxes.items():
        if box is not None:
            first.setdefault(box, vertex)

    def end(vertex: int) -> str:
        box = boxes[vertex]
        return f"v{vertex}" if box is None else f"scope_of_v{first[box]}"

    folded: dict[tuple[str, str], list[GraphEdge]] = {}
    for edge in graph.edges:
        source, target = end(edge.source), end(edge.target)
        if boxes[edge.source] is None and boxes[edge.target] is None:
            yield source, target, [edge]
        elif source != target:
            folded.setdefault((source, target), []).append(edge)
    for (source, target), edges in folded.items():
        yield source, target, edges


def _look_of_line(edges: list[GraphEdge], names: Names, theme: Theme) -> dict[str, str]:
    """Colour and dash of a line, and what makes a layout of it in which time runs to the right."""
    ends = [(names.vertices[edge.source], names.vertices[edge.target]) for edge in edges]
    look = {"weight": "2"}
    if all(names.is_shared(source) for source, _ in ends):
        look = {"weight": "0", "penwidth": "0.8"}  # the weights must not pull every step to where they are
    if any(edge.tag == "carry" for edge in edges):
        look = {"weight": "8", "color": theme.carried, "penwidth": "2.4"}
    if any(None not in (pair := {source.step, target.step}) and len(pair) > 1 for source, target in ends):
        look["minlen"] = "2"  # room for the next step's input, so that the steps stand side by side
    if not any(source.requires_grad for source, _ in ends):
        look = {"color": theme.forward, **look, "style": "dashed"}
    return look
