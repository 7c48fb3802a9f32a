"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.errors import ArgumentError, called
from tinygrad_lstm.optim.optimizer import Optimizer, Params, State


class SGD(Optimizer):
    """v ← μ v + (1 - τ) g, p ← p - lr v (momentum μ, dampening τ): a ball that rolls downhill.

    v starts as the first g, and is g throughout without momentum. ``weight_decay`` λ adds λ p to g. ``nesterov`` steps
    by g + μ v in place of v: where the next roll leads, seen from here (Sutskever et al. 2013, section 2, with the
    learning rate outside v, as in PyTorch).

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

    @called
    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize,
        )  # fmt: skip

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        group = super()._checked(options)
        if group["nesterov"] and not (group["momentum"] > 0 and group["dampening"] == 0):
            raise ArgumentError("nesterov needs a momentum above 0, and no dampening")
        return group

    def update(
        self, p: Array, g: Array, state: State, *,
        lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool,
    ) -> Array:  # fmt: skip
        """p - lr v."""
        if weight_decay:
            g = g + weight_decay * p
        if not momentum:
            return p - lr * g
        v = state["v"] = momentum * state["v"] + (1 - dampening) * g if "v" in state else g.copy()
        return p - lr * (g + momentum * v if nesterov else v)
