"""Long chains, wide graphs, and nothing left behind: counted, never timed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.long_chains import few_and_many, garbage_of, run_with_a_shallow_stack
from tests.support.memory import peak_of
from tinygrad_lstm import nn
from tinygrad_lstm.engine.node import Edge
from tinygrad_lstm.explain.trace import Trace


@few_and_many(2_000, 100_000)
def test_a_long_recurrent_chain(n: int) -> None:
    """h ← tanh(w h + x), n times: forward, graph_of, backward and freeing, none of them recursive."""
    printed = run_with_a_shallow_stack(f"""
        w = tg.tensor(0.9, requires_grad=True, dtype=float)
        h = tg.tensor(0.0, dtype=float)
        for t in range({n}):
            h = tg.tanh(w * h + 0.1)
        print(len(tg.graph_of(h).vertices))
        h.backward()
        y, slope = 0.0, 0.0  # the same recurrence and its derivative by hand
        for t in range({n}):
            y, slope = np.tanh(0.9 * y + 0.1), (1 - np.tanh(0.9 * y + 0.1) ** 2) * (y + 0.9 * slope)
        print(abs(w.grad.item() - slope) < 1e-9 * abs(slope))
        del h
    """)
    assert printed.split() == [str(3 * n + 2), "True"]


@few_and_many(500, 20_000)
def test_a_long_lstm(n: int) -> None:
    printed = run_with_a_shallow_stack(f"""
        lstm = nn.LSTM(1, 2)
        x = tg.tensor(np.ones(({n}, 1, 1), np.float32), requires_grad=True)
        output, state = lstm(x)
        output[-1].sum().backward()
        print(x.grad.shape, bool(np.isfinite(lstm.layers[0].U.grad.data).all()))
    """)
    assert printed.strip() == f"({n}, 1, 1) True"


@few_and_many(1_000, 100_000)
def test_one_tensor_in_one_op_n_times_is_read_once_each(n: int) -> None:
    w = tg.tensor(np.ones(3), requires_grad=True)
    total = tg.stack([w] * n).sum()
    events = list(tg.backward_events(total))
    assert [event.node.op.name if event.node.op else "leaf" for event in events] == ["sum", "stack", "leaf"]
    assert len(events[1].contributions) == n
    assert w.grad is not None
    assert w.grad.tolist() == [n] * 3


@few_and_many(1_000, 100_000)
def test_one_tensor_read_by_n_ops_is_linear_too(n: int) -> None:
    """Each edge is walked once; the buffer in which they meet is made once, and added into in place."""
    w = tg.tensor(np.ones(3), requires_grad=True)
    h = tg.tensor(np.zeros(3))
    for _ in range(n):
        h = h + w
    edges, buffers = 0, set()

    def count(edge: Edge, g: Any) -> Any:
        nonlocal edges
        edges += 1
        return g

    with tg.through(count):
        for event in tg.backward_events(h, np.ones(3)):
            buffers |= {id(event.cotangent)} if event.node is w.source.node else set()
    assert (edges, len(buffers)) == (2 * n - 1, 1)
    assert w.grad is not None
    assert w.grad.tolist() == [n] * 3


def read_element_by_element(n: int) -> tuple[tg.Tensor, tg.Tensor]:
    """Computed numbers x, and the end of h ← tanh(x[t] + h)."""
    x, h = tg.tensor(np.full(n, 0.5), requires_grad=True) * 1.0, tg.tensor(0.1, dtype=float)
    for t in range(n):
        h = tg.tanh(x[t] + h)
    return x, h


def test_who_watches_backward_sees_reads_of_x_t_as_they_are() -> None:
    x, h = read_element_by_element(50)
    expected = tg.grad(h, x, retain_graph=True)[0].tolist()
    seen = []

    def note(edge: Edge, c: Any) -> Any:
        seen.append(type(c))
        return c

    with tg.through(note, indexed=True), tg.detect_anomaly():
        assert tg.grad(h, x, retain_graph=True)[0].tolist() == expected
    assert seen.count(tg.IndexedCotangent) == 50
    why = tg.explain_grad(h, x)
    np.testing.assert_allclose(sorted(use.norm for use in why.uses), sorted(expected), rtol=1e-12)
    rows = Trace(h).rows
    assert next(part.contribution for row in rows if row.op == "index" for part in row.parts).shape == (50,)
    events = list(tg.backward_events(h, retain_graph=True))
    reads = [event.contributions[0].array for event in events if event.node.op and event.node.op.name == "index"]
    np.testing.assert_array_equal(np.sum(reads, axis=0), expected)


@pytest.mark.alone
@pytest.mark.parametrize("watch", [lambda h, x: list(tg.backward_events(h, retain_graph=True)), tg.explain_grad])
def test_reading_x_t_in_a_loop_makes_no_array_as_long_as_x_at_each_step(watch: Any) -> None:
    """So T reads that are watched need O(T) memory, not O(T²)."""
    peaks = []
    for n in (500, 1000):
        x, h = read_element_by_element(n)
        peaks.append(peak_of(lambda h=h, x=x: watch(h, x)))  # type: ignore[misc]  # a lambda that has them
    assert peaks[1] < 2.5 * peaks[0]


def test_a_checkpoint_of_many_reads_adds_them_up_in_one_array() -> None:
    x = tg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    number = tg.tensor(3.0, requires_grad=True)

    def read(x: tg.Tensor, number: tg.Tensor) -> tg.Tensor:
        y = x[0].sum() + (x * x)[1].sum() + (x[[1, 1]] * x[2]).sum() + (x * 2).sum() + x[0, 0] ** 2
        return y * number[()] + number[...] * number

    plain = tg.grad(read(x, number), [x, number])
    again = tg.grad(tg.func.checkpoint(read, x, number), [x, number])
    for a, b in zip(plain, again, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.slow
def test_a_million_nodes_and_the_dot_text_of_a_hundred_thousand() -> None:
    printed = run_with_a_shallow_stack("""
        import viz
        x = tg.tensor(1.0, requires_grad=True, dtype=float)
        h = x
        for _ in range(1_000_000):
            h = h * x
        print(len(tg.graph_of(h).vertices))
        h.backward()
        print(x.grad.item())
        h = x
        for _ in range(50_000):
            h = tg.tanh(h * x)
        text = viz.draw(h).source
        print(text.count(" -> "))
    """)
    assert printed.split() == ["1000001", "1000001.0", "150000"]


def test_a_training_step_leaves_nothing_for_the_cyclic_collector() -> None:
    lstm, head = nn.LSTM(3, 4, num_layers=2), nn.Linear(4, 5)
    adam = tg.optim.Adam([*lstm.parameters(), *head.parameters()])
    x, targets = tg.randn(6, 2, 3), np.zeros((6, 2), int)

    def step() -> None:
        output, _ = lstm(x)
        loss = tg.losses.cross_entropy(head(output), targets)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(lstm.parameters(), 1.0)
        adam.step()

    assert garbage_of(step) == 0


def test_second_derivatives_and_pictures_of_the_graph_leave_nothing_either() -> None:
    w = tg.tensor(np.ones((2, 2)), requires_grad=True)

    def step() -> None:
        (g,) = tg.grad(tg.tanh(w @ w).sum(), w, create_graph=True)
        tg.graph_of(g)
        (g * g).sum().backward()
        w.grad = None

    assert garbage_of(step) == 0


def test_a_graph_dies_with_its_last_handle() -> None:
    """Counted on an array that only the graph keeps: it goes at once, without the collector."""
    gc.disable()
    try:
        x = tg.tensor(np.ones(1000), requires_grad=True)
        y = tg.exp(x)
        kept = weakref.ref(y.data)
        z = (y * 2).sum()
        del y
        assert kept() is not None  # exp kept its output for backward
        del z
        assert kept() is None
    finally:
        gc.enable()


def test_backward_lets_kept_arrays_go_as_it_walks() -> None:
    x = tg.tensor(np.ones(1000), requires_grad=True)
    y = tg.exp(x)
    kept = weakref.ref(y.data)
    z = (y * 2).sum()
    del y
    z.backward()
    assert kept() is None
    assert len(tg.graph_of(z).vertices) == 4  # the structure stays, to be looked at
