"""How many bytes a graph keeps."""

from __future__ import annotations

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
