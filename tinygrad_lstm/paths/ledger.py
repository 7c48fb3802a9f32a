"""The ledger of a shared parameter: what each use of it contributed, by time step, layer, direction and gate.

A weight used at T steps has one gradient, dL/dW = Σ_t ∂L/∂W_t, where W_t stands for its use at step t alone. The two
are different things under one symbol in most books: ``total`` is the total derivative dL/dW; ``by_step[t - 1]`` is the
direct one, ∂L/∂W_t, all other uses held fixed. They sum: ``by_step.sum(axis=0) + outside`` is ``total`` is ``grad``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias, overload

import numpy as np

from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.node import Edge, Node, topological_order
from tinygrad_lstm.engine.scope import current_hook
from tinygrad_lstm.engine.tensor import Tensor, seed
from tinygrad_lstm.errors import GradError
from tinygrad_lstm.paths.routes import refuse_fused

Array: TypeAlias = np.ndarray
Consumers: TypeAlias = dict[tuple[Node, int], list[Node]]


class Use(NamedTuple):
    """One use of a parameter: where, and the direct derivative of the loss by it."""

    step: int | None
    scope: tuple[str, ...]  # without the step's own name: the layer and direction
    gates: tuple[tuple[str, slice], ...]  # which rows lead to which gate
    direct: Array


class Ledger:
    """What each use of one parameter contributed to its gradient.

    ``uses`` in the order of backward; ``by_step`` (T, *shape) sums them by step, t = 1 first; ``outside`` those outside
    any step; ``by_scope`` by layer and direction, ``by_gate["f"]`` (T, H, ...) the rows of one gate by step; ``total``
    all of them, the gradient.
    """

    def __init__(self, name: str, shape: tuple[int, ...], uses: Sequence[Use]) -> None:
        self.name, self.shape, self.uses = name, shape, list(uses)
        self.T = max((use.step or 0 for use in uses), default=0)

    def _summed(self, parts: Sequence[tuple[int | None, Array]], shape: tuple[int, ...]) -> Array:
        table = np.zeros((self.T, *shape))
        for step, part in parts:
            if step is not None:
                table[step - 1] += part
        return table

    @cached_property
    def by_step(self) -> Array:
        """∂L/∂W_t for t = 1..T: (T, *shape)."""
        return self._summed([(use.step, use.direct) for use in self.uses], self.shape)

    @cached_property
    def outside(self) -> Array:
        """What came from uses outside any time step."""
        total = np.zeros(self.shape)
        for use in self.uses:
            total += use.direct if use.step is None else 0
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
        return {scope: self._summed(parts, self.shape) for scope, parts in grouped.items()}

    @cached_property
    def by_gate(self) -> dict[str, Array]:
        """By gate, under the label of what the rows lead to: (T, rows, ...) for each."""
        grouped: dict[str, list[tuple[int | None, Array]]] = defaultdict(list)
        for use in self.uses:
            for gate, rows in use.gates:
                grouped[gate].append((use.step, use.direct[rows]))
        return {gate: self._summed(parts, parts[0][1].shape) for gate, parts in sorted(grouped.items())}

    def __str__(self) -> str:
        """A table: step, norm, and each gate's norm."""
        gates = {name: table for name, table in self.by_gate.items() if len(self.by_gate) > 1}
        lines = [f"∂L/∂{self.name} at each use", f"{'t':>7} {'norm':>10}" + "".join(f" {g:>10}" for g in gates)]
        for t in range(self.T):
            norms = [np.linalg.norm(self.by_step[t]), *(np.linalg.norm(table[t]) for table in gates.values())]
            lines.append(f"{t + 1:7d}" + "".join(f" {norm:10.4g}" for norm in norms))
        if np.any(self.outside):
            lines.append(f"{'outside':>7} {np.linalg.norm(self.outside):10.4g}")
        sums = [self.total, *(table.sum(axis=0) for table in gates.values())]
        lines.append(f"{'dL/d' + self.name:>7}" + "".join(f" {np.linalg.norm(part):10.4g}" for part in sums))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Ledger({self.name} {self.shape}, {len(self.uses)} uses in {self.T} steps)"


@overload
def ledger(loss: Tensor, params: Tensor) -> Ledger: ...
@overload
def ledger(loss: Tensor, params: Sequence[Tensor]) -> list[Ledger]: ...
def ledger(loss: Tensor, params: Tensor | Sequence[Tensor]) -> Ledger | list[Ledger]:
    """Each use's contribution to the gradient of a parameter, or of several.

    Cost: one backward pass; memory: one array of the parameter's shape for each use. The graph is kept, no ``grad``
    changes. Raises GradError for a tensor that requires no gradient.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> rnn = tg.nn.RNN(2, 3)
    >>> book = ledger(rnn(tg.randn(4, 1, 2))[0].sum(), rnn.layers[0].U)
    >>> book
    Ledger(U (3, 3), 4 uses in 4 steps)
    >>> print(book)
    ∂L/∂U at each use
          t       norm
          1          0
          2 ...
    """
    tensors = [params] if isinstance(params, Tensor) else list(params)
    for k, tensor in enumerate(tensors):
        if not tensor.requires_grad:
            raise GradError(f"parameter {k} does not require a gradient, so nothing is booked for it")
    refuse_fused(loss)
    uses: dict[Node, list[Use]] = {tensor.source.node: [] for tensor in tensors}
    consumers = consumers_of(loss)
    for edge, g in contributions(loss, set(uses)):
        uses[edge.source].append(used(edge, g, consumers))
    books = [Ledger(t.source.node.label or "x", t.shape, uses[t.source.node]) for t in tensors]
    return books[0] if isinstance(params, Tensor) else books


def contributions(loss: Tensor, targets: set[Node]) -> Iterator[tuple[Edge, Array]]:
    """Every contribution that one backward pass hands to one of the targets."""
    outer = current_hook.get()
    arrived: list[tuple[Edge, Array]] = []

    def watch(edge: Edge, g: Any) -> Any:
        g = g if outer is None else outer(edge, g)
        if g is not None and edge.source in targets:
            arrived.append((edge, np.array(g)))
        return g

    start = [seed(loss, None, False)]
    for _ in backpropagate([loss.source], start, targets=targets, retain_graph=True, hook=watch):
        yield from arrived
        arrived.clear()


def used(edge: Edge, g: Array, consumers: Consumers) -> Use:
    """The entry for one contribution."""
    scope = edge.reader.scope
    path = tuple(name for name in (scope.path if scope else ()) if name != f"t={edge.reader.step}")
    return Use(edge.reader.step, path, tuple(gates_of(edge.reader, g, consumers)), g)


def consumers_of(loss: Tensor) -> Consumers:
    """Who reads each output of each node."""
    readers: Consumers = defaultdict(list)
    for node in topological_order([loss.source.node]):
        for source in node.sources:
            if source is not None:
                readers[source.node, source.index].append(node)
    return readers


def gates_of(node: Node, g: Array, consumers: Consumers) -> Iterator[tuple[str, slice]]:
    """The named values that this use leads to: all rows to one, or, where they are split on the way, block by block."""
    while not node.label and len(node.shapes) == 1 and len(readers := consumers[node, 0]) == 1:
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
            readers = consumers[part, index]
            part, index = (readers[0] if len(readers) == 1 and len(readers[0].shapes) == 1 else None), 0
        if part is not None:
            yield part.label, slice(start, start + width)
        start += width
