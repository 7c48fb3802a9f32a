"""Sums and their kin. axis: one, several or all (None); keepdims as in NumPy.

Backward first gives the cotangent back its reduced axes (length 1), then spreads it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive

Axis: TypeAlias = int | tuple[int, ...] | None
Shape: TypeAlias = tuple[int, ...]


def _restore(g: Array, shape: Shape, axis: Axis, keepdims: bool) -> Array:
    """g with its reduced axes back, each of length 1."""
    if keepdims or not shape:
        return g
    return np.expand_dims(g, tuple(range(len(shape))) if axis is None else axis)


def _count(shape: Shape, axis: Axis) -> int:
    """How many elements went into each sum."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    count = 1
    for k in axes:
        count *= shape[k]
    return count


@primitive(numpy=np.sum)
def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Σ x: every element gets the cotangent of its sum."""
    return np.sum(x, axis=axis, keepdims=keepdims)


sum.defvjp(x=lambda g, x_shape, axis, keepdims: np.broadcast_to(_restore(g, x_shape, axis, keepdims), x_shape))


@primitive(numpy=np.mean)
def mean(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Σ x / n: every element gets the cotangent of its mean, divided by n."""
    return np.mean(x, axis=axis, keepdims=keepdims)


mean.defvjp(
    x=lambda g, x_shape, axis, keepdims: np.broadcast_to(
        _restore(g, x_shape, axis, keepdims) / (_count(x_shape, axis) or 1), x_shape
    )
)


def _extremum_vjp(g: Array, x: Array, y: Array, axis: Axis, keepdims: bool) -> Array:
    """The elements that reach the extremum share its cotangent evenly, so that it is neither lost nor doubled."""
    reached = x == _restore(y, x.shape, axis, keepdims)
    ties = reached.sum(axis=axis, keepdims=True)
    return np.where(reached, _restore(g, x.shape, axis, keepdims), 0) / ties.astype(x.dtype)


@primitive(numpy=(np.max, np.amax))
def max(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest element; the cotangent goes to it, in even shares where several tie."""
    return np.max(x, axis=axis, keepdims=keepdims)


max.defvjp(x=_extremum_vjp)


@primitive(numpy=(np.min, np.amin))
def min(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element; the cotangent goes to it, in even shares where several tie."""
    return np.min(x, axis=axis, keepdims=keepdims)


min.defvjp(x=_extremum_vjp)
