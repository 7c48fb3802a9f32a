"""The crossing decomposition: a gradient split, exactly, by how many times its paths crossed into the gates.

Put a formal z on every crossing edge. The gradient of a loss with respect to a state is then a polynomial,

    dL/dC_t (z) = λ₀ + λ₁ z + λ₂ z² + ...

λ₀ came along the belt alone, λ₁ crossed once, and at z = 1 their sum is the ordinary gradient: nothing is left out,
nothing is counted twice. z = 0 is the gradient with h detached from the gates; z = 1 - p the mean over all h-detach
masks of probability p.

The passes: pass 0 stops at every crossing and notes what it stopped; pass n starts from what pass n - 1 stopped; the
last one stops nowhere and gives the rest. N + 2 ordinary backward passes, memory linear in T.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from typing import Any, TypeAlias, overload

import numpy as np

from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.node import Edge, Node, Source, make_source, topological_order
from tinygrad_lstm.engine.scope import current_hook
from tinygrad_lstm.engine.tensor import Tensor, seed
from tinygrad_lstm.errors import ArgumentError, GradError, UnsupportedError
from tinygrad_lstm.paths.edges import EdgeClass, Predicate, in_class

Array: TypeAlias = np.ndarray
Seeds: TypeAlias = dict[tuple[Node, int], Any]  # a cotangent for an output of a node


class Routes:
    """One gradient, by the number of crossings. ``parts[n]`` crossed n times; the last part is all that crossed more.

    ``total`` is the gradient itself, ``norms`` those of the parts. ``shares`` are signed: each part's projection on
    the total, ⟨λₙ, λ⟩ / ⟨λ, λ⟩, so they sum to 1, and one that works against the others is negative. Norms do not add
    up; shares do. (A total of zero has no direction: its shares are NaN.)
    """

    def __init__(self, name: str, parts: Sequence[Array], mean: Callable[[], Array]) -> None:
        self.name, self.parts = name, list(parts)
        self.total: Array = np.sum(self.parts, axis=0)
        self._weighted = mean

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

        Exact also for the paths in the rest: Σ n λₙ is the derivative of the polynomial at z = 1, found by two more
        backward passes when it is first asked for, so the graph must not have been freed.
        """
        return self._projected(self._weighted())

    def at(self, z: float) -> Array:
        """The polynomial at z, of which the rest must be nothing: else ArgumentError."""
        if np.any(self.parts[-1]):
            raise ArgumentError("some paths crossed more often: give a larger max_crossings to evaluate the polynomial")
        return np.asarray(sum(part * z**n for n, part in enumerate(self.parts)))

    def _projected(self, part: Array) -> float:
        square = float(np.vdot(self.total, self.total).real)
        return float(np.vdot(part, self.total).real) / square if square else float("nan")

    def __str__(self) -> str:
        """A table: crossings, norm, share."""
        last = len(self.parts) - 1
        lines = [f"dL/d{self.name}, by crossings into the gates", f"{'crossed':>9} {'norm':>11} {'share':>8}"]
        for n, (norm, share) in enumerate(zip(self.norms, self.shares, strict=True)):
            times = "more" if n == last else "0, belt" if n == 0 else str(n)
            lines.append(f"{times:>9} {norm:11.4g} {share:8.1%}")
        lines.append(f"{'total':>9} {np.linalg.norm(self.total):11.4g} {np.sum(self.shares):8.1%}")
        return "\n".join(lines)

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
def routes(
    loss: Tensor, wrt: Tensor | Sequence[Tensor], *, max_crossings: int = 3,
    crossing: Predicate | EdgeClass | None = None, gate: str | None = None,
) -> Routes | list[Routes]:  # fmt: skip
    """Split dL/d(wrt) by how often its paths crossed: 0, 1, ..., N = ``max_crossings`` times, and more.

    What counts as a crossing: by default every read of an earlier state that is no carry, so into the gates, also
    through a peephole; ``crossing`` is a class of edges or a predicate of your own; ``gate="f"`` counts only the
    passages through the gate of that label. For any tensors of the graph; the graph is kept, and no ``grad`` changes.

    Cost: N + 2 backward passes, whatever the number of tensors.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> trajectory = tg.nn.LSTM(2, 3).unroll(tg.randn(6, 1, 2))
    >>> print(routes(trajectory.output[-1].sum(), trajectory.steps[0].c))
    dL/dc, by crossings into the gates
      crossed        norm    share
      0, belt ...
            1 ...
            2 ...
            3 ...
         more ...
        total ...   100.0%
    """
    if max_crossings < 0:
        raise ArgumentError(f"max_crossings is at least 0, not {max_crossings}")
    tensors = [wrt] if isinstance(wrt, Tensor) else list(wrt)
    for k, tensor in enumerate(tensors):
        if not tensor.requires_grad:
            raise GradError(f"tensor {k} does not require a gradient, so none travels to it")
    crosses = which(crossing, gate)
    refuse_fused(loss)
    targets = {tensor.source.node for tensor in tensors}
    start: Seeds = {(loss.source.node, loss.source.index): seed(loss, None, False)}
    parts: list[list[Array]] = []
    stopped = start
    for last in [False] * (max_crossings + 1) + [True]:
        found, stopped = one_pass(stopped, targets, crosses, stop=not last)
        parts.append([arrived(found, tensor) for tensor in tensors])

    @cache
    def weighted() -> dict[Node, Any]:
        """Σ n λₙ: whatever crosses, anywhere, is sent on once more."""
        _, crossed = one_pass(start, targets, crosses, stop=False)
        return one_pass(crossed, targets, crosses, stop=False)[0]

    results = [
        Routes(tensor.source.node.label or "x", column, partial(lambda one: arrived(weighted(), one), tensor))
        for tensor, column in zip(tensors, zip(*parts, strict=True), strict=True)
    ]
    return results[0] if isinstance(wrt, Tensor) else results


def which(crossing: Predicate | EdgeClass | None, gate: str | None) -> Predicate:
    """The predicate meant by the two arguments."""
    if crossing is not None and gate is not None:
        raise ArgumentError("crossing or gate, not both: each says which edges count")
    if gate is not None:
        return lambda edge: edge.reader.op is not None and edge.reader.label == gate
    if crossing is not None:
        return in_class(crossing)
    through_h, through_c = in_class("crossing"), in_class("peephole")
    return lambda edge: through_h(edge) or through_c(edge)


def one_pass(seeds: Seeds, targets: set[Node], crosses: Predicate, *, stop: bool) -> tuple[dict[Node, Any], Seeds]:
    """One backward pass from the seeds: what arrived at the targets, and what went along the crossings.

    ``stop``: what crosses goes no further.
    """
    outer = current_hook.get()
    crossed: Seeds = {}

    def watch(edge: Edge, g: Any) -> Any:
        g = g if outer is None else outer(edge, g)
        if g is None or not crosses(edge):
            return g
        place = edge.source, edge.index
        crossed[place] = crossed[place] + g if place in crossed else g
        return None if stop else g

    roots: list[Source] = [make_source(node, index) for node, index in seeds]
    found = {}
    for node, g in backpropagate(roots, list(seeds.values()), targets=targets, retain_graph=True, hook=watch):
        if node in targets:
            found[node] = g
    return found, crossed


def arrived(found: dict[Node, Any], tensor: Tensor) -> Array:
    """What arrived at a tensor, zeros if nothing did."""
    g = found.get(tensor.source.node)
    if g is not None and len(tensor.source.node.shapes) > 1:
        g = g[tensor.source.index]
    return np.zeros(tensor.shape, tensor.dtype) if g is None else np.array(g)


def refuse_fused(*tensors: Tensor) -> None:
    """UnsupportedError where a fused layer hides the steps that a route would be told by."""
    for node in topological_order([tensor.source.node for tensor in tensors]):
        if node.op is not None and node.op.name in ("fused_lstm", "fused_gru"):
            raise UnsupportedError(
                f"{node} runs all steps as one op, which hides the routes through them: make the layer with fused=False"
            )
