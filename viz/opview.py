"""The op view: every vertex and every edge of a graph, once, in the boxes of the modules and time steps it was made in.

Nodes are named ``v<id>`` with the ids of ``tg.graph_of``, so the text is the same in every process. A small graph is
laid out by ``dot``; a large one, and one of several time steps, by ``viz.places``. What is closed, a module or a run of
equal steps, is one box for all that is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import tinygrad_lstm as tg
from tinygrad_lstm.graph import GraphEdge, Vertex
from viz.names import SYMBOLS, Names, ScopePath, brief, classes, is_leaf, path_of, slashed, step_depth
from viz.places import BAR, HEIGHT, Places, Spot, places
from viz.routing import Routing
from viz.scene import Box, Edge, Frame, Node, Row, Scene, Span, rows, width_of_text
from viz.style import Theme, quantity

Weighed: TypeAlias = tuple[float, str, bool, dict[str, str]]  # width, colour, dashed, and the numbers of a line
Weigh: TypeAlias = Callable[[list[GraphEdge]], Weighed | None]  # what a gradient says of the edges behind a line
Boxes: TypeAlias = Mapping[int, ScopePath | None]  # vertex -> the closed scope that it is in, or None

MOST_BY_DOT = 150  # nodes; dot takes seconds for more
MOST_WITH_DETOURS = 600  # nodes; of more, no line within a step can be followed by eye


def op_view(graph: tg.Graph, theme: Theme, boxes: Boxes, weigh: Weigh | None = None) -> Scene:
    """A picture of a graph; what is in a closed scope is one box.

    >>> from viz.style import THEMES
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> graph = tg.graph_of(x * x)
    >>> [edge.id for edge in op_view(graph, THEMES["light"], dict.fromkeys(range(2))).edges]
    ['v0-v1-0', 'v0-v1-1']
    """
    names, scene = Names(graph), Scene(theme)
    drawn = _nodes(graph, names, boxes, theme)
    lines = list(_lines(graph, boxes))
    by_hand = len(drawn) > MOST_BY_DOT or len({node.vertex.step for node in drawn.values()} - {None}) > 1
    pinned = places(_spots(names, drawn), [line[:2] for line in lines]) if by_hand else None
    frames = _add_frames(scene, drawn, pinned)
    for name, node in drawn.items():
        scene.add(_place(name, node, pinned, frames[node.scope]))
    detours = _detours(scene, pinned) if pinned and len(drawn) <= MOST_WITH_DETOURS else {}
    far, lanes = 0, dict[tuple[str, ...], int]()  # one above the other, for the belts of several layers
    labelled: set[tuple[str, int]] = set()  # values whose shape stands at one of their lines
    for source, reader, edges in lines:
        corners: tuple[tuple[float, float], ...] = ()
        if pinned and source in pinned.bars:
            corners = pinned.riser(source, reader)
        elif pinned and any(edge.tag == "carry" for edge in edges):
            vertex = drawn[reader].vertex
            corners = pinned.lane(source, reader, lanes.setdefault(vertex.module, len(lanes)))
        elif pinned and pinned.is_far(source, reader):
            corners, far = pinned.tunnel(source, reader, far), far + 1
        elif pinned:
            block = pinned.blocks[source]
            if block == pinned.blocks[reader] and block in detours:
                detours[block].connect(source, reader)
                corners = scene.between(source, reader, *detours[block].corners.get((source, reader), ()))
            else:
                corners = scene.between(source, reader)
        number = f"-{edges[0].position}" if len(edges) == 1 else ""  # an operation may read one value twice
        edge = _edge(f"{source}-{reader}{number}", source, reader, edges, corners, names, theme, weigh)
        value = source, edges[0].index
        if len({edge.shape for edge in edges}) == 1 and not (pinned and value in labelled):
            edge = replace(edge, label="×".join(map(str, edges[0].shape)))
            labelled.add(value)
        scene.add(edge)
    return scene


def _detours(scene: Scene, pinned: Places) -> dict[int, Routing]:
    """For each block the routing of lines around what is in it."""
    boxes: dict[int, dict[str, Box]] = {}
    for name, block in pinned.blocks.items():
        boxes.setdefault(block, {})[name] = scene.nodes[name].box
    return {block: Routing(inside, pinned.top + HEIGHT) for block, inside in boxes.items()}


# Nodes, and the frames around them


@dataclass(frozen=True)
class Drawn:
    """A node of the picture: the frames it is in, what it looks like, and the first vertex that it stands for."""

    scope: ScopePath
    look: Node
    vertex: Vertex


def _nodes(graph: tg.Graph, names: Names, boxes: Boxes, theme: Theme) -> dict[str, Drawn]:
    """Every node to draw, by its name: the vertices, then the closed scopes."""
    drawn: dict[str, Drawn] = {}
    closed: dict[ScopePath, list[int]] = {}
    merged = _scopes_to_merge(graph)

    def frames_of(scope: ScopePath) -> ScopePath:
        return tuple(name for k, name in enumerate(scope) if scope[: k + 1] not in merged)

    for vertex in graph.vertices:
        box = boxes[vertex.id]
        if box is None:
            drawn[f"v{vertex.id}"] = Drawn(frames_of(path_of(vertex)), _look(vertex, names, theme), vertex)
        else:
            closed.setdefault(box, []).append(vertex.id)
    for box, inside in closed.items():
        name = f"scope_of_v{inside[0]}"
        words = rows(brief(box[-1][0]), quantity(len(inside), "vertex", "vertices"))
        look = Node(name, None, (30, 30), words, "block", theme.weight, theme.panel, tooltip=(slashed(box),))
        drawn[name] = Drawn(frames_of(box[:-1]), look, graph.vertices[inside[0]])
    return drawn


def _words(node: Node) -> list[str]:
    return ["".join(span.text for span in row) for row in node.rows]


def _spots(names: Names, drawn: Mapping[str, Drawn]) -> dict[str, Spot]:
    """What a layout of our own needs of each node: a block is a time step, or a run of what is made in one scope."""
    spots: dict[str, Spot] = {}
    blocks: dict[tuple[ScopePath, int], int] = {}
    run, last = 0, ScopePath()
    for name, node in sorted(drawn.items(), key=lambda item: item[1].vertex.id):
        vertex = node.vertex
        width = max(27.0, width_of_text(max(_words(node.look), key=len), 12) + 14)
        if is_leaf(vertex) and not vertex.scope and not names.is_start(vertex):
            spots[name] = Spot(width, None)
            continue
        path = path_of(vertex)
        step = step_depth(path)
        scope = path[: step or None]
        if not is_leaf(vertex):
            run += scope != last
            last = scope
        block = blocks.setdefault((scope, 0 if step or is_leaf(vertex) else run), len(blocks))
        spots[name] = Spot(width, (block, blocks.setdefault((node.scope, -1), len(blocks)) if step else 0))
    return spots


def _place(name: str, node: Drawn, pinned: Places | None, frame: str) -> Node:
    """A node in its place, if it has one; a leaf below all its readers is a bar."""
    look = node.look
    if pinned is None:
        wide = 0.0 if look.shape == "disc" else width_of_text(max(_words(look), key=len), 11) + 16
        size = (max(wide, look.size[0]), max(look.size[1], 16.0 * len(look.rows) + 6))
        return replace(look, id=name, size=size, frame=frame)
    if name in pinned.bars:
        size = pinned.widths[name], float(BAR)
        bar = replace(look, shape="round" if look.shape == "hexagon" else look.shape, width=1, left=True)
        return replace(bar, id=name, middle=pinned.middles[name], size=size, frame=frame)
    height = 2 * HEIGHT / 3 if len(look.rows) < 2 else float(HEIGHT)
    side = min(pinned.widths[name], 26.0)
    size = (side, side) if look.shape == "disc" else (pinned.widths[name], height)
    return replace(look, id=name, middle=pinned.middles[name], size=size, frame=frame)


def _add_frames(scene: Scene, drawn: Mapping[str, Drawn], pinned: Places | None) -> dict[ScopePath, str]:
    """A frame around what is in each scope; returns their ids."""
    members: dict[ScopePath, list[str]] = {}  # of every frame, those deeper inside included
    for name, node in drawn.items():
        for length in range(1, len(node.scope) + 1):
            members.setdefault(node.scope[:length], []).append(name)
    theme, ids = scene.theme, {ScopePath(): ""}
    for number, scope in enumerate(sorted(members, key=len), start=1):
        ids[scope] = f"scope_{number}"
        inner = max(len(drawn[name].scope) for name in members[scope]) - len(scope)
        box = pinned.around(members[scope], inner) if pinned else None
        caption: Row = (Span(brief(scope[-1][0]), 11, theme.quiet),)
        fill = theme.panel if len(scope) % 2 else theme.paper
        scene.add(Frame(ids[scope], box, fill, theme.frame, caption, (slashed(scope),), ids[scope[:-1]]))
    return ids


def _scopes_to_merge(graph: tg.Graph) -> set[ScopePath]:
    """The scopes that get no frame of their own: the only one in a time step has no other to be distinguished from."""
    inner: dict[ScopePath, set[ScopePath]] = {}
    for path in {path_of(vertex) for vertex in graph.vertices}:
        for k in range(1, len(path)):
            if path[k - 1][1] is not None:
                inner.setdefault(path[:k], set()).add(path[: k + 1])
    return {scope for scopes in inner.values() if len(scopes) == 1 for scope in scopes}


def _look(vertex: Vertex, names: Names, theme: Theme) -> Node:
    """What a vertex looks like: its kind by shape and colour, its name and its operation as the label."""
    name, symbol = brief(names.of(vertex)), SYMBOLS.get(vertex.op, vertex.op)
    tooltip = names.describe(vertex)

    def node(words: tuple[Row, ...], shape: str, line: str, fill: str, **more: object) -> Node:
        return Node("", None, (27, 22), words, shape, line, fill, tooltip=tooltip, **more)  # type: ignore[arg-type]  # a Shape

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
        hue = {"sigmoid": theme.gate, "tanh": theme.candidate}.get(vertex.op, theme.ink)
        return node(words, "box", hue, theme.paper if hue == theme.ink else theme.fill_of(hue))
    return node(words, "disc" if len(symbol) == 1 else "round", theme.ink, theme.paper)


# Lines


def _lines(graph: tg.Graph, boxes: Boxes) -> Iterator[tuple[str, str, list[GraphEdge]]]:
    """The lines to draw: one for each edge, but one for all those between the same two closed scopes."""
    first: dict[ScopePath, int] = {}
    for vertex, box in boxes.items():
        if box is not None:
            first.setdefault(box, vertex)

    def end(vertex: int) -> str:
        box = boxes[vertex]
        return f"v{vertex}" if box is None else f"scope_of_v{first[box]}"

    folded: dict[tuple[str, str], list[GraphEdge]] = {}
    for edge in graph.edges:
        source, reader = end(edge.source), end(edge.reader)
        if boxes[edge.source] is None and boxes[edge.reader] is None:
            yield source, reader, [edge]
        elif source != reader:
            folded.setdefault((source, reader), []).append(edge)
    for (source, reader), edges in folded.items():
        yield source, reader, edges


def _edge(
    name: str, source: str, reader: str, edges: list[GraphEdge], corners: tuple[tuple[float, float], ...],
    names: Names, theme: Theme, weigh: Weigh | None,
) -> Edge:  # fmt: skip
    """A line in its colour, dash and width, with what makes a layout of it in which time runs to the right."""
    ends = [(names.vertices[edge.source], names.vertices[edge.reader]) for edge in edges]
    layout, colour, width, dashed = {"weight": "2"}, theme.weight, 1.1, False
    if all(names.is_shared(vertex) for vertex, _ in ends):
        layout, width = {"weight": "0"}, 0.8  # the weights must not pull every step to where they are
    if any(edge.tag == "carry" for edge in edges):
        layout, colour, width = {"weight": "8"}, theme.carry, 2.4
    if any(None not in (pair := {one.step, other.step}) and len(pair) > 1 for one, other in ends):
        layout["minlen"] = "2"  # room for the next step's input, so that the steps stand side by side
    if not any(vertex.requires_grad for vertex, _ in ends):
        colour, dashed = theme.forward, True
    tooltip, data = names.describe_edges(edges), {"class": " ".join(classes(names.graph, edges))}
    weighed = weigh(edges) if weigh else None
    if weighed:
        width, colour, dashed, numbers = weighed
        tooltip, halo = (f"‖∇‖ {float(numbers['norm']):.3g}", *tooltip), theme.bright if "strongest" in numbers else ""
        data |= numbers
        return Edge(
            name, source, reader, corners, colour, width, dashed, "source", False, halo, "", tooltip, data, layout
        )
    return Edge(
        name, source, reader, corners, colour, width, dashed, open=True, tooltip=tooltip, data=data, layout=layout
    )
