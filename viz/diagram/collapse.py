"""The op view's graph: closed modules and runs of equal steps as one node each, and the links between nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import tinygrad_lstm as tg
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.graph import GraphEdge, Vertex
from viz.diagram.folding import Fold, Run, folded_steps
from viz.diagram.names import Names, ScopePath, is_leaf, path_of, step_depth


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
) -> tuple[dict[int, ScopePath | None], list[Run]]:
    """The closed scopes, with every run of steps that compute the same closed as well; and these runs.

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
        return boxes, []
    into: dict[int, list[GraphEdge]] = {}
    for edge in graph.edges:
        into.setdefault(edge.reader, []).append(edge)
    position = {v.id: k for inside in chains.values() for members in inside.values() for k, v in enumerate(members)}
    apart = _one_for_each_step(graph)
    structure = {
        t: tuple(_alike(inside.get(t, []), graph, into, position, apart) for inside in chains.values())
        for t in range(1, max(steps) + 1)
    }
    hidden = folded_steps(structure, fold)
    closed = dict(boxes)
    for first, last in hidden:
        name = f"... {last - first + 1} steps"
        for prefix, inside in chains.items():
            for t in range(first, last + 1):
                for vertex in inside.get(t, ()):
                    outer = boxes[vertex.id]
                    if outer is None or len(outer) > len(prefix):
                        closed[vertex.id] = (*prefix, (name, None))
    return closed, hidden


def _one_for_each_step(graph: tg.Graph) -> set[int]:
    """The vertices whose outputs are read by one time step each, as the parts of a sequence are."""
    readers: dict[int, dict[int, set[int | None]]] = {}
    for edge in graph.edges:
        if graph.vertices[edge.source].step is None and len(graph.vertices[edge.source].shapes) > 1:
            steps = readers.setdefault(edge.source, {}).setdefault(edge.index, set())
            steps.add(graph.vertices[edge.reader].step)
    return {vertex for vertex, steps in readers.items() if all(len(each) == 1 for each in steps.values())}


def _alike(
    members: list[Vertex], graph: tg.Graph, into: Mapping[int, list[GraphEdge]], position: Mapping[int, int],
    sequences: set[int],
) -> object:  # fmt: skip
    """What a step computes, said so that it is equal for steps that compute the same.

    Of a sequence each step reads another part: which one is counted from the step's own number.
    """
    said = []
    for vertex in members:
        reads = []
        for edge in into.get(vertex.id, ()):
            source = graph.vertices[edge.source]
            apart = None if source.step is None or vertex.step is None else source.step - vertex.step
            where = position.get(edge.source) if apart is not None else source.kind
            index = edge.index - (vertex.step or 0) if edge.source in sequences else edge.index
            reads.append((edge.name, index, edge.tag, edge.shape, apart, where))
        said.append((vertex.op, vertex.labels, vertex.shapes, vertex.dtype, tuple(reads)))
    return tuple(said)


# The graph of what is drawn


@dataclass(frozen=True)
class Operation:
    """A node of the op view: a vertex, or a closed scope with all that is in it."""

    id: str
    vertices: tuple[Vertex, ...]
    scope: ScopePath  # of the clusters around it
    closed: ScopePath | None = None

    @property
    def first(self) -> Vertex:
        """The vertex, or the first one inside."""
        return self.vertices[0]

    @property
    def is_fold(self) -> bool:
        """Whether it is a run of steps that are folded."""
        return self.closed is not None and self.first.step is not None and not step_depth(self.closed)

    @property
    def is_leaf(self) -> bool:
        """Whether no operation made it."""
        return self.closed is None and is_leaf(self.first)


@dataclass(frozen=True)
class OperationLink:
    """A line of the op view, and the edges of the graph that it stands for: one, or all between closed scopes."""

    id: str
    source: str
    reader: str
    edges: tuple[GraphEdge, ...]


@dataclass(frozen=True)
class Quotient:
    """The graph as it is drawn, where each closed scope is one node."""

    graph: tg.Graph
    names: Names
    nodes: dict[str, Operation]
    links: list[OperationLink]

    @cached_property
    def clusters(self) -> dict[ScopePath, str]:
        """The scopes that have a cluster, outer ones first, with their ids; the empty path is no cluster, ""."""
        paths = {node.scope[:length]: None for node in self.nodes.values() for length in range(1, len(node.scope) + 1)}
        return {(): ""} | {path: f"scope_{k}" for k, path in enumerate(sorted(paths, key=len), start=1)}

    @cached_property
    def links_from(self) -> dict[str, list[OperationLink]]:
        """The lines that begin at each node."""
        found: dict[str, list[OperationLink]] = {name: [] for name in self.nodes}
        for link in self.links:
            found[link.source].append(link)
        return found

    @cached_property
    def links_into(self) -> dict[str, list[OperationLink]]:
        """The lines that end at each node."""
        found: dict[str, list[OperationLink]] = {name: [] for name in self.nodes}
        for link in self.links:
            found[link.reader].append(link)
        return found

    @property
    def parents(self) -> dict[str, str]:
        """Each cluster, with the one around it, or ""."""
        return {name: self.clusters[path[:-1]] for path, name in self.clusters.items() if path}

    @property
    def members(self) -> dict[str, str]:
        """Of each node the innermost cluster."""
        return {name: self.clusters[node.scope] for name, node in self.nodes.items()}


def quotient_of(graph: tg.Graph, boxes: Mapping[int, ScopePath | None]) -> Quotient:
    """The graph with what is in a closed scope as one node, and one line for all those between the same two.

    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> graph = tg.graph_of(x * x)
    >>> [link.id for link in quotient_of(graph, dict.fromkeys(range(2))).links]
    ['v0-v1-0', 'v0-v1-1']
    """
    merged = _scopes_to_merge(graph)

    def clusters_of(scope: ScopePath) -> ScopePath:
        return tuple(name for k, name in enumerate(scope) if scope[: k + 1] not in merged)

    nodes: dict[str, Operation] = {}
    closed: dict[ScopePath, list[Vertex]] = {}
    for vertex in graph.vertices:
        box = boxes[vertex.id]
        if box is None:
            nodes[f"v{vertex.id}"] = Operation(f"v{vertex.id}", (vertex,), clusters_of(path_of(vertex)))
        else:
            closed.setdefault(box, []).append(vertex)
    for box, inside in closed.items():
        name = f"scope_of_v{inside[0].id}"
        nodes[name] = Operation(name, tuple(inside), clusters_of(box[:-1]), box)
    node_of = {vertex.id: node.id for node in nodes.values() for vertex in node.vertices}
    links: list[OperationLink] = []
    folded: dict[tuple[str, str], list[GraphEdge]] = {}
    for edge in graph.edges:
        source, reader = node_of[edge.source], node_of[edge.reader]
        if boxes[edge.source] is None and boxes[edge.reader] is None:
            links.append(OperationLink(f"{source}-{reader}-{edge.position}", source, reader, (edge,)))
        elif source != reader:
            folded.setdefault((source, reader), []).append(edge)
    for (source, reader), edges in folded.items():
        number = f"-{edges[0].position}" if len(edges) == 1 else ""  # an operation may read one value twice
        links.append(OperationLink(f"{source}-{reader}{number}", source, reader, tuple(edges)))
    return Quotient(graph, Names(graph), nodes, links)


def _scopes_to_merge(graph: tg.Graph) -> set[ScopePath]:
    """The scopes that get no cluster: the only one in a time step has no other to be distinguished from."""
    inner: dict[ScopePath, set[ScopePath]] = {}
    for path in {path_of(vertex) for vertex in graph.vertices}:
        for k in range(1, len(path)):
            if path[k - 1][1] is not None:
                inner.setdefault(path[:k], set()).add(path[: k + 1])
    return {scope for scopes in inner.values() if len(scopes) == 1 for scope in scopes}
