"""The scale of widths that a picture prints, read back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
FORMULA = re.compile(r"width ([\d.]+) \+ ([\d.]+)·log₁₀\(‖∇‖ / (?:10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)|([\d.]+))\) points")


def printed_width(text: str) -> Callable[[float], float]:
    """The width of a line for a norm, by the formula in the legend."""
    found = FORMULA.search(text)
    assert found is not None, text
    finest, per_decade = float(found[1]), float(found[2])
    least = float(f"1e{found[3].translate(DIGITS)}") if found[3] else float(found[4])

    def width(norm: float) -> float:
        if norm == 0:
            return finest
        return min(max(finest + per_decade * math.log10(norm / least), finest), 6.5) if math.isfinite(norm) else 6.5

    return width
