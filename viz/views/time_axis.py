"""The axis of time of a row: where each step begins, how wide the gaps between the steps are, which steps fit in.

Lines to the layers above go through those gaps, each on a lane of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

from viz.diagram.folding import Run

FOLD = 250  # points that a run of folded steps is wide
AROUND = 240.0  # points beside the steps of a row: the first states, the loss, the margins
GAP = 24.0  # points from panel to panel, where no line to a layer above is between them
FIRST, LANES = 8, 9  # points from a panel to the first lane beside it, and from lane to lane
NEXT = 27  # points that the lines to the next step need, in a strip


@dataclass(frozen=True)
class Gaps:
    """What the lines to the layers above need between two steps: lanes beside the panel that they begin in.

    Those of a layer that runs backwards begin in the panel on the other side. Where there are more than two layers they
    take turns with their lanes: one's lines end at the height at which those of the next begin.
    """

    layers: int = 1
    directions: int = 1
    strip: bool = False

    @property
    def lanes(self) -> int:
        """How many there are beside a panel, on each side that lines leave it."""
        return self.directions * min(self.layers - 1, 2)

    @property
    def spare(self) -> float:
        """The points by which a gap is wider than one without lanes."""
        if not self.lanes:
            return 0.0
        between = NEXT if self.strip else FIRST
        return max(FIRST + LANES * (self.lanes * self.directions - 1) + between - GAP, 0.0)

    @property
    def taken(self) -> float:
        """The points beside a panel where lines of the other direction begin."""
        return LANES * self.lanes * (self.directions - 1)

    def lane(self, layer: int, end: int) -> float:
        """How far from the panel a layer's line to one of the directions above goes up."""
        turn = layer % 2 if self.layers > 2 else 0
        return FIRST + LANES * (end + self.directions * turn)


class TimeAxis:
    """Where each step, or run of folded steps, begins; the same for all rows.

    Each step is as wide as ``pitch``, and the gap after it as much wider as ``gaps`` says.
    """

    def __init__(self, steps: Sequence[int], hidden: Sequence[Run], pitch: float, gaps: Gaps) -> None:
        self.gaps = gaps
        self.first, self.last = min(steps), max(steps)
        self.hidden, self.lefts = [run for run in hidden if run[0] in steps], dict[int, float]()
        inside = {t for first, last in hidden for t in range(first, last + 1)}
        self.shown = [t for t in steps if t not in inside]
        starts, x = {first for first, _ in hidden}, 0.0
        for t in steps:
            if t in starts or t not in inside:
                self.lefts[t] = x
                x += (FOLD if t in starts else pitch) + gaps.spare
        self.right = x


def cut_into_rows(
    steps: Sequence[int], hidden: Sequence[Run], pitch: float, room: float, spare: float = 0.0
) -> list[Sequence[int]]:
    """The steps of each row, where no row may be wider than the room: as few rows as that takes, about as long.

    >>> [len(row) for row in cut_into_rows(range(1, 51), [], 122, room=1310)]
    [8, 8, 8, 8, 8, 8, 2]
    >>> [len(row) for row in cut_into_rows(range(1, 13), [], 122, room=1310)]
    [6, 6]
    """
    runs = dict(hidden)
    starts = [t for t in steps if t in runs or not any(first < t <= last for first, last in hidden)]
    widths = {t: (FOLD if t in runs else pitch) + spare for t in starts}
    whole = sum(widths.values())
    least = max(room - AROUND - spare, max(widths.values()))
    count = max(ceil(whole / least), 1)
    limit = min(whole / count, least)
    while len(cuts := _cuts(widths, limit)) > count and limit < least:
        limit = min(limit + pitch / 2, least)
    ends = [*cuts[1:], steps[-1] + 1]
    return [range(start, end) for start, end in zip(cuts, ends, strict=True)]


def _cuts(widths: Mapping[int, float], limit: float) -> list[int]:
    """The first step of each row, if each is as full as the limit lets it be."""
    found, x = list[int](), inf
    for t, width in widths.items():
        if x + width > limit + 0.5:
            found.append(t)
            x = 0.0
        x += width
    return found
