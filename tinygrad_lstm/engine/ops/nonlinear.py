"""Smooth curves and squashing functions, element by element. x, y: the same shape.

Most keep only their output y, from which the slope can be read: tanh' = 1 - y², σ' = y (1 - y).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive


@primitive(numpy=np.exp)
def exp(x: Array) -> Array:
    """y = eˣ, its own slope."""
    return np.exp(x)


exp.defvjp(x=lambda g, y: g * y)


@primitive(numpy=np.log)
def log(x: Array) -> Array:
    """The natural logarithm, with slope 1/x."""
    return np.log(x)


log.defvjp(x=lambda g, x: g / x)


@primitive(numpy=np.sqrt)
def sqrt(x: Array) -> Array:
    """y = √x, with slope 1/(2y): infinite at 0."""
    return np.sqrt(x)


sqrt.defvjp(x=lambda g, y: 0.5 * g / y)


@primitive(numpy=np.tanh)
def tanh(x: Array) -> Array:
    """y = tanh x in (-1, 1), with slope 1 - y²: at most 1, and near 0 where x is far from 0 (saturated)."""
    return np.tanh(x)


tanh.defvjp(x=lambda g, y: g - g * (y * y))  # g (1 - y²), in less time than with a bare number 1

_TOP = {np.dtype(f): np.array(x, f) for f, x in (("f2", 10), ("f4", 20), ("f8", 40))}  # σ(x) rounds to 1 there
# 1 as an array of each dtype: NumPy takes twice the time with a bare number
_ONE = defaultdict(lambda: np.array(1.0), {dtype: np.ones((), dtype) for dtype in _TOP})


@primitive
def sigmoid(x: Array) -> Array:
    """σ(x) = 1 / (1 + e⁻ˣ) = eˣ / (1 + eˣ) in (0, 1), with slope y (1 - y): at most 1/4.

    The second form is computed: far below 0, e⁻ˣ would overflow. Far above 0, eˣ would: there x is cut off at _TOP.
    """
    y = np.asarray(np.minimum(x, _TOP.get(x.dtype, 40.0)))
    np.exp(y, out=y)  # in place from here on: half of sigmoid's time is fetching memory
    y /= y + _ONE[y.dtype]
    return y


sigmoid.defvjp(x=lambda g, y: g * y * (_ONE[y.dtype] - y))
sigmoid.defslope(x="y (1 - y)")  # what pictures show: the source of the rule has _ONE


@primitive
def relu(x: Array) -> Array:
    """max(x, 0), with slope 0 at the kink x = 0, as in PyTorch."""
    return np.maximum(x, 0)


relu.defvjp(x=lambda g, y: np.where(y > 0, g, 0))


@primitive
def softplus(x: Array) -> Array:
    """y = log(1 + eˣ), a smooth relu; its slope is σ(x) = 1 - e⁻ʸ. Stable for any x."""
    return np.logaddexp(x, np.zeros((), x.dtype))


softplus.defvjp(x=lambda g, y: -g * np.expm1(-y))
