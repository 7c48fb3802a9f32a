"""Networks that several sections look at: one that sums with resets, and one that adds two marked numbers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm import nn, paths
from tinygrad_lstm.data import adding, running_sum
from tinygrad_lstm.lab.claim import Run
from tinygrad_lstm.lab.learning import learn, lstm
from tinygrad_lstm.training import SequenceModel, belt_shares

STUCK = "forget gate stuck"
LAGS = (1, 10, 25, 45)


def at_its_mean(trajectory: nn.Trajectory, gate: str) -> AbstractContextManager[Any]:
    """Within the block a gate is, in each unit, what it was on average."""
    return paths.pinned(**{gate: trajectory[gate].data.mean(axis=(0, 1))})


class RunningSum:
    """A network that was trained to sum since the last reset, and 256 sequences that it reads step by step."""

    def __init__(self, run: Run) -> None:
        self.task = running_sum()
        self.model = SequenceModel(self.task, 16, lstm(1.0))
        self.batch = self.task.batch(256)
        self.x, self.y, *_ = self.batch
        self.reset = self.x[..., 1] == 1
        with paths.pinned(f=1.0) if run.is_broken(STUCK) else nullcontext():
            learn(self.model, self.task, 0 if run.is_broken("untrained") else 600)
            _, self.trajectory = self.model.unroll(self.x)
            self.error = self.error_now()
        self.f = self.trajectory["f"].data

    @tg.no_grad()
    def error_now(self) -> float:
        """The squared error, of the variance of what is to be said."""
        return self.task.score(self.model(self.x)[0], self.batch) / float(self.y.var())


class Adding:
    """A network that was trained to add two marked numbers, its belt before and after, and 128 sequences."""

    def __init__(self, run: Run) -> None:
        self.task = adding()
        self.model = SequenceModel(self.task, 24, init="uniform", forget_bias=1.0, fused=True)
        self.model.head.W.data = nn.init.uniform(self.model.head.W.shape, 24**-0.5)  # as small as the other weights
        self.batch = self.task.batch(128)
        self.x = self.batch.inputs
        self.before, self.f_before = belt_shares(self.model, self.x[:, :16], LAGS)
        learn(self.model, self.task, 0 if run.is_broken("untrained") else 1500, until=0.004)
        self.after, self.f_after = belt_shares(self.model, self.x[:, :16], LAGS)
        _, self.trajectory = self.model.unroll(self.x)

    @tg.no_grad()
    def error(self, gate: str = "") -> float:
        """The squared error, with a gate held at its mean if one is named."""
        with at_its_mean(self.trajectory, gate) if gate else nullcontext():
            return self.task.score(self.model(self.x)[0], self.batch)
