"""What every optimiser shares: its parameters, and the loop over those that have a gradient."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygrad_lstm.engine.tensor import Tensor


class Optimizer:
    """Changes parameters by their gradients: a subclass writes ``update``, one parameter at a time.

    An array that must last from step to step (a momentum) is kept in ``self.state``, one dict for each parameter.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("an optimiser needs at least one parameter")
        if not all(isinstance(parameter, Tensor) and parameter.requires_grad for parameter in self.parameters):
            raise ValueError("an optimiser takes tensors that require a gradient, e.g. module.parameters()")
        if not lr >= 0:
            raise ValueError(f"the learning rate must not be negative, as {lr} is")
        self.lr = lr
        self.steps = 0
        self.state: list[dict[str, np.ndarray]] = [{} for _ in self.parameters]

    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        self.steps += 1
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is not None:
                parameter.data = parameter.data - self.update(parameter.grad.data, state)

    def update(self, g: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
        """What to subtract from a parameter whose gradient is g."""
        raise TypeError(f"{type(self).__name__} has no update")

    def zero_grad(self) -> None:
        """Forget the gradients of its parameters."""
        for parameter in self.parameters:
            parameter.grad = None
