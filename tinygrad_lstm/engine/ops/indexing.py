"""Picking elements out, and adding them back where they came from.

The cotangent of what is picked from is zero almost everywhere: its rule returns an IndexedCotangent.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive
from tinygrad_lstm.engine.ops.rules import IndexedCotangent

Shape: TypeAlias = tuple[int, ...]


@primitive(view=True)
def index(x: Array, key: Any) -> Array:
    """x[key], with every kind of index NumPy has; an element picked twice gets both cotangents."""
    return x[key]


index.defvjp(x=lambda g, key: IndexedCotangent(key, g))


@primitive
def embedding(weight: Array, indices: Array) -> Array:
    """The rows weight[indices], a table look-up: weight (V, D), indices (...) whole numbers, y (..., D)."""
    return weight[indices]


embedding.defvjp(weight=lambda g, indices: IndexedCotangent(indices, g))


@primitive
def scatter(values: Array, where: Any, shape: Shape) -> Array:
    """Zeros of this shape with the values added at ``where``, repeated indices too: an IndexedCotangent made whole."""
    y = np.zeros(shape, np.asarray(values).dtype)
    add_at(y, where, np.broadcast_to(values, y[where].shape))
    return y


scatter.defvjp(values=lambda g, where: g[where])


def add_at(y: Array, where: Any, values: Array) -> None:
    """y[where] += values, in place, repeated indices adding up.

    Integer indices of whole rows are sorted first, so that each row is summed in one sweep. This is much faster than
    ``np.add.at``, which goes element by element. For other indices ``np.add.at`` is used; it sums float16 in float32.
    """
    if has_no_repeats(where):
        y[where] += values
        return
    indices = np.asarray(where) if not isinstance(where, tuple) else None
    if indices is None or indices.dtype == bool or y.ndim == 1 or indices.size < 16:  # no whole rows, or too few
        total = np.zeros(y.shape, np.float32) if y.dtype == np.float16 else y
        np.add.at(total, where, values)
        if total is not y:
            y += total
        return
    flat = indices.reshape(-1).astype(np.intp) % len(y)  # -1 is len(y) - 1; in int8, say, len(y) would not fit
    order = np.argsort(flat, kind="stable")
    rows = flat[order]  # equal ones side by side
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))  # where another row begins
    y[rows[starts]] += np.add.reduceat(np.reshape(values, (flat.size, *y.shape[1:]))[order], starts, axis=0)


def has_no_repeats(where: Any) -> bool:
    """Whether no element can be picked twice: slices, numbers, Ellipsis, None and masks only."""
    parts = where if isinstance(where, tuple) else (where,)
    others = [part for part in parts if part is not Ellipsis and not isinstance(part, slice | int | np.integer | None)]
    return all(isinstance(part, np.ndarray) and part.dtype == bool for part in others)
