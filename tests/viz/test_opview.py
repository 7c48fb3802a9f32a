"""The op view says all of the graph, says it once, and says the same in every process."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import dot, scales, svg
from tests.support.runs import CELLS, run
from tinygrad_lstm.nn.steps import parts_of

ROOT = Path(__file__).parents[2]
VERTEX = re.compile(r"v\d+")  # of a graph, not of a legend


def chain() -> tg.Tensor:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    return ((x * x + 1) / x).sum()


def unrolled(kind: str, steps: int = 3, **options: Any) -> tg.Tensor:
    layer = getattr(tg.nn, kind)(3, 4, **options)
    x = tg.randn(steps, 2, 3, requires_grad=True)
    output: tg.Tensor = layer(x)[0]
    return (output**2).sum()


GRAPHS: dict[str, Callable[[], tg.Tensor]] = {
    "chain": chain,
    "LSTM": lambda: unrolled("LSTM"),
    "GRU": lambda: unrolled("GRU"),
    "two layers": lambda: unrolled("LSTM", num_layers=2),
    "both": lambda: unrolled("LSTM", 2, num_layers=2, bidirectional=True),
    "T = 13": lambda: unrolled("RNN", 13),
} | {kind: lambda kind=kind: run(kind)[1] for kind in CELLS if kind not in ("LSTM", "GRU")}


def drawn_once(picture: viz.Picture, graph: tg.Graph) -> None:
    """Assert that every vertex and every edge is in the DOT text and in the SVG once, and nothing else is."""
    vertices = Counter(f"v{vertex.id}" for vertex in graph.vertices)
    edges = Counter(f"v{e.source}-v{e.reader}-{e.position}" for e in graph.edges)
    read = dot.read(picture.source)
    assert Counter(name for name, _ in read.nodes if VERTEX.match(name)) == vertices
    named = [(source, reader, look["id"]) for source, reader, look in read.edges if VERTEX.match(source)]
    assert Counter(name for *_, name in named) == edges
    assert all(name.startswith(f"{source}-{reader}-") for source, reader, name in named)
    groups = list(ElementTree.fromstring(picture.svg).iter(f"{svg.NAMESPACE}g"))
    found = Counter(g.get("id", "") for g in groups if g.get("class", "").split()[:1] in (["node"], ["edge"]))
    assert Counter({name: count for name, count in found.items() if VERTEX.match(name)}) == vertices + edges


@pytest.mark.parametrize("name", GRAPHS)
def test_every_vertex_and_every_edge_is_drawn_once(name: str) -> None:
    loss = GRAPHS[name]()
    drawn_once(viz.draw(loss, view="op", fold=None, depth=None), tg.graph_of(loss))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "own", "Peephole"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"masked": "mask"}, {"bidirectional": True}], ids=str)
def test_with_gradients_every_line_is_as_wide_as_what_was_delivered_along_it(kind: str, options: Any) -> None:
    trajectory, loss = run(kind, **options)
    picture = viz.gradient_paths(loss, trajectory, view="op", fold=None)
    graph = tg.graph_of([loss, *(part for chain in trajectory.chains for part in parts_of(chain.state))])
    drawn_once(picture, graph)
    parts = {
        f"v{graph.id_of(one.source)}-v{graph.id_of(event.node)}-{one.edge.position}": float(np.linalg.norm(one.array))
        for event in tg.backward_events(loss, retain_graph=True, accumulate=False)
        for one in event.contributions
    }
    drawn = svg.read(picture.svg)
    edges = {edge.id: edge for edge in drawn.edges if VERTEX.match(edge.id)}
    width_of = scales.printed_width(drawn.text)
    assert set(parts) < set(edges)
    for name, edge in edges.items():
        assert edge.backward == (name in parts)
        if name in parts:
            assert edge.width == pytest.approx(width_of(parts[name]), abs=0.006)
            assert float(edge.data["norm"]) == pytest.approx(parts[name], rel=1e-6, abs=1e-12)
        else:
            assert "norm" not in edge.data


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "own"])
def test_a_long_run_is_folded_after_its_structure_was_compared(kind: str) -> None:
    trajectory, loss = run(kind, 50)
    for picture in (viz.draw(trajectory, view="op"), viz.gradient_paths(loss, trajectory, view="op")):
        labels = [dot.text_of(look) for _, look in dot.read(picture.source).nodes]
        inside = sum(vertex.step == 7 for vertex in tg.graph_of(loss).vertices)
        assert [label for label in labels if "46 steps" in label] == [rf"... 46 steps\n{46 * inside} vertices"]
        assert "t = 3 to 48" in picture.description
        steps = {
            part for parts in dot.read(picture.source).clusters.values() for part in parts if part.startswith("t=")
        }
        assert steps == {"t=1", "t=2", "t=49", "t=50"}


def test_clusters_nest_as_the_scopes_do() -> None:
    loss = unrolled("LSTM", num_layers=2)
    picture = dot.read(viz.draw(loss).source)
    for vertex in tg.graph_of(loss).vertices:
        assert picture.clusters[f"v{vertex.id}"] == list(vertex.scope)


def test_the_only_module_in_a_step_has_no_cluster_of_its_own() -> None:
    loss = unrolled("LSTM")
    picture = dot.read(viz.draw(loss).source)
    for vertex in tg.graph_of(loss).vertices:
        assert picture.clusters[f"v{vertex.id}"] == list(vertex.scope[:2])
        assert vertex.scope[:2] == vertex.scope or vertex.scope[2:] == ("layers.0",)
    assert all("labelloc=t" in line for line in viz.draw(loss).source.splitlines() if "labelloc" in line)


def test_parameters_that_share_a_name_are_told_apart_by_their_module() -> None:
    lstm, head = tg.nn.LSTM(3, 4), tg.nn.Linear(4, 2)
    loss = head(lstm.unroll(tg.randn(2, 1, 3)).steps[-1].h).sum()
    names = {dot.text_of(look) for _, look in dot.read(viz.draw(loss).source).nodes}
    assert {"lstm W", "linear W", "U", "lstm b", "linear b"} <= names
    layers = {dot.text_of(look) for _, look in dot.read(viz.draw(unrolled("GRU", num_layers=2)).source).nodes}
    assert {"layers.0 W", "layers.1 W"} <= layers


@pytest.mark.parametrize("layers", [1, 2])
def test_steps_stand_side_by_side_and_nothing_lies_on_anything(layers: int) -> None:
    loss = unrolled("LSTM", 12, num_layers=layers)
    picture = dot.read(viz.draw(loss).source)
    steps = {vertex.id: vertex.step for vertex in tg.graph_of(loss).vertices}
    boxes = {name: picture.box(name) for name, _ in picture.nodes if VERTEX.match(name)}
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (one, other)
        t, u = steps[int(one[1:])], steps[int(other[1:])]
        if t is not None and u is not None and t < u:
            assert a[2] < b[0]
    for source, reader, look in (edge for edge in picture.edges if VERTEX.match(edge[0])):
        leaf = not picture.clusters[source]
        assert not leaf or "pos" in look or source == f"v{len(steps) - 2}", (source, reader)
        assert "carry" not in look["edgetooltip"] or "pos" in look


def test_equal_steps_look_alike() -> None:
    loss = unrolled("LSTM", 6)
    picture, graph = dot.read(viz.draw(loss).source), tg.graph_of(loss)
    middles = [
        [float(picture[f"v{vertex.id}"]["pos"].split(",")[1]) for vertex in graph.vertices if vertex.step == t]
        for t in (2, 3, 4, 5)
    ]
    assert all(heights == middles[0] for heights in middles)


def test_names_are_those_of_the_equations_with_the_step_as_index() -> None:
    labels = {dot.text_of(look) for _, look in dot.read(viz.draw(unrolled("LSTM")).source).nodes}
    expected = {r"C₂\n+", r"h₃\n⊙", r"C̃₁\ntanh", r"f₁\nσ", "h₀", "C₀", "W", "U", "b"}
    assert expected <= labels
    x = tg.tensor(1.0, requires_grad=True)
    c = x * 2
    tg.label(c=c, x=x)
    labels = {dot.text_of(look) for name, look in dot.read(viz.draw(c).source).nodes if VERTEX.match(name)}
    assert labels == {"x", "c\n⊙"}  # no LSTM: no capital


def test_kinds_are_told_apart_by_more_than_colour() -> None:
    lstm = tg.nn.LSTM(3, 4)
    loss = (lstm.unroll(tg.randn(2, 1, 3)).steps[-1].h * tg.tensor([1.0, 2.0, 3.0, 4.0])).sum()
    picture = dot.read(viz.draw(loss).source)
    looks: dict[str, set[tuple[str, ...]]] = {}
    for vertex in tg.graph_of(loss).vertices:
        look = picture[f"v{vertex.id}"]
        kind = "state" if vertex.label in ("h", "c") else vertex.kind
        looks.setdefault(kind, set()).add((look.get("shape", "box"), look.get("style", ""), look.get("penwidth", "")))
    for kind in ("parameter", "input", "constant", "state"):
        (one,) = looks[kind]
        assert all(one not in others for other, others in looks.items() if other != kind), kind


def test_tooltips_tell_operation_shape_dtype_and_source_line() -> None:
    loss = unrolled("LSTM")
    picture = dot.read(viz.draw(loss).source)
    gate = next(vertex for vertex in tg.graph_of(loss).vertices if vertex.label == "f")
    tooltip = picture[f"v{gate.id}"]["tooltip"]
    for part in ("sigmoid", "(2, 4) float32", "lstm/t=1", "cells.py:", "what to forget"):
        assert part in tooltip
    assert str(ROOT) not in viz.draw(loss).source
    carried = {look["edgetooltip"] for *_, look in picture.edges if "carry" in look["edgetooltip"]}
    assert carried == {"input as b of multiply (2, 4), tagged carry", "add as b of multiply (2, 4), tagged carry"}


def test_depth_makes_one_box_of_what_is_deeper() -> None:
    loss = unrolled("LSTM")
    inside = sum(vertex.scope[:2] == ("lstm", "t=2") for vertex in tg.graph_of(loss).vertices)
    steps = dot.read(viz.draw(loss, depth=1).source)
    labels = [look["label"] for name, look in steps.nodes if name.startswith("scope_of_v")]
    assert rf"t=2\n{inside} vertices" in labels
    assert len(labels) == 3
    whole = dot.read(viz.draw(loss, depth=0).source)
    assert sum(name.startswith("scope_of_v") for name, _ in whole.nodes) == 1
    assert not any(source == reader for source, reader, _ in steps.edges + whole.edges)
    assert viz.draw(loss, depth=9).source == viz.draw(loss).source
    with pytest.raises(ValueError, match="depth"):
        viz.draw(loss, depth=-1)


def test_graphviz_keeps_every_place() -> None:
    source = viz.draw(chain()).source
    assert "layout=nop2" in source
    assert "dpi" not in source
    read = dot.read(source)
    assert all("pos" in look for _, look in read.nodes)
    assert all("pos" in look for *_, look in read.edges)


LONG = ("both", "T = 13")


@pytest.mark.parametrize("name", ["chain", "GRU", *(pytest.param(long, marks=pytest.mark.slow) for long in LONG)])
def test_dot_can_find_the_places_of_any_graph(name: str, tmp_path: Path) -> None:
    """The same nodes, lines, clusters and widths; only where they are is Graphviz's."""
    loss = GRAPHS[name]()
    pictures = [viz.draw(loss, view="op", fold=None, engine=engine) for engine in ("viz", "dot")]
    drawn_once(pictures[1], tg.graph_of(loss))
    ours, theirs = (dot.read(picture.source) for picture in pictures)
    assert theirs.clusters == ours.clusters
    assert [(edge.id, edge.stroke, edge.tooltip) for edge in pictures[0].scene.edges] == [
        (edge.id, edge.stroke, edge.tooltip) for edge in pictures[1].scene.edges
    ]
    assert ours.box("v0") != theirs.box("v0")
    boxes = {name: theirs.box(name) for name, _ in theirs.nodes if VERTEX.match(name)}
    for one, other in combinations(boxes.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    drawn = svg.read(pictures[1].svg)
    for edge in drawn.edges:
        source, reader, *_ = edge.id.split("-")
        for (x, y), end in ((edge.way[0], source), (edge.tip, reader)):
            left, top, right, bottom = drawn[end].box
            assert left - 9 <= x <= right + 9, edge.id
            assert top - 9 <= y <= bottom + 9, edge.id
    assert pictures[1].save(tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


def test_dot_lays_out_graphs_only() -> None:
    trajectory, loss = run("GRU")
    with pytest.raises(ValueError, match=r'engine="dot" lays out the op view; the strip view has places of its own'):
        viz.draw(trajectory, view="strip", engine="dot")
    with pytest.raises(ValueError, match=r"takes one of 'viz', 'dot' as engine, not the text 'neato'"):
        viz.draw(loss, engine="neato")  # type: ignore[call-overload]
    assert "v0" in viz.gradient_paths(loss, trajectory, engine="dot").scene.nodes  # "auto" is the op view then


def test_what_can_be_drawn() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    out = (x * 2, {"state": [x + 1]})
    assert sum(bool(VERTEX.match(name)) for name, _ in dot.read(viz.draw(out).source).nodes) == 3
    nonsense: list[tuple[Any, str]] = [(3, "int"), (np.ones(3), "a NumPy array"), (None, "None"), ([x, "a"], "str")]
    for what, came in nonsense:
        with pytest.raises(tg.errors.DtypeError, match=f"draw takes tensors and trajectories, .* not {came}"):
            viz.draw(what)
    with pytest.raises(ValueError, match="nothing to draw in an empty list"):
        viz.draw([])
    assert str(viz.draw(x)) == "A graph of 1 vertex and 0 edges: 1 parameter."
    assert "2 vertices and 1 edge:" in str(viz.draw(x + 1))
    with pytest.raises(
        ValueError, match="takes one of 'auto', 'op', 'cell', 'strip', 'rolled' as view, not the text 'stripe'"
    ):
        viz.draw(x, view="stripe")  # type: ignore[call-overload]
    for view in ("cell", "strip", "rolled"):
        with pytest.raises(ValueError, match=rf'the {view} view draws a trajectory.*view="op" draws any tensor'):
            viz.draw(x, view=view)
    with pytest.raises(ValueError, match=r"takes one of 'light', 'dark', .* 'pink'"):
        viz.draw(x, theme="pink")  # type: ignore[call-overload]


@pytest.mark.parametrize("options", [{"num_layers": 2}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_two_layers_are_folded_as_one_is(options: Any) -> None:
    trajectory, loss = run("LSTM", 50, **options)
    for picture in (viz.draw(trajectory, view="op"), viz.gradient_paths(loss, trajectory, view="op")):
        assert picture.description.count("t = 3 to 48") == 1
        labels = ["".join(span.text for span in node.rows[0]) for node in picture.scene.nodes.values()]
        assert labels.count("... 46 steps") == 1  # a step has a part of every layer


def test_it_says_what_it_is() -> None:
    picture = viz.draw(chain())
    assert picture.title == "Computation graph of 5 vertices and 6 edges"
    shown = svg.read(picture.svg)
    assert shown["title"].text == picture.title
    assert shown["guide_0"].text == "Values run left to right."
    assert "legend_0" not in shown.nodes  # all lines are of one kind
