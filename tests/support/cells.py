"""Cells of every kind in float64 with random weights, wrapped ones too, and what they are run on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tests.support import unrolled
from tinygrad_lstm import nn

T, B, D, H = 4, 2, 3, 4


MAKERS: dict[str, Callable[..., nn.Cell]] = unrolled.MAKERS | {
    "RNN relu": partial(nn.RNNCell, nonlinearity="relu"),
    "CandidateDropout": partial(nn.CandidateDropoutLSTMCell, p=0.4),
    "Zoneout of all": lambda D, H: nn.Zoneout(nn.GRUCell(D, H), h=0.3).eval(),
    "RecurrentDropout": lambda D, H: nn.RecurrentDropout(nn.LSTMCell(D, H), 0.3),
    "WeightDrop": lambda D, H: nn.WeightDrop(nn.GRUCell(D, H), 0.4),
}


def make(kind: str, seed: int = 0, sizes: tuple[int, int] = (D, H)) -> nn.Cell:
    """A cell in float64 with random values in every parameter."""
    tg.manual_seed(seed)
    cell = MAKERS[kind](*sizes).astype(float)
    rng = np.random.default_rng(seed)
    for parameter in cell.parameters():
        parameter.data = rng.normal(0, 0.5, parameter.shape)
    return cell


def sequence(*shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(1).normal(size=shape or (T, B, D)), requires_grad=True)


def start(cell: nn.Cell) -> tuple[tg.Tensor, ...]:
    rng = np.random.default_rng(2)
    return tuple(tg.tensor(rng.normal(size=(B, size)), requires_grad=True) for size in cell.state_sizes)


def as_state(parts: Any) -> Any:
    return tuple(parts) if len(parts) > 1 else parts[0]


def same(a: nn.Cell, b: nn.Cell, others: Callable[[nn.Cell], list[tg.Tensor]] = lambda cell: []) -> None:
    """Output, final state, and the gradients of x and the initial state agree to 1e-12."""
    results = []
    for cell in (a, b):
        x, s = sequence(), start(cell)
        chain = nn.unroll(cell, x, as_state(s))
        gradients = tg.grad((chain.output**2).sum(), [x, *s, *others(cell)])
        states = chain.state if isinstance(chain.state, tuple) else (chain.state,)
        results.append([chain.output.data, *(part.data for part in states), *(g.data for g in gradients)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
