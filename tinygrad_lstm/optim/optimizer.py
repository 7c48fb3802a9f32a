"""What every optimiser shares: its parameters, and the loop over those that have a gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, WeightsError


class Optimizer:
    """Changes parameters by their gradients: a subclass writes ``update``, one parameter at a time.

    An array that must last from step to step (a momentum) is kept in ``self.state``, one dict for each parameter.
    """

    def __init__(self, parameters: Iterable[Tensor] | Tensor, lr: float) -> None:
        self.parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        if not self.parameters:
            raise ArgumentError("an optimiser needs at least one parameter")
        for k, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Tensor) or not parameter.requires_grad or not parameter.is_leaf:
                raise ArgumentError(
                    "an optimiser takes leaves that require a gradient, e.g. module.parameters(): "
                    f"number {k} is {parameter!r}"
                )
        if len(set(self.parameters)) < len(self.parameters):
            raise ArgumentError("a parameter is given twice, and would be changed twice in each step")
        if not 0 <= lr < math.inf:
            raise ArgumentError(f"the learning rate is a number from 0, not {lr}")
        self.lr = lr
        self.state: list[dict[str, np.ndarray]] = [{} for _ in self.parameters]

    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is not None:
                parameter.data = parameter.data - self.update(parameter.grad.data, state)

    def update(self, g: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
        """What to subtract from a parameter whose gradient is g."""
        raise TypeError(f"{type(self).__name__} has no update")

    def state_dict(self) -> dict[str, Any]:
        """What the next steps depend on beside parameters and gradients, as ``tg.save`` takes it."""
        state = {str(k): {name: array.copy() for name, array in own.items()} for k, own in enumerate(self.state)}
        return {"optimizer": type(self).__name__, "lr": self.lr, "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state as if there had been no interruption.

        Raises WeightsError for the state of another optimiser or of other parameters, before anything is changed.
        """
        if {"optimizer", "lr", "state"} - set(state):
            raise WeightsError(f"the state of an optimiser has optimizer, lr and state, not {', '.join(state)}")
        if str(state["optimizer"]) != type(self).__name__:
            raise WeightsError(f"this is the state of {state['optimizer']}, not of {type(self).__name__}")
        if set(state["state"]) != {str(k) for k in range(len(self.parameters))}:
            raise WeightsError(f"a state of {len(state['state'])} parameters for {len(self.parameters)}")
        loaded = [
            {name: np.array(array) for name, array in state["state"][str(k)].items()}
            for k in range(len(self.parameters))
        ]
        for k, (own, parameter) in enumerate(zip(loaded, self.parameters, strict=True)):
            for name, array in own.items():
                if array.shape not in ((), parameter.shape):  # a count, or one number for each of the parameter's
                    raise WeightsError(f"{name} of parameter {k} is {array.shape}, should be {parameter.shape}")
        self.lr, self.state = float(state["lr"]), loaded

    def zero_grad(self) -> None:
        """Forget the gradients of its parameters."""
        for parameter in self.parameters:
            parameter.grad = None
