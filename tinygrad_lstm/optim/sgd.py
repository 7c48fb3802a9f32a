"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.optim.optimizer import Optimizer, State
from tinygrad_lstm.optim.options import Option, takes_options


@takes_options
class SGD(Optimizer):
    """v ← μ v + (1 - τ) g, p ← p - lr v (momentum μ, dampening τ): a ball that rolls downhill.

    v starts as the first g, and is g throughout without momentum. ``weight_decay`` λ adds λ p to g. ``nesterov`` steps
    by g + μ v in place of v, one step of momentum ahead (Sutskever et al. 2013, section 2, with the
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

    momentum: Option[float] = Option(0.0)
    dampening: Option[float] = Option(0.0)
    weight_decay: Option[float] = Option(0.0)
    nesterov: Option[bool] = Option(False)

    def _check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        group = super()._check(options)
        if group["nesterov"] and not (group["momentum"] > 0 and group["dampening"] == 0):
            raise ArgumentError("nesterov needs a momentum above 0, and no dampening")
        return group

    def update(self, p: Array, g: Array, state: State) -> Array:
        """p - lr v."""
        if self.weight_decay:
            g = g + self.weight_decay * p
        if not self.momentum:
            return p - self.lr * g
        v = state["v"] = self.momentum * state["v"] + (1 - self.dampening) * g if "v" in state else g.copy()
        return p - self.lr * (g + self.momentum * v if self.nesterov else v)
