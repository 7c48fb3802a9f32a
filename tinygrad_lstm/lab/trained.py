"""Networks that several sections look at: one that sums with resets, and one that adds two marked numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import losses, nn
from tinygrad_lstm.lab import tasks
from tinygrad_lstm.lab.cells import GATES
from tinygrad_lstm.lab.claim import Run
from tinygrad_lstm.lab.learning import Reader, learn, lstm, same
from tinygrad_lstm.training import AddingModel, belt_shares

STUCK = "forget gate stuck"
LAGS = (1, 10, 25, 45)


class HeldGates(nn.LSTMCell):
    """An LSTM cell of which gates are held at given values, {"f": (H,)}, whatever is read."""

    held: dict[str, Any] = {}  # noqa: RUF012  # each use makes a class of its own

    def forward(self, x: Any, state: Any) -> Any:
        """The next (h, c)."""
        h, c = state
        z = dict(zip(GATES, tg.split(self.preactivation(x, h), 4, axis=-1), strict=True))
        f, i, o = (tg.sigmoid(z[k]) if k not in self.held else 0 * z[k] + self.held[k] for k in "fio")
        g = tg.tanh(z["g"])
        c = f * tg.tag(c, "carry") + i * g
        h = o * tg.tanh(c)
        tg.label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c


def holding(layer: nn.Recurrent[Any], held: dict[str, Any]) -> nn.LSTM:
    """A layer of the same size whose gates are held."""
    cell = type("Held", (HeldGates,), {"held": held})
    return nn.LSTM(layer.input_size, layer.hidden_size, cell=cell)


class RunningSum:
    """A network that was trained to sum since the last reset, and 256 sequences that it reads step by step."""

    def __init__(self, run: Run) -> None:
        H = 16
        open_for_ever = {"f": np.ones(H, np.float32)} if run.is_broken(STUCK) else {}
        layer = holding(lstm(2, H), open_for_ever) if open_for_ever else lstm(2, H, 1.0)
        self.model = Reader(layer, 1, every=True)
        updates = 0 if run.is_broken("untrained") else 600
        learn(self.model, lambda: tasks.running_sum(run.rng), losses.mse_loss, updates)
        self.x, self.y = tasks.running_sum(run.rng, B=256)
        self.exact = same(self.model, holding(layer, open_for_ever))
        self.trajectory = self.exact.layer.unroll(self.x)
        self.f, self.c = self.trajectory["f"].data, self.trajectory["c"].data
        self.reset = self.x[..., 1] == 1

    def error(self, model: Reader | None = None) -> float:
        """The squared error, of the variance of what is to be said."""
        with tg.no_grad():
            return float(((((model or self.model)(self.x)).data - self.y) ** 2).mean() / self.y.var())

    def unit(self) -> int:
        """The unit of C that follows the sum best."""
        return int(np.argmax([abs(np.corrcoef(c.ravel(), self.y.ravel())[0, 1]) for c in np.moveaxis(self.c, -1, 0)]))


class Adding:
    """A network that was trained to add two marked numbers, its belt before and after, and 128 sequences."""

    def __init__(self, run: Run) -> None:
        self.model = AddingModel(24)
        self.x, self.y = tasks.adding(run.rng, B=128)
        self.before, self.f_before = belt_shares(self.model, self.x[:, :16].astype(float), LAGS)
        updates = 0 if run.is_broken("untrained") else 1500
        learn(self.model, lambda: tasks.adding(run.rng), self.loss, updates, until=lambda model: self.error() < 0.004)
        self.after, self.f_after = belt_shares(self.model, self.x[:, :16].astype(float), LAGS)
        self.exact = self.with_held({})
        self.trajectory = self.exact.lstm.unroll(self.x)

    @staticmethod
    def loss(said: tg.Tensor, y: np.ndarray) -> tg.Tensor:
        """The mean squared error."""
        return losses.mse_loss(said, y[:, 0])

    def with_held(self, held: dict[str, Any]) -> AddingModel:
        """The same network, step by step, with gates held."""
        model = AddingModel(24, fused=False)
        model.lstm = holding(self.model.lstm, held)
        model.load_state_dict(self.model.state_dict())
        return model

    def error(self, gate: str = "") -> float:
        """The squared error, with a gate held at its mean if one is named."""
        model = self.with_held({gate: self.trajectory[gate].data.mean(axis=(0, 1))}) if gate else self.model
        with tg.no_grad():
            return float(self.loss(model(self.x), self.y).item())
