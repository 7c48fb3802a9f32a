"""One update of a training, as logs, callbacks and checkpoints have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Update:
    """One update of the weights, as it went."""

    number: int
    loss: float
    gradient_norm: float  # before clipping
    score: float | None  # on the test part of the task, where it was measured

    @property
    def bits(self) -> float:
        """The loss, if it is a cross-entropy, in bits."""
        return self.loss / float(np.log(2))

    @property
    def validation(self) -> float | None:
        """The score, as it is called for a text."""
        return self.score
