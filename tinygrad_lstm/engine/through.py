"""Hooks on every edge of a backward pass, and on its start, in this thread."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinygrad_lstm.engine.arrays import protect
from tinygrad_lstm.engine.blocks import Block
from tinygrad_lstm.engine.current import current_hook
from tinygrad_lstm.engine.handle import Handle, bare_array, from_array, plain
from tinygrad_lstm.engine.node import Edge
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.errors import DtypeError, ShapeError

# called with each tensor that a backward pass starts from, and its cotangent: see detect_anomaly
at_start: ContextVar[Callable[[Any, Any], None] | None] = ContextVar("at_start", default=None)


class through(Block):  # noqa: N801  # read as a statement: with through(hook):
    """Every backward pass inside shows ``hook(edge, cotangent)`` each contribution before it is summed.

    What the hook returns goes on instead; None cuts the edge. Hooks nest: the innermost sees a contribution first.
    With ``indexed`` the contribution of a read ``x[t]`` comes as the IndexedCotangent it is, so that T reads stay O(T);
    ``edge.whole(cotangent)`` is the array.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> with tg.through(lambda edge, g: g if edge.name == "a" else None):
    ...     tg.grad(y, x)
    (tensor(3.),)
    """

    __slots__ = ("hook", "indexed")
    variable = current_hook

    def __init__(self, hook: Callable[[Any, Any], Any], indexed: bool = False) -> None:
        if not callable(hook):
            raise DtypeError(f"through() takes a function of an edge and a cotangent, not a {type(hook).__name__}")
        self.hook, self.indexed = hook, indexed

    def inside(self, outer: Callable[[Any, Any], Any] | None) -> Callable[[Any, Any], Any]:
        """This hook, then those outside."""
        hook, indexed = self.hook, self.indexed

        def both(edge: Any, cotangent: Any) -> Any:
            shown = cotangent if indexed else protect(edge.whole(cotangent))
            kept = hook(edge, shown)
            kept = cotangent if kept is shown else kept if kept is None else from_hook(edge, kept, cotangent)
            return kept if kept is None or outer is None else outer(edge, kept)

        return both


def join_outer_hook(watch: Callable[[Edge, Any], Any]) -> Callable[[Edge, Any], Any]:
    """The hook of a pass by this package itself, called after the hook of the block around it, e.g. of ``cut``."""
    outer = current_hook.get()
    if outer is None:
        return watch

    def both(edge: Edge, g: Any) -> Any:
        g = outer(edge, g)
        return None if g is None else watch(edge, g)

    return both


def from_hook(edge: Edge, c: Any, instead_of: Any) -> Any:
    """What a hook gave instead of a contribution, as an array (or Tensor, if that was one) of our own."""
    if type(c) is IndexedCotangent:
        return c
    shape, dtype = edge.source.shapes[edge.index], edge.source.dtypes[edge.index]
    if np.shape(c) != shape:
        raise ShapeError(
            f"a hook gave a cotangent of shape {np.shape(c)} for {edge.name} of {edge.reader}, not {shape}"
        )
    recorded = isinstance(instead_of, Handle)
    if recorded and isinstance(c, Handle):
        return c
    array = np.array(bare_array(plain(c)))  # a copy: the hook may use its array again
    if array.dtype.kind not in "biufc":
        raise DtypeError(f"a hook gave a cotangent of {array.dtype} for {edge.name} of {edge.reader}")
    array = array if array.dtype.kind == "c" else array.astype(dtype, copy=False)
    return from_array(array, None) if recorded else array
