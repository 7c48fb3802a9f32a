"""Sequences of different lengths in one batch: padded, packed, or with a mask. PyTorch's names and meanings.

padded   (T, B, D) and lengths (B,): row b holds lengths[b] steps, the rest is padding
packed   all valid steps and no padding: the first step of every row, then the second of those that have one, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinygrad_lstm.engine.arrays import has_members
from tinygrad_lstm.engine.ops.indexing import index, scatter
from tinygrad_lstm.engine.ops.shapes import concatenate, stack, swapaxes
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError, public
from tinygrad_lstm.nn.options import array_of, check_arguments


class PackedSequence(NamedTuple):
    """The valid steps of a batch, time by time: of step t the first ``batch_sizes[t]`` of the longest-first rows.

    ``sorted_indices`` put the rows of the batch longest first, ``unsorted_indices`` back; None where they were so.
    """

    data: Tensor  # (sum of lengths, D)
    batch_sizes: np.ndarray  # (T,)
    sorted_indices: np.ndarray | None = None
    unsorted_indices: np.ndarray | None = None


def checked_lengths(lengths: TensorLike, shape: tuple[int, ...]) -> np.ndarray:
    """The lengths as whole numbers, one for each row, none beyond the T steps; ``shape`` is (T, B) or (T,)."""
    array = array_of(lengths)
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and (array == np.floor(array)).all()):
        raise ArgumentError(f"lengths are whole numbers, not {array.dtype}")
    if array.shape != shape[1:]:
        raise ShapeError(f"lengths {array.shape} for a batch of {shape[1:]}: one for each row")
    if array.size and not (array.min() >= 0 and array.max() <= shape[0]):
        raise ArgumentError(f"lengths {array.min()} to {array.max()} for sequences of {shape[0]} steps")
    return array.astype(np.intp)


@public(ShapeError)
def lengths_to_mask(lengths: TensorLike, shape: tuple[int, ...]) -> np.ndarray:
    """True at the first ``lengths[b]`` steps of row b: (T, B), or (T,) for one sequence.

    >>> lengths_to_mask([2, 1], (3, 2)).astype(int)
    array([[1, 1],
           [1, 0],
           [0, 0]])
    """
    steps = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    return np.asarray(steps < checked_lengths(lengths, shape))


@check_arguments
def pad_sequence(sequences: Sequence[TensorLike], batch_first: bool = False, padding_value: float = 0.0) -> Tensor:
    """Sequences (T_b, ...) side by side as one tensor (T, B, ...), filled up at the end.

    >>> pad_sequence([np.ones(2), 2 * np.ones(3)]).tolist()
    [[1.0, 2.0], [1.0, 2.0], [0.0, 2.0]]
    """
    if not has_members(sequences):
        raise DtypeError(f"sequences come in a list, not as a {type(sequences).__name__}")
    rows = [row if isinstance(row, Tensor) else Tensor(row) for row in sequences]
    if not rows or any(row.ndim < 1 or row.shape[1:] != rows[0].shape[1:] for row in rows):
        raise ShapeError(f"sequences (T_b, ...) alike but for their length, not {[row.shape for row in rows]}")
    T = max(len(row) for row in rows)
    rest = [np.full((T - len(row), *row.shape[1:]), padding_value, row.dtype) for row in rows]
    return stack([concatenate([row, fill]) for row, fill in zip(rows, rest, strict=True)], 0 if batch_first else 1)


@check_arguments
def pack_padded_sequence(
    input: TensorLike, lengths: TensorLike, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The valid steps of a padded batch (T, B, ...), with no padding between them.

    Lengths are at least 1 and, with ``enforce_sorted``, longest first; without it the rows are sorted here, and
    ``pad_packed_sequence`` puts them back. Raises ArgumentError where they are not.

    >>> x = np.array([[[1.0], [10.0]], [[2.0], [20.0]], [[3.0], [0.0]]])  # rows 1 2 3 and 10 20
    >>> packed = pack_padded_sequence(x, [3, 2])
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([[1.0], [10.0], [2.0], [20.0], [3.0]], [2, 2, 1])
    """
    x: Tensor = input if isinstance(input, Tensor) else Tensor(input)
    if x.ndim < 2:
        raise ShapeError(f"a padded batch is (T, B, ...) or (B, T, ...), not {x.shape}")
    x = swapaxes(x, 0, 1) if batch_first else x
    counts = checked_lengths(lengths, x.shape[:2])
    if counts.size and counts.min() < 1:
        raise ArgumentError("a packed sequence has no room for a row of length 0")
    order = np.argsort(-counts, kind="stable")
    if enforce_sorted and (np.diff(counts) > 0).any():
        raise ArgumentError("lengths must be longest first; enforce_sorted=False sorts them here")
    T = int(counts.max(initial=0))
    steps, places = np.nonzero(np.arange(T)[:, None] < counts[order])  # time by time
    sizes = np.bincount(steps, minlength=T)
    data = index(x, (steps, order[places]))
    if enforce_sorted:
        return PackedSequence(data, sizes)
    return PackedSequence(data, sizes, order, np.argsort(order))


@check_arguments
def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, np.ndarray]:
    """The padded batch (T, B, ...) and its lengths, the inverse of ``pack_padded_sequence``.

    >>> x = np.arange(6.0).reshape(3, 2, 1)
    >>> y, lengths = pad_packed_sequence(pack_padded_sequence(x, [1, 3], enforce_sorted=False))
    >>> y.data[:, :, 0].tolist(), lengths.tolist()
    ([[0.0, 1.0], [0.0, 3.0], [0.0, 5.0]], [1, 3])
    """
    if not isinstance(sequence, PackedSequence):
        raise DtypeError(f"a PackedSequence is padded, not a {type(sequence).__name__}")
    data, sizes, order, back = sequence
    T, B = len(sizes), int(max(sizes, default=0))
    if total_length is not None and total_length < T:
        raise ArgumentError(f"total_length is {total_length}, but the longest sequence has {T} steps")
    steps = np.repeat(np.arange(T), sizes)
    places = np.concatenate([np.arange(n) for n in sizes]) if T else steps
    rows = places if order is None else order[places]
    shape = (T if total_length is None else total_length, B, *data.shape[1:])
    padded = scatter(data, (steps, rows), shape)
    if padding_value:
        filled = np.full(shape, padding_value, data.dtype)
        filled[steps, rows] = 0
        padded = padded + filled
    lengths = np.bincount(places, minlength=B)
    lengths = lengths if back is None else lengths[back]
    return (swapaxes(padded, 0, 1) if batch_first else padded), lengths
