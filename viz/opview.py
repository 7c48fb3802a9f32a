"""The op view: every vertex and every edge of a graph, once, in the boxes of the modules and time steps it was made in.

Nodes are named ``v<id>`` with the ids of ``tg.graph_of``, so the text is the same in every process.
"""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import graphviz

import tinygrad_lstm as tg
from tinygrad_lstm.graph import GraphEdge, Vertex
from viz.style import FONT, Theme, letter, printable, subscript

Path_: TypeAlias = tuple[str, ...]  # of scopes

SYMBOLS = {
    "add": "+", "subtract": "−", "multiply": "⊙", "divide": "÷", "negative": "−", "matmul": "@", "power": "xⁿ",
    "sigmoid": "σ", "tanh": "tanh", "sum": "Σ", "mean": "mean", "sqrt": "√", "exp": "exp", "log": "log",
}  # fmt: skip


def op_view(graph: tg.Graph, theme: Theme, depth: int | None = None) -> str:
    """DOT text of a graph; scopes deeper than ``depth`` are one box each.

    >>> from viz.style import THEMES
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> print(op_view(tg.graph_of(x * x), THEMES["light"]).split("v0 -> v1")[0].count("v1 ["))
    1
    """
    if depth is not None and depth < 0:
        raise ValueError(f"depth counts the scopes to open, 0 or more, not {depth}")
    dot = graphviz.Digraph("graph")
    dot.attr("graph", rankdir="LR", newrank="true", bgcolor=theme.paper, fontname=FONT, fontsize="11",
             fontcolor=theme.quiet, nodesep="0.18", ranksep="0.34", pad="0.2")  # fmt: skip
    dot.attr("node", shape="box", style="rounded,filled", fontname=FONT, fontsize="12", fontcolor=theme.ink,
             color=theme.quiet, fillcolor=theme.paper, penwidth="1.3", height="0.3", width="0.3", margin="0.09,0.04")  # fmt: skip
    dot.attr("edge", color=theme.weights, penwidth="1.1", arrowsize="0.6", arrowhead="vee")
    names = _Names(graph)
    boxes = {vertex.id: _box(vertex, depth) for vertex in graph.vertices}
    _add_nodes(dot, graph, names, boxes, theme)
    _add_edges(dot, graph, names, boxes, theme)
    return dot.source


def _box(vertex: Vertex, depth: int | None) -> Path_ | None:
    """The closed scope that a vertex is inside of, if there is one."""
    return vertex.scope[: depth + 1] if depth is not None and len(vertex.scope) > depth else None


# Nodes and the clusters around them ------------------------------------------------------------------------------------


def _add_nodes(
    dot: graphviz.Digraph, graph: tg.Graph, names: _Names, boxes: Mapping[int, Path_ | None], theme: Theme
) -> None:
    clusters: dict[Path_, graphviz.Digraph] = {}
    closed: dict[Path_, list[Vertex]] = {}
    for vertex in graph.vertices:
        box = boxes[vertex.id]
        if box is not None:
            closed.setdefault(box, []).append(vertex)
        scope = vertex.scope if box is None else box[:-1]
        for length in range(1, len(scope) + 1):
            if scope[:length] not in clusters:
                clusters[scope[:length]] = _cluster(len(clusters), scope[length - 1], length, theme)
        if box is None:
            where = clusters[scope] if scope else dot
            where.node(f"v{vertex.id}", id=f"v{vertex.id}", tooltip=names.told(vertex), **_look(vertex, names, theme))
        elif len(closed[box]) == 1:
            closed[box] = [vertex]
    for box, inside in closed.items():
        where = clusters[box[:-1]] if len(box) > 1 else dot
        name = _box_name(inside[0].id)
        label = f"{printable(box[-1])}\n{len(inside)} vertices"
        where.node(name, graphviz.escape(label).replace("\n", "\\n"), id=name, shape="box3d", style="filled",
                   fillcolor=theme.panel, color=theme.weights, tooltip=graphviz.escape("/".join(map(printable, box))))  # fmt: skip
    for scope in sorted(clusters, key=len, reverse=True):  # the inner ones first: a subgraph is copied as it then is
        (clusters[scope[:-1]] if len(scope) > 1 else dot).subgraph(clusters[scope])


def _cluster(number: int, name: str, level: int, theme: Theme) -> graphviz.Digraph:
    cluster = graphviz.Digraph(f"cluster_{number}")
    cluster.attr(
        label=graphviz.escape(printable(name)), labeljust="l", labelloc="b", style="rounded,filled", color=theme.frame, penwidth="1.2",
        fillcolor=theme.panel if level % 2 else theme.paper, fontcolor=theme.quiet, id=f"scope_{number}", tooltip=graphviz.escape(printable(name)),
    )  # fmt: skip
    return cluster


def _look(vertex: Vertex, names: _Names, theme: Theme) -> dict[str, str]:
    """What a vertex looks like: its kind by shape and colour, its name and its operation as the label."""
    name, symbol = names.of(vertex), SYMBOLS.get(vertex.op, vertex.op)
    if vertex.kind == "parameter" and not names.is_start(vertex):
        return {"label": name or "leaf", "shape": "hexagon", "style": "filled", "margin": "0.02,0.02",
                "color": theme.weights, "fillcolor": theme.filled(theme.weights)}  # fmt: skip
    if vertex.kind == "constant":
        return {
            "label": name or "constant",
            "style": "rounded,dashed",
            "color": theme.weights,
            "fontcolor": theme.quiet,
        }
    if vertex.kind == "input" and not names.is_start(vertex):
        return {"label": name, "shape": "cds", "style": "filled", "color": theme.weights, "fillcolor": theme.panel}
    label = (
        f"{name}\\n{graphviz.escape(symbol)}"
        if name and vertex.kind in ("op", "state")
        else name or graphviz.escape(symbol)
    )
    if names.is_state(vertex):
        hue = theme.carried if vertex.label == "c" else theme.gated
        return {"label": label, "penwidth": "2", "color": hue, "fillcolor": theme.filled(hue)}
    if names.is_result(vertex):
        return {"label": label, "color": theme.loss, "fillcolor": theme.loss, "fontcolor": theme.on_loss}
    if name:
        hue = theme.candidate if vertex.op == "tanh" else theme.gate if vertex.op == "sigmoid" else theme.ink
        return {"label": label, "style": "filled", "color": hue, "fillcolor": theme.filled(hue)}
    small = {"shape": "circle", "margin": "0", "width": "0.36", "fixedsize": "true"} if len(symbol) == 1 else {}
    return {"label": label, "color": theme.ink, **small}


# Edges -----------------------------------------------------------------------------------------------------------------


def _add_edges(
    dot: graphviz.Digraph, graph: tg.Graph, names: _Names, boxes: Mapping[int, Path_ | None], theme: Theme
) -> None:
    first: dict[Path_, int] = {}
    for number, box in boxes.items():
        if box is not None:
            first.setdefault(box, number)

    def end(number: int) -> str:
        box = boxes[number]
        return f"v{number}" if box is None else _box_name(first[box])

    folded: dict[tuple[str, str], list[GraphEdge]] = {}
    for edge in graph.edges:
        source, target = end(edge.source), end(edge.target)
        if boxes[edge.source] is None and boxes[edge.target] is None:
            _edge(dot, source, target, [edge], graph, names, theme)
        elif source != target:
            folded.setdefault((source, target), []).append(edge)
    for (source, target), edges in folded.items():
        _edge(dot, source, target, edges, graph, names, theme)


def _edge(
    dot: graphviz.Digraph, source: str, target: str, edges: list[GraphEdge], graph: tg.Graph, names: _Names,
    theme: Theme,
) -> None:  # fmt: skip
    """One line; its id names the input, for two inputs of an operation may read the same value."""
    look: dict[str, str] = {"weight": "2"}
    if all(names.is_shared(edge.source) for edge in edges):
        look = {"weight": "0", "penwidth": "0.8"}  # it must not pull every step towards the weights
    if any(edge.tag == "carry" for edge in edges):
        look = {"weight": "8", "color": theme.carried, "penwidth": "2.4"}
    if any(names.hands_on(edge) for edge in edges):
        look["minlen"] = "2"  # room for the next step's input, so that the steps stand side by side
    if not any(graph.vertices[edge.source].requires_grad for edge in edges):
        look = {"color": theme.forward, **look, "style": "dashed"}
    told = "\n".join(names.told_edge(edge) for edge in edges[:8]) + ("\n..." if len(edges) > 8 else "")
    suffix = f"-{edges[0].position}" if len(edges) == 1 else ""
    dot.edge(
        source, target, id=f"{source}-{target}{suffix}", edgetooltip=graphviz.escape(told).replace("\n", "\\n"), **look
    )


def _box_name(first: int) -> str:
    return f"scope_of_v{first}"


# Names -----------------------------------------------------------------------------------------------------------------


class _Names:
    """What the vertices of one graph are called, and what hovering over them tells."""

    def __init__(self, graph: tg.Graph) -> None:
        self.graph = graph
        self._readers = Counter(edge.source for edge in graph.edges)
        self._states = {vertex.label for vertex in graph.vertices if vertex.kind == "state" and vertex.label}
        self._lstms = {vertex.scope for vertex in graph.vertices if vertex.label == "c"}
        self._starts: dict[int, int] = {}  # vertex -> the step before the one that reads it first
        for edge in graph.edges:
            vertex, t = graph.vertices[edge.source], graph.vertices[edge.target].step
            if (
                vertex.label
                and vertex.step is None
                and t is not None
                and _is_leaf(vertex)
                and vertex.label in self._named
            ):
                self._starts.setdefault(vertex.id, t - 1)

    def is_result(self, vertex: Vertex) -> bool:
        """Whether nothing reads it."""
        return not self._readers[vertex.id]

    def is_shared(self, number: int) -> bool:
        """Whether it is a leaf that several operations read, such as the weights."""
        return self._readers[number] > 1 and _is_leaf(self.graph.vertices[number])

    def hands_on(self, edge: GraphEdge) -> bool:
        """Whether it goes from one time step to another."""
        steps = self.graph.vertices[edge.source].step, self.graph.vertices[edge.target].step
        return None not in steps and steps[0] != steps[1]

    @property
    def _named(self) -> set[str]:
        return {vertex.label for vertex in self.graph.vertices if vertex.step is not None and not _is_leaf(vertex)}

    def is_start(self, vertex: Vertex) -> bool:
        """Whether it is a state before the first step."""
        return vertex.id in self._starts

    def is_state(self, vertex: Vertex) -> bool:
        """Whether it is a state, after any step or before the first."""
        return (
            vertex.kind == "state" or self.is_start(vertex) or (vertex.label in self._states and not _is_leaf(vertex))
        )

    def of(self, vertex: Vertex) -> str:
        """The name of a vertex as the equations write it, ready for DOT; empty if nobody gave it one."""
        if not vertex.label:
            return ""
        sign = letter(vertex.label, vertex.scope in self._lstms or self.is_start(vertex))
        t = self._starts.get(vertex.id, vertex.step)
        return str(graphviz.escape(printable(sign))) + (subscript(t) if t is not None else "")

    def told(self, vertex: Vertex) -> str:
        """A vertex for whoever hovers over it: operation, shape, dtype, scope and the line that made it."""
        shapes = (
            " and ".join(map(str, vertex.shapes))
            if len(vertex.shapes) < 4
            else f"{len(vertex.shapes)} x {vertex.shape}"
        )
        params = ", ".join(f"{name}={value}" for name, value in vertex.params.items())
        lines = [f"{vertex.op}({params})" if params else vertex.op, f"{shapes} {vertex.dtype}"]
        if vertex.scope:
            lines.append("/".join(vertex.scope))
        code = linecache.getline(vertex.place.file, vertex.place.line).strip()
        lines.append(f"{Path(vertex.place.file).name}:{vertex.place.line}  {code}".rstrip())
        return _lines(lines)

    def told_edge(self, edge: GraphEdge) -> str:
        """An edge: which input of which operation, what it reads, its tag and its shape."""
        source, target = self.graph.vertices[edge.source], self.graph.vertices[edge.target]
        output = f"[{edge.index}]" if len(source.shapes) > 1 else ""
        tag = f", tagged {edge.tag}" if edge.tag else ""
        return printable(f"{source.op}{output} as {edge.name} of {target.op} {edge.shape}{tag}")


def _is_leaf(vertex: Vertex) -> bool:
    return vertex.kind in ("input", "parameter", "constant")


def _lines(texts: Iterable[str]) -> str:
    """Lines of text as one DOT string."""
    return "\\n".join(str(graphviz.escape(printable(text))) for text in texts)
