"""Rows of blocks: side by side from the left until a row is full, each row below the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from viz.layout import panels
from viz.layout.blocks import Block, Side
from viz.layout.geometry import Point, Rect
from viz.layout.lanes import Bank
from viz.layout.panels import Panels


@dataclass
class Row:
    """A row of blocks: their lower left corners, its lanes and channels, and how low and high its blocks reach."""

    above: Bank
    below: Bank
    corners: dict[int, Point] = field(default_factory=dict)
    low: float = inf
    high: float = -inf
    depth: int = 0  # of the panels around its blocks
    right: float = 0.0
    offset: float = 0.0  # how much higher it is than its corners say
    wraps: list[int] = field(default_factory=list)  # the lines from its last block to the next row, from the top down

    def border(self, side: Side) -> float:
        """How high or low its panels reach."""
        return self.offset + (
            self.high + panels.above(self.depth) if side == "above" else self.low - panels.below(self.depth)
        )


class Rows:
    """Where every block is; ``gap`` says how wide the gap after a block has to be."""

    def __init__(
        self, blocks: Mapping[int, Block], around: Panels, gap: Callable[[int], float], wrap: float, clear: float
    ) -> None:
        self.blocks, self.panels = blocks, around
        self.rows: list[Row] = []
        self.of: dict[int | None, int] = {}  # the row of each block; what is in none is below the last
        x = 0.0
        for number, drawn in blocks.items():
            most = x + around.pad(number, 0, False) + drawn.width + around.pad(number, 1, True)
            if not self.rows or most > wrap:
                self.rows.append(Row(Bank(1, clear), Bank(-1, clear)))
                x = 0.0
            row = self.rows[-1]
            self.of[number] = len(self.rows) - 1
            x += around.pad(number, 0, not row.corners)
            row.corners[number] = Point(x, -drawn.anchor)
            row.low, row.high = min(row.low, -drawn.anchor), max(row.high, drawn.height - drawn.anchor)
            row.depth = max(row.depth, around.depth(number))
            row.right = x + drawn.width + around.pad(number, 1, True)
            x += drawn.width + around.pad(number, 1, False) + gap(number)
        self.of[None] = len(self.rows) - 1

    @property
    def right(self) -> float:
        """How far the widest row reaches."""
        return max((row.right for row in self.rows), default=0.0)

    def stack(self, pitch: float, gap: float) -> float:
        """Move every row below the one before with its lanes and channels between them; the height below the last."""
        y = 0.0
        for row in self.rows:
            if row is not self.rows[0]:
                y -= row.border("above") + row.above.thickness + gap
            row.offset = y
            y = row.border("below") - row.below.thickness - pitch * (len(row.wraps) + 1)
        return y

    def corner(self, number: int) -> Point:
        """The lower left corner of a block."""
        row = self.rows[self.of[number]]
        x, y = row.corners[number]
        return Point(x, y + row.offset)

    def panel_rects(self) -> dict[str, tuple[Rect, ...]]:
        """The rectangles of every panel, one in each of its rows, with room for the panels inside it."""
        found: dict[str, list[Rect]] = {name: [] for name in self.panels.ends}
        levels = self.panels.levels()
        for row in self.rows:
            there: dict[str, list[int]] = {}
            ends = min(row.corners), max(row.corners)
            for number in row.corners:
                for name in self.panels.around[number]:
                    there.setdefault(name, []).append(number)
            for name, numbers in there.items():
                first, last = numbers[0], numbers[-1]
                left = row.corners[first].x - self.panels.padding(name, first, 0, first == ends[0])
                right = row.corners[last].x + self.blocks[last].width
                right += self.panels.padding(name, last, 1, last == ends[1])
                low, high = row.low - panels.below(levels[name]), row.high + panels.above(levels[name])
                found[name].append(Rect(left, row.offset + low, right, row.offset + high))
        return {name: tuple(rects) for name, rects in found.items()}
