"""Picking elements by number, by rank or by place, and putting others where they were.

What is made of ``index`` hands an element picked twice both cotangents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_lstm.engine.ops.arithmetic import add
from tinygrad_lstm.engine.ops.dtypes import alike
from tinygrad_lstm.engine.ops.indexing import index, scatter
from tinygrad_lstm.engine.ops.more.composite import composite
from tinygrad_lstm.engine.ops.primitive import Array, primitive
from tinygrad_lstm.engine.ops.shapes import reshape

if TYPE_CHECKING:  # for types only
    from tinygrad_lstm.engine.call_types import Tensor

Shape: TypeAlias = tuple[int, ...]


@composite(np.take)
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The elements of these numbers along an axis (None: of all elements in row order)."""
    if axis is None:
        return index(reshape(x, -1), np.asarray(indices))
    return index(x, (slice(None),) * normalize_axis_index(axis, np.ndim(x)) + (np.asarray(indices),))


@composite(np.take_along_axis)
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """y[i, j] = x[i, indices[i, j]], here along the last of two axes: PyTorch's gather."""
    if axis is None:
        return take_along_axis(reshape(x, -1), indices, 0)
    indices = np.asarray(indices)
    if indices.ndim != np.ndim(x):
        raise ValueError(f"the indices have {indices.ndim} axes, x has {np.ndim(x)}")
    key = list(np.ix_(*map(np.arange, np.shape(x))))
    key[normalize_axis_index(axis, np.ndim(x))] = indices
    return index(x, tuple(key))


@composite(np.sort)
def sort(x: Any, axis: int | None = -1) -> Tensor:
    """The elements in ascending order along an axis (None: all of them); of equals, the first comes first."""
    if axis is None:
        return sort(reshape(x, -1))
    axis = normalize_axis_index(axis, np.ndim(x))
    return take_along_axis(x, np.argsort(x, axis, kind="stable"), axis)


@composite()
def index_add(x: Any, key: Any, values: Any) -> Tensor:
    """x with the values added at ``key``; what falls on one place twice adds up: PyTorch's index_add, scatter_add.

    >>> import tinygrad_lstm as tg
    >>> tg.index_add(tg.zeros(3), [0, 2, 2], tg.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    x, values = alike(x, values)
    return add(x, scatter(values, key, np.shape(x)))


@primitive
def index_put(x: Array, key: Any, values: Array) -> Array:
    """A copy of x with x[key] = values; of values written to one place the last one stays, as in NumPy.

    What was overwritten gets no gradient: neither x there, nor all but the last of the values. Raises DtypeError for
    values that x's dtype cannot hold, ShapeError where they do not broadcast to x[key].

    >>> import tinygrad_lstm as tg
    >>> x, v = tg.zeros(3, requires_grad=True), tg.tensor([5.0, 6.0, 7.0], requires_grad=True)
    >>> y = tg.index_put(x, [0, 2, 2], v)
    >>> y.tolist(), [g.tolist() for g in tg.grad(y.sum(), [x, v])]
    ([5.0, 0.0, 7.0], [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    """
    y = np.array(x)
    if not np.can_cast(np.result_type(values), y.dtype, "same_kind"):
        raise TypeError(f"values of dtype {np.result_type(values)} do not go into {y.dtype}")
    y[key] = np.broadcast_to(values, y[key].shape)
    return y


def _written(shape: Shape, key: Any) -> Array:
    """Where x[key] = values writes."""
    written = np.zeros(shape, bool)
    written[key] = True
    return written


def _last(shape: Shape, key: Any) -> Array:
    """Which of the values stay: those that no later one overwrites."""
    writer = np.empty(shape, int)
    order = np.arange(writer[key].size).reshape(writer[key].shape)
    writer[key] = order
    return writer[key] == order


index_put.defvjp(
    x=lambda g, key: np.where(_written(g.shape, key), 0, g),
    values=lambda g, key: np.where(_last(g.shape, key), g[key], 0),
)
