"""Solutions of chapter 5. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def exercise_5_1(w: float, h: float, n: int) -> list[float]:
    """w times the slope of tanh; and as many factors as steps."""
    factor = w * (1 - h * h)
    return [factor, factor**n]


def exercise_5_2(U: Any) -> float:
    """The spectral radius of s U is s times that of U."""
    return 1 / float(np.abs(np.linalg.eigvals(U)).max())


def exercise_5_3() -> Callable[..., Any]:
    """One factor for all gradients, and none where the norm is small enough."""

    def clip(gradients: list[Any], most: float) -> list[Any]:
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        return [g * (most / norm) for g in gradients] if norm > most else gradients

    return clip
