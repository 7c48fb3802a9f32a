"""The cells that commands know by name, and a short run of one, to be looked at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError


def _projected(D: int, H: int, **options: Any) -> nn.Cell:
    return nn.ProjectedLSTMCell(D, H, proj_size=max(1, H // 2), **options)


def _wrapped(wrap: Callable[[nn.LSTMCell], nn.Cell]) -> Callable[..., nn.Cell]:
    return lambda D, H, **options: wrap(nn.LSTMCell(D, H, **options))


CELLS: dict[str, Callable[..., nn.Cell]] = {
    "RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell,
    "Separate": nn.SeparateLSTMCell, "Peephole": nn.PeepholeLSTMCell, "Coupled": nn.CoupledLSTMCell,
    "Clipped": partial(nn.ClippedLSTMCell, clip=3.0), "CandidateDropout": nn.CandidateDropoutLSTMCell,
    "Projected": _projected, "LayerNormLSTM": nn.LayerNormLSTMCell,
    "ResetBeforeGRU": nn.ResetBeforeGRUCell, "LayerNormGRU": nn.LayerNormGRUCell, "MGU": nn.MGUCell,
    "ActivatedRNN": partial(nn.ActivatedRNNCell, nonlinearity="softsign"),
    "ActivatedLSTM": partial(nn.ActivatedLSTMCell, gate="hard_sigmoid"),
    "ActivatedGRU": partial(nn.ActivatedGRUCell, gate="hard_sigmoid"),
    "ActivatedResetBeforeGRU": partial(nn.ActivatedResetBeforeGRUCell, gate="hard_sigmoid"),
    "MinGRU": nn.MinGRUCell, "MinLSTM": nn.MinLSTMCell,
    "Zoneout": _wrapped(lambda cell: nn.Zoneout(cell, h=0.1, c=0.1)),
    "RecurrentDropout": _wrapped(lambda cell: nn.RecurrentDropout(cell, 0.2)),
    "WeightDrop": _wrapped(lambda cell: nn.WeightDrop(cell, 0.2)),
}  # fmt: skip
INPUTS = 2  # numbers at a step, where no weights say how many


def plain(name: str) -> str:
    """A name without what people write differently.

    >>> plain("Layer-Norm LSTMCell") == plain("LayerNormLSTM")
    True
    """
    return "".join(filter(str.isalnum, name)).lower().removesuffix("cell")


def find_cell(name: str) -> str:
    """The name in ``CELLS`` of a cell, given that name or the name of its class, in large or small letters.

    Raises ArgumentError, which lists them.

    >>> find_cell("peephole"), find_cell("PeepholeLSTMCell"), find_cell("min-gru")
    ('Peephole', 'Peephole', 'MinGRU')
    """
    for known, make in CELLS.items():
        if plain(name) in (plain(known), plain(type(make(1, 2)).__name__)):
            return known
    raise ArgumentError(f"no cell {name!r}; there are {', '.join(CELLS)}")


def new_layer(name: str, inputs: int, hidden: int, seed: int = 0) -> nn.Recurrent[Any]:
    """A layer of this cell, its weights drawn from the seed."""
    make = CELLS[find_cell(name)]
    tg.manual_seed(seed)
    return nn.Recurrent(inputs, hidden, cell=make)


def run_steps(layer: nn.Recurrent[Any], steps: int, seed: int = 0) -> tuple[tg.Tensor, nn.Trajectory]:
    """The layer on so many random inputs: L, the sum of the squares of the last h, and the trajectory."""
    tg.manual_seed(seed)
    trajectory = layer.unroll(tg.randn(steps, 1, layer.input_size))
    L = (trajectory.steps[-1].h ** 2).sum()
    tg.label(L=L)
    return L, trajectory
