"""Small models that read a task, and the loop that trains them until they can do it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import losses, nn, optim
from tinygrad_lstm.lab import tasks
from tinygrad_lstm.lab.claim import Run
from tinygrad_lstm.lab.tasks import WORDS, Array, Batch

Loss = Callable[[tg.Tensor, Any], tg.Tensor]


class Reader(nn.Module):
    """A recurrent layer that reads numbers (T, B, D), or words (T, B); a linear layer on its last h, or on every h."""

    def __init__(self, layer: nn.Recurrent[Any], out: int, *, words: int = 0, every: bool = False) -> None:
        self.embedding = nn.Embedding(words, layer.input_size) if words else None
        self.layer, self.head, self.every = layer, nn.Linear(layer.hidden_size, out), every
        self.words, self.out = words, out

    def read(self, x: Any) -> Any:
        """What the layer reads."""
        return self.embedding(x) if self.embedding else x

    def forward(self, x: Any) -> tg.Tensor:
        """The answer: (B, out), or (T, B, out)."""
        output, _ = self.layer(self.read(x))
        y: tg.Tensor = self.head(output if self.every else output[-1])
        return y


def lstm(D: int, H: int, forget_bias: float = 3.0, cell: Any = nn.LSTMCell, fused: bool = True) -> nn.LSTM:
    """An LSTM that starts with open forget gates."""
    return nn.LSTM(D, H, cell=partial(cell, forget_bias=forget_bias), fused=fused)


def word_reader(layer: nn.Recurrent[Any]) -> Reader:
    """A reader of the notes' words, which says a word."""
    return Reader(layer, len(WORDS), words=len(WORDS))


def same(made: Reader, layer: nn.Recurrent[Any]) -> Reader:
    """A reader with another layer and the same weights: one that can be looked at, or has another cell."""
    other = Reader(layer, made.out, words=made.words, every=made.every)
    other.load_state_dict(made.state_dict())
    return other


def learn(
    model: nn.Module, batch: Callable[[], Any], loss: Loss, updates: int, *, lr: float = 1e-2,
    until: Callable[[Any], bool] = lambda model: False, every: int = 50,
) -> int:  # fmt: skip
    """Train by Adam on fresh batches, the gradient's norm held to 1, until it can; returns how many updates it took."""
    adam = optim.Adam(model.parameters(), lr=lr)
    for update in range(1, updates + 1):
        x, y = batch()
        adam.zero_grad()
        loss(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        if update % every == 0 and until(model):
            return update
    return updates


def accuracy(model: nn.Module, batch: Callable[[], Batch], batches: int = 4) -> float:
    """The share of answers that are right."""
    with tg.no_grad():
        drawn = [batch() for _ in range(batches)]
        return float(np.mean([(model(x).data.argmax(axis=-1) == y).mean() for x, y in drawn]))


def learn_france(run: Run, model: Reader, distance: int, updates: int, *, lr: float = 1e-2) -> int:
    """Train on "I grew up in France ... I speak fluent" with 0 to so many words between; returns the updates."""
    return learn(
        model, lambda: tasks.france(run.rng, int(run.rng.integers(0, distance + 1))), losses.cross_entropy, updates,
        lr=lr, until=lambda model: france_right(run, model, distance) > 0.99,
    )  # fmt: skip


def france_right(run: Run, model: Reader, distance: int, batches: int = 4) -> float:
    """How often the language is right with so many words between; chance is 0.125."""
    return accuracy(model, lambda: tasks.france(run.rng, distance), batches)


def squared_error(model: nn.Module, batch: Callable[[], Batch], batches: int = 8) -> Array:
    """The mean squared error of each number that is to be said."""
    with tg.no_grad():
        drawn = [batch() for _ in range(batches)]
        errors = [((model(x).data - y) ** 2).reshape(-1, y.shape[-1]).mean(axis=0) for x, y in drawn]
    return np.asarray(np.mean(errors, axis=0))


def masked_cross_entropy(y: tg.Tensor, target: tuple[Array, Array]) -> tg.Tensor:
    """The cross-entropy where the mask, the second part of the target, is set."""
    return losses.cross_entropy(y, target[0], mask=target[1])
