"""Short trainings of every kind, each with all that a checkpoint has to hold."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinygrad_lstm import data, nn, optim
from tinygrad_lstm.optim import lr_scheduler
from tinygrad_lstm.training import CharModel, Fit, SequenceModel, Training

UPDATES = 12


def by_dropout(**options: Any) -> Training:
    task = data.adding(T=6)
    model = SequenceModel(task, 5, num_layers=2, dropout=0.3)
    falling = partial(lr_scheduler.CosineAnnealingLR, T_max=UPDATES)
    return Training(model, task, UPDATES, 4, schedule=falling, measure_every=5, measured=8, **options)


def by_windows(**options: Any) -> Training:
    task = data.sine(T=20)
    momentum, plateau = partial(optim.SGD, lr=0.1, momentum=0.9), partial(lr_scheduler.ReduceLROnPlateau, patience=0)
    return Training(SequenceModel(task, 5), task, UPDATES, 4, window=8, optimizer=momentum, schedule=plateau,
                    measure_every=3, measured=8, **options)  # fmt: skip


def by_lengths(**options: Any) -> Training:
    task = data.reber()
    return Training(SequenceModel(task, 5, nn.GRU), task, UPDATES, 3, measure_every=4, measured=8, **options)


def on_a_text(**options: Any) -> Training:
    numbers = np.random.default_rng(0).integers(0, 4, 600)
    return Fit(CharModel(4, 6, 3), numbers[:450], numbers[450:], UPDATES, 16, 4, measure_every=5, **options)


KINDS = {make.__name__: make for make in (by_dropout, by_windows, by_lengths, on_a_text)}
