"""Ports: where on a box's side a line begins or ends, so that no two arrowheads lie on each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from viz.layout.arrowheads import head_size

CLEAR = 2.0  # points between two arrowheads


@cache
def room(width: float) -> float:
    """How much of a box's side a line of this width takes, its arrowhead included."""
    return max(width, 2 * head_size(width)[1]) + CLEAR


def spread(
    wishes: Sequence[float], apart: Sequence[float], low: float, high: float, pulls: Sequence[float] = ()
) -> list[float]:
    """Values in the order given, as near to their wishes as they can be so far apart and from ``low`` to ``high``.

    Pool adjacent violators (Ayer et al. 1955): values that would come too close to each other form a pool, which stands
    where the mean of its wishes is, until no pool is in another's way: the least sum of squared distances, each times
    how much the value pulls. With too little room between low and high the values stand around the middle.

    >>> spread([0, 1, 9], apart=[4, 4], low=-10, high=10)
    [-1.5, 2.5, 9.0]
    """
    if not wishes:
        return []
    ahead = [0.0]  # how far each is from the first if all are as close as they may be
    for gap in apart:
        ahead.append(ahead[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # where the wishes want the first, how much they pull, how many
    for wish, by, pull in zip(wishes, ahead, pulls or [1.0] * len(wishes), strict=True):
        mean, count = wish - by, 1
        while pools and pools[-1][0] > mean:
            other, more, members = pools.pop()
            mean, pull, count = (mean * pull + other * more) / (pull + more), pull + more, count + members
        pools.append((mean, pull, count))
    high -= ahead[-1]
    if high < low:
        low = high = (low + high) / 2
    firsts = [min(max(mean, low), high) for mean, _, count in pools for _ in range(count)]
    return [first + by for first, by in zip(firsts, ahead, strict=True)]


def slots(
    wishes: Sequence[float], widths: Sequence[float], low: float, high: float, pulls: Sequence[float] = ()
) -> list[float]:
    """The places on a side from ``low`` to ``high`` of lines with these widths, given from the lowest up.

    A line that pulls more hardly gives way to one that pulls less.

    >>> slots([0.0, 0.0], [1.0, 1.0], low=-20, high=20)
    [-4.35, 4.35]
    """
    if len(widths) == 1:  # most often
        free = (high - low - room(widths[0])) / 2
        middle = (low + high) / 2
        return [min(max(wishes[0], middle - max(free, 0.0)), middle + max(free, 0.0))]
    rooms = [room(width) for width in widths]
    apart = [(one + other) / 2 for one, other in pairwise(rooms)]
    ends = (rooms[0] / 2, rooms[-1] / 2) if rooms else (0.0, 0.0)
    return spread(wishes, apart, low + ends[0], high - ends[1], [pull**3 for pull in pulls])
