"""Activations that cells of other libraries have, element by element. x, y: the same shape."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive


@primitive
def hard_sigmoid(x: Array, slope: float = 0.2, offset: float = 0.5) -> Array:
    """A straight line in the place of σ's curve: slope x + offset, at least 0 and at most 1; level beyond, slope 0."""
    return np.clip(slope * x + offset, 0, 1)


hard_sigmoid.defvjp(x=lambda g, y, slope: np.where((y > 0) & (y < 1), slope * g, 0))


@primitive
def elu(x: Array) -> Array:
    """x above 0, and eˣ - 1 below it, which comes to -1 (Clevert 2016); the slope there is y + 1."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


elu.defvjp(x=lambda g, y: np.where(y > 0, g, g * y + g))


@primitive
def softsign(x: Array) -> Array:
    """y = x / (1 + |x|) in (-1, 1), which saturates slower than tanh; its slope is 1 / (1 + |x|)²."""
    return x / (1 + np.abs(x))


softsign.defvjp(x=lambda g, x: g / (1 + np.abs(x)) / (1 + np.abs(x)))
