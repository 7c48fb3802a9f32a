"""Schedules of every kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Make = Callable[[Any, Any], Any]  # of a module of schedulers, ours or PyTorch's, and an optimiser


SCHEDULES: dict[str, Make] = {
    "stair": lambda module, sgd: module.StepLR(sgd, 7),
    "stair of one": lambda module, sgd: module.StepLR(sgd, step_size=1, gamma=0.9),
    "exponential": lambda module, sgd: module.ExponentialLR(sgd, 0.93),
    "cosine": lambda module, sgd: module.CosineAnnealingLR(sgd, 59),
    "cosine, down and up": lambda module, sgd: module.CosineAnnealingLR(sgd, T_max=13, eta_min=0.02),
    "linear": lambda module, sgd: module.LinearLR(sgd),
    "warm-up": lambda module, sgd: module.LinearLR(sgd, start_factor=0.01, total_iters=20),
    "cool-down": lambda module, sgd: module.LinearLR(sgd, start_factor=1.0, end_factor=0.0, total_iters=50),
    "stair of your own": lambda module, sgd: module.MultiStepLR(sgd, [3, 3, 17, 40], gamma=0.5),
    "stair of no steps": lambda module, sgd: module.MultiStepLR(sgd, []),
    "restarts": lambda module, sgd: module.CosineAnnealingWarmRestarts(sgd, 7),
    "restarts, longer and longer": lambda module, sgd: module.CosineAnnealingWarmRestarts(sgd, 5, 2, eta_min=0.01),
    "restarts, three times as long": lambda module, sgd: module.CosineAnnealingWarmRestarts(sgd, T_0=1, T_mult=3),
    "one cycle": lambda module, sgd: module.OneCycleLR(sgd, 0.5, 60),
    "one cycle, straight": lambda module, sgd: module.OneCycleLR(
        sgd, max_lr=[0.5, 2.0], epochs=7, steps_per_epoch=9, anneal_strategy="linear", pct_start=0.45
    ),
    "one cycle, three phases": lambda module, sgd: module.OneCycleLR(sgd, 0.5, 61, three_phase=True, div_factor=4.0),
    "one cycle, down": lambda module, sgd: module.OneCycleLR(sgd, 0.5, 60, pct_start=0.0, final_div_factor=10.0),
    "one cycle, up": lambda module, sgd: module.OneCycleLR(sgd, 0.5, 60, pct_start=0.95, cycle_momentum=False),
    "own": lambda module, sgd: module.LambdaLR(sgd, lambda t: 1 / math.sqrt(1 + t)),
    "own for each": lambda module, sgd: module.LambdaLR(sgd, [lambda t: 0.95**t, lambda t: 1 + t]),
    "warm-up, then cosine": lambda module, sgd: module.SequentialLR(
        sgd, [module.LinearLR(sgd, 0.1, total_iters=10), module.CosineAnnealingLR(sgd, 50)], milestones=[10]
    ),
    "warm-up, then restarts": lambda module, sgd: module.SequentialLR(
        sgd, [module.LinearLR(sgd, 0.1, total_iters=10), module.CosineAnnealingWarmRestarts(sgd, 9, 2)], milestones=[10]
    ),
    "three": lambda module, sgd: module.SequentialLR(
        sgd,
        [module.LinearLR(sgd, 0.5, total_iters=4), module.StepLR(sgd, 3), module.ExponentialLR(sgd, 0.9)],
        milestones=[6, 20],
    ),
}
