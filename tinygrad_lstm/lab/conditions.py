"""What a measured value has to be: a condition says it in words and tests it.

A condition on several numbers at once is a condition on each of them; ``falling`` and ``steps_of`` read them in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Condition(NamedTuple):
    """A condition: its words, and the test of a value."""

    words: str
    holds: Callable[[Any], Any]

    def __str__(self) -> str:
        return self.words


def below(bound: float) -> Condition:
    """Less than the bound; NaN is not.

    >>> below(0.1).holds([0.05, 0.2]), str(below(1e-12))
    (False, 'below 1e-12')
    """
    return Condition(f"below {bound:.3g}", lambda value: bool((np.asarray(value) < bound).all()))


def above(bound: float) -> Condition:
    """More than the bound."""
    return Condition(f"above {bound:.3g}", lambda value: bool((np.asarray(value) > bound).all()))


def between(low: float, high: float) -> Condition:
    """Within the two bounds."""
    words = f"between {low:.3g} and {high:.3g}"
    return Condition(words, lambda value: bool(((np.asarray(value) > low) & (np.asarray(value) < high)).all()))


def exactly(wanted: Any) -> Condition:
    """The value itself: a number, a word, or a list of them."""
    return Condition(show(wanted), lambda value: bool(value == wanted))


def near(wanted: float, within: float) -> Condition:
    """The number, as far as the relative difference allows.

    >>> near(2.0, within=0.01).holds(2.01)
    True
    """
    words = f"{wanted:.3g}, to {within:g}"
    return Condition(words, lambda value: bool((np.abs(np.asarray(value) / wanted - 1) < within).all()))


def falling() -> Condition:
    """Every number less than the one before it."""
    return Condition("each less than the one before", lambda values: bool((np.diff(values) < 0).all()))


def rising() -> Condition:
    """Every number more than the one before it."""
    return Condition("each more than the one before", lambda values: bool((np.diff(values) > 0).all()))


def show(value: Any) -> str:
    """A measured value in few letters.

    >>> show([0.123456, 3, "h o c"]), show(1.5e-13), show([1234567, (4, 8)])
    ('0.123 / 3 / h o c', '1.5e-13', '1,234,567 / (4, 8)')
    """
    if isinstance(value, list | np.ndarray):
        return " / ".join(map(show, value))
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)


def difference(found: Any, wanted: Any) -> float:
    """The largest difference of two arrays, relative to the largest element of the one wanted; inf for other shapes.

    >>> difference([1.0, 2.2], [1.0, 2.0]), difference([1.0], [1.0, 2.0])
    (0.1..., inf)
    """
    found, wanted = (np.asarray(getattr(value, "data", value)) for value in (found, wanted))
    if found.shape != wanted.shape:
        return float("inf")
    return float(np.abs(found - wanted).max() / (np.abs(wanted).max() or 1.0))
