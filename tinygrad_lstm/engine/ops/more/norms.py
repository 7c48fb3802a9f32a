"""Norms: the length of a vector, by one of several measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.engine.ops.more.composite import composite
from tinygrad_lstm.engine.ops.primitive import Array, primitive
from tinygrad_lstm.engine.ops.reductions import Axis, extremum_vjp, off_zero, restore, unit_of
from tinygrad_lstm.errors import ArgumentError, UnsupportedError

if TYPE_CHECKING:  # for types only
    from tinygrad_lstm.engine.call_types import Tensor


@primitive(numpy=np.linalg.vector_norm, wide=True)
def norm(x: Array, ord: float = 2, axis: Axis = None, keepdims: bool = False) -> Array:
    """y = (Σ |x|ᵖ)^(1/p), p = ord > 0; for ord = inf the largest |x|. The slope is ±(|x| / y)ᵖ⁻¹, and 0 at x = 0.

    Of a matrix it is the norm of its elements (Frobenius), never of the map.
    """
    if not ord > 0:
        raise ArgumentError(f"norm: ord is a number above 0, or inf, not {ord}")
    along: Any = axis  # NumPy's annotation forgets None
    unit = unit_of(x, axis)
    y = np.linalg.vector_norm(x / unit, axis=along, keepdims=True, ord=ord) * unit
    return y if keepdims else y.squeeze(axis=axis)


def _norm_vjp(g: Array, x: Array, y: Array, ord: float, axis: Axis, keepdims: bool) -> Array:
    if ord == np.inf:
        return np.sign(x) * extremum_vjp(g, np.absolute(x), y, axis, keepdims)
    g, y = (restore(part, x.shape, axis, keepdims) for part in (g, y))
    if ord == 2:
        return g * (x / off_zero(y))
    size = off_zero(np.absolute(x)) if ord < 2 else np.absolute(x)  # |x|ᵖ⁻¹ has no slope at x = 0, but sign x is 0
    return g * np.sign(x) * (size / off_zero(y)) ** (ord - 1)


norm.defvjp(x=_norm_vjp)


@composite(np.linalg.norm)
def _linalg_norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """``np.linalg.norm``, which means something else where it is given a matrix and an ord."""
    if ord in (None, "fro"):
        return norm(x, 2, axis, keepdims)
    if isinstance(axis, tuple) or (axis is None and np.ndim(x) > 1):
        raise UnsupportedError(
            f"np.linalg.norm of a matrix with ord={ord!r} has no derivative here; "
            "tg.norm takes the elements of a matrix as one vector"
        )
    return norm(x, ord, axis, keepdims)
