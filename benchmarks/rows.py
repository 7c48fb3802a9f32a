"""What ``bench.py`` measures: pairs of contestants at their sizes, the goal of each, and why one may be missed."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Size: TypeAlias = tuple[int, int, int, int]  # T, B, D, H

SMALL, MIDDLE, LARGE = (50, 1, 16, 32), (50, 16, 32, 64), (50, 64, 128, 256)
THREE: tuple[Size, ...] = (SMALL, MIDDLE, LARGE)
FIVE: tuple[Size, ...] = ((20, 1, 16, 32), *THREE, (100, 32, 128, 256))

ALL_LINES = "the loop calls NumPy about 30 times a step, and a call takes 0.5 µs or more at a batch of 1"
RECORDED = "every node has its place, scope and label, which costs as much as it adds at a batch of 1"
PRODUCTS = "NumPy's products alone take what the last pairs show; at a batch of 1 the calls of NumPy take the rest"


class Pair(NamedTuple):
    """Ours and theirs in turns, at each of the sizes; the goals are of the ratio of medians, ours over theirs."""

    ours: str
    theirs: str
    sizes: tuple[Size, ...]
    goals: tuple[float | None, ...] = ()  # one for each size, or one for all
    mean: float | None = None  # of the geometric mean over the sizes
    reason: str = ""  # why a goal may not be met

    def goal(self, k: int) -> float | None:
        """The goal at size number k; None where the figure is for information."""
        return self.goals[k if len(self.goals) > 1 else 0] if self.goals else None


PAIRS = (
    Pair("composed lines", "PyTorch, the same lines", THREE, (1.05,), reason=RECORDED),
    Pair("nn.LSTM", "PyTorch, the same lines", THREE),
    Pair("nn.LSTM, fused", "torch.nn.LSTM", FIVE, (1.3,), 1.05, PRODUCTS),
    Pair("nn.LSTM, fused, no_grad", "torch.nn.LSTM, no_grad", FIVE, (1.3,), reason=PRODUCTS),
    Pair("nn.GRU, fused", "torch.nn.GRU", FIVE, (), 0.55, PRODUCTS),
    Pair("nn.RNN, fused", "torch.nn.RNN", FIVE),
    Pair("nn.LSTM, compiled", "PyTorch, the same lines", THREE, (0.15, 0.40, 0.95), reason=ALL_LINES),
    Pair("nn.LSTM, compiled", "torch.nn.LSTM", FIVE, (), 1.0, ALL_LINES),
    Pair("nn.LSTM, checkpoint", "nn.LSTM", ((400, 1, 16, 32), (400, 16, 32, 64)), (1.4,),
         reason="a second forward pass takes more than 0.4 of a step where backward is cheap"),
    Pair("composed lines", "HIPS autograd", THREE[:2]),
    Pair("composed lines", "MyGrad", THREE[:2]),
    Pair("nn.LSTM, compiled", "JAX jit", THREE),
    Pair("NumPy's products", "torch.nn.LSTM", FIVE),
    Pair("NumPy's products, forward", "torch.nn.LSTM, no_grad", FIVE),
)  # fmt: skip

SET_UP = 0.3  # seconds, of compiling at T = 50
BUFFERS = 1.5  # the peak of a compiled step over that of a composed one
GROWTH = {"on": 1.15, "off": 1.10}  # a step's cost at T = 10,000 over that at T = 1,000, by the collector
IMPORT = 1.25  # import tinygrad_lstm over import numpy
