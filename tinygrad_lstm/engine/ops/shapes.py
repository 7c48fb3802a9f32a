"""The same numbers in another shape, taken apart or put together: backward does the opposite."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_lstm.engine.ops.primitive import Array, primitive, primitive_multi

Shape: TypeAlias = tuple[int, ...]


@primitive(numpy=np.reshape, view=True)
def reshape(x: Array, shape: int | Shape) -> Array:
    """The same elements in row order under another shape (-1: whatever is left)."""
    return np.reshape(x, shape)


reshape.defvjp(x=lambda g, x_shape: np.reshape(g, x_shape))


@primitive(numpy=np.swapaxes, view=True)
def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    """x with two axes exchanged."""
    return np.swapaxes(x, axis1, axis2)


swapaxes.defvjp(x=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2))


@primitive(numpy=np.transpose, view=True)
def transpose(x: Array, axes: Sequence[int] | None = None) -> Array:
    """x with its axes in another order (None: reversed)."""
    return np.transpose(x, axes)


transpose.defvjp(x=lambda g, axes: np.transpose(g, None if axes is None else np.argsort([k % g.ndim for k in axes])))


@primitive(numpy=np.expand_dims, view=True)
def expand_dims(x: Array, axis: int | Shape) -> Array:
    """x with new axes of length 1."""
    return np.expand_dims(x, axis)


expand_dims.defvjp(x=lambda g, x_shape: np.reshape(g, x_shape))


@primitive(numpy=np.squeeze, view=True)
def squeeze(x: Array, axis: int | Shape | None = None) -> Array:
    """x without its axes of length 1 (all of them, or those named)."""
    return np.squeeze(x, axis)


squeeze.defvjp(x=lambda g, x_shape: np.reshape(g, x_shape))


@primitive(numpy=np.broadcast_to, view=True)
def broadcast_to(x: Array, shape: int | Shape) -> Array:
    """x repeated along new or length-1 axes; its cotangent is the sum over the copies, taken by the backward loop."""
    return np.broadcast_to(x, shape)


broadcast_to.defvjp(x=lambda g: g)


@primitive(numpy=np.roll)
def roll(x: Array, shift: int | Shape, axis: int | Shape | None = None) -> Array:
    """x moved along an axis (None: in row order); what falls off the end comes in at the start. Backward rolls back."""
    return np.roll(x, shift, axis)


roll.defvjp(x=lambda g, shift, axis: np.roll(g, np.negative(np.asarray(shift, int)), axis))


@primitive(numpy=getattr(np, "astype", None))  # since NumPy 2.1
def cast(x: Array, dtype: np.dtype) -> Array:
    """x in another floating dtype; the backward loop hands the cotangent back in x's own."""
    if np.dtype(dtype).kind != "f":
        raise TypeError("only a floating dtype can carry a gradient; for others use x.detach().numpy().astype(...)")
    return np.asarray(x).astype(dtype)


cast.defvjp(x=lambda g: g)


@lru_cache  # a cell cuts the same way at every step
def _cuts(length: int, parts: int | tuple[int, ...], before: int) -> list[tuple[slice, ...]]:
    """The indices of the parts of an axis of this length, with so many axes before it."""
    if isinstance(parts, int):
        if parts < 1 or length % parts:
            raise ValueError(f"an axis of length {length} does not split into {parts} equal parts")
        ends = [length // parts * (k + 1) for k in range(parts)]
    else:
        cuts = [min(max(k + length if k < 0 else k, 0), length) for k in parts]
        if cuts != sorted(cuts):
            raise ValueError(f"the positions in an axis of length {length} must ascend")
        ends = [*cuts, length]
    return [(slice(None),) * before + (slice(start, end),) for start, end in pairwise([0, *ends])]


@primitive_multi(numpy=np.split, view=True)
def split(x: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """x cut along an axis into equal parts, or before each of the given positions; backward concatenates."""
    parts = indices_or_sections if isinstance(indices_or_sections, int) else tuple(indices_or_sections)
    axis = normalize_axis_index(axis, x.ndim)
    return [x[cut] for cut in _cuts(x.shape[axis], parts, axis)]


split.defvjp(x=lambda gs, axis: np.concatenate(gs, axis))


@primitive_multi(numpy=getattr(np, "unstack", None), view=True)  # np.unstack since NumPy 2.1
def unstack(x: Array, axis: int = 0) -> list[Array]:
    """The slices of x along an axis, each without it: the time steps of a sequence. Backward stacks."""
    return list(np.moveaxis(x, axis, 0))


unstack.defvjp(x=lambda gs, axis: np.stack(gs, axis))


@primitive(numpy=np.concatenate)
def concatenate(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Arrays end to end along an axis they have; backward hands each its part."""
    if axis is None:
        raise TypeError("axis=None would flatten the arrays: reshape(-1) each of them first")
    return np.concatenate(arrays, axis)


def _parts(g: Array, arrays_shape: Sequence[Shape], axis: int) -> list[Array]:
    ends = np.cumsum([shape[axis] for shape in arrays_shape])
    return list(np.split(g, ends[:-1], axis))


concatenate.defvjp_all(_parts, sequence=True)


@primitive(numpy=np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Arrays side by side along a new axis; backward hands each its slice."""
    return np.stack(arrays, axis)


stack.defvjp_args(lambda k, g, axis: g[(slice(None),) * (axis % g.ndim) + (k,)])
