"""A time step is what ``tg.scope(name, step=t)`` says: pictures and reports never read its name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support.runs import of_every
from tests.support.runs import run as run_layer
from tinygrad_lstm import nn
from viz.diagram.names import Names
from viz.scene.marks import Cluster, Scene

Name = Callable[[int], str]
NAMES: dict[str, Name] = {
    "step 1": lambda t: f"step {t}",
    "the same for all": lambda t: "step",
    "empty": lambda t: "",
    "another number": lambda t: f"t={t + 1}",
    "long": lambda t: f"character {t} of the text that is read",
}
T = 14


def usual(t: int) -> str:
    return f"t={t}"


def loop(name: Name) -> tuple[tg.Tensor, list[tg.Tensor]]:
    """Two modules in a loop, each with a weight called w; the upper one has a part that is called as a step is."""
    weights = [tg.tensor([[0.5, 0.1], [0.2, 0.4]], requires_grad=True) for _ in range(2)]
    for weight in weights:
        tg.label(w=weight)
    h = tg.tensor(np.ones((1, 2)))
    for t in range(1, T + 1):
        with tg.scope("net"), tg.scope(name(t), step=t):
            with tg.scope("below"):
                a = tg.tanh(h @ weights[0])
            with tg.scope("above"):
                with tg.scope("t=1"):
                    b = tg.sigmoid(a @ weights[1])
                h = tg.tag(h, "carry") * 0.9 + b
            tg.label(h=h)
    return (h * h).sum(), weights


def without_names(scene: Scene, closed: bool) -> object:
    """A scene but for what scopes are called; a closed step is as wide as its name, so without places and labels."""
    frames = [replace(frame, caption=(), tooltip=()) for frame in scene.clusters]
    nodes = [replace(node, tooltip=()) for node in scene.nodes.values()]
    if not closed:
        return frames, nodes, scene.edges
    words = [(node.id, node.cluster, node.rows[1:] if node.shape == "block" else node.rows) for node in nodes
             if node.shape != "text"]  # fmt: skip
    return [(frame.id, frame.parent) for frame in frames], words, [(edge.id, edge.stroke.width) for edge in scene.edges]


def caption_of(frame: Cluster) -> str:
    return "".join(span.text for span in frame.caption)


OP_VIEWS: dict[str, dict[str, Any]] = {
    "folded": {},
    "all steps": {"fold": None},
    "chosen steps": {"fold": [7]},
    "open to the steps": {"fold": None, "depth": 2},
    "open to the net": {"depth": 1},
    "a module closed": {"fold": None, "collapse": ["above"]},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("view", OP_VIEWS)
def test_an_op_view_is_the_same_whatever_the_steps_are_called(view: str, name: str) -> None:
    one, other = (viz.draw(loop(each)[0], **OP_VIEWS[view]) for each in (usual, NAMES[name]))
    closed = "depth" in OP_VIEWS[view]
    assert without_names(other.scene, closed) == without_names(one.scene, closed)
    assert other.description == one.description
    assert ("... 10 steps" in other.source) == (view in ("folded", "open to the net"))
    assert [caption_of(frame) for frame in other.scene.clusters if caption_of(frame) == "net"] == ["net"]


@pytest.mark.parametrize("name", NAMES)
def test_reports_name_modules_without_the_step(name: str) -> None:
    loss, weights = loop(NAMES[name])
    readers = [use.reader for use in tg.explain_grad(loss, weights[0]).uses]
    assert len(readers) == T
    assert all(reader.startswith("matmul in net/below at ") for reader in readers)
    assert {use.scope for use in tg.paths.ledger(loss, weights[0]).uses} == {("net", "below")}
    assert {use.scope for use in tg.paths.ledger(loss, weights[1]).uses} == {("net", "above", "t=1")}


@pytest.fixture
def steps_called(monkeypatch: pytest.MonkeyPatch) -> Callable[[Name], None]:
    """Makes layers call their time steps differently."""

    def call(name: Name) -> None:
        module = import_module("tinygrad_lstm.nn.steps")
        monkeypatch.setattr(module, "scope", lambda _, step: tg.scope(name(step), step))

    return call


LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "LSTM": ("LSTM", {}),
    "masked": ("LSTM", {"masked": "mask"}),
    "two layers": ("GRU", {"num_layers": 2}),
    "no template": ("own", {}),
}


WITH_USUAL_NAMES: dict[str, list[viz.Picture]] = {}


def every_view(layer: str) -> list[viz.Picture]:
    kind, options = LAYERS[layer]
    trajectory, loss = run_layer(kind, T, of_every, **options)
    views = [viz.gradient_paths(loss, trajectory, view=view) for view in ("op", "cell", "strip", "rolled")]
    return [*views, viz.flow(loss, trajectory), viz.draw(trajectory)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_view_of_a_layer_is_the_same(layer: str, name: str, steps_called: Callable[[Name], None]) -> None:
    if layer not in WITH_USUAL_NAMES:
        steps_called(usual)
        WITH_USUAL_NAMES[layer] = every_view(layer)
    steps_called(NAMES[name])
    for one, other in zip(WITH_USUAL_NAMES[layer], every_view(layer), strict=True):
        assert without_names(other.scene, closed=False) == without_names(one.scene, closed=False)
        assert other.description == one.description


def test_a_layer_inside_steps_of_ones_own_is_folded_by_its_own_steps() -> None:
    lstm, rows = nn.RNN(1, 2), tg.tensor(np.ones((2, T, 1, 1)))
    with tg.scope("documents"):
        outputs = []
        for k in (1, 2):
            with tg.scope("document", step=k):
                outputs.append(lstm(rows[k - 1])[0].sum())
    picture = viz.draw(outputs[0] + outputs[1])
    assert "Folded" in picture.description
    names = ["".join(span.text for span in node.rows[0]) for node in picture.scene.nodes.values()]
    assert names.count("... 10 steps") == 2


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_one_name_are_called_after_their_modules_not_their_steps(name: str) -> None:
    total = tg.tensor(0.0)
    for module in ("below", "above"):
        weight = tg.tensor(2.0, requires_grad=True)
        tg.label(w=weight)
        with tg.scope("net"), tg.scope(module), tg.scope(NAMES[name](1), step=1):
            total = total + weight * 3
    graph = tg.graph_of(total)
    names = Names(graph)
    assert [names.of(vertex) for vertex in graph.vertices if vertex.kind == "parameter"] == ["below w", "above w"]


def tape_in(page: str) -> Any:
    """The data that a player's page plays."""
    found = re.search(r'<script type="application/json" id="play-tape">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize("name", NAMES)
def test_a_player_names_modules_and_steps_alike(name: str) -> None:
    one, other = (viz.player(loop(each)[0]).html for each in (usual, NAMES[name]))
    assert tape_in(other) == tape_in(one)
    assert "net/below" in tape_in(other)["texts"]
    assert other[other.index('<details class="steps"') :] == one[one.index('<details class="steps"') :]
