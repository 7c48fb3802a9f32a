"""A layered drawing: boxes in columns from left to right, lines between them, no line behind a box.

>>> placed = layered({"x": (30, 20), "z": (60, 30), "h": (40, 20)}, [Line("x", "z"), Line("z", "h"), Line("x", "h")])
>>> [round(placed.boxes[name].left) for name in ("x", "z", "h")]
[0, 60, 150]
>>> placed.crossings, [len(path) for path in placed.paths]
(0, [4, 4, 2])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from viz.layout import bends
from viz.layout.geometry import Path, Point, Rect, simplified
from viz.layout.heights import Ends, heights, settled
from viz.layout.ordering import crossings, order, positions
from viz.layout.ports import room, slots
from viz.layout.ranks import Layers, Line, cut, is_level

__all__ = ["Line", "Placement", "Size", "Spacing", "layered"]

Size = tuple[float, float]  # width, height


@dataclass(frozen=True, slots=True)
class Spacing:
    """What is kept clear, in points: between two ranks, two boxes of a rank, a line and what is beside it."""

    rank: float = 30.0
    box: float = 18.0
    line: float = 6.0


@dataclass(frozen=True)
class Placement:
    """Where every box is, and the path of every line from its source's right side to its target's left, as given."""

    boxes: dict[str, Rect]
    paths: tuple[Path, ...]
    ranks: dict[str, int]
    crossings: int = 0


def layered(
    sizes: Mapping[str, Size],
    lines: Sequence[Line],
    *,
    ranks: Mapping[str, int] | None = None,
    rows: Mapping[str, float] | None = None,
    ports: Mapping[tuple[int, int], float] | None = None,
    spacing: Spacing | None = None,
) -> Placement:
    """Place boxes of these sizes, and draw lines between them, in the four phases of Sugiyama, Tagawa & Toda (1981).

    Ranks may be fixed, from the left 0, 1, ..., from the right -1, -2, .... Boxes of one row stand on one level line:
    rows 1, 2, ... above all that have none, rows -1, -2, ... below; other rows, as 0.5 and infinity, only say what is
    above what. A box gets higher than asked where more lines end at a side than have room there; a box without height
    is a place where a line begins or ends. ``ports`` say how far above its box's middle line k begins (k, 0) or ends
    (k, 1), where that is fixed. The same input gives the same drawing: no order of a set or a hash matters.
    """
    spacing = spacing or Spacing()
    rows = {name: row for name, row in (rows or {}).items() if row}
    needed = _needed(sizes, lines, rows)
    layers = cut(needed, lines, ranks or {}, rows)
    order(layers)
    y = heights(layers, spacing.box, spacing.line)
    y = settled(layers, y, _ends(layers, lines, y, ports or {}), spacing.line / 2)
    ends = _ends(layers, lines, y, ports or {})
    columns, knees = _columns(layers, lines, [width for width, _ in sizes.values()], y, ends, spacing)
    boxes = {}
    for vertex, (name, (width, _)) in enumerate(sizes.items()):
        left, right = columns[layers.rank[vertex]]
        boxes[name] = Rect.around(Point((left + right) / 2, y[vertex]), width, needed[name])
    paths = []
    for k, line in enumerate(lines):
        chain = layers.chains[k]
        points = [Point(boxes[line.source].right, ends[k, 0])]
        for n in range(len(chain) - 1):
            start, stop = _levels(k, n, layers, y, ends)
            early, late = knees[k, n]
            points += [Point(early, start), Point(late, stop)]
        paths.append(simplified([*points, Point(boxes[line.target].left, ends[k, 1])], tolerance=bends.LEVEL / 10))
    return Placement(boxes, tuple(paths), dict(zip(sizes, layers.rank, strict=False)), crossings(layers))


def _needed(sizes: Mapping[str, Size], lines: Sequence[Line], rows: Mapping[str, float]) -> dict[str, float]:
    """How high each box has to be for its lines; one that stays in a row goes through the box's middle."""
    sides: dict[tuple[str, int], tuple[float, float]] = {}  # (box, 0: right or 1: left) -> of the row's line, of others
    for line in lines:
        row = rows.get(line.source, 0)
        level = is_level(row) and row == rows.get(line.target, 0)
        for place in ((line.source, 0), (line.target, 1)):
            middle, rest = sides.get(place, (0.0, 0.0))
            if level and not middle:
                sides[place] = room(line.width), rest
            else:
                sides[place] = middle, rest + room(line.width)
    found = {}
    for name, (_, height) in sizes.items():
        both = (sides.get((name, side), (0.0, 0.0)) for side in (0, 1))
        found[name] = height and max(height, *(middle + rest * (2 if middle else 1) for middle, rest in both))
    return found


def _ends(layers: Layers, lines: Sequence[Line], y: Sequence[float], fixed: Mapping[tuple[int, int], float]) -> Ends:
    """The height of each line's begin (k, 0) and end (k, 1): ordered by where the lines go, level if they can be."""
    at = positions(layers)
    sides: dict[tuple[int, int], list[int]] = {}  # (box, 0: right or 1: left) -> lines, the lowest first
    for k, chain in enumerate(layers.chains):
        sides.setdefault((chain[0], 0), []).append(k)
        sides.setdefault((chain[-1], 1), []).append(k)
    for (_, side), there in sides.items():
        there.sort(key=lambda k: (-at[layers.chains[k][-2 if side else 1]], -k))
    ends: Ends = {}
    widths = {place: [lines[k].width for k in there] for place, there in sides.items()}
    pulls = {place: [lines[k].pull for k in there] for place, there in sides.items()}
    for _ in range(2):  # what one side cannot give, the other one can, the next time
        given = dict(ends)
        for (vertex, side), there in sides.items():
            half = layers.half[vertex]
            wishes = [_wish(layers.chains[k], side, layers, y, given.get((k, 1 - side))) for k in there]
            found = slots(wishes, widths[vertex, side], y[vertex] - half, y[vertex] + half, pulls[vertex, side])
            for k, height in zip(there, found, strict=True):
                ends[k, side] = y[vertex] + fixed[k, side] if (k, side) in fixed else height
    return ends


def _wish(chain: Sequence[int], side: int, layers: Layers, y: Sequence[float], other_end: float | None) -> float:
    """Where a line would best end at a box: at the height of what it comes from, if the box is there."""
    here, there = (chain[-1], chain[-2]) if side else (chain[0], chain[1])
    if there >= layers.boxes:
        return y[there]
    if other_end is not None:
        return other_end
    low = max(y[here] - layers.half[here], y[there] - layers.half[there])
    high = min(y[here] + layers.half[here], y[there] + layers.half[there])
    return (low + high) / 2  # the middle of what they share, or half way between them


def _levels(k: int, n: int, layers: Layers, y: Sequence[float], ends: Ends) -> tuple[float, float]:
    """The heights of line k at both sides of the gap after the nth vertex of its chain."""
    chain = layers.chains[k]
    start = y[chain[n]] if n else ends[k, 0]
    return start, y[chain[n + 1]] if n + 2 < len(chain) else ends[k, 1]


def _columns(
    layers: Layers, lines: Sequence[Line], widths: Sequence[float], y: Sequence[float],
    ends: Ends, spacing: Spacing,
) -> tuple[list[tuple[float, float]], dict[tuple[int, int], tuple[float, float]]]:  # fmt: skip
    """The sides of every rank's column, and for each line, gap by gap, where it begins to slant and ends to."""
    inside: list[list[tuple[int, int]]] = [[] for _ in layers.order]
    for k, chain in enumerate(layers.chains):
        for n, vertex in enumerate(chain[:-1]):
            inside[layers.rank[vertex]].append((k, n))
    columns, knees, left = [], {}, 0.0
    for rank, vertices in enumerate(layers.order):
        right = left + max((widths[vertex] for vertex in vertices if vertex < layers.boxes), default=0.0)
        columns.append((left, right))
        pieces = []
        for k, n in inside[rank]:
            chain = layers.chains[k]
            levels = _levels(k, n, layers, y, ends)
            pieces.append(bends.Piece(*levels, lines[k].width, n == 0, n + 2 == len(chain)))
        gap = bends.gap(pieces, spacing.rank, spacing.line / 2)
        for place, (early, late) in zip(inside[rank], gap.knees, strict=True):
            knees[place] = right + early, right + late
        left = right + gap.width
    return columns, knees
