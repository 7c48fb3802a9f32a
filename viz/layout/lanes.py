"""Lanes and channels: level pieces of lines above or below a row of blocks, packed into few tracks; shared boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import NamedTuple

from viz.layout import ports
from viz.layout.layered import Line


class Run(NamedTuple):
    """A level piece of a line, from one x to another; ``key`` says which line, and which of its pieces."""

    low: float
    high: float
    width: float
    key: tuple[int, int]


def tracks(runs: Sequence[tuple[float, float]], clear: float = 4.0) -> list[int]:
    """The track of each run, 0 next to the blocks: on one track no two of them meet.

    In channel routing the left-edge algorithm (Hashimoto & Stevens 1971) takes the runs from the left, each on the
    first free track. Here the shortest come first: what leads from a run to the blocks then crosses no shorter one that
    lies inside it.

    >>> tracks([(0, 100), (10, 20), (30, 40)])
    [1, 0, 0]
    """
    found = [0] * len(runs)
    taken: list[list[tuple[float, float]]] = []
    for k in sorted(range(len(runs)), key=lambda k: (runs[k][1] - runs[k][0], runs[k])):
        low, high = runs[k]
        free = (n for n, others in enumerate(taken) if all(high + clear < a or b + clear < low for a, b in others))
        track = next(free, len(taken))
        if track == len(taken):
            taken.append([])
        taken[track].append((low, high))
        found[k] = track
    return found


@dataclass
class Bank:
    """All tracks on one side of a row of blocks; ``away`` is 1 above it and -1 below."""

    away: int
    clear: float
    runs: list[Run] = field(default_factory=list)
    heights: dict[tuple[int, int], float] = field(default_factory=dict)
    thickness: float = 0.0

    def settle(self) -> None:
        """Give every run its track: how far it is from the row's border."""
        pitch = max((run.width for run in self.runs), default=0.0) + self.clear
        found = tracks([(run.low, run.high) for run in self.runs])
        self.heights = {run.key: pitch * (track + 1) for run, track in zip(self.runs, found, strict=True)}
        self.thickness = pitch * (max(found, default=-1) + 1)

    def at(self, key: tuple[int, int], border: float) -> float:
        """The height of a run if the row's border is at this one."""
        return border + self.away * self.heights[key]


def shared_boxes(
    widths: Mapping[str, float],
    wishes: Mapping[str, Sequence[tuple[float, int]]],
    lines: Sequence[Line],
    gap: float,
    taken: Sequence[tuple[float, int]],
) -> tuple[dict[str, tuple[float, float, float]], dict[int, float]]:
    """The left, bottom and right of each box that many lines come from, and the x at which each line leaves it.

    A wish is where a line would best leave, and its number. A single box is as wide as its wishes are apart, so that
    all its lines go straight up. Several boxes stand side by side, each near the middle of its wishes, and their lines
    leave beside the places that are ``taken`` by what comes down from the blocks.
    """
    wide = {name: max(widths[name], ports.side([lines[k].width for _, k in wishes[name]])) for name in widths}
    middles = {name: sum(x for x, _ in there) / max(len(there), 1) for name, there in wishes.items()}
    if len(wide) == 1:
        ((name, there),) = wishes.items()
        low, high = min(there, default=(0.0, 0))[0], max(there, default=(0.0, 0))[0]
        wide[name], middles[name] = max(wide[name], high - low + 40), (low + high) / 2
    names = sorted(wide, key=lambda name: middles[name])
    apart = [(wide[a] + wide[b]) / 2 + gap for a, b in pairwise(names)]
    sides: dict[str, tuple[float, float, float]] = {}
    slots: dict[int, float] = {}
    low = wide[names[0]] / 2 if names else 0.0  # on the left is the margin, where lines go from row to row
    for name, x in zip(names, ports.spread([middles[name] for name in names], apart, low, inf), strict=True):
        left, right = x - wide[name] / 2, x + wide[name] / 2
        sides[name] = left, 0.0, right
        there = sorted(wishes[name])
        found = ports.slots([wish for wish, _ in there], [lines[k].width for _, k in there], left, right)
        for (_, k), slot in zip(there, found, strict=True):
            others = [x for x, other in (*taken, *((x, other) for other, x in slots.items())) if other != k]
            slots[k] = _beside(slot, others, lines[k].width + 2)
    return sides, slots


def _beside(x: float, others: Sequence[float], clear: float) -> float:
    """The x nearest to this one that is so far from all others; the same if there is none near."""
    near = sorted((x + by / 2 for by in range(-12, 13)), key=lambda place: abs(place - x))
    return next((place for place in near if all(abs(place - other) >= clear for other in others)), x)
