"""How much gradient went along every line: one backward pass that is watched, and one with the crossings cut.

What is measured is what the loop of reverse mode really delivered, seen through ``tg.through``; nothing is derived a
second time here, no ``.grad`` is touched, and the graph stays usable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.graph import GraphEdge
from viz.diagram.cellgraph import ABOVE, WEIGHTS, EdgeKey, Line, Part, Unrolled, Value

Array: TypeAlias = Any
Route: TypeAlias = Literal["carry", "crossing", "weight", "depth", "forward"]


def norm(array: Array) -> float:
    """The length of an array as one vector, also where the squares of its elements would vanish or overflow.

    >>> norm(np.array([[3.0, 0.0], [0.0, 4.0]])), norm(np.array([3e-200, 4e-200]))
    (5.0, 5e-200)
    """
    flat = np.asarray(array, np.float64).ravel()
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
class Sweep:
    """What one backward pass delivered: to each value of the graph, along each edge, and which vertices had a turn."""

    values: dict[Value, Array]
    edges: dict[EdgeKey, Array]
    visited: set[int]

    def along(self, line: Line) -> dict[Value, Array]:
        """What came along a line, for each value that it reads."""
        sums: dict[Value, Array] = {}
        for edge in line.edges:
            part = self.edges.get((edge.reader, edge.position))
            if part is not None:
                value = (edge.source, edge.index)
                sums[value] = sums[value] + part if value in sums else part
        return sums


def sweep(loss: tg.Tensor, graph: tg.Graph, crossing: bool = True) -> Sweep:
    """One backward pass from the loss, watched event by event; without ``crossing`` nothing goes on into the gates.

    What crosses is what ``tg.paths.routes`` counts: every read of an earlier state that does not carry it on.

    Raises GradError where nothing needs a gradient, or the graph has been freed.
    """
    if not loss.requires_grad:
        raise tg.errors.GradError("nothing that the loss depends on requires a gradient, so none flows")
    found = Sweep({}, {}, set())

    def stop_crossings(edge: Any, cotangent: Any) -> Any:
        return None if tg.paths.is_crossing(edge) else cotangent

    try:
        with nullcontext() if crossing else tg.through(stop_crossings, indexed=True):
            for event in tg.backward_events(loss, retain_graph=True, accumulate=False):
                vertex = graph.id_of(event.node)
                found.visited.add(vertex)
                totals = event.cotangent if isinstance(event.cotangent, list) else [event.cotangent]
                found.values.update({(vertex, index): total for index, total in enumerate(totals)})
                for part in event.contributions:
                    found.edges[vertex, part.edge.position] = part.edge.whole(part.cotangent)
    except tg.errors.GradError as error:
        raise _too_late(error) from None
    return found


def _too_late(error: Exception) -> tg.errors.GradError:
    return tg.errors.GradError(
        "the path of the gradient can be drawn only while the graph still has what derivatives need: draw it before "
        f"backward(), or call backward(retain_graph=True). The engine says: {error}"
    )


@dataclass(frozen=True)
class Split:
    """How one state's gradient came: the parts of the whole along the belt and by crossings, which sum to 1.

    A part is the projection on the whole of what came by that route, so it is exact (as in ``tg.paths.routes``); it is
    negative where one route works against the other, and NaN where the gradient is not finite.
    """

    state: str
    t: int
    carry: float

    @property
    def crossing(self) -> float:
        """What came by crossings: the rest."""
        return 1 - self.carry

    @property
    def finite(self) -> bool:
        """Whether there are shares: of a gradient that is not finite there are none."""
        return math.isfinite(self.carry)

    @property
    def opposed(self) -> bool:
        """Whether one route works against the other by more than a rounded percentage hides."""
        return min(self.carry, self.crossing) < -0.005


class Flow:
    """The gradient of one chain in numbers: what the two sweeps say of its lines and states."""

    def __init__(self, loss: float | None, unrolled: Unrolled, whole: Sweep, uncrossed: Sweep) -> None:
        self.loss, self.unrolled, self.whole, self.uncrossed = loss, unrolled, whole, uncrossed

    def of(self, unrolled: Unrolled) -> Flow:
        """The same gradient, in terms of coarser parts, or of another chain of the same graph."""
        return Flow(self.loss, unrolled, self.whole, self.uncrossed)

    def _values(self, part: Part) -> list[Value]:
        """The states behind a pill that the gradient reaches."""
        tensors = [self.unrolled.state(*real) for real in self.unrolled.every(part)]
        values = [(self.unrolled.graph.id_of(tensor), tensor.source.index) for tensor in tensors]
        return [value for value in values if value in self.whole.values]

    @cached_property
    def states(self) -> dict[Part, float]:
        """‖∂L/∂state‖, of the states that the gradient reaches."""
        found = ((part, self._values(part)) for part in self.unrolled.states())
        return {part: math.hypot(*(norm(self.whole.values[v]) for v in values)) for part, values in found if values}

    @cached_property
    def norms(self) -> dict[Line, float]:
        """The norm of what was delivered along each line; a line without gradient is not in it.

        What a line delivers to several values, as to W, U and b, counts as one vector; from a state to what made it,
        all that came.
        """
        sizes: dict[Line, float] = {}
        for line in self.unrolled.lines:
            if line.edges:
                parts = [norm(part) for part in self.whole.along(line).values()]
                if parts:
                    sizes[line] = math.hypot(*parts)
            elif line.reader in self.states:
                sizes[line] = self.states[line.reader]
        return sizes

    def cut(self, line: Line) -> bool:
        """Whether a gradient came as far as this line and was not let through, as under ``tg.paths.cut``."""
        vertices = self.unrolled.graph.vertices
        return line not in self.norms and any(
            edge.reader in self.whole.visited and vertices[edge.source].requires_grad for edge in line.edges
        )

    @cached_property
    def learning(self) -> list[str]:
        """The parameters whose gradient the steps add to in words: those called W, or all that get a gradient."""
        names = self.unrolled.parameters
        lines = [line for line in self.unrolled.lines if line.source[0] == WEIGHTS]
        got = {edge.source for line in lines for edge in line.edges if (edge.reader, edge.position) in self.whole.edges}
        found = [name for vertex, name in names.items() if vertex in got]
        return [name for name in found if name.split("_")[0] == "W"] or found

    @property
    def summed(self) -> str:
        """What the steps add to, as the caption has it: ∂L/∂W, or ∂L/∂(U, b) where W is frozen."""
        names = list(dict.fromkeys(name.split("_")[0] if name[0] == "W" else name for name in self.learning))
        return f"∂L/∂{names[0]}" if len(names) == 1 else f"∂L/∂({', '.join(names)})"

    @cached_property
    def weights(self) -> dict[int, float]:
        """The norm of what each step adds to the gradient of the weights (``learning``)."""
        chosen = {vertex for vertex, name in self.unrolled.parameters.items() if name in self.learning}
        read: dict[int, tuple[GraphEdge, ...]] = {}
        for line in self.unrolled.lines:
            if line.source[0] == WEIGHTS:
                of_chosen = tuple(edge for edge in line.edges if edge.source in chosen)
                read[line.reader[1]] = read.get(line.reader[1], ()) + of_chosen
        parts = {t: self.whole.along(Line((WEIGHTS, t), (WEIGHTS, t), edges)) for t, edges in read.items()}
        return {t: math.hypot(*map(norm, part.values())) for t, part in parts.items() if part}

    @cached_property
    def splits(self) -> dict[int, Split]:
        """How the gradient of each state of the belt came, where there are steps for it to come through."""
        unrolled, name = self.unrolled, self.unrolled.template.belt_state
        found: dict[int, Split] = {}
        for t in unrolled.order[:-1] if unrolled.template.belt else []:
            tensor = unrolled.state(name, t)
            value = unrolled.graph.id_of(tensor), tensor.source.index
            if value in self.whole.values and norm(self.whole.values[value]):
                part = self.uncrossed.values.get(value)
                carry = 0.0 if part is None else share(part, self.whole.values[value])
                found[t] = Split(name, t, carry)
        return found

    @property
    def split(self) -> Split | None:
        """That of the first state, the farthest from the loss."""
        return self.splits.get(self.unrolled.order[0])

    @cached_property
    def routes(self) -> dict[Line, Route]:
        """Which route each line is part of.

        Carry: the belt itself, what else carries a state on, and the lines that lead to the belt without a crossing
        and bring mostly gradient that has not crossed before. A line into the weights is one of theirs, one from the
        layer above is of depth; all else that delivers gradient is part of a crossing.
        """
        leads = _leading_to_belt(self.unrolled)
        return {line: self._route(line, leads) for line in self.unrolled.lines}

    def _route(self, line: Line, leads: set[Part]) -> Route:
        template = self.unrolled.template
        belt = {*template.belt, f"fold_{template.belt_state}"} if template.belt else set()
        if line not in self.norms:
            return "forward"
        if line.source[0] == WEIGHTS:
            return "weight"
        if line.reader[0] == ABOVE:
            return "depth"
        if line.only_carries:
            return "carry"
        if not belt or line.crosses or line.source not in leads:
            return "crossing"
        if {line.source[0], line.reader[0]} <= belt:
            return "carry"
        if line.edges:
            total, part = self.whole.along(line), self.uncrossed.along(line)
        else:
            total = {value: self.whole.values[value] for value in self._values(line.reader)}
            part = self.uncrossed.values
        parts = [share(part[value], total[value]) for value in total if value in part]
        return "carry" if parts and min(parts) >= 0.5 else "crossing"


def flows_of(loss: tg.Tensor, chains: Sequence[Unrolled]) -> list[Flow]:
    """The gradient of a loss in each of these chains of one graph.

    Raises GradError where the loss does not depend on them, or its graph is gone.
    """
    graph = chains[0].graph
    with np.errstate(all="ignore"):  # a gradient that exploded is drawn as it is
        whole = sweep(loss, graph)
        uncrossed = sweep(loss, graph, crossing=False)
        value = float(loss.item()) if loss.size == 1 else None
        flows = [Flow(value, chain, whole, uncrossed) for chain in chains]
        if not any(flow.states or flow.weights for flow in flows):
            raise tg.errors.GradError("the loss does not depend on this trajectory: was it computed from another run?")
        return flows


def _leading_to_belt(unrolled: Unrolled) -> set[Part]:
    """The parts from which the gradient can reach a state of the belt with no crossing."""
    readers: dict[Part, list[Part]] = {}
    for line in unrolled.lines:
        if not line.crosses:
            readers.setdefault(line.source, []).append(line.reader)
    waiting = [part for part in unrolled.states() if part[0] == unrolled.template.belt_state]
    leading: set[Part] = set()
    while waiting:
        part = waiting.pop()
        if part not in leading:
            leading.add(part)
            waiting += readers.get(part, ())
    return leading
