"""The backward pass, event by event: nodes, cotangents, contributions."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.errors import DtypeError, GradError


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def node(tensor: Tensor) -> Any:
    return tensor.source.node


def test_through_sees_each_contribution_once_before_it_is_summed() -> None:
    x = leaf(3.0)
    y = x * x + x
    seen: list[tuple[str, str, float]] = []

    def watch(edge: Any, g: Any) -> Any:
        seen.append((edge.reader.op.name, edge.name, float(g)))
        return g

    with tg.through(watch):
        y.backward()
    assert sorted(seen) == [("add", "a", 1.0), ("add", "b", 1.0), ("multiply", "a", 3.0), ("multiply", "b", 3.0)]
    assert x.grad is not None
    assert x.grad.item() == 7.0


def test_through_can_cut_and_scale() -> None:
    x = leaf(3.0)
    y = tg.tag(x, "carry") * 5 + x * 2
    with tg.through(lambda edge, g: None if edge.tag == "carry" else g):
        assert tg.grad(y, x, retain_graph=True)[0] == 2.0
    with tg.through(lambda edge, g: g * 10 if edge.tag == "carry" else g):
        assert tg.grad(y, x, retain_graph=True)[0] == 52.0
    assert tg.grad(y, x)[0] == 7.0, "and is gone afterwards"


def test_cutting_every_edge_leaves_no_gradient() -> None:
    x = leaf(3.0)
    with tg.through(lambda edge, g: None):
        (x * x).backward()
        assert tg.grad(x * x, x, allow_unused=True) == (None,)
    assert x.grad is None


def test_through_hooks_nest_the_innermost_first() -> None:
    x = leaf(1.0)
    order: list[str] = []

    def note(name: str, factor: float) -> Any:
        def watch(edge: Any, g: Any) -> Any:
            order.append(name)
            return g * factor

        return watch

    with tg.through(note("outer", 10)), tg.through(note("inner", 2)):
        (x * 1.0).backward()
    assert order == ["inner", "outer"]
    assert x.grad is not None
    assert x.grad.item() == 20.0
    with tg.through(note("unseen", 1)), tg.through(lambda edge, g: None):
        (x * 1.0).backward()
    assert "unseen" not in order, "what is cut inside does not come out"


def test_through_sees_indexed_parts_as_whole_arrays_and_works_recorded() -> None:
    x = leaf([1.0, 2.0])
    shapes: list[Any] = []

    def watch(edge: Any, g: Any) -> Any:
        shapes.append((edge.name, g.shape))
        return g * 3

    with tg.through(watch):
        (g,) = tg.grad(x[0], x, create_graph=True)
        (plain,) = tg.grad(x[0], x)
    assert g is not None
    assert plain is not None
    assert g.tolist() == plain.tolist() == [3.0, 0.0]
    assert shapes[-1] == ("x", (2,))


def test_events_drained_are_backward() -> None:
    def loss_of(x: Tensor, w: Tensor) -> Tensor:
        h = tg.tanh(x @ w)
        parts = tg.split(h, 2, axis=1)
        return (parts[0] * parts[0] + h[:, :1]).sum()

    data = np.random.default_rng(0).standard_normal((2, 3, 4))
    x, w = leaf(data[0][:, :3]), leaf(data[1])
    loss_of(x, w).backward()
    a, b = leaf(x.data), leaf(w.data)
    loss = loss_of(a, b)
    loss.retain_grad()
    events = list(tg.backward_events(loss))
    assert loss.grad is not None
    assert loss.grad.item() == 1.0
    for ours, theirs in ((a, x), (b, w)):
        assert ours.grad is not None
        assert theirs.grad is not None
        np.testing.assert_array_equal(ours.grad.data, theirs.grad.data)
    assert [event.node.number for event in events] == sorted((e.node.number for e in events), reverse=True)
    assert events[0].node.op is not None
    assert events[0].node.op.name == "sum"
    assert {event.node for event in events[-2:]} == {node(a), node(b)}


def test_an_event_tells_what_came_in_went_out_and_was_freed() -> None:
    x = leaf(3.0)
    multiply, end = tg.backward_events(x * x)
    assert (multiply.node.op.name if multiply.node.op else "", multiply.cotangent) == ("multiply", 1.0)
    assert [(c.name, c.source, float(c.array)) for c in multiply.contributions] == [
        ("a", node(x), 3.0),
        ("b", node(x), 3.0),
    ]
    assert set(multiply.freed) == {"a", "b"}
    assert (end.node, float(end.cotangent), end.contributions, end.freed) == (node(x), 6.0, (), ())


def test_contributions_to_a_node_add_up_to_its_cotangent() -> None:
    x = leaf([0.3, 0.7])
    h = x * x
    y = (h * h + tg.tanh(h) + h).sum()
    inbox: dict[Any, Any] = {}
    for event in tg.backward_events(y):
        if event.node in inbox:
            np.testing.assert_allclose(inbox[event.node], event.cotangent, rtol=1e-14)
        for c in event.contributions:
            inbox[c.source] = inbox.get(c.source, 0) + c.array


def test_events_left_half_way_leave_grad_alone() -> None:
    x = leaf(3.0)
    events = tg.backward_events(x * x * x)
    next(events)
    del events
    assert x.grad is None


def test_an_error_names_the_node_in_words() -> None:
    x = leaf([1.0])
    with tg.scope("lstm"), tg.scope("t=2", step=2):
        h = x * x
        tg.label(h=h)
    assert re.fullmatch(rf"h \(multiply\) of shape \(1,\), made at {re.escape(__file__)}:\d+ in lstm/t=2", str(node(h)))
    h.sum().backward()
    with pytest.raises(GradError, match=r"h \(multiply\) of shape \(1,\)"):
        h.sum().backward()


def test_backward_events_refuses_at_the_call() -> None:
    with pytest.raises(GradError, match="depends on nothing"):
        tg.backward_events(tg.ones(()) * 2)
    with pytest.raises(DtypeError, match="not of a float"):
        tg.backward_events(3.0)  # type: ignore[arg-type]


def test_grad_takes_a_generator_of_inputs_as_parameters_gives() -> None:
    xs = [leaf(2.0), leaf(3.0)]
    y = xs[0] * xs[1]
    assert [g.item() for g in tg.grad(y, (x for x in xs))] == [3.0, 2.0]


def test_a_vertex_knows_which_of_its_scopes_are_time_steps() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    with tg.scope("net"), tg.scope("document", step=2), tg.scope("lstm"), tg.scope("t=2", step=2), tg.scope("t=9"):
        y = x * x
    vertex = tg.graph_of(y).vertices[-1]
    assert vertex.scope == ("net", "document", "lstm", "t=2", "t=9")
    assert (vertex.steps, vertex.step) == ((None, 2, None, 2, None), 2)
    assert vertex.module == node(y).scope.module == ("net", "lstm", "t=9")
    (leaf,) = (vertex for vertex in tg.graph_of(y).vertices if vertex.kind == "parameter")
    assert (leaf.scope, leaf.steps, leaf.step, leaf.module) == ((), (), None, ())
