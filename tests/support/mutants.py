"""One mistake at a time in the library's own cells, so that a test can see who notices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import losses, nn

MUTANTS = (
    "h detached", "belt detached", "belt not tagged", "no input gate", "no tanh of C", "tanh slope", "hard sigmoid",
    "belt cut", "wrong reduction",
)  # fmt: skip


@tg.primitive
def steep_tanh(x: Any) -> Any:
    """Tanh, with the derivative of another function."""
    return np.tanh(x)


steep_tanh.defvjp(x=lambda g, x, y: g * (1 - y))


def mutate(patch: pytest.MonkeyPatch, name: str) -> None:
    """Give LSTMCell, RNNCell and GRUCell the mistake of this name; ``patch`` takes it back."""
    tanh: Any = steep_tanh if name == "tanh slope" else tg.tanh
    sigmoid: Any = (lambda z: tg.clip(z * 0.25 + 0.5, 0.0, 1.0)) if name == "hard sigmoid" else tg.sigmoid

    def read(h: Any) -> Any:
        return h.detach() if name == "h detached" else h

    def lstm(self: Any, x: Any, state: Any) -> Any:
        h, c = state
        f, i, o, g = tg.split(self.preactivation(x, read(h)), 4, axis=-1)
        f, i, o, g = sigmoid(f), sigmoid(i), sigmoid(o), tanh(g)
        old = c.detach() if name == "belt detached" else c if name == "belt not tagged" else tg.tag(c, "carry")
        old = old * 0 if name == "belt cut" else old
        c = f * old + (g if name == "no input gate" else i * g)
        h = o * (c if name == "no tanh of C" else tanh(c))
        tg.label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c

    def rnn(self: Any, x: Any, h: Any) -> Any:
        h = self.preactivation(x, read(h))
        h = h if name == "no tanh of C" else tanh(h)
        tg.label(h=h)
        return h

    def gru(self: Any, x: Any, h: Any) -> Any:
        x_r, x_z, x_n = tg.split(tg.linear(x, self.W) + self.b, 3, axis=-1)
        h_r, h_z, h_n = tg.split(tg.linear(read(h), self.U), 3, axis=-1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = tanh(x_n + r * (h_n + self.b_n))
        h = (n if name == "no input gate" else (1 - z) * n) + z * tg.tag(h, "carry")
        tg.label(r=r, z=z, n=n, h=h)
        return h

    for cell, forward in ((nn.LSTMCell, lstm), (nn.RNNCell, rnn), (nn.GRUCell, gru)):
        patch.setattr(cell, "forward", forward)
    if name == "wrong reduction":
        mean = losses.mse_loss

        def half(x: Any, y: Any, reduction: str = "mean", **options: Any) -> Any:
            found = mean(x, y, reduction, **options)  # type: ignore[arg-type]  # a reduction it knows
            return found * 0.5 if reduction == "mean" else found

        patch.setattr(losses, "mse_loss", half)
