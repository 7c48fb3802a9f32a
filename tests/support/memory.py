"""How many bytes a graph keeps, and how many a call needs at most at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lstm import Tensor
from tinygrad_lstm.engine.node import topological_order


def kept_bytes(loss: Tensor) -> int:
    """What the graph keeps for backward, every array once."""
    arrays: dict[int, np.ndarray[Any, Any]] = {}

    def look(value: Any) -> None:
        if isinstance(value, np.ndarray):
            base = value if value.base is None else value.base
            arrays[id(base)] = base
        elif isinstance(value, tuple):
            for part in value:
                look(part)

    for node in topological_order([loss.source.node]):
        look(node.kept or ())
    return sum(array.nbytes for array in arrays.values())


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
