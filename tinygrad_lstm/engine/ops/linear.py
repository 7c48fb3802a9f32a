"""Products of matrices. Shapes are beside each op; ᵀ swaps the last two axes; g is G where it is a matrix."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive


@primitive(numpy=np.matmul)
def matmul(a: Array, b: Array) -> Array:
    """Y = A B: a (..., N, M) and b (..., M, K) give (..., N, K).

    A 1-d a (M,) is a row, a 1-d b (M,) is a column, as in NumPy; y has no axis for it.
    ∂L/∂A = G Bᵀ and ∂L/∂B = Aᵀ G.
    """
    return np.matmul(a, b)


def _matmul_vjp_a(g: Array, a_shape: tuple[int, ...], b: Array) -> Array:
    if b.ndim == 1:  # a (..., N, M), b (M,), g (..., N): every g times every b, (..., N, 1) * (M,) -> (..., N, M)
        return np.expand_dims(g, -1) * b
    if len(a_shape) == 1:  # a (M,), b (..., M, K), g (..., K): B g, (..., M); the loop sums it to (M,)
        return (b @ np.expand_dims(g, -1))[..., 0]
    return g @ np.swapaxes(b, -1, -2)


def _matmul_vjp_b(g: Array, a: Array, b_shape: tuple[int, ...]) -> Array:
    if a.ndim == 1 and len(b_shape) == 1:  # g is a number
        return a * g
    if a.ndim == 1:  # b (..., M, K), g (..., K): every a times every g, (M, 1) * (..., 1, K) -> (..., M, K)
        return np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if len(b_shape) == 1:  # a (..., N, M), g (..., N): Aᵀ g, (..., M); the loop sums it to (M,)
        return (np.swapaxes(a, -1, -2) @ np.expand_dims(g, -1))[..., 0]
    return np.swapaxes(a, -1, -2) @ g


matmul.defvjp(a=_matmul_vjp_a, b=_matmul_vjp_b)
matmul.defslope(a="G Bᵀ", b="Aᵀ G")


@primitive
def linear(x: Array, W: Array) -> Array:
    """Y = X Wᵀ in one op, with W as a layer stores it: x (..., D), W (K, D), y (..., K).

    ∂L/∂X = G W and ∂L/∂W = Gᵀ X, the sum of outer products over all leading axes.
    """
    return _product(x, W.T)


def _product(a: Array, b: Array) -> Array:
    """a @ b. For two matrices a.dot(b) is the same, in half the time where a has one row."""
    return a.dot(b) if a.ndim == 2 else a @ b


def _rows(x: Array) -> Array:
    """x as a matrix: every leading axis is one more row."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


linear.defvjp(x=lambda g, W: _product(g, W), W=lambda g, x: _product(_rows(g).T, _rows(x)))
linear.defslope(x="G W", W="Gᵀ X")
