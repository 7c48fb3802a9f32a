"""What a node hands to its sources: what its rules give for a cotangent, in the shape and dtype of each input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lstm.engine.failures import unfit
from tinygrad_lstm.engine.handle import Handle, bare_array, from_array
from tinygrad_lstm.engine.node import Node, Shape
from tinygrad_lstm.engine.ops.indexing import scatter
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.errors import ShapeError


def fit(c: Any, node: Node, position: int, g: Any, recorded: bool = False, indexed: bool = False) -> Any:
    """A contribution c, which a rule gave from the cotangent g, as an array of the input's shape and dtype.

    Broadcasting is undone. An IndexedCotangent becomes a whole array; with ``indexed`` it stays one, if the source has
    one output. With ``recorded``, for second derivatives, the result is a Tensor.
    """
    source = node.sources[position]
    assert source is not None
    shape, dtype = source.node.shapes[source.index], source.node.dtypes[source.index]
    if type(c) is IndexedCotangent:
        return c if indexed and not recorded and len(source.node.shapes) == 1 else dense(c, shape, recorded)
    if recorded or type(c) is not np.ndarray:
        c = from_rule(c, recorded, node, position)
    if c.shape != shape:
        c = unbroadcast(c, shape, node, position)
    return c if c.dtype is dtype else in_dtype(c, dtype, g, node, position)  # NumPy has one object for each dtype


def repeated_axes(long: Shape, shape: Shape) -> tuple[int, ...]:
    """The axes of the longer shape along which broadcasting repeated an array of this shape."""
    extra = len(long) - len(shape)
    return (*range(extra), *(k + extra for k, n in enumerate(shape) if n == 1 and long[k + extra] != 1))


def unbroadcast(c: Any, shape: Shape, node: Node, position: int) -> Any:
    """Undo broadcasting: sum c over the axes along which the input was repeated."""
    extra = len(c.shape) - len(shape)
    if extra == 1 and c.shape[1:] == shape:  # a bias: by far the commonest
        return c.reshape(shape) if c.shape[0] == 1 else add_up(c, 0)
    if extra >= 0 and math.prod(c.shape) == math.prod(shape):  # only new axes of length 1: nothing was repeated
        return c.reshape(shape)
    total = add_up(c, repeated_axes(c.shape, shape)) if extra >= 0 else c
    if total.size != math.prod(shape) or extra < 0:
        gave = f"a cotangent of shape {c.shape}, but the input has shape {shape}"
        raise unfit(node, position, gave, ShapeError)
    return total.reshape(shape)


def add_up(c: Any, axis: int | Shape) -> Any:
    """The sum of c along the axes; float16 has too few digits to add up in, and ``fit`` rounds back."""
    half = type(c) is np.ndarray and c.dtype == np.float16
    return c.sum(axis=axis, dtype=np.float32) if half else c.sum(axis=axis)


def from_rule(c: Any, recorded: bool, node: Node, position: int) -> Any:
    """What a rule gave, as a plain array or NumPy number; ``recorded``, as a Tensor, if it is not one already."""
    if isinstance(c, Handle) or (not recorded and isinstance(c, np.generic)):
        return c
    if not isinstance(c, np.ndarray | np.generic):
        raise unfit(node, position, f"a {type(c).__name__}, not an array")
    array = bare_array(c)
    return from_array(array, None) if recorded else array


def in_dtype(c: Any, dtype: np.dtype[Any], g: Any, node: Node, position: int) -> Any:
    """A contribution in the dtype of its source. Values are real, but cotangents of ``tg.grad`` may be complex."""
    kind = c.dtype.kind
    if kind == "c" and any(part.dtype.kind == "c" for part in (g if isinstance(g, list) else [g])):
        return c
    if kind not in "biuf":  # bool, int, unsigned int, float
        raise unfit(node, position, f"a cotangent of {c.dtype}")
    return c.astype(dtype)


def dense(c: IndexedCotangent, shape: Shape, recorded: bool) -> Any:
    """An indexed cotangent as a whole array (or, recorded, a Tensor)."""
    if not recorded:
        return scatter.forward(c.values, c.where, shape)
    values = c.values if isinstance(c.values, Handle) else from_array(np.asarray(c.values), None)
    return scatter(values, c.where, shape)
