"""The ledger of a shared parameter: what each use of it contributed, by time step, layer, direction and gate.

A weight used at T steps has one gradient, dL/dW = Σ_t ∂L/∂W_t, where W_t stands for its use at step t alone. Most books
write both derivatives with one symbol. Here ``total`` is the total derivative dL/dW, and ``by_step[t - 1]`` the direct
one, ∂L/∂W_t, with all other uses held fixed. ``by_step.sum(axis=0) + outside`` equals ``total``, which equals ``grad``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias, overload

import numpy as np

from tinygrad_lstm.arguments import LOSS, TENSORS, takes
from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.node import Edge, Node
from tinygrad_lstm.engine.tensor import Tensor, seed
from tinygrad_lstm.engine.through import join_outer_hook
from tinygrad_lstm.errors import ArgumentError, GradError
from tinygrad_lstm.paths.edges import composed_nodes, name_of
from tinygrad_lstm.tables import Column, Table, Tabular

Array: TypeAlias = np.ndarray
Readers: TypeAlias = dict[tuple[Node, int], list[Node]]


class Use(NamedTuple):
    """One use of a parameter: where, and the direct derivative of the loss by it."""

    step: int | None
    scope: tuple[str, ...]  # without the step's own name: the layer and direction
    gates: tuple[tuple[str, slice], ...]  # which rows lead to which gate
    direct: Array


class Ledger(Tabular):
    """What each use of one parameter contributed to its gradient.

    ``uses`` in the order of backward; ``by_step`` (T, *shape) sums them by step, t = 1 first; ``outside`` those outside
    any step; ``by_scope`` by layer and direction, ``by_gate["f"]`` (T, H, ...) the rows of one gate by step; ``total``
    all of them, the gradient.
    """

    def __init__(self, param: Tensor, uses: Sequence[Use]) -> None:
        self.name = name_of(param.source.node, param.source.index)
        self.shape, self.dtype = param.shape, param.dtype
        self.uses = list(uses)
        self.T = max((use.step or 0 for use in uses), default=0)

    def _sum_by_step(self, parts: Sequence[tuple[int | None, Array]], shape: tuple[int, ...]) -> Array:
        table = np.zeros((self.T, *shape), self.dtype)
        for step, part in parts:
            if step is not None:
                table[step - 1] += part
        return table

    @cached_property
    def by_step(self) -> Array:
        """∂L/∂W_t for t = 1..T: (T, *shape)."""
        return self._sum_by_step([(use.step, use.direct) for use in self.uses], self.shape)

    @cached_property
    def outside(self) -> Array:
        """What came from uses outside any time step."""
        total = np.zeros(self.shape, self.dtype)
        for use in self.uses:
            if use.step is None:
                total += use.direct
        return total

    @cached_property
    def total(self) -> Array:
        """dL/dW: the sum over all uses."""
        return np.asarray(self.by_step.sum(axis=0) + self.outside)

    @cached_property
    def by_scope(self) -> dict[tuple[str, ...], Array]:
        """By layer and direction, each (T, *shape)."""
        grouped: dict[tuple[str, ...], list[tuple[int | None, Array]]] = defaultdict(list)
        for use in self.uses:
            grouped[use.scope].append((use.step, use.direct))
        return {scope: self._sum_by_step(parts, self.shape) for scope, parts in grouped.items()}

    @cached_property
    def by_gate(self) -> dict[str, Array]:
        """By gate, under the label of what the rows lead to: (T, rows, ...) for each.

        Empty where rows lead to several gates, as those of a W whose product a LayerNorm mixes.
        """
        grouped: dict[str, list[tuple[int | None, Array]]] = defaultdict(list)
        for use in self.uses:
            for gate, rows in use.gates:
                grouped[gate].append((use.step, use.direct[rows]))
        return {gate: self._sum_by_step(parts, parts[0][1].shape) for gate, parts in sorted(grouped.items())}

    def _tables(self) -> Iterator[Table]:
        """The norm of what each step contributed, and of each gate's rows of it; last, of their sum."""
        gates = {name: table for name, table in self.by_gate.items() if len(self.by_gate) > 1}

        def row(name: str, *parts: Array) -> list[str]:
            return [name, *(f"{np.linalg.norm(part):.4g}" for part in parts)]

        rows = [row(f"{t + 1}", self.by_step[t], *(table[t] for table in gates.values())) for t in range(self.T)]
        if np.any(self.outside):
            rows.append(row("outside", self.outside) + [""] * len(gates))
        rows.append(row(f"dL/d{self.name}", self.total, *(table.sum(axis=0) for table in gates.values())))
        title = f"‖∂L/∂{self.name}‖ of the uses at step t alone" + (", and of the rows of each gate" if gates else "")
        yield Table(title, [Column("t", 7), *(Column(name, 10) for name in ("norm", *gates))], rows, total=True)

    def __repr__(self) -> str:
        return f"Ledger({self.name} {self.shape}, {len(self.uses)} uses in {self.T} steps)"


@overload
def ledger(loss: Tensor, params: Tensor) -> Ledger: ...
@overload
def ledger(loss: Tensor, params: Sequence[Tensor]) -> list[Ledger]: ...
@takes(loss=LOSS, params=TENSORS)
def ledger(loss: Tensor, params: Tensor | Sequence[Tensor]) -> Ledger | list[Ledger]:
    """Each use's contribution to the gradient of one parameter, or of each in a list.

    The sum over time steps of backpropagation through time (Werbos 1990), with its terms kept apart. Cost: one backward
    pass; memory: one array of the parameter's shape for each use. The graph is kept, no ``grad`` changes.

    Raises GradError for a tensor that requires no gradient, UnsupportedError for a fused layer, ArgumentError for a use
    at a step before 1.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> rnn = tg.nn.RNN(2, 3)
    >>> book = ledger(rnn(tg.randn(4, 1, 2))[0].sum(), rnn.layers[0].U)
    >>> book
    Ledger(U (3, 3), 4 uses in 4 steps)
    >>> print(book)
    ‖∂L/∂U‖ of the uses at step t alone
          t       norm
          1          0
          2 ...
    >>> by_hand = sum(use.direct for use in book.uses)
    >>> np.allclose(book.total, by_hand), book.uses[0].scope
    (True, ('rnn', 'layers.0'))
    """
    tensors = [params] if isinstance(params, Tensor) else list(params)
    for k, tensor in enumerate(tensors):
        if not tensor.requires_grad:
            raise GradError(f"parameter {k} does not require a gradient, so it has no ledger")
    readers_of = readers_in(composed_nodes(loss))
    uses: dict[Node, list[Use]] = {tensor.source.node: [] for tensor in tensors}
    for edge, g in contributions(loss, set(uses)):
        reader = edge.reader
        layer = reader.scope.module if reader.scope is not None else ()
        uses[edge.source].append(Use(reader.step, layer, tuple(gates_of(reader, g, readers_of)), g))
    books = [Ledger(tensor, uses[tensor.source.node]) for tensor in tensors]
    return books[0] if isinstance(params, Tensor) else books


def contributions(loss: Tensor, targets: set[Node]) -> Iterator[tuple[Edge, Array]]:
    """Every contribution of one backward pass to one of the targets; ArgumentError where one is at a step before 1."""
    arrived: list[tuple[Edge, Array]] = []

    def watch(edge: Edge, g: Any) -> Any:
        if edge.source in targets:
            if edge.reader.step is not None and edge.reader.step < 1:
                raise ArgumentError(f"the steps are t = 1, 2, ..., but t = {edge.reader.step} for {edge.reader}")
            arrived.append((edge, np.array(g)))
        return g

    start, hook = [seed(loss, None, False)], join_outer_hook(watch)
    for _ in backpropagate([loss.source], start, targets=targets, retain_graph=True, hook=hook):
        yield from arrived
        arrived.clear()


def readers_in(order: Sequence[Node]) -> Readers:
    """The readers of each output of each node."""
    readers: Readers = defaultdict(list)
    for node in order:
        for source in node.sources:
            if source is not None:
                readers[source.node, source.index].append(node)
    return readers


def gates_of(node: Node, g: Array, readers_of: Readers) -> Iterator[tuple[str, slice]]:
    """The labels that this use leads to in its step, each with its rows: all of them, or one block of a split."""
    while not node.label and len(node.shapes) == 1 and len(readers := readers_of[node, 0]) == 1:
        if readers[0].step != node.step:
            return
        node = readers[0]
    if node.label and len(node.shapes) == 1:
        yield node.label, slice(None)
        return
    widths = [shape[-1] for shape in node.shapes if shape]
    if not g.ndim or sum(widths) != len(g):
        return
    start = 0
    for k, width in enumerate(widths):
        part: Node | None = node
        index = k
        while part is not None and (part is node or not part.label):
            readers = readers_of[part, index]
            part, index = (readers[0] if len(readers) == 1 and len(readers[0].shapes) == 1 else None), 0
        if part is not None:
            yield part.label, slice(start, start + width)
        start += width
