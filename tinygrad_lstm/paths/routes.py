"""The crossing decomposition: a gradient split, exactly, by how many times its paths crossed into the gates.

Put a formal z on every crossing edge. The gradient of a loss with respect to a state is then a polynomial,

    dL/dC_t (z) = λ₀ + λ₁ z + λ₂ z² + ...

λ₀ came along the belt alone, λ₁ crossed once, and at z = 1 their sum is the ordinary gradient: nothing is left out,
nothing is counted twice. z = 0 is the gradient with h detached from the gates, the truncated gradient of Hochreiter &
Schmidhuber 1997; z = 1 - p the mean over all h-detach masks of probability p (Arpit 2018, 1810.03023).

The passes: pass 0 stops at every crossing and notes what it stopped; pass n starts from what pass n - 1 stopped; the
last one stops nowhere and gives the rest. N + 2 ordinary backward passes; memory is linear in T.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from functools import cache, cached_property, partial
from typing import Any, TypeAlias, overload

import numpy as np

from tinygrad_lstm.arguments import LOSS, NUMBER, TENSORS, TEXT, integer, takes
from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.node import Edge, Node, make_source
from tinygrad_lstm.engine.tensor import Tensor, seed
from tinygrad_lstm.errors import ArgumentError, GradError
from tinygrad_lstm.paths.edges import (
    WHICH,
    EdgeClass,
    Predicate,
    after_others,
    composed,
    in_class,
    is_crossing,
    name_of,
)
from tinygrad_lstm.tables import Column, Table, Tabular

Array: TypeAlias = np.ndarray
Seeds: TypeAlias = dict[tuple[Node, int], Any]  # a cotangent for an output of a node


class Routes(Tabular):
    """One gradient, by the number of crossings. ``parts[n]`` crossed n times; the last part is all that crossed more.

    ``total`` is the gradient itself, ``norms`` those of the parts. ``shares`` are signed: each part's projection on
    the total, ⟨λₙ, λ⟩ / ⟨λ, λ⟩, so they sum to 1, and one that works against the others is negative. Norms do not add
    up; shares do. (A total of zero has no direction: its shares are NaN.)
    """

    def __init__(self, name: str, parts: Sequence[Array], mean: Callable[[], Array]) -> None:
        self.name, self.parts = name, list(parts)
        self.total: Array = np.sum(self.parts, axis=0)
        self._weighted: Callable[[], Array] | None = mean

    def __getstate__(self) -> dict[str, Any]:
        """For a copy or a pickle: all but the graph, so the mean is found first."""
        with suppress(GradError):
            self.mean_crossings  # noqa: B018  # asked for, it is kept
        return self.__dict__ | {"_weighted": None}

    @cached_property
    def norms(self) -> Array:
        """‖λₙ‖ for each part: (N + 2,)."""
        return np.array([np.linalg.norm(part) for part in self.parts])

    @cached_property
    def shares(self) -> Array:
        """⟨λₙ, λ⟩ / ⟨λ, λ⟩ for each part: (N + 2,), in all 1; NaN where the total is zero."""
        return np.array([self._projected(part) for part in self.parts])

    @cached_property
    def mean_crossings(self) -> float:
        """The mean number of crossings over all paths, each counted by its projection: Σ n ⟨λₙ, λ⟩ / ⟨λ, λ⟩.

        Σ n λₙ is the slope of the polynomial at z = 1. Where some paths are in the rest, it is found by two more
        backward passes when first asked for, exact for these as well, so the graph must not have been freed.
        """
        if np.any(self.parts[-1]):
            if self._weighted is None:
                raise GradError("the mean of a copy needs the graph, which was freed before the copy was made")
            return self._projected(self._weighted())
        return float(np.dot(np.arange(len(self.parts)), self.shares))

    @takes(z=NUMBER)
    def at(self, z: float) -> Array:
        """The polynomial at z, of which the rest must be nothing: else ArgumentError."""
        if np.any(self.parts[-1]):
            raise ArgumentError("some paths crossed more often: give a larger max_crossings to evaluate the polynomial")
        return np.asarray(sum(part * z**n for n, part in enumerate(self.parts)))

    def _projected(self, part: Array) -> float:
        size = float(np.abs(self.total).max(initial=0))
        if not size:
            return float("nan")
        with np.errstate(all="ignore"):  # scaled first, so that no square underflows; of what is not finite it is NaN
            part, total = part / size, self.total / size
            return float((np.vdot(part, total) / np.vdot(total, total)).real)

    def _tables(self) -> Iterator[Table]:
        """Crossings, norm, share."""
        last = len(self.parts) - 1
        times = ["never", *(f"{n} x" for n in range(1, last)), "more"]
        rows = [
            (n, f"{norm:.4g}", f"{share:.1%}") for n, norm, share in zip(times, self.norms, self.shares, strict=True)
        ]
        rows.append(("total", f"{np.linalg.norm(self.total):.4g}", f"{np.sum(self.shares):.1%}"))
        title = f"dL/d{self.name} {self.total.shape}, by how often its paths crossed (shares: projections on the total)"
        yield Table(title, [Column("crossed", 9), Column("norm", 11), Column("share", 8)], rows, total=True)

    def __repr__(self) -> str:
        return f"Routes({self.name}, shares {np.round(self.shares, 3).tolist()})"


@overload
def routes(
    loss: Tensor, wrt: Tensor, *, max_crossings: int = 3, crossing: Predicate | EdgeClass | None = None,
    gate: str | None = None,
) -> Routes: ...  # fmt: skip
@overload
def routes(
    loss: Tensor, wrt: Sequence[Tensor], *, max_crossings: int = 3, crossing: Predicate | EdgeClass | None = None,
    gate: str | None = None,
) -> list[Routes]: ...  # fmt: skip
@takes(loss=LOSS, wrt=TENSORS, max_crossings=integer(0), crossing=WHICH.or_none(), gate=TEXT.or_none())
def routes(
    loss: Tensor, wrt: Tensor | Sequence[Tensor], *, max_crossings: int = 3,
    crossing: Predicate | EdgeClass | None = None, gate: str | None = None,
) -> Routes | list[Routes]:  # fmt: skip
    """Split dL/d(wrt) by how often its paths crossed: 0, 1, ..., N = ``max_crossings`` times, and more.

    What counts as a crossing: by default every read of an earlier state that is no carry, so into the gates, also
    through a peephole. ``crossing="depth"`` counts another class of edges, here the layers; ``gate="f"`` the passages
    through the gate of that label; a predicate what you like, the crossings of one layer for example:
    ``lambda edge: edge_class(edge) == "crossing" and "layers.0" in edge.reader.scope.path``.

    ``wrt`` is any tensor of the graph, or a list of them: states, parameters, inputs; where nothing arrives the parts
    are zero. Each part has the shape and dtype of its tensor. The graph is kept, no ``grad`` changes.

    Cost: N + 2 backward passes, whatever the number of tensors; memory: that of one, and an array for each crossing.

    Raises GradError for a tensor that requires no gradient and for a freed graph; ArgumentError for a number of
    crossings, a class or a gate there is not; UnsupportedError for a fused layer, and for a graph without time steps,
    unless you say yourself what counts.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> trajectory = tg.nn.LSTM(2, 3).unroll(tg.randn(6, 1, 2))
    >>> print(routes(trajectory.output[-1].sum(), trajectory.steps[0].c))
    dL/dc (1, 3), by how often its paths crossed (shares: projections on the total)
      crossed        norm    share
        never ...
          1 x ...
          2 x ...
          3 x ...
         more ...
        total ...   100.0%
    """
    tensors = [wrt] if isinstance(wrt, Tensor) else list(wrt)
    for k, tensor in enumerate(tensors):
        if not tensor.requires_grad:
            raise GradError(f"tensor {k} does not require a gradient, so none travels to it")
    crosses = which(crossing, gate)
    order = composed(loss, steps=crossing is None and gate is None)
    if gate is not None and not any(node.label == gate for node in order):
        raise ArgumentError(f"no gate {gate!r}: nothing in the graph bears that label")
    targets = {tensor.source.node for tensor in tensors}
    start: Seeds = {(loss.source.node, loss.source.index): seed(loss, None, False)}
    parts: list[list[Array]] = []
    stopped = start
    for looked_for in [crosses] * (max_crossings + 1) + [None]:
        found, stopped = one_pass(stopped, targets, looked_for)
        parts.append([arrived(found, tensor) for tensor in tensors])

    context = copy_context()  # with the hooks in force now, whenever the mean is asked for

    @cache
    def weighted() -> dict[Node, Any]:
        """Σ n λₙ: whatever crosses, anywhere, is sent on once more."""
        _, crossed = context.run(one_pass, start, targets, crosses, stop=False)
        return context.run(one_pass, crossed, targets, None)[0]

    results = [
        Routes(
            name_of(tensor.source.node, tensor.source.index),
            column,
            partial(lambda one: arrived(weighted(), one), tensor),
        )
        for tensor, column in zip(tensors, zip(*parts, strict=True), strict=True)
    ]
    return results[0] if isinstance(wrt, Tensor) else results


def which(crossing: Predicate | EdgeClass | None, gate: str | None) -> Predicate:
    """The predicate meant by the two arguments, which asks about an edge once for all passes."""
    if crossing is not None and gate is not None:
        raise ArgumentError("crossing or gate, not both: each says which edges count")
    if gate is not None:
        crossing = lambda edge: edge.reader.label == gate  # noqa: E731  # as a caller would write it
    asked = is_crossing if crossing is None else in_class(crossing)
    known: dict[tuple[Any, ...], bool] = {}

    def crosses(edge: Edge) -> bool:
        place = edge[:2]  # reader and position
        answer = known.get(place)
        if answer is None:
            answer = known[place] = asked(edge)
        return answer

    return crosses


def one_pass(
    seeds: Seeds, targets: set[Node], crosses: Predicate | None, *, stop: bool = True
) -> tuple[dict[Node, Any], Seeds]:
    """One backward pass from the seeds: what arrived at the targets, and what went along the crossings.

    ``stop``: what crosses goes no further. With None for the crossings nothing is looked for, and nothing stopped.
    """
    crossed: Seeds = {}

    def watch(edge: Edge, g: Any) -> Any:
        if not crosses or not crosses(edge):
            return g
        place = edge.source, edge.index
        crossed[place] = crossed[place] + g if place in crossed else g
        return None if stop else g

    roots, hook = [make_source(node, index) for node, index in seeds], after_others(watch) if crosses else None
    found = {
        node: g
        for node, g in backpropagate(roots, list(seeds.values()), targets=targets, retain_graph=True, hook=hook)
        if node in targets
    }
    return found, crossed


def arrived(found: dict[Node, Any], tensor: Tensor) -> Array:
    """What arrived at a tensor, zeros if nothing did."""
    g = found.get(tensor.source.node)
    if g is not None and len(tensor.source.node.shapes) > 1:
        g = g[tensor.source.index]
    return np.zeros(tensor.shape, tensor.dtype) if g is None else np.array(g)
