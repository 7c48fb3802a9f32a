"""The places of the cell view: time to the right, C above h, nothing on top of anything else, no line through a box."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support import svg
from tests.support.pictures import Drawn, drawn
from tests.support.runs import RUNS

VIEWS = ("cell", "strip", "rolled")


@pytest.fixture(params=RUNS)
def case(request: pytest.FixtureRequest) -> Drawn:
    return drawn(request.param)


@pytest.mark.parametrize(("view", "gradients"), [*((view, True) for view in VIEWS), ("cell", False)])
def test_no_two_nodes_overlap(case: Drawn, view: str, gradients: bool) -> None:
    picture = case.view(view, gradients)
    seen = [node for node in picture.nodes.values() if node.outlined or node.texts]
    seen.sort(key=lambda node: node.box[0])
    for k, one in enumerate(seen):
        for other in seen[k + 1 :]:
            if other.box[0] > one.box[2]:
                break
            assert not svg.overlap(one.box, other.box, 0.11), (one.id, one.text, other.id, other.text)
    width, height = picture.size
    for node in seen:
        assert -1 <= node.box[0] <= node.box[2] <= width + 1, node.id
        assert -1 <= node.box[1] <= node.box[3] <= height + 1, node.id
    captions = [
        (box[0] + 14, box[1] + 4, box[0] + 14 + 6.2 * len(text), box[1] + 18) for box, text in picture.frames.values()
    ]
    for (left, top, right, bottom), node in ((caption, node) for caption in captions for node in seen):
        assert not svg.overlap((left, top, right, bottom), node.box), node.id


@pytest.mark.parametrize("view", VIEWS)
def test_states_are_on_straight_belts_in_the_order_of_time(case: Drawn, view: str) -> None:
    picture = case.view(view)
    for k, chain in enumerate(case.parts(view)):
        names = list(dict.fromkeys(name for name, _ in chain.states()))
        heights = {}
        for name in names:
            order = [t for its, t in sorted(chain.states(), key=lambda part: part[1]) if its == name]
            middles = [picture[f"{case.prefix(k)}{name}_{t}"].middle for t in order]
            rows = [[x for x, y in middles if y == height] for height in sorted({y for _, y in middles})]
            assert len(rows) == 1 or (view == "strip" and chain.last > 8), name  # which is in rows, one below another
            assert [x for row in rows for x in row] == [x for x, _ in middles]
            assert all(a < b for row in rows for a, b in pairwise(row)), name
            heights[name] = middles[0][1]
        belt = chain.template.belt_state
        assert all(heights[belt] < heights[name] for name in names if name != belt)  # y runs downwards
        if "c" in names:
            assert belt == "c"
        if view == "cell":
            ids = [f"{case.prefix(k)}{role}_{t}" for role in chain.template.belts.get(belt, ()) for t in chain.order]
            assert {picture[name].middle[1] for name in ids if name in picture.nodes} <= {heights[belt]}


def test_every_part_is_inside_its_step_and_steps_are_in_order(case: Drawn) -> None:
    picture = case.view("cell")
    for k, chain in enumerate(case.chains):
        boxes = [picture.frames[f"{case.prefix(k)}step_{t}"][0] for t in range(1, chain.last + 1)]
        assert all(one[2] < other[0] for one, other in pairwise(boxes))
        for role, t in chain.parts:
            if f"{case.prefix(k)}{role}_{t}" in picture.nodes:
                left, top, right, bottom = picture[f"{case.prefix(k)}{role}_{t}"].box
                frame = boxes[t - 1]
                assert frame[0] <= left, (role, t)
                assert right <= frame[2] + 1, (role, t)
                assert frame[1] <= top, (role, t)
                assert bottom <= frame[3], (role, t)


def test_arrows_point_with_the_time_and_gradients_against_it(case: Drawn) -> None:
    for gradients in (True, False):
        picture = case.view("cell", gradients)
        for k, chain in enumerate(case.chains):
            for line in chain.links:
                (source, t), (reader, u) = line.source, line.reader
                if t == u or reader in ("loss", "above") or source == "weights":
                    continue
                assert u == t + (-1 if chain.chain.reverse else 1)
                ends = [
                    picture[f"{case.prefix(k)}{role}_{step}"].middle[0] for role, step in (line.source, line.reader)
                ]
                assert (ends[0] < ends[1]) == (not chain.chain.reverse)
        assert gradients or not any(edge.backward for edge in picture.edges)


@pytest.mark.parametrize("view", VIEWS)
def test_no_line_goes_through_a_box(case: Drawn, view: str) -> None:
    picture = case.view(view)
    boxes = [node for node in picture.nodes.values() if node.outlined and not node.id.endswith("weights")]
    for edge in picture.edges:  # a way up to the next layer goes behind that layer's weights
        for node in boxes:
            assert node.id in (edge.source, edge.reader) or not svg.crosses(edge.way, node.box), (edge.id, node.id)


@pytest.mark.parametrize("view", VIEWS)
def test_no_two_lines_lie_on_each_other(case: Drawn, view: str) -> None:
    picture = case.view(view)
    for k in (0, 1):  # upright pieces, then level ones
        pieces = sorted(
            (a[k], min(a[1 - k], b[1 - k]), max(a[1 - k], b[1 - k]), edge.id, edge.reader)
            for edge in picture.edges
            for a, b in pairwise(edge.way)
            if a[k] == b[k]
        )
        for number, (at, low, high, one, end) in enumerate(pieces):
            for other_at, bottom, top, other, other_end in pieces[number + 1 :]:
                if other_at - at >= 1:
                    break
                if min(high, top) - max(low, bottom) > 14:  # but two that lead into one box may come together
                    assert one == other or end == other_end, (one, other)


@pytest.mark.parametrize(("view", "gradients"), [*((view, True) for view in VIEWS), ("cell", False)])
def test_ids_are_there_once(case: Drawn, view: str, gradients: bool) -> None:
    picture = case.view(view, gradients)
    assert len(picture.ids) == len(set(picture.ids))
    assert picture.title
    assert picture.description
    for edge in picture.edges:  # a line from the weights or into a fold begins at a place that is not seen
        for end in (edge.source, edge.reader):
            assert end in picture.nodes or "weights_" in end or "fold_" in end, end
