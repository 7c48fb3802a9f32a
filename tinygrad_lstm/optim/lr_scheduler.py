"""Learning rates in time: each schedule is a formula of t, how often ``step`` was called.

Call ``scheduler.step()`` after each update, or after each epoch: t counts what you like. lr₀ is the rate that a group
had when its first scheduler was made (its ``"initial_lr"``). As a formula gives the rate outright, an optimiser has one
scheduler at a time; ``SequentialLR`` puts several one after the other.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, SupportsFloat

from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.optim.optimizer import Optimizer


class Scheduler:
    """What all share: an optimiser whose learning rates it sets, and a state that can be saved."""

    _no_state: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"a scheduler takes an optimiser, not a {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.last_epoch = 0

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All it needs to go on beside the optimiser's own state, as ``tg.save`` takes it; functions are left out."""
        state = {name: value for name, value in vars(self).items() if name not in self._no_state}
        return {"scheduler": type(self).__name__} | state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from such a state; WeightsError for that of another kind, before anything is changed.

        The learning rates themselves are in the optimiser's state: load that too.
        """
        own = self.state_dict()
        if set(state_dict) != set(own) or state_dict["scheduler"] != own["scheduler"]:
            raise WeightsError(f"this is no state of {own['scheduler']}, which has {', '.join(own)}")
        vars(self).update({name: value for name, value in state_dict.items() if name != "scheduler"})


class LRScheduler(Scheduler):
    """A schedule that is a formula: a subclass writes ``rate``.

    >>> from tinygrad_lstm import Tensor, optim
    >>> class Harmonic(LRScheduler):
    ...     def rate(self, t, lr0):
    ...         return lr0 / (1 + t)
    >>> harmonic = Harmonic(optim.SGD(Tensor(1.0, requires_grad=True), lr=12.0))
    >>> [harmonic.rates(t) for t in range(4)]
    [[12.0], [6.0], [4.0], [3.0]]
    """

    def __init__(self, optimizer: Optimizer) -> None:  # called last by a subclass: it sets the rates of t = 0
        super().__init__(optimizer)
        self.base_lrs = [float(group.setdefault("initial_lr", group["lr"])) for group in optimizer.param_groups]
        self._set()

    def rate(self, t: int, lr0: float) -> float:
        """The learning rate at t of a group that began with lr₀."""
        raise TypeError(f"{type(self).__name__} has no rate")

    def rates(self, t: int) -> list[float]:
        """The learning rate of each group at t."""
        return [float(self.rate(t, lr0)) for lr0 in self.base_lrs]

    def step(self) -> None:
        """Go on to t + 1 and set the learning rates.

        Raises ArgumentError if they are no longer what it set at t: two that set them would undo each other.
        """
        now, ours = self.get_last_lr(), self.rates(self.last_epoch)
        if now != ours:
            raise ArgumentError(
                f"the learning rates are {now}, but {type(self).__name__} set {ours}: something else changed them, or "
                "added a group (an optimiser has one scheduler at a time; SequentialLR joins several)"
            )
        self.last_epoch += 1
        self._set()

    def _set(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.rates(self.last_epoch), strict=True):
            group["lr"] = lr


class StepLR(LRScheduler):
    """lr(t) = lr₀ γ^⌊t / step_size⌋: a stair."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = _at_least_1("step_size", step_size), gamma
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ γ^⌊t / step_size⌋."""
        return float(lr0 * self.gamma ** (t // self.step_size))


class ExponentialLR(LRScheduler):
    """lr(t) = lr₀ γᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ γᵗ."""
        return float(lr0 * self.gamma**t)


class CosineAnnealingLR(LRScheduler):
    """lr(t) = η + (lr₀ - η) (1 + cos(π t / T)) / 2, down from lr₀ to η = ``eta_min`` at T = ``T_max``, then up again.

    Half a period of SGDR (Loshchilov & Hutter 2017, equation 5), without its restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = _at_least_1("T_max", T_max), eta_min
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """η + (lr₀ - η) (1 + cos(π t / T)) / 2."""
        return self.eta_min + (lr0 - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class LinearLR(LRScheduler):
    """lr(t) = lr₀ (a + (b - a) min(t, N) / N): a warm-up.

    From a = ``start_factor`` to b = ``end_factor`` in N = ``total_iters`` steps, b from then on.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        if not (0 < start_factor <= 1 and 0 <= end_factor <= 1):
            raise ArgumentError(f"factors are from 0 to 1, the first above 0, not {start_factor} and {end_factor}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = _at_least_1("total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ (a + (b - a) min(t, N) / N)."""
        done = min(t, self.total_iters) / self.total_iters
        return lr0 * (self.start_factor + (self.end_factor - self.start_factor) * done)


def _functions(given: Any) -> list[Callable[[int], float]]:
    """Several functions, one for each group; ArgumentError for anything else."""
    if not isinstance(given, Sequence) or not all(map(callable, given)):
        raise ArgumentError(f"lr_lambda is a function of t, or a list of them, not {given!r}")
    return list(given)


class LambdaLR(LRScheduler):
    """lr(t) = lr₀ f(t), with a function f of your own, or one for each group.

    Its state leaves the functions out: give them again where training goes on.
    """

    _no_state = ("optimizer", "lr_lambdas")

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else _functions(lr_lambda)
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
        for scheduler in schedulers:
            if not isinstance(scheduler, LRScheduler) or scheduler.optimizer is not optimizer:
                raise ArgumentError(f"SequentialLR takes schedules by formula of this optimiser, not {scheduler!r}")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        if len(self.schedulers) != len(self.milestones) + 1 or self.milestones != sorted(self.milestones):
            raise ArgumentError(f"{len(self.schedulers)} schedulers need one milestone less, rising, not {milestones}")
        super().__init__(optimizer)

    def rates(self, t: int) -> list[float]:
        """Those of the schedule that t is in, at its own time."""
        k = bisect_right(self.milestones, t)
        return self.schedulers[k].rates(t - self.milestones[k - 1] if k else t)

    def state_dict(self) -> dict[str, Any]:
        """All it needs to go on, the states of its schedulers included."""
        return super().state_dict() | {"schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        states = state_dict.get("schedulers", ())
        if len(states) != len(self.schedulers):
            raise WeightsError(f"a state of {len(states)} schedulers for {len(self.schedulers)}")
        for scheduler, state in zip(self.schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict({**state_dict, "schedulers": self.schedulers})


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
        groups = len(optimizer.param_groups)
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"mode is min or max, threshold_mode rel or abs, not {mode!r} and {threshold_mode!r}")
        if not 0 <= factor < 1:
            raise ArgumentError(f"factor is what is left of the learning rate, 0 <= factor < 1, not {factor}")
        self.mode, self.threshold_mode, self.threshold = mode, threshold_mode, threshold
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.min_lrs = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ArgumentError(f"{len(self.min_lrs)} values of min_lr for {groups} groups of parameters")
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: SupportsFloat) -> None:
        """Take note of a loss, or of what ``mode`` "max" is to raise."""
        metric = float(metrics)
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._better(metric):
            self.best, self.num_bad_epochs = metric, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.num_bad_epochs, self.cooldown_counter = 0, self.cooldown
            for group, min_lr in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lr = max(group["lr"] * self.factor, min_lr)
                if group["lr"] - lr > self.eps:
                    group["lr"] = lr

    def _better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        bar = (
            self.best * (1 + sign * self.threshold)
            if self.threshold_mode == "rel"
            else self.best + sign * self.threshold
        )
        return sign * metric > sign * bar


def _at_least_1(name: str, count: int) -> int:
    if not isinstance(count, int) or count < 1:
        raise ArgumentError(f"{name} is a number of steps, at least 1, not {count!r}")
    return count
