"""Products along an axis. Their slope is the product of all the *other* elements, exact where some are 0.

The short formula divides by x. It is taken where all products so divided are numbers of full precision: none is 0,
infinite, or so small that digits are missing.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive
from tinygrad_lstm.engine.ops.reductions import Axis, Shape, restore


def _before(x: Array) -> Array:
    """The product of all elements before each one along the last axis, 1 for the first."""
    one = np.ones((*x.shape[:-1], 1), x.dtype)
    return np.cumprod(np.concatenate([one, x[..., :-1]], -1), -1)


def _can_be_divided(y: Array) -> bool:
    """Whether y / x gives the other factors of each product y."""
    size = np.abs(y)
    return bool(((size >= np.finfo(y.dtype).tiny) & np.isfinite(y)).all())


@primitive(numpy=np.prod, wide=True)
def prod(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """y = ∏ x, with ∂y/∂xᵢ the product of all others: y/xᵢ, or those before xᵢ times those after.

    The latter where y is 0, or not in the dtype's range.
    """
    return np.prod(x, axis=axis, keepdims=keepdims)


def _prod_vjp(g: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    g, y = restore(g, x.shape, axis, keepdims), x.prod(axis=axis, keepdims=True)
    if _can_be_divided(y):
        return g * y / x
    order, shape = _reduced_axes_last(x.shape, axis)
    moved = np.transpose(x, order)
    rows = np.reshape(moved, shape)
    others = _before(rows) * np.flip(_before(np.flip(rows, -1)), -1)
    return g * np.transpose(np.reshape(others, moved.shape), np.argsort(order).tolist())


def _reduced_axes_last(shape: Shape, axis: Axis) -> tuple[list[int], Shape]:
    """The axes with the reduced ones last, and the shape where those are one."""
    reduced = [
        k % len(shape) for k in (range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis)
    ]
    others = [k for k in range(len(shape)) if k not in reduced]
    return others + reduced, (*(shape[k] for k in others), int(np.prod([shape[k] for k in reduced])))


prod.defvjp(x=_prod_vjp)


@primitive(numpy=np.cumprod, wide=True)
def cumprod(x: Array, axis: int | None = None) -> Array:
    """yᵢ = x₀ x₁ ... xᵢ along an axis (None: of all elements in row order)."""
    return np.cumprod(x, axis)


def _cumprod_vjp(g: Array, x: Array, axis: int | None) -> Array:
    """Each xₖ is in every yᵢ from i = k on: dL/dxₖ = Σᵢ≥ₖ gᵢ yᵢ / xₖ.

    Where some are 0, without division: the product of what is before xₖ, times Sₖ = gₖ + xₖ₊₁ Sₖ₊₁.
    """
    y = x.cumprod(axis)
    if _can_be_divided(y):
        total = np.flip(np.cumsum(np.flip(g * y, axis), axis), axis)
        return np.reshape(total, x.shape) / x
    rows = np.reshape(x, -1) if axis is None else np.moveaxis(x, axis, -1)
    g = g if axis is None else np.moveaxis(g, axis, -1)
    S = [g[..., -1]]
    for k in reversed(range(rows.shape[-1] - 1)):
        S.append(g[..., k] + rows[..., k + 1] * S[-1])
    total = _before(rows) * np.stack(S[::-1], -1)
    return np.reshape(total, x.shape) if axis is None else np.moveaxis(total, -1, axis)


cumprod.defvjp(x=_cumprod_vjp)
