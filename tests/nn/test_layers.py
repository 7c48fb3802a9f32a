"""Several layers and directions, masks, cuts: a band for each chain, time to the right in all of them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import svg
from tests.support.pictures import Drawn, drawn
from tests.support.runs import CELLS, D, H, Run, of_every, of_last, run

LAYOUTS: dict[str, dict[str, Any]] = {
    "two layers": {"num_layers": 2},
    "three layers": {"num_layers": 3},
    "bidirectional": {"bidirectional": True},
    "both": {"num_layers": 2, "bidirectional": True},
    "sum of directions": {"num_layers": 2, "bidirectional": "sum"},
    "reverse": {"num_layers": 2, "reverse": True},
}


@cache
def case_of(layout: str, kind: str) -> Drawn:
    return Drawn(*run(kind, 3, of_every, **LAYOUTS[layout]))


@pytest.fixture(params=[(layout, kind) for layout in LAYOUTS for kind in ("LSTM", "GRU", "own")], ids=str)
def case(request: pytest.FixtureRequest) -> Drawn:
    return case_of(*request.param)


def test_each_chain_has_a_band_of_its_own_the_later_the_higher(case: Drawn) -> None:
    for view in ("cell", "strip", "rolled"):
        picture = case.view(view)
        bands = []
        for k in range(len(case.trajectory.chains)):
            boxes = [box for name, (box, _) in picture.frames.items() if name.startswith(f"{case.prefix(k)}step_")]
            assert len(boxes) == (1 if view == "rolled" else 3)
            assert len({(top, bottom) for _, top, _, bottom in boxes}) == 1
            bands.append((boxes[0][1], boxes[0][3]))
            assert f"{case.prefix(k)}weights" in picture.nodes
            assert picture[f"{case.prefix(k)}weights"].box[1] > boxes[0][3]
        assert all(above[1] < below[0] for below, above in pairwise(bands))


def test_the_same_step_is_in_the_same_column_of_every_band(case: Drawn) -> None:
    picture = case.view("cell")
    for t in (1, 2, 3):
        boxes = [picture.frames[f"{case.prefix(k)}step_{t}"][0] for k in range(len(case.chains))]
        assert len({left for left, *_ in boxes}) == 1


def test_bands_are_called_after_layer_and_direction(case: Drawn) -> None:
    picture, chains = case.view("cell"), case.trajectory.chains
    both = any(chain.reverse for chain in chains) and not all(chain.reverse for chain in chains)
    for k, chain in enumerate(chains):
        called = picture[f"{case.prefix(k)}layer"].text
        if both:
            assert ("reverse" if chain.reverse else "forward") in called
        if len(chains) > 1 + both:
            assert f"layer {k // (1 + both) + 1}" in called
    assert ("In the reverse layer all runs the other way" in " ".join(picture.text.split())) == any(
        c.reverse for c in chains
    )


def test_every_layer_is_joined_to_the_next_at_every_step(case: Drawn) -> None:
    picture, chains = case.view("cell"), case.trajectory.chains
    both = 2 if any(chain.reverse for chain in chains) and not chains[0].reverse else 1
    state = "h"
    for k in range(len(chains) - both):
        for t in (1, 2, 3):
            up = [edge for edge in picture.out_of(f"{case.prefix(k)}{state}_{t}") if edge.reader.endswith(f"x_{t}")]
            assert {edge.reader for edge in up} == {
                f"{case.prefix(j)}x_{t}" for j in range(len(chains)) if j // both == k // both + 1
            }
            for edge in up:
                assert picture[edge.reader].middle[1] < picture[edge.source].middle[1]  # y runs downwards
                assert edge.backward


def test_a_reverse_chain_begins_at_the_right(case: Drawn) -> None:
    picture = case.view("cell")
    for k, chain in enumerate(case.trajectory.chains):
        for name in chain.cell.states:
            xs = [
                picture[f"{case.prefix(k)}{name}_{t}"].middle[0]
                for t in ((1, 2, 3, 4) if chain.reverse else (0, 1, 2, 3))
            ]
            assert xs == sorted(xs)
        for t in (2, 3) if chain.reverse else (1, 2):
            reads = [
                edge for edge in picture.out_of(f"{case.prefix(k)}h_{t}") if edge.reader.startswith(case.prefix(k))
            ]
            later = f"_{t - 1}" if chain.reverse else f"_{t + 1}"
            assert any(edge.reader.endswith(later) for edge in reads)


# Masks


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "Peephole", "Projected", "own", "MGU"])
def test_masked_steps_are_hatched_and_said_to_be(kind: str) -> None:
    trajectory, loss = run(kind, 4, masked="mask")
    for picture in (viz.gradient_paths(loss, trajectory, fold=None), viz.draw(trajectory, fold=None)):
        read = svg.read(picture.svg)
        for t in (1, 2, 3, 4):
            caption = read.frames[f"step_{t}"][1]
            assert ("masked" in caption) == (t in (2, 4))
            assert (f"hold_{trajectory.chains[0].cell.states[0]}_{t}" in read.nodes) == (t in (2, 4))
    assert "A mask keeps rows as they are at t = 2, 4." in viz.describe(loss, trajectory)
    plain = svg.read(viz.gradient_paths(*reversed(run(kind, 4))).svg)  # type: ignore[arg-type]  # (loss, trajectory)
    assert not any("masked" in caption for _, caption in plain.frames.values())


def test_the_hatching_is_drawn_in_the_frame() -> None:
    picture = viz.draw(run("LSTM", 4, masked="lengths")[0])
    hatched = [part for part in picture.svg.split('<g class="frame"')[1:] if "<path" in part.split("</g>")[0]]
    assert len(hatched) == 2
    assert all('id="step_3"' in part or 'id="step_4"' in part for part in hatched)


# Cuts


def test_a_detached_start_is_said_to_be_and_brings_no_gradient() -> None:
    picture = drawn("detached start").view("cell")
    for name in ("c_0", "h_0"):
        assert picture[name].texts[1] == "✂ detached"
        assert not any(edge.backward for edge in picture.out_of(name))


def test_a_window_of_truncated_bptt_begins_where_the_last_was_cut() -> None:
    tg.manual_seed(0)
    layer = tg.nn.LSTM(D, H)
    first = layer.unroll(tg.randn(3, 1, D))
    state = tuple(part.detach() for part in first.state)
    second = layer.unroll(tg.randn(3, 1, D), state)
    picture = svg.read(viz.gradient_paths(of_last(second), second).svg)
    assert picture["c_0"].texts[1] == "✂ detached"
    assert "step_3" in picture.frames
    assert len(picture.frames) == 3


@pytest.mark.parametrize("view", ["cell", "strip"])
@pytest.mark.parametrize("gradients", [True, False])
def test_scissors_stand_where_a_cell_detaches_its_state(view: str, gradients: bool) -> None:
    picture = drawn("h detached").view(view, gradients)
    role = "z" if view == "cell" else "cell"
    scissors = {name for name in picture.nodes if name.startswith("cut")}
    assert {f"cut_{role}_2", f"cut_{role}_3"} <= scissors
    for t in (2, 3):
        assert "✂" in picture[f"cut_{role}_{t}"].text
        assert not [
            edge
            for edge in picture.edges
            if edge.source == f"h_{t - 1}" and edge.reader == f"{role}_{t}" and edge.backward
        ]
    assert not any(name.startswith("cut") for name in drawn("LSTM").view(view, gradients).nodes)


# Sizes


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("steps", [1, 2, 13])
def test_every_cell_is_drawn_at_any_length(kind: str, steps: int) -> None:
    trajectory, loss = run(kind, steps)
    for picture in (viz.gradient_paths(loss, trajectory), viz.draw(trajectory)):
        read = svg.read(picture.svg)
        assert f"h_{steps}" in read.nodes
        assert read.edges


def test_no_batch_and_other_widths() -> None:
    shapes: list[Run] = [run(batch=False), run(dtype=np.float32), run("Projected", bias=False)]
    for trajectory, _ in shapes:
        step = trajectory.steps[0]
        picture = svg.read(viz.draw(trajectory).svg)
        assert picture["h_1"].texts[1] == str(step.h.shape)
        assert picture["c_1"].texts[1] == str(step.c.shape)
        assert str(step.c.dtype) in picture["c_1"].tooltip
