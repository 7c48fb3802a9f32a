"""Drawings side by side along time: blocks in rows, panels around them, lanes above, channels below, shared boxes last.

A block is a time step, or what comes before or after all steps. A line to the next block crosses the gap between them;
one that passes blocks goes through a lane above or a channel below. What all steps share, the weights, is below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from tinygrad_lstm.errors import ArgumentError
from viz.layout import bends, ports
from viz.layout.blocks import Block, Part, Side, block
from viz.layout.geometry import Path, Point, Rect, bounds, head_size, moved, path_bounds, simplified
from viz.layout.lanes import Bank, Run
from viz.layout.layered import Line, Spacing

PADDING, CAPTION = 14.0, 26.0  # of a panel: on every side, and above for its caption


@dataclass(frozen=True, slots=True)
class Item:
    """A box to be placed: its size, the number of its block (None: shared, below all blocks), its row in the block."""

    width: float
    height: float
    block: int | None
    row: float = 0


@dataclass(frozen=True)
class Timeline:
    """Where every box, every line (in the order given) and every panel is."""

    boxes: dict[str, Rect]
    paths: tuple[Path, ...]
    panels: dict[str, Rect]

    @property
    def bounds(self) -> Rect:
        """The rectangle around everything."""
        return bounds([*self.boxes.values(), *self.panels.values(), *map(path_bounds, self.paths)])


@dataclass
class _Row:
    """A row of blocks: their lower left corners, its lanes and channels, and its borders, panels included."""

    above: Bank
    below: Bank
    corners: dict[int, Point] = field(default_factory=dict)
    low: float = 0.0
    high: float = 0.0
    right: float = 0.0


def timeline(
    items: Mapping[str, Item],
    lines: Sequence[Line],
    *,
    panels: Mapping[str, Sequence[int]] | None = None,
    spacing: Spacing | None = None,
    wrap: float = inf,
) -> Timeline:
    """Place boxes in their blocks, side by side in the order of their numbers, and lead the lines.

    ``panels`` have the blocks that each is around; one may be inside another. Blocks that would reach further than
    ``wrap`` begin a new row. A line whose source's row is above 0 passes other blocks above them, any other below. A
    single shared box is as wide as its readers are apart; several stand side by side.
    """
    draft = _Draft(items, lines, panels or {}, spacing or Spacing())
    draft.fill_rows(wrap)
    draft.fill_banks()
    draft.stack_rows()
    return Timeline(draft.all_boxes(), tuple(map(draft.path, range(len(lines)))), draft.all_panels())


class _Draft:
    """The drawing while it is made."""

    def __init__(
        self, items: Mapping[str, Item], lines: Sequence[Line], panels: Mapping[str, Sequence[int]], spacing: Spacing
    ) -> None:
        self.items, self.lines, self.panels, self.spacing = items, lines, panels, spacing
        numbers = sorted({item.block for item in items.values() if item.block is not None})
        self.next = dict(pairwise(numbers))
        self.members: dict[int, list[str]] = {number: [] for number in numbers}
        self.place: dict[str, int] = {}  # of each box among those of its block
        for name, item in items.items():
            if item.block is not None:
                self.place[name] = len(self.members[item.block])
                self.members[item.block].append(name)
        parts: dict[int, dict[int, Part]] = {number: {} for number in numbers}  # block -> line -> as the block sees it
        for k in range(len(lines)):
            self._divide(k, parts)
        self.blocks = {number: self._block(number, parts[number]) for number in numbers}
        self.pieces = {
            number: dict(zip(parts[number], drawn.paths, strict=True)) for number, drawn in self.blocks.items()
        }
        self.rows: list[_Row] = []
        self.row_of: dict[int, int] = {}
        self.shared = [name for name, item in items.items() if item.block is None]
        self.bars: dict[str, Rect] = {}
        self.slots: dict[int, float] = {}  # the x at which a line ends at a shared box

    def _divide(self, k: int, parts: dict[int, dict[int, Part]]) -> None:
        """Say what each of the blocks at the ends of a line sees of it."""
        line = self.lines[k]
        one, other = self.items[line.source].block, self.items[line.target].block
        row = self.items[line.source].row
        if one is None and other is None:
            raise ArgumentError(
                f"the line {line.source} -> {line.target} is between two shared boxes: give one a block"
            )
        if one is not None and one == other:
            parts[one][k] = Part(self.place[line.source], self.place[line.target], line.width, line.pull)
            return
        follows = self._follows(k)
        side = self._side(k)
        if one is not None:
            parts[one][k] = Part(self.place[line.source], "right" if follows else side, line.width, line.pull, row)
        if other is not None:
            parts[other][k] = Part("left" if follows else side, self.place[line.target], line.width, line.pull, row)

    def _follows(self, k: int) -> bool:
        """Whether a line leads from a block to the next one."""
        one, other = self.items[self.lines[k].source].block, self.items[self.lines[k].target].block
        return one is not None and other is not None and self.next.get(one) == other

    def _side(self, k: int) -> Side:
        """Where a line passes blocks."""
        source, target = self.items[self.lines[k].source], self.items[self.lines[k].target]
        return "above" if source.row > 0 and None not in (source.block, target.block) else "below"

    def _block(self, number: int, parts: Mapping[int, Part]) -> Block:
        items = [self.items[name] for name in self.members[number]]
        return block(tuple((item.width, item.height, item.row) for item in items), tuple(parts.values()), self.spacing)

    # Rows of blocks

    def fill_rows(self, wrap: float) -> None:
        """Put the blocks into rows, each with its anchor at height 0."""
        x = inf
        for number, drawn in self.blocks.items():
            if x + self._pad(number, 0) + drawn.width + self._pad(number, -1) > wrap or not self.rows:
                self.rows.append(_Row(Bank(1, self.spacing.line), Bank(-1, self.spacing.line)))
                x = 0.0
            row = self.rows[-1]
            self.row_of[number] = len(self.rows) - 1
            x += self._pad(number, 0)
            row.corners[number] = Point(x, -drawn.anchor)
            row.right = x + drawn.width + self._pad(number, -1)
            x = row.right + self._gap(number).width
        for row in self.rows:
            depth = max(len(self._around(number)) for number in row.corners)
            row.low = min(y for _, y in row.corners.values()) - depth * PADDING
            tops = [y + self.blocks[number].height for number, (_, y) in row.corners.items()]
            row.high = max(tops) + depth * (PADDING + CAPTION)

    def _around(self, number: int) -> list[Sequence[int]]:
        """The panels around a block."""
        return [there for there in self.panels.values() if number in there]

    def _pad(self, number: int, side: int) -> float:
        """The room for the panels that begin (0) or end (-1) at a block."""
        return PADDING * sum(sorted(there)[side] == number for there in self._around(number))

    def _gap(self, number: int) -> bends.Gap:
        """The gap after a block, where its lines go to the heights of the next one."""
        pieces = []
        for k, path in self.pieces[number].items():
            if self._follows(k) and self.items[self.lines[k].source].block == number:
                start = path[-1].y - self.blocks[number].anchor
                stop = self.pieces[self.next[number]][k][0].y - self.blocks[self.next[number]].anchor
                pieces.append(bends.Piece(start, stop, self.lines[k].width, False, False))
        return bends.gap(pieces, self.spacing.rank, self.spacing.line / 2)

    # Lanes, channels, shared boxes

    def fill_banks(self) -> None:
        """Put the shared boxes in their places, and every level piece of a line on a track."""
        drops = {k: self._drop(k) for k in range(len(self.lines)) if self._passes(k)}
        self._put_shared(drops)
        for k, ((row, x), (other, u)) in drops.items():
            name, side = self.lines[k], self._side(k)
            if row == other and x != u:
                self._bank(row, side).runs.append(Run(min(x, u), max(x, u), name.width, (k, 0)))
            elif row != other:
                self._bank(row, side).runs.append(Run(-inf, x, name.width, (k, 0)))
                self._bank(other, side).runs.append(Run(-inf, u, name.width, (k, 1)))
        for row in self.rows:
            row.above.settle()
            row.below.settle()

    def _bank(self, row: int, side: Side) -> Bank:
        return self.rows[row].above if side == "above" else self.rows[row].below

    def _passes(self, k: int) -> bool:
        """Whether a line goes through lanes or channels."""
        return self.items[self.lines[k].source].block != self.items[self.lines[k].target].block and not self._follows(k)

    def _drop(self, k: int) -> tuple[tuple[int, float], tuple[int, float]]:
        """For both ends of a line the row, and the x at which it comes up or down; of a shared box that of the other."""
        found: list[tuple[int, float] | None] = []
        for name, end in ((self.lines[k].source, -1), (self.lines[k].target, 0)):
            number = self.items[name].block
            if number is None:
                found.append(None)
            else:
                row = self.row_of[number]
                found.append((row, self.rows[row].corners[number].x + self.pieces[number][k][end].x))
        one, other = found
        last = len(self.rows) - 1
        return one or (last, other[1] if other else 0.0), other or (last, one[1] if one else 0.0)

    def _put_shared(self, drops: dict[int, tuple[tuple[int, float], tuple[int, float]]]) -> None:
        """A single shared box below all that it is joined to; several side by side, each with a slot for every line."""
        ends: dict[str, list[tuple[float, int, int]]] = {name: [] for name in self.shared}
        for k, ((row, x), (other, u)) in drops.items():
            for name, there, at in ((self.lines[k].source, other, u), (self.lines[k].target, row, x)):
                if name in ends:
                    ends[name].append((at if there == len(self.rows) - 1 else 0.0, k, there))
        widths = {}
        for name, there in ends.items():
            there.sort()
            widths[name] = max(self.items[name].width, ports.side([self.lines[k].width for _, k, _ in there]))
        if len(ends) == 1:
            ((name, there),) = ends.items()
            low, high = (min(there)[0], max(there)[0]) if there else (0.0, 0.0)
            widths[name] = max(widths[name], high - low + 2 * PADDING)
        wishes = [sum(x for x, _, _ in there) / max(len(there), 1) for there in ends.values()]
        order = sorted(range(len(wishes)), key=lambda n: (wishes[n], n))
        names = [self.shared[n] for n in order]
        apart = [(widths[a] + widths[b]) / 2 + self.spacing.box for a, b in pairwise(names)]
        for name, x in zip(names, ports.spread([wishes[n] for n in order], apart, -inf, inf), strict=True):
            if len(ends) == 1 and ends[name]:
                x = (min(ends[name])[0] + max(ends[name])[0]) / 2
            self.bars[name] = box = Rect.around(Point(x, 0), widths[name], self.items[name].height)
            lines = [k for _, k, _ in ends[name]]
            found = ports.slots(
                [x for x, _, _ in ends[name]], [self.lines[k].width for k in lines], box.left, box.right
            )
            for k, x in zip(lines, found, strict=True):
                self.slots[k] = x
                (row, here), (other, there_x) = drops[k]
                drops[k] = ((row, x), (other, there_x)) if self.lines[k].source == name else ((row, here), (other, x))

    def stack_rows(self) -> None:
        """Move every row below the one before, its lanes and channels between them, and the shared boxes below all."""
        self.wraps = {
            row: [k for k in range(len(self.lines)) if self._follows(k) and self._rows(k) == (row, row + 1)]
            for row in range(len(self.rows))
        }
        self.pitch = max((line.width for line in self.lines), default=0.0) + self.spacing.line
        self.offsets, y = list[float](), 0.0
        for number, row in enumerate(self.rows):
            if number:
                y -= row.high + row.above.thickness + self.spacing.rank
            self.offsets.append(y)
            y += row.low - row.below.thickness - self.pitch * (len(self.wraps[number]) + 1)
        bottom = y - head_size(self.pitch)[0] - max((box.height for box in self.bars.values()), default=0.0) / 2
        self.bars = {name: box.moved(0, bottom) for name, box in self.bars.items()}

    def _rows(self, k: int) -> tuple[int, int]:
        """The rows of a line's ends; a shared box is below the last."""
        ends = (self.items[name].block for name in (self.lines[k].source, self.lines[k].target))
        one, other = (len(self.rows) - 1 if number is None else self.row_of[number] for number in ends)
        return one, other

    # What comes out

    def _corner(self, number: int) -> Point:
        row = self.row_of[number]
        x, y = self.rows[row].corners[number]
        return Point(x, y + self.offsets[row])

    def all_boxes(self) -> dict[str, Rect]:
        """Every box, in the order given."""
        found = {}
        for name, item in self.items.items():
            if item.block is None:
                found[name] = self.bars[name]
            else:
                found[name] = self.blocks[item.block].boxes[self.place[name]].moved(*self._corner(item.block))
        return found

    def all_panels(self) -> dict[str, Rect]:
        """The rectangle of every panel, with room for the panels inside it."""
        found = {}
        for name, there in self.panels.items():
            inner = [other for key, other in self.panels.items() if key != name and {*other} <= {*there}]
            depth = max((sum(number in other for other in inner) for number in there), default=0) + 1
            first, last = min(there), max(there)
            left = self._corner(first).x - PADDING * (1 + sum(min(other) == first for other in inner))
            right = (
                self._corner(last).x
                + self.blocks[last].width
                + PADDING * (1 + sum(max(other) == last for other in inner))
            )
            rows = {self.row_of[number] for number in there}
            if len(rows) > 1:
                left, right = -PADDING, max(self.rows[row].right for row in rows) + PADDING
            low, high = inf, -inf
            for number in there:
                row, (_, y) = self.rows[self.row_of[number]], self._corner(number)
                tops = [y + self.blocks[n].height for n, (_, y) in row.corners.items()]
                offset = self.offsets[self.row_of[number]]
                low = min(low, offset + min(y for _, y in row.corners.values()) - depth * PADDING)
                high = max(high, offset + max(tops) + depth * (PADDING + CAPTION))
            found[name] = Rect(left, low, right, high)
        return found

    def path(self, k: int) -> Path:
        """The whole path of a line."""
        line = self.lines[k]
        one, other = self.items[line.source].block, self.items[line.target].block
        start = (
            moved(self.pieces[one][k], *self._corner(one))
            if one is not None
            else (Point(self.slots[k], self.bars[line.source].top),)
        )
        if one is not None and one == other:
            return start
        stop = (
            moved(self.pieces[other][k], *self._corner(other))
            if other is not None
            else (Point(self.slots[k], self.bars[line.target].top),)
        )
        if self._passes(k):
            return simplified((*start, *self._through_banks(k, start[-1], stop[0]), *stop), bends.LEVEL / 10)
        assert one is not None
        if self._rows(k)[0] != self._rows(k)[1]:
            return simplified((*start, *self._around_rows(k, start[-1], stop[0]), *stop), bends.LEVEL / 10)
        along = [n for n in self.pieces[one] if self._follows(n) and self.items[self.lines[n].source].block == one]
        early, late = self._gap(one).knees[along.index(k)]
        edge = self._corner(one).x + self.blocks[one].width + self._pad(one, -1)
        return simplified(
            (*start, Point(edge + early, start[-1].y), Point(edge + late, stop[0].y), *stop), bends.LEVEL / 10
        )

    def _through_banks(self, k: int, start: Point, stop: Point) -> Path:
        """From one drop to the other: along a track, or along two and down the margin between their rows."""
        side, (one, other) = self._side(k), self._rows(k)
        if one == other and start.x == stop.x:
            return ()
        first = self._track(one, side, (k, 0))
        if one == other:
            return Point(start.x, first), Point(stop.x, first)
        second = self._track(other, side, (k, 1))
        margin = -self.pitch * (2 + sum(len(there) for there in self.wraps.values()) + k % 50)
        return Point(start.x, first), Point(margin, first), Point(margin, second), Point(stop.x, second)

    def _track(self, row: int, side: Side, key: tuple[int, int]) -> float:
        bank, there = self._bank(row, side), self.rows[row]
        return bank.at(key, self.offsets[row] + (there.high if side == "above" else there.low))

    def _around_rows(self, k: int, start: Point, stop: Point) -> Path:
        """From the end of a row to the beginning of the next, each of several lines inside the next: a spiral."""
        row = self._rows(k)[0]
        there = sorted(self.wraps[row], key=lambda n: -self.pieces[self._ends(n)[0]][n][-1].y)  # from the top down
        place, count = there.index(k), len(there)
        right = max(row.right for row in self.rows) + self.pitch * (count - place + 1)
        left = -self.pitch * (place + 1) - PADDING
        y = self.offsets[row] + self.rows[row].low - self.rows[row].below.thickness - self.pitch * (count - place)
        return Point(right, start.y), Point(right, y), Point(left, y), Point(left, stop.y)

    def _ends(self, k: int) -> tuple[int, int]:
        one, other = self.items[self.lines[k].source].block, self.items[self.lines[k].target].block
        assert one is not None
        assert other is not None
        return one, other
