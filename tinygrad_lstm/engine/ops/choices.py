"""Choices, element by element: the larger, the smaller, what lies in a range, what a condition says.

The cotangent goes to what was chosen. At a kink, where two choices tie, each gets half.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.ops.dtypes import alike
from tinygrad_lstm.engine.ops.primitive import Array, primitive


@primitive(numpy=(np.absolute, np.fabs))
def absolute(x: Array) -> Array:
    """|x|, with slope 0 at the kink x = 0, the middle of its two sides."""
    return np.absolute(x)


absolute.defvjp(x=lambda g, x: np.where(x > 0, g, np.where(x < 0, -g, 0)))


@primitive(numpy=np.maximum)
def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b; where they tie, each gets half of the cotangent."""
    return np.maximum(a, b)


maximum.defvjp(
    a=lambda g, a, b: np.where(a > b, g, np.where(a == b, 0.5 * g, 0)),
    b=lambda g, a, b: np.where(b > a, g, np.where(a == b, 0.5 * g, 0)),
)


@primitive(numpy=np.minimum)
def minimum(a: Array, b: Array) -> Array:
    """The smaller of a and b; where they tie, each gets half of the cotangent."""
    return np.minimum(a, b)


minimum.defvjp(
    a=lambda g, a, b: np.where(a < b, g, np.where(a == b, 0.5 * g, 0)),
    b=lambda g, a, b: np.where(b < a, g, np.where(a == b, 0.5 * g, 0)),
)


@primitive(numpy=np.clip)
def clip(x: Array, min: Array = None, max: Array = None) -> Array:
    """x held between min and max (None: no bound); the cotangent passes where min ≤ x ≤ max."""
    return np.clip(x, _beside(x, min), _beside(x, max))


def _beside(x: Array, bound: Any) -> Any:
    """A list of bounds in x's dtype; numbers, arrays and None as they are."""
    return alike(x, bound)[1] if isinstance(bound, list | tuple) else bound


def _inside(x: Array, min: Array, max: Array) -> Array:
    return (True if min is None else x >= _beside(x, min)) & (True if max is None else x <= _beside(x, max))


clip.defvjp(x=lambda g, x, min, max: np.where(_inside(x, min, max), g, 0))


@primitive(numpy=np.where)
def where(condition: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, else b. The branch not taken gets 0, even where its own value is inf or NaN."""
    return np.where(condition, a, b)


where.defvjp(
    a=lambda g, condition: np.where(condition, g, 0),
    b=lambda g, condition: np.where(condition, 0, g),
)
