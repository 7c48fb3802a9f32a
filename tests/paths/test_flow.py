"""The flow: conserved at every node and in every cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.unrolled import MAKERS, B, D, H, T, make, unrolled
from tinygrad_lstm import paths
from tinygrad_lstm.errors import ShapeError

CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-13}


CELLS = pytest.mark.parametrize("kind", MAKERS)


@CELLS
@pytest.mark.parametrize("random", [False, True], ids=["along the gradient", "another direction"])
def test_every_cut_carries_the_directional_derivative_and_every_node_hands_on_what_it_gets(
    kind: str, random: bool
) -> None:
    trajectory, loss = unrolled(make(kind))
    source = trajectory.steps[0].named[trajectory.chains[0].cell.states[-1]]
    v = np.random.default_rng(7).normal(size=source.shape) if random else None
    result = paths.flow(loss, source, v)
    (g,) = tg.grad(loss, source, retain_graph=True)
    expected = np.vdot(g.data, g.data if v is None else v)
    np.testing.assert_allclose(result.total, expected, **CLOSE)
    scale = max(abs(edge.flow) for edge in result.edges)
    for t in range(1, T + 1):
        np.testing.assert_allclose(result.cut(t), expected, rtol=0, atol=1e-12 * scale)
    ends = {result.source, result.graph.id_of(loss)}
    for vertex in result.inflow.keys() | result.outflow.keys():
        if vertex not in ends:
            np.testing.assert_allclose(
                result.inflow.get(vertex, 0), result.outflow.get(vertex, 0), rtol=1e-10, atol=1e-12 * scale
            )
    np.testing.assert_allclose(result.outflow[result.source], expected, rtol=1e-11, atol=1e-12 * scale)
    np.testing.assert_allclose(result.inflow[result.graph.id_of(loss)], expected, rtol=1e-11, atol=1e-12 * scale)


def test_tangents_are_finite_differences() -> None:
    """The flow into h_T's own sum is how much that moves: forward mode checked without any derivative."""
    layer = make("LSTM")
    x = np.random.default_rng(1).normal(size=(T, B, D))
    c = np.random.default_rng(2).normal(size=(1, B, H))
    v, eps = np.random.default_rng(3).normal(size=c.shape), 1e-6

    def value(c: np.ndarray) -> tuple[tg.Tensor, tg.Tensor]:
        start = tg.tensor(c, requires_grad=True)
        return layer(x, (np.zeros_like(c), start))[0][-1].sum(), start

    loss, start = value(c)
    moved = (value(c + eps * v)[0].item() - value(c - eps * v)[0].item()) / (2 * eps)
    np.testing.assert_allclose(paths.flow(loss, start, v).total, moved, rtol=1e-7)


def test_flow_through_many_kinds_of_ops() -> None:
    """Indexing, splits into unused parts, stacks, softmax, where, broadcasting: all keep the law."""
    x = tg.tensor(np.random.default_rng(0).normal(size=(4, 3)), requires_grad=True)
    a, _, c = tg.split(x * 2.0, 3, axis=1)
    rows = x[np.array([0, 0, 2])]
    y = tg.concatenate([a * c, tg.softmax(x)[:, :1]]).sum() + tg.where(rows.data > 0, rows, rows * rows).mean()
    loss = y * tg.logsumexp(x) + (x.max(axis=0) + tg.stack([x.sum(), x.mean(), x[1, 1]])).sum()
    result = paths.flow(loss, x)
    ends = {result.source, result.graph.id_of(loss)}
    for vertex in result.inflow.keys() | result.outflow.keys():
        if vertex not in ends:
            np.testing.assert_allclose(result.inflow.get(vertex, 0), result.outflow.get(vertex, 0), rtol=1e-10,
                                       atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(result.outflow[result.source], result.total, rtol=1e-12)


def test_the_flow_is_told_by_class_at_every_step() -> None:
    trajectory, loss = unrolled(make("LSTM"))
    result = paths.flow(loss, trajectory.steps[1].c)
    assert list(result.cuts) == ["carry", "crossing", "read"]
    np.testing.assert_allclose(sum(result.cuts.values()), np.full(T + 1, result.total), rtol=1e-11)
    edges = [edge for edge in result.edges if result.graph.vertices[edge.source].step == 3 and edge.kind == "carry"]
    np.testing.assert_allclose(result.cuts["carry"][3], sum(edge.flow for edge in edges), rtol=1e-10)
    assert "carry" in str(result).splitlines()[1]
    with pytest.raises(ShapeError, match=r"a direction of shape \(2,\)"):
        paths.flow(loss, trajectory.steps[1].c, np.ones(2))
