"""Whole graphs against other engines: a naive one written out here, and PyTorch where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, gradcheck, gradgradcheck, micro

SHAPE = (2, 3)


class Naive:
    """Reverse mode without an engine: every value carries its derivatives with respect to all leaves, path by path.

    ``paths`` maps a leaf to d(self[i])/d(leaf[j]) as a matrix, found forward by the chain rule for Jacobians. It shares
    no line and no idea with the loop it is to check.
    """

    def __init__(self, value: Any, paths: dict[int, Any]) -> None:
        self.value, self.paths = value, paths

    @classmethod
    def leaf(cls, number: int, value: Any) -> Naive:
        return cls(value, {number: np.eye(value.size)})

    def apply(self, value: Any, jacobian: Any) -> Naive:
        return Naive(value, {k: jacobian @ p for k, p in self.paths.items()})

    def elementwise(self, value: Any, slope: Any) -> Naive:
        return self.apply(value, np.diag(slope.ravel()))

    def plus(self, other: Naive, value: Any) -> Naive:
        paths = dict(self.paths)
        for k, p in other.paths.items():
            paths[k] = paths[k] + p if k in paths else p
        return Naive(value, paths)

    def gradient(self, leaf: int, v: Any) -> Any:
        zero = np.zeros((self.value.size, int(np.prod(SHAPE))))
        return (v.ravel() @ self.paths.get(leaf, zero)).reshape(SHAPE)


def naive_step(op: str, a: Naive, b: Naive) -> Naive:
    x, y = a.value, b.value
    if op == "add":
        return a.plus(b, x + y)
    if op == "subtract":
        return a.plus(b.elementwise(y, -np.ones(SHAPE)), x - y)
    if op == "multiply":
        return a.elementwise(x, y).plus(b.elementwise(y, x), x * y)
    if op == "tanh":
        return a.elementwise(np.tanh(x), 1 - np.tanh(x) ** 2)
    if op == "sigmoid":
        s = 1 / (1 + np.exp(-x))
        return a.elementwise(s, s * (1 - s))
    if op == "mean and back":  # a reduction, and broadcasting undone
        spread = np.kron(np.ones((2, 2)), np.eye(3)) / 2
        return a.apply(np.broadcast_to(x.mean(axis=0), SHAPE), spread).plus(b, x.mean(axis=0) + y)
    if op == "rows":  # a row picked twice
        pick = np.kron(np.array([[0, 1], [0, 1]]), np.eye(3))
        return a.apply(x[[1, 1]], pick)
    flip = np.kron(np.array([[0, 1], [1, 0]]), np.eye(3))
    return a.apply(x[::-1], flip)  # "flip"


def our_step(op: str, a: Any, b: Any) -> Any:
    if op in ("add", "subtract", "multiply"):
        return getattr(tg, op)(a, b)
    if op in ("tanh", "sigmoid"):
        return getattr(tg, op)(a)
    if op == "mean and back":
        return a.mean(axis=0) + b
    return a[np.array([1, 1])] if op == "rows" else tg.concatenate(tg.split(a, 2)[::-1])


def torch_step(torch: Any, op: str, a: Any, b: Any) -> Any:
    if op in ("add", "subtract", "multiply"):
        return getattr(torch, op)(a, b)
    if op in ("tanh", "sigmoid"):
        return getattr(torch, op)(a)
    if op == "mean and back":
        return a.mean(0) + b
    return a[[1, 1]] if op == "rows" else torch.flip(a, [0])


OPS = ("add", "subtract", "multiply", "tanh", "sigmoid", "mean and back", "rows", "flip")
PROGRAM = st.lists(
    st.tuples(st.sampled_from(OPS), st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=25
)


def run(program: list[tuple[str, int, int]], values: list[Any], step: Any) -> Any:
    """Each step reads two of the values before it; the last value is the result."""
    for op, i, j in program:
        values.append(step(op, values[i % len(values)], values[j % len(values)]))
    return values[-1]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(program=PROGRAM, seed=st.integers(0, 2**32 - 1))
def test_random_graphs_agree_with_the_naive_engine(program: list[tuple[str, int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    data, v = rng.standard_normal((3, *SHAPE)), rng.standard_normal(SHAPE)
    naive = run(program, [Naive.leaf(k, x) for k, x in enumerate(data)], naive_step)
    leaves = [tg.tensor(x, requires_grad=True) for x in data]
    y = run(program, list(leaves), our_step)
    np.testing.assert_allclose(y.data, naive.value, rtol=1e-10, atol=1e-12)
    gradients = tg.grad(y, leaves, v, allow_unused=True, retain_graph=True)
    recorded = tg.grad(y, leaves, v, allow_unused=True, create_graph=True)
    y.backward(v)
    for k, (leaf, g, again) in enumerate(zip(leaves, gradients, recorded, strict=True)):
        expected = naive.gradient(k, v)
        for found in (g, again, leaf.grad):
            found_data = np.zeros(SHAPE) if found is None else found.data
            np.testing.assert_allclose(found_data, expected, rtol=1e-9, atol=1e-11)


SCALAR: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add": (tg.add, lambda a, b: a + b),
    "subtract": (tg.subtract, lambda a, b: a - b),
    "multiply": (tg.multiply, lambda a, b: a * b),
    "divide": (lambda a, b: a / (b * b + 1), lambda a, b: a / (b * b + 1.0)),
    "power": (lambda a, b: tg.exp(tg.tanh(a)) ** tg.tanh(b), lambda a, b: a.tanh().exp() ** b.tanh()),
    "log": (lambda a, b: tg.log(a * a + 1), lambda a, b: (a * a + 1.0).log()),
    "sigmoid": (lambda a, b: tg.sigmoid(a), lambda a, b: a.sigmoid()),
    "relu": (lambda a, b: tg.relu(a), lambda a, b: a.relu()),
}
SCALAR_PROGRAM = st.lists(
    st.tuples(st.sampled_from(sorted(SCALAR)), st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=25
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(program=SCALAR_PROGRAM, seed=st.integers(0, 2**32 - 1))
def test_random_programs_of_numbers_agree_with_micro(program: list[tuple[str, int, int]], seed: int) -> None:
    """Chapter zero is an oracle too: 0-d tensors against the engine of plain numbers."""
    numbers = np.random.default_rng(seed).uniform(-1.5, 1.5, 3)
    leaves = [tg.tensor(np.array(x), requires_grad=True) for x in numbers]
    values = [micro.Value(float(x)) for x in numbers]
    y = run(program, list(leaves), lambda op, a, b: SCALAR[op][0](a, b))
    z = run(program, list(values), lambda op, a, b: SCALAR[op][1](a, b))
    np.testing.assert_allclose(y.item(), z.data, rtol=1e-12)
    y.backward()
    z.backward()
    for leaf, value in zip(leaves, values, strict=True):
        np.testing.assert_allclose(0.0 if leaf.grad is None else leaf.grad.item(), value.grad, rtol=1e-9, atol=1e-11)


@pytest.mark.oracle
@settings(max_examples=60, deadline=None, derandomize=True)
@given(program=PROGRAM, seed=st.integers(0, 2**32 - 1))
def test_random_graphs_agree_with_torch_to_second_order(program: list[tuple[str, int, int]], seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    data, v, u = rng.standard_normal((3, *SHAPE)), rng.standard_normal(SHAPE), rng.standard_normal((3, *SHAPE))
    ours, theirs = [tg.tensor(x, requires_grad=True) for x in data], [torch.tensor(x, requires_grad=True) for x in data]
    y = run(program, list(ours), our_step)
    z = run(program, list(theirs), lambda op, a, b: torch_step(torch, op, a, b))
    first = tg.grad(y, ours, v, create_graph=True, allow_unused=True)
    torch_first = torch.autograd.grad(z, theirs, torch.tensor(v), create_graph=True, allow_unused=True)
    assert [g is None for g in first] == [g is None for g in torch_first]
    for g, want in zip(first, torch_first, strict=True):
        if g is not None:
            np.testing.assert_allclose(g.data, want.detach().numpy(), rtol=1e-9, atol=1e-11)
    inner = [(g * w).sum() for g, w in zip(first, u, strict=True) if g is not None and g.requires_grad]
    torch_inner = [
        (g * torch.tensor(w)).sum() for g, w in zip(torch_first, u, strict=True) if g is not None and g.requires_grad
    ]
    if inner:
        second = tg.grad(inner, ours, allow_unused=True)
        torch_second = torch.autograd.grad(torch_inner, theirs, allow_unused=True)
        for h, want in zip(second, torch_second, strict=True):
            ours_data = np.zeros(SHAPE) if h is None else h.data
            theirs_data = np.zeros(SHAPE) if want is None else want.numpy()
            np.testing.assert_allclose(ours_data, theirs_data, rtol=1e-8, atol=1e-10)


def rnn(tanh: Any, x: Any, h: Any, W: Any, U: Any, b: Any) -> Any:
    """Three steps of h' = tanh(x Wᵀ + h Uᵀ + b)."""
    for _ in range(3):
        h = tanh(x @ W.T + h @ U.T + b)
    return h


def rnn_data(rng: np.random.Generator) -> list[Any]:
    return [rng.standard_normal(shape) for shape in ((2, 3), (2, 4), (4, 3), (4, 4), (4,))]


def test_grad_of_grad_of_rnn_steps_by_differences(rng: np.random.Generator) -> None:
    leaves = [tg.tensor(array, requires_grad=True) for array in rnn_data(rng)]
    assert gradcheck(lambda *args: rnn(tg.tanh, *args), leaves)
    assert gradgradcheck(lambda *args: rnn(tg.tanh, *args), leaves)


@pytest.mark.oracle
def test_a_gradient_penalty_of_rnn_steps_agrees_with_torch(rng: np.random.Generator) -> None:
    """Train on ‖∂L/∂x‖²: a backward pass through a backward pass."""
    torch = pytest.importorskip("torch")
    data = rnn_data(rng)
    ours, theirs = [tg.tensor(a, requires_grad=True) for a in data], [torch.tensor(a, requires_grad=True) for a in data]
    (dx,) = tg.grad((rnn(tg.tanh, *ours) ** 2).sum(), ours[0], create_graph=True)
    (want,) = torch.autograd.grad((rnn(torch.tanh, *theirs) ** 2).sum(), theirs[0], create_graph=True)
    assert dx is not None
    np.testing.assert_allclose(dx.data, want.detach().numpy(), rtol=1e-12)
    (dx * dx).sum().backward()
    (want * want).sum().backward()
    for our, their in zip(ours, theirs, strict=True):
        assert our.grad is not None
        np.testing.assert_allclose(our.grad.data, their.grad.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("order", range(1, 6))
def test_derivatives_of_a_polynomial_to_the_fifth(order: int) -> None:
    coefficients = np.array([3.0, -1.0, 2.0, 0.5, -4.0, 1.0])  # 3x⁵ - x⁴ + ...
    x = tg.tensor(np.linspace(-1.0, 1.0, 5), requires_grad=True)
    y: Tensor = sum((float(c) * x ** (5 - k) for k, c in enumerate(coefficients)), tg.tensor(np.zeros(5)))
    for _ in range(order):
        (g,) = tg.grad(y.sum(), x, create_graph=True)
        assert g is not None
        y = g
    np.testing.assert_allclose(y.data, np.polyval(np.polyder(coefficients, order), x.data), rtol=1e-12, atol=1e-12)


def test_a_hessian_is_symmetric_and_right(rng: np.random.Generator) -> None:
    """Of f = Σ tanh(A x)²: 2 Aᵀ diag((1 - t²)(1 - 3 t²)) A."""
    A, x = rng.standard_normal((4, 3)), tg.tensor(rng.standard_normal(3), requires_grad=True)
    (g,) = tg.grad((tg.tanh(A @ x) ** 2).sum(), x, create_graph=True)
    assert g is not None
    rows = []
    for k in range(3):
        (row,) = tg.grad(g[k], x, retain_graph=True)
        assert row is not None
        rows.append(row.data)
    t = np.tanh(A @ x.data)
    np.testing.assert_allclose(rows, 2 * A.T @ np.diag((1 - t**2) * (1 - 3 * t**2)) @ A, rtol=1e-12, atol=1e-13)
