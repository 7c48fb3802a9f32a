"""A learning rate that follows the loss: reduced where the loss has stopped falling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, SupportsFloat

from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.optim.domains import check_option
from tinygrad_lstm.optim.optimizer import Optimizer
from tinygrad_lstm.optim.scheduler import Scheduler, for_each_group


class ReduceLROnPlateau(Scheduler):
    """lr ← max(lr · factor, min_lr) after more than ``patience`` steps in a row without a better metric.

    Better means below best · (1 - threshold), or below best - threshold if ``threshold_mode`` is "abs"; for ``mode``
    "max" above best · (1 + threshold) or best + threshold. NaN is never better. The next ``cooldown`` steps after a
    reduction are not counted. A change of lr of at most ``eps`` is left out.

    >>> from tinygrad_lstm import Tensor, optim
    >>> sgd = optim.SGD(Tensor(1.0, requires_grad=True), lr=1.0)
    >>> scheduler = ReduceLROnPlateau(sgd, factor=0.5, patience=1)
    >>> for loss in (4.0, 3.0, 3.0, 3.0, 3.0, 3.0):
    ...     scheduler.step(loss)
    ...     print(*scheduler.get_last_lr(), end=" ")
    1.0 1.0 1.0 0.5 0.5 0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer)
        self.mode, self.threshold_mode = check_option("mode", mode), check_option("threshold_mode", threshold_mode)
        self.threshold: float = check_option("threshold", threshold)
        self.factor, self.eps = check_option("factor", factor), check_option("eps", eps)
        self.patience, self.cooldown = check_option("patience", patience), check_option("cooldown", cooldown)
        self.min_lrs = check_option("min_lrs", for_each_group(optimizer, "min_lr", min_lr))
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: SupportsFloat) -> None:
        """Take note of a loss, or of what ``mode`` "max" is to raise; ArgumentError for what is no number."""
        rates = self.get_last_lr()
        try:
            metric = float(metrics)
        except (TypeError, ValueError):
            raise ArgumentError(f"metrics is one number, such as a loss, not {metrics!r}") from None
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._better(metric):
            self.best, self.num_bad_epochs = metric, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.num_bad_epochs, self.cooldown_counter = 0, self.cooldown
            for group, rate, min_lr in zip(self.optimizer.param_groups, rates, self.min_lrs, strict=True):
                lr = max(rate * self.factor, min_lr)
                if rate - lr > self.eps:
                    group["lr"] = lr

    def state_dict(self) -> dict[str, Any]:
        """All it needs to go on: no formula gives the learning rates, so they are in it."""
        return super().state_dict() | {"last_lr": self.get_last_lr()}

    def _go_on(self, state: dict[str, Any]) -> None:
        self._set([{"lr": lr} for lr in state.pop("last_lr")])
        vars(self).update(state)

    def _better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        by = sign * self.threshold
        return sign * metric > sign * (self.best * (1 + by) if self.threshold_mode == "rel" else self.best + by)
