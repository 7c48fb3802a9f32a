"""Arithmetic, element by element. a, b: any shapes that broadcast; y: their common shape.

A rule gives dL/da in the shape of y; the backward loop sums it back to the shape of a.
"""

from __future__ import annotations

import numpy as np

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
    """The product a ⊙ b: where b is in (0, 1) it is a gate, which lets that share of a through."""
    return np.multiply(a, b)


multiply.defvjp(a=lambda g, b: g * b, b=lambda g, a: g * a)


@primitive(numpy=np.true_divide)
def divide(a: Array, b: Array) -> Array:
    """The quotient y = a / b: ∂y/∂a = 1/b, ∂y/∂b = -y/b."""
    return np.true_divide(a, b)


divide.defvjp(a=lambda g, b: g / b, b=lambda g, b, y: -g * y / b)


@primitive(numpy=np.negative)
def negative(x: Array) -> Array:
    """-x."""
    return np.negative(x)


negative.defvjp(x=lambda g: -g)


def _minus_one(b: Array) -> Array:
    """b - 1; but 1 where b = 0, for there b · a^(b-1) is 0, also for a = 0. b: an array, or a number, as in x ** 2."""
    if isinstance(b, int | float):
        return b - 1 if b else 1
    return np.where(b == 0, 1, b - 1)


@primitive(numpy=np.power)
def power(a: Array, b: Array) -> Array:
    """The power y = aᵇ: ∂y/∂a = b aᵇ⁻¹ and ∂y/∂b = y log a (0 at a = 0, NaN for a < 0, where aᵇ has no slope in b)."""
    return np.power(a, b)


power.defvjp(
    a=lambda g, a, b: g * b * a ** _minus_one(b),
    b=lambda g, a, y: g * y * np.log(np.where(a == 0, 1, a)),
)
power.defslope(a="b aᵇ⁻¹", b="y log a")
