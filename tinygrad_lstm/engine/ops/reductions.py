"""Sums, means, extremes and other reductions. axis: one, several or all (None); keepdims as in NumPy.

Backward first gives the cotangent back its reduced axes (length 1), then spreads it. ``wide``: see the module of that
name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive

Axis: TypeAlias = int | tuple[int, ...] | None
Shape: TypeAlias = tuple[int, ...]


def restore(g: Array, shape: Shape, axis: Axis, keepdims: bool) -> Array:
    """g with its reduced axes back, each of length 1."""
    return g if keepdims or not shape else g.reshape(_restored_shape(shape, axis))


@lru_cache  # np.expand_dims, in a tenth of its time
def _restored_shape(shape: Shape, axis: Axis) -> Shape:
    """The shape with 1 in place of the reduced axes."""
    reduced = {k % len(shape) for k in _axes(shape, axis)}
    return tuple([1 if k in reduced else n for k, n in enumerate(shape)])


def _axes(shape: Shape, axis: Axis) -> Iterable[int]:
    return range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def _count(shape: Shape, axis: Axis) -> int:
    """How many elements went into each sum."""
    return math.prod([shape[k] for k in _axes(shape, axis)])


@primitive(numpy=np.sum, wide=True)
def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Σ x: every element gets the cotangent of its sum."""
    return x.sum(axis=axis, keepdims=keepdims)  # np.sum, in half its time


sum.defvjp(x=lambda g, x_shape, axis, keepdims: np.broadcast_to(restore(g, x_shape, axis, keepdims), x_shape))


@primitive(numpy=np.mean, wide=True)
def mean(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """Σ x / n: every element gets the cotangent of its mean, divided by n."""
    return np.mean(x, axis=axis, keepdims=keepdims)


mean.defvjp(
    x=lambda g, x_shape, axis, keepdims: np.broadcast_to(
        restore(g, x_shape, axis, keepdims) / (_count(x_shape, axis) or 1), x_shape
    )
)


def extremum_vjp(g: Array, x: Array, y: Array, axis: Axis, keepdims: bool) -> Array:
    """The elements that reach the extremum share its cotangent evenly, so that it is neither lost nor doubled."""
    reached = x == restore(y, x.shape, axis, keepdims)
    ties = reached.sum(axis=axis, keepdims=True)
    return np.where(reached, restore(g, x.shape, axis, keepdims), 0) / ties.astype(x.dtype)


@primitive(numpy=(np.max, np.amax), wide=True)
def max(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest element; the cotangent goes to it, in even shares where several tie."""
    return np.max(x, axis=axis, keepdims=keepdims)


max.defvjp(x=extremum_vjp)


@primitive(numpy=(np.min, np.amin), wide=True)
def min(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element; the cotangent goes to it, in even shares where several tie."""
    return np.min(x, axis=axis, keepdims=keepdims)


min.defvjp(x=extremum_vjp)


@primitive(numpy=np.cumsum, wide=True)
def cumsum(x: Array, axis: int | None = None) -> Array:
    """yᵢ = x₀ + x₁ + ... + xᵢ along an axis (None: of all elements in row order); backward sums from the other end."""
    return np.cumsum(x, axis)


cumsum.defvjp(
    x=lambda g, x_shape, axis: np.reshape(np.flip(np.cumsum(np.flip(g, axis), axis), axis), x_shape),
)


def _deviation(x: Array, axis: Axis) -> Array:
    return x - np.mean(x, axis=axis, keepdims=True)


@primitive(numpy=np.var, wide=True)
def var(x: Array, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Array:
    """y = Σ (x - mean)² / (n - ddof), with slope 2 (x - mean) / (n - ddof). As in NumPy, ddof is 0 if not given."""
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


var.defvjp(
    x=lambda g, x, axis, ddof, keepdims: (
        restore(g, x.shape, axis, keepdims) * _deviation(x, axis) * 2 / (_count(x.shape, axis) - ddof)
    )
)
var.defslope(x="2 (x - mean) / (n - ddof)")


def off_zero(y: Array) -> Array:
    """y, but 1 where it is 0: so that 0/y is 0, a slope at the kink."""
    return np.where(y == 0, 1, y)


def unit_of(x: Array, axis: Axis) -> Array:
    """The power of two at the largest |x| along the axis: of x / unit, which is exact, no square leaves the dtype."""
    top = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    one, exponent = np.frexp(np.where(np.isfinite(top), top, 1))
    return np.ldexp(np.ones_like(one), exponent - 1)


@primitive(numpy=np.std, wide=True)
def std(x: Array, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Array:
    """y = √var, with slope (x - mean) / ((n - ddof) y): 0 at the kink, where all x are equal."""
    unit = unit_of(x, axis)
    y = np.std(x / unit, axis=axis, ddof=ddof, keepdims=True) * unit
    return y if keepdims else y.squeeze(axis=axis)


def _std_vjp(g: Array, x: Array, y: Array, axis: Axis, ddof: float, keepdims: bool) -> Array:
    g, y = (restore(part, x.shape, axis, keepdims) for part in (g, y))
    return g * (_deviation(x, axis) / off_zero(y)) / (_count(x.shape, axis) - ddof)


std.defvjp(x=_std_vjp)
