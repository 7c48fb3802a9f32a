"""What all schedulers share: an optimiser whose learning rates they set, and a state to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.optim.domains import check_option
from tinygrad_lstm.optim.optimizer import Optimizer


def check_optimizer(given: Any) -> Optimizer:
    """What is given, if it is an optimiser."""
    if not isinstance(given, Optimizer):
        raise ArgumentError(f"a scheduler takes an optimiser, not a {type(given).__name__}")
    return given


def for_each_group(optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """One value for each group of parameters: those of a list, or the same for all."""
    groups = len(check_optimizer(optimizer).param_groups)
    values = list(value) if isinstance(value, tuple | list) else [value] * groups
    if len(values) != groups:
        raise ArgumentError(f"{len(values)} values of {name} for {groups} groups of parameters")
    return values


class Scheduler:
    """An optimiser whose learning rates it sets, and a state that can be saved."""

    _no_state: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = check_optimizer(optimizer)
        self.last_epoch = 0

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [float(check_option("lr", group["lr"])) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All it needs to go on beside the optimiser's own state, as ``tg.save`` takes it; functions are left out."""
        own = {name: value for name, value in vars(self).items() if name not in self._no_state}
        return {"scheduler": type(self).__name__, **own}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from such a state: the optimiser gets the learning rates that belong to it.

        So it does not matter which of the two is made or loaded first. Raises WeightsError for a state of another kind,
        before anything is changed.
        """
        self._go_on(self._check_state(state_dict))

    def _check_state(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        """What such a state sets, each value in its domain."""
        own = self.state_dict()
        if not isinstance(state_dict, Mapping) or set(state_dict) != set(own):
            raise WeightsError(f"this is no state of {own['scheduler']}, which has {', '.join(own)}")
        if state_dict["scheduler"] != own["scheduler"]:
            raise WeightsError(f"this is no state of {own['scheduler']}, but of {state_dict['scheduler']}")
        for name, value in own.items():
            given = state_dict[name]
            if isinstance(value, list) and not (isinstance(given, list) and len(given) == len(value)):
                came = f"of {len(given)}" if isinstance(given, list) else repr(given)
                raise WeightsError(f"{name} is a list of {len(value)}, not {came}")
        try:
            return {name: check_option(name, value) for name, value in state_dict.items() if name != "scheduler"}
        except ArgumentError as error:
            raise WeightsError(f"the state does not fit: {error}") from None

    def _go_on(self, state: dict[str, Any]) -> None:
        """Check a state, take it over, and set the rates."""
        raise TypeError(f"{type(self).__name__} does not say how it goes on from a state")

    def _set(self, settings: list[dict[str, Any]]) -> None:
        """Give each group what is set in it; all of it is checked before one is changed."""
        groups = self.optimizer.param_groups
        if len(groups) != len(settings):
            raise ArgumentError(
                f"the optimiser has {len(groups)} groups, and had {len(settings)} when this {type(self).__name__} was "
                "made: make the scheduler after the last add_param_group"
            )
        options = [{name: check_option(name, value) for name, value in own.items()} for own in settings]
        for group, own in zip(groups, options, strict=True):
            group.update(own)


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
        self.base_lrs = [float(check_option("initial_lr", lr)) for lr in first]
        self._go_to(0)

    def rate(self, t: int, lr0: float) -> float:
        """The learning rate at t of a group that began with lr₀."""
        raise TypeError(f"{type(self).__name__} has no rate")

    def rates(self, t: int) -> list[float]:
        """The learning rate of each group at t."""
        return [float(self.rate(t, lr0)) for lr0 in self.base_lrs]

    def settings(self, t: int) -> list[dict[str, Any]]:
        """All that is set in each group at t, by the option's name: the learning rate, unless a schedule sets more."""
        return [{"lr": lr} for lr in self.rates(t)]

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
        self._set([own | {"initial_lr": lr} for own, lr in zip(self.settings(t), self.base_lrs, strict=True)])
        self.last_epoch = t

    def _go_on(self, state: dict[str, Any]) -> None:
        before = self._check_state(self.state_dict())
        self._take_over(state)
        try:
            self._go_to(self.last_epoch)
        except BaseException:
            self._take_over(before)
            raise

    def _take_over(self, state: dict[str, Any]) -> None:
        """Set a state that was checked."""
        vars(self).update(state)
