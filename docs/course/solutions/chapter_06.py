"""Solutions of chapter 6. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def exercise_6_1() -> Callable[..., Any]:
    """Six equations, six lines."""

    def sigmoid(a: Any) -> Any:
        return 1 / (1 + np.exp(-a))

    def step(x: Any, h: Any, C: Any, p: Any) -> Any:
        f = sigmoid(p["W_f"] @ x + p["U_f"] @ h + p["b_f"])
        i = sigmoid(p["W_i"] @ x + p["U_i"] @ h + p["b_i"])
        g = np.tanh(p["W_c"] @ x + p["U_c"] @ h + p["b_c"])
        C = f * C + i * g
        o = sigmoid(p["W_o"] @ x + p["U_o"] @ h + p["b_o"])
        h = o * np.tanh(C)
        return h, C

    return step


def exercise_6_2() -> Callable[..., Any]:
    """Back through the product, then through σ."""

    def gradient(dC: Any, f: Any, C_prev: Any, C: Any) -> Any:
        df = dC * C_prev
        return df * f * (1 - f)

    return gradient


def exercise_6_3() -> Callable[..., Any]:
    """C_prev has two readers."""

    def gradient(dC: Any, dh_prev: Any, f: Any, o_prev: Any, C_prev: Any) -> Any:
        along_the_belt = dC * f
        through_h = dh_prev * o_prev * (1 - np.tanh(C_prev) ** 2)
        return along_the_belt + through_h

    return gradient
