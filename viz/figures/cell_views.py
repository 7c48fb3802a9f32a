"""The views of a picture by name, and how a chain of steps is drawn in each: a new view is a row of ``CELL_VIEWS``.

A row names a function of ``diagram.projection``; the boxes that it needs, in their places, are in ``view_templates``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from viz.diagram.cellgraph import CellGraph
from viz.diagram.projection import roll, strip

View: TypeAlias = Literal["auto", "op", "cell", "strip", "rolled"]  # for type checkers: the rows below, auto and op


@dataclass(frozen=True)
class CellView:
    """One view of a chain: its projection, and which options it has."""

    project: Callable[[CellGraph], CellGraph]
    has_gates: bool = True  # it shows the parts of a cell, so ``lit`` may name one
    has_steps: bool = True  # every step has a place of its own, so steps may be folded
    has_rows: bool = False  # a long one goes on in another row


CELL_VIEWS: dict[View, CellView] = {
    "cell": CellView(lambda cells: cells),
    "strip": CellView(strip, has_gates=False, has_rows=True),
    "rolled": CellView(roll, has_steps=False),
}
FEW_STEPS: View = "cell"  # what "auto" is where there is a cell to draw
MANY_STEPS: View = "strip"  # and where its gates could not be read, since many steps are side by side
