"""The strongest path."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.unrolled import B, D, H, T, make, unrolled
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import GradError, UnsupportedError

CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-13}


def all_paths(loss: tg.Tensor, goal: tg.Tensor) -> Iterator[float]:
    """The strength of every path, by walking each of them: only for small graphs."""
    gains: dict[Any, list[tuple[Any, float]]] = {}
    for event in tg.backward_events(loss, retain_graph=True):
        parts = event.cotangent if isinstance(event.cotangent, list) else [event.cotangent]
        received = math.sqrt(sum(np.vdot(part, part) for part in parts))
        handed = [(c.source, float(np.linalg.norm(c.array))) for c in event.contributions]
        gains[event.node] = [(source, size / received if received else 0.0) for source, size in handed]

    def walk(node: Any, strength: float) -> Iterator[float]:
        if node is goal.source.node:
            yield strength
        for source, gain in gains.get(node, ()):
            yield from walk(source, strength * gain)

    yield from walk(loss.source.node, 1.0)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "Peephole"])
def test_the_strongest_path_is_the_strongest_of_all(kind: str) -> None:
    layer = make(kind)
    trajectory = layer.unroll(np.random.default_rng(1).normal(size=(3, 1, D)))
    loss = (trajectory.output[-1] ** 2).sum()
    goal = trajectory.steps[0].named[trajectory.chains[0].cell.states[-1]]
    strengths = list(all_paths(loss, goal))
    found = paths.strongest_path(loss, goal)
    assert len(strengths) > (0 if kind == "RNN" else 3)
    np.testing.assert_allclose(found.strength, max(strengths), rtol=1e-12)
    np.testing.assert_allclose(math.prod(step.gain for step in found.edges), found.strength, rtol=1e-12)
    assert found.edges[0].edge.reader is loss.source.node
    assert found.edges[-1].edge.source is goal.source.node
    for one, following in zip(found.edges, found.edges[1:], strict=False):
        assert one.edge.source is following.edge.reader
    assert "strongest path" in str(found)


def test_where_nothing_arrives_there_is_no_strongest_path() -> None:
    trajectory, _ = unrolled(make("LSTM"))
    with pytest.raises(GradError, match="no gradient arrives"):
        paths.strongest_path(trajectory.steps[0].h.sum(), trajectory.steps[2].c)
    assert paths.strongest_path(trajectory.steps[0].c.sum(), trajectory.steps[0].c).edges[0].gain == math.sqrt(B * H)


def test_a_fused_layer_is_refused_by_every_account() -> None:
    lstm = nn.LSTM(D, H, fused=True)
    x = tg.tensor(np.ones((T, B, D)), requires_grad=True)
    loss = lstm(x)[0].sum()
    for call in (
        lambda: paths.routes(loss, x), lambda: paths.ledger(loss, lstm.layers[0].W), lambda: paths.flow(loss, x),
        lambda: paths.lag_matrix([loss], lstm.layers[0].W), lambda: paths.state_jacobian(loss, x),
        lambda: paths.strongest_path(loss, x),
    ):  # fmt: skip
        with pytest.raises(UnsupportedError, match="fused=False"):
            call()


def test_weights_dropped_for_a_whole_sequence_are_used_outside_its_steps() -> None:
    tg.manual_seed(0)
    layer = nn.LSTM(D, H, cell=lambda D, H: nn.WeightDrop(nn.LSTMCell(D, H), 0.5)).astype(float)
    _, loss = unrolled(layer)
    U = layer.layers[0].cell.U
    book = paths.ledger(loss, U)
    assert book.by_step.shape[0] == 0
    loss.backward()
    np.testing.assert_allclose(book.outside, U.grad.data, **CLOSE)
