"""The one-cycle policy: once up to a large learning rate and down again, the momentum the other way round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.optim.domains import check_option
from tinygrad_lstm.optim.optimizer import Optimizer
from tinygrad_lstm.optim.scheduler import LRScheduler, for_each_group


class OneCycleLR(LRScheduler):
    """Up from ``max_lr`` / ``div_factor`` to ``max_lr`` in a share ``pct_start`` of the steps, then down to almost 0.

    The end is ``final_div_factor`` times below the beginning. With ``three_phase`` the way down stops at the height of
    the beginning, after as many steps as the way up, and falls to the end from there (Smith & Topin 2018). Between two
    of these points the curve is half a cosine, or with ``anneal_strategy="linear"`` a straight line.

    ``cycle_momentum`` moves the momentum (β₁ of Adam) from ``max_momentum`` to ``base_momentum`` and back. The rate an
    optimiser was made with does not matter. There are ``total_steps`` steps, or ``epochs`` x ``steps_per_epoch``: the
    last is t = total_steps - 1. One more call of ``step`` is allowed, as it follows that step; after it, ArgumentError.

    >>> from tinygrad_lstm import Tensor, optim
    >>> sgd = optim.SGD(Tensor(1.0, requires_grad=True), lr=1.0)
    >>> cycle = OneCycleLR(sgd, max_lr=1.0, total_steps=10, anneal_strategy="linear")
    >>> [(round(own["lr"], 2), round(own["momentum"], 3)) for own in (cycle.settings(t)[0] for t in (0, 1, 2, 5, 9))]
    [(0.04, 0.95), (0.52, 0.9), (1.0, 0.85), (0.57, 0.893), (0.0, 0.95)]
    """

    base_momentums: list[float]
    max_momentums: list[float]

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            if epochs is steps_per_epoch is None:
                raise ArgumentError("total_steps is its length, not None: give it, or epochs and steps_per_epoch")
            total_steps = check_option("epochs", epochs) * check_option("steps_per_epoch", steps_per_epoch)
        self.total_steps: int = check_option("total_steps", total_steps)
        self.max_lrs: list[float] = check_option("max_lrs", for_each_group(optimizer, "max_lr", max_lr))
        self.pct_start: float = check_option("pct_start", pct_start)
        self.anneal_strategy = check_option("anneal_strategy", anneal_strategy)
        self.cycle_momentum: bool = check_option("cycle_momentum", cycle_momentum)
        for name, value in (("base_momentum", base_momentum), ("max_momentum", max_momentum)):
            setattr(self, f"{name}s", check_option(f"{name}s", for_each_group(optimizer, name, value)))
        self.div_factor: float = check_option("div_factor", div_factor)
        self.final_div_factor: float = check_option("final_div_factor", final_div_factor)
        self.three_phase: bool = check_option("three_phase", three_phase)
        if self.cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ArgumentError(f"{type(optimizer).__name__} has no momentum to cycle: cycle_momentum=False")
        super().__init__(optimizer)

    def rates(self, t: int) -> list[float]:
        """The learning rate of each group at t."""
        lows = [top / self.div_factor for top in self.max_lrs]
        return [self._between(t, low, top, low / self.final_div_factor)
                for low, top in zip(lows, self.max_lrs, strict=True)]  # fmt: skip

    def settings(self, t: int) -> list[dict[str, Any]]:
        """The learning rate, and the momentum or β₁."""
        settings = super().settings(t)
        if not self.cycle_momentum:
            return settings
        momentums = [self._between(t, top, base, top)
                     for base, top in zip(self.base_momentums, self.max_momentums, strict=True)]  # fmt: skip
        groups = self.optimizer.param_groups
        if "momentum" in self.optimizer.defaults:
            return [own | {"momentum": μ} for own, μ in zip(settings, momentums, strict=True)]
        return [own | {"betas": (μ, group["betas"][1])}
                for own, μ, group in zip(settings, momentums, groups, strict=True)]  # fmt: skip

    def _between(self, t: int, first: float, middle: float, last: float) -> float:
        """The height at t of the curve that starts at one height, turns at the next and ends at the last.

        Where a phase begins and ends is PyTorch's, to the fraction of a step. One step past the end, PyTorch follows
        the curve, which a straight line leaves at the bottom; here it is held between the ends of the phase.
        """
        if t > self.total_steps:
            raise ArgumentError(f"this OneCycleLR has total_steps = {self.total_steps}, and has done them all")
        turn = float(self.pct_start * self.total_steps)
        heights, ends = [first, middle, last], [0.0, turn - 1, self.total_steps - 1.0]
        if self.three_phase:
            heights.insert(2, first)
            ends.insert(2, 2 * turn - 2)
        k = next((k for k in range(1, len(ends)) if t <= ends[k]), len(ends) - 1)
        share = (t - ends[k - 1]) / (ends[k] - ends[k - 1]) if ends[k] != ends[k - 1] else 1.0
        start, end = heights[k - 1], heights[k]
        if self.anneal_strategy == "cos":
            height = end + (start - end) / 2 * (1 + math.cos(math.pi * share))
        else:
            height = start + (end - start) * share
        return min(max(height, min(start, end)), max(start, end))
