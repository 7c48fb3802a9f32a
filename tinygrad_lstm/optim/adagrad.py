"""Adagrad: the more a number has moved, the smaller its steps."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.optim.optimizer import Optimizer, State
from tinygrad_lstm.optim.options import Option, takes_options


@takes_options
class Adagrad(Optimizer):
    """G ← G + g², p ← p - lr g / (√G + ε), with the sum G of all squares so far (Duchi, Hazan & Singer 2011, figure 1).

    G starts at ``initial_accumulator_value``. ``lr_decay`` η divides lr by 1 + (t - 1) η at a parameter's step t.
    ``weight_decay`` λ adds λ p to g.

    >>> import tinygrad_lstm as tg
    >>> w = tg.tensor([0.0, 0.0], requires_grad=True)
    >>> adagrad = Adagrad([w], lr=1.0)
    >>> for _ in range(4):
    ...     adagrad.zero_grad()
    ...     (w * tg.tensor([1.0, 100.0])).sum().backward()
    ...     adagrad.step()
    ...     print(w.data.round(3))  # by 1, 1/√2, 1/√3, 1/√4, whatever the gradient's scale
    [-1. -1.]
    [-1.707 -1.707]
    [-2.284 -2.284]
    [-2.784 -2.784]
    """

    lr: Option[float] = Option(1e-2)
    lr_decay: Option[float] = Option(0.0)
    weight_decay: Option[float] = Option(0.0)
    initial_accumulator_value: Option[float] = Option(0.0)
    eps: Option[float] = Option(1e-10)

    def update(self, p: Array, g: Array, state: State) -> Array:
        """p - lr g / (√G + ε)."""
        if self.weight_decay:
            g = g + self.weight_decay * p
        t = state["t"] = state.get("t", 0) + 1
        G = state["G"] = state.get("G", self.initial_accumulator_value) + g * g
        return p - self.lr / (1 + (t - 1) * self.lr_decay) * g / (np.sqrt(G) + self.eps)
