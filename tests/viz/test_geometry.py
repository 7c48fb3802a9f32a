"""Points, rectangles and paths: what holds for all of them."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.imports import every_import, within
from viz.layout.arrowheads import WIDE, arrowhead, head_size, shortened
from viz.layout.geometry import (
    Path,
    Point,
    Rect,
    bounds,
    distance,
    inside,
    meets,
    moved,
    on_disc,
    path_bounds,
    simplified,
)

COORDINATE = st.integers(-50, 50)
POINTS = st.builds(Point, COORDINATE, COORDINATE)
PATHS = st.lists(POINTS, min_size=2, max_size=6).map(tuple).filter(lambda path: all(a != b for a, b in pairwise(path)))
RECTS = st.builds(lambda x, y, w, h: Rect(x, y, x + w, y + h), COORDINATE, COORDINATE, *[st.integers(1, 40)] * 2)


def at(a: Point, b: Point, part: float) -> Point:
    return Point(a.x + part * (b.x - a.x), a.y + part * (b.y - a.y))


def holds(rect: Rect, point: Point, room: float = 1e-9) -> bool:
    low, high = rect.grown(room)[:2], rect.grown(room)[2:]
    return low[0] <= point.x <= high[0] and low[1] <= point.y <= high[1]


def test_layout_knows_no_tensor_no_theme_and_no_mark() -> None:
    modules = [name for name in every_import() if within(name, "viz.layout")]
    assert len(modules) > 8
    allowed = ("viz.layout", "tinygrad_lstm.errors")
    for module in modules:
        known = [name for name in every_import()[module] if within(name, "viz", "tinygrad_lstm", "numpy")]
        assert all(within(name, *allowed) or name in ("viz", "tinygrad_lstm") for name in known), module


@given(POINTS, POINTS, RECTS)
def test_the_part_inside_a_rectangle_is_inside_and_the_rest_is_not(a: Point, b: Point, rect: Rect) -> None:
    found = inside(a, b, rect)
    for k in range(21):
        point = at(a, b, k / 20)
        strictly = holds(rect, point, room=-1e-6)
        if found and found[0] + 1e-6 < k / 20 < found[1] - 1e-6:
            assert holds(rect, point)
        elif not found or not found[0] - 1e-6 <= k / 20 <= found[1] + 1e-6:
            assert not strictly
    assert meets((a, b), rect) == bool(found)


@given(POINTS, POINTS, POINTS)
def test_the_distance_from_a_piece_is_that_from_its_nearest_point(point: Point, a: Point, b: Point) -> None:
    nearest = min(math.dist(point, at(a, b, k / 200)) for k in range(201))
    assert distance(point, a, b) <= nearest + 1e-9
    assert nearest - distance(point, a, b) < math.dist(a, b) / 200 + 1e-9


@given(RECTS, RECTS)
def test_overlap_is_symmetric_and_that_with_itself_the_area(one: Rect, other: Rect) -> None:
    assert one.overlap(other) == other.overlap(one) <= one.width * one.height
    assert one.overlap(one) == one.width * one.height
    assert bounds([one, other]).overlap(one) == one.width * one.height
    assert one.moved(3, -4).middle == (one.middle.x + 3, one.middle.y - 4)


def test_bounds_of_nothing_are_empty() -> None:
    assert bounds([]) == Rect(0, 0, 0, 0)


@given(PATHS)
def test_a_simplified_path_covers_the_same(path: Path) -> None:
    short = simplified(path)
    assert (short[0], short[-1]) == (path[0], path[-1])
    assert len(short) <= len(path)
    for point in path:
        assert any(distance(point, a, b) < 1e-4 for a, b in pairwise(short)) or point in short


@given(PATHS, st.floats(0.1, 12))
def test_an_arrowhead_has_its_tip_at_the_end_and_its_base_on_the_line(path: Path, width: float) -> None:
    one, tip, other = arrowhead(path, width)
    long, half = head_size(width)
    last = math.dist(path[-2], path[-1])
    assert tip == path[-1]
    base = at(one, other, 0.5)
    assert math.isclose(math.dist(base, tip), min(long, 0.95 * last), rel_tol=1e-6)
    assert math.isclose(math.dist(one, other), 2 * half, rel_tol=1e-6)
    assert 2 * half > width
    assert distance(base, path[-2], path[-1]) < 1e-6


def test_a_very_wide_line_has_hardly_a_larger_head() -> None:
    assert head_size(WIDE)[0] == head_size(40)[0]
    assert head_size(40)[1] == 22


@given(PATHS, st.floats(0, 100))
def test_a_shortened_path_ends_before_its_end(path: Path, by: float) -> None:
    short = shortened(path, by)
    assert short[:-1] == path[:-1]
    last = math.dist(path[-2], path[-1])
    assert math.isclose(last - math.dist(short[-2], short[-1]), min(by, 0.95 * last), abs_tol=1e-6)
    assert path_bounds(moved(path, 2, 3)) == path_bounds(path).moved(2, 3)


@given(st.integers(4, 40), st.floats(-1, 1))
def test_a_line_ends_on_a_disc(radius: int, height: float) -> None:
    disc = Rect.around(Point(7, -3), 2 * radius, 2 * radius)
    for x in (disc.left, disc.right):
        end = on_disc(Point(x, -3 + height * radius), disc)
        assert math.isclose(math.dist(end, disc.middle), radius)
        assert (end.x < 7) == (x < 7) or math.isclose(end.x, 7, abs_tol=1e-6)
