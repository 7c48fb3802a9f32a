"""Small runs to plot, and reading plots back from their Axes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.nn import GRU, LSTM, RNN, Trajectory
from tinygrad_lstm.training import Update

pytest.importorskip("matplotlib")

T, B, D, H = 7, 2, 3, 4
LAYERS: dict[str, Any] = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN}
UPDATES = [Update(k, 5.0 / k, 1.0, 4.0 if k == 3 else None) for k in range(1, 6)]


def run(kind: str = "LSTM", rng_seed: int = 0, **options: Any) -> tuple[Any, Trajectory, tg.Tensor]:
    """A layer in float64, what it did with a random sequence, and a loss of its last output."""
    tg.manual_seed(rng_seed)
    layer = LAYERS[kind](D, H, **options).astype(float)
    for parameter in layer.parameters():
        parameter.data = parameter.data + 0.3 * np.random.default_rng(rng_seed).normal(size=parameter.shape)
    trajectory = layer.unroll(np.random.default_rng(1).normal(size=(T, B, D)))
    return layer, trajectory, (trajectory.output[-1] ** 2).sum()


def norms(loss: tg.Tensor, values: list[tg.Tensor]) -> list[float]:
    return [float(np.linalg.norm(g.data.astype(float))) for g in tg.grad(loss, values, retain_graph=True)]


def bars(ax: Any) -> dict[str, np.ndarray]:
    """By name, the bars of each part: its steps' middles, from where and to where each of them goes (3, T)."""
    found = {}
    for stairs in ax.patches:
        if stairs.get_label():
            tops, edges, bases = stairs.get_data()
            found[stairs.get_label()] = np.array([(edges[::2] + edges[1::2]) / 2, bases[::2], tops[::2]])
    return found


def heights(ax: Any) -> np.ndarray:
    """How high the bars are, part by part and step by step."""
    return np.array([top - base for _, base, top in bars(ax).values()])


def words(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def saved(ax: Any, format: str = "svg") -> bytes:
    """What the figure of these Axes is as a file; warnings are errors here."""
    file = io.BytesIO()
    ax.get_figure().savefig(file, format=format)
    return file.getvalue()


class HalfNamed(tg.nn.Cell):
    """A cell that names one of its two gates."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.U = tg.nn.Parameter(np.random.default_rng(0).normal(size=(2 * hidden_size, hidden_size)))

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        a, b = tg.split(tg.linear(h, self.U), 2, axis=-1)
        f = tg.sigmoid(a)
        tg.label(f=f)
        return f * h + tg.tanh(b) + x
