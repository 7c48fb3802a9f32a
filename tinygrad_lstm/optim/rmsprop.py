"""RMSprop: every number's gradient by its own recent size."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.errors import called
from tinygrad_lstm.optim.optimizer import Optimizer, Params, State


class RMSprop(Optimizer):
    """v ← α v + (1 - α) g², p ← p - lr g / (√v + ε), with a running mean v of g² (Tieleman & Hinton 2012, lecture 6.5).

    ``centered`` takes the variance v - m² in place of v, with a running mean m of g (Graves 2013, equations 38 to 41).
    ``momentum`` μ steps by b ← μ b + g / (√v + ε) in place of the quotient. ``weight_decay`` λ adds λ p to g.

    >>> import tinygrad_lstm as tg
    >>> w = tg.tensor([1.0, 1.0], requires_grad=True)
    >>> rmsprop = RMSprop([w], lr=0.01)
    >>> (w * tg.tensor([1.0, -100.0])).sum().backward()
    >>> rmsprop.step()
    >>> w.data.round(4)  # by lr / √(1 - α), whatever the gradient's scale
    array([0.9, 1.1], dtype=float32)
    """

    @called
    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered,
            maximize=maximize,
        )  # fmt: skip

    def update(
        self, p: Array, g: Array, state: State, *,
        lr: float, alpha: float, eps: float, weight_decay: float, momentum: float, centered: bool,
    ) -> Array:  # fmt: skip
        """p - lr g / (√v + ε)."""
        if weight_decay:
            g = g + weight_decay * p
        v = state["v"] = alpha * state.get("v", 0.0) + (1 - alpha) * g * g
        root = np.sqrt(v)
        if centered:
            m = state["m"] = alpha * state.get("m", 0.0) + (1 - alpha) * g
            variance = (root - m) * (root + m)  # v - m², in which neither square overflows
            root = np.sqrt(np.maximum(variance, 0))  # which rounding may put just below 0
        step = g / (root + eps)
        if momentum:
            step = state["b"] = momentum * state.get("b", 0.0) + step
        return p - lr * step
