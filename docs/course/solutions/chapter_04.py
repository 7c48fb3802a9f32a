"""Solutions of chapter 4. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def exercise_4_1() -> Callable[..., Any]:
    """From the last step to the first: the loss's own part, and what step t + 1 hands back."""

    def back(U: Any, h: Any, direct: Any) -> Any:
        dh = direct.copy()
        for k in reversed(range(len(h) - 1)):
            dh[k] += U.T @ ((1 - h[k + 1] ** 2) * dh[k + 1])
        return dh

    return back


def exercise_4_2() -> Callable[..., Any]:
    """The outer products of all steps, added up."""

    def gradient(h0: Any, h: Any, dh: Any) -> Any:
        before = [h0, *h[:-1]]
        return sum(np.outer((1 - now**2) * g, old) for now, g, old in zip(h, dh, before, strict=True))

    return gradient


def exercise_4_3(H: int, T: int) -> list[int]:
    """H choices at each of T - 1 steps; and the sum over the step at which a path ends."""
    return [H ** (T - 1), sum(H ** (t - 1) for t in range(1, T + 1))]
