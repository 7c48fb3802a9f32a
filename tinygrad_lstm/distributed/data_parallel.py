"""The backward pass of a batch in shards, on all ranks together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lstm.arguments import instance, integer, takes
from tinygrad_lstm.distributed.agreement import check_agreement, describe, describe_batch
from tinygrad_lstm.distributed.cutting import arrays_in, count_rows, cut, join, random_numbers, spans, without_history
from tinygrad_lstm.distributed.ranks import communicator, from_first, rank, size, together
from tinygrad_lstm.distributed.summing import sum_in_order
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.ops.wide import wide
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.optim import Optimizer

START, BACKWARD = "DataParallel(optimizer, shards)", "DataParallel.backward(loss_of, ...)"


class DataParallel:
    """Data-parallel gradients for an optimiser's parameters: ``backward`` in place of ``loss.backward()``.

    Every rank makes one, with the same S = ``shards``. Then all have the weights, the optimiser's state and the random
    numbers of rank 0. S is part of the training, as the batch is: another S is another sum, with other last bits, and
    another number of ranks is not. A rank runs S / ranks of the shards, rounded up or down. With S = 1 a batch is not
    cut, and ``backward`` is ``loss.backward()``.

    Random numbers in a shard, as dropout's, come from ``tg.generator()``, which there starts from the shard's number
    and one draw for the whole batch. Outside of ``backward`` it is the same on all ranks.

    Raises ArgumentError for fewer shards than ranks; RankError where ranks differ in versions, shards, the optimiser,
    shapes or seeds.

    >>> import tinygrad_lstm as tg
    >>> from tinygrad_lstm import losses, nn, optim
    >>> tg.manual_seed(0)
    >>> layer = nn.LSTM(2, 3)
    >>> adam = optim.Adam(layer.parameters())
    >>> parallel = DataParallel(adam, shards=4)
    >>> x, y = np.ones((5, 8, 2)), np.zeros((5, 8, 3))
    >>> loss = parallel.backward(lambda x, y: losses.mse_loss(layer(x)[0], y), x, y)
    >>> adam.step()
    """

    @takes(optimizer=instance("an optimiser, e.g. optim.Adam(...),", Optimizer), shards=integer(1))
    def __init__(self, optimizer: Optimizer, shards: int) -> None:
        if shards < size():
            raise ArgumentError(f"{size()} ranks need a shard each, so at least shards={size()}, not {shards}")
        self.optimizer, self.shards = optimizer, shards
        if size() == 1:
            return
        check_agreement(together(START, lambda: describe(optimizer, shards)), "the ranks do not agree")
        weights, state, random = from_first(START, self._start)
        for parameter, array in zip(optimizer.parameters, weights, strict=True):
            parameter.data = array
        optimizer.load_state_dict(state)
        generator().bit_generator.state = random

    def _start(self) -> tuple[list[np.ndarray], dict[str, Any], Any]:
        """All that the first batch depends on."""
        weights = [parameter.data for parameter in self.optimizer.parameters]
        return weights, self.optimizer.state_dict(), generator().bit_generator.state

    def backward(
        self, loss_of: Callable[..., Any], *parts: Any, axis: int | Sequence[int] = 1, weights: Any = None
    ) -> Any:
        """Add the gradient of the batch's mean loss to ``grad`` of every parameter; returns that loss, a float.

        ``loss_of(*parts)`` is called with the parts of each of this rank's shards and gives the mean loss of its rows.
        Each part is an array, a Tensor without history, or a nest of them; None stays None. Its rows are along
        ``axis``, or ``axis`` has one for each part, as (1, 0) for x (T, B, D) and y (B,). On every rank the parts are
        those of the whole batch. Are they too large, let a part be the numbers of the rows, and read in ``loss_of``.

        The losses are weighed by rows, so that the mean is the batch's also where S does not divide it. Where a row
        counts more than another, as with a mask, ``weights`` says how much each does: ``mask.sum(axis=0)``.

        Where ``loss_of`` gives ``(loss, more)``, ``backward`` gives ``(loss, more)`` too: Tensors and arrays are joined
        along the axis of the last part, without history, as the state for truncated BPTT is; numbers are averaged.

        Raises ShapeError for parts of different numbers of rows, ArgumentError for fewer rows than shards, RankError
        where ranks differ in the batch. Then, and where ``loss_of`` raises, no gradient is changed, on any rank.
        """
        if not parts:
            raise ArgumentError("backward(loss_of, *parts) cuts parts of a batch, and there is none")
        axes = [axis] * len(parts) if isinstance(axis, int) else list(axis)
        if len(axes) != len(parts):
            raise ArgumentError(f"axis has one axis for each of the {len(parts)} parts, not {axis!r}")
        if self.shards == 1:
            loss, more = self._run(loss_of, parts, 1.0)
            return (loss, *more) if more else loss
        rows = count_rows(parts, axes)
        share, rows_of = self._share_of_rows(rows, weights), spans(rows, self.shards)
        shares = [float(share[own].sum()) for own in rows_of]
        our_shards = range(self.shards)[spans(self.shards, size())[rank()]]
        common = int(generator().integers(2**63))
        parameters = self.optimizer.parameters
        before = [parameter.grad for parameter in parameters]
        gradients: list[list[np.ndarray | None]] = []

        def run_own() -> Any:
            arrays = [array for part in parts for array in arrays_in(part)]
            results = []
            for shard in our_shards:
                shard_parts = [cut(part, along, rows_of[shard]) for part, along in zip(parts, axes, strict=True)]
                for parameter in parameters:
                    parameter.grad = None
                with random_numbers(shard, common):
                    results.append(self._run(loss_of, shard_parts, shares[shard]))
                gradients.append([None if p.grad is None else p.grad.data for p in parameters])
            there = [any(each[k] is not None for each in gradients) for k in range(len(parameters))]
            return describe_batch(arrays, rows, common), results, there

        try:
            said = together(BACKWARD, run_own)
            check_agreement([described for described, _, _ in said], "the ranks do not have the same batch")
        finally:
            for parameter, gradient in zip(parameters, before, strict=True):
                parameter.grad = gradient
        wanted = np.flatnonzero(np.any([there for _, _, there in said], axis=0))
        self._add([parameters[k] for k in wanted], [[each[k] for k in wanted] for each in gradients], shares)
        return _joined([result for _, results, _ in said for result in results], shares, axes[-1])

    def _share_of_rows(self, rows: int, weights: Any) -> np.ndarray:
        """How much each row counts in the mean; together 1."""
        if rows < self.shards:
            raise ArgumentError(f"a batch of {rows} rows cannot be cut into {self.shards} shards: each needs a row")
        counts = np.ones(rows) if weights is None else np.asarray(weights, float)
        if counts.shape != (rows,):
            raise ShapeError(f"weights has one number for each of the {rows} rows, not the shape {counts.shape}")
        if not (counts >= 0).all() or not counts.sum() > 0:
            raise ArgumentError("weights are numbers from 0, and not all of them 0: else there is no mean")
        share: np.ndarray = counts / counts.sum()
        return share

    def _run(self, loss_of: Callable[..., Any], parts: Sequence[Any], share: float) -> tuple[float, Any]:
        """The backward pass of one shard; gives its loss and what else it computed."""
        result = loss_of(*parts)
        loss, *more = result if isinstance(result, tuple) else (result,)
        if share and (loss.requires_grad or all(p.grad is None for p in self.optimizer.parameters)):
            loss.backward()  # (the step of tg.compile has done it)
        return loss.item(), [without_history(each) for each in more]

    def _add(
        self, parameters: Sequence[Tensor], gradients: Sequence[Sequence[np.ndarray | None]], shares: Sequence[float]
    ) -> None:
        """Add the weighted sum of all shards' gradients to the parameters', one buffer for each dtype."""
        for dtype in dict.fromkeys(wide(p.data).dtype for p in parameters):
            chosen = [k for k, p in enumerate(parameters) if wide(p.data).dtype == dtype]
            ends = np.cumsum([0, *(parameters[k].size for k in chosen)])
            rows = np.zeros((len(gradients), ends[-1]), dtype)
            for row, each in zip(rows, gradients, strict=True):
                for k, begin, end in zip(chosen, ends[:-1], ends[1:], strict=True):
                    if (gradient := each[k]) is not None:
                        row[begin:end] = gradient.reshape(-1)
            total = sum_in_order(rows, shares, communicator())
            for k, begin, end in zip(chosen, ends[:-1], ends[1:], strict=True):
                p = parameters[k]
                g = total[begin:end].reshape(p.shape).astype(p.dtype)
                p.grad = Tensor(g if p.grad is None else p.grad.data + g)


def _joined(results: Sequence[tuple[float, list[Any]]], shares: Sequence[float], axis: int) -> Any:
    """What ``backward`` returns: the mean loss, and with it what ``loss_of`` gave beside it."""
    loss = sum(share * loss for share, (loss, _) in zip(shares, results, strict=True) if share)
    more = [join(each, axis, shares) for each in zip(*(more for _, more in results), strict=True)]
    return (loss, *more) if more else loss
