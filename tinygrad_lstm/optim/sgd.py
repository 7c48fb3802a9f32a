"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.optim.optimizer import Optimizer


class SGD(Optimizer):
    """p ← p - lr v, with v ← momentum · v + g (v = g without momentum), as in PyTorch.

    >>> import tinygrad_lstm as tg
    >>> w = tg.tensor(4.0, requires_grad=True)
    >>> sgd = SGD([w], lr=0.25)
    >>> for _ in range(3):
    ...     sgd.zero_grad()
    ...     (w * w).backward()
    ...     sgd.step()
    >>> w
    tensor(0.5, requires_grad=True)
    """

    def __init__(self, parameters: Iterable[Tensor] | Tensor, lr: float, momentum: float = 0.0) -> None:
        super().__init__(parameters, lr)
        if not 0 <= momentum < 1:
            raise ArgumentError(
                f"momentum is the share of the velocity that is kept, 0 <= momentum < 1, not {momentum}"
            )
        self.momentum = momentum

    def update(self, g: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
        """lr v."""
        v = g
        if self.momentum:
            v = state["v"] = self.momentum * state["v"] + g if "v" in state else g
        return self.lr * v
