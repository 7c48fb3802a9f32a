"""The lag matrix: how much of the gradient of the loss at step τ is due to the use of the weights at step t.

    G[τ, t] = ∂ℓ_τ/∂θ_t,    dL/dθ = Σ_τ Σ_t G[τ, t]

Backpropagation through time in full sums the whole lower triangle. Truncated to chunks of k steps it sums the blocks on
the diagonal, exactly; what it leaves out is its bias, and the better a network remembers, the larger that is.
(Williams & Peng 1990; of the bias, Tallec & Ollivier 2017, 1705.08209.)

A parameter of the head, read outside any step on the way from the states to ℓ_τ, counts as used at τ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.arguments import LOSSES, NUMBER, TENSORS, integer, takes
from tinygrad_lstm.engine.gradients import grad
from tinygrad_lstm.engine.node import Edge, Node
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, GradError, UnsupportedError
from tinygrad_lstm.paths.edges import composed_nodes, cut
from tinygrad_lstm.paths.ledger import contributions
from tinygrad_lstm.tables import Column, Table, Tabular

Array: TypeAlias = np.ndarray


class LagMatrix(Tabular):
    """``norms[τ - 1, t - 1]`` = ‖G[τ, t]‖ over all the parameters together: (number of losses, T).

    ``entries``, after ``lag_matrix(..., entries=True)``: one array (losses, T, *shape) for each parameter.
    """

    def __init__(
        self, losses: Sequence[Tensor], params: Sequence[Tensor], norms: Array, entries: list[Array] | None
    ) -> None:
        self.losses, self.params, self.norms, self._entries = list(losses), list(params), norms, entries
        self._biases: dict[int, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        """For a copy or a pickle, which leave the graph out: the numbers of the table are computed first."""
        str(self)
        return self.__dict__ | {"losses": [loss.detach() for loss in self.losses]}

    @property
    def entries(self) -> list[Array]:
        """G[τ, t] itself, for each parameter; ArgumentError unless ``lag_matrix(..., entries=True)``."""
        if self._entries is None:
            raise ArgumentError("the entries were not kept: ask for them with lag_matrix(..., entries=True)")
        return self._entries

    @cached_property
    def full(self) -> list[Array]:
        """The gradient of Σ_τ ℓ_τ, one array for each parameter."""
        return self._gradient()

    @takes(k=integer(1))
    def truncated(self, k: int) -> list[Array]:
        """The gradient by truncated BPTT in chunks of k steps: Σ of G[τ, t] with τ and t in the same chunk.

        One backward pass, with every read that crosses a boundary between chunks cut.
        """

        def over_a_boundary(edge: Edge) -> bool:
            here, there = edge.reader.step, edge.source.step
            return here is not None and there is not None and (here - 1) // k != (there - 1) // k

        with cut(over_a_boundary):
            return self._gradient()

    @takes(k=integer(1))
    def bias(self, k: int) -> float:
        """‖truncated(k) - full‖ / ‖full‖: how wrong the truncated gradient is."""
        if k not in self._biases:
            wrong = [a - b for a, b in zip(self.truncated(k), self.full, strict=True)]
            self._biases[k] = norm(wrong) / norm(self.full) if norm(self.full) else float("nan")
        return self._biases[k]

    @takes(tolerance=NUMBER)
    def smallest_k(self, tolerance: float) -> int:
        """The smallest chunk whose bias is at most the tolerance; all T steps have none. A pass for each k tried."""
        T = self.norms.shape[1]
        return next((k for k in range(1, T) if self.bias(k) <= tolerance), T)

    @property
    def by_lag(self) -> Array:
        """√Σ ‖G[τ, τ - lag]‖² for lag 0, 1, ...: how far back the gradient reaches."""
        return np.array([np.linalg.norm(np.diagonal(self.norms, -lag)) for lag in range(len(self.norms))])

    def _gradient(self) -> list[Array]:
        if not any(loss.requires_grad for loss in self.losses):
            raise GradError("a copy of a lag matrix has no graph for more passes: ask the one it was made from")
        found = grad(self.losses, self.params, retain_graph=True, allow_unused=True)
        return [np.zeros(p.shape, p.dtype) if g is None else g.data for p, g in zip(self.params, found, strict=True)]

    def _tables(self) -> Iterator[Table]:
        """How much the losses owe to the weights of ``lag`` steps ago, and what chunks of k steps lose."""
        yield Table(
            "√Σ ‖G[τ, τ - lag]‖², the gradient due to weights used that long ago",
            [Column("lag", 5), Column("norm", 10)],
            [(f"{lag}", f"{size:.4g}") for lag, size in enumerate(self.by_lag)],
        )
        T = self.norms.shape[1]
        title = "the relative error of truncated BPTT in chunks of k steps"
        try:
            rows = [
                (f"{k}", f"{self.bias(k):.2%}") for k in sorted({k for k in (1, 2, 5, 10, 20, 50, 100) if k < T} | {T})
            ]
        except GradError:
            yield Table("", [], [], f"{title} is not known: it needs the graph, which is freed")
        else:
            yield Table(title, [Column("k", 5), Column("bias", 10)], rows)

    def __repr__(self) -> str:
        return f"LagMatrix({self.norms.shape[0]} losses, {self.norms.shape[1]} steps)"


@takes(losses=LOSSES, params=TENSORS)
def lag_matrix(losses: Sequence[Tensor], params: Tensor | Sequence[Tensor], *, entries: bool = False) -> LagMatrix:
    """G[τ, t] for the losses ℓ_1, ℓ_2, ... of the steps, by one backward pass for each.

    Cost: as many passes as losses, O(T²) in time; in memory O(T²) numbers and one row of G at a time, T arrays for each
    parameter; with ``entries`` all T² of them. The graph is kept, no ``grad`` changes.

    Raises ArgumentError where there is no loss, no parameter, or a step before 1; UnsupportedError for fused layers,
    for scans, and for a parameter that all steps have a share in by one read before them, as the embedding of a whole
    sequence.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> lstm = tg.nn.LSTM(2, 3)
    >>> output, _ = lstm(tg.randn(6, 1, 2))
    >>> matrix = lag_matrix([h.sum() for h in output], list(lstm.parameters()))
    >>> matrix
    LagMatrix(6 losses, 6 steps)
    >>> bool((matrix.norms[0, 1:] == 0).all()), round(matrix.bias(6), 6)
    (True, 0.0)
    """
    tensors = [params] if isinstance(params, Tensor) else list(params)
    before = nodes_that_feed_steps(composed_nodes(*losses, steps=True))
    nodes = {tensor.source.node: place for place, tensor in enumerate(tensors)}
    norms = np.zeros((len(losses), len(losses)))
    rows: list[dict[int, list[Any]]] = []  # for each loss: step -> an array for each parameter, or empty
    for place, loss in enumerate(losses):
        row: dict[int, list[Any]] = {}
        for edge, g in contributions(loss, set(nodes)) if loss.requires_grad else ():
            step = edge.reader.step
            if step is None and edge.reader in before:
                raise UnsupportedError(
                    f"parameter {nodes[edge.source]} is read before the steps, once for all of them, by {edge.reader}: "
                    "read it inside the steps, or leave it out"
                )
            parts = row.setdefault(step or place + 1, [np.zeros(t.shape, t.dtype) for t in tensors])
            parts[nodes[edge.source]] += g
        norms = np.pad(norms, ((0, 0), (0, max(0, max(row, default=0) - norms.shape[1]))))
        for step, parts in row.items():
            norms[place, step - 1] = norm(parts)
        rows.append(row if entries else {})
    kept = [np.zeros((*norms.shape, *t.shape), t.dtype) for t in tensors] if entries else []
    for place, row in enumerate(rows):
        for step, parts in row.items():
            for table, part in zip(kept, parts, strict=True):
                table[place, step - 1] = part
    return LagMatrix(losses, tensors, norms, kept or None)


def nodes_that_feed_steps(order: Sequence[Node]) -> set[Node]:
    """The nodes, oldest first, whose values a time step uses."""
    found: set[Node] = set()
    for node in reversed(order):
        if node.step is not None or node in found:
            found.update(source.node for source in node.sources if source is not None)
    return found


def norm(parts: Sequence[Array]) -> float:
    """The norm of several arrays as one vector."""
    return float(np.sqrt(sum(np.vdot(part, part).real for part in parts)))
