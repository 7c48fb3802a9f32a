"""A lint for drawings: what a reader of an SVG would stumble over, found from its text alone.

Shapes, lines and texts are read from the SVG with their places; text is as wide as ``viz.fonts`` says, or as the
``boxes`` of a browser that showed it. y runs downwards, so a rectangle's ``bottom`` is its smaller y.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from viz.fonts import width as width_of_text
from viz.layout.geometry import Path, Point, Rect, crossing, distance, inside, path_bounds

KINDS = (
    "line behind a node", "line on a line", "arrowhead on an arrowhead", "label struck by a line", "text on text",
    "node border on a panel's", "text wider than its box", "crossing",
)  # fmt: skip
HEADS = 0.3  # of the smaller arrowhead's box
TOGETHER = 8.0  # points that two lines run on each other, before a reader takes them for one
TOUCH = 1.0  # points: what is nearer than that touches
NAMESPACE = "{http://www.w3.org/2000/svg}"
SHAPES = ("rect", "circle", "ellipse", "polygon", "path")
TOKEN = re.compile(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "C": 6, "A": 7, "Z": 0}

Boxes = Mapping[int, Rect]  # the place of a text in the document -> where a browser shows it


class Defect(NamedTuple):
    """One thing to stumble over: its kind, what it is about, and where."""

    kind: str
    who: str
    at: Point


@dataclass
class Text:
    """A row of text, and what it belongs to."""

    words: str
    box: Rect
    owner: str


@dataclass
class Shape:
    """A node or a panel: its outline as a rectangle, if it has one, and its text."""

    name: str
    box: Rect | None
    round: bool = False
    texts: list[Text] = field(default_factory=list)


@dataclass
class Edge:
    """A line: its path from end to end, its stroke, its arrowhead and its labels."""

    name: str
    path: Path
    width: float
    head: Path = ()
    labels: list[Text] = field(default_factory=list)


@dataclass
class Drawing:
    """What an SVG shows."""

    nodes: list[Shape] = field(default_factory=list)
    frames: list[Shape] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


# Reading ---------------------------------------------------------------------------------------------------------------


def read(svg: str, boxes: Boxes | None = None) -> Drawing:
    """What is drawn; with the boxes of a browser its texts are where that shows them."""
    root, drawing = ElementTree.fromstring(svg), Drawing()
    number = {text: k for k, text in enumerate(root.iter(f"{NAMESPACE}text"))}
    waiting = [(root, Point(0, 0), "")]
    while waiting:
        group, offset, owner = waiting.pop()
        for element in reversed(list(group)):
            if element.tag in (f"{NAMESPACE}g", f"{NAMESPACE}a"):
                x, y = moved_by(element)
                waiting.append((element, Point(offset.x + x, offset.y + y), owner or element.get("id", "")))
        kind = group.get("class", "")
        if kind in ("node", "frame", "cluster", "edge"):
            texts = [
                Text(" ".join("".join(text.itertext()).split()), (boxes or {}).get(number[text]) or box_of_text(text, offset),
                     group.get("id", ""))
                for text in group.iter(f"{NAMESPACE}text")
            ]  # fmt: skip
            texts = [text for text in texts if text.words]
            drawing.texts += texts
            add_group(drawing, group, kind, offset, texts)
    return drawing


def add_group(drawing: Drawing, group: Element, kind: str, offset: Point, texts: list[Text]) -> None:
    shapes = [part for part in group.iter() if part.tag.removeprefix(NAMESPACE) in (*SHAPES, "polyline")]
    if kind != "edge":
        box = path_bounds(points_of(shapes[0], offset)) if shapes else None
        shape = Shape(group.get("id", ""), box, bool(shapes) and shapes[0].tag.endswith(("circle", "ellipse")), texts)
        (drawing.nodes if kind == "node" else drawing.frames).append(shape)
        return
    lines = [shape for shape in shapes if shape.tag == f"{NAMESPACE}path"]
    heads = [points_of(shape, offset) for shape in shapes if shape.tag != f"{NAMESPACE}path"]
    if lines:
        path, head = points_of(lines[0], offset), heads[0] if heads else ()
        if head:  # the line goes on to the arrowhead's tip
            tip = max(head, key=lambda corner: min(math.dist(corner, path[0]), math.dist(corner, path[-1])))
            path = (*path, tip) if math.dist(tip, path[-1]) <= math.dist(tip, path[0]) else (tip, *path)
        drawing.edges.append(Edge(group.get("id", ""), path, float(lines[0].get("stroke-width", 1)), head, texts))


def moved_by(element: Element) -> Point:
    found = re.search(r"translate\(([-\d.]+)[ ,]+([-\d.]+)\)", element.get("transform", ""))
    return Point(float(found[1]), float(found[2])) if found else Point(0, 0)


def points_of(shape: Element, offset: Point = Point(0, 0)) -> Path:
    """The corners of a shape; curves are cut into short pieces."""

    def number(name: str) -> float:
        return float(shape.get(name, 0))

    tag = shape.tag.removeprefix(NAMESPACE)
    if tag == "rect":
        x, y, right, low = number("x"), number("y"), number("x") + number("width"), number("y") + number("height")
        found = [(x, y), (right, y), (right, low), (x, low)]
    elif tag in ("circle", "ellipse"):
        x, y, rx, ry = number("cx"), number("cy"), number("rx") or number("r"), number("ry") or number("r")
        found = [(x + rx * math.cos(k * math.pi / 4), y + ry * math.sin(k * math.pi / 4)) for k in range(8)]
    elif tag == "path":
        found = list(path_points(shape.get("d", "")))
    else:
        numbers = [float(token) for token in TOKEN.findall(shape.get("points", ""))]
        found = list(zip(numbers[::2], numbers[1::2], strict=True))
    return tuple(Point(x + offset.x, y + offset.y) for x, y in found)


def path_points(d: str) -> Iterator[tuple[float, float]]:
    """The points of a path's first stroke.

    >>> list(path_points("M0,0L10,0h5v-2q2,0 4,0"))[:4]
    [(0.0, 0.0), (10.0, 0.0), (15.0, 0.0), (15.0, -2.0)]
    """
    tokens, command, x, y = TOKEN.findall(d), "", 0.0, 0.0
    begin, strokes = (0.0, 0.0), 0
    while tokens:
        if tokens[0].isalpha():
            command = tokens.pop(0)
        count = NUMBERS[command.upper()]
        values, tokens = [float(token) for token in tokens[:count]], tokens[count:]
        base = (x, y) if command.islower() else (0.0, 0.0)
        if command.upper() == "Z":
            yield begin
            return
        if command.upper() in "HV":
            x, y = (base[0] + values[0], y) if command.upper() == "H" else (x, base[1] + values[0])
            yield x, y
            continue
        if command.upper() == "A":
            values = values[5:]
        ends = [(base[0] + a, base[1] + b) for a, b in zip(values[::2], values[1::2], strict=True)]
        if command.upper() == "M":
            strokes += 1
            if strokes > 1:
                return
            begin, command = ends[0], "l" if command.islower() else "L"
        yield from bezier([(x, y), *ends]) if len(ends) > 1 else ends
        x, y = ends[-1]


def bezier(controls: Sequence[tuple[float, float]], pieces: int = 6) -> Iterator[tuple[float, float]]:
    degree = len(controls) - 1
    for k in range(1, pieces + 1):
        t = k / pieces
        weights = [math.comb(degree, n) * t**n * (1 - t) ** (degree - n) for n in range(degree + 1)]
        yield (sum(w * p[0] for w, p in zip(weights, controls, strict=True)),
               sum(w * p[1] for w, p in zip(weights, controls, strict=True)))  # fmt: skip


def box_of_text(text: Element, offset: Point) -> Rect:
    """About the room of a row of text: as wide as its letters, as high as capitals with what hangs below them."""
    x, y = float(text.get("x", 0)) + offset.x, float(text.get("y", 0)) + offset.y
    wide, size = 0.0, 0.0
    for part in [text, *text.iter(f"{NAMESPACE}tspan")]:
        look = {**text.attrib, **part.attrib}
        this = float(look.get("font-size", "12").removesuffix("px"))
        words = part.text or ""
        size = max(size, this) if words.strip() else size
        wide += width_of_text(words, this, look.get("font-weight") == "bold")
    anchor = {"middle": wide / 2, "end": wide}.get(text.get("text-anchor", ""), 0.0)
    return Rect(x - anchor, y - 0.73 * size, x - anchor + wide, y + 0.21 * size)


def boxes_in(page: Any, svg: str) -> dict[int, Rect]:
    """Where a browser's page shows the texts of an SVG, in the SVG's own coordinates."""
    page.set_content(svg)
    script = """() => { const svg = document.querySelector("svg"), back = svg.getScreenCTM().inverse();
      return [...svg.querySelectorAll("text")].map((text) => {
        const box = text.getBBox(), to = back.multiply(text.getScreenCTM());
        return [box.x + to.e, box.y + to.f, box.x + box.width + to.e, box.y + box.height + to.f]; }); }"""
    found = (Rect(*corners) for corners in page.evaluate(script))
    return {k: Rect(box.left, box.bottom + 0.16 * box.height, box.right, box.top) for k, box in enumerate(found)}


# Checks ----------------------------------------------------------------------------------------------------------------


def lint(svg: str, boxes: Boxes | None = None) -> list[Defect]:
    """Every defect of a drawing."""
    drawing = read(svg, boxes)
    checks = (lines_behind_nodes, lines_on_lines, heads_on_heads, struck_labels, texts_on_texts, borders_on_borders,
              wide_texts, crossings)  # fmt: skip
    return [defect for check in checks for defect in check(drawing)]


def counts(defects: Iterable[Defect]) -> dict[str, int]:
    """How many there are of each kind."""
    found = Counter(defect.kind for defect in defects)
    return {kind: found[kind] for kind in KINDS}


T = TypeVar("T")


def near_pairs(items: Sequence[tuple[Rect, T]], others: Sequence[tuple[Rect, T]] | None = None) -> Iterator[tuple[T, T]]:
    """Pairs whose rectangles overlap: a line sweeps over the plane from the left (Bentley & Wood 1980)."""
    marked = [(rect, item, 0) for rect, item in items] + [(rect, item, 1) for rect, item in others or ()]
    active: list[tuple[Rect, T, int]] = []
    for rect, item, side in sorted(marked, key=lambda entry: entry[0].left):
        active = [entry for entry in active if entry[0].right >= rect.left]
        for other, one, from_side in active:
            if (others is None or side != from_side) and other.bottom <= rect.top and rect.bottom <= other.top:
                yield (one, item) if from_side <= side else (item, one)
        active.append((rect, item, side))


Piece = tuple[Edge, Point, Point]


def pieces(drawing: Drawing, grow: float = 0.0) -> list[tuple[Rect, Piece]]:
    return [
        (path_bounds((a, b)).grown(grow), (edge, a, b)) for edge in drawing.edges for a, b in pairwise(edge.path)
        if a != b
    ]  # fmt: skip


def ends_at(edge: Edge, box: Rect) -> bool:
    return any(inside(end, Point(end.x + 1e-3, end.y), box.grown(3)) for end in (edge.path[0], edge.path[-1]))


def lines_behind_nodes(drawing: Drawing) -> Iterator[Defect]:
    """A node, once for each line that runs through it without ending there."""
    shapes = {node.name: node for node in drawing.nodes if node.box}
    boxes = [(node.box, node.name) for node in shapes.values() if node.box]
    marked: list[tuple[Rect, Piece | str]] = [(box, name) for box, name in boxes]
    seen = set()
    for name, piece in near_pairs(marked, list(pieces(drawing))):
        if isinstance(name, str) and not isinstance(piece, str):
            (edge, a, b), box = piece, shapes[name].box
            assert box is not None
            cut = min(TOUCH, box.width / 4, box.height / 4)
            hit = distance(box.middle, a, b) < box.width / 2 - cut if shapes[name].round else inside(a, b, box.grown(-cut))
            if hit and (edge.name, name) not in seen and not ends_at(edge, box):
                seen.add((edge.name, name))
                yield Defect("line behind a node", f"{edge.name} behind {name}", box.middle)


def lines_on_lines(drawing: Drawing) -> Iterator[Defect]:
    """Two lines, if they touch for a while."""
    seen = set()
    for (one, a, b), (other, c, d) in near_pairs(pieces(drawing, grow=3)):
        if one is other or (one.name, other.name) in seen:
            continue
        if together(a, b, c, d, (one.width + other.width) / 2 + TOUCH) > TOGETHER:
            seen |= {(one.name, other.name), (other.name, one.name)}
            yield Defect("line on a line", f"{one.name} on {other.name}", a)


def together(a: Point, b: Point, c: Point, d: Point, near: float) -> float:
    """How long two pieces run side by side and touch."""
    long, other = math.dist(a, b), math.dist(c, d)
    if abs((b.x - a.x) * (d.y - c.y) - (b.y - a.y) * (d.x - c.x)) > 0.1 * long * other:  # of another direction
        return 0.0
    along = sorted(((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / long for p in (c, d))
    low, high = max(along[0], 0.0), min(along[1], long)
    if low >= high:
        return 0.0
    middle = (low + high) / 2 / long
    point = Point(a.x + middle * (b.x - a.x), a.y + middle * (b.y - a.y))
    return high - low if distance(point, c, d) < near else 0.0


def heads_on_heads(drawing: Drawing) -> Iterator[Defect]:
    """Two arrowheads whose boxes overlap by more than a third of the smaller."""
    heads = [(path_bounds(edge.head), edge) for edge in drawing.edges if edge.head]
    for one, other in near_pairs(heads):
        a, b = path_bounds(one.head), path_bounds(other.head)
        if a.overlap(b) > HEADS * min(a.width * a.height, b.width * b.height):
            yield Defect("arrowhead on an arrowhead", f"{one.name} on {other.name}", a.middle)


def struck_labels(drawing: Drawing) -> Iterator[Defect]:
    """A label, or a text beside the nodes, once for each line that runs through it."""
    boxed = {id(text) for node in drawing.nodes if node.box for text in node.texts}
    labels = [(text.box, text) for text in drawing.texts if id(text) not in boxed]
    marked: list[tuple[Rect, Piece | Text]] = [(box, text) for box, text in labels]
    seen = set()
    for text, piece in near_pairs(marked, list(pieces(drawing))):
        if isinstance(text, Text) and not isinstance(piece, Text):
            edge, a, b = piece
            if inside(a, b, text.box.grown(-TOUCH)) and (id(text), edge.name) not in seen:
                seen.add((id(text), edge.name))
                yield Defect("label struck by a line", f"{text.words!r} of {text.owner} by {edge.name}", text.box.middle)


def texts_on_texts(drawing: Drawing) -> Iterator[Defect]:
    """Two texts that overlap by more than a tenth of the smaller."""
    for one, other in near_pairs([(text.box, text) for text in drawing.texts]):
        smaller = min(text.box.width * text.box.height for text in (one, other))
        if one.box.overlap(other.box) > 0.1 * smaller:
            yield Defect("text on text", f"{one.words!r} on {other.words!r}", one.box.middle)


def borders_on_borders(drawing: Drawing) -> Iterator[Defect]:
    """A node whose border runs along that of a panel, or crosses it."""
    frames = [(frame.box.grown(TOUCH), (frame.name, frame.box)) for frame in drawing.frames if frame.box]
    nodes = [(node.box, (node.name, node.box)) for node in drawing.nodes if node.box]
    for (frame, outer), (name, inner) in near_pairs(frames, nodes):
        room = min(inner.left - outer.left, outer.right - inner.right, inner.bottom - outer.bottom, outer.top - inner.top)
        if room <= TOUCH:
            yield Defect("node border on a panel's", f"{name} on {frame}", inner.middle)


def wide_texts(drawing: Drawing) -> Iterator[Defect]:
    """A text that reaches over its node's border."""
    for node in drawing.nodes:
        for text in node.texts:
            if node.box and (text.box.left < node.box.left or text.box.right > node.box.right):
                yield Defect("text wider than its box", f"{text.words!r} in {node.name}", text.box.middle)


def crossings(drawing: Drawing) -> Iterator[Defect]:
    """Where one line crosses another, away from their ends."""
    for (one, a, b), (other, c, d) in near_pairs(pieces(drawing)):
        if one is not other and (at := crossing(a, b, c, d)) is not None:
            yield Defect("crossing", f"{one.name} and {other.name}", at)
