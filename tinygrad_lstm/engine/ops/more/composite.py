"""A function made of primitives. It needs no rules: the graph shows the primitives it called, and they have theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.errors import ShapeError, public

P = ParamSpec("P")
R = TypeVar("R")


def composite(*numpy: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function as the one that ``np.something(tensor)`` finds, for each NumPy function named.

    An error that Python or NumPy raises inside is raised again with the function's name and the shapes of its inputs.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        run = public(ShapeError)(function)
        Primitive.by_numpy.update(dict.fromkeys(numpy, run))
        return run

    return decorate
