"""Runs to draw: every cell over a few steps, every way in which layers are run, and losses that read what they like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.nn.lstm_variants import (
    CandidateDropoutLSTMCell,
    ClippedLSTMCell,
    CoupledLSTMCell,
    LayerNormLSTMCell,
    PeepholeLSTMCell,
)
from tinygrad_lstm.nn.separate import SeparateLSTMCell
from tinygrad_lstm.nn.wrappers import RecurrentDropout, WeightDrop, Zoneout

D, H, B = 3, 4, 2
Run: TypeAlias = tuple[nn.Trajectory, tg.Tensor]
Loss: TypeAlias = Callable[[nn.Trajectory], tg.Tensor]


class OwnCell(nn.Cell):
    """A cell that no template knows: a sum with a memory that is scaled, and a hidden state."""

    states, carried = ("h", "m"), ("m",)

    def __init__(self, D: int, H: int, bias: bool = True) -> None:
        super().__init__(D, H)
        self.W = nn.Parameter(nn.init.glorot(H, D))
        self.U = nn.Parameter(nn.init.orthogonal(H))

    def forward(self, x: tg.Tensor, state: tuple[tg.Tensor, tg.Tensor]) -> tuple[tg.Tensor, tg.Tensor]:
        h, m = state
        z = tg.linear(x, self.W) + tg.linear(h, self.U)
        keep = tg.sigmoid(z)
        m = keep * tg.tag(m, "carry") + (1 - keep) * tg.tanh(z)
        h = tg.tanh(m) * tg.exp(-z * z)
        tg.label(keep=keep, m=m, h=h)
        return h, m


class PlainOwnCell(nn.Cell):
    """Nothing is labelled, nothing is tagged."""

    def __init__(self, D: int, H: int, bias: bool = True) -> None:
        super().__init__(D, H)
        self.W = nn.Parameter(nn.init.glorot(H, D))
        self.a = nn.Parameter(np.full(H, 0.5, np.float32))

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        return tg.tanh(tg.linear(x, self.W) + self.a * h) + 0.25 * h


class WiderLSTMCell(nn.LSTMCell):
    """An LSTM whose h has an operation more than its template has boxes for."""

    def forward(self, x: tg.Tensor, state: tuple[tg.Tensor, tg.Tensor]) -> tuple[tg.Tensor, tg.Tensor]:
        h, c = super().forward(x, state)
        h = h * h + h
        tg.label(h=h)
        return h, c


class DetachedLSTMCell(nn.LSTMCell):
    """The gates see h, but no gradient goes back through it."""

    def forward(self, x: tg.Tensor, state: tuple[tg.Tensor, tg.Tensor]) -> tuple[tg.Tensor, tg.Tensor]:
        h, c = state
        return super().forward(x, (h.detach(), c))


def peephole(D: int, H: int, bias: bool = True) -> nn.Cell:
    cell = PeepholeLSTMCell(D, H, bias)
    for p in (cell.p_f, cell.p_i, cell.p_o):
        p.data = tg.randn(H).data
    return cell


def around(wrapper: Callable[..., nn.Cell], cell: Callable[..., nn.Cell], **options: Any) -> Callable[..., nn.Cell]:
    return lambda D, H, bias=True: wrapper(cell(D, H, bias), **options)


CELLS: dict[str, Callable[..., Any]] = {
    "LSTM": nn.LSTM,
    "Separate": partial(nn.LSTM, cell=SeparateLSTMCell),
    "Peephole": partial(nn.LSTM, cell=peephole),
    "Coupled": partial(nn.LSTM, cell=CoupledLSTMCell),
    "Projected": partial(nn.LSTM, proj_size=2),
    "LayerNorm": partial(nn.LSTM, cell=LayerNormLSTMCell),
    "Clipped": partial(nn.LSTM, cell=partial(ClippedLSTMCell, clip=0.8)),
    "CandidateDropout": partial(nn.LSTM, cell=partial(CandidateDropoutLSTMCell, p=0.5)),
    "GRU": nn.GRU,
    "ResetBefore": partial(nn.GRU, cell=nn.ResetBeforeGRUCell),
    "LayerNormGRU": partial(nn.GRU, cell=nn.LayerNormGRUCell),
    "RNN": nn.RNN,
    "RNN relu": partial(nn.RNN, nonlinearity="relu"),
    "MGU": partial(nn.GRU, cell=nn.MGUCell),
    "MinGRU": nn.MinGRU,
    "MinLSTM": nn.MinLSTM,
    "own": partial(nn.LSTM, cell=OwnCell),
    "plain own": partial(nn.RNN, cell=PlainOwnCell),
    "wider": partial(nn.LSTM, cell=WiderLSTMCell),
    "h detached": partial(nn.LSTM, cell=DetachedLSTMCell),
    "Zoneout": partial(nn.LSTM, cell=around(Zoneout, nn.LSTMCell, c=0.5, h=0.3)),
    "Zoneout of c": partial(nn.LSTM, cell=around(Zoneout, nn.LSTMCell, c=0.5)),
    "Zoneout GRU": partial(nn.GRU, cell=around(Zoneout, nn.GRUCell, h=0.3)),
    "RecurrentDropout": partial(nn.LSTM, cell=around(RecurrentDropout, nn.LSTMCell, p=0.3)),
    "WeightDrop": partial(nn.GRU, cell=around(WeightDrop, nn.GRUCell, p=0.3)),
}


# Losses


def of_last(trajectory: nn.Trajectory) -> tg.Tensor:
    return ((trajectory.output[0 if trajectory.chains[-1].reverse else -1] - 1) ** 2).sum() * 0.2


def of_every(trajectory: nn.Trajectory) -> tg.Tensor:
    return (trajectory.output**2).sum()


def of_steps(trajectory: nn.Trajectory) -> tg.Tensor:
    return sum(((step.h - 1) ** 2).sum() * k for k, step in enumerate(trajectory.steps, start=1))  # type: ignore[return-value]


def of_some_c(trajectory: nn.Trajectory) -> tg.Tensor:
    return sum((step.c**3).sum() for step in trajectory.steps[::2])  # type: ignore[return-value]


def of_h_and_c(trajectory: nn.Trajectory) -> tg.Tensor:
    return sum((step.h * step.c).sum() for step in trajectory.steps)  # type: ignore[return-value]


def of_lower(trajectory: nn.Trajectory) -> tg.Tensor:
    return of_every(trajectory) + sum((step.h**2).sum() for step in trajectory.chains[0].steps)


def of_gate(trajectory: nn.Trajectory) -> tg.Tensor:
    return of_last(trajectory) + trajectory.steps[len(trajectory) // 2].f.sum()


# Runs


def run(
    kind: str = "LSTM", steps: int = 3, loss: Loss = of_steps, *, start: str = "zero", batch: bool = True,
    dtype: Any = np.float64, frozen: tuple[str, ...] = (), seed: int = 0, inputs: bool = False, masked: str = "",
    **options: Any,
) -> Run:  # fmt: skip
    """A layer's run over random input, and a loss of it; ``start`` is zero, grad, detached or same."""
    tg.manual_seed(seed)
    layer = CELLS[kind](D, H, **options).astype(dtype)
    for name, parameter in layer.named_parameters():
        parameter.requires_grad = not any(name.endswith(part) for part in frozen)
    x = tg.randn(*(steps, B, D) if batch else (steps, D), dtype=dtype, requires_grad=inputs)
    kwargs: dict[str, Any] = {}
    if masked == "lengths":
        kwargs["lengths"] = [steps, max(1, steps - 2)]
    elif masked == "mask":
        mask = np.ones((steps, B), bool)
        mask[1, 0] = mask[-1, :] = False
        kwargs["mask"] = mask
    state = None
    if start != "zero":
        sizes = [(len(layer.layers), *((B,) if batch else ()), size) for size in layer.layers[0].state_sizes]
        parts = [tg.randn(*size, dtype=dtype, requires_grad=True) for size in sizes]
        parts = [part.detach() for part in parts] if start == "detached" else parts
        parts = [parts[0]] * len(parts) if start == "same" else parts
        state = tuple(parts) if len(parts) > 1 else parts[0]
    trajectory = layer.unroll(x, state, **kwargs)
    return trajectory, loss(trajectory)


def states_of(trajectory: nn.Trajectory, chain: int = -1) -> dict[tuple[str, int], tg.Tensor]:
    """Every state of a chain at every t, the start included."""
    one = trajectory.chains[chain]
    start = len(one.steps) + 1 if one.reverse else 0
    steps = [(start, one.initial), *((step.t, step) for step in one.steps)]
    return {(name, t): step.named[name] for t, step in steps for name in one.cell.states}


RUNS: Mapping[str, Callable[[], Run]] = {kind: partial(run, kind) for kind in CELLS} | {
    "T = 1": partial(run, steps=1),
    "T = 2": partial(run, "GRU", 2),
    "T = 12": partial(run, steps=12, loss=of_last),
    "last h": partial(run, loss=of_last),
    "some c": partial(run, steps=5, loss=of_some_c),
    "h and c": partial(run, loss=of_h_and_c, start="grad"),
    "a gate": partial(run, loss=of_gate),
    "start with gradient": partial(run, loss=of_last, start="grad"),
    "GRU, start with gradient": partial(run, "GRU", start="grad"),
    "detached start": partial(run, start="detached"),
    "one tensor as h and c": partial(run, start="same"),
    "no bias": partial(run, bias=False),
    "GRU without bias": partial(run, "GRU", bias=False),
    "no batch": partial(run, batch=False),
    "float32": partial(run, dtype=np.float32),
    "inputs with gradient": partial(run, "Peephole", inputs=True),
    "frozen W": partial(run, frozen=("W",)),
    "frozen U and b": partial(run, "GRU", frozen=("U", "b")),
    "reverse": partial(run, loss=of_last, reverse=True),
    "reverse GRU, start": partial(run, "GRU", reverse=True, start="grad"),
    "two layers": partial(run, loss=of_every, num_layers=2),
    "three layers": partial(run, "GRU", loss=of_last, num_layers=3, start="grad"),
    "the lower layer too": partial(run, loss=of_lower, num_layers=2),
    "bidirectional": partial(run, loss=of_every, bidirectional=True),
    "bidirectional sum": partial(run, "RNN", loss=of_every, bidirectional="sum"),
    "both": partial(run, steps=2, loss=of_every, num_layers=2, bidirectional=True),
    "dropout between": partial(run, "GRU", loss=of_every, num_layers=2, dropout=0.4),
    "lengths": partial(run, steps=4, masked="lengths"),
    "mask": partial(run, "GRU", 4, masked="mask", start="grad"),
    "mask, Peephole": partial(run, "Peephole", 4, masked="mask"),
    "mask, both": partial(run, steps=4, loss=of_every, masked="lengths", num_layers=2, bidirectional=True),
}  # fmt: skip
