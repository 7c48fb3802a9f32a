"""Marks of arrays: whether a second run gives the values of the first, known without keeping these."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.engine.handle import plain
from tinygrad_lstm.engine.ops.primitive import Array


class Mark(NamedTuple):
    """What is kept of a value of the first run, to be compared with the second one's."""

    shape: tuple[int, ...]
    reach: float
    length: float


def mark_of(value: Any) -> Mark:
    """The shape of an array, how far it reaches in one direction, and its length: all but a proof of what it is."""
    array = plain(value).reshape(-1)
    with np.errstate(all="ignore"):
        reach, square = array @ direction(array.size, array.dtype), array @ array
    return Mark(np.shape(value), float(reach), float(square) ** 0.5)


@lru_cache(4)  # the values of a recurrent cell are of few sizes
def direction(size: int, dtype: np.dtype) -> Array:
    """Numbers between -1 and 1, no two of them alike."""
    return np.cos(np.arange(size) + 0.5).astype(dtype)


def fits(a: Mark, b: Mark) -> bool:
    """Whether these are the marks of nearly the same numbers; NaN and inf are like themselves."""
    near = 1e-4 * b.length + 1e-6 if math.isfinite(b.length) else 0.0
    pairs = (a.reach, b.reach), (a.length, b.length)
    return a.shape == b.shape and all(x == y or abs(x - y) <= near or (x != x and y != y) for x, y in pairs)
