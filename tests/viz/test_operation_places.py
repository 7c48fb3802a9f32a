"""Where the op view puts what: blocks along time, modules as groups, belts level, chips for what many steps read."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

import tinygrad_lstm as tg
import viz
from tests.support import dot
from tests.support.layout_lint import counts, lint
from tinygrad_lstm import nn
from viz.diagram.blocks import Blocks
from viz.diagram.collapse import close_runs, quotient_of
from viz.scene.marks import Node

CELLS: dict[str, Callable[[], Any]] = {
    "LSTM": lambda: nn.LSTM(3, 4),
    "GRU": lambda: nn.GRU(3, 4),
    "SeparateLSTM": lambda: nn.LSTM(3, 4, cell=nn.SeparateLSTMCell),
    "LayerNormLSTM": lambda: nn.LSTM(3, 4, cell=nn.LayerNormLSTMCell),
    "two layers": lambda: nn.LSTM(3, 4, num_layers=2),
    "two directions": lambda: nn.LSTM(3, 4, bidirectional=True),
}


def run(name: str, T: int = 3) -> tuple[tg.Tensor, nn.Trajectory]:
    tg.manual_seed(0)
    trajectory = CELLS[name]().unroll(tg.randn(T, 2, 3))
    return (trajectory.output**2).sum(), trajectory


def blocks_of(loss: tg.Tensor, fold: Any = None) -> tuple[tg.Graph, Blocks]:
    graph = tg.graph_of(loss)
    closed, _ = close_runs(graph, dict.fromkeys(range(len(graph.vertices))), fold)
    return graph, Blocks(quotient_of(graph, closed))


# Blocks


def test_every_step_is_a_block_and_time_runs_to_the_right() -> None:
    graph, blocks = blocks_of(run("LSTM")[0])
    steps = [{blocks.of[f"v{v.id}"] for v in graph.vertices if v.step == t} for t in (1, 2, 3)]
    assert steps == [{1}, {2}, {3}]
    starts = [v for v in graph.vertices if v.label in ("h", "c") and v.step is None]
    assert {blocks.of[f"v{v.id}"] for v in starts} == {0}
    assert blocks.of[f"v{len(graph.vertices) - 1}"] == max(blocks.scopes)
    assert all(blocks.of[f"v{v.id}"] is None for v in graph.vertices if v.kind == "parameter")
    assert blocks.panels()["scope_1"] == [0, 1, 2, 3, 4]


def test_both_layers_of_a_step_are_in_its_block_each_in_a_group() -> None:
    graph, blocks = blocks_of(run("two layers")[0])
    for t in (1, 2, 3):
        made = [v for v in graph.vertices if v.step == t and v.kind in ("op", "state")]
        assert len({blocks.of[f"v{v.id}"] for v in made}) == 1
        assert len({blocks.groups[f"v{v.id}"] for v in made}) == 2


def test_the_first_states_of_a_layer_that_runs_back_stand_behind_its_last_step() -> None:
    graph, blocks = blocks_of(run("two directions")[0])
    last = next(blocks.of[f"v{v.id}"] for v in graph.vertices if v.step == 3)
    starts = [blocks.of[f"v{v.id}"] for v in graph.vertices if v.label == "c" and v.step is None]
    assert last is not None
    assert starts == [0, last + 1]


def test_folded_steps_are_a_block_of_their_own() -> None:
    graph, blocks = blocks_of(run("LSTM", 20)[0], "auto")
    (fold,) = (node for node in blocks.quotient.nodes.values() if node.closed)
    assert blocks.members(fold.id) == [fold.id]
    assert len(graph.vertices) > len(blocks.order)


def test_a_module_that_is_interrupted_has_two_panels() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    with tg.scope("one"):
        y = x * 2
    y = y + 1
    with tg.scope("one"):
        y = y * 3
    picture = viz.draw(y)
    assert [frame.id for frame in picture.scene.clusters] == ["scope_1", "scope_1.1"]
    assert [node.cluster for node in picture.scene.nodes.values() if node.keys][1:] == ["scope_1", "", "scope_1.1"]
    assert not any(lint_of(picture).values())


def test_a_parameter_stands_in_the_module_that_reads_it() -> None:
    layer = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    scene = viz.draw(layer(tg.randn(2, 3)).sum()).scene
    frames = {frame.tooltip[0]: frame.box for frame in scene.clusters}
    for name, module in (("0 W", "sequential/0"), ("2 W", "sequential/2")):
        left, bottom, right, top = frames[module]
        (x, y) = labelled(scene.nodes, name).middle
        assert left < x < right
        assert bottom < y < top


def test_closed_modules_that_read_each_other_are_drawn_as_any() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    with tg.scope("one"):
        y = x * 2
    with tg.scope("other"):
        y = y + 1
    with tg.scope("one"):
        y = y * 3
    picture = viz.draw(y, collapse=["one", "other"])
    assert not any(lint_of(picture).values())
    assert sum(edge.source.startswith("scope") for edge in picture.scene.edges) == 2


def test_a_long_chain_is_laid_out_block_by_block() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    for _ in range(300):
        x = tg.tanh(x) * x
    _, blocks = blocks_of(x)
    assert max(len(blocks.members(name)) for name in blocks.order) <= 61
    assert not any(lint_of(viz.draw(x)).values())


# Places


def lint_of(picture: viz.Picture) -> dict[str, int]:
    found = counts(lint(picture.svg))
    found.pop("crossing")
    return found


def labelled(nodes: dict[str, Node], name: str) -> Node:
    return next(node for node in nodes.values() if node.rows and node.rows[0][0].text == name)


@pytest.mark.parametrize("name", CELLS)
def test_nothing_lies_on_anything(name: str) -> None:
    loss, trajectory = run(name)
    for picture in (viz.draw(loss), viz.gradient_paths(loss, trajectory, view="op")):
        assert not any(lint_of(picture).values())


@pytest.mark.parametrize(("name", "state"), [("LSTM", "C"), ("GRU", "h"), ("SeparateLSTM", "C"), ("two layers", "C")])
def test_a_carried_state_is_on_one_level_through_all_steps(name: str, state: str) -> None:
    loss, _ = run(name)
    scene = viz.draw(loss).scene
    carries = [edge for edge in scene.edges if "tagged carry" in "".join(edge.tooltip)]
    assert len(carries) == (6 if name == "two layers" else 3)
    if name == "two layers":  # whose first states stand side by side with each other, not with the layers
        carries = [edge for edge in carries if "input as" not in "".join(edge.tooltip)]
    for edge in carries:
        heights = [y for _, y in edge.points]
        assert max(heights) - min(heights) < 0.1, edge.id
    assert len({round(edge.points[0][1]) for edge in carries}) == (2 if name == "two layers" else 1)
    if name != "two layers":
        assert len({round(labelled(scene.nodes, state + index).middle[1], 6) for index in "₁₂₃"}) == 1


def test_values_run_to_the_right() -> None:
    """A carried state of a layer that runs back is the only one that does not."""
    for name in ("LSTM", "GRU", "SeparateLSTM", "LayerNormLSTM"):
        nodes = viz.draw(run(name)[0]).scene.nodes
        for edge in viz.draw(run(name)[0]).scene.edges:
            ends = [nodes[edge.source], nodes[edge.reader]]
            if f"chip_{edge.id}" not in nodes:
                assert ends[0].box.right < ends[1].box.left, edge.id


def test_what_several_steps_read_has_its_name_beside_each_reader() -> None:
    loss, trajectory = run("LSTM")
    picture = viz.gradient_paths(loss, trajectory, view="op")
    nodes = picture.scene.nodes
    chips = {name.removeprefix("chip_"): node for name, node in nodes.items() if name.startswith("chip_")}
    weights = {f"v{v.id}" for v in tg.graph_of(loss).vertices if v.kind == "parameter"}
    assert set(chips) == {edge.id for edge in picture.scene.edges if edge.source in weights}
    assert {node.rows[0][0].text for node in chips.values()} == {"W", "U", "b"}
    for edge in picture.scene.edges:
        if edge.id in chips:
            start, reader = chips[edge.id], nodes[edge.reader]
            assert edge.points[0][0] == start.box.right
            assert 0 < reader.box.left - start.box.right < 120
    assert "its name wherever it is read" in "".join(span.text for row in nodes["guide_0"].rows for span in row)
    read = dot.read(picture.source)  # where DOT has the line from the weight itself
    assert {(source, look["id"]) for source, _, look in read.edges if look["id"] in chips} == {
        (name.split("-")[0], name) for name in chips
    }


def test_layers_stand_above_each_other_and_their_first_states_have_names_of_their_own() -> None:
    scene = viz.draw(run("two layers")[0]).scene
    below, above = ([frame.box for frame in scene.clusters if frame.tooltip[0].endswith(f"layers.{k}")] for k in (0, 1))
    assert all(one[3] < other[1] for one, other in zip(below, above, strict=True))
    names = {node.rows[0][0].text for node in scene.nodes.values() if node.rows}
    assert {"layers.0 C₀", "layers.1 C₀", "layers.0 h₀", "layers.1 h₀"} <= names


def test_a_shape_is_written_where_nothing_else_is() -> None:
    loss, _ = run("LSTM", 1)
    scene = viz.draw(loss).scene
    shapes = [node for name, node in scene.nodes.items() if name.startswith("shape_")]
    assert {span.text for node in shapes for row in node.rows for span in row} >= {"2×4", "16"}
    others = [node.box for name, node in scene.nodes.items() if not name.startswith("shape_")]
    assert not any(node.box.overlap(box) for node in shapes for box in others)
    assert not any(one.box.overlap(other.box) for one, other in combinations(shapes, 2))


def test_equal_steps_are_laid_out_once_though_their_lines_differ() -> None:
    loss, trajectory = run("LSTM", 6)
    nodes = viz.gradient_paths(loss, trajectory, view="op", fold=None).scene.nodes
    inner = [
        [nodes[f"v{v.id}"].middle for v in tg.graph_of(loss).vertices if v.step == t and v.kind != "input"]
        for t in (2, 3, 4)
    ]
    for step in inner[1:]:
        moves = {(round(x - u, 6), round(y - v, 6)) for (x, y), (u, v) in zip(step, inner[0], strict=True)}
        assert len(moves) == 1
