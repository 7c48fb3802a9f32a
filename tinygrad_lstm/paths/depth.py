"""How many ops wait for one another: the longest way to a loss, and the shortest from a tensor to it, as counted facts.

The length of a way is the number of its ops. What only moves elements or picks some (``stack``, ``split``, ``x[t]``,
``where``) computes nothing and is not counted. A way is followed element by element: through a sequence that is
stacked and read again at step t it goes to what was stacked at t, and to no other step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.arguments import TENSOR, takes
from tinygrad_lstm.engine.node import Node, Source
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import GradError
from tinygrad_lstm.paths.edges import composed_nodes
from tinygrad_lstm.paths.meeting import MOVING, Array, Meeting
from tinygrad_lstm.tables import Column, Table, Tabular

Values: TypeAlias = dict[tuple[Node, int], Array]  # of each output of each node, a number for each element
UNREACHED = np.iinfo(np.int64).max // 2


class PathOp(NamedTuple):
    """One op of a way: its name, the name of what it computes, the module that runs it, and the time step."""

    op: str
    label: str
    module: tuple[str, ...]
    step: int | None


class OpPath(int, Tabular):
    """A number of ops, and the ops themselves, each of which reads the one before it: ``ops``, oldest first.

    It is compared and calculated with as the number that it is; ``by_step`` counts its ops at each time step.
    """

    ops: tuple[PathOp, ...]
    title = "ops one after the other"

    def __new__(cls, ops: Sequence[PathOp]) -> OpPath:
        """Of the ops, oldest first."""
        path = super().__new__(cls, len(ops))
        path.ops = tuple(ops)
        return path

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.ops,)

    @property
    def by_step(self) -> dict[int | None, int]:
        """How many of the ops are at each time step; under None those outside of any."""
        return dict(Counter(one.step for one in self.ops))

    def _title(self) -> str:
        """How many ops there are, and how many of them a step."""
        steps = {step: count for step, count in self.by_step.items() if step is not None}
        text = f"{self.title}: {int(self):,}"
        if not steps:
            return text
        counts = sorted({*steps.values()})
        each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return f"{text}, {each} at each of {len(steps):,} time steps" if len(steps) > 1 else f"{text}, in one time step"

    def _tables(self) -> Iterator[Table]:
        columns = [Column("", 5), Column("op", words=True), Column("makes", words=True), Column("t", 5),
                   Column("module", words=True)]  # fmt: skip
        rows = [
            (f"{k}", one.op, one.label, "" if one.step is None else f"{one.step}", ".".join(one.module))
            for k, one in enumerate(self.ops, start=1)
        ]
        yield Table(self._title(), columns, rows)

    __str__ = Tabular.__str__

    def __format__(self, spec: str) -> str:
        """As the number."""
        return format(int(self), spec)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._title()})"


class CriticalPath(OpPath):
    """The longest way: ``depth`` finds it."""

    title = "ops that wait for one another"


class ShortestPath(OpPath):
    """The shortest way: ``shortest`` finds it."""

    title = "ops on the shortest way"


@takes(loss=TENSOR)
def depth(loss: Tensor) -> CriticalPath:
    """The largest number of ops that wait for one another to compute a tensor: its critical path.

    However many of them run at a time, so many have to run one after the other. Of an LSTM that is a multiple of T;
    of a scan over T steps a multiple of log T; of attention the same for every T.

    Elements that never meet are kept apart, rows of a batch too. Only an op of your own counts as reading all of its
    inputs for all of its outputs. Ops are those that the graph records: those whose inputs need a gradient.

    Raises GradError for a tensor without a graph, UnsupportedError where a fused layer or a checkpoint hides ops.

    >>> import tinygrad_lstm as tg
    >>> trajectory = tg.nn.LSTM(2, 3).unroll(tg.zeros(50, 1, 2))
    >>> longest = depth(trajectory.output)
    >>> longest
    CriticalPath(ops that wait for one another: 400, 8 at each of 50 time steps)
    >>> print(depth(trajectory.output[0]))
    ops that wait for one another: 8, in one time step
          op       makes     t module
        1 linear             1 lstm.layers.0
        2 add                1 lstm.layers.0
        3 add                1 lstm.layers.0
        4 tanh     g         1 lstm.layers.0
        5 multiply           1 lstm.layers.0
        6 add      c         1 lstm.layers.0
        7 tanh               1 lstm.layers.0
        8 multiply h         1 lstm.layers.0
    """
    numbers = lengths(nodes_of(loss), np.maximum, 0, {})
    return CriticalPath(way(loss.source, numbers, np.argmax, 0))


@takes(loss=TENSOR, tensor=TENSOR)
def shortest(loss: Tensor, tensor: Tensor) -> ShortestPath:
    """The fewest ops from a tensor to a loss, from any element of the one to any of the other.

    The fewer, the more directly does the tensor act on the loss. Of the first word on the last output of an LSTM they
    grow with T, by two a step along the belt; in attention they are as many for every distance.

    Raises GradError where no way leads there, UnsupportedError where a fused layer or a checkpoint hides ops.

    >>> import tinygrad_lstm as tg
    >>> trajectory = tg.nn.LSTM(2, 3).unroll(tg.zeros(50, 1, 2))
    >>> way = shortest(trajectory.steps[-1].c, trajectory.steps[0].c)
    >>> way
    ShortestPath(ops on the shortest way: 98, 2 at each of 49 time steps)
    >>> [(one.op, one.label, one.step) for one in way.ops[:2]]
    [('multiply', '', 2), ('add', 'c', 2)]
    """
    start = np.broadcast_to(np.int64(0), tensor.shape)
    known = {(tensor.source.node, tensor.source.index): start}
    numbers = lengths(nodes_of(loss), np.minimum, UNREACHED, known)
    if numbers_of(loss.source, numbers, UNREACHED).min(initial=UNREACHED) == UNREACHED:
        raise GradError(f"no way leads from {tensor.source.node} to {loss.source.node}")
    return ShortestPath(way(loss.source, numbers, np.argmin, UNREACHED))


def nodes_of(loss: Tensor) -> list[Node]:
    """The nodes that a tensor was computed from, oldest first; GradError where none were recorded."""
    if not loss.requires_grad:
        raise GradError("no ops were recorded for this tensor: it needs no gradient, or was made inside no_grad()")
    return composed_nodes(loss)


def lengths(order: Sequence[Node], choose: np.ufunc, nothing: int, known: Values) -> Values:
    """The length of the chosen way to each element of every output: its op and the ops before it.

    ``known``: where a way begins; else at every leaf, with ``nothing``.
    """
    numbers = dict(known)
    for node in order:
        if node.op is None:
            continue
        inputs = [None if source is None else numbers_of(source, numbers, nothing) for source in node.sources]
        for k, y in enumerate(Meeting(node, inputs, choose, nothing).outputs()):
            if node.op not in MOVING:
                y = np.where(y < UNREACHED, y + 1, y)
                if y.size and (y == y.flat[0]).all():  # as nearly always: one number in memory, not one for each
                    y = np.broadcast_to(y.flat[0], y.shape)
            numbers.setdefault((node, k), y)
    return numbers


def numbers_of(source: Source, numbers: Values, nothing: int) -> Array:
    """The numbers of one tensor."""
    known = numbers.get((source.node, source.index))
    shape = source.node.shapes[source.index]
    return np.broadcast_to(np.int64(nothing), shape) if known is None else known


def way(end: Source, numbers: Values, best: Any, nothing: int) -> list[PathOp]:
    """The ops of the way to the best element of ``end``, found backward: each time the element that it was made of."""
    source, ops = end, list[PathOp]()
    number = numbers_of(end, numbers, nothing)
    place = int(best(number)) if number.size else 0
    left = int(number.flat[place]) if number.size else 0
    while left:
        node, index = source.node, source.index
        if node.op not in MOVING:
            ops.append(path_op(node, index))
            left -= 1
        if left:
            source, place = read_at(node, index, place, left, numbers, nothing)
    return ops[::-1]


def read_at(node: Node, index: int, place: int, left: int, numbers: Values, nothing: int) -> tuple[Source, int]:
    """Of the elements that an element was made of, one with the number ``left``: its tensor, and its place there."""
    places: list[Array | None] = []  # of those with that number, counted over all inputs; 0 for the others
    ends = [1]
    for source in node.sources:
        number = None if source is None else numbers_of(source, numbers, nothing)
        count = 0 if number is None else number.size
        here = None if number is None else np.arange(ends[-1], ends[-1] + count).reshape(number.shape)
        places.append(None if here is None else np.where(number == left, here, 0))
        ends.append(ends[-1] + count)
    found = int(Meeting(node, places, np.maximum, 0).outputs()[index].flat[place])
    k = int(np.searchsorted(ends, found, side="right")) - 1
    source = node.sources[k]
    assert source is not None
    return source, found - ends[k]


def path_op(node: Node, index: int) -> PathOp:
    """A node as one op of a way."""
    assert node.op is not None
    label = (node.labels or {}).get(index, "")
    return PathOp(node.op.name, label, node.scope.module if node.scope is not None else (), node.step)
