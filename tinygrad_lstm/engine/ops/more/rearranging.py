"""More ops that move elements about, made of the primitives in shapes and indexing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygrad_lstm.engine.ops.dtypes import alike
from tinygrad_lstm.engine.ops.indexing import index
from tinygrad_lstm.engine.ops.more.composite import composite
from tinygrad_lstm.engine.ops.more.picking import index_put, take
from tinygrad_lstm.engine.ops.shapes import broadcast_to, concatenate, reshape, split, transpose
from tinygrad_lstm.errors import UnsupportedError

if TYPE_CHECKING:  # for types only
    from tinygrad_lstm.engine.call_types import Tensor

Axes: TypeAlias = int | Sequence[int]


@composite(np.flip)
def flip(x: Any, axis: Axes | None = None) -> Tensor:
    """x read backwards along an axis, several or all (None)."""
    ndim = np.ndim(x)
    backwards = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)
    return index(x, tuple(slice(None, None, -1 if k in backwards else 1) for k in range(ndim)))


@composite(np.ravel)
def ravel(x: Any) -> Tensor:
    """All elements in row order, as one axis."""
    return reshape(x, -1)


@composite(np.tile)
def tile(x: Any, reps: Axes) -> Tensor:
    """x repeated whole, so many times along each axis."""
    times = np.atleast_1d(reps).tolist()
    shape = [1] * (len(times) - np.ndim(x)) + list(np.shape(x))
    times = [1] * (len(shape) - len(times)) + times
    apart = reshape(x, tuple(length for n in shape for length in (1, n)))
    copied = broadcast_to(apart, tuple(length for r, n in zip(times, shape, strict=True) for length in (r, n)))
    return reshape(copied, tuple(r * n for r, n in zip(times, shape, strict=True)))


@composite(np.repeat)
def repeat(x: Any, repeats: Axes, axis: int | None = None) -> Tensor:
    """Each element (or slice along an axis) repeated so many times, or its own number of times."""
    length = np.size(x) if axis is None else np.shape(x)[normalize_axis_index(axis, np.ndim(x))]
    return take(x, np.repeat(np.arange(length), repeats), axis)


GATHERING = ("edge", "reflect", "symmetric", "wrap")


@composite(np.pad)
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Tensor:
    """x with so many elements put before and after it along each axis: a constant, or copies of its own elements.

    ``pad_width``: n, (before, after), or such a pair for each axis. ``mode``: "constant", "edge", "reflect",
    "symmetric" or "wrap"; any other raises UnsupportedError.
    """
    widths = np.broadcast_to(pad_width, (np.ndim(x), 2)).tolist()
    if mode in GATHERING:
        copying: Any = mode  # NumPy's annotation wants a literal
        picked = [np.pad(np.arange(n), width, copying) for n, width in zip(np.shape(x), widths, strict=True)]
        return index(x, np.ix_(*picked))
    if mode != "constant":
        raise UnsupportedError(f"pad with mode={mode!r} has no derivative here: use 'constant' or {GATHERING}")
    if np.min(widths, initial=0) < 0:
        raise ValueError("a width is not negative")
    sizes = list(zip(np.shape(x), widths, strict=True))
    frame = np.full([before + n + after for n, (before, after) in sizes], constant_values, np.result_type(x))
    return index_put(frame, tuple(slice(before, before + n) for n, (before, _) in sizes), x)


@composite(np.moveaxis)
def moveaxis(x: Any, source: Axes, destination: Axes) -> Tensor:
    """x with these axes moved to those places, the others in their order."""
    ndim = np.ndim(x)
    from_, to = normalize_axis_tuple(source, ndim), normalize_axis_tuple(destination, ndim)
    axes = [k for k in range(ndim) if k not in from_]
    for place, k in sorted(zip(to, from_, strict=True)):
        axes.insert(place, k)
    return transpose(x, tuple(axes))


@composite(np.array_split)
def array_split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """As ``split``, but into parts of nearly equal length: the first ones have one more."""
    if not isinstance(indices_or_sections, int):
        return split(x, indices_or_sections, axis)
    if indices_or_sections < 1:
        raise ValueError("into 1 part at least")
    each, more = divmod(np.shape(x)[normalize_axis_index(axis, np.ndim(x))], indices_or_sections)
    return split(x, [k * each + min(k, more) for k in range(1, indices_or_sections)], axis)


@composite(np.atleast_1d)
def atleast_1d(x: Any) -> Tensor:
    """x, a number as one element (1,)."""
    return reshape(x, np.shape(x) or (1,))


@composite(np.atleast_2d)
def atleast_2d(x: Any) -> Tensor:
    """x, a vector as one row (1, n)."""
    return reshape(x, (1,) * (2 - np.ndim(x)) + np.shape(x))


@composite(np.vstack)
def vstack(arrays: Sequence[Any]) -> Tensor:
    """Arrays one below the other; a vector is a row."""
    return concatenate([x if np.ndim(x) > 1 else atleast_2d(x) for x in alike(*arrays)], 0)


@composite(np.hstack)
def hstack(arrays: Sequence[Any]) -> Tensor:
    """Arrays side by side: along axis 1, or vectors end to end."""
    if not len(arrays):
        raise ValueError("need at least one array")
    return concatenate([x if np.ndim(x) else atleast_1d(x) for x in alike(*arrays)], 0 if np.ndim(arrays[0]) < 2 else 1)


@composite(np.column_stack)
def column_stack(arrays: Sequence[Any]) -> Tensor:
    """Arrays side by side; a vector is a column."""
    return concatenate([x if np.ndim(x) > 1 else reshape(x, (-1, 1)) for x in alike(*arrays)], 1)
