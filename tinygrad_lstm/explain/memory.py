"""What a graph keeps for backward, in bytes: by gate, by layer, by time step.

Backpropagation through time needs the values of every step, so its memory grows with T. Nothing is estimated here:
these are the arrays that the graph holds at this moment, each counted once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias, TypeVar

from tinygrad_lstm.arguments import TENSORS, takes
from tinygrad_lstm.engine.kept import Held, Made, held_arrays
from tinygrad_lstm.engine.node import Node, topological_order
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.tables import Column, Table, Tabular

K = TypeVar("K")
Names: TypeAlias = tuple[str, ...]


class KeptArray(NamedTuple):
    """One array that a graph keeps, or one in which several values lie.

    ``name`` is that of the value: its label, as f or h, else the op that made it; ``given`` says that no op made it: it
    is a parameter or an input, which is there without the graph too.
    """

    name: str
    module: Names
    step: int | None  # None outside of any step, and where values of several steps lie in it
    bytes: int
    shape: tuple[int, ...]
    dtype: str
    given: bool


class Memory(Tabular):
    """The arrays that a graph keeps, in the order in which they were made, and their bytes by what they are."""

    def __init__(self, arrays: Sequence[KeptArray]) -> None:
        self.arrays = tuple(arrays)

    @property
    def kept_bytes(self) -> int:
        """The bytes of all of them: ``graph_of(loss).kept_bytes``."""
        return size(self.arrays)

    @property
    def given_bytes(self) -> int:
        """Those of parameters and inputs, which do not go when the graph does."""
        return size([one for one in self.arrays if one.given])

    @property
    def by_gate(self) -> dict[str, int]:
        """By the name of the value: of every gate, f, i, g, o; of states, c, h; of parameters, W, U."""
        return self._by(lambda one: one.name)

    @property
    def by_module(self) -> dict[Names, int]:
        """By the module that computed them, a layer or a direction; () for what was computed outside of any."""
        return self._by(lambda one: one.module)

    @property
    def by_step(self) -> dict[int | None, int]:
        """By time step; under None what belongs to no step, or to several."""
        return self._by(lambda one: one.step)

    def _by(self, key: Callable[[KeptArray], K]) -> dict[K, int]:
        sums: dict[K, int] = defaultdict(int)
        for one in self.arrays:
            sums[key(one)] += one.bytes
        return dict(sums)

    def _title(self) -> str:
        given = f", {self.given_bytes:,} of them parameters and inputs" if self.given_bytes else ""
        return f"kept for backward: {self.kept_bytes:,} bytes in {len(self.arrays):,} arrays{given}"

    def _tables(self) -> Iterator[Table]:
        """A row for every name in every module, and one for every run of steps that keep as much."""
        rows: dict[tuple[Names, str, bool], list[KeptArray]] = defaultdict(list)
        for one in self.arrays:
            rows[one.module, one.name, one.given].append(one)
        columns = [Column("module", words=True), Column("what", words=True), Column("arrays", 6), Column("bytes", 10),
                   Column("share", 6)]  # fmt: skip
        total = self.kept_bytes or 1
        cells = [
            (
                ".".join(module),
                name + " (given)" * given,
                f"{len(ones):,}",
                f"{size(ones):,}",
                f"{size(ones) / total:.1%}",
            )
            for (module, name, given), ones in rows.items()
        ]
        yield Table(self._title(), columns, cells)
        steps = sorted((step, size) for step, size in self.by_step.items() if step is not None)
        if steps:
            runs = [(each, [step for step, _ in run]) for each, run in groupby(steps, key=lambda pair: pair[1])]
            lines = [(span(run), f"{each:,}", f"{each * len(run):,}") for each, run in runs]
            columns = [Column("t", 5, words=True), Column("bytes a step", 12), Column("together", 10)]
            yield Table("by time step", columns, lines, f"outside of any: {self.by_step.get(None, 0):,} bytes")

    def __repr__(self) -> str:
        return f"Memory({self._title()})"


def size(arrays: Sequence[KeptArray]) -> int:
    """The bytes of all of them."""
    return sum(one.bytes for one in arrays)


def span(steps: Sequence[int]) -> str:
    """Steps in a row, as 3 or 2..50."""
    return f"{steps[0]}" if len(steps) == 1 else f"{steps[0]}..{steps[-1]}"


@takes(loss=TENSORS)
def memory(loss: Tensor | Sequence[Tensor]) -> Memory:
    """What the graph of a loss (or of several tensors) keeps for backward: bytes by gate, by module and by time step.

    Every array is counted once, however many nodes keep it, and views by the array whose memory they look into. It is
    of this moment: after a backward pass that frees the graph, nothing is left. What is not seen: Python's own objects,
    a few hundred bytes a node, and what a function reads that was given to ``func.checkpoint``.

    >>> import tinygrad_lstm as tg
    >>> report = memory(tg.nn.LSTM(2, 8)(tg.zeros(50, 4, 2))[0].sum())
    >>> report
    Memory(kept for backward: 47,424 bytes in 352 arrays, 2,880 of them parameters and inputs)
    >>> report.by_step[1], report.by_gate["f"]  # f, i, g, o, c, tanh c and h of a step, each 4 x 8 float32; f of all
    (896, 6400)
    """
    losses = [loss] if isinstance(loss, Tensor) else loss
    return Memory([kept_array(held) for held in held_arrays(topological_order([one.source.node for one in losses]))])


def kept_array(held: Held) -> KeptArray:
    """What is known of an array: where all that lies in it agrees, the name, the module and the step."""
    names = {label_of(made) for made in held.made} - {""} or {name_of(made) for made in held.made}
    modules: set[Names] = {made.node.scope.module if made.node.scope is not None else () for made in held.made}
    steps = {made.node.step for made in held.made}
    return KeptArray(
        " and ".join(sorted(names)),
        modules.pop() if len(modules) == 1 else (),
        steps.pop() if len(steps) == 1 else None,
        held.owner.nbytes,
        held.owner.shape,
        str(held.owner.dtype),
        any(not made.name and looked_into(made.node).op is None for made in held.made),
    )


def label_of(made: Made) -> str:
    """The label of a value, else that of what it is a view of; of what a call was given none."""
    return "" if made.name else (made.node.labels or {}).get(made.index) or looked_into(made.node).label


def name_of(made: Made) -> str:
    """The op that made a value without a label; of what a call was given, its place there."""
    op, source = made.node.op, looked_into(made.node)
    if made.name and op is not None:
        return f"{op.name}.{made.name}"
    return source.op.name if source.op else "leaf" if source.requires_grad else "constant"


def looked_into(node: Node) -> Node:
    """The node whose memory the output of a view, as of ``split`` or ``x[t]``, looks into."""
    while node.op is not None and node.op.view and (source := node.sources[0]) is not None:
        node = source.node
    return node
