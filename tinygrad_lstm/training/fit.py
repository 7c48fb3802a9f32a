"""The training loop: truncated BPTT over a text, with the best weights so far always at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tinygrad_lstm.data import windows
from tinygrad_lstm.losses import cross_entropy
from tinygrad_lstm.nn.truncated import detach_state
from tinygrad_lstm.nn.utils import clip_grad_norm_
from tinygrad_lstm.optim import Adam
from tinygrad_lstm.training.char_model import CharModel, bits_per_character


@dataclass(frozen=True)
class Update:
    """One update of the weights, as it went."""

    number: int
    bits: float  # training loss of this window, in bits per character
    gradient_norm: float  # before clipping
    validation: float | None  # bits per character on the validation text, where it was measured


@dataclass
class Fit:
    """Train a model: iterate over it, one update after the other, and stop at any time.

    Windows of ``steps`` characters in ``batch`` streams; the state is carried from window to window but detached
    between them, and starts again at zero with each pass over the text. Adam, its rate falling in a straight line to a
    tenth; the gradient's norm is clipped at ``clip``. The validation text is measured every ``measure_every`` updates
    and at the end; ``best`` are the weights that did best there (None before the first measure). A test text, which has
    no part in this choice, is for the caller to keep.
    """

    model: CharModel
    train: np.ndarray
    validation: np.ndarray
    updates: int
    steps: int = 32
    batch: int = 32
    lr: float = 1e-2
    clip: float = 1.0
    measure_every: int = 100
    best: dict[str, np.ndarray] | None = None
    best_bits: float = float("inf")
    history: list[Update] = field(default_factory=list)

    def __iter__(self) -> Iterator[Update]:
        adam = Adam(self.model.parameters(), lr=self.lr)
        number = 0
        while number < self.updates:
            state = None
            for x, y in windows(self.train, self.steps, self.batch):
                adam.lr = self.lr * (1 - 0.9 * number / self.updates)
                number += 1
                logits, state = self.model(x, state)
                loss = cross_entropy(logits, y)
                adam.zero_grad()
                loss.backward()
                norm = clip_grad_norm_(self.model.parameters(), self.clip, error_if_nonfinite=True)
                adam.step()
                state = detach_state(state)
                update = Update(number, loss.item() / float(np.log(2)), norm, self._measure(number))
                self.history.append(update)
                yield update
                if number == self.updates:
                    break

    def _measure(self, number: int) -> float | None:
        if number % self.measure_every and number != self.updates:
            return None
        bits = bits_per_character(self.model, self.validation)
        if bits < self.best_bits:
            self.best, self.best_bits = self.model.state_dict(), bits
        return bits
