"""Networks that learn the tasks of the notes: how their layers are made, how they are trained, and what they can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tinygrad_lstm import nn
from tinygrad_lstm.data import Task, france
from tinygrad_lstm.training import SequenceModel, Training

MakeLayer = Callable[..., nn.Recurrent[Any]]  # of the width of its inputs, and of h


def lstm(forget_bias: float = 3.0, cell: Any = nn.LSTMCell, fused: bool = True) -> MakeLayer:
    """Makes LSTMs that start with open forget gates."""
    return partial(nn.LSTM, cell=partial(cell, forget_bias=forget_bias), fused=fused)


def word_reader(layer: MakeLayer, hidden: int = 32) -> SequenceModel:
    """A network that reads the notes' words, and says a word."""
    return SequenceModel(france(), hidden, layer)


def measured_on(task: Task, test: Task) -> Task:
    """A task to learn, whose score is that of another one: a longer distance, or longer words."""
    return replace(task, draw_test=test.draw)


def france_up_to(distance: int) -> Task:
    """ "I grew up in France ... I speak fluent" with 0 to so many words between, measured with that many."""
    return measured_on(france((0, distance)), france(distance))


def learn(
    model: nn.Module, task: Task, updates: int, *, lr: float = 1e-2, until: float | None = None, every: int = 50
) -> int:
    """Train by Adam, the gradient's norm held to 1, until the score is reached; returns how many updates it took."""
    if updates == 0:
        return 0
    every = updates if until is None else every
    return len(Training(model, task, updates, lr=lr, until=until, measure_every=every).run().history)


def score(model: nn.Module, task: Task, sequences: int = 256) -> float:
    """The score on fresh sequences, with dropout switched off."""
    return Training(model, task, updates=1, measured=sequences).measure()
