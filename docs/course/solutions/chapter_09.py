"""Solutions of chapter 9. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def exercise_9_1(f: float, T: int, bound: float) -> int:
    """The sum over the pairs of each chunk, beside the sum over all pairs."""

    def kept(steps: int) -> float:
        return sum(f ** (tau - t) for tau in range(steps) for t in range(tau + 1))

    def truncated(k: int) -> float:
        return sum(kept(min(k, T - start)) for start in range(0, T, k))

    return next(k for k in range(1, T + 1) if 1 - truncated(k) / kept(T) <= bound)


def exercise_9_2() -> Callable[..., Any]:
    """A mask of the valid steps; their sum over their number."""

    def masked_mean(losses: Any, lengths: Any) -> Any:
        valid = np.arange(len(losses))[:, None] < lengths
        return losses[valid].sum() / valid.sum()

    return masked_mean
