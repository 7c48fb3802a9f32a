"""Reading our SVG back, as far as the tests of pictures need it: nodes, edges, frames, curves, texts, widths, colours.

Places are in the document's points, y downwards as in every SVG.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom
NAMESPACE = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
BROAD, NARROW = set("mwMWC@%✂⊙∂‖∇∑Σ"), set("iljtfrI.,:;'|!()[]/ \u00a0₀₁₂₃₄₅₆₇₈₉ₜ₋₊")


@dataclass
class Node:
    """A node: its outline (of a text alone, about the room that it takes), what it says, its numbers."""

    id: str
    box: Box
    texts: list[str]
    data: dict[str, str]
    tooltip: str
    outlined: bool
    line: str = ""

    @property
    def middle(self) -> Point:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def text(self) -> str:
        return " ".join(self.texts)


@dataclass
class Edge:
    """An edge: its ends, its stroke, its way from the beginning to the arrowhead's tip, its numbers."""

    id: str
    source: str
    reader: str
    width: float
    colour: str
    dashed: bool
    open: bool
    way: list[Point]
    tip: Point
    data: dict[str, str]
    tooltip: str

    @property
    def backward(self) -> bool:
        """Whether the arrow is a gradient's, towards the source: the tip is at the way's beginning."""
        (x, y), (u, v) = self.way[0], self.way[-1]
        a, b = self.tip
        return (x - a) ** 2 + (y - b) ** 2 < (u - a) ** 2 + (v - b) ** 2


@dataclass
class Curve:
    width: float
    colour: str
    points: list[Point]
    tooltip: str


@dataclass
class Svg:
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    frames: dict[str, tuple[Box, str]] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    title: str = ""
    description: str = ""
    size: Point = (0.0, 0.0)
    colours: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def edge(self, source: str, reader: str) -> Edge:
        (found,) = [edge for edge in self.edges if (edge.source, edge.reader) == (source, reader)]
        return found

    def into(self, reader: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.reader == reader]

    def out_of(self, source: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.source == source]

    @property
    def text(self) -> str:
        """All that is written in nodes, from the top down, and in captions."""
        captions = [caption for _, caption in self.frames.values()]
        nodes = sorted(self.nodes.values(), key=lambda node: (node.box[1], node.box[0]))
        return "\n".join([*(node.text for node in nodes), *captions]).replace("\u00a0", " ")


def width_of_text(text: str, size: float) -> float:
    """About how wide a text is in Helvetica, rather too narrow than too wide."""
    return size * sum(0.78 if c in BROAD else 0.3 if c in NARROW else 0.53 for c in text)


def points_of(text: str) -> list[Point]:
    numbers = [float(number) for number in NUMBER.findall(text)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def around(points: list[Point]) -> Box:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def read(source: str) -> Svg:
    root = ElementTree.fromstring(source)
    box = [float(number) for number in root.get("viewBox", "0 0 0 0").split()]
    svg = Svg(size=(box[2], box[3]))
    svg.title, svg.description = (child.text or "" for child in list(root)[:2])
    for element in root.iter():
        svg.colours |= {value for name in ("fill", "stroke") if (value := element.get(name)) not in (None, "none")}
    for group in root.iter(f"{NAMESPACE}g"):
        read_group(svg, group)
    return svg


def read_group(svg: Svg, group: Element) -> None:
    kind, name = group.get("class", ""), group.get("id", "")
    data = {key.removeprefix("data-"): value for key, value in group.items() if key.startswith("data-")}
    tooltip = group.findtext(f"{NAMESPACE}title") or ""
    if name:
        svg.ids.append(name)
    if kind == "node":
        svg.nodes[name] = Node(name, *outline(group), data, tooltip, *line_of(group))
    elif kind == "frame":
        (rect, *_) = group.iter(f"{NAMESPACE}rect")
        svg.frames[name] = box_of(rect), "".join("".join(text.itertext()) for text in group.iter(f"{NAMESPACE}text"))
    else:
        path = group.find(f"{NAMESPACE}path")
        assert path is not None, name
        points, width, dashed = points_of(path.get("d", "")), float(path.get("stroke-width", 0)), "stroke-dasharray"
        colour = path.get("stroke", path.get("fill", ""))
        if kind == "curve":
            svg.curves.append(Curve(width, colour, points, tooltip))
            return
        assert kind == "edge", kind
        tip = next(part for part in group if part.tag in (f"{NAMESPACE}polygon", f"{NAMESPACE}polyline"))
        ends = data.get("source", ""), data.get("reader", "")
        svg.edges.append(
            Edge(name, *ends, width, colour, dashed in path.attrib, tip.tag == f"{NAMESPACE}polyline", points,
                 points_of(tip.get("points", ""))[1], data, tooltip)
        )  # fmt: skip


def line_of(group: Element) -> tuple[bool, str]:
    outlines = [part for part in group if part.tag.removeprefix(NAMESPACE) in ("rect", "circle", "polygon")]
    return bool(outlines), outlines[0].get("stroke", "") if outlines else ""


def outline(group: Element) -> tuple[Box, list[str]]:
    texts = [part for part in group if part.tag == f"{NAMESPACE}text"]
    said = ["".join(text.itertext()) for text in texts]
    for part in group:
        if part.tag.removeprefix(NAMESPACE) in ("rect", "circle", "polygon"):
            return box_of(part), said
    if not texts:  # a place where a line begins, which is not seen
        return (0.0, 0.0, 0.0, 0.0), said
    return around([corner for text in texts for corner in corners_of(text)]), said


def corners_of(text: Element) -> list[Point]:
    """About the room that a row of text takes."""
    x, y = float(text.get("x", 0)), float(text.get("y", 0))
    spans = [*text.iter(f"{NAMESPACE}tspan")] or [text]
    sizes = [float(span.get("font-size", 12)) for span in spans]
    wide = sum(width_of_text(span.text or "", size) for span, size in zip(spans, sizes, strict=True))
    left = x - wide / 2 if text.get("text-anchor") == "middle" else x
    return [(left, y - 0.75 * max(sizes)), (left + wide, y + 0.2 * max(sizes))]


def box_of(part: Element) -> Box:
    def number(name: str) -> float:
        return float(part.get(name, 0))

    if part.tag == f"{NAMESPACE}rect":
        x, y = number("x"), number("y")
        return x, y, x + number("width"), y + number("height")
    if part.tag == f"{NAMESPACE}circle":
        x, y, r = number("cx"), number("cy"), number("r")
        return x - r, y - r, x + r, y + r
    return around(points_of(part.get("points", "")))


def overlap(a: Box, b: Box, room: float = 0.0) -> bool:
    """Whether two boxes share more than their edges."""
    return min(a[2], b[2]) - max(a[0], b[0]) > room and min(a[3], b[3]) - max(a[1], b[1]) > room


def crosses(way: list[Point], box: Box, room: float = 1.0) -> bool:
    """Whether a way of straight lines goes through a box."""
    left, top, right, bottom = box[0] + room, box[1] + room, box[2] - room, box[3] - room
    for (x, y), (u, v) in pairwise(way):
        near = max(x, u) > left and min(x, u) < right and max(y, v) > top and min(y, v) < bottom
        if near and _clipped((x, y), (u, v), left, top, right, bottom):
            return True
    return False


def _clipped(a: Point, b: Point, left: float, top: float, right: float, bottom: float) -> bool:
    """Whether a straight line has a part inside a rectangle (Liang & Barsky 1984)."""
    enter, leave = 0.0, 1.0
    for start, step, low, high in ((a[0], b[0] - a[0], left, right), (a[1], b[1] - a[1], top, bottom)):
        if low >= high or (not step and not low <= start <= high):
            return False
        if step:
            one, other = sorted(((low - start) / step, (high - start) / step))
            enter, leave = max(enter, one), min(leave, other)
    return enter < leave
