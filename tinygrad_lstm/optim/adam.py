"""Adam: steps of about the learning rate, whatever the gradient's scale; and AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.errors import called
from tinygrad_lstm.optim.optimizer import Optimizer, Params, State


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

    @called
    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )

    def update(
        self, p: Array, g: Array, state: State, *,
        lr: float, betas: tuple[float, float], eps: float, weight_decay: float, amsgrad: bool,
    ) -> Array:  # fmt: skip
        """p - lr m̂ / (√v̂ + ε)."""
        beta1, beta2 = betas
        if weight_decay:
            g = g + weight_decay * p
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = beta1 * state.get("m", 0.0) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", 0.0) + (1 - beta2) * g * g
        if amsgrad:
            v = state["v_max"] = np.maximum(state.get("v_max", 0.0), v)
        m_hat = m / (1 - beta1**t)
        root_v_hat = np.sqrt(v) / math.sqrt(1 - beta2**t)  # v̂ itself may be out of range where v is not
        return p - lr * m_hat / (root_v_hat + eps)


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

    @called
    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def update(self, p: Array, g: Array, state: State, *, lr: float, weight_decay: float, **adam: Any) -> Array:
        """Adam's step from (1 - lr λ) p."""
        return super().update((1 - lr * weight_decay) * p, g, state, lr=lr, weight_decay=0.0, **adam)
