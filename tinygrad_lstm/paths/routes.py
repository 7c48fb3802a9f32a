"""The crossing decomposition: a gradient split, exactly, by how many times its paths crossed.

A path stays on the belt, from C at one step to C at the next, or it makes a crossing: through h into a gate or the
candidate of the next step (see ``edges``). Multiply every crossing edge by one variable s. The gradient of a loss with
respect to a state is then a polynomial in s,

    dL/dC_t (s) = λ₀ + λ₁ s + λ₂ s² + ...

λ₀ is the part that came along the belt alone, λ₁ the part that crossed once. At s = 1 their sum is the ordinary
gradient: each path is counted once. s = 0 is the gradient with h detached from the gates, the truncated gradient of
Hochreiter & Schmidhuber 1997; s = 1 - p is the mean over all h-detach masks of probability p (Arpit 2018, 1810.03023).

Pass 0 stops at every crossing and records what it stopped; pass n starts from what pass n - 1 stopped; the last pass
stops nowhere and gives the rest. With N = ``max_crossings`` that makes N + 2 ordinary backward passes. Memory is linear
in T.
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
from tinygrad_lstm.engine.through import join_outer_hook
from tinygrad_lstm.errors import ArgumentError, GradError
from tinygrad_lstm.paths.edges import WHICH, EdgeClass, Predicate, composed_nodes, in_class, is_crossing, name_of
from tinygrad_lstm.tables import Column, Table, Tabular
from tinygrad_lstm.torch_modules import TorchModule, also_of_torch, loss_and_states

Array: TypeAlias = np.ndarray
Seeds: TypeAlias = dict[tuple[Node, int], Any]  # a cotangent for an output of a node


class Routes(Tabular):
    """One gradient, by the number of crossings. ``parts[n]`` crossed n times; the last part crossed more often.

    ``total`` is the gradient itself, ``norms`` are the norms of the parts. ``shares`` are signed: each part's
    projection on the total, ⟨λₙ, λ⟩ / ⟨λ, λ⟩. They sum to 1, and a part that works against the others has a negative
    one. (A total of zero has no direction: its shares are NaN.)
    """

    def __init__(self, name: str, parts: Sequence[Array], sum_crossings: Callable[[], Array]) -> None:
        self.name, self.parts = name, list(parts)
        self.total: Array = np.sum(self.parts, axis=0)
        self._sum_crossings: Callable[[], Array] | None = sum_crossings  # Σ n λₙ

    def __getstate__(self) -> dict[str, Any]:
        """For a copy or a pickle, which leave the graph out: the mean is computed first."""
        with suppress(GradError):
            self.mean_crossings  # noqa: B018  # a cached property: it is kept
        return self.__dict__ | {"_sum_crossings": None}

    @cached_property
    def norms(self) -> Array:
        """‖λₙ‖ for each part: (N + 2,)."""
        return np.array([np.linalg.norm(part) for part in self.parts])

    @cached_property
    def shares(self) -> Array:
        """⟨λₙ, λ⟩ / ⟨λ, λ⟩ for each part: (N + 2,), in all 1; NaN where the total is zero."""
        return np.array([self._project(part) for part in self.parts])

    @cached_property
    def mean_crossings(self) -> float:
        """The mean number of crossings over all paths, each counted by its projection: Σ n ⟨λₙ, λ⟩ / ⟨λ, λ⟩.

        Σ n λₙ is the slope of the polynomial at s = 1. Where some paths crossed more than N times, the first read of
        this makes two more backward passes, which count their crossings too; so the graph must not have been freed.
        """
        if np.any(self.parts[-1]):
            if self._sum_crossings is None:
                raise GradError("the mean of a copy needs the graph, which was freed before the copy was made")
            return self._project(self._sum_crossings())
        return float(np.dot(np.arange(len(self.parts)), self.shares))

    @takes(s=NUMBER)
    def at(self, s: float) -> Array:
        """The polynomial at s. Raises ArgumentError where the rest is not zero."""
        if np.any(self.parts[-1]):
            raise ArgumentError("some paths crossed more often: give a larger max_crossings to evaluate the polynomial")
        return np.asarray(sum(part * s**n for n, part in enumerate(self.parts)))

    def _project(self, part: Array) -> float:
        size = float(np.abs(self.total).max(initial=0))
        if not size:
            return float("nan")
        with np.errstate(all="ignore"):  # scaled first, so that no square underflows; NaN if not finite
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
@overload
def routes(
    module: TorchModule, /, *inputs: Any, loss: Callable[[Any], Any] | None = None, layer: str | None = None,
    max_crossings: int = 3, crossing: Predicate | EdgeClass | None = None, gate: str | None = None,
) -> list[Routes]: ...  # fmt: skip
@also_of_torch(loss_and_states)
@takes(loss=LOSS, wrt=TENSORS, max_crossings=integer(0), crossing=WHICH.or_none(), gate=TEXT.or_none())
def routes(
    loss: Tensor, wrt: Tensor | Sequence[Tensor], *, max_crossings: int = 3,
    crossing: Predicate | EdgeClass | None = None, gate: str | None = None,
) -> Routes | list[Routes]:  # fmt: skip
    """Split dL/d(wrt) by how often its paths crossed: 0, 1, ..., N = ``max_crossings`` times, and more.

    By default every read of an earlier state that is no carry counts as a crossing (``is_crossing``), a peephole and
    an edge of a registered tag included. ``crossing="depth"`` counts another class of edges, here those between layers;
    ``gate="f"`` counts the edges into the gate of that label; a function of an edge counts what you choose, for example
    one layer: ``lambda edge: edge_class(edge) == "crossing" and "layers.0" in edge.reader.scope.path``.

    ``wrt`` is any tensor of the graph, or a list of them: states, parameters, inputs. Where no gradient arrives the
    parts are zero. Each part has the shape and dtype of its tensor. The graph is kept, and no ``grad`` changes.

    Cost: N + 2 backward passes, whatever the number of tensors; memory: that of one, and an array for each crossing.

    Raises GradError for a tensor that requires no gradient and for a freed graph; ArgumentError for a negative number
    of crossings, an unknown class or an unknown gate; UnsupportedError for a fused layer, and for a graph without time
    steps unless ``crossing`` or ``gate`` says what counts.

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
    crosses = crossing_predicate(crossing, gate)
    order = composed_nodes(loss, steps=crossing is None and gate is None)
    if gate is not None and not any(node.label == gate for node in order):
        raise ArgumentError(f"no gate {gate!r}: nothing in the graph bears that label")
    targets = {tensor.source.node for tensor in tensors}
    start: Seeds = {(loss.source.node, loss.source.index): seed(loss, None, False)}
    parts: list[list[Array]] = []
    stopped = start
    for looked_for in [crosses] * (max_crossings + 1) + [None]:
        found, stopped = one_pass(stopped, targets, looked_for)
        parts.append([gradient_at(found, tensor) for tensor in tensors])

    context = copy_context()  # the mean is computed later, with the hooks of now

    @cache
    def sum_crossings() -> dict[Node, Any]:
        """Σ n λₙ: a path starts again behind each of its n crossings, so the second pass counts it n times."""
        _, crossed = context.run(one_pass, start, targets, crosses, stop=False)
        return context.run(one_pass, crossed, targets, None)[0]

    results = [
        Routes(
            name_of(tensor.source.node, tensor.source.index),
            column,
            partial(lambda one: gradient_at(sum_crossings(), one), tensor),
        )
        for tensor, column in zip(tensors, zip(*parts, strict=True), strict=True)
    ]
    return results[0] if isinstance(wrt, Tensor) else results


def crossing_predicate(crossing: Predicate | EdgeClass | None, gate: str | None) -> Predicate:
    """The predicate of the two arguments; it remembers its answers, for all passes ask about the same edges."""
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
    """One backward pass from the seeds: the gradients at the targets, and what went along the crossings.

    ``stop``: what crosses goes no further. With ``crosses=None`` there are no crossings.
    """
    crossed: Seeds = {}

    def watch(edge: Edge, g: Any) -> Any:
        if not crosses or not crosses(edge):
            return g
        place = edge.source, edge.index
        crossed[place] = crossed[place] + g if place in crossed else g
        return None if stop else g

    roots = [make_source(node, index) for node, index in seeds]
    hook = join_outer_hook(watch) if crosses else None
    found = {
        node: g
        for node, g in backpropagate(roots, list(seeds.values()), targets=targets, retain_graph=True, hook=hook)
        if node in targets
    }
    return found, crossed


def gradient_at(found: dict[Node, Any], tensor: Tensor) -> Array:
    """The gradient of a tensor in what a pass found, zeros if there is none."""
    g = found.get(tensor.source.node)
    if g is not None and len(tensor.source.node.shapes) > 1:
        g = g[tensor.source.index]
    return np.zeros(tensor.shape, tensor.dtype) if g is None else np.array(g)
