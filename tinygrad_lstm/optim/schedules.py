"""Schedules by formula: the learning rate at t, of a group that began with lr₀; and several of them in a row."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tinygrad_lstm.engine.arrays import has_members
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.optim.domains import check_option
from tinygrad_lstm.optim.optimizer import Optimizer
from tinygrad_lstm.optim.scheduler import LRScheduler, check_optimizer

OfTime: TypeAlias = Callable[[int], float]


class StepLR(LRScheduler):
    """lr(t) = lr₀ γ^⌊t / step_size⌋: a staircase."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = check_option("step_size", step_size), check_option("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ γ^⌊t / step_size⌋."""
        return float(lr0 * self.gamma ** (t // self.step_size))


class MultiStepLR(LRScheduler):
    """lr(t) = lr₀ γⁿ, where n of the ``milestones`` are behind: a staircase with steps of your choice.

    >>> from tinygrad_lstm import Tensor, optim
    >>> stair = MultiStepLR(optim.SGD(Tensor(1.0, requires_grad=True), lr=8.0), milestones=[2, 3], gamma=0.5)
    >>> [stair.rates(t)[0] for t in range(5)]
    [8.0, 8.0, 4.0, 2.0, 2.0]
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = list(check_option("milestones", milestones)), check_option("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ γⁿ."""
        return float(lr0 * self.gamma ** bisect_right(self.milestones, t))


class ExponentialLR(LRScheduler):
    """lr(t) = lr₀ γᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = check_option("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ γᵗ."""
        return float(lr0 * self.gamma**t)


class CosineAnnealingLR(LRScheduler):
    """lr(t) = η + (lr₀ - η) (1 + cos(π t / T)) / 2, down from lr₀ to η = ``eta_min`` at T = ``T_max``, then up again.

    Half a period of ``CosineAnnealingWarmRestarts``, without the restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max: int = check_option("T_max", T_max)
        self.eta_min: float = check_option("eta_min", eta_min)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """η + (lr₀ - η) (1 + cos(π t / T)) / 2."""
        return self.eta_min + (lr0 - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down along a cosine from lr₀ to η = ``eta_min``, again and again: SGDR (Loshchilov & Hutter 2017, equation 5).

    lr = η + (lr₀ - η) (1 + cos(π s / T)) / 2 at s steps after a restart. The first run takes T = ``T_0`` steps, each
    next one ``T_mult`` times as many.

    >>> from tinygrad_lstm import Tensor, optim
    >>> sgdr = CosineAnnealingWarmRestarts(optim.SGD(Tensor(1.0, requires_grad=True), lr=1.0), T_0=2, T_mult=2)
    >>> [round(sgdr.rates(t)[0], 3) for t in range(7)]
    [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        self.T_0: int = check_option("T_0", T_0)
        self.T_mult: int = check_option("T_mult", T_mult)
        self.eta_min: float = check_option("eta_min", eta_min)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """η + (lr₀ - η) (1 + cos(π s / T)) / 2."""
        s, T = (t % self.T_0, self.T_0) if self.T_mult == 1 else (t, self.T_0)
        while s >= T:
            s, T = s - T, T * self.T_mult
        return self.eta_min + (lr0 - self.eta_min) * (1 + math.cos(math.pi * s / T)) / 2


class LinearLR(LRScheduler):
    """lr(t) = lr₀ (a + (b - a) min(t, N) / N): a warm-up.

    From a = ``start_factor`` to b = ``end_factor`` in N = ``total_iters`` steps, b from then on.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self.start_factor: float = check_option("start_factor", start_factor)
        self.end_factor: float = check_option("end_factor", end_factor)
        self.total_iters: int = check_option("total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ (a + (b - a) min(t, N) / N)."""
        done = min(t, self.total_iters) / self.total_iters
        return lr0 * (self.start_factor + (self.end_factor - self.start_factor) * done)


class LambdaLR(LRScheduler):
    """lr(t) = lr₀ f(t), with a function f of your own, or one for each group.

    Its state leaves the functions out: give them again where training goes on.
    """

    _no_state = ("optimizer", "lr_lambdas")

    def __init__(self, optimizer: Optimizer, lr_lambda: OfTime | Sequence[OfTime]) -> None:
        groups = len(check_optimizer(optimizer).param_groups)
        given = [lr_lambda] * groups if callable(lr_lambda) else lr_lambda
        if not isinstance(given, Sequence) or not all(map(callable, given)):
            raise ArgumentError(f"lr_lambda is a function of t, or a list of them, not {given!r}")
        self.lr_lambdas = list(given)
        if len(self.lr_lambdas) != groups:
            raise ArgumentError(f"{len(self.lr_lambdas)} functions for {groups} groups of parameters")
        super().__init__(optimizer)

    def rates(self, t: int) -> list[float]:
        """lr₀ f(t) of each group."""
        return [float(lr0 * f(t)) for lr0, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class SequentialLR(LRScheduler):
    """One schedule after the other: at ``milestones[k]`` the k-th (from 0) ends and the next begins at its own t = 0.

    >>> from tinygrad_lstm import Tensor, optim
    >>> sgd = optim.SGD(Tensor(1.0, requires_grad=True), lr=1.0)
    >>> warm_up, cosine = LinearLR(sgd, 0.25, total_iters=3), CosineAnnealingLR(sgd, T_max=4)
    >>> scheduler = SequentialLR(sgd, [warm_up, cosine], milestones=[3])
    >>> [round(scheduler.rates(t)[0], 3) for t in range(8)]
    [0.25, 0.5, 0.75, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        given: Any = schedulers
        self.schedulers: list[LRScheduler] = list(given) if has_members(given) else [given]
        self.milestones = list(check_option("milestones", milestones))
        for scheduler in self.schedulers:
            if not isinstance(scheduler, LRScheduler) or scheduler.optimizer is not optimizer:
                raise ArgumentError(f"SequentialLR takes schedules by formula of this optimiser, not {scheduler!r}")
        if len(self.schedulers) != len(self.milestones) + 1:
            raise ArgumentError(f"{len(self.schedulers)} schedulers need one milestone less, not {self.milestones}")
        super().__init__(optimizer)

    def _at(self, t: int) -> tuple[LRScheduler, int]:
        """The schedule that t is in, and its own time."""
        k = bisect_right(self.milestones, t)
        return self.schedulers[k], t - self.milestones[k - 1] if k else t

    def rates(self, t: int) -> list[float]:
        """Those of the schedule that t is in, at its own time."""
        scheduler, own_t = self._at(t)
        return scheduler.rates(own_t)

    def settings(self, t: int) -> list[dict[str, Any]]:
        """Those of that schedule, at its own time."""
        scheduler, own_t = self._at(t)
        return scheduler.settings(own_t)

    def state_dict(self) -> dict[str, Any]:
        """All it needs to go on, the states of its schedulers included."""
        return super().state_dict() | {"schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def _check_state(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        own = super()._check_state(state_dict)
        states = zip(self.schedulers, own["schedulers"], strict=True)
        return own | {"schedulers": [scheduler._check_state(state) for scheduler, state in states]}

    def _take_over(self, state: dict[str, Any]) -> None:
        for scheduler, own in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler._take_over(own)
        super()._take_over(state | {"schedulers": self.schedulers})
