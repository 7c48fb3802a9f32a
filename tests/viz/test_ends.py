"""Where lines begin and end on the boxes of a cell view: side by side, a straight one where it is."""

from __future__ import annotations

from itertools import pairwise
from math import dist
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from viz.layout.arrowheads import head_size
from viz.layout.ports import room
from viz.scene.marks import Node
from viz.views.ends import Wire, settle_ends


def box(name: str, x: float, y: float, wide: float = 80, high: float = 40) -> Node:
    return Node(name, (x, y), (wide, high), shape="round")


def disc(name: str, x: float, y: float) -> Node:
    return Node(name, (x, y), (28, 28), shape="disc")


def settled(*wires: Wire) -> list[tuple[tuple[float, float], ...]]:
    settle_ends(wires)
    return [wire.points for wire in wires]


def test_a_line_alone_ends_where_it_comes_from() -> None:
    (points,) = settled(Wire(box("z", 0, 0), box("f", 200, 100), ((10, 100),), 2))
    assert points == ((10, 20), (10, 100), (160, 100))


def test_a_bend_on_a_side_is_where_the_line_ends() -> None:
    """It is no point of its own: the last piece, which the arrowhead is on, has a length and comes from outside."""
    bends = ((40, 0), (100, 0), (160, 30))  # on z's right side, between, on f's left side
    (points,) = settled(Wire(box("z", 0, 0, wide=80), box("f", 200, 30), bends, 3))
    assert points == ((40, 0), (100, 0), (160, 30))


@settings(deadline=None)
@given(st.lists(st.floats(0.8, 4.0), min_size=2, max_size=4), st.data())
def test_lines_that_share_a_side_are_apart_by_their_widths(widths: list[float], data: st.DataObject) -> None:
    z, lanes = box("z", 0, 0, wide=120), sorted(data.draw(st.floats(-50, 50)) for _ in widths)
    wires = [Wire(z, box(f"g{k}", 300, 60 + 50 * k), ((x, 60 + 50 * k),), widths[k]) for k, x in enumerate(lanes)]
    feet = [points[0] for points in settled(*wires)]
    assert all(y == 20 for _, y in feet)
    in_order = sorted(zip(feet, widths, strict=True))
    for ((x, _), width), ((u, _), other) in pairwise(in_order):
        assert u - x >= (room(width) + room(other)) / 2 - 1e-6
    for wire in wires:  # straight up to the bend
        assert wire.points[0][0] == wire.points[1][0]


def test_a_straight_line_stays_where_it_is() -> None:
    c, after = box("c", 0, 0), disc("keep", 200, 0)
    belt, one, other = settled(
        Wire(c, after, (), 6), Wire(c, box("f", 200, -90), ((60, -4), (60, -90)), 6),
        Wire(c, box("i", 300, -90), ((70, -2), (70, -140), (300, -140)), 6),
    )  # fmt: skip
    assert list(belt) == [(40, 0), (186, 0)]
    assert one[0][1] < other[0][1] < 0


def test_of_lines_that_turn_to_one_side_the_first_to_turn_is_outside() -> None:
    h = box("h", 0, 0)
    wires = [
        Wire(h, box(f"g{k}", 300, 200 + 60 * k), ((60 + 20 * k, 5), (60 + 20 * k, 200 + 60 * k)), 1) for k in (0, 1)
    ]
    near, far = settled(*wires)
    assert near[0][1] > far[0][1]


def test_with_too_little_room_all_are_nearer_to_each_other_by_the_same_part() -> None:
    z = box("z", 0, 0, wide=40)
    wires = [Wire(z, box(f"g{k}", 300, 60), ((-15 + 10 * k, 60),), 6) for k in range(4)]
    feet = [points[0][0] for points in settled(*wires)]
    assert [other - one for one, other in pairwise(feet)] == pytest.approx([10] * 3)
    assert feet[0] > -20
    assert feet[-1] < 20


def test_a_line_between_boxes_of_two_sizes_is_straight() -> None:
    large, small = box("pill", 0, 100, wide=80), box("cell", 8, 0, wide=30)
    assert settled(Wire(small, large, (), 1)) == [((8, 20), (8, 80))]


def test_a_slanted_line_leaves_the_middle_of_a_side() -> None:
    (points,) = settled(Wire(box("i", 0, 30), disc("write", 100, 0), (), 3))
    assert points[0] == (40, 30)


def test_a_place_that_is_not_seen_moves_with_the_line() -> None:
    bar = Node("weights_z_1", (0, -100), (0.5, 0.5), shape="text")
    z = box("z", 0, 0)
    wires = Wire(bar, z, ((0, -60),), 5), Wire(box("x", 4, -60, wide=20), z, (), 5)
    up, other = settled(*wires)
    assert up[0][0] == up[1][0] == up[2][0]
    assert other[0][0] == other[1][0]


@pytest.mark.parametrize("view", ["cell", "strip"])
@pytest.mark.parametrize("cell", [nn.MGUCell, nn.GRUCell, nn.LayerNormGRUCell])
def test_every_arrowhead_has_room_on_its_line(cell: Any, view: Any) -> None:
    """Also where a template is derived from what a step computes: no last piece is too short for a head to be seen."""
    tg.manual_seed(0)
    trajectory = nn.GRU(3, 4, cell=cell).unroll(tg.randn(3, 2, 3))
    picture = viz.gradient_paths((trajectory.steps[-1].h ** 2).sum(), trajectory, view=view)
    for edge in picture.scene.edges:
        tip, before = edge.points[:2] if edge.stroke.backward else edge.points[:-3:-1]
        assert dist(tip, before) >= 4, edge.id


@pytest.mark.parametrize("view", ["cell", "strip"])
@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_loss_is_far_enough_from_its_state_for_an_arrowhead(make: Any, view: Any) -> None:
    tg.manual_seed(0)
    trajectory = make(3, 4, bidirectional=True).unroll(tg.randn(3, 2, 3))
    picture = viz.gradient_paths((trajectory.output**2).sum(), trajectory, view=view)
    found = [edge for edge in picture.scene.edges if "loss_" in edge.reader]
    assert len(found) == 6
    for edge in found:
        assert dist(*edge.points[:2]) >= head_size(edge.stroke.width)[0], edge.id


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_line_that_turns_beside_the_first_state_keeps_away_from_it(make: Any) -> None:
    picture = viz.draw(make(3, 4).unroll(tg.randn(3, 2, 3)), view="strip")
    (line,) = (edge for edge in picture.scene.edges if (edge.source, edge.reader) == ("h_0", "cell_1"))
    _, bottom, right, top = picture.scene.nodes["h_0"].box
    for x, y in line.points[1:]:
        assert x >= right + 8 or y <= bottom - 8 or y >= top + 8, line.points
