"""Lanes and channels: level pieces of lines above or below a row of blocks, packed into few tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

CLEAR = 4.0  # points between two runs on one track


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
