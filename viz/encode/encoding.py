"""What a line of the cell view looks like and what stands beside it: the path of the values, or the real gradient.

A paint turns numbers into looks and words; where things are is ``viz.cellview``'s business. The subclasses in
``viz.compare`` and ``viz.sankey`` paint other numbers on the same places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from viz.diagram.cellgraph import ABOVE, EdgeKey, Line, Unrolled
from viz.measure.gradient import Flow, Split
from viz.scene.legend import Entry
from viz.style.scales import WIDTH_FORMULA, width_of
from viz.style.text import letter, number
from viz.style.theme import Colour, Theme
from viz.views.tooltips import describe_line, words_of

Coarser: TypeAlias = Callable[[Unrolled], Unrolled]
SCALE = ("0.03", "0.3", "3")  # the norms whose widths the legend shows
WIDE = f"width {WIDTH_FORMULA} points, within 0.8 to 6.5"


@dataclass(frozen=True)
class Stroke:
    """How a line is drawn."""

    colour: Colour
    width: float
    dashed: bool = False
    head: Literal["source", "reader"] = "reader"
    open: bool = False
    halo: Colour = ""
    tooltip: tuple[str, ...] = ()
    data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Strongest:
    """The strongest single path (``tg.paths.strongest_path``), to be pointed out: its edges, and what to say of it."""

    edges: frozenset[EdgeKey]
    words: str

    def along(self, line: Line, unrolled: Unrolled) -> bool:
        """Whether the path goes along a line; to a state's pill it goes if it goes on from the state's maker."""
        if line.edges:
            return any((edge.reader, edge.position) in self.edges for edge in line.edges)
        states = [unrolled.state(*part) for part in unrolled.every(line.reader)]
        made = {unrolled.graph.id_of(state) for state in states}
        return any(reader in made for reader, _ in self.edges)


class Paint:
    """The path of the values through a chain: the belt and the hidden state in their colours, arrows with the time."""

    def __init__(self, unrolled: Unrolled, theme: Theme) -> None:
        self.unrolled, self.theme = unrolled, theme

    @property
    def guide(self) -> str:
        """How to read the picture."""
        got = self.unrolled.has_gradient
        return "Values run left to right." if got else "Values run left to right; no gradient yet."

    @property
    def runs(self) -> tuple[Unrolled, ...]:
        """The runs whose numbers are shown."""
        return (self.unrolled,)

    def on(self, coarser: Coarser) -> Paint:
        """The same paint for coarser parts of the chain."""
        return type(self)(coarser(self.unrolled), self.theme)

    def stroke(self, line: Line) -> Stroke:
        """How a line is drawn."""
        tooltip = describe_line(self.unrolled, line, "")
        belt = self.unrolled.template.belt
        on_belt = {line.source[0], line.reader[0]} <= {*belt, f"fold_{self.unrolled.template.belt_state}"}
        if on_belt or line.only_carries:
            return Stroke(self.theme.carry, 2.6, open=True, tooltip=tooltip)
        if line.crosses or not line.edges or line.reader[0] == ABOVE:
            return Stroke(self.theme.crossing, 2.0, dashed=True, open=True, tooltip=tooltip)
        return Stroke(self.theme.forward, 1.1, open=True, tooltip=tooltip)

    def note(self, name: str, t: int) -> str:
        """What stands under the name of a state."""
        if self.is_cut(name, t):
            return "✂ detached"
        return str(self.unrolled.state(name, t if not self.unrolled.rolled else max(t, 1)).shape)

    def is_cut(self, name: str, t: int) -> bool:
        """Whether a state was detached from what made it, as at the start of a window of truncated BPTT."""
        real, t = self.unrolled.every((name, t))[0]
        vertex = self.unrolled.graph.vertices[self.unrolled.graph.id_of(self.unrolled.state(real, t))]
        return "detached" in vertex.params

    def data(self, name: str, t: int) -> dict[str, str]:
        """The numbers of a state, for programs."""
        return {}

    def adds(self, t: int) -> str:
        """What stands beside a step's caption."""
        return ""

    def series(self, name: str) -> dict[int, float]:
        """The numbers of a state over time, for a fold to plot."""
        return {}

    def measured(self, name: str, index: str) -> str:
        """What the numbers of a state are."""
        return f"‖∂L/∂{letter(name, self.unrolled.template.is_lstm)}{index}‖"

    scale = "logarithmic"

    def level(self, size: float) -> float | None:
        """Where a number is on the scale that it is plotted on, if it is."""
        return math.log10(size) if size > 0 and math.isfinite(size) else None

    def figure(self, size: float) -> str:
        """Such a number in figures."""
        return number(size)

    def belt(self, name: str, size: float) -> Stroke:
        """How a state's line through a fold is drawn where it has this number."""
        if size == 0:
            return Stroke(self.theme.forward, width_of(0), dashed=True)
        on_belt = bool(self.unrolled.template.belt) and name == self.unrolled.template.belt_state
        return Stroke(self.theme.carry if on_belt else self.theme.crossing, width_of(size), dashed=not on_belt)

    def summed(self) -> str:
        """What is said of the weights' gradient on their bar."""
        return ""

    def split(self, t: int) -> Split | None:
        """The shares to draw above a state of the belt."""
        return None

    def loss(self) -> str:
        """What the last pill says; nothing where no loss is drawn."""
        return ""

    def carry_words(self) -> list[str]:
        """The legend's words for what carries a state on: the belt, and other states that are only scaled."""
        template = self.unrolled.template
        others = any(line.only_carries and line.source[0] != template.belt_state for line in self.unrolled.lines)
        return [
            *([f"belt, {template.belt_path}: {template.carry}"] if template.belt else []),
            *(["carry of another state: only scaled"] if others else []),
        ]

    def legend(self, deep: bool = False) -> list[Sequence[Entry]]:
        """The rows of the legend; deep is a picture of several layers."""
        theme = self.theme
        carries = [Entry(words.split(":")[0], theme.carry, 2.6, forward=True) for words in self.carry_words()]
        return [[*carries, Entry("the hidden state", theme.crossing, 2.0, dashed=True, forward=True)]]


class Gradients(Paint):
    """The gradient of a loss: each line as wide as the log of the norm that was delivered along it."""

    def __init__(self, unrolled: Unrolled, theme: Theme, flow: Flow, strongest: Strongest | None = None) -> None:
        super().__init__(unrolled, theme)
        self.flow, self.strongest = flow, strongest

    def on(self, coarser: Coarser) -> Paint:
        """The same paint for coarser parts of the chain."""
        unrolled = coarser(self.unrolled)
        return type(self)(unrolled, self.theme, self.flow.of(unrolled), self.strongest)

    @property
    def guide(self) -> str:
        """How to read the picture."""
        said = "Values run left to right, gradients right to left. "
        said += "A line is as wide as the log of the gradient that went along it"
        return said + (", at all steps together." if self.unrolled.rolled else ".")

    def stroke(self, line: Line) -> Stroke:
        """Towards the source where a gradient went along it, towards the reader where none did."""
        size, route = self.flow.norms.get(line), self.flow.routes[line]
        if size is None:
            cut = self.flow.cut(line)
            tooltip = describe_line(self.unrolled, line, "cut, 0" if cut else "")
            data = {"route": "cut" if cut else "forward"}
            return Stroke(self.theme.forward, 1.1, dashed=cut, open=True, tooltip=tooltip, data=data)
        theme, tooltip = self.theme, describe_line(self.unrolled, line, f"‖∇‖ {number(size)}")
        data = {"route": route, "norm": f"{size:.9g}"}
        if size == 0:  # a gradient that came, and is nothing
            return Stroke(theme.forward, width_of(0), True, "source", tooltip=tooltip, data=data)
        hues = {"carry": theme.carry, "crossing": theme.crossing, "weight": theme.weight, "depth": theme.ink}
        colour = hues[route]
        halo = self.theme.bright if self.strongest and self.strongest.along(line, self.unrolled) else ""
        return Stroke(colour, width_of(size), route == "crossing", "source", halo=halo, tooltip=tooltip, data=data)

    def note(self, name: str, t: int) -> str:
        """The norm of the state's gradient."""
        if (name, t) in self.flow.states:
            return f"‖∇‖ {number(self.flow.states[name, t])}"
        if self.is_cut(name, t):
            return "✂ detached"
        real = self.unrolled.every((name, t))[0]
        return "no gradient" if self.unrolled.state(*real).requires_grad else "constant"

    def data(self, name: str, t: int) -> dict[str, str]:
        """The norm, to all its digits."""
        return {"norm": f"{self.flow.states[name, t]:.9g}"} if (name, t) in self.flow.states else {}

    def adds(self, t: int) -> str:
        """What the step adds to the gradient of the weights."""
        if t not in self.flow.weights:
            return ""
        return f"{'' if self.unrolled.rolled else 'adds '}‖{self.flow.summed}‖ {number(self.flow.weights[t])}"

    def series(self, name: str) -> dict[int, float]:
        """‖∂L/∂state‖ at each step."""
        return {t: size for (state, t), size in self.flow.states.items() if state == name}

    def summed(self) -> str:
        """That the steps' additions sum to the weights' gradient."""
        return f"{self.flow.summed} is the sum of what they add" if len(self.flow.weights) > 1 else ""

    def split(self, t: int) -> Split | None:
        """How much of the state's gradient stayed on the belt."""
        return None if self.unrolled.rolled else self.flow.splits.get(t)

    def loss(self) -> str:
        """The value of the loss."""
        return "L" if self.flow.loss is None else f"L = {number(self.flow.loss)}"

    def legend(self, deep: bool = False) -> list[Sequence[Entry]]:
        """The routes, and the scale of widths."""
        depth = [Entry("to the layer below", self.theme.ink, 3)] if deep else []
        return [[*self.routes(), *depth], [*scale(self.theme), Entry(WIDE, self.theme.ink, 0)]]

    def routes(self) -> list[Entry]:
        """The routes that the gradient took."""
        template, theme = self.unrolled.template, self.theme
        carries = [Entry(words, theme.carry, 4) for words in self.carry_words()]
        crossing = f": {template.crossing}" if template.crossing else ""
        if "squash" in template.boxes:  # a cell may squash with another function
            crossing = crossing.replace("tanh", words_of(self.unrolled, "squash", self.unrolled.order[0]))
        bright = [Entry(self.strongest.words, theme.bright, 6)] if self.strongest else []
        zeros = [Entry("exactly 0", theme.forward, 0.8, dashed=True)] if 0 in self.flow.norms.values() else []
        return [
            *bright,
            *carries,
            Entry(f"crossing, {template.crossing_path}{crossing}", theme.crossing, 3, dashed=True),
            Entry("into the shared weights", theme.weight, 3),
            *zeros,
            Entry("no gradient", theme.forward, 1.1, forward=True),
        ]


def scale(theme: Theme) -> list[Entry]:
    """Samples of the one width scale."""
    return [Entry(f"‖∇‖ {size}", theme.ink, width_of(float(size))) for size in SCALE]
