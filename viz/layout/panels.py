"""Panels around blocks: how much room they take beside the blocks, and where they are in the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

PADDING, CAPTION = 14.0, 26.0  # of a panel: on every side, and above for its caption


class Panels:
    """The panels around each block, the outermost first: of two, the one around more blocks, or the one given first."""

    def __init__(self, panels: Mapping[str, Sequence[int]], blocks: Iterable[int]) -> None:
        self.around: dict[int, list[str]] = {block: [] for block in blocks}
        self.ends: dict[str, tuple[int, int]] = {}  # the first and the last block of each
        for name in sorted(panels, key=lambda name: -len(panels[name])):
            there = [block for block in panels[name] if block in self.around]
            if there:
                self.ends[name] = min(there), max(there)
                for block in there:
                    self.around[block].append(name)

    def pad(self, block: int, side: int) -> float:
        """The room for the panels that begin (0) or end (1) at a block."""
        return PADDING * sum(self.ends[name][side] == block for name in self.around[block])

    def padding(self, name: str, block: int, side: int) -> float:
        """How far a panel's side is from its first block (0) or its last (1): the panels inside are in between."""
        inside = self.around[block][self.around[block].index(name) :]
        return PADDING * sum(self.ends[inner][side] == block for inner in inside)

    def depth(self, block: int) -> int:
        """How many panels are around a block."""
        return len(self.around[block])

    def levels(self) -> dict[str, int]:
        """For each panel how many it is with those inside it, one in another."""
        found: dict[str, int] = {}
        for names in self.around.values():
            for k, name in enumerate(names):
                found[name] = max(found.get(name, 0), len(names) - k)
        return found


def below(depth: int) -> float:
    """How far below the blocks so many panels reach."""
    return depth * PADDING


def above(depth: int) -> float:
    """How far above the blocks so many panels reach with their captions."""
    return depth * (PADDING + CAPTION)
