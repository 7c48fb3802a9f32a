"""One block of a drawing along time: a layered drawing whose lines may come in and go out at its four sides.

Where a line crosses the block's border stands a stub, a box without height: on the left in the first rank, on the right
in the last, below (or above) in the rank beside the line's box, under (or over) everything else there. From such a stub
the line goes straight down (or up), each at an x of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Literal, NamedTuple, TypeAlias

from viz.layout import ports
from viz.layout.geometry import Path, Point, Rect, bounds
from viz.layout.layered import Line, Placement, Spacing, layered

Side: TypeAlias = Literal["left", "right", "above", "below"]
End: TypeAlias = int | Side  # the number of a box, or where the line crosses the border


class Part(NamedTuple):
    """A line as one block sees it; ``row`` is where it crosses the border on the left or on the right."""

    source: End
    target: End
    width: float
    pull: float
    row: float = 0


@dataclass(frozen=True)
class Block:
    """The places in a block, its lower left corner at 0, and the height of its highest row, or of its middle."""

    boxes: tuple[Rect, ...]
    paths: tuple[Path, ...]
    width: float
    height: float
    anchor: float


@lru_cache(maxsize=256)
def block(sizes: tuple[tuple[float, float, float], ...], parts: tuple[Part, ...], spacing: Spacing) -> Block:
    """Draw a block of boxes, each a width, a height and a row; equal time steps are drawn once."""
    boxes = {f"{k}": (width, height) for k, (width, height, _) in enumerate(sizes)}
    rows = {f"{k}": row for k, (_, _, row) in enumerate(sizes)}
    lines, stubs = [], dict[str, Side]()
    levels: set[tuple[End, float]] = set()
    for k in sorted(range(len(parts)), key=lambda k: -parts[k].pull):
        for end in (parts[k].source, parts[k].target):
            if isinstance(end, str):
                stubs[name := f"{k} {end}"] = end
                boxes[name] = (0.0, 0.0)
                rows[name] = {"above": inf, "below": -inf}.get(end, parts[k].row)
                if (end, rows[name]) in levels:  # a row has room for one; the others are between it and the next
                    rows[name] -= 0.5 if rows[name] > 0 else -0.5 if rows[name] < 0 else 0.0
                levels.add((end, parts[k].row))
    for k, part in enumerate(parts):
        source, target = (f"{k} {end}" if isinstance(end, str) else f"{end}" for end in (part.source, part.target))
        lines.append(Line(source, target, part.width, part.pull))
    ranks = {name: 0 if end == "left" else -1 for name, end in stubs.items() if end in ("left", "right")}
    placed = layered(boxes, lines, ranks=ranks, rows=rows, spacing=spacing)
    wide = _stub_widths(placed, stubs, max((ports.room(line.width) for line in lines), default=0.0))
    if any(boxes[name][0] < width for name, width in wide.items()):
        placed = layered(
            boxes | {name: (wide[name], 0.0) for name in wide}, lines, ranks=ranks, rows=rows, spacing=spacing
        )
    at = _drops(placed, stubs, lines)
    inner = bounds([*placed.boxes.values(), *(Rect(x, y, x, y) for path in placed.paths for x, y in path)])
    paths = tuple(_joined(path, line, stubs, at, inner) for path, line in zip(placed.paths, lines, strict=True))
    rows_there = [(row, placed.boxes[name].middle.y) for name, row in rows.items() if name not in stubs and row > 0]
    anchor = max(rows_there)[1] if rows_there else inner.middle.y
    shifted = placed.moved(-inner.left, -inner.bottom)
    return Block(
        tuple(shifted.boxes[f"{k}"] for k in range(len(sizes))),
        tuple(tuple(Point(x - inner.left, y - inner.bottom) for x, y in path) for path in paths),
        inner.width, inner.height, anchor - inner.bottom,
    )  # fmt: skip


def _stub_widths(placed: Placement, stubs: dict[str, Side], pitch: float) -> dict[str, float]:
    """How wide a rank must be for the stubs below (or above) it to stand side by side."""
    upright = [name for name, side in stubs.items() if side in ("above", "below")]
    there = [(placed.ranks[name], stubs[name]) for name in upright]
    return {name: pitch * (there.count(place) + 1) for name, place in zip(upright, there, strict=True)}


def _drops(placed: Placement, stubs: dict[str, Side], lines: Sequence[Line]) -> dict[str, float]:
    """The x at which each line from below (or above) comes up (or down), so that none crosses another there.

    Lines that leave the block are on the left, the one that turns first further in; those that come in are on the
    right, and the one that has to climb most comes first.
    """
    entering = {line.source for line in lines}
    groups: dict[tuple[int, Side], list[str]] = {}
    for name, side in stubs.items():
        if side in ("above", "below"):
            groups.setdefault((placed.ranks[name], side), []).append(name)
    found = {}
    for (_, side), names in groups.items():
        inwards = 1 if side == "below" else -1
        names.sort(key=lambda name: (1, -inwards * placed.boxes[name].middle.y) if name in entering
                   else (0, inwards * placed.boxes[name].middle.y))  # fmt: skip
        box = placed.boxes[names[0]]
        for k, name in enumerate(names, start=1):
            found[name] = box.left + box.width * k / (len(names) + 1)
    return found


def _joined(path: Path, line: Line, stubs: dict[str, Side], at: dict[str, float], inner: Rect) -> Path:
    """A path that reaches the block's border, or the point from which it drops to the border."""
    start, stop = path[0], path[-1]
    if line.source in stubs:
        start = Point(at.get(line.source, inner.left), start.y)
    if line.target in stubs:
        stop = Point(at.get(line.target, inner.right), stop.y)
    return (start, *path[1:-1], stop)
