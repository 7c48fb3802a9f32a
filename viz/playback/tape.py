"""What happened, step by step: the values as they were made, and the engine's own events of the backward pass.

The backward steps are the events of ``tg.backward_events``, in its order and with its numbers. What is added here is
the running sum at every value that is read more than once: the ``+=`` of reverse mode, before and after.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.explain.formulas import Derivative, derivative, slope_at_ones
from tinygrad_lstm.explain.trace import Amount
from tinygrad_lstm.explain.values import kept_values
from tinygrad_lstm.graph import GraphEdge
from viz.measure.backward import Array, Event, backward_events, norm

FEW = 8  # so many numbers are listed; of more, only their norm


@dataclass(frozen=True)
class ForwardStep:
    """One forward step: a vertex and what it read; the value where something still holds it."""

    vertex: int
    value: Amount | None
    reads: tuple[GraphEdge, ...]


@dataclass(frozen=True)
class Contribution:
    """What a vertex handed to one of its inputs, and what that made of the sum there."""

    name: str  # of the input, in the op
    position: int
    source: int  # the vertex that it went to,
    index: int  # and which of its outputs
    derivative: Derivative  # of the op by this input, in the op's own letters
    slope: Amount | None  # the same in numbers, where incoming × slope = outgoing holds number by number
    contribution: Amount
    before: Amount | None  # the sum so far; None for the first to come
    after: Amount
    nth: int  # of the contributions to the source
    of: int

    @property
    def completes(self) -> bool:
        """Whether all of the gradient of the source has now come."""
        return self.nth == self.of


@dataclass(frozen=True)
class BackwardStep:
    """One backward step: what had come to a vertex, and what it handed on."""

    vertex: int
    cotangent: Amount
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True)
class Tape:
    """Both passes, in the order in which they happen."""

    graph: tg.Graph
    forward: tuple[ForwardStep, ...]
    backward: tuple[BackwardStep, ...]


def tape_of(
    loss: tg.Tensor, graph: tg.Graph, known: Mapping[int, Array] | None = None, events: Sequence[Event] | None = None
) -> Tape:
    """The tape of a loss in a graph that holds it.

    ``known`` are values of vertices that the caller has at hand, ``events`` those of a backward pass.

    Every ``.grad`` is as it was afterwards, and the graph can be used again.

    Raises GradError where no gradient is needed, or the graph was freed; its message says what to do.

    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> loss = x * x + x
    >>> tape = tape_of(loss, tg.graph_of(loss))
    >>> for turn in tape.backward:
    ...     print(turn.vertex, turn.cotangent, [str(part.after) for part in turn.contributions])
    2 1 ['1', '1']
    1 1 ['4', '7']
    0 7 []
    """
    values: dict[int, Array] = {graph.id_of(loss): loss.data, **(known or {})}
    with np.errstate(all="ignore"):  # a gradient that exploded is shown as it is
        events = list(backward_events(loss)) if events is None else events
        _look_up(events, graph, values)
        backward = _turns(events, graph)
        forward = tuple(
            ForwardStep(vertex.id, _amount(values[vertex.id]) if vertex.id in values else None, reads)
            for vertex, reads in zip(graph.vertices, _reads(graph), strict=True)
        )
    return Tape(graph, forward, backward)


def _reads(graph: tg.Graph) -> list[tuple[GraphEdge, ...]]:
    reads: list[list[GraphEdge]] = [[] for _ in graph.vertices]
    for edge in graph.edges:
        reads[edge.reader].append(edge)
    return [tuple(edges) for edges in reads]


def _ratio(contribution: Array, g: Array) -> Array | None:
    """Contribution / g, where the one belongs to the other number by number, or g is a single one."""
    if g.size == contribution.size:  # though a bias may be of one axis less
        g = g.reshape(contribution.shape)
    return contribution / g if g.size == 1 or g.shape == contribution.shape else None


def _look_up(events: Sequence[Event], graph: tg.Graph, values: dict[int, Array]) -> None:
    """Add the values that the rules have kept, and, of the others, those that follow from what is known.

    No rule keeps a sum's value: its operation is run again on what it read.
    """
    for event in events:
        for one in kept_values(event.node):
            if one.vertex is not None and one.vertex in graph and len(one.vertex.shapes) == 1:
                values.setdefault(graph.id_of(one.vertex), one.array)
    reads = _reads(graph)
    for event in reversed(events):
        vertex, op = graph.id_of(event.node), event.node.op
        if op is None or vertex in values or any(edge.source not in values for edge in reads[vertex]):
            continue
        params, inputs = event.node.params, {e.name: _output(values[e.source], e.index) for e in reads[vertex]}
        if op.sequence and len(inputs) < len(event.node.sources):
            continue
        with tg.no_grad():
            result = op([*inputs.values()], **params) if op.sequence else op(**params, **inputs)
        values[vertex] = [part.data for part in result] if op.multi_output else result.data


def _output(value: Array, index: int) -> Array:
    return value[index] if isinstance(value, list) else value


def _turns(events: Sequence[Event], graph: tg.Graph) -> tuple[BackwardStep, ...]:
    readers = Counter(part.source for event in events for part in event.contributions)
    come: Counter[Any] = Counter()
    sums: dict[tuple[Any, int], Array] = {}
    amounts: dict[tuple[Any, int], Amount] = {}  # of the sums
    formulas: dict[tuple[int, int], Derivative] = {}  # of the inputs of each plan, by its identity
    turns = []
    for event in events:
        handed = []
        for part in event.contributions:
            source, array, position = part.source, part.array, part.edge.position
            come[source] += 1
            place, given, rule = (source, part.edge.index), _amount(array), (id(event.node.plan), position)
            if rule not in formulas:
                formulas[rule] = derivative(event.node, position)
            found, before = formulas[rule], amounts.get(place)
            sums[place] = array if before is None else sums[place] + array
            amounts[place] = given if before is None else _amount(sums[place])
            handed.append(
                Contribution(
                    part.name, position, graph.id_of(source), part.edge.index, found, _slope(event, part, found), given,
                    before, amounts[place], come[source], readers[source],
                )
            )  # fmt: skip
        turns.append(BackwardStep(graph.id_of(event.node), _amount(event.cotangent), tuple(handed)))
    return tuple(turns)


def _slope(event: Any, part: Any, found: Derivative) -> Amount | None:
    """The local derivative in numbers: of a single number by each input, or of each element by its own.

    It is contribution / g, and where a g is 0, so that this says nothing, what the rule gives for ones.
    """
    g, c = event.cotangent, part.array
    if isinstance(g, list) or c.size > FEW or c.dtype.kind == "c" or not (g.size == 1 or found.by_element):
        return None
    slope = _ratio(c, g)
    if slope is not None and np.isnan(slope).any():
        ones = slope_at_ones(event.node, part.edge.position)
        if ones is None or ones.size != slope.size:
            return None
        slope = np.where(np.isnan(slope), ones.reshape(slope.shape), slope)
    return None if slope is None else _amount(slope)


def _amount(array: Array) -> Amount:
    """An array, or the arrays of a vertex with several outputs, in a few words."""
    if isinstance(array, list) and len(array) > 1:
        parts = [_amount(part) for part in array]
        few = sum(part.size for part in array) <= FEW and array[0].dtype.kind != "c"
        values = [number for part in array for number in part.ravel().tolist()] if few else None
        return Amount((len(parts), *parts[0].shape), math.hypot(*[part.norm for part in parts]), values)
    array = np.asarray(array[0] if isinstance(array, list) else array)
    values = array.ravel().tolist() if array.size <= FEW and array.dtype.kind != "c" else None
    return Amount(array.shape, norm(array), values if array.shape or values is None else values[0])
