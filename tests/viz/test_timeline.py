"""Blocks along time: every line arrives, no panel is touched, equal steps look alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.layout_lint import counts, lint
from tests.support.plain import plain
from tinygrad_lstm.errors import ArgumentError
from viz.layout import blocks, lanes
from viz.layout.layered import Line
from viz.layout.panels import CAPTION, PADDING, Panels
from viz.layout.timeline import Item, Timeline, timeline

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # a drawing that fails is not made smaller: that takes minutes
STEP = [("x", "z"), ("z", "f"), ("z", "i"), ("z", "g"), ("z", "o"), ("f", "keep"), ("i", "write"), ("g", "write"),
        ("keep", "sum"), ("write", "sum"), ("sum", "c"), ("c", "squash"), ("squash", "show"), ("o", "show"),
        ("show", "h")]  # fmt: skip
NAMES = list(dict.fromkeys(name for pair in STEP for name in pair))
ROWS = {"keep": 1.0, "sum": 1.0, "c": 1.0, "show": -1.0, "h": -1.0, "o": -1.0, "z": -1.0}


def lstm(T: int, shared: Sequence[str] = ("W",), width: float = 1.5) -> tuple[dict[str, Item], list[Line]]:
    """An LSTM over T steps, in blocks 1 to T; its first states are in block 0, its loss in the last."""
    items = {f"{name}{t}": Item(44, 26, t, ROWS.get(name, 0)) for t in range(1, T + 1) for name in NAMES}
    items |= {"c0": Item(44, 26, 0, 1), "h0": Item(44, 26, 0, -1), "L": Item(30, 30, T + 1)}
    items |= {name: Item(40, 20, None) for name in shared}
    lines = [Line(f"{a}{t}", f"{b}{t}", width, 8.0 if {a, b} <= {"keep", "sum", "c"} else 1.0)
             for t in range(1, T + 1) for a, b in STEP]  # fmt: skip
    for t in range(1, T + 1):
        lines += [Line(f"c{t - 1}", f"keep{t}", 3.0, 8.0), Line(f"h{t - 1}", f"z{t}", width)]
    return items, [*lines, Line(f"h{T}", "L", width)]


def panels_of(T: int) -> dict[str, Sequence[int]]:
    return {f"t = {t}": [t] for t in range(1, T + 1)} | {"layer": range(1, T + 1)}


def defects(drawn: Timeline, lines: Sequence[Line]) -> dict[str, int]:
    """What the lint finds with the arrowheads at either end."""
    both = [counts(lint(plain(drawn.boxes, lines, drawn.paths, drawn.panels, heads))) for heads in ("source", "target")]
    return {kind: sum(found[kind] for found in both) for kind in both[0] if any(found[kind] for found in both)}


@pytest.mark.parametrize("shared", [("W",), ("W", "U", "b"), ()])
def test_an_lstm_along_time_has_no_defect(shared: tuple[str, ...]) -> None:
    items, lines = lstm(4, shared)
    drawn = timeline(items, lines, panels=panels_of(4))
    assert defects(drawn, lines) == {}


def test_the_belt_is_level_from_the_first_step_to_the_last() -> None:
    items, lines = lstm(3)
    drawn = timeline(items, lines, panels=panels_of(3))
    heights = {round(drawn.boxes[f"{name}{t}"].middle.y, 6) for t in (1, 2, 3) for name in ("keep", "sum", "c")}
    assert len(heights) == 1
    for line, path in zip(lines, drawn.paths, strict=True):
        if line.pull > 1:
            assert len({round(point.y, 6) for point in path} | heights) == 1, line


def test_equal_steps_are_laid_out_once_and_look_alike() -> None:
    items, lines = lstm(30)
    blocks.block.cache_clear()
    drawn = timeline(items, lines, panels=panels_of(30))
    assert blocks.block.cache_info().misses <= 6  # before, after, the first, the last, and those in between
    for name in NAMES:
        one, other = drawn.boxes[f"{name}5"], drawn.boxes[f"{name}17"]
        pitch = (drawn.boxes["c17"].left - drawn.boxes["c5"].left, 0)
        assert one.moved(*pitch) == pytest.approx(other)


def test_panels_are_around_their_blocks_and_each_other() -> None:
    items, lines = lstm(3)
    drawn = timeline(items, lines, panels=panels_of(3))
    layer = drawn.panels["layer"]
    for t in (1, 2, 3):
        panel = drawn.panels[f"t = {t}"]
        assert panel.left - layer.left >= PADDING
        assert layer.right - panel.right >= PADDING
        assert layer.top - panel.top >= CAPTION
        for name in NAMES:
            box = drawn.boxes[f"{name}{t}"]
            room = box.left - panel.left, panel.right - box.right, box.bottom - panel.bottom
            assert min(room) >= PADDING - 1e-9
            assert panel.top - box.top >= CAPTION
    assert all(drawn.panels[f"t = {t}"].right < drawn.panels[f"t = {t + 1}"].left for t in (1, 2))
    assert drawn.boxes["W"].top < layer.bottom


def test_what_is_in_no_block_stands_side_by_side_below_all() -> None:
    items, lines = lstm(3, ("W", "U"))
    drawn = timeline(items, [*lines, Line("c1", "c3")], panels=panels_of(3))
    one, other = drawn.boxes["W"], drawn.boxes["U"]
    assert (one.width, one.height, one.top) == (40, 20, other.top)
    assert one.right < other.left
    lowest = [point.y for path in drawn.paths for point in path] + [rect.bottom for rect in drawn.panels.values()]
    assert one.top < min(lowest)


def test_a_line_that_passes_blocks_goes_below_or_above_them() -> None:
    items = {f"n{t}": Item(40, 20, t) for t in range(5)} | {
        "top": Item(40, 20, 0, row=1),
        "end": Item(40, 20, 4, row=1),
    }
    lines = [Line("n0", "n3"), Line("n3", "n1"), Line("top", "end")]
    drawn = timeline(items, lines, panels={"all": range(5)})
    panel = drawn.panels["all"]
    lows, highs = [[f(p.y for p in path) for path in drawn.paths] for f in (min, max)]
    assert max(lows[:2]) < panel.bottom
    assert highs[2] > panel.top
    assert drawn.paths[1][0].x == drawn.boxes["n3"].right  # also one that leads back leaves on the right
    assert drawn.paths[1][-1].x == drawn.boxes["n1"].left
    assert set(defects(drawn, lines)) <= {"crossing"}


def test_no_line_leads_to_what_is_in_no_block() -> None:
    items = {"a": Item(40, 20, 0), "W": Item(40, 20, None)}
    for line in (Line("a", "W"), Line("W", "a")):
        with pytest.raises(ArgumentError, match="no line leads to W, which is in no block: give it one"):
            timeline(items, [line])


def test_nothing_is_drawn_of_nothing() -> None:
    assert timeline({}, []).boxes == {}
    assert timeline({"W": Item(40, 20, None)}, []).boxes["W"].width == 40
    assert timeline({"a": Item(40, 20, 7)}, [], panels={"empty": [], "other": [3]}).panels == {}


# Any graph -----------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: Any) -> tuple[dict[str, Item], list[Line], dict[str, Sequence[int]]]:
    count, last = draw(st.integers(1, 14)), draw(st.integers(0, 4))
    block = st.one_of(st.integers(0, last), st.none()) if draw(st.booleans()) else st.integers(0, last)
    places = sorted((draw(block) for _ in range(count)), key=lambda place: -1 if place is None else place)
    items = {
        f"n{k}": Item(draw(st.floats(10, 80)), draw(st.floats(10, 50)), place, draw(st.sampled_from([0, 0, 0, -1, 1])))
        for k, place in enumerate(places)
    }
    rows: set[tuple[int | None, float]] = set()
    for name, item in items.items():  # a row has one box in a block here, so that all can be level
        if item.row and (item.block, item.row) in rows:
            items[name] = Item(item.width, item.height, item.block)
        rows.add((item.block, item.row))
    lines = []
    for a, b in draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=24)):
        one, other = f"n{min(a, b)}", f"n{max(a, b)}"
        if a != b and items[one].block is not None and items[other].block is not None:
            lines.append(Line(one, other, draw(st.sampled_from([0.8, 2.0, 6.5])), draw(st.sampled_from([1.0, 8.0]))))
    panels: dict[str, Sequence[int]] = {f"t = {t}": [t] for t in range(last + 1)}
    return items, lines, panels | {"all": range(last + 1)}


@given(graphs())
@settings(deadline=None, phases=QUICK, max_examples=120, derandomize=True)  # one in some hundreds has a line on a line
def test_any_graph_along_time_has_no_defect_but_crossings(graph: Any) -> None:
    items, lines, panels = graph
    drawn = timeline(items, lines, panels=panels)
    assert set(defects(drawn, lines)) <= {"crossing"}


# The parts -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=12))
def test_no_two_runs_meet_on_a_track(ends: list[tuple[float, float]]) -> None:
    runs = [(min(pair), max(pair)) for pair in ends]
    found = lanes.tracks(runs)
    for k, (low, high) in enumerate(runs):
        for other, (a, b) in enumerate(runs[:k]):
            assert found[k] != found[other] or high + 4 < a or b + 4 < low
    assert set(found) == set(range(max(found, default=-1) + 1))


def test_a_run_inside_another_is_nearer() -> None:
    assert lanes.tracks([(0, 100), (10, 90), (20, 80)]) == [2, 1, 0]


def test_a_panel_inside_another_that_begins_with_it_needs_room_twice() -> None:
    around = Panels({"inner": [1], "outer": [1, 2]}, [0, 1, 2])
    assert around.around == {0: [], 1: ["outer", "inner"], 2: ["outer"]}
    assert [around.pad(1, side) for side in (0, 1)] == [2 * PADDING, PADDING]
    assert around.padding("outer", 1, 0) == 2 * PADDING
    assert around.padding("inner", 1, 0) == around.padding("outer", 2, 1) == PADDING
    assert around.levels() == {"outer": 2, "inner": 1}


# Groups


@st.composite
def grouped(draw: Any) -> tuple[dict[str, Item], list[Line]]:
    """A block of boxes in the order of computation, some runs of them in groups, and a box before it and after it."""
    items = {"first": Item(30, 20, 0), "last": Item(30, 20, 2)}
    names = [f"n{k}" for k in range(draw(st.integers(2, 10)))]
    cuts = sorted(draw(st.lists(st.integers(0, len(names)), min_size=2, max_size=4)))
    for k, name in enumerate(names):
        number = sum(cut <= k for cut in cuts)
        groups = ("a",) if number == 1 else ("b", "c") if number == 2 else ("b",) if number == 3 else ()
        items[name] = Item(draw(st.sampled_from([26.0, 40.0, 70.0])), 26, 1, groups=groups)
    pairs = draw(st.lists(st.tuples(st.integers(0, len(names) - 1), st.integers(0, len(names) - 1)), max_size=14))
    widths = st.sampled_from([0.8, 2.0, 6.5])
    lines = [Line(names[min(pair)], names[max(pair)], draw(widths)) for pair in pairs if pair[0] != pair[1]]
    lines += [Line("first", names[0], draw(widths)), Line(names[-1], "last", draw(widths))]
    return items, lines


@given(grouped())
@settings(deadline=None, phases=QUICK, max_examples=100, derandomize=True)  # as above
def test_a_group_has_its_boxes_and_no_others_in_its_panel(graph: tuple[dict[str, Item], list[Line]]) -> None:
    items, lines = graph
    drawn = timeline(items, lines, panels={"step": [1]})
    found = defects(drawn, lines)
    found.pop("crossing", 0)
    assert not any(found.values()), found
    for name, panel in drawn.panels.items():
        for box, item in items.items():
            inside = name in item.groups or (name == "step" and item.block == 1)
            assert drawn.boxes[box].overlap(panel) == pytest.approx(inside * 26 * item.width) or (
                inside and drawn.boxes[box].height > 26
            )
    for line, path in zip(lines, drawn.paths, strict=True):
        assert path[0].x == pytest.approx(drawn.boxes[line.source].right)
        assert path[-1].x == pytest.approx(drawn.boxes[line.target].left)


def test_equal_groups_are_drawn_once() -> None:
    blocks.block.cache_clear()
    items, lines = dict[str, Item](), []
    for t in range(1, 9):
        items |= {f"{name}{t}": Item(30, 20, t, groups=("g",) if name != "x" else ()) for name in ("x", "a", "b")}
        lines += [Line(f"x{t}", f"a{t}", t / 2), Line(f"a{t}", f"b{t}", 6.0 - t / 2)]
        lines += [Line(f"b{t - 1}", f"a{t}")] if t > 1 else []
    drawn = timeline(items, lines)
    assert blocks.block.cache_info().misses == 6  # the first step, the last, one of the others, and the group of each
    heights = {tuple(drawn.boxes[f"{name}{t}"].middle.y for name in ("x", "a", "b")) for t in range(2, 8)}
    assert len(heights) == 1
