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
from viz.diagram.cellgraph import LOSS, PARAMETERS, CellGraph, EdgeKey, Link, NodeKey, OutputKey
from viz.diagram.names import Names, brief
from viz.measure.backward import gradient_norms
from viz.style.text import number, percent

SUSPECT = 1e-30  # a total so small may be what is left of an underflow
Cut: TypeAlias = dict[str, float]  # what passes from one step to the next: "carry", "crossing", "loss"


@dataclass
class ChainFlow:
    """A flow, in terms of the graph that the picture is drawn of."""

    amounts: Mapping[EdgeKey, float]
    out: Mapping[OutputKey, float]  # what flows out of each value, and into each vertex
    into: Mapping[int, float]
    value: OutputKey  # of the source
    source: str
    total: float
    squared: bool  # whether the total is the squared norm of the source's gradient
    loss: float | None
    cuts: list[dict[int, Cut]] = field(default_factory=list)  # for each chain, after each step
    where: str = ""  # the source's layer, where there are several
    lost: float | None = None  # the norm of the source's gradient, where its square is too small for its numbers
    dtype: str = ""

    @cached_property
    def relative(self) -> bool:
        """Whether flows are written as parts of the whole: not where two large flows of opposite sign leave it over."""
        largest = max(map(abs, self.amounts.values()), default=0.0)
        return math.isfinite(largest) and self.total > 0.1 * largest

    def write(self, amount: float) -> str:
        """A flow in figures."""
        if not self.relative:
            return number(amount)
        part = amount / self.total
        return percent(part) if abs(part) >= 0.0995 or abs(part) < 1e-5 else f"{100 * part:.2g}%".replace("-", "−")

    def along(self, cells: CellGraph, link: Link) -> float | None:
        """What flows along a line; into a state's pill flows what flows into the operation that makes it."""
        if link.edges:
            parts = [self.amounts[key] for key in link.keys if key in self.amounts]
        else:
            parts = [self.into[vertex] for vertex, _ in cells.outputs(link.reader) if vertex in self.into]
        return math.fsum(parts) if parts else None

    def through(self, cells: CellGraph, name: str, t: int) -> float | None:
        """What flows through a state."""
        value = cells.output(name, t)
        return self.out.get(value, self.into.get(value[0]))

    def sums_by_step(self) -> dict[int, Cut]:
        """What passes from each step to those after it, in all chains together."""
        sums: dict[int, Cut] = {}
        for cuts in self.cuts:
            for t, cut in cuts.items():
                here = sums.setdefault(t, {})
                for route, amount in cut.items():
                    here[route] = here.get(route, 0.0) + amount
        return sums

    @property
    def conserved(self) -> bool | None:
        """Whether the lines between any two steps sum to the total; None where there are no steps to compare."""
        sums = self.sums_by_step()
        if not sums or not math.isfinite(self.total):
            return None
        rough = 1e-4 * max([abs(self.total), *(abs(part) for cut in sums.values() for part in cut.values())])
        return all(abs(math.fsum(cut.values()) - self.total) <= rough for cut in sums.values())

    @property
    def in_all(self) -> str:
        """The total, and what it is."""
        return f"{number(self.total)} = ‖∂L/∂{self.source}‖²" if self.squared else number(self.total)


def measure_flow(loss: tg.Tensor, found: Sequence[CellGraph], source: tg.Tensor, direction: Any) -> ChainFlow:
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
    out: dict[OutputKey, float] = defaultdict(float)
    into: dict[int, float] = defaultdict(float)
    for edge in graph.edges:
        if (edge.reader, edge.position) in amounts:
            out[edge.source, edge.index] += amounts[edge.reader, edge.position]
            into[edge.reader] += amounts[edge.reader, edge.position]
    value = graph.id_of(source), source.source.index
    name, begin, end = brief(Names(graph).of(graph.vertices[value[0]]), 24) or "the source", 0, found[0].last + 1
    for one in found:
        for state, t in one.states():
            if one.output(state, t) == value:
                name, begin = one.sign(state, t), _time(found, t)
            if one.output(state, t)[0] == ids[flowing.loss]:
                end = _time(found, t)
    size = float(loss.item()) if loss.size == 1 else None
    flow = ChainFlow(amounts, dict(out), dict(into), value, name, flowing.total, direction is None, size)
    if flow.squared and abs(flow.total) < SUSPECT:
        length = gradient_norms(loss, [source])[0] or 0.0
        if not flow.total > length * length / 2:
            flow.lost, flow.dtype = length, str(source.dtype)
    flow.cuts = [_cuts(flow, found, one, range(begin, end)) for one in found]
    return flow


def _cuts(flow: ChainFlow, found: Sequence[CellGraph], one: CellGraph, moments: range) -> dict[int, Cut]:
    """What one chain's lines pass on from each step while there is a flow; what passes back is subtracted."""
    cuts: dict[int, Cut] = {_time(found, t): {} for t in one.order if _time(found, t) in moments}
    for link in one.links:
        amount = flow.along(one, link)
        route = "loss" if link.reader[0] == LOSS else "carry" if link.carries else "crossing"
        first, last = _moment(found, link.source), _moment(found, link.reader)
        for moment in range(min(first, last), max(first, last)) if amount else ():
            if moment in cuts:
                cuts[moment][route] = cuts[moment].get(route, 0.0) + math.copysign(1, last - first) * (amount or 0.0)
    return {_time(found, moment): cut for moment, cut in cuts.items()}


def _time(found: Sequence[CellGraph], t: int) -> int:
    """A step's number as time runs, where it runs from T to 1 in all chains."""
    return found[0].last + 1 - t if all(one.chain.reverse for one in found) else t


def _moment(found: Sequence[CellGraph], part: NodeKey) -> int:
    """When a part is: the weights before all steps, what is outside after them."""
    if part[0] == PARAMETERS:
        return -1
    return found[0].last + 1 if part[0] == LOSS else _time(found, part[1])
