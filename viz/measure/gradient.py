"""The gradient of one chain in numbers: how much goes along every link, by which route, and with which shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import tinygrad_lstm as tg
from tinygrad_lstm.graph import GraphEdge
from viz.diagram.cellgraph import NEXT_LAYER, PARAMETERS, CellGraph, Link, NodeKey, OutputKey
from viz.diagram.names import brief
from viz.measure.backward import Array, Delivered, Pass, share, sums_of

Route: TypeAlias = Literal["carry", "crossing", "weight", "depth", "forward"]


@dataclass(frozen=True)
class Share:
    """How one state's gradient comes: the parts of the whole along the belt and by crossings, which sum to 1.

    A part is the projection on the whole of what comes by that route, so it is exact (as in ``tg.paths.routes``); it is
    negative where one route works against the other, and NaN where the gradient is not finite.
    """

    state: str
    t: int
    carry: float

    @property
    def crossing(self) -> float:
        """What comes by crossings: the rest."""
        return 1 - self.carry

    @property
    def finite(self) -> bool:
        """Whether there are shares: of a gradient that is not finite there are none."""
        return math.isfinite(self.carry)

    @property
    def opposed(self) -> bool:
        """Whether one route works against the other by more than a rounded percentage hides."""
        return min(self.carry, self.crossing) < -0.005


class ChainGradient:
    """What two backward passes say of the links and states of one chain, as it is drawn."""

    def __init__(self, cells: CellGraph, delivered: Delivered) -> None:
        self.cells, self.delivered = cells, delivered
        self.whole, self.uncrossed, self.loss = delivered.whole, delivered.uncrossed, delivered.loss

    def _reached(self, node: NodeKey) -> list[OutputKey]:
        """The states behind a pill that the gradient reaches."""
        return [value for value in self.cells.outputs(node) if value in self.whole.values]

    @cached_property
    def states(self) -> dict[NodeKey, float]:
        """‖∂L/∂state‖, of the states that the gradient reaches."""
        norms = self.delivered.norm_of
        found = ((node, self._reached(node)) for node in self.cells.states())
        return {node: math.hypot(*(norms(v) or 0.0 for v in values)) for node, values in found if values}

    def state_norms(self, name: str) -> dict[int, float]:
        """‖∂L/∂state‖ at each step."""
        return {t: size for (state, t), size in self.states.items() if state == name}

    @cached_property
    def norms(self) -> dict[Link, float]:
        """The norm of what is delivered along each link; a link without gradient is not in it.

        What a link delivers to several values, as to W, U and b, counts as one vector; from a state to what made it,
        all that came.
        """
        sizes = {
            link: self.norm(link.edges) if link.edges else self.states.get(link.reader) for link in self.cells.links
        }
        return {link: size for link, size in sizes.items() if size is not None}

    def norm(self, edges: Sequence[GraphEdge]) -> float | None:
        """The norm of what is delivered along edges; None where nothing is."""
        keys = tuple((edge.reader, edge.position) for edge in edges)
        return self.delivered.norm_along(keys, [(edge.source, edge.index) for edge in edges])

    def is_cut(self, link: Link) -> bool:
        """Whether a gradient comes as far as this link and is not let through, as under ``tg.paths.cut``."""
        vertices = self.cells.graph.vertices
        return link not in self.norms and any(
            edge.reader in self.whole.visited and vertices[edge.source].requires_grad for edge in link.edges
        )

    @cached_property
    def added(self) -> dict[int, dict[str, float]]:
        """What each step adds to the gradient of the weights, in norms: of all together, "", and of W, U, b, ...

        Weights are distinguished by the letter that their names begin with.
        """
        reads: dict[int, list[GraphEdge]] = {}
        for link in self.cells.links:
            if link.source[0] == PARAMETERS:
                reads.setdefault(link.reader[1], []).extend(link.edges)
        found = {t: self.into_weights(edges) for t, edges in reads.items()}
        return {t: {"": math.hypot(*sizes.values()), **sizes} for t, sizes in found.items() if sizes}

    def into_weights(self, edges: Iterable[GraphEdge]) -> dict[str, float]:
        """The norms of what edges deliver to W, U, b, ...; what a wrapper makes of the weights has no letter, "?"."""
        groups: dict[str, list[GraphEdge]] = {}
        for edge in edges:
            groups.setdefault(self._letters.get(edge.source, "?"), []).append(edge)
        sizes = {letter: self.norm(group) for letter, group in groups.items()}
        return {letter: size for letter, size in sizes.items() if size is not None}

    @cached_property
    def _letters(self) -> dict[int, str]:
        return {vertex: letter_of(name) for vertex, name in self.cells.parameters.items()}

    @cached_property
    def learning(self) -> list[str]:
        """The letters of the weights that get a gradient, as the cell has them."""
        got = {name for sizes in self.added.values() for name in sizes}
        return [letter for letter in dict.fromkeys(self._letters.values()) if letter in got]

    @cached_property
    def shares(self) -> dict[int, Share]:
        """How the gradient of each state of the belt comes, where there are steps for it to come through."""
        cells, name = self.cells, self.cells.template.belt_state
        found: dict[int, Share] = {}
        for t in cells.order[:-1] if cells.template.belts else []:
            value = cells.output(name, t)
            if self.delivered.norm_of(value):
                part = self.uncrossed.values.get(value)
                carry = 0.0 if part is None else share(part, self.whole.values[value])
                found[t] = Share(name, t, carry)
        return found

    @property
    def first_share(self) -> Share | None:
        """That of the first state, the farthest from the loss."""
        return self.shares.get(self.cells.order[0])

    @cached_property
    def routes(self) -> dict[Link, Route]:
        """Which route each link is part of.

        Carry: the belt itself, what else carries a state on, and the links that lead to the belt without a crossing
        and bring mostly gradient that has not crossed before. A link into the weights is one of theirs, one from the
        layer above is of depth; all else that delivers gradient is part of a crossing.
        """
        leads = _leading_to_belt(self.cells)
        return {link: self._route(link, leads) for link in self.cells.links}

    def _route(self, link: Link, leads: set[NodeKey]) -> Route:
        template = self.cells.template
        if link not in self.norms:
            return "forward"
        if link.source[0] == PARAMETERS:
            return "weight"
        if link.reader[0] == NEXT_LAYER:
            return "depth"
        if link.only_carries:
            return "carry"
        if not template.belts or link.crosses or link.source not in leads:
            return "crossing"
        if template.is_belt(link.source[0], link.reader[0]):
            return "carry"
        total, part = self._along(link, self.whole), self._along(link, self.uncrossed)
        parts = [share(part[value], total[value]) for value in total if value in part]
        return "carry" if parts and min(parts) >= 0.5 else "crossing"

    def _along(self, link: Link, found: Pass) -> dict[OutputKey, Array]:
        """What a pass delivers along a link, for each value that it reads."""
        if link.edges:
            return sums_of(found, [((edge.reader, edge.position), (edge.source, edge.index)) for edge in link.edges])
        return {value: found.values[value] for value in self.cells.outputs(link.reader) if value in found.values}


def letter_of(parameter: str) -> str:
    """What a parameter's name begins with: W of W_f.

    >>> letter_of("W_f"), letter_of("b")
    ('W', 'b')
    """
    return brief(parameter.split("_")[0] or parameter, 12)


def measure_chains(chains: Sequence[CellGraph], delivered: Delivered) -> list[ChainGradient]:
    """The gradient in each of these chains of one graph; GradError where the loss depends on none of them."""
    found = [ChainGradient(cells, delivered) for cells in chains]
    if not any(one.states or one.added for one in found):
        raise tg.errors.GradError("the loss does not depend on this trajectory: was it computed from another run?")
    return found


def _leading_to_belt(cells: CellGraph) -> set[NodeKey]:
    """The parts from which the gradient can reach a state of the belt with no crossing."""
    readers: dict[NodeKey, list[NodeKey]] = {}
    for link in cells.links:
        if not link.crosses:
            readers.setdefault(link.source, []).append(link.reader)
    waiting = [part for part in cells.states() if part[0] in cells.template.belts]
    leading: set[NodeKey] = set()
    while waiting:
        part = waiting.pop()
        if part not in leading:
            leading.add(part)
            waiting += readers.get(part, ())
    return leading
