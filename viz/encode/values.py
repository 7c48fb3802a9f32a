"""The path of the values: the belt and the hidden state in their colours, arrows with the time."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from viz.diagram.cellgraph import NEXT_LAYER, Link
from viz.encode.encoding import Encoding, KeyOfLines
from viz.encode.legend_words import VALUES, belt_of
from viz.style.stroke import Stroke


class ValueEncoding(Encoding):
    """What a chain computes, before any gradient."""

    @property
    def guide(self) -> str:
        """How to read the picture."""
        got = self.cells.has_gradient
        return "Values run left to right." if got else "Values run left to right; no gradient yet."

    def stroke(self, link: Link) -> Stroke:
        """The belt, what a state does from step to step, and all else."""
        template = self.cells.template
        if template.is_belt(link.source[0], link.reader[0]):
            return self.key["belt"][1]
        if link.only_carries:
            return replace(self.key["belt"][1], kind="belt" if self.is_on_belt(link.source[0]) else "other")
        if link.crosses or not link.edges or link.reader[0] == NEXT_LAYER:
            return self.key["hidden"][1]
        return Stroke(self.theme.forward, 1.1, open=True)

    @cached_property
    def key(self) -> KeyOfLines:
        """The belt and the hidden state."""
        belt = Stroke(self.theme.carry, 2.6, "belt", open=True)
        return {
            "belt": (belt_of(self.cells), belt),
            "other": (VALUES["other"], replace(belt, kind="other")),
            "hidden": (VALUES["hidden"], Stroke(self.theme.crossing, 2.0, "hidden", dashed=True, open=True)),
        }

    def note(self, name: str, t: int) -> str:
        """The shape of the state."""
        if self.cells.is_cut(name, t):
            return "✂ detached"
        return str(self.cells.state(name, t if not self.cells.rolled else max(t, 1)).shape)

    def fold_stroke(self, name: str, size: float | None) -> Stroke:
        """As between two steps."""
        return self.key["belt" if self.is_on_belt(name) else "hidden"][1]
