"""Which element of a picture is which part of the graph: what the player lights up at each step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from viz.diagram.cellgraph import ABOVE, OUTSIDE, WEIGHTS, EdgeKey, Line, Unrolled
from viz.figures.draw import gradient_paths, paths_in_graph
from viz.figures.selection import find
from viz.output.picture import Picture
from viz.scene.marks import Scene
from viz.style.theme import THEMES

TITLE = "Where the gradient of L flows, through every operation"


@dataclass(frozen=True)
class Figure:
    """A picture of a graph, in the light theme's colours, and the ids of its elements.

    An element of an edge may have its route as ``data-route``: carry, crossing or weight. What the picture says of the
    gradient of a vertex is an element of that vertex, so that it need not be seen before its turn.
    """

    picture: Picture
    graph: tg.Graph
    nodes: Mapping[int, Sequence[str]]  # vertex -> the elements that stand for it; a vertex may be in none
    edges: Mapping[EdgeKey, Sequence[str]]  # reading vertex and which of its inputs -> the elements of its line
    routes: tuple[str, ...] = ()  # what carry and crossing are called, where there are two
    known: Mapping[int, Any] = field(default_factory=dict)  # values of vertices that are at hand

    @property
    def size(self) -> tuple[str, str]:
        """How wide and how high the picture is, in its own units."""
        found = re.search(r'viewBox="\S+ \S+ ([\d.]+) ([\d.]+)"', self.picture.svg)
        assert found is not None
        return found[1], found[2]


def op_figure(loss: tg.Tensor) -> Figure:
    """The op view of a loss: every vertex and every edge is an element of its own.

    Raises GradError where nothing needs a gradient, or the graph has been freed.
    """
    graph, theme = tg.graph_of(loss), THEMES["light"]
    picture = replace(paths_in_graph(loss, graph, theme), title=TITLE)
    return Figure(
        picture=hide_norms(picture),
        graph=graph,
        nodes={vertex.id: [f"v{vertex.id}"] for vertex in graph.vertices},
        edges={(e.reader, e.position): [f"v{e.source}-v{e.reader}-{e.position}"] for e in graph.edges},
    )


def cell_figure(loss: tg.Tensor, trajectory: nn.Trajectory, chain: int | None = None) -> Figure:
    """The cell view of a trajectory, or of one of its chains, with every step of it.

    Raises NoCellViewError where there is none, GradError where the loss does not depend on it.
    """
    chains = find(trajectory, chain, loss)
    picture = gradient_paths(loss, trajectory, view="cell", fold=None, chain=chain)
    graph, template = chains[-1].graph, chains[-1].template
    tensors = [t for one in chains for step in (one.chain.initial, *one.chain.steps) for t in step.named.values()]
    tensors += [parameter for one in chains for parameter in one.chain.cell.parameters()]
    places = _Places(chains, picture.scene)
    return Figure(
        hide_norms(picture), graph, places.nodes(), places.edges(),
        routes=(("C", "h") if template.is_lstm else ("carry", "crossing")) if template.belt else (),
        known={vertex: t.data for t in tensors if len(graph.vertices[vertex := graph.id_of(t)].shapes) == 1},
    )  # fmt: skip


def hide_norms(picture: Picture) -> Picture:
    """The picture without the norms in the tooltips of its lines: the tape shows each at its step."""
    scene = picture.scene
    edges = [
        replace(edge, tooltip=tuple(line for line in edge.tooltip if "‖∇‖" not in line),
                data={name: value for name, value in edge.data.items() if name in ("route", "class")})
        for edge in scene.edges
    ]  # fmt: skip
    frames = [replace(frame, tooltip=()) for frame in scene.frames]
    return replace(picture, scene=replace(scene, edges=edges, frames=frames))


class _Places:
    """The ids of the cell view's elements, as ``viz.band`` gives them: chains below the last have a prefix."""

    def __init__(self, chains: Sequence[Unrolled], scene: Scene) -> None:
        self.graph = chains[0].graph
        self.chains = list(zip([*(f"chain{k}_" for k in range(len(chains) - 1)), ""], chains, strict=True))
        self.drawn = {edge.id: edge.reader for edge in scene.edges}
        self.said = {*scene.nodes, *(frame.id for frame in scene.frames)}

    def edges(self) -> dict[EdgeKey, list[str]]:
        """The line of every edge that has one, with an end in each direction of the layer above."""
        found: dict[EdgeKey, list[str]] = {}
        for prefix, chain in self.chains:
            for line in chain.lines:
                if names := self.lines(prefix, line):
                    found |= {(edge.reader, edge.position): names for edge in line.edges}
        return found

    def lines(self, prefix: str, line: Line) -> list[str]:
        """The ids of a line; none for one that is not drawn."""
        (source, t), (reader, u) = line.source, line.reader
        start = f"{prefix}weights_{reader}_{u}" if source == WEIGHTS else f"{prefix}{source}_{t}"
        ends = [f"{prefix}{reader}_{u}"]
        if reader == OUTSIDE:
            ends = [f"{prefix}loss_{t}", f"{prefix}loss_{source}_{t}"]
        elif reader == ABOVE:
            ends = [f"{other}x_{u}" for other, _ in self.chains]
        return [name for end in ends if (name := f"{start}-{end}") in self.drawn]

    def nodes(self) -> dict[int, list[str]]:
        """Boxes; of a state the pill as well, and the line to it; what reads the last states is the loss."""
        nodes: dict[int, list[str]] = {}
        for prefix, chain in self.chains:
            inputs = [(self.graph.id_of(step.named["x"]), step.t) for step in chain.chain.steps if "x" in step.named]
            for (role, t), vertices in chain.parts.items():
                for vertex in vertices:
                    nodes.setdefault(vertex, []).append(f"{prefix}{role}_{t}")
            for vertex, t in inputs:
                nodes.setdefault(vertex, []).append(f"{prefix}x_{t}")
            for name, t in chain.states():
                nodes.setdefault(self.graph.id_of(chain.state(name, t)), []).append(f"{prefix}{name}_{t}")
            for line in chain.lines:
                if not line.edges:
                    vertex = self.graph.id_of(chain.state(*line.reader))
                    nodes.setdefault(vertex, []).extend(self.lines(prefix, line))
            for vertex in chain.parameters:
                nodes.setdefault(vertex, []).append(f"{prefix}weights")
            for vertex, name in self.remarks(prefix, chain):
                nodes.setdefault(vertex, []).append(name)
        return nodes | self._losses(nodes)

    def remarks(self, prefix: str, chain: Unrolled) -> Iterator[tuple[int, str]]:
        """What is said of a step's gradients: its shares at the turn of the state, its sum when the last part comes."""
        belt = chain.template.belt_state
        for name, t in chain.states():
            if name == belt:
                said = [f"{part}_{t}" for part in ("share_carry", "share_crossing", "law", "mean")]
                said += ["split_text"] if t == chain.order[0] else []
                yield from (
                    (self.graph.id_of(chain.state(name, t)), prefix + each)
                    for each in said
                    if prefix + each in self.said
                )
        last: dict[int, int] = {}  # backward comes to the first vertex last
        for line in chain.lines:
            if line.source[0] == WEIGHTS:
                for edge in line.edges:
                    last[line.reader[1]] = min(edge.reader, last.get(line.reader[1], edge.reader))
        yield from ((vertex, f"{prefix}step_{t}") for t, vertex in last.items())

    def _losses(self, members: Iterable[int]) -> dict[int, list[str]]:
        """For every vertex after the chains the pills of a loss that it leads back to."""
        readers: dict[int, list[str]] = {}
        for prefix, chain in self.chains:
            for line in chain.lines:
                if line.reader[0] == OUTSIDE and (names := self.lines(prefix, line)):
                    for edge in line.edges:
                        readers.setdefault(edge.reader, []).append(self.drawn[names[0]])
        known = set(members)
        for edge in self.graph.edges:  # in the order of their readers
            if edge.source in readers and edge.reader not in known:
                pills = readers.setdefault(edge.reader, [])
                pills += [pill for pill in readers[edge.source] if pill not in pills]
        return {vertex: pills[::-1] for vertex, pills in readers.items() if vertex not in known}
