"""Learning rates in time: each schedule is a formula of t, how often ``step`` was called.

Call ``scheduler.step()`` after each update, or after each epoch: t counts what you like. lr₀ is the rate that a group
had when its first scheduler was made (its ``"initial_lr"``). A formula gives the rate itself, not a change of it, so an
optimiser has one scheduler at a time; ``SequentialLR`` puts several one after the other.
"""

from typing import TYPE_CHECKING

from tinygrad_lstm.engine.absent import getattr_of
from tinygrad_lstm.optim.one_cycle import OneCycleLR
from tinygrad_lstm.optim.plateau import ReduceLROnPlateau
from tinygrad_lstm.optim.scheduler import LRScheduler, Scheduler
from tinygrad_lstm.optim.schedules import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    SequentialLR,
    StepLR,
)

__all__ = [
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR", "LambdaLR", "LinearLR", "LRScheduler",
    "MultiStepLR", "OneCycleLR", "ReduceLROnPlateau", "Scheduler", "SequentialLR", "StepLR",
]  # fmt: skip

if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("optim.lr_scheduler", __name__)
