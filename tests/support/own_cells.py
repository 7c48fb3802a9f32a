"""Cells that nobody has a template for: with peepholes, norms, several memories, modules inside, with nothing named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

import tinygrad_lstm as tg
from tests.support.runs import OwnCell, PlainOwnCell
from tinygrad_lstm import nn

Tensor = tg.Tensor


class Weighted(nn.Cell):
    """A cell whose weights are made by their names."""

    weights: ClassVar[Mapping[str, str]] = {}  # W, "x3": read by x, 3H rows; U, "h": by h; b, "b": a bias

    def __init__(self, D: int, H: int, bias: bool = True) -> None:
        super().__init__(D, H)
        for name, said in self.weights.items():
            kind, rows = said[0], H * int(said[1:] or 1)
            bias_of = np.full(rows, 0.1, np.float32)
            setattr(self, name, nn.Parameter(bias_of if kind == "b" else nn.init.glorot(rows, D if kind == "x" else H)))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class SRUCell(Weighted):
    """A simple recurrent unit (Lei 2018): the gates see C, and never h."""

    states, carried = ("h", "c"), ("c",)
    weights: ClassVar[Mapping[str, str]] = dict.fromkeys(("W_f", "W_r", "W_c", "W_x"), "x") | dict.fromkeys(
        ("v_f", "v_r", "b_f", "b_r"), "b"
    )

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        _, c0 = state
        f = tg.sigmoid(tg.linear(x, self.W_f) + self.v_f * c0 + self.b_f)
        r = tg.sigmoid(tg.linear(x, self.W_r) + self.v_r * c0 + self.b_r)
        c = f * tg.tag(c0, "carry") + (1 - f) * tg.linear(x, self.W_c)
        h = r * tg.tanh(c) + (1 - r) * tg.linear(x, self.W_x)
        tg.label(f=f, r=r, c=c, h=h)
        return h, c


class NormedMGUCell(Weighted):
    """A minimal gated unit with a layer norm before its gate and its candidate."""

    carried = ("h",)
    weights: ClassVar[Mapping[str, str]] = {"W_f": "x", "W_n": "x", "U_f": "h", "U_n": "h"}

    def __init__(self, D: int, H: int, bias: bool = True) -> None:
        super().__init__(D, H)
        self.norm_f, self.norm_n = nn.LayerNorm(H), nn.LayerNorm(H)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        f = tg.sigmoid(self.norm_f(tg.linear(x, self.W_f) + tg.linear(h, self.U_f)))
        n = tg.tanh(self.norm_n(tg.linear(x, self.W_n) + tg.linear(f * h, self.U_n)))
        h = (1 - f) * tg.tag(h, "carry") + f * n
        tg.label(f=f, n=n, h=h)
        return h


class TwoMemoriesCell(Weighted):
    """A fast memory and a slow one, which follows it."""

    states, carried = ("h", "fast", "slow"), ("fast", "slow")
    weights: ClassVar[Mapping[str, str]] = {"W": "x3", "U": "h3"}

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        h, fast, slow = state
        f, s, g = tg.split(tg.linear(x, self.W) + tg.linear(h, self.U), 3, axis=-1)
        f, s, g = tg.sigmoid(f), tg.sigmoid(s), tg.tanh(g)
        fast = f * tg.tag(fast, "carry") + (1 - f) * g
        slow = s * tg.tag(slow, "carry") + (1 - s) * fast
        h = tg.tanh(fast + slow)
        tg.label(f=f, s=s, g=g, fast=fast, slow=slow, h=h)
        return h, fast, slow


class CarriedOutputCell(Weighted):
    """Both states are carried, the output too, and it is no sum of gates."""

    states, carried = ("h", "m"), ("h", "m")
    weights: ClassVar[Mapping[str, str]] = {"W": "x", "U": "h"}

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, m = state
        m = 0.9 * tg.tag(m, "carry") + 0.1 * tg.tanh(tg.linear(x, self.W) + tg.linear(h, self.U))
        h = 0.5 * tg.tag(h, "carry") + tg.tanh(m)
        tg.label(m=m, h=h)
        return h, m


class MeanCell(Weighted):
    """Three states: the running mean of h is read by the gates, and made of h after it is put out."""

    states, carried = ("h", "c", "mean"), ("c", "mean")
    weights: ClassVar[Mapping[str, str]] = {"W": "x3", "U": "h3", "V": "h3", "b": "b3"}

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        h, c, mean = state
        z = tg.linear(x, self.W) + tg.linear(h, self.U) + tg.linear(mean, self.V) + self.b
        f, g, o = tg.split(z, 3, axis=-1)
        f, g, o = tg.sigmoid(f), tg.tanh(g), tg.sigmoid(o)
        c = f * tg.tag(c, "carry") + (1 - f) * g
        h = o * tg.tanh(c)
        mean = 0.9 * tg.tag(mean, "carry") + 0.1 * h
        tg.label(f=f, g=g, o=o, c=c, h=h, mean=mean)
        return h, c, mean


class ThreeStatesCell(Weighted):
    """Three states, of which none is carried and nothing is named."""

    states = ("h", "a", "b")
    weights: ClassVar[Mapping[str, str]] = {"W": "x", "U": "h", "V": "h"}

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        h, a, b = state
        new = tg.tanh(tg.linear(x, self.W) + tg.linear(h, self.U))
        b = tg.sigmoid(tg.linear(a, self.V) + b)
        return new * b + h * a, new, b


class NestedCell(nn.Cell):
    """The candidate is a small network, the gate a layer."""

    states, carried = ("h", "s"), ("s",)

    def __init__(self, D: int, H: int, bias: bool = True) -> None:
        super().__init__(D, H)
        self.network = nn.Sequential(nn.Linear(D + H, H), nn.Tanh(), nn.Linear(H, H))
        self.gate = nn.Linear(D, H)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, s = state
        g = tg.sigmoid(self.gate(x))
        new = self.network(tg.concatenate([x, h], axis=-1))
        s = g * tg.tag(s, "carry") + (1 - g) * new
        h = tg.tanh(s) + new
        tg.label(g=g, s=s, h=h)
        return h, s


CELLS: dict[str, Any] = {
    "own": OwnCell, "plain own": PlainOwnCell, "MGU": nn.MGUCell, "SRU": SRUCell, "MGU with norms": NormedMGUCell,
    "two memories": TwoMemoriesCell, "carried output": CarriedOutputCell, "mean": MeanCell,
    "three states": ThreeStatesCell, "nested": NestedCell,
}  # fmt: skip


def unrolled(name: str, T: int, layers: int = 1, both: bool = False, **options: Any) -> nn.Trajectory:
    """A few steps of one of these cells."""
    tg.manual_seed(0)
    cell = CELLS[name]
    make: Any = nn.LSTM if len(cell.states) > 1 else nn.RNN
    layer = make(3, 4, num_layers=layers, bidirectional=both, cell=cell)
    found: nn.Trajectory = layer.unroll(2 * tg.randn(T, 2, 3), **options)
    return found
