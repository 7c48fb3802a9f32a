"""The width scale of lines: one for every picture of gradients, so that two pictures can be compared."""

from __future__ import annotations

import math

FINEST, THICKEST = 0.8, 6.5
WIDTH_FORMULA = "1.1 + 2.5·log₁₀(‖∇‖ / 0.03)"


def width_of(norm: float) -> float:
    """The line width, in points, for a gradient of this norm: ten times the gradient is 2.5 points more.

    What is not finite is as wide as a line gets.

    >>> [width_of(norm) for norm in (0.0, 0.03, 0.3, 3.0, 1e9, math.nan)]
    [0.8, 1.1, 3.6, 6.1, 6.5, 6.5]
    """
    if not math.isfinite(norm):
        return THICKEST
    if norm == 0:
        return FINEST
    return min(max(1.1 + 2.5 * math.log10(norm / 0.03), FINEST), THICKEST)
