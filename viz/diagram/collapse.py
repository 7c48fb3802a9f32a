"""Op views made shorter and weighed: equal steps as one box, and lines as wide as the gradient along them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import tinygrad_lstm as tg
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.graph import GraphEdge, Vertex
from viz.diagram.cellgraph import EdgeKey
from viz.diagram.folding import Fold, describe_runs, runs
from viz.diagram.names import Names, ScopePath, brief, path_of, step_depth
from viz.encode.encoding import WIDE, scale
from viz.measure.gradient import Sweep, norm
from viz.scene.legend import Entry, draw_header
from viz.scene.marks import Scene
from viz.style.scales import width_of
from viz.style.text import number
from viz.style.theme import Theme
from viz.views.operations import Weigh, Weighed

GUIDE = "Values run left to right, gradients right to left. A line is as wide as the log of the gradient along it."


def closed_scopes(
    graph: tg.Graph, depth: int | None = None, collapse: tuple[str, ...] = ()
) -> dict[int, ScopePath | None]:
    """For each vertex the outermost closed scope it is in: those deeper than ``depth``, and the modules named.

    A scope is named as it is called, ``"lstm"``, or by the end of its path, ``"encoder/layers.0"``.
    """
    if depth is not None and depth < 0:
        raise ArgumentError(f"depth counts the scopes to open, 0 or more, not {depth}")
    ends = [tuple(name.split("/")) for name in collapse]
    paths = {vertex.id: path_of(vertex) for vertex in graph.vertices}
    known = {path[:k] for path in set(paths.values()) for k in range(1, len(path) + 1)}

    def ends_in(path: ScopePath, end: tuple[str, ...]) -> bool:
        return tuple([name for name, _ in path[-len(end) :]]) == end

    for name, end in zip(collapse, ends, strict=True):
        if not any(ends_in(path, end) for path in known):
            there = ", ".join(sorted({path[-1][0] for path in known if path[-1][1] is None})) or "none"
            raise ArgumentError(f"no module {name!r} to collapse in this graph; there are {there}")

    def closed(path: ScopePath) -> ScopePath | None:
        for k in range(1, len(path) + 1):
            if (depth is not None and k > depth) or any(ends_in(path[:k], end) for end in ends):
                return path[:k]
        return None

    found = {path: closed(path) for path in set(paths.values())}
    return {vertex: found[path] for vertex, path in paths.items()}


def close_runs(
    graph: tg.Graph, boxes: dict[int, ScopePath | None], fold: Fold
) -> tuple[dict[int, ScopePath | None], str]:
    """The closed scopes, with every run of steps that compute the same closed as well; and which these are, in words.

    Two steps compute the same if their vertices are alike, one by one: op, names, shapes, and what they read.
    """
    chains: dict[ScopePath, dict[int, list[Vertex]]] = {}
    for vertex in graph.vertices:
        if vertex.step is not None:
            path = path_of(vertex)
            prefix = path[: step_depth(path) - 1]
            chains.setdefault(prefix, {}).setdefault(vertex.step, []).append(vertex)
    steps = {t for inside in chains.values() for t in inside}
    if not steps or fold is None:
        return boxes, ""
    into: dict[int, list[GraphEdge]] = {}
    for edge in graph.edges:
        into.setdefault(edge.reader, []).append(edge)
    position = {v.id: k for inside in chains.values() for members in inside.values() for k, v in enumerate(members)}
    structure = {
        t: tuple(_alike(inside.get(t, []), graph, into, position) for inside in chains.values())
        for t in range(1, max(steps) + 1)
    }
    hidden = runs(structure, fold)
    closed = dict(boxes)
    for first, last in hidden:
        name = f"... {last - first + 1} steps"
        for prefix, inside in chains.items():
            for t in range(first, last + 1):
                for vertex in inside.get(t, ()):
                    outer = boxes[vertex.id]
                    if outer is None or len(outer) > len(prefix):
                        closed[vertex.id] = (*prefix, (name, None))
    return closed, describe_runs(hidden)


def _alike(
    members: list[Vertex], graph: tg.Graph, into: Mapping[int, list[GraphEdge]], position: Mapping[int, int]
) -> object:
    """What a step computes, said so that it is equal for steps that compute the same."""
    said = []
    for vertex in members:
        reads = []
        for edge in into.get(vertex.id, ()):
            source = graph.vertices[edge.source]
            apart = None if source.step is None or vertex.step is None else source.step - vertex.step
            where = position.get(edge.source) if apart is not None else source.kind
            reads.append((edge.name, edge.index, edge.tag, edge.shape, apart, where))
        said.append((vertex.op, vertex.labels, vertex.shapes, vertex.dtype, tuple(reads)))
    return tuple(said)


def weigh_by_gradient(
    graph: tg.Graph, edges: Mapping[EdgeKey, object], theme: Theme, strongest: Collection[EdgeKey] = ()
) -> Weigh:
    """What a backward pass says of each line: as wide as the norm along it, in the colour of its route."""

    def weigh(drawn: list[GraphEdge]) -> Weighed | None:
        parts = [edges[edge.reader, edge.position] for edge in drawn if (edge.reader, edge.position) in edges]
        if not parts:
            return None
        size = math.hypot(*map(norm, parts))
        classes = {tg.paths.edge_class(edge, graph) for edge in drawn}
        route, colour = "read", theme.ink
        if "carry" in classes:
            route, colour = "carry", theme.carry
        elif all(graph.vertices[edge.source].kind == "parameter" for edge in drawn):
            route, colour = "weight", theme.weight
        elif any(tg.paths.is_crossing(edge, graph) for edge in drawn):
            route, colour = "crossing", theme.crossing
        data = {"norm": f"{size:.9g}", "route": route}
        if any((edge.reader, edge.position) in strongest for edge in drawn):
            data["strongest"] = "yes"
        return width_of(size), colour, route == "crossing", data

    return weigh


def add_header(scene: Scene, title: str, guide: str, legend: Sequence[Sequence[Entry]] = ()) -> None:
    """Say above a picture how to read it; or below, and in short, where ``dot`` lays it out."""
    if scene.pinned:
        left, _, right, top = scene.extent()
        draw_header(scene, left, max(right, left + 640), top, title, guide, legend)
    elif guide:
        scene.caption = (guide, *([WIDE] if legend else []))


def routes_in_graph(theme: Theme) -> list[Sequence[Entry]]:
    """What the lines of a weighed graph are, and the scale of their widths."""
    routes = [
        Entry("belt, where a state is only scaled from step to step", theme.carry, 4),
        Entry("crossing, through h into a gate of the next step", theme.crossing, 3, dashed=True),
        Entry("read within a step", theme.ink, 3), Entry("into the weights", theme.weight, 3),
        Entry("no gradient", theme.forward, 1.1, dashed=True, forward=True),
    ]  # fmt: skip
    return [routes, [*scale(theme), Entry(WIDE, theme.ink, 0)]]


def swept_words(graph: tg.Graph, swept: Sweep) -> str:
    """How far a gradient went through a graph, and what came to its leaves."""
    names = Names(graph)
    leaves = [vertex for vertex in graph.vertices if vertex.kind == "parameter" and (vertex.id, 0) in swept.values]
    norms = [f"{brief(names.of(v)) or 'a leaf'} {number(norm(swept.values[v.id, 0]))}" for v in leaves]
    said = f"The gradient goes along {len(swept.edges)} of {len(graph.edges)} edges."
    return f"{said} Its norm at the leaves: {', '.join(norms[:12])}{', ...' * (len(norms) > 12)}." if norms else said
