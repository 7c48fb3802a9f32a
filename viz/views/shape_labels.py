"""The shapes of values, written above their lines where nothing else is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from viz.diagram.collapse import Quotient
from viz.layout.arrowheads import head_size
from viz.layout.geometry import Drawing, Path, Rect, meets
from viz.scene.marks import Edge, Node, Span
from viz.style.theme import Colour

SIZE, CELL = 9.0, 40.0  # points: of the letters; of the squares in which what is near is looked up
MOST = 600  # nodes: of more, no shape could be read


class _Plane:
    """What has been drawn, by the squares that it is in."""

    def __init__(self) -> None:
        self._boxes: dict[tuple[int, int], list[Rect]] = {}
        self._lines: dict[tuple[int, int], list[tuple[Path, float]]] = {}

    def add_box(self, box: Rect) -> None:
        """Take the room of a box."""
        for square in _squares(box):
            self._boxes.setdefault(square, []).append(box)

    def add_line(self, edge: Edge) -> None:
        """Take the room of a line and its arrowhead."""
        for piece in pairwise(edge.points):
            (x, y), (u, v) = piece
            for square in _squares(Rect(min(x, u), min(y, v), max(x, u), max(y, v)).grown(edge.stroke.width / 2)):
                self._lines.setdefault(square, []).append((piece, edge.stroke.width / 2))  # type: ignore[arg-type]

    def is_free(self, box: Rect) -> bool:
        """Whether nothing is there."""
        squares = [*_squares(box)]
        return not any(box.overlap(other) for square in squares for other in self._boxes.get(square, ())) and not any(
            meets(piece, box.grown(half)) for square in squares for piece, half in self._lines.get(square, ())
        )


def _squares(box: Rect) -> Iterable[tuple[int, int]]:
    columns = range(int(box.left // CELL), int(box.right // CELL) + 1)
    return [(x, y) for x in columns for y in range(int(box.bottom // CELL), int(box.top // CELL) + 1)]


def shape_labels(quotient: Quotient, drawing: Drawing, edges: Iterable[Edge], colour: Colour) -> Iterator[Node]:
    """Of every value the shape, above the first of its lines that has room where it begins."""
    if len(quotient.nodes) > MOST:
        return
    plane, drawn = _Plane(), {edge.id: edge for edge in edges}
    for box in drawing.boxes.values():
        plane.add_box(box)
    for panel in drawing.panels.values():
        plane.add_box(panel._replace(bottom=panel.top - 24))  # its caption
    for edge in drawn.values():
        plane.add_line(edge)
    labelled: set[tuple[str, int]] = set()
    for link in quotient.links:
        value, edge = (link.source, link.edges[0].index), drawn[link.id]
        if value in labelled or len({one.shape for one in link.edges}) > 1 or not link.edges[0].shape:
            continue
        span = Span("×".join(map(str, link.edges[0].shape)), SIZE, colour)
        head, (x, y), (u, v) = head_size(edge.stroke.width)[0], edge.points[0], edge.points[1]
        free = abs(u - x) - head - 2
        left = min(x, u) + (head if edge.stroke.backward else 1) + (free - span.width) / 2
        bottom = y + edge.stroke.width / 2 + 1.5
        box = Rect(left, bottom, left + span.width, bottom + 0.75 * SIZE)
        if free >= span.width and abs(v - y) < 0.5 and plane.is_free(box):
            labelled.add(value)
            plane.add_box(box)
            middle = (left + span.width / 2, bottom + 0.36 * SIZE)
            yield Node(f"shape_{link.id}", middle, (span.width, SIZE), ((span,),), "text")
