"""A conserved flow: each line as wide as what flows along it, negative flow in another hue and dashed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from viz.diagram.cellgraph import CellGraph, Link
from viz.encode.encoding import Encoding, KeyOfLines, Scale
from viz.encode.legend_words import FLOWS
from viz.measure.flow import ChainFlow, Cut
from viz.style.stroke import Stroke
from viz.style.text import number
from viz.style.theme import Theme
from viz.style.width_scales import LinearWidth


class FlowEncoding(Encoding):
    """What flows from a source to the loss, in one chain."""

    plotted_on = "linear"

    def __init__(self, cells: CellGraph, theme: Theme, flow: ChainFlow, scale: LinearWidth) -> None:
        super().__init__(cells, theme)
        self.flow, self.scale = flow, scale

    @property
    def guide(self) -> str:
        """How to read the picture."""
        flow = self.flow
        how = "along its gradient" if flow.squared else "in the direction asked for"
        said = f"{flow.source}{flow.where} moves a little {how}: a line is as wide as the part of L's"
        said += f" change that comes along it, in all {flow.in_all}."
        return f"{said} {self.cells.template.definitions}"

    def stroke(self, link: Link) -> Stroke:
        """Towards the reader, as values and changes go."""
        amount = self.flow.along(self.cells, link)
        return self.key["none"][1] if amount is None else self.sample(amount)

    def amount(self, link: Link) -> str:
        """How much of the whole flows along it."""
        amount = self.flow.along(self.cells, link)
        return "" if amount is None else f"{number(amount)} of {number(self.flow.total)}"

    def widths(self) -> Scale:
        """The scale of widths."""
        return self.scale

    def sample(self, size: float) -> Stroke:
        """A line that carries so much."""
        data = {"flow": f"{size:.15g}"}
        if not math.isfinite(size):
            return replace(self.key["not finite"][1], data=data)
        kind = "raises" if size > 0 else "lowers" if size < 0 else "zero"
        return replace(self.key[kind][1], width=self.scale.width(size), data=data)

    @cached_property
    def key(self) -> KeyOfLines:
        """The two signs, and what has none."""
        theme = self.theme
        strokes = [
            Stroke(theme.carry, 6, "raises"), Stroke(theme.crossing, 6, "lowers", dashed=True),
            Stroke(theme.weight, 0.8, "zero", dotted=True), Stroke(theme.candidate, 3, "not finite"),
            Stroke(theme.forward, 1.1, "none", open=True),
        ]  # fmt: skip
        return {stroke.kind: (FLOWS[stroke.kind], stroke) for stroke in strokes}

    def note(self, name: str, t: int) -> str:
        """What flows through the state."""
        amount = self.flow.through(self.cells, name, t)
        if amount is not None:
            return "source" if self.cells.output(name, t) == self.flow.value else f"flow {self.flow.write(amount)}"
        if self.cells.is_cut(name, t):
            return "✂ detached"
        return "no flow" if self.cells.state(name, t).requires_grad else "constant"

    def data(self, name: str, t: int) -> dict[str, str]:
        """What flows through the state, to all its digits."""
        amount = self.flow.through(self.cells, name, t)
        return {} if amount is None else {"flow": f"{amount:.15g}"}

    def step_notes(self, t: int) -> Sequence[str]:
        """What passes on from the step, by each route."""
        cut = next((cuts for cuts in self.flow.cuts if cuts), {}).get(t)
        if not cut or len(self.flow.cuts) > 1:
            return ()
        parts = routes_in_words(self.flow, cut)
        if len(parts) == 1:
            return (f"passes on {parts[0]}",)
        total, by_route = self.flow.write(math.fsum(cut.values())), ", ".join(parts)
        return f"passes on {total}: {by_route}", by_route, f"passes on {total}"

    def series(self, name: str) -> Mapping[int, float]:
        """What flows through the state at each step."""
        flows = {t: self.flow.through(self.cells, name, t) for t in self.cells.order}
        return {t: amount for t, amount in flows.items() if amount is not None}

    def measured(self, name: str, index: str) -> str:
        """What the numbers of a state are."""
        return f"flow through {self.cells.letter(name)}{index}"

    def level(self, size: float) -> float | None:
        """A part of the whole."""
        return size / (abs(self.flow.total) or 1.0) if math.isfinite(size) else None

    def figure(self, size: float) -> str:
        """A flow in figures."""
        return self.flow.write(size)

    def fold_stroke(self, name: str, size: float | None) -> Stroke:
        """As wide as what flows through the state."""
        return self.sample(self.scale.unit if size is None else size)

    def loss(self) -> str:
        """The value of the loss."""
        return "L" if self.flow.loss is None else f"L = {number(self.flow.loss)}"


def routes_in_words(flow: ChainFlow, cut: Cut) -> list[str]:
    """What passes on from a step, by each route."""
    routes = {"carry": "on the belt", "crossing": "crossing", "loss": "to L"}
    return [f"{flow.write(cut[route])} {words}" for route, words in routes.items() if cut.get(route)] or ["nothing"]
