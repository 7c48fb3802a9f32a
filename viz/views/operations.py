"""The op view: every vertex and every edge of a graph, once, in the boxes of the modules and time steps it was made in.

Nodes are named ``v<id>`` with the ids of ``tg.graph_of``, so the text is the same in every process. What is closed, a
module or a run of equal steps, is one box for all that is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from tinygrad_lstm.graph import Vertex
from viz.diagram.collapse import Operation, OperationLink, Quotient
from viz.diagram.names import SYMBOLS, Names, brief, classes, is_leaf, slashed
from viz.diagram.templates import kind_of_gate
from viz.encode.operations import OperationEncoding
from viz.geometry import Placement
from viz.scene.marks import Cluster, Edge, Node, Row, Scene, Span, rows
from viz.style.text import quantity, width_of_text
from viz.style.theme import Theme
from viz.views.tooltips import describe_edges, describe_vertex

Place: TypeAlias = Callable[[Quotient, Mapping[str, Node]], Placement]  # a layout of boxes whose sizes are known
HEIGHT = 30  # points, of a box with two rows


def draw_operations(scene: Scene, encoding: OperationEncoding, place: Place) -> None:
    """Put a graph into a scene, laid out by ``place``."""
    quotient = encoding.quotient
    looks = {name: _look(node, quotient.names, scene.theme) for name, node in quotient.nodes.items()}
    placement, members = place(quotient, looks), quotient.members
    for path, name in quotient.clusters.items():
        if path:
            caption: Row = (Span(brief(path[-1][0]), 11, scene.theme.quiet),)
            fill = scene.theme.panel if len(path) % 2 else scene.theme.paper
            cluster = Cluster(name, placement.clusters[name], fill, scene.theme.frame, caption, (slashed(path),))
            scene.add(replace(cluster, parent=quotient.clusters[path[:-1]]))
    for name, look in looks.items():
        place_of = {"middle": placement.middles[name], "size": placement.sizes[name], "cluster": members[name]}
        keys = tuple(vertex.id for vertex in quotient.nodes[name].vertices)
        scene.add(replace(look, left=placement.sizes[name] != look.size, keys=keys, **place_of))  # type: ignore[arg-type]  # fields of Node
    labelled: set[tuple[str, int]] = set()  # values whose shape stands at one of their lines
    for link in quotient.links:
        value = link.source, link.edges[0].index
        has_label = len({edge.shape for edge in link.edges}) == 1 and value not in labelled
        labelled |= {value} if has_label else set()
        scene.add(_edge(link, encoding, placement, has_label))


def _edge(link: OperationLink, encoding: OperationEncoding, placement: Placement, has_label: bool) -> Edge:
    """A line with its numbers; the shape of the value stands at one of its lines."""
    names, amount = encoding.quotient.names, encoding.amount(link.id)
    return Edge(
        link.id, link.source, link.reader, placement.points[link.id], encoding.stroke(link.id, link.edges),
        label="×".join(map(str, link.edges[0].shape)) if has_label else "",
        tooltip=(*filter(None, [amount]), *describe_edges(names, link.edges)),
        data={"class": " ".join(classes(names.graph, link.edges))},
        keys=tuple((edge.reader, edge.position) for edge in link.edges),
    )  # fmt: skip


def _look(node: Operation, names: Names, theme: Theme) -> Node:
    """What a node looks like, in its size: its kind by shape and colour, its name and its operation as the label."""
    if node.closed is None:
        look = _look_of_vertex(node.first, names, theme)
    else:
        words = rows(brief(node.closed[-1][0]), quantity(len(node.vertices), "vertex", "vertices"))
        look = Node("", (0.0, 0.0), (0, 0), words, "block", theme.weight, theme.panel, tooltip=(slashed(node.closed),))
    lines = ["".join(span.text for span in row) for row in look.rows]
    width = max(27.0, width_of_text(max(lines, key=len), 12) + 14)
    height = 2 * HEIGHT / 3 if len(lines) < 2 else float(HEIGHT)
    side = min(width, 26.0)
    return replace(look, id=node.id, size=(side, side) if look.shape == "disc" else (width, height))


def _look_of_vertex(vertex: Vertex, names: Names, theme: Theme) -> Node:
    name, symbol = brief(names.of(vertex)), SYMBOLS.get(vertex.op, vertex.op)
    tooltip = describe_vertex(names, vertex)

    def node(words: tuple[Row, ...], shape: str, line: str, fill: str, **more: object) -> Node:
        return Node("", (0.0, 0.0), (0, 0), words, shape, line, fill, tooltip=tooltip, **more)  # type: ignore[arg-type]  # a Shape

    if names.is_state(vertex):
        hue = theme.carry if vertex.label == "c" else theme.crossing
        words = rows(name or vertex.kind) if is_leaf(vertex) else rows(*filter(None, [name, symbol]))
        return node(words, "round", hue, theme.fill_of(hue), width=2.0)
    if vertex.kind == "parameter":
        return node(rows(name or "leaf"), "hexagon", theme.weight, theme.fill_of(theme.weight))
    if vertex.kind == "input":
        return node(rows(name), "flag", theme.weight, theme.panel)
    if vertex.kind == "constant":
        cut = "detached" in vertex.params
        words = rows(
            *(["✂ detached", name] if cut and name else ["✂ detached"] if cut else ["constant"]), colour=theme.quiet
        )
        return node(words, "round", theme.weight, theme.paper, dashed=True)
    words = rows(*filter(None, [name, symbol]))
    if names.is_result(vertex):
        words = rows(*filter(None, [name, symbol]), colour=theme.on_loss)
        return node(words, "round", theme.loss, theme.loss)
    if name:
        gate = kind_of_gate(vertex.label) if vertex.step is not None else ""
        hue = {"gate": theme.gate, "candidate": theme.candidate}.get(gate, theme.ink)
        return node(words, "box", hue, theme.paper if hue == theme.ink else theme.fill_of(hue))
    return node(words, "disc" if len(symbol) == 1 else "round", theme.ink, theme.paper)
