"""What flows from a tensor to a loss, in terms of the graph that a picture is drawn of: lines, states, and each cut."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from viz.diagram.cellgraph import OUTSIDE, WEIGHTS, EdgeKey, Line, Part, Unrolled, Value
from viz.diagram.names import Names, brief
from viz.style.text import number, percent
from viz.views.tooltips import sign

Cut: TypeAlias = dict[str, float]  # what passes from one step to the next: "carry", "crossing", "loss"


@dataclass
class Stream:
    """A flow, in terms of the graph that the picture is drawn of."""

    amounts: Mapping[EdgeKey, float]
    out: Mapping[Value, float]  # what flows out of each value, and into each vertex
    into: Mapping[int, float]
    value: Value  # of the source
    source: str
    total: float
    squared: bool  # whether the total is the squared norm of the source's gradient
    loss: float | None
    cuts: list[dict[int, Cut]] = field(default_factory=list)  # for each chain, after each step
    where: str = ""  # the source's layer, where there are several
    unit: float = 1.0  # what is drawn 16 points wide

    @cached_property
    def relative(self) -> bool:
        """Whether flows are written as parts of the whole: not where two large flows of opposite sign leave it over."""
        largest = max(map(abs, self.amounts.values()), default=0.0)
        return math.isfinite(largest) and self.total > 0.1 * largest

    def format_amount(self, amount: float) -> str:
        """A flow in figures."""
        if not self.relative:
            return number(amount)
        part = amount / self.total
        return percent(part) if abs(part) >= 0.0995 or abs(part) < 1e-5 else f"{100 * part:.2g}%".replace("-", "−")

    def along(self, unrolled: Unrolled, line: Line) -> float | None:
        """What flows along a line; into a state's pill flows what flows into the operation that makes it."""
        if line.edges:
            keys = [(edge.reader, edge.position) for edge in line.edges]
            parts = [self.amounts[key] for key in keys if key in self.amounts]
        else:
            states = [unrolled.graph.id_of(unrolled.state(*part)) for part in unrolled.every(line.reader)]
            parts = [self.into[vertex] for vertex in states if vertex in self.into]
        return math.fsum(parts) if parts else None

    def through(self, unrolled: Unrolled, name: str, t: int) -> float | None:
        """What flows through a state."""
        tensor = unrolled.state(name, t)
        vertex = unrolled.graph.id_of(tensor)
        return self.out.get((vertex, tensor.source.index), self.into.get(vertex))

    def sums_by_step(self) -> dict[int, Cut]:
        """What passes from each step to those after it, in all chains together."""
        sums: dict[int, Cut] = {}
        for cuts in self.cuts:
            for t, cut in cuts.items():
                here = sums.setdefault(t, {})
                for route, amount in cut.items():
                    here[route] = here.get(route, 0.0) + amount
        return sums

    def check_sentence(self) -> str:
        """Whether the lines between two steps sum to the total."""
        sums = [math.fsum(cut.values()) for cut in self.sums_by_step().values()]
        if not sums or not math.isfinite(self.total):
            return ""
        rough = 1e-4 * max(
            [abs(self.total), *(abs(part) for cut in self.sums_by_step().values() for part in cut.values())]
        )
        if all(abs(each - self.total) <= rough for each in sums):
            return f"Between any two steps the lines sum to {self.format_amount(self.total)}."
        return f"What the lines between two steps lack of {self.format_amount(self.total)} passes by what is not drawn."

    @property
    def in_all(self) -> str:
        """The total, and what it is."""
        return f"{number(self.total)} = ‖∂L/∂{self.source}‖²" if self.squared else number(self.total)


def stream_of(loss: tg.Tensor, found: Sequence[Unrolled], source: tg.Tensor, direction: Any) -> Stream:
    """The flow from a source to a loss through these chains of one graph; GradError where it leads to none of it."""
    try:
        with np.errstate(all="ignore"):  # a gradient that exploded is shown as it is
            flowing, graph = tg.paths.flow(loss, source, direction), found[0].graph
    except tg.errors.GradError:
        if source.requires_grad and source not in tg.graph_of(loss):
            said = "the source of the flow does not lead to the loss: was the loss computed from another run?"
            raise tg.errors.GradError(said) from None
        raise
    ids = flowing.graph.ids_in(graph)
    amounts = {(ids[edge.reader], edge.position): edge.flow for edge in flowing.edges}
    out: dict[Value, float] = defaultdict(float)
    into: dict[int, float] = defaultdict(float)
    for edge in graph.edges:
        if (edge.reader, edge.position) in amounts:
            out[edge.source, edge.index] += amounts[edge.reader, edge.position]
            into[edge.reader] += amounts[edge.reader, edge.position]
    value = graph.id_of(source), source.source.index
    name, begin, end = brief(Names(graph).of(graph.vertices[value[0]]), 24) or "the source", 0, found[0].last + 1
    for one in found:
        for state, t in one.states():
            tensor = one.state(state, t)
            if (graph.id_of(tensor), tensor.source.index) == value:
                name, begin = sign(one, state, t), _time(found, t)
            if graph.id_of(tensor) == ids[flowing.loss]:
                end = _time(found, t)
    size = float(loss.item()) if loss.size == 1 else None
    stream = Stream(amounts, dict(out), dict(into), value, name, flowing.total, direction is None, size)
    stream.cuts = [_cuts(stream, found, one, range(begin, end)) for one in found]
    return stream


def _cuts(stream: Stream, found: Sequence[Unrolled], one: Unrolled, moments: range) -> dict[int, Cut]:
    """What one chain's lines pass on from each step while there is a flow; what passes back is subtracted."""
    cuts: dict[int, Cut] = {_time(found, t): {} for t in one.order if _time(found, t) in moments}
    for line in one.lines:
        amount = stream.along(one, line)
        route = "loss" if line.reader[0] == OUTSIDE else "carry" if line.carries else "crossing"
        first, last = _moment(found, line.source), _moment(found, line.reader)
        for moment in range(min(first, last), max(first, last)) if amount else ():
            if moment in cuts:
                cuts[moment][route] = cuts[moment].get(route, 0.0) + math.copysign(1, last - first) * (amount or 0.0)
    return {_time(found, moment): cut for moment, cut in cuts.items()}


def _time(found: Sequence[Unrolled], t: int) -> int:
    """A step's number as time runs, where it runs from T to 1 in all chains."""
    return found[0].last + 1 - t if all(one.chain.reverse for one in found) else t


def _moment(found: Sequence[Unrolled], part: Part) -> int:
    """When a part is: the weights before all steps, what is outside after them."""
    if part[0] == WEIGHTS:
        return -1
    return found[0].last + 1 if part[0] == OUTSIDE else _time(found, part[1])


def passed_parts(stream: Stream, cut: Cut) -> list[str]:
    """What passes on from a step, by each route."""
    routes = {"carry": "on the belt", "crossing": "crossing", "loss": "to L"}
    return [f"{stream.format_amount(cut[route])} {words}" for route, words in routes.items() if cut.get(route)] or [
        "nothing"
    ]
