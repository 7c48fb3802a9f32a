"""checkpoint: the plain call's gradients, with less kept; whatever the function reads, draws or returns."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.long_chains import few_and_many, garbage_of, run_with_a_shallow_stack
from tinygrad_lstm import Tensor, func, nn
from tinygrad_lstm.engine.node import topological_order


def plain_call(f: Callable[..., Any], *args: Any) -> Any:
    return f(*args)


def gradients(run: Callable[..., Any], program: Callable[..., Any]) -> list[Any]:
    """A program's loss and the gradients of its tensors (NaN for None), with this way to call a segment."""
    tg.manual_seed(0)
    loss, tensors = program(run)
    loss.backward()
    return [loss.data] + [np.nan if x.grad is None else x.grad.data for x in tensors]


def leaf(*shape: int) -> Tensor:
    return tg.randn(*shape, dtype=float, requires_grad=True)


def arguments_and_closures(run: Any) -> Any:
    x, w, unused = leaf(3), leaf(3), leaf(2)
    y = x * w  # computed before, read from inside
    z = run(lambda x: tg.tanh(x * w) + y**2, x)
    return (z * x).sum(), [x, w, unused]


def a_tensor_read_in_both_ways(run: Any) -> Any:
    x = leaf(3)
    return run(lambda a: a * x + tg.tanh(x), x).sum(), [x]


def several_results(run: Any) -> Any:
    x, w = leaf(3), leaf(3)
    c = tg.tensor(2.0)

    def f(x: Tensor, c: Tensor) -> Any:
        y = x * w
        return {"y": y, "same": y, "x": x, "number": 3, "rest": [tg.exp(y), (c, tg.unstack(y))]}

    parts = run(f, x, c)
    assert parts["number"] == 3
    rest, (c, (first, *_)) = parts["rest"]
    return (parts["y"] * parts["same"] + parts["x"] + rest * c).sum() + first, [x, w]


def one_of_several_results_used(run: Any) -> Any:
    x = leaf(4)
    return run(lambda x: tg.split(tg.tanh(x), 2), x)[1].sum(), [x]


def with_dropout(run: Any) -> Any:
    dropout, layer = nn.Dropout(0.5), nn.Linear(8, 8).astype(float)
    x = leaf(4, 8)
    y = x
    for _ in range(3):
        y = run(lambda y: dropout(tg.tanh(layer(dropout(y)))), y)
    return y.sum() + dropout(x).sum(), [x, layer.W, layer.b]


def nested(run: Any) -> Any:
    dropout, w = nn.Dropout(0.5), leaf(20)
    x = leaf(20)

    def inner(x: Tensor) -> Any:
        return dropout(tg.tanh(x * w))

    def outer(x: Tensor) -> Any:
        return dropout(run(inner, dropout(x)) + run(inner, x * 2)) * w

    return run(outer, run(outer, x)).sum(), [x, w]


def a_stacked_lstm_in_pieces(run: Any) -> Any:
    lstm = nn.LSTM(2, 3, num_layers=2, dropout=0.3).astype(float)
    x, h, c = leaf(6, 2, 2), leaf(2, 2, 3), leaf(2, 2, 3)
    state, loss = (h, c), tg.tensor(0.0, dtype=float)
    for piece in tg.split(x, 3):
        output, state = run(lstm, piece, state)
        loss = loss + (output**2).sum()
    return loss, [x, h, c, *lstm.parameters()]


def hooks_and_views(run: Any) -> Any:
    x, w = leaf(4, 2), leaf(2)
    x.register_hook(lambda g: 2 * g)
    w.register_hook(lambda g: g + 1)
    row = x[1]
    row.register_hook(lambda g: 3 * g)

    def f(row: Tensor) -> Any:
        y = row * w * x[2]
        y.register_hook(lambda g: -g)
        return tg.tanh(y) + row[::-1]

    return run(f, row).sum(), [x, w]


PROGRAMS = [
    arguments_and_closures, a_tensor_read_in_both_ways, several_results, one_of_several_results_used, with_dropout,
    nested, a_stacked_lstm_in_pieces, hooks_and_views,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_gradients_are_those_of_the_plain_call(program: Callable[..., Any]) -> None:
    plain, kept = gradients(plain_call, program), gradients(func.checkpoint, program)
    for a, b in zip(plain, kept, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("program", PROGRAMS[:4] + PROGRAMS[5:7], ids=lambda program: program.__name__)
def test_second_derivatives_are_those_of_the_plain_call(program: Callable[..., Any]) -> None:
    def slopes(run: Any) -> list[Any]:
        tg.manual_seed(0)
        loss, tensors = program(run)
        first = [g for g in tg.grad(loss, tensors, create_graph=True, allow_unused=True) if g is not None]
        length = sum([(g**2).sum() for g in first], tg.tensor(0.0, dtype=float))
        second = tg.grad(length, tensors, allow_unused=True)
        return [g.data for g in (*first, *second) if g is not None]

    plain, kept = slopes(plain_call), slopes(func.checkpoint)
    assert len(plain) == len(kept)
    for a, b in zip(plain, kept, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-11)


def test_gradgradcheck_and_the_transforms_go_through_it(rng: np.random.Generator) -> None:
    w = tg.tensor(rng.standard_normal(3), requires_grad=True)

    def f(x: Any) -> Any:
        return func.checkpoint(lambda x: (tg.tanh(x) * w).sum() ** 2, x)

    x = tg.tensor(rng.standard_normal(3), requires_grad=True)
    assert tg.gradcheck(lambda x, w: f(x), [x, w])
    assert tg.gradgradcheck(lambda x, w: f(x), [x, w])
    v, array = rng.standard_normal(3), x.data.copy()
    direct = lambda x: (tg.tanh(x) * w).sum() ** 2  # noqa: E731
    for transform in (func.grad, func.hessian):
        assert np.allclose(transform(f)(array).data, transform(direct)(array).data, rtol=1e-12)
    assert np.allclose(func.hvp(f, array, v).data, func.hvp(direct, array, v).data, rtol=1e-12)
    assert np.allclose(func.jvp(f, (array,), (v,))[1].data, func.jvp(direct, (array,), (v,))[1].data, rtol=1e-12)
    inside = lambda x: func.checkpoint(func.grad(direct), x)  # noqa: E731
    assert np.allclose(func.jacobian(inside)(array).data, func.hessian(direct)(array).data, rtol=1e-12)


def test_less_is_kept() -> None:
    def unrolled(run: Any) -> Any:
        tg.manual_seed(0)
        cell = nn.LSTMCell(4, 8)
        state: Any = (tg.zeros(16, 8), tg.zeros(16, 8))
        xs = tg.randn(6, 10, 16, 4)

        def ten_steps(x: Tensor, state: Any) -> Any:
            for x_t in tg.unstack(x):
                state = cell(x_t, state)
            return state

        for x in tg.unstack(xs):
            state = run(ten_steps, x, state)
        return (state[0] ** 2).sum()

    plain, kept = unrolled(plain_call), unrolled(func.checkpoint)
    assert kept.item() == plain.item()
    assert len(topological_order([plain.source.node])) > 700
    assert len(topological_order([kept.source.node])) < 15
    assert tg.graph_of(kept).kept_bytes * 5 < tg.graph_of(plain).kept_bytes
    kept.backward()
    assert tg.graph_of(kept).kept_bytes == 0


def test_what_backward_has_used_is_let_go() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = func.checkpoint(tg.tanh, x)
    z, array = y.sum(), weakref.ref(y.data)
    z.backward()
    del y
    assert array() is None
    assert z.requires_grad


def test_nothing_is_left_for_the_cyclic_collector() -> None:
    layer = nn.Linear(3, 3)
    x = tg.randn(2, 3, requires_grad=True)

    def step() -> None:
        func.checkpoint(lambda x: tg.tanh(layer(x)), x).sum().backward()

    assert garbage_of(step) == 0


@few_and_many(1_000, 10_000)
def test_many_segments_and_a_long_one(n: int) -> None:
    printed = run_with_a_shallow_stack(f"""
        h = x = tg.tensor(0.5, requires_grad=True, dtype=float)
        for t in range({n}):
            h = tg.func.checkpoint(lambda h: h * 1.0001, h)
        h.backward()
        print(abs(x.grad.item() - 1.0001 ** {n}) < 1e-9)
        def long(h):
            for t in range({5 * n}):
                h = h * 1.0001
            return h
        x.grad = None
        tg.func.checkpoint(long, x).backward()
        print(abs(x.grad.item() / 1.0001 ** {5 * n} - 1) < 1e-9)
    """)
    assert printed.split() == ["True", "True"]
