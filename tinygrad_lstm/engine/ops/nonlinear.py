"""Smooth curves and squashing functions, element by element. x, y: the same shape.

Most keep only their output y, from which the slope can be read: tanh' = 1 - y², σ' = y (1 - y).
"""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive
from tinygrad_lstm.engine.ops.reductions import Axis, off_zero, restore


@primitive(numpy=np.exp)
def exp(x: Array) -> Array:
    """y = eˣ, its own slope."""
    return np.exp(x)


exp.defvjp(x=lambda g, y: g * y)


@primitive(numpy=np.expm1)
def expm1(x: Array) -> Array:
    """y = eˣ - 1, exact for small x; its slope is eˣ, of which y + 1 has no digit left where x is far below 0."""
    return np.expm1(x)


expm1.defvjp(x=lambda g, x: g * np.exp(x))


@primitive(numpy=np.log)
def log(x: Array) -> Array:
    """The natural logarithm, with slope 1/x."""
    return np.log(x)


log.defvjp(x=lambda g, x: g / x)


@primitive(numpy=np.log1p)
def log1p(x: Array) -> Array:
    """log(1 + x), exact for small x, with slope 1/(1 + x)."""
    return np.log1p(x)


log1p.defvjp(x=lambda g, x: g / (1 + x))


@primitive(numpy=np.sqrt)
def sqrt(x: Array) -> Array:
    """y = √x, with slope 1/(2y): infinite at 0."""
    return np.sqrt(x)


sqrt.defvjp(x=lambda g, y: 0.5 * g / y)


@primitive(numpy=np.tanh)
def tanh(x: Array) -> Array:
    """y = tanh x in (-1, 1), with slope 1 - y²: at most 1, and small where saturated."""
    return np.tanh(x)


tanh.defvjp(x=lambda g, y: g - g * (y * y))

# Where σ has become 1 to the last digit, in each dtype (and the 1, as an array: a bare number costs a ufunc twice)
_SATURATED = {np.dtype(f"f{n}"): (np.array(x, f"f{n}"), np.array(1, f"f{n}")) for n, x in ((2, 10), (4, 20), (8, 40))}


@primitive
def sigmoid(x: Array) -> Array:
    """σ(x) = 1 / (1 + e⁻ˣ) = eˣ / (1 + eˣ) in (0, 1), with slope y (1 - y): at most 1/4.

    The second form is exact far on the left, where σ(x) is eˣ; on the right it stops where y is 1, before eˣ overflows.
    """
    top, one = _SATURATED.get(x.dtype, (40.0, 1.0))
    y = np.asarray(np.minimum(x, top))
    np.exp(y, out=y)  # in place from here on: half of sigmoid's time is fetching memory
    y /= y + one
    return y


sigmoid.defvjp(x=lambda g, y: g * (y * (_SATURATED.get(y.dtype, (40.0, 1.0))[1] - y)))
sigmoid.defslope(x="y (1 - y)")


_erf = np.frompyfunc(math.erf, 1, 1)


@primitive
def erf(x: Array) -> Array:
    """The error function 2/√π ∫₀ˣ e^(-t²) dt in (-1, 1), with slope 2/√π e^(-x²).

    Exact, by Python's own ``math.erf``, element by element: some ten times the price of tanh.
    """
    return np.asarray(_erf(x), np.result_type(x, np.float16))  # a whole number becomes a float


erf.defvjp(x=lambda g, x: g * np.exp(-x * x) * (2 / math.sqrt(math.pi)))


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


def _less_largest(x: Array, axis: Axis) -> tuple[Array, Array]:
    """x - top and top, its largest along the axis: before anything else, so that no eˣ overflows and no digit is lost.

    Infinities have no difference, but a limit: beside +inf all else is -inf, several +inf are alike (0), and a row of
    -inf stays one.
    """
    top = x.max(axis=axis, keepdims=True)
    if np.isfinite(top).all():
        return x - top, top
    z = np.where(top == np.inf, np.where(x == np.inf, 0.0, -np.inf).astype(x.dtype), x)
    return z - np.where(np.isinf(top), 0, top), top


def _shares(x: Array, axis: Axis) -> Array:
    """e^xₖ / Σⱼ e^xⱼ: 0 in a row of -inf."""
    e = np.exp(_less_largest(x, axis)[0])
    return e / off_zero(e.sum(axis=axis, keepdims=True))


@primitive(wide=True)
def softmax(x: Array, axis: int = -1) -> Array:
    """yₖ = e^xₖ / Σⱼ e^xⱼ along an axis. In a row of -inf, such as a mask makes, y and its slope are 0."""
    return _shares(x, axis)


softmax.defvjp(x=lambda g, y, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)))


@primitive(wide=True)
def log_softmax(x: Array, axis: int = -1) -> Array:
    """y = x - log Σⱼ e^xⱼ along an axis: the log-probabilities. In a row of -inf, y is -inf and its slope 0."""
    z, _ = _less_largest(x, axis)
    return z - np.log(off_zero(np.exp(z).sum(axis=axis, keepdims=True)))


log_softmax.defvjp(
    x=lambda g, y, axis: np.where(
        y.max(axis=axis, keepdims=True) == -np.inf, 0, g - np.exp(y) * g.sum(axis=axis, keepdims=True)
    )
)


@primitive(wide=True)
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """y = log Σ eˣ over one axis, several or all (None): a smooth maximum; its slope is the softmax."""
    z, top = _less_largest(x, axis)
    y = np.log(off_zero(np.exp(z).sum(axis=axis, keepdims=True))) + top
    return y if keepdims else y.squeeze(axis=axis)


logsumexp.defvjp(x=lambda g, x, axis, keepdims: restore(g, x.shape, axis, keepdims) * _shares(x, axis))
logsumexp.defslope(x="softmax(x)")


@primitive(wide=True)
def softmax_cross_entropy(x: Array, targets: Array) -> Array:
    """ℓ = log Σⱼ e^xⱼ - x_target, one loss for each row of scores.

    x: scores (..., V); targets: whole numbers (...) in 0..V-1; ℓ: (...). ∂ℓ/∂x = softmax(x) - onehot(target).
    """
    targets = np.asarray(targets)
    if targets.size and not 0 <= targets.min() <= targets.max() < x.shape[-1]:
        raise IndexError(f"targets {targets.min()} to {targets.max()}, but the {x.shape[-1]} classes count from 0")
    z, _ = _less_largest(x, -1)
    return np.log(off_zero(np.exp(z).sum(axis=-1))) - np.take_along_axis(z, targets[..., None], -1)[..., 0]


def _softmax_cross_entropy_vjp(g: Array, x: Array, targets: Array) -> Array:
    return np.expand_dims(g, -1) * (_shares(x, -1) - (np.asarray(targets)[..., None] == np.arange(x.shape[-1])))


softmax_cross_entropy.defvjp(x=_softmax_cross_entropy_vjp)
softmax_cross_entropy.defslope(x="softmax(x) - onehot(target)")
