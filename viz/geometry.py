"""Places, rectangles and paths in the plane: pure functions. Lengths are in points, y upwards."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Place: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]  # left, bottom, right, top
Size: TypeAlias = tuple[float, float]
WIDE = 6.5  # points: a line that is wider has hardly a larger arrowhead


@dataclass
class Placement:
    """Where a layout puts things: boxes by their middles, lines by their points, clusters by their rectangles."""

    sizes: dict[str, Size]
    middles: dict[str, Place] = field(default_factory=dict)
    points: dict[str, tuple[Place, ...]] = field(default_factory=dict)  # from outline to outline
    clusters: dict[str, Box] = field(default_factory=dict)


def around(boxes: Iterable[Box]) -> Box:
    """The rectangle around rectangles; that around nothing is empty."""
    lefts, bottoms, rights, tops = zip(*boxes, strict=True) if (boxes := list(boxes)) else ([0.0],) * 4
    return min(lefts), min(bottoms), max(rights), max(tops)


def shorten(points: tuple[Place, ...], by: float) -> tuple[Place, ...]:
    """A line that ends so much earlier, though not before its last corner."""
    *_, (x, y), (u, v) = points
    long = math.hypot(u - x, v - y) or 1.0
    part = max(1 - by / long, 0.05)
    return (*points[:-1], (x + part * (u - x), y + part * (v - y)))


def head_size(width: float) -> tuple[float, float]:
    """Length and half the height of an arrowhead: it grows with its line, but of a very wide one little."""
    usual = min(width, WIDE)
    return 5 + 1.7 * usual, max(2.4 + 0.95 * usual, width / 2 + 2)


def head(points: tuple[Place, ...], length: float, half: float) -> tuple[Place, Place, Place]:
    """The corners of an arrowhead at the end of a line, its tip in the middle."""
    *_, (x, y), (u, v) = points
    long = math.hypot(u - x, v - y) or 1.0
    dx, dy = (u - x) / long, (v - y) / long
    length = min(length, 0.95 * long)
    back = u - length * dx, v - length * dy
    return (back[0] - half * dy, back[1] + half * dx), (u, v), (back[0] + half * dy, back[1] - half * dx)


def hatching(x: float, y: float, width: float, height: float, gap: float = 14) -> Iterator[tuple[Place, Place]]:
    """Slanted lines inside a rectangle of the document."""
    count = int((width + height) // gap)
    for offset in (gap * k for k in range(1, count + 1)):
        start = (x + offset, y) if offset <= width else (x + width, y + offset - width)
        stop = (x, y + offset) if offset <= height else (x + offset - height, y + height)
        yield start, stop
