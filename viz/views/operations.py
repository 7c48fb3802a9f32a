"""The op view: every vertex and every edge of a graph, once, in the boxes of the modules and time steps it was made in.

Nodes are named ``v<id>`` with the ids of ``tg.graph_of``, so the text is the same in every process. What is closed, a
module or a run of equal steps, is one box for all that is in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from tinygrad_lstm.graph import Vertex
from viz.diagram.blocks import cluster_of
from viz.diagram.collapse import Operation, OperationLink, Quotient
from viz.diagram.names import SYMBOLS, Names, brief, classes, is_leaf, slashed
from viz.diagram.templates import kind_of_gate
from viz.encode.operations import OperationEncoding
from viz.layout.geometry import Drawing, Path, Rect
from viz.scene.marks import Cluster, Edge, Node, Row, Scene, Shape, Span, rows
from viz.style.stroke import Stroke
from viz.style.text import quantity
from viz.style.theme import Colour, Theme
from viz.views.operation_places import chip_name, chip_of
from viz.views.shape_labels import shape_labels
from viz.views.tooltips import describe_edges, describe_vertex

Looks: TypeAlias = Mapping[str, Node]
Layout: TypeAlias = Callable[[Quotient, Looks, Mapping[str, float]], Drawing]  # of nodes and lines of these widths
HEIGHT, DISC = 30.0, 26.0  # points: of a box with two rows, of a disc


def draw_operations(scene: Scene, encoding: OperationEncoding, layout: Layout) -> None:
    """Put a graph into a scene, its places found by ``layout``."""
    quotient, theme = encoding.quotient, scene.theme
    looks = {name: _look(node, quotient.names, theme) for name, node in quotient.nodes.items()}
    strokes = {link.id: encoding.stroke(link.id, link.edges) for link in quotient.links}
    drawing = layout(quotient, looks, {name: stroke.width for name, stroke in strokes.items()})
    _add_panels(scene, quotient, drawing)
    for name, look in looks.items():
        scene.add(_placed(look, drawing.boxes[name], drawing.inside[name]))
    for link in quotient.links:
        if (chip := chip_of(link)) in drawing.boxes:
            look = looks[link.source]
            words = rows(chip_name(quotient.nodes[link.source]), colour=look.line)
            scene.add(_placed(replace(look, id=chip, shape="round", rows=words, width=0.8), drawing.boxes[chip]))
        scene.add(_edge(link, encoding, strokes[link.id], drawing.paths[link.id]))
    scene.add(*shape_labels(quotient, drawing, scene.edges, theme.quiet))


def _add_panels(scene: Scene, quotient: Quotient, drawing: Drawing) -> None:
    """The grounds of modules and time steps, outer ones first, each caption right of what comes down through it."""
    theme, paths = scene.theme, {name: path for path, name in quotient.clusters.items()}
    upright = sorted(
        (x, min(y, v), max(y, v)) for way in drawing.paths.values() for (x, y), (u, v) in pairwise(way) if x == u
    )
    for name in sorted(drawing.panels, key=lambda name: len(paths[cluster_of(name)])):
        path, box = paths[cluster_of(name)], drawing.panels[name]
        words, left = Span(brief(path[-1][0]), 12, theme.quiet), box.left + 14
        for x, low, high in upright[bisect_left(upright, (box.left,)) :]:
            if x > left + words.width + 4:
                break
            left = max(left, x + 6) if low < box.top - 4 and high > box.top - 20 else left
        fill = theme.panel if len(path) % 2 else theme.paper
        scene.add(Cluster(name, box, fill, theme.frame, (words,), (slashed(path),), drawing.inside[name],
                          indent=left - box.left))  # fmt: skip


def _placed(look: Node, box: Rect, cluster: str = "") -> Node:
    """A node in its place; a disc with more lines than a circle has room for gets long."""
    shape = "round" if look.shape == "disc" and box.height > look.size[1] else look.shape
    return replace(look, middle=box.middle, size=(box.width, box.height), shape=shape, cluster=cluster)


def _edge(link: OperationLink, encoding: OperationEncoding, stroke: Stroke, path: Path) -> Edge:
    """A line with its numbers."""
    names, amount = encoding.quotient.names, encoding.amount(link.id)
    return Edge(
        link.id, link.source, link.reader, path, stroke,
        tooltip=(*filter(None, [amount]), *describe_edges(names, link.edges)),
        data={"class": " ".join(classes(names.graph, link.edges))},
        keys=tuple((edge.reader, edge.position) for edge in link.edges),
    )  # fmt: skip


def _look(node: Operation, names: Names, theme: Theme) -> Node:
    """What a node looks like, in its size: its kind by shape and colour, its name and its operation as the label."""
    if node.closed is None:
        face, tooltip = _face(node.first, names, theme), describe_vertex(names, node.first)
    else:
        words = rows(brief(node.closed[-1][0]), quantity(len(node.vertices), "vertex", "vertices"))
        face, tooltip = _Face(words, "block", theme.weight, theme.panel), (slashed(node.closed),)
    wide = max(DISC, max(span.width for row in face.rows for span in row) + 14)
    size = (DISC, DISC) if face.shape == "disc" else (wide, HEIGHT if len(face.rows) > 1 else 2 * HEIGHT / 3)
    return Node(
        node.id, (0.0, 0.0), size, face.rows, face.shape, face.line, face.fill, face.width, face.dashed,
        tooltip=tooltip, keys=tuple(vertex.id for vertex in node.vertices),
        data={"fold": "steps"} if node.is_fold else {},
    )  # fmt: skip


class _Face(NamedTuple):
    """What distinguishes kinds of nodes."""

    rows: tuple[Row, ...]
    shape: Shape
    line: Colour
    fill: Colour
    width: float = 1.3
    dashed: bool = False


def _face(vertex: Vertex, names: Names, theme: Theme) -> _Face:
    """The face of a vertex."""
    name, symbol = brief(names.of(vertex)), SYMBOLS.get(vertex.op, vertex.op)
    words = rows(*filter(None, [name, symbol]))
    if names.is_state(vertex):
        hue = theme.carry if vertex.label == "c" else theme.crossing
        words = rows(name or vertex.kind) if is_leaf(vertex) else words
        return _Face(words, "round", hue, theme.fill_of(hue), width=2.0)
    if vertex.kind == "parameter":
        return _Face(rows(name or "leaf"), "hexagon", theme.weight, theme.fill_of(theme.weight))
    if vertex.kind == "input":
        return _Face(rows(name), "flag", theme.weight, theme.panel)
    if vertex.kind == "constant":
        cut = "detached" in vertex.params
        said = ["✂ detached", *([name] if name else [])] if cut else ["constant"]
        return _Face(rows(*said, colour=theme.quiet), "round", theme.weight, theme.paper, dashed=True)
    if names.is_result(vertex):
        words = rows(*filter(None, [name, symbol]), colour=theme.on_loss)
        return _Face(words, "round", theme.loss, theme.loss)
    if name:
        gate = kind_of_gate(vertex.label) if vertex.step is not None else ""
        hue = {"gate": theme.gate, "candidate": theme.candidate}.get(gate, theme.ink)
        return _Face(words, "box", hue, theme.paper if hue == theme.ink else theme.fill_of(hue))
    return _Face(words, "disc" if len(symbol) == 1 else "round", theme.ink, theme.paper)
