"""Answers to the exercises of chapter 2, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg


def tanh_by_tensors(y: Any, g: Any) -> tg.Tensor:
    z = tg.tensor(np.arctanh(y), requires_grad=True)
    return tg.grad(tg.tanh(z), [z], g)[0]


def rounded(y: Any, g: Any) -> Any:
    return np.round(g * (1 - y * y), 3).tolist()


def by_tensors(g: Any, shape: Any) -> Any:
    b = tg.tensor(np.zeros(shape), requires_grad=True)
    return tg.grad(tg.tensor(np.zeros(g.shape)) + b, [b], g)[0]


def by_loop(g: Any, shape: tuple[int, ...]) -> Any:
    while g.ndim > len(shape):
        g = g.sum(0)
    for axis, size in enumerate(shape):
        if size == 1 and g.shape[axis] > 1:
            g = g.sum(axis, keepdims=True)
    return g


def by_entries(g: Any, shape: tuple[int, ...]) -> Any:
    total = np.zeros(shape)
    spread = np.broadcast_to(np.arange(total.size).reshape(shape), g.shape)
    np.add.at(total.reshape(-1), spread.ravel(), g.ravel())
    return total


def only_left(g: Any, shape: tuple[int, ...]) -> Any:
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def without_keepdims(g: Any, shape: tuple[int, ...]) -> Any:
    g = only_left(g, shape)
    return g.sum(axis=tuple(k for k, size in enumerate(shape) if size == 1))


def first_part(g: Any, shape: tuple[int, ...]) -> Any:
    while g.ndim > len(shape):
        g = g[0]
    return g


def with_keepdims(g: Any, shape: tuple[int, ...]) -> Any:
    new = g.ndim - len(shape)
    axes = tuple(k for k in range(g.ndim) if k < new or shape[k - new] == 1)
    return g.sum(axis=axes, keepdims=True)


def mean(g: Any, shape: tuple[int, ...]) -> Any:
    return by_loop(g, shape) * np.prod(shape) / g.size


def product_by_tensors(g: Any, A: Any, B: Any) -> list[tg.Tensor]:
    a, b = tg.tensor(A, requires_grad=True), tg.tensor(B, requires_grad=True)
    return list(tg.grad(a @ b, [a, b], g))


RIGHT = {
    "2.1": [tanh_by_tensors, rounded, lambda y, g: (g - g * y * y).astype(np.float32)],
    "2.2": [lambda: by_tensors, lambda: by_loop, lambda: by_entries],
    "2.3": [
        lambda: product_by_tensors,
        lambda: lambda g, A, B: [np.einsum("ik,jk->ij", g, B), np.einsum("ij,ik->jk", A, g)],
        lambda: lambda g, a, b: ((b @ g.T).T, (g.T @ a).T),
    ],
}
WRONG = {
    "2.1": [
        ("factor `g` is missing", lambda y, g: 1 - y * y),
        ("factor `1 - y²` is missing", lambda y, g: g),
        ("sign is wrong", lambda y, g: g * (y * y - 1)),
        ("slope of σ", lambda y, g: g * y * (1 - y)),
        ("as if y were z", lambda y, g: g * (1 - np.tanh(y) ** 2)),
        ("it is transposed", lambda y, g: (g * (1 - y * y)).T),
        ("the square is missing", lambda y, g: g * (1 - y)),
        ("factor `y` is there once too often", lambda y, g: g * (1 - y * y) * y),
        ("every entry is 1.003 times the right one", lambda y, g: 1.003 * g * (1 - y * y)),
        ("1 of 6 entries are wrong, the first at (1, 2)", lambda y, g: g * (1 - y * y) + [[0, 0, 0], [0, 0, 1]]),
    ],
    "2.2": [
        ("the sum is missing", lambda: lambda g, shape: g),
        ("it is the mean", lambda: mean),
        ("with g (4, 3) and b (4, 1)", lambda: only_left),
        ("the axis of length 1 is gone", lambda: without_keepdims),
        ("one of the parts", lambda: first_part),
        ("the number of the parts", lambda: lambda g, shape: np.full(shape, g.size / np.prod(shape))),
        ("with length 1: b does not have them", lambda: with_keepdims),
        ("sign is wrong", lambda: lambda g, shape: -by_loop(g, shape)),
        ("with g (4, 3) and b (4, 1), ∂L/∂b", lambda: lambda g, shape: g.sum(0)),
        ("takes (g)", lambda: lambda g: g.sum(0)),
    ],
    "2.3": [
        ("B is not transposed", lambda: lambda g, A, B: (g @ B, A.T @ g)),
        ("A is not transposed", lambda: lambda g, A, B: (g @ B.T, A @ g)),
        ("∂L/∂A: this is the cotangent of B", lambda: lambda g, A, B: (A.T @ g, g @ B.T)),
        ("∂L/∂A: it is transposed", lambda: lambda g, A, B: (B @ g.T, A.T @ g)),
        ("∂L/∂B: the order of the product", lambda: lambda g, A, B: (g @ B.T, g @ A.T)),
        ("∂L/∂A: the sign", lambda: lambda g, A, B: (-g @ B.T, A.T @ g)),
        ("A stands in place of Bᵀ", lambda: lambda g, A, B: (g @ A, B @ g)),
        ("B is in place of A", lambda: lambda g, A, B: (g @ B.T, B.T @ g)),
        ("entry by entry", lambda: lambda g, A, B: (g * B, A * g)),
        ("∂L/∂A: the product with g is missing", lambda: lambda g, A, B: (B.T, A.T)),
        ("the pair (cotangent of A, cotangent of B); yours is one array", lambda: lambda g, A, B: g @ B.T),
        ("the pair (cotangent of A, cotangent of B), not a value of type function", lambda: lambda g, A, B: lambda: 0),
    ],
}  # fmt: skip
