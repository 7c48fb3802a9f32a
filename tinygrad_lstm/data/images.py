"""Handwritten digits, read row by row: a real data set, which scikit-learn brings."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.data.quantities import as_numbers
from tinygrad_lstm.data.task import ACCURACY, Batch, Draw, Task
from tinygrad_lstm.errors import MissingExtraError

TEST = 360  # of 1,797 images


def digits() -> Task:
    """Which digit is it? 8 rows of 8 pixels, one row at each step; 1,797 images, a fifth of them kept for the test.

    (UCI's "Optical recognition of handwritten digits", Alpaydin & Kaynak 1998; ``sklearn.datasets.load_digits``.) The
    test images are 360, always the same ones.

    Raises MissingExtraError where there is no scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise MissingExtraError('the digits need: pip install "tinygrad-lstm[examples]" (or scikit-learn)') from None
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    x, y = as_numbers(images[order].reshape(-1, 8, 8).swapaxes(0, 1) / 16), labels[order]

    def draw_from(first: int, end: int) -> Draw:
        def draw(rng: np.random.Generator, B: int) -> Batch:
            which = rng.integers(first, end, B)
            return Batch(x[:, which], y[which])

        return draw

    return Task("digits", 8, 10, draw_from(TEST, len(y)), ACCURACY, 0.1, 0.95, draw_test=draw_from(0, TEST))
