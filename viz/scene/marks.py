"""What a picture is made of: nodes, edges, clusters and paths, each in its place, before any file format.

``viz.output.svg`` writes a scene as SVG, ``viz.output.dot`` as DOT text. Places are in points, y upwards. A mark keeps
the keys of what it stands for: the element of a vertex or of an edge of the graph is found by them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from viz.layout.geometry import Box, Place, Rect, bounds, path_bounds
from viz.style import fonts
from viz.style.stroke import Stroke
from viz.style.theme import Colour, Theme

Shape: TypeAlias = Literal["box", "round", "disc", "hexagon", "flag", "block", "text"]
Key: TypeAlias = int | tuple[int, int]  # a vertex of the graph; or an edge: the reading vertex and which of its inputs


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one look; no colour is the theme's ink."""

    text: str
    size: float = 12
    colour: Colour = ""
    bold: bool = False
    italic: bool = False

    @property
    def width(self) -> float:
        """How wide it is."""
        return fonts.width(self.text, self.size, self.bold)


Row: TypeAlias = tuple[Span, ...]


def width_of(row: Iterable[Span]) -> float:
    """How wide a row of text is."""
    return sum(span.width for span in row)


def rows(*lines: str, colour: Colour = "") -> tuple[Row, ...]:
    """Lines of text in one look."""
    return tuple((Span(line, colour=colour),) for line in lines)


@dataclass(frozen=True, slots=True)
class Node:
    """A box of any shape with its rows of text."""

    id: str
    middle: Place
    size: tuple[float, float]
    rows: tuple[Row, ...] = ()
    shape: Shape = "box"
    line: Colour = ""
    fill: Colour = ""
    width: float = 1.3
    dashed: bool = False
    left: bool = False  # the text begins at the left
    tooltip: tuple[str, ...] = ()  # line by line
    cluster: str = ""  # the id of the innermost cluster around it, where clusters nest
    data: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    opacity: float = 1.0

    @property
    def box(self) -> Rect:
        """Its outline as a rectangle."""
        return Rect.around(self.middle, *self.size)

    def towards(self, other: Place) -> Place:
        """Where a straight line from the middle to another place leaves the outline.

        >>> Node("a", (0.0, 0.0), (40, 20)).towards((100.0, 0.0))
        (20.0, 0.0)
        """
        (x, y), (u, v) = self.middle, other
        dx, dy = u - x, v - y
        if not dx and not dy:
            return self.middle
        if self.shape == "disc":
            part = self.size[0] / 2 / math.hypot(dx, dy)
        else:
            part = min(side / 2 / abs(d) for side, d in zip(self.size, (dx, dy), strict=True) if d)
        return x + part * dx, y + part * dy


def text_from(id: str, left: Place, *row: Span, high: float = 15) -> Node:
    """A row of text to the right of this place."""
    wide = width_of(row)
    return Node(id, (left[0] + wide / 2, left[1]), (wide, high), (row,), shape="text", left=True)


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two nodes, through its points from outline to outline."""

    id: str
    source: str
    reader: str
    points: tuple[Place, ...]
    stroke: Stroke
    tooltip: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)  # besides the stroke's own
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """A rounded ground behind nodes, with a caption in its upper left corner."""

    id: str
    box: Box
    fill: Colour
    line: Colour
    caption: Row = ()
    tooltip: tuple[str, ...] = ()
    parent: str = ""
    hatched: bool = False
    keys: tuple[Key, ...] = ()
    indent: float = 14  # points from its left to its caption


@dataclass(frozen=True, slots=True)
class Path:
    """A line that is no edge: of a small plot, of a fold, of a hatching."""

    points: tuple[Place, ...]
    stroke: Stroke
    closed: bool = False  # and filled
    tooltip: tuple[str, ...] = ()


@dataclass
class Scene:
    """A whole picture; what is added later is drawn on top, but for clusters below and nodes above edges."""

    theme: Theme
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    header: tuple[frozenset[str], tuple[Path, ...]] = (frozenset(), ())  # the nodes and lines of title and legend

    def without_header(self) -> Scene:
        """The same picture without its title and legend, as a slide has them."""
        names, lines = self.header
        nodes = {name: node for name, node in self.nodes.items() if name not in names}
        paths = [path for path in self.paths if not any(path is one for one in lines)]
        return replace(self, nodes=nodes, paths=paths, header=(frozenset(), ()))

    def add(self, *marks: Node | Edge | Cluster | Path) -> None:
        """Put something into the picture."""
        for mark in marks:
            if isinstance(mark, Node):
                self.nodes[mark.id] = mark
            elif isinstance(mark, Edge):
                self.edges.append(mark)
            elif isinstance(mark, Cluster):
                self.clusters.append(mark)
            else:
                self.paths.append(mark)

    def halos(self) -> list[Path]:
        """The bright grounds under lines."""
        haloed = [edge for edge in self.edges if edge.stroke.halo]
        return [Path(edge.points, Stroke(edge.stroke.halo, edge.stroke.width + 9)) for edge in haloed]

    def kinds(self) -> set[str]:
        """The kinds of lines that are in the picture, for its legend."""
        kinds = {edge.stroke.kind for edge in self.edges} | {path.stroke.kind for path in self.paths}
        return kinds | ({"strongest"} if any(edge.stroke.halo for edge in self.edges) else set())

    def keyed(self) -> Iterator[tuple[Key, str]]:
        """What the marks stand for, each with the id of a mark."""
        marks: list[Node | Edge | Cluster] = [*self.nodes.values(), *self.edges, *self.clusters]
        for mark in marks:
            for key in mark.keys:
                yield key, mark.id

    def extent(self) -> Rect:
        """The rectangle around everything."""
        lines: list[Edge | Path] = [*self.edges, *self.paths]
        points = [point for line in lines for point in line.points]
        boxes: list[Box] = [cluster.box for cluster in self.clusters]
        for node in self.nodes.values():
            (x, y), (wide, high) = node.middle, node.size
            boxes.append((x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
        return bounds([*boxes, path_bounds(points)] if points else boxes)
