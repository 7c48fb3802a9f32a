"""Lanes and channels: level pieces of lines above or below a row of blocks, packed into few tracks; shared boxes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from viz.layout import ports
from viz.layout.layered import Line

CLEAR = 4.0  # points between two runs on one track
PAD = 20.0  # points that a single shared box is wider than its lines are apart, on either side


class Run(NamedTuple):
    """The level piece of a line, from one x to another."""

    low: float
    high: float
    width: float
    line: int


def tracks(runs: Sequence[tuple[float, float]]) -> list[int]:
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
        free = (n for n, others in enumerate(taken) if all(high + CLEAR < a or b + CLEAR < low for a, b in others))
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
    heights: dict[int, float] = field(default_factory=dict)  # of each line
    thickness: float = 0.0

    def settle(self) -> None:
        """Give every run its track: how far it is from the row's border."""
        pitch = max((run.width for run in self.runs), default=0.0) + self.clear
        found = tracks([(run.low, run.high) for run in self.runs])
        self.heights = {run.line: pitch * (track + 1) for run, track in zip(self.runs, found, strict=True)}
        self.thickness = pitch * (max(found, default=-1) + 1)

    def at(self, line: int, border: float) -> float:
        """The height of a line's run if the row's border is at this one."""
        return border + self.away * self.heights[line]


def shared_boxes(
    widths: Mapping[str, float], wishes: Mapping[str, Sequence[tuple[float, int]]], lines: Sequence[Line], gap: float,
    taken: Sequence[tuple[float, int]],
) -> tuple[dict[str, tuple[float, float]], dict[int, float]]:  # fmt: skip
    """The left and the right of each box that many lines come from, and the x at which each line leaves it.

    A wish is where a line would best leave, and its number. A single box is as wide as its wishes are apart, so that
    all its lines go straight up. Several boxes stand side by side, each near the middle of its wishes; their lines
    leave beside the places that are ``taken`` by other lines, which come down from the blocks.
    """
    middles = {name: sum(x for x, _ in there) / max(len(there), 1) for name, there in wishes.items()}
    sides: dict[str, tuple[float, float]] = {}
    slots: dict[int, float] = {}
    places, reach = sorted(taken), max((line.width for line in lines), default=0.0) + 2
    edge = 0.0
    for name in sorted(wishes, key=lambda name: middles[name]):
        room = ports.side([lines[k].width for _, k in wishes[name]])
        left = x = max(edge, middles[name] - max(room, widths[name]) / 2)
        if len(wishes) == 1:
            left = x = min(wishes[name], default=(x, 0))[0] - PAD
        else:
            x += max(widths[name] - room, 0.0) / 2
        for wish, k in sorted(wishes[name]):
            half = ports.room(lines[k].width) / 2
            slots[k] = _beside(max(x + half, wish) if len(wishes) == 1 else x + half, k, places, lines, reach)
            x = slots[k] + half
        sides[name] = left, max(x, left + widths[name]) + PAD * (len(wishes) == 1)
        edge = sides[name][1] + gap
    return sides, slots


def _beside(x: float, k: int, taken: Sequence[tuple[float, int]], lines: Sequence[Line], reach: float) -> float:
    """The first place for line k from here to the right that is far enough from all that other lines have taken."""
    while True:
        near = taken[bisect_left(taken, (x - reach, 0)) : bisect_left(taken, (x + reach, 0))]
        ends = [(place, (lines[k].width + lines[other].width) / 2 + 2) for place, other in near if other != k]
        beyond = [place + apart for place, apart in ends if abs(x - place) < apart - 1e-6]
        if not beyond:
            return x
        x = max(beyond)
