"""The places of the cell view: time to the right, C above h, nothing on top of anything else."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest

import tinygrad_lstm as tg
import viz
from tests import dot
from tests.test_gradient_paths import of_every, of_last, of_states, unrolled

PICTURES = [
    *((kind, steps, of_every) for kind in ("LSTM", "GRU", "RNN") for steps in (1, 3, 5)),
    ("LSTM", 12, of_last),
    ("LSTM", 3, of_states),
]


@pytest.fixture(params=PICTURES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2].__name__}")
def drawn(request: pytest.FixtureRequest) -> dot.Dot:
    kind, steps, loss = request.param
    _, trajectory = unrolled(kind, steps)
    return dot.read(viz.gradient_paths(loss(trajectory), trajectory).source)


def test_no_two_nodes_overlap(drawn: dot.Dot) -> None:
    boxes = {name: drawn.box(name) for name, look in drawn.nodes if look.get("style") != "invis"}
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one, other)


def test_states_are_on_straight_belts_in_the_order_of_time(drawn: dot.Dot) -> None:
    names = dict(drawn.nodes)
    places = {
        name: [tuple(map(float, names[f"{name}_{t}"]["pos"].split(","))) for t in range(13) if f"{name}_{t}" in names]
        for name in ("h", "c")
    }
    for belt in filter(None, places.values()):
        assert len({y for _, y in belt}) == 1
        assert [x for x, _ in belt] == sorted({x for x, _ in belt})
    if places["c"]:
        assert places["c"][0][1] > places["h"][0][1]
        heights = {float(look["pos"].split(",")[1]) for name, look in drawn.nodes if name[:4] in ("keep", "sum_")}
        assert heights == {places["c"][0][1]}


def test_every_part_is_inside_its_step(drawn: dot.Dot) -> None:
    lefts = [drawn.box(f"caption_{t}")[0] for t in range(1, 13) if f"caption_{t}" in dict(drawn.nodes)]
    for name, _ in drawn.nodes:
        role, _, t = name.rpartition("_")
        if role in ("x", "z", "f", "i", "g", "o", "keep", "write", "sum", "c", "squash", "show", "h") and int(t):
            left, _, right, _ = drawn.box(name)
            assert lefts[int(t) - 1] - 22 < left
            assert int(t) == len(lefts) or right < lefts[int(t)]


def test_the_cell_view_of_a_trajectory_shows_shapes_and_no_numbers_of_gradients() -> None:
    _, trajectory = unrolled()
    picture = viz.draw(trajectory)
    assert picture.source == viz.draw(trajectory, view="cell").source
    assert "‖" not in picture.source
    assert "(2, 5)" in dot.read(picture.source)["c_2"]["label"]
    assert not any(look.get("dir") == "back" for *_, look in dot.read(picture.source).edges)
    assert "v0 " in viz.draw(trajectory, view="op").source


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_svg_has_an_id_for_every_node_and_edge_and_widths_as_attributes(kind: Any, theme: Any) -> None:
    _, trajectory = unrolled(kind)
    picture = viz.gradient_paths(of_last(trajectory), trajectory, theme=theme)
    source = dot.read(picture.source)
    svg = "{http://www.w3.org/2000/svg}"
    groups = ElementTree.fromstring(picture.svg).iter(f"{svg}g")
    found = {group.get("id"): (str(group.get("class")).split()[0], group) for group in groups}
    for name, look in source.nodes:
        if look.get("style") != "invis":
            assert found[name][0] == "node"
    for *_, look in source.edges:
        kind_of_group, group = found[look["id"]]
        assert kind_of_group == "edge"
        (path,) = group.iter(f"{svg}path")
        assert float(path.get("stroke-width", 1)) == pytest.approx(float(look["penwidth"]), abs=0.01)


def test_the_boxes_say_what_this_cell_computes() -> None:
    class ReluCell(tg.nn.RNNCell):
        def __init__(self, D: int, H: int, bias: bool = True) -> None:
            super().__init__(D, H, bias, nonlinearity="relu")

    x = tg.randn(2, 1, 3)
    plain = tg.nn.RNN(3, 4, cell=ReluCell).unroll(x)
    picture = viz.gradient_paths(plain.steps[-1].h.sum(), plain)
    assert dot.read(picture.source)["squash_2"]["label"] == "relu"
    assert "× relu′, Uᵀ" in picture.source
    assert "tanh" not in re.sub('tooltip="[^"]*"', "", picture.source)
    biased, bare = (tg.nn.LSTM(3, 4, bias=bias).unroll(x) for bias in (True, False))
    assert dot.text_of(dot.read(viz.draw(biased).source)["z_2"]).strip() == "Wx₂ + Uh₁ + b"
    assert dot.text_of(dot.read(viz.draw(bare).source)["z_2"]).strip() == "Wx₂ + Uh₁"


def test_a_batchless_run_and_a_frozen_layer() -> None:
    lstm = tg.nn.LSTM(3, 4)
    trajectory = lstm.unroll(tg.randn(2, 3))
    viz.gradient_paths(trajectory.steps[-1].h.sum(), trajectory)
    for parameter in lstm.parameters():
        parameter.requires_grad = False
    frozen = lstm.unroll(tg.randn(2, 3))
    viz.draw(frozen)
    with pytest.raises(tg.errors.GradError, match="nothing in this trajectory requires a gradient"):
        viz.gradient_paths(frozen.steps[-1].h.sum(), frozen)
