"""Arithmetic, element by element. a, b: any shapes that broadcast; y: their common shape.

A rule gives dL/da in the shape of y; the backward loop sums it back to the shape of a.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.ops.dtypes import alike
from tinygrad_lstm.engine.ops.primitive import Array, primitive


@primitive(numpy=np.add)
def add(a: Array, b: Array) -> Array:
    """The sum a + b: it hands its cotangent to both, whole."""
    return np.add(a, b)


add.defvjp(a=lambda g: g, b=lambda g: g)


@primitive(numpy=np.subtract)
def subtract(a: Array, b: Array) -> Array:
    """The difference a - b."""
    return np.subtract(a, b)


subtract.defvjp(a=lambda g: g, b=lambda g: -g)


@primitive(numpy=np.multiply)
def multiply(a: Array, b: Array) -> Array:
    """The product a ⊙ b: a gate, when b is in (0, 1)."""
    return np.multiply(a, b)


multiply.defvjp(
    a=lambda g, b: g * b,
    b=lambda g, a: g * a,
)


@primitive(numpy=np.true_divide)
def divide(a: Array, b: Array) -> Array:
    """The quotient y = a / b: ∂y/∂a = 1/b, ∂y/∂b = -y/b."""
    return np.true_divide(a, b)


divide.defvjp(
    a=lambda g, b: g / b,
    b=lambda g, b, y: -g * y / b,
)


@primitive(numpy=np.negative)
def negative(x: Array) -> Array:
    """-x."""
    return np.negative(x)


negative.defvjp(x=lambda g: -g)


def _less_one(b: Array) -> Array:
    """b - 1, but 1 where b = 0: so b · a^(b-1) is 0 there, also for a = 0."""
    if isinstance(b, int | float):
        return b - 1 if b else 1
    return np.where(b == 0, 1, b - 1)


@primitive(numpy=np.power)
def power(a: Array, b: Array) -> Array:
    """The power y = aᵇ: ∂y/∂a = b aᵇ⁻¹ and ∂y/∂b = y log a (0 at a = 0, NaN for a < 0, where aᵇ has no slope in b)."""
    return np.power(a, b)


power.defvjp(
    a=lambda g, a, b: g * b * a ** _less_one(b),
    b=lambda g, a, y: g * y * np.log(np.where(a == 0, 1, a)),
)
power.defslope(a="b aᵇ⁻¹", b="y log a")


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
