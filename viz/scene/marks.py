"""What a picture is made of: nodes, edges, frames and curves, each in its place, before any file format.

``viz.output.svg`` writes a scene as SVG, ``viz.output.dot`` as DOT text. Places are in points, y upwards. A scene whose nodes have
no places yet is laid out by ``dot``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from viz.geometry import Box, Place, around
from viz.style.theme import Colour, Theme

Shape: TypeAlias = Literal["box", "round", "disc", "hexagon", "flag", "block", "text"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one look; no colour is the theme's ink."""

    text: str
    size: float = 12
    colour: Colour = ""
    bold: bool = False
    italic: bool = False


Row: TypeAlias = tuple[Span, ...]


def rows(*lines: str, size: float = 12, colour: Colour = "") -> tuple[Row, ...]:
    """Lines of text in one look."""
    return tuple((Span(line, size, colour),) for line in lines)


@dataclass(frozen=True, slots=True)
class Node:
    """A box of any shape with its rows of text; without a middle it is ``dot`` that finds its place."""

    id: str
    middle: Place | None
    size: tuple[float, float]
    rows: tuple[Row, ...] = ()
    shape: Shape = "box"
    line: Colour = ""
    fill: Colour = ""
    width: float = 1.3
    dashed: bool = False
    left: bool = False  # the text begins at the left
    tooltip: tuple[str, ...] = ()  # line by line
    frame: str = ""  # the id of the innermost frame around it, where frames nest
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def box(self) -> Box:
        """Its outline as a rectangle; only where it has a place."""
        assert self.middle is not None
        (x, y), (width, height) = self.middle, self.size
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2

    def towards(self, other: Place) -> Place:
        """Where a straight line from the middle to another place leaves the outline.

        >>> Node("a", (0.0, 0.0), (40, 20)).towards((100.0, 0.0))
        (20.0, 0.0)
        """
        assert self.middle is not None
        (x, y), (u, v) = self.middle, other
        dx, dy = u - x, v - y
        if not dx and not dy:
            return self.middle
        if self.shape == "disc":
            part = self.size[0] / 2 / math.hypot(dx, dy)
        else:
            part = min(side / 2 / abs(d) for side, d in zip(self.size, (dx, dy), strict=True) if d)
        return x + part * dx, y + part * dy


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two nodes along its corners, from outline to outline; without corners ``dot`` finds it."""

    id: str
    source: str
    reader: str
    corners: tuple[Place, ...]
    colour: Colour
    width: float
    dashed: bool = False
    head: Literal["source", "reader"] = "reader"
    open: bool = False  # the arrowhead of a value; a gradient's is filled
    halo: Colour = ""  # of a bright ground under the line
    label: str = ""  # small, where the line begins
    tooltip: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    layout: Mapping[str, str] = field(default_factory=dict)  # hints for ``dot``


@dataclass(frozen=True, slots=True)
class Frame:
    """A rounded ground behind nodes, with a caption in its upper left corner."""

    id: str
    box: Box | None
    fill: Colour
    line: Colour
    caption: Row = ()
    tooltip: tuple[str, ...] = ()
    parent: str = ""
    hatched: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """A line that is no edge: of a small plot, of scissors, of a hatching."""

    points: tuple[Place, ...]
    colour: Colour
    width: float = 1.2
    dashed: bool = False
    closed: bool = False  # and filled
    tooltip: tuple[str, ...] = ()


@dataclass
class Scene:
    """A whole picture; what is added later is drawn on top, but for frames below and nodes above edges."""

    theme: Theme
    title: str = ""
    description: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    caption: tuple[str, ...] = ()  # of a picture that ``dot`` lays out, below it

    def add(self, *parts: Node | Edge | Frame | Curve) -> None:
        """Put something into the picture."""
        for part in parts:
            if isinstance(part, Node):
                self.nodes[part.id] = part
            elif isinstance(part, Edge):
                self.edges.append(part)
            elif isinstance(part, Frame):
                self.frames.append(part)
            else:
                self.curves.append(part)

    @property
    def pinned(self) -> bool:
        """Whether everything has its place, so that it needs no layout."""
        return all(node.middle is not None for node in self.nodes.values())

    def between(self, source: str, reader: str, *corners: Place) -> tuple[Place, ...]:
        """The places of a line between two nodes, straight or along these corners, from outline to outline."""
        a, b = self.nodes[source], self.nodes[reader]
        assert a.middle is not None
        assert b.middle is not None
        places = [a.middle, *corners, b.middle]
        return (a.towards(places[1]), *corners, b.towards(places[-2]))

    def halos(self) -> list[Curve]:
        """The bright grounds under lines."""
        return [Curve(edge.corners, edge.halo, edge.width + 9) for edge in self.edges if edge.halo and edge.corners]

    def extent(self) -> Box:
        """The rectangle around everything."""
        return around(
            [node.box for node in self.nodes.values()]
            + [frame.box for frame in self.frames if frame.box]
            + [(x, y, x, y) for edge in self.edges for x, y in edge.corners]
            + [(x, y, x, y) for curve in self.curves for x, y in curve.points]
        )
