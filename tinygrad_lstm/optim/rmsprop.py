"""RMSprop: every number's gradient by its own recent size."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.optim.optimizer import Optimizer, State
from tinygrad_lstm.optim.options import Option, takes_options


@takes_options
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

    lr: Option[float] = Option(1e-2)
    alpha: Option[float] = Option(0.99)
    eps: Option[float] = Option(1e-8)
    weight_decay: Option[float] = Option(0.0)
    momentum: Option[float] = Option(0.0)
    centered: Option[bool] = Option(False)

    def update(self, p: Array, g: Array, state: State) -> Array:
        """p - lr g / (√v + ε)."""
        alpha = self.alpha
        if self.weight_decay:
            g = g + self.weight_decay * p
        v = state["v"] = alpha * state.get("v", 0.0) + (1 - alpha) * g * g
        root = np.sqrt(v)
        if self.centered:
            m = state["m"] = alpha * state.get("m", 0.0) + (1 - alpha) * g
            variance = (root - m) * (root + m)  # v - m², in which neither square overflows
            root = np.sqrt(np.maximum(variance, 0))  # which rounding may put just below 0
        step = g / (root + self.eps)
        if self.momentum:
            step = state["b"] = self.momentum * state.get("b", 0.0) + step
        return p - self.lr * step
