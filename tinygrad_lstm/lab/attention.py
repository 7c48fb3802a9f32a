"""Attention where a recurrent network would be: the contrast in several claims."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.data import Task


def attention(D: int, H: int) -> nn.MultiheadAttention:
    """One layer of attention, made like a recurrent layer."""
    return nn.MultiheadAttention(D)


class AttentionReader(nn.Module):
    """Symbols (T, B) -> scores, read at the last place after one block; the places are learned."""

    def __init__(self, task: Task, T: int, D: int = 24) -> None:
        self.symbols, self.places = nn.Embedding(task.inputs, D), nn.Embedding(T, D)
        self.block = nn.TransformerBlock(D, hidden=2 * D, norm_first=True)
        self.head = nn.Linear(D, task.outputs)

    def embed(self, x: np.ndarray) -> tg.Tensor:
        """Symbol plus place."""
        y: tg.Tensor = self.symbols(x) + self.places(np.arange(len(x))[:, None])
        return y

    def forward(self, x: np.ndarray) -> tg.Tensor:
        """The scores."""
        y: tg.Tensor = self.head(self.block(self.embed(x))[-1])
        return y

    def map(self, x: np.ndarray) -> np.ndarray:
        """How much the last place reads of each: (B, T)."""
        _, A = self.block.attention(self.block.norm_attention(self.embed(x)))
        read: np.ndarray = A.data[:, 0, -1]
        return read
