"""The third phase of a layered drawing: how high each vertex is, such that long lines are straight and all are short.

Vertices that should be level form a block, as in Brandes & Köpf (2001): the dummies of a long line, a row, a box with
the neighbour in the middle. Then the blocks are placed; Gansner et al. (1993) call what follows the median heuristic
with straightened paths.
"""

from __future__ import annotations

from bisect import bisect, bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import accumulate, groupby, pairwise
from math import inf
from typing import TypeAlias

from viz.layout.ranks import Layers, is_level

Ends: TypeAlias = dict[tuple[int, int], float]  # the height of line k's begin (k, 0) and of its end (k, 1)

STRAIGHT = 8.0, 2.0, 1.0  # how much a line pulls between two dummies, a dummy and a box, two boxes
ROUNDS = 12  # of either kind


@dataclass
class _Blocks:
    """Blocks by number: the block of each vertex, those next above and below each with their distance, and lines."""

    of: list[int]
    above: list[dict[int, float]]
    below: list[dict[int, float]]
    order: list[int] = field(default_factory=list)  # from the top down
    pulls: list[list[tuple[int, float]]] = field(default_factory=list)  # of each, other blocks and how much they pull


def heights(layers: Layers, box_gap: float, line_gap: float) -> list[float]:
    """The height of the middle of every vertex; between neighbours in a rank is at least the gap."""
    blocks = _blocks(layers, box_gap, line_gap)
    y = _packed(blocks)
    for _ in range(ROUNDS):
        wishes = [(y[block] + _mean(block, blocks, y)) / 2 for block in range(len(y))]
        high, low = _placed(blocks, wishes, downwards=True), _placed(blocks, wishes, downwards=False)
        y = [(one + other) / 2 for one, other in zip(high, low, strict=True)]  # keeps all distances, as both do
    for k in range(ROUNDS):
        for block in blocks.order if k % 2 else reversed(blocks.order):
            y[block] = _level(block, blocks, y)
    return [y[block] for block in blocks.of]


def settled(layers: Layers, y: list[float], ends: Ends, line_gap: float) -> list[float]:
    """The heights with every level run of dummies moved to where its line leaves a box, if there is room for it."""
    y, half = list(y), layers.half
    upper = {below: above for vertices in layers.order for above, below in pairwise(vertices)}
    lower = {above: below for below, above in upper.items()}
    for k, chain in enumerate(layers.chains):
        free = [vertex for vertex in chain if not layers.solid[vertex]]
        for run in (list(same) for _, same in groupby(free, key=y.__getitem__)):
            wanted = [ends[k, 0]] * (run[0] == chain[1]) + [ends[k, 1]] * (run[-1] == chain[-2])
            wanted.sort(key=lambda end: -abs(end - y[run[0]]))  # the one that had to give way: the other can follow
            high = min(
                [y[a] - half[a] - line_gap - half[v] for v in run if (a := upper.get(v)) is not None], default=inf
            )
            low = max(
                [y[b] + half[b] + line_gap + half[v] for v in run if (b := lower.get(v)) is not None], default=-inf
            )
            height = next((height for height in wanted if low <= height <= high), y[run[0]])
            for vertex in run:
                y[vertex] = height
    return y


def strength(layers: Layers, left: int, right: int) -> float:
    """How much two neighbours want to be level."""
    kind = (left < layers.boxes) + (right < layers.boxes)
    return STRAIGHT[kind] * layers.pulls.get((left, right), 0.0)


def _aligned(layers: Layers) -> list[tuple[int, int]]:
    """Neighbours to be level, the strongest first, none of them crossing another."""
    at = {vertex: k for vertices in layers.order for k, vertex in enumerate(vertices)}
    found: list[tuple[int, int]] = []
    for vertices, next_ones in pairwise(layers.order):
        rows = {layers.row[vertex]: vertex for vertex in reversed(next_ones) if is_level(layers.row[vertex])}
        wanted = [(vertex, rows[layers.row[vertex]]) for vertex in vertices if layers.row[vertex] in rows]
        same = {*wanted}
        graded = []
        for left in vertices:
            for k, right in enumerate(sorted(set(layers.after[left]), key=at.__getitem__)):
                if not (is_level(layers.row[left]) or is_level(layers.row[right])) or (left, right) in same:
                    off = abs(2 * k + 1 - len(layers.after[left])) + abs(
                        2 * sorted(layers.before[right], key=at.__getitem__).index(left) + 1 - len(layers.before[right])
                    )
                    graded.append((-strength(layers, left, right), off, at[left], left, right))
        wanted += [(left, right) for *_, left, right in sorted(graded)]
        lefts, rights = list[int](), list[int]()  # the positions of those taken, both from the top down
        for left, right in wanted:
            k = bisect(lefts, at[left])
            fits_above = k == 0 or (lefts[k - 1] < at[left] and rights[k - 1] < at[right])
            if fits_above and (k == len(lefts) or at[right] < rights[k]):
                lefts.insert(k, at[left])
                rights.insert(k, at[right])
                found.append((left, right))
    return found


def _blocks(layers: Layers, box_gap: float, line_gap: float) -> _Blocks:
    """The blocks of what is level, and how far they have to be from each other."""
    of = [-1] * len(layers.rank)
    after = dict(_aligned(layers))
    count = 0
    for vertices in layers.order:
        for vertex in vertices:
            if of[vertex] < 0:
                of[vertex], count = count, count + 1
            if vertex in after:
                of[after[vertex]] = of[vertex]
    blocks = _Blocks(of, [{} for _ in range(count)], [{} for _ in range(count)])
    for vertices in layers.order:
        for upper, lower in pairwise(vertices):
            gap = box_gap if layers.solid[upper] and layers.solid[lower] else line_gap
            apart = layers.half[upper] + gap + layers.half[lower]
            one, other = of[upper], of[lower]
            blocks.above[other][one] = max(blocks.above[other].get(one, 0.0), apart)
            blocks.below[one][other] = max(blocks.below[one].get(other, 0.0), apart)
    blocks.order = list(TopologicalSorter(dict(enumerate(blocks.above))).static_order())
    pulls: list[dict[int, float]] = [defaultdict(float) for _ in range(count)]
    for left, right in layers.pulls:
        if of[left] != of[right]:
            for one, other in ((of[left], of[right]), (of[right], of[left])):
                pulls[one][other] += strength(layers, left, right)
    blocks.pulls = [list(others.items()) for others in pulls]
    return blocks


def _packed(blocks: _Blocks) -> list[float]:
    """Every block half way between as high and as low as it can be in the least height."""
    top = [0.0] * len(blocks.above)
    bottom = [0.0] * len(blocks.above)
    for block in blocks.order:
        top[block] = min([top[other] - apart for other, apart in blocks.above[block].items()], default=0.0)
    for block in reversed(blocks.order):
        bottom[block] = max([bottom[other] + apart for other, apart in blocks.below[block].items()], default=0.0)
    height = max(bottom, default=0.0)
    return [(high + low - height) / 2 for high, low in zip(top, bottom, strict=True)]


def _mean(block: int, blocks: _Blocks, y: list[float]) -> float:
    """The mean height of a block's neighbours, each as much as it pulls."""
    whole = sum([pull for _, pull in blocks.pulls[block]])
    return sum([pull * y[other] for other, pull in blocks.pulls[block]]) / whole if whole else y[block]


def _placed(blocks: _Blocks, wishes: list[float], downwards: bool) -> list[float]:
    """Every block where it wishes to be, or as near as those let it that were placed before, from one side."""
    y = list(wishes)
    if downwards:
        for block in blocks.order:
            y[block] = min([y[block], *(y[other] - apart for other, apart in blocks.above[block].items())])
    else:
        for block in reversed(blocks.order):
            y[block] = max([y[block], *(y[other] + apart for other, apart in blocks.below[block].items())])
    return y


def _level(block: int, blocks: _Blocks, y: list[float]) -> float:
    """The weighted median of a block's neighbours, where one of them is level with it, as far as there is room."""
    pulls = sorted([(y[other], pull) for other, pull in blocks.pulls[block]])
    if not pulls:
        return y[block]
    sums = list(accumulate([pull for _, pull in pulls]))
    height, _ = pulls[bisect_left(sums, sums[-1] / 2)]
    high = min([y[other] - apart for other, apart in blocks.above[block].items()], default=inf)
    low = max([y[other] + apart for other, apart in blocks.below[block].items()], default=-inf)
    return min(max(height, low), high)
