"""Adam: steps of about the learning rate, whatever the gradient's scale."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.optim.optimizer import Optimizer


class Adam(Optimizer):
    """p ← p - lr m̂ / (√v̂ + ε), with running means m of g and v of g² (Kingma & Ba 2015, algorithm 1).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) make up for the means' start at 0.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr)
        self.betas, self.eps = betas, eps

    def update(self, g: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
        """lr m̂ / (√v̂ + ε)."""
        beta1, beta2 = self.betas
        state.setdefault("t", np.zeros((), int))
        t = state["t"] = state["t"] + 1  # this parameter's own count: it may have had no gradient before
        m = state["m"] = beta1 * state.get("m", np.zeros_like(g)) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", np.zeros_like(g)) + (1 - beta2) * g * g
        m_hat = m / float(1 - beta1**t)
        v_hat = v / float(1 - beta2**t)
        return np.asarray(self.lr * m_hat / (np.sqrt(v_hat) + self.eps))
