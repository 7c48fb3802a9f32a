"""Softmax, its logarithm, log-sum-exp and cross-entropy: from a row of scores to probabilities and a loss."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive
from tinygrad_lstm.engine.ops.reductions import Axis, off_zero, restore


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
