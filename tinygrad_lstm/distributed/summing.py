"""The sum of the shards' gradients, always in the order of the shards, in two large messages.

Each rank adds up one span of the parameters. It gets that span of every shard's gradient (all to all), adds them in
order, and gives the sum to all (all gather): 2 n bytes for n bytes of gradient and one shard a rank, as the sum of a
ring takes, but in an order that does not depend on the number of ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lstm.distributed.cutting import spans


def sum_in_order(rows: np.ndarray, weights: Sequence[float], everyone: Any) -> np.ndarray:
    """Σₛ wₛ gₛ over all shards, (P,), on every rank; ``rows`` (own shards, P) are those of this rank."""
    if everyone is None or everyone.Get_size() == 1:
        return add_up(rows, weights)
    size, me = everyone.Get_size(), everyone.Get_rank()
    own = [span.stop - span.start for span in spans(len(weights), size)]
    columns = spans(rows.shape[1], size)
    widths = [(span.stop - span.start) * rows.itemsize for span in columns]
    sent = np.concatenate([rows[:, span].reshape(-1) for span in columns])
    received = np.empty((len(weights), widths[me] // rows.itemsize), rows.dtype)
    everyone.Alltoallv(
        [_bytes(sent), [own[me] * width for width in widths]], [_bytes(received), [n * widths[me] for n in own]]
    )
    total = np.empty(rows.shape[1], rows.dtype)
    everyone.Allgatherv(_bytes(add_up(received, weights)), [_bytes(total), widths])
    return total


def add_up(rows: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Σₛ wₛ gₛ, one after the other.

    >>> add_up(np.array([[1.0, 2.0], [3.0, 4.0]]), [0.5, 0.5])
    array([2., 3.])
    """
    total, product = np.zeros(rows.shape[1], rows.dtype), np.empty(rows.shape[1], rows.dtype)
    for row, weight in zip(rows, weights, strict=True):
        if weight:  # a shard in which nothing counts may have no number at all
            total += np.multiply(row, weight, out=product)
    return total


def _bytes(array: np.ndarray) -> np.ndarray:
    """The array for MPI, which then needs no name for its dtype."""
    return array.reshape(-1).view(np.uint8)
