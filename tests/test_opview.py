"""The op view says all of the graph, says it once, and says the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
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
from tests import dot

ROOT = Path(__file__).parent.parent
HOSTILE = [
    'say "no"',
    r"back\slash\n",
    "<b>bold</b>",
    "a & b",
    "two\nlines",
    "héllo ⊙",
    "v1 -> v2; }",
    "<html>",
    "]]>",
    "&lt;x&gt; &amp;",
]


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
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_vertex_and_every_edge_is_drawn_once(name: str) -> None:
    loss = GRAPHS[name]()
    graph, picture = tg.graph_of(loss), dot.read(viz.draw(loss, view="op").source)
    assert [name for name, _ in sorted(picture.nodes, key=lambda node: int(node[0][1:]))] == [
        f"v{vertex.id}" for vertex in graph.vertices
    ]
    drawn = Counter((source, target, look["id"]) for source, target, look in picture.edges)
    assert drawn == Counter(
        (f"v{e.source}", f"v{e.target}", f"v{e.source}-v{e.target}-{e.position}") for e in graph.edges
    )


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
    labels = [look["label"] for _, look in dot.read(viz.draw(loss).source).nodes]
    names = [label.removesuffix(r"\l").strip() for label in labels]
    assert {"lstm W", "linear W", "U", "lstm b", "linear b"} <= set(names)
    layers = {
        look["label"].removesuffix(r"\l").strip()
        for _, look in dot.read(viz.draw(unrolled("GRU", num_layers=2)).source).nodes
    }
    assert {"layers.0 W", "layers.1 W"} <= layers


@pytest.mark.parametrize("layers", [1, 2])
def test_steps_stand_side_by_side_and_nothing_lies_on_anything(layers: int) -> None:
    loss = unrolled("LSTM", 12, num_layers=layers)
    picture = dot.read(viz.draw(loss).source)
    steps = {vertex.id: vertex.step for vertex in tg.graph_of(loss).vertices}
    boxes = {name: picture.box(name) for name, _ in picture.nodes}
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (one, other)
        t, u = steps[int(one[1:])], steps[int(other[1:])]
        if t is not None and u is not None and t < u:
            assert a[2] < b[0]
    for source, target, look in picture.edges:
        leaf = not picture.clusters[source]
        assert not leaf or "pos" in look or source == f"v{len(steps) - 2}", (source, target)
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
    labels = {look["label"] for _, look in dot.read(viz.draw(unrolled("LSTM")).source).nodes}
    expected = {r"C₂\n+", r"h₃\n⊙", r"C̃₁\ntanh", r"f₁\nσ", "h₀", "C₀", r"  W\l", r"  U\l", r"  b\l"}
    assert expected <= labels
    x = tg.tensor(1.0, requires_grad=True)
    c = x * 2
    tg.label(c=c, x=x)
    assert {look["label"] for _, look in dot.read(viz.draw(c).source).nodes} == {"x", r"c\n⊙"}  # no LSTM: no capital


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
    told = picture[f"v{gate.id}"]["tooltip"]
    for part in ("sigmoid", "(2, 4) float32", "lstm/t=1", "cells.py:", "what to forget"):
        assert part in told
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
    assert not any(source == target for source, target, _ in steps.edges + whole.edges)
    assert viz.draw(loss, depth=9).source == viz.draw(loss).source
    with pytest.raises(ValueError, match="depth"):
        viz.draw(loss, depth=-1)


def test_layout_settings() -> None:
    source = viz.draw(chain()).source
    assert "rankdir=LR" in source
    assert "newrank=true" in source
    assert "dpi" not in source


SAME = """
import tinygrad_lstm as tg, viz
tg.manual_seed(3)
trajectory = tg.nn.LSTM(2, 3).unroll(tg.randn(3, 1, 2))
loss = trajectory.steps[-1].h.sum()
pictures = viz.draw(loss), viz.draw(loss, depth=1), viz.draw(trajectory), viz.gradient_paths(loss, trajectory)
again = viz.draw(loss), viz.draw(loss, depth=1), viz.draw(trajectory), viz.gradient_paths(loss, trajectory)
assert [picture.source for picture in pictures] == [picture.source for picture in again]
print(*(picture.source for picture in pictures))
"""


def run(script: str, hash_seed: str = "0") -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_the_text_is_the_same_again_and_in_another_process() -> None:
    assert run(SAME, "1") == run(SAME, "2")


LONG = """
import sys
import tinygrad_lstm as tg, viz
x = tg.tensor(1.0, requires_grad=True)
sys.setrecursionlimit(200)
for _ in range(5000):
    x = x * 1.0
source = viz.draw(x).source
assert source.count("\\n\\tv") == 5001 + 5000, source.count("\\n\\tv")
"""


def test_a_long_graph_needs_no_recursion() -> None:
    run(LONG)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_they_are(name: str) -> None:
    with tg.scope(name):
        x = tg.tensor([1.0], requires_grad=True)
        y = x * 2
        tg.label(**{name: x, name + "2": y})
    for depth in (None, 0):
        picture = viz.draw(y, depth=depth)
        root = ElementTree.fromstring(picture.svg)
        shown = " ".join(filter(None, root.itertext()))
        assert name.replace("\n", " ") in shown.replace("\xa0", " ")


def test_what_can_be_drawn() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    out = (x * 2, {"state": [x + 1]})
    assert len(dot.read(viz.draw(out).source).nodes) == 3
    nonsense: list[tuple[Any, str]] = [(3, "int"), (np.ones(3), "a NumPy array"), (None, "None"), ([x, "a"], "str")]
    for what, came in nonsense:
        with pytest.raises(tg.errors.DtypeError, match=f"draw takes tensors and trajectories, .* not {came}"):
            viz.draw(what)
    with pytest.raises(ValueError, match="nothing to draw in an empty list"):
        viz.draw([])
    assert str(viz.draw(x)) == "A graph of 1 vertex and 0 edges: 1 parameter."
    assert "2 vertices and 1 edge:" in str(viz.draw(x + 1))
    with pytest.raises(ValueError, match="no view 'strip'; there are auto, op, cell"):
        viz.draw(x, view="strip")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="trajectory"):
        viz.draw(x, view="cell")
    with pytest.raises(ValueError, match="no theme 'pink'; there are light, dark"):
        viz.draw(x, theme="pink")  # type: ignore[arg-type]
