"""Solutions of chapter 0. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

import math
from collections.abc import Callable

from tinygrad_lstm.micro import Value


def exercise_0_1(w: float, x: float, b: float, y: float) -> float:
    """L = e² with e = w x + b - y: ∂L/∂e = 2e, ∂e/∂w = x."""
    e = w * x + b - y
    return 2 * e * x


def exercise_0_2(w: float, x: float, b: float) -> float:
    """At a two parts arrive, and at x two."""
    a = w * x + b
    dl_da = x + 1  # from a * x, and from the sum
    return dl_da * w + a  # from w * x, and from a * x


def exercise_0_3(k: float) -> Callable[[Value], Value]:
    """σ(k x) as one operation."""

    def gate(x: Value) -> Value:
        y = 1 / (1 + math.exp(-k * x.data))
        return Value(y, ((x, k * y * (1 - y)),))

    return gate
