"""Places for a graph along time, or too large for ``dot``: a block for every step, side by side, the weights below.

What ``dot`` takes its time for are the lines from the weights to all steps. Here each of them is a vertical line from
a bar as wide as its readers are apart, so a layout is two passes over the lines, and equal steps look alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from viz.scene import Box, Place

GAP, ROW, HEIGHT = 36, 46, 30  # points: between columns, from row to row, of a node
BETWEEN, BAR = 44, 20  # between blocks; the height of a bar
PADDING, CAPTION = 10, 24  # of a cluster's frame


@dataclass(frozen=True)
class Spot:
    """A node to be placed: its width, and the block that it belongs to; None is a leaf that lies below as a bar."""

    width: float
    block: tuple[int, int] | None


@dataclass
class Places:
    """Where everything is, in points, y upwards."""

    widths: dict[str, float]
    middles: dict[str, Place] = field(default_factory=dict)
    lefts: dict[str, float] = field(default_factory=dict)  # of the column that a node is in
    rights: dict[str, float] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)  # which block from the left a node is in
    bars: dict[str, int] = field(default_factory=dict)  # a bar -> its row, from the top

    def riser(self, bar: str, reader: str) -> tuple[Place, ...]:
        """The corners of a line from a bar: up the gap beside the reader's column, then to its left side."""
        x, y = self.middles[reader]
        gap = self.lefts[reader] - GAP / 2 + 6 * (self.bars[bar] % 3 - 1)  # so that W's and U's are not one
        return (gap, self.middles[bar][1] + BAR / 2), (gap, y - 10), (x - self.widths[reader] / 2, y)

    def lane(self, source: str, reader: str, number: int) -> tuple[Place, ...]:
        """The corners of a line above all columns, as straight as a belt, in the lane of that number."""
        (x, y), (u, v) = self.middles[source], self.middles[reader]
        top = self.top + HEIGHT / 2 + 8 + 7 * number
        return (x, y + HEIGHT / 2), (x + 8, top), (u - 8, top), (u, v + HEIGHT / 2)

    def is_far(self, source: str, reader: str) -> bool:
        """Whether a whole block lies between two nodes, or the second is in one on the left."""
        apart = self.blocks.get(reader, 0) - self.blocks.get(source, 0)
        return apart > 1 or apart < 0

    def tunnel(self, source: str, reader: str, number: int) -> tuple[Place, ...]:
        """The corners of a line that passes whole blocks: down beside its source, below all of them, and up again."""
        (x, y), (u, v) = self.middles[source], self.middles[reader]
        low = self.bottom - HEIGHT / 2 - 38 - 5 * (number % 6)
        out, into = self.rights[source] + GAP / 3, self.lefts[reader] - GAP / 3
        x, u = x + self.widths[source] / 2, u - self.widths[reader] / 2
        return (x, y), (out, y), (out, low), (into, low), (into, v), (u, v)

    @cached_property
    def bottom(self) -> float:
        """The middle of the lowest row, the bars left out."""
        return min(y for name, (_, y) in self.middles.items() if name not in self.bars)

    @cached_property
    def top(self) -> float:
        """The middle of the highest row."""
        return max(y for _, y in self.middles.values())

    def around(self, nodes: Iterable[str], depth: int) -> Box:
        """The frame around nodes, with room for as many frames inside it."""
        middles = [(*self.middles[node], self.widths[node] / 2) for node in nodes]
        pad = PADDING * (depth + 1)
        return (
            min(x - half for x, _, half in middles) - pad,
            min(y for _, y, _ in middles) - HEIGHT / 2 - pad,
            max(x + half for x, _, half in middles) + pad,
            max(y for _, y, _ in middles) + HEIGHT / 2 + pad + CAPTION * (depth + 1),
        )


def places(spots: Mapping[str, Spot], lines: Sequence[tuple[str, str]]) -> Places:
    """Put nodes, given in topological order, into the columns of their blocks, and the bars below."""
    found = Places(widths={name: spot.width for name, spot in spots.items()})
    sources: dict[str, list[str]] = {name: [] for name in spots}
    readers: dict[str, list[str]] = {name: [] for name in spots}
    for source, reader in lines:
        sources[reader].append(source)
        readers[source].append(reader)
    blocks: dict[tuple[int, int], list[str]] = {}
    for name, spot in spots.items():
        if spot.block is not None:
            blocks.setdefault(spot.block, []).append(name)
    order = {name: k for k, name in enumerate(spots)}  # of what reads nothing the later is above: C₀ above h₀
    x = 0.0
    for number, (_, inside) in enumerate(sorted(blocks.items())):
        for column in _columns(inside, sources, readers):
            wide = max(spots[name].width for name in column)
            column.sort(key=lambda name: (-_height(sources[name], found), 0 if sources[name] else -order[name]))
            for row, name in enumerate(column):
                found.middles[name] = x + wide / 2, ROW * ((len(column) - 1) / 2 - row)
                found.lefts[name], found.rights[name], found.blocks[name] = x, x + wide, number
            x += wide + GAP
        x += BETWEEN
    _put_bars([name for name, spot in spots.items() if spot.block is None], readers, found)
    return found


def _columns(inside: list[str], sources: Mapping[str, list[str]], readers: Mapping[str, list[str]]) -> list[list[str]]:
    """The nodes of a block by the length of the longest path to them; what reads nothing is next to its reader."""
    members, rank = set(inside), dict.fromkeys(inside, 0)
    for name in inside:
        rank[name] = max((rank[source] + 1 for source in sources[name] if source in members), default=0)
    for name in inside:
        if not members & set(sources[name]):
            rank[name] = max(min((rank[reader] for reader in readers[name] if reader in members), default=1) - 1, 0)
    columns: dict[int, list[str]] = {}
    for name in inside:
        columns.setdefault(rank[name], []).append(name)
    return [column for _, column in sorted(columns.items())]


def _height(sources: Iterable[str], found: Places) -> float:
    """The mean height of what a node reads, as far as that has been placed."""
    heights = [found.middles[source][1] for source in sources if source in found.middles]
    return sum(heights) / len(heights) if heights else 0.0


def _put_bars(bars: Iterable[str], readers: Mapping[str, list[str]], found: Places) -> None:
    """Each bar below its readers, in the first row that is free there."""
    bottom = min((y for _, y in found.middles.values()), default=0.0) - 3 * ROW
    rows: list[list[tuple[float, float]]] = []
    for bar in bars:
        starts = [found.lefts[reader] - GAP / 2 for reader in readers[bar] if reader in found.lefts] or [0.0]
        half = max(max(starts) - min(starts) + GAP, found.widths[bar]) / 2
        middle = (max(starts) + min(starts)) / 2
        span = middle - half, middle + half
        row = next((k for k, taken in enumerate(rows) if all(span[1] < a or b < span[0] for a, b in taken)), len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(span)
        found.middles[bar] = middle, bottom - row * (BAR + 10)
        found.bars[bar], found.widths[bar] = row, 2 * half
