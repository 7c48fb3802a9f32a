"""Modules of one's own: each call has the types of its own forward."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn


class Encoded(NamedTuple):
    """What an encoder gives."""

    outputs: tg.Tensor
    last: tg.Tensor


class Encoder(nn.Module):
    """Both directions over a sequence, with a shortcut around them."""

    def __init__(self, size: int) -> None:
        self.blocks = nn.ModuleList([nn.Linear(size, size) for _ in range(2)])
        self.gru = nn.Residual(nn.GRU(size, size))

    def forward(self, x: tg.Tensor) -> Encoded:
        for block in self.blocks:
            x = tg.relu(block(x))
        outputs, last = self.gru(x)
        return Encoded(outputs, last[0])

    def first(self) -> nn.Linear:
        return self.blocks[0]


class Classifier(nn.Module):
    """An encoder and a head."""

    def __init__(self, size: int, classes: int) -> None:
        self.encoder = Encoder(size)
        self.head = nn.Sequential(nn.Linear(size, 8), nn.LayerNorm(8), nn.Dropout(0.1), nn.Linear(8, classes))
        self.scale = nn.Parameter(1.0)

    def forward(self, x: tg.Tensor, temperature: float = 1.0) -> tg.Tensor:
        encoded = self.encoder(x)
        return self.head(encoded.last) * self.scale / temperature


class Calibrated(Classifier):
    """The same, its scores put through any function or module."""

    last: Callable[[tg.Tensor], tg.Tensor] = tg.tanh

    def forward(self, x: tg.Tensor, temperature: float = 1.0) -> tg.Tensor:
        return self.last(super().forward(x, temperature))


def applied(functions: list[Callable[[tg.Tensor], tg.Tensor]], x: tg.Tensor) -> tg.Tensor:
    for function in functions:
        x = function(x)
    return x


model = Classifier(4, 3)
calibrated: tg.Tensor = Calibrated(4, 3).astype(np.float64).eval()(tg.ones(5, 2, 4))
chained: tg.Tensor = applied([tg.relu, tg.sum, nn.Dropout(0.5), calibrated.__mul__], tg.ones(2))
loss: tg.Tensor
for loss in nn.truncated_bptt(nn.GRU(4, 4), np.ones((6, 2, 4)), lambda h, now: (h**2).sum(), k1=3):
    loss.backward()
scores: tg.Tensor = model(tg.ones(5, 2, 4), temperature=2.0)
named: dict[str, tuple[int, ...]] = {name: p.shape for name, p in model.named_parameters()}
layers = [nn.Linear(4, 4) for _ in range(2)]
same: tg.Tensor = nn.Sequential(*layers)(tg.ones(2, 4))
state: tg.Tensor = nn.Sequential(nn.Linear(4, 4), nn.GRU(4, 4))(tg.ones(3, 2, 4))[1]
first: tuple[int, int] = model.encoder.first().in_features, model.parameter_count()
model.load_state_dict(model.state_dict())
print(scores.shape, same.shape, state.shape, len(named), first)
