"""A batch in shards: which rows each has, and its random numbers; and what comes of the shards, joined.

None of it depends on the number of ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import GradError, ShapeError
from tinygrad_lstm.func.structures import map_values, values_of


def spans(length: int, parts: int) -> list[slice]:
    """Consecutive parts whose lengths differ by 1 at most, longer ones first.

    >>> [(span.start, span.stop) for span in spans(10, 4)]
    [(0, 3), (3, 6), (6, 8), (8, 10)]
    """
    ends = [k * (length // parts) + min(k, length % parts) for k in range(parts + 1)]
    return [slice(begin, end) for begin, end in pairwise(ends)]


def arrays_in(part: Any) -> list[np.ndarray]:
    """The arrays of one part of a batch, which may be nested; of a Tensor, its data."""
    return [_array(value) for value in values_of(part) if value is not None]


def count_rows(parts: Sequence[Any], axes: Sequence[int]) -> int:
    """The rows of a batch; ShapeError if its parts do not have equally many along their axes.

    Raises GradError for a part that needs a gradient.
    """
    rows: dict[int, str] = {}
    for k, (part, axis) in enumerate(zip(parts, axes, strict=True)):
        if any(isinstance(value, Tensor) and value.requires_grad for value in values_of(part)):
            raise GradError(f"part {k} of the batch needs a gradient, which would end at the cut: detach() it")
        for array in arrays_in(part):
            if not -array.ndim <= axis < array.ndim:
                raise ShapeError(
                    f"part {k} of the batch is {array.shape}, which has no axis {axis}: give the axis of the rows "
                    "of each part, e.g. axis=(1, 0)"
                )
            rows.setdefault(array.shape[axis], f"part {k}, {array.shape}, along axis {axis}")
    if len(rows) != 1:
        found = "; ".join(f"{count} in {where}" for count, where in rows.items())
        raise ShapeError(f"the parts of a batch have as many rows each, not {found or 'none at all'}")
    return next(iter(rows))


def cut(part: Any, axis: int, rows: slice) -> Any:
    """These rows of a part, copied: on every rank they lie in memory in the same way."""

    def take(value: Any) -> Any:
        if value is None:
            return None
        array = _array(value)
        index = (slice(None),) * (axis % array.ndim) + (rows,)
        return Tensor(array[index].copy()) if isinstance(value, Tensor) else array[index].copy()

    return map_values(take, part)


def join(results: Sequence[Any], axis: int, weights: Sequence[float]) -> Any:
    """The results of all shards as those of the batch: arrays along the axis of the rows, numbers by their mean."""

    def put_together(*values: Any) -> Any:
        if values[0] is None:
            return None
        arrays = [_array(value) for value in values]
        if arrays[0].ndim == 0:
            return sum(weight * array.item() for weight, array in zip(weights, arrays, strict=True) if weight)
        whole = np.concatenate(arrays, axis if -arrays[0].ndim <= axis < arrays[0].ndim else 0)
        return Tensor(whole) if isinstance(values[0], Tensor) else whole

    return map_values(put_together, *results)


def without_history(result: Any) -> Any:
    """A result whose Tensors are detached, so that it can be sent, and its graph freed."""
    return map_values(lambda value: value.detach() if isinstance(value, Tensor) else value, result)


@contextmanager
def random_numbers(shard: int, common: int) -> Iterator[None]:
    """A block in which ``tg.generator()`` draws the numbers of a shard; after it, it is where it was."""
    bits = generator().bit_generator
    before = bits.state
    bits.state = type(bits)([common, shard]).state
    try:
        yield
    finally:
        bits.state = before


def _array(value: Any) -> np.ndarray:
    """The numbers of a Tensor, or of what NumPy takes."""
    found: np.ndarray = value.data if isinstance(value, Tensor) else np.asarray(value)
    return found
