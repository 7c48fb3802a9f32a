"""A lint for drawings: what a reader of an SVG would stumble over."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from tests.support.drawing import Boxes, Drawing, Edge, Text, read
from viz.layout.geometry import Point, Rect, distance, inside, path_bounds

KINDS = (
    "line behind a node", "line on a line", "arrowhead on an arrowhead", "label struck by a line", "text on text",
    "node border on a panel's", "text wider than its box", "crossing",
)  # fmt: skip
HEADS = 0.3  # of the smaller arrowhead's box
TOGETHER = 8.0  # points that two lines run on each other, before a reader takes them for one
TOUCH = 1.0  # points: what is nearer than that touches


class Defect(NamedTuple):
    """One thing to stumble over: its kind, what it is about, and where."""

    kind: str
    who: str
    at: Point


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


def near_pairs(
    items: Sequence[tuple[Rect, T]], others: Sequence[tuple[Rect, T]] | None = None
) -> Iterator[tuple[T, T]]:
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
            hit = (
                distance(box.middle, a, b) < box.width / 2 - cut
                if shapes[name].round
                else inside(a, b, box.grown(-cut))
            )
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
                yield Defect(
                    "label struck by a line", f"{text.words!r} of {text.owner} by {edge.name}", text.box.middle
                )


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
        room = min(
            inner.left - outer.left, outer.right - inner.right, inner.bottom - outer.bottom, outer.top - inner.top
        )
        if room <= TOUCH:
            yield Defect("node border on a panel's", f"{name} on {frame}", inner.middle)


def wide_texts(drawing: Drawing) -> Iterator[Defect]:
    """A text that reaches over the border of its node, or its panel."""
    for node in (*drawing.nodes, *drawing.frames):
        for text in node.texts:
            if node.box and (text.box.left < node.box.left or text.box.right > node.box.right):
                yield Defect("text wider than its box", f"{text.words!r} in {node.name}", text.box.middle)


def crossings(drawing: Drawing) -> Iterator[Defect]:
    """Where one line crosses another, away from their ends."""
    for (one, a, b), (other, c, d) in near_pairs(pieces(drawing)):
        if one is not other and (at := crossing(a, b, c, d)) is not None:
            yield Defect("crossing", f"{one.name} and {other.name}", at)


def crossing(a: Point, b: Point, c: Point, d: Point) -> Point | None:
    """Where the pieces a-b and c-d cross, ends left out; parallel ones do not cross."""
    ux, uy, vx, vy = b.x - a.x, b.y - a.y, d.x - c.x, d.y - c.y
    turn = ux * vy - uy * vx
    if not turn:
        return None
    s = ((c.x - a.x) * vy - (c.y - a.y) * vx) / turn
    t = ((c.x - a.x) * uy - (c.y - a.y) * ux) / turn
    return Point(a.x + s * ux, a.y + s * uy) if 0 < s < 1 and 0 < t < 1 else None
