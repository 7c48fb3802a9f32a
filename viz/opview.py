"""The op view: every vertex and every edge of a graph, once, in the boxes of the modules and time steps it was made in.

Nodes are named ``v<id>`` with the ids of ``tg.graph_of``, so the text is the same in every process. A graph without a
template has no places of its own, so ``dot`` lays it out; what helps it is said at the edges. A large one, and one of
several time steps, is laid out by ``viz.places``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import graphviz

import tinygrad_lstm as tg
from tinygrad_lstm.graph import GraphEdge, Vertex
from viz.names import Names, is_leaf, text
from viz.pinned import width_of_text
from viz.places import BAR, HEIGHT, Places, Spot, places
from viz.style import FONT, POINTS_PER_INCH, Theme, counted

ScopePath: TypeAlias = tuple[str, ...]
Boxes: TypeAlias = Mapping[int, ScopePath | None]  # vertex -> the closed scope that it is in, or None

MOST_BY_DOT = 150  # nodes; dot takes seconds for more

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
    names = Names(graph)
    boxes = {vertex.id: _closed_scope(vertex, depth) for vertex in graph.vertices}
    drawn = _nodes(graph, names, boxes, theme)
    lines = list(_lines(graph, boxes))
    by_hand = len(drawn) > MOST_BY_DOT or len({node.vertex.step for node in drawn.values()} - {None}) > 1
    pinned = places(_spots(graph, names, drawn), [line[:2] for line in lines]) if by_hand else None
    dot = graphviz.Digraph("graph")
    dot.attr("graph", bgcolor=theme.paper, fontname=FONT, fontsize="11", fontcolor=theme.quiet, pad="0.2")
    if pinned:
        dot.attr("graph", layout="nop2", splines="line", outputorder="edgesfirst")
    else:
        dot.attr("graph", rankdir="LR", newrank="true", nodesep="0.18", ranksep="0.34")
    dot.attr(
        "node", shape="box", style="rounded,filled", fontname=FONT, fontsize="12", fontcolor=theme.ink,
        color=theme.quiet, fillcolor=theme.paper, penwidth="1.3", height="0.3", width="0.3", margin="0.09,0.04",
    )  # fmt: skip
    dot.attr("edge", color=theme.weights, penwidth="1.1", arrowsize="0.6", arrowhead="vee")
    _add_nodes(dot, drawn, pinned, theme)
    lanes: dict[ScopePath, int] = {}  # one above the other, for the belts of several layers
    for source, target, edges in lines:
        look = _look_of_line(edges, names, theme)
        if pinned and source in pinned.bars:
            look["pos"] = pinned.riser(source, target)
        elif pinned and any(edge.tag == "carry" for edge in edges):
            vertex = drawn[target].vertex
            chain = tuple(part for part in vertex.scope if part != f"t={vertex.step}")
            look["pos"] = pinned.lane(source, target, lanes.setdefault(chain, len(lanes)))
        number = f"-{edges[0].position}" if len(edges) == 1 else ""  # an operation may read one value twice
        dot.edge(source, target, id=f"{source}-{target}{number}", edgetooltip=names.told_edges(edges), **look)
    return str(dot.source)


def _closed_scope(vertex: Vertex, depth: int | None) -> ScopePath | None:
    return vertex.scope[: depth + 1] if depth is not None and len(vertex.scope) > depth else None


# Nodes, and the clusters around them


@dataclass(frozen=True)
class Drawn:
    """A node of the picture: the clusters it is in, what it looks like, and the first vertex that it stands for."""

    scope: ScopePath
    look: dict[str, str]
    vertex: Vertex


def _nodes(graph: tg.Graph, names: Names, boxes: Boxes, theme: Theme) -> dict[str, Drawn]:
    """Every node to draw, by its name: the vertices, then the closed scopes."""
    drawn: dict[str, Drawn] = {}
    closed: dict[ScopePath, list[int]] = {}
    merged = _merged(graph)

    def clusters_of(scope: ScopePath) -> ScopePath:
        return tuple(name for k, name in enumerate(scope) if scope[: k + 1] not in merged)

    for vertex in graph.vertices:
        box = boxes[vertex.id]
        if box is None:
            look = {**_look(vertex, names, theme), "tooltip": names.told(vertex)}
            drawn[f"v{vertex.id}"] = Drawn(clusters_of(vertex.scope), look, vertex)
        else:
            closed.setdefault(box, []).append(vertex.id)
    for box, inside in closed.items():
        look = {
            "label": text(box[-1], counted(len(inside), "vertex", "vertices")), "shape": "box3d", "style": "filled",
            "fillcolor": theme.panel, "color": theme.weights, "tooltip": text("/".join(box)),
        }  # fmt: skip
        drawn[f"scope_of_v{inside[0]}"] = Drawn(clusters_of(box[:-1]), look, graph.vertices[inside[0]])
    return drawn


def _spots(graph: tg.Graph, names: Names, drawn: Mapping[str, Drawn]) -> dict[str, Spot]:
    """What a layout of our own needs of each node: a block is a time step, or a run of what is made in one scope."""
    spots: dict[str, Spot] = {}
    blocks: dict[tuple[ScopePath, int], int] = {}
    run, last = 0, ScopePath()
    for name, node in sorted(drawn.items(), key=lambda item: item[1].vertex.id):
        vertex = node.vertex
        width = max(27.0, width_of_text(max(node.look["label"].split("\\n"), key=len), 12) + 14)
        if is_leaf(vertex) and not vertex.scope and not names.is_start(vertex):
            spots[name] = Spot(width, None)
            continue
        step = next((k + 1 for k, part in enumerate(vertex.scope) if part == f"t={vertex.step}"), None)
        scope = vertex.scope[:step]
        if not is_leaf(vertex):
            run += scope != last
            last = scope
        block = blocks.setdefault((scope, 0 if step or is_leaf(vertex) else run), len(blocks))
        spots[name] = Spot(width, (block, blocks.setdefault((node.scope, -1), len(blocks)) if step else 0))
    return spots


def _add_nodes(dot: graphviz.Digraph, drawn: Mapping[str, Drawn], pinned: Places | None, theme: Theme) -> None:
    members: dict[ScopePath, list[str]] = {}  # of every cluster, those deeper inside included
    for name, node in drawn.items():
        for length in range(1, len(node.scope) + 1):
            members.setdefault(node.scope[:length], []).append(name)
    clusters = {(): dot, **{scope: _cluster(k, scope, theme) for k, scope in enumerate(members, start=1)}}
    for name, node in drawn.items():
        look = dict(node.look)
        if pinned:
            x, y = pinned.middles[name]
            look |= {"pos": f"{x:g},{y:g}", "width": f"{pinned.widths[name] / POINTS_PER_INCH:.3f}"}
            height = BAR if name in pinned.bars else 2 * HEIGHT / 3 if "\\n" not in node.look["label"] else HEIGHT
            look |= {"fixedsize": "true", "height": f"{height / POINTS_PER_INCH:.3f}"}
            if name in pinned.bars:
                look["label"] = f"  {look['label']}\\l"
            if name in pinned.bars and look.get("shape") == "hexagon":
                look |= {"shape": "box", "style": "rounded,filled", "penwidth": "1"}
        clusters[node.scope].node(name, id=name, **look)
    if pinned:
        for scope, names in members.items():
            inner = max(len(drawn[name].scope) for name in names) - len(scope)
            clusters[scope].attr(bb=",".join(f"{edge:g}" for edge in pinned.around(names, inner)))
    for scope in sorted(members, key=len, reverse=True):  # inner ones first: what is put in is put in as it is
        clusters[scope[:-1]].subgraph(clusters[scope])


def _merged(graph: tg.Graph) -> set[ScopePath]:
    """The scopes that get no cluster of their own: the only one in a time step has nothing to tell apart."""
    steps = {
        vertex.scope[:k]
        for vertex in graph.vertices
        for k in range(1, len(vertex.scope))
        if vertex.scope[k - 1] == f"t={vertex.step}"
    }
    inner: dict[ScopePath, set[ScopePath]] = {}
    for vertex in graph.vertices:
        for k in range(1, len(vertex.scope)):
            if vertex.scope[:k] in steps:
                inner.setdefault(vertex.scope[:k], set()).add(vertex.scope[: k + 1])
    return {scope for scopes in inner.values() if len(scopes) == 1 for scope in scopes}


def _cluster(number: int, scope: ScopePath, theme: Theme) -> graphviz.Digraph:
    cluster = graphviz.Digraph(f"cluster_{number}")
    cluster.attr(
        label=text(scope[-1]), labeljust="l", labelloc="t", style="rounded,filled", color=theme.frame, penwidth="1.2",
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
