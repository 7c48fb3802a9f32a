"""Training a character model on a text by truncated BPTT, with the best weights so far always at hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinygrad_lstm.data import BITS, Batch, Task, windows
from tinygrad_lstm.optim.lr_scheduler import LambdaLR
from tinygrad_lstm.training.char_model import CharModel, bits_per_character
from tinygrad_lstm.training.training import Training


def streams(numbers: np.ndarray, characters: int) -> Task:
    """A whole text as one batch: B streams side by side, each of them read from its beginning to its end."""

    def draw(rng: np.random.Generator, B: int) -> Batch:
        return Batch(*next(windows(numbers, len(numbers), B)))

    chance = float(np.log2(characters))
    known = tuple(map(str, range(characters)))
    return Task("text", characters, characters, draw, BITS, chance, chance / 2, known, every_step=True)


class Fit(Training):
    """Train a model on a text: iterate over it, one update after the other, and stop at any time.

    Windows of ``steps`` characters in ``batch`` streams; the state is carried from window to window but detached
    between them, and starts again at zero with each pass over the text. Adam, its rate falling in a straight line to a
    tenth; the gradient's norm is clipped at ``clip``. The validation text is measured every ``measure_every`` updates
    and at the end; ``best`` are the weights that did best there (None before the first measure), ``best_bits`` is their
    figure. A test text, which has no part in this choice, is for the caller to keep. The other options, such as
    ``checkpoint``, are those of Training.
    """

    model: CharModel

    def __init__(
        self, model: CharModel, train: np.ndarray, validation: np.ndarray, updates: int, steps: int = 32,
        batch: int = 32, lr: float = 1e-2, clip: float = 1.0, measure_every: int = 100, **options: Any,
    ) -> None:  # fmt: skip
        self.train, self.validation = train, validation
        options.setdefault("schedule", partial(LambdaLR, lr_lambda=lambda t: 1 - 0.9 * t / updates))
        options.setdefault("seed", 0)  # nothing is drawn
        text = streams(train, model.head.out_features)
        super().__init__(model, text, updates, batch, lr, clip, window=steps, measure_every=measure_every, **options)

    @property
    def best_bits(self) -> float:
        """The fewest bits per character on the validation text so far."""
        return self.best_score

    def measure(self) -> float:
        """Bits per character on the validation text."""
        return bits_per_character(self.model, self.validation)
