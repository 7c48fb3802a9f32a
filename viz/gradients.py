"""How much gradient went along every line: one backward pass that is watched, and one with the crossings cut.

What is measured is what the loop of reverse mode really delivered, seen through ``tg.through``; nothing is derived a
second time here, no ``.grad`` is touched, and the graph stays usable.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Container
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from viz.roles import WEIGHTS, EdgeKey, Line, Part, Unrolled, Value

Array: TypeAlias = Any
Route: TypeAlias = Literal["carried", "gated", "weights", "forward"]


@dataclass(frozen=True)
class Split:
    """How one state's gradient came: the parts of the whole along the belt and through the gates, which sum to 1.

    A part is the projection of what came that way on the whole, so it is exact; it is negative where one way works
    against the other, and NaN where the gradient is not finite.
    """

    state: str
    t: int
    carried: float

    @property
    def gated(self) -> float:
        """What is left for the gates."""
        return 1 - self.carried

    @property
    def told(self) -> bool:
        """Whether there are shares to tell: of a gradient that is not finite there are none."""
        return math.isfinite(self.carried)

    @property
    def opposed(self) -> bool:
        """Whether one way works against the other by more than a rounded percentage hides."""
        return min(self.carried, self.gated) < -0.005


@dataclass(frozen=True)
class Flow:
    """The gradient's way back through an unrolled cell, in numbers."""

    loss: float | None
    norms: dict[Line, float]  # of what was delivered along the line; a line without gradient is not in it
    routes: dict[Line, Route]
    states: dict[Part, float]  # ‖∂L/∂state‖
    weights: dict[int, float]  # what each step adds to ∂L/∂W, its norm
    split: Split | None


def norm(array: Array) -> float:
    """The length of an array as one vector.

    >>> norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    5.0
    """
    return float(np.linalg.norm(np.asarray(array, np.float64).ravel()))


def share(part: Array, whole: Array) -> float:
    """How much of the whole the part makes up: its projection on the whole, as a fraction; nothing of nothing is 0.

    >>> share(np.array([1.0, 0.0]), np.array([2.0, 0.0])), share(np.array([-1.0, 5.0]), np.array([2.0, 0.0]))
    (0.5, -0.5)
    """
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    length = float((whole * whole).sum())
    return float((part * whole).sum() / length) if length else 0.0


@dataclass(frozen=True)
class Sweep:
    """What one backward pass delivered: to each state, and along each edge."""

    states: dict[Part, Array]
    edges: dict[EdgeKey, Array]

    def along(self, line: Line) -> dict[Value, Array]:
        """What came along a line, for each value that it reads; from a state to what made it, all that came."""
        if not line.edges:
            return {(-1, 0): self.states[line.target]} if line.target in self.states else {}
        sums: dict[Value, Array] = {}
        for edge in line.edges:
            part = self.edges.get((edge.target, edge.position))
            if part is not None:
                value = (edge.source, edge.index)
                sums[value] = sums[value] + part if value in sums else part
        return sums


def sweep(loss: tg.Tensor, unrolled: Unrolled, cut: Collection[EdgeKey] = ()) -> Sweep:
    """One backward pass from the loss through the cell that notes every contribution and stops at the cut edges.

    Raises GradError where the graph has been freed.
    """
    edges: dict[EdgeKey, Array] = {}

    def watch(edge: Any, cotangent: Array) -> Array | None:
        key = (unrolled.graph.id_of(edge.reader), edge.position)
        if key in cut:
            return None
        edges[key] = cotangent
        return cotangent

    states = {part: unrolled.state(*part) for part in unrolled.states() if unrolled.state(*part).requires_grad}
    ends = [step.x for step in unrolled.chain.steps] + list(unrolled.chain.cell.parameters())
    targets = [*states.values(), *(end for end in ends if end.requires_grad)]
    if not targets:
        raise tg.errors.GradError("nothing in this trajectory requires a gradient, so none flows; see requires_grad")
    try:
        with tg.through(watch):
            totals = tg.grad(loss, targets, retain_graph=True, allow_unused=True)
    except tg.errors.GradError as error:
        raise tg.errors.GradError(
            "the gradient's way can be drawn only while the graph still has what its derivatives need: draw it before "
            f"backward(), or call backward(retain_graph=True). The engine says: {error}"
        ) from None
    found = zip(states, totals, strict=False)
    return Sweep({part: total.numpy() for part, total in found if total is not None}, edges)


def flow_of(loss: tg.Tensor, unrolled: Unrolled) -> Flow:
    """The gradient of a loss on its way through an unrolled cell.

    Raises GradError where the loss does not depend on the cell, or its graph is gone.
    """
    with np.errstate(all="ignore"):  # a gradient that exploded is drawn as it is
        return _flow_of(loss, unrolled)


def _flow_of(loss: tg.Tensor, unrolled: Unrolled) -> Flow:
    whole = sweep(loss, unrolled)
    if not whole.states:
        raise tg.errors.GradError("the loss does not depend on this trajectory: was it computed from another run?")
    uncrossed = sweep(loss, unrolled, unrolled.crossings()) if unrolled.template.belt else None
    norms = {line: norm(size) for line in unrolled.lines if (size := _sizes(line, whole, unrolled))}
    return Flow(
        loss=float(loss.data) if loss.size == 1 else None,
        norms=norms,
        routes=routes(unrolled, whole, uncrossed, norms),
        states={part: norm(total) for part, total in whole.states.items()},
        weights={line.target[1]: size for line, size in norms.items() if line.source[0] == WEIGHTS},
        split=_split(unrolled, whole, uncrossed),
    )


def _sizes(line: Line, whole: Sweep, unrolled: Unrolled) -> list[float]:
    """The norms of what a line delivers to each value; into the weights, of what it adds to W alone."""
    if line.source[0] == WEIGHTS:
        of_w = tuple(edge for edge in line.edges if unrolled.parameters.get(edge.source, "").split("_")[0] == "W")
        line = replace(line, edges=of_w or line.edges)
    return [norm(part) for part in whole.along(line).values()]


def _split(unrolled: Unrolled, whole: Sweep, uncrossed: Sweep | None) -> Split | None:
    """How the gradient of the belt's first state came, where there are steps for it to come through."""
    first = unrolled.template.belt_state, 1
    if uncrossed is None or unrolled.last == 1 or not norm(whole.states.get(first, 0.0)):
        return None
    part = uncrossed.states.get(first)
    return Split(*first, carried=0.0 if part is None else share(part, whole.states[first]))


def routes(unrolled: Unrolled, whole: Sweep, uncrossed: Sweep | None, alive: Container[Line]) -> dict[Line, Route]:
    """Which way each line is part of.

    Carried: the belt itself, and the lines that lead to it without a crossing and bring mostly gradient that has not
    crossed before. A line into the weights is one of theirs; whatever else delivers gradient goes through the gates.
    """
    leads = _leading_to_belt(unrolled)

    def route(line: Line) -> Route:
        if line not in alive:
            return "forward"
        if line.source[0] == WEIGHTS:
            return "weights"
        if uncrossed is None or line.crosses or line.source not in leads:
            return "gated"
        if {line.source[0], line.target[0]} <= set(unrolled.template.belt):
            return "carried"
        total, part = whole.along(line), uncrossed.along(line)
        parts = [share(part[value], total[value]) for value in total if value in part]
        return "carried" if parts and min(parts) >= 0.5 else "gated"

    return {line: route(line) for line in unrolled.lines}


def _leading_to_belt(unrolled: Unrolled) -> set[Part]:
    """The parts from which the gradient can reach a state of the belt with no crossing."""
    readers: dict[Part, list[Part]] = {}
    for line in unrolled.lines:
        if not line.crosses:
            readers.setdefault(line.source, []).append(line.target)
    waiting = [(unrolled.template.belt_state, t) for t in range(unrolled.last + 1)]
    leading: set[Part] = set()
    while waiting:
        part = waiting.pop()
        if part not in leading:
            leading.add(part)
            waiting += readers.get(part, ())
    return leading
