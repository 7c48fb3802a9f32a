"""What a time step costs, counted instead of timed, so that a step that becomes dearer is seen on any machine.

A count is of one more step: that of T = 10 less that of T = 6, by 4. The limits are today's counts; lower is better.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.counting import array_calls, python_calls
from tests.support.memory import peak_of
from tinygrad_lstm import nn

B, D, H = 16, 8, 32
STATE = B * H * 4  # bytes of an h in float32
COMPOSED_OPS = {"RNN": 5, "LSTM": 14, "GRU": 17}
KINDS = ["RNN", "LSTM", "GRU"]


def layer_of(kind: str, **options: Any) -> Any:
    return getattr(nn, kind)(D, H, **options)


def training(kind: str, **options: Any) -> Callable[[int], Callable[[], object]]:
    """A training step of T time steps."""
    layer = layer_of(kind, **options)

    def make(T: int) -> Callable[[], object]:
        x = tg.zeros(T, B, D)

        def run() -> None:
            layer.zero_grad()
            layer(x)[0].sum().backward()

        return run

    return make


def compiled(kind: str) -> Callable[[int], Callable[[], object]]:
    """The same, compiled, and confirmed with other weights."""
    layer = layer_of(kind)

    def make(T: int) -> Callable[[], object]:
        step, x = tg.compile(lambda x: layer(x)[0].sum()), np.zeros((T, B, D), np.float32)
        step(x)
        for p in layer.parameters():
            p.data = 0.9 * p.data
        step(x)
        return lambda: step(x)

    return make


def a_step(
    make: Callable[[int], Callable[[], object]],
    count: Callable[[Callable[[], object]], float],
    few: int = 6,
    many: int = 10,
) -> float:
    """What one more time step adds to a count."""
    counts = []
    for T in (few, many):
        run = make(T)
        run()  # so that what is made once is there
        run()
        gc.collect()
        counts.append(count(run))
    return (counts[1] - counts[0]) / (many - few)


def in_kernel(code: CodeType) -> bool:
    return "fused_" in code.co_filename


def in_program(code: CodeType) -> bool:
    return code.co_filename == "<compiled>"


# NumPy's calls -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "limit"), [("RNN", 5), ("LSTM", 14), ("GRU", 29)])
def test_calls_of_a_fused_step(kind: str, limit: int) -> None:
    """Of an LSTM 8 forward, of which one is the product, and 6 backward: nothing else waits for the recurrence."""
    assert 0 < a_step(training(kind, fused=True), lambda run: array_calls(run, in_kernel)) <= limit


@pytest.mark.parametrize(("kind", "limit"), [("RNN", 8), ("LSTM", 32), ("GRU", 42)])
def test_calls_of_a_compiled_step(kind: str, limit: int) -> None:
    assert 0 < a_step(compiled(kind), lambda run: array_calls(run, in_program)) <= limit


@pytest.mark.parametrize(("kind", "limit"), [("RNN", 203), ("LSTM", 459), ("GRU", 559)])
def test_functions_called_in_a_composed_step(kind: str, limit: int) -> None:
    """Of Python and built in, forward and backward: about 33 for each op that is recorded."""
    assert 0 < a_step(training(kind), python_calls) <= limit


def test_the_counters_count() -> None:
    code = compile("a = x.dot(x)\nfor k in range(3):\n    a += np.tanh(a)\n    a[0] = 1\n", "<counted>", "exec")
    x = np.ones((2, 2))

    def inside(one: CodeType) -> bool:
        return one.co_filename == "<counted>"

    assert array_calls(lambda: exec(code, {"np": np, "x": x}), inside) == 1 + 1 + 3 * 2  # dot, range, tanh and +=
    assert (
        python_calls(lambda: [len("a"), sorted([1])]) == 1 + 2 + 1
    )  # the lambda, len, sorted, and the end of profiling


# Ops and rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_ops_of_a_composed_step(kind: str) -> None:
    """Of an LSTM 2 linear, 2 +, split, 3 σ, tanh, 2 ⊙, +, tanh, ⊙."""
    layer = layer_of(kind)

    def ops(run: Any) -> int:
        return sum(vertex.kind in ("op", "state") for vertex in tg.graph_of(run()).vertices)

    assert a_step(lambda T: lambda: layer(tg.zeros(T, B, D))[0], ops) == COMPOSED_OPS[kind]


@pytest.mark.parametrize(("kind", "calls"), [("RNN", 9), ("LSTM", 22), ("GRU", 28)])
@pytest.mark.parametrize("given", [False, True], ids=["x is data", "x needs a gradient"])
def test_rules_called_in_a_composed_step(kind: str, calls: int, given: bool) -> None:
    """One for each input that needs a gradient: of an LSTM W, U, h, b, ..., and x, if it does."""
    layer = layer_of(kind)

    def contributions(run: Any) -> int:
        events = tg.backward_events(run().sum())
        return sum(len(event.contributions) for event in events)

    def make(T: int) -> Callable[[], Any]:
        x = tg.zeros(T, B, D, requires_grad=given)
        return lambda: layer(x)[0]

    assert a_step(make, contributions) == calls + given


# Bytes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "how", "limit"), [
    ("RNN", "composed", 4.2), ("LSTM", "composed", 13.7), ("GRU", "composed", 13.2),
    ("RNN", "fused", 5.7), ("LSTM", "fused", 19.7), ("GRU", "fused", 15.1),
    ("RNN", "compiled", 6.6), ("LSTM", "compiled", 15.5), ("GRU", "compiled", 11.5),
    ("RNN", "checkpoint", 2.6), ("LSTM", "checkpoint", 0.76), ("GRU", "checkpoint", 0.62),
])  # fmt: skip
def test_the_most_bytes_in_use_of_a_step(kind: str, how: str, limit: float) -> None:
    """In states (B, H): what is kept, the output and its cotangent, and Python's objects, a few hundred bytes an op."""
    options: dict[str, dict[str, Any]] = {"fused": {"fused": True}, "checkpoint": {"checkpoint": 8}}
    make = compiled(kind) if how == "compiled" else training(kind, **options.get(how, {}))
    few, many = (8, 20) if how == "compiled" else (20, 60)
    assert a_step(make, lambda run: peak_of(run) / STATE, few, many) <= limit


@pytest.mark.parametrize(("kind", "states"), [("RNN", 1), ("LSTM", 7), ("GRU", 6)])
def test_bytes_kept_of_a_step(kind: str, states: int) -> None:
    layer = layer_of(kind)

    def kept(run: Any) -> int:
        return tg.graph_of(run()).kept_bytes

    assert a_step(lambda T: lambda: layer(tg.zeros(T, B, D))[0], kept) == states * STATE + B * D * 4
