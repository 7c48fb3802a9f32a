"""Arrowheads: their size by the width of their line, their corners, and the line that ends where they begin."""

from __future__ import annotations

import math
from collections.abc import Sequence

from viz.layout.geometry import Path, Place, Point

WIDE = 6.5  # points: a line wider than that has hardly a larger arrowhead


def head_size(width: float) -> tuple[float, float]:
    """Length and half the height of the arrowhead of a line: it grows with the line, of a very wide one little.

    >>> head_size(1.0)[0]
    6.7
    """
    usual = min(width, WIDE)
    return 5 + 1.7 * usual, max(2.4 + 0.95 * usual, width / 2 + 2)


def arrowhead(path: Sequence[Place], width: float) -> tuple[Point, Point, Point]:
    """The corners of the arrowhead at the end of a path, its tip in the middle."""
    return triangle(path, *head_size(width))


def triangle(path: Sequence[Place], long: float, half: float) -> tuple[Point, Point, Point]:
    """The corners of a triangle of this length, and half that height, at the end of a path."""
    *_, (x, y), (u, v) = path
    whole = math.hypot(u - x, v - y) or 1.0
    dx, dy = (u - x) / whole, (v - y) / whole
    long = min(long, 0.95 * whole)
    back = Point(u - long * dx, v - long * dy)
    return Point(back.x - half * dy, back.y + half * dx), Point(u, v), Point(back.x + half * dy, back.y - half * dx)


def shortened(path: Sequence[Place], by: float) -> Path:
    """A path that ends so much earlier, though not before its last bend."""
    *_, (x, y), (u, v) = path
    part = max(1 - by / (math.hypot(u - x, v - y) or 1.0), 0.05)
    return (*(Point(*point) for point in path[:-1]), Point(x + part * (u - x), y + part * (v - y)))
