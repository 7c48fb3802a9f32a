"""Optimisers, their groups, and schedules, one's own too."""

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn, optim


class Harmonic(optim.lr_scheduler.LRScheduler):
    """lr(t) = lr₀ / (1 + t)."""

    def rate(self, t: int, lr0: float) -> float:
        return lr0 / (1 + t)


@optim.takes_options
class SignSGD(optim.Optimizer):
    """p ← p - lr sign g, with a floor below which a gradient is left out."""

    floor: optim.Option[float] = optim.Option(0.0)

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        return p - self.lr * np.sign(g) * (np.abs(g) > self.floor)


def all_of(model: nn.Module) -> list[optim.Optimizer]:
    return [
        optim.SGD(model.parameters(), lr=0.1, momentum=0.9), optim.Adagrad(model.parameters()),
        optim.RMSprop(model.parameters()), optim.Adam(model.parameters(), betas=(0.9, 0.99)),
        optim.AdamW([{"params": list(model.parameters()), "lr": 0.1}]),
        SignSGD(model.parameters(), 0.1, floor=0.5, maximize=True),
    ]  # fmt: skip


layer = nn.Linear(2, 1)
rates: list[float] = []
for optimizer in all_of(layer):
    schedule = Harmonic(optimizer)
    optimizer.zero_grad()
    layer(tg.ones(3, 2)).sum().backward()
    optimizer.step()
    schedule.step()
    rates += [group["lr"] for group in optimizer.param_groups]
print(rates)
