"""A small transformer block made of the library's ops: the contrast to a recurrent network."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn


class Attention(nn.Module):
    """softmax(Q Kᵀ / √D) V, one head; every place reads every other at once: x (T, B, D) -> (T, B, D)."""

    def __init__(self, D: int) -> None:
        self.q, self.k, self.v, self.out = (nn.Linear(D, D) for _ in range(4))
        self.scale = D**-0.5

    def weights(self, x: tg.Tensor) -> tg.Tensor:
        """How much each place reads of each other: (B, T, T), rows of 1."""
        q, k = tg.moveaxis(self.q(x), 0, 1), tg.moveaxis(self.k(x), 0, 1)
        return tg.softmax(q @ tg.swapaxes(k, 1, 2) * self.scale, axis=-1)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """What was read."""
        read = self.weights(x) @ tg.moveaxis(self.v(x), 0, 1)
        y: tg.Tensor = self.out(tg.moveaxis(read, 0, 1))
        return y


class Block(nn.Module):
    """x + attention(LN x), then x + two layers(LN x); residual connections and norms can be left out."""

    def __init__(self, D: int, residual: bool = True, norm: bool = True) -> None:
        self.attention, self.up, self.down = Attention(D), nn.Linear(D, 2 * D), nn.Linear(2 * D, D)
        self.norms = nn.ModuleList([nn.LayerNorm(D), nn.LayerNorm(D)] if norm else [nn.Identity(), nn.Identity()])
        self.residual = residual

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """The next x."""
        kept = 1.0 if self.residual else 0.0
        x = kept * x + self.attention(self.norms[0](x))
        y: tg.Tensor = kept * x + self.down(tg.relu(self.up(self.norms[1](x))))
        return y


class AttentionReader(nn.Module):
    """Symbols (T, B) -> scores (B, S), read at the last place after one block; the places are learned."""

    def __init__(self, symbols: int, T: int, D: int, S: int) -> None:
        self.symbols, self.places = nn.Embedding(symbols, D), nn.Embedding(T, D)
        self.block, self.head = Block(D), nn.Linear(D, S)

    def embed(self, x: np.ndarray) -> tg.Tensor:
        """Symbol plus place."""
        places = np.broadcast_to(np.arange(len(x))[:, None], x.shape)
        y: tg.Tensor = self.symbols(x) + self.places(places)
        return y

    def forward(self, x: np.ndarray) -> tg.Tensor:
        """The scores."""
        y: tg.Tensor = self.head(self.block(self.embed(x))[-1])
        return y

    def map(self, x: np.ndarray) -> np.ndarray:
        """How much the last place reads of each: (B, T)."""
        read: np.ndarray = self.block.attention.weights(self.block.norms[0](self.embed(x))).data[:, -1]
        return read
