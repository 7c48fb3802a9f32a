"""Cells of one's own, labelled or not, tagged or not: reports and pictures know their states, and what carries them."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import own_cells, runs, svg
from tests.support.runs import RUNS
from tinygrad_lstm import Tensor, nn, paths
from viz.figures.selection import select

T, D, H = 4, 2, 3
VIEWS = ("cell", "strip", "rolled", "op")


class Own(nn.Cell):
    """Weights for n gates, and a switch that says whether the values are labelled."""

    gates = 3

    def __init__(self, D: int, H: int, labels: bool = False, bias: bool = True) -> None:
        super().__init__(D, H)
        self.labels = labels
        self.W = nn.Parameter(nn.init.glorot(self.gates * H, D))
        self.U = nn.Parameter(nn.init.glorot(self.gates * H, H))

    def z(self, x: Tensor, h: Tensor) -> Any:
        return tg.split(tg.linear(x, self.W) + tg.linear(h, self.U), self.gates, axis=-1)

    def say(self, **named: Tensor) -> None:
        if self.labels:
            tg.label(**named)


class LikeLSTM(Own):
    states = ("h", "c")

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        f, g, o = self.z(x, h)
        f = tg.sigmoid(f)
        c = f * tg.tag(c, "carry") + tg.tanh(g)
        h = tg.sigmoid(o) * tg.tanh(c)
        self.say(f=f, h=h, c=c)
        return h, c


class LikeGRU(Own):
    gates = 2

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        z, n = self.z(x, h)
        z = tg.sigmoid(z)
        h = z * tg.tag(h, "carry") + (1 - z) * tg.tanh(n)
        self.say(z=z, h=h)
        return h


class LongBelt(Own):
    """Between what carries and the next state there are more operations; a peephole looks on."""

    gates = 2
    states = ("h", "m")

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, m = state
        f, g = self.z(x, h)
        f = tg.sigmoid(f + 0.1 * tg.tag(m, "peephole"))
        m = tg.clip(f * tg.tag(m, "carry") + tg.tanh(g) - 0.01, -3.0, 3.0)
        h = tg.tanh(m)
        self.say(f=f, h=h, m=m)
        return h, m


class TwoCarried(Own):
    """Both states are carried on, the first into itself without a gate; they come from one split."""

    gates = 2
    states = ("h", "s")

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, s = state
        a, b = self.z(x, h)
        both = tg.concatenate(
            [0.5 * tg.tag(h, "carry") + s * tg.tanh(a), 0.9 * tg.tag(s, "carry") + tg.tanh(b)], axis=-1
        )
        h, s = tg.split(both, 2, axis=-1)
        self.say(h=h, s=s)
        return h, s


CELLS: dict[str, type[Own]] = {"LSTM": LikeLSTM, "GRU": LikeGRU, "long belt": LongBelt, "two": TwoCarried}


@pytest.fixture(params=[(kind, labels) for kind in CELLS for labels in (True, False)], ids=str)
def run(request: pytest.FixtureRequest) -> tuple[nn.Trajectory, Tensor]:
    return made(*request.param)


@cache
def made(kind: str, labels: bool) -> tuple[nn.Trajectory, Tensor]:
    tg.manual_seed(0)
    layer = nn.Recurrent(D, H, cell=lambda D, H, **_: CELLS[kind](D, H, labels))
    trajectory = layer.unroll(tg.randn(T, 1, D))
    return trajectory, (trajectory.output**2).sum()


def test_a_state_has_its_name_in_every_report(run: tuple[nn.Trajectory, Tensor]) -> None:
    trajectory, loss = run
    graph = tg.graph_of(loss)
    for name in trajectory.chains[0].cell.states:
        states = [getattr(step, name) for step in trajectory.steps]
        assert str(paths.routes(loss, states[0])).startswith(f"dL/d{name} ")
        assert repr(paths.state_jacobian(states[2], states[1])).startswith(f"StateJacobian(∂{name} t=3/∂{name} t=2 ")
        assert f"-> {name} t=1 " in str(paths.strongest_path(loss, states[0])).splitlines()[-1]
        assert name in paths.horizon(loss, trajectory).norms
        for t, state in enumerate(states[:-1], start=1):
            vertex = graph.vertices[graph.id_of(state)]
            assert (vertex.labels[state.source.index], vertex.step) == (name, t)
        assert f"∂L/∂{name.upper() if name == 'c' else name}" in viz.describe(loss, trajectory)


def test_the_states_have_names_also_in_a_loop_of_ones_own() -> None:
    tg.manual_seed(0)
    cell = LikeLSTM(D, H)
    h, c = tg.zeros(1, H), tg.zeros(1, H)
    for t in (1, 2):
        with tg.scope(f"t={t}", step=t):
            h, c = cell(tg.randn(1, D), (h, c))
    assert str(paths.routes(h.sum(), c)).startswith("dL/dc ")


def test_what_a_cell_hands_on_keeps_the_name_it_has() -> None:
    class Handed(nn.Cell):
        states = ("h", "k")

        def __init__(self) -> None:
            super().__init__(D, D)
            self.W = nn.Parameter(np.ones((1, D), np.float32))

        def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            h, _ = state
            h = h + x
            tg.label(other=h)
            return h, self.W

    cell = Handed()
    chain = nn.unroll(cell, tg.ones(3, 1, D))
    assert cell.W.source.node.label == "W"  # a parameter is not renamed
    assert [step.h.source.node.label for step in chain.steps] == ["h"] * 3
    assert chain.steps[0].other is chain.steps[0].h


def test_the_graph_is_the_same_with_and_without_labels() -> None:
    for kind in CELLS:
        one, other = (tg.graph_of(made(kind, labels)[1]) for labels in (True, False))
        assert one.edges == other.edges


# Pictures


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("gradients", [True, False])
def test_a_picture_shows_the_class_of_every_edge(run: tuple[nn.Trajectory, Tensor], view: Any, gradients: bool) -> None:
    trajectory, loss = run
    picture = pictured(trajectory, loss, view, gradients)
    found = Counter(word for edge in picture.edges for word in edge.data.get("class", "").split())
    if view == "op":
        states = [part for chain in trajectory.chains for part in parts(chain.state)]
        graph = tg.graph_of([loss, *states] if gradients else states)
        assert found == Counter(paths.edge_class(edge, graph) for edge in graph.edges)
    assert found["carry"] >= (1 if view == "rolled" else T - 1)
    assert found["crossing"] >= (1 if view == "rolled" else T - 1)
    assert (found["peephole"] > 0) == isinstance(trajectory.chains[0].cell, LongBelt)


def parts(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def pictured(trajectory: nn.Trajectory, loss: Tensor, view: Any, gradients: bool) -> svg.Svg:
    if gradients:
        return svg.read(viz.gradient_paths(loss, trajectory, view=view).svg)
    return svg.read(viz.draw(trajectory, view=view).svg)


@pytest.mark.parametrize("view", VIEWS)
def test_what_carries_is_drawn_as_carried(run: tuple[nn.Trajectory, Tensor], view: Any) -> None:
    trajectory, loss = run
    carried = [edge for edge in pictured(trajectory, loss, view, True).edges if edge.data.get("class") == "carry"]
    assert len(carried) >= (1 if view == "rolled" else T - 1)
    for edge in carried:
        if "norm" in edge.data:
            assert edge.data["route"] == "carry"
            assert not edge.dashed or float(edge.data["norm"]) == 0
    player = viz.player(loss, trajectory).html
    assert player.count('data-class="carry"') >= T - 1


def test_every_edge_between_steps_has_a_line(run: tuple[nn.Trajectory, Tensor]) -> None:
    trajectory, loss = run
    (chain,) = select(trajectory, None, loss).chains
    drawn = {(edge.reader, edge.position) for line in chain.links for edge in line.edges}
    for edge in chain.graph.edges:
        if paths.edge_class(edge, chain.graph) in ("carry", "crossing", "peephole"):
            assert (edge.reader, edge.position) in drawn


@pytest.mark.parametrize("kind", ["long belt", "LSTM"])
def test_the_belt_is_all_the_way_from_what_carries_to_the_state(kind: str) -> None:
    trajectory, loss = made(kind, False)
    (chain,) = select(trajectory, None, loss).chains
    *along, state = chain.template.belts[chain.template.belt_state]
    ops = [chain.graph.vertices[chain.parts[role, 2][0]].op for role in along]
    assert ops == (["multiply", "add", "subtract", "clip"] if kind == "long belt" else ["multiply", "add"])
    assert state == chain.template.belt_state == ("m" if kind == "long belt" else "c")


def test_every_carried_state_has_a_belt_above_all_that_is_not_carried() -> None:
    trajectory = own_cells.unrolled("two memories", T=3)
    loss = (trajectory.output**2).sum()
    (chain,) = select(trajectory, None, loss).chains
    template = chain.template
    assert list(template.belts) == ["fast", "slow"]
    assert template.belt_state == "fast"
    for name, roles in template.belts.items():
        assert [chain.graph.vertices[chain.parts[role, 2][0]].op for role in roles[:-1]] == ["multiply", "add"]
        assert len({template.boxes[role].y for role in roles}) == 1, name
    heights = {name: template.boxes[name].y for name in ("fast", "slow")}
    beside = [box.y for role, box in template.boxes.items() if role not in template.on_belts]
    assert heights["fast"] > heights["slow"] > max(beside)
    shown = svg.read(viz.gradient_paths(loss, trajectory).svg)
    for name, roles in template.belts.items():
        for t in (2, 3):
            edge = shown.edge(f"{name}_{t - 1}", f"{roles[0]}_{t}")
            assert edge.data["route"] == "carry"
            assert not edge.dashed
    said = viz.describe(loss, trajectory)
    assert "the path along fast or along slow" in said
    assert "carry of another state" not in shown.text


def test_a_mask_is_no_belt_of_the_cell() -> None:
    trajectory, loss = runs.run("plain own", masked="mask")  # nothing is carried but where the mask holds a row
    (chain,) = select(trajectory, None, loss).chains
    assert not chain.template.belts
    assert any(line.only_carries for line in chain.links)
    trajectory, loss = runs.run("own", masked="mask")
    assert select(trajectory, None, loss).chains[0].template.belt_state == "m"


@pytest.mark.parametrize("name", [name for name in RUNS if "both" in name or "mask" in name or "two" in name])
def test_the_classes_of_every_run_are_those_of_the_graph(name: str) -> None:
    trajectory, loss = RUNS[name]()
    for chain in select(trajectory, None, loss).chains:
        for line in chain.links:
            assert set(line.classes) == {paths.edge_class(edge, chain.graph) for edge in line.edges}


# Layers in two directions


@pytest.mark.parametrize("merge", ["concatenate", "sum"])
@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
@pytest.mark.parametrize("layers", [2, 3])
def test_whatever_feeds_a_chain_is_drawn(merge: Any, view: Any, layers: int) -> None:
    tg.manual_seed(0)
    layer = nn.LSTM(D, H, num_layers=layers, bidirectional=merge)
    trajectory = layer.unroll(tg.randn(3, 1, D))
    loss = (trajectory.output**2).sum()
    chains, steps = trajectory.chains, [1] if view == "rolled" else [1, 2, 3]
    prefixes = [*(f"chain{k}_" for k in range(len(chains) - 1)), ""]
    drawn = {(edge.source, edge.reader) for edge in pictured(trajectory, loss, view, True).edges}
    reader = "cell" if view == "strip" else "x"
    wanted = {
        (f"{prefixes[a]}h_{t}", f"{prefixes[b]}{reader}_{t}")
        for a in range(len(chains)) for b in range(len(chains)) if feeds(chains[a], chains[b]) for t in steps
    }  # fmt: skip
    assert len(wanted) == 4 * (layers - 1) * len(steps)
    assert wanted <= drawn
    assert {ends for ends in drawn if ends[0].split("_")[0] != ends[1].split("_")[0] and "h_" in ends[0]
            and f"{reader}_" in ends[1] and ends[0].startswith("chain")} <= wanted  # fmt: skip


def feeds(below: nn.Chain, above: nn.Chain) -> bool:
    """Whether the graph leads from a chain's h to another's x with no other chain's x between."""
    x = above.steps[1].x
    if not x.requires_grad or below is above:
        return False
    others = {step.x.source.node for step in above.steps}

    def stop(edge: Any, g: Any) -> Any:  # at the cells: what is between two layers is no step of a cell
        return None if edge.reader.step is not None and edge.reader not in others else g

    with tg.through(stop):
        (found,) = tg.grad(x.sum(), [below.steps[1].h], retain_graph=True, allow_unused=True)
    return found is not None and bool(found.data.any())
