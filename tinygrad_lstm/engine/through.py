"""Hooks on every edge of a backward pass, and on its start, in this thread."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from tinygrad_lstm.engine.arrays import protect
from tinygrad_lstm.engine.blocks import Block
from tinygrad_lstm.errors import DtypeError

current_hook: ContextVar[Callable[[Any, Any], Any] | None] = ContextVar("current_hook", default=None)  # see through()
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
            given = cotangent if indexed else protect(edge.whole(cotangent))
            kept = hook(edge, given)
            kept = cotangent if kept is given else kept
            return kept if kept is None or outer is None else outer(edge, kept)

        return both
