"""What an SVG shows: shapes, lines and texts with their places, read from its text alone.

Text is as wide as ``viz.style.fonts`` says, or as the ``boxes`` of a browser that showed it. y runs downwards, so a
rectangle's ``bottom`` is its smaller y.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from viz.layout.geometry import Path, Point, Rect, path_bounds
from viz.style.fonts import width as width_of_text

NAMESPACE = "{http://www.w3.org/2000/svg}"
SHAPES = ("rect", "circle", "ellipse", "polygon", "path")
TOKEN = re.compile(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "C": 6, "A": 7, "Z": 0}

Boxes = Mapping[int, Rect]  # the place of a text in the document -> where a browser shows it


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
    """A line: its path from end to end, its stroke and its arrowhead."""

    name: str
    path: Path
    width: float
    head: Path = ()


@dataclass
class Drawing:
    """What an SVG shows."""

    nodes: list[Shape] = field(default_factory=list)
    frames: list[Shape] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


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
            texts = []
            for text in group.iter(f"{NAMESPACE}text"):
                box = (boxes or {}).get(number[text]) or box_of_text(text, offset)
                texts.append(Text(" ".join("".join(text.itertext()).split()), box, group.get("id", "")))
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
        drawing.edges.append(Edge(group.get("id", ""), path, float(lines[0].get("stroke-width", 1)), head))


def moved_by(element: Element) -> Point:
    found = re.search(r"translate\(([-\d.]+)[ ,]+([-\d.]+)\)", element.get("transform", ""))
    return Point(float(found[1]), float(found[2])) if found else Point(0, 0)


def points_of(shape: Element, offset: Point) -> Path:
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
    script = """() => { const svg = document.querySelector("svg");
      svg.style.cssText = `width: ${2 * svg.viewBox.baseVal.width}px`;  // small letters are rounded to pixels
      const back = svg.getScreenCTM().inverse();
      return [...svg.querySelectorAll("text")].map((text) => {
        const box = text.getBBox(), to = back.multiply(text.getScreenCTM());
        return [box.x + to.e, box.y + to.f, box.x + box.width + to.e, box.y + box.height + to.f]; }); }"""
    found = (Rect(*corners) for corners in page.evaluate(script))
    return {k: Rect(box.left, box.bottom + 0.16 * box.height, box.right, box.top) for k, box in enumerate(found)}
