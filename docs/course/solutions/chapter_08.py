"""Solutions of chapter 8. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def exercise_8_1(n: int) -> float:
    """The gate first, then the inverse of σ."""
    f = 0.5 ** (1 / n)
    return float(np.log(f / (1 - f)))


def exercise_8_2() -> Callable[..., Any]:
    """Three readers: the belt, and a peephole into each of two gates."""

    def gradient(dC: Any, f: Any, i: Any, g: Any, C_prev: Any, p_f: Any, p_i: Any) -> Any:
        df, di = dC * C_prev, dC * g
        return dC * f + df * f * (1 - f) * p_f + di * i * (1 - i) * p_i

    return gradient


def exercise_8_3() -> Callable[..., Any]:
    """In that equation 1 - z keeps the old h."""
    return lambda z, r: np.prod(1 - z, axis=0)
