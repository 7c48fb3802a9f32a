"""Products along an axis. Their slope is the product of all the *other* elements, exact where some are 0."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive
from tinygrad_lstm.engine.ops.reductions import Axis, Shape, restore


def _one_left_out(x: Array) -> Array:
    """Row i is x with its element i replaced by 1: x (..., n), result (..., n, n)."""
    return np.where(np.eye(x.shape[-1], dtype=bool), 1, np.expand_dims(x, -2))


@primitive(numpy=np.prod)
def prod(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """y = ∏ x, with ∂y/∂xᵢ the product of all others: y/xᵢ, or where an element is 0, taken anew without xᵢ, O(n²)."""
    return np.prod(x, axis=axis, keepdims=keepdims)


def _prod_vjp(g: Array, x: Array, y: Array, axis: Axis, keepdims: bool) -> Array:
    g = restore(g, x.shape, axis, keepdims)
    if (x != 0).all():
        return g * restore(y, x.shape, axis, keepdims) / x
    order, shape = _reduced_axes_last(x.shape, axis)
    moved = np.transpose(x, order)
    others = np.prod(_one_left_out(np.reshape(moved, shape)), axis=-1)
    return g * np.transpose(np.reshape(others, moved.shape), np.argsort(order).tolist())


def _reduced_axes_last(shape: Shape, axis: Axis) -> tuple[list[int], Shape]:
    """The axes with the reduced ones last, and the shape where those are one."""
    reduced = [
        k % len(shape) for k in (range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis)
    ]
    others = [k for k in range(len(shape)) if k not in reduced]
    return others + reduced, (*(shape[k] for k in others), int(np.prod([shape[k] for k in reduced])))


prod.defvjp(x=_prod_vjp)


@primitive(numpy=np.cumprod)
def cumprod(x: Array, axis: int | None = None) -> Array:
    """yᵢ = x₀ x₁ ... xᵢ along an axis (None: of all elements in row order)."""
    return np.cumprod(x, axis)


def _cumprod_vjp(g: Array, x: Array, y: Array, axis: int | None) -> Array:
    """Each xₖ is in every yᵢ from i = k on: Σᵢ≥ₖ gᵢ yᵢ / xₖ, or with an element 0, the products without xₖ anew."""
    if (x != 0).all():
        total = np.flip(np.cumsum(np.flip(g * y, axis), axis), axis)
        return np.reshape(total, x.shape) / x
    rows = np.moveaxis(x, axis, -1) if axis is not None else np.reshape(x, -1)
    g = np.moveaxis(g, axis, -1) if axis is not None else g
    n = rows.shape[-1]
    without = np.cumprod(_one_left_out(rows), axis=-1)
    total = np.sum(np.where(np.tri(n, dtype=bool).T, np.expand_dims(g, -2) * without, 0), axis=-1)
    return np.moveaxis(total, -1, axis) if axis is not None else np.reshape(total, x.shape)


cumprod.defvjp(x=_cumprod_vjp)
