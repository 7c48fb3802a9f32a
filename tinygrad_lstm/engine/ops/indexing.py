"""Picking elements out, and adding them back where they came from.

Their cotangents are zero almost everywhere, so the rules return an IndexedCotangent: where, and what to add there.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, IndexedCotangent, primitive

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
    """Zeros of this shape with the values added in at ``where``; what falls on one place twice adds up."""
    y = np.zeros(shape, np.asarray(values).dtype)
    add_at(y, where, np.broadcast_to(values, y[where].shape))
    return y


scatter.defvjp(values=lambda g, where: g[where])


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


def add_at(y: Array, where: Any, values: Array) -> None:
    """y[where] += values, in place, repeated indices adding up.

    Integer look-ups of whole rows are sorted first, so that each row is summed in one sweep: much faster than the
    element by element ``np.add.at``, which adds float16 up in float32 here.
    """
    if once(where):
        y[where] += values
        return
    indices = np.asarray(where) if not isinstance(where, tuple) else None
    if indices is None or indices.dtype == bool or y.ndim == 1 or indices.size < 16:
        total = np.zeros(y.shape, np.float32) if y.dtype == np.float16 else y
        np.add.at(total, where, values)
        if total is not y:
            y += total
        return
    flat = indices.reshape(-1).astype(np.intp) % len(y)  # a uint8 could not count 256 rows
    order = np.argsort(flat, kind="stable")
    rows = flat[order]
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    y[rows[starts]] += np.add.reduceat(np.reshape(values, (flat.size, *y.shape[1:]))[order], starts, axis=0)


def once(where: Any) -> bool:
    """No element can be meant twice: slices, numbers, Ellipsis, None and masks only."""
    parts = where if isinstance(where, tuple) else (where,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, slice | int | np.integer)
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )
