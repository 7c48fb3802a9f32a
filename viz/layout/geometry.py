"""Points, rectangles and paths: the geometry that graph drawing needs, as pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeAlias

Place: TypeAlias = tuple[float, float]  # a point, or a plain pair
Box: TypeAlias = tuple[float, float, float, float]  # a rectangle's left, bottom, right, top


class Point(NamedTuple):
    """A place, y upwards."""

    x: float
    y: float


Path: TypeAlias = tuple[Point, ...]  # straight pieces from point to point


class Rect(NamedTuple):
    """A rectangle with sides along the axes.

    >>> Rect.around(Point(10, 5), 4, 2)
    Rect(left=8.0, bottom=4.0, right=12.0, top=6.0)
    """

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def around(cls, middle: Place, width: float, height: float) -> Rect:
        """The rectangle of this size with this middle."""
        x, y = middle
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom

    @property
    def middle(self) -> Point:
        """The point where the diagonals meet."""
        return Point((self.left + self.right) / 2, (self.bottom + self.top) / 2)

    def moved(self, dx: float, dy: float) -> Rect:
        """The rectangle somewhere else."""
        return Rect(self.left + dx, self.bottom + dy, self.right + dx, self.top + dy)

    def grown(self, by: float) -> Rect:
        """The rectangle with so much more on every side."""
        return Rect(self.left - by, self.bottom - by, self.right + by, self.top + by)

    def overlap(self, other: Rect) -> float:
        """The area that two rectangles share.

        >>> Rect(0, 0, 4, 4).overlap(Rect(3, 2, 9, 9)), Rect(0, 0, 4, 4).overlap(Rect(4, 0, 9, 9))
        (2, 0)
        """
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0) * max(height, 0)


@dataclass
class Drawing:
    """What a layout finds: the boxes, the paths of lines, and the panels, each by name; of each what it is inside."""

    boxes: dict[str, Rect] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    panels: dict[str, Rect] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)  # a box or a panel -> the innermost panel around it, or ""


def bounds(rects: Iterable[Box]) -> Rect:
    """The rectangle around rectangles; that around none is empty."""
    lefts, bottoms, rights, tops = zip(*rects, strict=True) if (rects := list(rects)) else ([0.0],) * 4
    return Rect(min(lefts), min(bottoms), max(rights), max(tops))


def path_bounds(path: Iterable[Place]) -> Rect:
    """The rectangle around a path."""
    xs, ys = zip(*path, strict=True)
    return Rect(min(xs), min(ys), max(xs), max(ys))


def moved(path: Iterable[Point], dx: float, dy: float) -> Path:
    """A path somewhere else."""
    return tuple(Point(x + dx, y + dy) for x, y in path)


def distance(point: Point, start: Point, stop: Point) -> float:
    """How far a point is from a straight piece.

    >>> distance(Point(5, 3), Point(0, 0), Point(10, 0)), distance(Point(13, 4), Point(0, 0), Point(10, 0))
    (3.0, 5.0)
    """
    dx, dy = stop.x - start.x, stop.y - start.y
    square = dx * dx + dy * dy
    along = ((point.x - start.x) * dx + (point.y - start.y) * dy) / square if square else 0.0
    along = min(max(along, 0.0), 1.0)
    return math.hypot(point.x - start.x - along * dx, point.y - start.y - along * dy)


def inside(start: Point, stop: Point, rect: Rect) -> tuple[float, float] | None:
    """The part of a straight piece in a rectangle, as fractions of its length; None if it passes by.

    Liang and Barsky's way of clipping: on each axis the piece is between the two sides for an interval of fractions,
    and inside the rectangle while both are.

    >>> inside(Point(0, 0), Point(10, 0), Rect(2, -1, 5, 1)), inside(Point(0, 9), Point(10, 9), Rect(2, -1, 5, 1))
    ((0.2, 0.5), None)
    """
    enter, leave = 0.0, 1.0
    axes = ((start.x, stop.x, rect.left, rect.right), (start.y, stop.y, rect.bottom, rect.top))
    for here, there, low, high in axes:
        step = there - here
        if step:
            one, other = sorted(((low - here) / step, (high - here) / step))
            enter, leave = max(enter, one), min(leave, other)
        elif not low < here < high:
            return None
    return (enter, leave) if enter < leave else None


def meets(path: Sequence[Point], rect: Rect) -> bool:
    """Whether a path comes into a rectangle."""
    return any(inside(a, b, rect) for a, b in pairwise(path))


def on_disc(end: Point, disc: Rect) -> Point:
    """Where a level line whose end lies on a disc's rectangle meets the disc itself.

    >>> on_disc(Point(10, 6), Rect(-10, -10, 10, 10))
    Point(x=8.0, y=6)
    """
    radius, (x, y) = min(disc.width, disc.height) / 2, disc.middle
    half = math.sqrt(max(radius**2 - (end.y - y) ** 2, 0.0))
    return Point(x + math.copysign(half, end.x - x), end.y)


def tip_of(width: float) -> float:
    """How long the tips of a hexagon are, or that of a flag."""
    return min(10.0, width / 4)


def on_tip(end: Point, box: Rect, tip: float) -> Point:
    """Where a level line whose end lies on a hexagon's rectangle meets the hexagon itself.

    >>> on_tip(Point(10, 6), Rect(-10, -10, 10, 10), tip=5)
    Point(x=7.0, y=6)
    """
    x, y = box.middle
    return Point(end.x - math.copysign(tip * abs(end.y - y) / (box.height / 2), end.x - x), end.y)


def simplified(path: Sequence[Point], tolerance: float = 1e-6) -> Path:
    """A path without the points at which it does not bend.

    >>> simplified((Point(0, 0), Point(3, 0), Point(3, 0), Point(7, 0), Point(7, 2)))
    (Point(x=0, y=0), Point(x=7, y=0), Point(x=7, y=2))
    """
    kept = list(path[:1])
    for point, after in pairwise([*path[1:], path[-1]]):
        if math.dist(point, kept[-1]) > tolerance and distance(point, kept[-1], after) > tolerance:
            kept.append(point)
    return (*kept, path[-1])


def hatching(x: float, y: float, width: float, height: float, gap: float = 14) -> Iterator[tuple[Place, Place]]:
    """Slanted lines inside a rectangle of the document."""
    count = int((width + height) // gap)
    for offset in (gap * k for k in range(1, count + 1)):
        start = (x + offset, y) if offset <= width else (x + width, y + offset - width)
        stop = (x, y + offset) if offset <= height else (x + offset - height, y + height)
        yield start, stop
