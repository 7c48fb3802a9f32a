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

from viz.layout.geometry import Path, Point, Rect, bounds, moved, path_bounds, simplified
from viz.layout.layered import Line, Placement, Spacing, layered
from viz.layout.panels import CAPTION, PADDING
from viz.layout.ports import room

Side: TypeAlias = Literal["left", "right", "above", "below"]
End: TypeAlias = int | Side  # the number of a box, or where the line crosses the border


class Part(NamedTuple):
    """A line as one block sees it; ``row`` is where it crosses the border on the left or on the right.

    ``room`` is the height that is kept free there, for what the line comes from.
    """

    source: End
    target: End
    width: float
    pull: float
    row: float = 0
    room: float = 0


@dataclass(frozen=True)
class Block:
    """The places in a block, its lower left corner at 0, and the height of its highest row, or of its middle."""

    boxes: tuple[Rect, ...]
    paths: tuple[Path, ...]
    panels: tuple[Rect, ...]  # of its groups, by their numbers
    width: float
    height: float
    anchor: float


class Box(NamedTuple):
    """A box to be placed: its size, its row, and the numbers of the groups that it is in, the outermost first."""

    width: float
    height: float
    row: float = 0
    groups: tuple[int, ...] = ()


@lru_cache(maxsize=512)
def block(given: tuple[Box, ...], parts: tuple[Part, ...], spacing: Spacing) -> Block:
    """Draw a block; equal time steps are drawn once. A group in it is a block again, and one box among the others."""
    groups = {number: _group(number, given, parts, spacing) for number in dict.fromkeys(
        box.groups[0] for box in given if box.groups)}  # fmt: skip
    boxes = {f"{k}": (box.width, box.height) for k, box in enumerate(given) if not box.groups}
    rows = {f"{k}": box.row for k, box in enumerate(given) if not box.groups}
    for number, group in groups.items():
        boxes[f"group {number}"] = group.size
        rows[f"group {number}"] = _inwards(max(given[k].row for k in group.members))
    lines, stubs, ports = dict[int, Line](), dict[str, Side](), dict[tuple[int, int], float]()
    levels: set[tuple[End, float]] = set()
    for k in sorted(range(len(parts)), key=lambda k: -parts[k].pull):
        for end in (parts[k].source, parts[k].target):
            if isinstance(end, str):
                stubs[name := f"{k} {end}"] = end
                boxes[name] = (0.0, parts[k].room)
                rows[name] = {"above": inf, "below": -inf}.get(end, parts[k].row)
                if (end, rows[name]) in levels or _in_group(parts[k], given):
                    boxes[name] = (0.0, 0.0)
                    rows[name] = _inwards(rows[name])  # a row has room for one; the others are between it and the next
                levels.add((end, parts[k].row))
    for k, part in enumerate(parts):
        ends = [_name(k, end, given) for end in (part.source, part.target)]
        if ends[0] == ends[1]:
            continue
        for side, end in enumerate((part.source, part.target)):
            if not isinstance(end, str) and given[end].groups:
                ports[len(lines), side] = groups[given[end].groups[0]].port(k, side)
        lines[k] = Line(ends[0], ends[1], part.width, part.pull)
    ranks = {name: 0 if end == "left" else -1 for name, end in stubs.items() if end in ("left", "right")}
    placed = layered(boxes, [*lines.values()], ranks=ranks, rows=rows, ports=ports, spacing=spacing)
    wide = _stub_widths(placed, stubs, max((room(line.width) for line in lines.values()), default=0.0))
    if any(boxes[name][0] < width for name, width in wide.items()):
        boxes |= {name: (wide[name], 0.0) for name in wide}
        placed = layered(boxes, [*lines.values()], ranks=ranks, rows=rows, ports=ports, spacing=spacing)
    at = _drops(placed, stubs, [*lines.values()])
    inner = bounds([*placed.boxes.values(), *map(path_bounds, placed.paths)])
    found = [placed.boxes.get(f"{k}", inner) for k in range(len(given))]
    paths = {k: _joined(path, lines[k], stubs, at, inner) for k, path in zip(lines, placed.paths, strict=True)}
    panels: dict[int, Rect] = {}
    for number, group in groups.items():
        group.put(placed.boxes[f"group {number}"], found, paths, panels)
        panels[number] = placed.boxes[f"group {number}"]
    levels_there = [(box.row, place.middle.y) for box, place in zip(given, found, strict=True) if box.row > 0]
    anchor = max(levels_there)[1] if levels_there else inner.middle.y
    left, bottom = inner.left, inner.bottom
    return Block(
        tuple(box.moved(-left, -bottom) for box in found),
        tuple(simplified(moved(paths[k], -left, -bottom)) for k in range(len(parts))),
        tuple(rect.moved(-left, -bottom) for _, rect in sorted(panels.items())),
        inner.width, inner.height, anchor - bottom,
    )  # fmt: skip


def _inwards(row: float) -> float:
    """A place between a row and the next one that is nearer to the middle."""
    return row - 0.5 if row > 0 else row + 0.5 if row < 0 else 0.0


def _in_group(part: Part, given: Sequence[Box]) -> bool:
    """Whether a part begins or ends in a group, which has its own rows."""
    return any(given[end].groups for end in (part.source, part.target) if not isinstance(end, str))


def _name(k: int, end: End, given: Sequence[Box]) -> str:
    """The box at the end of part k: a stub, a group, or a box in none."""
    if isinstance(end, str):
        return f"{k} {end}"
    return f"group {given[end].groups[0]}" if given[end].groups else f"{end}"


@dataclass(frozen=True)
class _Group:
    """A group of boxes, drawn by itself; its lines cross its panel on the left and on the right."""

    members: list[int]
    parts: list[int]
    panels: list[int]  # the groups inside it
    drawn: Block

    @property
    def size(self) -> tuple[float, float]:
        """Of its panel."""
        return self.drawn.width + 2 * PADDING, self.drawn.height + 2 * PADDING + CAPTION

    def port(self, k: int, side: int) -> float:
        """How far above the panel's middle a part goes out (0) or comes in (1)."""
        path = self.drawn.paths[self.parts.index(k)]
        return path[0 if side else -1].y + PADDING - self.size[1] / 2

    def put(self, panel: Rect, boxes: list[Rect], paths: dict[int, Path], panels: dict[int, Rect]) -> None:
        """Move all that is inside to where the panel is."""
        dx, dy = panel.middle.x - self.size[0] / 2 + PADDING, panel.middle.y - self.size[1] / 2 + PADDING
        for k, box in zip(self.members, self.drawn.boxes, strict=True):
            boxes[k] = box.moved(dx, dy)
        for number, rect in zip(self.panels, self.drawn.panels, strict=True):
            panels[number] = rect.moved(dx, dy)
        for k, path in zip(self.parts, self.drawn.paths, strict=True):
            inside = moved(path, dx, dy)
            if k not in paths:
                paths[k] = inside
            elif paths[k][0].x < inside[0].x:
                paths[k] = (*paths[k], *inside)
            else:
                paths[k] = (*inside, *paths[k])


def _group(number: int, given: Sequence[Box], parts: Sequence[Part], spacing: Spacing) -> _Group:
    """Draw what is in a group, its own groups numbered anew, so that equal ones are drawn once."""
    members = [k for k, box in enumerate(given) if box.groups[:1] == (number,)]
    place: dict[End, End] = {k: n for n, k in enumerate(members)}
    panels = sorted({group for k in members for group in given[k].groups[1:]})
    boxes = tuple(
        given[k]._replace(groups=tuple(panels.index(group) for group in given[k].groups[1:])) for k in members
    )
    there = [k for k, part in enumerate(parts) if part.source in place or part.target in place]
    seen = []
    for k in there:
        source, target = parts[k].source, parts[k].target
        outside: End = "left" if target in place else "right"
        seen.append(parts[k]._replace(
            source=place.get(source, outside),
            target=place.get(target, outside),
        ))  # fmt: skip
    return _Group(members, there, panels, block(boxes, tuple(seen), spacing))


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
