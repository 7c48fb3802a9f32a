"""An encoding: what each link, state and step of a chain looks like and says, for one thing that can be shown.

An encoding turns numbers into looks and words; where things are is ``viz.views``' business. Each kind of line has its
words and a sample in ``key``, from which the legend is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from viz.diagram.cellgraph import CellGraph, Link
from viz.measure.gradient import Share
from viz.style.stroke import Stroke
from viz.style.text import number
from viz.style.theme import Theme

KeyOfLines: TypeAlias = Mapping[str, tuple[str, Stroke]]  # a kind of line -> what the legend says of it, and a sample


class Scale(Protocol):
    """A scale of widths, as a legend shows it."""

    def samples(self) -> list[float]:
        """Numbers from one end to the other."""

    def label(self, number: float, /) -> str:
        """A sample in figures."""

    @property
    def formula(self) -> str:
        """The scale in a sentence."""


class Encoding:
    """The values' path through a chain; the subclasses show gradients, ratios and flows."""

    general: Mapping[str, str] = {}  # the words of a kind of line where several cells are in one picture
    plotted_on = "logarithmic"  # the axis of a small plot

    def __init__(self, cells: CellGraph, theme: Theme) -> None:
        self.cells, self.theme = cells, theme

    @property
    def runs(self) -> tuple[CellGraph, ...]:
        """The runs whose numbers are shown."""
        return (self.cells,)

    # Links

    def cells_of(self, link: Link) -> CellGraph:
        """The run that a link is of."""
        return self.cells

    def stroke(self, link: Link) -> Stroke:
        """How a line is drawn."""
        raise NotImplementedError

    def amount(self, link: Link) -> str:
        """The number of a line, in words; nothing where it has none."""
        return ""

    def widths(self) -> Scale | None:
        """The scale of widths, if they are on one."""
        return None

    @property
    def key(self) -> KeyOfLines:
        """The kinds of lines that there may be."""
        raise NotImplementedError

    def sample(self, size: float) -> Stroke:
        """A line for a number on the scale."""
        raise NotImplementedError

    @property
    def guide(self) -> str:
        """How to read the picture."""
        raise NotImplementedError

    # States and steps

    def note(self, name: str, t: int) -> str:
        """What stands under the name of a state."""
        raise NotImplementedError

    def data(self, name: str, t: int) -> dict[str, str]:
        """The numbers of a state, for programs."""
        return {}

    def step_notes(self, t: int) -> Sequence[str]:
        """What stands beside a step's caption, from the longest to the shortest way to say it."""
        return ()

    def weights_notes(self) -> Sequence[str]:
        """What is said of the weights' gradient on their bar, the most important first."""
        return ()

    def share(self, t: int) -> Share | None:
        """The shares to draw above a state of the belt."""
        return None

    def loss(self) -> str:
        """What the last pill says; nothing where no loss is drawn."""
        return ""

    # Folded steps

    def series(self, name: str) -> Mapping[int, float]:
        """The numbers of a state over time, for a fold to plot."""
        return {}

    def measured(self, name: str, index: str) -> str:
        """What the numbers of a state are."""
        return f"‖∂L/∂{self.cells.letter(name)}{index}‖"

    def level(self, size: float) -> float | None:
        """Where a number is on the axis of a small plot, if it is."""
        return math.log10(size) if size > 0 and math.isfinite(size) else None

    def figure(self, size: float) -> str:
        """Such a number in figures."""
        return number(size)

    def fold_stroke(self, name: str, size: float | None) -> Stroke:
        """How a state's line through a fold is drawn where it has this number, or none at all."""
        raise NotImplementedError

    def is_on_belt(self, name: str) -> bool:
        """Whether a state is the one that a belt carries."""
        return name in self.cells.template.belts
