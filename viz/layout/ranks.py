"""The first phase of a layered drawing: every box gets a column, its rank, and long lines get dummy vertices.

Sugiyama, Tagawa & Toda (1981) draw a graph without circles in four phases: ranks, order within a rank, coordinates,
bends. A line that passes several ranks gets a dummy vertex in each, so that every later phase sees only short lines
from one rank to the next, and a line's place between the boxes that it passes is found like a box's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from tinygrad_lstm.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Line:
    """A line from one box to another on its right; one that pulls more is rather straight and short."""

    source: str
    target: str
    width: float = 1.0
    pull: float = 1.0


@dataclass
class Layers:
    """A graph cut into ranks; vertices are numbers, boxes first in the order given, then dummies.

    ``order`` has the vertices of each rank from the top down, ``before`` and ``after`` the neighbours of each vertex in
    the rank on its left and on its right, ``chains`` the vertices of every line from its source to its target.
    """

    boxes: int
    rank: list[int]
    row: list[float]
    half: list[float]  # half the height that a vertex takes
    solid: list[bool]  # whether it is a box; a dummy, or a box without height, is only a part of a line
    order: list[list[int]] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    chains: list[list[int]] = field(default_factory=list)
    pulls: dict[tuple[int, int], float] = field(default_factory=dict)  # of two neighbours, all their lines together

    def add_dummy(self, rank: int, row: float, half: float) -> int:
        """One more vertex without a box; its number."""
        self.rank.append(rank)
        self.row.append(row)
        self.half.append(half)
        self.solid.append(False)
        self.before.append([])
        self.after.append([])
        self.order[rank].append(len(self.rank) - 1)
        return len(self.rank) - 1

    def join(self, left: int, right: int, pull: float) -> None:
        """Make two vertices of neighbouring ranks neighbours."""
        self.after[left].append(right)
        self.before[right].append(left)
        self.pulls[left, right] = self.pulls.get((left, right), 0.0) + pull


def ranked(count: int, lines: Sequence[tuple[int, int, float]], fixed: Mapping[int, int]) -> list[int]:
    """The rank of each vertex: first the longest path to it, then as near to its neighbours as shortens the lines.

    A vertex with more lines to the right than from the left moves right as far as it can, one with more from the left
    moves left; Gansner, Koutsofios, North & Vo (1993) find the optimum by network simplex, these few rounds come close.
    A fixed rank stays; negative ones count from the last, -1. Lines in a circle raise graphlib's CycleError.

    >>> ranked(4, [(0, 1, 1.0), (1, 2, 1.0), (3, 2, 1.0)], {})
    [0, 1, 2, 1]
    """
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    balance = [0.0] * count  # the pull to the right
    for source, target, pull in lines:
        before[target].append(source)
        after[source].append(target)
        balance[source] += pull
        balance[target] -= pull
    order = list(TopologicalSorter(dict(enumerate(before))).static_order())
    rank = [0] * count
    for vertex in order:
        rank[vertex] = max([rank[source] + 1 for source in before[vertex]], default=max(fixed.get(vertex, 0), 0))
    last = max([*rank, *(rank[vertex] - 1 - r for vertex, r in fixed.items() if r < 0)], default=0)
    for vertex, r in fixed.items():
        rank[vertex] = r if r >= 0 else last + 1 + r
    for _ in range(4):
        old = list(rank)
        for vertex in reversed(order):
            if after[vertex] and balance[vertex] >= 0 and vertex not in fixed:
                rank[vertex] = min(rank[target] for target in after[vertex]) - 1
        for vertex in order:
            if before[vertex] and balance[vertex] < 0 and vertex not in fixed:
                rank[vertex] = max(rank[source] for source in before[vertex]) + 1
        if rank == old:
            break
    low = min(rank, default=0)
    return [r - low for r in rank]


def cut(
    heights: Mapping[str, float], lines: Sequence[Line], ranks: Mapping[str, int], rows: Mapping[str, float]
) -> Layers:
    """The graph in ranks, with a dummy vertex wherever a line passes a rank.

    Rows above 0 are over all else, rows below 0 under it. Vertices of one whole row stand on one level line: a line
    between two of them stays in the row if it has the room, and where nothing holds a row, a dummy keeps it free. Other
    rows, such as 0.5 or infinity, only order.
    """
    number = {name: k for k, name in enumerate(heights)}
    ends = [(number[line.source], number[line.target], line.pull) for line in lines]
    try:
        rank = ranked(len(number), ends, {number[name]: r for name, r in ranks.items()})
    except CycleError as error:
        names = list(heights)
        around = " -> ".join(names[vertex] for vertex in error.args[1])
        raise ArgumentError(f"a layered drawing has lines to the right only, and {around} is a circle") from None
    for line, (source, target, _) in zip(lines, ends, strict=True):
        if rank[source] >= rank[target]:
            raise ArgumentError(
                f"the line {line.source} -> {line.target} has to go right, not from rank {rank[source]} to rank "
                f"{rank[target]}: fix other ranks, or fewer"
            )
    row = [rows.get(name, 0) for name in number]
    layers = Layers(
        len(number), rank, row, [height / 2 for height in heights.values()], [height > 0 for height in heights.values()]
    )
    layers.order = [[] for _ in range(max(rank, default=0) + 1)]
    layers.before = [[] for _ in number]
    layers.after = [[] for _ in number]
    for vertex, r in enumerate(rank):
        layers.order[r].append(vertex)
    held = {(rank[vertex], row[vertex]) for vertex in range(len(number)) if is_level(row[vertex])}
    layers.chains = [[] for _ in lines]
    for k in sorted(range(len(lines)), key=lambda k: -lines[k].pull):  # the strongest has the first choice of a row
        source, target, pull = ends[k]
        shared = row[source] if row[source] == row[target] and is_level(row[source]) else 0
        inner = range(rank[source] + 1, rank[target])
        if any((r, shared) in held for r in inner):
            shared = 0
        held |= {(r, shared) for r in inner if shared}
        chain = [source, *(layers.add_dummy(r, shared, lines[k].width / 2) for r in inner), target]
        layers.chains[k] = chain
        for left, right in pairwise(chain):
            layers.join(left, right, pull)
        for vertex in (source, target):
            if not layers.solid[vertex]:
                layers.half[vertex] = max(layers.half[vertex], lines[k].width / 2)
    _hold_rows(layers, held)
    return layers


def is_level(row: float) -> bool:
    """Whether the vertices of a row stand on one line."""
    return row != 0 and float(row).is_integer()


def _hold_rows(layers: Layers, held: set[tuple[int, float]]) -> None:
    """A dummy in every rank between the first and the last of a row where the row has no vertex."""
    for row in sorted({row for _, row in held}):
        there = [r for r, of in held if of == row]
        for r in range(min(there), max(there)):
            if (r, row) not in held:
                layers.add_dummy(r, row, 0.0)
