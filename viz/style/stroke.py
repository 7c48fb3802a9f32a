"""How a line looks, whatever it is a line of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from viz.style.theme import Colour

DASHES = {"dashed": "7 5", "dotted": "2 4"}  # points on and off


@dataclass(frozen=True, slots=True)
class Stroke:
    """Colour, width and pattern of a line, its arrowhead, and what the legend calls a line like it."""

    colour: Colour
    width: float
    kind: str = ""  # a line of each kind that is drawn is in the legend
    dashed: bool = False
    dotted: bool = False  # no number on the scale of widths
    backward: bool = False  # the arrow points to the source, as gradients go
    open: bool = False  # the arrowhead of a value; a gradient's is filled
    opacity: float = 1.0
    halo: Colour = ""  # of a bright ground under the line
    data: Mapping[str, str] = field(default_factory=dict)  # the numbers, for programs

    @property
    def dashes(self) -> str:
        """The pattern as SVG writes it, or nothing of a line without gaps."""
        return DASHES["dotted"] if self.dotted else DASHES["dashed"] if self.dashed else ""
