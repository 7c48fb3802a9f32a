"""A function made of primitives. It needs no rules: the graph shows the primitives it called, and they have theirs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.errors import ShapeError, TinygradError

P = ParamSpec("P")
R = TypeVar("R")
_inside_the_engine = True


def _shown(value: Any) -> str:
    """An array by its shape, a list of arrays by theirs, anything else as it is, if it is short."""
    if isinstance(value, list | tuple) and any(hasattr(part, "shape") for part in value):
        return f"[{', '.join(map(_shown, value))}]"
    if hasattr(value, "shape"):
        return str(value.shape)
    return text if len(text := repr(value)) < 60 else f"a {type(value).__name__}"


def composite(*numpy: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function as the one that ``np.something(tensor)`` finds, for each NumPy function named.

    What it raises as ValueError or IndexError becomes a ShapeError that names it and the shapes it was given.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TinygradError:
                raise
            except (ValueError, IndexError) as error:
                given = ", ".join([*map(_shown, args), *(f"{name}={_shown(value)}" for name, value in kwargs.items())])
                raise ShapeError(f"{function.__name__}({given}): {error}") from error

        Primitive.by_numpy.update(dict.fromkeys(numpy, run))
        return run

    return decorate
