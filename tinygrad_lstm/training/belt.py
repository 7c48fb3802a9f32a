"""How much of a gradient stayed on the belt, the path along the cell state: what learning changes.

Before training, a gradient that reaches back 45 steps has come through the gates; nothing of it stayed on the belt.
After it has learned to add, most of it stays there, though the mean forget gate has hardly moved: training did not
raise the gates, it built a few units that carry.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinygrad_lstm import paths
from tinygrad_lstm.training.sequence_model import SequenceModel


class BeltShare(NamedTuple):
    """Of the gradient that reaches back so many steps: its norm, and how much of it never left the belt."""

    lag: int
    norm: float
    share: float


def belt_shares(model: SequenceModel, x: np.ndarray, lags: Sequence[int]) -> tuple[list[BeltShare], float]:
    """The shares for the gradient of the summed answers by C at each lag, and the mean forget gate; in float64."""
    answers, trajectory = copy.deepcopy(model).astype(float).unroll(np.asarray(x, float))
    states = [trajectory.steps[len(x) - 1 - lag].c for lag in lags]
    found = paths.routes(answers.sum(), states, max_crossings=0)
    shares = [
        BeltShare(lag, float(np.linalg.norm(route.total)), float(route.shares[0]))
        for lag, route in zip(lags, found, strict=True)
    ]
    return shares, float(trajectory["f"].data.mean())
