"""``lit="f"``: the equation of one value in full colour, found in the graph, and all else dimmed."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError
from viz.output.picture import Picture
from viz.views.lit import DIMMED

READS_OF_LSTM = {
    "f": {"f", "z", "x", "h-", "weights"},
    "i": {"i", "z", "x", "h-", "weights"},
    "g": {"g", "z", "x", "h-", "weights"},
    "c": {"c", "sum", "keep", "write", "f", "c-", "i", "g"},
    "o": {"o", "z", "x", "h-", "weights"},
    "h": {"h", "show", "o", "squash", "c"},
}


def trajectory(layer: nn.RNN | nn.GRU | nn.LSTM, steps: int = 1) -> nn.Trajectory:
    return layer.unroll(np.ones((steps, 1, 2)))


def lit_boxes(picture: Picture, t: int = 1) -> set[str]:
    """The boxes in full colour at a step, with "-" those of the step before."""
    found = set()
    for name, node in picture.scene.without_header().nodes.items():
        role, _, step = name.rpartition("_")
        if node.opacity == 1 and node.keys and not role.startswith(("law", "mean", "share", "split")):
            found.add("weights" if name == "weights" else role if int(step) == t else f"{role}-")
    return found


def lit_lines(picture: Picture) -> set[str]:
    return {edge.id for edge in picture.scene.edges if edge.stroke.opacity == 1}


@pytest.mark.parametrize(("name", "reads"), READS_OF_LSTM.items())
def test_the_value_and_what_its_equation_reads_are_lit(name: str, reads: set[str]) -> None:
    assert lit_boxes(viz.draw(trajectory(nn.LSTM(2, 3)), view="cell", lit=name)) == reads


def test_the_lines_between_them_are_lit_and_no_others() -> None:
    picture = viz.draw(trajectory(nn.LSTM(2, 3)), view="cell", lit="f")
    assert lit_lines(picture) == {"x_1-z_1", "h_0-z_1", "z_1-f_1", "weights_z_1-z_1"}


def test_all_lines_and_boxes_are_lit_by_one_of_the_six() -> None:
    run = trajectory(nn.LSTM(2, 3))
    whole = viz.draw(run, view="cell")
    lines = set().union(*(lit_lines(viz.draw(run, view="cell", lit=name)) for name in READS_OF_LSTM))
    assert lines == {edge.id for edge in whole.scene.edges}


@pytest.mark.parametrize(
    ("layer", "name", "reads"),
    [
        (partial(nn.GRU, 2, 3), "n", {"n", "zed", "x", "h-", "reset", "r", "weights"}),
        (partial(nn.GRU, 2, 3), "h", {"h", "sum", "keep", "write", "z", "n", "h-"}),
        (partial(nn.RNN, 2, 3), "h", {"h", "squash", "z", "x", "h-", "weights"}),
        (partial(nn.LSTM, 2, 3, cell=nn.PeepholeLSTMCell), "f", {"f", "z", "x", "h-", "c-", "weights"}),
        (partial(nn.LSTM, 2, 3, cell=nn.PeepholeLSTMCell), "o", {"o", "z", "x", "h-", "c", "weights"}),
        (partial(nn.LSTM, 2, 3, cell=nn.CoupledLSTMCell), "i", {"i", "f"}),
        (partial(nn.LSTM, 2, 3, cell=nn.SeparateLSTMCell), "i", {"i", "z", "x", "h-", "weights"}),
    ],
)
def test_other_cells_light_what_their_equations_read(layer: partial[nn.LSTM], name: str, reads: set[str]) -> None:
    assert lit_boxes(viz.draw(trajectory(layer()), view="cell", lit=name)) == reads


def test_every_step_every_layer_and_the_gradient_are_lit_alike() -> None:
    run = trajectory(nn.LSTM(2, 3, num_layers=2), 2)
    picture = viz.gradient_paths(run.output[-1].sum(), run, lit="c")
    opaque = {name for name, node in picture.scene.nodes.items() if node.opacity == 1}
    assert {"c_2", "f_2", "c_1", "f_1", "chain0_c_1", "law_1"} <= opaque
    assert not {"o_1", "h_2", "chain0_o_1", "weights", "x_1"} & opaque
    assert all(edge.stroke.opacity == DIMMED or "f_" in edge.id or "c_" in edge.id or "write" in edge.id
               or "keep" in edge.id for edge in picture.scene.edges)  # fmt: skip


def test_a_run_that_would_be_a_strip_keeps_its_cells() -> None:
    run = trajectory(nn.LSTM(2, 3), 20)
    assert "f_1" in viz.draw(run, fold=None, lit="f").scene.nodes
    assert lit_boxes(viz.draw(run, view="rolled", lit="f")) == READS_OF_LSTM["f"]


def test_every_format_and_the_words_say_it() -> None:
    picture = viz.draw(trajectory(nn.LSTM(2, 3)), view="cell", lit="g")
    assert "In full colour: what computes C̃." in picture.description
    assert picture.title == "One LSTM, one time step: what computes C̃", "several in a page have names of their own"
    dimmed = re.search(r'<g class="node" id="o_1" opacity="([\d.]+)"', picture.svg)
    assert dimmed is not None
    assert float(dimmed[1]) == DIMMED
    (box,) = re.findall(r'^\s*o_1 \[.*fillcolor="#(\w+)"', picture.source, re.MULTILINE)
    assert len(box) == 8, "a colour with its opacity"


def test_without_it_nothing_is_dimmed() -> None:
    scene = viz.draw(trajectory(nn.LSTM(2, 3)), view="cell").scene
    assert all(node.opacity == 1 for node in scene.nodes.values())
    assert all(edge.stroke.opacity == 1 for edge in scene.edges)


def test_what_cannot_be_lit_is_an_error_that_says_what_can() -> None:
    run = trajectory(nn.LSTM(2, 3))
    with pytest.raises(ArgumentError, match="lit='q' is no part of these cells, which are f, i, g, o, c, h"):
        viz.draw(run, view="cell", lit="q")
    with pytest.raises(ArgumentError, match="the cell view and the rolled view"):
        viz.draw(run, view="strip", lit="f")
    with pytest.raises(ArgumentError, match="the cell view and the rolled view"):
        viz.draw(run, depth=1, lit="f")
    with pytest.raises(ArgumentError, match="a tensor has none"):
        viz.draw(tg.ones(2), lit="f")
