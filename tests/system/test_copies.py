"""Copies and pickles of results: each says afterwards what it said before, without the graph that it came from."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.errors import ArgumentError, GradError
from tinygrad_lstm.explain.trace import Trace


@cache
def results() -> dict[str, Any]:
    tg.manual_seed(0)
    layer = nn.LSTM(2, 3)
    x = tg.randn(6, 1, 2)
    trajectory = layer.unroll(x)
    loss, c = (trajectory.output**2).sum(), [step.c for step in trajectory.steps]
    losses, params = [(h**2).sum() for h in trajectory.output], list(layer.parameters())
    with tg.no_grad():
        unrecorded = layer.unroll(x)
    checkpointed = tg.func.checkpoint(lambda x: tg.exp(x * params[1].sum()), x).sum()
    return {
        "graph": tg.graph_of(loss), "graph of a checkpoint": tg.graph_of(checkpointed),
        "routes": paths.routes(loss, c[0], max_crossings=1), "jacobian": paths.state_jacobian(c[3], c[1]),
        "horizon": paths.horizon(loss, trajectory), "ledger": paths.ledger(loss, params[0]),
        "lag matrix": paths.lag_matrix(losses, params), "entries": paths.lag_matrix(losses, params, entries=True),
        "flow": paths.flow(loss, c[0]), "picture": viz.gradient_paths(loss, trajectory), "op view": viz.draw(loss),
        "player": viz.player(loss, trajectory), "program": tg.program(loss), "trace": Trace(loss),
        "explanation": tg.explain_grad(loss, params[0]), "a trajectory under no_grad": unrecorded,
        "recorded": trajectory, "strongest": paths.strongest_path(loss, c[0]),
    }  # fmt: skip


NAMES = ["graph", "graph of a checkpoint", "routes", "jacobian", "horizon", "ledger", "lag matrix", "entries", "flow",
         "picture", "op view", "player", "program", "trace", "explanation", "a trajectory under no_grad"]  # fmt: skip


def test_every_result_has_its_name() -> None:
    assert {*NAMES, *RECORDED} == {*results()}


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


WAYS: list[Callable[[Any], Any]] = [pickled, copy.deepcopy, copy.copy]
RECORDED = ("recorded", "strongest")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_copy_says_the_same(name: str, way: Callable[[Any], Any]) -> None:
    value = results()[name]
    copied = way(value)
    assert str(copied) == str(value)
    assert type(copied) is type(value)
    if way is pickled:
        assert len(pickle.dumps(copied)) < 400_000  # no more than the result itself
        assert str(pickled(copied)) == str(value)  # and once more


@pytest.mark.parametrize("way", WAYS[:2])
@pytest.mark.parametrize("name", RECORDED)
def test_what_holds_its_graph_says_so(name: str, way: Callable[[Any], Any]) -> None:
    with pytest.raises(GradError, match=r"whole graph along: detach\(\) it first|holds vertices of the graph"):
        way(results()[name])


@pytest.mark.parametrize("way", WAYS)
def test_the_numbers_of_a_copy(way: Callable[[Any], Any]) -> None:
    for name, numbers in (
        ("routes", ("parts", "total", "norms", "shares", "mean_crossings")), ("flow", ("total", "cuts", "inflow")),
        ("jacobian", ("matrix", "norm", "singular_values", "belt")), ("ledger", ("by_step", "total", "by_gate")),
        ("lag matrix", ("norms", "full", "by_lag")), ("entries", ("entries", "full")),
        ("horizon", ("norms", "half_lives")),
    ):  # fmt: skip
        value = results()[name]
        copied = way(value)
        for each in numbers:
            np.testing.assert_equal(getattr(copied, each), getattr(value, each), err_msg=f"{name}.{each}")


def test_a_pickled_graph_is_the_record_alone() -> None:
    graph = results()["graph"]
    record = pickled(graph)
    assert (record.vertices, record.edges) == (graph.vertices, graph.edges)
    tensor = tg.ones(1)
    assert tensor not in record
    with pytest.raises(
        ArgumentError, match=r"no vertex for constant .*: a graph that was pickled or copied is the record"
    ):
        record.id_of(tensor)


def test_what_a_copy_of_a_lag_matrix_cannot_do_without_its_graph() -> None:
    matrix = pickled(results()["lag matrix"])
    assert matrix.bias(2) == results()["lag matrix"].bias(2)  # its table has said so
    with pytest.raises(GradError, match="a copy of a lag matrix has no graph"):
        matrix.truncated(3)


def test_of_a_freed_graph_a_copy_keeps_what_is_known() -> None:
    tg.manual_seed(0)
    trajectory = nn.LSTM(2, 3).unroll(tg.randn(6, 1, 2))
    loss = (trajectory.output**2).sum()
    routes = paths.routes(loss, trajectory.steps[0].c, max_crossings=1)
    jacobian = paths.state_jacobian(trajectory.steps[3].c, trajectory.steps[1].c)
    loss.backward()
    copied = pickled(routes)
    np.testing.assert_array_equal(copied.shares, routes.shares)
    with pytest.raises(GradError, match="freed before the copy was made"):
        _ = copied.mean_crossings
    assert str(pickled(jacobian)) == str(jacobian)


def test_no_parameter_of_a_record_holds_a_graph_or_a_function() -> None:
    graph = results()["graph of a checkpoint"]
    assert [vertex.params for vertex in graph.vertices if vertex.op == "checkpoint"] == [{"f": "<lambda>"}]
