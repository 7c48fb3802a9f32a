"""Drawings side by side along time: blocks, panels around them, lanes above, channels below, shared boxes last.

A block is a time step, or what comes before or after all steps. A line to the next block crosses the gap between them;
one that passes blocks goes through a lane above or a channel below. What all steps share, the weights, is below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from tinygrad_lstm.errors import ArgumentError
from viz.layout import bends
from viz.layout.arrowheads import head_size
from viz.layout.blocks import Block, Box, Part, Side, block
from viz.layout.geometry import Path, Point, Rect, moved, simplified
from viz.layout.lanes import Run
from viz.layout.layered import Line, Spacing
from viz.layout.panels import Panels
from viz.layout.row import Row


@dataclass(frozen=True, slots=True)
class Item:
    """A box to be placed: its size, the number of its block (None: shared, below all blocks), its row in the block.

    ``groups`` are the panels inside the block that it is in, the outermost first.
    """

    width: float
    height: float
    block: int | None
    row: float = 0
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """Where every box, every line (in the order given) and every panel is."""

    boxes: dict[str, Rect]
    paths: tuple[Path, ...]
    panels: dict[str, Rect]


def timeline(
    items: Mapping[str, Item],
    lines: Sequence[Line],
    *,
    panels: Mapping[str, Sequence[int]] | None = None,
    spacing: Spacing | None = None,
) -> Timeline:
    """Place boxes in their blocks, side by side in the order of their numbers, and lead the lines.

    ``panels`` have the blocks that each is around; one may be inside another. A line whose source's row is above 0
    passes other blocks above them, any other below. What is in no block stands side by side below all; no line leads
    there.

    >>> items = {f"h{t}": Item(40, 20, block=t) for t in (1, 2, 3)} | {"W": Item(40, 20, block=None)}
    >>> drawn = timeline(items, [Line("h1", "h2"), Line("h2", "h3")], panels={"t = 2": [2]})
    >>> [drawn.boxes[name].middle.y for name in ("h1", "h2", "h3")]
    [0.0, 0.0, 0.0]
    >>> drawn.boxes["W"].top < drawn.panels["t = 2"].bottom < drawn.boxes["h2"].bottom
    True
    """
    draft = _Draft(items, lines, panels or {}, spacing or Spacing())
    draft.fill_banks()
    return Timeline(draft.boxes(), tuple(map(draft.path, range(len(lines)))), draft.panel_rects())


class _Draft:
    """The drawing while it is made; lines are numbers."""

    def __init__(
        self,
        items: Mapping[str, Item],
        lines: Sequence[Line],
        around: Mapping[str, Sequence[int]],
        spacing: Spacing,
    ) -> None:
        self.items, self.lines, self.spacing = items, lines, spacing
        self.ends = [(self._block_of(line.source), self._block_of(line.target)) for line in lines]
        numbers = sorted({item.block for item in items.values() if item.block is not None})
        self.next = dict(pairwise(numbers))
        self.panels = Panels(around, numbers)
        self.members: dict[int, list[str]] = {number: [] for number in numbers}
        self.place: dict[str, int] = {}  # of each box among those of its block
        self.groups: dict[int, list[str]] = {}  # the panels inside each block
        for name, item in items.items():
            if item.block is not None:
                self.place[name] = len(self.members[item.block])
                self.members[item.block].append(name)
        parts: dict[int, dict[int, Part]] = {number: {} for number in numbers}  # block -> line -> as the block sees it
        for k in range(len(lines)):
            self._divide(k, parts)
        self.blocks = self._draw_blocks(parts)
        self.pieces = {
            (number, k): path
            for number in numbers
            for k, path in zip(parts[number], self.blocks[number].paths, strict=True)
        }
        self.onwards: dict[int, list[int]] = {number: [] for number in numbers}  # the lines from each to the next block
        for k, (one, _) in enumerate(self.ends):
            if self._follows(k):
                self.onwards[one].append(k)
        self.pitch = max((line.width for line in lines), default=0.0) + spacing.line
        self.shared: dict[str, Rect] = {}  # what is in no block
        self.gap = cache(self._gap)
        self.row = Row(self.blocks, self.panels, lambda number: self.gap(number).width, spacing.line)

    def _block_of(self, name: str) -> int:
        block = self.items[name].block
        if block is None:
            raise ArgumentError(f"no line leads to {name}, which is in no block: give it one")
        return block

    def _divide(self, k: int, parts: dict[int, dict[int, Part]]) -> None:
        """Say what each of the blocks at the ends of a line sees of it."""
        line, (one, other) = self.lines[k], self.ends[k]
        if one == other:
            parts[one][k] = Part(self.place[line.source], self.place[line.target], line.width, line.pull)
            return
        row = self.items[line.source].row
        if row != self.items[line.target].row:
            row = 0.0  # it leaves its row
        leaves: Side = "right" if self._follows(k) else self._side(k)
        enters: Side = "left" if self._follows(k) else self._side(k)
        parts[one][k] = Part(self.place[line.source], leaves, line.width, line.pull, row)
        parts[other][k] = Part(enters, self.place[line.target], line.width, line.pull, row)

    def _follows(self, k: int) -> bool:
        """Whether a line leads from a block to the next one."""
        one, other = self.ends[k]
        return self.next.get(one) == other

    def _passes(self, k: int) -> bool:
        """Whether a line goes through lanes or channels."""
        one, other = self.ends[k]
        return one != other and not self._follows(k)

    def _side(self, k: int) -> Side:
        """Where a line passes blocks."""
        return "above" if self.items[self.lines[k].source].row > 0 else "below"

    def _draw_blocks(self, parts: Mapping[int, Mapping[int, Part]]) -> dict[int, Block]:
        """Draw every block. Of blocks that differ in the widths of lines only all are drawn as one, for the widest."""
        boxes: dict[int, tuple[Box, ...]] = {}
        alike: dict[object, list[int]] = {}
        for number, members in self.members.items():
            items = [self.items[name] for name in members]
            groups = dict.fromkeys(group for item in items for group in item.groups)
            places = {group: k for k, group in enumerate(groups)}
            self.groups[number] = list(groups)
            boxes[number] = tuple(
                Box(item.width, item.height, item.row, tuple(places[group] for group in item.groups)) for item in items
            )
            ends = tuple(part._replace(width=0.0) for part in parts[number].values())
            alike.setdefault((boxes[number], ends), []).append(number)
        drawn: dict[int, Block] = {}
        for numbers in alike.values():
            widest = [max(each, key=lambda part: part.width)
                      for each in zip(*(parts[number].values() for number in numbers), strict=True)]  # fmt: skip
            drawn |= dict.fromkeys(numbers, block(boxes[numbers[0]], tuple(widest), self.spacing))
        return {number: drawn[number] for number in self.members}

    # What is between the blocks, above and below them

    def _gap(self, number: int) -> bends.Gap:
        """The gap after a block, where its lines go to the heights of the next one."""
        pieces = []
        for k in self.onwards[number]:
            start = self.pieces[number, k][-1].y - self.blocks[number].anchor
            stop = self.pieces[self.next[number], k][0].y - self.blocks[self.next[number]].anchor
            pieces.append(bends.Piece(start, stop, self.lines[k].width, False, False))
        return bends.gap(pieces, self.spacing.rank, self.spacing.line / 2)

    def fill_banks(self) -> None:
        """Put every level piece of a line on a track, and what is in no block below all."""
        for k, line in enumerate(self.lines):
            x, u = self._drops(k) if self._passes(k) else (0.0, 0.0)
            if x != u:
                self.row.banks[self._side(k)].runs.append(Run(min(x, u), max(x, u), line.width, k))
        for bank in self.row.banks.values():
            bank.settle()
        top = self.row.border("below") - self.row.banks["below"].thickness - self.pitch - head_size(self.pitch)[0]
        left = 0.0
        for name, item in self.items.items():
            if item.block is None:
                self.shared[name] = Rect(left, top - item.height, left + item.width, top)
                left += item.width + self.spacing.box

    def _drops(self, k: int) -> tuple[float, float]:
        """The x at which a line leaves its first block for a lane or a channel, and at which it enters its last."""
        one, other = self.ends[k]
        leaves, enters = self.pieces[one, k][-1].x, self.pieces[other, k][0].x
        return self.row.corners[one].x + leaves, self.row.corners[other].x + enters

    # What comes out

    def boxes(self) -> dict[str, Rect]:
        """Every box, in the order given."""
        return {
            name: self.shared[name]
            if item.block is None
            else self.blocks[item.block].boxes[self.place[name]].moved(*self.row.corners[item.block])
            for name, item in self.items.items()
        }

    def panel_rects(self) -> dict[str, Rect]:
        """Every panel, those inside blocks last."""
        return self.row.panel_rects() | {
            group: rect.moved(*self.row.corners[number])
            for number, groups in self.groups.items()
            for group, rect in zip(groups, self.blocks[number].panels, strict=True)
        }

    def path(self, k: int) -> Path:
        """The whole path of a line."""
        one, other = self.ends[k]
        start = self._piece(k, one)
        if one == other:
            return start
        stop = self._piece(k, other)
        if self._passes(k):
            between = self._along_track(k, start[-1], stop[0])
        else:
            early, late = self.gap(one).knees[self.onwards[one].index(k)]
            edge = self.row.corners[one].x + self.blocks[one].width + self.panels.pad(one, 1)
            between = Point(edge + early, start[-1].y), Point(edge + late, stop[0].y)
        return simplified((*start, *between, *stop), bends.LEVEL / 10)

    def _piece(self, k: int, number: int) -> Path:
        """A line's path inside a block."""
        return moved(self.pieces[number, k], *self.row.corners[number])

    def _along_track(self, k: int, start: Point, stop: Point) -> Path:
        """From one drop to the other, level in between."""
        if start.x == stop.x:
            return ()
        side = self._side(k)
        y = self.row.banks[side].at(k, self.row.border(side))
        return Point(start.x, y), Point(stop.x, y)
