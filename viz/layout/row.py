"""A row of blocks: side by side from the left with panels around them, lanes above, channels below."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from viz.layout import panels
from viz.layout.blocks import Block, Side
from viz.layout.geometry import Point, Rect
from viz.layout.lanes import Bank
from viz.layout.panels import Panels


class Row:
    """Where every block is; ``gap`` says how wide the gap after a block has to be."""

    def __init__(self, blocks: Mapping[int, Block], around: Panels, gap: Callable[[int], float], clear: float) -> None:
        self.blocks, self.panels = blocks, around
        self.banks: dict[Side, Bank] = {"above": Bank(1, clear), "below": Bank(-1, clear)}
        self.corners: dict[int, Point] = {}  # the lower left one of each block
        x = 0.0
        for number, drawn in blocks.items():
            x += around.pad(number, 0)
            self.corners[number] = Point(x, -drawn.anchor)
            x += drawn.width + around.pad(number, 1) + gap(number)
        self.low = min((-drawn.anchor for drawn in blocks.values()), default=0.0)
        self.high = max((drawn.height - drawn.anchor for drawn in blocks.values()), default=0.0)
        self.depth = max(map(around.depth, blocks), default=0)

    def border(self, side: Side) -> float:
        """How high or low its panels reach."""
        return self.high + panels.above(self.depth) if side == "above" else self.low - panels.below(self.depth)

    def panel_rects(self) -> dict[str, Rect]:
        """The rectangle of every panel, with room for the panels inside it."""
        found: dict[str, Rect] = {}
        levels = self.panels.levels()
        for name, (first, last) in self.panels.ends.items():
            left = self.corners[first].x - self.panels.padding(name, first, 0)
            right = self.corners[last].x + self.blocks[last].width + self.panels.padding(name, last, 1)
            low, high = self.low - panels.below(levels[name]), self.high + panels.above(levels[name])
            found[name] = Rect(left, low, right, high)
        return found
