"""An LSTM that learns to add two numbers far apart, and what that does to the paths of its gradient.

Before training, a gradient that reaches back 45 steps has come through the gates; nothing of it stayed on the belt.
After it, most of it stays there, though the mean forget gate has hardly moved: training did not raise the gates, it
built a few units that carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinygrad_lstm import paths
from tinygrad_lstm.data import adding_problem
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.losses import mse_loss
from tinygrad_lstm.nn import LSTM, Linear, Module, init
from tinygrad_lstm.nn.utils import clip_grad_norm_
from tinygrad_lstm.optim import Adam


class AddingModel(Module):
    """x (T, B, 2) -> one number for each sequence (B,), read from the last hidden state.

    All weights start uniform in ±1/√H, the biases at 0 but b_f = 1.
    """

    def __init__(self, hidden: int = 24, *, fused: bool = True) -> None:
        self.lstm = LSTM(2, hidden, fused=fused)
        self.head = Linear(hidden, 1)
        for weight in (self.lstm.layers[0].W, self.lstm.layers[0].U, self.head.W):
            weight.data = init.uniform(weight.shape, hidden**-0.5)

    def forward(self, x: np.ndarray) -> Tensor:
        """The prediction."""
        output, _ = self.lstm(x)
        y: Tensor = self.head(output[-1])
        return y[:, 0]


def learn_to_add(model: AddingModel, updates: int, T: int = 50, B: int = 32) -> float:
    """Train by Adam on fresh sequences, the gradient's norm held to 1; returns the squared error on others.

    Everything is drawn from the generator that ``tg.manual_seed`` starts.
    """
    rng = generator()
    adam = Adam(model.parameters(), lr=1e-2)
    for _ in range(updates):
        x, y = adding_problem(T, B, rng)
        loss = mse_loss(model(x.astype(np.float32)), y.astype(np.float32))
        adam.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
    x, y = adding_problem(T, 512, rng)
    return float(np.mean((model(x.astype(np.float32)).data - y) ** 2))


class BeltShare(NamedTuple):
    """Of the gradient that reaches back so many steps: its norm, and how much of it never left the belt."""

    lag: int
    norm: float
    share: float


def belt_shares(model: AddingModel, x: np.ndarray, lags: Sequence[int]) -> tuple[list[BeltShare], float]:
    """The shares for the gradient of the summed predictions by C at each lag, and the mean forget gate; in float64."""
    exact = AddingModel(model.lstm.hidden_size, fused=False).astype(float)
    exact.load_state_dict(model.state_dict())
    trajectory = exact.lstm.unroll(x)
    prediction = exact.head(trajectory.output[-1]).sum()
    found = paths.routes(prediction, [trajectory.steps[len(x) - 1 - lag].c for lag in lags], max_crossings=0)
    shares = [
        BeltShare(lag, float(np.linalg.norm(route.total)), float(route.shares[0]))
        for lag, route in zip(lags, found, strict=True)
    ]
    return shares, float(trajectory["f"].data.mean())
