"""Diagonals and triangles of matrices. x (..., n, m); offset, k: how far above the main diagonal, below if negative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.engine.ops.choices import where
from tinygrad_lstm.engine.ops.indexing import index, scatter
from tinygrad_lstm.engine.ops.more.composite import composite
from tinygrad_lstm.engine.ops.more.rearranging import moveaxis
from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.engine.ops.reductions import sum

if TYPE_CHECKING:  # for types only
    from tinygrad_lstm.engine.call_types import Tensor


@composite(np.diagonal)
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """x[i, i + offset] over the two axes given; what other axes there are come first."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    n, m = x.shape[-2:]
    return index(x, (..., *np.nonzero(np.eye(n, m, offset))))


@composite(np.trace)
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of the diagonal: ``np.trace(x)`` and ``x.trace()``; ``tg.trace`` is another thing."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


@composite(np.diag)
def diag(x: Any, k: int = 0) -> Tensor:
    """A matrix with the vector x on its diagonal; of a matrix, its diagonal."""
    if np.ndim(x) != 1:
        return diagonal(x, k)
    n = np.size(x) + abs(k)
    return scatter(x, np.nonzero(np.eye(n, k=k)), (n, n))


def _lower(x: Any, k: int) -> Array:
    if np.ndim(x) < 2:
        raise ValueError(f"a matrix has 2 axes at least, not {np.ndim(x)}")
    n, m = np.shape(x)[-2:]
    return np.tri(n, m, k, bool)


@composite(np.tril)
def tril(x: Any, k: int = 0) -> Tensor:
    """x with zeros above the diagonal."""
    return where(_lower(x, k), x, 0)


@composite(np.triu)
def triu(x: Any, k: int = 0) -> Tensor:
    """x with zeros below the diagonal."""
    return where(_lower(x, k - 1), 0, x)
