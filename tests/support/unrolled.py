"""Layers of every kind, unrolled over a sequence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn

T, B, D, H = 6, 2, 3, 4


MAKERS: dict[str, Callable[..., nn.Cell]] = {
    "RNN": nn.RNNCell,
    "LSTM": nn.LSTMCell,
    "Separate": nn.SeparateLSTMCell,
    "Peephole": nn.PeepholeLSTMCell,
    "Coupled": nn.CoupledLSTMCell,
    "Clipped": partial(nn.ClippedLSTMCell, clip=1.5),
    "Projected": partial(nn.ProjectedLSTMCell, proj_size=2),
    "LayerNormLSTM": nn.LayerNormLSTMCell,
    "GRU": nn.GRUCell,
    "ResetBeforeGRU": nn.ResetBeforeGRUCell,
    "LayerNormGRU": nn.LayerNormGRUCell,
    "MGU": nn.MGUCell,
    "ActivatedRNN": partial(nn.ActivatedRNNCell, nonlinearity="softsign"),
    "ActivatedLSTM": partial(nn.ActivatedLSTMCell, gate="hard_sigmoid", candidate="softsign"),
    "ActivatedGRU": partial(nn.ActivatedGRUCell, gate="hard_sigmoid_6", candidate="elu"),
    "ActivatedResetBeforeGRU": partial(nn.ActivatedResetBeforeGRUCell, gate="hard_sigmoid", candidate="linear"),
    "Zoneout": lambda D, H: nn.Zoneout(nn.LSTMCell(D, H), h=0.2, c=0.5),
}


def make(kind: str, **options: Any) -> nn.LSTM:
    tg.manual_seed(0)
    layer = nn.LSTM(D, H, cell=MAKERS[kind], **options).astype(float)
    rng = np.random.default_rng(0)
    for parameter in layer.parameters():
        parameter.data = rng.normal(0, 0.6, parameter.shape)
    return layer


def unrolled(layer: nn.LSTM, **how: Any) -> tuple[nn.Trajectory, tg.Tensor]:
    """A trajectory and a loss that weighs every output differently."""
    rng = np.random.default_rng(1)
    trajectory = layer.unroll(rng.normal(size=(T, B, D)), **how)
    return trajectory, (trajectory.output * rng.normal(size=trajectory.output.shape)).sum()


def gradient(p: tg.Tensor) -> np.ndarray:
    assert p.grad is not None
    return np.array(p.grad.data)
