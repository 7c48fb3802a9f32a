"""What a backward pass delivers: one that is watched event by event, and one with the crossings cut.

What is measured is what the loop of reverse mode really delivers, seen through ``tg.through``; nothing is derived a
second time here, no ``.grad`` is touched, and the graph stays usable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from viz.diagram.cellgraph import EdgeKey, OutputKey

Array: TypeAlias = Any
Event: TypeAlias = Any  # of ``tg.backward_events``

SMALL = 64  # numbers; so many are summed faster one by one


def norm(array: Array) -> float:
    """The length of an array as one vector, also where the squares of its elements would vanish or overflow.

    >>> norm(np.array([[3.0, 0.0], [0.0, 4.0]])), norm(np.array([3e-200, 4e-200]))
    (5.0, 5e-200)
    """
    flat = np.asarray(array, np.float64).ravel()
    if flat.size <= SMALL and (size := math.hypot(*flat.tolist())) < math.inf:
        return size
    with np.errstate(over="ignore"):
        size = float(np.linalg.norm(flat))
    if 1e-150 < size < np.inf:
        return size
    most = float(np.abs(flat).max(initial=0.0))
    return most * float(np.linalg.norm(flat / most)) if 0 < most < np.inf else most


def share(part: Array, whole: Array) -> float:
    """How much of the whole the part makes up: its projection on the whole, as a fraction; nothing of nothing is 0.

    >>> share(np.array([1.0, 0.0]), np.array([2.0, 0.0])), share(np.array([-1.0, 5.0]), np.array([2.0, 0.0]))
    (0.5, -0.5)
    """
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    size = float(np.abs(whole).max(initial=0.0))
    if not size:
        return 0.0
    with np.errstate(all="ignore"):  # scaled first, so that no square overflows; of what is not finite it is NaN
        part, whole = part / size, whole / size
        return float((part * whole).sum() / (whole * whole).sum())


@dataclass(frozen=True)
class Pass:
    """What one backward pass delivers: to each value of the graph, along each edge, and which vertices have a turn."""

    values: dict[OutputKey, Array]
    edges: dict[EdgeKey, Array]
    visited: set[int]


@dataclass(frozen=True)
class Delivered:
    """The gradient of a loss in a graph: the whole of it, and the part of it that never crosses into a gate."""

    loss: float | None  # its value, if it is a single number
    graph: tg.Graph
    whole: Pass
    uncrossed: Pass
    _norms: dict[OutputKey | tuple[EdgeKey, ...], float] = field(default_factory=dict, repr=False)

    def norm_of(self, value: OutputKey) -> float | None:
        """‖∂L/∂value‖; None where no gradient comes to it."""
        if value not in self.whole.values:
            return None
        if value not in self._norms:
            self._norms[value] = norm(self.whole.values[value])
        return self._norms[value]

    def norm_along(self, edges: tuple[EdgeKey, ...], sources: Iterable[OutputKey]) -> float | None:
        """The norm of what these edges deliver to the values that they read, as one vector; None of nothing."""
        there = [pair for pair in zip(edges, sources, strict=True) if pair[0] in self.whole.edges]
        if not there:
            return None
        keys = tuple(key for key, _ in there)
        if keys not in self._norms:
            self._norms[keys] = math.hypot(*map(norm, sums_of(self.whole, there).values()))
        return self._norms[keys]


def sums_of(found: Pass, edges: Iterable[tuple[EdgeKey, OutputKey]]) -> dict[OutputKey, Array]:
    """What a pass delivers along edges, for each value that they read."""
    sums: dict[OutputKey, Array] = {}
    for key, value in edges:
        part = found.edges.get(key)
        if part is not None:
            sums[value] = sums[value] + part if value in sums else part
    return sums


def watch_backward(
    loss: tg.Tensor, graph: tg.Graph, crossed: bool = True, events: Iterable[Event] | None = None
) -> Delivered:
    """What two backward passes from a loss deliver in a graph that holds it; without ``crossed`` the first one alone.

    ``events`` are those of the first pass, where the caller has them. Raises GradError where nothing needs a gradient,
    or the graph has been freed.
    """
    with np.errstate(all="ignore"):  # a gradient that exploded is drawn as it is
        whole = _watch(backward_events(loss) if events is None else events, graph)
        uncrossed = Pass({}, {}, set())
        if crossed:
            with tg.through(_stop_crossings, indexed=True):
                uncrossed = _watch(backward_events(loss), graph)
        return Delivered(float(loss.item()) if loss.size == 1 else None, graph, whole, uncrossed)


def backward_events(loss: tg.Tensor) -> Iterator[Event]:
    """The events of a backward pass that changes nothing; GradError where there is none, or none any more."""
    if not loss.requires_grad:
        raise tg.errors.GradError("nothing that the loss depends on requires a gradient, so none flows")
    try:
        yield from tg.backward_events(loss, retain_graph=True, accumulate=False)
    except tg.errors.GradError as error:
        raise _too_late(error) from None


def _watch(events: Iterable[Event], graph: tg.Graph) -> Pass:
    """What a backward pass delivers, event by event."""
    found = Pass({}, {}, set())
    for event in events:
        vertex, total = graph.id_of(event.node), event.cotangent
        found.visited.add(vertex)
        if isinstance(total, list):
            found.values.update({(vertex, index): part for index, part in enumerate(total)})
        else:
            found.values[vertex, 0] = total
        for part in event.contributions:
            found.edges[vertex, part.edge.position] = part.edge.whole(part.cotangent)
    return found


def _stop_crossings(edge: Any, cotangent: Any) -> Any:
    """Let nothing go on into the gates.

    What crosses is what ``tg.paths.routes`` counts: every read of an earlier state that does not carry it on.
    """
    return None if tg.paths.is_crossing(edge) else cotangent


def _too_late(error: Exception) -> tg.errors.GradError:
    return tg.errors.GradError(
        "the path of the gradient can be drawn only while the graph still has what derivatives need: draw it before "
        f"backward(), or call backward(retain_graph=True). The engine says: {error}"
    )


def gradient_norms(loss: tg.Tensor, values: Sequence[tg.Tensor]) -> list[float | None]:
    """‖∂L/∂value‖ of each value, by one backward pass; None where no gradient comes to it."""
    asked = [value for value in values if value.requires_grad]
    found = iter(tg.grad(loss, asked, retain_graph=True, allow_unused=True) if asked else ())
    gradients = [next(found) if value.requires_grad else None for value in values]
    return [None if gradient is None else norm(gradient.data) for gradient in gradients]


def gradient_of(loss: tg.Tensor, value: tg.Tensor) -> Array | None:
    """∂L/∂value by a backward pass; None where no gradient comes to it."""
    (found,) = tg.grad(loss, value, retain_graph=True, allow_unused=True) if value.requires_grad else (None,)
    return None if found is None else found.data


def strongest_path(loss: tg.Tensor, tensor: tg.Tensor, graph: tg.Graph) -> tuple[frozenset[EdgeKey], float]:
    """The edges of the strongest single path from a loss to a tensor, and its strength: the gains multiplied."""
    found = tg.paths.strongest_path(loss, tensor)
    return frozenset((graph.id_of(step.edge.reader), step.edge.position) for step in found.edges), found.strength


def rows_of_gates(loss: tg.Tensor, weight: tg.Tensor) -> dict[str, range]:
    """The rows of a weight that lead to each gate where the loss first uses it."""
    (use, *_) = tg.paths.ledger(loss, weight).uses
    return {name: range(*part.indices(len(weight))) for name, part in use.gates}
