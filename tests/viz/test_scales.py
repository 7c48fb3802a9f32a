"""Vanishing and exploding are seen: widths are on a scale of the figure's own decades, and it is printed."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import svg
from tests.support.comparisons import triptych
from tests.support.runs import Run, of_every, of_last, run
from tests.support.scales import printed_width
from viz.style.width_scales import FINEST, THICKEST, LogWidth


def steep(T: int, factor: float) -> Run:
    """A tanh RNN whose U is scaled, so that the gradient falls or grows by about the same at every step."""
    tg.manual_seed(0)
    layer = tg.nn.RNN(3, 4)
    cell: Any = layer.layers[0]
    cell.U.data = (factor * np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]).astype(cell.U.dtype)
    trajectory = layer.unroll(1e-10 * tg.randn(T, 2, 3))
    return trajectory, of_last(trajectory)


@pytest.mark.parametrize(("factor", "decades"), [(0.3, -25), (1.5, 8)])
def test_a_gradient_that_vanishes_or_explodes_is_seen_from_line_to_line(factor: float, decades: int) -> None:
    trajectory, loss = steep(50, factor)
    drawn = svg.read(viz.gradient_paths(loss, trajectory, view="strip", fold=None).svg)
    lines = [drawn.edge(f"h_{t}", f"cell_{t + 1}") for t in range(1, 50)]
    norms = [float(line.data["norm"]) for line in lines]
    assert math.log10(norms[0] / norms[-1]) == pytest.approx(decades, abs=1.5)
    assert all((a.width < b.width) == (decades < 0) and a.width != b.width for a, b in pairwise(lines))
    width_of = printed_width(drawn.text)
    for line in lines:
        assert line.width == pytest.approx(width_of(float(line.data["norm"])), abs=0.006)
    assert min(line.width for line in lines) < 1.8
    assert max(line.width for line in lines) > 5
    picture = viz.gradient_paths(loss, trajectory, view="strip", fold=None)
    faint = {edge.id: edge.stroke.opacity for edge in picture.scene.edges}
    assert (faint[lines[0].id] < faint[lines[-1].id]) == (decades < 0)
    assert "stroke-opacity" in picture.svg


def test_all_runs_that_are_compared_are_on_one_scale() -> None:
    compared = triptych(12)
    drawn = svg.read(viz.compare(compared, view="strip", fold=None).svg)
    assert sum("log₁₀" in node.text for node in drawn.nodes.values()) == 1
    width_of = printed_width(drawn.text)
    norms = [(edge.width, float(edge.data["norm"])) for edge in drawn.edges if "norm" in edge.data]
    assert {name.partition("-")[0] for name in (edge.id for edge in drawn.edges)} == set(compared)
    assert all(width == pytest.approx(width_of(norm), abs=0.006) for width, norm in norms)
    assert width_of(min(norm for _, norm in norms if norm)) < width_of(max(norm for _, norm in norms))


@pytest.mark.parametrize("norms", [[1.0], [0.5, 0.6], [1e-9, 3.0], [5e-26, 5.0], [1e-300, 1.0], [0.0], []])
def test_a_scale_has_what_is_drawn_on_it(norms: list[float]) -> None:
    scale = LogWidth.of(norms)
    assert 2 <= scale.high - scale.low <= 30
    for norm in norms:
        assert FINEST <= scale.width(norm) <= THICKEST
        assert scale.has(norm) == (norm >= 1e-30)
    assert scale.samples() == sorted(scale.samples())
    assert all(FINEST <= scale.width(sample) <= THICKEST for sample in scale.samples())


def test_a_line_at_an_end_of_the_scale_is_marked() -> None:
    trajectory, _ = run(steps=3)
    with np.errstate(all="ignore"):
        loss = (trajectory.steps[-1].h * np.inf).sum()
    picture = viz.gradient_paths(loss, trajectory)
    lost = [edge for edge in picture.scene.edges if edge.stroke.kind == "not finite"]
    assert lost
    assert all(edge.stroke.dotted and edge.stroke.width == THICKEST for edge in lost)
    assert "not finite" in svg.read(picture.svg).text
    trajectory, loss = steep(80, 0.2)  # in float32 the last of it is 0
    small = viz.gradient_paths(loss, trajectory, view="strip", fold=None)
    kinds = {edge.stroke.kind: edge.stroke for edge in small.scene.edges}
    assert {"below", "zero"} & set(kinds)
    words = svg.read(small.svg).text
    assert ("less than 10" in words) == ("below" in kinds)
    assert ("a gradient of exactly 0" in words) == ("zero" in kinds)


KINDS = {
    "zero": "a gradient of exactly 0",
    "none": "no gradient comes here",
    "weight": "into the shared weights",
    "depth": "to the layer below",
}


@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"start": "grad", "inputs": True}], ids=str)
def test_the_legend_has_every_kind_of_line_that_is_drawn_and_no_other(view: Any, options: dict[str, Any]) -> None:
    trajectory, loss = run(loss=of_every, **options)
    one = viz.gradient_paths(loss, trajectory, view=view)
    for picture in (one, viz.compare({"LSTM": (loss, trajectory), "again": (loss, trajectory)}, view=view)):
        words, kinds = svg.read(picture.svg).text, picture.scene.kinds()
        for kind, said in KINDS.items():
            assert (said in words) == (kind in kinds), kind
        shares = any("share_" in name for name in picture.scene.nodes)
        assert ("how a state's gradient came, the whole way from L" in words) == shares


@pytest.mark.parametrize("view", ["cell", "op"])
def test_the_legend_has_the_strongest_path_where_it_is_pointed_out(view: Any) -> None:
    trajectory, loss = run()
    words = [
        svg.read(viz.gradient_paths(loss, trajectory, view=view, strongest=path).svg).text
        for path in (None, trajectory.steps[0].h)
    ]
    assert ["strongest single path to h₁, gains multiplied" in text for text in words] == [False, True]


def test_zero_and_no_gradient_cannot_be_mistaken() -> None:
    trajectory, loss = run()
    strokes = {edge.stroke.kind: edge.stroke for edge in viz.gradient_paths(loss, trajectory).scene.edges}
    zero, none = strokes["zero"], strokes["none"]
    assert (zero.dotted, zero.backward, zero.open) == (True, True, False)
    assert (none.dotted, none.backward, none.open) == (False, False, True)
    assert zero.colour != none.colour
