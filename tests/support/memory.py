"""How many bytes a call needs at most at once, and how many of them arrays have."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np


def peak_of(call: Callable[[], object]) -> int:
    """How many bytes more than before are in use at the same time, at most, while the call runs."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


def array_bytes() -> int:
    """How many bytes NumPy has allocated for arrays that are alive, since tracemalloc was started."""
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([arrays]).traces)
