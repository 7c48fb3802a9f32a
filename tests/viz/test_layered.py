"""Layered drawings of any graph: no line behind a box or on another, arrowheads apart, the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.layout_lint import crossing
from tests.support.long_chains import run_with_a_shallow_stack
from tinygrad_lstm.errors import ArgumentError
from viz.layout import bends, ordering, ports
from viz.layout.arrowheads import arrowhead
from viz.layout.geometry import Path, Point, Rect, bounds, meets, path_bounds
from viz.layout.layered import Line, Placement, Spacing, layered
from viz.layout.ranks import cut

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # a drawing that fails is not made smaller: that takes minutes
WIDTHS = st.sampled_from([0.8, 1.5, 3.0, 6.5])
Graph = tuple[dict[str, tuple[float, float]], list[Line]]


@st.composite
def graphs(draw: Any, most: int = 12) -> Graph:
    """Boxes of any size, and lines from one to a later one, some of them twice."""
    count = draw(st.integers(1, most))
    side = st.floats(4, 90)
    sizes = {f"n{k}": (draw(side), draw(side)) for k in range(count)}
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    lines = [
        Line(f"n{min(pair)}", f"n{max(pair)}", draw(WIDTHS), draw(st.sampled_from([1.0, 3.0])))
        for pair in draw(st.lists(pairs, max_size=2 * count))
        if pair[0] != pair[1]
    ]
    return sizes, lines


def pieces(path: Path) -> Iterator[tuple[Point, Point]]:
    yield from pairwise(path)


def apart(one: tuple[Point, Point], other: tuple[Point, Point]) -> float:
    """How far two level pieces are from each other, where they are side by side."""
    (a, b), (c, d) = one, other
    return abs(a.y - c.y) if min(b.x, d.x) - max(a.x, c.x) > 1 else 1e9


@given(graphs())
@settings(deadline=None, phases=QUICK, max_examples=150, derandomize=True)
def test_every_line_leads_from_box_to_box_and_passes_no_other(graph: Graph) -> None:
    sizes, lines = graph
    placed = layered(sizes, lines)
    assert list(placed.boxes) == list(sizes)
    for line, path in zip(lines, placed.paths, strict=True):
        source, target = placed.boxes[line.source], placed.boxes[line.target]
        assert path[0].x == source.right
        assert path[-1].x == target.left
        assert source.bottom <= path[0].y <= source.top
        assert target.bottom <= path[-1].y <= target.top
        assert all(a.x <= b.x for a, b in pieces(path))  # to the right all the way
        for name, box in placed.boxes.items():
            assert name in (line.source, line.target) or not meets(path, box.grown(line.width / 2)), (line, name)
    for one, other in combinations(placed.boxes.values(), 2):
        assert not one.overlap(other)


@given(graphs())
@settings(deadline=None, phases=QUICK, max_examples=150, derandomize=True)
def test_lines_keep_apart_by_their_widths_and_so_do_arrowheads(graph: Graph) -> None:
    sizes, lines = graph
    placed = layered(sizes, lines)
    ways = list(zip(lines, placed.paths, strict=True))
    for (one, path), (other, way) in combinations(ways, 2):
        level = [[p for p in pieces(each) if p[0].y == p[1].y] for each in (path, way)]
        near = min((apart(a, b) for a in level[0] for b in level[1]), default=1e9)
        assert near >= (one.width + other.width) / 2 + 1
        for ends in ((path, way), (path[::-1], way[::-1]), (path, way[::-1]), (path[::-1], way)):
            a, b = (path_bounds(arrowhead(end, line.width)) for end, line in zip(ends, (one, other), strict=True))
            assert a.overlap(b) <= 0.3 * min(a.width * a.height, b.width * b.height)


@given(graphs())
@settings(deadline=None, phases=QUICK, max_examples=50, derandomize=True)
def test_the_same_graph_has_the_same_drawing_whatever_its_names(graph: Graph) -> None:
    sizes, lines = graph
    named = {f"other {name}": size for name, size in sizes.items()}
    again = layered(named, [Line(f"other {a.source}", f"other {a.target}", a.width, a.pull) for a in lines])
    placed = layered(sizes, lines)
    assert list(placed.boxes.values()) == list(again.boxes.values())
    assert placed.paths == again.paths


@given(graphs())
@settings(deadline=None, phases=QUICK, max_examples=50, derandomize=True)
def test_crossings_are_counted_as_they_are_drawn_between_ranks(graph: Graph) -> None:
    sizes, lines = graph
    layers = cut({name: height for name, (_, height) in sizes.items()}, lines, {}, {})
    at = ordering.positions(layers)
    joined = [
        [(at[chain[n]], at[chain[n + 1]]) for chain in layers.chains for n in range(len(chain) - 1)
         if layers.rank[chain[n]] == rank]
        for rank in range(len(layers.order))
    ]  # fmt: skip
    slow = sum((a - c) * (b - d) < 0 for pairs in joined for (a, b), (c, d) in combinations(pairs, 2))
    assert ordering.crossings(layers) == slow
    ordering.order(layers)
    assert ordering.crossings(layers) <= slow
    assert all(sorted(one) == sorted(two) for one, two in zip(layers.order, layers.order, strict=True))


def test_no_box_and_one_box() -> None:
    assert layered({}, []) == Placement({}, (), {})
    assert layered({"a": (10, 6)}, []).boxes == {"a": Rect(0, -3, 10, 3)}


# What may be asked for -----------------------------------------------------------------------------------------------

LSTM = [("c0", "keep"), ("h0", "z"), ("x", "z"), ("z", "f"), ("z", "i"), ("z", "g"), ("z", "o"), ("f", "keep"),
        ("i", "write"), ("g", "write"), ("keep", "sum"), ("write", "sum"), ("sum", "c"), ("c", "squash"),
        ("squash", "show"), ("o", "show"), ("show", "h")]  # fmt: skip
BELT, HIDDEN = ("c0", "keep", "sum", "c"), ("h0", "z", "o", "show", "h")
SIZES = dict.fromkeys(dict.fromkeys(name for pair in LSTM for name in pair), (40.0, 26.0))
ROWS = dict.fromkeys(BELT, 1) | dict.fromkeys(HIDDEN, -1)


def test_an_lstm_has_its_belt_on_top_and_its_hidden_state_below_without_a_crossing() -> None:
    lines = [Line(*pair, pull=3.0 if {*pair} <= {*BELT} else 1.0) for pair in LSTM]
    placed = layered(SIZES, lines, rows=ROWS, ranks={"c0": 0, "h0": 0, "h": -1})
    middles = {name: box.middle for name, box in placed.boxes.items()}
    top, bottom = middles["c"].y, middles["h"].y
    assert {middles[name].y for name in BELT} == {top}
    assert {middles[name].y for name in HIDDEN} == {bottom}
    assert all(bottom < middle.y < top for name, middle in middles.items() if name not in ROWS)
    assert placed.ranks["c0"] == placed.ranks["h0"] == 0
    assert placed.ranks["h"] == max(placed.ranks.values())
    assert placed.crossings == 0
    assert bounds([*placed.boxes.values(), *map(path_bounds, placed.paths)]).width < 760
    for line, path in zip(lines, placed.paths, strict=True):
        if {line.source, line.target} <= {*BELT} and line.source != "c0":
            assert {point.y for point in path} == {path[0].y}, line  # level all the way


def test_a_row_stays_free_where_it_has_no_box() -> None:
    sizes = dict.fromkeys("abcd", (20.0, 20.0))
    placed = layered(sizes, [Line("a", "b"), Line("b", "c"), Line("c", "d")], rows={"a": 1, "d": 1})
    assert placed.boxes["a"].middle.y == placed.boxes["d"].middle.y
    assert placed.boxes["b"].top < placed.boxes["a"].middle.y


def test_what_cannot_be_drawn_to_the_right_is_an_error() -> None:
    sizes = dict.fromkeys("abc", (20.0, 20.0))
    with pytest.raises(ArgumentError, match=r"a -> b -> a is a circle|b -> a -> b is a circle"):
        layered(sizes, [Line("a", "b"), Line("b", "a")])
    with pytest.raises(ArgumentError, match="a -> b has to go right, not from rank 1 to rank 1"):
        layered(sizes, [Line("c", "a"), Line("a", "b")], ranks={"a": 1, "b": 1})


def test_a_box_grows_for_the_lines_that_end_there() -> None:
    sizes = {"a": (20.0, 10.0)} | {f"b{k}": (20.0, 10.0) for k in range(5)}
    lines = [Line("a", f"b{k}", 6.0) for k in range(5)]
    assert layered(sizes, lines).boxes["a"].height == sum(map(ports.room, [6.0] * 5)) > 60
    assert layered(sizes, lines[:1]).boxes["b3"].height == 10


def test_more_room_may_be_asked_for() -> None:
    sizes = dict.fromkeys("abc", (20.0, 20.0))
    lines = [Line("a", "b"), Line("a", "c")]
    one, other = layered(sizes, lines), layered(sizes, lines, spacing=Spacing(rank=90, box=50))
    assert other.boxes["b"].left - other.boxes["a"].right == 90 > one.boxes["b"].left - one.boxes["a"].right
    assert abs(other.boxes["b"].middle.y - other.boxes["c"].middle.y) == 70


def test_a_long_chain_needs_no_recursion() -> None:
    program = """
        from viz.layout.layered import Line, layered
        lines = [Line(f"n{k}", f"n{k + 1}") for k in range(2999)]
        placed = layered({f"n{k}": (10.0, 10.0) for k in range(3000)}, lines)
        print(len({box.middle.y for box in placed.boxes.values()}))
    """
    assert run_with_a_shallow_stack(program) == "1\n"


# The parts -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(-100, 100), WIDTHS), min_size=1, max_size=8), st.floats(0, 200))
def test_slots_keep_the_order_and_their_distance(wanted: list[tuple[float, float]], height: float) -> None:
    wishes, widths = [wish for wish, _ in wanted], [width for _, width in wanted]
    height = max(height, sum(map(ports.room, widths)))
    found = ports.slots(wishes, widths, -height / 2, height / 2)
    for (one, a), (other, b) in pairwise(zip(found, widths, strict=True)):
        assert other - one >= (ports.room(a) + ports.room(b)) / 2 - 1e-9
    assert found[0] - ports.room(widths[0]) / 2 >= -height / 2 - 1e-9
    assert found[-1] + ports.room(widths[-1]) / 2 <= height / 2 + 1e-9


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.floats(0, 20))
def test_spread_moves_as_little_as_it_can(wishes: list[float], gap: float) -> None:
    """No single value, and no run of them, could move nearer to its wishes."""
    found = ports.spread(wishes, [gap] * (len(wishes) - 1), -1000, 1000)
    cost = sum((a - b) ** 2 for a, b in zip(found, wishes, strict=True))
    for start in range(len(found)):
        for stop in range(start + 1, len(found) + 1):
            for by in (-0.1, 0.1):
                other = [y + by * (start <= k < stop) for k, y in enumerate(found)]
                if all(b - a >= gap - 1e-9 for a, b in pairwise(other)):
                    assert sum((a - b) ** 2 for a, b in zip(other, wishes, strict=True)) >= cost - 1e-6


def test_of_two_rising_pieces_the_upper_bends_first_of_two_falling_ones_the_lower() -> None:
    upper, lower = bends.Piece(0, 60, 2, True, True), bends.Piece(-8, 52, 2, True, True)
    (first, _), (second, _) = bends.gap([upper, lower], 20, 4).knees
    assert first + 2 + 4 == second
    turned = [bends.Piece(piece.stop, piece.start, 2, True, True) for piece in (upper, lower)]
    (first, _), (second, _) = bends.gap(turned, 20, 4).knees
    assert first == second + 2 + 4


def test_the_median_is_nearer_to_the_denser_side() -> None:
    assert ordering.median([3]) == 3
    assert ordering.median([0, 1, 5, 9]) < 3


def test_lines_cross_only_where_their_ends_force_them_to() -> None:
    sizes = dict.fromkeys("abcd", (20.0, 20.0))
    placed = layered(sizes, [Line("a", "d"), Line("b", "c")])
    assert placed.crossings == 0
    paths = placed.paths
    assert not any(crossing(*p, *q) for p in pieces(paths[0]) for q in pieces(paths[1]))


def test_a_line_begins_and_ends_at_the_ports_that_are_fixed() -> None:
    lines = [Line("a", "b"), Line("a", "b"), Line("b", "c")]
    ports = {(0, 0): -12.0, (0, 1): 14.0, (2, 0): 9.0}
    placed = layered({"a": (30, 40), "b": (30, 40), "c": (30, 20)}, lines, ports=ports)
    for (k, side), offset in ports.items():
        box = placed.boxes[lines[k].target if side else lines[k].source]
        assert placed.paths[k][-side].y == pytest.approx(box.middle.y + offset)
