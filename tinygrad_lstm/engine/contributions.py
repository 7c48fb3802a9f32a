"""What a node hands to its sources: what its rules give for a cotangent, in the shape and dtype of each input."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.arrays import bare_array
from tinygrad_lstm.engine.changes import freed_error
from tinygrad_lstm.engine.handle import Handle
from tinygrad_lstm.engine.node import Node, Shape, Source, input_name
from tinygrad_lstm.engine.ops.indexing import scatter
from tinygrad_lstm.engine.ops.primitive import Array, IndexedCotangent
from tinygrad_lstm.engine.ops.wide import wide
from tinygrad_lstm.errors import DtypeError, ShapeError, TinygradError, kind_of

Wrap: TypeAlias = Callable[[Array, Source | None], Any]  # an array and where it comes from -> a Tensor


def call_rules(
    node: Node, g: Any, kept: Sequence[Any], only: Sequence[bool] | None = None
) -> Iterator[tuple[int, Any]]:
    """What the rules of a node give for g, each with the position of its input; nothing where a rule gives None.

    ``only``: one bool for each input, False where its rule is not called. ``backpropagate`` has these lines in its own
    loop, because a call for each node costs it 8 %. Every other walk over a graph calls this, then ``fit``.
    """
    plan = node.plan
    assert plan is not None
    given = [g] if plan.multi_output and len(node.shapes) == 1 else g
    if plan.joint is not None:
        given = plan.joint(given, *kept)
    for position, rule, needs in plan.calls:
        if only is None or only[position]:
            c = rule(given, *[kept[n] for n in needs])
            if c is not None:
                yield position, c


def fit(c: Any, node: Node, position: int, g: Any, wrap: Wrap | None = None) -> Any:
    """What a rule gave for an input, from the cotangent g, as an array (or Tensor) of the input's shape and dtype.

    An IndexedCotangent becomes a whole array, and broadcasting is undone.
    """
    source = node.sources[position]
    assert source is not None
    shape, dtype = source.node.shapes[source.index], source.node.dtypes[source.index]
    if type(c) is IndexedCotangent:
        return dense(c, shape, wrap)
    if wrap is not None or type(c) is not np.ndarray:
        c = from_rule(c, wrap, node, position)
    if c.shape != shape:
        c = unbroadcast(c, shape, node, position)
    return c if c.dtype is dtype else in_dtype(c, dtype, g, node, position)


def repeated_axes(long: Shape, shape: Shape) -> tuple[int, ...]:
    """The axes of the longer shape along which broadcasting repeated an array of this shape."""
    extra = len(long) - len(shape)
    return (*range(extra), *(k + extra for k, n in enumerate(shape) if n == 1 and long[k + extra] != 1))


def unbroadcast(c: Any, shape: Shape, node: Node, position: int) -> Any:
    """Undo broadcasting: sum c over the axes along which the input was repeated."""
    extra = len(c.shape) - len(shape)
    if extra == 1 and c.shape[1:] == shape:  # a bias: by far the commonest
        return c.reshape(shape) if c.shape[0] == 1 else wide(c).sum(axis=0)  # the loop rounds it back
    if extra >= 0 and math.prod(c.shape) == math.prod(shape):  # only new axes of length 1: nothing was repeated
        return c.reshape(shape)
    total = wide(c).sum(axis=repeated_axes(c.shape, shape)) if extra >= 0 else c
    if total.size != math.prod(shape) or extra < 0:
        gave = f"gave a cotangent of shape {c.shape}, but the input has shape {shape}"
        raise ShapeError(f"{rule_of(node, position)} {gave}; in backward of {node}")
    return total.reshape(shape)


def from_rule(c: Any, wrap: Wrap | None, node: Node, position: int) -> Any:
    """What a rule gave, as a plain array (or NumPy number) or, recorded, as a Tensor: a rule need not read one."""
    if isinstance(c, Handle) or (wrap is None and isinstance(c, np.generic)):
        return c
    if not isinstance(c, np.ndarray | np.generic):
        raise DtypeError(f"{rule_of(node, position)} gave a {type(c).__name__}, not an array; in backward of {node}")
    array = bare_array(c)
    return array if wrap is None else wrap(array, None)


def in_dtype(c: Any, dtype: np.dtype[Any], g: Any, node: Node, position: int) -> Any:
    """A contribution in the dtype of its source; of a complex cotangent, which is pulled back too, as it is."""
    kind = c.dtype.kind
    if kind == "c" and any(part.dtype.kind == "c" for part in (g if isinstance(g, list) else [g])):
        return c
    if kind not in "biuf":
        raise DtypeError(f"{rule_of(node, position)} gave a cotangent of {c.dtype}; in backward of {node}")
    return c.astype(dtype)


def dense(c: IndexedCotangent, shape: Shape, wrap: Wrap | None) -> Any:
    """An indexed cotangent as a whole array (or, recorded, a Tensor)."""
    if wrap is None:
        return scatter.forward(c.values, c.where, shape)
    values = c.values if isinstance(c.values, Handle) else wrap(np.asarray(c.values), None)
    return scatter(values, c.where, shape)


def rule_of(node: Node, position: int | None) -> str:
    """A rule as an error names it; None for the joint rule."""
    assert node.op is not None
    return f"the rule of {node.op.name}" + (f" for {input_name(node.op, position)}" if position is not None else "")


def explain_failure(node: Node, position: int | None, error: Exception) -> TinygradError:
    """The error of a rule, with the op, its input, and the line of the forward pass."""
    if node.freed_by is not None:  # by another thread, in the middle of this pass
        return freed_error([node])
    kind = type(error) if isinstance(error, TinygradError) else kind_of(error, ShapeError)
    return kind(f"{rule_of(node, position)} failed: {error}; in backward of {node}")
