"""Learning rates in time: each schedule is a formula of t, how often ``step`` was called.

Call ``scheduler.step()`` after each update, or after each epoch: t counts what you like. lr₀ is the rate that a group
had when its first scheduler was made (its ``"initial_lr"``). As a formula gives the rate outright, an optimiser has one
scheduler at a time; ``SequentialLR`` puts several one after the other.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, SupportsFloat, TypeAlias

from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.optim.optimizer import Optimizer
from tinygrad_lstm.optim.options import checked

OfTime: TypeAlias = Callable[[int], float]


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
        return [float(checked("lr", group["lr"])) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All it needs to go on beside the optimiser's own state, as ``tg.save`` takes it; functions are left out."""
        own = {name: value for name, value in vars(self).items() if name not in self._no_state}
        return {"scheduler": type(self).__name__, **own}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from such a state; WeightsError for that of another kind, before anything is changed.

        The learning rates themselves are in the optimiser's state: load that too.
        """
        vars(self).update(self._fitting(state_dict))

    def _fitting(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        """What such a state sets, each value in its domain."""
        own = self.state_dict()
        state_dict = state_dict if isinstance(state_dict, Mapping) else {}
        if set(state_dict) != set(own) or state_dict["scheduler"] != own["scheduler"]:
            raise WeightsError(f"this is no state of {own['scheduler']}, which has {', '.join(own)}")
        for name, value in own.items():
            given = state_dict[name]
            if isinstance(value, list) and not (isinstance(given, list) and len(given) == len(value)):
                raise WeightsError(f"{name} is a list of {len(value)}, not {given!r}")
        try:
            return {name: checked(name, value) for name, value in state_dict.items() if name != "scheduler"}
        except ArgumentError as error:
            raise WeightsError(f"the state does not fit: {error}") from None


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
        first = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
        self.base_lrs = [float(checked("initial_lr", lr)) for lr in first]
        self._go_to(0)
        for group, lr in zip(optimizer.param_groups, self.base_lrs, strict=True):
            group["initial_lr"] = lr

    def rate(self, t: int, lr0: float) -> float:
        """The learning rate at t of a group that began with lr₀."""
        raise TypeError(f"{type(self).__name__} has no rate")

    def rates(self, t: int) -> list[float]:
        """The learning rate of each group at t."""
        return [float(self.rate(t, lr0)) for lr0 in self.base_lrs]

    def step(self) -> None:
        """Go on to t + 1 and set the learning rates.

        Raises ArgumentError for a rate that is no number from 0, and if the rates are no longer what it set at t: two
        schedulers that set them would undo each other. Then it stays at t.
        """
        now, ours = self.get_last_lr(), self.rates(self.last_epoch)
        if now != ours:
            raise ArgumentError(
                f"the learning rates are {now}, but {type(self).__name__} set {ours}: something else changed them, or "
                "added a group (an optimiser has one scheduler at a time; SequentialLR joins several)"
            )
        self._go_to(self.last_epoch + 1)

    def _go_to(self, t: int) -> None:
        rates = [checked("lr", lr) for lr in self.rates(t)]  # all of them, before one is set
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self.last_epoch = t


class StepLR(LRScheduler):
    """lr(t) = lr₀ γ^⌊t / step_size⌋: a stair."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = checked("step_size", step_size), checked("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ γ^⌊t / step_size⌋."""
        return float(lr0 * self.gamma ** (t // self.step_size))


class ExponentialLR(LRScheduler):
    """lr(t) = lr₀ γᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = checked("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, t: int, lr0: float) -> float:
        """lr₀ γᵗ."""
        return float(lr0 * self.gamma**t)


class CosineAnnealingLR(LRScheduler):
    """lr(t) = η + (lr₀ - η) (1 + cos(π t / T)) / 2, down from lr₀ to η = ``eta_min`` at T = ``T_max``, then up again.

    Half a period of SGDR (Loshchilov & Hutter 2017, equation 5), without its restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max: int = checked("T_max", T_max)
        self.eta_min: float = checked("eta_min", eta_min)
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
        self.start_factor: float = checked("start_factor", start_factor)
        self.end_factor: float = checked("end_factor", end_factor)
        self.total_iters: int = checked("total_iters", total_iters)
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
        Scheduler.__init__(self, optimizer)  # which checks it
        groups = len(optimizer.param_groups)
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
        for scheduler in schedulers if isinstance(schedulers, Sequence) else [schedulers]:
            if not isinstance(scheduler, LRScheduler) or scheduler.optimizer is not optimizer:
                raise ArgumentError(f"SequentialLR takes schedules by formula of this optimiser, not {scheduler!r}")
        if isinstance(schedulers, LRScheduler):
            raise ArgumentError("SequentialLR takes a list of schedules, not one alone")
        self.schedulers, self.milestones = list(schedulers), list(checked("milestones", milestones))
        if len(self.schedulers) != len(self.milestones) + 1:
            raise ArgumentError(f"{len(self.schedulers)} schedulers need one milestone less, not {milestones}")
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
        states = state_dict.get("schedulers", ()) if isinstance(state_dict, Mapping) else ()
        if len(states) != len(self.schedulers):
            raise WeightsError(f"a state of {len(states)} schedulers for {len(self.schedulers)}")
        own = self._fitting({**state_dict, "schedulers": self.schedulers})
        for scheduler, state in zip(self.schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        vars(self).update(own)


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
        self, optimizer: Optimizer, mode: Literal["min", "max"] = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: Literal["rel", "abs"] = "rel", cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        super().__init__(optimizer)
        groups = len(optimizer.param_groups)
        self.mode, self.threshold_mode = checked("mode", mode), checked("threshold_mode", threshold_mode)
        self.threshold: float = checked("threshold", threshold)
        self.factor, self.eps = checked("factor", factor), checked("eps", eps)
        self.patience, self.cooldown = checked("patience", patience), checked("cooldown", cooldown)
        self.min_lrs = checked("min_lrs", list(min_lr) if isinstance(min_lr, tuple | list) else [min_lr] * groups)
        if len(self.min_lrs) != groups:
            raise ArgumentError(f"{len(self.min_lrs)} values of min_lr for {groups} groups of parameters")
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

    def _better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        by = sign * self.threshold
        return sign * metric > sign * (self.best * (1 + by) if self.threshold_mode == "rel" else self.best + by)
