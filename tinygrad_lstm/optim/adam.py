"""Adam: steps of about the learning rate, whatever the gradient's scale; and AdamW."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.optim.optimizer import Optimizer, State
from tinygrad_lstm.optim.options import Option, takes_options


@takes_options
class Adam(Optimizer):
    """p ← p - lr m̂ / (√v̂ + ε), with running means m of g and v of g² (Kingma & Ba 2015, algorithm 1).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) make up for the means' start at 0; t counts this parameter's own steps.
    ``weight_decay`` λ adds λ p to g. ``amsgrad`` takes the largest v so far in place of v (Reddi et al. 2018,
    algorithm 2), so that no step grows because a large gradient was forgotten.

    >>> import tinygrad_lstm as tg
    >>> w = tg.tensor([100.0, -1.0], requires_grad=True)
    >>> adam = Adam(w, lr=0.1)
    >>> (w * w).sum().backward()
    >>> adam.step()
    >>> w.data.round(4)  # gradients a hundred times apart, steps alike
    array([99.9, -0.9], dtype=float32)
    """

    betas: Option[tuple[float, float]] = Option((0.9, 0.999))
    eps: Option[float] = Option(1e-8)
    weight_decay: Option[float] = Option(0.0)
    amsgrad: Option[bool] = Option(False)

    def update(self, p: Array, g: Array, state: State) -> Array:
        """Adam's step by g + λ p."""
        return self.adam(p, g + self.weight_decay * p if self.weight_decay else g, state)

    def adam(self, p: Array, g: Array, state: State) -> Array:
        """p - lr m̂ / (√v̂ + ε)."""
        beta1, beta2 = self.betas
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = beta1 * state.get("m", 0.0) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", 0.0) + (1 - beta2) * g * g
        if self.amsgrad:
            v = state["v_max"] = np.maximum(state.get("v_max", 0.0), v)
        m_hat = m / (1 - beta1**t)
        root_v_hat = np.sqrt(v) / math.sqrt(1 - beta2**t)  # not √v̂: v̂ may overflow where v does not
        return p - self.lr * m_hat / (root_v_hat + self.eps)


@takes_options
class AdamW(Adam):
    """Adam whose weights decay by themselves: p ← (1 - lr λ) p, then Adam's step on the loss's own gradient.

    λ p added to g, as in Adam, would be divided by √v̂ like the rest: the weights with large gradients would decay
    least (Loshchilov & Hutter 2019, algorithm 2).

    >>> import tinygrad_lstm as tg
    >>> w = tg.tensor([8.0], requires_grad=True)
    >>> w.grad = tg.tensor([0.0])
    >>> AdamW(w, lr=0.5, weight_decay=0.5).step()
    >>> w
    tensor([6.], requires_grad=True)
    """

    weight_decay: Option[float] = Option(1e-2)

    def update(self, p: Array, g: Array, state: State) -> Array:
        """Adam's step by g, from (1 - lr λ) p."""
        return self.adam((1 - self.lr * self.weight_decay) * p, g, state)
