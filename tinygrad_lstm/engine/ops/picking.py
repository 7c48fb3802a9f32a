"""Picking elements by number, by rank or by place, made of ``index``: an element picked twice gets both cotangents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_lstm.engine.ops.arithmetic import add
from tinygrad_lstm.engine.ops.composite import composite
from tinygrad_lstm.engine.ops.dtypes import alike
from tinygrad_lstm.engine.ops.indexing import index, scatter
from tinygrad_lstm.engine.ops.shapes import reshape

if TYPE_CHECKING:  # for types only
    from tinygrad_lstm.engine.call_types import Tensor


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
