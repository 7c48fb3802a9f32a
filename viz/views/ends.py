"""Where the lines of the cell view begin and end: each at a place of its own on the side of a box.

A line comes to a box from its last bend, straight to the side that faces the bend. Lines that share a side stand apart
by their widths, so no arrowhead lies on another; a line that runs straight from box to box stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import dist
from typing import Literal, TypeAlias

from viz.layout import ports
from viz.layout.bends import LEVEL
from viz.layout.geometry import Place, Point, Rect, on_disc
from viz.scene.marks import Node

Side: TypeAlias = Literal["left", "right", "top", "bottom"]
NEAR = 12.0  # points: of lines that would be nearer to each other the way that they turn decides
ON_IT = 1e-6  # points: a bend so near to a side is a port: the line ends there
CORNER = 4.0  # points of a side, at each of its ends, where no line ends


@dataclass
class Wire:
    """A line with its ends: what it begins and ends at, the bends between, and how wide it is."""

    start: Node
    stop: Node
    bends: tuple[Place, ...]
    width: float
    source: str = ""  # the id of what it begins at, if that is drawn in another row as well
    points: tuple[Place, ...] = field(default=(), init=False)

    @cached_property
    def straight(self) -> bool:
        """Whether it is level all along, with no bend but at its ports."""
        if not self.bends:
            return True
        levels = [y for _, y in self.bends]
        ends = [node.box for node in (self.start, self.stop)]
        low, high = max(box[1] for box in ends), min(box[3] for box in ends)
        return low <= min(levels) <= max(levels) <= min(high, min(levels) + LEVEL)

    @cached_property
    def ends(self) -> tuple[tuple[Node, Place], tuple[Node, Place]]:
        """Each end with the place that the line comes from there."""
        if self.bends:
            return (self.start, self.bends[0]), (self.stop, self.bends[-1])
        (x, y), (u, v) = self.start.middle, self.stop.middle
        if (level := _shared(self.start, self.stop, 0)) is not None:
            x = u = level
        if (level := _shared(self.start, self.stop, 1)) is not None:
            y = v = level
        return (self.start, (u, v)), (self.stop, (x, y))


def _shared(one: Node, other: Node, axis: int) -> float | None:
    """The middle of the smaller of two boxes, where it is beside, or above, the other box as well."""
    small, large = sorted((one, other), key=lambda node: node.size[axis])
    middle = small.middle[axis]
    return middle if large.box[axis] <= middle <= large.box[axis + 2] else None


@dataclass(frozen=True)
class _End:
    """One end of a line on the side of a box: where it would be, and whether the line is straight."""

    wire: int
    which: int  # 0 where the line begins, 1 where it ends
    wish: float
    beyond: float  # where the line comes from, to tell lines with one wish apart
    straight: bool


def settle_ends(wires: Sequence[Wire]) -> None:
    """Give every line its points, from outline to outline."""
    sides: dict[tuple[str, Side], list[_End]] = {}
    boxes: dict[str, Node] = {}
    for k, wire in enumerate(wires):
        for which, (node, towards) in enumerate(wire.ends):
            if node.shape in ("box", "round"):
                boxes[node.id] = node
                side, end = _facing(node, towards, k, which, wire.straight)
                sides.setdefault((node.id, side), []).append(end)
    found: dict[tuple[int, int], tuple[Side, float]] = {}
    for (name, side), ends in sides.items():
        ends.sort(
            key=lambda end: (round(end.wish / NEAR), *_turn(wires[end.wire], end.which, side), end.wish, end.beyond)
        )
        places = _places(boxes[name], side, ends, [wires[end.wire].width for end in ends])
        for end, place in zip(ends, places, strict=True):
            found[end.wire, end.which] = side, place
    for k, wire in enumerate(wires):
        wire.points = _through(wire, found.get((k, 0)), found.get((k, 1)))


def _facing(node: Node, towards: Place, wire: int, which: int, straight: bool) -> tuple[Side, _End]:
    """The side of a box at which a line from this place ends: straight, or, if that misses the box, at its middle.

    A place on the box's left or right border is a port: the line ends there.
    """
    (x, y), (u, v), (left, bottom, right, top) = node.middle, towards, node.box
    if bottom <= v <= top and not left + ON_IT < u < right - ON_IT:
        return ("right" if u > x else "left"), _End(wire, which, v, v, straight)
    if left <= u <= right:
        return ("top" if v > y else "bottom"), _End(wire, which, u, u, straight)
    if max(left - u, u - right) > max(bottom - v, v - top):
        return ("right" if u > x else "left"), _End(wire, which, y, v, False)
    return ("top" if v > y else "bottom"), _End(wire, which, x, u, False)


def _turn(wire: Wire, which: int, side: Side) -> tuple[int, float]:
    """Where a line turns after its first bend, down (or left), not at all, or up, and how near: lines that turn to one
    side do not cross if the one that turns first is at the end of that side.
    """
    path = [wire.start.middle, *wire.bends, wire.stop.middle]
    (box, bend, beyond), across = (path[:3] if not which else path[:-4:-1]) if wire.bends else (path[:1] * 3), 1
    if side in ("top", "bottom"):
        across = 0
    way = beyond[across] - bend[across]
    if abs(way) < 1:
        return 0, 0.0
    distance = abs(bend[1 - across] - box[1 - across])
    return (1, -distance) if way > 0 else (-1, distance)


def _places(node: Node, side: Side, ends: Sequence[_End], widths: Sequence[float]) -> list[float]:
    """A place on a side for each line, apart by their widths as far as the side has room for that."""
    left, bottom, right, top = node.box
    low, high = (bottom, top) if side in ("left", "right") else (left, right)
    if len(ends) == 1:
        corner = min(CORNER, (high - low) / 2)
        return [min(max(ends[0].wish, low + corner), high - corner)]
    rooms = [ports.room(width) for width in widths]
    straight = [k for k, end in enumerate(ends) if end.straight]
    if len(straight) != 1:
        return _spread([end.wish for end in ends], rooms, low, high)
    (k,) = straight  # which stays where it is, the others below and above it
    at, half, wishes = ends[k].wish, rooms[k] / 2, [end.wish for end in ends]
    below = _spread(wishes[:k], rooms[:k], low, at - min(half, (at - low) / 2))
    above = _spread(wishes[k + 1 :], rooms[k + 1 :], at + min(half, (high - at) / 2), high)
    return [*below, at, *above]


def _spread(wishes: Sequence[float], rooms: Sequence[float], low: float, high: float) -> list[float]:
    """Places between low and high, as far apart as they need, or all nearer to each other by the same part."""
    if not wishes:
        return []
    part = min(1.0, (high - low) / sum(rooms))
    apart = [part * (one + other) / 2 for one, other in pairwise(rooms)]
    return ports.spread(wishes, apart, low + part * rooms[0] / 2, high - part * rooms[-1] / 2)


def _through(wire: Wire, begin: tuple[Side, float] | None, end: tuple[Side, float] | None) -> tuple[Place, ...]:
    """The points of a line whose ends are on these sides; at a disc it aims at the middle."""
    bends = list(wire.bends)
    for k, settled in ((0, begin), (-1, end)) if bends else ():
        if settled is not None:
            bends[k] = _shifted(bends[k], *settled, (wire.start, wire.stop)[k].box)
    start = _on(wire.start, *begin) if begin else None
    stop = _on(wire.stop, *end) if end else None
    (_, after), (_, before) = wire.ends
    first = start or _aimed(wire.start, bends[0] if bends else stop or wire.stop.middle, after)
    last = stop or _aimed(wire.stop, bends[-1] if bends else start or wire.start.middle, before)
    return (first, *[bend for bend in bends if min(dist(bend, first), dist(bend, last)) > ON_IT], last)


def _shifted(bend: Place, side: Side, place: float, box: tuple[float, float, float, float]) -> Place:
    """The bend next to an end, level with it, where it was beside or above the box."""
    left, bottom, right, top = box
    if side in ("left", "right"):
        return (bend[0], place) if bottom <= bend[1] <= top else bend
    return (place, bend[1]) if left <= bend[0] <= right else bend


def _on(node: Node, side: Side, place: float) -> Place:
    (x, y), (wide, high) = node.middle, node.size
    if side in ("left", "right"):
        return x + (wide / 2 if side == "right" else -wide / 2), place
    return place, y + (high / 2 if side == "top" else -high / 2)


def _aimed(node: Node, other: Place, planned: Place) -> Place:
    """Where a line leaves a disc for a place; one that is not seen moves with it, where it was level with the plan."""
    if node.shape == "text":
        (x, y), (u, v) = node.middle, other
        return (u, y) if planned[0] == x else (x, v) if planned[1] == y else (x, y)
    left, bottom, right, top = node.box
    if bottom <= other[1] <= top and min(abs(other[0] - left), abs(other[0] - right)) < ON_IT:  # a port
        return on_disc(Point(*other), Rect(*node.box))
    return node.towards(other)
