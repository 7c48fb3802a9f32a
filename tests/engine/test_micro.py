"""Chapter zero is right: micro's gradients are those of the engine, of differences, and of a pencil."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.long_chains import few_and_many, run_with_a_shallow_stack
from tinygrad_lstm import micro, micro_arrays
from tinygrad_lstm.micro import Value

UNARY: list[Callable[[Any], Any]] = [
    lambda x: x + 2, lambda x: 2 + x, lambda x: x - 2, lambda x: 2 - x, lambda x: x * 3, lambda x: 3 * x,
    lambda x: x / 4, lambda x: 4 / x, lambda x: -x, lambda x: x**3, lambda x: x**0.5, lambda x: x**0, lambda x: 2**x,
]  # fmt: skip
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / y, lambda x, y: x**y,
]  # fmt: skip
NAMED = ("exp", "log", "tanh", "sigmoid", "relu")


def slopes(f: Callable[..., Any], *xs: float) -> tuple[float, list[float]]:
    values = [Value(x) for x in xs]
    y = f(*values)
    y.backward()
    return y.data, [value.grad for value in values]


def engine_slopes(f: Callable[..., Any], *xs: float) -> tuple[float, list[float]]:
    tensors = [tg.tensor(x, dtype=float, requires_grad=True) for x in xs]
    y = f(*tensors)
    y.backward()
    return y.item(), [0.0 if x.grad is None else x.grad.item() for x in tensors]


def differences(f: Callable[..., Any], *xs: float) -> list[float]:
    step = 1e-6
    return [
        (f(*[Value(x + step * (i == k)) for i, x in enumerate(xs)]).data
         - f(*[Value(x - step * (i == k)) for i, x in enumerate(xs)]).data) / (2 * step)
        for k in range(len(xs))
    ]  # fmt: skip


@pytest.mark.parametrize("f", [*UNARY, *BINARY])
@pytest.mark.parametrize("xs", [(0.7, 1.3), (2.5, 0.4)])
def test_operators(f: Callable[..., Any], xs: tuple[float, ...]) -> None:
    xs = xs[: f.__code__.co_argcount]
    (y, g), (expected, expected_g) = slopes(f, *xs), engine_slopes(f, *xs)
    assert y == pytest.approx(expected)
    assert g == pytest.approx(expected_g)
    assert g == pytest.approx(differences(f, *xs), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("x", [0.3, 2.0])
def test_functions(name: str, x: float) -> None:
    (y, g), (expected, expected_g) = slopes(lambda x: getattr(x, name)(), x), engine_slopes(getattr(tg, name), x)
    assert y == pytest.approx(expected)
    assert g == pytest.approx(expected_g)
    assert g == pytest.approx(differences(lambda x: getattr(x, name)(), x), rel=1e-6)


def test_kinks_and_ties_are_the_engines() -> None:
    assert slopes(lambda x: x.relu(), 0.0) == engine_slopes(tg.relu, 0.0) == (0.0, [0.0])
    for a, b in ((1.0, 2.0), (2.0, 1.0), (1.0, 1.0)):
        assert slopes(lambda x, y: x.maximum(y), a, b) == engine_slopes(tg.maximum, a, b)
    assert slopes(lambda x: x.maximum(1.0), 3.0) == (3.0, [1.0])


def test_far_out_nothing_overflows() -> None:
    assert slopes(lambda x: x.sigmoid(), -1000.0) == (0.0, [0.0])
    assert slopes(lambda x: x.sigmoid(), 1000.0) == (1.0, [0.0])
    assert slopes(lambda x: (-x) ** 2, 3.0) == (9.0, [6.0])
    assert slopes(lambda x: x**0, 0.0) == (1.0, [0.0])


def test_a_value_used_several_times_adds_up_its_parts() -> None:
    """The programs that fail where a gradient overwrites, or is handed on too early."""

    def diamond(x: Value) -> Value:
        a = x * x
        b = a + x
        c = a * b  # a waits for c and for b
        return b * c + a

    def by_hand(x: float) -> float:  # L = (x² + x)² x² + x²
        return 2 * (x * x + x) * (2 * x + 1) * x * x + (x * x + x) ** 2 * 2 * x + 2 * x

    assert slopes(lambda x: x + x, 3.0) == (6.0, [2.0])
    assert slopes(lambda x: x * x + x, 3.0) == (12.0, [7.0])
    assert slopes(lambda x: x, 3.0) == (3.0, [1.0])
    assert slopes(diamond, 3.0)[1] == [by_hand(3.0)]


def test_a_second_backward_adds_once_more_and_no_more() -> None:
    x = Value(3.0)
    y = x * x
    z = y * y
    z.backward()
    z.backward()
    assert (x.grad, y.grad, z.grad) == (2 * 4 * 27.0, 2 * 18.0, 2.0)
    (y + x).backward()  # another result, through some of the same values
    assert x.grad == 2 * 4 * 27.0 + 7.0


def test_random_programs_agree_with_the_engine() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        plan = [(random.integers(5), *random.integers(0, 3 + k, 2)) for k in range(12)]

        def program(*xs: Any, plan: Any = plan) -> Any:
            values = list(xs)
            for op, i, k in plan:
                a, b = values[i], values[k]
                bounded = a * 0.5 if op < 3 else a
                values.append((bounded + b, bounded * b, bounded - b, tanh(a), a / (b * b + 1))[op])
            return values[-1] + values[-2] * values[0]

        def tanh(x: Any) -> Any:
            return x.tanh() if isinstance(x, Value) else tg.tanh(x)

        xs = random.uniform(-1, 1, 3)
        ours, theirs = slopes(program, *xs), engine_slopes(program, *xs)
        assert ours[0] == pytest.approx(theirs[0], rel=1e-12)
        assert ours[1] == pytest.approx(theirs[1], rel=1e-10, abs=1e-12)


@few_and_many(2_000, 100_000)
def test_a_long_chain(n: int) -> None:
    printed = run_with_a_shallow_stack(f"""
        from tinygrad_lstm.micro import Value
        w, h = Value(0.9), Value(0.0)
        for t in range({n}):
            h = (w * h + 0.1).tanh()
        h.backward()
        y, slope = 0.0, 0.0
        for t in range({n}):
            y, slope = np.tanh(0.9 * y + 0.1), (1 - np.tanh(0.9 * y + 0.1) ** 2) * (y + 0.9 * slope)
        print(abs(w.grad - slope) < 1e-9 * abs(slope))
        del h
    """)
    assert printed.strip() == "True"


def test_it_needs_nothing_but_math() -> None:
    tree = ast.parse(Path(micro.__file__).read_text("utf-8"))
    imported = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imported == ["from __future__ import annotations", "import math"]


# With arrays --------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
VJPS: dict[str, tuple[Callable[..., Any], Callable[..., Any], int, tuple[Any, ...]]] = {  # op, rule, input, inputs
    "multiply": (lambda a, b: a * b, lambda g, a, b: micro_arrays.multiply_vjp(g, b), 0, (3, 3)),
    "linear in x": (lambda W, x: W @ x, lambda g, W, x: micro_arrays.linear_vjp_x(g, W), 1, ((4, 3), 3)),
    "linear in W": (lambda W, x: W @ x, lambda g, W, x: micro_arrays.linear_vjp_W(g, x), 0, ((4, 3), 3)),
    "broadcast": (lambda x, b: x + b, lambda g, x, b: micro_arrays.broadcast_vjp(g), 1, (3, ())),
}


@pytest.mark.parametrize(("op", "rule", "k", "shapes"), VJPS.values(), ids=VJPS.keys())
def test_rules_on_arrays_are_those_of_the_engine_and_of_the_whole_jacobian(
    op: Callable[..., Any], rule: Callable[..., Any], k: int, shapes: tuple[Any, ...]
) -> None:
    arrays = [np.asarray(RNG.normal(size=shape)) for shape in shapes]
    z = op(*arrays)
    g = RNG.normal(size=z.shape)
    ours = rule(g, *arrays)
    tensors = [tg.tensor(array, requires_grad=True) for array in arrays]
    (engine,) = tg.grad(op(*tensors), tensors[k], grad_outputs=g)
    np.testing.assert_allclose(ours, engine.data, rtol=1e-12)
    table = micro_arrays.jacobian(lambda x: op(*arrays[:k], x, *arrays[k + 1 :]), arrays[k])
    assert table.shape == z.shape + arrays[k].shape
    np.testing.assert_allclose(np.tensordot(g, table, g.ndim), ours, atol=1e-5)
